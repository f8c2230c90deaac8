"""Energy: what one action costs. Counts come from traffic; the ledger is counts times these."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.hardware.accelerator import Accelerator, Technology
from accelsim.hardware.logic import mac_figure, pe_leakage_mw
from accelsim.workload.ops import Bits, Op

__all__ = [
    "leakage_mw",
    "leakage_pj",
    "mac_pj",
    "op_bits",
    "op_pj",
    "register_bits_per_mac",
    "vector_pj",
]

Floats = npt.NDArray[np.float64]
_PJ_PER_MW_MS = 1e6


def mac_pj(technology: Technology, bits: Floats) -> Floats | None:
    """Return the energy of one multiply-accumulate for widths ``(..., W I O partial)``; ``None`` if not modelled."""
    return mac_figure(technology, technology.multiply_pj, technology.add_pj, bits)


def register_bits_per_mac(bits: Floats) -> Floats:
    """Return the register bits a PE touches per MAC: both operands read, the partial sum read and written."""
    return np.asarray(bits[..., 0] + bits[..., 1] + 2 * bits[..., 3])


def vector_pj(technology: Technology) -> float | None:
    """Return the energy of one elementary vector operation: an addition; ``None`` if not modelled."""
    return technology.add_pj


def leakage_mw(accelerator: Accelerator, bits: Floats) -> tuple[Floats | None, Floats | None]:
    """Return the leakage of the logic and of the memories, shape ``(designs,)``; ``None`` where not modelled."""
    per_pe = pe_leakage_mw(accelerator.technology, bits)
    logic = None if per_pe is None else per_pe * (accelerator.built_pes + accelerator.vector.lanes)
    parts = [memory.leakage_mw for memory in accelerator.memories]
    memories = None if any(part is None for part in parts) else np.sum([p for p in parts if p is not None], axis=0)
    return logic, memories


def leakage_pj(accelerator: Accelerator, bits: Floats) -> Floats:
    """Return the modelled leakage in pJ a cycle for PEs of widths ``(W, I, O, partial)``, shape ``(designs,)``."""
    power = sum((part for part in leakage_mw(accelerator, bits) if part is not None), np.zeros(len(accelerator)))
    return np.asarray(power / accelerator.clock_hz * 1e3 * _PJ_PER_MW_MS)


def op_bits(op: Op) -> Floats:
    """Return the widths ``(W, I, O, partial)`` of ``op``."""
    return _widths(op.bits)


def _widths(bits: Bits) -> Floats:
    return np.array([bits.W, bits.I, bits.O, bits.partial], dtype=float)


@lru_cache(maxsize=256)
def _per_mac(technology: Technology, bits: Bits) -> tuple[float, float]:
    """Return the modelled energy of a MAC, and the register bits that it touches."""
    widths = _widths(bits)
    energy = mac_pj(technology, widths)
    return 0.0 if energy is None else float(energy), float(register_bits_per_mac(widths))


def op_pj(op: Op, technology: Technology) -> float:
    """Return the modelled energy of an op's MACs and of the registers that they touch; of one without, of its work."""
    if not op.macs:
        return op.vector_ops * (vector_pj(technology) or 0.0)
    per_mac, touched = _per_mac(technology, op.bits)
    return op.macs * per_mac + op.macs * touched * (technology.register_pj_per_bit or 0.0)
