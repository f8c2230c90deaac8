"""The search looks at every mapping once, and what it passes over costs the same as something it looks at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.neighbours import around, found_of, outwards
from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.dims import DIMS
from accelsim.hardware.load import load_hardware
from accelsim.mapping.mapspace import STILL
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

NOTHING = Kept((False, False, False), (-1, -1, -1))
OPS = [convolution((1, 6, 5, 5), 4, (3, 3)), fully_connected((3, 5, 1, 1), 4), matmul(4, 3, 5, heads=2)]


def sizes(op: Op) -> np.ndarray:
    """Return the last place of every dim if each size is a place: the whole first, one element last."""
    return np.array(op.sizes) - 1


def costs(op: Op, places: np.ndarray, still: np.ndarray) -> list[float]:
    """Return all that a mapping of one level asks for."""
    tiles, order = np.array(op.sizes) - places, np.array(STILL[int(still[0])])
    mappings = Mappings.of(tiles[None], order[None, None])
    asked = demand(op_rows(op, mappings, machine_of(load_hardware("systolic"))), NOTHING)
    return np.concatenate([np.ravel(part) for part in asked]).tolist()


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_orders_passed_over_cost_the_same(op: Op) -> None:
    rng, last = np.random.default_rng(3), sizes(op)
    for _ in range(60):
        # Most dims whole, so that there are loops of one kind, of two, of three.
        start = np.where(rng.random(len(DIMS)) < 0.4, rng.integers(0, last + 1), 0)
        found = found_of(8, 1, last)
        outwards(start[None], start[None, None], np.zeros((1, 1), dtype=np.int64), 0, found)
        count = int(found.total[0])
        taken = [costs(op, found.places[row], found.still[row]) for row in range(count)]
        for operand in range(3):
            assert costs(op, start[None], np.array([operand])) in taken
        assert all(one != other for one, other in itertools.combinations(taken, 2)) or count == 1


@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans())
def test_neighbours_are_nests_and_none_comes_twice(seed: int, levels: int, alike: bool) -> None:
    rng = np.random.default_rng(seed)
    last = rng.integers(0, 6, len(DIMS)) * (rng.random(len(DIMS)) < 0.5)
    places = np.sort(rng.integers(0, last + 1, (4, levels, len(DIMS))), axis=1)
    still, level = rng.integers(0, 3, (4, levels)), int(rng.integers(levels))
    if alike:
        places[:, :level] = places[:, [level]]
    found = found_of(1 << 14, levels, last)
    around(places, still, last, (level, level + 1) if alike else (0, levels), alike, False, found)
    count = int(found.total[0])
    got, lying = found.places[:count], found.still[:count]
    assert np.all((got >= 0) & (got <= last))
    assert np.all(np.diff(got, axis=1) >= 0), "tiles get no larger inwards"
    assert np.all((lying >= 0) & (lying <= 2))
    if alike:
        assert np.all(got[:, : level + 1] == got[:, [level]]), "those outside go along"
    rows = {(*place.ravel().tolist(), *operands.tolist()) for place, operands in zip(got, lying, strict=True)}
    assert len(rows) == count
    again = found_of(1 << 14, levels, last, found)
    assert int(again.total[0]) == count
    around(places, still, last, (level, level + 1) if alike else (0, levels), alike, False, again)
    assert int(again.total[0]) == count, "what is there is not added again"


def test_the_neighbours_of_a_mapping() -> None:
    """One loop over kernels and one over channels, in the middle of seven tiles each."""
    last = np.zeros(len(DIMS), dtype=np.int64)
    last[[2, 3]] = 6
    places = np.zeros((1, 1, len(DIMS)), dtype=np.int64)
    places[0, 0, [2, 3]] = 3
    found = found_of(256, 1, last)
    around(places, np.zeros((1, 1), dtype=np.int64), last, (0, 1), True, False, found)
    got = {tuple(row) for row in found.places[: int(found.total[0]), 0, 2:4].tolist()}
    alone = {(3 + step, 3) for step in (-2, -1, 1, 2)} | {(3, 3 + step) for step in (-2, -1, 1, 2)}
    steps = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]
    traded = {(3 + one, 3 - other) for one, other in steps} | {(3 - other, 3 + one) for one, other in steps}
    assert got == alone | traded


def test_when_there_is_no_room_the_rest_is_left_out() -> None:
    last = np.full(len(DIMS), 5)
    places = np.full((1, 1, len(DIMS)), 2)
    found = found_of(10, 1, last)
    around(places, np.zeros((1, 1), dtype=np.int64), last, (0, 1), True, False, found)
    assert int(found.total[0]) == 10
    more = found_of(40, 1, last, found)
    around(places, np.zeros((1, 1), dtype=np.int64), last, (0, 1), True, False, more)
    assert int(more.total[0]) == 40
    assert np.array_equal(more.places[:10], found.places)
    whole = found_of(40, 1, last)
    around(places, np.zeros((1, 1), dtype=np.int64), last, (0, 1), True, False, whole)
    assert np.array_equal(more.places, whole.places), "what was there is known again"
    assert np.array_equal(more.still, whole.still)
