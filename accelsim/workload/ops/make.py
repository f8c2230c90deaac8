"""Builders of ops from tensor shapes, the way frameworks state them."""

from __future__ import annotations

from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops.op import Bits, Op, Shape

__all__ = ["convolution", "elementwise", "fully_connected", "pool"]

_Pair = tuple[int, int]


def _outputs(source: Shape, kernel: _Pair, stride: _Pair, padding: _Pair, dilation: _Pair = (1, 1)) -> _Pair:
    """Return the output rows and columns; frameworks round down when the stride does not divide.

    Raises:
        InputError: A kernel, stride, padding or dilation is too small, or the filter is larger than the padded input.
    """
    least = (("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
    problems = [
        Problem(field=name, got=shown(pair), allowed=f"two whole numbers of at least {low}")
        for name, pair, low in least
        if min(pair) < low
    ]
    if problems:
        raise InputError(problems)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    room = [size + 2 * pad for size, pad in zip(source[2:], padding, strict=True)]
    if reach[0] > room[0] or reach[1] > room[1]:
        what = f"a filter that reaches over {reach[0]}x{reach[1]} is larger than the input"
        message = f"{what}, {room[0]}x{room[1]} with its padding"
        raise InputError(Problem(field="kernel", message=message))
    rows, columns = ((n - r) // s + 1 for n, r, s in zip(room, reach, stride, strict=True))
    return rows, columns


def convolution(
    source: Shape,
    out: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] | None = None,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    bits: Bits | None = None,
    affine: int = 0,
) -> Op:
    """Return a 2-D convolution; ``groups`` equal to the channels makes it depthwise.

    Args:
        source: Shape of the input tensor.
        out: Output channels.
        kernel: Filter rows, columns.
        stride: Rows, columns.
        padding: Zeros on each side of rows, columns; by default what keeps the size at stride 1 (of an odd filter).
        dilation: Rows, columns.
        groups: Number of groups; divides the input and output channels.
        bits: Bit widths.
        affine: Learned values per output channel beside the weights.

    Raises:
        InputError: The groups do not divide the channels, the filter is larger than the padded input, or a number is
            too small.
    """
    batch, channels, rows, columns = source
    if groups < 1 or channels % groups or out % groups:
        message = f"{groups} groups do not divide {channels} input and {out} output channels"
        raise InputError(Problem(field="groups", message=message))
    if padding is None:
        padding = (dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2)
    outputs = _outputs(source, kernel, stride, padding, dilation)
    sizes = (batch, groups, out // groups, channels // groups, *outputs, *kernel)
    return Op("conv2d", sizes, stride, dilation, padding, (rows, columns), bits or Bits(), affine)


def fully_connected(source: Shape, out: int, *, bits: Bits | None = None, affine: int = 1) -> Op:
    """Return a fully connected layer over the flattened ``source``."""
    batch, channels, rows, columns = source
    sizes = (batch, 1, out, channels * rows * columns, 1, 1, 1, 1)
    return Op("fully_connected", sizes, bits=bits or Bits(), affine=affine)


def pool(
    kind: str,
    source: Shape,
    kernel: tuple[int, int] | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    bits: Bits | None = None,
) -> Op:
    """Return a pooling op, global when ``kernel`` is ``None``; every channel is a group of its own.

    Raises:
        InputError: The window is larger than the padded input, or a number is too small.
    """
    batch, channels, rows, columns = source
    window = kernel or (rows, columns)
    sizes = (batch, channels, 1, 1, *_outputs(source, window, stride, padding), *window)
    return Op(kind, sizes, stride, (1, 1), padding, (rows, columns), bits or Bits())


def elementwise(kind: str, source: Shape, *, bits: Bits | None = None) -> Op:
    """Return an op that works element by element: an activation, an addition, a scaling per channel."""
    batch, channels, rows, columns = source
    return Op(kind, (batch, channels, 1, 1, rows, columns, 1, 1), extent=(rows, columns), bits=bits or Bits())
