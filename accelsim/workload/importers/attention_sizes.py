"""Sizes of attention in the operators of ONNX Runtime, from the shapes of its operands and its attributes alone.

The layouts are those of ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.workload.importers.rules.registry import UnsupportedError

__all__ = ["ATTENTION", "Heads", "Operands", "Read", "heads_of"]

#: Returns the shape of the input at a place; ``None`` where it is left out or its shape is not known.
Read = Callable[[int], tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Heads:
    """Queries, keys or values: samples, heads, tokens, width of a head."""

    batch: int
    heads: int
    tokens: int
    width: int

    @property
    def elements(self) -> int:
        """Number of values."""
        return self.batch * self.heads * self.tokens * self.width

    @property
    def flat(self) -> tuple[int, int, int]:
        """Shape with the heads side by side in the last axis."""
        return self.batch, self.tokens, self.heads * self.width


@dataclass(frozen=True, slots=True)
class Operands:
    """What attention works on.

    Attributes:
        query: The queries.
        key: The keys of now.
        value: The values of now.
        past: Number of earlier tokens that have keys and values.
        packed: How many of queries, keys and values, from the last, lie in one tensor.
    """

    query: Heads
    key: Heads
    value: Heads
    past: int = 0
    packed: int = 0

    @property
    def length(self) -> int:
        """Number of keys, those of earlier tokens among them."""
        return self.past + self.key.tokens

    @property
    def result(self) -> Heads:
        """Sizes of what attention writes."""
        return Heads(self.query.batch, self.query.heads, self.query.tokens, self.value.width)


def _share(size: int, heads: int) -> int:
    if heads < 1 or size % heads:
        raise UnsupportedError(f"{heads} heads in a width of {size}")
    return size // heads


def heads_of(shape: tuple[int, ...] | None, heads: int) -> Heads:
    """Return the sizes of an operand; one of three axes holds its heads side by side.

    Raises:
        UnsupportedError: It is missing, or its axes are others.
    """
    if shape is None:
        raise UnsupportedError("queries, keys or values that are missing or of unknown shape")
    if len(shape) == 4:
        return Heads(*shape)
    if len(shape) != 3:
        raise UnsupportedError(f"queries, keys or values of shape {shape}")
    return Heads(shape[0], heads, shape[1], _share(shape[2], heads))


def _flat(shape: tuple[int, ...] | None, heads: int, *, cached: bool = False) -> Heads:
    """Return the sizes of an operand of three axes; one that is ``cached`` may have four, with the heads stated."""
    if shape is not None and len(shape) == 4 and not (cached and shape[1] == heads):
        raise UnsupportedError(f"{heads} heads in an operand of shape {shape}")
    return heads_of(shape, heads)


def _tokens(past: tuple[int, ...] | None) -> int:
    return 0 if past is None else past[-2]


def _projected(read: Read, attributes: Mapping[str, Any]) -> Operands:
    """Attention: input, merged weights, ..., past at 4."""
    source, weights = read(0), read(1)
    if source is None or weights is None or len(source) != 3 or len(weights) != 2 or source[2] != weights[0]:
        raise UnsupportedError(f"weights of shape {weights} on an input of shape {source}")
    heads = int(attributes.get("num_heads", 0))
    sizes = [int(size) for size in attributes.get("qkv_hidden_sizes") or [_share(weights[1], 3)] * 3]
    if len(sizes) != 3 or sum(sizes) != weights[1]:
        raise UnsupportedError(f"queries, keys and values of widths {sizes} from weights of shape {weights}")
    query, key, value = (Heads(source[0], heads, source[1], _share(size, heads)) for size in sizes)
    return Operands(query, key, value, _tokens(read(4)), packed=3)


def _multi_head(read: Read, attributes: Mapping[str, Any]) -> Operands:
    """MultiHeadAttention: queries, keys, values, ..., past keys at 6; five axes hold two or three of them."""
    heads, past = int(attributes.get("num_heads", 0)), _tokens(read(6))
    for packed, shape in ((3, read(0)), (2, read(1))):
        if shape is not None and len(shape) == 5:
            if shape[2:4] != (heads, packed):
                raise UnsupportedError(f"{packed} operands of {heads} heads in the shape {shape}")
            inside = Heads(shape[0], heads, shape[1], shape[4])
            query = inside if packed == 3 else _flat(read(0), heads)
            return Operands(query, inside, inside, past, packed)
    query, key, value = (_flat(read(place), heads, cached=place > 0) for place in range(3))
    return Operands(query, key, value, past)


def _group_query(read: Read, attributes: Mapping[str, Any]) -> Operands:
    """GroupQueryAttention: queries, keys, values, past keys at 3; without keys, all three side by side in the first."""
    heads, few = (int(attributes.get(name, 0)) for name in ("num_heads", "kv_num_heads"))
    past, first = _tokens(read(3)), read(0)
    if read(1) is not None:
        return Operands(_flat(first, heads), _flat(read(1), few), _flat(read(2), few), past)
    whole = _flat(first, heads + 2 * few)
    query, inside = (Heads(whole.batch, count, whole.tokens, whole.width) for count in (heads, few))
    return Operands(query, inside, inside, past, packed=3)


#: Operator -> function from the shapes of its inputs and its attributes to what it works on.
ATTENTION: dict[str, Callable[[Read, Mapping[str, Any]], Operands]] = {
    "com.microsoft.Attention": _projected,
    "com.microsoft.MultiHeadAttention": _multi_head,
    "com.microsoft.GroupQueryAttention": _group_query,
}
