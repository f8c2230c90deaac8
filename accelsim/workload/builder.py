"""Builds a network layer by layer; the blocks write through it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.workload.network import INPUT, Node
from accelsim.workload.ops import Bits, Op, Shape, convolution, elementwise, fully_connected, pool

__all__ = ["Builder", "Tensor"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A feature map in the making: the node that writes it, and its shape."""

    source: str
    shape: Shape

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[1]


class Builder:
    """Collects nodes. Every method adds one op that reads ``x`` and returns the tensor it writes.

    Args:
        input_shape: Shape of the network's input.
        bits: Bit widths of every op.
    """

    def __init__(self, input_shape: Shape, bits: Bits | None = None) -> None:
        self.nodes: list[Node] = []
        self.bits = bits or Bits()
        self.input = Tensor(INPUT, input_shape)
        self.prefix = ""

    def conv(
        self,
        role: str,
        x: Tensor,
        out: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = None,
        bias: bool = False,
    ) -> Tensor:
        """Add a convolution with its batch norm (or bias, if ``bias``) and activation."""
        op = convolution(
            x.shape,
            out,
            (kernel, kernel),
            stride=(stride, stride),
            groups=groups,
            bits=self.bits,
            affine=1 if bias else 2,
        )
        return self.activate(role, self._add(role, op, x), activation)

    def depthwise(self, role: str, x: Tensor, kernel: int, *, stride: int = 1, activation: str | None = None) -> Tensor:
        """Add a depthwise convolution with its batch norm and activation."""
        return self.conv(role, x, x.channels, kernel, stride=stride, groups=x.channels, activation=activation)

    def fully_connected(self, role: str, x: Tensor, out: int, activation: str | None = None) -> Tensor:
        """Add a fully connected layer with its bias and activation."""
        return self.activate(role, self._add(role, fully_connected(x.shape, out, bits=self.bits), x), activation)

    def pool(
        self, role: str, kind: str, x: Tensor, kernel: int | None = None, stride: int = 1, padding: int = 0
    ) -> Tensor:
        """Add a pooling op of registered ``kind``; global when ``kernel`` is ``None``."""
        window = None if kernel is None else (kernel, kernel)
        op = pool(kind, x.shape, window, stride=(stride, stride), padding=(padding, padding), bits=self.bits)
        return self._add(role, op, x)

    def activate(self, role: str, x: Tensor, activation: str | None) -> Tensor:
        """Add an activation, or nothing if it is ``None``."""
        if activation is None:
            return x
        return self._add(
            f"{role}.{activation}" if role else activation, elementwise(activation, x.shape, bits=self.bits), x
        )

    def combine(self, role: str, kind: str, x: Tensor, other: Tensor) -> Tensor:
        """Add an op that reads two tensors: ``add``, or ``scale`` by one value per channel."""
        return self._add(role, elementwise(kind, x.shape, bits=self.bits), x, other)

    def _add(self, role: str, op: Op, *sources: Tensor) -> Tensor:
        name = ".".join(part for part in (self.prefix, role) if part)
        self.nodes.append(Node(name, op, tuple(source.source for source in sources)))
        return Tensor(name, op.output_shape)
