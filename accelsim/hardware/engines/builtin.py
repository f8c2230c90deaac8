"""The built-in engines: systolic arrays, the atomic C x K array of an NVDLA, an Edge TPU's cells, and others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.dims import Dim, Operand
from accelsim.hardware.engines.dataflow import ENGINES, Dataflow

__all__: list[str] = []

_Floats = npt.NDArray[np.float64]
_FILTER = (Dim.C, Dim.FZ, Dim.FY, Dim.FX)
_PIXELS = (Dim.B, Dim.OZ, Dim.OY, Dim.OX)
_CHANNELS = (Dim.K,)


def _drain(rows: _Floats, columns: _Floats) -> _Floats:
    """Operands arrive skewed, so the last PE ends ``rows + columns - 2`` steps late (SCALE-Sim, arXiv 1811.02883)."""
    return rows + columns - 2


def _load_and_drain(rows: _Floats, columns: _Floats) -> _Floats:
    """Held values are first shifted in, row by row; nothing overlaps between passes."""
    return rows + _drain(rows, columns)


def _nothing(rows: _Floats, columns: _Floats) -> _Floats:
    """No bubbles: shadow registers take the next weights while the present ones are used."""
    return np.zeros(np.broadcast_shapes(rows.shape, columns.shape))


_SYSTOLIC = (
    Dataflow(
        name="weight_stationary",
        rows=(_FILTER,),
        columns=(_CHANNELS,),
        stream=_PIXELS,
        held=frozenset({Operand.W}),
        pass_overhead=_load_and_drain,
    ),
    Dataflow(
        name="output_stationary",
        rows=(_PIXELS,),
        columns=(_CHANNELS,),
        stream=_FILTER,
        held=frozenset({Operand.O}),
        pass_overhead=_drain,
    ),
    Dataflow(
        name="input_stationary",
        rows=(_FILTER,),
        columns=(_PIXELS,),
        stream=_CHANNELS,
        held=frozenset({Operand.I}),
        pass_overhead=_load_and_drain,
    ),
)
# NVDLA (hwarch.rst): atomic-C input channels x atomic-K kernels a cycle; accumulators hold a stripe of outputs over
# the whole reduction, weights last for the stripe.
_ATOMIC = Dataflow(
    name="atomic",
    rows=((Dim.C,),),
    columns=(_CHANNELS,),
    stream=_PIXELS,
    held=frozenset({Operand.W, Operand.O}),
    pass_overhead=_nothing,
)
# Cells reduce over input channels, and over the filter where channels are few; columns carry kernels, then pixels.
_CELLS = Dataflow(
    name="cells",
    rows=((Dim.C,), (Dim.FX,), (Dim.FY,)),
    columns=(_CHANNELS, (Dim.OX,)),
    stream=(Dim.B, Dim.OZ, Dim.OY),
    held=frozenset({Operand.W, Operand.O}),
    pass_overhead=_nothing,
)
# ShiDianNao (ISCA 2015): each PE makes an output pixel of one kernel; weights are broadcast one by one.
_PIXEL_PARALLEL = Dataflow(
    name="pixel_parallel",
    rows=((Dim.OY,),),
    columns=((Dim.OX,),),
    stream=_FILTER,
    held=frozenset({Operand.O}),
    pass_overhead=_nothing,
)
# A unit for depthwise convolutions: a column makes an output channel, a row a pixel, one tap after the other.
_DEPTHWISE = Dataflow(
    name="depthwise",
    rows=((Dim.OX,),),
    columns=((Dim.G,), _CHANNELS),
    stream=(Dim.B, Dim.OZ, Dim.OY),
    held=frozenset({Operand.W, Operand.O}),
    pass_overhead=_nothing,
)
# The copies of memories above it lay out everything; a value that is used again comes again from the innermost memory.
_PE = Dataflow(
    name="pe",
    rows=(),
    columns=(),
    stream=(),
    held=frozenset(),
    pass_overhead=_nothing,
)

ENGINES.register("systolic")({dataflow.name: dataflow for dataflow in _SYSTOLIC})
ENGINES.register("atomic")({_ATOMIC.name: _ATOMIC})
ENGINES.register("cells")({_CELLS.name: _CELLS})
ENGINES.register("pixel_parallel")({_PIXEL_PARALLEL.name: _PIXEL_PARALLEL})
ENGINES.register("depthwise")({_DEPTHWISE.name: _DEPTHWISE})
ENGINES.register("pe")({_PE.name: _PE})
