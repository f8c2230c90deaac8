"""What is put together works out the same numbers, by ONNX's reference implementation of every operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_patterns import CASES

from accelsim.workload.importers.graph import Call, Graph
from accelsim.workload.importers.patterns import recompose

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

_OPSET = 24
#: Attributes that are inputs in newer versions of ONNX -> their places.
_NOW_INPUTS = {"Clip": {"min": 1, "max": 2}, "Pad": {"pads": 1, "value": 2}}
_REDUCTIONS = ("ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2", "ReduceSumSquare")


def nodes(graph: Graph, call: Call, constants: dict[str, Any]) -> list[Any]:
    """Return a call as ONNX nodes, which want some inputs that the common form leaves out or has as attributes."""
    inputs, attributes = list(call.inputs), dict(call.attributes)

    def give(place: int, numbers: Any) -> None:
        inputs.extend([""] * (place + 1 - len(inputs)))
        inputs[place] = f"{call.name}.{place}"
        constants[inputs[place]] = np.asarray(numbers)

    for name, place in (_NOW_INPUTS.get(call.op) or dict.fromkeys(["axes"] * (call.op in _REDUCTIONS), 1)).items():
        if name in attributes:
            give(place, attributes.pop(name))
    if call.op.endswith("Normalization") and call.op[:2] in ("La", "RM", "Gr"):
        shape = graph.values[call.inputs[0]].shape or ()
        across = shape[1] if call.op[0] == "G" else shape[-1]
        for place, number in ((1, 1.0), (2, 0.0))[: 1 if call.op[0] == "R" else 2]:
            if place >= len(inputs) or not inputs[place]:
                give(place, np.full(across, number))
            elif call.op[0] == "G":
                give(place, np.reshape(constants[inputs[place]], -1))
    if call.op.startswith("Conv") and len(inputs) == 3:
        give(2, np.reshape(constants[inputs[2]], -1))
    made = []
    outputs = list(call.outputs)
    if call.op == "MatMul" and len(inputs) == 3:
        product = f"{call.name}.product"
        made.append(onnx.helper.make_node("Add", [product, inputs.pop()], outputs))
        outputs = [product]
    return [onnx.helper.make_node(call.op, inputs, outputs, call.name, **attributes), *made]


def run(graph: Graph, feeds: dict[str, Any]) -> list[Any]:
    """Return the results of a graph, worked out from numbers for its inputs."""
    from onnx.reference import ReferenceEvaluator

    constants = {name: value.data for name, value in graph.values.items() if value.data is not None}
    made = [node for call in graph.calls for node in nodes(graph, call, constants)]

    def as_tensor(name: str, data: Any) -> Any:
        narrow = data.astype(np.float32) if data.dtype.kind == "f" else data
        return onnx.numpy_helper.from_array(narrow, name)

    info = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, graph.values[name].shape) for name in feeds
    ]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in graph.outputs]
    known = [as_tensor(name, data) for name, data in constants.items()]
    body = onnx.helper.make_graph(made, graph.name, info, ends, known)
    model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=10)
    return list(ReferenceEvaluator(model).run(None, feeds))


@pytest.mark.parametrize("name", [name for name in CASES if name != "layer_norm_over_channels"])
def test_the_numbers_are_the_same(name: str) -> None:
    given = CASES[name].graph()
    generator = np.random.default_rng(7)
    feeds = {key: 3 * generator.standard_normal(given.values[key].shape).astype(np.float32) for key in given.inputs}
    before, after = run(given, feeds), run(recompose(given), feeds)
    for old, new in zip(before, after, strict=True):
        assert old.shape == new.shape
        np.testing.assert_allclose(new, old, rtol=2e-4, atol=2e-5)


def test_a_norm_over_channels_is_the_norm_of_pixels_turned_to_rows() -> None:
    """ONNX norms run over all axes behind the first; one over channels alone is checked with channels put last."""
    given = CASES["layer_norm_over_channels"].graph()
    (norm,) = recompose(given).calls
    x = np.random.default_rng(7).standard_normal(given.values["x"].shape).astype(np.float32)
    (expected,) = run(given, {"x": x, "z": x})
    last = replace(given.values["x"], shape=(2, 4, 4, 8))
    flat = {
        name: replace(given.values[name], shape=(8,), data=given.values[name].data.ravel()) for name in norm.inputs[1:]
    }
    call = replace(norm, attributes={"axis": -1, "epsilon": norm.attributes["epsilon"]})
    turned = Graph("turned", {**given.values, **flat, "x": last}, [call], ("x",), ("y",))
    (found,) = run(turned, {"x": np.moveaxis(x, 1, -1)})
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, rtol=2e-4, atol=2e-5)


def test_the_check_would_see_another_number() -> None:
    given = CASES["hard_sigmoid"].graph()
    wrong = recompose(given)
    wrong.calls = [replace(wrong.calls[0], attributes={"alpha": 0.2, "beta": 0.5})]
    feeds = {key: np.ones(given.values[key].shape, np.float32) for key in given.inputs}
    assert abs(run(given, feeds)[0] - run(wrong, feeds)[0]).max() > 0.03
