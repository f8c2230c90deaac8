"""An accelerator: memories from the outermost in, an array, a vector unit. One object holds a batch of designs.

Every number is an array of shape ``(designs,)``; one design is a batch of one. What is not a number (which memory
holds what, the dataflow) is the same for the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dims import Operand
from accelsim.hardware.engines import Dataflow
from accelsim.parameters import Point

__all__ = ["Accelerator", "Array", "Floats", "Memory", "Technology", "Vector"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """A memory level.

    Attributes:
        name: Name in the template.
        holds: Operands whose tiles it holds; the others bypass it.
        size_bytes: Capacity, ``None`` if it has no limit.
        bandwidth_bytes_per_cycle: Reads and writes together, ``None`` if it has no limit.
        read_pj_per_byte: Energy of reading a byte, ``None`` if it is not modelled.
        write_pj_per_byte: Energy of writing a byte, ``None`` if it is not modelled.
        double_buffered: Whether the next tile is fetched while the present one is used; tiles then take twice their
            room.
        keeps: Operands whose whole tensors may stay here: weights from one inference to the next, feature maps from
            the layer that writes them to the last that reads them.
        keep_share: Greatest part of the capacity that such tensors may take.
        area_mm2: Area, ``None`` if it is not modelled; 0 for a memory off the chip.
        leakage_mw: Leakage power, ``None`` if it is not modelled.
    """

    name: str
    holds: tuple[Operand, ...]
    size_bytes: Floats | None
    bandwidth_bytes_per_cycle: Floats | None
    read_pj_per_byte: Floats | None
    write_pj_per_byte: Floats | None
    double_buffered: bool
    keeps: tuple[Operand, ...]
    keep_share: float
    area_mm2: Floats | None
    leakage_mw: Floats | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Array:
    """The array of processing elements (PEs), one MAC per PE and cycle.

    Attributes:
        dataflow: Which dims the rows and columns carry and what stays in the PEs.
        rows: PEs down.
        columns: PEs across.
        hold_limit: Stream steps that a held weight lasts before it is read again; infinite if there is no limit.
        dispatch_cycles: Cycles to start an op.
    """

    dataflow: Dataflow
    rows: Floats
    columns: Floats
    hold_limit: Floats
    dispatch_cycles: Floats

    @property
    def pes(self) -> Floats:
        """Number of PEs, which is also the peak number of MACs per cycle."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vector:
    """The unit for ops without MACs: elementary operations per cycle, and activations it applies in passing."""

    lanes: Floats
    fuses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """Energy, area and leakage of the logic; ``None`` where not modelled.

    Energies scale with bit widths: a multiplier with the product of its operands' widths, an adder and a register
    linearly (the law that Horowitz's 8-bit and 32-bit figures follow within 4 %).
    """

    name: str
    multiply_8bit_pj: float | None
    add_32bit_pj: float | None
    register_pj_per_bit: float | None
    multiplier_8bit_um2: float | None
    adder_32bit_um2: float | None
    register_um2_per_bit: float | None
    multiplier_8bit_leakage_mw: float | None
    adder_32bit_leakage_mw: float | None
    register_leakage_mw_per_bit: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accelerator:
    """A batch of designs of one template that differ only in numbers.

    Attributes:
        name: Name of the template.
        parameters: One point per design.
        memories: From the outermost to the innermost; the first holds every operand and has no size limit.
        array: The PEs.
        vector: The vector unit.
        technology: Energy, area and leakage of the logic.
        clock_hz: Clock frequency.
    """

    name: str
    parameters: tuple[Point, ...]
    memories: tuple[Memory, ...]
    array: Array
    vector: Vector
    technology: Technology
    clock_hz: Floats

    def __len__(self) -> int:
        return len(self.parameters)

    def path(self, operand: Operand) -> tuple[int, ...]:
        """Return the places in ``memories`` that hold ``operand``, outermost first."""
        return tuple(place for place, memory in enumerate(self.memories) if operand in memory.holds)
