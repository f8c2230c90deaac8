"""Windows of ops, as far as the borders between parts of a memory have to do with them."""

from __future__ import annotations

import math

from accelsim.dims import WINDOWS
from accelsim.workload.ops import Op, Sliding

__all__ = ["window_of"]

#: Places of rows and columns among the axes of a window.
_ROWS, _COLUMNS = 1, 2


def window_of(op: Op) -> tuple[float, float, float, float, float]:
    """Return bytes a pixel of what an op reads through windows, its rows and columns, and how far windows overlap.

    A window that moves on by less than it spans shares rows with the next one: ``span - stride``. Bytes are 0 where
    nothing overlaps, as in a pointwise convolution or a mean over the whole map.
    """
    projection = (op.rule.inputs or ((),))[0]
    shared = [0, 0, 0]
    for axis, (out, tap) in enumerate(WINDOWS):
        if Sliding(out, tap) in projection and op.size(out) > 1:
            shared[axis] = max(0, op.span(axis, 1) - op.stride[axis])
    if not (shared[_ROWS] or shared[_COLUMNS]):
        return 0.0, 1.0, 1.0, 0.0, 0.0
    rows, columns = op.extent[_ROWS], op.extent[_COLUMNS]
    pixel = math.prod(op.input_shape) / (rows * columns) * op.bits.I / 8
    return pixel, float(rows), float(columns), float(shared[_ROWS]), float(shared[_COLUMNS])
