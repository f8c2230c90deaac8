"""Blocks of hand-made networks (SqueezeNet, VanillaNet), and parts of segmentation, detection, super-resolution."""

from __future__ import annotations

from typing import Literal

from accelsim.errors import InputError, Problem, shown
from accelsim.workload import ops
from accelsim.workload.blocks.registry import BLOCKS
from accelsim.workload.builder import Builder, Size, Tensor

__all__: list[str] = []


@BLOCKS.register("fire")
def fire(b: Builder, x: Tensor, *, squeeze: int, expand: int, act: str | None = "relu") -> Tensor:
    """Pointwise convolution to ``squeeze`` channels, then ``expand`` by a pointwise one and as many by a 3x3 one.

    All three have biases (SqueezeNet, arXiv 1602.07360, figure 1).
    """
    y = b.conv("squeeze", x, squeeze, activation=act, bias=True)
    halves = [b.conv(f"expand{size}", y, expand, size, activation=act, bias=True) for size in (1, 3)]
    return b.concat("concat", *halves)


@BLOCKS.register("inception")
def inception(
    b: Builder,
    x: Tensor,
    *,
    one: int,
    three: tuple[int, int],
    five: tuple[int, int],
    pool: int,
    kernel: int = 3,
    act: str | None = "relu",
) -> Tensor:
    """Four branches side by side, joined (GoogLeNet, arXiv 1409.4842, figure 2b).

    A pointwise convolution to ``one`` channels; a pointwise and a 3x3 one to the two widths of ``three``; a pointwise
    and a larger one to those of ``five``; a maximum over 3x3 and a pointwise one to ``pool``. The larger filter is 5x5
    in the paper; the widely used code has a ``kernel`` of 3 there.
    """
    branches = [b.conv("one", x, one, activation=act)]
    for role, (narrow, wide), size in (("three", three, 3), ("five", five, kernel)):
        y = b.conv(f"{role}.reduce", x, narrow, activation=act)
        branches.append(b.conv(role, y, wide, size, activation=act))
    pooled = b.pool("max", "max_pool", x, 3, 1, 1)
    branches.append(b.conv("pool", pooled, pool, activation=act))
    return b.concat("concat", *branches)


@BLOCKS.register("series_activation")
def series_activation(b: Builder, x: Tensor, *, kernel: int = 7, act: str = "relu") -> Tensor:
    """Weighted sum of an activation over a neighbourhood: a biased depthwise convolution (arXiv 2305.12972)."""
    return b.depthwise("series", b.activate("", x, act), kernel, bias=True)


@BLOCKS.register("vanilla_block")
def vanilla_block(b: Builder, x: Tensor, *, out: int, stride: int = 1, kernel: int = 7, act: str = "relu") -> Tensor:
    """Biased pointwise convolution, maximum over ``stride`` x ``stride``, series activation (arXiv 2305.12972).

    The form that runs: training has two convolutions, with batch norms, that are merged afterwards.
    """
    y = b.conv("conv", x, out, bias=True)
    if stride > 1:
        y = b.pool("pool", "max_pool", y, stride, stride)
    return series_activation(b, y, kernel=kernel, act=act)


@BLOCKS.register("transposed_conv")
def transposed_conv(
    b: Builder,
    x: Tensor,
    *,
    out: int,
    kernel: Size,
    stride: Size = 1,
    padding: Size = 0,
    groups: int = 1,
    act: str | None = None,
    bias: bool = True,
) -> Tensor:
    """Transposed convolution, bias (batch norm if not), activation; ``padding`` is cut off the result."""
    return b.transposed(
        "conv", x, out, kernel, stride=stride, padding=padding, groups=groups, activation=act, bias=bias
    )


def _enlarged(x: Tensor, channels: int, factor: int) -> tuple[int, ...]:
    """Return the shape with ``factor`` times the rows and columns."""
    batch, _, *planes, rows, columns = x.shape
    return (batch, channels, *planes, rows * factor, columns * factor)


@BLOCKS.register("upsample")
def upsample(b: Builder, x: Tensor, *, factor: int = 2, mode: Literal["nearest", "bilinear"] = "nearest") -> Tensor:
    """``factor`` times the rows and columns, by the nearest pixel or between the nearest four."""
    return b.move("resize", f"resize_{mode}", _enlarged(x, x.channels, factor), x)


@BLOCKS.register("pixel_shuffle")
def pixel_shuffle(b: Builder, x: Tensor, *, factor: int = 2) -> Tensor:
    """Turn groups of ``factor`` x ``factor`` channels into as many pixels (arXiv 1609.05158); only data moves.

    Raises:
        InputError: The channels are not made of such groups.
    """
    if x.channels % factor**2:
        message = f"{x.channels} channels are no groups of {factor**2}"
        raise InputError(Problem(field="factor", message=message, got=shown(factor)))
    return b.move("shuffle", "transpose", _enlarged(x, x.channels // factor**2, factor), x)


@BLOCKS.register("add_image")
def add_image(b: Builder, x: Tensor, *, image: Tensor) -> Tensor:
    """Add a map of one channel to every channel.

    Raises:
        InputError: It has more channels, or another size.
    """
    if image.shape != (x.shape[0], 1, *x.shape[2:]):
        sizes = ["x".join(map(str, tensor.shape[1:])) for tensor in (x, image)]
        message = f"cannot add {sizes[1]} to every channel of {sizes[0]}"
        raise InputError(Problem(field="image", message=message))
    return b.combine("add", "add", x, image)


@BLOCKS.register("deformable_separable")
def deformable_separable(
    b: Builder,
    x: Tensor,
    *,
    out: int,
    kernel: int = 3,
    offsets: Literal["full", "bounded", "square"] = "square",
    act: str | None = "relu",
) -> Tensor:
    """Pointwise convolution, then a deformable depthwise one whose taps a further pointwise one places for each pixel.

    ``full`` has two offsets a tap, anywhere; ``bounded`` the same within a window; ``square`` one dilation a pixel
    (CoDeNet, arXiv 2006.08357).
    """
    y = b.conv("pointwise", x, out, norm=False)
    places = b.conv("offsets", y, 1 if offsets == "square" else 2 * kernel**2, bias=True)
    op = ops.deformable(offsets, y.shape, out, (kernel, kernel), groups=out, bits=b.bits, affine=2)
    return b.activate("deformable", b.add("deformable", op, y, places), act)
