"""Small safe expressions over named parameters, such as ``2 * rows`` or ``round8(32 * width)``.

Values may be numpy arrays: an expression over a batch of designs gives one value per design.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from accelsim.errors import InputError, Problem

__all__ = ["FUNCTIONS", "evaluate", "names_in", "round8"]


def round8(value: float) -> int:
    """Round to the nearest multiple of 8, at least 8 and never below 0.9 of ``value``.

    The rule for scaled channel counts of the MobileNet family (Sandler et al., arXiv 1801.04381, reference code).
    """
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


FUNCTIONS: dict[str, Any] = {
    "round8": round8,
    "ceil": lambda x: np.ceil(x) if isinstance(x, np.ndarray) else math.ceil(x),
    "floor": lambda x: np.floor(x) if isinstance(x, np.ndarray) else math.floor(x),
    "round": lambda x: np.rint(x) if isinstance(x, np.ndarray) else round(x),
    "sqrt": np.sqrt,
    "log2": np.log2,
    "min": lambda *xs: np.minimum.reduce(xs) if any(isinstance(x, np.ndarray) for x in xs) else min(xs),
    "max": lambda *xs: np.maximum.reduce(xs) if any(isinstance(x, np.ndarray) for x in xs) else max(xs),
    "where": lambda condition, yes, no: np.where(condition, yes, no).item()
    if np.ndim(condition) == 0
    else np.where(condition, yes, no),
}


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.expr:
    tree = ast.parse(text.strip(), mode="eval")
    return tree.body


def names_in(text: str) -> frozenset[str]:
    """Return the names that ``text`` uses, functions left out; empty if it is not an expression."""
    try:
        tree = _parsed(text)
    except SyntaxError:
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)) - FUNCTIONS.keys()


def evaluate(value: object, names: Mapping[str, Any], field: str) -> Any:
    """Return the value of an expression; what is not a string is returned as it is.

    Args:
        value: A number, or a string holding an expression.
        names: Parameter values, scalars or arrays of shape ``(designs,)``.
        field: Where the expression stands, for the error.

    Raises:
        InputError: A name is unknown, the expression is malformed, or it cannot be computed.
    """
    if not isinstance(value, str):
        return value
    import simpleeval

    try:
        tree = _parsed(value)
    except SyntaxError as error:
        raise InputError(Problem(field=field, message="not an expression", got=repr(value))) from error
    evaluator = simpleeval.SimpleEval(names=dict(names), functions=FUNCTIONS)
    try:
        return evaluator.eval(value, previously_parsed=tree)
    except simpleeval.NameNotDefined as error:
        raise InputError(Problem.unknown(field, error.name, sorted(names), "unknown name in an expression")) from error
    except simpleeval.FunctionNotDefined as error:
        what = "unknown function in an expression"
        raise InputError(Problem.unknown(field, error.func_name, sorted(FUNCTIONS), what)) from error
    except (simpleeval.InvalidExpression, ArithmeticError, TypeError, ValueError) as error:
        message = f"cannot be computed ({error})"
        raise InputError(Problem(field=field, message=message, got=repr(value))) from error
