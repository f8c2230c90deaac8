"""The default mapper where memories are nested: nearly the best, no worse than what is listed, alone or in batches."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim as acs
from accelsim.cost.energy import leakage_pj, op_bits, op_pj
from accelsim.cost.front import Front, front, own_front
from accelsim.cost.prices import Bill, Bills, prices
from accelsim.cost.rows import Kept, demand, features, machine_of
from accelsim.cost.score import scores
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template
from accelsim.mappers.exact import best_mapping
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

NOTHING = Kept((False, False, False), (-1, -1, -1))
THREE = str(Path(__file__).parents[2] / "benchmarks/machines/three_level.yaml")
OPS = [
    convolution((1, 3, 64, 64), 32, (3, 3), stride=(2, 2)),
    convolution((1, 96, 28, 28), 96, (3, 3), groups=96),
    convolution((1, 48, 14, 14), 130, (1, 1)),
    convolution((1, 64, 14, 14), 64, (3, 3)),
    matmul(49, 32, 49, heads=3),
    fully_connected((1, 640, 1, 1), 100),
]


@lru_cache(maxsize=256)
def drawn(name: str, seed: int) -> Accelerator:
    template = hardware_template(name)
    return template.instantiate(template.space.sample(np.random.default_rng(seed)))


def bill_of(op: Op, design: Accelerator, share: float = 1.0) -> Bill:
    sizes = [np.inf if one.size_bytes is None else one.size_bytes[0] * share for one in design.memories]
    charged = prices(design, leakage_pj(design, op_bits(op)))
    bills = Bills([charged], np.zeros(1, dtype=np.int64), np.array([op_pj(op, design.technology)]))
    return bills.of(0, 0, np.array(sizes))


def score(found: Front, bill: Bill) -> float:
    """Return energy x delay of the best row of a front; infinite if none fits."""
    costs, allowed = features(found.nests, NOTHING)
    each = 2 if found.nests.machine.structure.apart else 1
    every = np.empty(len(costs))
    scores(costs, allowed, each, bill, every)
    return float(every[: len(found)].min())


def test_it_is_nearly_the_best() -> None:
    gaps = []
    for seed in range(5):
        design = drawn(THREE, seed)
        for op in OPS:
            bill, best = bill_of(op, design), best_mapping(op, design, boxes=100_000)
            if best.certificate.proven:
                gaps.append(score(own_front(op, machine_of(design), NOTHING, bill), bill) / best.score)
    assert len(gaps) >= 20
    assert min(gaps) >= 1 - 1e-9, "nothing is better than the best"
    assert np.mean(np.array(gaps) <= 1.01) >= 0.95
    assert max(gaps) <= 1.1


@settings(max_examples=25)
@given(st.sampled_from(OPS), st.sampled_from([THREE, "tpu_v1", "vector_cpu"]), st.integers(0, 20), st.floats(0.001, 1))
def test_it_is_no_worse_than_what_is_listed(op: Op, name: str, seed: int, share: float) -> None:
    design = drawn(name, seed)
    machine, bill = machine_of(design), bill_of(op, design, share)
    assert score(own_front(op, machine, NOTHING, bill), bill) <= score(front(op, machine, NOTHING), bill)


@settings(max_examples=25)
@given(st.sampled_from(OPS), st.integers(0, 20), st.lists(st.integers(1, 60), min_size=2, max_size=2))
def test_whatever_the_room_something_fits_if_tiles_of_one_element_do(op: Op, seed: int, few: list[int]) -> None:
    design = drawn(THREE, seed)
    bill = bill_of(op, design)._replace(room=np.array([np.inf, *few], dtype=float))
    found = own_front(op, machine_of(design), NOTHING, bill)
    single = found.nests[np.array([-1])]
    assert np.all(single.mappings.tiles == 1), "the last row is there to say what is missing"
    assert np.isfinite(score(found, bill)) == bool(np.all(demand(single, NOTHING).room.sum(axis=2)[0] <= bill.room))


def test_the_demand_of_a_front_of_its_own_is_that_of_its_mapping() -> None:
    design = drawn(THREE, 1)
    for op in OPS:
        found = own_front(op, machine_of(design), NOTHING, bill_of(op, design))
        again = demand(found.nests[np.array([0])], NOTHING)
        assert all(np.array_equal(one, other) for one, other in zip(found.demand, again, strict=True))


@pytest.mark.parametrize("name", ["tpu_v1", "vector_cpu"])
def test_a_design_has_the_same_figures_alone_in_a_batch_and_in_a_scorer(name: str) -> None:
    template, network = acs.hardware_template(name), acs.load_network("mobilenet_v3_small")
    space, rng = template.space, np.random.default_rng(2)
    points = [dict(space.sample(rng)) for _ in range(5)]
    batch = acs.evaluate_points(network, template, points)
    for point, outcome in zip(points, batch, strict=True):
        alone = acs.evaluate(network, template.instantiate(point)).totals
        scorer = acs.Scorer(name, **point)
        assert outcome.metrics["energy_pj"] == alone.energy_pj
        assert outcome.metrics["latency_cycles"] == alone.latency_cycles
        assert scorer(network).latency_cycles == alone.latency_cycles
