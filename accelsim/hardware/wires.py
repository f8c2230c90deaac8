"""Wires: how far a byte goes between a memory and what lies inside it, and what that takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.hardware.accelerator import Accelerator, Floats
from accelsim.hardware.logic import pe_um2

__all__ = ["wired", "wires_mm"]

#: Widths of weights, inputs, results and sums of the PEs that are laid out.
_WIDTHS = np.array([8.0, 8.0, 8.0, 32.0])


def wired(accelerator: Accelerator) -> Accelerator:
    """Return the machine with the energy that a byte read from or written to each memory takes on its wires."""
    each = accelerator.technology.wire_pj_per_bit_mm
    if each is None:
        return accelerator
    lengths = wires_mm(accelerator)
    memories = tuple(
        replace(memory, wire_pj_per_byte=None if length is None else 8 * each * length)
        for memory, length in zip(accelerator.memories, lengths, strict=True)
    )
    return replace(accelerator, memories=memories)


def wires_mm(accelerator: Accelerator) -> tuple[Floats | None, ...]:
    """Return for each memory how far its bytes go, shape ``(designs,)``; ``None`` if an area inside it is not modelled.

    What one copy of the memory serves, the PEs and the memories inside it, is a square with the memory at a corner: the
    average Manhattan distance is the side of the square. A byte that several copies inside share goes out once. A
    memory whose banks stand in the PEs serves one of them. Of a memory off the chip it is 0: those on it have that way.
    """
    per_pe = pe_um2(accelerator.technology, _WIDTHS)
    inside: Floats | None = None if per_pe is None else per_pe * 1e-6 * accelerator.built_pes
    found: list[Floats | None] = []
    for place in range(len(accelerator.memories) - 1, -1, -1):
        memory = accelerator.memories[place]
        area, parts = memory.area_mm2, accelerator.pes if memory.in_pes else accelerator.copies(place)
        if area is not None and not np.any(area):
            found.append(np.zeros(len(accelerator)))
        else:
            found.append(None if inside is None else np.sqrt(inside / parts))
        inside = None if inside is None or area is None else inside + area
    return tuple(reversed(found))
