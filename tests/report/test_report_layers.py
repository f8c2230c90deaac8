"""Layer by layer: utilization, its factors, shares of time, and where the time goes."""

from __future__ import annotations

import math

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from report_fakes import LAYERS, design, findings_by_hand, layer, record, result_of

from accelsim.report.figures import layers as figure
from accelsim.report.figures import time
from accelsim.report.figures.layers import layers
from accelsim.report.findings import Findings

COLOURS = {"compute": "#111111", "dram:W": "#222222", "vector": "#333333", "unused": "#444444"}


@pytest.fixture
def by_hand():
    return layers(design(record(0)), COLOURS)


def test_layers_stand_in_the_order_they_run(by_hand) -> None:
    assert [bar.name for bar in by_hand.bars] == ["conv", "dw", "fc", "add", "pw"]
    assert by_hand.title == "net on machine"


def test_overall_utilization_is_spatial_times_temporal(by_hand) -> None:
    assert [bar.overall for bar in by_hand.bars if bar.overall is not None] == pytest.approx([0.5, 0.125, 0.25, 0.2])
    assert all(
        bar.overall == pytest.approx(bar.spatial * bar.temporal) for bar in by_hand.bars if bar.overall is not None
    )


def test_a_layer_without_macs_has_time_but_no_utilization(by_hand) -> None:
    add = by_hand.bars[3]
    assert (add.spatial, add.temporal, add.overall) == (None, None, None)
    assert add.time_share == pytest.approx(500 / 3000)


def test_shares_of_time_sum_to_the_whole(by_hand) -> None:
    assert [bar.time_share for bar in by_hand.bars] == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6])


def test_every_layer_names_its_bottleneck_and_only_those_are_in_the_legend(by_hand) -> None:
    assert [bar.bottleneck for bar in by_hand.bars] == ["compute", "compute", "dram:W", "vector", "compute"]
    assert list(by_hand.colours) == ["compute", "dram:W", "vector"]


def test_a_network_that_takes_no_time_has_no_shares() -> None:
    still = layers(design(record(0), layers=(layer("a", "add", 0, 0, 0, "vector"),)), COLOURS)
    assert still.bars[0].time_share == 0.0


def test_only_the_best_across_templates_is_unfolded() -> None:
    charts = figure.charts(findings_by_hand())
    assert [(chart.title, chart.folded) for chart in charts] == [
        ("alpha on slow", True),
        ("alpha on fast", False),
        ("beta on slow", True),
        ("beta on fast", False),
    ]


def test_the_bars_drawn_are_the_data(by_hand) -> None:
    drawing = Figure(figsize=figure.size(by_hand))
    figure.draw(drawing, by_hand)
    left, right = drawing.axes
    (bars,) = (c for c in left.collections if isinstance(c, PolyCollection))
    assert [path.vertices[:, 0].max() for path in bars.get_paths()] == pytest.approx([50, 12.5, 25, 0, 20])
    (times,) = (c for c in right.collections if isinstance(c, PolyCollection))
    assert [path.vertices[:, 0].max() for path in times.get_paths()] == pytest.approx([100 / 3, *[50 / 3] * 4])
    spatial, temporal = (axis_line.get_xdata() for axis_line in left.lines)
    assert list(spatial[:3]) == pytest.approx([80, 25, 100])
    assert list(temporal[:3]) == pytest.approx([62.5, 50, 25])
    assert math.isnan(spatial[3])
    assert [text.get_text() for text in left.texts] == ["conv", "dw", "fc", "add", "pw"]
    first, last = left.get_ylim()
    assert first > last  # the first layer is at the top


def test_the_drawing_grows_with_the_layers() -> None:
    few, many = (layers(design(record(0), layers=LAYERS * n), COLOURS) for n in (4, 20))
    assert figure.size(many)[1] - figure.size(few)[1] == pytest.approx(80 * 0.135)


def test_plotly_shows_the_same_bars_and_each_layer_says_more(by_hand) -> None:
    (plot,) = figure.interactive(by_hand)
    bars = {(trace["name"], trace.get("xaxis")): trace for trace in plot.traces if trace["type"] == "bar"}
    compute = bars["compute", None]
    assert dict(zip(compute["y"], compute["x"], strict=True)) == {0: 50.0, 1: 12.5, 4: 20.0}
    assert bars["vector", None]["x"] == [None]
    assert bars["vector", "x2"]["x"] == [pytest.approx(16.67)]
    said = compute["text"][0]
    assert "conv2d + relu" in said
    assert "33.3 % of the latency" in said
    assert "spatial 80.0 %" in said
    assert "waits for compute, 1.5 " in said
    # Nothing else is used at all: there is no next resource to compare with.
    assert bars["vector", None]["text"][0].endswith("waits for vector")
    assert plot.layout["yaxis"]["ticktext"] == ["conv", "dw", "fc", "add", "pw"]


def test_long_names_are_cut_where_they_label_a_bar() -> None:
    long = layers(design(record(0), layers=(layer("a" * 40, "add", 0, 5, 0, "vector"),)), COLOURS)
    (plot,) = figure.interactive(long)
    assert len(plot.layout["yaxis"]["ticktext"][0]) == 26
    assert "a" * 40 in next(iter(plot.traces))["text"][0]


def time_by_hand(**changes):
    chosen = record(0)
    findings = Findings(result_of([chosen]), (design(chosen, **changes),))
    (chart,) = time.charts(findings)
    return chart.data


def test_time_is_split_by_what_layers_wait_for() -> None:
    (shares,) = time_by_hand().by_bottleneck.parts
    assert shares == pytest.approx({"compute": 2000 / 3000, "dram:W": 500 / 3000, "vector": 500 / 3000})


def test_time_is_split_by_kind_of_layer_without_what_is_fused() -> None:
    (shares,) = time_by_hand().by_kind.parts
    sixth = pytest.approx(1 / 6)
    third = pytest.approx(1 / 3)
    assert shares == {"conv2d": third, "depthwise": sixth, "fully_connected": sixth, "add": sixth, "pointwise": sixth}
    assert next(iter(time_by_hand().by_kind.colours)) == "conv2d"  # the largest comes first


@pytest.mark.parametrize(
    ("op", "kind"), [("depthwise + relu6", "depthwise"), ("pointwise", "pointwise"), ("", "other"), ("+ x", "other")]
)
def test_the_kind_of_a_layer_is_its_op(op: str, kind: str) -> None:
    assert time.kind_of(op) == kind


def test_the_smallest_kinds_are_added_up() -> None:
    many = tuple(layer(f"l{i}", f"op{i:02}", 0, 100 - i, 0, "vector") for i in range(12))
    data = time_by_hand(layers=many)
    (shares,) = data.by_kind.parts
    assert list(shares) == [*(f"op{i:02}" for i in range(8)), "other"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["other"] == pytest.approx(sum(100 - i for i in range(8, 12)) / sum(100 - i for i in range(12)))


def test_stacks_drawn_fill_the_axis() -> None:
    data = time_by_hand()
    drawing = Figure(figsize=time.size(data))
    time.draw(drawing, data)
    for axes in drawing.axes:
        assert sum(patch.get_width() for patch in axes.patches) == pytest.approx(100)
    for plot in time.interactive(data):
        assert sum(trace["x"][0] for trace in plot.traces) == pytest.approx(100, abs=0.1)


def test_no_designs_no_rows() -> None:
    assert time.charts(Findings(result_of([record(0, error="failed")]), ())) == []
    assert figure.charts(Findings(result_of([record(0, error="failed")]), ())) == []
