"""One operation of a network: loop sizes, windows, bit widths, and the counts that follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from accelsim.dims import DIMS, Dim, Operand
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops.kinds import OP_KINDS, OpKind, Projection, Sliding

__all__ = ["Bits", "Op", "Shape"]

#: Shape of a tensor: batch, channels, rows, columns.
Shape = tuple[int, int, int, int]
_AXES = ("stride", "dilation", "extent")


def _all_whole(values: tuple[object, ...], least: int) -> bool:
    return all(type(value) is int and value >= least for value in values)


def _require_whole(what: str, values: Mapping[str, object], least: int) -> None:
    """Raise ``InputError`` with every value of ``what`` that is not a whole number of at least ``least``."""
    bad = [
        Problem(field=f"{what}.{name}", got=shown(value), allowed=f"a whole number of at least {least}")
        for name, value in values.items()
        if type(value) is not int or value < least
    ]
    if bad:
        raise InputError(bad)


@dataclass(frozen=True, slots=True)
class Bits:
    """Bit widths of weights, inputs, final outputs, and partial sums.

    Raises:
        InputError: A width is not a whole number of at least 1.
    """

    W: int = 8
    I: int = 8  # noqa: E741 - the field's own letter
    O: int = 8  # noqa: E741 - the field's own letter
    partial: int = 32

    def __post_init__(self) -> None:
        _require_whole("bits", {"W": self.W, "I": self.I, "O": self.O, "partial": self.partial}, 1)


@dataclass(frozen=True, slots=True)
class Op:
    """An operation with its loop sizes.

    Attributes:
        kind: Name in ``OP_KINDS``.
        sizes: Loop sizes in the order of ``DIMS``, all at least 1.
        stride: Rows, columns.
        dilation: Rows, columns.
        padding: Zeros before the first row, before the first column; they are never fetched.
        extent: Rows and columns of the input tensor.
        bits: Bit widths.
        affine: Learned values per output channel beside the weights: 1 for a bias, 2 for a batch norm.

    Raises:
        InputError: The kind is not registered; a loop size, stride, dilation or extent is not a whole number of at
            least 1; or the padding is not one of at least 0.
    """

    kind: str
    sizes: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    extent: tuple[int, int] = (1, 1)
    bits: Bits = field(default=Bits())
    affine: int = 0

    def __post_init__(self) -> None:
        OP_KINDS.get(self.kind, "kind")
        numbers = (*self.sizes, *self.stride, *self.dilation, *self.extent)
        if len(self.sizes) == len(DIMS) and _all_whole(numbers, 1) and _all_whole(self.padding, 0):
            return  # what follows says what is wrong; it would slow down every network built in a search
        axes = {f"{name}[{axis}]": getattr(self, name)[axis] for name in _AXES for axis in (0, 1)}
        _require_whole(self.kind, dict(zip(DIMS, self.sizes, strict=True)) | axes, 1)
        _require_whole(self.kind, {f"padding[{axis}]": self.padding[axis] for axis in (0, 1)}, 0)

    @property
    def rule(self) -> OpKind:
        """The kind's projections and work."""
        return OP_KINDS[self.kind]

    def size(self, dim: Dim) -> int:
        """Return the loop size of ``dim``."""
        return self.sizes[dim.position]

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 0 for an op that has none."""
        return math.prod(self.sizes) if self.rule.has_macs else 0

    @property
    def vector_ops(self) -> float:
        """Elementary vector operations; 0 for an op made of MACs."""
        return math.prod(self.sizes) * self.rule.vector_work

    @property
    def weights(self) -> int:
        """Elements of operand ``W``."""
        return 0 if self.rule.weights is None else self._elements(self.rule.weights)

    @property
    def parameters(self) -> int:
        """Learned values: weights, and ``affine`` values per output channel."""
        return self.weights + self.affine * self.output_shape[1]

    @property
    def input_elements(self) -> int:
        """Elements of all input tensors together."""
        return sum(self.elements_read)

    @property
    def elements_read(self) -> tuple[int, ...]:
        """Elements of each input tensor, in the order of the kind's ``inputs``."""
        return tuple(self._elements(projection) for projection in self.rule.inputs)

    @property
    def output_elements(self) -> int:
        """Elements of the output tensor."""
        return self._elements(self.rule.output)

    def bytes_of(self, operand: Operand) -> float:
        """Return the size in bytes of a whole operand, outputs at their final width."""
        elements, width = {
            Operand.W: (self.weights, self.bits.W),
            Operand.I: (self.input_elements, self.bits.I),
            Operand.O: (self.output_elements, self.bits.O),
        }[operand]
        return elements * width / 8

    @property
    def output_shape(self) -> Shape:
        """Shape of the output tensor."""
        return (self.size(Dim.B), self.size(Dim.G) * self.size(Dim.K), self.size(Dim.OY), self.size(Dim.OX))

    @property
    def input_shape(self) -> Shape:
        """Shape of the first input tensor."""
        channels = self.size(Dim.C) if Dim.C in self.rule.inputs[0] else self.size(Dim.K)
        return (self.size(Dim.B), self.size(Dim.G) * channels, *self.extent)

    @property
    def label(self) -> str:
        """What a person calls the op: a convolution is ``pointwise``, ``depthwise`` or ``grouped`` where it is."""
        if self.kind != "conv2d":
            return self.kind
        if self.size(Dim.G) > 1:
            return "depthwise" if self.size(Dim.C) == self.size(Dim.K) == 1 else "grouped"
        return "pointwise" if self.size(Dim.FY) == self.size(Dim.FX) == 1 else "conv2d"

    def span(self, axis: int, outputs: int) -> int:
        """Return the input rows (axis 0) or columns (1) that ``outputs`` neighbouring outputs see, padding counted."""
        filter_size = self.size((Dim.FY, Dim.FX)[axis])
        return (outputs - 1) * self.stride[axis] + (filter_size - 1) * self.dilation[axis] + 1

    def _elements(self, projection: Projection) -> int:
        count = 1
        for axis in projection:
            if isinstance(axis, Sliding):
                count *= self.extent[0 if axis.out is Dim.OY else 1]
            else:
                count *= self.sizes[axis.position]
        return count
