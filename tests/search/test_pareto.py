"""Non-dominated sets and hypervolumes: brute force, sums worked by hand, and laws."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelsim.errors import MissingExtraError
from accelsim.search.pareto import hypervolume, hypervolume_curve, non_dominated, reference_box

#: Few distinct values, so that ties and duplicates are common.
designs = st.integers(1, 4).flatmap(
    lambda m: arrays(float, st.tuples(st.integers(1, 24), st.just(m)), elements=st.integers(0, 6).map(float))
)


def brute_force(values):
    def dominated(row):
        return any((other <= row).all() and (other < row).any() for other in values)

    return [place for place, row in enumerate(values) if not dominated(row)]


@given(designs)
@settings(max_examples=200)
def test_non_dominated_equals_brute_force(values):
    assert non_dominated(values).tolist() == brute_force(values)


@given(designs, st.randoms(use_true_random=False))
def test_non_dominated_does_not_depend_on_order(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    chosen = {order[place] for place in non_dominated(values[order])}
    assert chosen == set(non_dominated(values).tolist())


@given(designs)
def test_non_dominated_survives_scaling_each_objective(values):
    scale = np.array([3.0, 0.5, 1e6, 1e-6])[: values.shape[1]]
    assert non_dominated(values * scale + 7).tolist() == non_dominated(values).tolist()


def test_failed_designs_are_never_in_the_set():
    values = np.array([[np.inf, np.inf], [1.0, 2.0], [np.nan, 0.0], [-np.inf, 5.0]])
    assert non_dominated(values).tolist() == [1]
    assert non_dominated(values[[0, 2]]).tolist() == []
    assert non_dominated(np.empty((0, 2))).tolist() == []


def test_equal_designs_stay_together_in_order():
    values = np.array([[2.0, 2.0], [1.0, 3.0], [2.0, 2.0], [3.0, 3.0]])
    assert non_dominated(values).tolist() == [0, 1, 2]


def test_a_hundred_thousand_designs_are_quick():
    values = np.random.default_rng(0).random((100_000, 3))
    front = non_dominated(values)
    sample = values[front[:: max(1, len(front) // 50)]]
    assert not ((values[:, None] <= sample).all(axis=2) & (values[:, None] < sample).any(axis=2)).any()


# ---------------------------------------------------------------- hypervolume


def test_two_objectives_by_hand():
    # Steps up to (4, 4): (1, 3) covers 3 x 1, (2, 1) adds 2 x 2, (3, 0.5) adds 1 x 0.5; (2, 2) lies behind (2, 1).
    values = np.array([[2.0, 1.0], [1.0, 3.0], [3.0, 0.5], [2.0, 2.0]])
    assert hypervolume(values, np.array([4.0, 4.0])) == 1 * 1 + 1 * 3 + 1 * 3.5


def test_three_objectives_by_hand():
    # Two boxes up to (2, 2, 2): 2 x 1 x 1 and 1 x 2 x 1, which share 1 x 1 x 1.
    values = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    assert hypervolume(values, np.array([2.0, 2.0, 2.0])) == pytest.approx(2 + 2 - 1)


def test_one_objective_is_a_length():
    assert hypervolume(np.array([[3.0], [2.0], [9.0]]), np.array([5.0])) == 3.0


def test_nothing_inside_the_box_is_no_volume():
    reference = np.array([1.0, 1.0])
    assert hypervolume(np.empty((0, 2)), reference) == 0.0
    assert hypervolume(np.array([[1.0, 0.0], [np.inf, np.inf]]), reference) == 0.0


@given(arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 9).map(float)))
def test_two_objectives_equal_counted_cells(values):
    cells = np.stack(np.meshgrid(np.arange(10), np.arange(10), indexing="ij"), axis=-1).reshape(-1, 2)
    covered = (values[:, None, :] <= cells[None]).all(axis=2).any(axis=0).sum()
    assert hypervolume(values, np.array([10.0, 10.0])) == covered


@given(arrays(float, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(0, 5).map(float)))
@settings(max_examples=50)
def test_three_objectives_equal_counted_cells(values):
    axes = np.meshgrid(*[np.arange(6)] * 3, indexing="ij")
    cells = np.stack(axes, axis=-1).reshape(-1, 3)
    covered = (values[:, None, :] <= cells[None]).all(axis=2).any(axis=0).sum()
    assert hypervolume(values, np.full(3, 6.0)) == pytest.approx(covered)


@given(designs)
@settings(max_examples=50)
def test_a_third_constant_objective_multiplies_the_volume(values):
    plane = values[:, :2] if values.shape[1] >= 2 else np.hstack([values, values[::-1]])
    solid = np.hstack([plane, np.zeros((len(plane), 1))])
    flat = hypervolume(plane, np.array([8.0, 8.0]))
    assert hypervolume(solid, np.array([8.0, 8.0, 2.0])) == pytest.approx(2 * flat)


@given(designs)
@settings(max_examples=50)
def test_volume_is_that_of_the_front_and_more_designs_never_lessen_it(values):
    reference = np.full(values.shape[1], 7.0)
    volume = hypervolume(values, reference)
    assert hypervolume(values[non_dominated(values)], reference) == pytest.approx(volume)
    assert hypervolume(values[:-1], reference) <= volume + 1e-9


@given(designs)
@settings(max_examples=50)
def test_volume_moves_and_scales_with_the_objectives(values):
    reference = np.full(values.shape[1], 7.0)
    scale = np.array([2.0, 5.0, 0.5, 3.0])[: values.shape[1]]
    moved = hypervolume(values * scale - 11, reference * scale - 11)
    assert moved == pytest.approx(hypervolume(values, reference) * scale.prod())


def test_three_objectives_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "moocore", None)
    with pytest.raises(MissingExtraError, match=r"three or more objectives needs moocore.*accelsim\[search\]"):
        hypervolume(np.zeros((1, 3)), np.ones(3))
    assert hypervolume(np.zeros((1, 2)), np.ones(2)) == 1.0


# ---------------------------------------------------------------- over evaluations


@given(designs)
@settings(max_examples=50)
def test_curve_is_the_volume_of_each_beginning(values):
    ideal, reference = np.full(values.shape[1], -1.0), np.full(values.shape[1], 7.0)
    curve = hypervolume_curve(values, reference, ideal)
    box = float((reference - ideal).prod())
    expected = [hypervolume(values[: count + 1], reference) / box for count in range(len(values))]
    assert curve == pytest.approx(np.array(expected))
    assert (np.diff(curve) >= 0).all()
    assert curve[0] >= 0
    assert curve[-1] <= 1


def test_curve_does_not_move_for_failed_designs():
    values = np.array([[np.inf, np.inf], [0.5, 0.5], [np.inf, np.inf], [0.0, 0.0]])
    assert hypervolume_curve(values, np.ones(2), np.zeros(2)).tolist() == [0.0, 0.25, 0.25, 1.0]


def test_reference_box_is_set_by_the_front_not_by_terrible_designs():
    values = np.array([[0.0, 10.0], [10.0, 0.0], [1000.0, 1000.0], [np.inf, np.inf]])
    ideal, reference = reference_box(values, margin=0.1)
    assert ideal.tolist() == [0.0, 0.0]
    assert reference.tolist() == [11.0, 11.0]


def test_reference_box_of_one_design_still_has_room():
    ideal, reference = reference_box(np.array([[2.0, -50.0]]))
    assert (ideal < reference).all()
    assert reference_box(np.array([[np.inf, 1.0]])) is None


def test_an_installed_extra_that_is_itself_broken_is_not_called_missing(monkeypatch):
    from accelsim.search import extras

    def broken(name):
        raise ModuleNotFoundError("No module named 'cffi'", name="cffi")

    monkeypatch.setattr(extras, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="cffi"):
        hypervolume(np.zeros((1, 3)), np.ones(3))
