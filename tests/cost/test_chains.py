"""Chains of tiles: whole numbers of what is inside, no two alike, none missing that a small dim can have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.chains import Chains, alike_of, chains_of, listed
from accelsim.dims import DIMS, Dim
from accelsim.mapping.menu import menu_of
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

OPS = [convolution((1, 24, 28, 28), 36, (3, 3)), fully_connected((1, 640, 1, 1), 1000), matmul(12, 8, 20, heads=2)]
K = Dim.K.position


def made(op: Op, copies: np.ndarray, finer: int = 16) -> Chains:
    return chains_of(op, menu_of(op, [], finer), copies)[0]


def alone(levels: int) -> np.ndarray:
    return np.ones((levels + 1, len(DIMS)), dtype=np.int64)


@given(st.sampled_from(OPS), st.integers(1, 4), st.integers(0, 10**6))
def test_a_tile_is_a_whole_number_of_what_the_memory_inside_takes_or_all_there_is(
    op: Op, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    copies = rng.integers(1, 4, (levels + 1, len(DIMS)))
    chains = made(op, copies)
    for dim, size in enumerate(op.sizes):
        tiles, left = listed(chains, dim), size
        assert len({tuple(row) for row in tiles.tolist()}) == len(tiles), "no chain comes twice"
        for level in range(levels):
            left = -(-left // int(copies[level, dim]))
            assert tiles[:, level].max() == left, "a share of all of it is among them"
            assert np.all(tiles[:, level] >= 1)
            if level < levels - 1:
                unit = tiles[:, level + 1] * copies[level + 1, dim]
                assert np.all((tiles[:, level] % unit == 0) | (tiles[:, level] == left))
        if np.all(copies[:, dim] == 1):
            assert [1] * levels in tiles.tolist(), "single elements, and the whole"
            assert [size] * levels in tiles.tolist()


def test_the_chains_of_a_dim_of_six_on_two_levels() -> None:
    """Inside 1, 2, 3 or 6; around them as many as cut six into equal parts: for 1 that is 1, 2, 3, 6."""
    chains = made(fully_connected((1, 1, 1, 1), 6), alone(2))
    around = {1: [1, 2, 3, 6], 2: [2, 4, 6], 3: [3, 6], 6: [6]}
    assert listed(chains, K).tolist() == [[outer, inner] for inner, outers in around.items() for outer in outers]
    # Kernels are lacked by inputs (2): outside, inside, both, or none if all of it is one tile.
    lacked = {(6, 6): 0, (1, 1): 2, (6, 1): 16, (2, 1): 18, (4, 2): 18, (3, 3): 2}
    found = {tuple(row): int(chains.lacked[K, at]) for at, row in enumerate(listed(chains, K).tolist())}
    assert {tiles: found[tiles] for tiles in lacked} == lacked


def test_copies_share_out_a_dim_and_what_they_take_together_is_one_step() -> None:
    """Twelve kernels, two copies of the inner memory: tiles of the outer one are 2, 4, 6 or 12, each copy has half."""
    copies = alone(2)
    copies[1, K] = 2
    found = listed(made(fully_connected((1, 1, 1, 1), 12), copies), K)
    assert found[:, 1].max() == 6
    assert sorted(set(found[found[:, 1] == 1, 0].tolist())) == [2, 4, 6, 12]


@pytest.mark.parametrize("levels", [3, 4, 6])
def test_on_many_levels_there_are_fewer_ways_but_never_too_many_or_none(levels: int) -> None:
    chains = made(fully_connected((1, 4096, 1, 1), 4096), alone(levels))
    assert 10 <= chains.nodes[K, 0] <= 1_000
    assert chains.nodes[K, -1] >= 2


def test_chains_that_are_alike_at_all_levels_are_the_menu() -> None:
    op = OPS[0]
    menu = menu_of(op, [], 8)
    chains = alike_of(menu)
    for dim, last in enumerate(menu.last.tolist()):
        assert listed(chains, dim)[:, 0].tolist() == menu.tiles[dim, : last + 1].tolist()[::-1]
        assert chains.lacked[dim, last] == 0, "the whole does not turn"
