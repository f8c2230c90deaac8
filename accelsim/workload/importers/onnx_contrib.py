"""Shapes behind operators of ONNX Runtime, which ONNX itself does not know.

For each there is an operator of ONNX whose result has the same shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.workload.importers.onnx_runtime import DOMAIN

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["alike", "standard", "typed_like"]

_SUM_OUTPUT = 3
#: Operator of ONNX Runtime (its ContribOperators.md) -> one of ONNX, and the places of its inputs.
_LIKE: dict[str, tuple[str, tuple[int, ...]]] = {
    "FusedConv": ("Conv", (0, 1)),
    "FusedGemm": ("Gemm", (0, 1)),
    "DynamicQuantizeMatMul": ("MatMul", (0, 1)),
    "MatMulIntegerToFloat": ("MatMul", (0, 1)),
    "QGemm": ("Gemm", (0, 3)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearMul": ("Mul", (0, 3)),
    "SkipLayerNormalization": ("Add", (0, 1)),
    "SkipSimplifiedLayerNormalization": ("Add", (0, 1)),
}
#: Operators whose first result has the shape of their first input.
_ALIKE = (
    "BiasGelu DequantizeLinear FastGelu Gelu QLinearLeakyRelu QLinearSigmoid QLinearSoftmax QuantizeLinear QuickGelu "
    "RotaryEmbedding"
)
_LIKE |= dict.fromkeys(_ALIKE.split(), ("Identity", (0,)))
#: Attributes that say something about a shape, by the operator of ONNX.
_WINDOW = frozenset(("auto_pad", "ceil_mode", "dilations", "group", "kernel_shape", "pads", "strides"))
_KEPT = {"Conv": _WINDOW, "AveragePool": _WINDOW, "Gemm": {"transA", "transB"}, "Concat": {"axis"}}
#: Place of the input whose type the first result has, where that is not the first.
_TYPED = {"DequantizeLinear": 1, "EmbedLayerNormalization": 5, "MatMulIntegerToFloat": 2, "QLinearConcat": 2}
_TYPED |= {"QAttention": 3, "QuantizeLinear": 2}


def alike(node: NodeProto) -> list[str]:
    """Return the further results of ``node`` that have the shape of its first."""
    sums = node.domain == DOMAIN and node.op_type.startswith("Skip")
    return list(node.output[_SUM_OUTPUT:]) if sums else []


def typed_like(node: NodeProto) -> str:
    """Return the input whose type the first result has: a scale, a zero point, or what is treated."""
    place = _TYPED.get(node.op_type, 0)
    return node.input[place] if len(node.input) > place else ""


def standard(node: NodeProto) -> NodeProto:
    """Return an operator of ONNX whose first result has the shape of that of ``node``; ``node`` if none is known."""
    import onnx

    if node.domain != DOMAIN:
        return node
    if node.op_type == "QLinearConcat":
        op, inputs = "Concat", list(node.input[2::3])
    elif node.op_type in _LIKE:
        op, places = _LIKE[node.op_type]
        inputs = [node.input[place] for place in places if place < len(node.input)]
    else:
        return node
    if not node.output or any(attribute.name == "channels_last" and attribute.i for attribute in node.attribute):
        return node
    like = onnx.NodeProto(name=node.name, op_type=op, input=inputs, output=node.output[:1])
    like.attribute.extend(attribute for attribute in node.attribute if attribute.name in _KEPT.get(op, ()))
    return like
