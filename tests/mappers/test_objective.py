"""What a mapping is judged by, and what cannot judge one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.mappers.objective import EDP, ENERGY, LATENCY, Objective
from tests.conftest import ProblemsOf


def test_the_usual_ones() -> None:
    assert Objective() == EDP == Objective(1, 1)
    assert (LATENCY.score(3.0, 5.0), ENERGY.score(3.0, 5.0), EDP.score(3.0, 5.0)) == (3.0, 5.0, 15.0)
    # Energy x delay squared; the geometric mean.
    assert Objective(latency=2, energy=1).score(3.0, 5.0) == 45.0
    assert Objective(latency=0.5, energy=0.5).score(4.0, 9.0) == pytest.approx(6.0)
    assert type(Objective(2, 1).score(np.float64(3), np.float64(5))) is float


@pytest.mark.parametrize("name", ["latency", "energy"])
@pytest.mark.parametrize(
    ("power", "shown"),
    [
        (-1, "-1"),
        (-0.001, "-0.001"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        ("2", "'2'"),
        (None, "None"),
        (1j, "1j"),
        ([1], "[1]"),
    ],
)
def test_a_power_that_is_no_number_of_at_least_0(problems_of: ProblemsOf, name: str, power: Any, shown: str) -> None:
    (problem,) = problems_of(Objective, **{name: power})
    assert (problem.field, problem.got) == (f"objective.{name}", shown)
    assert problem.allowed == "a number of at least 0"


def test_both_powers_are_named(problems_of: ProblemsOf) -> None:
    assert [p.field for p in problems_of(Objective, -1, -2)] == ["objective.latency", "objective.energy"]


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_something_has_to_count(zero: float) -> None:
    with pytest.raises(InputError, match="neither latency nor energy counts"):
        Objective(latency=zero, energy=zero)
    assert Objective(latency=zero) == ENERGY
    assert Objective(energy=zero) == LATENCY
