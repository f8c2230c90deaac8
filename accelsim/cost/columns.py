"""Arrays that grow at their end, as what has been met in a search does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Columns"]

_FIRST_ROOM = 64


class Columns:
    """Arrays of one length that grow together. There is room behind the last row, so that a further one costs little.

    Args:
        kinds: Name -> the type of an array, or its type and the shape of one row.

    Attributes:
        arrays: Name -> the array, longer than there are rows; it is another one after it had to grow.
        count: Number of rows.
    """

    def __init__(self, **kinds: Any) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.count = 0
        for name, kind in kinds.items():
            dtype, shape = kind if isinstance(kind, tuple) else (kind, ())
            self.arrays[name] = np.zeros((_FIRST_ROOM, *shape), dtype)

    def extend(self, count: int = 1, **values: Any) -> int:
        """Add ``count`` rows, given by name, and return the place of the first."""
        first, self.count = self.count, self.count + count
        for name, array in self.arrays.items():
            if self.count > len(array):
                more = np.zeros((max(2 * len(array), self.count), *array.shape[1:]), array.dtype)
                more[:first] = array[:first]
                self.arrays[name] = array = more
            array[first : self.count] = values[name]
        return first
