"""Area of an accelerator: PEs, vector lanes and on-chip memories. Control and wires are not modelled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.logic import pe_um2

__all__ = ["area_mm2", "total_area_mm2"]

Floats = npt.NDArray[np.float64]


def area_mm2(accelerator: Accelerator, bits: Floats) -> dict[str, Floats | None]:
    """Return component -> area in mm2, shape ``(designs,)``; ``None`` where not modelled.

    A PE is a multiplier, an adder and a register for each operand and for the partial sum; a vector lane is taken as
    large as a PE.

    Args:
        accelerator: The designs.
        bits: Widths ``(W, I, O, partial)`` of the PEs.
    """
    per_pe = pe_um2(accelerator.technology, bits)
    parts: dict[str, Floats | None] = {
        "array": None if per_pe is None else per_pe * 1e-6 * accelerator.built_pes,
        "vector": None if per_pe is None else per_pe * 1e-6 * accelerator.vector.lanes,
    }
    for memory in accelerator.memories:
        if memory.area_mm2 is None or np.any(memory.area_mm2 > 0):
            parts[memory.name] = memory.area_mm2
    return parts


def total_area_mm2(accelerator: Accelerator, bits: Floats) -> Floats | None:
    """Return the sum of ``area_mm2``, shape ``(designs,)``; ``None`` if a component is not modelled."""
    parts = list(area_mm2(accelerator, bits).values())
    return None if any(part is None for part in parts) else np.sum([part for part in parts if part is not None], axis=0)
