"""The fronts of a machine side by side, grown as ops and kept tensors turn up, so that a call puts nothing together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.columns import Columns
from accelsim.cost.front import Front, front, own_front
from accelsim.cost.index import STATE, Index
from accelsim.cost.prices import Bills
from accelsim.cost.room import CODES, ENDLESS, begins, codes_of, enough, nested, room_of, searched
from accelsim.cost.rows import Kept, Machine
from accelsim.hardware.engines import BLOCK_ENGINES
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["Rows", "Store", "rows_of", "store_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_PRIME = 1_099_511_628_211
#: Rows after which a store is given up for a new one; and if each has an object of its own.
_MOST, _MOST_OWN = 2_000_000, 200_000
#: What stays of ``W I O``, and whether it stands at the beginning and at the end of its network.
_KEPT_CODES, _ENDS = 32, 8


class Rows(NamedTuple):
    """Rows of many fronts; ``M`` memories. As in ``Demand``, all operands together.

    Attributes:
        moved: Shape ``(rows, M, 2)``: bytes read and written, all copies of a memory together.
        one: Shape ``(rows, M, 2)``: those of its first copy.
        serial: Shape ``(rows, M, 2)``: those of them that are waited for.
        ramp: Shape ``(rows, 2)``: bytes read before the first step and written after the last.
        cycles: Shape ``(rows,)``: cycles of the array.
        steps: Shape ``(rows,)``: those in which PEs work.
        room: Shape ``(rows, M)``: room that tiles take.
        allowed: Shape ``(rows,)``: whether no kept output leaves half-done.
        starts: Shape ``(fronts + 1,)``: first row of each front.
    """

    moved: Floats
    one: Floats
    serial: Floats
    ramp: Floats
    cycles: Floats
    steps: Floats
    room: Floats
    allowed: npt.NDArray[np.bool_]
    starts: Ints


def rows_of(fronts: Sequence[Front]) -> Rows:
    """Return the rows of fronts side by side."""
    asked = [one.demand for one in fronts]
    return Rows(
        moved=np.concatenate([one.moved.sum(axis=2) for one in asked]),
        one=np.concatenate([one.one for one in asked]),
        serial=np.concatenate([one.serial for one in asked]),
        ramp=np.concatenate([one.ramp for one in asked]),
        cycles=np.concatenate([one.cycles for one in asked]),
        steps=np.concatenate([one.steps for one in asked]),
        room=np.concatenate([one.room.sum(axis=2) for one in asked]),
        allowed=np.concatenate([one.allowed for one in asked]),
        starts=np.cumsum([0, *map(len, fronts)]),
    )


class Store:
    """Fronts of one machine.

    Args:
        machine: The machine.
        levels: Places of the memories that keep whole ``W I O``; -1 where none does.

    Attributes:
        fronts: The fronts, in the order they turned up.
        rows: Their rows.
    """

    def __init__(self, machine: Machine, levels: tuple[int, int, int]) -> None:
        self._machine, self._levels = machine, levels
        self.fronts: list[Front] = []
        shape = (len(machine.structure.holds),)
        self._rooms = CODES**machine.structure.levels if searched(machine) else 1
        self._columns = Columns(
            moved=(float, (*shape, 2)),
            one=(float, (*shape, 2)),
            serial=(float, (*shape, 2)),
            ramp=(float, (2,)),
            cycles=float,
            steps=float,
            room=(float, shape),
            allowed=np.bool_,
        )
        self._ends = Columns(starts=np.int64)
        self._ends.extend(starts=0)
        self.rows = self._seen()
        #: What an op may leave to the next one on the engine, its number, and the number of every front.
        self._slacks: list[float | None] = [None]
        self._slack_numbers: dict[float | None, int] = {None: 0}
        self._after = Columns(slack=np.int64)
        self._places: dict[Op, int] = {}
        self._ops: list[Op] = []
        #: Of every op, the class from which there is room for everything.
        self._enough = Columns(codes=np.int64)
        self._index = Index()
        #: What designs charge, where each has fronts of its own.
        self._prices: dict[bytes, int] = {}

    @property
    def hands_on(self) -> bool:
        """Whether the front of a step depends on the one that the step before it has."""
        blocks = self._machine.blocks
        return blocks is not None and BLOCK_ENGINES[blocks.name].hands_on

    def place(self, op: Op) -> int:
        """Return the number of an op."""
        found = self._places.setdefault(op, len(self._ops))
        if found == len(self._ops):
            self._ops.append(op)
            machine = self._machine.of(op)
            self._enough.extend(codes=enough(op) if searched(machine) else 0)
        return found

    def which(self, ops: Ints, kept: Ints, free: Floats, bills: Bills, opens: Flags | None = None) -> Ints:
        """Return the place of the front of each step on each design.

        Args:
            ops: Shape ``(steps,)``: numbers of the ops.
            kept: Shape ``(steps, designs)``: 1, 2 and 4 for ``W``, ``I`` and ``O`` that stay on chip, added; 8 and 16
                for a step that reads an input of the network, or makes a result of it.
            free: Shape ``(memories, steps, designs)``: bytes for tiles.
            bills: What the designs charge.
            opens: Shape ``(steps,)``: which steps do not follow the one before on the array; ``None`` for all. Only
                asked where the store ``hands_on``.
        """
        if self._machine.blocks is None:
            kept = kept % _ENDS  # a loop nest is the same wherever it stands
        cases = ops[:, None] * _KEPT_CODES + kept
        if nested(self._machine):
            return self._own(cases, free, bills)
        keys = cases * self._rooms
        if self._rooms > 1:
            keys += codes_of(free, self._enough.arrays["codes"][ops], begins())
        if opens is not None and self.hands_on:
            return self._follow(keys, opens)
        found = self._index.find(keys)
        if np.any(found < 0):
            self._add(np.unique(keys[found < 0]))
            found = self._index.find(keys)
        return found

    def _own(self, cases: Ints, free: Floats, bills: Bills) -> Ints:
        """Return the place of the front that each step has on each design for itself."""
        keys = np.empty_like(cases)
        _mix(cases, bills.numbers(self._prices), bills.base, np.ascontiguousarray(free).view(np.int64), keys)
        found = self._index.find(keys)
        if np.any(found < 0):
            steps, designs = np.nonzero(found < 0)
            new, first = np.unique(keys[steps, designs], return_index=True)
            # One op after the other, since the ways to cut it are kept for a few only.
            order = np.argsort(cases[steps[first], designs[first]], kind="stable")
            fronts = []
            for at in first[order].tolist():
                step, design = int(steps[at]), int(designs[at])
                place, code = divmod(int(cases[step, design]), _KEPT_CODES)
                bill = bills.of(step, design, free[:, step, design])
                fronts.append(own_front(self._ops[place], self._machine, self._kept(code), bill))
            self._put(new[order], fronts)
            found = self._index.find(keys)
        return found

    def _follow(self, keys: Ints, opens: Flags) -> Ints:
        """Return the place of the front of each step, of which every one is told what the one before leaves."""
        found, begin = np.empty_like(keys), 0
        while begin < len(keys):
            begin, missing = self._index.follow(keys, opens, self._after.arrays["slack"], found, begin)
            if len(missing):
                self._add(np.unique(missing))
        return found

    def _slack(self, cycles: float | None) -> int:
        """Return the number of what an op leaves to the next one."""
        found = self._slack_numbers.setdefault(cycles, len(self._slacks))
        if found == len(self._slacks):
            self._slacks.append(cycles)
        return found

    def _kept(self, code: int, slack: int = 0) -> Kept:
        stays = (bool(code & 1), bool(code & 2), bool(code & 4))
        return Kept(stays, self._levels, bool(code & _ENDS), bool(code & 2 * _ENDS), self._slacks[slack])

    def _add(self, missing: Ints) -> None:
        """Add the fronts of keys."""
        new = []
        for key in missing.tolist():
            slack, of = divmod(key, STATE) if self._machine.blocks is not None else (0, key)
            of, room = divmod(of, self._rooms)
            place, code = divmod(of, _KEPT_CODES)
            op = self._ops[place]
            among = room_of(room, op, self._machine.of(op)) if self._rooms > 1 else ENDLESS
            new.append(front(op, self._machine, self._kept(code, slack), among))
        self._put(missing, new)

    def _put(self, keys: Ints, fronts: list[Front]) -> None:
        self._index.add(keys, np.arange(len(keys)) + len(self.fronts))
        self.fronts += fronts
        self._after.extend(len(fronts), slack=[self._slack(one.slack_cycles) for one in fronts])
        parts = rows_of(fronts)._asdict()
        ends = parts.pop("starts")[1:] + self._columns.count
        self._columns.extend(len(parts["cycles"]), **parts)
        self._ends.extend(len(ends), starts=ends)
        self.rows = self._seen()

    def _seen(self) -> Rows:
        """Return the rows without the room behind them."""
        rows = {name: array[: self._columns.count] for name, array in self._columns.arrays.items()}
        return Rows(**rows, starts=self._ends.arrays["starts"][: self._ends.count])

    @property
    def full(self) -> bool:
        """Whether it has grown so large that a new one should take its place."""
        return len(self.rows.cycles) > (_MOST_OWN if nested(self._machine) else _MOST)


@lru_cache(maxsize=128)
def _stores(machine: Machine, levels: tuple[int, int, int]) -> list[Store]:
    return [Store(machine, levels)]


def store_of(machine: Machine, levels: tuple[int, int, int]) -> Store:
    """Return the fronts known of a machine.

    Args:
        machine: The machine.
        levels: Places of the memories that keep whole ``W I O``; -1 where none does.
    """
    held = _stores(machine, levels)
    if held[0].full:
        held[0] = Store(machine, levels)
    return held[0]


@compiled
def _mix(cases: Ints, prices: Ints, base: Floats, free: Ints, keys: Ints) -> None:
    """Fill ``keys`` with 62 bits of all that a search depends on; of millions of cases hardly ever two are alike."""
    for step in range(cases.shape[0]):
        for design in range(cases.shape[1]):
            mixed = cases[step, design] * _PRIME
            mixed = (mixed ^ (mixed >> 29) ^ prices[step, design]) * _PRIME
            mixed = (mixed ^ (mixed >> 31) ^ np.int64(base[step] * 1024)) * _PRIME
            for level in range(free.shape[0]):
                mixed = (mixed ^ (mixed >> 29) ^ free[level, step, design]) * _PRIME
            keys[step, design] = (mixed ^ (mixed >> 32)) & 0x3FFFFFFFFFFFFFFF
