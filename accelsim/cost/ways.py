"""All ways to cut an op that a search with prices may try, counted once for all designs of a machine.

A dim is cut by a *chain*: a place in the ``Menu`` for each level, none before the one outside it. Chains are numbered
by the combinatorial number system, so that the number of a chain follows from its places.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np

from accelsim.compiled import compiled
from accelsim.cost.deals import dealt
from accelsim.cost.rows import Counting, Kept, Machine, counting
from accelsim.dims import DIMS, Dim
from accelsim.mapping.mapspace import STILL
from accelsim.mapping.menu import Menu, menu_of, thinned
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["Ways", "axes_of", "groups_of", "ways_of"]

#: Chains of a dim, about; tables of windows grow with their square.
_MOST = 1_000
_FINER = 8
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
        menu: The tiles to choose from.
        levels: Memories inside the outermost one.
        each: 2 if reading and writing are features apart, else 1.
    """

    def __init__(self, op: Op, machine: Machine, copies: Ints) -> None:
        self.levels, self.each = machine.structure.levels, 2 if machine.structure.apart else 1
        self.menu = _menu(op, machine)
        self._numbers = _numbers(int(self.menu.last.max()) + 1, self.levels)
        cuts = []
        for dim, (tiles, last) in enumerate(zip(self.menu.tiles, self.menu.last.tolist(), strict=True)):
            chains = _chains(last, self.levels)
            cuts.append(Cuts.of(tiles[chains], np.tile(copies[:, dim], (len(chains), 1))))
        nests = np.array(list(itertools.product(STILL, repeat=self.levels)), dtype=np.int64)
        first = np.zeros(1, dtype=np.int64)
        self._all = Mappings(tuple(cuts), np.zeros((1, len(DIMS)), dtype=np.int64), nests, first)
        self._structure, self._counting = machine.structure, counting(op, machine, _NOTHING, self._all)

    def counting(self, kept: Kept) -> Counting:
        """Return what the loop over mappings reads when some whole tensors stay on chip."""
        return self._counting.keeping(self._structure, kept)

    def cut(self, places: Ints) -> Ints:
        """Return the numbers of chains, shape ``(mappings, dims)``, of places, shape ``(mappings, L, dims)``."""
        found = np.empty((len(places), len(DIMS)), dtype=np.int64)
        _number(places, self._numbers, found)
        return found

    def nest(self, still: Ints) -> Ints:
        """Return the orders of loops in which these operands lie still, shape ``(mappings, L)``."""
        return np.asarray(still @ 3 ** np.arange(self.levels)[::-1])

    def mappings(self, places: Ints, still: Ints) -> Mappings:
        """Return mappings."""
        return Mappings(self._all.cuts, self.cut(places), self._all.nests, self.nest(still))


@lru_cache(maxsize=8)
def ways_of(op: Op, machine: Machine) -> tuple[Ways, ...]:
    """Return the ways to cut an op on a machine, one object for each way to deal out copies."""
    return tuple(Ways(op, machine, copies) for copies in np.array(dealt(op, machine)))


@lru_cache(maxsize=64)
def _menu(op: Op, machine: Machine) -> Menu:
    levels, few = machine.structure.levels, 2
    while math.comb(few + levels, levels) <= _MOST:
        few += 1
    return thinned(menu_of(op, axes_of(machine), _FINER), few)


@lru_cache(maxsize=64)
def _numbers(places: int, levels: int) -> Ints:
    """Return what each place of each level adds to the number of a chain, shape ``(places, levels)``."""
    return np.array([[math.comb(place + at, at + 1) for at in range(levels)] for place in range(places)])


@lru_cache(maxsize=256)
def _chains(last: int, levels: int) -> Ints:
    """Return all chains by number, shape ``(chains, levels)``."""
    listed = np.array(list(itertools.combinations_with_replacement(range(last + 1), levels)))
    found = np.empty_like(listed)
    found[_numbers(last + 1, levels)[listed, np.arange(levels)].sum(axis=1)] = listed
    return found


@compiled
def _number(places: Ints, numbers: Ints, cut: Ints) -> None:
    for row in range(places.shape[0]):
        for dim in range(places.shape[2]):
            number = 0
            for level in range(places.shape[1]):
                number += numbers[places[row, level, dim], level]
            cut[row, dim] = number
