"""Operators of quantised and fused files as plain ones, with the widths that their scales come with."""

from __future__ import annotations

from dataclasses import replace

from accelsim.workload.importers.fused import taken_apart
from accelsim.workload.importers.graph import Call, Graph, Value
from accelsim.workload.importers.onnx_runtime import QUANTISED_ATTENTION

__all__ = ["plain"]

#: Quantised operator -> plain operator, and the places of its inputs among scales and zero points.
_PLAIN: dict[str, tuple[str, tuple[int, ...]]] = {
    "QLinearConv": ("Conv", (0, 3, 8)),
    "ConvInteger": ("Conv", (0, 1)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "MatMulInteger": ("MatMul", (0, 1)),
    "com.microsoft.QAttention": ("com.microsoft.Attention", QUANTISED_ATTENTION),
    "com.microsoft.QGemm": ("Gemm", (0, 3, 6)),
    "com.microsoft.QLinearAdd": ("Add", (0, 3)),
    "com.microsoft.QLinearMul": ("Mul", (0, 3)),
    "com.microsoft.QLinearSigmoid": ("Sigmoid", (0,)),
    "com.microsoft.QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "com.microsoft.QLinearSoftmax": ("Softmax", (0,)),
    "com.microsoft.QLinearAveragePool": ("AveragePool", (0,)),
    "com.microsoft.QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "com.microsoft.Gelu": ("Gelu", (0,)),
    "com.microsoft.FusedMatMul": ("MatMul", (0, 1)),
    "com.microsoft.DynamicQuantizeMatMul": ("MatMul", (0, 1, 4)),
    "com.microsoft.MatMulIntegerToFloat": ("MatMul", (0, 1, 6)),
    "com.microsoft.QuantizeLinear": ("QuantizeLinear", (0, 1, 2)),
    "com.microsoft.DequantizeLinear": ("DequantizeLinear", (0, 1, 2)),
}


def plain(graph: Graph) -> Graph:
    """Return ``graph`` with plain operators; what is quantised or about to be has the width it is quantised to."""
    values = dict(graph.values)
    calls = taken_apart([_plain(call) for call in graph.calls], values)
    for call in calls:
        if call.op == "DequantizeLinear":
            _take_width(values, call.outputs[0], values.get(call.inputs[0]))
        elif call.op == "QuantizeLinear":
            _take_width(values, call.inputs[0], values.get(call.outputs[0]))
    return Graph(graph.name, values, calls, graph.inputs, graph.outputs)


def _plain(call: Call) -> Call:
    if call.op == "com.microsoft.QLinearConcat":
        return replace(call, op="Concat", inputs=call.inputs[2::3])
    if call.op not in _PLAIN or call.attributes.get("channels_last"):
        return call
    op, places = _PLAIN[call.op]
    return replace(call, op=op, inputs=tuple(call.inputs[place] for place in places if place < len(call.inputs)))


def _take_width(values: dict[str, Value], name: str, like: Value | None) -> None:
    if like is not None and name in values and values[name].bits is None:
        values[name] = replace(values[name], bits=like.bits)
