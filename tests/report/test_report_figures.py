"""The contract of every figure, the built-in ones and those of others."""

from __future__ import annotations

import io

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure
from PIL import Image
from report_fakes import design, findings_by_hand, record, result_of

from accelsim.report.figure import FIGURES, Chart, FigureKind, png
from accelsim.report.findings import Findings
from accelsim.report.plotly import Plot, layout

BUILT_IN = [
    "pareto",
    "arms",
    "hypervolume",
    "utilization_energy",
    "effects",
    "time",
    "energy",
    "roofline",
    "layers",
]


def searched() -> Findings:
    """Return findings of two arms with two seeds, on one network with a hostile name."""
    records = [
        record(
            number,
            1.0 + number % 5,
            1e9 * (6 - number % 5) + number,
            network="n",
            hardware="<b>$x_1$ & 网络",
            arm=("one", "two")[number % 2],
            seed=number // 2 % 2,
            point={"hardware.<i>$y$": number, "network.width": 0.5},
        )
        for number in range(12)
    ]
    search = {"seed": [0, 1], "arms": {"one": {"algorithm": "grid"}, "two": {"algorithm": "random"}}}
    return Findings(
        result_of(records, search=search), (design(records[4]), design(records[5], champion=False, role="r"))
    )


CASES = {"sweep": findings_by_hand, "search": searched}


def charts_of(name: str):
    return [(FIGURES[name], chart) for make in CASES.values() for chart in FIGURES[name].charts(make())]


def test_the_built_in_figures_are_those_of_the_page() -> None:
    assert sorted(FIGURES, key=lambda name: FIGURES[name].place) == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_figure_explains_itself(name: str) -> None:
    kind = FIGURES[name]
    assert kind.title
    assert kind.reading.endswith(".")
    assert 2 <= kind.reading.count(". ") + 1 <= 3
    assert charts_of(name), "no case draws this figure"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_figure_of_nothing_is_not_drawn(name: str) -> None:
    failed = Findings(result_of([record(0, error="no"), record(1, error="no", arm="other")]), ())
    assert FIGURES[name].charts(Findings(result_of([]), ())) == []
    assert FIGURES[name].charts(failed) == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_drawing_has_its_size_and_the_same_bytes_each_time(name: str) -> None:
    for kind, chart in charts_of(name)[:2]:
        drawn = png(kind, chart)
        width, height = kind.size(chart.data)
        image = Image.open(io.BytesIO(drawn))
        assert image.format == "PNG"
        assert image.size == pytest.approx((110 * width, 110 * height), abs=2)
        assert len(image.convert("RGB").getcolors(maxcolors=1 << 24) or []) > 10  # not blank
        assert "Software" not in image.info
        assert png(kind, chart) == drawn


@pytest.mark.parametrize("name", BUILT_IN)
def test_plotly_accepts_every_figure(name: str) -> None:
    import plotly.graph_objects as go

    for kind, chart in charts_of(name):
        assert kind.interactive is not None
        plots = kind.interactive(chart.data)
        assert plots
        for plot in plots:
            go.Figure(plot.as_dict())  # refuses unknown properties and values
            assert plot.layout["height"] > 100


@pytest.mark.parametrize("name", BUILT_IN)
def test_names_are_escaped_where_plotly_reads_tags(name: str) -> None:
    for kind, chart in charts_of(name):
        for plot in (kind.interactive or list)(chart.data):
            written = repr(plot.as_dict())
            assert "<b>$x" not in written
            assert "<i>" not in written


def test_drawing_leaves_matplotlib_s_settings_alone() -> None:
    before = dict(rcParams)
    png(*charts_of("pareto")[0])
    assert dict(rcParams) == before


def test_no_figure_uses_the_state_of_pyplot() -> None:
    import sys

    from matplotlib import _pylab_helpers

    for name in BUILT_IN:
        png(*charts_of(name)[0])
    assert not _pylab_helpers.Gcf.figs
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_plot_gives_its_legend_away() -> None:
    traces = [
        {"name": "a", "marker": {"color": "#111111"}},
        {"name": "b", "marker": {"color": [1, 2]}},
        {"name": "hidden", "marker": {"color": "#222222"}, "showlegend": False},
        {"marker": {"color": "#333333"}},
    ]
    plot = Plot("t", traces, layout({}, {}))
    assert plot.legend() == {"a": "#111111"}
    bare = plot.without_legend()
    assert bare.layout["showlegend"] is False
    assert "showlegend" not in plot.layout
    assert bare.traces == traces


def test_a_figure_needs_no_more_than_data_and_a_drawing() -> None:
    def draw(figure: Figure, data: int) -> None:
        figure.subplots().plot([0, data])

    kind = FigureKind(
        title="t", reading="One. Two.", place=99, charts=lambda _: [Chart("", 3)], draw=draw, size=lambda _: (2.0, 1.0)
    )
    assert Image.open(io.BytesIO(png(kind, kind.charts(findings_by_hand())[0]))).size == (220, 110)
