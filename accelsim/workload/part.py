"""Ops that a function of a block adds, free of the names of layers: worked out once, added wherever they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import Node
from accelsim.workload.ops import Bits, Op, Shape

__all__ = ["Part", "Sources", "assembled", "is_assembled", "remembered"]

#: Marks the source of a tensor that stands outside; its number follows.
_OUTSIDE = "\0"
#: Stands for the role that a remembered function is given.
_ROLE = "\1"

Function = TypeVar("Function", bound=Callable[..., Tensor])


class Sources:
    """The names of tensors that a part reads, numbered as they come; two that are one stay one."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def numbered(self, tensor: Tensor) -> Tensor:
        """Return ``tensor`` with the number of its source in place of the name."""
        return Tensor(_numbered(self.names.setdefault(tensor.source, len(self.names))), tensor.shape)


def _numbered(number: int) -> str:
    """Return the source of the tensor outside of that number."""
    return f"{_OUTSIDE}{number}"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Ops in a row, and what they read; equal to itself alone, so that it is quickly looked up.

    Attributes:
        roles: Name of each op within the part; empty for one that is named as the part is.
        ops: The ops.
        reads: For each op, the places of what it reads: of an op of the part, or counted on behind them, of a tensor
            outside.
        written: The place of the result.
        shape: Its shape.
    """

    roles: tuple[str, ...]
    ops: tuple[Op, ...]
    reads: tuple[tuple[int, ...], ...]
    written: int
    shape: Shape

    @classmethod
    def of(cls, builder: Builder, result: Tensor) -> Part:
        """Return what ``builder`` holds, with tensors outside that ``Sources`` has numbered."""
        places = {node.name: place for place, node in enumerate(builder.nodes)}
        count = len(builder.nodes)
        for source in {source for node in builder.nodes for source in node.inputs} | {result.source}:
            if source.startswith(_OUTSIDE):
                places[source] = count + int(source[1:])
        return cls(
            tuple([node.name for node in builder.nodes]),
            tuple([node.op for node in builder.nodes]),
            tuple([tuple([places[source] for source in node.inputs]) for node in builder.nodes]),
            places[result.source],
            result.shape,
        )

    @lru_cache(maxsize=16384)  # noqa: B019  it forgets, and a search puts the same parts in the same places
    def placed(self, prefix: str, outside: tuple[str, ...]) -> tuple[tuple[Node, ...], Tensor]:
        """Return the nodes and the result, under names that begin with ``prefix``, reading tensors ``outside``."""
        names = [f"{prefix}.{role}" if prefix and role else prefix or role for role in self.roles]
        names += outside
        of = names.__getitem__
        nodes = tuple(map(Node, names, self.ops, [tuple(map(of, places)) for places in self.reads]))
        return nodes, Tensor(names[self.written], self.shape)


def remembered(function: Function) -> Function:
    """Return ``function(b, role, *tensors, *arguments)`` so that it is run once for equal shapes, widths and arguments.

    It adds ops whose names begin with ``role``, reads no other tensors, and has arguments that can be hashed.
    """

    @lru_cache(maxsize=8192)
    def part(shapes: tuple[Shape, ...], sources: tuple[int, ...], bits: Bits, arguments: tuple[Any, ...]) -> Part:
        builder = Builder(shapes[0], bits)
        tensors = [Tensor(_numbered(source), shape) for source, shape in zip(sources, shapes, strict=True)]
        made = Part.of(builder, function(builder, _ROLE, *tensors, *arguments))
        return replace(made, roles=tuple(role.removeprefix(_ROLE).removeprefix(".") for role in made.roles))

    @wraps(function)
    def add(b: Builder, role: str, *given: Any) -> Tensor:
        shapes: list[Shape] = []
        sources: list[int] = []
        names: dict[str, int] = {}
        for tensor in given:
            if not isinstance(tensor, Tensor):
                break
            shapes.append(tensor.shape)
            sources.append(names.setdefault(tensor.source, len(names)))
        prefix = f"{b.prefix}.{role}" if b.prefix and role else b.prefix or role
        made = part(tuple(shapes), tuple(sources), b.bits, given[len(shapes) :])
        nodes, result = made.placed(prefix, tuple(names))
        b.nodes += nodes
        return result

    return cast(Function, add)


def assembled(block: Function) -> Function:
    """Mark a block that is put together from remembered parts: it is not worth remembering as a whole."""
    block.__dict__["assembled"] = True
    return block


def is_assembled(block: Callable[..., Tensor]) -> bool:
    """Return whether a block is marked as put together from remembered parts."""
    return "assembled" in block.__dict__
