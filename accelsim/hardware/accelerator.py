"""An accelerator: memories from the outermost in, an array, a vector unit. One object holds a batch of designs.

Every number is an array of shape ``(designs,)``; one design is a batch of one. What is not a number (which memory
holds what, the dataflow) is the same for the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dims import Dim, Operand
from accelsim.hardware.beside import Abilities, Host, Vector
from accelsim.hardware.engines import Configured, Dataflow
from accelsim.hardware.logic import Technology
from accelsim.hardware.step_cycles import Operation, StepCycles
from accelsim.parameters import Point, Points

__all__ = [
    "Abilities",
    "Accelerator",
    "Array",
    "BlockArray",
    "Divided",
    "FanOut",
    "Floats",
    "Host",
    "Memory",
    "SpatialAxis",
    "Technology",
    "Vector",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpatialAxis:
    """A direction in which copies stand.

    Attributes:
        name: Name in the template, of no other axis of the machine.
        size: Copies along it.
        dims: Dims that may be dealt out along it.
    """

    name: str
    size: Floats
    dims: tuple[Dim, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FanOut:
    """Copies of a memory and of all inside it, or of the array.

    Attributes:
        axes: Directions in which the copies stand; there are as many copies as the product of their sizes.
        multicast: Whether one read outside serves all copies that need the same tile.
        reduce: Whether partial sums of copies are added on the way out.
    """

    axes: tuple[SpatialAxis, ...]
    multicast: bool = True
    reduce: bool = True

    @property
    def copies(self) -> Floats:
        """Number of copies in one place outside."""
        return np.asarray(np.prod([axis.size for axis in self.axes], axis=0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """Parts of a memory, over which the rows and columns of whole feature maps are spread.

    Attributes:
        rows: Parts down a map.
        columns: Parts across it.
        bytes_per_cycle: At which parts hand their borders to neighbours, all together.
    """

    rows: Floats
    columns: Floats
    bytes_per_cycle: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """A memory level. It may stand in copies: sizes and bandwidths are of one, area and leakage of all together.

    Attributes:
        name: Name in the template.
        holds: Operands whose tiles it holds; the others bypass it.
        size_bytes: Capacity, ``None`` if it has no limit.
        bandwidth_bytes_per_cycle: Reads and writes together, ``None`` if it has no limit.
        read_bytes_per_cycle: Reads alone, ``None`` if they have no limit of their own.
        write_bytes_per_cycle: Writes alone, ``None`` if they have no limit of their own.
        read_pj_per_byte: Energy of reading a byte, ``None`` if it is not modelled.
        write_pj_per_byte: Energy of writing a byte, ``None`` if it is not modelled.
        double_buffered: Whether the next tile is fetched while the present one is used; tiles then take twice their
            room.
        keeps: Operands whose whole tensors may stay here: weights from one inference to the next, feature maps from
            the layer that writes them to the last that reads them.
        keep_share: Greatest part of the capacity that such tensors may take.
        area_mm2: Area, ``None`` if it is not modelled; 0 for a memory off the chip.
        leakage_mw: Leakage power, ``None`` if it is not modelled.
        in_pes: Whether its banks stand in the PEs.
        wire_pj_per_byte: Energy of the wires that a byte read or written takes, ``None`` if it is not modelled; 0 for a
            memory off the chip.
        sliding: Whether a tile of the input fetches only what the tile one step before it did not have.
        fan_out: In how many copies it stands, with all inside it; ``None`` if in one.
        keeps_ends: Whether the inputs and results of a network lie here too, if it keeps feature maps.
        divided: Parts over which whole feature maps are spread; ``None`` if it is one piece.
        stripes: Whether layers are worked on together in stripes of rows where the maps between them do not fit.
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
    read_bytes_per_cycle: Floats | None = None
    write_bytes_per_cycle: Floats | None = None
    sliding: bool = False
    fan_out: FanOut | None = None
    keeps_ends: bool = False
    in_pes: bool = False
    wire_pj_per_byte: Floats | None = None
    divided: Divided | None = None
    stripes: bool = False

    def busy_cycles(self, read: Floats, written: Floats) -> Floats | None:
        """Return the cycles that one copy needs to move its bytes, the most that any of its bandwidths asks for.

        Args:
            read: Bytes read from one copy; broadcasts with ``(designs,)``.
            written: Bytes written into it; the same.

        Returns:
            Shape of ``read``, ``written`` and ``(designs,)`` broadcast; ``None`` if no bandwidth has a limit.
        """
        busy: Floats | None = None
        for moved, limit in (
            (read + written, self.bandwidth_bytes_per_cycle),
            (read, self.read_bytes_per_cycle),
            (written, self.write_bytes_per_cycle),
        ):
            if limit is not None:
                cycles = np.asarray(moved / limit)
                busy = cycles if busy is None else np.maximum(busy, cycles)
        return busy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockArray:
    """What an engine that cuts ops into blocks of its own knows of its machine.

    Attributes:
        engine: Name of the engine.
        settings: Its options by name: arrays of shape ``(designs,)``, words and switches.
    """

    engine: str
    settings: tuple[tuple[str, Floats | str | bool], ...]

    @property
    def numbers(self) -> list[Floats]:
        """The options that are numbers."""
        return [value for _, value in self.settings if isinstance(value, np.ndarray)]

    def of(self, design: int) -> tuple[tuple[str, float | str | bool], ...]:
        """Return the options of one design."""
        return tuple(
            (name, float(value[design]) if isinstance(value, np.ndarray) else value) for name, value in self.settings
        )

    def configured(self, design: int) -> Configured:
        """Return the engine with the options of one design."""
        return Configured(self.engine, self.of(design))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Array:
    """The array of processing elements (PEs), one MAC per PE and cycle. It may stand in copies.

    Attributes:
        dataflow: Which dims the rows and columns carry and what stays in the PEs.
        rows: PEs down.
        columns: PEs across.
        hold_limit: Stream steps that a held weight lasts before it is read again; infinite if there is no limit.
        dispatch_cycles: Cycles to start an op.
        fan_out: In how many copies it stands below one innermost memory; ``None`` if in one.
        shares_pes: Whether its PEs are those of another array in another layout, so that they take no area.
        step_cycles: Cycles of a step, by what is multiplied; ``None`` if each takes one.
        macs_per_pe: MACs of a PE in a cycle at most, dense and of 8 bits unless ``doing`` another; ``None`` for one.
        blocks: An engine that cuts ops into blocks of its own; the dataflow then says nothing, and all PEs are on rows.
    """

    dataflow: Dataflow
    rows: Floats
    columns: Floats
    hold_limit: Floats
    dispatch_cycles: Floats
    fan_out: FanOut | None = None
    shares_pes: bool = False
    step_cycles: StepCycles | None = None
    macs_per_pe: Floats | None = None
    blocks: BlockArray | None = None

    @property
    def pes(self) -> Floats:
        """Number of PEs of one copy; ``Accelerator.pes`` counts those of all."""
        return self.rows * self.columns

    def alike(self) -> tuple[Floats, ...]:
        """Return the sizes that designs must have in common to be costed together."""
        copies = () if self.fan_out is None else (axis.size for axis in self.fan_out.axes)
        options = () if self.blocks is None else self.blocks.numbers
        paces = () if self.step_cycles is None else self.step_cycles.numbers
        return (self.rows, self.columns, self.hold_limit, *copies, *options, *paces)

    def doing(self, operation: Operation) -> Array:
        """Return the array with the peak that it has in an operation; an ``InputError`` if a step takes no time."""
        return self if self.step_cycles is None else replace(self, macs_per_pe=1 / self.step_cycles.cycles(operation))


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
        invocation_cycles: Cycles once an inference.
        bits: Widths that it computes with; ``None`` for any.
        without: Kinds of op that it cannot run.
        host: What runs those; ``None`` if nothing does.
        depthwise: The PEs for depthwise convolutions; ``None`` if the array runs them like any other.
    """

    name: str
    parameters: Sequence[Point]
    memories: tuple[Memory, ...]
    array: Array
    vector: Vector
    technology: Technology
    clock_hz: Floats
    invocation_cycles: Floats
    depthwise: Array | None = None
    bits: tuple[int, ...] | None = None
    without: tuple[str, ...] = ()
    host: Host | None = None

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def fan_outs(self) -> tuple[FanOut | None, ...]:
        """The fan-out of every memory, outermost first, and in the last place that of the array."""
        return (*(memory.fan_out for memory in self.memories), self.array.fan_out)

    @property
    def abilities(self) -> Abilities:
        """What it can do with ops."""
        vector = self.vector
        blocks, host = self.array.blocks, self.host is not None
        engine = None if blocks is None else Configured(blocks.engine, blocks.configured(0).words)
        can = (vector.fuses, vector.fuses_inputs, vector.rated)
        return Abilities(*can, self.bits, self.without, host, engine)

    @property
    def pes(self) -> Floats:
        """Number of PEs of the array in all its copies."""
        return self.copies(len(self.memories)) * self.array.pes

    @property
    def peak_macs(self) -> Floats:
        """MACs of the array in a cycle at most: one for each PE, unless multiplications are saved."""
        each = self.array.macs_per_pe
        return self.pes if each is None else self.pes * each

    @property
    def one_peak(self) -> bool:
        """Whether all ops run at the same peak: on the same PEs, with steps that take as long."""
        return self.depthwise is None and self.array.step_cycles is None

    @property
    def built_pes(self) -> Floats:
        """Number of PEs that take area: those of the array, and of a depthwise unit beside it."""
        if self.depthwise is None or self.depthwise.shares_pes:
            return self.pes
        return self.pes + self.working(depthwise=True).pes

    def working(self, *, depthwise: bool) -> Accelerator:
        """Return the machine as an op sees it: its array is the one that works.

        Args:
            depthwise: Whether the op is a depthwise convolution.
        """
        if self.depthwise is None:
            return self
        return replace(self, array=self.depthwise if depthwise else self.array, depthwise=None)

    @property
    def vector_memories(self) -> tuple[Memory, ...]:
        """The memories as the vector unit sees them: the outermost has no more bandwidth than the unit asks of it."""
        limit, (outer, *inner) = self.vector.bandwidth_bytes_per_cycle, self.memories
        if limit is None:
            return self.memories
        own = outer.bandwidth_bytes_per_cycle
        return (replace(outer, bandwidth_bytes_per_cycle=limit if own is None else np.minimum(own, limit)), *inner)

    def take(self, designs: npt.NDArray[np.int64]) -> Accelerator:
        """Return some of the designs, in the order given."""
        taken: Accelerator = _taken(self, designs)
        return taken

    def copies(self, place: int) -> Floats:
        """Return the copies of the memory at ``place``, or of the array if ``place`` is the number of memories."""
        result = np.ones(len(self))
        for fan_out in self.fan_outs[: place + 1]:
            if fan_out is not None:
                result = result * fan_out.copies
        return result

    def path(self, operand: Operand) -> tuple[int, ...]:
        """Return the places in ``memories`` that hold ``operand``, outermost first."""
        return tuple(place for place, memory in enumerate(self.memories) if operand in memory.holds)


def _taken(value: Any, designs: npt.NDArray[np.int64]) -> Any:
    """Return a part of an accelerator with some designs of every array in it."""
    if isinstance(value, np.ndarray):
        return value[designs]
    if isinstance(value, Points):
        return value.take(designs)
    if isinstance(value, StepCycles):
        return value.take(designs)
    if isinstance(value, tuple):
        return tuple(_taken(one, designs) for one in value)
    if isinstance(value, Accelerator | Array | BlockArray | Divided | FanOut | Host | Memory | SpatialAxis | Vector):
        return replace(value, **{field.name: _taken(getattr(value, field.name), designs) for field in fields(value)})
    return value
