"""Reads the numbers of a template for a batch of designs and collects every mistake on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.config.expressions import evaluate
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem
from accelsim.units import KINDS, conversion_factor, split_unit

__all__ = ["Quantities"]


class Quantities:
    """Evaluates expressions and quantities over parameter values.

    Args:
        source: The template's file, for the place of a mistake.
        names: Parameter values: arrays of shape ``(count,)``, or words.
        count: Number of designs.
    """

    def __init__(self, source: Source, names: Mapping[str, Any], count: int) -> None:
        self.source = source
        self.names = names
        self.count = count
        self.problems: list[Problem] = []

    def number(
        self, value: object, path: FieldPath, *, least: float = 0.0, whole: bool = False
    ) -> npt.NDArray[np.float64]:
        """Return one number per design; ``whole`` asks for whole numbers of at least 1."""
        field = field_name(path)
        try:
            result = np.asarray(evaluate(value, self.names, field), dtype=float)
        except InputError as error:
            self.problems += [self.source.problem(path, problem) for problem in error.problems]
            return np.ones(self.count)
        except (TypeError, ValueError):
            result = np.asarray(np.nan)
        floor = 1.0 if whole else least
        good = (result >= floor) & (~np.isinf(result) | (value == np.inf))
        if whole:
            good &= result == np.floor(result)
        if not np.all(good):
            allowed = f"a {'whole ' if whole else ''}number of at least {floor:g}"
            self.note(path, Problem(field=field, got=_first_bad(value, result, good), allowed=allowed))
            return np.ones(self.count)
        return np.broadcast_to(result, (self.count,)).copy()

    def quantity(self, value: object, path: FieldPath, kind: str) -> npt.NDArray[np.float64]:
        """Return one positive quantity per design in the canonical unit of ``kind`` (a key of ``units.KINDS``)."""
        field = field_name(path)
        example = f"a number or expression, a space and a unit, such as {KINDS[kind][1]}"
        try:
            text, unit = split_unit(value if isinstance(value, str) else str(value))
        except ValueError:
            self.note(path, Problem(field=field, message="no unit", got=repr(value), allowed=example))
            return np.ones(self.count)
        try:
            factor = conversion_factor(unit, kind)
        except ValueError as error:
            self.note(path, Problem(field=field, message=str(error), got=repr(value), allowed=example))
            return np.ones(self.count)
        known = len(self.problems)
        result = self.number(text, path) * factor
        if len(self.problems) == known and not np.all(result > 0):
            self.note(path, Problem(field=field, got=_first_bad(value, result, result > 0), allowed="more than 0"))
            return np.ones(self.count)
        return result

    def finish(self) -> None:
        """Raise ``InputError`` with every mistake met, if there was one."""
        if self.problems:
            raise InputError(list(dict.fromkeys(self.problems)))

    def note(self, path: FieldPath, problem: Problem) -> None:
        """Add a mistake at ``path``."""
        self.problems.append(self.source.problem(path, problem))


def _first_bad(value: object, result: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> str:
    bad = np.broadcast_to(result, np.shape(good))[~np.asarray(good)] if np.ndim(good) else np.atleast_1d(result)
    computed = "" if isinstance(value, int | float) else f" = {bad.flat[0]:g}"
    return f"{value!r}{computed}"
