"""Ways to run an op on an engine that cuts it into blocks by rules of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.cost.rows import Kept, Machine
from accelsim.cost.tables import Demand, Floats, Ints
from accelsim.engines.engine import Around, Ways, no_traffic, traversal
from accelsim.errors import NoMappingError
from accelsim.hardware.engines import Configured
from accelsim.workload.ops import Op

__all__ = ["BlockRows", "block_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class BlockRows:
    """Some ways to run an op on a machine; there are none if it cannot run there.

    Attributes:
        op: The op.
        machine: The machine.
        ways: What the engine says of them.
        problem: Why there are none.
    """

    op: Op
    machine: Machine
    ways: Ways
    problem: str = ""

    def __len__(self) -> int:
        return len(self.ways.words)

    def __getitem__(self, rows: Ints) -> BlockRows:
        ways = self.ways
        some = Ways(
            cycles=ways.cycles[rows],
            steps=ways.steps[rows],
            moved=ways.moved[rows],
            room=ways.room[rows],
            words=tuple(ways.words[row] for row in rows),
            slack_cycles=ways.slack_cycles,
            busy=None if ways.busy is None else ways.busy[rows],
        )
        return BlockRows(self.op, self.machine, some, self.problem)

    @property
    def footprint(self) -> Floats:
        """Shape ``(rows, M - 1, 3)``: room in every memory but the first."""
        return self.ways.room[:, 1:]

    @property
    def features(self) -> Floats:
        """Shape ``(rows, features)``: all that costs something."""
        ways, each = self.ways, 2 * self.ways.moved.shape[1]
        moved = [moved for moved in (ways.moved, ways.busy) if moved is not None]
        parts = [values.sum(axis=2).reshape(len(self), each) for values in moved]
        return np.concatenate([ways.cycles[:, None], ways.room.sum(axis=2), *parts], axis=1)

    @property
    def demand(self) -> Demand:
        """What they ask of the machine: the engine's cycles know what is waited for."""
        ways, count, memories = self.ways, len(self), len(self.machine.structure.holds)
        return Demand(
            moved=ways.moved,
            one=ways.under_way.sum(axis=2),
            serial=np.zeros((count, memories, 2)),
            ramp=np.zeros((count, 2)),
            cycles=ways.cycles,
            steps=ways.steps,
            room=ways.room,
            allowed=np.ones(count, dtype=bool),
        )


def block_rows(op: Op, machine: Machine, configured: Configured, kept: Kept) -> BlockRows:
    """Return the ways to run an op on a machine whose engine, with its options, cuts it into blocks."""
    name, settings = configured
    engine, memories = traversal(name), len(machine.structure.holds)
    weights, inputs, outputs = (level if stays else 0 for stays, level in zip(kept.stays, kept.levels, strict=True))
    problem = engine.unsupported(op, configured.words) if op.macs else None
    if problem is not None:
        problem += " (a `host` in the template would run it)"
    else:
        try:
            around = Around(memories, (weights, inputs, outputs), kept.first, kept.last, kept.slack_cycles)
            return BlockRows(op, machine, engine.ways(op, settings, around))
        except NoMappingError as error:
            problem = str(error)
    moved, room = no_traffic(0, memories)
    none = Ways(cycles=np.zeros(0), steps=np.zeros(0), moved=moved, room=room, words=())
    return BlockRows(op, machine, none, f"the engine {name} does not run it: {problem}")
