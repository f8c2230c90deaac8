"""The tiles that the default mapper chooses from: none that is missing would be better, and few that are no use."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.dims import DIMS, Dim
from accelsim.mapping.menu import Menu, menu_of
from accelsim.workload.ops import convolution, fully_connected, matmul

AXES = ((16, (Dim.C, Dim.FY, Dim.FX)), (12, (Dim.K,)))


def tiles(menu: Menu, dim: Dim) -> list[int]:
    return menu.tiles[dim.position, : menu.last[dim.position] + 1].tolist()


@given(st.integers(1, 10**6), st.integers(2, 9))
def test_tiles_fall_from_the_whole_to_one(size: int, finer: int) -> None:
    found = tiles(menu_of(fully_connected((1, 3, 1, 1), size), AXES, finer), Dim.K)
    assert found[0] == size
    assert found[-1] == 1
    assert all(one > other for one, other in itertools.pairwise(found))


@given(st.integers(1, 5000))
def test_a_loop_in_few_parts_has_the_smallest_tile_that_makes_them(size: int) -> None:
    found = tiles(menu_of(fully_connected((1, 3, 1, 1), size), (), 8), Dim.K)
    for parts in range(1, min(size, 16) + 1):
        assert -(-size // parts) in found


@given(st.integers(9, 10**6))
def test_the_next_tile_is_not_much_smaller(size: int) -> None:
    """Beyond eight parts the number of parts grows by an eighth, or by one."""
    found = tiles(menu_of(fully_connected((1, 3, 1, 1), size), (), 8), Dim.K)
    for one, other in itertools.pairwise(found):
        parts = -(-size // one)
        # A power of two may be larger than so many parts need; what comes next is then that of as many parts.
        if parts >= 8 and one == -(-size // parts):
            assert other >= one / 1.126 - 1


def test_tiles_that_fill_an_axis_are_there() -> None:
    menu = menu_of(convolution((1, 100, 9, 9), 100, (3, 3)), AXES, 8)
    assert set(tiles(menu, Dim.K)) >= {12, 24, 36, 48, 60, 72, 84, 96}
    # 16 PEs take a channel of 9 taps, 32 three channels, 48 five.
    assert set(tiles(menu, Dim.C)) >= {16 // 9, 32 // 9, 48 // 9, 64 // 9}
    assert set(tiles(menu, Dim.C)) >= {8, 16, 32, 64}


def test_groups_run_one_after_the_other_unless_an_axis_takes_them() -> None:
    op = convolution((1, 40, 9, 9), 40, (3, 3), groups=40)
    assert tiles(menu_of(op, AXES, 8), Dim.G) == [40, 1]
    assert set(tiles(menu_of(op, ((16, (Dim.G,)),), 8), Dim.G)) >= {40, 32, 20, 16, 1}


def test_the_filter_is_whole_halved_or_a_tap() -> None:
    menu = menu_of(convolution((1, 4, 30, 30), 4, (7, 7)), AXES, 8)
    assert tiles(menu, Dim.FY) == tiles(menu, Dim.FX) == [7, 4, 1]
    whole = {(0, 0, 0), (0, 2, 0), (0, 2, 2)}
    assert {tuple(row) for row in menu.start[:, 7:].tolist()} == whole, "at the start whole, a row, or a tap"


@pytest.mark.parametrize(
    "op",
    [
        convolution((1, 16, 20, 20), 24, (3, 3)),
        convolution((2, 8, 12, 10, 9), 16, (3, 3, 3)),
        convolution((1, 12, 40), 24, (5,), stride=(2,)),
        matmul(20, 24, 36, heads=3, batch=2),
        fully_connected((1, 1, 1, 1), 1),
    ],
    ids=lambda op: f"{op.label} {op.sizes}",
)
def test_the_start_is_spread_over_everything(op: object) -> None:
    menu = menu_of(op, AXES, 8)  # type: ignore[arg-type]
    rows = {tuple(row) for row in menu.start.tolist()}
    assert len(rows) == len(menu.start), "none twice"
    assert np.all((menu.start >= 0) & (menu.start <= menu.last))
    assert (0,) * len(DIMS) in rows, "everything whole"
    assert tuple(menu.last.tolist()) in rows, "one element at a time"


def test_pixels_of_the_start_are_rows_or_nearly_square() -> None:
    menu = menu_of(convolution((1, 4, 64, 64), 4, (1, 1)), AXES, 8)
    shapes = {(menu.tiles[5, row], menu.tiles[6, column]) for row, column in menu.start[:, 5:7].tolist()}
    assert {(64, 64), (16, 64), (1, 64), (16, 16), (4, 4), (1, 1), (1, 16)} <= shapes
    assert (64, 16) not in shapes
    assert all(columns == 64 or rows in (1, columns) for rows, columns in shapes)


def test_a_loop_that_is_very_long() -> None:
    size = 2**53
    found = tiles(menu_of(fully_connected((1, 1, 1, 1), size), AXES, 8), Dim.K)
    assert found[0] == size
    assert found[-1] == 1
    assert len(found) < 500
