"""Classes of the room that memories have for tiles: designs of a class share their candidates."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.rows import Machine
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["CODES", "ENDLESS", "Room", "begins", "codes_of", "enough", "nested", "room_of", "searched"]

Floats = npt.NDArray[np.float64]
_DOUBLINGS = 62
#: Memories inside the outermost one up to which designs have a search each; with more it would take too long.
_NESTED = 6
#: Whether loops are cut in more ways than those of ``accelsim.mapping.mapspace``.
_SEARCHES = True
#: More classes than there are of a memory.
CODES = 512


class Room(NamedTuple):
    """The room of a class, in each memory inside the outermost one.

    Attributes:
        least: Bytes that there are in any case.
        most: Bytes that there may be.
    """

    least: tuple[float, ...]
    most: tuple[float, ...]

    @classmethod
    def of(cls, free: Floats, op: Op, machine: Machine) -> Room:
        """Return the room of the class to which so many bytes for tiles belong, shape ``(memories,)``."""
        if not searched(machine):
            return ENDLESS
        code = int(codes_of(free[:, None, None], np.array([enough(op)]), begins())[0, 0])
        return room_of(code, op, machine)


#: All rooms are one class.
ENDLESS = Room((), ())


def searched(machine: Machine) -> bool:
    """Return whether the candidates on a machine depend on the room; where they do not, all rooms are one class."""
    return _SEARCHES and machine.blocks is None and not _several(machine)


def nested(machine: Machine) -> bool:
    """Return whether designs have a search each: some operand goes through several memories inside the outermost."""
    return _SEARCHES and machine.blocks is None and _several(machine)


def _several(machine: Machine) -> bool:
    return any(sum(held) > 1 for held in zip(*machine.structure.holds[1:], strict=True))


@lru_cache(maxsize=1)
def begins() -> Floats:
    """Return where classes begin, in bytes: the room doubles from one to the next."""
    found = np.asarray(2.0 ** np.arange(_DOUBLINGS))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=4096)
def enough(op: Op) -> int:
    """Return the class from which there is room for any tiles of an op, twice."""
    bits = op.bits
    inputs = op.input_elements * max(bits.I, bits.W)
    whole = op.weights * bits.W + inputs + op.output_elements * max(bits.O, bits.partial)
    return int(np.searchsorted(begins(), 2 * whole / 8))


@compiled
def codes_of(free: Floats, most: Ints, begins: Floats) -> Ints:
    """Return the classes of all memories inside the outermost one as one number.

    Args:
        free: Shape ``(memories, steps, designs)``: bytes.
        most: Shape ``(steps,)``: ``enough`` of each step.
        begins: Where classes begin.
    """
    memories, steps, designs = free.shape
    found = np.zeros((steps, designs), np.int64)
    for level in range(1, memories):
        for step in range(steps):
            for design in range(designs):
                low, high = 0, most[step]
                while low < high:
                    middle = (low + high + 1) // 2
                    if begins[middle] <= free[level, step, design]:
                        low = middle
                    else:
                        high = middle - 1
                found[step, design] = found[step, design] * CODES + low
    return found


def room_of(code: int, op: Op, machine: Machine) -> Room:
    """Return the room of a class, given as by ``codes_of``."""
    limit, edges, codes = enough(op), begins(), list[int]()
    for _ in range(machine.structure.levels):
        code, own = divmod(code, CODES)
        codes.insert(0, own)
    most = tuple(float(edges[own + 1]) if own < limit else np.inf for own in codes)
    return Room(tuple(float(edges[own]) for own in codes), most)
