"""What exporters take apart is put together; what only looks like it is left alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from graphs import graph

from accelsim.workload.importers.convert import convert
from accelsim.workload.importers.graph import Graph
from accelsim.workload.importers.patterns import recompose
from accelsim.workload.ops import Bits

ROOT, ROOT_2_PI = math.sqrt(2), math.sqrt(2 / math.pi)
X = {"x": (1, 8, 4, 4)}


def simple(*calls: Any, constants: dict[str, Any] | None = None, outputs: tuple[str, ...] = ("y",)) -> Graph:
    """Return a graph of one image whose values all have its shape."""
    shapes = {name: X["x"] for call in calls for name in call[2].split()}
    return graph(*calls, inputs=X, outputs=outputs, constants=constants, shapes=shapes)


def operators(given: Graph) -> list[str]:
    """Return the operators after recomposing, and check that nothing is lost on the way."""
    made = recompose(given)
    written = {output for call in made.calls for output in call.outputs}
    assert set(made.outputs) <= written
    known = {*made.inputs, *(name for name, value in made.values.items() if value.constant)}
    for call in made.calls:
        assert set(call.inputs) <= known, "an order in which they can run"
        known |= set(call.outputs)
    assert [call.op for call in recompose(made).calls] == [call.op for call in made.calls], "nothing is left to do"
    return [call.op for call in made.calls]


NUMBERS = {"half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "zero": 0.0, "sixth": 1 / 6, "eps": 1e-5}
NUMBERS |= {"root": ROOT, "inverse": 1 / ROOT, "k": ROOT_2_PI, "a": 0.044715, "back": -0.5, "gamma": [1.0] * 4}

ERF = (("Div", "x root", "d"), ("Erf", "d", "e"), ("Add", "e one", "s"))


@pytest.mark.parametrize(
    "calls",
    [
        (*ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y")),
        (*ERF, ("Mul", "s x", "m"), ("Div", "m two", "y")),
        (*ERF, ("Mul", "x half", "h"), ("Mul", "h s", "y")),
        (*ERF, ("Mul", "half s", "m"), ("Mul", "x m", "y")),
        (("Mul", "inverse x", "d"), *ERF[1:], ("Mul", "x s", "m"), ("Mul", "half m", "y")),
        (
            ("Mul", "x x", "q"),
            ("Mul", "q x", "c"),
            ("Mul", "a c", "ac"),
            ("Add", "x ac", "p"),
            ("Mul", "p k", "kp"),
            ("Tanh", "kp", "e"),
            ("Add", "one e", "s"),
            ("Mul", "x half", "h"),
            ("Mul", "h s", "y"),
        ),
        (
            ("Pow", "x three", "c"),
            ("Mul", "c a", "ac"),
            ("Add", "ac x", "p"),
            ("Mul", "k p", "kp"),
            ("Tanh", "kp", "e"),
            ("Add", "e one", "s"),
            ("Mul", "x s", "m"),
            ("Mul", "m half", "y"),
        ),
    ],
)
def test_gelu(calls: Any) -> None:
    assert operators(simple(*calls, constants=NUMBERS)) == ["Gelu"]
    assert recompose(simple(*calls, constants=NUMBERS)).calls[0].inputs == ("x",)


@pytest.mark.parametrize(
    "calls",
    [
        (*ERF, ("Mul", "x s", "m"), ("Mul", "m six", "y")),
        (("Div", "x six", "d"), *ERF[1:], ("Mul", "x s", "m"), ("Mul", "m half", "y")),
        (*ERF[:2], ("Add", "e two", "s"), ("Mul", "x s", "m"), ("Mul", "m half", "y")),
    ],
)
def test_what_is_not_quite_gelu_stays(calls: Any) -> None:
    assert operators(simple(*calls, constants=NUMBERS)) == [call[0] for call in calls]


def test_what_another_reads_stays() -> None:
    calls = (*ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y"), ("Relu", "e", "z"))
    assert operators(simple(*calls, constants=NUMBERS, outputs=("y", "z"))) == [call[0] for call in calls]
    assert "Erf" in operators(simple(*calls[:-1], constants=NUMBERS, outputs=("y", "s")))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((("Sigmoid", "x", "s"), ("Mul", "x s", "y")), ["Swish"]),
        ((("Sigmoid", "x", "s"), ("Mul", "s x", "y")), ["Swish"]),
        ((("Relu", "x", "r"), ("Sigmoid", "r", "s"), ("Mul", "x s", "y")), ["Relu", "Sigmoid", "Mul"]),
        ((("HardSigmoid", "x", "s"), ("Mul", "x s", "y")), ["HardSigmoid", "Mul"]),
        ((("HardSigmoid", "x", "s", {"alpha": 1 / 6}), ("Mul", "x s", "y")), ["HardSwish"]),
        ((("Softplus", "x", "s"), ("Tanh", "s", "t"), ("Mul", "t x", "y")), ["Mish"]),
        ((("Add", "x three", "p"), ("Clip", "p zero six", "c"), ("Div", "c six", "y")), ["HardSigmoid"]),
        ((("Add", "x three", "p"), ("Clip", "p zero six", "c"), ("Mul", "c sixth", "y")), ["HardSigmoid"]),
        ((("Add", "x three", "p"), ("Clip", "p zero three", "c"), ("Div", "c six", "y")), ["Add", "Clip", "Div"]),
        ((("Add", "x three", "p"), ("Clip", "p zero six", "c"), ("Div", "six c", "y")), ["Add", "Clip", "Div"]),
        (
            (("Add", "three x", "p"), ("Clip", "p zero six", "c"), ("Mul", "x c", "m"), ("Div", "m six", "y")),
            ["HardSwish"],
        ),
        (
            (
                ("Add", "x three", "p"),
                ("Clip", "p", "c", {"min": 0, "max": 6}),
                ("Div", "c six", "s"),
                ("Mul", "x s", "y"),
            ),
            ["HardSwish"],
        ),
    ],
)
def test_activations(calls: Any, expected: list[str]) -> None:
    assert operators(simple(*calls, constants=NUMBERS)) == expected


MEAN = ("ReduceMean", "x", "mu", {"axes": [-1]})
VARIANCE = (
    ("Pow", "d two", "q"),
    ("ReduceMean", "q", "v", {"axes": [-1]}),
    ("Add", "v eps", "ve"),
    ("Sqrt", "ve", "r"),
)


@pytest.mark.parametrize(
    ("calls", "expected", "inputs"),
    [
        ((MEAN, ("Sub", "x mu", "d"), *VARIANCE, ("Div", "d r", "y")), "LayerNormalization", ("x",)),
        (
            (
                MEAN,
                ("Sub", "x mu", "d"),
                *VARIANCE,
                ("Div", "d r", "n"),
                ("Mul", "n gamma", "g"),
                ("Add", "g gamma", "y"),
            ),
            "LayerNormalization",
            ("x", "gamma", "gamma"),
        ),
        (
            (MEAN, ("Sub", "x mu", "d"), ("Sub", "x mu", "d2"), *VARIANCE, ("Div", "d2 r", "y")),
            "LayerNormalization",
            ("x",),
        ),
        (
            (
                MEAN,
                ("Sub", "x mu", "d"),
                ("Mul", "d d", "q"),
                *VARIANCE[1:3],
                ("Pow", "ve back", "i"),
                ("Mul", "d i", "y"),
            ),
            "LayerNormalization",
            ("x",),
        ),
        (
            (
                ("Pow", "x two", "q"),
                *VARIANCE[1:],
                ("Reciprocal", "r", "i"),
                ("Mul", "x i", "n"),
                ("Mul", "gamma n", "y"),
            ),
            "RMSNormalization",
            ("x", "gamma"),
        ),
        (
            (
                ("ReduceMax", "x", "m", {"axes": [-1]}),
                ("Sub", "x m", "d"),
                ("Exp", "d", "e"),
                ("ReduceSum", "e", "s", {"axes": [-1]}),
                ("Div", "e s", "y"),
            ),
            "Softmax",
            ("x",),
        ),
        (
            (("ReduceL2", "x", "n", {"axes": [-1]}), ("Clip", "n eps", "c"), ("Div", "x c", "y")),
            "LpNormalization",
            ("x",),
        ),
    ],
)
def test_norms(calls: Any, expected: str, inputs: tuple[str, ...]) -> None:
    given = simple(*calls, constants=NUMBERS)
    assert operators(given) == [expected]
    (call,) = recompose(given).calls
    assert (call.inputs, call.attributes["axis"]) == (inputs, -1)


def conv_graph(*calls: Any, constants: dict[str, Any] | None = None) -> Graph:
    """Return a graph that begins with a convolution of ``p`` by ``w``, padded or not."""
    shapes = {name: (1, 4, 4, 4) for call in calls for name in call[2].split()} | {"p": (1, 8, 6, 6)}
    known = {
        "w": (4, 8, 3, 3),
        "s": (4,),
        "c": (4, 1, 1),
        "row": (1, 1, 4),
        "pads": [0, 0, 1, 1, 0, 0, 1, 1],
        **(constants or {}),
    }
    return graph(*calls, inputs=X, outputs=("y",), constants=known, shapes=shapes)


PADDED = {"pads": [1, 1, 1, 1]}


@pytest.mark.parametrize(
    ("calls", "expected", "learned"),
    [
        ((("Conv", "x w", "y", PADDED),), ["Conv"], 0),
        ((("Conv", "x w", "m", PADDED), ("BatchNormalization", "m s s s s", "y")), ["Conv"], 2),
        ((("Conv", "x w s", "m", PADDED), ("BatchNormalization", "m s s s s", "y")), ["Conv"], 3),
        ((("Conv", "x w", "m", PADDED), ("Add", "m c", "y")), ["Conv"], 1),
        ((("Conv", "x w", "m", PADDED), ("Mul", "m c", "n"), ("Add", "n c", "y")), ["Conv"], 2),
        ((("Conv", "x w", "m", PADDED), ("Add", "m row", "y")), ["Conv", "Add"], 0),
        ((("Pad", "x pads", "p"), ("Conv", "p w", "y")), ["Conv"], 0),
        ((("Pad", "x pads", "p", {"mode": "reflect"}), ("Conv", "p w", "y")), ["Pad", "Conv"], 0),
    ],
)
def test_what_belongs_to_a_convolution(calls: Any, expected: list[str], learned: int) -> None:
    given = conv_graph(*calls)
    assert operators(given) == expected
    network = convert(recompose(given), Bits()).network
    conv = next(node.op for node in network if node.op.kind == "convolution")
    assert conv.macs == 16 * 4 * 8 * 9
    assert conv.parameters == 4 * 8 * 9 + 4 * learned


def test_a_norm_that_is_read_twice_takes_the_convolution_along() -> None:
    calls = (
        ("Conv", "x w", "m", PADDED),
        ("BatchNormalization", "m s s s s", "n"),
        ("Relu", "n", "r"),
        ("Add", "n r", "y"),
    )
    assert operators(conv_graph(*calls)) == ["Conv", "Relu", "Add"]
    both = (("Conv", "x w", "m", PADDED), ("BatchNormalization", "m s s s s", "n"), ("Add", "n m", "y"))
    assert operators(conv_graph(*both)) == ["Conv", "BatchNormalization", "Add"], "what is not normalised is needed too"


def test_biases_and_scales_of_products() -> None:
    shapes = {"m": (1, 6, 3), "y": (1, 6, 3), "k": (1, 8, 6), "z": (1, 6, 6), "v": (1, 6, 6)}
    given = graph(
        ("MatMul", "x w", "m"),
        ("Add", "b m", "y"),
        ("MatMul", "x k", "z"),
        ("Div", "z eight", "v"),
        inputs={"x": (1, 6, 8), "k": (1, 8, 6)},
        outputs=("y", "v"),
        constants={"w": (8, 3), "b": (3,), "eight": 8.0},
        shapes=shapes,
    )
    assert operators(given) == ["MatMul", "MatMul"]
    network = convert(recompose(given), Bits()).network
    assert [(node.op.kind, node.op.macs, node.op.parameters) for node in network] == [
        ("fully_connected", 6 * 8 * 3, 8 * 3 + 3),
        ("matmul", 6 * 8 * 6, 0),
    ]


def test_ten_thousand_calls_are_no_matter() -> None:
    calls: list[Any] = []
    source = "x"
    for place in range(3_334):
        calls += [
            ("Sigmoid", source, f"s{place}"),
            ("Mul", f"{source} s{place}", f"m{place}"),
            ("Relu", f"m{place}", f"r{place}"),
        ]
        source = f"r{place}"
    made = operators(simple(*calls, outputs=(source,)))
    assert made == ["Swish", "Relu"] * 3_334
