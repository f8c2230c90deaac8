"""From the metrics of a design to what a search algorithm is told: values to minimise, and a violation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.search.objectives import Constraint, Objective

__all__ = ["Criteria", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a design stands.

    Attributes:
        values: One number an objective, to be minimised (maximised ones negated); infinite if the design failed.
        violation: Sum of the constraints' violations, each as a share of its bound; infinite if the design failed.
        reason: Why the design cannot be compared with others, or ``None``. Missing a bound is not a failure.
    """

    values: tuple[float, ...]
    violation: float
    reason: str | None = None

    @property
    def feasible(self) -> bool:
        """Whether the design can be compared and meets every constraint."""
        return self.violation == 0


@dataclass(frozen=True, slots=True)
class Criteria:
    """Objectives and constraints together."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    def judge(self, metrics: Mapping[str, float | None]) -> Verdict:
        """Return the verdict on a design with these flat metrics; no metrics at all is a failed design."""
        missing = [o.metric for o in self.objectives if not _known(metrics.get(o.metric))]
        unchecked = [c for c in self.constraints if not _known(metrics.get(c.metric))]
        if missing or unchecked:
            reasons = [f"{metric} is not modelled, so the design cannot be compared" for metric in missing]
            reasons += [str(constraint.reason(metrics)) for constraint in unchecked]
            return Verdict((math.inf,) * len(self.objectives), math.inf, "; ".join(reasons))
        values = tuple(o.sign * float(metrics[o.metric] or 0.0) for o in self.objectives)
        return Verdict(values, sum(constraint.violation(metrics) for constraint in self.constraints))


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
