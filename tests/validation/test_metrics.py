"""How far predictions are from measurements."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.validation.metrics import errors_of


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


@pytest.mark.parametrize(
    ("predicted", "measured"), [([], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [np.nan]), ([1.0], [1.0, 2.0])]
)
def test_nonsense_is_refused(predicted: list[float], measured: list[float]) -> None:
    with pytest.raises(ValueError, match="measurements"):
        errors_of(np.array(predicted), np.array(measured))
