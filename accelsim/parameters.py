"""Parameter, domain and space: the one notation that networks, hardware and studies share.

A parameter is a default and a domain. A template with parameters *is* its design space.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from accelsim.errors import InputError, Problem

__all__ = ["Choices", "Domain", "Parameter", "Point", "Range", "Space", "Value"]

Value = int | float | str | bool
Point = dict[str, Value]
_GRID_OF_CONTINUOUS = 9


class Domain(Protocol):
    """The values a parameter may take, with a map to and from the unit interval for search algorithms."""

    @property
    def size(self) -> float:
        """Number of values; infinite for a continuous range."""
        ...

    def __contains__(self, value: object) -> bool: ...

    def grid(self) -> list[Value]:
        """Return every value in order; a continuous range gives evenly spaced ones."""
        ...

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` in [0, 1] of the domain; every value has an equal share."""
        ...

    def describe(self) -> str:
        """Return the domain in words, for an error."""
        ...


@dataclass(frozen=True, slots=True)
class Choices:
    """An ordered list of values."""

    values: tuple[Value, ...]

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    def __contains__(self, value: object) -> bool:
        return any(value == own and isinstance(value, bool) == isinstance(own, bool) for own in self.values)

    def grid(self) -> list[Value]:
        """Return the values in the order given."""
        return list(self.values)

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` of the list."""
        return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]

    def describe(self) -> str:
        """Return the values, separated by commas."""
        return ", ".join(str(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: Least value.
        high: Greatest value.
        scale: ``linear``, ``log`` (continuous, even in the logarithm) or ``pow2`` (``low`` times powers of two).
        integer: Whether the values are whole numbers.
    """

    low: float
    high: float
    scale: str = "linear"
    integer: bool = False

    @property
    def size(self) -> float:
        """Number of values; infinite if continuous."""
        if self.scale == "pow2":
            return math.floor(math.log2(self.high / self.low) + 1e-9) + 1
        return self.high - self.low + 1 if self.integer else math.inf

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.scale == "pow2":
            return math.log2(value / self.low).is_integer()
        return not self.integer or float(value).is_integer()

    def grid(self) -> list[Value]:
        """Return every value, or nine evenly spaced ones of a continuous or long range."""
        count = int(self.size) if self.size <= 1024 else _GRID_OF_CONTINUOUS
        return list(dict.fromkeys(self.at((i + 0.5) / count if self.size <= 1024 else i / (count - 1)) for i in range(count)))

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` of the range."""
        if self.scale == "pow2":
            value = self.low * 2.0 ** min(int(fraction * self.size), int(self.size) - 1)
        elif self.scale == "log":
            value = self.low * (self.high / self.low) ** fraction
            value = round(value) if self.integer else value
        elif self.integer:
            value = self.low + min(int(fraction * self.size), int(self.size) - 1)
        else:
            value = self.low + (self.high - self.low) * fraction
        return int(value) if self.integer else float(min(max(value, self.low), self.high))

    def describe(self) -> str:
        """Return the range in words."""
        kind = {"pow2": f"{self.low:g} times a power of two", "log": "a number", "linear": "a number"}[self.scale]
        whole = "a whole number" if self.integer and self.scale != "pow2" else kind
        return f"{whole} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value with a default and a domain; ``help`` says in a few words what it is."""

    name: str
    default: Value
    domain: Domain
    help: str = ""

    def check(self, value: object, field: str) -> Problem | None:
        """Return the problem with ``value``, or ``None`` if it is in the domain."""
        if value in self.domain:
            return None
        if isinstance(self.domain, Choices):
            return Problem.unknown(field, value, self.domain.values, "outside the domain")
        return Problem(field=field, message="outside the domain", got=repr(value), allowed=self.domain.describe())


@dataclass(frozen=True, slots=True)
class Space:
    """An ordered set of parameters; a point of it is a dict with one value each."""

    parameters: tuple[Parameter, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def size(self) -> float:
        """Number of points; infinite if a parameter is continuous."""
        return math.prod(parameter.domain.size for parameter in self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def __len__(self) -> int:
        return len(self.parameters)

    def defaults(self) -> Point:
        """Return the point of all defaults."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def complete(self, given: Mapping[str, Value], field: str) -> Point:
        """Return ``given`` with defaults filled in.

        Raises:
            InputError: With every unknown name and every value outside its domain.
        """
        problems: list[Problem] = []
        for name, value in given.items():
            if name not in self.names:
                problems.append(Problem.unknown(f"{field}.{name}", name, self.names, "unknown parameter"))
            elif problem := self[name].check(value, f"{field}.{name}"):
                problems.append(problem)
        if problems:
            raise InputError(problems)
        return {**self.defaults(), **given}

    def grid(self) -> Iterator[Point]:
        """Yield every combination, the last parameter varying fastest."""
        for values in itertools.product(*(parameter.domain.grid() for parameter in self.parameters)):
            yield dict(zip(self.names, values, strict=True))

    def at(self, fractions: np.ndarray) -> Point:
        """Return the point at ``fractions``, an array of shape ``(len(self),)`` in [0, 1]."""
        return {p.name: p.domain.at(float(u)) for p, u in zip(self.parameters, fractions, strict=True)}

    def sample(self, rng: np.random.Generator) -> Point:
        """Return a random point, every value of a domain being equally likely."""
        return self.at(rng.random(len(self)))

    def prefixed(self, prefix: str) -> Space:
        """Return the same space with ``prefix.`` before every name."""
        return Space(tuple(Parameter(f"{prefix}.{p.name}", p.default, p.domain, p.help) for p in self.parameters))

    def __add__(self, other: Space) -> Space:
        return Space(self.parameters + other.parameters)
