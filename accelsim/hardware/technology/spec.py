"""What a technology table may hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from accelsim.config.fields import Figure, SchemaVersion
from accelsim.config.spec import Spec

__all__ = [
    "REFERENCE_BYTES",
    "Amount",
    "FormatSpec",
    "LogicSpec",
    "MemoryEnergy",
    "NumberFormat",
    "PointSpec",
    "ScaleSpec",
    "SizeLaw",
    "TechnologySpec",
]

#: A figure of a technology table.
Amount = Annotated[float, Field(ge=0, le=1e30, allow_inf_nan=False)]
_Factor = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
#: Formats of floating-point numbers.
NumberFormat = Literal["fp16", "bf16", "fp32"]
#: Width of the access that a ``SizeLaw`` is stated for.
REFERENCE_BYTES = 8.0


class SizeLaw(Spec):
    """An energy per byte that grows with the size of a bank, and falls with the width of an access.

    pJ per byte = at_1_kib KiB^exponent (1 - per_access + per_access 8 / bytes of an access)

    The exponent is a half where word and bit lines, which grow with the sides of a square, take the energy.
    """

    at_1_kib: Amount
    """pJ per byte of a bank of 1 KiB, accessed 64 bits at a time."""
    exponent: float = Field(0.5, ge=0, le=1)
    """Power of the size."""
    per_access: float = Field(0.0, ge=0, le=1)
    """Share of the energy of a 64-bit access that does not depend on the width of the access."""

    def per_byte(self, kib: Any, width_bytes: Any = REFERENCE_BYTES) -> Any:
        """Return pJ per byte; numbers or arrays that broadcast.

        Args:
            kib: KiB of a bank.
            width_bytes: Bytes of an access.
        """
        narrow = 1 - self.per_access + self.per_access * REFERENCE_BYTES / width_bytes
        return self.at_1_kib * np.power(kib, self.exponent) * narrow


class MemoryEnergy(Spec):
    """Energy, area and leakage of one kind of memory."""

    pj_per_byte: Amount | SizeLaw | None = None
    """Energy of reading or writing a byte; null if not modelled."""
    um2_per_kib: Amount | None = None
    """Area; null if not modelled, 0 for a memory off the chip."""
    leakage_mw_per_kib: Amount | None = None
    """Leakage; null if not modelled."""


class LogicSpec(Spec):
    """Energy (pJ), area (um2) and leakage (mW) of the logic; null where not modelled."""

    multiply_8bit_pj: Amount | None = None
    add_32bit_pj: Amount | None = None
    register_pj_per_bit: Amount | None = None
    multiplier_8bit_um2: Amount | None = None
    adder_32bit_um2: Amount | None = None
    register_um2_per_bit: Amount | None = None
    multiplier_8bit_leakage_mw: Amount | None = None
    adder_32bit_leakage_mw: Amount | None = None
    register_leakage_mw_per_bit: Amount | None = None
    wire_pj_per_bit_mm: Amount | None = None


class FormatSpec(Spec):
    """The arithmetic of one floating-point format; null where not modelled."""

    multiply_pj: Amount | None = None
    add_pj: Amount | None = None
    multiplier_um2: Amount | None = None
    adder_um2: Amount | None = None
    multiplier_leakage_mw: Amount | None = None
    adder_leakage_mw: Amount | None = None


class ScaleSpec(Spec):
    """Factors on what a table takes over from its base, of what lies on the chip."""

    energy: _Factor = 1.0
    area: _Factor = 1.0
    leakage: _Factor = 1.0


class PointSpec(Spec):
    """A published figure that an entry, and the law behind it, is held against."""

    of: str
    """The entry, such as ``memories.sram.pj_per_byte``."""
    value: Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]
    """The figure, in the unit of the entry."""
    kib: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """KiB of the bank."""
    bytes: Annotated[float, Field(gt=0, le=1e6)] = REFERENCE_BYTES
    """Bytes of the access."""
    bits: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Width of the operands of a multiplier or an adder; that in the entry's name if absent."""
    source: str
    """Where it stands."""


class TechnologySpec(Spec):
    """A technology table."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for lists."""
    base: str | None = None
    """A table by name, or a file beside this one: what is not stated here is taken over from it."""
    scale: ScaleSpec | None = None
    """Factors on what is taken over."""
    logic: LogicSpec | None = None
    """Integer arithmetic and registers; may be left out where there is a base."""
    formats: dict[NumberFormat, FormatSpec] = Field(default_factory=dict)
    """Floating-point arithmetic by format."""
    memories: dict[str, MemoryEnergy] = Field(default_factory=dict)
    """Kinds of memory by name."""
    points: list[PointSpec] = Field(default_factory=list)
    """Published figures to hold the table against."""
    sources: dict[str, Figure] = Field(default_factory=dict)
    """Where the figures come from: an entry, or the beginning of several, such as ``memories.lpddr4``."""

    @model_validator(mode="after")
    def _whole_or_with_a_base(self) -> TechnologySpec:
        if self.base is None and self.logic is None:
            raise ValueError("give the logic, or a base to take it from")
        if self.base is None and self.scale is not None:
            raise ValueError("scale says how to change a base, and there is none")
        return self
