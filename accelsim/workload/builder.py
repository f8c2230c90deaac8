"""Builds a network layer by layer; the blocks write through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from accelsim.errors import InputError, Problem, shown
from accelsim.workload import ops
from accelsim.workload.network import INPUT, Node
from accelsim.workload.ops import Bits, Op, Shape

__all__ = ["Builder", "Size", "Tensor", "check_odd", "head_width"]

#: A square size, or one of rows and columns (planes, rows and columns).
Size = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A feature map in the making: the node that writes it, and its shape (batch, channels, rows, columns)."""

    source: str
    shape: Shape

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[1]

    @property
    def positions(self) -> int:
        """Number of pixels or tokens."""
        return math.prod(self.shape[2:])

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def seen_as(self, *shape: int) -> Tensor:
        """Return the same values under another shape; nothing moves.

        Raises:
            InputError: The shape holds another number of values.
        """
        if math.prod(shape) != self.elements:
            message = f"{_sizes(self.shape)} values cannot be seen as {_sizes(shape)}"
            raise InputError(Problem(field="shape", message=message))
        return replace(self, shape=shape)


def _sizes(*shapes: Shape) -> str:
    return " and ".join("x".join(map(str, sides)) for sides in shapes)


def check_odd(field: str, *kernels: int) -> None:
    """Refuse filters that would not keep the size of a map.

    Raises:
        InputError: One of ``kernels`` is even; ``field`` is the option that states them.
    """
    for kernel in kernels:
        if kernel % 2 == 0:
            raise InputError(Problem(field=field, got=shown(kernel), allowed="an odd number, which keeps the size"))


def _affine(*, bias: bool, norm: bool | None) -> int:
    """Return the learned values per channel of a bias and a batch norm, one of the two if ``norm`` is ``None``."""
    normed = not bias if norm is None else norm
    return int(bias) + 2 * int(normed)


def head_width(channels: int, heads: int, field: str = "heads") -> int:
    """Return how many of ``channels`` one of ``heads`` has; ``field`` is the option that says how many heads.

    Raises:
        InputError: The heads do not divide the channels.
    """
    if heads < 1 or channels % heads:
        raise InputError(Problem(field=field, message=f"{heads} heads do not divide {channels} channels"))
    return channels // heads


def _sides(size: Size, axes: int) -> tuple[int, ...]:
    return (size,) * axes if isinstance(size, int) else size


