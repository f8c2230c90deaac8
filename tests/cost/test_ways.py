"""Ways to cut an op: every chain has its number, and what is counted of them is what is counted of the tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.rows import Kept, features, machine_of, op_rows
from accelsim.cost.ways import groups_of, ways_of
from accelsim.dims import DIMS
from accelsim.hardware.load import load_hardware
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import convolution, fully_connected, matmul

OPS = [convolution((1, 24, 28, 28), 36, (3, 3)), fully_connected((1, 64, 1, 1), 40), matmul(12, 8, 20, heads=2)]
NAMES = ["tpu_v1", "vector_cpu", "pe_array", "gemmini"]


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("systolic", [(0, 1)]),
        ("gemmini", [(0, 2)]),
        ("edge_tpu", [(0, 2)]),
        ("vector_cpu", [(1, 2), (0, 1)]),
        ("tpu_v1", [(1, 3), (0, 1)]),
        ("simba_like", [(1, 4), (0, 1)]),
    ],
)
def test_memories_that_share_no_operand_are_one_group(name: str, groups: list[tuple[int, int]]) -> None:
    assert groups_of(machine_of(load_hardware(name))) == groups


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_every_chain_of_places_has_a_number_of_its_own(name: str, op: object) -> None:
    for ways in ways_of(op, machine_of(load_hardware(name))):  # type: ignore[arg-type]
        for dim in range(len(DIMS)):
            last, levels = int(ways.menu.last[dim]), ways.levels
            count = math.comb(last + levels, levels)
            chains = np.array([c for c in np.ndindex(*(last + 1,) * levels) if list(c) == sorted(c)])
            places = np.zeros((count, levels, len(DIMS)), dtype=np.int64)
            places[:, :, dim] = chains
            numbers = ways.cut(places)[:, dim]
            assert sorted(numbers.tolist()) == list(range(count))
            made = ways.mappings(places, np.zeros((count, levels), dtype=np.int64))
            assert np.array_equal(made.tiles[:, :, dim], ways.menu.tiles[dim][chains])


@given(st.sampled_from(OPS), st.sampled_from(NAMES), st.integers(0, 1000), st.sampled_from([0, 1, 4, 6]))
def test_what_is_counted_is_that_of_mappings_written_out(op: object, name: str, seed: int, code: int) -> None:
    machine, rng = machine_of(load_hardware(name)), np.random.default_rng(seed)
    every = ways_of(op, machine)  # type: ignore[arg-type]
    ways = every[int(rng.integers(len(every)))]
    shape = (20, ways.levels, len(DIMS))
    places = np.sort(rng.integers(0, ways.menu.last + 1, shape), axis=1)
    still = rng.integers(0, 3, shape[:2])
    kept = Kept((bool(code & 1), bool(code & 2), bool(code & 4)), (1, 1, 1))
    made = ways.mappings(places, still)
    out = Mappings.of(made.tiles, made.orders, made.copies)
    costs, allowed = ways.counting(kept).features(ways.cut(places), ways.nest(still))
    expected, fine = features(op_rows(op, out, machine), kept)  # type: ignore[arg-type]
    assert np.array_equal(allowed, fine)
    assert np.array_equal(costs, expected)
