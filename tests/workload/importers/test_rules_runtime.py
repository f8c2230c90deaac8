"""Operators that ONNX Runtime's optimiser writes: the loops, values and widths of what they were made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from accelsim.dims import Dim
from accelsim.workload.importers.convert import Imported, convert
from accelsim.workload.importers.coverage import Status
from accelsim.workload.importers.fused import taken_apart
from accelsim.workload.importers.graph import Call, Value
from accelsim.workload.importers.patterns import recompose
from accelsim.workload.importers.quantised import plain
from accelsim.workload.ops import Bits, Op
from tests.workload.importers.graphs import graph
from tests.workload.importers.onnx_models import imported, model, node, notes

MS = "com.microsoft"


def supported(proto: Any, bits: Bits | None = None) -> Imported:
    found = imported(proto, bits)
    assert {status for status, _ in notes(found).values()} == {Status.supported}
    return found


def refused(proto: Any, operator: str) -> str:
    """Return why an operator is refused; what the file says beside it still imports."""
    status, note = notes(imported(proto))[f"{MS}.{operator}"]
    assert status is Status.unsupported
    return note


def kinds(found: Imported) -> list[str]:
    return [n.op.kind for n in found.network]


def ops(found: Imported) -> list[Op]:
    return [n.op for n in found.network]


# ------------------------------------------------------------------------------------------------ products of matrices
def numpy_operand(shape: tuple[int, ...], trans: int, batch: int) -> np.ndarray:
    """Return zeros as numpy multiplies them: leading axes, rows, columns (definition of FusedMatMul)."""
    array = np.zeros(shape)
    if batch:
        array = np.moveaxis(array, 0, -2)
    return np.swapaxes(array, -1, -2) if trans else array


PRODUCTS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = {
    "plain": ((2, 3, 4, 5), (2, 3, 5, 6), {}),
    "left turned": ((2, 3, 5, 4), (2, 3, 5, 6), {"transA": 1}),
    "right turned": ((2, 3, 4, 5), (2, 3, 6, 5), {"transB": 1}),
    "both turned": ((2, 3, 5, 4), (2, 3, 6, 5), {"transA": 1, "transB": 1}),
    "rows before heads": ((4, 2, 3, 5), (6, 2, 3, 5), {"transBatchA": 1, "transBatchB": 1, "transB": 1}),
    "rows before heads, turned": ((5, 2, 3, 4), (2, 3, 5, 6), {"transBatchA": 1, "transA": 1}),
    "a vector": ((5,), (6, 5), {"transA": 1, "transB": 1}),
    "a vector behind": ((3, 5, 4), (5,), {"transA": 1, "transB": 1}),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("case", PRODUCTS)
def test_operands_that_are_read_turned_make_what_numpy_makes_of_them(case: str, constant: bool) -> None:
    a, b, options = PRODUCTS[case]
    left = numpy_operand(a, options.get("transA", 0) * (len(a) > 1), options.get("transBatchA", 0))
    right = numpy_operand(b, options.get("transB", 0) * (len(b) > 1), options.get("transBatchB", 0))
    result = np.matmul(left, right)
    nodes = [node("FusedMatMul", "a b", "h", MS, alpha=0.125, **options), node("Relu", "h", "y")]
    given = {"a": a} if constant else {"a": a, "b": b}
    found = supported(model(nodes, given, constants={"b": b} if constant else {}))
    first, last = ops(found)
    assert first.output_elements == last.output_elements == result.size
    assert found.network.macs == result.size * 5, "the inner axis has 5 elements"
    assert found.network.params == (np.zeros(b).size if constant else 0)


def test_square_matrices_are_turned_too() -> None:
    """Both readings of 8 x 8 fit; with 8 x 2 behind it only one is right."""
    nodes = [node("FusedMatMul", "a b", "y", MS, transB=1)]
    op = supported(model(nodes, {"a": (4, 2, 8), "b": (4, 8, 8)})).network.nodes[0].op
    assert (op.kind, op.size(Dim.G), op.size(Dim.OX), op.size(Dim.C), op.size(Dim.K)) == ("matmul", 4, 2, 8, 8)


def test_attention_scores_over_turned_keys_have_their_loops() -> None:
    nodes = [node("FusedMatMul", "q k", "y", MS, transB=1, alpha=0.5)]
    op = supported(model(nodes, {"q": (2, 3, 7, 4), "k": (2, 3, 9, 4)})).network.nodes[0].op
    assert (op.size(Dim.G), op.size(Dim.OX), op.size(Dim.C), op.size(Dim.K)) == (6, 7, 4, 9)
    assert op.elements_read == (2 * 3 * 7 * 4, 2 * 3 * 9 * 4)


def test_a_tensor_times_itself_turned_is_inferred() -> None:
    nodes = [node("FusedMatMul", "x x", "h", MS, transB=1), node("Relu", "h", "y")]
    found = supported(model(nodes, {"x": (2, 5, 3)}))
    assert found.network.macs == 2 * 5 * 5 * 3


def test_matrices_that_do_not_fit_once_turned_are_refused() -> None:
    nodes = [node("FusedMatMul", "a b", "y", MS, transB=1), node("Relu", "a", "z")]
    assert "fit" in refused(model(nodes, {"a": (2, 4, 5), "b": (2, 5, 6)}, "y z"), "FusedMatMul")


@pytest.mark.parametrize(("columns", "calls"), [(6, ["MatMul"]), (5, ["MatMul", "Add"])])
def test_a_bias_behind_turned_weights_has_a_value_for_each_of_their_rows(columns: int, calls: list[str]) -> None:
    given = graph(
        (f"{MS}.FusedMatMul", "x w", "m", {"transB": 1}),
        ("Add", "m b", "y"),
        inputs={"x": (4, 5)},
        outputs=("y",),
        constants={"w": (6, 5), "b": (columns,)},
        shapes={"m": (4, 6), "y": (4, 6)},
    )
    assert [call.op for call in recompose(plain(given)).calls] == calls


# -------------------------------------------------------------------------------------------------- fused with a layer
def fused_conv(sources: str, constants: dict[str, Any], more: dict[str, Any] | None = None, **options: Any) -> Imported:
    nodes = [
        node("FusedConv", sources, "h", MS, strides=[2, 2], **options),
        node("MaxPool", "h", "y", kernel_shape=[2, 2]),
    ]
    return supported(model(nodes, {"x": (1, 3, 8, 8), **(more or {})}, constants={"w": (4, 3, 2, 2), **constants}))


def test_a_convolution_keeps_its_addition_and_its_activation() -> None:
    found = fused_conv("x w b z", {"b": (4,)}, {"z": (1, 4, 4, 4)}, activation="Relu")
    conv, total, relu, _ = found.network
    assert kinds(found) == ["convolution", "add", "relu", "max_pool"]
    assert (conv.op.macs, conv.op.parameters, conv.op.stride[1:]) == (16 * 4 * 12, 4 * 12 + 4, (2, 2))
    assert total.inputs == (conv.name, "z")
    assert total.op.elements_read == (64, 64)
    assert [n.op.vector_ops for n in (total, relu)] == [64, 64]
    assert [n.name for n in found.network] == [conv.name, f"{conv.name}.add", f"{conv.name}.relu", "y"]


def test_the_addition_of_a_convolution_without_a_bias_is_no_bias() -> None:
    found = fused_conv("x w - z", {}, {"z": (1, 4, 4, 4)})
    assert kinds(found) == ["convolution", "add", "max_pool"]
    assert found.network.params == 48


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"activation": "Clip", "activation_params": [0.0, 6.0]}, "relu6"),
        ({"activation": "Clip", "activation_params": [-1.0, 1.0]}, "clip"),
        ({"activation": "LeakyRelu", "activation_params": [0.1]}, "leaky_relu"),
        ({"activation": "HardSigmoid", "activation_params": [0.2, 0.5]}, "hard_sigmoid"),
        ({"activation": "Sigmoid"}, "sigmoid"),
        ({"activation": "Tanh"}, "tanh"),
    ],
)
def test_every_activation_of_a_fused_convolution_is_its_own_step(options: dict[str, Any], kind: str) -> None:
    assert kinds(fused_conv("x w", {}, **options)) == ["convolution", kind, "max_pool"]


def test_an_unknown_activation_is_refused_and_its_convolution_counted() -> None:
    nodes = [node("FusedConv", "x w", "y", MS, activation="Frobnicate")]
    found = imported(model(nodes, {"x": (1, 3, 4, 4)}, constants={"w": (4, 3, 1, 1)}))
    told = notes(found)
    assert told[f"{MS}.FusedConv"][0] is Status.supported
    assert told[f"{MS}.FusedConv (Frobnicate)"] == (Status.unsupported, "there is no rule for it")
    assert found.network.macs == 16 * 12


def test_a_fused_gemm_keeps_its_activation_and_reads_its_operands_turned() -> None:
    nodes = [node("FusedGemm", "x w b", "h", MS, transB=1, activation="LeakyRelu"), node("Relu", "h", "y")]
    found = supported(model(nodes, {"x": (3, 5)}, constants={"w": (7, 5), "b": (7,)}))
    assert kinds(found) == ["fully_connected", "leaky_relu", "relu"]
    assert (found.network.macs, found.network.params) == (3 * 7 * 5, 35 + 7)
    assert [op.output_elements for op in ops(found)] == [21, 21, 21]


def test_the_table_counts_a_fused_operator_once() -> None:
    lines = fused_conv("x w b z", {"b": (4,)}, {"z": (1, 4, 4, 4)}, activation="Relu").coverage.lines()
    assert {line.operator: line.count for line in lines} == {
        f"{MS}.FusedConv": 1,
        f"{MS}.FusedConv (Add)": 1,
        f"{MS}.FusedConv (Relu)": 1,
        "MaxPool": 1,
    }


def test_names_between_the_parts_of_a_call_are_new() -> None:
    values = {name: Value(name, (1, 4)) for name in ("x", "y", "y#conv")}
    calls = [
        Call("n", f"{MS}.FusedConv", ("x", "w"), ("y",), {"activation": "Relu"}),
        Call("n.relu", "Relu", ("y",), ("y#conv",)),
    ]
    conv, relu, other = taken_apart(calls, values)
    assert conv.outputs == relu.inputs == ("y#conv#",)
    assert values["y#conv#"] == Value("y#conv#", (1, 4))
    assert (relu.name, relu.outputs, other) == ("n.relu#", ("y",), calls[1])


@pytest.mark.parametrize(
    "call",
    [
        node("FusedConv", "x w", "h", MS, activation=3, activation_params=7),
        node("FusedMatMul", "x", "h", MS, transB=1),
        node("MatMulNBits", "x w w", "h", MS),
        node("MatMulNBits", "x w w", "h", MS, K=4, N=-4),
        node("Attention", "x w", "h", MS, num_heads=2, qkv_hidden_sizes=3),
        node("MultiHeadAttention", "x", "h", MS, num_heads="two"),
        node("GroupQueryAttention", "x", "h", MS, num_heads=[1], kv_num_heads=1),
        node("EmbedLayerNormalization", "x w", "h", MS),
        node("MultiHeadAttention", "x x x", "h", MS, num_heads=2**40),
    ],
)
def test_malformed_operators_are_told_apart_from_those_that_are_supported(call: Any) -> None:
    found = imported(model([call, node("Relu", "x", "y")], {"x": (1, 4, 4, 4)}, "y h", {"w": (4, 4, 1, 1)}))
    wrong = [entry for entry in found.coverage.entries if entry.status is Status.unsupported]
    assert wrong
    assert all(entry.note for entry in wrong)


@pytest.mark.parametrize(("sources", "results"), [("x w", ""), ("", "h")])
def test_a_fused_layer_that_reads_or_writes_nothing_is_left_out(sources: str, results: str) -> None:
    nodes = [node("FusedConv", sources, results, MS, activation="Relu"), node("Relu", "x", "y")]
    assert kinds(supported(model(nodes, {"x": (1, 4, 4, 4)}, constants={"w": (4, 4, 1, 1)}))) == ["relu"]


@pytest.mark.parametrize(
    ("op", "sources", "macs"),
    [("DynamicQuantizeMatMul", "x w s z b", 40), ("MatMulIntegerToFloat", "q w s s z z b", 40)],
)
def test_products_quantised_on_the_way_keep_their_bias_and_their_weights_width(
    op: str, sources: str, macs: int
) -> None:
    constants = {"w": np.zeros((4, 5), np.int8), "s": np.float32(1), "z": np.int8(0), "b": (5,)}
    proto = model(
        [node(op, sources, "h", MS), node("Relu", "h", "y")],
        {sources[0]: (2, 4)},
        constants=constants,
        kinds={"q": TensorProto.INT8},
    )
    found = supported(proto, Bits(W=16, I=16, O=16))
    dense, relu = ops(found)
    assert (dense.macs, dense.parameters, dense.bits.W) == (macs, 25, 8)
    assert (8 if sources[0] == "q" else 16, 16, 16) == (dense.bits.I, dense.bits.O, relu.bits.I)


def test_a_fast_gelu_keeps_its_bias() -> None:
    nodes = [node("FastGelu", "x b", "y", MS)]
    op = supported(model(nodes, {"x": (2, 5, 8)}, constants={"b": (8,)})).network.nodes[0].op
    assert (op.kind, op.parameters) == ("gelu", 8)
    assert "constant" in refused(model(nodes, {"x": (2, 5, 8), "b": (8,)}), "FastGelu")


# ---------------------------------------------------------------------------------------------- weights of N bits each
def packed(bits: int, blob: int, *more: str, inner: int = 64, **constants: Any) -> onnx.ModelProto:
    sources = " ".join(("x", "w", "s", *more))
    weights = {"w": np.zeros((48, 2, blob), np.uint8), "s": (48, 2)}
    call = node("MatMulNBits", sources, "h", MS, K=inner, N=48, bits=bits, block_size=32)
    return model([call, node("Relu", "h", "y")], {"x": (2, 5, 64)}, constants=weights | constants)


@pytest.mark.parametrize(("bits", "blob"), [(2, 8), (4, 16), (8, 32)])
def test_weights_of_few_bits_are_as_many_as_the_attributes_say(bits: int, blob: int) -> None:
    found = imported(packed(bits, blob, "-", "-", "b", b=(48,)))
    dense, relu = ops(found)
    assert (dense.kind, dense.size(Dim.B), dense.size(Dim.OX)) == ("fully_connected", 2, 5)
    assert (dense.size(Dim.C), dense.size(Dim.K)) == (64, 48)
    assert (dense.macs, dense.parameters) == (2 * 5 * 64 * 48, 64 * 48 + 48)
    assert (bits, 8) == (dense.bits.W, dense.bits.I)
    assert relu.output_elements == 2 * 5 * 48
    assert notes(found)[f"{MS}.MatMulNBits"] == (
        Status.approximated,
        "the scales of its blocks of weights are left out",
    )


def test_weights_of_few_bits_that_do_not_fit_are_refused() -> None:
    assert "64 channels of 8 bits" in refused(packed(8, 16), "MatMulNBits")
    assert "32 channels of 4 bits" in refused(packed(4, 16, inner=32), "MatMulNBits")


# ------------------------------------------------------------------------------------------------------------ attention
def attention(
    op: str,
    sources: str,
    inputs: dict[str, Any],
    constants: dict[str, Any] | None = None,
    outputs: str = "h",
    **more: Any,
) -> onnx.ModelProto:
    """Return an operator with a Relu behind its result, which has to know its shape."""
    nodes = [node(op, sources, outputs, MS, **more), node("Relu", "h", "y")]
    results = " ".join(["y", *(name for name in outputs.split()[1:] if name != "-")])
    return model(nodes, inputs, results, constants)


def flat(heads: int = 6, past: int = 0) -> list[Op]:
    """Return the ops of ONNX's own operator for 2 samples, 5 queries of 4, 7 keys, values of 3."""
    inputs: dict[str, Any] = {"q": (2, 5, 24), "k": (2, 7, heads * 4), "v": (2, 7, heads * 3)}
    sources = "q k v"
    if past:
        inputs |= {"pk": (2, heads, past, 4), "pv": (2, heads, past, 3)}
        sources += " - pk pv"
    proto = model([node("Attention", sources, "y", q_num_heads=6, kv_num_heads=heads)], inputs, opset=23)
    return ops(supported(proto))


