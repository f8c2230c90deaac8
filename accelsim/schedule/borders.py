"""Feature maps spread over the parts of a memory: borders that windows reach over are handed to neighbours.

A map of ``R x C`` pixels lies on a grid of parts, each with ``ceil(R / rows)`` rows and ``ceil(C / columns)`` columns.
A window that shares ``a`` rows with the next one needs half of them from beyond either side of a cut, as far as there
are any; likewise columns, and where two cuts cross, the corners too. So the parts together hold::

    bytes = bytes a pixel x (rows with borders x columns with borders - R C)

more than the map, where ``rows with borders = R + sum over cuts of min(a / 2, rows before) + min(a / 2, rows behind)``.

They are handed over once, before the first step that reads the map through windows; a later one with larger windows
pays for the difference. Maps that do not stay on chip come tile by tile, with their borders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.hardware.accelerator import Accelerator, Divided
from accelsim.schedule.residency import Stay
from accelsim.schedule.table import Steps
from accelsim.schedule.vector import VectorCost

__all__ = ["Borders", "border_bytes", "borders_of", "with_borders"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Borders(NamedTuple):
    """The parts of ``D`` designs; arrays of shape ``(D,)``.

    Attributes:
        rows: Parts down a map.
        columns: Parts across it.
        cycles_per_byte: Of what is handed over.
        pj_per_byte: Energy of reading it in one part and writing it in another.
    """

    rows: Floats
    columns: Floats
    cycles_per_byte: Floats
    pj_per_byte: Floats


def borders_of(accelerator: Accelerator) -> Borders | None:
    """Return the parts of the memory that keeps feature maps; ``None`` if it is one piece."""
    for memory in accelerator.memories:
        if memory.divided is not None:
            parts: Divided = memory.divided
            nothing = np.zeros(len(accelerator))
            prices = (memory.read_pj_per_byte, memory.write_pj_per_byte)
            each = sum((nothing if price is None else price for price in prices), nothing)
            return Borders(parts.rows, parts.columns, 1 / parts.bytes_per_cycle, each)
    return None


def border_bytes(steps: Steps, borders: Borders, stays: Stay) -> Floats:
    """Return the bytes handed over before each step, shape ``(steps, designs)``."""
    found = np.zeros(stays.outputs.shape)
    _fill(steps, borders, stays.outputs, found)
    return found


def with_borders(cost: VectorCost, handed: Floats, borders: Borders) -> VectorCost:
    """Return what steps cost together with what is handed over before them; this is all for those on the array."""
    return VectorCost(
        cost.latency_cycles + handed * borders.cycles_per_byte,
        cost.dynamic_pj + handed * borders.pj_per_byte,
        cost.outer_bytes,
    )


@compiled
def _bordered(pixels: float, parts: float, shared: float) -> float:
    """Return the rows of all parts together, with the borders that they need of their neighbours."""
    step = np.ceil(pixels / parts)
    before, total = np.floor(shared / 2), pixels
    cut = step
    while cut < pixels:
        total += min(before, cut) + min(shared - before, pixels - cut)
        cut += step
    return total


@compiled
def _fill(steps: Steps, borders: Borders, kept: Flags, found: Floats) -> None:
    paid = np.zeros(found.shape)
    for place in range(len(steps.macs)):
        pixel, rows, columns = steps.window[place, 0], steps.window[place, 1], steps.window[place, 2]
        if pixel == 0.0 or steps.away[place]:
            continue
        writer = steps.writer[steps.first_read[place]]
        for design in range(found.shape[1]):
            if writer < 0 or not kept[writer, design]:
                continue
            high = _bordered(rows, borders.rows[design], steps.window[place, 3])
            wide = _bordered(columns, borders.columns[design], steps.window[place, 4])
            need = pixel * (high * wide - rows * columns)
            found[place, design] = max(0.0, need - paid[writer, design])
            paid[writer, design] = max(need, paid[writer, design])
