"""Windows of ops, as far as borders between parts of a memory and stripes of rows have to do with them."""

from __future__ import annotations

import math

from accelsim.dims import WINDOWS, Dim
from accelsim.workload.ops import Op, Sliding

__all__ = ["FIGURES", "window_of"]

#: Places of rows and columns among the axes of a window.
_ROWS, _COLUMNS = 1, 2
#: How many figures tell of a window.
FIGURES = 7


def window_of(op: Op) -> tuple[float, float, float, float, float, float, float]:
    """Return what an op reads through windows, and how its rows go with those of its result.

    A window that moves on by less than it spans shares rows with the next one: ``span - stride``.

    Returns:
        Bytes a pixel of the first input, 0 where nothing overlaps, as in a pointwise convolution or a mean over the
        whole map; rows and columns of that input; rows and columns that neighbouring windows share; rows that a window
        moves on; rows of the result, 0 if they cannot be made one after the other from rows of the
        input.
    """
    projection = (op.rule.inputs or ((),))[0]
    shared, moves = [0, 0, 0], [1, 1, 1]
    for axis, (out, tap) in enumerate(WINDOWS):
        if Sliding(out, tap) in projection and op.size(out) > 1:
            shared[axis] = max(0, op.span(axis, 1) - op.stride[axis])
            moves[axis] = op.stride[axis]
    overlaps = shared[_ROWS] or shared[_COLUMNS]
    slides = Sliding(Dim.OY, Dim.FY) in projection
    rows = op.extent[_ROWS] if slides else op.size(Dim.OY)
    columns = op.extent[_COLUMNS] if Sliding(Dim.OX, Dim.FX) in projection else op.size(Dim.OX)
    pixel = math.prod(op.input_shape) / (rows * columns) * op.bits.I / 8 if overlaps else 0.0
    by_rows = slides or Dim.OY in projection
    by_rows = by_rows and Dim.OY in op.rule.output and not (op.rule.whole or op.rule.dynamic or op.rule.lower)
    made = float(op.size(Dim.OY)) if by_rows and op.size(Dim.OY) > 1 else 0.0
    return pixel, float(rows), float(columns), float(shared[_ROWS]), float(shared[_COLUMNS]), float(moves[_ROWS]), made
