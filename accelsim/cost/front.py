"""The rows worth comparing: those that no other row beats in everything that costs time, energy or room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.cost.blocks import BlockRows, block_rows
from accelsim.cost.descent import best_of_design
from accelsim.cost.dominance import undominated
from accelsim.cost.prices import Bill
from accelsim.cost.refine import refined
from accelsim.cost.room import ENDLESS, Room
from accelsim.cost.rows import Demand, Kept, Machine, OpRows, demand, features, op_rows
from accelsim.cost.score import scores
from accelsim.mapping.mapspace import SpatialLoop, mapspace
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["Front", "candidates", "front", "front_of", "own_front"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: The place of the only row.
_FIRST = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The rows that may be the best of some design.

    Attributes:
        rows: They, and behind them the candidate that takes least room; of an engine that cuts ops into blocks, they
            alone, and none at all if it cannot run the op.
        chosen: Shape ``(front,)``: which of all candidates they are, in rising order.
        kept: What stays on chip.
        demand: Their demand.
    """

    rows: OpRows | BlockRows
    chosen: Ints
    kept: Kept
    demand: Demand

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def nests(self) -> OpRows:
        """The rows, if they are loop nests.

        Raises:
            TypeError: They are blocks of an engine that has no loop nests.
        """
        if isinstance(self.rows, BlockRows):
            raise TypeError("an engine that cuts ops into blocks has no loop nests")
        return self.rows

    @property
    def slack_cycles(self) -> float | None:
        """What it leaves to the next op on an engine that hands something on."""
        return self.rows.ways.slack_cycles if isinstance(self.rows, BlockRows) else None

    def describe(self, row: int, memories: Sequence[str]) -> str:
        """Return a row in words; ``memories`` are the names of all."""
        if isinstance(self.rows, BlockRows):
            return self.rows.ways.words[row]
        return self.rows.mappings.describe(row, self.rows.op.sizes, tuple(memories[1:]))


@lru_cache(maxsize=256)
def _mappings(op: Op, levels: int, loops: tuple[SpatialLoop, ...]) -> Mappings:
    return mapspace(op, levels, loops)


@lru_cache(maxsize=256)
def candidates(op: Op, machine: Machine) -> OpRows:
    """Return the default mapper's candidates on a machine, on the array of it that works on ``op``."""
    machine = machine.of(op)
    return op_rows(op, _mappings(op, machine.structure.levels, machine.loops), machine)


@lru_cache(maxsize=8192)
def front(op: Op, machine: Machine, kept: Kept, room: Room = ENDLESS) -> Front:
    """Return the mappings of ``op``, or ways to cut it into blocks, that may be the best of some design.

    Args:
        op: The op.
        machine: The machine.
        kept: What stays on chip.
        room: The room for tiles, where candidates depend on it; see ``cost.refine``.
    """
    if machine.blocks is not None:
        blocks = block_rows(op, machine, machine.blocks, kept)
        chosen = undominated(blocks.features) if len(blocks) > 1 else np.arange(len(blocks))
        blocks = blocks[chosen]
        return Front(blocks, chosen, kept, blocks.demand)
    if not room.least:
        return front_of(candidates(op, machine), kept)
    rows = refined(op, machine.of(op), kept, (np.array(room.least), np.array(room.most)))
    chosen = np.arange(max(1, len(rows) - 1))
    return Front(rows, chosen, kept, demand(rows[chosen], kept))


def front_of(rows: OpRows, kept: Kept) -> Front:
    """Return the rows that may be the best of some design.

    Time and energy grow with the bytes that each memory reads and writes, with the cycles of the array, with what is
    waited for; a row fits or not by the room it takes. A row that has no less of anything than another one is
    therefore never better, whatever the bandwidths, prices and sizes; of equal rows the first stays.
    """
    costs, allowed = features(rows, kept)
    chosen = np.flatnonzero(allowed)
    if len(chosen):
        chosen = chosen[undominated(costs[chosen])]
    room = costs[:, 1 : 1 + len(rows.machine.structure.holds)].sum(axis=1)
    smallest = np.argmin(room, keepdims=True)
    chosen = chosen if len(chosen) else smallest
    return Front(rows[np.concatenate([chosen, smallest])], chosen, kept, demand(rows[chosen], kept))


@lru_cache(maxsize=8)
def _listed(op: Op, machine: Machine, kept: Kept) -> tuple[OpRows, Floats, Flags]:
    """Return the candidates that are listed, and their features."""
    found = candidates(op, machine)
    return found, *features(found, kept)


def own_front(op: Op, machine: Machine, kept: Kept, bill: Bill) -> Front:
    """Return the mapping of ``op`` that a search with the prices of one design finds; no candidate listed is better.

    Args:
        op: The op.
        machine: The machine.
        kept: What stays on chip.
        bill: What the design charges.
    """
    listed, costs, allowed = _listed(op, machine, kept)
    machine = machine.of(op)
    score, rows = best_of_design(op, machine, kept, bill)
    known = np.empty(len(listed))
    scores(costs, allowed, 2 if machine.structure.apart else 1, bill, known)
    at = int(np.argmin(known))
    if known[at] < score:
        smallest = int(np.argmin(costs[:, 1 : 1 + len(machine.structure.holds)].sum(axis=1)))
        rows = listed[np.array([at, smallest])]
    return Front(rows, _FIRST, kept, demand(rows[_FIRST], kept))
