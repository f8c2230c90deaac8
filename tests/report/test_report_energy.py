"""The energy breakdown: it sums to the total, and says what is not modelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from report_fakes import TOTAL_PJ, design, evaluation, findings_by_hand, line, record, result_of

from accelsim.report.figures import energy
from accelsim.report.figures.energy import breakdown
from accelsim.report.findings import Findings


@pytest.fixture
def by_hand():
    return breakdown("machine", evaluation())


def test_rows_are_memories_from_the_outermost_in_then_the_rest(by_hand) -> None:
    assert [row.component for row in by_hand.rows] == [
        "dram",
        "buffer",
        "registers",
        "mac",
        "leakage of logic",
        "interconnect",
    ]


def test_each_memory_is_cut_by_operand(by_hand) -> None:
    dram, buffer = by_hand.rows[:2]
    assert dram.energy_pj == {"W": 20000.0, "I": 10000.0, "O": 5000.0}
    assert buffer.energy_pj == {"W": 100.0, "I": 100.0}  # reads 40 and writes 60 of I add up


def test_the_rows_sum_to_the_energy_of_the_design(by_hand) -> None:
    assert by_hand.total_pj == pytest.approx(TOTAL_PJ)
    assert sum(row.total_pj or 0 for row in by_hand.rows) == pytest.approx(evaluation().totals.energy_pj)


def test_what_is_not_modelled_is_named_and_not_zero(by_hand) -> None:
    rows = {row.component: row for row in by_hand.rows}
    assert rows["registers"].total_pj is None
    assert rows["registers"].missing == ("access",)
    assert rows["buffer"].missing == ("O write",)
    assert rows["buffer"].total_pj == 200.0


def test_a_component_that_nobody_ordered_comes_last() -> None:
    rows = breakdown(
        "m", evaluation(ledger=(line("laser", "", "hold", 1, 1.0), line("dram", "W", "read", 1, 1.0)))
    ).rows
    assert [row.component for row in rows] == ["dram", "laser"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dram", "buffer", "mac", "other"]),
            st.sampled_from(["W", "I", "O", ""]),
            st.floats(0, 1e12),
            st.none() | st.floats(0, 1e3),
        ),
        max_size=12,
    )
)
def test_no_modelled_energy_is_lost_or_made(lines) -> None:
    ledger = tuple(line(component, operand, "read", count, pj) for component, operand, count, pj in lines)
    found = breakdown("m", evaluation(ledger=ledger))
    assert found.total_pj == pytest.approx(sum(entry.energy_pj or 0.0 for entry in ledger))
    assert {row.component for row in found.rows} == {entry.component for entry in ledger}


def test_one_chart_a_network_with_one_scale_for_its_designs() -> None:
    charts = energy.charts(findings_by_hand())
    assert [chart.title for chart in charts] == ["alpha", "beta"]
    assert [design.title for design in charts[0].data.designs] == ["slow", "fast"]
    first, second = charts[0].data.axes
    assert first == second
    assert (first[0].unit, first[1]) == ("nJ", pytest.approx(1.6 * 35))  # the longest bar is 35000 pJ


def test_designs_that_differ_much_have_axes_of_their_own() -> None:
    records = [record(0), record(1)]
    small = design(records[1], champion=False, role="small", ledger=(line("dram", "W", "read", 5.0, 100.0),))
    (chart,) = energy.charts(Findings(result_of(records), (design(records[0]), small)))
    assert [(scale.unit, end) for scale, end in chart.data.axes] == [
        ("nJ", pytest.approx(56.0)),
        ("pJ", pytest.approx(800.0)),
    ]
    drawing = Figure(figsize=energy.size(chart.data))
    energy.draw(drawing, chart.data)
    assert [axes.get_xlim()[1] for axes in drawing.axes] == pytest.approx([56.0, 800.0])
    assert [axes.get_xlabel() for axes in drawing.axes] == ["energy (nJ)", "energy (pJ)"]


def test_the_bars_drawn_are_the_ledger() -> None:
    data = energy.charts(findings_by_hand())[0].data
    drawing = Figure(figsize=energy.size(data))
    energy.draw(drawing, data)
    for axes in drawing.axes:
        assert sum(patch.get_width() for patch in axes.patches) == pytest.approx(TOTAL_PJ / 1e3)
        words = [text.get_text().strip() for text in axes.texts]
        assert words[0] == "35 nJ, 78.7 %"
        assert words[1] == "200 pJ, 0.4 % + O write not modelled"
        assert words[2] == "not modelled"
    assert [axes.get_title(loc="left") for axes in drawing.axes] == ["slow: 44.5 nJ", "fast: 44.5 nJ"]


def test_plotly_shows_the_same_bars() -> None:
    first, second = energy.interactive(energy.charts(findings_by_hand())[0].data)
    assert first.title == "slow: 44.5 nJ"
    assert sum(sum(trace["x"]) for trace in first.traces) == pytest.approx(TOTAL_PJ / 1e3)
    assert first.layout["xaxis"]["range"] == second.layout["xaxis"]["range"]
    assert "not modelled" in first.layout["annotations"][2]["text"]
    assert first.legend() == second.legend()
    assert list(first.legend()) == ["W", "I", "O", "no operand"]


def test_a_design_without_any_modelled_energy_can_be_drawn() -> None:
    chosen = record(0)
    nothing = design(chosen, ledger=(line("dram", "W", "read", 5, None),))
    (chart,) = energy.charts(Findings(result_of([chosen]), (nothing,)))
    assert chart.data.designs[0].total_pj == 0.0
    drawing = Figure(figsize=energy.size(chart.data))
    energy.draw(drawing, chart.data)
    assert [text.get_text().strip() for text in drawing.axes[0].texts] == ["not modelled"]
