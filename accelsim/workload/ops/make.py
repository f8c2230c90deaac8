"""Builders of ops from tensor shapes, the way frameworks state them."""

from __future__ import annotations

from accelsim.errors import InputError, Problem
from accelsim.workload.ops.op import Bits, Op, Shape

__all__ = ["convolution", "elementwise", "fully_connected", "pool"]


def _outputs(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Outputs along an axis; frameworks round down when the stride does not divide."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


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
        padding: Zeros on each side of rows, columns; by default what keeps the size at stride 1.
        dilation: Rows, columns.
        groups: Number of groups; divides the input and output channels.
        bits: Bit widths.
        affine: Learned values per output channel beside the weights.

    Raises:
        InputError: The groups do not divide the channels, or the filter is larger than the padded input.
    """
    batch, channels, rows, columns = source
    if groups < 1 or channels % groups or out % groups:
        message = f"{groups} groups do not divide {channels} input and {out} output channels"
        raise InputError(Problem(field="groups", message=message))
    pad = padding if padding is not None else tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    oy, ox = (_outputs(n, k, s, p, d) for n, k, s, p, d in zip((rows, columns), kernel, stride, pad, dilation, strict=True))
    sizes = (batch, groups, out // groups, channels // groups, oy, ox, *kernel)
    return Op("conv2d", sizes, stride, dilation, (pad[0], pad[1]), (rows, columns), bits or Bits(), affine)


def fully_connected(source: Shape, out: int, *, bits: Bits | None = None, affine: int = 1) -> Op:
    """Return a fully connected layer over the flattened ``source``."""
    batch, channels, rows, columns = source
    return Op("fully_connected", (batch, 1, out, channels * rows * columns, 1, 1, 1, 1), bits=bits or Bits(), affine=affine)


def pool(
    kind: str,
    source: Shape,
    kernel: tuple[int, int] | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    bits: Bits | None = None,
) -> Op:
    """Return a pooling op, global when ``kernel`` is ``None``; every channel is a group of its own."""
    batch, channels, rows, columns = source
    window = kernel or (rows, columns)
    oy, ox = (_outputs(n, k, s, p) for n, k, s, p in zip((rows, columns), window, stride, padding, strict=True))
    sizes = (batch, channels, 1, 1, oy, ox, *window)
    return Op(kind, sizes, stride, (1, 1), padding, (rows, columns), bits or Bits())


def elementwise(kind: str, source: Shape, *, bits: Bits | None = None) -> Op:
    """Return an op that works element by element: an activation, an addition, a scaling per channel."""
    batch, channels, rows, columns = source
    return Op(kind, (batch, channels, 1, 1, rows, columns, 1, 1), extent=(rows, columns), bits=bits or Bits())
