"""Mappings near given ones: the compiled part of the search for candidates.

A mapping is a chain of tiles for every dim (see ``cost.chains``), and for every level the operand whose tile lies still
there, because the loops that do not index it stand innermost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled, inlined
from accelsim.cost.chains import Chains
from accelsim.mapping.nest import Ints

__all__ = ["Found", "around", "best", "found_of", "outwards", "widened"]

Floats = npt.NDArray[np.float64]
#: Steps of one dim, and of two that go with each other: the room that one takes, the other gives back.
#: The first of them are for a quick look.
_STEPS = np.array([(1, 1), (-1, -1), (2, 2), (-2, -2), (4, 4), (-4, -4), (8, 8), (-8, -8)])
_TRADES = np.array([(1, -1), (2, -1), (1, -2), (2, -2), (3, -1), (1, -3), (4, -4), (5, -3), (3, -5)])
_FEW, _FARTHEST = 6, 8
#: The first of the operands that may lie still to the same effect, by the bits of the operands that are lacked.
_AS_GOOD = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 1], [0, 1, 0], [0, 1, 2]])
#: Scores that differ by no more than this fraction are alike.
_LIKE = 0.02
_PRIME, _OTHER = 1_099_511_628_211, 0x2545F4914F6CDD1D


class Found(NamedTuple):
    """Mappings that a search has come upon, each once.

    Attributes:
        cut: Shape ``(most, dims)``: chains.
        still: Shape ``(most,)``: 0, 1, 2 for ``W``, ``I``, ``O``, a digit to the base of three for each level from the
            outermost in.
        seen: Marks of all mappings so far, at places that follow from them.
        total: Shape ``(1,)``: how many there are.
    """

    cut: Ints
    still: Ints
    seen: Ints
    total: Ints


def found_of(most: int, chains: Chains, old: Found | None = None) -> Found:
    """Return room for so many mappings.

    Args:
        most: How many.
        chains: The chains that mappings are made of.
        old: Mappings that are there from the start, in the same order.
    """
    found = Found(
        np.zeros((most, len(chains.nodes)), dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.zeros(2 << most.bit_length(), dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )
    if old is not None:
        count = int(old.total[0])
        _remember(chains, old.cut[:count], old.still[:count], found)
    return found


@compiled
def _hashed(dim: int, chain: int) -> int:
    """Return what marks the chain of a dim; marks of all dims are added up."""
    mixed = (16 * chain + dim + 1) * _PRIME
    mixed = (mixed ^ (mixed >> 29)) * _OTHER
    return mixed ^ (mixed >> 32)


@compiled
def _kinds(lacked: int) -> int:
    return (lacked & 1) + (lacked >> 1 & 1) + (lacked >> 2 & 1)


@inlined
def _add(cut: Ints, still: int, levels: int, marks: tuple[int, int], found: Found) -> None:
    """Add a mapping unless it, or one to the same effect, is there, or there is no room.

    ``marks`` are what marks its chains, and the bits of the operands that are lacked.
    """
    mixed, lacked = marks
    count, rest, alike, scale = found.total[0], still, 0, 1
    for level in range(levels - 1, -1, -1):
        alike += _AS_GOOD[np.uint64(lacked >> 3 * level & 7), np.uint64(rest % 3)] * scale
        rest, scale = rest // 3, scale * 3
    mixed = (mixed + alike + 1) * _PRIME
    mixed = (mixed ^ (mixed >> 29)) | 1
    last = np.uint64(len(found.seen) - 1)
    at = np.uint64(mixed ^ (mixed >> 31)) & last
    while found.seen[at] != 0 and found.seen[at] != mixed:
        at = (at + np.uint64(1)) & last
    if found.seen[at] == 0 and count < len(found.cut):
        found.seen[at] = mixed
        found.still[count] = still
        for dim in range(len(cut)):
            found.cut[count, dim] = cut[dim]
        found.total[0] = count + 1


@compiled
def _marks(chains: Chains, cut: Ints) -> tuple[int, int]:
    """Return what marks the chains of a mapping, and the bits of the operands that are lacked."""
    mixed, lacked = 0, 0
    for dim in chains.dims:
        mixed += _hashed(dim, cut[dim])
        lacked |= chains.lacked[dim, cut[dim]]
    return mixed, lacked


@compiled
def _remember(chains: Chains, cut: Ints, still: Ints, found: Found) -> None:
    levels = chains.tiles.shape[1]
    for row in range(len(cut)):
        _add(cut[row], still[row], levels, _marks(chains, cut[row]), found)


@compiled
def _at(chains: Chains, dim: int, chain: int, level: int) -> int:
    """Return the place of the tile that a chain has at a level."""
    for outer in range(level):
        chain = chains.inside[dim, outer, chain]
    return chain


@compiled
def _alike(chains: Chains, dim: int, level: int, place: int) -> int:
    """Return the chain with a tile at a level and, outside it, no more than that holds."""
    for inner in range(level, 0, -1):
        place = chains.first[dim, inner, place]
    return place


@compiled
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


@compiled
def _moved(chains: Chains, dim: int, chain: int, level: int, step: int, alike: bool) -> int:
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
        return _alike(chains, dim, level, place)
    for outer in range(level - 1, -1, -1):
        wanted = chains.tiles[dim, outer, _at(chains, dim, chain, outer)]
        begin, end = chains.first[dim, outer + 1, place], chains.first[dim, outer + 1, place + 1]
        place = _nearest(chains.tiles[dim, outer], begin, end, wanted)
    return place


@inlined
def _orders(cut: Ints, still: int, level: int, levels: int, marks: tuple[int, int], found: Found) -> None:
    """Add a mapping with each operand lying still at a level and, as the tiles are alike there, all outside it."""
    scale = 3 ** (levels - 1 - level)
    # Of all levels that are alike, the loops of the outermost turn.
    for operand in range(max(1, _kinds(marks[1]))):
        lying = 0
        for _ in range(level + 1):
            lying = 3 * lying + operand
        _add(cut, lying * scale + still % scale, levels, marks, found)


@compiled
def outwards(chains: Chains, cut: Ints, still: Ints, level: int, found: Found) -> None:
    """Add mappings with tiles of a level coarsely spread, and all outside it like those.

    Args:
        chains: The chains.
        cut: Shape ``(mappings, dims)``: the tiles inside the level are of these; at the innermost level, all of them.
        still: Shape ``(mappings,)``.
        level: The level.
        found: Where they are added.
    """
    innermost, one, dims = level == chains.tiles.shape[1] - 1, np.zeros_like(cut[0]), chains.dims
    begin, end, now = np.zeros_like(one), np.zeros_like(one), np.zeros_like(one)
    for number in range(len(cut)):
        for dim in dims:
            if innermost:
                begin[dim] = _at(chains, dim, cut[number, dim], level)
                end[dim] = begin[dim] + 1
            else:
                inner = _at(chains, dim, cut[number, dim], level + 1)
                begin[dim], end[dim] = chains.first[dim, level + 1, inner], chains.first[dim, level + 1, inner + 1]
            now[dim] = begin[dim]
            one[dim] = _alike(chains, dim, level, now[dim])
        more = True
        while more:
            _orders(one, still[number], level, chains.tiles.shape[1], _marks(chains, one), found)
            more = False
            for dim in dims:
                now[dim] += 1
                while now[dim] < end[dim] and not chains.marks[dim, level, now[dim]]:
                    now[dim] += 1
                more = now[dim] < end[dim]
                if not more:
                    now[dim] = begin[dim]
                one[dim] = _alike(chains, dim, level, now[dim])
                if more:
                    break


@compiled
def widened(chains: Chains, cut: Ints, level: int) -> Ints:
    """Return chains with the same tiles at a level and inside it, and the largest outside it; shaped like ``cut``."""
    found = cut.copy()
    for dim in chains.dims:
        for row in range(len(cut)):
            place = _at(chains, dim, cut[row, dim], level)
            for inner in range(level, 0, -1):
                place = chains.first[dim, inner, place + 1] - 1
            found[row, dim] = place
    return found


@compiled
def _look(chains: Chains, cut: Ints, level: int, alike: bool, moved: Ints, marks: Ints) -> None:
    """Fill the chains of dims with the tile of a level some places further, what marks them, and what they lack."""
    for which in range(len(chains.dims)):
        dim = chains.dims[which]
        for step in range(-_FARTHEST, _FARTHEST + 1):
            at = step + _FARTHEST
            chain = cut[dim] if step == 0 else _moved(chains, dim, cut[dim], level, step, alike)
            moved[which, at] = chain
            if chain >= 0:
                marks[which, at, 0], marks[which, at, 1] = _hashed(dim, chain), chains.lacked[dim, chain]


@compiled
def around(
    chains: Chains, cut: Ints, still: Ints, levels: tuple[int, int], alike: bool, wide: bool, found: Found
) -> None:
    """Add neighbours of mappings: one dim cut in another way at a level, or two, or other orders.

    Args:
        chains: The chains.
        cut: Shape ``(mappings, dims)``.
        still: Shape ``(mappings,)``.
        levels: The outermost level to change, and the one behind the innermost.
        alike: Whether levels outside are to be like the one that changes.
        wide: Whether to look further away.
        found: Where they are added.
    """
    dims, every = chains.dims, chains.tiles.shape[1]
    moved = np.empty((len(dims), 2 * _FARTHEST + 1), np.int64)
    marks = np.empty((len(dims), 2 * _FARTHEST + 1, 2), np.int64)
    for number in range(len(cut)):
        one, here = cut[number].copy(), _marks(chains, cut[number])
        for level in range(*levels):
            _look(chains, cut[number], level, alike, moved, marks)
            for which in range(len(dims)):
                for other in range(len(dims)):
                    rest, lacked = here[0] - marks[which, _FARTHEST, 0], 0
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
                        if alike:
                            _orders(one, still[number], level, every, now, found)
                        else:
                            _add(one, still[number], every, now, found)
                    one[dims[which]], one[dims[other]] = cut[number, dims[which]], cut[number, dims[other]]
        for order in range(0 if alike else 3**every):
            _add(one, order, every, here, found)


@compiled
def best(chains: Chains, found: Found, scores: Floats, known: Ints, begin: int, count: int) -> Ints:
    """Return the places of the best mappings, rising, no two of which have like scores and orders.

    Args:
        chains: The chains.
        found: Mappings.
        scores: Shape ``(mappings,)``.
        known: Places of the best before those from ``begin`` on were found.
        begin: The place of the first new mapping.
        count: How many at most.
    """
    innermost, kept, places = chains.tiles.shape[1] - 1, len(known), np.empty(count, np.int64)
    places[:kept] = known
    for row in range(begin, len(scores)):
        if scores[row] == np.inf or (kept == count and scores[row] >= scores[places[count - 1]]):
            continue
        at = 0
        while at < kept:
            near = abs(scores[places[at]] - scores[row]) <= _LIKE * scores[row]
            if found.still[places[at]] == found.still[row] and (
                near or _same(chains, found, places[at], row, innermost)
            ):
                break
            at += 1
        if at < kept:
            if scores[row] >= scores[places[at]]:
                continue
        elif kept < count:
            kept += 1
        else:
            at = count - 1
        while at > 0 and scores[places[at - 1]] > scores[row]:
            places[at] = places[at - 1]
            at -= 1
        places[at] = row
    return places[:kept]


@compiled
def _same(chains: Chains, found: Found, one: int, other: int, level: int) -> bool:
    """Return whether two mappings have the same tiles at a level."""
    for dim in chains.dims:
        if _at(chains, dim, found.cut[one, dim], level) != _at(chains, dim, found.cut[other, dim], level):
            return False
    return True
