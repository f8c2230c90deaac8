"""What tiles see of the input along a window axis: no padding, what neighbours share again or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.pieces import Question, Stack
from accelsim.dims import WINDOWS
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

__all__ = ["Windows", "windows", "windows_of"]

Floats = npt.NDArray[np.float64]


class Windows(NamedTuple):
    """What tiles see along a window axis, by the cut of the output dim and that of the filter dim.

    Attributes:
        seen: Shape ``(output cuts, filter cuts, questions, loops)``: input positions that one walk over the tiles
            fetches. Where some places count the first copy only, padding of it is not taken off, but it sees at most
            the whole axis. The first of ``loops`` fetches every tile whole; in the others a tile that the output
            loop of a level moves on to fetches only what the tile before it did not have.
        held: Shape ``(output cuts, filter cuts, L)``: positions that a full tile sees, at most the whole axis.
        begun: Shape ``(output cuts, filter cuts, L)``: positions that all copies fetch in the first turn of all loops.
    """

    seen: Floats
    held: Floats
    begun: Floats


@compiled
def _cut(
    size: int, tiles: Ints, copies: Ints, place: int, first: int, loop: int, once: bool
) -> tuple[Ints, Ints, Ints]:
    """Return starts and ends of the tiles at ``place``, and where the tile ended that its copy had a step before.

    The step is one of the loop of level ``loop``; where this loop begins anew, nothing was there before: -1. A bit of
    ``first`` leaves a place its first copy alone; ``once`` leaves every loop its first turn.
    """
    starts, ends, before = np.zeros(1, np.int64), np.full(1, size, np.int64), np.full(1, -1, np.int64)
    moved = tiles[loop] * copies[loop] if loop >= 0 else 0
    for level in range(place):
        tile, step = tiles[level], tiles[level] * copies[level]
        alone = (first >> (level + 1)) & 1
        total = 0
        for old in range(len(starts)):
            total += -((starts[old] - ends[old]) // tile)
        new_starts, new_ends = np.empty(total, np.int64), np.empty(total, np.int64)
        new_before = np.empty(total, np.int64)
        at = 0
        for old in range(len(starts)):
            for start in range(starts[old], ends[old], tile):
                beyond = start - starts[old]
                if (once and beyond >= step) or (alone and beyond % step):
                    continue
                new_starts[at], new_ends[at], new_before[at] = start, min(start + tile, ends[old]), -1
                if level == loop and beyond >= step:
                    new_before[at] = start - step + tile
                elif level > loop >= 0 and before[old] >= 0:
                    # A tile within one that moved on lay as far from the start of its own.
                    new_before[at] = min(start - moved + tile, before[old])
                at += 1
        starts, ends, before = new_starts[:at], new_ends[:at], new_before[:at]
    return starts, ends, before


class _Listed(NamedTuple):
    """The tiles of all cuts of a dim, one cut after the other, as ``_cut`` returns them.

    Attributes:
        begins: Shape ``(cuts + 1,)``: where the tiles of a cut begin.
        starts: First points.
        ends: Points behind the last.
        before: Where the tile ended that its copy had a step before; -1 if it had none.
    """

    begins: Ints
    starts: Ints
    ends: Ints
    before: Ints


@compiled
def _listed(size: int, cuts: tuple[Ints, Ints], place: int, first: int, loop: int, once: bool) -> _Listed:
    """Return the tiles of all cuts; ``cuts`` are tiles and copies."""
    tiles, copies = cuts
    begins, room = np.zeros(len(tiles) + 1, np.int64), 64
    starts, ends, before = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    for cut in range(len(tiles)):
        found = _cut(size, tiles[cut], copies[cut], place, first, loop, once)
        begin = begins[cut]
        end = begin + len(found[0])
        if end > room:
            room = 2 * end
            starts, ends, before = _longer(starts, room), _longer(ends, room), _longer(before, room)
        starts[begin:end], ends[begin:end], before[begin:end] = found
        begins[cut + 1] = end
    return _Listed(begins, starts, ends, before)


@compiled
def _longer(values: Ints, room: int) -> Ints:
    found = np.empty(room, np.int64)
    found[: len(values)] = values
    return found


@compiled
def _positions(outputs: _Listed, a: int, taps: _Listed, b: int, way: tuple[int, int, int, int], clipped: bool) -> int:
    """Return the input positions that all tiles of two cuts fetch; ``way`` is stride, dilation, padding and extent."""
    stride, dilation, padding, extent = way
    total = 0
    for one in range(outputs.begins[a], outputs.begins[a + 1]):
        start, end, before = outputs.starts[one] * stride, (outputs.ends[one] - 1) * stride, outputs.before[one]
        for other in range(taps.begins[b], taps.begins[b + 1]):
            low = start + taps.starts[other] * dilation - padding
            last = (taps.ends[other] - 1) * dilation - padding + 1
            high = end + last
            if before >= 0:
                low = max(low, (before - 1) * stride + last)
            if clipped:
                low, high = min(max(low, 0), extent), min(max(high, 0), extent)
            total += min(max(high - low, 0), extent)
    return total


@compiled
def _fill(
    sizes: tuple[int, int],
    way: tuple[int, int, int, int],
    out: tuple[Ints, Ints],
    tap: tuple[Ints, Ints],
    asked: Ints,
    seen: Floats,
    held: Floats,
    begun: Floats,
) -> None:
    """Fill the tables of an axis; ``out`` and ``tap`` are tiles and copies."""
    stride, dilation, _, extent = way
    for question in range(asked.shape[0]):
        place, first = asked[question, 0], asked[question, 1]
        taps = _listed(sizes[1], tap, place, first, -1, False)
        for loop in range(-1, min(seen.shape[3] - 1, place)):
            outputs = _listed(sizes[0], out, place, first, loop, False)
            for a in range(len(out[0])):
                for b in range(len(tap[0])):
                    seen[a, b, question, loop + 1] = _positions(outputs, a, taps, b, way, first == 0)
    for level in range(begun.shape[2]):
        taps = _listed(sizes[1], tap, level + 1, 0, -1, True)
        outputs = _listed(sizes[0], out, level + 1, 0, -1, True)
        for a in range(len(out[0])):
            for b in range(len(tap[0])):
                begun[a, b, level] = _positions(outputs, a, taps, b, way, True)
                reach = (out[0][a, level] - 1) * stride + (tap[0][b, level] - 1) * dilation + 1
                held[a, b, level] = min(reach, extent)


@compiled
def _fill_all(sizes: Ints, ways: Ints, dims: Ints, s: Stack, asked: Ints, found: Windows) -> None:
    for axis in range(len(dims)):
        out, tap = dims[axis, 0], dims[axis, 1]
        some, others = s.number[out], s.number[tap]
        _fill(
            (sizes[out], sizes[tap]),
            (ways[axis, 0], ways[axis, 1], ways[axis, 2], ways[axis, 3]),
            (s.places[out, :some], s.copies[out, :some]),
            (s.places[tap, :others], s.copies[tap, :others]),
            asked,
            found.seen[axis],
            found.held[axis],
            found.begun[axis],
        )


def windows_of(op: Op, cuts: Stack, asked: Ints, *, sliding: bool) -> Windows:
    """Return what tiles see along all axes of ``WINDOWS``, which are a further axis in front of each table.

    Args:
        op: The op.
        cuts: The cuts of all dims; 1 is seen where an axis has fewer than another.
        asked: Shape ``(questions, 2)``; see ``cost.pieces``.
        sliding: Whether some memory lets neighbouring windows share their overlap.
    """
    dims, levels = np.array([[dim.position for dim in axis] for axis in WINDOWS]), cuts.places.shape[2] - 1
    shape = (len(dims), int(cuts.number[dims[:, 0]].max()), int(cuts.number[dims[:, 1]].max()))
    loops = levels + 1 if sliding else 1
    found = Windows(np.ones((*shape, len(asked), loops)), np.ones((*shape, levels)), np.ones((*shape, levels)))
    ways = np.array([op.stride, op.dilation, op.padding, op.extent]).T
    _fill_all(np.array(op.sizes), np.ascontiguousarray(ways), dims, cuts, asked, found)
    return found


def windows(op: Op, axis: int, out: Cuts, tap: Cuts, asked: tuple[Question, ...], *, sliding: bool) -> Windows:
    """Return what tiles see along an axis of ``WINDOWS``.

    Args:
        op: The op.
        axis: Planes, rows or columns.
        out: Cuts of the output dim.
        tap: Cuts of the filter dim.
        asked: Questions; see ``cost.pieces``.
        sliding: Whether some memory lets neighbouring windows share their overlap.
    """
    levels = out.tiles.shape[1]
    sizes = (op.size(WINDOWS[axis][0]), op.size(WINDOWS[axis][1]))
    shape = (len(out), len(tap))
    found = Windows(
        seen=np.zeros((*shape, len(asked), levels + 1 if sliding else 1)),
        held=np.zeros((*shape, levels)),
        begun=np.zeros((*shape, levels)),
    )
    way = (op.stride[axis], op.dilation[axis], op.padding[axis], op.extent[axis])
    questions = np.array(asked, dtype=np.int64).reshape(-1, 2)
    _fill(sizes, way, (out.places, out.copies), (tap.places, tap.copies), questions, *found)
    return found
