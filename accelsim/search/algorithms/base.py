"""What a search algorithm is, and the registry that knows them by name."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point, Space, Value
from accelsim.registry import Registry

__all__ = ["ALGORITHMS", "Algorithm", "Key", "Told", "key_of", "make_algorithm", "option_problems"]

#: An array of numbers that an algorithm is told.
Told = NDArray[np.float64]
#: A point as a hashable value: its parameters in order.
Key = tuple[tuple[bool, Value], ...]


class Algorithm(Protocol):
    """A search over a space.

    It is made as ``factory(space, objectives, rng, budget, **options)``, where the options are keyword-only with a type
    and a default. The constructor is cheap; it raises ``InputError`` for an option out of range. All chance comes from
    ``rng``. ``accelsim.testing.search.SearchContract`` is the contract as tests.
    """

    def ask(self, count: int) -> list[Point]:
        """Return up to ``count`` points of the space that were not asked for before.

        An empty list after everything was told means that the search is over.
        """
        ...

    def tell(self, points: Sequence[Point], values: Told, violations: Told) -> None:
        """Take in what became of points that were asked for, in any order and in any number of parts.

        Args:
            points: The points.
            values: Shape ``(points, objectives)``, to be minimised: maximised objectives come negated. A point that
                failed has infinite values.
            violations: Shape ``(points,)``: 0 if every constraint is met, infinite if the point failed.
        """
        ...


#: Search algorithms by name. Each member is a factory: ``(space, objectives, rng, budget, **options) -> Algorithm``.
ALGORITHMS: Registry[Callable[..., Algorithm]] = Registry("search algorithm", builtins="accelsim.search.algorithms")


def key_of(point: Mapping[str, Value]) -> Key:
    """Return ``point`` as a hashable value; true is not 1."""
    return tuple((isinstance(value, bool), value) for value in point.values())


def option_problems(name: str, options: Mapping[str, object], field: str, beside: Iterable[str] = ()) -> list[Problem]:
    """Return what is wrong with the options of an algorithm: unknown ones, and values of a wrong type.

    Args:
        name: A name of ``ALGORITHMS``.
        options: The options.
        field: Where they were written.
        beside: Keys that may stand there too, to find the nearest spelling among them.
    """
    types = _option_types(ALGORITHMS[name])
    problems: list[Problem] = []
    for option, value in options.items():
        here = f"{field}.{option}"
        if option not in types:
            problems.append(
                Problem.unknown(here, option, [*types, *beside] or ["no options"], f"unknown option of {name}")
            )
        elif not _fits(value, types[option]):
            wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
            allowed = wanted.get(types[option], str(types[option]))
            problems.append(Problem(field=here, message="wrong type", got=shown(value), allowed=allowed))
    return problems


def make_algorithm(
    name: str,
    space: Space,
    objectives: int,
    rng: np.random.Generator,
    budget: int,
    options: Mapping[str, object],
    field: str = "search",
) -> Algorithm:
    """Return a new search.

    Args:
        name: A name of ``ALGORITHMS``.
        space: What to search.
        objectives: How many objectives there are.
        rng: The only source of chance.
        budget: How many points will be asked for at most.
        options: Options of the algorithm.
        field: Where the options were written, for errors.

    Raises:
        InputError: No such algorithm, an unknown option, or a value that the algorithm refuses.
    """
    problems = option_problems(name, options, field)
    if problems:
        raise InputError(problems)
    try:
        return ALGORITHMS[name](space, objectives, rng, budget, **options)
    except InputError as error:
        raise InputError([_under(problem, field) for problem in error.problems]) from error


def _under(problem: Problem, field: str) -> Problem:
    return Problem(
        field=f"{field}.{problem.field}",
        message=problem.message,
        got=problem.got,
        allowed=problem.allowed,
        suggestion=problem.suggestion,
    )


def _option_types(factory: Callable[..., Algorithm]) -> dict[str, Any]:
    target = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]
    hints = typing.get_type_hints(target)
    options = [p.name for p in inspect.signature(factory).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {name: hints.get(name, object) for name in options}


def _fits(value: object, wanted: Any) -> bool:
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return not isinstance(wanted, type) or isinstance(value, wanted)
