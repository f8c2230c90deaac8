"""Mappings near given ones: the compiled part of the search for candidates.

A mapping is a chain of tiles for every dim (see ``cost.chains``), and for every level the operand whose tile lies still
there, because the loops that do not index it stand innermost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelsim.compiled import borrowing, compiled
from accelsim.cost.chains import Chains
from accelsim.mapping.nest import Ints

__all__ = ["Found", "added", "around", "cores", "found_of", "outwards"]

#: Steps of one dim, and of two that go with each other: the room that one takes, the other gives back.
#: The first of them are for a quick look.
_STEPS = np.array([(1, 1), (-1, -1), (2, 2), (-2, -2), (4, 4), (-4, -4), (8, 8), (-8, -8)])
_TRADES = np.array([(1, -1), (2, -1), (1, -2), (2, -2), (3, -1), (1, -3), (4, -4), (5, -3), (3, -5)])
_FEW, _FARTHEST = 6, 8
#: The operand that does lie still if one is asked to, by the bits of the operands that are lacked.
_LIES = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0], [2, 2, 2], [0, 2, 2], [2, 1, 2], [0, 1, 2]])
_PRIME, _OTHER = 1_099_511_628_211, 0x2545F4914F6CDD1D


class Found(NamedTuple):
    """Mappings that searches have come upon, each once, and lists of them, such as the neighbours of each.

    Attributes:
        cut: Shape ``(most, dims)``: chains.
        still: Shape ``(most,)``: 0, 1, 2 for ``W``, ``I``, ``O``, a digit to the base of three for each level from the
            outermost in; of those to the same effect always the same.
        seen: Shape ``(slots, 2)``: marks of all mappings, at places that follow from them, and which mapping it is.
        listed: All lists one behind the other: places of mappings. The first entry is of no list.
        near: Shape ``(most, 2)``: where the list of a mapping's neighbours begins and ends; zeros if there is none yet.
        total: Shape ``(3,)``: how many mappings there are, and entries of lists; 1 if there was no room for more.
    """

    cut: Ints
    still: Ints
    seen: Ints
    listed: Ints
    near: Ints
    total: Ints


def found_of(most: int, dims: int, old: Found | None = None) -> Found:
    """Return room for mappings, and for lists with four times as many entries.

    Args:
        most: How many mappings; a power of two.
        dims: How many dims they have.
        old: Mappings and lists that are there from the start, in the same order.
    """
    found = Found(
        np.empty((most, dims), dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.zeros((2 * most, 2), dtype=np.int64),
        np.empty(4 * most, dtype=np.int64),
        np.zeros((most, 2), dtype=np.int64),
        np.array([0, 1, 0]),
    )
    if old is not None:
        count, entries = int(old.total[0]), int(old.total[1])
        found.cut[:count], found.still[:count], found.near[:count] = (
            old.cut[:count],
            old.still[:count],
            old.near[:count],
        )
        found.listed[:entries] = old.listed[:entries]
        found.total[:2] = count, entries
        _remember(old.seen, found.seen)
    return found


def added(what: Callable[..., None], chains: Chains, found: Found, most: int, *given: Any) -> Found:
    """Return mappings with those that a function of this module adds, in more room if need be, but no more than most.

    Args:
        what: The function.
        chains: The chains.
        found: The mappings so far.
        most: Mappings for which room may be made.
        given: What else the function takes.
    """
    entries = int(found.total[1])
    what(chains, *given, found)
    while found.total[2] and len(found.cut) < most:
        found.total[1] = entries
        found = found_of(4 * len(found.cut), len(chains.nodes), found)
        what(chains, *given, found)
    return found


@borrowing
def _hashed(dim: int, chain: int) -> int:
    """Return what marks the chain of a dim; marks of all dims are added up."""
    mixed = (16 * chain + dim + 1) * _PRIME
    mixed = (mixed ^ (mixed >> 29)) * _OTHER
    return mixed ^ (mixed >> 32)


@borrowing
def _kinds(lacked: int) -> int:
    return (lacked & 1) + (lacked >> 1 & 1) + (lacked >> 2 & 1)


@borrowing
def _add(cut: Ints, still: int, levels: int, marks: tuple[int, int], found: Found) -> None:
    """List a mapping, if there is room, and add it unless it, or one to the same effect, is there.

    ``marks`` are what marks its chains, and the bits of the operands that are lacked.
    """
    mixed, lacked = marks
    count, rest, alike, scale = found.total[0], still, 0, 1
    for level in range(levels - 1, -1, -1):
        alike += _LIES[np.uint64(lacked >> 3 * level & 7), np.uint64(rest % 3)] * scale
        rest, scale = rest // 3, scale * 3
    mixed = (mixed + alike + 1) * _PRIME
    mixed = (mixed ^ (mixed >> 29)) | 1
    last = np.uint64(len(found.seen) - 1)
    at = np.uint64(mixed ^ (mixed >> 31)) & last
    while found.seen[at, 0] != 0 and found.seen[at, 0] != mixed:
        at = (at + np.uint64(1)) & last
    if found.total[1] == len(found.listed) or (found.seen[at, 0] == 0 and count == len(found.cut)):
        found.total[2] = 1
    else:
        if found.seen[at, 0] == 0:
            found.seen[at, 0], found.seen[at, 1] = mixed, count
            found.still[count] = alike
            for dim in range(len(cut)):
                found.cut[count, dim] = cut[dim]
            found.total[0] = count + 1
        found.listed[found.total[1]] = found.seen[at, 1]
        found.total[1] += 1


@borrowing
def _marks(chains: Chains, cut: Ints) -> tuple[int, int]:
    """Return what marks the chains of a mapping, and the bits of the operands that are lacked."""
    mixed, lacked = 0, 0
    for dim in chains.dims:
        mixed += _hashed(dim, cut[dim])
        lacked |= chains.lacked[dim, cut[dim]]
    return mixed, lacked


@compiled
def _remember(old: Ints, seen: Ints) -> None:
    """Put marks where they belong among more slots."""
    last = np.uint64(len(seen) - 1)
    for slot in range(len(old)):
        if old[slot, 0] != 0:
            at = np.uint64(old[slot, 0] ^ (old[slot, 0] >> 31)) & last
            while seen[at, 0] != 0:
                at = (at + np.uint64(1)) & last
            seen[at, 0], seen[at, 1] = old[slot, 0], old[slot, 1]


@borrowing
def _at(chains: Chains, dim: int, chain: int, level: int) -> int:
    """Return the place of the tile that a chain has at a level."""
    for outer in range(level):
        chain = chains.inside[dim, outer, chain]
    return chain


@borrowing
def _alike(chains: Chains, dim: int, level: int, place: int, whole: int) -> int:
    """Return the chain with a tile at a level and no more than that holds outside it, but all outside a level."""
    for inner in range(level, 0, -1):
        place = chains.first[dim, inner, place] if inner > whole else chains.first[dim, inner, place + 1] - 1
    return place


@borrowing
def _nearest(tiles: Ints, begin: int, end: int, wanted: int) -> int:
    """Return the place of the tile nearest to a wanted one, by their quotient."""
    low, high = begin, end - 1
    while low < high:
        middle = (low + high) // 2
        if tiles[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low > begin and wanted * wanted < tiles[low] * tiles[low - 1]:
        low -= 1
    return low


@borrowing
def _moved(chains: Chains, dim: int, chain: int, level: int, step: int, alike: bool, whole: int) -> int:
    """Return the chain with a tile so many places further at a level, -1 if there is none.

    Tiles outside stay about what they are, or are to be like the one that changes.
    """
    old = _at(chains, dim, chain, level)
    place = old + step
    if place < 0 or place >= chains.nodes[dim, level]:
        return -1
    if level < chains.tiles.shape[1] - 1 and chains.inside[dim, level, place] != chains.inside[dim, level, old]:
        return -1
    if alike:
        return _alike(chains, dim, level, place, whole)
    for outer in range(level - 1, -1, -1):
        wanted = chains.tiles[dim, outer, _at(chains, dim, chain, outer)]
        begin, end = chains.first[dim, outer + 1, place], chains.first[dim, outer + 1, place + 1]
        place = _nearest(chains.tiles[dim, outer], begin, end, wanted)
    return place


@borrowing
def _orders(cut: Ints, still: int, level: int, whole: int, levels: int, marks: tuple[int, int], found: Found) -> None:
    """Add a mapping with each operand lying still at a level and, as the tiles are alike there, at those outside it."""
    scale = 3 ** (levels - 1 - level)
    # Of all levels that are alike, the loops of the outermost turn.
    for operand in range(max(1, _kinds(marks[1] >> 3 * whole))):
        lying = 0
        for _ in range(level + 1):
            lying = 3 * lying + operand
        _add(cut, lying * scale + still % scale, levels, marks, found)


@compiled
def outwards(chains: Chains, cut: Ints, still: Ints, level: int, whole: int, lists: Ints, found: Found) -> None:
    """List mappings with tiles of a level coarsely spread, and all outside it like those.

    Args:
        chains: The chains.
        cut: Shape ``(mappings, dims)``: the tiles inside the level are of these; at the innermost level, all of them.
        still: Shape ``(mappings,)``.
        level: The level.
        whole: The level outside which tiles are the largest.
        lists: Shape ``(mappings, 2)``: where the list of each begins and ends, to be filled.
        found: Where they are added.
    """
    innermost, one, dims = level == chains.tiles.shape[1] - 1, np.zeros_like(cut[0]), chains.dims
    begin, end, now = np.zeros_like(one), np.zeros_like(one), np.zeros_like(one)
    for number in range(len(cut)):
        lists[number, 0] = found.total[1]
        for dim in dims:
            if innermost:
                begin[dim] = _at(chains, dim, cut[number, dim], level)
                end[dim] = begin[dim] + 1
            else:
                inner = _at(chains, dim, cut[number, dim], level + 1)
                begin[dim], end[dim] = chains.first[dim, level + 1, inner], chains.first[dim, level + 1, inner + 1]
            now[dim] = begin[dim]
            one[dim] = _alike(chains, dim, level, now[dim], whole)
        more = True
        while more:
            _orders(one, still[number], level, whole, chains.tiles.shape[1], _marks(chains, one), found)
            more = False
            for dim in dims:
                now[dim] += 1
                while now[dim] < end[dim] and not chains.marks[dim, level, now[dim]]:
                    now[dim] += 1
                more = now[dim] < end[dim]
                if not more:
                    now[dim] = begin[dim]
                one[dim] = _alike(chains, dim, level, now[dim], whole)
                if more:
                    break
        lists[number, 1] = found.total[1]


@borrowing
def _look(chains: Chains, cut: Ints, level: int, alike: bool, whole: int, moved: Ints, marks: Ints) -> None:
    """Fill the chains of dims with the tile of a level some places further, what marks them, and what they lack."""
    for which in range(len(chains.dims)):
        dim = chains.dims[which]
        for step in range(-_FARTHEST, _FARTHEST + 1):
            at = step + _FARTHEST
            chain = cut[dim] if step == 0 else _moved(chains, dim, cut[dim], level, step, alike, whole)
            moved[which, at] = chain
            if chain >= 0:
                marks[which, at, 0], marks[which, at, 1] = _hashed(dim, chain), chains.lacked[dim, chain]


@compiled
def around(
    chains: Chains, nodes: Ints, levels: tuple[int, int], ways: tuple[bool, bool], wide: bool, whole: int, found: Found
) -> None:
    """List the neighbours of mappings: one dim cut in another way at a level, or two, or other orders.

    Args:
        chains: The chains.
        nodes: Places of the mappings.
        levels: The outermost level to change, and the one behind the innermost.
        ways: Whether levels outside the one that changes are to stay about what they are; whether to be like it.
        wide: Whether to look further away.
        whole: The level outside which tiles are the largest.
        found: Where they are added.
    """
    dims, every = chains.dims, chains.tiles.shape[1]
    moved = np.empty((len(dims), 2 * _FARTHEST + 1), np.int64)
    marks, one = np.empty((len(dims), 2 * _FARTHEST + 1, 2), np.int64), np.empty(found.cut.shape[1], np.int64)
    for node in nodes:
        begin, cut, still = found.total[1], found.cut[node].copy(), found.still[node]
        here = _marks(chains, cut)
        for way in range(2):
            for level in range(levels[0], levels[1] if ways[way] else levels[0]):
                _look(chains, cut, level, way == 1, whole, moved, marks)
                _step(chains, cut, one, still, level, way == 1, here[0], wide, whole, moved, marks, found)
        if whole:
            # Moves alone leave orders as they are.
            _orders(cut, still, levels[1] - 1, whole, every, here, found)
        for order in range(3**every if ways[0] else 0):
            _add(cut, order, every, here, found)
        found.near[node, 0], found.near[node, 1] = begin, found.total[1]


@borrowing
def _step(
    chains: Chains,
    cut: Ints,
    one: Ints,
    still: int,
    level: int,
    alike: bool,
    mark: int,
    wide: bool,
    whole: int,
    moved: Ints,
    marks: Ints,
    found: Found,
) -> None:
    """List a mapping with one dim or two moved at a level as ``moved`` has it.

    ``mark`` is what marks its chains, and ``one`` is room for another mapping.
    """
    dims, every = chains.dims, chains.tiles.shape[1]
    for dim in range(len(cut)):
        one[dim] = cut[dim]
    for which in range(len(dims)):
        for other in range(len(dims)):
            rest, lacked = mark - marks[which, _FARTHEST, 0], 0
            if other != which:
                rest -= marks[other, _FARTHEST, 0]
            for third in range(len(dims)):
                if third != which and third != other:
                    lacked |= marks[third, _FARTHEST, 1]
            moves = _STEPS if which == other else _TRADES
            for move in range(len(moves) if wide else _FEW):
                a, b = np.uint64(moves[move, 0] + _FARTHEST), np.uint64(moves[move, 1] + _FARTHEST)
                if moved[which, a] < 0 or moved[other, b] < 0:
                    continue
                mixed = rest + marks[which, a, 0]
                if other != which:
                    mixed += marks[other, b, 0]
                now = mixed, lacked | marks[which, a, 1] | marks[other, b, 1]
                one[dims[which]], one[dims[other]] = moved[which, a], moved[other, b]
                if alike and not whole:
                    _orders(one, still, level, whole, every, now, found)
                else:
                    _add(one, still, every, now, found)
            one[dims[which]], one[dims[other]] = cut[dims[which]], cut[dims[other]]


@compiled
def cores(chains: Chains, cut: Ints) -> Ints:
    """Return marks of the innermost tiles of mappings, shape ``(mappings,)``."""
    found = np.zeros(len(cut), np.int64)
    for row in range(len(cut)):
        for dim in chains.dims:
            found[row] += _hashed(dim, _at(chains, dim, cut[row, dim], chains.tiles.shape[1] - 1))
    return found
