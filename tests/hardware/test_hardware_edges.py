"""Hardware at the edges: what is too small, too large or stated twice is refused; all that is allowed gives figures."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import HARDWARE, TECHNOLOGY, machine, network

from accelsim.errors import InputError, NoMappingError
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.result import Metrics

SIZE, BANDWIDTH, ROWS, COLUMNS, LANES = (
    "buffer_bytes B",
    "bandwidth: 16 B/cycle",
    "rows: rows",
    "columns: columns}",
    "lanes: 4",
)
LINE = {
    word: next(number for number, line in enumerate(HARDWARE.splitlines(), start=1) if word in line)
    for word in (SIZE, BANDWIDTH, ROWS, COLUMNS, LANES, "clock: 1 GHz")
}


def copies(*axes: str) -> tuple[str, str]:
    return COLUMNS, f"columns: columns, fan_out: {{axes: [{', '.join(axes)}]}}}}"


def totals(folder: Path, *changes: tuple[str, str]) -> Metrics:
    """Return the figures of the small network; no calculation may overflow on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return evaluate(network(), machine(folder, *changes).instantiate({})).totals


@pytest.mark.parametrize(
    ("old", "new", "field", "text"),
    [
        (SIZE, "7 bit", "memories[1].size", "smaller than one word: 0.875 B; got '7 bit'; use at least 1 B."),
        (SIZE, "1e300 GiB", "memories[1].size", "got '1e300 GiB' = inf; use a smaller number."),
        (SIZE, "1e31 B", "memories[1].size", "got '1e31 B' = 1e+31; use a smaller number."),
        (BANDWIDTH, "bandwidth: 0 B/cycle", "memories[1].bandwidth", "got '0 B/cycle' = 0; use more than 0."),
        (BANDWIDTH, "bandwidth: 1e-300 B/cycle", "memories[1].bandwidth", "= 1e-300; use a larger number."),
        (BANDWIDTH, "bandwidth: 1e300 B/cycle", "memories[1].bandwidth", "= 1e+300; use a smaller number."),
        (
            BANDWIDTH,
            f"{BANDWIDTH}, banks: 4, bank_width: 5 B/cycle",
            "memories[1].bandwidth",
            "stated twice: 4 banks x 5 B/cycle = 20 B/cycle, but bandwidth is 16 B/cycle",
        ),
        (ROWS, "rows: 2**53 + 1", "array.rows", "use a whole number of at least 1 and at most 2**53."),
        (ROWS, "rows: 2**53 + 2", "array.rows", "use a whole number of at least 1 and at most 2**53."),
        (ROWS, "rows: 10**400", "array.rows", "rows"),
        (COLUMNS, "columns: columns, hold_limit: 2**54}", "array.hold_limit", "at least 1 and at most 2**53."),
        (COLUMNS, "columns: columns, dispatch_cycles: 1e300}", "array.dispatch_cycles", "and at most 1e+30."),
        (LANES, "lanes: 1e300", "vector.lanes", "use a number of at least 1 and at most 1e+30."),
        ("clock: 1 GHz", "clock: 1e-300 GHz", "clock", "got '1e-300 GHz' = 1e-291; use a larger number."),
        ("clock: 1 GHz", "clock: 1e300 GHz", "clock", "use a smaller number."),
        (*copies("{name: a, size: 0, dims: [K]}"), "array.fan_out.axes[0].size", "got 0; use a whole number"),
        (*copies("{name: a, size: 2, dims: [Q]}"), "array.fan_out.axes[0].dims[0]", "got 'Q'; use B, G, K, C, OZ,"),
    ],
)
def test_what_cannot_be_is_one_mistake_with_its_place(
    old: str, new: str, field: str, text: str, tmp_path: Path
) -> None:
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("error")
        machine(tmp_path, (old, new))
    (problem,) = caught.value.problems
    assert (problem.field, problem.file, problem.line) == (field, tmp_path / "machine.yaml", LINE[old])
    assert text in str(problem)


def test_a_price_without_measure_is_refused_in_the_technology_table(tmp_path: Path) -> None:
    table = tmp_path / "dear.yaml"
    table.write_text(TECHNOLOGY.replace("dram: {pj_per_byte: 10", "dram: {pj_per_byte: 1.0e+300"))
    with pytest.raises(InputError) as caught:
        machine(tmp_path, ("TECHNOLOGY", str(table)))
    assert {(problem.field, problem.file) for problem in caught.value.problems} == {
        ("memories.dram.pj_per_byte", table)
    }


