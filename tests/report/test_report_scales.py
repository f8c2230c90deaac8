"""Axes: when they are logarithmic, and where their ticks stand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from accelsim.report.scales import AxisScale, axis_scale
from accelsim.report.text import Scale

PLAIN = Scale(1.0, "")


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    assert axis_scale("latency_ms", [1.0, 8.0]).log
    assert not axis_scale("latency_ms", [1.0, 7.9]).log
    assert not axis_scale("latency_ms", [0.0, 100.0]).log  # zero has no logarithm


def test_values_are_shown_in_the_unit_of_the_axis() -> None:
    axis = axis_scale("energy_pj", [2e9, 3e9])
    assert axis.label == "energy (mJ)"
    assert (axis.low, axis.high) == pytest.approx((2.0, 3.0))


def test_two_axes_can_be_made_to_agree() -> None:
    micro = Scale(1e-6, "µJ")
    assert axis_scale("energy_pj", [2e9], micro).high == pytest.approx(2000.0)


def test_an_axis_of_nothing_is_still_an_axis() -> None:
    axis = axis_scale("latency_ms", [math.nan])
    assert (axis.low, axis.high, axis.log) == (0.0, 1.0, False)


def test_a_logarithmic_axis_of_one_value_has_room_around_it() -> None:
    low, high = AxisScale("", PLAIN, True, 1.0, 1.0).limits
    assert low < 1.0 < high


def test_an_axis_of_one_value_has_room_around_it() -> None:
    low, high = axis_scale("latency_ms", [5.0]).limits
    assert low < 5.0 < high
    low, high = axis_scale("dram_bytes", [0.0]).limits
    assert low <= 0.0 < high


def test_a_linear_axis_of_values_near_zero_begins_at_zero() -> None:
    assert axis_scale("latency_ms", [1.0, 4.0]).limits[0] == 0.0
    assert axis_scale("latency_ms", [3.0, 4.0]).limits[0] > 0.0


def test_ticks_are_one_two_five_over_two_decades() -> None:
    assert AxisScale("", PLAIN, True, 1.0, 100.0).ticks == pytest.approx([1, 2, 5, 10, 20, 50, 100])


def test_ticks_are_decades_over_many_and_fine_over_little() -> None:
    assert AxisScale("", PLAIN, True, 1e-3, 1e3).ticks == pytest.approx([1e-3, 1e-2, 0.1, 1, 10, 100, 1000])
    assert AxisScale("", PLAIN, True, 1.0, 2.0).ticks == pytest.approx([1, 1.2, 1.5, 2])


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e6))
def test_ticks_lie_within_the_axis_and_are_few_but_never_none(low: float, ratio: float) -> None:
    axis = AxisScale("", PLAIN, True, low, low * ratio)
    left, right = axis.limits
    ticks = axis.ticks
    assert 1 <= len(ticks) <= 13
    assert ticks == sorted(set(ticks))
    assert all(left <= tick <= right for tick in ticks)


def test_both_libraries_get_the_same_axis() -> None:
    axis = axis_scale("latency_ms", [0.5, 50.0])
    described = axis.plotly()
    assert described["type"] == "log"
    assert [10**end for end in described["range"]] == pytest.approx(axis.limits)
    assert described["ticktext"] == [f"{tick:g}" for tick in described["tickvals"]]

    axes = Figure().add_subplot()
    axis.apply(axes, "x")
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == pytest.approx(axis.limits)
    assert [label.get_text() for label in axes.get_xticklabels()] == described["ticktext"]
    assert axes.get_yscale() == "linear"


def test_a_linear_axis_leaves_the_ticks_to_the_library() -> None:
    described = axis_scale("utilization_overall", [0.4, 0.6]).plotly()
    assert "tickvals" not in described
    assert described["title"]["text"] == "overall utilization (%)"
