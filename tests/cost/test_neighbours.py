"""The search looks at every mapping once, and what it passes over costs the same as something it looks at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.chains import Chains, alike_of, chains_of, listed
from accelsim.cost.neighbours import Found, added, around, cores, found_of, outwards
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


def room(most: int, cut: np.ndarray | None = None, still: np.ndarray | None = None) -> Found:
    """Return room for mappings, some of which are there already."""
    found = found_of(most, len(DIMS))
    if cut is not None and still is not None:
        found.cut[: len(cut)], found.still[: len(cut)], found.total[0] = cut, still, len(cut)
    return found


def begun(made: Chains, cut: np.ndarray, still: np.ndarray, most: int, whole: int = 0) -> Found:
    """Return room with mappings that are known as such, and with every order at the innermost level."""
    found = room(most)
    innermost = made.tiles.shape[1] - 1
    outwards(made, cut, still, innermost, whole, np.empty((len(cut), 2), dtype=np.int64), found)
    return found


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
        found = begun(made, start[None], np.zeros(1, dtype=np.int64), 8)
        tile = tiles(made, start[None])[0, 0]
        taken = [costs(op, tile, still) for *_, still in rows(found)]
        for operand in range(3):
            assert costs(op, tile, operand) in taken
        assert all(one != other for one, other in itertools.combinations(taken, 2)) or len(taken) == 1


@given(st.sampled_from(LARGER), st.integers(0, 10**6), st.integers(1, 3), st.booleans(), st.booleans())
def test_neighbours_are_chains_and_none_is_there_twice(op: Op, seed: int, levels: int, alike: bool, wide: bool) -> None:
    rng, made = np.random.default_rng(seed), chains(op, levels)
    cut, still = drawn(made, 3, rng)
    level = int(rng.integers(levels))
    some = (level, level + 1) if alike else (0, levels)
    found = room(1 << 15, cut, still)
    nodes = np.arange(3)
    around(made, nodes, some, (not alike, alike), wide, 0, found)
    count = int(found.total[0])
    assert count < 1 << 15
    assert np.all((found.cut[:count] >= 0) & (found.cut[:count] < made.nodes[:, 0]))
    assert np.all((found.still[:count] >= 0) & (found.still[:count] < 3**levels))
    assert len(set(rows(found)[3:])) == count - 3
    changed = (found.cut[:count, None, :] != cut[None]).sum(axis=2).min(axis=1)
    assert changed.max(initial=0) <= 2, "one dim or two"
    before, lists = rows(found), found.near[:3].copy()
    listed_before = [found.listed[first:end].tolist() for first, end in lists]
    around(made, nodes, some, (not alike, alike), wide, 0, found)
    assert rows(found) == before, "what is there is not added again"
    assert [found.listed[first:end].tolist() for first, end in found.near[:3]] == listed_before, "but listed"


@given(st.sampled_from(LARGER), st.integers(0, 10**6))
def test_what_is_listed_does_not_depend_on_what_is_known(op: Op, seed: int) -> None:
    rng, made = np.random.default_rng(seed), chains(op, 2)
    cut, still = drawn(made, 4, rng)
    lists = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        found = room(1 << 14, cut[order], still[order])
        around(made, np.arange(4), (0, 2), (True, True), False, 0, found)
        every = rows(found)
        lists.append([[every[row] for row in found.listed[slice(*found.near[order.index(at)])]] for at in range(4)])
    assert lists[0] == lists[1]


@given(st.sampled_from(LARGER), st.integers(0, 10**6))
def test_tiles_outside_stay_about_what_they_are_or_go_along(op: Op, seed: int) -> None:
    rng, made = np.random.default_rng(seed), chains(op, 2)
    cut, still = drawn(made, 1, rng)
    own = tiles(made, cut)[0]
    for alike, whole in ((False, 0), (True, 0), (True, 1)):
        found = room(1 << 14, cut, still)
        around(made, np.zeros(1, dtype=np.int64), (1, 2), (not alike, alike), True, whole, found)
        for outer, inner in tiles(made, found.cut[: int(found.total[0])]):
            for dim in np.flatnonzero(inner != own[1]):
                every = listed(made, int(dim))
                around_it = every[every[:, 1] == inner[dim], 0]
                apart = np.abs(np.log(around_it / own[0, dim]))
                assert outer[dim] == ((around_it.max() if whole else around_it.min()) if alike else outer[dim])
                assert alike or abs(np.log(outer[dim] / own[0, dim])) <= apart.min() + 1e-12


def test_the_neighbours_of_a_mapping() -> None:
    """One loop over kernels and one over channels, in the middle of seven tiles each."""
    op = fully_connected((1, 64, 1, 1), 64)
    made = alike_of(menu_of(op, [], 1))
    assert made.nodes[[K, C], 0].tolist() == [7, 7]
    cut = np.zeros((1, len(DIMS)), dtype=np.int64)
    cut[0, [K, C]] = 3
    found = room(256, cut, np.zeros(1, dtype=np.int64))
    around(made, np.zeros(1, dtype=np.int64), (0, 1), (False, True), False, 0, found)
    got = {(row[K], row[C]) for row in rows(found)[1:]}
    alone = {(3 + step, 3) for step in (-2, -1, 1, 2)} | {(3, 3 + step) for step in (-2, -1, 1, 2)}
    steps = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]
    traded = {(3 + one, 3 - other) for one, other in steps} | {(3 - other, 3 + one) for one, other in steps}
    assert got == alone | traded


def test_outwards_the_tiles_of_a_level_are_spread_and_what_is_inside_stays() -> None:
    """64 kernels in tiles of 4: around them 4, 8, 16, 32 and 64, each with every order that differs."""
    made = chains(fully_connected((1, 1, 1, 1), 64), 2)
    every = listed(made, K).tolist()
    cut = np.zeros((2, len(DIMS)), dtype=np.int64)
    cut[:, K] = every.index([4, 4]), every.index([64, 64])
    found, lists = room(64), np.empty((2, 2), dtype=np.int64)
    outwards(made, cut, np.zeros(2, dtype=np.int64), 0, 0, lists, found)
    got = [{tuple(every[found.cut[row, K]]) for row in found.listed[first:end]} for first, end in lists]
    assert got == [{(4, 4), (8, 4), (16, 4), (32, 4), (64, 4)}, {(64, 64)}]


@given(st.sampled_from(LARGER), st.integers(0, 10**6))
def test_the_mark_of_the_innermost_tiles_tells_them_apart(op: Op, seed: int) -> None:
    made = chains(op, 3)
    cut, _ = drawn(made, 40, np.random.default_rng(seed))
    cut[20:] = cut[:20]
    # Only what is outside differs.
    cut[20:, K] = [made.first[K, 1, made.first[K, 2, made.inside[K, 1, made.inside[K, 0, at]]]] for at in cut[20:, K]]
    marks, inner = cores(made, cut), tiles(made, cut)[:, -1]
    for one, other in itertools.combinations(range(40), 2):
        assert (marks[one] == marks[other]) == np.array_equal(inner[one], inner[other])


def test_when_there_is_no_room_there_is_more_and_nothing_is_lost() -> None:
    made = chains(LARGER[0], 2)
    cut, still = drawn(made, 1, np.random.default_rng(1))
    node, given = np.zeros(1, dtype=np.int64), ((0, 2), (True, True), False, 0)
    whole = room(1024, cut, still)
    around(made, node, *given, whole)
    assert not whole.total[2]
    few = room(16, cut, still)
    around(made, node, *given, few)
    assert few.total.tolist()[::2] == [16, 1]
    assert rows(few) == rows(whole)[:16]
    more = added(around, made, room(16, cut, still), 1024, node, *given)
    assert len(more.cut) == 1024
    assert rows(more) == rows(whole)
    assert more.listed[slice(*more.near[0])].tolist() == whole.listed[slice(*whole.near[0])].tolist()
    capped = added(around, made, room(16, cut, still), 64, node, *given)
    assert rows(capped) == rows(whole)[:64]
