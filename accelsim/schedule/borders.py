"""Feature maps spread over the parts of a memory: borders that windows reach over are handed to neighbours.

A map of ``R x C`` pixels lies on a grid of parts, each with ``ceil(R / rows)`` rows and ``ceil(C / columns)`` columns.
A window that shares ``a`` rows with the next one needs half of them from beyond either side of a cut, as far as there
are any; likewise columns. A pixel that others need goes out once, and all who need it take it, those across a corner
too. So what is handed over is never more than the map::

    bytes = bytes a pixel x (R C - inner rows x inner columns)

where inner are those that no window of another part reaches: of each part, its rows less ``a / 2`` at either cut.

They are handed over once, before the first step that reads the map through windows; a later one with larger windows
pays for the difference. Maps that do not stay on chip come tile by tile, with their borders. Layers worked on in ``n``
stripes lay every stripe over all parts, so that there are ``n`` times as many parts down a map that one of them writes
or reads, if there are several.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hardware.accelerator import Accelerator, Divided
from accelsim.schedule.residency import Stay
from accelsim.schedule.stripes import fill_borders
from accelsim.schedule.table import Steps
from accelsim.schedule.vector import VectorCost

__all__ = ["Borders", "border_bytes", "borders_of", "with_borders"]

Floats = npt.NDArray[np.float64]


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
    fill_borders(steps, borders.rows, borders.columns, stays.outputs, stays.stripes, found)
    return found


def with_borders(cost: VectorCost, handed: Floats, borders: Borders) -> VectorCost:
    """Return what steps cost together with what is handed over before them; this is all for those on the array."""
    return VectorCost(
        cost.latency_cycles + handed * borders.cycles_per_byte,
        cost.dynamic_pj + handed * borders.pj_per_byte,
        cost.outer_bytes,
    )
