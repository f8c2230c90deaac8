"""Errors: the text a user reads, the nearest spelling, and the way through a process pool."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from accelsim.errors import (
    AccelsimError,
    InputError,
    MissingExtraError,
    NoMappingError,
    Problem,
    nearest,
    shown,
)


def test_text_of_a_problem_with_everything() -> None:
    problem = Problem.unknown("hardware.levels[1].operands", "Weigths", ["W", "Weights", "I"], "unknown operand")
    assert str(problem.at(Path("studies/mbv2.yaml"), 14)) == (
        "studies/mbv2.yaml:14  hardware.levels[1].operands\n"
        "  unknown operand; got 'Weigths'; use W, Weights, I. Did you mean 'Weights'?"
    )


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(field="rows", message="is missing"), "rows\n  is missing."),
        (Problem(field="rows", got="-1", allowed="at least 1"), "rows\n  got -1; use at least 1."),
        (Problem(field="rows", got="None"), "rows\n  got None."),
        (Problem(field="rows", message="is odd", file="a.yaml"), "a.yaml  rows\n  is odd."),
    ],
)
def test_text_of_a_problem_with_less(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_long_lists_and_long_values_are_cut() -> None:
    problem = Problem.unknown("layer", "x" * 1000, [f"option{i}" for i in range(40)])
    assert problem.allowed.endswith("option15, ...")
    assert problem.got is not None
    assert len(problem.got) == 60
    assert len(str(problem)) < 400


def test_shown_survives_numbers_that_python_does_not_print() -> None:
    assert shown(10**10_000) == "a number of thousands of digits"
    assert shown("abc") == "'abc'"
    assert shown([1, 2]) == "[1, 2]"


@pytest.mark.parametrize(
    ("word", "allowed", "found"),
    [
        ("wieght", ["weight", "height", "input"], "weight"),
        ("RELU", ["relu", "relu6"], "relu"),
        ("relu", ["ReLU"], "ReLU"),
        ("banana", ["weight", "height"], None),
        (0.3, [0.35, 0.5, 1.0], "0.35"),
        (7, [32, 64], None),
        ("Weights", ["W", "I", "O"], "W"),
        ("convolution", ["conv", "c", "pool"], "conv"),
        ("mobile", ["resnet18", "mobilenet_v3_large", "mobilenet_v3_small"], "mobilenet_v3_large"),
        ("m", ["mobilenet_v1"], None),
        ("", ["mobilenet_v1"], None),
        ("x", [], None),
    ],
)
def test_nearest(word: object, allowed: list[object], found: str | None) -> None:
    assert nearest(word, allowed) == found


def test_input_error_lists_every_problem() -> None:
    problems = [Problem(field="a", message="one"), Problem(field="b", message="two")]
    error = InputError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "a\n  one.\nb\n  two."
    assert InputError(problems[0]).problems == (problems[0],)


def test_at_fills_in_the_file_only_where_it_is_missing() -> None:
    error = InputError([Problem(field="a", line=3), Problem(field="b", file="own.yaml", line=7)]).at("net.yaml")
    assert [(p.file, p.line) for p in error.problems] == [("net.yaml", 3), ("own.yaml", 7)]


def test_all_errors_have_one_root() -> None:
    assert all(issubclass(kind, AccelsimError) for kind in (InputError, NoMappingError, MissingExtraError))


@pytest.mark.parametrize(
    "error",
    [
        InputError([Problem.unknown("a.b", "x", ["y"]).at(Path("f.yaml"), 3), Problem(field="c", message="two")]),
        MissingExtraError("NSGA-II", "pymoo", "search"),
        NoMappingError("the W tile needs 9216 bytes, `rf` holds 512"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_survive_pickling(error: AccelsimError, protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def _fail(kind: str) -> None:
    if kind == "input":
        raise InputError(Problem(field="rows", got="0", allowed="at least 1", file="hw.yaml", line=4))
    raise MissingExtraError("reading ONNX", "onnx", "onnx")


def test_errors_reach_the_parent_of_a_worker_process() -> None:
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(InputError, match=r"hw.yaml:4  rows\n  got 0; use at least 1"):
            pool.submit(_fail, "input").result()
        with pytest.raises(MissingExtraError) as caught:
            pool.submit(_fail, "extra").result()
    assert str(caught.value) == "reading ONNX needs onnx. Install it with: pip install 'accelsim[onnx]'"
    assert (caught.value.what, caught.value.package, caught.value.extra) == ("reading ONNX", "onnx", "onnx")
