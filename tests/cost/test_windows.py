"""What tiles see of the input along a window axis, against the positions that their products read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cuts import Cut, Tile, cuts_of, tiles_of

from accelsim.cost.windows import Windows, windows
from accelsim.dims import WINDOWS
from accelsim.mapping.nest import Cuts
from accelsim.workload.ops import Op, convolution, loops


@dataclass(frozen=True)
class Axis:
    """An op of one window axis, and cuts of its outputs and taps."""

    op: Op
    axis: int
    outputs: list[Cut]
    taps: list[Cut]

    def sizes(self) -> tuple[int, int]:
        out, tap = WINDOWS[self.axis]
        return self.op.size(out), self.op.size(tap)

    def window(self, out: Tile, tap: Tile) -> set[int]:
        """Return the positions from the first to the last that a tile sees; padding too."""
        op, axis = self.op, self.axis
        seen = [
            o * op.stride[axis] + t * op.dilation[axis] - op.padding[axis]
            for o in range(out.start, out.end)
            for t in range(tap.start, tap.end)
        ]
        return set(range(min(seen), max(seen) + 1))

    def real(self, seen: set[int]) -> set[int]:
        return seen & set(range(self.op.extent[self.axis]))


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Draw an axis, of planes, rows or columns, with padding in front, perhaps behind, perhaps with rows unread."""
    axis, levels = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    out, tap = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    reach = (tap - 1) * dilation + 1
    padding = draw(st.integers(0, reach - 1))
    seen = (out - 1) * stride + reach - padding
    extent = draw(st.integers(max(1, seen - reach), seen + 1))
    names = [str(dim) for dim in WINDOWS[axis]]

    def along(value: int, other: int) -> tuple[int, int, int]:
        first, second, third = (value if at == axis else other for at in range(3))
        return first, second, third

    op = Op(
        "convolution",
        loops(**dict(zip(names, (out, tap), strict=True))),
        along(stride, 1),
        along(dilation, 1),
        along(padding, 0),
        along(extent, 1),
    )
    return Axis(op, axis, draw(cuts_of(out, levels, 2)), draw(cuts_of(tap, levels, 2)))


def in_arrays(cuts: list[Cut]) -> Cuts:
    return Cuts(np.array([cut.tiles for cut in cuts]), np.array([cut.copies for cut in cuts]))


def fetched(case: Axis, out: Cut, tap: Cut, place: int, first: tuple[int, ...], loop: int) -> int:
    """Return the positions that one walk fetches; ``loop`` is the level whose loop lets tiles slide, -1 for none."""
    sizes, total = case.sizes(), 0
    known = {tile.at: tile for tile in tiles_of(sizes[0], out, place, first=first)}
    for at, tile in known.items():
        for other in tiles_of(sizes[1], tap, place, first=first):
            seen = case.window(tile, other)
            new = set(seen)
            if loop >= 0 and at[loop][0] > 0:
                turn, copy = at[loop]
                new -= case.window(known[*at[:loop], (turn - 1, copy), *at[loop + 1 :]], other)
            # Where the first copy stands for all, one in the middle of the picture sees no padding.
            total += min(len(new), case.op.extent[case.axis]) if first else len(case.real(new))
    return total


@settings(max_examples=200)
@given(axes(), st.data())
def test_what_tiles_fetch_is_what_they_see(case: Axis, data: st.DataObject) -> None:
    levels = len(case.outputs[0].tiles)
    place = data.draw(st.integers(1, levels))
    first = data.draw(st.lists(st.integers(1, place), unique=True).map(tuple))
    asked = ((place, sum(1 << at for at in first)),)
    found = windows(case.op, case.axis, in_arrays(case.outputs), in_arrays(case.taps), asked, sliding=True)
    for a, out in enumerate(case.outputs):
        for b, tap in enumerate(case.taps):
            for loop in range(-1, place):
                assert found.seen[a, b, 0, loop + 1] == fetched(case, out, tap, place, first, loop)
    whole = windows(case.op, case.axis, in_arrays(case.outputs), in_arrays(case.taps), asked, sliding=False)
    assert np.array_equal(whole.seen, found.seen[..., :1]), "where nothing slides, that alone"


