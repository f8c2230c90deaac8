"""The candidates of the default mapper where nothing stands in copies: a search for what may be best in some room.

It starts from tiles that are coarsely spread and looks around those that are good: one dim finer or coarser, or one
finer and another coarser, so that the room stays about the same. What is good is judged without prices: mappings that
no other beats in everything that costs. With several memories, tiles are looked for from the innermost outwards, and
then all together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.dominance import Slack, undominated
from accelsim.cost.neighbours import around, found_of, number, outwards
from accelsim.cost.rows import Counting, Kept, Machine, OpRows, counting, op_rows
from accelsim.dims import DIMS
from accelsim.mapping.mapspace import STILL
from accelsim.mapping.menu import Menu, menu_of
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["NEAR", "refined"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Mappings that cost more in nothing by more than this are not told apart.
NEAR = 3e-3
#: While searching: neighbours are looked for of fewer.
_NEARLY, _ABOUT = 0.03, 0.05
_ROUNDS, _ROUNDS_EACH = 3, 2
_FINER = {1: 8, 2: 5}
#: Mappings that there is room for at first, and of which no more are looked for.
_FIRST, _MOST = 2_048, 32_768


@lru_cache(maxsize=256)
def _menu(op: Op, machine: Machine) -> Menu:
    flow, size = machine.flow, machine.size
    laid = (size.rows, flow.rows), (size.columns, flow.columns)
    axes = [(int(pes), dims) for pes, groups in laid for dims in groups]
    return menu_of(op, axes, _FINER.get(machine.structure.levels, 3))


@lru_cache(maxsize=256)
def _cuts(op: Op, machine: Machine) -> tuple[Cuts, ...]:
    """Return every tile of the menu as a cut, for one level."""
    menu = _menu(op, machine)
    return tuple(Cuts.of(tiles[: last + 1, None]) for tiles, last in zip(menu.tiles, menu.last.tolist(), strict=True))


@lru_cache(maxsize=8)
def _nests(levels: int) -> Ints:
    """Return the orders of all levels; which operands lie still, as numbers of base 3, is the place."""
    return np.array(list(itertools.product(STILL, repeat=levels)), dtype=np.int64)


class _Search:
    """The search for the mappings of an op that may be best in a room of so many bytes, the least and the most."""

    def __init__(self, op: Op, machine: Machine, kept: Kept, room: tuple[Floats, Floats]) -> None:
        self._op, self._machine, self._kept, self._room = op, machine, kept, room
        self._levels, self._menu = machine.structure.levels, _menu(op, machine)
        self._counting: Counting | None = None
        #: Place of the mapping with tiles of one element.
        self._single = 0

    def _clear(self) -> None:
        self._found = found_of(_FIRST, self._levels, self._menu.last)
        self._costed = 0
        memories, each = self._levels + 1, 2 if self._machine.structure.apart else 1
        self._rows, self._costs = np.empty(0, dtype=np.int64), np.empty((0, 1 + memories + each * (3 * memories + 1)))

    def run(self) -> None:
        """Find them."""
        levels, menu = self._levels, self._menu
        single, outputs = np.tile(menu.last, (1, levels, 1)), np.full((1, levels), 2)
        places, still = single, outputs
        for level in reversed(range(levels)):
            self._clear()
            # Whatever the room, if a mapping fits, so does one with tiles of one element.
            self._add(outwards, menu.last[None], single, outputs, level)
            self._single = int(self._found.total[0]) - 1
            self._add(outwards, menu.start, places, still, level)
            self._cost()
            self._look((level, level + 1), _NEARLY if levels == 1 else _ABOUT, _ROUNDS if levels == 1 else _ROUNDS_EACH)
            if levels > 1:
                best = self._good(_ABOUT)
                places, still = self._found.places[best], self._found.still[best]
        if levels > 1:
            self._look((0, levels), _NEARLY, _ROUNDS, alike=False)

    def _look(self, levels: tuple[int, int], near: float, rounds: int, *, alike: bool = True) -> None:
        """Look around the good ones, as long as there is anything new."""
        looked = np.zeros(_MOST, dtype=np.bool_)
        for _ in range(rounds):
            good = self._good(near)
            best = good[~looked[good]]
            looked[best] = True
            self._add(around, self._found.places[best], self._found.still[best], self._menu.last, levels, alike)
            if not self._cost():
                break

    def _add(self, what: Callable[..., None], *given: Any) -> None:
        """Add mappings, in more room if need be."""
        what(*given, self._found)
        while len(self._found.places) == self._found.total[0] < _MOST:
            self._found = found_of(2 * int(self._found.total[0]), self._levels, self._menu.last, self._found)
            what(*given, self._found)

    def mappings(self, rows: Ints | slice) -> Mappings:
        """Return some of those found."""
        places, still = self._found.places[rows], self._found.still[rows]
        if self._levels == 1:
            return Mappings(_cuts(self._op, self._machine), places[:, 0], _nests(1), still[:, 0])
        nest = still @ 3 ** np.arange(self._levels)[::-1]
        cut, cuts = np.empty((len(places), len(DIMS)), dtype=np.int64), []
        for dim, tiles in enumerate(self._menu.tiles):
            own, chains = np.ascontiguousarray(places[:, :, dim]), np.empty((len(places), self._levels), dtype=np.int64)
            numbers = np.empty(len(places), dtype=np.int64)
            known = np.full((int(own.max(initial=0)) + 1) ** self._levels, -1)
            cuts.append(Cuts.of(tiles[chains[: number(own, known, numbers, chains)]]))
            cut[:, dim] = numbers
        return Mappings(tuple(cuts), cut, _nests(self._levels), nest)

    def _cost(self) -> bool:
        """Cost what is new, and keep what fits and nothing beats; return whether there was anything."""
        first, end = self._costed, int(self._found.total[0])
        if end == first:
            return False
        mappings = self.mappings(slice(first, end))
        if self._counting is None or self._levels > 1:
            self._counting = counting(self._op, self._machine, self._kept, mappings)
        costs, allowed = self._counting.features(mappings.cut, mappings.nest)
        fits, costs = _fitting(costs, allowed, *self._room)
        rows, costs = np.concatenate([self._rows, first + fits]), np.concatenate([self._costs, costs])
        best = undominated(costs)
        self._rows, self._costs, self._costed = rows[best], costs[best], end
        return True

    def _good(self, near: float) -> Ints:
        """Return which of those found no other beats, or nearly."""
        memories, each = self._levels + 1, 2 if self._machine.structure.apart else 1
        # Room is compared exactly. What is waited for at first is part of what the outermost memory moves in all.
        slack = Slack(near=near, exact=(1, 1 + memories), last=each, whole=1 + memories)
        return self._rows[undominated(self._costs, slack)]

    def best(self) -> Ints:
        """Return which may be best in the room, and behind them the one that takes least."""
        return np.append(self._good(NEAR), self._single)


def refined(op: Op, machine: Machine, kept: Kept, room: tuple[Floats, Floats]) -> OpRows:
    """Return mappings that may be best in a room, and behind them the one that takes least room.

    Args:
        op: The op.
        machine: The machine; nothing in it stands in copies.
        kept: What stays on chip.
        room: The least and the most bytes for tiles in each memory inside the outermost one.
    """
    search = _Search(op, machine, kept, room)
    search.run()
    return op_rows(op, search.mappings(search.best()), machine)


@compiled
def _fitting(costs: Floats, allowed: Flags, least: Floats, most: Floats) -> tuple[Ints, Floats]:
    """Return the rows that are allowed and have room, and their costs; all below the least room is alike."""
    found, kept = 0, np.empty(len(costs), np.int64)
    for row in range(len(costs)):
        fits = allowed[row]
        for level in range(len(least)):
            fits = fits and costs[row, 2 + level] <= most[level]
        if fits:
            kept[found] = row
            found += 1
    some = costs[kept[:found]]
    for row in range(found):
        for level in range(len(least)):
            some[row, 2 + level] = max(some[row, 2 + level], least[level])
    return kept[:found], some