@pytest.mark.parametrize(
    "changes",
    [
        [(SIZE, "2**53 B")],
        [(SIZE, "1e29 B")],
        [(BANDWIDTH, "bandwidth: 1e-29 B/cycle")],
        [(BANDWIDTH, "bandwidth: 1e29 B/cycle")],
        [("clock: 1 GHz", "clock: 1e-20 GHz")],
        [("clock: 1 GHz", "clock: 1e20 GHz")],
        [(LANES, "lanes: 1e29")],
        [(COLUMNS, "columns: columns, dispatch_cycles: 1e29}")],
        [(ROWS, "rows: 2**53")],
        [(ROWS, "rows: 2**53"), (COLUMNS, "columns: 2**53}")],
        [copies("{name: a, size: 2**53, dims: [OZ, K]}")],
        [copies("{name: a, size: 2**40, dims: [K]}", "{name: b, size: 2**40, dims: [C]}")],
    ],
)
def test_what_is_allowed_gives_figures_however_extreme(changes: list[tuple[str, str]], tmp_path: Path) -> None:
    found = totals(tmp_path, *changes)
    assert found.macs == network().macs
    assert all(value is None or math.isfinite(value) for value in found.flat().values())
    assert 0 < found.utilization.overall <= 1


@pytest.mark.usefixtures("whole_tiles")
def test_more_of_everything_than_there_is_work_changes_no_cycles(tmp_path: Path) -> None:
    """Beyond what the layers fill, room, and copies that no dim of theirs is dealt to, are of no use and do no harm."""
    cycles = totals(tmp_path).latency_cycles
    assert totals(tmp_path, (SIZE, "1 GiB")).latency_cycles == cycles
    assert totals(tmp_path, (SIZE, "2**70 B")).latency_cycles == cycles
    # The layers are flat: an axis for planes has nothing to deal out.
    assert totals(tmp_path, copies("{name: a, size: 2, dims: [OZ, FZ]}")).latency_cycles == cycles
    assert totals(tmp_path, copies("{name: a, size: 2**53, dims: [OZ]}")).latency_cycles == cycles


@pytest.mark.parametrize("flow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_a_dataflow_lays_out_dims_that_an_op_lacks_as_ones(flow: str, tmp_path: Path) -> None:
    """A fully connected layer has no filter and one pixel: a single pass of four by three."""
    template = machine(tmp_path)
    text = "schema_version: 1\ninput: [4, 1, 1]\nlayers:\n  - {block: classifier, out: 3}\n"
    (layer, *_) = evaluate(network(text), template.instantiate({"dataflow": flow, "rows": 4, "columns": 4})).layers
    steps, overhead = {
        "weight_stationary": (1, 2 * 4 + 4 - 2),
        "output_stationary": (4, 4 + 4 - 2),
        "input_stationary": (3, 2 * 4 + 4 - 2),
    }[flow]
    assert layer.metrics.utilization.spatial == 4 * 3 / (16 * steps)
    assert layer.metrics.latency_cycles >= steps + overhead


def test_a_word_more_than_the_smallest_tiles_need_is_the_edge_of_what_fits(tmp_path: Path) -> None:
    """A weight and an input of a byte and a sum of four, each twice."""
    template = machine(tmp_path)
    assert evaluate(network(), template.instantiate({"buffer_bytes": 12})).totals.macs == network().macs
    with pytest.raises(NoMappingError, match=r"needs 12 B for its tiles .* and has 11 B"):
        evaluate(network(), template.instantiate({"buffer_bytes": 11}))


def test_a_batch_is_refused_for_its_worst_design(tmp_path: Path) -> None:
    template = machine(tmp_path, (SIZE, "10**(rows - 4) B"))
    assert template.instantiate({"rows": np.array([4, 30])}).memories[1].size_bytes.tolist() == [1, 1e26]
    with pytest.raises(InputError) as caught:
        template.instantiate({"rows": np.array([4, 30, 60])})
    (problem,) = caught.value.problems
    assert (problem.field, problem.line) == ("memories[1].size", LINE[SIZE])
    assert "= 1e+56; use a smaller number." in str(problem)
