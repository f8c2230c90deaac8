"""NSGA-II (Deb et al. 2002) by pymoo, behind ask and tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point, Space
from accelsim.search.algorithms.base import ALGORITHMS, Key, Told, key_of
from accelsim.search.algorithms.random import Unseen
from accelsim.search.extras import search_extra

__all__ = ["Nsga2"]

#: Stands for infinity in pymoo, whose crowding distance subtracts objectives.
_WORST = 1e30
_BREEDING_ROUNDS = 20
_WHAT = "The search algorithm nsga2"


@ALGORITHMS.register("nsga2")
class Nsga2:
    """A genetic search that keeps a spread of non-dominated designs and crosses them.

    A design is a vector in [0, 1]^n, one number a parameter, which ``Space.at`` turns into values; so numbers, choices
    and powers of two are crossed and mutated by the same operators (simulated binary crossover, polynomial mutation).
    No design is asked for twice: children that repeat one are bred again, and when breeding finds nothing new, random
    unseen designs fill the generation. Designs that miss a constraint rank after all that meet them, by how much they
    miss it.

    Args:
        space: What to search.
        objectives: How many objectives there are.
        rng: Source of chance.
        budget: How many points will be asked for at most.
        population: Designs in a generation.
        crossover_probability: Chance that two parents are crossed rather than copied.
        crossover_eta: How alike children and parents are; small values reach farther.
        mutation_eta: How small mutations are; small values reach farther.

    Raises:
        InputError: An option out of range.
    """

    def __init__(
        self,
        space: Space,
        objectives: int,
        rng: np.random.Generator,
        budget: int,
        *,
        population: int = 20,
        crossover_probability: float = 0.9,
        crossover_eta: float = 3.0,
        mutation_eta: float = 3.0,
    ) -> None:
        self._options = (population, crossover_probability, crossover_eta, mutation_eta)
        _check(*self._options)
        self._space, self._objectives, self._left = space, objectives, budget
        self._seed = int(rng.integers(2**63))
        self._unseen = Unseen(space, rng)
        self._genetic: Any = None
        self._generation: Any = None
        self._queue: deque[Point] = deque()
        self._waiting: dict[Key, int] = {}
        self._values = np.empty((0, objectives))
        self._violations = np.empty(0)

    def ask(self, count: int) -> list[Point]:
        """Return points of the current generation, or breed the next one if this one was told in full.

        Raises:
            MissingExtraError: pymoo is not installed.
        """
        if not self._waiting and self._left > 0:
            self._breed()
        asked = [self._queue.popleft() for _ in range(min(count, len(self._queue), self._left))]
        self._left -= len(asked)
        return asked

    def tell(self, points: Sequence[Point], values: Told, violations: Told) -> None:
        """Take in results; the generation is closed when its last one has come."""
        for point, value, violation in zip(points, values, violations, strict=True):
            place = self._waiting.pop(key_of(point))
            self._values[place], self._violations[place] = value, violation
        if len(points) and not self._waiting:
            self._close()

    def _breed(self) -> None:
        """Set up the next generation: children that are new, then random unseen designs up to the population."""
        search_extra("pymoo", _WHAT)
        population = self._options[0]
        vectors = self._children() if self._genetic is not None else []
        points = [self._space.at(vector) for vector in vectors]
        self._unseen.seen.update(map(key_of, points))
        for vector, point in self._unseen.draw(population - len(points)):
            vectors.append(vector)
            points.append(point)
        if not points:
            return
        self._generation = np.array(vectors)
        self._queue = deque(points)
        self._waiting = {key_of(point): place for place, point in enumerate(points)}
        self._values = np.empty((len(points), self._objectives))
        self._violations = np.empty(len(points))

    def _children(self) -> list[NDArray[np.float64]]:
        """Return vectors bred from the current population; their points are new and differ from each other."""
        if len(self._unseen.seen) >= self._space.size:
            return []
        children = self._genetic.ask()
        self._genetic.termination.force_termination = False
        return [] if children is None else list(children.get("X"))

    def _close(self) -> None:
        """Hand the generation, told in full, to pymoo."""
        if not len(self._space):
            return
        population = search_extra("pymoo.core.population", _WHAT).Population
        told = population.new(X=self._generation)
        told.set("F", np.minimum(self._values, _WORST), "G", np.minimum(self._violations, _WORST)[:, None])
        if self._genetic is None:
            self._genetic = self._start(told)
            self._genetic.ask()
        self._genetic.tell(infills=told)

    def _start(self, first: Any) -> Any:
        """Return pymoo's NSGA-II with ``first`` as its first generation."""
        size, probability, crossover_eta, mutation_eta = self._options
        genetic = search_extra("pymoo.algorithms.moo.nsga2", _WHAT).NSGA2(
            pop_size=size,
            sampling=first,
            crossover=search_extra("pymoo.operators.crossover.sbx", _WHAT).SBX(prob=probability, eta=crossover_eta),
            mutation=search_extra("pymoo.operators.mutation.pm", _WHAT).PM(eta=mutation_eta),
            eliminate_duplicates=self._elimination(),
        )
        genetic.mating.n_max_iterations = _BREEDING_ROUNDS
        problem = search_extra("pymoo.core.problem", _WHAT).Problem(
            n_var=len(self._space), n_obj=self._objectives, n_ieq_constr=1, xl=0.0, xu=1.0
        )
        endless = search_extra("pymoo.core.termination", _WHAT).NoTermination()
        return genetic.setup(problem, seed=self._seed, termination=endless)

    def _elimination(self) -> Any:
        """Return a filter that drops children whose point was asked for before, or stands twice among the children."""
        base: Any = search_extra("pymoo.core.duplicate", _WHAT).DuplicateElimination
        seen, space = self._unseen.seen, self._space

        class Unrepeated(base):  # type: ignore[misc]
            def _do(self, children: Any, others: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
                taken = seen | _keys(space, others) if others is not None else set()
                for place, key in enumerate(key_of(space.at(vector)) for vector in children.get("X")):
                    is_duplicate[place] = key in taken
                    taken.add(key)
                return is_duplicate

        return Unrepeated()


def _keys(space: Space, population: Any) -> set[Key]:
    return {key_of(space.at(vector)) for vector in population.get("X")}


def _check(population: int, crossover_probability: float, crossover_eta: float, mutation_eta: float) -> None:
    rules = (
        ("population", population, population >= 2, "a whole number of at least 2"),
        ("crossover_probability", crossover_probability, 0 <= crossover_probability <= 1, "a number from 0 to 1"),
        ("crossover_eta", crossover_eta, 0 < crossover_eta <= 1000, "a number above 0, at most 1000"),
        ("mutation_eta", mutation_eta, 0 < mutation_eta <= 1000, "a number above 0, at most 1000"),
    )
    problems = [
        Problem(field=name, got=shown(value), allowed=allowed) for name, value, good, allowed in rules if not good
    ]
    if problems:
        raise InputError(problems)
