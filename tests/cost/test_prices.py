"""What designs charge: numbers that are alike if the charges are, and scores that are those of the choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.choose import choose
from accelsim.cost.front import Front, front
from accelsim.cost.prices import Bills, Prices, prices
from accelsim.cost.rows import Kept, features, machine_of
from accelsim.cost.score import scores
from accelsim.cost.store import rows_of
from accelsim.hardware.load import hardware_template
from accelsim.workload.ops import convolution

NOTHING = Kept((False, False, False), (-1, -1, -1))
OP = convolution((1, 24, 28, 28), 36, (3, 3))


def charges(*slow: float, leakage: float = 1.0) -> Prices:
    count = len(slow)
    cycles = np.zeros((2, 3, count))
    cycles[0, 0] = slow
    return Prices(cycles, np.ones((2, 2, count)), np.zeros(count), np.full(count, leakage))


def test_designs_that_charge_the_same_have_the_same_number() -> None:
    known: dict[bytes, int] = {}
    bills = Bills([charges(1.0, 2.0, 1.0), charges(1.0, 2.0, 1.0, leakage=3.0)], np.array([0, 1, 0]), np.zeros(3))
    assert bills.numbers(known).tolist() == [[0, 1, 0], [2, 3, 2], [0, 1, 0]]
    later = Bills([charges(2.0, 5.0)], np.array([0]), np.zeros(1))
    assert later.numbers(known).tolist() == [[1, 4]], "known from before, and new"


def test_the_bill_of_a_design() -> None:
    bills = Bills([charges(1.0, 2.0), charges(1.0, 2.0, leakage=3.0)], np.array([0, 1]), np.array([7.0, 8.0]))
    bill = bills.of(1, 1, np.array([np.inf, 5.0]))
    assert bill.slow[0].tolist() == [2.0, 0.0, 0.0]
    assert (bill.base, bill.dispatch, bill.leakage, bill.room[1]) == (8.0, 0.0, 3.0, 5.0)


@settings(max_examples=40)
@given(
    st.sampled_from(["systolic", "npu", "tpu_v1", "vector_cpu", "edge_tpu", "mcu"]),
    st.integers(0, 500),
    st.floats(0.001, 1),
    st.floats(0, 10),
)
def test_scores_are_those_of_the_choice(name: str, seed: int, share: float, leakage: float) -> None:
    template = hardware_template(name)
    design = template.instantiate(template.space.sample(np.random.default_rng(seed)))
    machine = machine_of(design)
    found = front(OP, machine, NOTHING)
    sizes = [np.inf if one.size_bytes is None else one.size_bytes[0] * share for one in design.memories]
    bills = Bills([prices(design, np.full(1, leakage))], np.zeros(1, dtype=np.int64), np.array([1e4]))
    costs, allowed = features(found.nests, NOTHING)
    ours = np.empty(len(costs))
    scores(costs, allowed, 2 if machine.structure.apart else 1, bills.of(0, 0, np.array(sizes)), ours)
    free, none = np.array(sizes)[:, None, None], np.zeros((1, 1), dtype=np.int64)
    for row in range(len(found)):
        one = Front(found.rows[np.array([row])], found.chosen[:1], NOTHING, _row(found, row))
        best = choose(rows_of([one]), none, bills.charged[0], bills.base, free)
        cycles = float(best.latency_cycles[0, 0])
        expected = cycles * (float(best.dynamic_pj[0, 0]) + leakage * cycles) if best.legal[0, 0] else np.inf
        assert ours[row] == pytest.approx(expected, rel=1e-12)


def _row(found: Front, row: int) -> object:
    return type(found.demand)(**{name: part[[row]] for name, part in found.demand._asdict().items()})
