"""The candidates of the default mapper where memories stand beside one another: a search for what may be best.

It starts from tiles that are coarsely spread and looks around those that are good: one dim finer or coarser, or one
finer and another coarser, so that the room stays about the same. What is good is judged without prices: mappings that
no other beats in everything that costs. Each operand goes through one memory on chip, so all have tiles alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.chains import Chains, alike_of
from accelsim.cost.deals import dealt
from accelsim.cost.dominance import Slack, undominated
from accelsim.cost.neighbours import added, around, found_of, outwards
from accelsim.cost.rows import Kept, Machine, OpRows, counting, op_rows
from accelsim.cost.ways import axes_of
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
_NEARLY = 0.03
_ROUNDS = 3
#: Above so many parts of a dim the next number of parts is larger by this fraction.
_FINER = 8
#: Mappings that there is room for at first, and of which no more are looked for.
_FIRST, _MOST = 2_048, 32_768


@lru_cache(maxsize=256)
def _menu(op: Op, machine: Machine) -> Menu:
    return menu_of(op, axes_of(machine), _FINER)


@lru_cache(maxsize=256)
def _chains(op: Op, machine: Machine) -> Chains:
    return alike_of(_menu(op, machine))


@lru_cache(maxsize=256)
def _cuts(op: Op, machine: Machine) -> tuple[Cuts, ...]:
    """Return every tile of the menu as a cut, the same for all levels, and behind them one element without copies."""
    chains, levels = _chains(op, machine), machine.structure.levels
    copies, found = np.array(dealt(op, machine)[0]), []
    for dim, count in enumerate(chains.nodes[:, 0].tolist()):
        tiles, shared = np.ones((count + 1, levels), np.int64), np.ones((count + 1, levels + 1), np.int64)
        tiles[:-1], shared[:-1] = chains.tiles[dim, 0, :count, None], copies[:, dim]
        found.append(Cuts(tiles, shared))
    return tuple(found)


@lru_cache(maxsize=8)
def _nests(levels: int) -> Ints:
    """Return an order for each operand that lies still; as tiles are alike, only the outermost loops turn."""
    return np.array([[order] * levels for order in STILL], dtype=np.int64)


class _Search:
    """The search for the mappings of an op that may be best in a room of so many bytes, the least and the most."""

    def __init__(self, op: Op, machine: Machine, kept: Kept, room: tuple[Floats, Floats]) -> None:
        self._cuts, self._menu, self._room = _cuts(op, machine), _menu(op, machine), room
        self._chains = _chains(op, machine)
        self._levels, self._copies = machine.structure.levels, bool(machine.loops)
        none = np.zeros((1, len(DIMS)), dtype=np.int64)
        self._counting = counting(op, machine, kept, Mappings(self._cuts, none, _nests(self._levels), none[:, 0]))
        self._found = found_of(_FIRST, len(DIMS))
        self._costed = 0
        self._each, self._memories = 2 if machine.structure.apart else 1, self._levels + 1
        self._rows = np.empty(0, dtype=np.int64)
        self._costs = np.empty((0, 1 + self._memories + self._each * (3 * self._memories + 1)))

    def run(self) -> Mappings:
        """Return those that may be best, and behind them the one that takes least room."""
        last, single = self._menu.last, np.zeros((1, len(DIMS)), dtype=np.int64)
        start = last - self._menu.start
        # Whatever the room, if a mapping fits, so does one with tiles of one element.
        start = np.concatenate([single, start])
        lists = np.empty((len(start), 2), dtype=np.int64)
        self._add(outwards, start, np.zeros(len(start), dtype=np.int64), 0, 0, lists)
        self._cost()
        looked = np.zeros(_MOST, dtype=np.bool_)
        for _ in range(_ROUNDS):
            good = self._good(_NEARLY)
            best = good[~looked[good]]
            looked[best] = True
            self._add(around, best, (0, 1), (False, True), False, 0)
            if not self._cost():
                break
        good = self._good(NEAR)
        # Where copies may keep a result from being summed in one place, one element at a time without them may do.
        alone = np.tile(last + 1, (2 if self._copies else 1, 1))
        return Mappings(
            self._cuts,
            np.concatenate([self._found.cut[good], alone]),
            _nests(self._levels),
            np.append(self._found.still[good], np.full(len(alone), 2)),
        )

    def _add(self, what: Callable[..., None], *given: Any) -> None:
        """Add mappings, in more room if need be."""
        self._found.total[1] = 1  # lists are not asked for again
        self._found = added(what, self._chains, self._found, _MOST, *given)

    def _cost(self) -> bool:
        """Cost what is new, and keep what fits and nothing beats; return whether there was anything."""
        first, end = self._costed, int(self._found.total[0])
        if end == first:
            return False
        costs, allowed = self._counting.features(self._found.cut[first:end], self._found.still[first:end])
        fits, costs = _fitting(costs, allowed, *self._room)
        rows, costs = np.concatenate([self._rows, first + fits]), np.concatenate([self._costs, costs])
        best = undominated(costs)
        self._rows, self._costs, self._costed = rows[best], costs[best], end
        return True

    def _good(self, near: float) -> Ints:
        """Return which of those found no other beats, or nearly."""
        memories = self._memories
        # Room is compared exactly. What is waited for at first is part of what the outermost memory moves in all.
        slack = Slack(near=near, exact=(1, 1 + memories), last=self._each, whole=1 + memories)
        return self._rows[undominated(self._costs, slack)]


def refined(op: Op, machine: Machine, kept: Kept, room: tuple[Floats, Floats]) -> OpRows:
    """Return mappings that may be best in a room, and behind them the one that takes least room.

    Args:
        op: The op.
        machine: The machine; no operand goes through several memories inside the outermost one.
        kept: What stays on chip.
        room: The least and the most bytes for tiles in each memory inside the outermost one.
    """
    return op_rows(op, _Search(op, machine, kept, room).run(), machine)


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
