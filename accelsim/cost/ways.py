"""All ways to cut an op that a search with prices may try, counted once for all designs of a machine."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from accelsim.cost.chains import Chains, chains_of, listed
from accelsim.cost.deals import dealt
from accelsim.cost.rows import Counting, Kept, Machine, counting
from accelsim.dims import DIMS, Dim
from accelsim.mapping.mapspace import STILL
from accelsim.mapping.menu import Menu, menu_of
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["Ways", "axes_of", "groups_of", "ways_of"]

#: Above so many parts of a dim the next number of parts is larger by this fraction.
_FINER = 16
#: Innermost tiles to start from are this factor apart.
_APART = 2
#: Memories inside the outermost one up to which copies are dealt out in several ways; with more, each takes too long.
_FLAT = 3
_NOTHING = Kept((False, False, False), (-1, -1, -1))


def axes_of(machine: Machine) -> list[tuple[int, tuple[Dim, ...]]]:
    """Return the PEs along each axis of the array, and the dims that share it as one loop."""
    flow, size = machine.flow, machine.size
    laid = (size.rows, flow.rows), (size.columns, flow.columns)
    return [(int(pes), dims) for pes, groups in laid for dims in groups]


def groups_of(machine: Machine) -> list[tuple[int, int]]:
    """Return the levels that stand beside one another, from the innermost group out: the first level and the end.

    No operand is held by two memories of a group, so that one choice of tiles serves all of them well.
    """
    found, held, end = [], set[int](), machine.structure.levels
    for level in reversed(range(end)):
        own = {operand for operand in range(3) if machine.structure.holds[level + 1][operand]}
        if held & own:
            found.append((level + 1, end))
            end, held = level + 1, set()
        held |= own
    return [*found, (0, end)]


class Ways:
    """All ways to cut an op on a machine, with copies dealt out in one way.

    Args:
        op: The op.
        machine: The machine that works on it.
        copies: Shape ``(L + 1, dims)``: copies along each dim.

    Attributes:
        chains: The tiles to choose from.
        start: Shape ``(rows, dims)``: chains whose innermost tiles are coarsely spread, and those outside are alike.
        single: Shape ``(dims,)``: the number of a cut into single elements without copies, which is no chain.
        levels: Memories inside the outermost one.
        each: 2 if reading and writing are features apart, else 1.
    """

    def __init__(self, op: Op, machine: Machine, copies: Ints) -> None:
        self.levels, self.each = machine.structure.levels, 2 if machine.structure.apart else 1
        self.chains, menu = chains_of(op, menu_of(op, axes_of(machine), _FINER, _APART), copies)
        self.start = _start(self.chains, menu)
        cuts = []
        for dim in range(len(DIMS)):
            # Behind them one element without copies: what takes least room.
            tiles = np.append(listed(self.chains, dim), np.ones((1, self.levels), dtype=np.int64), axis=0)
            dealt_out = np.tile(copies[:, dim], (len(tiles), 1))
            dealt_out[-1] = 1
            cuts.append(Cuts.of(tiles, dealt_out))
        self.single = np.array([len(one) - 1 for one in cuts])
        nests = np.array(list(itertools.product(STILL, repeat=self.levels)), dtype=np.int64)
        first = np.zeros(1, dtype=np.int64)
        self._all = Mappings(tuple(cuts), np.zeros((1, len(DIMS)), dtype=np.int64), nests, first)
        self._structure, self._counting = machine.structure, counting(op, machine, _NOTHING, self._all)

    def counting(self, kept: Kept) -> Counting:
        """Return what the loop over mappings reads when some whole tensors stay on chip."""
        return self._counting.keeping(self._structure, kept)

    def mappings(self, cut: Ints, still: Ints) -> Mappings:
        """Return mappings, given as in ``cost.neighbours.Found``."""
        return Mappings(self._all.cuts, cut, self._all.nests, still)


@lru_cache(maxsize=8)
def ways_of(op: Op, machine: Machine) -> tuple[Ways, ...]:
    """Return the ways to cut an op on a machine, one object for each way to deal out copies, or for the best."""
    every = dealt(op, machine)
    some = every if machine.structure.levels <= _FLAT else every[:1]
    return tuple(Ways(op, machine, copies) for copies in np.array(some))


def _start(chains: Chains, menu: Menu) -> Ints:
    found, levels = np.zeros_like(menu.start), chains.tiles.shape[1]
    for dim, places in enumerate(menu.start.T):
        own = chains.tiles[dim, -1, : chains.nodes[dim, -1]]
        at = np.searchsorted(own, np.minimum(menu.tiles[dim, places], own[-1]))
        for level in range(levels - 1, 0, -1):
            at = chains.first[dim, level, at]
        found[:, dim] = at
    return np.unique(found, axis=0)
