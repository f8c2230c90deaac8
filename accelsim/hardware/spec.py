"""What a hardware template may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from accelsim.config.fields import Expression, Figure, Name, ParameterSpec, Scalar, SchemaVersion
from accelsim.config.spec import Spec
from accelsim.dims import Dim, Operand
from accelsim.hardware.technology.spec import Amount, SizeLaw

__all__ = [
    "ArraySpec",
    "ChipSpec",
    "DepthwiseSpec",
    "FanOutSpec",
    "HardwareSpec",
    "LayoutSpec",
    "MemorySpec",
    "PartSpec",
    "PresetSpec",
]


class AxisSpec(Spec):
    """A direction in which copies stand."""

    name: str = Field(min_length=1)
    """Name in tables and errors; no other axis of the machine has it."""
    size: Expression
    """Copies along it."""
    dims: list[Dim] = Field(min_length=1)
    """Loop dims that may be dealt out along it; with several, in this order."""


class FanOutSpec(Spec):
    """Copies of a memory and of all inside it, or of the array."""

    axes: list[AxisSpec] = Field(min_length=1)
    """Directions in which the copies stand, such as rows and columns."""
    multicast: bool = True
    """Whether one read outside serves all copies that need the same tile."""
    reduce: bool = True
    """Whether partial sums of copies are added on the way out."""


class DividedSpec(Spec):
    """A memory that is divided over a grid of PEs: each part holds some rows and columns of every feature map."""

    rows: Expression
    """Parts down a map."""
    columns: Expression
    """Parts across it."""
    bandwidth: Expression
    """At which parts hand their borders to neighbours whose windows reach over them, per second or per cycle."""


class MemorySpec(Spec):
    """A memory level; of one that stands in copies, one copy."""

    name: str = Field(min_length=1)
    """Name in tables and errors."""
    holds: list[Operand] = Field(min_length=1)
    """Operands whose tiles it holds; the others bypass it."""
    kind: str
    """Kind of memory in the technology table, such as ``sram`` or ``lpddr4``."""
    size: Expression | None = None
    """Capacity with its unit, such as ``buffer_kib KiB``; only the first memory may go without."""
    bandwidth: Expression | None = None
    """Reads and writes together, per second or per cycle; no limit if absent."""
    read_bandwidth: Expression | None = None
    """Reads alone; no limit of their own if absent."""
    write_bandwidth: Expression | None = None
    """Writes alone; no limit of their own if absent."""
    banks: Expression | None = None
    """Banks that the size is divided into; 1 if absent."""
    bank_width: Expression | None = None
    """Bandwidth of one bank; ``bandwidth`` is that of all banks together and may then be left out."""
    double_buffered: bool = False
    """Whether the next tile is fetched while the present one is used."""
    keeps: list[Operand] = []
    """Operands whose whole tensors may stay here while they fit; ``I`` and ``O`` together, each in one memory only."""
    keep_share: float = Field(0.5, ge=0, le=1)
    """Greatest part of the capacity that such tensors may take."""
    keeps_ends: bool = False
    """Whether the inputs and results of the network lie here too, where feature maps are kept and while they fit."""
    sliding: bool = False
    """Whether consecutive windows of the input share their overlap, as in a line buffer."""
    in_pes: bool = False
    """Whether its banks stand in the PEs, so that a byte goes no further than one of them."""
    divided: DividedSpec | None = None
    """Parts over which whole feature maps are spread; one if absent."""
    fan_out: FanOutSpec | None = None
    """Copies in which the memory stands, and with it all inside it; one if absent."""
    stripes: bool = False
    """Whether layers are worked on together in stripes of rows where the feature maps between them do not fit here."""
    when: str | None = None
    """A condition over switches and words, such as ``not in_flash``: without it, designs have no such memory."""

    @model_validator(mode="after")
    def _keeps_what_it_holds(self) -> MemorySpec:
        if stray := [operand for operand in self.keeps if operand not in self.holds]:
            raise ValueError(f"keeps {', '.join(stray)}, which the memory does not hold")
        if (Operand.I in self.keeps) != (Operand.O in self.keeps):
            raise ValueError("a result is written as O and read as I: keep both or neither")
        if self.keeps_ends and Operand.I not in self.keeps:
            raise ValueError("inputs and results of the network are feature maps: keeps must have I and O")
        if self.stripes and Operand.I not in self.keeps:
            raise ValueError("stripes are of feature maps that are kept: keeps must have I and O")
        return self


#: A memory and its place in the file.
Placed = tuple[int, MemorySpec]


class LayoutSpec(Spec):
    """PEs, and how loops are laid on them."""

    engine: str
    """A registered compute engine."""
    dataflow: str | None = None
    """A dataflow of the engine, or a parameter that names one; may be left out if the engine has only one."""
    rows: Expression | None = None
    """PEs down; may be left out if the engine lays nothing on its rows."""
    columns: Expression | None = None
    """PEs across; may be left out if the engine lays nothing on its columns."""
    hold_limit: Expression | None = None
    """Stream steps that a held weight lasts; no limit if absent."""
    step_cycles: Expression | None = None
    """Cycles of a step, also over ``bits_w``, ``bits_i``, ``weight_density`` and ``input_density``; 1 if absent."""
    fan_out: FanOutSpec | None = None
    """Copies of the array below one innermost memory; one if absent."""


class DepthwiseSpec(LayoutSpec):
    """PEs for convolutions whose outputs each read a single input channel."""

    shares_pes: bool = False
    """Whether they are the array's own PEs in another layout; otherwise a unit beside it, with an area of its own."""