MHA: dict[str, Any] = {"q": (2, 5, 24), "k": (2, 7, 24), "v": (2, 7, 18)}


def test_attention_of_many_heads_is_what_onnx_calls_attention() -> None:
    found = supported(attention("MultiHeadAttention", "q k v", MHA, num_heads=6))
    assert ops(found)[:-1] == flat()
    assert found.network.macs == 2 * 6 * 5 * 7 * (4 + 3)
    assert found.network.nodes[-1].op.output_elements == 2 * 5 * 18


def test_earlier_tokens_lengthen_the_keys() -> None:
    past = {"pk": (2, 6, 9, 4), "pv": (2, 6, 9, 3)}
    proto = attention("MultiHeadAttention", "q k v - - - pk pv", MHA | past, outputs="h nk nv", num_heads=6)
    found = supported(proto)
    assert ops(found)[:-1] == flat(past=9)
    assert found.network.macs == 2 * 6 * 5 * 16 * (4 + 3)
    results = {n.op.output_elements for n in found.network if n.name in found.network.results}
    assert results == {2 * 6 * 16 * 4, 2 * 6 * 16 * 3, 2 * 5 * 18}


def test_biases_masks_and_relative_positions_are_steps_of_their_own() -> None:
    more = {"m": (2, 7), "r": (1, 6, 5, 7)}
    found = supported(attention("MultiHeadAttention", "q k v b m r", MHA | more, {"b": (66,)}, num_heads=6))
    assert kinds(found) == ["unary", "unary", "unary", "matmul", "add", "add", "softmax", "matmul", "relu"]
    assert [op.parameters for op in ops(found)[:3]] == [24, 24, 18]
    assert found.network.params == 66
    assert [op.elements_read for op in ops(found)[4:6]] == [(420, 14), (420, 210)]


