"""The pieces that cuts leave of a dim, and how often each is met: what every count of a nest is a product of.

Counting separates by dim. Going inwards from a loop of ``D``, a level's loop walks in steps of ``copies x tile`` and
deals each step to the copies. A question about a dim is: down to which place, which loops are walked (those outside a
load multiply it, those inside do not), and at which places only the first copy counts (copies that share one transfer,
or march in step with the first).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Cuts, Ints

__all__ = ["Counted", "Question", "Stack", "begun", "counts", "counts_of", "pieces", "pieces_of", "stacked"]

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
            total = 0.0
            for walked in range(width + 1):
                if walked > place:
                    # Loops further in make no more of them.
                    counted[cut, question, walked] = total
                    continue
                found = _deal(size, tiles[cut], copies[cut], place, walked, first, sizes, times)
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


@compiled
def _begun(size: int, tiles: Ints, copies: Ints, found: Floats) -> None:
    width = tiles.shape[1]
    sizes, times = np.empty(2 * width + 2, np.int64), np.empty(2 * width + 2, np.int64)
    for cut in range(tiles.shape[0]):
        for place in range(found.shape[1]):
            count, points = _deal(size, tiles[cut], copies[cut], place + 1, 0, 0, sizes, times), 0.0
            for at in range(count):
                points += float(times[at]) * float(sizes[at])
            found[cut, place] = points


def begun(size: int, cuts: Cuts) -> Floats:
    """Return the points that all copies of each level take in the first turn of all loops, shape ``(cuts, L)``."""
    found = np.zeros(cuts.tiles.shape)
    _begun(size, cuts.places, cuts.copies, found)
    return found


class Stack(NamedTuple):
    """The cuts of all dims side by side; ``cuts`` is the most of any dim.

    Attributes:
        number: Shape ``(dims,)``: how many cuts there are.
        places: Shape ``(dims, cuts, L + 1)``, as in ``Cuts``.
        copies: Shape ``(dims, cuts, L + 1)``.
    """

    number: Ints
    places: Ints
    copies: Ints


@lru_cache(maxsize=64)
def stacked(cuts: tuple[Cuts, ...]) -> Stack:
    """Return the cuts of all dims side by side."""
    shape = (len(cuts), max(map(len, cuts)), cuts[0].copies.shape[1])
    places, copies = np.ones(shape, dtype=np.int64), np.ones(shape, dtype=np.int64)
    for dim, one in enumerate(cuts):
        places[dim, : len(one), :-1], copies[dim, : len(one)] = one.tiles, one.copies
    places[:, :, -1] = -(-places[:, :, -2] // copies[:, :, -1])
    return Stack(np.array(list(map(len, cuts))), places, copies)


class Counted(NamedTuple):
    """What the cuts of some dims make of their loops; see ``counts`` and ``begun``.

    Attributes:
        counted: Shape ``(dims, cuts, questions, L + 2)``.
        summed: Shape ``(dims, cuts, questions)``.
        start: Shape ``(dims, cuts, L)``.
        turns: Shape ``(dims, cuts, L)``: whether the loop over tiles of a level turns more than once.
    """

    counted: Floats
    summed: Floats
    start: Floats
    turns: npt.NDArray[np.bool_]


@compiled
def _count(sizes: Ints, dims: Ints, s: Stack, asked: Ints, found: Counted) -> None:
    for at in range(len(dims)):
        dim, size = dims[at], sizes[at]
        tiles, copies = s.places[dim, : s.number[dim]], s.copies[dim, : s.number[dim]]
        _answers(size, tiles, copies, asked, found.counted[at], found.summed[at])
        _begun(size, tiles, copies, found.start[at])
        for cut in range(len(tiles)):
            outer = size
            for level in range(found.turns.shape[2]):
                found.turns[at, cut, level] = outer > tiles[cut, level] * copies[cut, level]
                outer = tiles[cut, level]


def counts_of(sizes: Ints, dims: Ints, cuts: Stack, asked: Ints) -> Counted:
    """Return what the cuts of some dims make of their loops; 1 where a dim has fewer cuts than another.

    Args:
        sizes: Shape ``(dims,)``: loop sizes.
        dims: Shape ``(dims,)``: places in ``DIMS``.
        cuts: The cuts of all dims.
        asked: Shape ``(questions, 2)``.
    """
    shape, width = (len(dims), cuts.places.shape[1]), cuts.places.shape[2]
    found = Counted(
        counted=np.ones((*shape, len(asked), width + 1)),
        summed=np.ones((*shape, len(asked))),
        start=np.ones((*shape, width - 1)),
        turns=np.zeros((*shape, width - 1), dtype=bool),
    )
    _count(sizes, dims, cuts, asked, found)
    return found


@compiled
def _all_pieces(loops: Ints, s: Stack, masks: Ints, sizes: Floats, times: Floats) -> int:
    width, most = s.places.shape[2], 1
    one, met = np.empty(2 * width + 2, np.int64), np.empty(2 * width + 2, np.int64)
    for dim in range(len(loops)):
        for cut in range(s.number[dim]):
            for mask in range(len(masks)):
                found = _deal(loops[dim], s.places[dim, cut], s.copies[dim, cut], width, width, masks[mask], one, met)
                sizes[dim, cut, mask, :found], times[dim, cut, mask, :found] = one[:found], met[:found]
                most = max(most, found)
    return most


def pieces_of(loops: Ints, cuts: Stack, masks: Ints) -> tuple[Floats, Floats]:
    """Return ``pieces`` of all dims, each shape ``(dims + 1, cuts, masks, pieces)``, with a 0 behind the last.

    The last dim is one of a single step.
    """
    dims, most, width = cuts.places.shape
    sizes, times = np.zeros((2, dims + 1, most, len(masks), 2 * width + 3))
    sizes[-1, ..., 0] = times[-1, ..., 0] = 1
    used = _all_pieces(loops, cuts, masks, sizes, times) + 1
    return np.ascontiguousarray(sizes[..., :used]), np.ascontiguousarray(times[..., :used])
