"""What a search wants and what it must respect: objectives by name, constraints with units."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from accelsim.errors import InputError, Problem, shown
from accelsim.units import KINDS, conversion_factor, human

__all__ = ["Constraint", "Goal", "Objective", "implied_goal", "unit_of"]

Goal = Literal["min", "max"]

#: End of a metric's name -> (kind of quantity, the unit the name carries).
_SUFFIXES: dict[str, tuple[str, str]] = {
    "_mm2": ("area", "mm^2"),
    "_pj_ms": ("", "pJ ms"),
    "_ms": ("time", "ms"),
    "_pj": ("energy", "pJ"),
    "_bytes": ("size", "B"),
    "_cycles": ("", "cycles"),
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")
_LEAST_VIOLATION = 1e-9


def _suffix(metric: str) -> tuple[str, str]:
    return next((found for end, found in _SUFFIXES.items() if metric.endswith(end)), ("", ""))


def unit_of(metric: str) -> str:
    """Return the unit that a metric's name carries, such as ``mm^2``; empty for a count or a share."""
    return _suffix(metric)[1]


def implied_goal(metric: str) -> Goal:
    """Return which way is better: ``max`` for accuracies and utilizations, ``min`` for all else."""
    return "max" if metric.startswith(("utilization", "top1", "top5", "accuracy")) else "min"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to make as small or as great as possible.

    Attributes:
        metric: A name of ``accelsim.schedule.result.METRICS``, or what an accuracy estimator adds, such as ``top1``.
        goal: ``min`` or ``max``.
    """

    metric: str
    goal: Goal

    @classmethod
    def of(cls, metric: str, goal: Goal | None = None) -> Objective:
        """Return the objective on ``metric``, with the goal its name implies unless one is given."""
        return cls(metric, goal or implied_goal(metric))

    @property
    def sign(self) -> int:
        """1 if smaller is better, -1 if greater is; a value times the sign is to be minimised."""
        return 1 if self.goal == "min" else -1

    def __str__(self) -> str:
        return f"{self.metric} ({self.goal})"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a metric, in the unit the metric's name carries.

    Attributes:
        metric: Name of the metric.
        relation: ``<=``, ``>=``, ``<`` or ``>``.
        bound: The number on the right, in canonical units.
    """

    metric: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, metric: str, text: str, field: str) -> Constraint:
        """Read a constraint such as ``"<= 4 mm^2"`` or ``"< 1e9"``.

        Args:
            metric: Name of the metric; its suffix says which units can stand in ``text``.
            text: Relation, number and, if wanted, a unit.
            field: Where it was written, for the error.

        Raises:
            InputError: The text is malformed, or its unit does not measure what the metric measures.
        """
        match = _FORM.fullmatch(text)
        kind, own = _suffix(metric)
        if match is None:
            example = f"'<= 4 {own}'" if own else "'<= 4'"
            allowed = f"one of {', '.join(_OPERATORS)}, a number and optionally a unit, such as {example}"
            raise InputError(Problem(field=field, message="not a constraint", got=shown(text), allowed=allowed))
        relation, number, unit = match.groups()
        if unit is None or unit == own:
            return cls(metric, relation, float(number))
        if not kind:
            allowed = f"the number alone; {metric} is in {own}" if own else f"the number alone; {metric} has no unit"
            raise InputError(Problem(field=field, message="a unit cannot stand here", got=shown(unit), allowed=allowed))
        try:
            factor = conversion_factor(unit, kind)
        except ValueError as error:
            problem = Problem(
                field=field, message=str(error), got=shown(text), allowed=f"a unit as in {KINDS[kind][1]}"
            )
            raise InputError(problem) from error
        return cls(metric, relation, float(number) * factor)

    def violation(self, metrics: Mapping[str, float | None]) -> float:
        """Return by how much the constraint is missed, as a share of the bound: 0 if met, infinite if unknown.

        Shares have no unit, so the violations of several constraints can be added up.
        """
        value = metrics.get(self.metric)
        if value is None or not math.isfinite(value):
            return math.inf
        if _OPERATORS[self.relation](value, self.bound):
            return 0.0
        return max(abs(value - self.bound) / (abs(self.bound) or 1.0), _LEAST_VIOLATION)

    def reason(self, metrics: Mapping[str, float | None]) -> str | None:
        """Return in words why the constraint is missed, or ``None`` if it is met."""
        if not self.violation(metrics):
            return None
        value = metrics.get(self.metric)
        if value is None or not math.isfinite(value):
            return f"{self.metric} is not modelled, so {self} cannot be checked"
        return f"{self.metric} is {human(value, unit_of(self.metric), 4)}, not {self.relation} {self._bound}"

    @property
    def _bound(self) -> str:
        return human(self.bound, unit_of(self.metric), 4)

    def __str__(self) -> str:
        return f"{self.metric} {self.relation} {self._bound}"
