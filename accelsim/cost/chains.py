"""Ways to cut a dim, level by level: the tile of a memory is a whole number of what the memory inside it takes.

A *chain* has a tile for each level. Chains of a dim form a forest: innermost tiles are its roots, and the children of
a tile are the tiles of the next level out that hold a whole number of it. A chain is named by its outermost tile. With
other tiles some work would be left over each time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.dims import DIMS, Dim
from accelsim.mapping.menu import Menu, thinned
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["Chains", "alike_of", "chains_of", "listed"]

Flags = npt.NDArray[np.bool_]
#: Of every dim, whether weights, inputs or outputs lack it: a bit each; none lacks groups.
_LACKED = (1, 0, 2, 4, 1, 1, 1, 4, 4, 4)
#: The next number of parts is larger by this fraction, or more once there are so few innermost tiles.
_FINER, _FEWEST = 4, 12
#: Tiles to start from are this factor apart.
_APART = 2
#: Chains of a dim; tables of windows grow with their square.
_MOST = 1_000


class Chains(NamedTuple):
    """The chains of all dims; ``L`` levels from the outermost in, up to ``N`` tiles of a dim at a level.

    Attributes:
        tiles: Shape ``(dims, L, N)``: tiles of a level, those of the same parent side by side, from the smallest.
        inside: Shape ``(dims, L, N)``: the place of what they are a whole number of, at the next level in.
        first: Shape ``(dims, L, N + 1)``: the place of the first child, at the next level out.
        nodes: Shape ``(dims, L)``: how many tiles there are.
        marks: Shape ``(dims, L, N)``: whether a search starts from them, coarsely spread.
        lacked: Shape ``(dims, N)``: of chains, bits of the operands that lack the dim, three for each level at which it
            turns.
        dims: Places of the dims that can be cut at all.
    """

    tiles: Ints
    inside: Ints
    first: Ints
    nodes: Ints
    marks: Flags
    lacked: Ints
    dims: Ints


class _Own(NamedTuple):
    """The chains of one dim, shapes as in ``Chains``."""

    tiles: Ints
    inside: Ints
    first: Ints
    nodes: Ints
    marks: Flags
    lacked: Ints


def chains_of(op: Op, menu: Menu, copies: Ints) -> tuple[Chains, Menu]:
    """Return the chains of an op whose innermost tiles are of a menu, and what of the menu they have.

    Args:
        op: The op.
        menu: Innermost tiles.
        copies: Shape ``(L + 1, dims)``: copies along each dim.
    """
    few, finer = int(menu.last.max()) + 1, _FINER
    while True:
        less = thinned(menu, few)
        own = [_chains(op, dim, less, copies, finer) for dim in DIMS]
        if all(one is not None for one in own):
            return _together([one for one in own if one is not None], copies.shape[0] - 1), less
        # Fewer tiles inside, then fewer around each of them, at last only the smallest and the whole.
        if few > _FEWEST or finer == 0:
            few = few * 3 // 4
        else:
            finer //= 2


def alike_of(menu: Menu) -> Chains:
    """Return chains of a menu that have one tile, the same at all levels."""
    # From the smallest, which is the last of the menu; below 0 there is none.
    place = menu.last[:, None] - np.arange(menu.last.max() + 1)
    tiles = np.where(place < 0, 0, menu.tiles[np.arange(len(place))[:, None], np.maximum(place, 0)])[:, None]
    none = np.zeros((len(place), 1, place.shape[1] + 1), dtype=np.int64)
    return Chains(
        tiles=tiles,
        inside=none[..., 1:].copy(),
        first=none,
        nodes=menu.last[:, None] + 1,
        marks=np.zeros(tiles.shape, dtype=np.bool_),
        lacked=np.where(place > 0, np.array(_LACKED)[:, None], 0),
        dims=np.flatnonzero(menu.last),
    )


def _chains(op: Op, dim: Dim, menu: Menu, copies: Ints, finer: int) -> _Own | None:
    position = dim.position
    tiles = tuple(menu.tiles[position, : menu.last[position] + 1].tolist())
    finer = 0 if dim is Dim.G else finer
    return _own(op.size(dim), tiles, tuple(copies[:, position].tolist()), _LACKED[position], finer)


@lru_cache(maxsize=1024)
def _own(size: int, tiles: tuple[int, ...], copies: tuple[int, ...], lacked: int, finer: int) -> _Own | None:
    """Return the chains of a dim, ``None`` if there are too many.

    Args:
        size: Of the dim.
        tiles: Of the innermost level.
        copies: ``L + 1`` of them, along the dim.
        lacked: Bits of the operands that lack it.
        finer: The next number of parts is larger by this fraction; 0 if only the smallest and the whole are wanted.
    """
    levels, most, left = len(copies) - 1, [], size
    for each in copies[:-1]:
        left = -(-left // each)
        most.append(left)
    inner = np.unique(np.minimum(tiles, most[-1]))
    shape = (levels, max(_MOST, len(inner), 2 ** (levels + 1)))
    found = _Own(
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        np.zeros((levels, shape[1] + 1), dtype=np.int64),
        np.zeros(levels, dtype=np.int64),
        np.zeros(shape, dtype=np.bool_),
        np.zeros(shape[1], dtype=np.int64),
    )
    found.tiles[-1, : len(inner)], found.nodes[-1] = inner, len(inner)
    if not _grow(size, np.array(most), np.array(copies), finer, lacked, *found):
        return None
    return found


def _together(own: list[_Own], levels: int) -> Chains:
    most = max(int(one.nodes.max()) for one in own)
    parts = [np.zeros((len(own), *shape), dtype=np.int64) for shape in [(levels, most)] * 2 + [(levels, most + 1)]]
    tiles, inside, first = parts
    count, lacked = np.array([one.nodes for one in own]), np.zeros((len(own), most), dtype=np.int64)
    marks = np.zeros((len(own), levels, most), dtype=np.bool_)
    for dim, one in enumerate(own):
        some = int(one.nodes.max())
        tiles[dim, :, :some], inside[dim, :, :some] = one.tiles[:, :some], one.inside[:, :some]
        first[dim, :, : min(some + 1, one.first.shape[1])] = one.first[:, : some + 1]
        marks[dim, :, :some], lacked[dim, :some] = one.marks[:, :some], one.lacked[:some]
    return Chains(tiles, inside, first, count, marks, lacked, np.flatnonzero(count[:, 0] > 1))


def listed(chains: Chains, dim: int) -> Ints:
    """Return the tiles of all chains of a dim, shape ``(chains, L)``."""
    levels = chains.tiles.shape[1]
    found = np.empty((int(chains.nodes[dim, 0]), levels), dtype=np.int64)
    at = np.arange(len(found))
    for level in range(levels):
        found[:, level] = chains.tiles[dim, level, at]
        at = chains.inside[dim, level, at]
    return found


@compiled
def _grow(
    size: int,
    most: Ints,
    copies: Ints,
    finer: int,
    lacks: int,
    tiles: Ints,
    inside: Ints,
    first: Ints,
    count: Ints,
    marks: Flags,
    lacked: Ints,
) -> bool:
    """Fill the tiles of all levels outside the innermost; return whether there was room."""
    levels = len(most)
    for level in range(levels - 2, -1, -1):
        at = 0
        for node in range(count[level + 1]):
            first[level + 1, node] = start = at
            unit = tiles[level + 1, node] * copies[level + 1]
            whole, parts = -(-most[level] // unit), 1
            while True:
                if at == tiles.shape[1]:
                    return False
                # Largest first, turned round below.
                tiles[level, at], inside[level, at] = min(most[level], -(-whole // parts) * unit), node
                at += 1
                if parts >= whole:
                    break
                now, parts = -(-whole // parts), max(parts + 1, parts + parts // finer) if finer else whole
                while -(-whole // parts) == now:
                    parts += 1
            tiles[level, start:at] = tiles[level, start:at][::-1].copy()
            mark = start
            for child in range(start, at):
                if child == start or child == at - 1 or tiles[level, child] >= _APART * tiles[level, mark]:
                    marks[level, child], mark = True, child
        first[level + 1, count[level + 1]] = count[level] = at
    for chain in range(count[0]):
        node, outer = chain, size
        for level in range(levels):
            if tiles[level, node] * copies[level] < outer:
                lacked[chain] |= lacks << 3 * level
            outer, node = tiles[level, node], inside[level, node]
    return True
