"""Parameter, domain and space: the one notation that networks, hardware and studies share.

A parameter is a default and a domain. A template with parameters *is* its design space.
"""

from __future__ import annotations

import itertools
import math
import sys
import typing
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from accelsim.errors import InputError, Problem, shown

__all__ = ["Choices", "Domain", "Parameter", "Point", "Range", "Space", "Value"]

Value = int | float | str | bool
Point = dict[str, Value]
_GRID_OF_CONTINUOUS = 9
_LONGEST_GRID = 1024
_GREATEST_WHOLE = 2**53  # up to here floats hold every whole number
_SCALES = ("linear", "log", "pow2")


def _plain(value: object) -> object:
    """Return a numpy scalar as the Python value it holds, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _clipped(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


class Domain(Protocol):
    """The values a parameter may take, with a map to and from the unit interval for search algorithms."""

    @property
    def size(self) -> float:
        """Number of values; infinite for a continuous range."""
        ...

    def __contains__(self, value: object) -> bool: ...

    def grid(self) -> list[Value]:
        """Return every value in order; a continuous or very long range gives evenly spaced ones."""
        ...

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` of the domain, from its start (0) to its end (1)."""
        ...

    def describe(self) -> str:
        """Return the domain in words, for an error."""
        ...


@dataclass(frozen=True, slots=True)
class Choices:
    """An ordered list of values.

    Raises:
        InputError: The list is empty, or holds a value twice or one that is not a number.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError(Problem(field="choices", message="choices is empty"))
        seen: set[tuple[bool, Value]] = set()
        for value in self.values:
            key = (isinstance(value, bool), value)  # true is not 1, though Python says they are equal
            if key in seen:
                raise InputError(Problem(field="choices", message=f"choices holds {shown(value)} twice"))
            if isinstance(value, float) and math.isnan(value):
                raise InputError(Problem(field="choices", message="choices holds a value that is not a number"))
            seen.add(key)

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    def __contains__(self, value: object) -> bool:
        value = _plain(value)
        if not isinstance(value, bool | int | float | str):
            return False
        return any(value == own and isinstance(value, bool) == isinstance(own, bool) for own in self.values)

    def grid(self) -> list[Value]:
        """Return the values in the order given."""
        return list(self.values)

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` of the list; every value has an equal share."""
        return self.values[min(int(_clipped(fraction) * len(self.values)), len(self.values) - 1)]

    def describe(self) -> str:
        """Return the values, separated by commas."""
        return ", ".join(str(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: Least value.
        high: Greatest value.
        scale: ``linear``, ``log`` (even in the logarithm) or ``pow2`` (``low`` times powers of two).
        integer: Whether the values are whole numbers.

    Raises:
        InputError: The bounds are not finite, are the wrong way round, are not whole though the values are, or start
            at 0 or below where the scale needs more.
    """

    low: float
    high: float
    scale: str = "linear"
    integer: bool = False

    def __post_init__(self) -> None:
        greatest = _GREATEST_WHOLE if self.integer else sys.float_info.max
        fault = ""
        if self.scale not in _SCALES:
            fault = f"a range's scale is one of {', '.join(_SCALES)}"
        elif not -greatest <= self.low <= self.high <= greatest:
            fault = "the range must be [least, greatest], two finite numbers"
        elif self.scale != "linear" and self.low <= 0:
            fault = f"a {self.scale} range must start above 0"
        elif self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            fault = "a range of whole numbers must start and end at one"
        if fault:
            raise InputError(Problem(field="range", message=fault, got=shown([self.low, self.high])))

    @property
    def size(self) -> float:
        """Number of values; infinite if continuous."""
        if self.low == self.high:
            return 1
        if self.scale == "pow2":
            return self._doublings(self.high) + 1
        return int(self.high) - int(self.low) + 1 if self.integer else math.inf

    def __contains__(self, value: object) -> bool:
        value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.scale == "pow2":
            return math.ldexp(self.low, self._doublings(value)) == value
        return not self.integer or float(value).is_integer()

    def grid(self) -> list[Value]:
        """Return every value, or nine evenly spaced ones of a continuous or long range."""
        if self.size > _LONGEST_GRID:
            steps = _GRID_OF_CONTINUOUS - 1
            return list(dict.fromkeys(self.at(step / steps) for step in range(steps + 1)))
        if self.scale == "pow2":
            return [self._octave(count) for count in range(int(self.size))]
        return list(range(int(self.low), int(self.high) + 1)) if self.integer else [float(self.low)]

    def at(self, fraction: float) -> Value:
        """Return the value at ``fraction`` of the range, measured on its scale.

        On the linear scale and among powers of two every value has an equal share.
        """
        fraction = _clipped(fraction)
        if self.scale == "pow2":
            return self._octave(min(int(fraction * self.size), int(self.size) - 1))
        if self.scale == "log":
            value = self.low ** (1 - fraction) * self.high**fraction
        elif self.integer:
            return int(self.low) + min(int(fraction * self.size), int(self.size) - 1)
        else:
            value = self.low * (1 - fraction) + self.high * fraction
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else float(value)

    def describe(self) -> str:
        """Return the range in words."""
        kind = f"{self.low:.15g} times a power of two" if self.scale == "pow2" else "a number"
        whole = "a whole number" if self.integer and self.scale != "pow2" else kind
        return f"{whole} from {self.low:.15g} to {self.high:.15g}"

    def _doublings(self, value: float) -> int:
        """Return how often ``low`` can be doubled without exceeding ``value``."""
        count = round(math.log2(value) - math.log2(self.low))
        return count if math.ldexp(value, -count) >= self.low else count - 1

    def _octave(self, doublings: int) -> Value:
        value = math.ldexp(self.low, doublings)
        return int(value) if self.integer else value


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
        return Problem(field=field, message="outside the domain", got=shown(value), allowed=self.domain.describe())


@dataclass(frozen=True, slots=True)
class Space:
    """An ordered set of parameters; a point of it is a dict with one value each.

    Raises:
        InputError: Two parameters share a name.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise InputError([Problem(field=name, message="two parameters have this name") for name in twice])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def size(self) -> float:
        """Number of points; infinite if a parameter is continuous."""
        sizes = [parameter.domain.size for parameter in self.parameters]
        return math.inf if math.inf in sizes else math.prod(sizes)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise InputError(Problem.unknown(str(name), name, self.names, "unknown parameter"))

    def __len__(self) -> int:
        return len(self.parameters)

    def defaults(self) -> Point:
        """Return the point of all defaults."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def complete(self, given: Mapping[str, Value], field: str) -> Point:
        """Return ``given`` with defaults filled in; numpy scalars become the plain values they hold.

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
        return self.defaults() | {name: typing.cast(Value, _plain(value)) for name, value in given.items()}

    def grid(self) -> Iterator[Point]:
        """Yield every combination, the last parameter varying fastest."""
        for values in itertools.product(*(parameter.domain.grid() for parameter in self.parameters)):
            yield dict(zip(self.names, values, strict=True))

    def at(self, fractions: np.ndarray) -> Point:
        """Return the point at ``fractions``, an array of shape ``(len(self),)`` in [0, 1]."""
        return {p.name: p.domain.at(float(u)) for p, u in zip(self.parameters, fractions, strict=True)}

    def sample(self, rng: np.random.Generator) -> Point:
        """Return a random point, each parameter drawn evenly over the scale of its domain."""
        return self.at(rng.random(len(self)))

    def prefixed(self, prefix: str) -> Space:
        """Return the same space with ``prefix.`` before every name."""
        return Space(tuple(Parameter(f"{prefix}.{p.name}", p.default, p.domain, p.help) for p in self.parameters))

    def __add__(self, other: Space) -> Space:
        return Space(self.parameters + other.parameters)
