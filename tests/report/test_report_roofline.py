"""The roofline: where the lines run and where each layer stands."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from report_fakes import design, findings_by_hand, layer, record, result_of

from accelsim.report.figures import roofline as figure
from accelsim.report.figures.roofline import roofline
from accelsim.report.findings import Findings


@pytest.fixture
def by_hand():
    return roofline(design(record(0)))


def test_the_roof_is_the_lesser_of_bandwidth_and_peak(by_hand) -> None:
    # 16 MACs per cycle over 4 bytes per cycle: the ridge is at 4 MACs per byte.
    assert by_hand.ridge == 4.0
    assert [by_hand.roof(x) for x in (0.5, 1.0, 4.0, 100.0)] == [2.0, 4.0, 16.0, 16.0]
    assert by_hand.memory == "dram"


def test_layers_stand_at_their_intensity_and_rate(by_hand) -> None:
    positions = {dot.name: (dot.intensity, dot.macs_per_cycle) for dot in by_hand.dots}
    assert positions == {"conv": (8.0, 8.0), "dw": (2.0, 2.0), "fc": (1.0, 4.0), "pw": (None, 3.2)}


def test_no_layer_stands_above_the_roof(by_hand) -> None:
    assert all(
        dot.macs_per_cycle <= by_hand.roof(float("inf") if dot.intensity is None else dot.intensity)
        for dot in by_hand.dots
    )


def test_a_layer_that_fills_the_bandwidth_stands_on_the_roof(by_hand) -> None:
    fc = next(dot for dot in by_hand.dots if dot.name == "fc")
    assert fc.macs_per_cycle == by_hand.roof(fc.intensity)
    assert fc.bottleneck == "dram:W"


def test_layers_without_macs_have_no_place_but_their_time_counts(by_hand) -> None:
    assert "add" not in {dot.name for dot in by_hand.dots}
    assert sum(dot.time_share for dot in by_hand.dots) == pytest.approx(2500 / 3000)


def test_without_a_limit_of_bandwidth_the_roof_is_flat() -> None:
    free = roofline(design(record(0), bandwidth_bytes_per_cycle={"dram": None}))
    assert free.ridge is None
    assert free.roof(1e-9) == 16.0


def test_layers_without_traffic_stand_at_the_right_edge() -> None:
    data = figure.charts(findings_by_hand())[0].data
    assert data.x.high == 32.0  # four times the intensity of conv, the greatest
    (first, _) = figure.interactive(data)
    dots = [(x, symbol) for t in first.traces[1:] for x, symbol in zip(t["x"], t["marker"]["symbol"], strict=True)]
    assert (32.0, "triangle-right") in dots
    assert sum(symbol == "circle" for _, symbol in dots) == 3


def test_all_designs_of_a_network_share_their_axes_and_everything_is_inside() -> None:
    data = figure.charts(findings_by_hand())[0].data
    left, right = data.x.limits
    bottom, top = data.y.limits
    for one in data.designs:
        assert bottom < one.peak < top
        assert left < one.ridge < right
        assert all(left < (data.x.high if dot.intensity is None else dot.intensity) < right for dot in one.dots)
        assert all(bottom < dot.macs_per_cycle < top for dot in one.dots)


def test_the_lines_drawn_bend_at_the_ridge() -> None:
    data = figure.charts(findings_by_hand())[0].data
    drawing = Figure(figsize=figure.size(data))
    figure.draw(drawing, data)
    for axes in drawing.axes:
        (roof,) = axes.lines
        assert list(roof.get_xdata())[1] == 4.0
        assert list(roof.get_ydata())[1:] == [16.0, 16.0]
        assert axes.get_title(loc="left").endswith(": 4 B/cycle")


def test_the_area_of_a_dot_follows_its_time_until_a_third_of_all() -> None:
    data = figure.charts(findings_by_hand())[0].data
    sizes = {}
    for trace in figure.interactive(data)[0].traces[1:]:
        for size, text in zip(trace["marker"]["size"], trace["text"], strict=True):
            sizes[text.split("</b>")[0]] = size
    assert sizes["<b>conv"] > sizes["<b>dw"] == sizes["<b>fc"]


def test_a_dot_says_how_near_the_peak_it_is() -> None:
    data = figure.charts(findings_by_hand())[0].data
    texts = [text for trace in figure.interactive(data)[0].traces[1:] for text in trace["text"]]
    assert any("8 MACs per dram byte" in t and "50.0 % of the peak" in t for t in texts)
    assert any("no dram traffic" in t for t in texts)


def test_a_network_without_macs_has_no_roofline() -> None:
    chosen = record(0)
    still = design(chosen, layers=(layer("add", "add", 0, 5, 5, "vector"),))
    assert figure.charts(Findings(result_of([chosen]), (still,))) == []


def test_traffic_free_layers_alone_can_be_drawn() -> None:
    chosen = record(0)
    inside = design(
        chosen,
        layers=(layer("pw", "pointwise", 100, 50, 0, "compute", (0.5, 0.5)),),
        bandwidth_bytes_per_cycle={"dram": None},
    )
    (chart,) = figure.charts(Findings(result_of([chosen]), (inside,)))
    drawing = Figure(figsize=figure.size(chart.data))
    figure.draw(drawing, chart.data)
    assert len(figure.interactive(chart.data)) == 1