@settings(max_examples=200)
@given(axes())
def test_what_a_tile_holds_and_what_all_copies_see_first(case: Axis) -> None:
    found = windows(case.op, case.axis, in_arrays(case.outputs), in_arrays(case.taps), (), sliding=False)
    sizes = case.sizes()
    for a, out in enumerate(case.outputs):
        for b, tap in enumerate(case.taps):
            for place in range(1, len(out.tiles) + 1):
                full = case.window(Tile(0, out.tiles[place - 1]), Tile(0, tap.tiles[place - 1]))
                assert found.held[a, b, place - 1] == min(len(full), case.op.extent[case.axis])
                first = sum(
                    len(case.real(case.window(one, other)))
                    for one in tiles_of(sizes[0], out, place, walked=0)
                    for other in tiles_of(sizes[1], tap, place, walked=0)
                )
                assert found.begun[a, b, place - 1] == first


# 7 input rows, a 3-row filter, stride 2, one zero above and below: outputs see rows -1..1, 1..3, 3..5, 5..7.
STRIDED = convolution((1, 1, 7, 7), 1, (3, 3), stride=(2, 2), padding=(1, 1))


def one(op: Op, axis: int, outputs: int, taps: int, copies: int = 1, first: int = 0) -> Windows:
    """Return what tiles of so many outputs and taps see, in so many copies that divide the outputs."""
    out = Cuts(np.array([[outputs]]), np.array([[copies, 1]]))
    return windows(op, axis, out, Cuts.of(np.array([[taps]])), ((1, first),), sliding=True)


@pytest.mark.parametrize(
    ("rows", "taps", "whole", "slid"),
    [
        (4, 3, 7, 7),
        # Rows -1..3 and 3..7; one row of padding at each end is left out.
        (2, 3, (3 + 1) + (7 - 3), 4 + 3),
        (1, 3, 2 + 3 + 3 + 2, 2 + 2 + 2 + 1),
        # The filter cut too, one output at a time: every product with a real input fetches it.
        (1, 1, 10, 10),
        # Outputs whole, filter cut: taps see rows -1 1 3 5, then 0 2 4 6, then 1 3 5 7; a window has its gaps filled.
        (4, 1, (5 - 0 + 1) + (6 - 0 + 1) + (6 - 1 + 1), 19),
    ],
)
def test_rows_by_hand(rows: int, taps: int, whole: int, slid: int) -> None:
    assert one(STRIDED, 1, rows, taps).seen.tolist() == [[[[whole, slid]]]]


def test_columns_and_planes_that_are_not_there() -> None:
    assert one(STRIDED, 2, 4, 3).seen[0, 0, 0, 0] == 7
    assert one(STRIDED, 0, 1, 1).seen[0, 0, 0, 0] == 1


@pytest.mark.parametrize(("planes", "seen"), [(5, 5), (2, 3 + 4 + 2), (1, 2 + 3 + 3 + 3 + 2)])
def test_planes_by_hand(planes: int, seen: int) -> None:
    # 5 planes, a filter of 3, one zero before and behind: outputs see planes -1..1, 0..2, 1..3, 2..4, 3..5.
    op = convolution((1, 1, 5, 1, 1), 1, (3, 1, 1), padding=(1, 0, 0))
    assert one(op, 0, planes, 3).seen[0, 0, 0, 0] == seen


def test_copies_by_hand() -> None:
    # Two copies of an output each, two turns: rows -1..1 and 1..3, then 3..5 and 5..7.
    found = one(STRIDED, 1, 1, 3, copies=2)
    # A copy moves on by two outputs, 4 rows: nothing is shared with what it had.
    assert found.seen.tolist() == [[[[2 + 3 + 3 + 2, 10]]]]
    assert found.begun.tolist() == [[[2 + 3]]]
    assert found.held.tolist() == [[[3]]]
    # The first copy has two turns; padding is not taken off.
    assert one(STRIDED, 1, 1, 3, copies=2, first=2).seen.tolist() == [[[[3 + 3, 6]]]]
    # Tiles of two outputs see 5 rows, the second starts with the last row of the first; in one turn nothing slides.
    assert one(STRIDED, 1, 2, 3, copies=2).seen.tolist() == [[[[4 + 4, 8]]]]
