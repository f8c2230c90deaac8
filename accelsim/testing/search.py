"""The contract of a search algorithm, as tests to inherit.

Example::

    from accelsim.testing.search import SearchContract

    class TestMySearch(SearchContract):
        algorithm = "my_search"          # the name it is registered under
        options = {"temperature": 0.5}   # if it has any
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from accelsim.parameters import Choices, Parameter, Point, Range, Space
from accelsim.search.algorithms import Algorithm, Told, make_algorithm

__all__ = ["SearchContract", "mixed_space", "small_space", "trade_off"]

_MOST_ROUNDS = 2000


def mixed_space() -> Space:
    """Return a space of every kind of domain: numbers and words to choose from, powers of two, whole and real ones."""
    return Space(
        (
            Parameter("rows", 32, Choices((8, 16, 32, 64, 128))),
            Parameter("dataflow", "weight_stationary", Choices(("weight_stationary", "output_stationary"))),
            Parameter("buffer_kib", 512, Range(64, 4096, "pow2", integer=True)),
            Parameter("banks", 4, Range(1, 16, integer=True)),
            Parameter("share", 0.5, Range(0.0, 1.0)),
        )
    )


def small_space() -> Space:
    """Return a space of 12 points."""
    return Space(
        (Parameter("rows", 8, Choices((8, 16, 32, 64))), Parameter("cast", True, Choices((True, False, "auto"))))
    )


def trade_off(space: Space, points: Sequence[Point], objectives: int = 2) -> Told:
    """Return made-up values of shape ``(points, objectives)`` in which every objective pulls a different way."""
    grids = [parameter.domain.grid() for parameter in space.parameters]

    def coordinate(value: object, grid: Sequence[object]) -> float:
        if value in grid:
            return grid.index(value) / max(1, len(grid) - 1)
        return float(value)  # type: ignore[arg-type]

    rows = [[coordinate(value, grid) for value, grid in zip(p.values(), grids, strict=True)] for p in points]
    unit = np.array(rows, dtype=float).reshape(len(points), len(space))
    targets = np.linspace(0.0, 1.0, objectives)
    return np.stack([((unit - target) ** 2).sum(axis=1) for target in targets], axis=1)


class SearchContract:
    """Tests that every search algorithm passes. Inherit, set ``algorithm``, and let pytest collect the class."""

    algorithm: ClassVar[str]
    options: ClassVar[Mapping[str, object]] = {}

    def make(self, space: Space, seed: int = 7, budget: int = 60, objectives: int = 2) -> Algorithm:
        """Return a new search of ``space``."""
        return make_algorithm(self.algorithm, space, objectives, np.random.default_rng(seed), budget, self.options)

    def run(
        self, space: Space, seed: int = 7, budget: int = 60, batch: int = 16, objectives: int = 2, failing: str = "none"
    ) -> list[Point]:
        """Ask and tell until the budget or the search ends, and return all points in the order they were asked for.

        ``failing`` is ``none``, ``some`` (every third point fails, every third misses a constraint) or ``all``.
        """
        search, points = self.make(space, seed, budget, objectives), list[Point]()
        for _ in range(_MOST_ROUNDS):
            asked = search.ask(min(batch, budget - len(points)))
            if not asked:
                break
            values = trade_off(space, asked, objectives)
            violations = np.zeros(len(asked))
            if failing != "none":
                turn = np.arange(len(points), len(points) + len(asked)) % 3
                failed = (turn == 0) if failing == "some" else np.full(len(asked), fill_value=True)
                values[failed], violations[failed] = math.inf, math.inf
                violations[(turn == 1) & ~failed] = 0.25
            search.tell(asked, values, violations)
            points += asked
        return points

    def test_same_seed_same_points(self) -> None:
        """A search is a function of its seed and of what it was told."""
        assert self.run(mixed_space(), seed=3) == self.run(mixed_space(), seed=3)  # noqa: S101

    def test_points_lie_in_the_space(self) -> None:
        """Every point has the space's parameters, in order, each with a value of its domain."""
        space = mixed_space()
        for point in self.run(space):
            assert tuple(point) == space.names  # noqa: S101
            assert all(point[p.name] in p.domain for p in space.parameters)  # noqa: S101

    def test_budget_is_respected(self) -> None:
        """A large space is searched up to the budget, however many points are asked for at a time."""
        for batch in (1, 7, 1000):
            assert len(self.run(mixed_space(), budget=25, batch=batch)) == 25  # noqa: S101

    def test_asking_for_more_than_the_budget_ends(self) -> None:
        """A search that is asked on after its budget has nothing more to offer."""
        space = mixed_space()
        search, count = self.make(space, budget=10), 0
        for _ in range(_MOST_ROUNDS):
            asked = search.ask(8)
            if not asked:
                break
            count += len(asked)
            search.tell(asked, trade_off(space, asked), np.zeros(len(asked)))
        assert count == 10  # noqa: S101

    def test_no_point_twice(self) -> None:
        """No design is evaluated twice."""
        points = [tuple(point.items()) for point in self.run(mixed_space(), budget=120)]
        assert len(set(points)) == len(points)  # noqa: S101

    def test_small_space_is_exhausted_and_ends(self) -> None:
        """A budget above the size of the space visits each point once, then ends."""
        space = small_space()
        points = [tuple(point.items()) for point in self.run(space, budget=100, batch=5)]
        assert sorted(map(str, points)) == sorted(str(tuple(p.items())) for p in space.grid())  # noqa: S101

    def test_space_of_one_point(self) -> None:
        """A space without parameters has one point, the empty one."""
        assert self.run(Space(()), budget=5) == [{}]  # noqa: S101

    def test_failed_and_infeasible_points_are_survived(self) -> None:
        """Failures and missed constraints do not stop a search, not even if nothing ever works."""
        for failing in ("some", "all"):
            assert len(self.run(mixed_space(), failing=failing)) == 60  # noqa: S101

    def test_any_number_of_objectives(self) -> None:
        """One objective, or many, are no special case."""
        for objectives in (1, 2, 4):
            assert len(self.run(mixed_space(), objectives=objectives)) == 60  # noqa: S101

    def test_tells_come_in_parts_and_out_of_order(self) -> None:
        """What matters is what a point is told, not when."""
        space, results = mixed_space(), []
        for shuffled in (False, True):
            search, points = self.make(space, budget=90), list[Point]()
            for _ in range(_MOST_ROUNDS):
                asked = search.ask(30)
                points += asked
                if not asked:
                    break
                order = asked[::-1] if shuffled else asked
                for point in order:
                    search.tell([point], trade_off(space, [point]), np.zeros(1))
            results.append(points)
        assert len(results[0]) == 90  # noqa: S101
        assert results[0] == results[1]  # noqa: S101
