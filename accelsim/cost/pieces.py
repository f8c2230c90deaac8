"""The pieces that cuts leave of a dim, and how often each is met: what every count of a nest is a product of.

Counting separates by dim. Going inwards from a loop of ``D``, a level's loop walks in steps of ``copies x tile`` and
deals each step to the copies. A question about a dim is: down to which place, which loops are walked (those outside a
load multiply it, those inside do not), and at which places only the first copy counts (copies that share one transfer,
or march in step with the first).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.dims import WINDOWS
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

__all__ = ["Question", "Windows", "counts", "pieces", "points", "windows"]

Floats = npt.NDArray[np.float64]
#: Down to which place (1 to ``L``, ``L + 1`` the array), and a bit for each place where only the first copy counts.
Question = tuple[int, int]


@compiled
def _deal(size: int, tiles: Ints, copies: Ints, place: int, walked: int, first: int, sizes: Ints, times: Ints) -> int:
    """Fill ``sizes`` and ``times`` with the pieces at ``place`` and how often each is met; return how many there are.

    Loops of levels below ``walked`` are walked; of the others one turn counts.
    """
    found = 1
    sizes[0], times[0] = size, 1
    new_sizes, new_times = np.empty_like(sizes), np.empty_like(times)
    for level in range(place):
        tile = tiles[level]
        step = tile * copies[level]
        count = 0
        for old in range(found):
            for part in range(2):
                # The full steps, or one of them; then what is left for a last, smaller step.
                if part == 0:
                    whole = sizes[old] // step
                    piece, turns = (step, times[old] * whole) if level < walked else (min(sizes[old], step), times[old])
                else:
                    piece, turns = (sizes[old] % step, times[old]) if level < walked else (0, 0)
                if piece == 0 or turns == 0:
                    continue
                for share in range(2):
                    # The copies that take a full tile, then the one that takes a smaller one.
                    if share == 0:
                        full = piece // tile
                        if (first >> (level + 1)) & 1:
                            taken, met = min(piece, tile), turns
                        else:
                            taken, met = tile, turns * full
                    else:
                        taken, met = (0, 0) if (first >> (level + 1)) & 1 else (piece % tile, turns)
                    if taken == 0 or met == 0:
                        continue
                    at = 0
                    while at < count and new_sizes[at] != taken:
                        at += 1
                    if at == count:
                        new_sizes[at], new_times[at] = taken, 0
                        count += 1
                    new_times[at] += met
        found = count
        sizes[:found], times[:found] = new_sizes[:found], new_times[:found]
    return found


@compiled
def _answers(size: int, tiles: Ints, copies: Ints, asked: Ints, counted: Floats, summed: Floats) -> None:
    width = tiles.shape[1]
    sizes, times = np.empty(2 * width + 2, np.int64), np.empty(2 * width + 2, np.int64)
    for cut in range(tiles.shape[0]):
        for question in range(asked.shape[0]):
            place, first = asked[question, 0], asked[question, 1]
            for walked in range(width + 1):
                found = _deal(size, tiles[cut], copies[cut], place, min(walked, place), first, sizes, times)
                total = 0.0
                for at in range(found):
                    total += times[at]
                counted[cut, question, walked] = total
            total = 0.0
            for at in range(found):
                total += float(times[at]) * float(sizes[at])
            summed[cut, question] = total


def counts(size: int, cuts: Cuts, asked: tuple[Question, ...]) -> tuple[Floats, Floats]:
    """Return how many pieces of a loop of ``size`` each cut makes, and the points they hold together.

    Args:
        size: Loop size.
        cuts: The cuts.
        asked: The questions.

    Returns:
        The number of pieces, shape ``(cuts, questions, L + 2)``, the last axis being how many levels' loops are walked;
        and the points when all are walked, shape ``(cuts, questions)``.
    """
    places = cuts.places
    counted = np.empty((len(cuts), len(asked), places.shape[1] + 1))
    summed = np.empty((len(cuts), len(asked)))
    _answers(size, places, cuts.copies, np.array(asked, dtype=np.int64).reshape(-1, 2), counted, summed)
    return counted, summed


@compiled
def _pieces(size: int, tiles: Ints, copies: Ints, first: int, sizes: Ints, times: Ints) -> None:
    width = tiles.shape[1]
    for cut in range(tiles.shape[0]):
        found = _deal(size, tiles[cut], copies[cut], width, width, first, sizes[cut], times[cut])
        sizes[cut, found:], times[cut, found:] = 0, 0


def pieces(size: int, cuts: Cuts, first: int) -> tuple[Ints, Ints]:
    """Return the sizes of the pieces that reach the array, and how many there are of each.

    Args:
        size: Loop size.
        cuts: The cuts.
        first: A bit for each place where only the first copy counts.

    Returns:
        Two arrays of shape ``(cuts, pieces)``; unused entries are 0.
    """
    places = cuts.places
    shape = (len(cuts), 2 * places.shape[1] + 2)
    sizes, times = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    _pieces(size, places, cuts.copies, first, sizes, times)
    used = max(int(times.any(axis=0).sum()), 1)
    return sizes[:, :used], times[:, :used]


def points(size: int, cuts: Cuts, asked: tuple[Question, ...]) -> Floats:
    """Return the points that the pieces of each cut hold together, shape ``(cuts, questions)``."""
    return counts(size, cuts, asked)[1]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What tiles see along a window axis, by the cut of the output dim and that of the filter dim.

    Attributes:
        fetched: Shape ``(output cuts, filter cuts, L)``: input positions that one walk over the tiles of each level
            fetches; padding never, what neighbours share again.
        sliding: Shape ``(output cuts, filter cuts, L, L)``: the same where a tile that the output loop of a level (last
            axis) moves on to fetches only what the tile before it did not have.
        held: Shape ``(output cuts, filter cuts, L)``: positions that a full tile sees, at most the whole axis.
        step: The same of a full step of all copies.
        first: Shape ``(output cuts, filter cuts, questions)``: positions that one walk fetches if some places count
            the first copy only; padding of it is not taken off.
    """

    fetched: Floats
    sliding: Floats
    held: Floats
    step: Floats
    first: Floats


