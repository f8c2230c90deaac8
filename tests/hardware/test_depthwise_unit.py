"""PEs for depthwise convolutions: who works on what, what is built, and every mistake in stating them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.machines import HARDWARE, machine

from accelsim.cost.area import area_mm2
from accelsim.cost.energy import leakage_mw
from accelsim.cost.rows import machine_of, working
from accelsim.errors import InputError, Problem
from accelsim.hardware.load import HardwareTemplate
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

ARRAY = "array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}"
LANES = "fan_out: {axes: [{name: lane, size: 5, dims: [OY]}]}"
UNIT = f"""\
{ARRAY[:-1]},
  fan_out: {{axes: [{{name: core, size: 2, dims: [OY]}}]}},
  depthwise: {{engine: depthwise, rows: rows / 2, columns: 3, {LANES}}}}}"""
BITS = np.array([8.0, 8.0, 8.0, 32.0])


def template(folder: Path, text: str = UNIT) -> HardwareTemplate:
    return machine(folder, (ARRAY, text))


def mistake(folder: Path, depthwise: str) -> Problem:
    with pytest.raises(InputError) as caught:
        template(folder, f"{ARRAY[:-1]}, depthwise: {depthwise}}}")
    (problem,) = caught.value.problems
    assert problem.line == HARDWARE.splitlines().index(ARRAY) + 1
    return problem


@pytest.mark.parametrize(
    ("op", "unit"),
    [
        (convolution((1, 8, 6, 6), 8, (3, 3), groups=8), True),
        (convolution((1, 8, 6, 6), 16, (3, 3), groups=8), True),
        (convolution((1, 8, 6, 6), 8, (1, 1), groups=8), True),
        (convolution((1, 8, 6, 6), 8, (3, 3), groups=4), False),
        (convolution((1, 1, 6, 6), 1, (3, 3)), False),
        (convolution((1, 8, 6, 6), 8, (3, 3)), False),
        (fully_connected((1, 8, 1, 1), 8), False),
        (matmul(4, 1, 4, heads=8), False),
    ],
    ids=["depthwise", "two kernels a channel", "1 x 1", "grouped", "one channel", "dense", "fully connected", "heads"],
)
def test_convolutions_channel_by_channel_go_to_the_unit(op: Op, unit: bool, tmp_path: Path) -> None:
    design = template(tmp_path).instantiate({})
    seen, found = working(design, op), machine_of(design).of(op)
    flow, pes = ("depthwise", 5 * 2 * 3) if unit else ("weight_stationary", 2 * 4 * 4)
    assert op.depthwise is unit
    assert seen.array.dataflow.name == found.flow.name == flow
    assert seen.pes.tolist() == [pes]
    assert found._replace(depthwise=None) == machine_of(seen)
    assert [loop.size for loop in found.loops] == [5 if unit else 2]


def test_without_a_unit_every_op_sees_the_same_machine(tmp_path: Path) -> None:
    design = machine(tmp_path).instantiate({})
    depthwise = convolution((1, 8, 6, 6), 8, (3, 3), groups=8)
    assert working(design, depthwise) is design
    assert machine_of(design).of(depthwise) is not None
    assert machine_of(design).depthwise is None


def test_a_unit_follows_the_parameters_of_a_batch(tmp_path: Path) -> None:
    batch = template(tmp_path).instantiate({"rows": np.array([4, 8])})
    assert batch.working(depthwise=True).pes.tolist() == [5 * 2 * 3, 5 * 4 * 3]
    assert batch.take(np.array([1])).working(depthwise=True).pes.tolist() == [5 * 4 * 3]
    with pytest.raises(ValueError, match="arrays of one size"):
        machine_of(batch)


def test_a_unit_beside_the_array_takes_area_and_leaks(tmp_path: Path) -> None:
    alone = template(tmp_path, UNIT[: UNIT.index(",\n  depthwise")] + "}").instantiate({})
    both = template(tmp_path).instantiate({})
    assert alone.built_pes.tolist() == [2 * 4 * 4]
    assert both.built_pes.tolist() == [2 * 4 * 4 + 5 * 2 * 3]
    areas = [area_mm2(one, BITS)["array"] for one in (alone, both)]
    leaks = [leakage_mw(one, BITS)[0] for one in (alone, both)]
    # Of a PE: a multiplier, an adder, a register of 8 + 8 + 32 bits. Four lanes leak too.
    assert areas[1] - areas[0] == pytest.approx([30 * (100 + 200 + 48) * 1e-6])
    assert leaks[1] - leaks[0] == pytest.approx([30 * (0.01 + 0.02 + 0.048)])


def test_the_arrays_own_pes_in_another_layout_take_no_area(tmp_path: Path) -> None:
    shared = f"{ARRAY[:-1]}, depthwise: {{engine: depthwise, rows: 2, columns: 8, shares_pes: true}}}}"
    design = template(tmp_path, shared).instantiate({})
    assert design.built_pes.tolist() == design.pes.tolist() == [16]
    assert design.working(depthwise=True).array.columns.tolist() == [8]


def test_more_shared_pes_than_there_are(tmp_path: Path) -> None:
    problem = mistake(tmp_path, "{engine: depthwise, rows: 2, columns: 9, shares_pes: true}")
    assert problem.field == "array.depthwise"
    assert "18 PEs in this layout, but the array whose PEs they are has 16" in str(problem)


@pytest.mark.parametrize(
    ("depthwise", "field", "text"),
    [
        ("{engine: depthwize, rows: 2, columns: 2}", "array.depthwise.engine", "Did you mean 'depthwise'?"),
        ("{engine: depthwise, columns: 2}", "array.depthwise.rows", "this key is required and is missing"),
        ("{engine: systolic, rows: 2, columns: 2}", "array.depthwise.dataflow", "has several dataflows: name one"),
        ("{engine: pe, rows: 2}", "array.depthwise.rows", "the engine pe lays nothing on its rows"),
        ("{engine: depthwise, rows: 2.5, columns: 2}", "array.depthwise.rows", "a whole number of at least 1"),
        ("{engine: pe, dispatch_cycles: 5}", "array.depthwise.dispatch_cycles", "unknown key"),
        ("{engine: pe, depthwise: {engine: pe}}", "array.depthwise.depthwise", "unknown key"),
        (
            "{engine: pe, fan_out: {axes: [{name: a, size: 2, dims: [K]}, {name: a, size: 2, dims: [C]}]}}",
            "array.depthwise.fan_out.axes[1].name",
            "this name of an axis is used twice",
        ),
    ],
)
def test_a_mistake_in_a_unit(depthwise: str, field: str, text: str, tmp_path: Path) -> None:
    problem = mistake(tmp_path, depthwise)
    assert problem.field == field
    assert text in str(problem)
