"""A search that ends early is no worse than the default mapper, and its bound still holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.cost.energy import leakage_pj, op_bits
from accelsim.cost.rows import machine_of
from accelsim.hardware.load import load_hardware
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.objective import ENERGY, LATENCY
from accelsim.schedule.run import run
from accelsim.schedule.steps import planned
from accelsim.workload.load import load_network
from accelsim.workload.ops import Op, convolution

THREE = str(Path(__file__).parents[2] / "benchmarks/machines/three_level.yaml")
OPS = [convolution((1, 3, 32, 32), 24, (4, 4), stride=(4, 4)), convolution((1, 40, 14, 14), 60, (1, 1))]


@pytest.mark.parametrize("name", [THREE, "systolic"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_few_boxes_find_nothing_worse_than_many_by_more_than_the_bound_says(name: str, op: Op) -> None:
    design = load_hardware(name)
    whole, short = best_mapping(op, design), best_mapping(op, design, boxes=1)
    assert whole.certificate.proven
    assert short.certificate.bound <= whole.score * (1 + 1e-12)
    assert whole.score <= short.score * (1 + 1e-12)
    assert short.score <= 1.1 * whole.score, "the default mapper's choice is at hand"
    for objective in (LATENCY, ENERGY):
        least = best_mapping(op, design, objective=objective, boxes=1)
        assert least.score <= objective.score(short.latency_cycles, short.energy_pj) * (1 + 1e-12)


@pytest.mark.parametrize("name", [THREE, "systolic"])
def test_it_is_never_worse_than_what_the_schedule_takes(name: str) -> None:
    design, network = load_hardware(name), load_network("mobilenet_v3_small", resolution=96)
    plan = planned(network, design.abilities)
    found = run([plan], design)
    assert machine_of(design).blocks is None
    for row, place in list(enumerate(found.table.array_places.tolist()))[::7]:
        op, kept = plan.steps[place].op, found.mapped(place, 0)[0].kept
        latency = float(found.mac.latency_cycles[row, 0])
        energy = float(found.mac.dynamic_pj[row, 0]) + float(leakage_pj(design, op_bits(op))[0]) * latency
        used = found.stays.used_bytes
        free = np.array(
            [
                np.inf if one.size_bytes is None else float(one.size_bytes[0] - used[level][place, 0])
                for level, one in enumerate(design.memories)
            ]
        )
        short = best_mapping(op, design, kept=kept, free_bytes=free, boxes=1)
        assert short.score <= latency * energy * (1 + 1e-9)
