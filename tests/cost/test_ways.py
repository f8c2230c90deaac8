"""Ways to cut an op: what is counted of them is what is counted of the tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.chains import listed
from accelsim.cost.rows import Kept, features, machine_of, op_rows
from accelsim.cost.ways import groups_of, ways_of
from accelsim.dims import DIMS
from accelsim.hardware.load import load_hardware
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

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
def test_a_cut_has_the_tiles_of_its_chain_and_the_last_is_one_element_without_copies(name: str, op: Op) -> None:
    for ways in ways_of(op, machine_of(load_hardware(name))):
        rows = max(len(listed(ways.chains, dim)) for dim in range(len(DIMS)))
        cut = np.stack([np.arange(rows) % len(listed(ways.chains, dim)) for dim in range(len(DIMS))], axis=1)
        tiles = ways.mappings(cut, np.zeros(rows, dtype=np.int64)).tiles
        for dim in range(len(DIMS)):
            assert np.array_equal(tiles[:, :, dim], listed(ways.chains, dim)[cut[:, dim]])
        single = ways.mappings(ways.single[None], np.zeros(1, dtype=np.int64))
        assert np.all(single.tiles == 1)
        assert np.all(single.copies == 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_the_start_is_spread_inside_and_no_larger_outside(name: str, op: Op) -> None:
    for ways in ways_of(op, machine_of(load_hardware(name))):
        made = ways.mappings(ways.start, np.zeros(len(ways.start), dtype=np.int64))
        shares = np.minimum(made.tiles[:, 1:] * made.copies[:, 1:-1], made.tiles[:, :-1])
        assert np.array_equal(made.tiles[:, :-1], shares), "what is outside is what the copies inside take"
        assert len(np.unique(ways.start, axis=0)) == len(ways.start)
        assert np.all(made.tiles[:, -1].min(axis=0) == 1), "single elements are among them"


@given(st.sampled_from(OPS), st.sampled_from(NAMES), st.integers(0, 1000), st.sampled_from([0, 1, 4, 6]))
def test_what_is_counted_is_that_of_mappings_written_out(op: Op, name: str, seed: int, code: int) -> None:
    machine, rng = machine_of(load_hardware(name)), np.random.default_rng(seed)
    every = ways_of(op, machine)
    ways = every[int(rng.integers(len(every)))]
    cut = rng.integers(0, ways.chains.nodes[:, 0], (20, len(DIMS)))
    still = rng.integers(0, 3**ways.levels, 20)
    kept = Kept((bool(code & 1), bool(code & 2), bool(code & 4)), (1, 1, 1))
    made = ways.mappings(cut, still)
    out = Mappings.of(made.tiles, made.orders, made.copies)
    costs, allowed = ways.counting(kept).features(cut, still)
    expected, fine = features(op_rows(op, out, machine), kept)
    assert np.array_equal(allowed, fine)
    assert np.array_equal(costs, expected)
