"""How the tables of an op's cuts are laid out for the loop over mappings that counts traffic."""

from __future__ import annotations

import numpy as np

from accelsim.compiled import compiled
from accelsim.cost import kernels
from accelsim.cost.lanes import ALL, ALONE, PARENTS, ROOM, WHOLE
from accelsim.cost.products import Sources, factors_of, products
from accelsim.cost.roles import FIRST_INSIDE, FIRST_OUTSIDE, READ, ROLES, SHARE, UP, WRITTEN
from accelsim.cost.tables import Factors, Flags, Floats, Ints, Moved, Nest, Tables

__all__ = [
    "FIRST_INSIDE",
    "FIRST_OUTSIDE",
    "READ",
    "ROLES",
    "SHARE",
    "UP",
    "WRITTEN",
    "Moved",
    "Tables",
    "lanes_of",
    "move",
    "nest_of",
    "room_for",
]

_INPUT, _OUTPUT = 1, 2


@compiled
def _lanes(t: Tables, kinds: int, steady: Floats, across: Floats, whole: Floats) -> None:
    """Fill what dims, shape ``(D, cuts, lanes)``, and window axes, by both cuts, contribute to every lane."""
    levels, roles = t.parent.shape[0], (0, UP, SHARE, FIRST_INSIDE, WRITTEN, UP)
    for operand in range(3):
        sliding, first = operand == _INPUT and t.slides, True
        for level in range(levels):
            if t.parent[level, operand] < 0:
                continue
            asked, lane = t.asked[level, operand], (3 * level + operand) * kinds
            begun = 3 * levels * kinds + operand
            for d in range(len(t.dims)):
                missing = not t.indexes[operand, d]
                if t.plain[d] if sliding else not missing:
                    steady[d, :, lane + ROOM] = t.tile[d, :, level]
                    for kind in range(WHOLE, min(kinds, PARENTS)):
                        steady[d, :, lane + kind] = t.summed[d, :, asked[roles[kind]]]
                    if first:
                        steady[d, :, begun] = t.start[d, :, level]
                elif missing:
                    for kind in range(PARENTS, kinds):
                        steady[d, :, lane + kind] = t.counted[d, :, asked[roles[kind]], 0]
                    if first and operand != _OUTPUT:
                        steady[d, :, begun] = t.counted[d, :, asked[READ], 0]
            for axis in range(across.shape[0] if sliding else 0):
                across[axis, :, :, lane + ROOM] = t.held[axis, :, :, level]
                for kind in range(WHOLE, min(kinds, PARENTS)):
                    across[axis, :, :, lane + kind] = t.seen[axis, :, :, asked[roles[kind]], 0]
                if first:
                    across[axis, :, :, begun] = t.begun[axis, :, :, level]
            first = False
        if first:
            # No level holds it: there are no first tiles.
            whole[3 * levels * kinds + operand] = 0.0


def lanes_of(t: Tables, count: Ints) -> Factors:
    """Return the factors of the lanes of every (level, operand), and of the first tiles of every operand.

    Args:
        t: What the cuts contribute.
        count: How many there are of every dim of ``DIMS``.
    """
    kinds = ALL if t.fans else ALONE
    lanes = t.parent.size * kinds + 3
    steady, across, whole = np.ones((*t.turns.shape[:2], lanes)), np.ones((*t.held.shape[:3], lanes)), np.ones(lanes)
    _lanes(t, kinds, steady, across, whole)
    return factors_of(Sources(t.dims, steady, t.axes[: len(across)], across, whole), count)


def nest_of(t: Tables, nests: Ints) -> Nest:
    """Return loops as the loop over mappings reads them.

    Args:
        t: What the cuts contribute.
        nests: Shape ``(nests, L, D)``: orders of the dims that turn at all, as places in ``t.dims``.
    """
    standing, indexing = np.empty_like(nests), np.zeros((*nests.shape[:2], 3), dtype=np.int64)
    _stand(nests, t.indexes, standing, indexing)
    others = [np.flatnonzero(~indexes) for indexes in t.indexes]
    missing = np.zeros((3, len(t.dims)), dtype=np.uint32)
    for operand, places in enumerate(others):
        missing[operand, : len(places)] = places
    lacks = np.array([len(places) for places in others])
    dims, cuts, questions, walks = t.counted.shape
    turns, counted = t.turns.reshape(dims * cuts, -1 if dims else 1), t.counted.reshape(dims * cuts, questions * walks)
    return Nest(t.dims.astype(np.uint32), missing, lacks, turns, counted, standing, indexing)


@compiled
def _stand(nests: Ints, indexes: Flags, standing: Ints, indexing: Ints) -> None:
    count = nests.shape[2]
    for nest in range(nests.shape[0]):
        for level in range(nests.shape[1]):
            for at in range(count):
                d = nests[nest, level, at]
                standing[nest, level, d] = 1 << (count - 1 - at)
                for operand in range(3):
                    indexing[nest, level, operand] |= standing[nest, level, d] * indexes[operand, d]


def move(tables: Tables, factors: Factors, nests: Nest, cut: Ints, nest: Ints) -> Moved:
    """Return what mappings move.

    Args:
        tables: What the cuts contribute.
        factors: The same, of what no order of loops changes; see ``lanes_of``.
        nests: The orders of loops.
        cut: Shape ``(mappings, dims)``, as in ``Mappings``.
        nest: Shape ``(mappings,)``.
    """
    moved = room_for(len(cut), tables)
    kernels.moves(tables, nests, cut, nest, products(factors, cut), np.arange(len(cut)), moved)
    return moved


def room_for(rows: int, tables: Tables) -> Moved:
    """Return room for what so many mappings move."""
    levels = tables.parent.shape[0]
    every = np.zeros((rows, levels, 3, 4))
    return Moved(
        every=every,
        one=np.zeros_like(every) if tables.fans else every,
        footprint=np.zeros((rows, levels, 3)),
        spilled=np.zeros((rows, levels), dtype=np.bool_),
        ramp=np.empty((rows, 3)),
        fresh=np.empty(rows),
        alone=np.empty(rows, dtype=np.bool_),
    )
