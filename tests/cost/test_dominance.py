"""Rows that no other beats, against a comparison of all pairs in plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelsim.cost.dominance import EXACT, Slack, undominated

COSTS = arrays(float, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.integers(0, 6).map(float))


@given(COSTS)
def test_every_row_is_beaten_by_or_equal_to_one_that_stays(costs: np.ndarray) -> None:
    stay = undominated(costs)
    assert sorted(set(stay.tolist())) == stay.tolist()
    for row in costs:
        assert any(np.all(costs[other] <= row) for other in stay)
    for one in stay:
        beaten = np.all(costs <= costs[one], axis=1) & np.any(costs < costs[one], axis=1)
        assert not beaten.any()
        assert not any(np.array_equal(costs[one], costs[other]) for other in stay if other != one)


@given(COSTS)
def test_of_equal_rows_the_first_stays(costs: np.ndarray) -> None:
    for one in undominated(costs):
        assert not np.all(costs[:one] == costs[one], axis=1).any()


@given(COSTS.map(lambda costs: costs + 1), st.floats(0, 0.5), st.integers(0, 2))
def test_with_slack_every_row_has_one_that_is_nearly_as_good(costs: np.ndarray, near: float, exact: int) -> None:
    slack = Slack(near=near, exact=(0, exact))
    stay = undominated(costs, slack)
    enough = costs * (1 + 1e-9 + near)
    enough[:, :exact] = costs[:, :exact] * (1 + 1e-9)
    for row in enough:
        assert any(np.all(costs[other] <= row) for other in stay)
    assert len(stay) <= len(undominated(costs))


def test_differences_of_rounding_do_not_count() -> None:
    costs = np.array([[1.0, 2.0], [1.0 - 1e-12, 2.0 + 1e-12], [1.0, 2.1]])
    assert len(undominated(costs)) == 1
    assert undominated(costs, EXACT).tolist() in ([0], [1])


def test_slack_of_a_whole_is_also_that_of_its_part() -> None:
    """The last cost is part of the first: what is a fifth of it is a hundredth of the whole."""
    costs = np.array([[80.0, 6.0], [100.0, 5.0]])
    assert undominated(costs, Slack(near=0.04)).tolist() == [0, 1]
    assert undominated(costs, Slack(near=0.04, last=1, whole=0)).tolist() == [0]
    assert undominated(costs, Slack(near=0.009, last=1, whole=0)).tolist() == [0, 1]