def test_keys_of_a_cache_have_their_heads_apart_and_no_bias() -> None:
    inputs = {"q": (2, 5, 24), "k": (2, 6, 7, 4), "v": (2, 6, 7, 3)}
    found = supported(attention("MultiHeadAttention", "q k v b", inputs, {"b": (66,)}, num_heads=6))
    assert ops(found)[1:-1] == flat()
    assert ops(found)[0].parameters == 24


@pytest.mark.parametrize("packed_in", [3, 2])
def test_operands_in_one_tensor_are_cut_out_of_it(packed_in: int) -> None:
    whole = (2, 7, 6, packed_in, 4)
    inputs, sources = ({"x": whole}, "x") if packed_in == 3 else ({"q": (2, 5, 24), "x": whole}, "q x")
    found = supported(attention("MultiHeadAttention", sources, inputs, num_heads=6))
    assert kinds(found) == ["slice"] * packed_in + ["matmul", "softmax", "matmul", "relu"]
    queries = 7 if packed_in == 3 else 5
    assert found.network.macs == 2 * 6 * queries * 7 * 8
    assert ops(found)[0].elements_read == (2 * 7 * 6 * packed_in * 4,)


def test_scores_that_are_asked_for_can_be_seen() -> None:
    found = supported(attention("MultiHeadAttention", "q k v", MHA, outputs="h - - s", num_heads=6))
    (scores,) = (n for n in found.network if n.name in found.network.results and n.op.output_elements == 420)
    assert scores.op.kind == "matmul"


