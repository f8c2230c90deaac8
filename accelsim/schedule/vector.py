"""Steps without MACs: they stream from where their inputs live, through the vector unit, to where the result goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.energy import vector_pj
from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule.residency import Stay
from accelsim.schedule.steps import Plan

__all__ = ["VectorCost", "vector_cost"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class VectorCost:
    """Cost of vector steps; arrays of shape ``(vector steps, designs)``.

    Attributes:
        reads: Shape ``(memories, 3, vector steps, designs)``: bytes read of ``W I O``.
        writes: The same for bytes written.
        latency_cycles: The slowest of the vector unit and the memories, and the dispatch of the op.
        dynamic_pj: Energy of everything but leakage.
    """

    reads: Floats
    writes: Floats
    latency_cycles: Floats
    dynamic_pj: Floats


def vector_cost(plan: Plan, places: Sequence[int], accelerator: Accelerator, stays: Stay) -> VectorCost:
    """Return the cost of the steps at ``places``, none of which has MACs.

    Every input is read once (overlapping windows are buffered in the unit) and the result is written once.
    """
    shape = (len(accelerator.memories), 3, len(places), len(accelerator))
    reads, writes = np.zeros(shape), np.zeros(shape)
    inputs, outputs = OPERANDS.index(Operand.I), OPERANDS.index(Operand.O)
    near = stays.activation_level or 0
    for row, place in enumerate(places):
        step = plan.steps[place]
        for source, size in zip(step.reads, _input_bytes(plan, place), strict=True):
            on_chip = stays.outputs[source] if source >= 0 else np.zeros(len(accelerator), dtype=bool)
            reads[near, inputs, row] += size * on_chip
            reads[0, inputs, row] += size * ~on_chip
        writes[near, outputs, row] += step.output_bytes * stays.outputs[place]
        writes[0, outputs, row] += step.output_bytes * ~stays.outputs[place]
    work = np.array([plan.steps[place].op.vector_ops + plan.steps[place].fused_work for place in places])
    cycles = work[:, None] / accelerator.vector.lanes
    energy = np.zeros(shape[2:]) + (work * (vector_pj(accelerator.technology) or 0.0))[:, None]
    for level, memory in enumerate(accelerator.memories):
        read, written = reads[level].sum(axis=0), writes[level].sum(axis=0)
        if memory.bandwidth_bytes_per_cycle is not None:
            cycles = np.maximum(cycles, (read + written) / memory.bandwidth_bytes_per_cycle)
        for moved, each in ((read, memory.read_pj_per_byte), (written, memory.write_pj_per_byte)):
            if each is not None:
                energy = energy + moved * each
    return VectorCost(reads, writes, cycles + accelerator.array.dispatch_cycles, energy)


def _input_bytes(plan: Plan, place: int) -> list[float]:
    op = plan.steps[place].op
    sizes = [
        plan.steps[s].output_bytes if s >= 0 else plan.steps[0].op.bytes_of(Operand.I) for s in plan.steps[place].reads
    ]
    return sizes if len(sizes) > 1 else [op.bytes_of(Operand.I)]
