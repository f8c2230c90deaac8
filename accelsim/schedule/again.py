"""What layers that are worked on in stripes do once more for every stripe but the first.

Each of ``n`` stripes starts every layer of its chain and reads its weights: from the memory where these stay, or from
the outermost one, and on into the next memory inside that holds weights. This is waited for::

    cycles = (n - 1) x (dispatch + bytes of weights x cycles of a byte)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.prices import Prices
from accelsim.dims import Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.nest import Ints
from accelsim.schedule.residency import Stay
from accelsim.schedule.table import Steps
from accelsim.schedule.vector import VectorCost

__all__ = ["Again", "again_of", "inside_of", "with_stripes"]

Floats = npt.NDArray[np.float64]


class Again(NamedTuple):
    """What is done once more; arrays of shape ``(steps, designs)``.

    Attributes:
        cycles: Cycles.
        energy: In pJ, leakage left out.
        weights: Bytes of weights read once more.
        source: The memory that they are read from.
        target: The next memory inside, into which they are written on the way to the array; -1 if there is none.
    """

    cycles: Floats
    energy: Floats
    weights: Floats
    source: Ints
    target: Ints

    def moved(self, place: int, design: int, memories: int) -> Floats:
        """Return the bytes moved once more: shape ``(memories, 3, 2)``, by operand ``W I O``, read and written."""
        found = np.zeros((memories, 3, 2))
        found[self.source[place, design], 0, 0] = self.weights[place, design]
        if self.target[place, design] >= 0:
            found[self.target[place, design], 0, 1] = self.weights[place, design]
        return found


def inside_of(accelerator: Accelerator) -> Ints:
    """Return, for each memory, the next one inside that holds weights; -1 if there is none."""
    holds = [Operand.W in memory.holds for memory in accelerator.memories]
    inside = [next((at for at in range(level + 1, len(holds)) if holds[at]), -1) for level in range(len(holds))]
    return np.array(inside, dtype=np.int64)


def again_of(steps: Steps, stays: Stay, charged: Prices, inside: Ints) -> Again | None:
    """Return what stripes do again; ``None`` if no step runs in stripes.

    Args:
        steps: The steps.
        stays: What stays on chip, and in how many stripes steps run.
        charged: What the designs charge.
        inside: For each memory, the next one inside that holds weights; see ``inside_of``.
    """
    turns = stays.stripes - 1
    if not turns.any():
        return None
    weights = turns * steps.looked_up[:, None]
    source = np.where(stays.weights, stays.weight_level or 0, 0)
    target = np.where(steps.on_array[:, None], inside[source], -1)
    design = np.arange(turns.shape[1])
    both, read, write = charged.cycles_per_byte.swapaxes(0, 1)
    slow = np.maximum(both, read)[source, design]
    passed = np.where(target < 0, 0.0, np.maximum(both, write)[target, design])
    dear = charged.pj_per_byte[source, 0, design]
    dear = dear + np.where(target < 0, 0.0, charged.pj_per_byte[target, 1, design])
    cycles = turns * charged.dispatch + weights * np.maximum(slow, passed)
    return Again(cycles, weights * dear, weights, source, target)


def with_stripes(cost: VectorCost, again: Again | None) -> VectorCost:
    """Return what steps cost together with what stripes do again."""
    if again is None:
        return cost
    return VectorCost(
        cost.latency_cycles + again.cycles,
        cost.dynamic_pj + again.energy,
        cost.outer_bytes + np.where(again.source == 0, again.weights, 0.0),
    )