# Attention with its projection
def test_a_merged_projection_is_a_layer_with_weights() -> None:
    found = supported(
        attention("Attention", "x w b m", {"x": (2, 5, 8), "m": (2, 5)}, {"w": (8, 72), "b": (72,)}, num_heads=6)
    )
    dense = ops(found)[0]
    assert kinds(found)[0] == "fully_connected"
    assert kinds(found)[1:] == ["slice"] * 3 + ["matmul", "add", "softmax", "matmul", "relu"]
    assert (dense.size(Dim.C), dense.size(Dim.K), dense.size(Dim.OX)) == (8, 72, 5)
    assert found.network.params == 8 * 72 + 72
    assert found.network.macs == 2 * 5 * 8 * 72 + 2 * 6 * 5 * 5 * (4 + 4)


def test_values_may_be_of_another_width() -> None:
    proto = attention("Attention", "x w", {"x": (2, 5, 8)}, {"w": (8, 66)}, num_heads=6, qkv_hidden_sizes=[24, 24, 18])
    found = supported(proto)
    assert found.network.macs == 2 * 5 * 8 * 66 + 2 * 6 * 5 * 5 * (4 + 3)
    assert ops(found)[-1].output_elements == 2 * 5 * 18


@pytest.mark.parametrize("past", [0, 9])
def test_keys_and_values_of_earlier_tokens_may_lie_in_one_tensor(past: int) -> None:
    inputs = {"x": (2, 5, 8)} | ({"p": (2, 2, 6, past, 4)} if past else {})
    sources = "x w b - p" if past else "x w b"
    proto = attention("Attention", sources, inputs, {"w": (8, 72), "b": (72,)}, outputs="h n", num_heads=6, do_rotary=1)
    found = supported(proto)
    cut = ["slice", "slice"] if past else []
    start = ["fully_connected", "slice", "slice", "slice", "rotary", "rotary", "concat"]
    assert kinds(found) == [*start, *cut, "matmul", "softmax", "matmul", "relu"]
    assert found.network.macs == 2 * 5 * 8 * 72 + 2 * 6 * 5 * (past + 5) * (4 + 4)
    assert ops(found)[6].output_elements == 2 * 2 * 6 * (past + 5) * 4


