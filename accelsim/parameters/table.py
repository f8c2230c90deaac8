"""Many points as columns: a million designs take the room of their numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem
from accelsim.parameters.domains import Point, Value
from accelsim.parameters.space import Space

__all__ = ["Points", "is_numeric", "table_of_points"]

Column = npt.NDArray[np.generic]


class Points(Sequence[Point]):
    """Complete points of a space, one array a parameter; read like a sequence of points.

    Args:
        columns: Name -> values, all arrays of the same length.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 1

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> Points: ...
    def __getitem__(self, place: int | slice) -> Point | Points:
        if isinstance(place, slice):
            return Points({name: column[place] for name, column in self.columns.items()})
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return {name: column[place : place + 1 or None].tolist()[0] for name, column in self.columns.items()}

    @classmethod
    def of(cls, points: Sequence[Mapping[str, Value]]) -> Points:
        """Return complete points as columns; there is at least one."""
        return cls({name: _column([point[name] for point in points]) for name in points[0]})

    def take(self, places: npt.NDArray[np.int64]) -> Points:
        """Return the points at ``places``, in that order."""
        return Points({name: column[places] for name, column in self.columns.items()})

    def alike(self) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the places of points whose words and switches are the same, in the order in which they turn up."""
        words = [column for column in self.columns.values() if not is_numeric(column)]
        if not words:
            yield np.arange(len(self))
            return
        codes = np.stack([_codes(column) for column in words])
        _, first, group = np.unique(codes, axis=1, return_index=True, return_inverse=True)
        for number in np.argsort(first):
            yield np.flatnonzero(group.reshape(-1) == number)


def is_numeric(column: Column) -> bool:
    """Return whether a column holds numbers; words and switches are not."""
    return column.dtype.kind in "iuf"


def _column(values: Sequence[Value]) -> Column:
    """Return values as an array, numbers and words beside each other as they are."""
    words = [isinstance(value, str | bool) for value in values]
    return np.array(values, dtype=object if any(words) and len(set(map(type, values))) > 1 else None)


def _codes(column: Column) -> npt.NDArray[np.int64]:
    """Return a number for each value, the same for equal ones."""
    if column.dtype.kind != "O":
        return np.unique(column, return_inverse=True)[1].reshape(-1)
    numbers: dict[tuple[type, object], int] = {}
    return np.array([numbers.setdefault((type(value), value), len(numbers)) for value in column.tolist()])


def table_of_points(space: Space, given: Mapping[str, object], name: str) -> Points:
    """Return points of ``space``; parameters that are not given take their defaults.

    Args:
        space: The space.
        given: Parameter -> a value, or an array of them; arrays have the same length.
        name: What the space belongs to, for mistakes.

    Raises:
        InputError: An unknown parameter, a value outside its domain, arrays of different lengths.
    """
    arrays = {key: np.atleast_1d(value) for key, value in given.items() if isinstance(value, np.ndarray)}
    lengths = {key: len(array) for key, array in arrays.items()}
    count = next(iter(lengths.values()), 1)
    if set(lengths.values()) - {count}:
        got = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise InputError(Problem(field=name, message="arrays of different lengths", got=got))
    single: dict[str, Value] = {key: value for key, value in given.items() if key not in arrays}  # type: ignore[misc]
    point = space.complete(single, name)
    problems = []
    for key, array in arrays.items():
        if key not in space.names:
            problems.append(Problem.unknown(f"{name}.{key}", key, space.names, "unknown parameter"))
            continue
        found = (space[key].check(value, f"{name}.{key}") for value in dict.fromkeys(array.tolist()))
        problems += list(filter(None, found))[:1]
    if problems:
        raise InputError(problems)
    return Points({key: arrays[key] if key in arrays else _column([value] * count) for key, value in point.items()})
