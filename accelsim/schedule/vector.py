"""Steps without MACs: they stream from where their inputs live, through the vector unit, to where the result goes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.choose import Prices
from accelsim.schedule.residency import Stay
from accelsim.schedule.table import Steps

__all__ = ["VectorCost", "vector_cost", "vector_moved"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class VectorCost(NamedTuple):
    """Cost of steps; arrays of shape ``(steps, designs)``, zero for steps made of MACs.

    Attributes:
        latency_cycles: The slowest of the vector unit and the memories, and the dispatch of the op.
        dynamic_pj: Energy of everything but leakage.
        outer_bytes: Bytes to and from the outermost memory.
    """

    latency_cycles: Floats
    dynamic_pj: Floats
    outer_bytes: Floats


class _Where(NamedTuple):
    """What stays on chip, and in which memories: those of weights and of results."""

    weights: Flags
    outputs: Flags
    weight_level: int
    near: int


def _where(stays: Stay) -> _Where:
    return _Where(stays.weights, stays.outputs, stays.weight_level or 0, stays.activation_level or 0)


def vector_cost(steps: Steps, charged: Prices, lanes: Floats, each_pj: float, stays: Stay) -> VectorCost:
    """Return the cost of the steps without MACs.

    Every input is read once (overlapping windows are buffered in the unit) and the result is written once.

    Args:
        steps: The steps.
        charged: What the designs charge.
        lanes: Shape ``(designs,)``: elementary operations a cycle.
        each_pj: Energy of one of them.
        stays: What stays on chip.
    """
    cost = VectorCost(*(np.zeros((len(steps.held), len(lanes))) for _ in range(3)))
    _fill(steps, charged, lanes, each_pj, _where(stays), cost)
    return cost


def vector_moved(steps: Steps, place: int, design: int, memories: int, stays: Stay) -> Floats:
    """Return the bytes that a step without MACs moves: shape ``(memories, 3, 2)``, by ``W I O``, read and written."""
    moved = np.zeros((memories, 3, 2))
    _moved(steps, place, design, _where(stays), moved)
    return moved


@compiled
def _moved(steps: Steps, place: int, design: int, where: _Where, moved: Floats) -> None:
    for read in range(steps.first_read[place], steps.first_read[place + 1]):
        writer = steps.writer[read]
        on_chip = writer >= 0 and where.outputs[writer, design]
        moved[where.near if on_chip else 0, 1, 0] += steps.read[read]
    moved[where.weight_level if where.weights[place, design] else 0, 0, 0] += steps.looked_up[place]
    moved[where.near if where.outputs[place, design] else 0, 2, 1] += steps.written[place]


@compiled
def _fill(steps: Steps, charged: Prices, lanes: Floats, each_pj: float, where: _Where, cost: VectorCost) -> None:
    memories = charged.cycles_per_byte.shape[0]
    moved = np.empty((memories, 3, 2))
    for place in range(len(steps.macs)):
        if steps.macs[place]:
            continue
        for design in range(len(lanes)):
            moved[:] = 0.0
            _moved(steps, place, design, where, moved)
            cycles = steps.work[place] / lanes[design]
            energy = steps.work[place] * each_pj
            for level in range(memories):
                read = moved[level, 0, 0] + moved[level, 1, 0] + moved[level, 2, 0]
                written = moved[level, 0, 1] + moved[level, 1, 1] + moved[level, 2, 1]
                slow = charged.cycles_per_byte
                cycles = max(cycles, (read + written) * slow[level, 0, design])
                cycles = max(cycles, max(read * slow[level, 1, design], written * slow[level, 2, design]))
                energy += read * charged.pj_per_byte[level, 0, design]
                energy += written * charged.pj_per_byte[level, 1, design]
            cost.latency_cycles[place, design] = cycles + charged.dispatch[design]
            cost.dynamic_pj[place, design] = energy
            cost.outer_bytes[place, design] = moved[0].sum()
