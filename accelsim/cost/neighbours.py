"""Mappings near given ones: the compiled part of the search for candidates.

A mapping is, for every level, the places of its tiles in a ``Menu`` and the operand whose tile lies still there,
because the loops that do not index it stand innermost. Tiles get smaller with their place, and inwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints

__all__ = ["Found", "around", "found_of", "number", "outwards"]

Flags = npt.NDArray[np.bool_]
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Of every dim, whether weights, inputs or outputs lack it: a bit each; none lacks groups.
_LACKED = np.array([1, 0, 2, 4, 1, 1, 1, 4, 4, 4])
#: Steps of one dim, and of two that go with each other: the room that one takes, the other gives back.
_STEPS = np.array([1, 2, 4])
_TRADES = np.array([[1, 1], [2, 1], [1, 2], [2, 2], [3, 1], [1, 3]])
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
        np.zeros(2 << most.bit_length(), dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.flatnonzero(last),
    )
    if old is not None:
        _copy(old, found)
    return found


@compiled
def _lacked(places: Ints, level: int, dims: Ints) -> int:
    """Return the bits of the operands that lack some loop that turns at a level."""
    found = 0
    for dim in dims:
        if places[level, dim] > (places[level - 1, dim] if level > 0 else 0):
            found |= _LACKED[dim]
    return found


@compiled
def _kinds(lacked: int) -> int:
    return (lacked & 1) + (lacked >> 1 & 1) + (lacked >> 2 & 1)


@compiled
def _as_good(lacked: int, still: int) -> int:
    """Return the first of the operands that may lie still to the same effect."""
    kinds = _kinds(lacked)
    if kinds <= 1:
        return 0
    if kinds == 2 and still == _OUTPUTS:
        return _INPUTS if lacked == 1 | 4 else _WEIGHTS
    return still


@compiled
def _add(places: Ints, still: Ints, found: Found) -> None:
    """Add a mapping unless it, or one to the same effect, is there, or there is no room."""
    count, seen, mixed = found.total[0], found.seen, 1
    if count == len(found.places):
        return
    for level in range(len(still)):
        mixed = (mixed ^ _as_good(_lacked(places, level, found.dims), still[level])) * _PRIME
        for dim in found.dims:
            mixed = (mixed ^ (mixed >> 29) ^ places[level, dim]) * _PRIME
    mixed |= 1
    at = (mixed ^ (mixed >> 31)) & (len(seen) - 1)
    while seen[at] != 0:
        if seen[at] == mixed:
            return
        at = (at + 1) & (len(seen) - 1)
    seen[at] = mixed
    for level in range(len(still)):
        found.still[count, level] = still[level]
        for dim in range(places.shape[1]):
            found.places[count, level, dim] = places[level, dim]
    found.total[0] = count + 1


@compiled
def _copy(old: Found, found: Found) -> None:
    for row in range(old.total[0]):
        _add(old.places[row], old.still[row], found)


@compiled
def _put(places: Ints, level: int, dim: int, place: int, alike: bool) -> None:
    """Cut a dim in another way at a level; those outside go along if they are to be alike, or if they must."""
    for other in range(len(places)):
        if other < level:
            places[other, dim] = place if alike else min(places[other, dim], place)
        else:
            places[other, dim] = place if other == level else max(places[other, dim], place)


@compiled
def _orders(places: Ints, still: Ints, level: int, found: Found) -> None:
    """Add a mapping with each operand lying still at a level and, as the tiles are alike there, all outside it."""
    for operand in range(max(1, _kinds(_lacked(places, 0, found.dims)))):
        still[: level + 1] = operand
        _add(places, still, found)


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


@compiled
def _changed(
    one: Ints, lying: Ints, last: Ints, level: int, moves: tuple[int, int, int, int], alike: bool, found: Found
) -> None:
    """Add a mapping with one or two dims cut in another way; ``moves`` is a dim, its step, another, and its step."""
    dim, step, other, back = moves
    place, there = one[level, dim] + step, one[level, other] + back
    if not (0 <= place <= last[dim] and 0 <= there <= last[other]):
        return
    _put(one, level, dim, place, alike)
    if back:
        _put(one, level, other, there, alike)
    if alike:
        _orders(one, lying, level, found)
    else:
        _add(one, lying, found)


@compiled
def around(places: Ints, still: Ints, last: Ints, levels: tuple[int, int], alike: bool, found: Found) -> None:
    """Add neighbours of mappings: one dim cut in another way at a level, or two, or other orders.

    Args:
        places: Shape ``(mappings, L, dims)``.
        still: Shape ``(mappings, L)``.
        last: Shape ``(dims,)``: the last place of every dim.
        levels: The outermost level to change, and the one behind the innermost.
        alike: Whether levels outside are to be like the one that changes.
        found: Where they are added.
    """
    dims, lying = found.dims, np.empty_like(still[0])
    for number in range(len(places)):
        one = places[number].copy()
        lying[:] = still[number]
        for level in range(*levels):
            for dim in dims:
                for other in dims:
                    for trade in range(len(_TRADES) if other != dim else 2 * len(_STEPS)):
                        if other == dim:
                            step, back = _STEPS[trade // 2] * (1 - 2 * (trade % 2)), 0
                        else:
                            step, back = _TRADES[trade, 0], -_TRADES[trade, 1]
                        _changed(one, lying, last, level, (dim, step, other, back), alike, found)
                        for outer in range(len(one)):
                            one[outer, dim] = places[number, outer, dim]
                            one[outer, other] = places[number, outer, other]
        for order in range(0 if alike else 3 ** len(lying)):
            left = order
            for level in range(len(lying)):
                lying[level], left = left % 3, left // 3
            _add(one, lying, found)


@compiled
def number(places: Ints, known: Ints, cut: Ints, chains: Ints) -> int:
    """Number the ways in which mappings cut a dim, in the order they turn up; return how many there are.

    Args:
        places: Shape ``(mappings, L)``: of the dim.
        known: -1 for every way.
        cut: Shape ``(mappings,)``, filled with numbers.
        chains: Shape ``(mappings, L)``, filled with the places of each number.
    """
    count, base = 0, int(places.max()) + 1
    for row in range(len(places)):
        way = 0
        for level in range(places.shape[1]):
            way = way * base + places[row, level]
        if known[way] < 0:
            known[way] = count
            chains[count] = places[row]
            count += 1
        cut[row] = known[way]
    return count
