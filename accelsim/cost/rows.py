"""Mappings of an op with everything that depends on no design but the size of the array; worked out once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost import kernels
from accelsim.cost.array import Geometry, Work, at_the_array, operation_of, work
from accelsim.cost.moves import room_for
from accelsim.cost.tables import Demand, Factors, Flags, Floats, Flow, Ints, Layout, Moved, Nest, Tables
from accelsim.cost.traffic import Structure, Traffic, between, traffic
from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Accelerator, Memory
from accelsim.hardware.engines import Configured, Dataflow
from accelsim.mapping.mapspace import SpatialLoop
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op

__all__ = [
    "Counting",
    "Demand",
    "Kept",
    "Machine",
    "OpRows",
    "counting",
    "demand",
    "features",
    "machine_of",
    "op_rows",
    "working",
    "worth",
]


class Machine(NamedTuple):
    """What is the same for all designs that share rows: all but bandwidths, sizes and prices.

    Attributes:
        structure: Which memory holds what, and how.
        flow: How loops are laid on the array.
        size: Size of the array.
        loops: The axes of what stands in copies, from the outside in.
        blocks: The engine, if it cuts ops into blocks of its own; no loops are then laid on the array.
        depthwise: The machine that a depthwise convolution sees; ``None`` if it is this one.
    """

    structure: Structure
    flow: Dataflow
    size: Geometry
    loops: tuple[SpatialLoop, ...] = ()
    blocks: Configured | None = None
    depthwise: Machine | None = None

    def of(self, op: Op) -> Machine:
        """Return the machine as ``op`` sees it: with the array that works on it."""
        return self.depthwise if self.depthwise is not None and op.depthwise else self


def working(accelerator: Accelerator, op: Op) -> Accelerator:
    """Return the accelerator as ``op`` sees it: with the array that works on it, and its peak in such work.

    Raises:
        InputError: A step of the array takes no time.
    """
    found = accelerator.working(depthwise=op.depthwise)
    return found if found.array.step_cycles is None else replace(found, array=found.array.doing(operation_of(op)))


def worth(accelerator: Accelerator, op: Op) -> Floats:
    """Return how many MACs the array could do at its peak while one of ``op`` is done at the peak of what works on it.

    Shape ``(designs,)``. With them, quotients over the array's peak are averages over time of what each op makes of the
    PEs that work on it.
    """
    return accelerator.peak_macs / working(accelerator, op).peak_macs


def machine_of(accelerator: Accelerator) -> Machine:
    """Return what the designs of a batch have in common.

    Raises:
        ValueError: Their arrays differ in size.
    """
    if accelerator.depthwise is not None:
        usual, other = (machine_of(accelerator.working(depthwise=one)) for one in (False, True))
        return usual._replace(depthwise=other)
    array = accelerator.array
    if any(np.any(values != values[0]) for values in array.alike()):
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
    return Machine(
        structure,
        array.dataflow,
        Geometry(
            float(array.rows[0]),
            float(array.columns[0]),
            float(array.hold_limit[0]),
            None if array.step_cycles is None else array.step_cycles.of(0),
        ),
        tuple(_loops(accelerator)),
        None if array.blocks is None else array.blocks.configured(0),
    )


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
        first: Whether the layer reads an input of the network; told only to engines that cut ops into blocks.
        last: Whether its result is one of the network; likewise.
        slack_cycles: What the layer before leaves to it, if the engine hands something on; see ``engines.engine.Ways``.
    """

    stays: tuple[bool, bool, bool]
    levels: tuple[int, int, int]
    first: bool = False
    last: bool = False
    slack_cycles: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OpRows:
    """Some mappings of an op on a machine."""

    op: Op
    machine: Machine
    mappings: Mappings

    def __len__(self) -> int:
        return len(self.mappings)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | Ints) -> OpRows:
        return OpRows(self.op, self.machine, self.mappings[rows])

    @property
    def footprint(self) -> Floats:
        """Shape ``(rows, M - 1, 3)``: room of the tiles in every memory but the first, worked out anew."""
        return self.traffic.footprint

    @property
    def traffic(self) -> Traffic:
        """Their traffic between memories, worked out anew."""
        return traffic(self.op, self.mappings, self.machine.structure)

    @property
    def work(self) -> Work:
        """Their work on the array, worked out anew."""
        machine = self.machine
        return work(self.op, self.mappings, machine.structure, machine.flow, machine.size)


def op_rows(op: Op, mappings: Mappings, machine: Machine) -> OpRows:
    """Return ``mappings`` of ``op`` on a machine."""
    return OpRows(op, machine, mappings)