@compiled
def _cut(size: int, tiles: Ints, copies: Ints, place: int, loop: int) -> tuple[Ints, Ints, Ints]:
    """Return starts and ends of the tiles at ``place``, and where the tile ended that its copy had a step before.

    The step is one of the loop of level ``loop``; where this loop begins anew, nothing was there before: -1.
    """
    starts, ends, before = np.zeros(1, np.int64), np.full(1, size, np.int64), np.full(1, -1, np.int64)
    moved = tiles[loop] * copies[loop] if loop >= 0 else 0
    for level in range(place):
        tile = tiles[level]
        step = tile * copies[level]
        total = 0
        for old in range(len(starts)):
            total += -((starts[old] - ends[old]) // tile)
        new_starts, new_ends, new_before = (
            np.empty(total, np.int64),
            np.empty(total, np.int64),
            np.empty(total, np.int64),
        )
        at = 0
        for old in range(len(starts)):
            start = starts[old]
            while start < ends[old]:
                new_starts[at], new_ends[at] = start, min(start + tile, ends[old])
                new_before[at] = -1
                if level == loop and start - starts[old] >= step:
                    new_before[at] = start - step + tile
                elif level > loop >= 0 and before[old] >= 0:
                    # A tile within one that moved on lay as far from the start of its own.
                    new_before[at] = min(start - moved + tile, before[old])
                start += tile
                at += 1
        starts, ends, before = new_starts, new_ends, new_before
    return starts, ends, before


@compiled
def _fetched(
    sizes: tuple[int, int],
    way: tuple[int, int, int, int],
    out_tiles: Ints,
    out_copies: Ints,
    tap_tiles: Ints,
    tap_copies: Ints,
    levels: int,
    fetched: Floats,
    sliding: Floats,
) -> None:
    """Fill ``fetched`` and ``sliding``; ``way`` is stride, dilation, padding and extent."""
    stride, dilation, padding, extent = way
    for tap in range(tap_tiles.shape[0]):
        for out in range(out_tiles.shape[0]):
            for place in range(1, levels + 1):
                tap_starts, tap_ends, _ = _cut(sizes[1], tap_tiles[tap], tap_copies[tap], place, -1)
                for loop in range(-1, place):
                    starts, ends, before = _cut(sizes[0], out_tiles[out], out_copies[out], place, loop)
                    total = 0
                    for one in range(len(starts)):
                        for other in range(len(tap_starts)):
                            low = starts[one] * stride + tap_starts[other] * dilation - padding
                            high = (ends[one] - 1) * stride + (tap_ends[other] - 1) * dilation - padding + 1
                            if before[one] >= 0:
                                low = max(
                                    low, (before[one] - 1) * stride + (tap_ends[other] - 1) * dilation - padding + 1
                                )
                            low, high = min(max(low, 0), extent), min(max(high, 0), extent)
                            total += max(high - low, 0)
                    if loop < 0:
                        fetched[out, tap, place - 1] = total
                    else:
                        sliding[out, tap, place - 1, loop] = total


def windows(op: Op, axis: int, out: Cuts, tap: Cuts, asked: tuple[Question, ...]) -> Windows:
    """Return what tiles see along an axis of ``WINDOWS``.

    Args:
        op: The op.
        axis: Planes, rows or columns.
        out: Cuts of the output dim.
        tap: Cuts of the filter dim.
        asked: Questions about the first copies.
    """
    levels = out.tiles.shape[1]
    sizes = (op.size(WINDOWS[axis][0]), op.size(WINDOWS[axis][1]))
    stride, dilation, extent = op.stride[axis], op.dilation[axis], op.extent[axis]
    fetched = np.zeros((len(out), len(tap), levels))
    sliding = np.zeros((len(out), len(tap), levels, levels))
    way = (stride, dilation, op.padding[axis], extent)
    _fetched(sizes, way, out.tiles, out.copies, tap.tiles, tap.copies, levels, fetched, sliding)

    def span(outputs: Ints, taps: Ints) -> Floats:
        reach = (taps[None, :] - 1) * dilation + 1
        return np.asarray(np.minimum((outputs[:, None] - 1) * stride + reach, extent), dtype=float)

    first = np.zeros((len(out), len(tap), len(asked)))
    for at, (place, mask) in enumerate(asked):
        (out_sizes, out_times), (tap_sizes, tap_times) = (
            _at(size, cuts, place, mask) for size, cuts in zip(sizes, (out, tap), strict=True)
        )
        for one in range(out_sizes.shape[1]):
            for other in range(tap_sizes.shape[1]):
                met = out_times[:, one][:, None] * tap_times[:, other][None, :]
                first[:, :, at] += np.where(met > 0, met * span(out_sizes[:, one], tap_sizes[:, other]), 0)
    steps = [cuts.steps(size) for cuts, size in zip((out, tap), sizes, strict=True)]
    return Windows(
        fetched,
        sliding,
        np.stack([span(out.tiles[:, level], tap.tiles[:, level]) for level in range(levels)], axis=2),
        np.stack([span(steps[0][:, level], steps[1][:, level]) for level in range(levels)], axis=2),
        first,
    )


def _at(size: int, cuts: Cuts, place: int, first: int) -> tuple[Ints, Ints]:
    """Return the pieces at ``place`` and how often each is met, all loops walked."""
    shorter = Cuts(
        cuts.places[:, :place], np.concatenate([cuts.copies[:, :place], np.ones((len(cuts), 1), np.int64)], axis=1)
    )
    return pieces(size, shorter, first)
