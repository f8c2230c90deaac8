"""SCALE-Sim's figures on every row of its reference runs: of the mode that has its habits, and of the model itself."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from accelsim.cost.array import Geometry, Work, work
from accelsim.cost.traffic import Structure
from accelsim.dims import DIMS
from accelsim.errors import InputError
from accelsim.hardware.engines import ENGINES
from accelsim.mapping.nest import Mappings
from accelsim.validation.scale_sim import DATAFLOWS, Figures, convolution, product
from accelsim.workload.ops import Op, loops

REFERENCE = Path(__file__).parents[1] / "reference"
Rows = list[dict[str, str]]
#: Column of the tool -> count.
COUNTS = {
    "folds_formula": "folds",
    "demand_lines": "cycles",
    "total_cycles_reported": "reported_cycles",
    "sram_ifmap_reads": "ifmap_reads",
    "sram_filter_reads": "filter_reads",
    "sram_ofmap_writes": "ofmap_writes",
}


def table(name: str, dataflow: str | None = None) -> Rows:
    rows = csv.DictReader((REFERENCE / f"scale_sim_{name}.csv").read_text().splitlines())
    return [row for row in rows if dataflow in (None, row["dataflow"])]


def column(rows: Rows, name: str) -> np.ndarray:
    return np.array([int(row[name]) for row in rows])


def percent(rows: Rows, name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def figures(rows: Rows, dataflow: str) -> Figures:
    """Return the mode's figures of all rows at once."""
    ih, iw, fh, fw, c, k, stride, down, across = (
        column(rows, name) for name in ("ih", "iw", "fh", "fw", "c", "k", "stride", "rows", "cols")
    )
    return convolution((ih, iw), (fh, fw), c, k, dataflow, down, across, stride=(stride, stride))


def test_the_tables_are_whole() -> None:
    assert len(table("compute_only")) == 797
    assert len(table("other_arrays")) == 126
    for name in ("compute_only", "other_arrays"):
        assert {row["dataflow"] for row in table(name)} == set(DATAFLOWS)
        assert {row["stall_cycles"] for row in table(name)} == {"0"}
    arrays = {(int(row["rows"]), int(row["cols"])) for row in table("other_arrays")}
    assert {(1, 1), (7, 5), (64, 64), (128, 128), (16, 128), (256, 32)} <= arrays


@pytest.mark.parametrize("name", ["compute_only", "other_arrays"])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_every_figure_of_every_row_is_reproduced(name: str, dataflow: str) -> None:
    rows = table(name, dataflow)
    found = figures(rows, dataflow)
    for theirs, ours in COUNTS.items():
        wrong = np.flatnonzero(getattr(found, ours) != column(rows, theirs))
        assert not len(wrong), (theirs, rows[wrong[0]])
    # It adds up percentages of all folds, and so has rounding errors that grow with their number.
    assert found.mapping_efficiency_pct == pytest.approx(percent(rows, "mapping_eff_pct"), rel=1e-12)
    assert found.compute_utilization_pct == pytest.approx(percent(rows, "compute_util_pct"), rel=1e-12)
    # The first table has six decimals.
    assert np.array_equal(np.round(found.overall_utilization_pct, 6), np.round(percent(rows, "overall_util_pct"), 6))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_mapping_efficiency_is_theirs_to_the_last_bit(dataflow: str) -> None:
    rows = table("compute_only", dataflow)
    assert np.array_equal(figures(rows, dataflow).mapping_efficiency_pct, percent(rows, "mapping_eff_pct"))