def test_a_quantised_attention_has_the_width_of_its_weights_in_its_projection_alone() -> None:
    constants = {"w": np.zeros((8, 72), np.int8), "b": (72,), "s": np.float32(1), "z": np.uint8(0)}
    nodes = [node("QAttention", "x w b s s - z z p", "h n", MS, num_heads=6), node("Relu", "h", "y")]
    inputs = {"x": (2, 5, 8), "p": (2, 2, 6, 9, 4)}
    found = supported(model(nodes, inputs, "y n", constants, kinds={"x": TensorProto.UINT8}), Bits(W=16, I=16, O=16))
    dense, *others = ops(found)
    assert (dense.bits.W, dense.bits.I, dense.bits.O) == (8, 8, 16)
    assert {op.bits.I for op in others} == {16}
    assert found.network.macs == 2 * 5 * 8 * 72 + 2 * 6 * 5 * 14 * 8


# Keys shared by groups of queries
GQA = {"q": (2, 5, 24), "k": (2, 5, 8), "v": (2, 5, 8), "n": (2,), "t": (1,)}
CACHE = {"pk": (2, 2, 9, 4), "pv": (2, 2, 9, 4)}
GROUPS: dict[str, Any] = {"num_heads": 6, "kv_num_heads": 2}


def test_groups_of_queries_share_keys_and_a_cache() -> None:
    proto = attention("GroupQueryAttention", "q k v pk pv n t", GQA | CACHE, outputs="h nk nv", **GROUPS)
    found = supported(proto)
    assert kinds(found) == ["concat", "concat", "matmul", "softmax", "matmul", "relu"]
    scores, values = (op for op in ops(found) if op.kind == "matmul")
    assert (scores.size(Dim.G), scores.size(Dim.OY), scores.size(Dim.OX)) == (4, 3, 5)
    assert (scores.size(Dim.C), scores.size(Dim.K)) == (4, 14)
    assert scores.elements_read == (2 * 5 * 24, 2 * 2 * 14 * 4)
    assert values.elements_read == (2 * 6 * 5 * 14, 2 * 2 * 14 * 4)
    assert found.network.macs == 2 * 6 * 5 * 14 * (4 + 4)


