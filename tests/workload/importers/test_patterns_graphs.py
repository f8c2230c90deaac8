"""Patterns on whole graphs: one inside another, one after another, many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graphs import graph
from test_patterns import BOUNDED, CASES, CONSTANTS, IMAGE, PADS, UNNUMBERED, assert_sound, image, rows

from accelsim.workload.importers.graph import Graph
from accelsim.workload.importers.patterns import engine, recompose
from accelsim.workload.importers.patterns.index import Index


def operators(given: Graph) -> list[str]:
    """Return the operators after recomposing a graph, which is checked to be sound."""
    assert_sound(given)
    return [call.op for call in recompose(given).calls]


def test_a_padded_convolution_with_norm_and_activation_is_two_calls() -> None:
    case = image(
        "",
        *(
            ("Pad", "x around", "p"),
            ("Conv", "p filter", "a"),
            ("BatchNormalization", "a vector vector vector vector", "b"),
        ),
        *(("Add", "b three", "s"), ("Clip", "s zero six", "c"), ("Mul", "b c", "m"), ("Div", "m six", "y")),
    )
    made = recompose(case.graph())
    assert [(call.op, call.name) for call in made.calls] == [("Conv", "Conv1"), ("HardSwish", "Div6")]
    assert made.calls[0].attributes == {"pads": [1, 0, 1, 2], "batch_norm": 1}
    assert made.calls[0].origin == "Pad, Conv, BatchNormalization"


def test_a_gate_before_a_convolution_of_one_channel_is_not_its_bias() -> None:
    given = graph(
        ("Conv", "x w", "i"),
        ("Add", "i three", "p"),
        *(BOUNDED[1], ("Div", "c six", "y")),
        inputs={"x": IMAGE},
        outputs=("y",),
        constants={"w": (1, 8, 1, 1), **{name: CONSTANTS[name] for name in ("three", "zero", "six")}},
        shapes=dict.fromkeys(("i", "p", "c", "y"), (2, 1, 4, 4)),
    )
    assert operators(given) == ["Conv", "HardSigmoid"]


def test_a_second_norm_or_bias_stays_a_call() -> None:
    twice = ("BatchNormalization", "i1 vector vector vector vector", "i2")
    again = ("BatchNormalization", "i2 vector vector vector vector", "y")
    conv = ("Conv", "x filter", "i1", PADS)
    assert operators(image("", conv, twice, again).graph()) == ["Conv", "BatchNormalization"]
    assert operators(image("", conv, twice, ("Add", "i2 channels", "y")).graph()) == ["Conv", "Add"]
    sums = (("Add", "i1 channels", "i2"), ("Add", "i2 channels", "y"))
    assert operators(image("", conv, *sums).graph()) == ["Conv", "Add"]


def test_a_product_a_channel_alone_is_one_learned_value() -> None:
    made = recompose(image("", ("Conv", "x filter", "i1", PADS), ("Mul", "channels i1", "y")).graph())
    assert [call.attributes for call in made.calls] == [{**PADS, "learned": 1}]


def test_dropping_an_identity_opens_the_way_to_a_pattern() -> None:
    calls = (("Sigmoid", "x", "s"), ("Identity", "s", "t"), ("Mul", "t x", "y"))
    assert operators(rows("", *calls).graph()) == ["Swish"]


def test_what_is_passed_on_twice_is_the_same_operand() -> None:
    calls = (
        ("Exp", "x", "e"),
        *(("Add", "one e", "s"), ("Log", "s", "a"), ("Tanh", "a", "t"), ("Mul", "t x", "m")),
        *(("Identity", "m", "n"), ("Dropout", "n", "o"), ("Sigmoid", "o", "g"), ("Mul", "n g", "y")),
    )
    assert operators(rows("", *calls).graph()) == ["Mish", "Swish"]


def test_what_worked_out_a_vanished_shape_vanishes_and_opens_the_way_back() -> None:
    """The gate is read by more than its product until the Expand behind has gone; the product had its turn before."""
    calls = (
        *(("Sigmoid", "x", "s"), ("Mul", "s x", "g"), ("Shape", "s", "l"), ("Identity", "l", "want")),
        *(("ReduceL2", "z", "n", {"axes": [-1]}), ("Expand", "n want", "b"), ("Div", "z b", "u"), ("Add", "u g", "y")),
    )
    assert operators(rows("", *calls).graph()) == ["Swish", "LpNormalization", "Add"]
    assert operators(rows("", *calls, outputs=("y", "l")).graph())[:3] == ["Sigmoid", "Mul", "Shape"]


def test_what_nothing_read_before_stays() -> None:
    calls = (("Shape", "x", "l"), ("Sigmoid", "x", "s"), ("Mul", "x s", "y"))
    assert operators(rows("", *calls).graph()) == ["Shape", "Swish"]


def test_a_result_that_is_passed_on_keeps_its_name() -> None:
    calls = (("Split", "x", "a b", {"num_outputs": 2}), ("Identity", "b", "y"))
    assert operators(rows("", *calls).graph()) == ["Split", "Identity"], "what writes two results cannot rename one"
    twice = (("Relu", "x", "r"), ("Identity", "r", "y"), ("Neg", "r", "w"))
    assert operators(rows("", *twice, outputs=("y", "w")).graph()) == ["Relu", "Identity", "Neg"]


def test_a_shape_known_only_behind_an_identity_is_kept() -> None:
    given = graph(
        ("Relu", "x", "r"),
        ("Identity", "r", "i"),
        ("Neg", "i", "y"),
        inputs={"x": IMAGE},
        outputs=("y",),
        shapes={"i": IMAGE, "y": IMAGE},
    )
    given.values["r"] = type(given.values["i"])("r")
    made = recompose(given)
    assert made.values["r"].shape == IMAGE
    assert "i" not in made.values


@pytest.mark.parametrize(
    "op", ["Mul", "Add", "Div", "Clip", "Reshape", "Conv", "Identity", "Log", "BatchNormalization"]
)
def test_calls_that_lack_inputs_are_left_alone(op: str) -> None:
    made = graph((op, "", "a"), (op, "a", "y"), inputs={"x": IMAGE}, outputs=("y", "a"))
    assert [call.op for call in recompose(made).calls][:1] == [op]
    inner = ("Sigmoid", "Erf", "Relu", "Pad", "Add", "Exp", "Sqrt", "ReduceMean", "Reshape", "Sub", "ReduceSum", "Pow")
    for first in inner:
        given = graph((first, "", "a"), (op, "a a", "y"), inputs={"x": IMAGE}, outputs=("y",))
        if op != "Identity":
            assert recompose(given).calls == given.calls


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 3e38, 0.0])
def test_odd_numbers_make_no_pattern_and_no_trouble(number: float) -> None:
    for name in ("gelu_tanh_factored", "gelu_erf", "hard_sigmoid", "layer_norm", "l2_clipped", "clip_of_clip"):
        given = CASES[name].graph()
        for key in ("cube", "root2", "three", "eps", "tiny"):
            if key in given.values:
                given.values[key] = type(given.values[key])(key, (), constant=True, data=np.array(number))
        made = recompose(given)
        assert [call.outputs for call in made.calls][-1] == ("y",)
        if name != "clip_of_clip":
            assert len(made.calls) > 1


def chain(length: int, seed: int) -> Graph:
    """Return the calls of cases of rows, one behind another in a random order, until there are ``length``."""
    generator = np.random.default_rng(seed)
    names = [name for name, case in CASES.items() if case.inputs["x"] == (2, 6, 8) and name != "bias"]
    calls: list[Any] = []
    source = "x"
    while len(calls) < length:
        step = len(calls)
        for op, sources, targets, *rest in CASES[str(generator.choice(names))].calls:
            renamed = [
                word if word in CONSTANTS or word == "z" else source if word == "x" else f"{word}.{step}"
                for word in sources.split()
            ]
            calls.append((op, " ".join(renamed), " ".join(f"{word}.{step}" for word in targets.split()), *rest))
        source = f"y.{step}"
    known = {name: CONSTANTS[name] for name in CONSTANTS}
    shapes = {word: (2, 6, 8) for call in calls for word in call[2].split() if word.startswith("y.")}
    return graph(*calls, inputs={"x": (2, 6, 8), "z": (2, 6, 8)}, outputs=(source,), constants=known, shapes=shapes)


@pytest.mark.parametrize("seed", range(8))
def test_patterns_behind_patterns_are_all_found(seed: int) -> None:
    left = set(operators(chain(150, seed)))
    assert not left & {"Erf", "Tanh", "ReduceMean", "Sqrt", "Sigmoid", "Exp", "Identity", "Dropout"}


def test_ten_thousand_calls_take_a_number_of_looks_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at readers and writers are counted, not seconds."""
    looks = 0
    for name in ("writer", "readers", "count"):
        plain = getattr(Index, name)

        def counted(self: Index, *args: Any, plain: Any = plain) -> Any:
            nonlocal looks
            looks += 1
            return plain(self, *args)

        monkeypatch.setattr(Index, name, counted)
    counts = []
    for length in (1_000, 10_000):
        looks = 0
        made = recompose(chain(length, 1))
        assert len(made.calls) < length / 2
        counts.append(looks)
    assert counts[1] < 15 * counts[0]


def test_a_value_that_thousands_read_costs_each_of_them_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    plain = engine._Rewriter._try

    def counted(self: Any, last: Any) -> None:
        nonlocal tried
        tried += 1
        plain(self, last)

    monkeypatch.setattr(engine._Rewriter, "_try", counted)
    gates = [call for n in range(5_000) for call in (("Sigmoid", "x", f"s{n}"), ("Mul", f"x s{n}", f"y{n}"))]
    given = graph(*gates, inputs={"x": IMAGE}, outputs=tuple(f"y{n}" for n in range(5_000)))
    assert {call.op for call in recompose(given).calls} == {"Swish"}
    assert tried <= 3 * len(gates)


def test_what_is_put_together_says_so_once_for_each_operator() -> None:
    for case in (CASES | UNNUMBERED).values():
        for call in recompose(case.graph()).calls:
            names = call.origin.split(", ")
            assert len(names) == len(set(names))
            assert set(names) <= {step[0] for step in case.calls}
