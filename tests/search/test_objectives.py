"""Objectives by name, constraints with units, and the verdict on a design."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.schedule.result import METRICS
from accelsim.search.criteria import Criteria
from accelsim.search.objectives import Constraint, Objective, implied_goal, unit_of


def test_goals_are_implied_by_name():
    goals = {metric: implied_goal(metric) for metric in [*METRICS, "top1"]}
    assert {metric for metric, goal in goals.items() if goal == "max"} == {
        "utilization_spatial",
        "utilization_temporal",
        "utilization_overall",
        "top1",
    }


def test_a_goal_given_overrides_the_implied_one():
    assert Objective.of("dram_bytes", "max") == Objective("dram_bytes", "max")
    assert Objective.of("top1").sign == -1
    assert Objective.of("latency_ms").sign == 1
    assert str(Objective.of("top1")) == "top1 (max)"


@pytest.mark.parametrize(
    ("metric", "unit"),
    [("area_mm2", "mm^2"), ("latency_ms", "ms"), ("energy_pj", "pJ"), ("edp_pj_ms", "pJ ms"), ("dram_bytes", "B"),
     ("latency_cycles", "cycles"), ("macs", ""), ("top1", "")],
)  # fmt: skip
def test_units_come_from_names(metric, unit):
    assert unit_of(metric) == unit


@pytest.mark.parametrize(
    ("metric", "text", "relation", "bound"),
    [
        ("area_mm2", "<= 4 mm^2", "<=", 4.0),
        ("area_mm2", "<= 4", "<=", 4.0),
        ("area_mm2", "<=400000um^2", "<=", 0.4),
        ("latency_ms", "< 0.5 s", "<", 500.0),
        ("energy_pj", "<= 2 mJ", "<=", 2e9),
        ("peak_memory_bytes", "<= 512 KiB", "<=", 524288.0),
        ("top1", ">= 70", ">=", 70.0),
        ("utilization_overall", ">.5", ">", 0.5),
        ("macs", "<= 3e8", "<=", 3e8),
        ("edp_pj_ms", "<= 1e9 pJ ms", "<=", 1e9),
        ("latency_cycles", "<= 1e6 cycles", "<=", 1e6),
    ],
)
def test_constraints_are_read_in_canonical_units(metric, text, relation, bound):
    constraint = Constraint.parse(metric, text, "constraints")
    assert (constraint.metric, constraint.relation) == (metric, relation)
    assert constraint.bound == pytest.approx(bound, rel=1e-12)


@pytest.mark.parametrize("text", ["4", "= 4", "<= ", "<= four", "<= 4 <= 5", "", "=< 4", "<= 4mm ^ 2 x"])
def test_malformed_constraints_show_the_form(text):
    with pytest.raises(InputError) as caught:
        Constraint.parse("area_mm2", text, "constraints.area_mm2")
    (problem,) = caught.value.problems
    assert problem.field == "constraints.area_mm2"
    assert problem.got == repr(text)
    assert "mm^2'" in problem.allowed or "mm^2" in problem.allowed


def test_malformed_constraint_text():
    with pytest.raises(InputError) as caught:
        Constraint.parse("area_mm2", "4 mm^2", "constraints.area_mm2")
    assert str(caught.value) == (
        "constraints.area_mm2\n  not a constraint; got '4 mm^2'; "
        "use one of <=, >=, <, >, a number and optionally a unit, such as '<= 4 mm^2'."
    )


def test_a_unit_of_another_kind_is_refused():
    with pytest.raises(InputError) as caught:
        Constraint.parse("area_mm2", "<= 4 ms", "constraints.area_mm2")
    assert str(caught.value) == (
        "constraints.area_mm2\n  'ms' is not a unit of area; got '<= 4 ms'; use a unit as in '4 mm^2'."
    )


def test_a_unit_on_a_count_is_refused():
    with pytest.raises(InputError, match="a unit cannot stand here; got 'MB'; use the number alone; macs has no unit"):
        Constraint.parse("macs", "<= 3 MB", "constraints.macs")
    with pytest.raises(InputError, match="use the number alone; latency_cycles is in cycles"):
        Constraint.parse("latency_cycles", "<= 3 ms", "constraints.latency_cycles")


# ---------------------------------------------------------------- violations


def test_violation_is_a_share_of_the_bound():
    constraint = Constraint.parse("area_mm2", "<= 4", "f")
    assert constraint.violation({"area_mm2": 4.0}) == 0.0
    assert constraint.violation({"area_mm2": 5.0}) == pytest.approx(0.25)
    assert Constraint.parse("top1", ">= 80", "f").violation({"top1": 60.0}) == pytest.approx(0.25)


def test_a_strict_bound_is_missed_by_equality():
    assert Constraint.parse("area_mm2", "< 4", "f").violation({"area_mm2": 4.0}) > 0
    assert Constraint.parse("area_mm2", "> 0", "f").violation({"area_mm2": 0.0}) > 0


def test_an_unknown_metric_misses_the_constraint_and_says_why():
    constraint = Constraint.parse("area_mm2", "<= 4 mm^2", "f")
    for metrics in ({"area_mm2": None}, {}, {"area_mm2": math.nan}):
        assert constraint.violation(metrics) == math.inf
        assert constraint.reason(metrics) == "area_mm2 is not modelled, so area_mm2 <= 4 mm^2 cannot be checked"


def test_reason_names_value_and_bound():
    constraint = Constraint.parse("latency_ms", "<= 0.5 s", "f")
    assert constraint.reason({"latency_ms": 612.5}) == "latency_ms is 612.5 ms, not <= 500 ms"
    assert constraint.reason({"latency_ms": 12.0}) is None


@given(
    relation=st.sampled_from(["<=", ">=", "<", ">"]),
    bound=st.floats(-1e6, 1e6),
    low=st.floats(-1e6, 1e6),
    high=st.floats(-1e6, 1e6),
)
def test_violation_is_zero_exactly_when_met_and_never_falls_away_from_the_bound(relation, bound, low, high):
    constraint = Constraint("x", relation, bound)
    met = {"<=": low <= bound, ">=": low >= bound, "<": low < bound, ">": low > bound}[relation]
    assert (constraint.violation({"x": low}) == 0) == met
    worse, better = (max(low, high), min(low, high)) if "<" in relation else (min(low, high), max(low, high))
    assert constraint.violation({"x": worse}) >= constraint.violation({"x": better})


# ---------------------------------------------------------------- verdicts

CRITERIA = Criteria(
    (Objective.of("top1"), Objective.of("latency_ms")),
    (Constraint("area_mm2", "<=", 4.0), Constraint("energy_pj", "<=", 100.0)),
)


def test_verdict_negates_maximised_objectives_and_adds_violations():
    verdict = CRITERIA.judge({"top1": 70.0, "latency_ms": 3.0, "area_mm2": 5.0, "energy_pj": 150.0})
    assert verdict.values == (-70.0, 3.0)
    assert verdict.violation == pytest.approx(0.25 + 0.5)
    assert not verdict.feasible
    assert verdict.reason is None


def test_verdict_on_a_good_design():
    verdict = CRITERIA.judge({"top1": 70.0, "latency_ms": 3.0, "area_mm2": 4.0, "energy_pj": 100.0})
    assert verdict.feasible
    assert verdict.violation == 0.0


def test_verdict_on_what_is_not_modelled():
    verdict = CRITERIA.judge({"top1": 70.0, "latency_ms": None, "area_mm2": None, "energy_pj": 1.0})
    assert verdict.values == (math.inf, math.inf)
    assert verdict.violation == math.inf
    assert verdict.reason == (
        "latency_ms is not modelled, so the design cannot be compared; "
        "area_mm2 is not modelled, so area_mm2 <= 4 mm^2 cannot be checked"
    )


def test_verdict_on_a_failed_design():
    assert not CRITERIA.judge({}).feasible
    assert CRITERIA.judge({}).violation == math.inf
