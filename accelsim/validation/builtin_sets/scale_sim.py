"""SCALE-Sim's systolic arrays, against the model's own array."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from accelsim.validation.builtin_sets.table import Row, read_table
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceFile, ReferenceSet, Scope, Series

__all__ = ["compare"]

T = TypeVar("T")
_SIZES = ("ih", "iw", "fh", "fw", "c", "k", "stride", "rows", "cols")
#: Column -> what it is.
_COUNTS = {
    "demand_lines": "compute cycles",
    "sram_ifmap_reads": "SRAM reads of inputs",
    "sram_filter_reads": "SRAM reads of weights",
    "sram_ofmap_writes": "SRAM writes of outputs",
}
_WRITES = "sram_ofmap_writes"


def compare(files: Files) -> Comparison:
    """Return cycles and SRAM accesses of single layers on arrays of many sizes.

    Raises:
        InputError: A column is missing, or a cell is no such number.
    """
    needed = ("layer", "dataflow", *_SIZES, *_COUNTS)
    rows = [row for path in files.values() for row in read_table(path, needed).rows]
    names = tuple(f"{row['layer']} on {row['rows']} x {row['cols']}" for row in rows)
    groups = tuple(row["dataflow"] for row in rows)
    own = np.array([_placed(_own, row) for row in rows])
    predicted = [(column, what, own[:, place]) for place, (column, what) in enumerate(_COUNTS.items())]
    habit = np.array([_placed(_habitual_writes, row) for row in rows])
    predicted.append((_WRITES, f"{_COUNTS[_WRITES]}, counted as the tool does", habit))
    series = [
        Series(
            what=what,
            unit="" if column == "demand_lines" else "elements",
            scope=Scope.LAYER,
            names=names,
            groups=groups,
            predicted=found,
            reference=np.array([row.number(column) for row in rows]),
        )
        for column, what, found in predicted
    ]
    return Comparison(tuple(series))


def _placed(function: Callable[[Row], T], row: Row) -> T:
    with row.placed():
        return function(row)


def _own(row: Row) -> list[float]:
    """Return what the model's array says of a row, in the order of ``_COUNTS``: the whole layer, uncut."""
    from accelsim.cost.array import Geometry, work
    from accelsim.cost.traffic import Structure
    from accelsim.dims import DIMS
    from accelsim.hardware.engines import ENGINES
    from accelsim.mapping.nest import Mappings
    from accelsim.validation.scale_sim import DATAFLOWS
    from accelsim.workload.ops import Op, loops

    ih, iw, fh, fw, c, k, stride, down, across = (row.whole(name) for name in _SIZES)
    if row["dataflow"] not in DATAFLOWS:
        raise row.mistake("dataflow", ", ".join(DATAFLOWS))
    oh, ow = -(-(ih - fh + stride) // stride), -(-(iw - fw + stride) // stride)
    # The tool rounds outputs up and so reads beyond the input: the op gets an input that is large enough.
    extent = (1, (oh - 1) * stride + fh, (ow - 1) * stride + fw)
    op = Op("convolution", loops(K=k, C=c, OY=oh, OX=ow, FY=fh, FX=fw), stride=(1, stride, stride), extent=extent)
    uncut = Mappings.of(np.array([[op.sizes]]), np.arange(len(DIMS))[None, None, :])
    structure = Structure(((True,) * 3, (True,) * 3), (False, False), outputs_held=False)
    flow = ENGINES["systolic"][DATAFLOWS[row["dataflow"]]]
    found = work(op, uncut, structure, flow, Geometry(down, across, math.inf))
    weights, inputs, outputs = found.crossing[0]
    return [float(found.cycles[0]), float(inputs), float(weights), float(outputs)]


def _habitual_writes(row: Row) -> float:
    """Return the writes of the mode that has the tool's habits."""
    from accelsim.validation.scale_sim import convolution

    ih, iw, fh, fw, c, k, stride, down, across = (row.whole(name) for name in _SIZES)
    found = convolution((ih, iw), (fh, fw), c, k, row["dataflow"], down, across, stride=(stride, stride))
    return float(found.ofmap_writes)


SETS.register("scale_sim")(
    ReferenceSet(
        title="Systolic arrays: SCALE-Sim 3.0.0",
        kind=Kind.TOOL,
        source="SCALE-Sim 3.0.0 (scalesim-project/scale-sim-v2 and later), compute only, without memory simulation",
        compared="Single layers and matrix products, uncut, in the three dataflows, on arrays of up to 256 x 32, by "
        "the model's own array. It is meant to differ in one figure: the tool counts `rows + columns` writes too many "
        "for every output-stationary fold; counted so, by a mode with its habits "
        "(`accelsim/validation/scale_sim.py`), writes are shown as well.",
        not_modelled="Its memory simulation (stalls, DRAM) is not compared. It rounds output sizes up where the stride "
        "does not divide the input, where frameworks round down; layers here have the sizes it uses.",
        compare=compare,
        files=(
            ReferenceFile("compute_only", ("scale_sim_compute_only.csv", "systolic/compute_only.csv")),
            ReferenceFile("other_arrays", ("scale_sim_other_arrays.csv",), optional=True),
        ),
    )
)
