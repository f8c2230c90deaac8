"""Designs as dots: which ones are drawn, which are on the front, and what a dot says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fakes import design, record, result_of

from accelsim.report.findings import Findings
from accelsim.report.scatter import front_of, scatter
from accelsim.report.scatter_drawing import hover_text, plotly_scatter, scatter_size


def findings_of(records, chosen=()) -> Findings:
    return Findings(result_of(records), tuple(design(r) for r in chosen))


def panels_of(records, chosen=()):
    return scatter(findings_of(records, chosen), "latency_ms", "energy_pj", with_front=True).panels


def test_the_front_holds_what_no_other_design_beats_in_both() -> None:
    pairs = [(3.0, 3.0), (1.0, 9.0), (4.0, 2.0), (2.0, 9.5), (5.0, 2.5), (4.0, 2.0)]
    front = front_of([record(i, *pair) for i, pair in enumerate(pairs)], "latency_ms", "energy_pj")
    assert [r.number for r in front] == [1, 0, 2, 5]  # equal designs do not beat each other


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=20))
def test_the_front_agrees_with_its_definition(pairs) -> None:
    records = [record(i, float(x), float(y)) for i, (x, y) in enumerate(pairs)]
    expected = {
        i for i, (x, y) in enumerate(pairs) if not any((a <= x and b <= y) and (a, b) != (x, y) for a, b in pairs)
    }
    front = front_of(records, "latency_ms", "energy_pj")
    assert {r.number for r in front} == expected
    steps = [(r.metrics["latency_ms"], r.metrics["energy_pj"]) for r in front]
    assert steps == sorted(steps)
    assert all(a[1] >= b[1] for a, b in itertools.pairwise(steps))


def test_no_designs_no_front() -> None:
    assert front_of([], "latency_ms", "energy_pj") == []


def test_a_panel_a_network_and_a_cloud_a_template() -> None:
    records = [
        record(0, 1.0, 2e9, network="a", hardware="x"),
        record(1, 2.0, 1e9, network="a", hardware="y"),
        record(2, 3.0, 3e9, network="a", hardware="y"),
        record(3, 4.0, 4e9, network="b", hardware="x"),
    ]
    first, second = panels_of(records, chosen=[records[1]])
    assert (first.network, second.network) == ("a", "b")
    assert [(cloud.name, cloud.x, cloud.y) for cloud in first.clouds] == [
        ("x", (1.0,), (2.0,)),
        ("y", (2.0, 3.0), (1.0, 3.0)),
    ]
    assert first.y.label == "energy (mJ)"
    assert [(cloud.name, cloud.records[0].number) for cloud in first.best] == [("y", 1)]
    assert second.best == ()
    assert first.front.x == (1.0, 2.0)
    # Each template has its own front: record 2 is beaten by record 1.
    assert [(edge.name, edge.x) for edge in first.edges] == [("x", (1.0,)), ("y", (2.0,))]


def test_panels_share_their_units() -> None:
    records = [record(0, 1.0, 1e6, network="a"), record(1, 1.0, 1e12, network="b")]
    assert {panel.y.scale.unit for panel in panels_of(records)} == {"mJ"}


def test_designs_that_miss_a_constraint_are_shown_apart_and_never_on_the_front() -> None:
    (panel,) = panels_of([record(0, 2.0, 2e9), record(1, 1.0, 1e9, feasible=False)])
    assert panel.rejected.x == (1.0,)
    assert panel.front.x == (2.0,)
    assert panel.clouds[0].x == (2.0,)


@pytest.mark.parametrize(
    "absent", [record(1, error="failed"), record(1, energy_pj=2.0, latency_ms=2.0, edp_pj_ms=None)]
)
def test_failed_designs_are_not_drawn(absent) -> None:
    (panel,) = panels_of([record(0), absent])
    assert len(panel.clouds[0].x) == (1 if absent.error else 2)


def test_a_design_without_the_metric_is_not_drawn() -> None:
    unknown = record(1)
    unknown.metrics["energy_pj"] = None
    (panel,) = panels_of([record(0), unknown])
    assert panel.clouds[0].records[0].number == 0
    assert len(panel.clouds[0].x) == 1


def test_a_network_of_failures_alone_has_no_panel() -> None:
    assert [p.network for p in panels_of([record(0, network="a", error="no"), record(1, network="b")])] == ["b"]
    assert panels_of([record(0, error="no")]) == ()


def test_many_dots_are_thinned_evenly_and_the_ends_stay() -> None:
    records = [record(i, 1.0 + (i * 7919 % 4001) / 100, 1e9 + i) for i in range(4001)]
    (panel,) = panels_of(records)
    (cloud,) = panel.clouds
    assert len(cloud.x) == 1500
    assert cloud.left_out == 2501
    assert (min(cloud.x), max(cloud.x)) == (1.0, 41.0)
    widest = max(b - a for a, b in itertools.pairwise(sorted(cloud.x)))
    assert widest < 3 * 40 / 1500
    assert cloud == panels_of(list(records))[0].clouds[0]
    # The front is found before thinning.
    assert panel.front.records == tuple(front_of(records, "latency_ms", "energy_pj"))
    (spec,) = plotly_scatter(scatter(findings_of(records), "latency_ms", "energy_pj", with_front=True))
    assert any("2,501 more not drawn" in str(trace.get("name")) for trace in spec.traces)


def test_plotly_draws_the_same_dots() -> None:
    records = [record(0, 1.0, 2e9), record(1, 2.0, 1e9, feasible=False), record(2, 4.0, 1e9)]
    data = scatter(findings_of(records, [records[0]]), "latency_ms", "energy_pj", with_front=True)
    (plot,) = plotly_scatter(data)
    dots = {trace.get("name"): (trace["x"], trace["y"]) for trace in plot.traces if "name" in trace}
    assert dots["machine"] == ([1.0, 4.0], [2.0, 1.0])
    assert dots["misses a constraint"] == ([2.0], [1.0])
    assert dots["Pareto front"] == ([1.0, 4.0], [2.0, 1.0])
    assert dots["best machine"] == ([1.0], [2.0])
    assert plot.title == "net"


def test_a_dot_says_its_parameters_and_figures() -> None:
    chosen = record(5, 0.5, 2e9, point={"network.width": 0.75, "hardware.rows": 64}, top1=68.8, area_mm2=None)
    text = hover_text(chosen)
    assert "width=0.75 rows=64" in text
    assert "500 µs" in text
    assert "2 mJ" in text
    assert "top-1 68.8 %" in text
    assert "area not modelled" in text
    assert "design 5" in text


def test_a_dot_s_text_cannot_hold_markup_of_a_name() -> None:
    assert "<i>" not in hover_text(record(0, hardware="<i>x", point={"hardware.<i>": "<i>"}))


@pytest.mark.parametrize(("networks", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (4, 2, 2), (5, 3, 2), (7, 3, 3)])
def test_the_drawing_grows_with_the_networks(networks: int, columns: int, rows: int) -> None:
    data = scatter(
        findings_of([record(i, network=f"n{i}") for i in range(networks)]), "latency_ms", "energy_pj", with_front=True
    )
    width, height = scatter_size(data)
    assert (round(width / 5.2), round((height - 0.4) / 3.7)) == (columns, rows)
