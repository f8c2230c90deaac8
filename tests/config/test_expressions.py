"""Expressions: right values, the same for a batch as for one design, and nothing that could do harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.config.expressions import FUNCTIONS, evaluate, names_in, round8
from accelsim.errors import InputError, Problem

ProblemsOf = Callable[..., tuple[Problem, ...]]

NAMES: dict[str, Any] = {"rows": 32, "width": 0.75, "flow": "weight_stationary", "skip": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rows", 32),
        (" 2 * rows + 1 ", 65),
        ("rows / 3", 32 / 3),
        ("rows // 3", 10),
        ("rows % 5", 2),
        ("2 ** 10", 1024),
        ("2 ** -1", 0.5),
        ("-rows", -32),
        ("1e3", 1000.0),
        ("round8(32 * width)", 24),
        ("max(1280, round8(1280 * width))", 1280),
        ("min(rows, 16, 20)", 16),
        ("ceil(rows / 3)", 11),
        ("floor(rows / 3)", 10),
        ("round(2.5) + round(3.5)", 6),
        ("sqrt(rows * 2)", 8.0),
        ("log2(rows)", 5.0),
        ("rows if width < 1 else 0", 32),
        ("where(width < 1, 1, 2)", 1),
        ("flow == 'weight_stationary'", True),
        ("16 < rows <= 32", True),
        ("16 < rows <= 31", False),
        ("rows > 1 and not width > 1", True),
        ("skip and rows > 64 or width == 0.75", True),
        ("rows != 32", False),
        ("0 if rows == 0 else 64 / rows", 2.0),
    ],
)
def test_values_by_hand(text: str, value: object) -> None:
    result = evaluate(text, NAMES, "x")
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("value", [3, 2.5, True, None, [1, 2]])
def test_what_is_no_text_is_its_own_value(value: object) -> None:
    assert evaluate(value, NAMES, "x") is value


def test_a_condition_saves_the_branch_that_is_not_taken() -> None:
    assert evaluate("0 if n == 0 else 8 / n", {"n": 0}, "x") == 0
    assert evaluate("n == 0 or 8 / n > 1", {"n": 0}, "x") is True


def test_names_in() -> None:
    assert names_in("round8(32 * width) + max(rows, 1)") == {"width", "rows"}
    assert names_in("3") == frozenset()
    for text in ("3 +", "", "-" * 5000 + "1", "a\0"):
        assert names_in(text) == frozenset()


# ------------------------------------------------------------------------------------------------------- batches

ROWS = np.array([8, 16, 33])
WIDTH = np.array([0.35, 1.0, 1.4])

BATCHED = [
    "rows * columns",
    "2 * rows + columns",
    "rows / columns",
    "rows // 5 + columns % 3",
    "rows ** 2",
    "2 ** columns",
    "rows ** -1",
    "-rows",
    "min(rows, 16)",
    "max(rows, columns, 10)",
    "round8(32 * width)",
    "ceil(width * 10) + floor(width * 10) + round(width)",
    "sqrt(rows) + log2(rows)",
    "where(rows > 8, rows, columns)",
    "rows if rows > columns else columns",
    "1 if 8 < rows < 20 else 0",
    "1 if rows > 8 and columns > 8 else 2",
    "1 if rows > 8 or columns > 8 else 2",
    "1 if not rows > 8 else 2",
    "1 if fixed > 3 and rows > 8 else 2",
    "1 if fixed > 4 or rows > 8 else 2",
    "width * fixed",
    "(rows > 8) + (columns > 8) - (rows > 20) * 2",
    "-(rows > 8)",
    "100 // (rows - 8) if rows > 8 else 0",
    "100 % (rows - 8) if rows > 8 else 0",
    "100 / (rows - 8) if rows > 8 else 0",
    "0.5 if flow == 'os' else width",
]


@pytest.mark.parametrize("text", BATCHED)
def test_a_batch_gives_each_design_what_it_gets_alone(text: str) -> None:
    columns, flow = np.array([16, 4, 9]), np.array(["ws", "os", "ws"])
    batch = evaluate(text, {"rows": ROWS, "columns": columns, "width": WIDTH, "flow": flow, "fixed": 4}, "x")
    alone = [
        evaluate(text, {"rows": int(r), "columns": int(c), "width": float(w), "flow": str(f), "fixed": 4}, "x")
        for r, c, w, f in zip(ROWS, columns, WIDTH, flow, strict=True)
    ]
    assert isinstance(batch, np.ndarray)
    assert batch.shape == (3,)
    assert batch.tolist() == pytest.approx(alone, rel=1e-15)


@pytest.mark.parametrize("text", ["rows * 2", "rows // 5", "rows % 5", "rows ** 2", "2 ** rows", "min(rows, 9)"])
def test_whole_numbers_stay_whole(text: str) -> None:
    assert evaluate(text, {"rows": ROWS}, "x").dtype.kind == "i"


def test_batches_of_two_axes_broadcast() -> None:
    result = evaluate("rows * columns", {"rows": ROWS[:, None], "columns": np.array([1, 2])}, "x")
    assert result.tolist() == [[8, 16], [16, 32], [33, 66]]


def test_a_batch_of_one() -> None:
    assert evaluate("2 * min(rows, 8) if rows > 1 else 0", {"rows": np.array([32])}, "x").tolist() == [16]


# ------------------------------------------------------------------------------------------------ wrong and evil


@pytest.mark.parametrize(
    ("text", "got", "suggestion"),
    [("2 * rosw", "'rosw'", "rows"), ("widht + rows", "'widht'", "width"), ("zzz", "'zzz'", None)],
)
def test_unknown_name(text: str, got: str, suggestion: str | None, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(evaluate, text, NAMES, "layers[2].out")
    assert (problem.field, problem.message) == ("layers[2].out", "unknown name in an expression")
    assert (problem.got, problem.suggestion) == (got, suggestion)
    assert problem.allowed == "flow, rows, skip, width"


def test_unknown_function(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(evaluate, "rond8(rows)", NAMES, "x")
    assert (problem.message, problem.suggestion) == ("unknown function in an expression", "round8")


@pytest.mark.parametrize("text", ["", "  ", "3 +", "rows columns", "x = 3", "import os", "rows;", "a\0b", "(" * 300])
def test_no_expression_at_all(text: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(evaluate, text, NAMES, "x")
    assert problem.message == "not an expression"


@pytest.mark.parametrize(
    "text",
    [
        "rows.real",
        "rows.__class__",
        "flow.upper()",
        "a.tofile('stolen')",
        "a.dump('stolen')",
        "().__class__.__bases__[0].__subclasses__()",
        "a[0]",
        "flow[0]",
        "[1, 2]",
        "(1, 2)",
        "{1: 2}",
        "{1}",
        "[x for x in a]",
        "f'{rows}'",
        "f'{rows:>999999999}'",
        "lambda: 1",
        "(lambda: 1)()",
        "1 in a",
        "rows is 32",
        "1 << 9999",
        "rows & 1",
        "~rows",
        "(y := 3)",
        "min(*a)",
        "round(x=rows)",
    ],
)
def test_more_than_an_expression_may_hold(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problems_of: ProblemsOf
) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = problems_of(evaluate, text, {**NAMES, "a": ROWS}, "x")
    assert problem.message == "more than an expression may hold"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["open('f')", "eval('1')", "__import__('os')", "getattr(rows, 'real')", "print(1)"])
def test_python_functions_are_not_there(text: str) -> None:
    with pytest.raises(InputError, match="unknown function"):
        evaluate(text, NAMES, "x")


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "1 // 0",
        "rows % 0",
        "sqrt(-1)",
        "log2(0)",
        "(-1) ** 0.5",
        "1e308 * 10",
        "flow + 'x'",
        "'a' * 999999999",
        "'%0999999999d' % 1",
        "flow > 3",
        "min()",
        "round8()",
        "round8(flow)",
        "min",
        "round8 + 1",
        "None",
        "1j",
        "b'x'",
        "...",
        "a / 0",
        "a // 0",
        "a % 0",
        "64 // (a - 8)",
        "a * 2 ** 60",
        "2 ** 62 + a * 2 ** 57",
        "sqrt(-a)",
        "log2(a - 8)",
        "a + b",
    ],
)
def test_what_cannot_be_computed(text: str, problems_of: ProblemsOf) -> None:
    names = {**NAMES, "a": ROWS, "b": np.array([1, 2])}
    (problem,) = problems_of(evaluate, text, names, "x")
    assert problem.message.startswith("cannot be computed (")
    assert problem.got is not None


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 9 ** 9 ** 9",
        "9 ** 999999",
        "4000000 ** 4000000",
        "(2 ** 1000) ** (2 ** 1000)",
        "10 ** 4000",
        "*".join(["2 ** 1000"] * 60),
        "-" * 900 + "1",
        "1" + "+1" * 490,
        "1" + "+1" * 100_000,
        "(" * 150 + "1" + ")" * 150,
        "9" * 5000,
        "max(" * 90 + "1" + ")" * 90,
    ],
    ids=lambda text: text[:24],
)
def test_nothing_runs_for_long(text: str) -> None:
    start = time.perf_counter()
    try:
        assert evaluate(text, NAMES, "x") < 2**1024
    except InputError as error:
        assert len(str(error)) < 400
    assert time.perf_counter() - start < 5


def test_an_infinite_parameter_may_stay_infinite() -> None:
    assert evaluate("2 * gbps", {"gbps": float("inf")}, "x") == float("inf")
    with pytest.raises(InputError, match="infinite"):
        evaluate("gbps / 1e-308 * 1e300", {"gbps": 1.0}, "x")


text_of_expressions = st.text(alphabet=st.sampled_from(list("ab019.+-*/%()<>=!, '\"[]{}_:&|~e")), max_size=24)


@given(text_of_expressions)
def test_any_text_has_a_plain_value_or_is_an_input_error(text: str) -> None:
    names = {"a": 3, "b": 0.5}
    try:
        result = evaluate(text, names, "x")
    except InputError:
        return
    assert type(result) in (bool, int, float, str)


arithmetic = st.recursive(
    st.sampled_from(["a", "b", "2", "0.5", "7"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "<", "=="]), inner)
        | st.builds("max({}, {})".format, inner, inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
    ),
    max_leaves=12,
)


@given(arithmetic, st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=4))
def test_law_batch_equals_single(text: str, designs: list[tuple[int, int]]) -> None:
    a, b = (np.array(column, dtype=float) for column in zip(*designs, strict=True))
    batch = np.broadcast_to(evaluate(text, {"a": a, "b": b}, "x"), a.shape)
    alone = [evaluate(text, {"a": float(x), "b": float(y)}, "x") for x, y in designs]
    assert batch.astype(float).tolist() == pytest.approx([float(value) for value in alone])


# -------------------------------------------------------------------------------------------------------- round8


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(1, 8), (8, 8), (11.2, 16), (12, 16), (11.99, 16), (18, 24), (22.4, 24), (33.6, 32), (44.8, 48), (1792, 1792)],
)
def test_round8_by_hand(value: float, rounded: int) -> None:
    assert round8(value) == rounded


@given(st.floats(0, 1e6))
def test_round8_laws(value: float) -> None:
    rounded = round8(value)
    assert rounded % 8 == 0
    assert rounded >= 8
    assert rounded >= 0.9 * value
    assert abs(rounded - value) <= 8
    assert FUNCTIONS["round8"](np.array([value])).tolist() == [rounded]
