"""The logic of a machine: what a multiplier, an adder and a bit of a register cost, and a PE made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Technology", "mac_figure", "pe_leakage_mw", "pe_um2"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """Energy, area and leakage of the logic; ``None`` where not modelled.

    Figures of integers are those of a multiplier of 8 bits, which goes with the product of its operands' widths, and of
    an adder of 32 bits, which goes with the width (the law that Horowitz's 8-bit and 32-bit figures follow within 4 %).
    Floating-point units are the same whatever the widths of a network; their products are added in fp32. Registers go
    with the width.

    Attributes:
        name: The table.
        arithmetic: ``integer``, or the format of a floating-point product.
        multiply_pj: Energy of a product.
        add_pj: Energy of an addition.
        register_pj_per_bit: Energy of reading or writing a bit.
        multiplier_um2: Area.
        adder_um2: Area.
        register_um2_per_bit: Area.
        multiplier_leakage_mw: Leakage.
        adder_leakage_mw: Leakage.
        register_leakage_mw_per_bit: Leakage.
        wire_pj_per_bit_mm: Energy of a bit that goes a millimetre.
    """

    name: str
    arithmetic: str = "integer"
    multiply_pj: float | None
    add_pj: float | None
    register_pj_per_bit: float | None
    multiplier_um2: float | None
    adder_um2: float | None
    register_um2_per_bit: float | None
    multiplier_leakage_mw: float | None
    adder_leakage_mw: float | None
    register_leakage_mw_per_bit: float | None
    wire_pj_per_bit_mm: float | None = None


def mac_figure(technology: Technology, multiplier: float | None, adder: float | None, bits: Floats) -> Floats | None:
    """Return a figure of multiplier and adder together, for widths ``(..., W I O partial)``."""
    if multiplier is None or adder is None:
        return None
    if technology.arithmetic != "integer":
        return np.full(bits.shape[:-1], multiplier + adder)
    return np.asarray(multiplier * (bits[..., 0] * bits[..., 1] / 64) + adder * bits[..., 3] / 32)


def pe_leakage_mw(technology: Technology, bits: Floats) -> float | None:
    """Return the leakage of a PE of widths ``(W, I, O, partial)``; see ``pe_um2``."""
    both = mac_figure(technology, technology.multiplier_leakage_mw, technology.adder_leakage_mw, bits)
    return _pe(both, technology.register_leakage_mw_per_bit, bits)


def pe_um2(technology: Technology, bits: Floats) -> float | None:
    """Return the area of a PE of widths ``(W, I, O, partial)``; ``None`` if a part is not modelled.

    It is a multiplier, an adder, and a register for each operand and for the partial sum.
    """
    both = mac_figure(technology, technology.multiplier_um2, technology.adder_um2, bits)
    return _pe(both, technology.register_um2_per_bit, bits)


def _pe(both: Floats | None, register: float | None, bits: Floats) -> float | None:
    return None if both is None or register is None else float(both + register * (bits[0] + bits[1] + bits[3]))
