"""What happens once an inference, and rates of the vector unit by kind of op."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machines import machine, network

from accelsim.errors import InputError
from accelsim.nas import Scorer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.evaluate import evaluate, evaluate_points
from accelsim.schedule.steps import plan

LANES = "lanes: 4, fuses: [relu]"


def test_an_invocation_is_paid_once_with_its_leakage(tmp_path: Path) -> None:
    plain = evaluate(network(), machine(tmp_path).instantiate({}))
    called = evaluate(network(), machine(tmp_path, ("clock:", "invocation_cycles: 250 * 4\nclock:")).instantiate({}))
    assert called.totals.latency_cycles == plain.totals.latency_cycles + 1000
    # (0.01 + 0.02 + 48 bits x 0.001) mW in 16 PEs and 4 lanes, and 0.5 mW of 1 KiB; a cycle is a nanosecond.
    leakage = (0.01 + 0.02 + 0.048) * 20 + 0.5
    assert called.totals.energy_pj == pytest.approx(plain.totals.energy_pj + 1000 * leakage)
    row = called.layers[-1]
    assert (row.name, row.bottleneck, row.metrics.latency_cycles) == ("invocation", "invocation", 1000)
    assert row.metrics.energy_pj == pytest.approx(1000 * leakage)
    assert called.layers[:-1] == plain.layers, "the layers themselves cost what they did"
    assert called.totals.utilization.temporal < plain.totals.utilization.temporal


def test_without_an_invocation_there_is_no_row(tmp_path: Path) -> None:
    assert "invocation" not in [row.name for row in evaluate(network(), machine(tmp_path).instantiate({})).layers]


@pytest.mark.usefixtures("whole_tiles")
def test_rates_by_hand(tmp_path: Path) -> None:
    """24 additions of the pool at 1 a cycle; 24 maxima of the relu at a half: 48 cycles, the conv itself has 107."""
    rates = (LANES, "lanes: 4, rates: {average_pool: 1, relu: rows / 8}, fuses: [relu]")
    conv, pool, fc = evaluate(network(), machine(tmp_path, rates).instantiate({})).layers
    assert pool.metrics.latency_cycles == 24
    assert (pool.bottleneck, pool.slack) == ("vector", 24 / 7)
    assert conv.metrics.latency_cycles == 107
    assert fc.metrics.latency_cycles == 15.75
    slow = (LANES, "lanes: 4, rates: {relu: 0.1}, fuses: [relu]")
    conv, pool, _ = evaluate(network(), machine(tmp_path, slow).instantiate({})).layers
    assert conv.metrics.latency_cycles == pytest.approx(24 / 0.1)
    assert pool.metrics.latency_cycles == 7, "it has the rate of the lanes"


@pytest.mark.usefixtures("whole_tiles")
def test_a_unit_slower_than_the_outermost_memory_by_hand(tmp_path: Path) -> None:
    """24 values in and 4 out of the DRAM at 0.5 bytes a cycle, which itself moves 4; convolutions are as they were."""
    slow = (LANES, f"bandwidth: 0.5 B/cycle, {LANES}")
    conv, pool, fc = evaluate(network(), machine(tmp_path, slow).instantiate({})).layers
    assert pool.metrics.latency_cycles == 28 / 0.5
    assert (pool.bottleneck, pool.slack) == ("dram:I", 28 / 0.5 / 6)
    assert (conv.metrics.latency_cycles, fc.metrics.latency_cycles) == (107, 15.75)
    second = (LANES, f"bandwidth: 0.5 GB/s, {LANES}")
    assert evaluate(network(), machine(tmp_path, second).instantiate({})).layers[1].metrics == pool.metrics


def test_a_unit_is_never_faster_than_the_outermost_memory(tmp_path: Path) -> None:
    plain = evaluate(network(), machine(tmp_path).instantiate({}))
    fast = (LANES, f"bandwidth: 400 B/cycle, {LANES}")
    assert evaluate(network(), machine(tmp_path, fast).instantiate({})) == plain
    endless = ("bandwidth: 4 B/cycle, ", "")
    pool = evaluate(network(), machine(tmp_path, endless, fast).instantiate({})).layers[1]
    assert (pool.metrics.latency_cycles, pool.bottleneck) == (6, "vector")


def test_what_stays_on_chip_does_not_pass_the_slow_way(tmp_path: Path) -> None:
    kept = ("double_buffered: true}", "double_buffered: true, keeps: [I, O], keep_share: 1}")
    slow = (LANES, f"bandwidth: 0.5 B/cycle, {LANES}")
    pool = evaluate(network(), machine(tmp_path, kept, slow).instantiate({})).layers[1]
    assert (pool.metrics.latency_cycles, pool.metrics.dram_bytes) == (6, 0)


@pytest.mark.parametrize("bandwidth", ["0.5", "0 B/cycle", "fast GB/s"])
def test_a_mistake_in_the_bandwidth_of_the_unit(tmp_path: Path, bandwidth: str) -> None:
    with pytest.raises(InputError, match=r"vector\.bandwidth"):
        machine(tmp_path, (LANES, f"bandwidth: {bandwidth}, {LANES}"))


def test_a_rate_like_that_of_the_lanes_changes_nothing(tmp_path: Path) -> None:
    plain = evaluate(network(), machine(tmp_path).instantiate({}))
    same = (LANES, "lanes: 4, rates: {average_pool: 4, relu: 4, add: 4}, fuses: [relu]")
    assert evaluate(network(), machine(tmp_path, same).instantiate({})) == plain


def test_energy_counts_operations_not_cycles(tmp_path: Path) -> None:
    slow = (LANES, "lanes: 4, rates: {average_pool: 0.5}, fuses: [relu]")
    result = evaluate(network(), machine(tmp_path, slow).instantiate({}))
    line = next(line for line in result.ledger if line.component == "vector")
    assert (line.count, line.energy_pj) == (48, 24.0)


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_explanation_works_the_model_s_figures_out(tmp_path: Path, question: str) -> None:
    """Explanations are held against the model: a sum that is not its figure is an error."""
    rates = (LANES, "lanes: 4, rates: {average_pool: 1, relu: 0.1}, bandwidth: 0.75 B/cycle, fuses: [relu]")
    design = machine(tmp_path, rates, ("clock:", "invocation_cycles: 30\nclock:")).instantiate({})
    for step in plan(network(), design.abilities).steps:
        explain(question, network(), design, step.name)
    found = explain(question, network(), design)
    assert question != "cycles" or any("invocation" in line.what for part in found.parts for line in part.lines)


@settings(max_examples=25)
@given(invocation=st.floats(0, 1e6), pool=st.floats(0.1, 64), relu=st.floats(0.1, 64))
def test_a_batch_the_scorer_and_one_design_agree(
    tmp_path_factory: pytest.TempPathFactory, invocation: float, pool: float, relu: float
) -> None:
    folder = tmp_path_factory.mktemp("rates")
    rates = (LANES, f"lanes: 4, rates: {{average_pool: {pool}, relu: {relu}}}, fuses: [relu]")
    template = machine(folder, rates, ("clock:", f"invocation_cycles: {invocation}\nclock:"))
    points = [{"rows": 4}, {"rows": 8}, {"rows": 4, "buffer_bytes": 700}]
    for point, outcome in zip(points, evaluate_points(network(), template, points), strict=True):
        alone = evaluate(network(), template.instantiate(point)).totals.flat()
        assert outcome.metrics == alone
        assert Scorer(folder / "machine.yaml", **point)(network()).flat() == alone


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ("{averge_pool: 3}", r"vector\.rates\.averge_pool.*average_pool"),
        ("{convolution: 3}", r"vector\.rates\.convolution\s+no kind of op that runs on the vector unit"),
    ],
)
def test_a_rate_of_no_kind_is_refused_when_it_is_used(tmp_path: Path, rates: str, said: str) -> None:
    template = machine(tmp_path, (LANES, f"lanes: 4, rates: {rates}"))
    with pytest.raises(InputError, match=f"(?s){said}"):
        evaluate(network(), template.instantiate({}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((LANES, "lanes: 4, rates: {add: 0}"), r"vector\.rates\.add.*above 0"),
        ((LANES, "lanes: 4, rates: {add: -1}"), r"vector\.rates\.add"),
        (("clock:", "invocation_cycles: -3\nclock:"), r"invocation_cycles.*at least 0"),
        (("clock:", "invocation_cycles: rws\nclock:"), r"invocation_cycles.*rows"),
        (("clock:", "host: {lanes: 0}\nclock:"), r"host\.lanes.*above 0"),
        (("clock:", "host: {macs_per_cycle: 1}\nclock:"), r"host\.lanes.*required"),
        (("clock:", "host: {lanes: 1, transfer_cycles: -1}\nclock:"), r"host\.transfer_cycles.*at least 0"),
        (("clock:", "supports: {bits: []}\nclock:"), r"supports\.bits"),
        (("clock:", "supports: {bits: [0]}\nclock:"), r"supports\.bits\[0\]"),
        (("clock:", "supports: {wihtout: [add]}\nclock:"), r"wihtout.*without"),
    ],
)
def test_mistakes_of_a_template_are_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        machine(tmp_path, change)
