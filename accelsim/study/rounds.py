"""The rounds of a study: ask, evaluate, store, tell.

The order of things does not depend on who evaluates: in every round each search that still runs is asked once, the
points are numbered in that order, stored in that order, and told in that order. So the same study gives the same store
on any number of workers, and a study that was killed goes on as if nothing had happened: its searches are asked again
from the start and told what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from accelsim.errors import InputError, Problem
from accelsim.parameters import Point
from accelsim.search.algorithms import Algorithm
from accelsim.study.arms import SearchPlan
from accelsim.study.judge import Judge, side_point
from accelsim.study.plan import StudyPlan
from accelsim.study.progress import Progress, Tracker
from accelsim.study.record import Record
from accelsim.study.store import Store
from accelsim.study.tasks import Evaluator, Task, Worker

__all__ = ["MOST_IN_A_TASK", "Run"]

#: Most designs of one task; large enough for broadcasting to pay, small enough to spread and to show progress.
MOST_IN_A_TASK = 128
_MOST_ASKED = 1024

#: A point with the search that asked for it.
Asked = tuple[SearchPlan, Point]


@dataclass(slots=True)
class _Search:
    plan: SearchPlan
    algorithm: Algorithm
    left: int
    asked: list[Point] = field(default_factory=list)

    def ask(self) -> bool:
        """Ask for the points of the next round; false if there are none, which ends the search."""
        self.asked = self.algorithm.ask(min(self.left, _MOST_ASKED)) if self.left else []
        self.left -= len(self.asked)
        return bool(self.asked)


class Run:
    """One run of a study, from the start or from where another stopped.

    Args:
        plan: The study.
        judge: Makes records and verdicts.
        store: Where records go, and those of earlier runs come from.
        evaluator: What evaluates designs.
        on_progress: Called when something was stored.
    """

    def __init__(
        self,
        plan: StudyPlan,
        judge: Judge,
        store: Store,
        evaluator: Evaluator,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._plan, self._judge, self._store, self._evaluator = plan, judge, store, evaluator
        self._tracker = Tracker(plan.total, plan.criteria.objectives, on_progress)
        self._stored = store.records()
        self._records: list[Record] = []

    @property
    def resumed(self) -> int:
        """Evaluations that were stored before this run."""
        return len(self._stored)

    @property
    def missing(self) -> int:
        """Evaluations still to be made, at most."""
        return self._plan.total - self.resumed

    def go(self, worker: Worker) -> None:
        """Run rounds until no search has anything to ask for.

        Raises:
            InputError: The store holds other designs than the searches ask for, or a search leaves its space.
            MissingExtraError: A search needs a package that is not installed.
        """
        objectives = len(self._plan.criteria.objectives)
        searches = [_Search(search, search.start(objectives), search.budget) for search in self._plan.searches]
        while searches := [search for search in searches if search.ask()]:
            first = len(self._records)
            self._round([(s.plan, s.plan.complete(point)) for s in searches for point in s.asked], worker)
            for search in searches:
                self._tell(search, self._records[first : first + len(search.asked)])
                first += len(search.asked)

    def _tell(self, search: _Search, records: list[Record]) -> None:
        verdicts = [self._judge.verdict(record) for record in records]
        values = np.array([verdict.values for verdict in verdicts], dtype=np.float64)
        search.algorithm.tell(search.asked, values, np.array([verdict.violation for verdict in verdicts]))

    def _round(self, asked: list[Asked], worker: Worker) -> None:
        """Make a record of every point; store those that are new as soon as all before them are there."""
        first = len(self._records)
        known = self._stored[first : first + len(asked)]
        if known:
            self._check_same(known, asked)
            self._records += known
            self._tracker.add(known, resumed=True)
            self._tracker.report()
        fresh = dict(enumerate(asked[len(known) :], first + len(known)))
        groups = list(_groups(fresh))
        waiting: dict[int, Record] = {}
        tasks = [self._task([fresh[number] for number in numbers]) for numbers in groups]
        for numbers, outcomes in zip(groups, worker(tasks), strict=True):
            for number, outcome in zip(numbers, outcomes, strict=True):
                search, point = fresh[number]
                waiting[number] = self._judge.record(search, number, point, outcome)
            self._keep(waiting)

    def _keep(self, waiting: dict[int, Record]) -> None:
        """Store the records of ``waiting`` that are next in order, and take them out."""
        ready: list[Record] = []
        while (number := len(self._records) + len(ready)) in waiting:
            ready.append(waiting.pop(number))
        if ready:
            self._store.add(ready)
            self._records += ready
            self._tracker.add(ready)
            self._tracker.report()

    def _task(self, designs: list[Asked]) -> Task:
        search, point = designs[0]
        return Task(
            search.network.path,
            side_point(search.network, "network", point),
            search.hardware.path,
            tuple(side_point(search.hardware, "hardware", other) for _, other in designs),
            self._evaluator,
        )

    def _check_same(self, known: list[Record], asked: list[Asked]) -> None:
        """Raise unless the stored records are of the points that are asked for now."""
        for number, (record, (search, point)) in enumerate(zip(known, asked, strict=False), len(self._records)):
            then = (record.number, record.arm, record.seed, record.network, record.hardware, record.point)
            if then != (number, search.arm, search.seed, search.network.name, search.hardware.name, point):
                message = f"evaluation {number} is of another design than the search asks for now"
                allowed = "the versions of the search libraries it began with, another folder, or delete this one"
                raise InputError(Problem(field=str(self._store.path), message=message, allowed=allowed))


def _groups(fresh: Mapping[int, Asked]) -> Iterator[list[int]]:
    """Yield the numbers of points that can be evaluated together, those with the lowest numbers first.

    Points of all searches with the same network, at the same point, on the same template belong together.
    """
    together: dict[tuple[object, ...], list[int]] = {}
    for number, (search, point) in fresh.items():
        network_point = side_point(search.network, "network", point)
        key = (search.network.path, tuple(network_point.items()), search.hardware.path)
        together.setdefault(key, []).append(number)
    parts = [
        numbers[start : start + MOST_IN_A_TASK]
        for numbers in together.values()
        for start in range(0, len(numbers), MOST_IN_A_TASK)
    ]
    yield from sorted(parts)
