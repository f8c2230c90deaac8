"""Steps that take longer or shorter by the widths of an op and by the zeros that are skipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle.entries import check_entries
from oracle.machines import machine, network

from accelsim.cost.rows import Kept, machine_of, working
from accelsim.errors import InputError
from accelsim.hardware.load import HardwareTemplate
from accelsim.mappers.exact import best_mapping
from accelsim.report.explain.answer import explain
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.result import Evaluation
from accelsim.workload.network import Network
from accelsim.workload.ops import Sparsity

ARRAY = "array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}"
#: A unit of 8 x 8 bits that divides into 16 of 2 x 2 (Bit Fusion, arXiv 1712.01507), or of which one skips zeros.
SPLIT = "step_cycles: bits_w * bits_i / 64"
SERIAL = "step_cycles: bits_i * weight_density"
#: 8 kernels of one tap over 4 channels of 5 x 6 pixels: on 4 x 4 PEs two passes of 30 steps each.
TEXT = """\
schema_version: 1
input: [4, 5, 6]
layers:
  - {{block: conv, out: 8, kernel: 1, name: one, bits: {bits}}}
  - {{block: conv, out: 4, kernel: 1, name: two}}
"""
STEPS = {"one": 2 * 30, "two": 2 * 30}


def template(folder: Path, key: str | None) -> HardwareTemplate:
    array = "array: {engine: atomic, rows: rows, columns: columns" + (f", {key}" if key else "") + "}"
    wide = ("bandwidth: 4 B/cycle", "bandwidth: 1000 B/cycle"), ("bandwidth: 16 B/cycle", "bandwidth: 1000 B/cycle")
    return machine(folder, (ARRAY, array), *wide)


def evaluated(folder: Path, key: str | None, net: Network) -> Evaluation:
    return evaluate(net, template(folder, key).instantiate({"rows": 4, "columns": 4}))


def of_bits(width: int) -> Network:
    return network(TEXT.format(bits=f"{{W: {width}, I: {width}, O: 8, partial: 32}}"))


def sparse(density: float) -> Network:
    net = of_bits(8)
    first = net.nodes[0]
    op = replace(first.op, sparsity=Sparsity(weight_density=density))
    return replace(net, nodes=(replace(first, op=op), *net.nodes[1:]))


def busy(result: Evaluation, layer: int) -> float:
    metrics = result.layers[layer].metrics
    return metrics.utilization.temporal * metrics.latency_cycles


@pytest.mark.parametrize(("width", "worth"), [(2, 1 / 16), (4, 1 / 4), (5, 25 / 64), (8, 1), (16, 4)])
def test_steps_by_width_by_hand(width: int, worth: float, tmp_path: Path) -> None:
    found = evaluated(tmp_path, SPLIT, of_bits(width))
    assert busy(found, 0) == pytest.approx(STEPS["one"] * worth)
    assert busy(found, 1) == pytest.approx(STEPS["two"])
    assert found.layers[0].peak_macs_per_cycle == pytest.approx(16 / worth)
    assert found.peak_macs_per_cycle == 16
    # All PEs work in all steps, whatever they multiply.
    assert found.layers[0].metrics.utilization.spatial == pytest.approx(1)
    assert found.totals.utilization.spatial == pytest.approx(1)
    assert found.totals.utilization.overall <= 1


def test_zeros_are_skipped_where_the_template_says_so(tmp_path: Path) -> None:
    dense, half = (evaluated(tmp_path, SERIAL, sparse(density)) for density in (1.0, 0.5))
    assert busy(dense, 0) == pytest.approx(STEPS["one"] * 8)
    assert busy(half, 0) == pytest.approx(STEPS["one"] * 8 * 0.5)
    assert busy(half, 1) == busy(dense, 1)
    without = [evaluated(tmp_path, None, sparse(density)) for density in (1.0, 0.5)]
    assert busy(without[0], 0) == busy(without[1], 0) == STEPS["one"]


def test_a_step_of_one_cycle_changes_nothing(tmp_path: Path) -> None:
    """To the last bit, from totals to the ledger."""
    with_key, without = (evaluated(tmp_path, key, of_bits(8)) for key in ("step_cycles: bits_w * bits_i / 64", None))
    assert with_key.totals == without.totals
    assert with_key.layers == without.layers
    assert with_key.ledger == without.ledger


def test_every_entry_gives_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep over arrays, a scorer's design, and evaluations one by one; the laws hold."""
    monkeypatch.setenv("ACCELSIM_CHECK", "1")
    hardware, net = template(tmp_path, "step_cycles: bits_w * bits_i / 60 * (1 + rows / 7)"), of_bits(4)
    check_entries(net, hardware, np.array([2, 4, 2, 6, 3]))


def test_designs_of_a_batch_need_steps_of_the_same_length(tmp_path: Path) -> None:
    hardware = template(tmp_path, "step_cycles: bits_w * bits_i / buffer_bytes")
    alike = hardware.instantiate({"buffer_bytes": np.array([64, 64])})
    assert machine_of(alike) == machine_of(alike.take(np.array([1])))
    with pytest.raises(ValueError, match="arrays of one size"):
        machine_of(hardware.instantiate({"buffer_bytes": np.array([64, 32])}))


@pytest.mark.parametrize("width", [4, 16])
def test_the_exact_mapper_counts_them_too(width: int, tmp_path: Path) -> None:
    design = template(tmp_path, SPLIT).instantiate({"rows": 4, "columns": 4})
    op = of_bits(width).nodes[0].op
    nothing = Kept((False, False, False), (-1, -1, -1))
    found = best_mapping(op, design, kept=nothing)
    assert found.certificate.proven
    assert found.certificate.bound == found.score
    assert found.latency_cycles >= op.macs / float(working(design, op).peak_macs[0])
    slower = template(tmp_path, "step_cycles: bits_w * bits_i / 8").instantiate({"rows": 4, "columns": 4})
    assert best_mapping(op, slower, kept=nothing).latency_cycles > found.latency_cycles


@pytest.mark.parametrize("layer", ["one", "two", None])
@pytest.mark.parametrize("question", ["cycles", "utilization"])
def test_explanations_come_to_the_figures(question: str, layer: str | None, tmp_path: Path) -> None:
    design = template(tmp_path, SPLIT).instantiate({"rows": 4, "columns": 4})
    net = of_bits(4)
    result = evaluate(net, design)
    found = explain(question, net, design, layer)
    metrics = result.totals if layer is None else result.layers[["one", "two"].index(layer)].metrics
    figures = metrics.flat()
    checked = [name for name in found.results if name in figures]
    assert checked
    for name in checked:
        assert found.results[name].number().value == pytest.approx(figures[name], rel=1e-12), name


def test_an_expression_of_unknown_names_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        template(tmp_path, "step_cycles: bit_w / 8")
    (problem,) = caught.value.problems
    assert problem.field == "array.step_cycles"
    assert problem.line is not None
    assert "bits_w" in str(problem)


def test_a_step_that_takes_no_time_is_refused(tmp_path: Path) -> None:
    """At once if dense operands of 8 bits take none, else when such an op is met."""
    with pytest.raises(InputError, match="more than 0 cycles"):
        template(tmp_path, "step_cycles: bits_w - 8")
    with pytest.raises(InputError, match=r"bits_w - 4 = 0 cycles with bits_w = 4"):
        evaluated(tmp_path, "step_cycles: bits_w - 4", of_bits(4))
