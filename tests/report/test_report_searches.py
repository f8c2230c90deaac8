"""Searches compared: their fronts, their staircases and their hypervolume."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from report_fakes import record, result_of

from accelsim.errors import MissingExtraError
from accelsim.report.figures import arms, hypervolume, pareto
from accelsim.report.figures.arms import edge
from accelsim.report.figures.hypervolume import arm_curves
from accelsim.report.findings import Findings
from accelsim.study.result import StudyResult

SEARCH = {"seed": [1, 2], "arms": {"clever": {"algorithm": "nsga2"}, "blind": {"algorithm": "random"}}}
ACCURATE = {"accuracy": "mobilenet_v2_grid", "objectives": ["top1", "latency_ms", "energy_pj"]}


def compared(**keys) -> Findings:
    """Return findings of two arms: accuracy in percent, latency in ms, energy in mJ."""
    table = [
        ("clever", 1, 50.0, 1.0, 1.0),
        ("clever", 1, 70.0, 3.0, 2.0),
        ("clever", 2, 60.0, 2.0, 3.0),
        ("clever", 2, 55.0, 2.5, 0.5),  # beaten on accuracy and latency, but the thriftiest
        ("blind", 1, 45.0, 2.0, 4.0),
        ("blind", 1, 44.0, 3.0, 5.0),  # beaten in everything
        ("blind", 2, 65.0, 8.0, 40.0),
        ("blind", 2, 99.0, 0.1, 0.1, False),  # misses a constraint
    ]
    records = [
        record(i, latency, energy * 1e9, arm=arm, seed=seed, top1=top1, feasible=not unfit)
        for i, (arm, seed, top1, latency, energy, *unfit) in enumerate(table)
    ]
    return Findings(result_of(records, **(ACCURATE | {"search": SEARCH} | keys)), ())


def test_accuracy_is_up_latency_across_and_energy_the_colour() -> None:
    (chart,) = arms.charts(compared())
    assert chart.title == "net"
    assert (chart.data.x.label, chart.data.y.label) == ("latency (ms)", "top-1 accuracy (%)")
    assert chart.data.colour is not None
    assert chart.data.colour.label == "energy (mJ)"
    assert chart.data.colour.log  # 0.5 to 40 mJ


def test_an_arm_shows_its_pareto_set_over_all_objectives() -> None:
    clever, blind = arms.charts(compared())[0].data.arms
    assert clever.arm == "clever"
    expected = [(1.0, 50.0, 1.0), (2.0, 60.0, 3.0), (2.5, 55.0, 0.5), (3.0, 70.0, 2.0)]
    assert np.array(sorted(zip(clever.x, clever.y, clever.colour, strict=True))) == pytest.approx(np.array(expected))
    assert sorted(zip(blind.x, blind.y, strict=True)) == [(2.0, 45.0), (8.0, 65.0)]


def test_a_design_that_two_seeds_found_counts_once() -> None:
    point = {"hardware.rows": 8, "hardware.dataflow": "weight_stationary"}
    records = [
        record(i, 2.0, arm=arm, seed=seed, point=point)
        for i, (arm, seed) in enumerate([("clever", 1), ("clever", 2), ("blind", 1)])
    ]
    records.append(record(3, 2.0, arm="clever", seed=2, point=point | {"hardware.rows": 16}))
    (chart,) = arms.charts(Findings(result_of(records, search=SEARCH), ()))
    assert [[r.number for r in arm.records] for arm in chart.data.arms] == [[0, 3], [2]]


def test_the_staircase_leaves_out_what_only_the_third_objective_keeps() -> None:
    clever, _ = arms.charts(compared())[0].data.arms
    assert clever.edge == ((1.0, 50.0), (2.0, 60.0), (3.0, 70.0))


def test_without_a_third_objective_dots_have_the_colour_of_their_arm() -> None:
    (chart,) = arms.charts(compared(objectives=["latency_ms", "energy_pj"], accuracy=None))
    assert chart.data.colour is None
    (plot,) = arms.interactive(chart.data)
    colours = [trace["marker"]["color"] for trace in plot.traces if "marker" in trace]
    assert colours == [look.colour for look in chart.data.looks.values()]
    arms.draw(Figure(), chart.data)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15), st.sampled_from([1, -1]))
def test_a_staircase_only_goes_one_way(points, sign: int) -> None:
    corners = edge([(float(x), float(y)) for x, y in points], (1, sign))
    assert all(a[0] < b[0] and sign * a[1] > sign * b[1] for a, b in itertools.pairwise(corners))
    for x, y in points:
        assert any(cx <= x and sign * cy <= sign * y for cx, cy in corners)


def test_both_drawings_show_every_arm() -> None:
    (chart,) = arms.charts(compared())
    drawing = Figure(figsize=arms.size(chart.data))
    arms.draw(drawing, chart.data)
    titles = [axes.get_title(loc="left") for axes in drawing.axes]
    assert titles[:2] == ["clever: 4 designs", "blind: 2 designs"]
    (plot,) = arms.interactive(chart.data)
    dots = {trace["name"]: trace for trace in plot.traces if "name" in trace}
    assert list(dots) == ["clever (4)", "blind (2)"]
    assert dots["clever (4)"]["text"][0].startswith("<b>clever</b>")
    # Plotly's colours know no logarithm: 40 mJ stands at log10 40.
    assert max(dots["blind (2)"]["marker"]["color"]) == pytest.approx(math.log10(40))
    assert "20" in plot.layout["coloraxis"]["colorbar"]["ticktext"]


def test_one_arm_is_no_comparison_unless_accuracy_is_wanted() -> None:
    alone = [record(i, 1.0 + i, 1e9, top1=50.0 + i) for i in range(3)]
    assert arms.charts(Findings(result_of(alone), ())) == []
    assert len(arms.charts(Findings(result_of(alone, **ACCURATE), ()))) == 1
    assert hypervolume.charts(Findings(result_of(alone, **ACCURATE), ())) == []


def test_where_accuracy_is_wanted_the_front_of_cost_alone_is_not_shown() -> None:
    assert pareto.charts(compared()) == []
    assert len(pareto.charts(compared(objectives=["latency_ms", "energy_pj"], accuracy=None))) == 1


def test_searches_that_found_nothing_have_no_front() -> None:
    records = [record(i, arm=arm, error="does not fit") for i, arm in enumerate(["clever", "blind"])]
    findings = Findings(result_of(records, search=SEARCH), ())
    assert arms.charts(findings) == []
    assert hypervolume.charts(findings) == []


def test_hypervolume_is_the_result_s_own() -> None:
    findings = compared(objectives=["latency_ms", "energy_pj"], accuracy=None)
    (chart,) = hypervolume.charts(findings)
    expected = findings.result.hypervolumes("net")
    for arm in chart.data.arms:
        assert len(arm.seeds) == 2
        for curve, seed in zip(arm.seeds, (1, 2), strict=True):
            assert list(curve) == pytest.approx(expected[arm.arm][seed].tolist())


def test_the_median_is_over_seeds_and_a_search_that_ended_early_stays_where_it_was() -> None:
    curves = [np.array([0.0, 0.2, 0.4]), np.array([0.1, 0.6]), np.array([0.3])]
    found = arm_curves("a", "#000000", curves)
    assert found.median == pytest.approx((0.1, 0.3, 0.4))
    assert found.final == pytest.approx((0.3, 0.4, 0.6))
    assert found.label == "a: 0.400 (0.300 to 0.600)"


def test_one_seed_has_no_spread() -> None:
    assert arm_curves("a", "#000000", [np.array([0.25])]).label == "a: 0.250"


def test_every_seed_is_drawn_thin_and_the_median_thick() -> None:
    (chart,) = hypervolume.charts(compared(objectives=["latency_ms", "energy_pj"], accuracy=None))
    drawing = Figure()
    hypervolume.draw(drawing, chart.data)
    widths = [line.get_linewidth() for line in drawing.axes[0].lines]
    assert sorted(widths) == [0.7] * 4 + [2.2] * 2
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert labels == [arm.label for arm in chart.data.arms]
    (plot,) = hypervolume.interactive(chart.data)
    assert [trace["name"] for trace in plot.traces if "name" in trace] == labels


def test_a_missing_extra_is_told_and_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self, network):
        raise MissingExtraError("the hypervolume of three or more objectives", "moocore", "search")

    monkeypatch.setattr(StudyResult, "hypervolumes", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'accelsim\[search\]'"):
        hypervolume.charts(compared())
