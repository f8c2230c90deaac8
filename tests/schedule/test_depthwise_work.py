"""Depthwise convolutions on PEs of their own: cycles and utilization by hand, and the same figures from every entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.entries import check_entries
from oracle.machines import machine, network

from accelsim.cost.rows import Kept, working
from accelsim.hardware.load import HardwareTemplate
from accelsim.mappers.exact import best_mapping
from accelsim.report.explain.answer import explain
from accelsim.report.explain.mapped import map_layer
from accelsim.report.explain.nest import Stream
from accelsim.schedule.evaluate import evaluate

ARRAY = "array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}"
UNIT = "array: {engine: atomic, rows: 4, columns: 4, depthwise: {engine: depthwise, rows: rows, columns: columns}}"
#: 6 channels of 5 x 6 pixels: 3 x 3 taps channel by channel, then 4 kernels over all channels.
TEXT = """\
schema_version: 1
input: [6, 5, 6]
layers:
  - {block: depthwise, kernel: 3, name: dw}
  - {block: conv, out: 4, kernel: 1, name: pw}
"""
DW_MACS, PW_MACS = 6 * 9 * 30, 6 * 4 * 30


def template(folder: Path, array: str = UNIT) -> HardwareTemplate:
    wide = ("bandwidth: 4 B/cycle", "bandwidth: 1000 B/cycle"), ("bandwidth: 16 B/cycle", "bandwidth: 1000 B/cycle")
    return machine(folder, (ARRAY, array), *wide)


def test_cycles_and_utilization_by_hand(tmp_path: Path) -> None:
    """On 4 x 4: 2 passes of pixels, 2 of channels, for each of 5 rows and 9 taps; 2 passes of channels, 30 pixels."""
    design = template(tmp_path).instantiate({"rows": 4, "columns": 4})
    found = evaluate(network(TEXT), design)
    depthwise, pointwise = found.layers
    steps = {"dw": 2 * 2 * 5 * 9, "pw": 2 * 30}
    assert depthwise.metrics.utilization.spatial == pytest.approx(DW_MACS / (16 * steps["dw"]))
    assert pointwise.metrics.utilization.spatial == pytest.approx(PW_MACS / (16 * steps["pw"]))
    assert depthwise.metrics.latency_cycles >= steps["dw"]
    assert found.totals.utilization.spatial == pytest.approx((DW_MACS + PW_MACS) / (16 * sum(steps.values())))


def test_utilization_counts_the_pes_that_work(tmp_path: Path) -> None:
    """A unit of 2 x 3 PEs: 3 passes of pixels, 2 of channels. A total is the average over time."""
    design = template(tmp_path).instantiate({"rows": 2, "columns": 3})
    found = evaluate(network(TEXT), design)
    depthwise, pointwise = found.layers
    steps = (3 * 2 * 5 * 9, 2 * 30)
    assert (depthwise.peak_macs_per_cycle, pointwise.peak_macs_per_cycle) == (6, 16)
    assert found.peak_macs_per_cycle == 16
    assert depthwise.metrics.utilization.spatial == pytest.approx(DW_MACS / (6 * steps[0])) == pytest.approx(1)
    over_time = depthwise.metrics.utilization.spatial * steps[0] + pointwise.metrics.utilization.spatial * steps[1]
    assert found.totals.utilization.spatial == pytest.approx(over_time / sum(steps))
    assert found.totals.utilization.overall <= 1


def test_a_unit_far_larger_than_the_array_is_not_used_beyond_its_peak(tmp_path: Path) -> None:
    design = template(tmp_path).instantiate({"rows": 6, "columns": 6})
    found = evaluate(network(TEXT), design)
    assert found.layers[0].metrics.utilization.spatial == 1
    assert found.layers[0].metrics.latency_cycles >= DW_MACS / 36
    assert max(found.totals.utilization.spatial, found.totals.utilization.overall) <= 1


def test_every_entry_gives_the_same_figures(tmp_path: Path) -> None:
    """A sweep over sizes of the unit, a scorer's design, and evaluations one by one."""
    check_entries(network(TEXT), template(tmp_path), np.array([2, 4, 2, 6, 1]))


def test_a_unit_gives_the_figures_of_a_machine_that_has_it_as_its_array(tmp_path: Path) -> None:
    """All but leakage and area, which both arrays have."""
    with_unit = template(tmp_path).instantiate({"rows": 2, "columns": 3})
    alone = template(tmp_path, "array: {engine: depthwise, rows: 2, columns: 3}").instantiate({})
    only = network(TEXT[: TEXT.index("  - {block: conv")])
    one, other = evaluate(only, with_unit), evaluate(only, alone)
    assert one.layers[0].mapping == other.layers[0].mapping
    assert one.totals.latency_cycles == other.totals.latency_cycles
    assert one.totals.utilization == other.totals.utilization
    lines = [[line for line in found.ledger if "leakage" not in line.component] for found in (one, other)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("shared", [False, True])
def test_the_exact_mapper_maps_onto_the_unit(shared: bool, tmp_path: Path) -> None:
    unit = UNIT.replace("columns: columns", f"columns: columns, shares_pes: {str(shared).lower()}")
    design = template(tmp_path, unit).instantiate({"rows": 2, "columns": 3})
    net = network(TEXT)
    op = net.nodes[0].op
    nothing = Kept((False, False, False), (-1, -1, -1))
    found, alone = best_mapping(op, design, kept=nothing), best_mapping(op, working(design, op), kept=nothing)
    assert found.certificate.proven
    assert found.latency_cycles == alone.latency_cycles
    # The array leaks too, though it idles.
    assert found.energy_pj > alone.energy_pj
    mapped = map_layer(net, design, "dw")
    assert mapped.default is not None
    assert mapped.found.score <= mapped.default.score
    assert [line.dataflow for line in mapped.view.lines if isinstance(line, Stream)] == ["depthwise"]


@pytest.mark.parametrize("layer", ["dw", "pw", None])
@pytest.mark.parametrize("question", ["cycles", "energy", "utilization", "traffic"])
def test_explanations_come_to_the_figures(question: str, layer: str | None, tmp_path: Path) -> None:
    design = template(tmp_path).instantiate({"rows": 2, "columns": 3})
    net = network(TEXT)
    result = evaluate(net, design)
    found = explain(question, net, design, layer)
    metrics = result.totals if layer is None else result.layers[["dw", "pw"].index(layer)].metrics
    figures = metrics.flat()
    checked = [name for name in found.results if name in figures]
    assert checked or question == "traffic"
    for name in checked:
        assert found.results[name].number().value == pytest.approx(figures[name], rel=1e-12), name
