"""What the array does with its tiles: steps, cycles, and the elements it reads and writes at its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.layout import Layout
from accelsim.hardware.accelerator import Array

__all__ = ["Compute", "compute"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Compute:
    """The array's share of the work; every array broadcasts to ``(rows, designs)``.

    Attributes:
        steps: Cycles in which PEs work on a pass, fill and drain left out.
        cycles: Steps, and the overhead of every pass.
        accesses: Elements of ``W``, ``I`` and ``O`` that cross the array's edge; outputs count each write, partial
            sums included.
    """

    steps: Floats
    cycles: Floats
    accesses: tuple[Floats, ...]


def compute(layout: Layout, array: Array) -> Compute:
    """Return what the array does for every row on every design.

    Steps are spatial passes times the stream. An operand that is not held crosses the edge once per pass that needs
    it: all PEs of an axis that does not index it share it (multicast of inputs and weights, spatial reduction of
    outputs). A held weight is read again after ``hold_limit`` steps of the stream.
    """
    turns = [axis.passes(capacity) for axis, capacity in zip(layout.axes, (array.rows, array.columns), strict=True)]
    spatial = np.ones((1, 1))
    for turn in (*turns[0], *turns[1]):
        spatial = spatial * turn
    overhead = array.dataflow.pass_overhead(array.rows, array.columns)
    accesses = []
    for crossing, axes in zip(layout.accesses, layout.again, strict=True):
        for axis, axis_turns in zip(axes, turns, strict=True):
            for again, turn in zip(axis, axis_turns, strict=True):
                if again is not None:
                    crossing = crossing * (turn if again.all() else np.where(again, turn, 1.0))
        accesses.append(crossing)
    if layout.held_weights and np.isfinite(array.hold_limit).any():
        reloads, tiles = (layout.stream.passes(limit)[0] for limit in (array.hold_limit, np.array([np.inf])))
        accesses[0] = accesses[0] * (reloads / tiles)
    return Compute(
        steps=layout.steps * spatial,
        cycles=(layout.steps + layout.passes * overhead) * spatial,
        accesses=tuple(accesses),
    )
