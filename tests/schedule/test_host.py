"""Ops that the accelerator cannot run leave for the host, with a reason, transfers and the host's own pace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machines import machine, network

from accelsim.errors import InputError
from accelsim.hardware.accelerator import Abilities
from accelsim.nas import Scorer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.evaluate import evaluate, evaluate_points
from accelsim.schedule.result import Evaluation
from accelsim.schedule.steps import plan
from accelsim.schedule.support import REASONS, reason_of
from accelsim.workload.ops import Bits, attention, convolution, elementwise

HOST = "host: {lanes: 2, macs_per_cycle: 0.5, transfer_cycles: 50}\n"
#: A conv with a relu of 24 results, a mean of 4 results, a classifier of 3; keeps results on chip.
KEEPING = (
    "bandwidth: 16 B/cycle, kind: sram, double_buffered: true}",
    "bandwidth: 16 B/cycle, kind: sram, double_buffered: true, keeps: [I, O]}",
)


def on_host(folder: Path, supports: str, *changes: tuple[str, str]) -> Evaluation:
    text = ("vector:", f"supports: {supports}\n{HOST}vector:")
    return evaluate(network(), machine(folder, text, *changes).instantiate({}))


def by_name(result: Evaluation, op: str) -> dict[str, object]:
    return next(row for row in result.as_dict()["layers"] if row["op"].startswith(op))


@pytest.mark.usefixtures("whole_tiles")
def test_a_pool_on_the_host_by_hand(tmp_path: Path) -> None:
    """The pool's 24 inputs stay on chip: they come out over the DRAM at 4 bytes a cycle; its 4 results are outside."""
    result = on_host(tmp_path, "{without: [average_pool]}", KEEPING)
    conv, pool, fc = result.layers
    assert [row.host_reason for row in result.layers] == [None, "kind", None]
    assert pool.bytes_by_level == {"dram": 24, "buffer": 24}
    # 24 bytes at 4 a cycle, 24 additions at 2 a cycle, handed over and back at 50 each.
    assert pool.metrics.latency_cycles == 24 / 4 + 24 / 2 + 2 * 50
    assert (pool.bottleneck, pool.slack) == ("hand-over", pytest.approx(100 / 12))
    assert (pool.metrics.macs, pool.metrics.utilization.overall, pool.mapping) == (0, 0, "")
    assert conv.metrics.dram_bytes == 72 + 12, "the result stays on chip until the host fetches it"
    assert fc.metrics.dram_bytes == 12 + 4 + 3, "the host's result is outside"
    lines = {line.component: line for line in result.ledger}
    assert (lines["host work"].count, lines["host work"].energy_pj) == (24, None)
    assert lines["vector"].count == 24, "the relu alone"


def priced_host(folder: Path, prices: str) -> Evaluation:
    folder.mkdir()
    text = ("vector:", f"supports: {{without: [average_pool, fully_connected]}}\n{HOST[:-2]}{prices}}}\nvector:")
    return evaluate(network(), machine(folder, text, KEEPING).instantiate({}))


def test_energy_of_the_host_by_hand(tmp_path: Path) -> None:
    """24 additions at 3 pJ and 12 MACs at 7; either may be without a price, and then the ledger says so."""
    free = priced_host(tmp_path / "free", "")
    both = priced_host(tmp_path / "both", ", pj_per_operation: 3, pj_per_mac: 7")
    one = priced_host(tmp_path / "one", ", pj_per_mac: 7")
    ledgers = [
        [(line.count, line.energy_pj) for line in result.ledger if line.component == "host work"]
        for result in (free, both, one)
    ]
    assert ledgers == [[(24, None), (12, None)], [(24, 72), (12, 84)], [(24, None), (12, 84)]]
    assert both.totals.energy_pj - free.totals.energy_pj == pytest.approx(24 * 3 + 12 * 7)
    assert one.totals.energy_pj - free.totals.energy_pj == pytest.approx(12 * 7)
    more = [b.metrics.energy_pj - a.metrics.energy_pj for a, b in zip(free.layers, both.layers, strict=True)]
    assert more == pytest.approx([0, 72, 84])


