"""Engines: every loop has one place in a dataflow, and a stranger's engine works like a built-in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.machine_array import overhead
from oracle.machine_cases import DATAFLOWS
from oracle.machines import machine, network

from accelsim.cost.traffic import indexing
from accelsim.dims import DIMS, OPERANDS, Dim, Operand
from accelsim.hardware.engines import ENGINES, Dataflow
from accelsim.schedule.evaluate import evaluate
from accelsim.workload.ops import convolution


@pytest.mark.parametrize("flow", DATAFLOWS.values(), ids=DATAFLOWS)
def test_every_loop_has_one_place(flow: Dataflow) -> None:
    spatial = [dim for group in (*flow.rows, *flow.columns) for dim in group]
    places = [*spatial, *flow.stream, *flow.sequential]
    assert sorted(places, key=DIMS.index) == list(DIMS)
    assert (Dim.G in flow.sequential) is (flow.name != "depthwise"), "groups run one after the other"


@pytest.mark.parametrize("flow", DATAFLOWS.values(), ids=DATAFLOWS)
def test_dims_that_share_an_axis_as_one_loop_index_the_same_operands(flow: Dataflow) -> None:
    """What crosses the edge of the array is counted group by group: each is shared by the PEs of an axis, or is not."""
    dense = convolution((1, 8, 6, 6), 8, (3, 3)).rule
    for group in (*flow.rows, *flow.columns):
        assert len({tuple(indexing(dense, operand)[dim.position] for operand in OPERANDS) for dim in group}) == 1


@pytest.mark.parametrize(
    ("name", "held", "sequential"),
    [
        ("weight_stationary", {Operand.W}, {Dim.G}),
        ("output_stationary", {Operand.O}, {Dim.G}),
        ("input_stationary", {Operand.I}, {Dim.G}),
        ("atomic", {Operand.W, Operand.O}, {Dim.G, Dim.FZ, Dim.FY, Dim.FX}),
        ("cells", {Operand.W, Operand.O}, {Dim.G, Dim.FZ}),
        ("pixel_parallel", {Operand.O}, {Dim.B, Dim.G, Dim.K, Dim.OZ}),
        ("depthwise", {Operand.W, Operand.O}, {Dim.C, Dim.FZ, Dim.FY, Dim.FX}),
        ("pe", set(), set(DIMS)),
    ],
)
def test_what_stays_and_what_runs_over_passes(name: str, held: set[Operand], sequential: set[Dim]) -> None:
    assert DATAFLOWS[name].held == held
    assert set(DATAFLOWS[name].sequential) == sequential


@pytest.mark.parametrize("name", ["weight_stationary", "output_stationary", "input_stationary"])
def test_a_stationary_operand_is_not_indexed_by_its_stream(name: str) -> None:
    flow = DATAFLOWS[name]
    indexed = {
        Operand.W: {Dim.G, Dim.K, Dim.C, Dim.FZ, Dim.FY, Dim.FX},
        Operand.I: set(DIMS) - {Dim.K},
        Operand.O: {Dim.B, Dim.G, Dim.K, Dim.OZ, Dim.OY, Dim.OX},
    }
    (held,) = flow.held
    assert not indexed[held] & set(flow.stream)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_the_overhead_of_a_pass_is_the_walkers(name: str) -> None:
    rows, columns = np.array([3.0, 5.0]), np.array([4.0, 2.0])
    assert DATAFLOWS[name].pass_overhead(rows, columns).tolist() == [overhead(name, 3, 4), overhead(name, 5, 2)]


@pytest.mark.usefixtures("whole_tiles")
def test_a_new_engine_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of adder trees: input channels across, everything else in time, five cycles to start a pass."""
    tree = Dataflow(
        name="tree",
        rows=((Dim.C, Dim.FX),),
        columns=(),
        stream=(Dim.K,),
        held=frozenset({Operand.I}),
        pass_overhead=lambda rows, columns: np.full(np.broadcast_shapes(rows.shape, columns.shape), 5.0),
    )
    assert "trees" not in ENGINES
    monkeypatch.setitem(ENGINES._members, "trees", {"tree": tree})
    template = machine(tmp_path, ("engine: systolic, dataflow: dataflow", "engine: trees"), (", columns: columns", ""))
    conv = evaluate(network(), template.instantiate({"rows": 4})).layers[0]
    # C x FX = 6 take 2 turns of 4 rows, for each of 6 columns and 3 filter rows; 4 kernels stream through a turn.
    passes = 2 * 6 * 3
    assert conv.metrics.utilization.spatial == pytest.approx(432 / (passes * 4 * 4))
    assert conv.metrics.latency_cycles == passes * (4 + 5) + 108 / 4
