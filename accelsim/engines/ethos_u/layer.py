"""What the NPU sees of an op: one pass of a convolution, pool or element-wise operation, and how often it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from accelsim.dims import Dim
from accelsim.engines.ethos_u.machine import SUB_KERNEL, Size
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops.op import Op

__all__ = ["Activation", "Kind", "Layer", "Work", "layer_of"]

#: Height and width.
Pair = tuple[int, int]


class Kind(StrEnum):
    """Kinds of pass the hardware has."""

    CONVOLUTION = "convolution"
    DEPTHWISE = "depthwise"
    FULLY_CONNECTED = "fully_connected"
    #: A product of two maps; of the Ethos-U85 alone.
    PAIR = "pair"
    AVERAGE_POOL = "average_pool"
    MAX_POOL = "max_pool"
    ADD = "add"
    MULTIPLY = "multiply"
    #: Any other operation of one or two elements: minimum, maximum, leaky rectifier.
    ELEMENTWISE = "elementwise"


class Activation(StrEnum):
    """What the output unit does in passing."""

    NONE = "none"
    CLAMP = "clamp"
    LOOK_UP = "look_up"


_POOLS = frozenset({Kind.AVERAGE_POOL, Kind.MAX_POOL})
_ELEMENTWISE = frozenset({Kind.ADD, Kind.MULTIPLY, Kind.ELEMENTWISE})
_WEIGHTED = frozenset({Kind.CONVOLUTION, Kind.DEPTHWISE, Kind.FULLY_CONNECTED})
_BITS = (8, 16, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One pass.

    Attributes:
        kind: What is done.
        ifm: Input: height, width, depth.
        ofm: Output: height, width, depth.
        kernel: Rows and columns.
        stride: Rows and columns.
        dilation: Rows and columns.
        bits: Bits of an element, of input and output.
        inputs: Feature maps read: 2 for a sum of two maps.
        activation: What is done in passing.

    Raises:
        InputError: A size is not at least 1, or the bits are not 8, 16 or 32.
    """

    kind: Kind
    ifm: Size
    ofm: Size
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    bits: int = 8
    inputs: int = 1
    activation: Activation = Activation.NONE

    def __post_init__(self) -> None:
        least = min(*self.ifm, *self.ofm, *self.kernel, *self.stride, *self.dilation, self.inputs)
        if least < 1 or self.bits not in _BITS:
            message = "sizes are at least 1, an element has 8, 16 or 32 bits"
            raise InputError([Problem(field="ethos_u.layer", got=shown(self), message=message)])

    @property
    def pool(self) -> bool:
        """Whether it is a pool."""
        return self.kind in _POOLS

    @property
    def elementwise(self) -> bool:
        """Whether it works element by element, without accumulators."""
        return self.kind in _ELEMENTWISE

    @property
    def weighted(self) -> bool:
        """Whether it has weights and biases."""
        return self.kind in _WEIGHTED

    @property
    def equal_depth(self) -> bool:
        """Whether an output channel needs its own input channel alone."""
        return self.pool or self.elementwise or self.kind is Kind.DEPTHWISE

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 0 for a pass that has none."""
        if self.pool or self.elementwise:
            return 0
        depth = 1 if self.equal_depth else self.ifm[2]
        return math.prod(self.ofm) * math.prod(self.kernel) * depth

    @property
    def weights(self) -> int:
        """Weights, of one byte each."""
        if not self.weighted:
            return 0
        return math.prod(self.kernel) * self.ofm[2] * (1 if self.equal_depth else self.ifm[2])

    @property
    def spread(self) -> Pair:
        """Rows and columns that a dilated kernel spans."""
        rows, columns = ((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilation, strict=True))
        return rows, columns

    @property
    def sub_kernels(self) -> tuple[int, ...]:
        """Taps of each piece that the kernel is worked off in; a vector product takes them one by one."""
        limit = 1 if self.kind is Kind.FULLY_CONNECTED else SUB_KERNEL
        rows, columns = ([min(size - at, limit) for at in range(0, size, limit)] for size in self.kernel)
        return tuple(row * column for column in columns for row in rows)

    @property
    def part_kernel_first(self) -> bool:
        """Whether an Ethos-U55 or -U65 feeds taps side by side, because the channels fill the multipliers worse.

        Four 8-bit taps (two of 16 bits) of 8 channels, or one tap of 32 (16) channels, make up a step. Few channels
        always go by taps.
        """
        if self.kind is not Kind.CONVOLUTION:
            return False
        depth, taps, together = self.ifm[2], math.prod(self.kernel), 4 if self.bits == 8 else 2
        by_depth = depth / _rounded(depth, 8 * together)
        by_taps = depth / _rounded(depth, 8) * (taps / _rounded(taps, together))
        return depth <= 8 or by_taps >= by_depth

    @property
    def kernel_first(self) -> bool:
        """The same of an Ethos-U85: five taps of 16 channels (of the rest, two at least), or one tap of 64 channels."""
        if self.kind is not Kind.CONVOLUTION:
            return False
        depth, taps = self.ifm[2], math.prod(self.kernel)
        by_depth = depth / _rounded(depth, 64)
        return depth / _rounded(depth, 16) * (taps / (taps // 5 * 5 + max(taps % 5, 2))) >= by_depth


def _rounded(value: int, granule: int) -> int:
    return -(-value // granule) * granule


@dataclass(frozen=True, slots=True)
class Work:
    """A pass and how often the op runs it: once for each sample, group of a grouped convolution, pair of matrices."""

    layer: Layer
    times: int


_KINDS = {
    "fully_connected": Kind.FULLY_CONNECTED,
    "matmul": Kind.PAIR,
    "max_pool": Kind.MAX_POOL,
    "average_pool": Kind.AVERAGE_POOL,
    "add": Kind.ADD,
    "subtract": Kind.ADD,
    "multiply": Kind.MULTIPLY,
    "scale": Kind.MULTIPLY,
    "maximum": Kind.ELEMENTWISE,
    "minimum": Kind.ELEMENTWISE,
    "leaky_relu": Kind.ELEMENTWISE,
}
#: Activations by themselves run as a pool of one element that a table follows.
_TABLES = frozenset({"relu", "relu6", "clip", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "gelu", "elu", "swish"})
_CLAMPS = frozenset({"relu", "relu6", "clip"})


def layer_of(op: Op) -> Work | None:
    """Return the pass that an op is, or ``None`` if the NPU has none and the op must run elsewhere.

    Groups of a convolution that are neither one nor depthwise run one after the other; so do samples of a batch and the
    heads of a product of two activations, which the Ethos-U85 alone can run.
    Volumes (more than one plane) do not run.
    """
    planes = (op.size(Dim.OZ), op.size(Dim.FZ))
    kind = _kind(op)
    if kind is None or max(planes) > 1:
        return None
    size, groups = op.size, op.size(Dim.G)
    window = op.kind == "convolution" or kind in _POOLS
    rows, columns = size(Dim.OY), size(Dim.OX)
    high, wide = (op.extent[1], op.extent[2]) if window else (rows, columns)
    grouped = kind in (Kind.CONVOLUTION, Kind.PAIR) and groups > 1
    depth = size(Dim.K) * (1 if grouped else groups)
    inner = size(Dim.C) * (groups if kind is Kind.DEPTHWISE else 1)
    layer = Layer(
        kind=kind,
        ifm=(high, wide, inner if kind in _WEIGHTED or kind is Kind.PAIR else depth),
        ofm=(rows, columns, depth),
        kernel=(size(Dim.FY), size(Dim.FX)),
        # A pool of the whole map takes no second step; its stride must not widen the blocks.
        stride=(1, 1) if kind in _POOLS and rows == columns == 1 else (op.stride[1], op.stride[2]),
        dilation=(op.dilation[1], op.dilation[2]),
        bits=_bits(op),
        inputs=2 if op.kind in _KINDS and kind in _ELEMENTWISE and op.kind != "leaky_relu" else 1,
        activation=_activation(op),
    )
    return Work(layer, size(Dim.B) * (groups if grouped else 1))


def _kind(op: Op) -> Kind | None:
    if op.kind == "convolution":
        alone = op.size(Dim.C) == 1 and op.size(Dim.G) > 1
        return Kind.DEPTHWISE if alone else Kind.CONVOLUTION
    if op.kind in _TABLES:
        return Kind.AVERAGE_POOL
    return _KINDS.get(op.kind)


def _bits(op: Op) -> int:
    widest = max(op.bits.I, op.bits.O)
    return next((bits for bits in _BITS if bits >= widest), 32)


def _activation(op: Op) -> Activation:
    if op.kind not in _TABLES:
        return Activation.NONE
    return Activation.CLAMP if op.kind in _CLAMPS else Activation.LOOK_UP
