"""Each pattern in the forms that exporters write, and what only looks like it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from graphs import graph

from accelsim.workload.importers.graph import Graph
from accelsim.workload.importers.patterns import recompose

IMAGE, ROWS = (2, 8, 4, 4), (2, 6, 8)
CONSTANTS: dict[str, Any] = {
    "zero": 0.0,
    "half": 0.5,
    "one": 1.0,
    "two": 2.0,
    "three": 3.0,
    "six": 6.0,
    "eps": 1e-5,
    "back": -0.5,
    "minus": -1.0,
    "sixth": 1 / 6,
    "root2": math.sqrt(2),
    "inverse": 1 / math.sqrt(2),
    "k": math.sqrt(2 / math.pi),
    "cube": 0.044715,
    "tiny": 1e-12,
    "eight": 8.0,
    "lowest": -math.inf,
    "odd": 0.3,
    "vector": np.linspace(0.5, 2, 8),
    "six_wide": np.linspace(0.5, 2, 6),
    "channels": np.linspace(0.5, 2, 8).reshape(8, 1, 1),
    "batched": np.linspace(0.5, 2, 8).reshape(1, 8, 1, 1),
    "ones": np.ones(4),
    "zeros": np.zeros(4),
    "folded": np.array([0, 4, -1]),
    "unfolded": np.array([2, 8, 4, 4]),
    "flat": np.array([2, 128]),
    "copied": np.array([0, 16, 8]),
    "rows": np.array(ROWS),
    "around": np.array([0, 0, 1, 0, 0, 0, 1, 2]),
    "border": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "deep": np.array([0, 1, 1, 1, 0, 0, 1, 1]),
    "pixels": np.array([1, 2, 1, 2]),
    "last_two": np.array([2, 3]),
    "filter": np.sin(np.arange(8 * 8 * 3 * 3)).reshape(8, 8, 3, 3),
    "point": np.sin(np.arange(64)).reshape(8, 8, 1, 1),
    "matrix": np.sin(np.arange(48)).reshape(8, 6),
    "training": np.array(True),
    "inference": np.array(False),
}
LAST, CHANNEL = {"axes": [-1]}, {"axes": [1]}
IN_ROWS = {"x": ROWS, "z": ROWS}
IN_IMAGES = {"x": IMAGE, "z": IMAGE}


class Case(NamedTuple):
    """Calls of a graph from ``x`` to ``y``, and the operators they become; ``-`` is an input left out."""

    calls: tuple[Any, ...]
    becomes: tuple[str, ...]
    inputs: dict[str, tuple[int, ...]]
    shapes: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...] = ("y",)

    def graph(self) -> Graph:
        """Return the graph, which holds the constants that it reads."""
        read = {name for call in self.calls for name in call[1].split()}
        known = {name: numbers for name, numbers in CONSTANTS.items() if name in read}
        made = graph(*self.calls, inputs=self.inputs, outputs=self.outputs, constants=known, shapes=self.shapes)
        made.calls = [replace(call, inputs=tuple(name.strip("-") for name in call.inputs)) for call in made.calls]
        return made


def rows(becomes: str, *calls: Any, shapes: Any = None, outputs: tuple[str, ...] = ("y",)) -> Case:
    """Return a case whose inputs ``x`` and ``z`` are rows of 8 values."""
    return Case(calls, tuple(becomes.split()), IN_ROWS, shapes or {}, outputs)


def image(becomes: str, *calls: Any, shapes: Any = None, outputs: tuple[str, ...] = ("y",)) -> Case:
    """Return a case whose inputs ``x`` and ``z`` are images, as are values whose name begins with ``i``."""
    written = {name: IMAGE for call in calls for name in call[2].split() if name[0] in "iy"}
    return Case(calls, tuple(becomes.split()), IN_IMAGES, written | (shapes or {}), outputs)


ERF = (("Div", "x root2", "d"), ("Erf", "d", "e"), ("Add", "e one", "s"))
CUBE = (("Mul", "x x", "x2"), ("Mul", "x2 x", "x3"), ("Mul", "cube x3", "c"), ("Add", "x c", "p"))
TANH = (("Mul", "p k", "kp"), ("Tanh", "kp", "e"), ("Add", "one e", "s"))
SHIFTED = ("Add", "x three", "p")
BOUNDED = (SHIFTED, ("Clip", "p zero six", "c"))
MEAN = (("ReduceMean", "x", "mu", LAST), ("Sub", "x mu", "d"))
SQUARE = (("Pow", "d two", "q"), ("ReduceMean", "q", "v", LAST), ("Add", "v eps", "ve"))
NORM = (*MEAN, *SQUARE, ("Sqrt", "ve", "r"))
RMS = (("Mul", "x x", "q"), *SQUARE[1:], ("Sqrt", "ve", "r"))
OVER_CHANNELS = tuple((*call[:3], CHANNEL) if len(call) > 3 else call for call in NORM)
EXPS = (("ReduceMax", "x", "m", LAST), ("Sub", "x m", "d"), ("Exp", "d", "e"), ("ReduceSum", "e", "t", LAST))
GROUPS = (("Reshape", "x folded", "f"), ("InstanceNormalization", "f ones zeros", "n"), ("Reshape", "n unfolded", "i"))
FOLDED = {"f": (2, 4, 32), "n": (2, 4, 32)}
PADS = {"pads": [1, 1, 1, 1]}
CONV = ("Conv", "x filter", "i1", PADS)
SCORES = {"k": (2, 8, 6), "m": (2, 6, 6)}

CASES = {
    "gelu_erf": rows("Gelu", *ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y")),
    "gelu_half_first": rows("Gelu", *ERF, ("Mul", "x half", "h"), ("Mul", "s h", "y")),
    "gelu_half_on_bracket": rows("Gelu", *ERF, ("Mul", "half s", "h"), ("Mul", "h x", "y")),
    "gelu_over_two": rows("Gelu", *ERF, ("Mul", "s x", "m"), ("Div", "m two", "y")),
    "gelu_half_inside": rows(
        "Gelu",
        *(("Mul", "x inverse", "d"), ("Erf", "d", "e"), ("Mul", "e half", "h"), ("Add", "half h", "s")),
        ("Mul", "x s", "y"),
    ),
    "gelu_of_a_product": rows(
        "Mul Gelu",
        ("Mul", "z three", "x0"),
        *[(op, a.replace("x ", "x0 "), b) for op, a, b in (*ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y"))],
    ),
    "gelu_tanh": rows("Gelu", *CUBE, *TANH, ("Mul", "x half", "h"), ("Mul", "h s", "y")),
    "gelu_tanh_pow": rows(
        "Gelu",
        *(("Pow", "x three", "x3"), ("Mul", "x3 cube", "c"), ("Add", "c x", "p")),
        *(*TANH, ("Mul", "x s", "m"), ("Mul", "half m", "y")),
    ),
    "gelu_tanh_factored": rows(
        "Gelu",
        *(("Mul", "x x", "x2"), ("Mul", "x2 cube", "c"), ("Add", "one c", "b"), ("Mul", "k x", "kx")),
        *(("Mul", "kx b", "kp"), *TANH[1:], ("Mul", "x s", "m"), ("Mul", "half m", "y")),
    ),
    "swish": rows("Swish", ("Sigmoid", "x", "s"), ("Mul", "s x", "y")),
    "hard_swish": rows("HardSwish", ("HardSigmoid", "x", "s", {"alpha": 1 / 6, "beta": 0.5}), ("Mul", "x s", "y")),
    "hard_sigmoid": rows("HardSigmoid", *BOUNDED, ("Div", "c six", "y")),
    "hard_sigmoid_times": rows("HardSigmoid", *BOUNDED, ("Mul", "sixth c", "y")),
    "hard_sigmoid_old_clip": rows(
        "HardSigmoid", SHIFTED, ("Clip", "p", "c", {"min": 0.0, "max": 6.0}), ("Div", "c six", "y")
    ),
    "hard_sigmoid_relu_min": rows(
        "HardSigmoid", SHIFTED, ("Relu", "p", "r"), ("Min", "six r", "c"), ("Mul", "c sixth", "y")
    ),
    "hard_sigmoid_min_max": rows(
        "HardSigmoid", SHIFTED, ("Min", "p six", "r"), ("Max", "r zero", "c"), ("Div", "c six", "y")
    ),
    "hard_swish_divided_last": rows("HardSwish", *BOUNDED, ("Mul", "x c", "m"), ("Div", "m six", "y")),
    "hard_swish_divided_first": rows("HardSwish", *BOUNDED, ("Div", "c six", "h"), ("Mul", "h x", "y")),
    "hard_swish_divided_x": rows("HardSwish", *BOUNDED, ("Mul", "x sixth", "h"), ("Mul", "h c", "y")),
    "softplus": rows("Softplus", ("Exp", "x", "e"), ("Add", "one e", "s"), ("Log", "s", "y")),
    "mish": rows("Mish", ("Softplus", "x", "s"), ("Tanh", "s", "t"), ("Mul", "t x", "y")),
    "mish_from_exp": rows(
        "Mish",
        *(("Exp", "x", "e"), ("Add", "e one", "s"), ("Log", "s", "l"), ("Tanh", "l", "t"), ("Mul", "x t", "y")),
    ),
    "clip_of_relu": rows("Clip", ("Relu", "x", "r"), ("Clip", "r zero six", "y")),
    "clip_of_max_min": rows("Clip", ("Max", "x minus", "r"), ("Min", "half r", "y")),
    "clip_of_clip": rows("Clip", ("Clip", "x minus two", "r"), ("Clip", "r zero six", "y")),
    "clip_apart": rows("Clip", ("Clip", "x minus half", "r"), ("Clip", "r two six", "y")),
    "relu_of_relu": rows("Relu", ("Relu", "x", "r"), ("Relu", "r", "y")),
    "layer_norm": rows(
        "LayerNormalization", *NORM, ("Div", "d r", "n"), ("Mul", "n vector", "g"), ("Add", "vector g", "y")
    ),
    "layer_norm_plain": rows("LayerNormalization", *NORM, ("Div", "d r", "y")),
    "layer_norm_scale_alone": rows("LayerNormalization", *NORM, ("Div", "d r", "n"), ("Mul", "vector n", "y")),
    "layer_norm_shift_alone": rows("LayerNormalization", *NORM, ("Div", "d r", "n"), ("Add", "vector n", "y")),
    "layer_norm_reciprocal": rows("LayerNormalization", *NORM, ("Reciprocal", "r", "i"), ("Mul", "i d", "y")),
    "layer_norm_one_over": rows("LayerNormalization", *NORM, ("Div", "one r", "i"), ("Mul", "d i", "y")),
    "layer_norm_power": rows("LayerNormalization", *NORM[:-1], ("Pow", "ve back", "i"), ("Mul", "d i", "y")),
    "layer_norm_half_power": rows("LayerNormalization", *NORM[:-1], ("Pow", "ve half", "r"), ("Div", "d r", "y")),
    "layer_norm_squared_by_itself": rows(
        "LayerNormalization", *MEAN, ("Mul", "d d", "q"), *NORM[3:], ("Div", "d r", "y")
    ),
    "layer_norm_two_differences": rows("LayerNormalization", *NORM, ("Sub", "x mu", "d2"), ("Div", "d2 r", "y")),
    "layer_norm_two_means": rows(
        "LayerNormalization",
        *(*NORM, ("ReduceMean", "x", "mu2", LAST), ("Sub", "x mu2", "d2"), ("Div", "d2 r", "y")),
    ),
    "layer_norm_over_channels": image(
        "LayerNormalization",
        *(*OVER_CHANNELS, ("Div", "d r", "n"), ("Mul", "n channels", "g"), ("Add", "g channels", "y")),
    ),
    "rms_norm": rows("RMSNormalization", *RMS, ("Div", "x r", "n"), ("Mul", "vector n", "y")),
    "rms_norm_reciprocal": rows("RMSNormalization", *RMS, ("Reciprocal", "r", "i"), ("Mul", "x i", "y")),
    "rms_norm_then_add": rows(
        "RMSNormalization Add", *RMS, ("Div", "x r", "n"), ("Mul", "vector n", "g"), ("Add", "g vector", "y")
    ),
    "softmax": rows("Softmax", *EXPS, ("Div", "e t", "y")),
    "softmax_reciprocal": rows("Softmax", *EXPS, ("Reciprocal", "t", "i"), ("Mul", "i e", "y")),
    "softmax_without_maximum": rows("Softmax", ("Exp", "x", "e"), EXPS[3], ("Div", "e t", "y")),
    "softmax_over_channels": image(
        "Softmax", *[(*call[:3], CHANNEL) if len(call) > 3 else call for call in EXPS], ("Div", "e t", "y")
    ),
    "l2": rows("LpNormalization", ("ReduceL2", "x", "n", LAST), ("Div", "x n", "y")),
    "l2_clipped": rows("LpNormalization", ("ReduceL2", "x", "n", LAST), ("Clip", "n tiny", "c"), ("Div", "x c", "y")),
    "l2_expanded": rows(
        "LpNormalization",
        *(("ReduceL2", "x", "n", LAST), ("Max", "tiny n", "c"), ("Expand", "c rows", "b"), ("Div", "x b", "y")),
    ),
    "l2_root": rows("LpNormalization", ("ReduceSumSquare", "x", "n", LAST), ("Sqrt", "n", "r"), ("Div", "x r", "y")),
    "l2_root_of_squares": rows(
        "LpNormalization",
        *(("Mul", "x x", "q"), ("ReduceSum", "q", "n", LAST), ("Sqrt", "n", "r"), ("Div", "x r", "y")),
    ),
    "group_norm": image(
        "GroupNormalization", *GROUPS, ("Mul", "i channels", "g"), ("Add", "batched g", "y"), shapes=FOLDED
    ),
    "bias": rows("MatMul", ("MatMul", "x matrix", "m"), ("Add", "six_wide m", "y"), shapes={"m": (2, 6, 6)}),
    "conv_bias": image("Conv", CONV, ("Add", "channels i1", "y")),
    "transposed_bias": image("ConvTranspose", ("ConvTranspose", "x point", "i1"), ("Add", "i1 batched", "y")),
    "pad_conv": image("Conv", ("Pad", "x around", "p"), ("Conv", "p filter", "y", PADS), shapes={"y": (2, 8, 6, 6)}),
    "pad_conv_value": image(
        "Conv",
        ("Pad", "x around zero", "p"),
        ("Conv", "p filter", "y", {"auto_pad": "VALID"}),
        shapes={"y": (2, 8, 4, 4)},
    ),
    "pad_conv_axes": image(
        "Conv", ("Pad", "x pixels - last_two", "p"), ("Conv", "p filter", "y"), shapes={"y": (2, 8, 4, 6)}
    ),
    "pad_max": image(
        "MaxPool",
        ("Pad", "x border lowest", "p"),
        ("MaxPool", "p", "y", {"kernel_shape": [3, 3]}),
        shapes={"y": (2, 8, 4, 4)},
    ),
    "pad_average": image(
        "AveragePool",
        *(("Pad", "x around", "p"), ("AveragePool", "p", "y", {"kernel_shape": [3, 3], "count_include_pad": 1})),
        shapes={"y": (2, 8, 4, 4)},
    ),
    "identity": rows("Relu Neg", ("Identity", "x", "a"), ("Relu", "a", "b"), ("Identity", "b", "c"), ("Neg", "c", "y")),
    "identity_last": rows("Relu", ("Relu", "x", "b"), ("Identity", "b", "y")),
    "dropout": rows("Relu Neg", ("Relu", "x", "b"), ("Dropout", "b", "c mask"), ("Neg", "c", "y")),
    "dropout_said": rows("Relu Neg", ("Relu", "x", "b"), ("Dropout", "b half inference", "c"), ("Neg", "c", "y")),
    "reshapes": image("Reshape", ("Reshape", "x flat", "f"), ("Reshape", "f unfolded", "y")),
    "flattened": image("Reshape", ("Flatten", "x", "f"), ("Reshape", "f unfolded", "y")),
}
#: What the common form says in an attribute and ONNX has no word for.
UNNUMBERED = {
    "conv_norm": image("Conv", CONV, ("BatchNormalization", "i1 vector vector vector vector", "y")),
    "conv_bias_norm": image(
        "Conv", ("Conv", "x filter vector", "i1", PADS), ("BatchNormalization", "i1 vector vector vector vector", "y")
    ),
    "transposed_norm": image(
        "ConvTranspose",
        ("ConvTranspose", "x point", "i1"),
        ("BatchNormalization", "i1 vector vector vector vector", "y"),
    ),
    "gemm_norm": Case(
        (("Gemm", "x matrix", "m"), ("BatchNormalization", "m six_wide six_wide six_wide six_wide", "y")),
        ("Gemm",),
        {"x": (2, 8)},
        {"m": (2, 6), "y": (2, 6)},
    ),
    "split_norm": image("Conv", CONV, ("Mul", "i1 channels", "i2"), ("Add", "channels i2", "y")),
    "scaled": Case(
        (
            ("MatMul", "x k2", "m"),
            ("Div", "m eight", "a"),
            ("Add", "a mask", "b"),
            ("Softmax", "b", "p"),
            ("MatMul", "p v", "y"),
        ),
        ("MatMul", "Add", "Softmax", "MatMul"),
        {"x": ROWS, "k2": (2, 8, 6), "v": ROWS, "mask": (6, 6)},
        {"m": (2, 6, 6), "a": (2, 6, 6)},
    ),
}


@pytest.mark.parametrize("name", [*CASES, *UNNUMBERED])
def test_exporters_forms_become_one_operator(name: str) -> None:
    case = (CASES | UNNUMBERED)[name]
    given = case.graph()
    made = recompose(given)
    assert tuple(call.op for call in made.calls) == case.becomes
    assert made.calls[-1].outputs[0] == "y"


def assert_sound(given: Graph) -> None:
    """Fail if recomposing loses a result or a constant, touches what it is given, or leaves something to do."""
    before = [call.name for call in given.calls]
    made = recompose(given)
    assert (made.inputs, made.outputs) == (given.inputs, given.outputs)
    constants = {key for key, value in given.values.items() if value.constant}
    assert constants <= made.values.keys()
    known = {"", *made.inputs, *constants}
    for call in made.calls:
        assert set(call.inputs) <= known, "an order in which they can run"
        known |= set(call.outputs)
    assert set(made.outputs) <= known
    assert recompose(made).calls == made.calls
    assert [call.name for call in given.calls] == before, "the graph given is not touched"


@pytest.mark.parametrize("name", [*CASES, *UNNUMBERED])
def test_results_and_constants_stay_and_nothing_is_left_to_do(name: str) -> None:
    assert_sound((CASES | UNNUMBERED)[name].graph())


def learned(given: Graph) -> int:
    """Return how many numbers the constants of more than one hold that calls read; a norm's count as 2 a channel."""
    read = {name for call in given.calls for name in call.inputs if name and given.values[name].constant}
    total = sum(given.values[name].elements or 0 for name in read if (given.values[name].elements or 0) > 1)
    norms = sum(
        2 * (given.values[call.outputs[0]].shape or (0, 0))[1]
        for call in given.calls
        if call.attributes.get("batch_norm")
    )
    return total + norms


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "bias", "conv_bias", "transposed_bias"])
def test_no_learned_value_is_lost(name: str) -> None:
    given = CASES[name].graph()
    assert learned(recompose(given)) == learned(given) > 0


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("conv_norm", 576 + 16),
        ("conv_bias_norm", 576 + 8 + 16),
        ("transposed_norm", 64 + 16),
        ("gemm_norm", 48 + 12),
        ("split_norm", 576 + 16),
    ],
)
def test_a_batch_norm_keeps_two_values_a_channel(name: str, count: int) -> None:
    given = UNNUMBERED[name].graph()
    made = recompose(given)
    assert learned(made) == count
    (layer,) = made.calls
    assert layer.name == given.calls[0].name, "the layer keeps its own name"
    assert layer.attributes == {**given.calls[0].attributes, "batch_norm": 1}


