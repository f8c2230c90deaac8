"""How far predictions are from measurements."""

from __future__ import annotations

import random
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.validation.metrics import Errors, errors_of


def test_errors_of_a_small_table_worked_out_by_hand() -> None:
    found = errors_of(np.array([11.0, 18.0, 30.0, 50.0]), np.array([10.0, 20.0, 30.0, 40.0]))
    # Relative errors: +10 %, -10 %, 0, +25 %.
    assert found.count == 4
    assert found.mape == pytest.approx(0.45 / 4)
    assert found.median == pytest.approx(0.1)
    assert found.worst == pytest.approx(0.25)
    assert found.bias == pytest.approx(0.25 / 4)
    assert found.within_10 == 0.75
    assert found.spearman == 1 and found.kendall == 1


def test_ranks_of_a_swapped_pair() -> None:
    found = errors_of(np.array([2.0, 1.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    assert found.spearman == pytest.approx(0.5)  # 1 - 6 x 2 / (3 x 8)
    assert found.kendall == pytest.approx(1 / 3)  # two pairs in order, one not


def test_ranks_that_mean_nothing_are_absent() -> None:
    assert errors_of(np.array([1.0, 2.0]), np.array([1.0, 2.0])).spearman is None
    assert errors_of(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])).kendall is None


POINTS = st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=12)


def both(points: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return predictions and measurements."""
    return np.array([ours for ours, _ in points]), np.array([theirs for _, theirs in points])


def figures(found: Errors) -> list[float]:
    """Return what can be compared, an absent rank as 2."""
    return [2.0 if value is None else float(value) for value in asdict(found).values()]


@given(POINTS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_points_does_not_matter(points: list[tuple[float, float]], chance: random.Random) -> None:
    mixed = chance.sample(points, len(points))
    assert figures(errors_of(*both(mixed))) == pytest.approx(figures(errors_of(*both(points))), rel=1e-9, abs=1e-9)


@given(POINTS, st.integers(-8, 8))
@settings(max_examples=40)
def test_the_unit_does_not_matter(points: list[tuple[float, float]], power: int) -> None:
    predicted, measured = both(points)
    factor = 2.0**power  # exact, so that ranks cannot be upset by rounding
    assert figures(errors_of(factor * predicted, factor * measured)) == figures(errors_of(predicted, measured))


@given(POINTS)
@settings(max_examples=40)
def test_every_figure_lies_where_the_others_let_it(points: list[tuple[float, float]]) -> None:
    found = errors_of(*both(points))
    assert 0 <= found.within_10 <= 1
    assert abs(found.bias) <= found.mape * (1 + 1e-12) + 1e-15
    assert found.median <= found.p90 <= found.worst and found.mape <= found.worst * (1 + 1e-12)
    assert all(rank is None or -1 - 1e-12 <= rank <= 1 + 1e-12 for rank in (found.spearman, found.kendall))


@given(POINTS)
@settings(max_examples=40)
def test_a_model_that_is_right_has_no_error(points: list[tuple[float, float]]) -> None:
    _, measured = both(points)
    found = errors_of(measured, measured)
    assert (found.mape, found.median, found.p90, found.worst, found.bias, found.within_10) == (0, 0, 0, 0, 0, 1)


@given(st.lists(st.floats(0.1, 1e4), min_size=3, max_size=12, unique=True))
@settings(max_examples=40)
def test_ranks_know_the_order_alone(measured: list[float]) -> None:
    values = np.array(sorted(measured))
    places = np.arange(1.0, len(values) + 1)
    assert errors_of(places**3, values).spearman == pytest.approx(1)
    upside_down = errors_of(places[::-1] / 7, values)
    assert upside_down.spearman == pytest.approx(-1) and upside_down.kendall == pytest.approx(-1)


def test_ties_are_shared_ranks_by_hand() -> None:
    found = errors_of(np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, squares 4.5 and 5. Five of six pairs agree, one is tied.
    assert found.spearman == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert found.kendall == pytest.approx(5 / (5 * 6) ** 0.5)


def test_ten_per_cent_itself_is_within_ten_per_cent() -> None:
    measured = np.array([1.0, 3.0, 7.0, 10.0, 1e6])
    assert errors_of(1.1 * measured, measured).within_10 == 1
    assert errors_of(0.9 * measured, measured).within_10 == 1
    assert errors_of(1.1001 * measured, measured).within_10 == 0


@pytest.mark.parametrize(
    ("predicted", "measured"), [([], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [np.nan]), ([1.0], [1.0, 2.0])]
)
def test_nonsense_is_refused(predicted: list[float], measured: list[float]) -> None:
    with pytest.raises(ValueError, match="measurements"):
        errors_of(np.array(predicted), np.array(measured))
