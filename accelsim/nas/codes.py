"""Points of a space as columns of small numbers, one for each value that turns up, and points grouped by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.mapping.nest import Ints
from accelsim.parameters import Parameter, Point, Points, Space, Value
from accelsim.parameters.domains import plain

__all__ = ["Coded", "Coder", "grouped"]

#: Keys up to here are grouped by a table.
_TABLE = 65_536
_LARGEST_KEY = 2**62
#: Values of one parameter after which their codes are given up.
_MOST_VALUES = 100_000
#: Types of values of which equal ones are the same value.
_PLAIN = {int, float, str}
#: What switches are known by: true is not 1, though Python says they are equal.
_SWITCHES = {True: object(), False: object()}
_SWITCHED = {key: value for value, key in _SWITCHES.items()}

Column = tuple[Ints, int]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Points by the codes of their values.

    Attributes:
        columns: Parameter -> the codes, shape ``(points,)``.
        values: Parameter -> the value of each code.
        wrong: Shape ``(points,)``: whether it is no point of the space.
    """

    columns: dict[str, Ints]
    values: dict[str, list[Value]]
    wrong: npt.NDArray[np.bool_]
    _points: dict[int, Point] = field(default_factory=dict)

    def point(self, place: int) -> Point:
        """Return a point."""
        if place not in self._points:
            self._points[place] = {name: self.values[name][codes[place]] for name, codes in self.columns.items()}
        return self._points[place]

    def of(self, names: Iterable[str], at: Ints) -> list[Column]:
        """Return the codes of some parameters at some points, each with how many codes there are."""
        return [(self.columns[name][at], len(self.values[name])) for name in names]


class Coder:
    """Gives the values of a space's parameters codes, the same for equal values.

    Args:
        space: The space.
    """

    def __init__(self, space: Space) -> None:
        self._columns = [_Codes(parameter) for parameter in space.parameters]
        self._names = frozenset(space.names)

    def coded(self, points: Sequence[Mapping[str, Value]]) -> Coded:
        """Return points by the codes of their values; parameters not given take their defaults."""
        wrong = np.zeros(len(points), dtype=np.bool_)
        columns = {}
        for column in self._columns:
            values = _values(points, column.parameter)
            columns[column.parameter.name] = codes = column.codes(values)
            wrong |= codes < 0
        if not isinstance(points, Points):
            for place, point in enumerate(points):
                wrong[place] |= not self._names.issuperset(point)
        return Coded(columns, {column.parameter.name: column.values for column in self._columns}, wrong)


def _values(points: Sequence[Mapping[str, Value]], parameter: Parameter) -> Sequence[Any]:
    name, default = parameter.name, parameter.default
    if isinstance(points, Points):
        found = points.columns.get(name)
        return [default] * len(points) if found is None else found.tolist()
    try:
        return [point[name] for point in points]
    except KeyError:
        return [point.get(name, default) for point in points]


class _Codes:
    """The codes of one parameter's values."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self._known: dict[Any, int] = {}
        self.values: list[Value] = []

    def codes(self, values: Sequence[Any]) -> Ints:
        """Return the codes of values, -1 for one outside the domain."""
        if len(self.values) > _MOST_VALUES:
            self._known, self.values = {}, []
        if not _PLAIN.issuperset(map(type, values)):
            values = [_SWITCHES[value] if isinstance(value, bool) else value for value in map(plain, values)]
        try:
            return np.fromiter(map(self._known.__getitem__, values), np.int64, len(values))
        except (KeyError, TypeError):
            return np.array([self._code(value) for value in values], dtype=np.int64)

    def _code(self, key: Any) -> int:
        try:
            if key in self._known:
                return self._known[key]
            value = _SWITCHED.get(key, key)
        except TypeError:  # a list, say
            return -1
        if value not in self.parameter.domain:
            return -1
        self.values.append(value)
        self._known[key] = len(self.values) - 1
        return len(self.values) - 1


def grouped(columns: Sequence[Column], count: int) -> tuple[Ints, Ints]:
    """Return a member of each group of things that have the same codes, and for each thing its group.

    Args:
        columns: Codes from 0, shape ``(count,)``, each with a number above all of them.
        count: How many things there are.
    """
    key, size = np.zeros(count, dtype=np.int64), 1
    for codes, among in columns:
        if size * among >= _LARGEST_KEY:
            members, key = _distinct(key, size)
            size = len(members)
        key, size = key * among + codes, size * among
    return _distinct(key, size)


def _distinct(key: Ints, size: int) -> tuple[Ints, Ints]:
    if size > _TABLE:
        _, members, group = np.unique(key, return_index=True, return_inverse=True)
        return members, group.reshape(-1)
    member = np.full(size, -1)
    member[key] = np.arange(len(key))
    present = np.flatnonzero(member >= 0)
    number = np.empty(size, dtype=np.int64)
    number[present] = np.arange(len(present))
    return member[present], number[key]
