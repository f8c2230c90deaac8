"""How far a study is, and how good the best designs are so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from accelsim.search.objectives import Objective
from accelsim.study.record import Record

__all__ = ["Progress", "Tracker"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is.

    Attributes:
        done: Evaluations made, those of earlier runs included.
        total: Evaluations planned.
        rate_per_s: Evaluations a second in this run.
        best: Network -> objective -> best value so far of a feasible design.
    """

    done: int
    total: int
    rate_per_s: float
    best: Mapping[str, Mapping[str, float]]


class Tracker:
    """Follows a study and reports to a callback.

    Args:
        total: Evaluations planned.
        objectives: What counts as best.
        callback: Called at each report, or ``None``.
    """

    def __init__(
        self, total: int, objectives: tuple[Objective, ...], callback: Callable[[Progress], None] | None
    ) -> None:
        self._total, self._objectives, self._callback = total, objectives, callback
        self._done = self._resumed = 0
        self._best: dict[str, dict[str, float]] = {}
        self._start = time.perf_counter()

    def add(self, records: Iterable[Record], *, resumed: bool = False) -> None:
        """Count ``records``; those of an earlier run do not count for the rate."""
        for record in records:
            self._done += 1
            self._resumed += resumed
            best = self._best.setdefault(record.network, {})
            for objective in self._objectives if record.feasible else ():
                value = record.metrics[objective.metric]
                if value is not None:
                    value = float(value)
                    pick = min if objective.goal == "min" else max
                    best[objective.metric] = pick(best.get(objective.metric, value), value)

    def report(self) -> None:
        """Tell the callback how far the study is."""
        if self._callback is None:
            return
        seconds = max(time.perf_counter() - self._start, 1e-9)
        rate = (self._done - self._resumed) / seconds
        best = {network: dict(values) for network, values in self._best.items()}
        self._callback(Progress(self._done, self._total, rate, best))