def test_what_is_outside_already_crosses_only_once(tmp_path: Path) -> None:
    """Without a memory that keeps results, the conv's result goes to the DRAM anyway: the host finds it there."""
    pool = on_host(tmp_path, "{without: [average_pool]}").layers[1]
    assert pool.bytes_by_level == {"dram": 0, "buffer": 0}
    assert pool.metrics.latency_cycles == 24 / 2 + 2 * 50


def test_the_last_layer_needs_no_way_back(tmp_path: Path) -> None:
    """The classifier has 12 MACs at half a one a cycle; its weights are the host's, its result is wanted there."""
    result = on_host(tmp_path, "{without: [fully_connected]}", KEEPING)
    fc = result.layers[2]
    assert fc.metrics.latency_cycles == 4 / 4 + 12 / 0.5 + 50
    assert fc.metrics.macs == 12
    assert result.totals.macs == 444
    used = result.totals.utilization
    assert used.overall == pytest.approx(432 / (16 * result.totals.latency_cycles)), "MACs of the array alone"


def test_neighbours_on_the_host_are_handed_over_together(tmp_path: Path) -> None:
    result = on_host(tmp_path, "{without: [average_pool, fully_connected]}", KEEPING)
    _, pool, fc = result.layers
    assert pool.metrics.latency_cycles == 24 / 4 + 24 / 2 + 50
    assert fc.metrics.latency_cycles == 12 / 0.5, "what it reads is the host's"


def test_an_activation_that_the_host_runs_is_a_step_of_its_own(tmp_path: Path) -> None:
    result = on_host(tmp_path, "{without: [relu]}")
    assert [(row.op, row.host_reason) for row in result.layers][:2] == [("conv2d", None), ("relu", "kind")]


def test_an_activation_rides_along_on_the_host(tmp_path: Path) -> None:
    text = ("vector:", f"supports: {{without: [convolution]}}\n{HOST}vector:")
    result = evaluate(network(), machine(tmp_path, text).instantiate({}))
    assert result.layers[0].op == "conv2d + relu"
    assert result.layers[0].metrics.latency_cycles == 432 / 0.5 + 24 / 2 + 50, "it is first: handed back only"


def test_widths_that_the_machine_does_not_have_leave_for_the_host(tmp_path: Path) -> None:
    design = machine(tmp_path, ("vector:", f"supports: {{bits: [8]}}\n{HOST}vector:")).instantiate({})
    text = "schema_version: 1\ninput: [2, 1, 6]\nlayers:\n  - {block: conv, out: 4, kernel: 1}\n"
    wide = network(text + "  - {block: conv, out: 4, kernel: 1, bits: {W: 16}}\n")
    assert [row.host_reason for row in evaluate(wide, design).layers] == [None, "bits"]


@pytest.mark.parametrize(
    ("abilities", "reason"),
    [
        (Abilities(), None),
        (Abilities(bits=(8,)), None),
        (Abilities(bits=(4, 16)), "bits"),
        (Abilities(without=("average_pool",)), None),
        (Abilities(without=("convolution",)), "kind"),
        (Abilities(without=("convolution",), bits=(16,)), "kind"),
    ],
)
def test_the_reason(abilities: Abilities, reason: str | None) -> None:
    op = convolution((1, 3, 8, 8), 4, (3, 3))
    assert reason_of(op, abilities) == reason
    assert reason is None or reason in REASONS


def test_sums_may_be_wider_than_what_is_stored_and_adding_has_no_weights() -> None:
    eight = Abilities(bits=(8,))
    assert reason_of(convolution((1, 3, 8, 8), 4, (3, 3), bits=Bits(8, 8, 8, 32)), eight) is None
    assert reason_of(convolution((1, 3, 8, 8), 4, (3, 3), bits=Bits(8, 8, 16, 32)), eight) == "bits"
    assert reason_of(elementwise("add", (1, 3, 8, 8), bits=Bits(4, 8, 8, 32)), eight) is None


