"""Mappings of an op with everything that depends on no design but the size of the array; worked out once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.array import Geometry, Work, work
from accelsim.cost.traffic import Structure, Traffic, traffic
from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Accelerator, Memory
from accelsim.hardware.engines import Dataflow
from accelsim.mapping.mapspace import SpatialLoop
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op

__all__ = ["Demand", "Kept", "Machine", "OpRows", "demand", "machine_of", "op_rows"]

Floats = npt.NDArray[np.float64]


class Machine(NamedTuple):
    """What is the same for all designs that share rows: all but bandwidths, sizes and prices.

    Attributes:
        structure: Which memory holds what, and how.
        flow: How loops are laid on the array.
        size: Size of the array.
        loops: The axes of what stands in copies, from the outside in.
    """

    structure: Structure
    flow: Dataflow
    size: Geometry
    loops: tuple[SpatialLoop, ...] = ()


def machine_of(accelerator: Accelerator) -> Machine:
    """Return what the designs of a batch have in common.

    Raises:
        ValueError: Their arrays differ in size.
    """
    array = accelerator.array
    sizes = [(float(values[0]), values) for values in (array.rows, array.columns, array.hold_limit)]
    if any(np.any(values != first) for first, values in sizes):
        raise ValueError("the designs of a batch need arrays of one size; use evaluate_points for others")
    memories, fans = accelerator.memories, accelerator.fan_outs[1:]
    structure = Structure(
        holds=tuple(tuple(operand in memory.holds for operand in OPERANDS) for memory in memories),  # type: ignore[misc]
        double_buffered=tuple(memory.double_buffered for memory in memories),
        outputs_held=Operand.O in array.dataflow.held,
        sliding=tuple(memory.sliding for memory in memories),
        fans=tuple(fan is not None for fan in fans),
        multicast=tuple(fan is None or fan.multicast for fan in fans),
        reduces=tuple(fan is None or fan.reduce for fan in fans),
        apart=any(map(_apart, memories)),
    )
    return Machine(structure, array.dataflow, Geometry(*(first for first, _ in sizes)), tuple(_loops(accelerator)))


def _loops(accelerator: Accelerator) -> Iterator[SpatialLoop]:
    for place, fan in enumerate(accelerator.fan_outs):
        for axis in fan.axes if fan is not None else ():
            if np.any(axis.size != axis.size[0]):
                raise ValueError("the designs of a batch need as many copies of everything; use evaluate_points")
            yield SpatialLoop(place, int(axis.size[0]), axis.dims)


def _apart(memory: Memory) -> bool:
    """Return whether it matters if bytes are read or written."""
    read, write = memory.read_pj_per_byte, memory.write_pj_per_byte
    alike = read is write or (read is not None and write is not None and np.array_equal(read, write))
    return not alike or memory.read_bytes_per_cycle is not None or memory.write_bytes_per_cycle is not None


class Kept(NamedTuple):
    """Which whole tensors of a layer stay on chip, for ``W I O``, and the memory that keeps such tensors.

    Attributes:
        stays: Whether the tensor stays.
        levels: Place of the memory; -1 if none keeps it.
    """

    stays: tuple[bool, bool, bool]
    levels: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class OpRows:
    """Some mappings of an op on a machine, with their traffic between memories and their work on the array."""

    op: Op
    machine: Machine
    mappings: Mappings
    traffic: Traffic
    work: Work

    def __len__(self) -> int:
        return len(self.mappings)


def op_rows(op: Op, mappings: Mappings, machine: Machine) -> OpRows:
    """Return ``mappings`` of ``op`` with everything that depends on the machine alone."""
    moved = traffic(op, mappings, machine.structure)
    return OpRows(op, machine, mappings, moved, work(op, mappings, machine.structure, machine.flow, machine.size))


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What rows ask of the memories and the array; ``M`` memories, bytes and cycles.

    Attributes:
        moved: Shape ``(rows, M, 3, 2)``: bytes read and written of ``W I O``, all copies of a memory together.
        one: Shape ``(rows, M, 2)``: bytes that the first copy of a memory reads and writes.
        serial: Shape ``(rows, M, 2)``: those of them that the array waits for, being moved to or from a memory that is
            not double-buffered.
        ramp: Shape ``(rows, 2)``: bytes read from the outermost memory before the first step, and written to it after
            the last.
        cycles: Shape ``(rows,)``: cycles of the array.
        room: Shape ``(rows, M, 3)``: room that tiles take.
        allowed: Shape ``(rows,)``: whether no kept output leaves half-done: it has no room for partial sums.
    """

    moved: Floats
    one: Floats
    serial: Floats
    ramp: Floats
    cycles: Floats
    room: Floats
    allowed: npt.NDArray[np.bool_]


def demand(rows: OpRows, kept: Kept) -> Demand:
    """Return what ``rows`` ask of the machine when some whole tensors stay on chip.

    A kept tensor moves neither into the memory that keeps it nor further out, and needs no tile of its own there,
    except an output, which is still worked on there.
    """
    structure, count, memories = rows.machine.structure, len(rows), len(rows.machine.structure.holds)
    moved, one = np.zeros((count, memories, 3, 2)), np.zeros((count, memories, 2))
    serial, ramp = np.zeros((count, memories, 2)), np.zeros((count, 2))
    room, allowed = np.zeros((count, memories, 3)), np.ones(count, dtype=bool)
    for place, operand in enumerate(OPERANDS):
        level = kept.levels[place] if kept.stays[place] else -1
        for inner in range(1, memories):
            if not structure.holds[inner][place]:
                continue
            if inner != level:
                room[:, inner, place] = rows.traffic.footprint[:, inner - 1, place]
            elif operand is Operand.O:
                room[:, inner, place] = rows.traffic.footprint[:, inner - 1, place]
                allowed &= ~rows.traffic.spilled[:, inner - 1]
            if inner <= level:
                continue
            outer = structure.parent(inner, place)
            between, alone = rows.traffic.moved[:, inner - 1, place], rows.traffic.one[:, inner - 1, place]
            for table, amounts in ((moved[:, :, place], between), (one, alone)):
                table[:, outer, 0] += amounts[:, 0]
                table[:, inner, 1] += amounts[:, 1]
                table[:, inner, 0] += amounts[:, 2]
                table[:, outer, 1] += amounts[:, 3]
            if not structure.double_buffered[inner]:
                serial[:, outer] += alone[:, [0, 3]]
            if outer == 0:
                ramp[:, int(operand is Operand.O)] += rows.traffic.first[:, place]
        _at_the_array(rows, place, moved[:, :, place], one)
    return Demand(moved, one, serial, ramp, rows.work.cycles, room, allowed)


def _at_the_array(rows: OpRows, place: int, moved: Floats, one: Floats) -> None:
    """Add what crosses between the array and the innermost memory that holds an operand of ``W I O``."""
    structure, bits, found = rows.machine.structure, rows.op.bits, rows.work
    level = structure.parent(structure.levels + 1, place)
    operand = OPERANDS[place]
    every = ((moved, found.crossing, rows.op.output_elements * rows.traffic.fresh), (one, found.one, found.share))
    for table, crossing, fresh in every:
        if operand is Operand.O:
            again = (crossing[:, place] - fresh) * bits.partial / 8
            table[:, level, 0] += again
            # Where several copies sum the same output, none of them sees it complete.
            table[:, level, 1] += again + fresh * np.where(rows.traffic.alone, bits.O, bits.partial) / 8
        else:
            table[:, level, 0] += crossing[:, place] * getattr(bits, operand) / 8