def whole(row: dict[str, str]) -> tuple[Op, Work]:
    """Return the op of a row and what the model's array does with it, uncut."""
    ih, iw, fh, fw, c, k, stride = (int(row[name]) for name in ("ih", "iw", "fh", "fw", "c", "k", "stride"))
    oh, ow = -(-(ih - fh + stride) // stride), -(-(iw - fw + stride) // stride)
    # The tool's rounded-up outputs read beyond the input; give them an input large enough.
    extent = (1, (oh - 1) * stride + fh, (ow - 1) * stride + fw)
    op = Op("convolution", loops(K=k, C=c, OY=oh, OX=ow, FY=fh, FX=fw), stride=(1, stride, stride), extent=extent)
    uncut = Mappings.of(np.array([[op.sizes]]), np.arange(len(DIMS))[None, None, :])
    structure = Structure(((True,) * 3, (True,) * 3), (False, False), outputs_held=False)
    flow = ENGINES["systolic"][DATAFLOWS[row["dataflow"]]]
    return op, work(op, uncut, structure, flow, Geometry(int(row["rows"]), int(row["cols"]), math.inf))


@pytest.mark.parametrize("name", ["compute_only", "other_arrays"])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_the_model_itself_differs_by_the_writes_that_do_not_take_place(name: str, dataflow: str) -> None:
    for row in table(name, dataflow):
        op, found = whole(row)
        rows, columns, folds = (int(row[key]) for key in ("rows", "cols", "folds_formula"))
        weights, inputs, outputs = found.crossing[0]
        assert found.cycles[0] == int(row["demand_lines"]), row
        assert 100 * op.macs / (found.steps[0] * rows * columns) == pytest.approx(float(row["mapping_eff_pct"]))
        assert weights == int(row["sram_filter_reads"]), row
        assert inputs == int(row["sram_ifmap_reads"]), row
        too_many = folds * (rows + columns) if dataflow == "os" else 0
        assert outputs == int(row["sram_ofmap_writes"]) - too_many, row


def test_a_strided_layer_by_hand() -> None:
    """6 x 5 inputs of 2 channels, 3 x 2 windows, a step of 2: 2.5 x 2.5 outputs, which the tool takes for 3 x 3."""
    found = convolution((6, 5), (3, 2), 2, 4, "ws", 8, 3, stride=(2, 2))
    # 12 values a window on 8 rows, 4 kernels on 3 columns: four folds. 8 cycles to load, 9 pixels, 7 + 2 skewed.
    assert found.folds == 2 * 2
    assert found.cycles == 4 * (8 + 9 + 7 + 2)
    assert (found.ifmap_reads, found.filter_reads, found.ofmap_writes) == (9 * 12 * 2, 12 * 4, 9 * 4 * 2)
    # 24, 8, 12 and 4 of 24 PEs.
    assert found.mapping_efficiency_pct == 100 * (24 + 8 + 12 + 4) / (4 * 24)
    assert found.overall_utilization_pct == 100 * (9 * 12 * 4) / (103 * 24)
    assert found.compute_utilization_pct == pytest.approx(50 * 9 / (26 + 2))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_depthwise_layer_is_its_channels_one_after_the_other(dataflow: str) -> None:
    one = convolution((9, 9), (3, 3), 1, 1, dataflow, 8, 8)
    layer = convolution((9, 9), (3, 3), 1, 1, dataflow, 8, 8, groups=np.array([1, 32]))
    for name in COUNTS.values():
        assert getattr(layer, name).tolist() == [getattr(one, name), 32 * getattr(one, name)]
    for name in ("mapping_efficiency_pct", "overall_utilization_pct", "compute_utilization_pct"):
        assert np.all(getattr(layer, name) == getattr(one, name))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_convolution_is_the_product_of_its_windows_and_kernels(dataflow: str) -> None:
    """Arrays broadcast; the engine's own word for the dataflow says the same."""
    sides = np.array([4, 16])
    layer = convolution((7, 6), (3, 2), 5, np.array([[3], [20], [40]]), dataflow, sides, 2 * sides)
    gemm = product(25, 30, np.array([[3], [20], [40]]), DATAFLOWS[dataflow], sides, 2 * sides)
    for name in (*COUNTS.values(), "mapping_efficiency_pct", "overall_utilization_pct", "compute_utilization_pct"):
        assert getattr(layer, name).shape == (3, 2)
        assert np.array_equal(getattr(layer, name), getattr(gemm, name))


def test_a_single_cycle_leaves_nothing_to_divide_by() -> None:
    found = product(1, 1, 1, "os", 1, 1)
    assert found.cycles == 1
    assert found.reported_cycles == 0
    assert math.isnan(found.overall_utilization_pct)


def test_counts_are_exact_up_to_the_edge() -> None:
    side = 2**17
    assert product(side, side, side, "ws", 1, 1).ifmap_reads == side**3
    side = 94_906_201  # its square is just below 2^53
    found = product(side, 1, side, "os", side, side)
    assert found.cycles == 1 + 2 * side - 2
    assert found.ofmap_writes == side * side + 2 * side
    with pytest.raises(InputError, match=r"2\^53"):
        product(2**18, 2**18, 2**18, "ws", 1, 1)
    with pytest.raises(InputError, match="pixels"):
        convolution((2**40, 2**40), (1, 1), 1, 1, "ws", 8, 8)
    with pytest.raises(InputError, match="cycles"):
        product(1, 1, 1, "ws", 2**52, 2**52)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, math.nan, math.inf, 2**53, 2**80, "8", None, True, [4, 0]])
@pytest.mark.parametrize("field", ["pixels", "depth", "kernels", "rows", "columns", "groups"])
def test_a_number_that_counts_nothing_is_refused(field: str, wrong: object) -> None:
    given = {"pixels": 4, "depth": 4, "kernels": 4, "rows": 4, "columns": 4, "groups": 1, field: wrong}
    with pytest.raises(InputError) as caught:
        product(dataflow="ws", **given)  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == [field]


def test_mistakes_in_a_convolution_are_named() -> None:
    with pytest.raises(InputError, match=r"window columns\n  got 4; use at most the 3 of the input"):
        convolution((5, 3), (3, 4), 1, 1, "ws", 8, 8)
    with pytest.raises(InputError, match="stride rows"):
        convolution((5, 5), (3, 3), 1, 1, "ws", 8, 8, stride=(0, 1))
    with pytest.raises(InputError, match="Did you mean 'weight_stationary'"):
        convolution((5, 5), (3, 3), 1, 1, "weight_stationery", 8, 8)
