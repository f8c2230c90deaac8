"""What a walked nest asks of every memory: its transfers to both sides and those of the array, put together."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from accelsim.dims import OPERANDS, Operand
from accelsim.workload.ops import Op
from oracle.machine_array import overhead
from oracle.machine_nest import Machine
from oracle.machine_walk import Key, MachineWalk

__all__ = ["NOTHING", "Asked", "asked", "first_copy", "held", "stands_in_copies"]

#: Read from a memory, or written to it.
_WAYS = ("read", "written")
#: For ``W I O``, the memory in which the whole tensor stays; -1 where it does not stay.
NOTHING = (-1, -1, -1)


@dataclass
class Asked:
    """Bits and cycles. Memories count from 0, the outermost; ways are ``read`` and ``written``.

    Attributes:
        moved: By memory, operand and way: all copies of the memory together.
        one: By memory and way: those of its first copy.
        waited: By memory and way: those of ``one`` that go into, or come from, memories without double buffering.
        first: By operand: bits read from the outermost memory before the first step, or written after the last.
        room: By memory and operand: what tiles take.
        cycles: Of the array.
        finished: Whether no result that stays leaves half-done.
    """

    moved: Counter[tuple[int, Operand, str]] = field(default_factory=Counter)
    one: Counter[tuple[int, str]] = field(default_factory=Counter)
    waited: Counter[tuple[int, str]] = field(default_factory=Counter)
    first: Counter[Operand] = field(default_factory=Counter)
    room: Counter[Key] = field(default_factory=Counter)
    cycles: int = 0
    finished: bool = True


def held(machine: Machine) -> list[Key]:
    """Return the memories inside the outermost one, with each operand that they hold."""
    pairs = itertools.product(range(1, machine.levels + 1), OPERANDS)
    return [(level, operand) for level, operand in pairs if machine.holds[level][OPERANDS.index(operand)]]


def stands_in_copies(machine: Machine, level: int) -> bool:
    """Return whether the memory, or the array after the last one, may stand in copies."""
    return any(machine.fans[:level])


def first_copy(machine: Machine, walk: MachineWalk, key: Key, role: str) -> int:
    """Return the bits of the first copy: of a memory that may stand in copies, padding of its windows counts."""
    level, operand = key
    memory = level if role.endswith("inside") else machine.parent(level, operand)
    padded = operand is Operand.I and stands_in_copies(machine, memory)
    return (walk.unclipped if padded else walk.one)[role][key]


def _tile_bits(op: Op, machine: Machine, buffered: Sequence[bool], walk: MachineWalk, key: Key) -> int:
    """Return the room that the tiles of an operand take: two where they change and are double-buffered."""
    level, operand = key
    in_sums = operand is Operand.O and (level in walk.spilled or Operand.O not in machine.flow.held)
    width = op.bits.partial if in_sums else getattr(op.bits, operand)
    return int(walk.room[key] * width * (2 if buffered[level] and key in walk.changes else 1))


def asked(
    op: Op, machine: Machine, buffered: Sequence[bool], walk: MachineWalk, stays: Sequence[int] = NOTHING
) -> Asked:
    """Return what a walk asks for; a tensor that stays moves neither into its memory nor further out.

    Args:
        op: The op.
        machine: The machine.
        buffered: For each memory, whether it is double-buffered.
        walk: What happened.
        stays: For ``W I O``, the memory in which the whole tensor stays; -1 where it does not stay.
    """
    found, keeper = Asked(), dict(zip(OPERANDS, stays, strict=True))
    for key in held(machine):
        level, operand = key
        outer = machine.parent(level, operand)
        # Weights and inputs that lie there whole need no tile; a result is still worked on.
        if level != keeper[operand] or operand is Operand.O:
            found.room[key] = _tile_bits(op, machine, buffered, walk, key)
        if level <= keeper[operand]:
            continue
        for way in _WAYS:
            for memory, role in ((outer, f"{way} outside"), (level, f"{way} inside")):
                found.moved[memory, operand, way] += walk.moved[role][key]
                found.one[memory, way] += first_copy(machine, walk, key, role)
            if not buffered[level]:
                found.waited[outer, way] += first_copy(machine, walk, key, f"{way} outside")
        if outer == 0:
            found.first[operand] = walk.first[operand]
    _at_the_edge(op, machine, walk, found)
    found.cycles = walk.steps + walk.passes * overhead(machine.flow.name, machine.rows, machine.columns)
    found.finished = keeper[Operand.O] not in walk.spilled
    return found


def _at_the_edge(op: Op, machine: Machine, walk: MachineWalk, found: Asked) -> None:
    """Add what crosses between the array and the innermost memory of each operand."""
    for operand in (Operand.W, Operand.I):
        holder, width = machine.parent(machine.levels + 1, operand), getattr(op.bits, operand)
        padded = operand is Operand.I and stands_in_copies(machine, holder)
        found.moved[holder, operand, "read"] += walk.crossing[operand] * width
        found.one[holder, "read"] += (walk.padded_crossing if padded else walk.one_crossing)[operand] * width
    holder = machine.parent(machine.levels + 1, Operand.O)
    for way, every, one in zip(_WAYS, walk.edge, walk.one_edge, strict=True):
        found.moved[holder, Operand.O, way] += every
        found.one[holder, way] += one
