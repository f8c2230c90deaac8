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

_LARGEST_WHOLE = 2**53  # up to here floats hold every whole number
#: Figures further from 1 than this are mistakes: their products would no longer be numbers.
_FURTHEST = 1e30


class Quantities:
    """Evaluates expressions and quantities over parameter values.

    What cannot be read is noted and becomes "not a number", with which no comparison holds: a mistake has no others in
    its wake.

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
        self, value: object, path: FieldPath, *, least: float = 0.0, most: float = _FURTHEST, whole: bool = False
    ) -> npt.NDArray[np.float64]:
        """Return one number per design; ``whole`` asks for whole numbers from 1 to 2**53."""
        field = field_name(path)
        rounded = False
        try:
            found = evaluate(value, self.names, field)
            rounded = isinstance(found, int) and found > _LARGEST_WHOLE
            result = np.asarray(found, dtype=float)
        except InputError as error:
            self.problems += [self.source.problem(path, problem) for problem in error.problems]
            return self._unknown()
        except (TypeError, ValueError, OverflowError):
            result = np.asarray(np.nan)
        floor, top = (1.0, _LARGEST_WHOLE) if whole else (least, most)
        good = np.isfinite(result) & (result >= floor) & (result <= top)
        if whole:
            good &= (result == np.floor(result)) & (not rounded)
        if not np.all(good):
            allowed = f"a {'whole ' if whole else ''}number of at least {floor:g}"
            if rounded or np.any((result > top) & (whole or np.isfinite(result))):
                allowed += f" and at most {'2**53' if whole else f'{top:g}'}"
            self.note(path, Problem(field=field, got=_first_bad(value, result, good), allowed=allowed))
            return self._unknown()
        return np.broadcast_to(result, (self.count,)).copy()

    def condition(self, value: str, path: FieldPath) -> bool:
        """Return whether a condition over switches and words holds; they are the same for all designs."""
        field = field_name(path)
        try:
            found = evaluate(value, self.names, field)
        except InputError as error:
            self.problems += [self.source.problem(path, problem) for problem in error.problems]
            return True
        if not isinstance(found, bool):
            allowed = "a condition over switches and words, such as not in_flash"
            self.note(path, Problem(field=field, got=repr(value), allowed=allowed))
            return True
        return found

    def quantity(self, value: object, path: FieldPath, kind: str) -> npt.NDArray[np.float64]:
        """Return one positive quantity per design in the canonical unit of ``kind`` (a key of ``units.KINDS``)."""
        field = field_name(path)
        example = f"a number or expression, a space and a unit, such as {KINDS[kind][1]}"
        try:
            text, unit = split_unit(value if isinstance(value, str) else str(value))
        except ValueError:
            self.note(path, Problem(field=field, message="no unit", got=repr(value), allowed=example))
            return self._unknown()
        try:
            factor = conversion_factor(unit, kind)
        except ValueError as error:
            self.note(path, Problem(field=field, message=str(error), got=repr(value), allowed=example))
            return self._unknown()
        with np.errstate(over="ignore"):
            result = self.number(text, path, most=np.inf) * factor
        bad = (result <= 0) | (result > _FURTHEST) | (result < 1 / _FURTHEST)
        if np.any(bad):
            allowed = "more than 0"
            if np.all(result > 0):
                allowed = "a smaller number" if np.any(result > _FURTHEST) else "a larger number"
            self.note(path, Problem(field=field, got=_first_bad(value, result, ~bad), allowed=allowed))
            return self._unknown()
        return result

    def per_cycle(self, value: object, path: FieldPath, clock: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return a bandwidth, stated per cycle or per second, in bytes per cycle of ``clock`` (in Hz)."""
        if isinstance(value, str) and value.strip().endswith("cycle"):
            return self.quantity(value, path, "bandwidth per cycle")
        return self.quantity(value, path, "bandwidth") / clock

    def _unknown(self) -> npt.NDArray[np.float64]:
        return np.full(self.count, np.nan)

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
