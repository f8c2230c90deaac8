"""One operation of a network: loop sizes, windows, bit widths, and the counts that follow."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property

from accelsim.dims import DIMS, WINDOWS, Dim, Operand
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops.attributes import DENSE, Bits, Sparsity
from accelsim.workload.ops.kinds import OP_KINDS, Lookup, OpKind, Projection, Sliding

__all__ = ["ONES", "ZEROS", "Op", "Shape", "Triple", "as_triple", "loops"]

#: Shape of a tensor: batch, channels, rows, columns; planes before the rows where there is more than one.
Shape = tuple[int, ...]
#: A value for planes, rows and columns.
Triple = tuple[int, int, int]
ONES: Triple = (1, 1, 1)
ZEROS: Triple = (0, 0, 0)
_AXIS = {out: axis for axis, (out, _) in enumerate(WINDOWS)}
#: Points of a loop nest, and values of a tensor: what floats and 64-bit integers count exactly.
_MOST = 2**53
#: Length of an axis along which windows slide: their tiles are counted one by one.
_LONGEST = 2**24
#: Loop sizes, and strides, dilations and extents of every axis.
_NUMBERS = len(DIMS) + 3 * len(WINDOWS)


def loops(**sizes: int) -> tuple[int, ...]:
    """Return loop sizes in the order of ``DIMS``; dims not given are 1."""
    return tuple(sizes.get(dim, 1) for dim in DIMS)


def as_triple(values: Iterable[int]) -> Triple:
    """Return three values as those of planes, rows and columns."""
    planes, rows, columns = values
    return planes, rows, columns


def _all_whole(values: tuple[object, ...], least: int) -> bool:
    return all(type(value) is int and value >= least for value in values)


@dataclass(frozen=True)
class Op:
    """An operation with its loop sizes.

    Attributes:
        kind: Name in ``OP_KINDS``.
        sizes: Loop sizes in the order of ``DIMS``, all at least 1.
        stride: Planes, rows, columns.
        dilation: Planes, rows, columns.
        padding: Zeros before the first plane, row and column; they are never fetched.
        extent: Planes, rows and columns of the tensor whose axes slide (of a convolution: the input); of a look-up,
            the length of the table.
        bits: Bit widths.
        affine: Learned values per output channel beside the weights: 1 for a bias, 2 for a batch norm.
        table: Other learned values, such as the biases of an attention.
        reads: Elements of each input tensor, where the loops do not say it: a concatenation's, a broadcast's.
        sparsity: Zeros that hardware may skip.

    Raises:
        InputError: The kind is not registered; there are more or fewer numbers than dims or axes; one is not whole and
            at least 1 (padding, ``affine``, ``table``: at least 0); the kind does not have a loop that is more than 1;
            ``reads`` is missing, or of another length than the kind's inputs; the loops have more than 2**53 points, a
            tensor more values, or an axis under windows more than 2**24.
    """

    kind: str
    sizes: tuple[int, ...]
    stride: Triple = ONES
    dilation: Triple = ONES
    padding: Triple = ZEROS
    extent: Triple = ONES
    bits: Bits = field(default=Bits())
    affine: int = 0
    table: int = 0
    reads: tuple[int, ...] | None = None
    sparsity: Sparsity = DENSE

    def __post_init__(self) -> None:
        rule = OP_KINDS.get(self.kind, "kind")
        inputs = rule.inputs
        numbers = (*self.sizes, *self.stride, *self.dilation, *self.extent, *(self.reads or ()))
        whole = _all_whole(numbers, 1) and _all_whole((*self.padding, self.affine, self.table), 0)
        known = self.reads is not None if inputs is None else self.reads is None or len(self.reads) == len(inputs)
        complete = len(self.sizes) == len(DIMS) and len(self.padding) == len(WINDOWS)
        complete = complete and len(numbers) == _NUMBERS + len(self.reads or ())
        if not (whole and known and complete and all(self.sizes[place] == 1 for place in rule.idle)):
            raise InputError(self._problems())
        # Seldom is any number so large that it matters of what there are how many.
        if max(numbers) > _LONGEST or max(self.padding) > _LONGEST or math.prod((*self.sizes, *self.extent)) > _MOST:
            self._check_size()

    def _problems(self) -> list[Problem]:
        """Return what is wrong; apart, because every network built in a search asks whether anything is."""
        if len(self.sizes) != len(DIMS):
            message = f"{len(self.sizes)} loop sizes; there are {len(DIMS)} loop dims"
            return [Problem(field=f"{self.kind}.sizes", message=message)]
        axes = [(name, getattr(self, name)) for name in ("stride", "dilation", "extent", "padding")]
        allowed = "three values: planes, rows, columns"
        if wrong := [(name, values) for name, values in axes if len(values) != len(WINDOWS)]:
            return [Problem(field=f"{self.kind}.{name}", got=shown(values), allowed=allowed) for name, values in wrong]
        least_1: dict[str, object] = {str(dim): size for dim, size in zip(DIMS, self.sizes, strict=True)}
        least_1 |= {f"{name}[{axis}]": triple[axis] for name, triple in axes[:3] for axis in range(3)}
        least_1 |= {f"reads[{place}]": count for place, count in enumerate(self.reads or ())}
        least_0: dict[str, object] = {f"padding[{axis}]": self.padding[axis] for axis in range(3)}
        least_0 |= {"affine": self.affine, "table": self.table}
        problems = [
            Problem(field=f"{self.kind}.{name}", got=shown(value), allowed=f"a whole number of at least {least}")
            for least, values in ((1, least_1), (0, least_0))
            for name, value in values.items()
            if type(value) is not int or value < least
        ]
        idle = {DIMS[place]: self.sizes[place] for place in self.rule.idle}
        allowed = f"1; its loops are {' '.join(dim for dim in DIMS if dim not in idle)}"
        problems = problems or [
            Problem(field=f"{self.kind}.{dim}", message="it has no such loop", got=shown(size), allowed=allowed)
            for dim, size in idle.items()
            if size != 1
        ]
        message = "the sizes of the tensors it reads are needed, one for each"
        return problems or [Problem(field=f"{self.kind}.reads", got=shown(self.reads), message=message)]

    def _check_size(self) -> None:
        """Refuse what cannot be counted."""
        counts = [("points of its loops", math.prod(self.sizes), _MOST)]
        counts += [("values that it reads", elements, _MOST) for elements in self.elements_read]
        counts += [("values that it writes", self.output_elements, _MOST)]
        counts += [("learned weights", self._elements(self.rule.weights or ()), _MOST)]
        for axis, (out, tap) in enumerate(WINDOWS):
            if Sliding(out, tap) in (self.rule.inputs or ((),))[0]:
                longest = max(self.extent[axis], self.size(out), self.size(tap))
                counts.append(("places along an axis that windows move on", longest, _LONGEST))
                reach = self.span(axis, self.size(out)) + self.padding[axis]
                counts.append(("places that windows reach over", reach, _MOST))
        problems = [
            Problem(
                field=f"{self.kind}.sizes",
                message=f"too large: too many {what}",
                got=shown(count),
                allowed=f"at most {most} (2**{most.bit_length() - 1})",
            )
            for what, count, most in dict.fromkeys(counts)
            if count > most
        ]
        if problems:
            raise InputError(problems)

    def __reduce__(self) -> tuple[type[Op], tuple[object, ...]]:
        return Op, tuple(getattr(self, part.name) for part in fields(self))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.sizes, self.stride, self.padding, self.extent, self.bits, self.reads))

    @cached_property
    def rule(self) -> OpKind:
        """The kind's projections and work."""
        return OP_KINDS[self.kind]

    def size(self, dim: Dim) -> int:
        """Return the loop size of ``dim``."""
        return self.sizes[dim.position]

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates; 0 for an op that has none."""
        if self.rule.lower is not None:
            return sum(part.op.macs for part in self.rule.lower(self))
        return math.prod(self.sizes) if self.rule.has_macs else 0

    @cached_property
    def vector_ops(self) -> float:
        """Elementary vector operations; 0 for an op made of MACs."""
        if self.rule.lower is not None:
            return sum(part.op.vector_ops for part in self.rule.lower(self))
        return math.prod(self.sizes) * self.rule.vector_work

    @cached_property
    def weights(self) -> int:
        """Learned elements of operand ``W``."""
        return 0 if self.rule.weights is None or self.rule.dynamic else self._elements(self.rule.weights)

    @cached_property
    def parameters(self) -> int:
        """Learned values: weights, ``affine`` values per output channel, and ``table``."""
        return self.weights + self.affine * self.size(Dim.G) * self.size(Dim.K) + self.table

    @property
    def input_elements(self) -> int:
        """Elements of all input tensors together."""
        return sum(self.elements_read)

    @cached_property
    def elements_read(self) -> tuple[int, ...]:
        """Elements of each input tensor; of a product of two activations, operand ``W`` is the second."""
        if self.reads is not None:
            return self.reads
        found = tuple(self._elements(projection) for projection in self.rule.inputs or ())
        dynamic = self.rule.dynamic and self.rule.weights is not None
        return (*found, self._elements(self.rule.weights or ())) if dynamic else found

    @cached_property
    def fetched(self) -> tuple[int, ...]:
        """Elements fetched of each input tensor: each once, but where data or an offset says which."""
        if not self.rule.gathered or self.rule.weights is not None:
            return self.elements_read
        return (self.rule.gathered * self.output_elements, *self.elements_read[1:])

    @cached_property
    def weights_fetched(self) -> int:
        """Learned elements of ``W`` fetched: all, or of a table those looked up."""
        return self.rule.gathered * self.output_elements if self.weights and self.rule.gathered else self.weights

    @cached_property
    def output_elements(self) -> int:
        """Elements of the output tensor."""
        return self._elements(self.rule.output)

    def bytes_of(self, operand: Operand) -> float:
        """Return the size in bytes of a whole operand: learned weights, all inputs, outputs at their final width."""
        if operand is Operand.W:
            return self.weights * self.bits.W / 8
        if operand is Operand.I:
            return self.input_elements * self.bits.I / 8
        return self.output_elements * self.bits.O / 8

    @cached_property
    def output_shape(self) -> Shape:
        """Shape of the output tensor, as the loops have it."""
        return self._shape(self.rule.output)

    @cached_property
    def input_shape(self) -> Shape:
        """Shape of the first input tensor, as the loops have it; that of the output where they do not say."""
        if self.rule.inputs is None:
            return self.output_shape
        return self._shape(self.rule.inputs[0])

    @property
    def depthwise(self) -> bool:
        """Whether it filters channels one by one: each output channel reads a single input channel of several."""
        return self.rule.has_macs and not self.rule.dynamic and self.size(Dim.C) == 1 < self.size(Dim.G)

    @property
    def label(self) -> str:
        """What a person calls the op: a convolution is ``pointwise``, ``depthwise`` or ``grouped`` where it is."""
        if self.kind != "convolution":
            return self.kind
        if self.size(Dim.G) > 1:
            return "depthwise" if self.size(Dim.C) == self.size(Dim.K) == 1 else "grouped"
        if math.prod(self.size(tap) for _, tap in WINDOWS) == 1:
            return "pointwise"
        planes, rows = (max(self.extent[axis], self.size(WINDOWS[axis][1])) for axis in (0, 1))
        return "conv3d" if planes > 1 else "conv2d" if rows > 1 else "conv1d"

    def span(self, axis: int, outputs: int) -> int:
        """Return the input that ``outputs`` neighbouring outputs see along an axis of ``WINDOWS``, padding counted."""
        filter_size = self.size(WINDOWS[axis][1])
        return (outputs - 1) * self.stride[axis] + (filter_size - 1) * self.dilation[axis] + 1

    def _shape(self, projection: Projection) -> Shape:
        channels = math.prod(self.size(dim) for dim in (Dim.G, Dim.K, Dim.C) if dim in projection)
        planes, *pixels = (
            self.extent[axis] if Sliding(out, tap) in projection else self.size(out) if out in projection else 1
            for axis, (out, tap) in enumerate(WINDOWS)
        )
        return (self.size(Dim.B), channels, *([planes] if planes > 1 else []), *pixels)

    def _elements(self, projection: Projection) -> int:
        count = 1
        for axis in projection:
            if isinstance(axis, Sliding):
                count *= self.extent[_AXIS[axis.out]]
            elif isinstance(axis, Lookup):
                count *= self.extent[axis.axis]
            else:
                count *= self.sizes[axis.position]
        return count
