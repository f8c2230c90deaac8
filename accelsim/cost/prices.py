"""What designs charge for moving bytes, starting ops and standing idle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hardware.accelerator import Accelerator, Memory
from accelsim.mapping.nest import Ints

__all__ = ["Bill", "Bills", "Prices", "prices"]

Floats = npt.NDArray[np.float64]


class Prices(NamedTuple):
    """What a design charges; ``D`` designs, ``M`` memories.

    Attributes:
        cycles_per_byte: Shape ``(M, 3, D)``: of reads and writes together, of reads, of writes.
        pj_per_byte: Shape ``(M, 2, D)``: read and written.
        dispatch: Shape ``(D,)``: cycles to start an op.
        leakage: Shape ``(D,)``: pJ a cycle.
    """

    cycles_per_byte: Floats
    pj_per_byte: Floats
    dispatch: Floats
    leakage: Floats


def prices(accelerator: Accelerator, leakage: Floats) -> Prices:
    """Return what designs charge; what is not modelled, and what has no limit, costs nothing. A byte takes its wires.

    Args:
        accelerator: The designs.
        leakage: Shape ``(designs,)``, pJ a cycle.
    """
    count = len(accelerator)
    slow = [
        [
            np.zeros(count) if limit is None else 1 / limit
            for limit in (memory.bandwidth_bytes_per_cycle, memory.read_bytes_per_cycle, memory.write_bytes_per_cycle)
        ]
        for memory in accelerator.memories
    ]
    dear = [
        [np.add(_known(each, count), _known(memory.wire_pj_per_byte, count)) for each in _energies(memory)]
        for memory in accelerator.memories
    ]
    return Prices(
        np.array(slow),
        np.array(dear),
        accelerator.array.dispatch_cycles,
        leakage,
    )


def _known(figure: Floats | None, count: int) -> Floats:
    return np.zeros(count) if figure is None else figure


def _energies(memory: Memory) -> tuple[Floats | None, Floats | None]:
    return memory.read_pj_per_byte, memory.write_pj_per_byte


class Bill(NamedTuple):
    """What one design charges for an op; ``M`` memories.

    Attributes:
        slow: Shape ``(M, 3)``: cycles a byte, of reads and writes together, of reads, of writes.
        dear: Shape ``(M, 2)``: pJ a byte, read and written.
        room: Shape ``(M,)``: bytes for tiles; infinite where there is no limit.
        base: Energy that no mapping changes, in pJ.
        dispatch: Cycles to start the op.
        leakage: pJ a cycle.
    """

    slow: Floats
    dear: Floats
    room: Floats
    base: float
    dispatch: float
    leakage: float


class Bills(NamedTuple):
    """What designs charge for steps.

    Attributes:
        charged: Prices, by the widths of the PEs.
        width: Shape ``(steps,)``: which of them hold.
        base: Shape ``(steps,)``: energy that no mapping changes, in pJ.
    """

    charged: Sequence[Prices]
    width: Ints
    base: Floats

    def numbers(self, known: dict[bytes, int]) -> Ints:
        """Return a number for all that designs charge but ``base``, shape ``(steps, designs)``; alike if that is.

        Args:
            known: The numbers given so far; new ones are added.
        """
        found = []
        for one in self.charged:
            parts = [*one.cycles_per_byte.reshape(-1, len(one.leakage)), *one.pj_per_byte.reshape(-1, len(one.leakage))]
            columns = np.ascontiguousarray(np.stack([*parts, one.dispatch, one.leakage]).T)
            found.append([known.setdefault(column.tobytes(), len(known)) for column in columns])
        return np.array(found)[self.width]

    def of(self, step: int, design: int, room: Floats) -> Bill:
        """Return the bill of a design for a step, with so much room for tiles, shape ``(M,)``."""
        one = self.charged[self.width[step]]
        return Bill(
            np.ascontiguousarray(one.cycles_per_byte[..., design]),
            np.ascontiguousarray(one.pj_per_byte[..., design]),
            np.ascontiguousarray(room),
            float(self.base[step]),
            float(one.dispatch[design]),
            float(one.leakage[design]),
        )