def test_packed_operands_are_cut_apart_and_turned() -> None:
    inputs = {"x": (2, 5, 40), "n": (2,), "t": (1,)} | CACHE
    constants = {"c": (32, 2), "s": (32, 2)}
    proto = attention("GroupQueryAttention", "x - - pk pv n t c s", inputs, constants, "h nk nv", do_rotary=1, **GROUPS)
    found = supported(proto)
    start = ["slice"] * 3 + ["rotary"] * 2
    assert kinds(found) == [*start, "concat", "concat", "matmul", "softmax", "matmul", "relu"]
    assert [op.output_elements for op in ops(found)[:5]] == [240, 80, 80, 240, 80]
    assert found.network.macs == 2 * 6 * 5 * 14 * (4 + 4)
    assert found.network.params == 0, "sines and cosines are not learned"


def test_a_buffer_with_room_for_what_comes_is_counted_as_full() -> None:
    proto = attention("GroupQueryAttention", "q k v pk pv n t", GQA | CACHE, outputs="h nk nv", **GROUPS)
    for value in proto.graph.output[1:]:
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, TensorProto.FLOAT, (2, 2, 9, 4)))
    found = imported(proto)
    status, note = notes(found)[f"{MS}.GroupQueryAttention"]
    assert (status, note) == (Status.approximated, "all places of the buffer of keys and values are counted as filled")
    assert found.network.macs == 2 * 6 * 5 * 9 * (4 + 4)