@lru_cache(maxsize=1024)
def _flow(structure: Structure, kept: Kept) -> Flow:
    """Return where bytes go, but for the widths of an op."""
    memories, outputs = len(structure.holds), OPERANDS.index(Operand.O)
    levels = [level if stays else 0 for stays, level in zip(kept.stays, kept.levels, strict=True)]
    inside, outside = np.full((memories, 3), -1), np.full((memories, 3), -1)
    rooms, fills = np.zeros((memories, 3), dtype=bool), np.zeros(3)
    for inner in range(1, memories):
        for operand in (operand for operand in range(3) if structure.holds[inner][operand]):
            # A kept output is still worked on where it is kept.
            rooms[inner, operand] = inner != levels[operand] or operand == outputs
            if inner > levels[operand]:
                outer = structure.parent(inner, operand)
                inside[inner, operand] = outside[outer, operand] = inner - 1
                fills[operand] += outer == 0
    return Flow(
        inside=inside,
        outside=outside,
        edges=np.array([structure.parent(memories, operand) for operand in range(3)]),
        rooms=rooms,
        waits=~np.array(structure.double_buffered),
        fills=fills,
        unfinished=levels[outputs] - 1,
        bits=np.ones(4),
        outputs=0.0,
    )


class Counting(NamedTuple):
    """What the loop over mappings with the same cuts and orders reads, when some whole tensors stay on chip.

    Attributes:
        between: What counts traffic between memories, and room for it.
        array: What counts work at the array.
        flow: Where bytes go.
        apart: Whether reading and writing have costs of their own.
    """

    between: tuple[Factors, Tables, Nest, Moved]
    array: tuple[Factors, Layout]
    flow: Flow
    apart: bool

    def features(self, cut: Ints, nest: Ints) -> tuple[Floats, Flags]:
        """Return the features of mappings, as ``features`` does.

        Args:
            cut: Shape ``(mappings, dims)``, as in ``Mappings``.
            nest: Shape ``(mappings,)``.
        """
        memories, each = len(self.flow.inside), 2 if self.apart else 1
        found, asked = np.empty((len(cut), 1 + memories + each * (3 * memories + 1))), _room(0, len(cut), memories)
        kernels.count(self.between, self.array, self.flow, cut, nest, asked, found, each)
        return found, asked.allowed

    def demand(self, cut: Ints, nest: Ints) -> Demand:
        """Return what mappings ask of the machine, given as for ``features``."""
        found = _room(len(cut), len(cut), len(self.flow.inside))
        kernels.count(self.between, self.array, self.flow, cut, nest, found, np.empty((0, 0)), 0)
        return found

    def keeping(self, structure: Structure, kept: Kept) -> Counting:
        """Return the same for other whole tensors that stay on chip."""
        return self._replace(flow=_flow(structure, kept)._replace(bits=self.flow.bits, outputs=self.flow.outputs))


def counting(op: Op, machine: Machine, kept: Kept, mappings: Mappings) -> Counting:
    """Return what the loop over mappings with the cuts and orders of ``mappings`` reads."""
    bits = op.bits
    factors, tables, nests = between(op, mappings, machine.structure)
    widths = np.array([bits.W, bits.I, bits.O, bits.partial], dtype=float)
    return Counting(
        (factors, tables, nests, room_for(kernels.BLOCK, tables)),
        at_the_array(op, mappings, machine.structure, machine.flow, machine.size),
        _flow(machine.structure, kept)._replace(bits=widths, outputs=float(op.output_elements)),
        machine.structure.apart,
    )


def demand(rows: OpRows, kept: Kept) -> Demand:
    """Return what ``rows`` ask of the machine when some whole tensors stay on chip.

    A kept tensor moves neither into the memory that keeps it nor further out, and needs no tile of its own there,
    except an output, which is still worked on there.
    """
    return counting(rows.op, rows.machine, kept, rows.mappings).demand(rows.mappings.cut, rows.mappings.nest)


def features(rows: OpRows, kept: Kept) -> tuple[Floats, Flags]:
    """Return what ``rows`` ask of that costs something, all operands together, and which of them are allowed.

    Shape ``(rows, features)``: the cycles of the array, the room in each memory, and then, of ``Demand``: ``moved``,
    ``one``, ``serial``, ``ramp``. Where reading and writing cost the same, they are added up.
    """
    return counting(rows.op, rows.machine, kept, rows.mappings).features(rows.mappings.cut, rows.mappings.nest)


def _room(rows: int, asked: int, memories: int) -> Demand:
    return Demand(
        moved=np.empty((rows, memories, 3, 2)),
        one=np.empty((rows, memories, 2)),
        serial=np.empty((rows, memories, 2)),
        ramp=np.empty((rows, 2)),
        cycles=np.empty(rows),
        steps=np.empty(rows),
        room=np.empty((rows, memories, 3)),
        allowed=np.empty(asked, dtype=bool),
    )