def test_an_op_of_several_parts_goes_whole() -> None:
    op = attention(8, 4, 4, 4, heads=2)
    assert reason_of(op, Abilities(without=("softmax",))) == "kind"


def test_without_a_host_the_layer_is_named(tmp_path: Path) -> None:
    design = machine(tmp_path, ("vector:", "supports: {without: [average_pool]}\nvector:"))
    for refused in (
        lambda: evaluate(network(), design.instantiate({})),
        lambda: evaluate_points(network(), design, [{}]),
        lambda: Scorer(tmp_path / "machine.yaml")(network()),
        lambda: plan(network(), Abilities(without=("average_pool",))),
    ):
        with pytest.raises(InputError, match=r"tiny\.\S+\s+.*cannot run this kind of op \(kind\).*no host"):
            refused()


def test_all_on_the_host_leaves_nothing_for_the_array(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"every layer made of multiply-accumulates runs on the host \(kind\)"):
        on_host(tmp_path, "{without: [convolution, fully_connected]}")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("prices", ["", ", pj_per_operation: 3", ", pj_per_operation: 3, pj_per_mac: 7"])
def test_an_explanation_works_the_model_s_figures_out(tmp_path: Path, question: str, keeps: bool, prices: str) -> None:
    """Explanations are held against the model: a sum that is not its figure is an error."""
    changes = [KEEPING] if keeps else []
    host = f"{HOST[:-2]}{prices}}}\n"
    text = ("vector:", f"supports: {{without: [average_pool, fully_connected]}}\n{host}invocation_cycles: 9\nvector:")
    design = machine(tmp_path, text, *changes).instantiate({})
    names = [step.name for step in plan(network(), design.abilities).steps]
    found = [explain(question, network(), design, name) for name in names]
    assert "on the host" in found[1].subject
    explain(question, network(), design)


@settings(max_examples=25)
@given(
    without=st.sets(st.sampled_from(["average_pool", "fully_connected", "relu"]), min_size=1),
    lanes=st.floats(0.1, 100),
    transfer=st.integers(0, 1000),
)
def test_a_batch_the_scorer_and_one_design_agree(
    tmp_path_factory: pytest.TempPathFactory, without: set[str], lanes: float, transfer: int
) -> None:
    folder = tmp_path_factory.mktemp("host")
    rates = f"lanes: {lanes}, macs_per_cycle: 2, transfer_cycles: {transfer}"
    host = f"host: {{{rates}, pj_per_operation: rows, pj_per_mac: 0.7}}\n"
    template = machine(folder, ("vector:", f"supports: {{without: {sorted(without)}}}\n{host}vector:"), KEEPING)
    points = [{"rows": 4}, {"rows": 8}, {"rows": 4, "buffer_bytes": 700}]
    together = evaluate_points(network(), template, points)
    for point, outcome in zip(points, together, strict=True):
        alone = evaluate(network(), template.instantiate(point)).totals.flat()
        assert outcome.metrics == alone
        scored = Scorer(folder / "machine.yaml", **point)(network()).flat()
        assert {name: value for name, value in scored.items() if value is not None} == pytest.approx(
            {name: value for name, value in alone.items() if value is not None}, rel=1e-12
        )
        assert np.isfinite(alone["latency_ms"] or np.nan)


def test_a_faster_host_never_costs_time(tmp_path: Path) -> None:
    text = ("vector:", "supports: {without: [average_pool]}\nhost: {lanes: rows}\nvector:")
    template = machine(tmp_path, text)
    cycles = [
        evaluate(network(), template.instantiate({"rows": rows})).layers[1].metrics.latency_cycles
        for rows in (1, 2, 4, 8)
    ]
    assert cycles == [24, 12, 6, 3]