REFUSED: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], str]] = {
    "no heads": ("MultiHeadAttention", "q k v", MHA, {"num_heads": 0}, "0 heads"),
    "uneven heads": ("MultiHeadAttention", "q k v", MHA, {"num_heads": 5}, "5 heads in a width of 24"),
    "a cache of other heads": (
        "MultiHeadAttention",
        "q k v",
        MHA | {"k": (2, 5, 7, 4)},
        {"num_heads": 6},
        "6 heads in",
    ),
    "queries with heads apart": (
        "MultiHeadAttention",
        "q k v",
        MHA | {"q": (2, 6, 5, 4)},
        {"num_heads": 6},
        "6 heads in",
    ),
    "no values": ("MultiHeadAttention", "q k", MHA, {"num_heads": 6}, "missing"),
    "a beam": ("MultiHeadAttention", "q k v - - - - - - i", MHA | {"i": (2, 1, 7)}, {"num_heads": 6}, "a beam"),
    "a bias that is computed": ("MultiHeadAttention", "q k v b", MHA | {"b": (66,)}, {"num_heads": 6}, "bias"),
    "other packing": ("MultiHeadAttention", "x", {"x": (2, 7, 3, 6, 4)}, {"num_heads": 6}, "3 operands of 6 heads"),
    "a past of other sizes": (
        "MultiHeadAttention",
        "q k v - - - pk pv",
        MHA | {"pk": (2, 5, 9, 4), "pv": (2, 6, 9, 3)},
        {"num_heads": 6},
        "earlier tokens",
    ),
    "a sink": ("GroupQueryAttention", "q k v - - n t - - - - s", GQA | {"s": (6,)}, GROUPS, "a sink"),
    "a window": (
        "GroupQueryAttention",
        "q k v pk pv n t",
        GQA | CACHE,
        {**GROUPS, "sliding_window_cache": 1},
        "windowed",
    ),
    "heads that do not share": ("GroupQueryAttention", "q k v", GQA, {"num_heads": 6, "kv_num_heads": 4}, "together"),
    "weights of other channels": ("Attention", "x w", {"x": (2, 5, 8), "w": (9, 72)}, {"num_heads": 6}, "weights"),
    "a joint past of other sizes": (
        "Attention",
        "x w - - p",
        {"x": (2, 5, 8), "w": (8, 72), "p": (2, 2, 5, 9, 4)},
        {"num_heads": 6},
        "earlier tokens",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_known_of_attention_is_refused_with_a_reason(case: str) -> None:
    op, sources, inputs, options, reason = REFUSED[case]
    first = next(iter(inputs))
    nodes = [node(op, sources, "y", MS, **options), node("Relu", first, "z")]
    proto = model(nodes, inputs, "y z")
    assert reason in refused(proto, op)
    assert imported(proto).network.macs == 0


# --------------------------------------------------------------------------------------------------------- look-ups
TABLES = {"words": (100, 16), "places": (9, 16), "kinds": (2, 16), "gamma": (16,), "beta": (16,)}


def embedded(sources: str, inputs: dict[str, Any], outputs: str = "h") -> onnx.ModelProto:
    nodes = [node("EmbedLayerNormalization", sources, outputs, MS), node("MatMul", "h w", "y")]
    results = " ".join(["y", *(name for name in outputs.split()[1:] if name != "-")])
    integers = dict.fromkeys(inputs, TensorProto.INT32) | {"mi": TensorProto.INT32}
    return model(nodes, inputs, results, TABLES | {"w": (16, 4)}, kinds=integers)


def test_an_embedding_is_its_look_ups_their_sum_and_a_norm() -> None:
    found = supported(embedded("ids seg words places kinds gamma beta", {"ids": (2, 7), "seg": (2, 7)}))
    assert kinds(found) == ["embedding", "embedding", "add", "add_learned", "layer_norm", "fully_connected"]
    assert [op.parameters for op in ops(found)] == [1600, 32, 0, 7 * 16, 32, 64]
    assert {op.output_elements for op in ops(found)[:-1]} == {2 * 7 * 16}


def test_positions_that_are_given_are_looked_up() -> None:
    inputs = {"ids": (2, 7), "pos": (1, 7)}
    found = supported(embedded("ids - words places - gamma beta - pos", inputs))
    assert kinds(found) == ["embedding", "embedding", "add", "layer_norm", "fully_connected"]
    assert [op.parameters for op in ops(found)] == [1600, 144, 0, 32, 64]
    assert ops(found)[2].elements_read == (2 * 7 * 16, 7 * 16)


def test_the_other_results_of_an_embedding_are_there() -> None:
    inputs = {"ids": (2, 7), "mask": (2, 7)}
    found = supported(embedded("ids - words places - gamma beta mask", inputs, "h mi sum"))
    results = [(n.op.kind, n.op.output_elements) for n in found.network if n.name in found.network.results]
    assert sorted(results) == [("add_learned", 224), ("fully_connected", 56), ("reduce", 2)]


def test_an_embedding_that_does_not_fit_is_refused() -> None:
    short = refused(embedded("ids - words places - gamma beta", {"ids": (2, 10)}), "EmbedLayerNormalization")
    assert short == "10 words and 9 positions"
    blind = refused(embedded("ids - words places - gamma beta", {"ids": (2, 7)}, "h mi"), "EmbedLayerNormalization")
    assert "mask" in blind


def test_a_table_that_is_looked_into_place_by_place_is_learned() -> None:
    nodes = [node("GatherND", "t i", "y")]
    found = imported(model(nodes, {"i": (2, 7, 1)}, constants={"t": (100, 16)}, kinds={"i": TensorProto.INT64}))
    (op,) = ops(found)
    assert (op.kind, op.parameters, op.output_elements) == ("gather", 1600, 2 * 7 * 16)
    assert notes(found)["GatherND"][0] is Status.approximated


@pytest.mark.parametrize("constant", [False, True])
def test_a_gather_for_each_sample_reads_its_operands_and_writes_its_result(constant: bool) -> None:
    """``batch_dims`` of a GatherND says which values are read, not how many."""
    inputs: dict[str, Any] = {"x": (2, 5, 3)} if constant else {"x": (2, 5, 3), "i": (2, 4, 1)}
    places = {"i": np.zeros((2, 4, 1), np.int64)} if constant else {}
    nodes = [node("GatherND", "x i", "y", batch_dims=1)]
    (op,) = ops(supported(model(nodes, inputs, constants=places, kinds={"i": TensorProto.INT64})))
    assert (op.kind, op.output_elements, op.parameters) == ("gather", 2 * 4 * 3, 0)
    assert op.elements_read == ((30,) if constant else (30, 8))


def test_a_look_up_in_a_learned_table_for_each_sample_is_refused() -> None:
    """Only another format than ONNX says ``batch_dims`` of a Gather; its axis is never the first."""
    given = graph(
        ("Gather", "t i", "y", {"axis": 1, "batch_dims": 1}),
        inputs={"i": (2, 4)},
        outputs=("y",),
        constants={"t": (2, 5, 3)},
        shapes={"y": (2, 4, 3)},
    )
    ((status, note),) = notes(convert(given, Bits())).values()
    assert (status, note) == (Status.unsupported, "a look-up along another axis than the first")
