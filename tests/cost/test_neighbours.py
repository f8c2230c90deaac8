"""The search looks at every mapping once, and what it passes over costs the same as something it looks at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.chains import Chains, alike_of, chains_of, listed
from accelsim.cost.neighbours import Found, around, best, found_of, outwards, widened
from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.dims import DIMS, Dim
from accelsim.hardware.load import load_hardware
from accelsim.mapping.mapspace import STILL
from accelsim.mapping.menu import menu_of
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

NOTHING = Kept((False, False, False), (-1, -1, -1))
OPS = [convolution((1, 6, 5, 5), 4, (3, 3)), fully_connected((3, 5, 1, 1), 4), matmul(4, 3, 5, heads=2)]
LARGER = [convolution((1, 24, 28, 28), 36, (3, 3)), fully_connected((1, 64, 1, 1), 40), matmul(12, 8, 20, heads=2)]
K, C = Dim.K.position, Dim.C.position


def chains(op: Op, levels: int) -> Chains:
    return chains_of(op, menu_of(op, [], 8), np.ones((levels + 1, len(DIMS)), dtype=np.int64))[0]


def tiles(made: Chains, cut: np.ndarray) -> np.ndarray:
    """Return the tiles of mappings, shape ``(mappings, L, dims)``."""
    return np.stack([listed(made, dim)[cut[:, dim]] for dim in range(len(DIMS))], axis=2)


def drawn(made: Chains, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    levels = made.tiles.shape[1]
    return rng.integers(0, made.nodes[:, 0], (count, len(DIMS))), rng.integers(0, 3**levels, count)


def rows(found: Found) -> list[tuple[int, ...]]:
    count = int(found.total[0])
    return [(*cut, still) for cut, still in zip(found.cut[:count].tolist(), found.still[:count].tolist(), strict=True)]


def costs(op: Op, tile: np.ndarray, still: int) -> list[float]:
    """Return all that a mapping of one level asks for."""
    mappings = Mappings.of(tile[None, None], np.array(STILL[still])[None, None])
    asked = demand(op_rows(op, mappings, machine_of(load_hardware("systolic"))), NOTHING)
    return np.concatenate([np.ravel(part) for part in asked]).tolist()


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_orders_passed_over_cost_the_same(op: Op) -> None:
    rng, made = np.random.default_rng(3), alike_of(menu_of(op, [], 8))
    for _ in range(60):
        # Most dims whole, so that there are loops of one kind, of two, of three.
        last = made.nodes[:, 0] - 1
        start = np.where(rng.random(len(DIMS)) < 0.4, rng.integers(0, last + 1), last)
        found = found_of(8, made)
        outwards(made, start[None], np.zeros(1, dtype=np.int64), 0, found)
        tile = tiles(made, start[None])[0, 0]
        taken = [costs(op, tile, still) for *_, still in rows(found)]
        for operand in range(3):
            assert costs(op, tile, operand) in taken
        assert all(one != other for one, other in itertools.combinations(taken, 2)) or len(taken) == 1


@given(st.sampled_from(LARGER), st.integers(0, 10**6), st.integers(1, 3), st.booleans(), st.booleans())
def test_neighbours_are_chains_and_none_comes_twice(op: Op, seed: int, levels: int, alike: bool, wide: bool) -> None:
    rng, made = np.random.default_rng(seed), chains(op, levels)
    cut, still = drawn(made, 3, rng)
    level = int(rng.integers(levels))
    some = (level, level + 1) if alike else (0, levels)
    found = found_of(1 << 15, made)
    around(made, cut, still, some, alike, wide, found)
    count = int(found.total[0])
    assert count < 1 << 15
    assert np.all((found.cut[:count] >= 0) & (found.cut[:count] < made.nodes[:, 0]))
    assert np.all((found.still[:count] >= 0) & (found.still[:count] < 3**levels))
    assert len(set(rows(found))) == count
    changed = (found.cut[:count, None, :] != cut[None]).sum(axis=2).min(axis=1)
    assert changed.max(initial=0) <= 2, "one dim or two"
    again = found_of(1 << 15, made, found)
    around(made, cut, still, some, alike, wide, again)
    assert rows(again) == rows(found), "what is there is not added again"


@given(st.sampled_from(LARGER), st.integers(0, 10**6))
def test_tiles_outside_stay_about_what_they_are_or_go_along(op: Op, seed: int) -> None:
    rng, made = np.random.default_rng(seed), chains(op, 2)
    cut, still = drawn(made, 1, rng)
    own = tiles(made, cut)[0]
    for alike in (False, True):
        found = found_of(1 << 14, made)
        around(made, cut, still, (1, 2), alike, True, found)
        for outer, inner in tiles(made, found.cut[: int(found.total[0])]):
            for dim in np.flatnonzero(inner != own[1]):
                every = listed(made, int(dim))
                around_it = every[every[:, 1] == inner[dim], 0]
                apart = np.abs(np.log(around_it / own[0, dim]))
                assert outer[dim] == (around_it.min() if alike else outer[dim])
                assert alike or abs(np.log(outer[dim] / own[0, dim])) <= apart.min() + 1e-12


def test_the_neighbours_of_a_mapping() -> None:
    """One loop over kernels and one over channels, in the middle of seven tiles each."""
    op = fully_connected((1, 64, 1, 1), 64)
    made = alike_of(menu_of(op, [], 1))
    assert made.nodes[[K, C], 0].tolist() == [7, 7]
    cut = np.zeros((1, len(DIMS)), dtype=np.int64)
    cut[0, [K, C]] = 3
    found = found_of(256, made)
    around(made, cut, np.zeros(1, dtype=np.int64), (0, 1), True, False, found)
    got = {(row[K], row[C]) for row in rows(found)}
    alone = {(3 + step, 3) for step in (-2, -1, 1, 2)} | {(3, 3 + step) for step in (-2, -1, 1, 2)}
    steps = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]
    traded = {(3 + one, 3 - other) for one, other in steps} | {(3 - other, 3 + one) for one, other in steps}
    assert got == alone | traded


def test_outwards_the_tiles_of_a_level_are_spread_and_what_is_inside_stays() -> None:
    """64 kernels in tiles of 4: around them 4, 16 and 64, each with every order that differs."""
    made = chains(fully_connected((1, 1, 1, 1), 64), 2)
    every = listed(made, K).tolist()
    cut = np.zeros((1, len(DIMS)), dtype=np.int64)
    cut[0, K] = every.index([4, 4])
    found = found_of(64, made)
    outwards(made, cut, np.zeros(1, dtype=np.int64), 0, found)
    assert {tuple(every[row[K]]) for row in rows(found)} == {(4, 4), (16, 4), (64, 4)}


@given(st.sampled_from(LARGER), st.integers(0, 10**6), st.integers(0, 2))
def test_widened_all_is_whole_outside_a_level_and_the_same_inside(op: Op, seed: int, level: int) -> None:
    made = chains(op, 3)
    cut, _ = drawn(made, 5, np.random.default_rng(seed))
    before, after = tiles(made, cut), tiles(made, widened(made, cut, level))
    assert np.array_equal(before[:, level:], after[:, level:])
    assert np.all(after[:, :level] == np.array(op.sizes))


def test_when_there_is_no_room_the_rest_is_left_out() -> None:
    made = chains(LARGER[0], 2)
    cut, still = drawn(made, 1, np.random.default_rng(1))
    few = found_of(10, made)
    around(made, cut, still, (0, 2), False, False, few)
    assert int(few.total[0]) == 10
    more = found_of(400, made, few)
    around(made, cut, still, (0, 2), False, False, more)
    whole = found_of(400, made)
    around(made, cut, still, (0, 2), False, False, whole)
    assert rows(more)[:10] == rows(few)
    assert rows(more) == rows(whole), "what was there is known again"


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 60))
def test_the_best_differ_and_nothing_left_out_beats_all_that_are_like_it(seed: int, count: int, begin: int) -> None:
    rng, made = np.random.default_rng(seed), chains(LARGER[0], 2)
    cut, still = drawn(made, 60, rng)
    found = Found(cut, still, np.zeros(2, dtype=np.int64), np.array([60]))
    scores = np.where(rng.random(60) < 0.1, np.inf, 1 + rng.random(60))
    known = best(made, found, scores[:begin], np.empty(0, dtype=np.int64), 0, count)
    got = best(made, found, scores, known, begin, count).tolist()
    assert scores[got].tolist() == sorted(scores[got].tolist())
    assert np.all(np.isfinite(scores[got]))
    if np.isfinite(scores).any():
        assert scores[got[0]] == scores.min(), "the best of all is the first"
    for one, other in itertools.combinations(got, 2):
        if still[one] == still[other]:
            assert not np.array_equal(tiles(made, cut)[one, -1], tiles(made, cut)[other, -1])