class Builder:
    """Collects nodes. Every method adds one op that reads ``x`` and returns the tensor it writes.

    Args:
        input_shape: Shape of the network's input.
        bits: Bit widths of every op.
        inputs: Shapes of further inputs, by name.
    """

    def __init__(self, input_shape: Shape, bits: Bits | None = None, inputs: dict[str, Shape] | None = None) -> None:
        self.nodes: list[Node] = []
        self.bits = bits or Bits()
        self.input = Tensor(INPUT, input_shape)
        self.inputs = {INPUT: self.input} | {name: Tensor(name, shape) for name, shape in (inputs or {}).items()}
        self.prefix = ""

    def conv(
        self,
        role: str,
        x: Tensor,
        out: int,
        kernel: Size = 1,
        *,
        stride: Size = 1,
        groups: int = 1,
        activation: str | None = None,
        bias: bool = False,
        norm: bool | None = None,
        padding: Size | None = None,
        dilation: Size = 1,
    ) -> Tensor:
        """Add a convolution with its bias, batch norm and activation.

        Unless ``norm`` says otherwise, it has a batch norm if it has no bias. A padding of ``None`` keeps the size at
        stride 1.
        """
        axes = len(x.shape) - 2
        op = ops.convolution(
            x.shape,
            out,
            _sides(kernel, axes),
            stride=_sides(stride, axes),
            padding=None if padding is None else _sides(padding, axes),
            dilation=_sides(dilation, axes),
            groups=groups,
            bits=self.bits,
            affine=_affine(bias=bias, norm=norm),
        )
        return self.activate(role, self.add(role, op, x), activation)

    def depthwise(
        self,
        role: str,
        x: Tensor,
        kernel: Size,
        *,
        stride: Size = 1,
        activation: str | None = None,
        bias: bool = False,
        norm: bool | None = None,
        dilation: Size = 1,
    ) -> Tensor:
        """Add a depthwise convolution with its batch norm (or bias) and activation."""
        return self.conv(
            role,
            x,
            x.channels,
            kernel,
            stride=stride,
            groups=x.channels,
            activation=activation,
            bias=bias,
            norm=norm,
            dilation=dilation,
        )

    def transposed(
        self,
        role: str,
        x: Tensor,
        out: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Size = 0,
        groups: int = 1,
        activation: str | None = None,
        bias: bool = True,
    ) -> Tensor:
        """Add a transposed convolution with its bias (or batch norm) and activation."""
        axes = len(x.shape) - 2
        op = ops.transposed_convolution(
            x.shape,
            out,
            _sides(kernel, axes),
            stride=_sides(stride, axes),
            padding=_sides(padding, axes),
            groups=groups,
            bits=self.bits,
            affine=_affine(bias=bias, norm=None),
        )
        return self.activate(role, self.add(role, op, x), activation)

    def fully_connected(
        self, role: str, x: Tensor, out: int, activation: str | None = None, *, bias: bool = True
    ) -> Tensor:
        """Add a fully connected layer over the flattened ``x``, with its bias and activation."""
        op = ops.fully_connected(x.shape, out, bits=self.bits, affine=int(bias))
        return self.activate(role, self.add(role, op, x), activation)

    def linear(self, role: str, x: Tensor, out: int, activation: str | None = None, *, bias: bool = True) -> Tensor:
        """Add a fully connected layer over the channels of each pixel or token, with its bias and activation."""
        op = ops.fully_connected(x.shape, out, each=True, bits=self.bits, affine=int(bias))
        y = self.add(role, op, x).seen_as(x.shape[0], out, *x.shape[2:])
        return self.activate(role, y, activation)

    def matmul(
        self, role: str, x: Tensor, y: Tensor, heads: int = 1, *, shared: int = 1, bits: int | None = None
    ) -> Tensor:
        """Add the product of two activations head by head.

        Args:
            role: Name of the op.
            x: Left matrices: batch, channels of all heads, rows; every head's channels are summed over.
            y: Right matrices: batch, values that hold for every head as many rows as a head of ``x`` has channels.
            heads: Number of right matrices.
            shared: Left matrices that meet the same right one.
            bits: Width of the values of ``y``; that of the other activations if not given.

        Returns:
            The tensor of batch, ``heads * shared * columns`` channels, 1, rows.

        Raises:
            InputError: The heads do not divide the channels of ``x``, or ``y`` is no such matrices.
        """
        batch, rows = x.shape[0], x.positions
        inner = head_width(x.channels, heads * shared)
        columns, rest = divmod(y.elements, batch * heads * inner)
        if rest or y.shape[0] != batch:
            message = f"{_sizes(y.shape)} values are no right matrices for the {heads} heads of {_sizes(x.shape)}"
            raise InputError(Problem(field="heads", message=message))
        widths = self._of_activations(bits)
        op = ops.matmul(rows, inner, columns, batch=batch, heads=heads, shared=shared, bits=widths)
        return self.add(role, op, x, y).seen_as(batch, heads * shared * columns, 1, rows)

    def attention(
        self,
        role: str,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        heads: int,
        *,
        shared: int = 1,
        table: int = 0,
        bits: int | None = None,
    ) -> Tensor:
        """Add fused attention of ``heads`` key heads, each with ``shared`` query heads; the scores stay on chip.

        Args:
            role: Name of the op.
            q: Queries: batch, channels of all heads, tokens.
            k: Keys, for every head as wide as a query.
            v: Values, as many as there are keys.
            heads: Heads of keys and values.
            shared: Query heads that share one of them.
            table: Learned values added to the scores.
            bits: Width of keys and values; that of the other activations if not given.

        Returns:
            The tensor of batch, the channels of the values of all query heads, and the positions of ``q``.

        Raises:
            InputError: The heads do not divide the channels, or keys, queries and values do not go together.
        """
        batch = q.shape[0]
        depth, width = head_width(q.channels, heads * shared), head_width(v.channels, heads)
        if k.shape != (batch, heads * depth, *v.shape[2:]) or v.shape[0] != batch:
            message = f"queries, keys and values of {_sizes(q.shape, k.shape, v.shape)} do not go together"
            raise InputError(Problem(field="heads", message=message))
        widths = self._of_activations(bits)
        op = ops.attention(
            q.positions, k.positions, depth, width, batch=batch, heads=heads, shared=shared, bits=widths, table=table
        )
        return self.add(role, op, q, k, v).seen_as(batch, heads * shared * width, *q.shape[2:])

    def _of_activations(self, bits: int | None) -> Bits:
        """Return the widths of a product of two activations: operand ``W`` is one of them."""
        return replace(self.bits, W=self.bits.I if bits is None else bits)

    def pool(
        self, role: str, kind: str, x: Tensor, kernel: Size | None = None, stride: Size = 1, padding: Size = 0
    ) -> Tensor:
        """Add a pooling op of registered ``kind``; global when ``kernel`` is ``None``."""
        axes = len(x.shape) - 2
        window = None if kernel is None else _sides(kernel, axes)
        steps, before = _sides(stride, axes), _sides(padding, axes)
        return self.add(role, ops.pool(kind, x.shape, window, stride=steps, padding=before, bits=self.bits), x)

    def activate(self, role: str, x: Tensor, activation: str | None) -> Tensor:
        """Add an activation, or nothing if it is ``None``."""
        if activation is None:
            return x
        return self.each(f"{role}.{activation}" if role else activation, activation, x)

    def each(self, role: str, kind: str, x: Tensor, *, affine: int = 0, table: int = 0) -> Tensor:
        """Add an op that treats each element, or normalises: a softmax, a norm with ``affine`` values a channel.

        ``table`` counts learned values that are not per channel.
        """
        return self.add(role, ops.elementwise(kind, x.shape, bits=self.bits, affine=affine, table=table), x)

    def combine(self, role: str, kind: str, x: Tensor, other: Tensor) -> Tensor:
        """Add an op of two tensors: ``add``, ``scale`` by one value per channel. A tensor added to itself is doubled.

        Raises:
            InputError: ``other`` has another size, and not simply a single value where ``x`` has more.
        """
        if kind == "add" and other == x:
            return self.each(role, "double", x)
        stretched = [side not in (1, whole) for side, whole in zip(other.shape, x.shape, strict=False)]
        if other.elements != x.elements and (len(other.shape) != len(x.shape) or any(stretched)):
            message = f"{kind} needs two tensors of one size, not {_sizes(x.shape, other.shape)}"
            raise InputError(Problem(field="shape", message=message))
        reads = None if kind == "scale" or other.elements == x.elements else (x.elements, other.elements)
        return self.add(role, ops.elementwise(kind, x.shape, bits=self.bits, reads=reads), x, other)

    def move(self, role: str, kind: str, shape: Shape, *sources: Tensor, table: int = 0) -> Tensor:
        """Add an op that only moves data into ``shape``: a transpose, a slice, a resize, a pad.

        ``table`` counts learned values that are put beside the data, such as a class token.
        """
        reads = tuple(source.elements for source in sources)
        return self.add(role, ops.elementwise(kind, shape, bits=self.bits, table=table, reads=reads), *sources)

    def concat(self, role: str, *sources: Tensor) -> Tensor:
        """Add a concatenation of channels.

        Raises:
            InputError: The sources differ in more than their channels.
        """
        batch, _, *sides = sources[0].shape
        if any((x.shape[0], *x.shape[2:]) != (batch, *sides) for x in sources):
            message = f"{_sizes(*(x.shape for x in sources))} differ in more than their channels"
            raise InputError(Problem(field="shape", message=message))
        return self.move(role, "concat", (batch, sum(x.channels for x in sources), *sides), *sources)

    def split(self, role: str, x: Tensor, *channels: int) -> tuple[Tensor, ...]:
        """Add a slice for each number of channels, one after the other."""
        batch, _, *sides = x.shape
        return tuple(
            self.move(f"{role}.{place}", "slice", (batch, count, *sides), x)
            for place, count in enumerate(channels, start=1)
        )

    def add(self, role: str, op: Op, *sources: Tensor) -> Tensor:
        """Add any op that reads ``sources``."""
        name = f"{self.prefix}.{role}" if self.prefix and role else self.prefix or role
        self.nodes.append(Node(name, op, tuple([source.source for source in sources])))
        return Tensor(name, op.output_shape)
