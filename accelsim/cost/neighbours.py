"""Mappings near given ones: the compiled part of the search for candidates.

A mapping is, for every level, the places of its tiles in a ``Menu`` and the operand whose tile lies still there,
because the loops that do not index it stand innermost. Tiles get smaller with their place, and inwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled, inlined
from accelsim.mapping.nest import Ints

__all__ = ["Found", "around", "found_of", "outwards"]

Flags = npt.NDArray[np.bool_]
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Of every dim, whether weights, inputs or outputs lack it: a bit each; none lacks groups.
_LACKED = np.array([1, 0, 2, 4, 1, 1, 1, 4, 4, 4])
#: Steps of one dim, and of two that go with each other: the room that one takes, the other gives back.
#: The first of them are for a quick look.
_STEPS = np.array([(1, 1), (-1, -1), (2, 2), (-2, -2), (4, 4), (-4, -4), (8, 8), (-8, -8)])
_TRADES = np.array([(1, -1), (2, -1), (1, -2), (2, -2), (3, -1), (1, -3), (4, -4), (5, -3), (3, -5)])
_FEW = 6
#: The first of the operands that may lie still to the same effect, by the bits of the operands that are lacked.
_AS_GOOD = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 1], [0, 1, 0], [0, 1, 2]])
_PRIME = 1_099_511_628_211


class Found(NamedTuple):
    """Mappings that a search has come upon, each once; ``L`` levels.

    Attributes:
        places: Shape ``(most, L, dims)``.
        still: Shape ``(most, L)``: 0, 1, 2 for ``W``, ``I``, ``O``.
        seen: Marks of all mappings so far, at places that follow from them.
        total: Shape ``(1,)``: how many there are.
        dims: Places of the dims that can be cut at all.
    """

    places: Ints
    still: Ints
    seen: Ints
    total: Ints
    dims: Ints


def found_of(most: int, levels: int, last: Ints, old: Found | None = None) -> Found:
    """Return room for so many mappings.

    Args:
        most: How many.
        levels: Number of levels.
        last: Shape ``(dims,)``: the last place of every dim.
        old: Mappings that are there from the start, in the same order.
    """
    found = Found(
        np.empty((most, levels, len(last)), dtype=np.int64),
        np.empty((most, levels), dtype=np.int64),
        np.zeros(1 << most.bit_length(), dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.flatnonzero(last),
    )
    if old is not None:
        count = found.total[0] = old.total[0]
        found.places[:count], found.still[:count] = old.places[:count], old.still[:count]
    _remember(found)
    return found


@compiled
def _lacked(places: Ints, dims: Ints) -> int:
    """Return the bits of the operands that lack some loop that turns at a level, three for each level."""
    found = 0
    for level in range(len(places)):
        for dim in dims:
            if places[level, dim] > (places[level - 1, dim] if level > 0 else 0):
                found |= _LACKED[dim] << 3 * level
    return found


@compiled
def _kinds(lacked: int) -> int:
    return (lacked & 1) + (lacked >> 1 & 1) + (lacked >> 2 & 1)


@compiled
def _mixed(places: Ints, dims: Ints) -> int:
    """Return what marks the tiles of a mapping."""
    mixed = 1
    for level in range(len(places)):
        for dim in dims:
            mixed = (mixed ^ (mixed >> 29) ^ places[level, dim]) * _PRIME
    return mixed


@inlined
def _marked(mixed: int, lacked: int, still: Ints, seen: Ints) -> bool:
    """Mark a mapping, given its tiles, and return whether it, or one to the same effect, was marked before."""
    for level in range(len(still)):
        mixed = (mixed ^ (mixed >> 29) ^ _AS_GOOD[np.uint64(lacked >> 3 * level & 7), np.uint64(still[level])]) * _PRIME
    mixed |= 1
    last = np.uint64(len(seen) - 1)
    at = np.uint64(mixed ^ (mixed >> 31)) & last
    while seen[at] != 0:
        if seen[at] == mixed:
            return True
        at = (at + np.uint64(1)) & last
    seen[at] = mixed
    return False


@compiled
def _remember(found: Found) -> None:
    """Mark all mappings that are there."""
    for row in range(found.total[0]):
        places = found.places[row]
        _marked(_mixed(places, found.dims), _lacked(places, found.dims), found.still[row], found.seen)


@inlined
def _add(places: Ints, still: Ints, mixed: int, lacked: int, found: Found) -> None:
    """Add a mapping unless it, or one to the same effect, is there, or there is no room."""
    count = found.total[0]
    if count == len(found.places) or _marked(mixed, lacked, still, found.seen):
        return
    for level in range(len(still)):
        found.still[count, level] = still[level]
        for dim in range(places.shape[1]):
            found.places[count, level, dim] = places[level, dim]
    found.total[0] = count + 1


@compiled
def _put(places: Ints, level: int, dim: int, place: int, alike: bool) -> None:
    """Cut a dim in another way at a level; those outside go along if they are to be alike, or if they must."""
    for other in range(len(places)):
        if other < level:
            places[other, dim] = place if alike else min(places[other, dim], place)
        else:
            places[other, dim] = place if other == level else max(places[other, dim], place)


@inlined
def _orders(places: Ints, still: Ints, level: int, found: Found) -> None:
    """Add a mapping with each operand lying still at a level and, as the tiles are alike there, all outside it."""
    mixed, lacked = _mixed(places, found.dims), _lacked(places, found.dims)
    for operand in range(max(1, _kinds(lacked))):
        for outer in range(level + 1):
            still[outer] = operand
        _add(places, still, mixed, lacked, found)


@compiled
def outwards(start: Ints, places: Ints, still: Ints, level: int, found: Found) -> None:
    """Add mappings with tiles of a level as the start has them, and all outside it like those.

    Args:
        start: Shape ``(rows, dims)``: places.
        places: Shape ``(mappings, L, dims)``: the tiles inside the level are of these; none is larger than one outside.
        still: Shape ``(mappings, L)``.
        level: The level.
        found: Where they are added.
    """
    innermost, lying = level == still.shape[1] - 1, np.empty_like(still[0])
    for number in range(len(places)):
        one = places[number].copy()
        lying[:] = still[number]
        for row in range(len(start)):
            fits = True
            for dim in found.dims:
                fits = fits and (innermost or start[row, dim] <= places[number, level + 1, dim])
            if fits:
                for outer in range(level + 1):
                    for dim in found.dims:
                        one[outer, dim] = start[row, dim]
                _orders(one, lying, level, found)


@inlined
def _changed(
    one: Ints, lying: Ints, given: Ints, level: int, moves: tuple[int, int, int, int], alike: bool, found: Found
) -> None:
    """Add a mapping with one or two dims cut in another way; ``moves`` is a dim, its place, another, and its place."""
    dim, place, other, there = moves
    _put(one, level, dim, place, alike)
    if other != dim:
        _put(one, level, other, there, alike)
    if alike:
        _orders(one, lying, level, found)
    else:
        _add(one, lying, _mixed(one, found.dims), _lacked(one, found.dims), found)
    for outer in range(len(one)):
        one[outer, dim], one[outer, other] = given[outer, dim], given[outer, other]


@compiled
def around(
    places: Ints, still: Ints, last: Ints, levels: tuple[int, int], alike: bool, wide: bool, found: Found
) -> None:
    """Add neighbours of mappings: one dim cut in another way at a level, or two, or other orders.

    Args:
        places: Shape ``(mappings, L, dims)``.
        still: Shape ``(mappings, L)``.
        last: Shape ``(dims,)``: the last place of every dim.
        levels: The outermost level to change, and the one behind the innermost.
        alike: Whether levels outside are to be like the one that changes.
        wide: Whether to look further away.
        found: Where they are added.
    """
    dims, lying = found.dims, np.empty_like(still[0])
    for number in range(len(places)):
        given = places[number]
        one = given.copy()
        lying[:] = still[number]
        for level in range(*levels):
            for dim in dims:
                for other in dims:
                    here, where = given[level, dim], given[level, other]
                    moves = _STEPS if dim == other else _TRADES
                    for move in range(len(moves) if wide else _FEW):
                        place, there = here + moves[move, 0], where + moves[move, 1]
                        if 0 <= place <= last[dim] and 0 <= there <= last[other]:
                            _changed(one, lying, given, level, (dim, place, other, there), alike, found)
        mixed, lacked = _mixed(one, dims), _lacked(one, dims)
        for order in range(0 if alike else 3 ** len(lying)):
            left = order
            for level in range(len(lying)):
                lying[level], left = left % 3, left // 3
            _add(one, lying, mixed, lacked, found)
