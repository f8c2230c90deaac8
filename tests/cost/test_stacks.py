"""What is counted of all dims at once is what is counted of each alone; that is held against tiles elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_cases import MachineCase, machine_cases

from accelsim.cost.pieces import Question, begun, counts, counts_of, pieces, pieces_of, stacked
from accelsim.cost.windows import windows, windows_of
from accelsim.dims import DIMS, WINDOWS
from accelsim.mapping.nest import Cuts, Mappings


def cuts_of(case: MachineCase) -> tuple[Cuts, ...]:
    parts = ("tiles", "orders", "copies")
    tiles, orders, copies = (np.array([getattr(one, part) for one in case.mappings]) for part in parts)
    return Mappings.of(tiles, orders, copies).cuts


def questions(draw: st.DrawFn, levels: int) -> tuple[Question, ...]:
    asked = st.tuples(st.integers(1, levels), st.integers(0, 2 ** (levels + 1) - 1).map(lambda mask: 2 * mask))
    return tuple(draw(st.lists(asked, min_size=1, max_size=3, unique=True)))


@st.composite
def stacks(draw: st.DrawFn) -> tuple[MachineCase, tuple[Cuts, ...], tuple[Question, ...]]:
    """Draw a case, the cuts of its mappings, and questions about them."""
    case = draw(machine_cases(count=5))
    cuts = cuts_of(case)
    return case, cuts, questions(draw, cuts[0].tiles.shape[1])


@settings(max_examples=60)
@given(stacks())
def test_counts_of_all_dims(drawn: tuple[MachineCase, tuple[Cuts, ...], tuple[Question, ...]]) -> None:
    case, cuts, asked = drawn
    sizes, dims = np.array(case.op.sizes), np.arange(len(DIMS))
    found = counts_of(sizes, dims, stacked(cuts), np.array(asked))
    for dim, (size, one) in enumerate(zip(case.op.sizes, cuts, strict=True)):
        counted, summed = counts(size, one, asked)
        assert np.array_equal(found.counted[dim, : len(one)], counted)
        assert np.array_equal(found.summed[dim, : len(one)], summed)
        assert np.array_equal(found.start[dim, : len(one)], begun(size, one))
        assert np.array_equal(found.turns[dim, : len(one)], one.outer(size) > one.steps(size))


@settings(max_examples=60)
@given(stacks())
def test_pieces_of_all_dims(drawn: tuple[MachineCase, tuple[Cuts, ...], tuple[Question, ...]]) -> None:
    case, cuts, asked = drawn
    masks = [mask for _, mask in asked]
    sizes, times = pieces_of(np.array(case.op.sizes), stacked(cuts), np.array(masks))
    assert sizes.shape == times.shape
    assert not times[..., -1].any(), "something stands behind the last"
    assert sizes[-1, ..., 0].min() == sizes[-1].sum(axis=-1).max() == 1, "one dim is a single step"
    for dim, (size, one) in enumerate(zip(case.op.sizes, cuts, strict=True)):
        for question, mask in enumerate(masks):
            alone, met = pieces(size, one, mask)
            width = alone.shape[1]
            assert np.array_equal(sizes[dim, : len(one), question, :width], alone)
            assert np.array_equal(times[dim, : len(one), question, :width], met)
            assert not times[dim, : len(one), question, width:].any()
            tile = one.places[:, -1]
            assert np.array_equal(sizes[dim, : len(one), question, 0], tile), "the first piece is a full tile"


@settings(max_examples=60)
@given(stacks(), st.booleans())
def test_windows_of_all_axes(drawn: tuple[MachineCase, tuple[Cuts, ...], tuple[Question, ...]], sliding: bool) -> None:
    case, cuts, asked = drawn
    if not case.op.rule.inputs:
        return
    found = windows_of(case.op, stacked(cuts), np.array(asked), sliding=sliding)
    for axis, (out, tap) in enumerate(WINDOWS):
        one, other = cuts[out.position], cuts[tap.position]
        alone = windows(case.op, axis, one, other, asked, sliding=sliding)
        for question, (place, _) in enumerate(asked):
            loops = place + 1 if sliding else 1  # there is nothing further in to slide
            mine = found.seen[axis, : len(one), : len(other), question, :loops]
            assert np.array_equal(mine, alone.seen[:, :, question, :loops])
        assert np.array_equal(found.held[axis, : len(one), : len(other)], alone.held)
        assert np.array_equal(found.begun[axis, : len(one), : len(other)], alone.begun)


@pytest.mark.parametrize("longest", [0, 4])
def test_dims_with_fewer_cuts_are_filled_up(longest: int) -> None:
    tiles = [np.array([[3, 2], [5, 1]]) if dim == longest else np.array([[1, 1]]) for dim in range(len(DIMS))]
    stack = stacked(tuple(map(Cuts.of, tiles)))
    assert stack.number.tolist() == [2 if dim == longest else 1 for dim in range(len(DIMS))]
    assert stack.places.shape == (len(DIMS), 2, 3)
    assert stack.places[longest].tolist() == [[3, 2, 2], [5, 1, 1]]
    assert (np.delete(stack.places, longest, axis=0) == 1).all()
