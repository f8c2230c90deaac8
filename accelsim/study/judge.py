"""From the outcome of a design to its record: accuracy joined, objectives and constraints judged."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping

from accelsim.errors import InputError
from accelsim.parameters import Point, Value
from accelsim.schedule.result import Outcome
from accelsim.search.accuracy import ESTIMATORS, AccuracyEstimator, Estimate
from accelsim.search.criteria import Criteria, Verdict
from accelsim.study.arms import SearchPlan
from accelsim.study.record import Record
from accelsim.study.sides import Side
from accelsim.workload.load import network_template

__all__ = ["Judge", "side_point"]


class Judge:
    """Makes records.

    Args:
        criteria: Objectives and constraints.
        accuracy: Name of the accuracy estimator, or ``None``.
    """

    def __init__(self, criteria: Criteria, accuracy: str | None) -> None:
        self.criteria = criteria
        self.estimator: AccuracyEstimator | None = ESTIMATORS[accuracy]() if accuracy else None
        self._needed = {o.metric for o in criteria.objectives} | {c.metric for c in criteria.constraints}
        self._estimates: dict[tuple[str, tuple[Value, ...]], Estimate] = {}

    def record(self, search: SearchPlan, number: int, point: Point, outcome: Outcome) -> Record:
        """Return the record of ``point`` (with the parameters held), which came out as ``outcome``."""
        metrics = {name: _clean(value) for name, value in (outcome.metrics or {}).items()}
        reason = outcome.error
        if not metrics:
            reason = reason or "the evaluation returned nothing"
        elif self.estimator is not None:
            estimate = self._estimate(search.network, side_point(search.network, "network", point))
            metrics[self.estimator.metric] = _clean(estimate.value)
            if estimate.value is None and self.estimator.metric in self._needed:
                reason = reason or estimate.reason
        verdict = self.criteria.judge(metrics)
        return Record(
            number=number,
            arm=search.arm,
            seed=search.seed,
            network=search.network.name,
            hardware=search.hardware.name,
            point=point,
            metrics=metrics,
            error=reason or verdict.reason,
            feasible=verdict.feasible and reason is None,
        )

    def verdict(self, record: Record) -> Verdict:
        """Return what a search is told about a record."""
        failed = record.error is not None
        return self.criteria.judge({} if failed else record.metrics)

    def _estimate(self, network: Side, point: Point) -> Estimate:
        key = (network.name, tuple(point.values()))
        if key not in self._estimates and self.estimator is not None:
            try:
                self._estimates[key] = self.estimator.estimate(network_template(network.path).build(point))
            except InputError as error:
                self._estimates[key] = Estimate(None, str(error))
        return self._estimates[key]


def side_point(side: Side, prefix: str, point: Mapping[str, Value]) -> Point:
    """Return the parameters of one side of a design: those the study sets, and those of ``point`` that are its own."""
    start = f"{prefix}."
    return {
        **side.fixed,
        **{name.removeprefix(start): value for name, value in point.items() if name.startswith(start)},
    }


def _clean(value: float | None) -> float | None:
    """Return a plain number; what is not finite is not a figure, and becomes ``None``."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, numbers.Integral) else float(value)
