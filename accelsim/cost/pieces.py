"""The pieces that cuts leave of a dim, and how often each is met: what every count of a nest is a product of.

Counting separates by dim. Going inwards from a loop of ``D``, a level's loop walks in steps of ``copies x tile`` and
deals each step to the copies. A question about a dim is: down to which place, which loops are walked (those outside a
load multiply it, those inside do not), and at which places only the first copy counts (copies that share one transfer,
or march in step with the first).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Cuts, Ints

__all__ = ["Question", "begun", "counts", "pieces"]

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
            count = _deal(size, tiles[cut], copies[cut], place + 1, 0, 0, sizes, times)
            for at in range(count):
                found[cut, place] += float(times[at]) * float(sizes[at])


def begun(size: int, cuts: Cuts) -> Floats:
    """Return the points that all copies of each level take in the first turn of all loops, shape ``(cuts, L)``."""
    found = np.zeros(cuts.tiles.shape)
    _begun(size, cuts.places, cuts.copies, found)
    return found
