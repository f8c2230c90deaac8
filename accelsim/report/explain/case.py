"""One layer made of MACs, on one design, with its mapping: everything that its sums are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.cost.front import Front
from accelsim.cost.rows import Kept, Machine, working
from accelsim.cost.traffic import relevant
from accelsim.dims import DIMS, OPERANDS, Dim, Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.workload.ops import Op

__all__ = ["Case", "Load", "Loop", "case_of"]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over tiles.

    Attributes:
        level: Place of the memory in which the loop stands: it walks over the tiles of the next one.
        dim: The dim.
        turns: Turns in a full tile.
        step: What all copies of the next memory take in a turn.
        last: What the last turn takes.
    """

    level: int
    dim: Dim
    turns: int
    step: int
    last: int


@dataclass(frozen=True, slots=True)
class Load:
    """Where an operand's tile is fetched (or, of outputs, begun and put away).

    Attributes:
        operand: The operand.
        inner: Place of the memory that the tile is for.
        outer: Place of the memory it comes from.
        inside: How many of ``Case.loops`` stand around it.
        outside: How many levels' loops of each dim stand around it, in the order of ``DIMS``.
    """

    operand: Operand
    inner: int
    outer: int
    inside: int
    outside: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A layer, a design and a mapping.

    Attributes:
        name: Name of the layer.
        op: The op.
        machine: What the cost model needs to know of the design.
        accelerator: The design.
        kept: Which whole tensors stay on chip.
        tiles: For levels 1 to ``L``, sizes of a tile in the order of ``DIMS``.
        copies: The same of the copies, at the levels and at the array.
        orders: For each level, the dims from the outermost to the innermost loop.
        front: The rows from which the mapping was chosen.
        row: Its place in the front.
        used_bytes: For each memory, what whole tensors take of it while the layer runs.
        fused: Activations applied to the result.
        handed_bytes: Borders handed over before it.
    """

    name: str
    op: Op
    machine: Machine
    accelerator: Accelerator
    kept: Kept
    tiles: tuple[tuple[int, ...], ...]
    copies: tuple[tuple[int, ...], ...]
    orders: tuple[tuple[Dim, ...], ...]
    front: Front
    row: int
    used_bytes: tuple[float, ...]
    fused: tuple[Op, ...] = ()
    handed_bytes: float = 0.0

    @property
    def fused_work(self) -> float:
        """Vector operations of the activations applied to the result."""
        return sum(op.vector_ops for op in self.fused)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the memories, outermost first."""
        return tuple(memory.name for memory in self.accelerator.memories)

    @property
    def working(self) -> Accelerator:
        """The design as the layer sees it, with the array that works on it."""
        return working(self.accelerator, self.op)

    @property
    def levels(self) -> int:
        """Memories inside the outermost one; the array's place is one more."""
        return len(self.tiles)

    def tile(self, place: int, dim: Dim) -> int:
        """Return what a copy takes of a dim at ``place``: 0 is the whole loop, ``levels + 1`` the array."""
        if place == 0:
            return self.op.size(dim)
        if place <= self.levels:
            return self.tiles[place - 1][dim.position]
        return -(-self.tile(self.levels, dim) // self.copied(place, dim))

    def copied(self, place: int, dim: Dim) -> int:
        """Return how many copies share out a dim at ``place`` (1 to ``levels + 1``)."""
        return self.copies[place - 1][dim.position]

    def step(self, place: int, dim: Dim) -> int:
        """Return what all copies at ``place`` take together."""
        return self.cover(place - 1, place, dim)

    def cover(self, outer: int, place: int, dim: Dim) -> int:
        """Return what all copies behind the place ``outer`` and up to ``place`` take together."""
        copies = math.prod(self.copied(between, dim) for between in range(outer + 1, place + 1))
        return min(self.tile(place, dim) * copies, self.tile(outer, dim))

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops that turn more than once, outermost first."""
        return tuple(
            Loop(level, dim, turns, self.step(level + 1, dim), last)
            for level, order in enumerate(self.orders)
            for dim in order
            for turns, last in (self._turns(level, dim),)
            if turns > 1
        )

    def _turns(self, level: int, dim: Dim) -> tuple[int, int]:
        whole, step = self.tile(level, dim), self.step(level + 1, dim)
        turns = -(-whole // step)
        return turns, whole - (turns - 1) * step

    def indexes(self, operand: Operand, dim: Dim) -> bool:
        """Return whether a dim indexes an operand."""
        return bool(relevant(self.op, operand)[dim.position])

    def bits(self, operand: Operand) -> int:
        """Return the width of an operand."""
        return int(getattr(self.op.bits, operand))

    def kept_at(self, operand: Operand) -> int:
        """Return the place of the memory in which a whole operand stays; -1 if it does not stay."""
        place = OPERANDS.index(operand)
        return self.kept.levels[place] if self.kept.stays[place] else -1

    def moves(self, operand: Operand) -> Iterator[Load]:
        """Yield the loads of an operand that take place, outermost first: none into or out of where it stays."""
        place = OPERANDS.index(operand)
        for inner in range(1, self.levels + 1):
            if self.machine.structure.holds[inner][place] and inner > self.kept_at(operand):
                yield self.load(operand, inner)

    def load(self, operand: Operand, inner: int) -> Load:
        """Return where the tiles of ``operand`` in the memory ``inner`` are fetched.

        The load stands just inside the innermost loop outside ``inner`` that indexes the operand and turns more than
        once.
        """
        loops = self.loops
        inside = max(
            (at + 1 for at, loop in enumerate(loops) if loop.level < inner and self.indexes(operand, loop.dim)),
            default=0,
        )
        outside = [0] * len(DIMS)
        if inside:
            innermost = loops[inside - 1]
            order = self.orders[innermost.level]
            before = order[: order.index(innermost.dim) + 1]
            outside = [innermost.level + (dim in before) for dim in DIMS]
        outer = self.machine.structure.parent(inner, OPERANDS.index(operand))
        return Load(operand, inner, outer, inside, tuple(outside))

    def widened(self, operand: Operand, inner: int) -> bool:
        """Return whether tiles of outputs stand in a memory as partial sums."""
        if operand is not Operand.O:
            return False
        traffic, row = self.front.nests.traffic, self.row
        return bool(traffic.spilled[row, inner - 1]) or not self.machine.structure.outputs_held


def case_of(
    name: str,
    accelerator: Accelerator,
    front: Front,
    row: int,
    used_bytes: tuple[float, ...] | None = None,
    fused: tuple[Op, ...] = (),
    handed_bytes: float = 0.0,
) -> Case:
    """Return the case of a row of a front.

    Args:
        name: Name of the layer.
        accelerator: One design.
        front: Rows of the layer on this design's machine.
        row: Place in the front.
        used_bytes: For each memory, what whole tensors take of it; by default nothing.
        fused: Activations applied to the result.
        handed_bytes: Borders handed over before it.

    Raises:
        TypeError: The machine's engine cuts ops into blocks.
    """
    rows = front.nests
    one = rows.mappings[np.array([row])]
    return Case(
        name=name,
        op=rows.op,
        machine=rows.machine,
        accelerator=accelerator,
        kept=front.kept,
        tiles=tuple(tuple(map(int, level)) for level in one.tiles[0]),
        copies=tuple(tuple(map(int, place)) for place in one.copies[0]),
        orders=tuple(tuple(DIMS[dim] for dim in level) for level in one.orders[0]),
        front=front,
        row=row,
        used_bytes=used_bytes or (0.0,) * len(accelerator.memories),
        fused=fused,
        handed_bytes=handed_bytes,
    )