class ArraySpec(LayoutSpec):
    """The array of PEs."""

    dispatch_cycles: Expression = 0
    """Cycles to start an op."""
    arithmetic: str = "integer"
    """``integer``, a floating-point format of the technology table, or a parameter that names one."""
    depthwise: DepthwiseSpec | None = None
    """What runs depthwise convolutions; the array itself if absent."""
    options: dict[Name, Expression | bool] = {}
    """What an engine that cuts ops into blocks of its own wants to know; such an engine has no rows, columns, ..."""


class VectorSpec(Spec):
    """The unit for ops without MACs."""

    lanes: Expression
    """Elementary operations per cycle."""
    rates: dict[str, Expression] = {}
    """Kinds of op with a rate of their own, in elementary operations per cycle; all others have that of the lanes."""
    bandwidth: Expression | None = None
    """What it reads from and writes to the outermost memory, per second or per cycle; no slower than it if absent."""
    fuses: list[str] = []
    """Activations it applies to a result on its way out."""
    fuses_inputs: list[str] = []
    """Activations it applies to what an op reads, on the way in, where they cannot be applied on the way out."""


class SupportSpec(Spec):
    """What the accelerator can run; everything if absent."""

    bits: list[Annotated[int, Field(ge=1)]] | None = Field(None, min_length=1)
    """Widths of weights, inputs and results; any if absent."""
    without: list[str] = []
    """Kinds of op that it cannot run."""


class HostSpec(Spec):
    """The processor beside the accelerator: it runs what the accelerator cannot. Cycles are the accelerator's."""

    lanes: Expression
    """Elementary operations per cycle."""
    macs_per_cycle: Expression = 1
    """Multiply-accumulates per cycle."""
    transfer_cycles: Expression = 0
    """Cycles to hand the work over to the host, or back to the accelerator."""
    pj_per_operation: Expression | None = None
    """Energy of an elementary operation in pJ, with all that the host does for it; not modelled if absent."""
    pj_per_mac: Expression | None = None
    """The same of a multiply-accumulate."""


class HardwareSpec(Spec):
    """A hardware template."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for lists."""
    parameters: dict[Name, ParameterSpec] = {}
    """Parameters; together they are the template's design space."""
    clock: str
    """Frequency with its unit."""
    technology: str
    """A technology table."""
    overrides: dict[str, Amount | SizeLaw | None] = {}
    """Entries of the technology table that this template replaces, such as ``memories.sram.pj_per_byte``."""
    memories: list[MemorySpec] = Field(min_length=2)
    """From the outermost to the innermost."""
    array: ArraySpec
    """The PEs."""
    vector: VectorSpec
    """The unit for ops without MACs."""
    invocation_cycles: Expression = 0
    """Cycles once an inference: the call, the interrupt, setting up the transfer of the input."""
    supports: SupportSpec = SupportSpec()
    """What the accelerator can run."""
    host: HostSpec | None = None
    """What runs the rest; without it a network with such an op is refused."""
    sources: dict[str, Figure] = {}
    """Where the figures come from."""


class PartSpec(Spec):
    """One accelerator of a chip."""

    name: Name
    """Name in tables, before that of a memory or a unit: ``name.buffer``."""
    template: str = Field(min_length=1)
    """A hardware template by name, or a file beside this one."""
    parameters: dict[Name, Scalar] = Field(default_factory=dict)
    """Values of the template's parameters, as expressions over those of the chip. The others have their defaults."""


class RuleSpec(Spec):
    """Where some layers have to run."""

    part: str
    """Name of a part."""
    layers: str | None = Field(None, min_length=1)
    """Pattern of names of layers, with ``*`` and ``?``; any if absent."""
    op: str | None = Field(None, min_length=1)
    """A kind of op, or its word in tables, such as ``depthwise``; any if absent."""

    @model_validator(mode="after")
    def _says_which(self) -> RuleSpec:
        if self.layers is None and self.op is None:
            raise ValueError("say which layers: layers (a pattern of their names), op, or both")
        return self


class ChipSpec(Spec):
    """A chip of several accelerators that share a memory."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for lists."""
    parameters: dict[Name, ParameterSpec] = {}
    """Parameters; together they are the chip's design space."""
    shares: str = Field("dram", min_length=1)
    """Name in tables of the memory that the parts share, the outermost one of each."""
    parts: list[PartSpec] = Field(min_length=1)
    """The accelerators; cycles are those of the first."""
    assign: list[RuleSpec] = []
    """Where some layers have to run; the first rule that fits a layer holds, and the model decides on the others."""
    sources: dict[str, Figure] = {}
    """Where the figures come from."""


class PresetSpec(Spec):
    """A hardware file that starts from another one."""

    schema_version: SchemaVersion
    """Version of this file format."""
    base: str = Field(min_length=1)
    """A hardware template by name, or a file beside this one; it may be a preset too."""
    description: str = ""
    """One line for lists."""
    set: dict[Name, Scalar] = Field(default_factory=dict)
    """New defaults of the base's parameters, which stay free. A number may lie between those that the base allows."""
    technology: str | None = None
    """A technology table in place of the base's."""
    overrides: dict[str, Amount | SizeLaw | None] = Field(default_factory=dict)
    """Entries of the technology table that are replaced, beside those that the base replaces."""
    sources: dict[str, Figure] = Field(default_factory=dict)
    """Where the figures come from."""