def test_a_new_call_has_the_name_of_the_last_and_says_what_it_is_made_of() -> None:
    (gelu,) = recompose(CASES["gelu_erf"].graph()).calls
    assert (gelu.name, gelu.inputs, gelu.outputs) == ("Mul4", ("x",), ("y",))
    assert gelu.origin == "Div, Erf, Add, Mul"
    (norm,) = recompose(CASES["layer_norm"].graph()).calls
    assert (norm.name, norm.inputs) == ("Add8", ("x", "vector", "vector"))
    assert norm.origin == "ReduceMean, Sub, Pow, Add, Sqrt, Div, Mul"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("gelu_erf", {"approximate": "none"}),
        ("gelu_tanh", {"approximate": "tanh"}),
        ("hard_sigmoid", {"alpha": 1 / 6, "beta": 0.5}),
        ("clip_of_relu", {"min": 0.0, "max": 6.0}),
        ("clip_of_max_min", {"min": -1.0, "max": 0.5}),
        ("clip_apart", {"min": 2.0, "max": 2.0}),
        ("layer_norm", {"axis": -1, "epsilon": 1e-5}),
        ("layer_norm_over_channels", {"axis": -3, "rest": 0, "epsilon": 1e-5}),
        ("softmax", {"axis": -1}),
        ("softmax_over_channels", {"axis": -3}),
        ("l2_clipped", {"axis": -1, "p": 2}),
        ("group_norm", {"num_groups": 4, "epsilon": 1e-5}),
        ("pad_conv", {"pads": [2, 1, 2, 3]}),
        ("pad_conv_value", {"pads": [1, 0, 1, 2]}),
        ("pad_conv_axes", {"pads": [1, 2, 1, 2]}),
    ],
)
def test_attributes_say_what_the_arithmetic_said(name: str, attributes: dict[str, Any]) -> None:
    (call,) = recompose(CASES[name].graph()).calls
    assert call.attributes == attributes


def test_shifts_without_a_scale_leave_its_place_empty() -> None:
    (norm,) = recompose(CASES["layer_norm_shift_alone"].graph()).calls
    assert norm.inputs == ("x", "", "vector")


def test_the_scale_of_attention_vanishes_into_its_product() -> None:
    scores = recompose(UNNUMBERED["scaled"].graph()).calls[0]
    assert (scores.name, scores.inputs, scores.outputs) == ("MatMul0", ("x", "k2"), ("a",))
    assert scores.attributes == {"scaled": 1}
