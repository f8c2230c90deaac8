"""Numbers found again by a key, a million at a time."""

from __future__ import annotations

import numpy as np

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints

__all__ = ["Index"]

_EMPTY = -1
_FIRST_ROOM = 1024
_PRIME = 1_099_511_628_211


class Index:
    """Keys and their numbers; keys are not negative."""

    def __init__(self) -> None:
        self._keys, self._numbers = np.full(_FIRST_ROOM, _EMPTY), np.zeros(_FIRST_ROOM, dtype=np.int64)
        self._count = 0

    def find(self, keys: Ints) -> Ints:
        """Return the number of every key, -1 for those that are not there."""
        found = np.empty_like(keys)
        _find(self._keys, self._numbers, keys.reshape(-1), found.reshape(-1))
        return found

    def add(self, keys: Ints, numbers: Ints) -> None:
        """Add keys that are not there yet."""
        self._count += len(keys)
        if 2 * self._count > len(self._keys):
            old = self._keys, self._numbers
            room = 1 << (4 * self._count).bit_length()
            self._keys, self._numbers = np.full(room, _EMPTY), np.zeros(room, dtype=np.int64)
            there = old[0] != _EMPTY
            _enter(self._keys, self._numbers, old[0][there], old[1][there])
        _enter(self._keys, self._numbers, keys, numbers)


@compiled
def _place(table: Ints, key: int) -> int:
    """Return where a key is, or where it would be."""
    mixed = key * _PRIME
    at = (mixed ^ (mixed >> 29)) & (len(table) - 1)
    while table[at] != key and table[at] != _EMPTY:
        at = (at + 1) & (len(table) - 1)
    return int(at)


@compiled
def _find(table: Ints, numbers: Ints, keys: Ints, found: Ints) -> None:
    for at in range(len(keys)):
        place = _place(table, keys[at])
        found[at] = numbers[place] if table[place] == keys[at] else -1


@compiled
def _enter(table: Ints, numbers: Ints, keys: Ints, values: Ints) -> None:
    for at in range(len(keys)):
        place = _place(table, keys[at])
        table[place], numbers[place] = keys[at], values[at]
