"""Shapes behind operators of ONNX Runtime that no operator of ONNX resembles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import AccelsimError
from accelsim.workload.importers.attention_sizes import ATTENTION, Heads, Read
from accelsim.workload.importers.onnx_sizes import LONGEST_AXIS
from accelsim.workload.importers.rules.shapes import turned

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["DOMAIN", "QUANTISED_ATTENTION", "result_shapes"]

DOMAIN = "com.microsoft"
#: Places of the inputs of Attention (input, weights, bias, mask, past) among those of QAttention.
QUANTISED_ATTENTION = (0, 1, 2, 5, 8)
Shape = tuple[int, ...]


def result_shapes(node: NodeProto, shape: Callable[[str], Shape | None]) -> dict[str, Shape]:
    """Return the shapes of what an operator writes; none if it is no such operator, or they do not follow.

    Args:
        node: The operator.
        shape: Returns the shape of what it reads, by name.
    """
    import onnx.helper

    infer = _SHAPES.get(node.op_type) if node.domain == DOMAIN else None
    if infer is None:
        return {}

    def read(place: int) -> Shape | None:
        return shape(node.input[place]) if place < len(node.input) and node.input[place] else None

    try:
        attributes = {part.name: onnx.helper.get_attribute_value(part) for part in node.attribute}
        found = infer(read, attributes)
    except (AccelsimError, ArithmeticError, LookupError, TypeError, ValueError):  # the rules say what is wrong with it
        return {}
    known = zip(node.output, found, strict=False)
    return {name: made for name, made in known if name and max(made, default=0) < LONGEST_AXIS}


def _known(read: Read, place: int) -> Shape:
    shape = read(place)
    if shape is None:
        raise ValueError
    return shape


def _product(read: Read, attributes: Mapping[str, Any]) -> list[Shape]:
    left, right = (turned(_known(read, place), attributes, side) for place, side in enumerate("AB"))
    if left[-1] != right[-2 if len(right) > 1 else -1]:
        raise ValueError
    leading = np.broadcast_shapes(left[:-2], right[:-2])
    return [(*leading, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))]


def _packed_product(read: Read, attributes: Mapping[str, Any]) -> list[Shape]:
    return [(*_known(read, 0)[:-1], int(attributes["N"]))]


def _attention(op: str) -> Callable[[Read, Mapping[str, Any]], list[Shape]]:
    def infer(read: Read, attributes: Mapping[str, Any]) -> list[Shape]:
        operands = ATTENTION[op](read, attributes)
        result, length = operands.result, operands.length
        keys, values = (_with_length(heads, length) for heads in (operands.key, operands.value))
        if op == f"{DOMAIN}.Attention":
            return [result.flat, (2, *keys)]
        return [result.flat, keys, values, (result.batch, result.heads, result.tokens, length)]

    return infer


def _quantised_attention(read: Read, attributes: Mapping[str, Any]) -> list[Shape]:
    """QAttention: what Attention reads, among scales and zero points."""
    return _attention(f"{DOMAIN}.Attention")(lambda place: read(QUANTISED_ATTENTION[place]), attributes)


def _with_length(heads: Heads, length: int) -> Shape:
    return heads.batch, heads.heads, length, heads.width


def _embedding(read: Read, _: Mapping[str, Any]) -> list[Shape]:
    tokens, table = _known(read, 0), _known(read, 2)
    whole = (*tokens, table[1])
    return [whole, tokens[:1], whole]


_SHAPES: dict[str, Callable[[Read, Mapping[str, Any]], list[Shape]]] = {
    "FusedMatMul": _product,
    "QAttention": _quantised_attention,
    "MatMulNBits": _packed_product,
    "EmbedLayerNormalization": _embedding,
}
_SHAPES |= {op.removeprefix(f"{DOMAIN}."): _attention(op) for op in ATTENTION}
