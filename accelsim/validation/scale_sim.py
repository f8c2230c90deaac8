"""SCALE-Sim's figures (3.0.0; Samajdar et al., arXiv 1811.02883): the systolic engine in its unpacked im2col mode.

A convolution becomes one product of matrices: a row for every output pixel, a column for every kernel (im2col). Groups
are not packed beside each other, so a depthwise layer runs one channel at a time. The machine is the ``systolic``
engine: its dataflow says which side of the product lies on the rows, on the columns and in time, what is held, and what
a fold costs beyond its steps. Everything that is the tool's own habit stays here; the model does none of it:

* the number of outputs is rounded up where the stride does not divide, so the last windows reach beyond the input;
* zeros of padding are read like any input, and a window's overlap with its neighbour is read again;
* a sum goes out at every fold of the reduction and never comes back in, so writes count it and reads do not;
* every output-stationary fold counts ``rows + columns`` writes that do not take place;
* the report gives one cycle less than the array runs, and overall utilization is of those;
* compute utilization takes a fold that holds weights or inputs to be ``columns - 1`` cycles longer than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dims import Dim, Operand
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.engines import ENGINES, Dataflow

__all__ = ["DATAFLOWS", "Figures", "convolution", "product"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: The tool's words for the dataflows.
DATAFLOWS: Mapping[str, str] = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}
#: One dim for each side of the product (pixels, reduction, kernels), and the sides that index each operand.
_SIDES = (Dim.OX, Dim.C, Dim.K)
_INDEX = {Operand.W: (Dim.C, Dim.K), Operand.I: (Dim.OX, Dim.C), Operand.O: (Dim.OX, Dim.K)}
#: Below it 64-bit floats hold every whole number.
_EXACT = 2.0**53


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """What the tool says of a layer; every array has the shape of sizes, rows and columns broadcast together.

    Attributes:
        folds: How often the array is filled.
        cycles: Cycles the array takes: the lines of the tool's demand matrices.
        reported_cycles: Cycles in its report.
        ifmap_reads: Input elements read from the SRAM.
        filter_reads: Weights read from the SRAM.
        ofmap_writes: Sums written to the SRAM.
        mapping_efficiency_pct: PEs that have work, mean over folds.
        overall_utilization_pct: MACs over PEs and reported cycles; NaN where the report has no cycle.
        compute_utilization_pct: Mapping efficiency times the share of a fold, as the tool takes it, that is steps.
    """

    folds: Ints
    cycles: Ints
    reported_cycles: Ints
    ifmap_reads: Ints
    filter_reads: Ints
    ofmap_writes: Ints
    mapping_efficiency_pct: Floats
    overall_utilization_pct: Floats
    compute_utilization_pct: Floats


def convolution(
    ifmap: tuple[npt.ArrayLike, npt.ArrayLike],
    window: tuple[npt.ArrayLike, npt.ArrayLike],
    channels: npt.ArrayLike,
    kernels: npt.ArrayLike,
    dataflow: str,
    rows: npt.ArrayLike,
    columns: npt.ArrayLike,
    *,
    stride: tuple[npt.ArrayLike, npt.ArrayLike] = (1, 1),
    groups: npt.ArrayLike = 1,
) -> Figures:
    """Return the figures of a convolution. Numbers are whole, 1 or more; arrays broadcast.

    Args:
        ifmap: Rows and columns of the input, padding included.
        window: Rows and columns of the filter.
        channels: Input channels of a group.
        kernels: Output channels of a group.
        dataflow: A dataflow of the systolic engine, or the tool's word for it (``os``, ``ws``, ``is``).
        rows: PEs down.
        columns: PEs across.
        stride: Step along rows and columns.
        groups: Groups; they run one after the other.

    Raises:
        InputError: An unknown dataflow, a number that is not whole or below 1, a filter larger than the input, or
            counts of 2^53 or more.
    """
    pixels, taps = [], []
    for axis, image, filter_, step in zip(("rows", "columns"), ifmap, window, stride, strict=True):
        extent, tap, jump = (
            _whole(f"{name} {axis}", value) for name, value in (("ifmap", image), ("window", filter_), ("stride", step))
        )
        if np.any(tap > extent):
            raise InputError(
                Problem(field=f"window {axis}", got=shown(filter_), allowed=f"at most the {shown(image)} of the input")
            )
        pixels.append(-((tap - extent) // jump) + 1)
        taps.append(tap)
    outputs = _exact("pixels", _times(pixels))
    depth = _exact("reduction", _times([*taps, _whole("channels", channels)]))
    return product(outputs, depth, kernels, dataflow, rows, columns, groups=groups)


def product(
    pixels: npt.ArrayLike,
    depth: npt.ArrayLike,
    kernels: npt.ArrayLike,
    dataflow: str,
    rows: npt.ArrayLike,
    columns: npt.ArrayLike,
    *,
    groups: npt.ArrayLike = 1,
) -> Figures:
    """Return the figures of the product of a ``pixels x depth`` and a ``depth x kernels`` matrix.

    With sides ``Sr`` on the rows, ``Sc`` on the columns and ``T`` in time, there are
    ``ceil(Sr / rows) ceil(Sc / columns)`` folds, and ``folds (T + overhead of a pass)`` cycles.

    A partial fold costs a full one. An operand crosses whole, once for every fold along an axis that does not index it.
    The overhead is the engine's. Numbers are whole, 1 or more; arrays broadcast.

    Args:
        pixels: Rows of the first matrix, the inputs.
        depth: What is summed over.
        kernels: Columns of the second matrix, the weights.
        dataflow: A dataflow of the systolic engine, or the tool's word for it (``os``, ``ws``, ``is``).
        rows: PEs down.
        columns: PEs across.
        groups: Products of this size, one after the other.

    Raises:
        InputError: An unknown dataflow, a number that is not whole or below 1, or counts of 2^53 or more.
    """
    flow = _dataflow(dataflow)
    given = {"pixels": pixels, "depth": depth, "kernels": kernels, "rows": rows, "columns": columns, "groups": groups}
    *sides, down, across, times = np.broadcast_arrays(*(_whole(name, value) for name, value in given.items()))
    size = dict(zip(_SIDES, sides, strict=True))
    on_rows, on_columns, in_time = (_side(group) for group in (*flow.rows, *flow.columns, flow.stream))
    turns = {on_rows: -(-size[on_rows] // down), on_columns: -(-size[on_columns] // across)}
    folds, steps = _times(turns.values()), size[in_time].astype(float)
    length = steps + flow.pass_overhead(down.astype(float), across.astype(float))
    crossing = {
        operand: _times([*(size[side] for side in index), *(turns[side] for side in turns if side not in index)])
        for operand, index in _INDEX.items()
    }
    held = Operand.O in flow.held
    writes = crossing[Operand.O] + (folds * (down + across) if held else 0.0)
    pes, work, reported = _times([down, across]), _times(sides), folds * length - 1
    used = _times([size[on_rows], size[on_columns]]) / pes / folds * 100
    overall = np.divide(100 * work, reported * pes, out=np.full(work.shape, np.nan), where=reported > 0)
    return Figures(
        folds=_exact("folds", times * folds),
        cycles=_exact("cycles", times * (folds * length)),
        reported_cycles=_exact("cycles", times * reported),
        ifmap_reads=_exact("input reads", times * crossing[Operand.I]),
        filter_reads=_exact("weight reads", times * crossing[Operand.W]),
        ofmap_writes=_exact("output writes", times * writes),
        mapping_efficiency_pct=used,
        overall_utilization_pct=overall,
        compute_utilization_pct=used * (steps / (length if held else length + across - 1)),
    )


def _dataflow(word: str) -> Dataflow:
    """Return a dataflow of the systolic engine by its name or the tool's."""
    engine = ENGINES["systolic"]
    name = DATAFLOWS.get(word, word)
    if name not in engine:
        raise InputError(Problem.unknown("dataflow", word, (*DATAFLOWS, *engine)))
    return engine[name]


def _side(group: tuple[Dim, ...]) -> Dim:
    """Return the side of the product that a group of dims is."""
    return next(side for side in _SIDES if side in group)


def _whole(field: str, value: npt.ArrayLike) -> Ints:
    """Return whole numbers from 1 on as integers."""
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "iuf" or not np.all(
        (numbers >= 1) & (numbers < _EXACT) & (numbers == np.floor(numbers))
    ):
        raise InputError(Problem(field=field, got=shown(value), allowed="whole numbers from 1, below 2^53"))
    return numbers.astype(np.int64)


def _times(factors: Iterable[Ints]) -> Floats:
    """Return the product in floating point, which grows too large to be exact but never wraps around."""
    result = np.ones(())
    for factor in factors:
        result = result * factor
    return result


def _exact(what: str, count: Floats) -> Ints:
    """Return counts as integers. Factors are 1 or more, so a product below 2^53 was exact all along."""
    if np.any(count >= _EXACT):
        raise InputError(
            Problem(field=what, got=f"{float(np.max(count)):.3g}", allowed="sizes that keep it below 2^53")
        )
    return count.astype(np.int64)
