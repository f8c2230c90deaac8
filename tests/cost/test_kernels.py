"""The loop over mappings: a mapping costs the same whatever stands beside it, and features are sums of its demand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_cases import MachineCase, machine_cases
from oracle.machine_rows import rows_of, what_stays

from accelsim.cost import kernels
from accelsim.cost.front import candidates, front_of
from accelsim.cost.products import Sources, factors_of, products
from accelsim.cost.rows import Demand, Kept, OpRows, demand, features, machine_of
from accelsim.dims import DIMS
from accelsim.hardware.load import load_hardware
from accelsim.workload.ops import convolution

NOTHING = Kept((False, False, False), (-1, -1, -1))
MACHINES = ("systolic", "npu", "edge_tpu", "pe_array")


def candidates_on(name: str) -> OpRows:
    size = 4 if name == "pe_array" else 12
    return candidates(convolution((1, 6, size, size), 20, (3, 3), padding=(1, 1)), machine_of(load_hardware(name)))


def same(one: Demand, other: Demand, places: np.ndarray) -> bool:
    return all(np.array_equal(mine, theirs[places]) for mine, theirs in zip(one, other, strict=True))


@pytest.mark.parametrize("name", MACHINES)
def test_a_mapping_costs_the_same_whatever_stands_before_it(name: str) -> None:
    rows, rng = candidates_on(name), np.random.default_rng(1)
    every = demand(rows, NOTHING)
    shuffled = rng.permutation(len(rows))[:500]
    assert same(demand(rows[shuffled], NOTHING), every, shuffled)
    for place in shuffled[:5]:
        assert same(demand(rows[[place]], NOTHING), every, np.array([place]))


@pytest.mark.parametrize("count", [0, 1, kernels.BLOCK - 1, kernels.BLOCK, kernels.BLOCK + 1, 3 * kernels.BLOCK + 7])
def test_any_number_of_mappings_can_be_asked_for(count: int) -> None:
    rows = candidates_on("edge_tpu")
    picked = np.arange(count) % len(rows)
    assert same(demand(rows[picked], NOTHING), demand(rows, NOTHING), picked)
    costs, allowed = features(rows[picked], NOTHING)
    assert len(costs) == len(allowed) == count
    assert np.array_equal(costs, features(rows, NOTHING)[0][picked])


@settings(max_examples=40)
@given(machine_cases(count=4), st.booleans(), st.data())
def test_features_are_what_is_asked_for_by_all_operands_together(
    case: MachineCase, apart: bool, data: st.DataObject
) -> None:
    rows, kept = rows_of(case, apart=apart), data.draw(what_stays(case))
    asked, (costs, allowed) = demand(rows, kept), features(rows, kept)
    parts = [asked.moved.sum(axis=2), asked.one, asked.serial, asked.ramp[:, None]]
    flat = [(part if apart else part.sum(axis=2)).reshape(len(rows), -1) for part in parts]
    expected = np.concatenate([asked.cycles[:, None], asked.room.sum(axis=2), *flat], axis=1)
    assert np.array_equal(costs, expected)
    assert np.array_equal(allowed, asked.allowed)


@given(st.integers(0, 10_000))
def test_lanes_are_products_of_what_each_cut_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lanes, count = int(rng.integers(1, 6)), rng.integers(1, 4, len(DIMS))
    dims = rng.permutation(len(DIMS))[: rng.integers(0, 5)]
    axes = np.array([[5, 8], [6, 9]])[: rng.integers(0, 3)]
    steady = rng.integers(1, 4, (len(dims), int(count.max()), lanes)).astype(float)
    across = rng.integers(1, 4, (len(axes), int(count.max()), int(count.max()), lanes)).astype(float)
    whole = rng.integers(1, 4, lanes).astype(float)
    factors = factors_of(Sources(dims, steady, axes.reshape(-1, 2), across, whole), count)
    cut = np.stack([rng.integers(0, most, 20) for most in count], axis=1)
    expected = np.tile(whole, (20, 1))
    for place, dim in enumerate(dims):
        expected *= steady[place, cut[:, dim]]
    for place, (out, tap) in enumerate(axes):
        expected *= across[place, cut[:, out], cut[:, tap]]
    assert np.array_equal(products(factors, cut), expected)


def test_what_is_the_same_for_all_cuts_is_no_term() -> None:
    steady = np.array([[[2.0, 3.0], [2.0, 5.0]], [[7.0, 7.0], [0.0, 0.0]]])  # the second dim has a single cut
    nothing = np.zeros((0, 2), dtype=np.int64), np.ones((0, 0, 0, 2))
    count = np.ones(len(DIMS), dtype=np.int64)
    count[3] = 2
    factors = factors_of(Sources(np.array([3, 4]), steady, *nothing, np.ones(2)), count)
    assert factors.whole.tolist() == [14.0, 7.0]
    assert factors.begins.tolist() == [0, 0, 1]
    assert len(factors.first) == 1, "a source without terms is left out"
    cut = np.zeros((2, len(DIMS)), dtype=np.int64)
    cut[1, 3] = 1
    assert products(factors, cut).tolist() == [[14.0, 21.0], [14.0, 35.0]]


def test_rows_of_a_front_are_few() -> None:
    """What a front keeps of its candidates does not grow with their number, but for the tables of their cuts."""
    rows = candidates_on("edge_tpu")
    found = front_of(rows, NOTHING)
    assert len(found.rows) == len(found) + 1
    room = demand(rows, NOTHING).room.sum(axis=(1, 2))
    assert demand(found.rows, NOTHING).room.sum(axis=(1, 2))[-1] == room.min()
    assert same(found.demand, demand(rows, NOTHING), found.chosen)
    for row, place in itertools.islice(enumerate(found.chosen), 5):
        assert np.array_equal(found.rows.mappings.tiles[row], rows.mappings.tiles[place])
