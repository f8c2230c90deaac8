"""The registered blocks: a few ops each, usable by name in every network file.

A block is a function ``(builder, tensor, *, keyword options) -> tensor``; the types of its options are what a file is
checked against. Channel counts are output channels; ``act`` is an activation's name or null.
"""

from __future__ import annotations

from collections.abc import Callable

from accelsim.config.expressions import round8
from accelsim.errors import InputError, Problem, shown
from accelsim.registry import Registry
from accelsim.workload.builder import Builder, Tensor

__all__ = ["BLOCKS", "Block"]

Block = Callable[..., Tensor]

BLOCKS: Registry[Block] = Registry("block", builtins="accelsim.workload.blocks")


@BLOCKS.register("conv")
def conv(
    b: Builder, x: Tensor, *, out: int, kernel: int = 1, stride: int = 1, act: str | None = None, bias: bool = False
) -> Tensor:
    """Convolution, batch norm (a bias instead if ``bias``), activation."""
    return b.conv("conv", x, out, kernel, stride=stride, activation=act, bias=bias)


@BLOCKS.register("depthwise_separable")
def depthwise_separable(
    b: Builder, x: Tensor, *, out: int, kernel: int = 3, stride: int = 1, act: str | None = "relu"
) -> Tensor:
    """Depthwise and pointwise convolution, both with batch norm and activation (MobileNetV1, arXiv 1704.04861)."""
    x = b.depthwise("depthwise", x, kernel, stride=stride, activation=act)
    return b.conv("pointwise", x, out, activation=act)


def squeeze_excite(b: Builder, x: Tensor, hidden: int, gate: str) -> Tensor:
    """Scale every channel by a gate computed from its mean (arXiv 1709.01507); two biased pointwise layers."""
    pooled = b.pool("se.pool", "average_pool", x)
    squeezed = b.conv("se.squeeze", pooled, hidden, activation="relu", bias=True)
    weights = b.conv("se.excite", squeezed, x.channels, activation=gate, bias=True)
    return b.combine("se.scale", "scale", x, weights)


@BLOCKS.register("inverted_residual")
def inverted_residual(
    b: Builder,
    x: Tensor,
    *,
    out: int,
    expand: float = 1.0,
    hidden: int | None = None,
    kernel: int = 3,
    stride: int = 1,
    se: float = 0.0,
    act: str | None = "relu6",
    gate: str = "hard_sigmoid",
    skip: bool = True,
) -> Tensor:
    """Pointwise expansion, depthwise convolution, linear pointwise projection (MobileNetV2, arXiv 1801.04381).

    The expansion is ``hidden`` channels, or ``expand`` times the input rounded to 8; there is no expansion layer when
    it equals the input. ``se`` is the squeeze-excite's width as a fraction of the expansion (MobileNetV3, arXiv
    1905.02244), 0 for none. The input is added when stride is 1 and the width stays.

    Raises:
        InputError: ``expand`` is not above 0.
    """
    if expand <= 0:
        raise InputError(Problem(field="expand", got=shown(expand), allowed="a number above 0"))
    width = hidden if hidden is not None else (x.channels if expand == 1 else round8(x.channels * expand))
    y = x if width == x.channels else b.conv("expand", x, width, activation=act)
    y = b.depthwise("depthwise", y, kernel, stride=stride, activation=act)
    if se:
        y = squeeze_excite(b, y, round8(width * se), gate)
    y = b.conv("project", y, out)
    return b.combine("add", "add", y, x) if skip and y.shape == x.shape else y


def _shortcut(b: Builder, x: Tensor, out: int, stride: int) -> Tensor:
    return x if stride == 1 and x.channels == out else b.conv("shortcut", x, out, stride=stride)


@BLOCKS.register("basic_residual")
def basic_residual(b: Builder, x: Tensor, *, out: int, stride: int = 1, act: str | None = "relu") -> Tensor:
    """Two 3x3 convolutions and a shortcut (ResNet-18/34, arXiv 1512.03385)."""
    y = b.conv("conv1", x, out, 3, stride=stride, activation=act)
    y = b.conv("conv2", y, out, 3)
    return b.activate("", b.combine("add", "add", y, _shortcut(b, x, out, stride)), act)


@BLOCKS.register("bottleneck_residual")
def bottleneck_residual(
    b: Builder, x: Tensor, *, out: int, width: int, stride: int = 1, act: str | None = "relu"
) -> Tensor:
    """1x1, 3x3, 1x1 convolutions and a shortcut, the stride on the 3x3 (ResNet-50 "v1.5", as in torchvision)."""
    y = b.conv("reduce", x, width, activation=act)
    y = b.conv("conv", y, width, 3, stride=stride, activation=act)
    y = b.conv("expand", y, out)
    return b.activate("", b.combine("add", "add", y, _shortcut(b, x, out, stride)), act)


@BLOCKS.register("max_pool")
def max_pool(b: Builder, x: Tensor, *, kernel: int, stride: int = 1, padding: int = 0) -> Tensor:
    """Maximum over a window."""
    return b.pool("pool", "max_pool", x, kernel, stride, padding)


@BLOCKS.register("global_pool")
def global_pool(b: Builder, x: Tensor) -> Tensor:
    """Mean over all pixels of each channel."""
    return b.pool("pool", "average_pool", x)


@BLOCKS.register("classifier")
def classifier(b: Builder, x: Tensor, *, out: int, act: str | None = None) -> Tensor:
    """Fully connected layer with bias over the flattened input."""
    return b.fully_connected("fc", x, out, act)
