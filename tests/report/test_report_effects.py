"""Which parameter matters: medians by value, relative to the network's own."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.figure import Figure
from report_fakes import findings_by_hand, record, result_of

from accelsim.report.figures import effects as figure
from accelsim.report.figures.effects import effect
from accelsim.report.findings import Findings
from accelsim.report.text import TIMES

TINY_ARMS = {
    "chosen": {"algorithm": "nsga2"},
    "chance": {"algorithm": "random"},
    "half": {"algorithm": "random", "vary": "network"},
}


def grid(latency):
    """Return records of a 3 x 2 grid of rows and columns with the latency that a function gives."""
    points = [(rows, columns) for rows in (8, 16, 32) for columns in (1, 2)]
    return [
        record(i, latency(rows, columns), point={"hardware.rows": rows, "hardware.columns": columns})
        for i, (rows, columns) in enumerate(points)
    ]


def test_a_box_holds_the_designs_with_one_value() -> None:
    # Latencies 1, 2, 2, 4, 4, 8: the median is 3.
    found = effect(grid(lambda rows, columns: rows * columns / 8), "hardware.rows", "latency_ms")
    assert [box.value for box in found.boxes] == ["8", "16", "32"]
    assert [box.levels[2] for box in found.boxes] == pytest.approx([1.5 / 3, 3 / 3, 6 / 3])
    low, first, middle, third, high = found.boxes[0].levels
    assert (low, first, third, high) == pytest.approx((1.05 / 3, 1.25 / 3, 1.75 / 3, 1.95 / 3))
    assert middle == pytest.approx(0.5)


def test_the_factor_is_the_greatest_over_the_least_median() -> None:
    records = grid(lambda rows, columns: rows * columns / 8)
    assert effect(records, "hardware.rows", "latency_ms").factor == pytest.approx(4.0)
    assert effect(records, "hardware.columns", "latency_ms").factor == pytest.approx(2.0)


def test_a_parameter_without_effect_has_factor_one() -> None:
    assert effect(grid(lambda rows, _: rows), "hardware.columns", "latency_ms").factor == 1.0


def test_networks_of_different_size_can_be_pooled() -> None:
    small = grid(lambda rows, columns: rows * columns / 8)
    large = [record(10 + r.number, 1000 * r.metrics["latency_ms"], network="large", point=r.point) for r in small]
    alone, pooled = (effect(some, "hardware.rows", "latency_ms") for some in (small, small + large))
    assert [box.levels[2] for box in alone.boxes] == pytest.approx([box.levels[2] for box in pooled.boxes])


def test_words_keep_their_order_and_numbers_ascend() -> None:
    records = [
        record(i, 1.0, point={"hardware.kind": kind, "hardware.n": n})
        for i, (kind, n) in enumerate([("weight", 8), ("output", 2.5), ("input", 4), ("weight", 1)])
    ]
    assert [box.value for box in effect(records, "hardware.kind", "latency_ms").boxes] == ["weight", "output", "input"]
    assert [box.value for box in effect(records, "hardware.n", "latency_ms").boxes] == ["1", "2.5", "4", "8"]


def test_many_numbers_are_put_into_five_ranges() -> None:
    records = [record(i, 1.0 + i, point={"hardware.n": 100 * i}) for i in range(20)]
    boxes = effect(records, "hardware.n", "latency_ms").boxes
    assert [box.value for box in boxes] == [
        "0 to 300",
        "400 to 700",
        "800 to 1,100",
        "1,200 to 1,500",
        "1,600 to 1,900",
    ]
    assert [box.levels[2] for box in boxes] == sorted(box.levels[2] for box in boxes)


def test_a_switch_is_not_a_number() -> None:
    records = [record(i, 1.0 + i, point={"hardware.on": bool(i % 2)}) for i in range(4)]
    assert [box.value for box in effect(records, "hardware.on", "latency_ms").boxes] == ["false", "true"]


def test_the_parameters_that_matter_most_come_first() -> None:
    # Rows change latency by 4, columns by 2; energy is the same for all.
    (chart,) = figure.charts(Findings(result_of(grid(lambda rows, columns: rows * columns)), ()))
    assert [[one.parameter for one in row] for row in chart.data.rows] == [["hardware.rows", "hardware.columns"]] * 3
    assert [row[0].metric for row in chart.data.rows] == ["latency_ms", "energy_pj", "utilization_overall"]
    assert chart.title == "machine"


def test_one_chart_a_template_in_its_colour() -> None:
    findings = findings_by_hand()
    charts = figure.charts(findings)
    assert [chart.title for chart in charts] == ["slow", "fast"]
    assert [chart.data.colour for chart in charts] == [findings.looks[name].colour for name in ("slow", "fast")]
    assert charts[0].data.designs == 6  # the failed one is not counted


def test_a_parameter_with_one_value_is_not_shown() -> None:
    assert figure.charts(Findings(result_of([record(i, point={"hardware.rows": 8}) for i in range(3)]), ())) == []


def test_only_searches_that_do_not_prefer_good_values_count() -> None:
    records = [
        record(number, latency, arm=arm, point={"hardware.rows": rows})
        for number, (arm, rows, latency) in enumerate(
            [("chance", 8, 2.0), ("chance", 16, 1.0), ("chosen", 8, 9.0), ("chosen", 32, 1.0), ("half", 64, 5.0)]
        )
    ]
    result = result_of(records, search={"arms": TINY_ARMS})
    (chart,) = figure.charts(Findings(result, ()))
    assert [box.value for box in chart.data.rows[0][0].boxes] == ["8", "16"]


def test_where_all_searches_prefer_good_values_they_are_all_there_is() -> None:
    records = [record(i, 1.0 + i, arm="chosen", point={"hardware.rows": 8 << i}) for i in range(2)]
    (chart,) = figure.charts(Findings(result_of(records, search={"arms": TINY_ARMS}), ()))
    assert chart.data.designs == 2


def test_designs_without_a_figure_above_zero_are_left_out() -> None:
    records = grid(lambda rows, _: rows)
    records[0].metrics["energy_pj"] = None
    records[1].metrics["utilization_overall"] = 0.0
    (chart,) = figure.charts(Findings(result_of(records), ()))
    assert chart.data.designs == 4


def test_both_drawings_show_the_same_levels() -> None:
    (chart,) = figure.charts(Findings(result_of(grid(lambda rows, columns: rows * columns)), ()))
    data = chart.data
    drawing = Figure(figsize=figure.size(data))
    figure.draw(drawing, data)
    plots = figure.interactive(data)
    assert [plot.title.split(" (")[0] for plot in plots] == ["latency", "energy", "overall utilization"]
    for axes, row, plot in zip(drawing.axes, data.rows, plots, strict=True):
        boxes = [box for one in row for box in one.boxes]
        assert [patch.get_y() for patch in axes.patches] == pytest.approx([box.levels[1] for box in boxes])
        tops = [patch.get_y() + patch.get_height() for patch in axes.patches]
        assert tops == pytest.approx([box.levels[3] for box in boxes])
        for one, trace in zip(row, plot.traces, strict=True):
            assert list(trace["median"]) == [box.levels[2] for box in one.boxes]
            assert list(trace["q1"]) == [box.levels[1] for box in one.boxes]
    words = [text.get_text() for text in drawing.axes[0].texts]
    assert words == [f"{TIMES}4", f"{TIMES}2", "rows", "columns"]
    labels = [label.get_text() for label in drawing.axes[-1].get_xticklabels()]
    assert labels == ["8", "16", "32", "1", "2"]


def test_boxes_of_neighbouring_parameters_do_not_touch() -> None:
    (chart,) = figure.charts(Findings(result_of(grid(lambda rows, columns: rows * columns)), ()))
    drawing = Figure(figsize=figure.size(chart.data))
    figure.draw(drawing, chart.data)
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in drawing.axes[0].patches]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))


def test_long_values_are_broken_and_crowded_ones_thinned() -> None:
    words = ["weight_stationary", "output_stationary"]
    records = [
        record(i, 1.0 + i, point={"hardware.flow": words[i % 2], "hardware.kib": 64 << (i % 7)}) for i in range(14)
    ]
    (chart,) = figure.charts(Findings(result_of(records), ()))
    drawing = Figure(figsize=figure.size(chart.data))
    figure.draw(drawing, chart.data)
    labels = {label.get_text() for label in drawing.axes[-1].get_xticklabels()}
    assert labels == {"weight\nstationary", "output\nstationary", "64", "256", "1024", "4096", ""}


def test_a_network_s_own_parameters_are_told_apart() -> None:
    records = [record(i, 1.0 + i, point={"network.width": 0.5 * i, "hardware.rows": 8 << i}) for i in range(3)]
    (chart,) = figure.charts(Findings(result_of(records), ()))
    axes = {trace["name"] for trace in figure.interactive(chart.data)[0].traces}
    assert axes == {"width (network)", "rows"}
