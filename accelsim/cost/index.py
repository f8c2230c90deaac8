"""Numbers found again by a key, a million at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled, inlined
from accelsim.mapping.nest import Ints

__all__ = ["STATE", "Index"]

Flags = npt.NDArray[np.bool_]
#: What is added to a key for every state that a number may leave behind.
STATE = 1 << 40

_EMPTY = -1
_FIRST_ROOM = 1024
#: 2**64 divided by the golden ratio, odd, as a signed number: neighbouring keys land far from one another.
_GOLDEN = -7_046_029_254_386_353_131


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

    def follow(self, keys: Ints, opens: Flags, after: Ints, found: Ints, begin: int) -> tuple[int, Ints]:
        """Fill in the number of every key, where a key may hang on the number found before it.

        Args:
            keys: Shape ``(steps, columns)``, below ``STATE``.
            opens: Shape ``(steps,)``: whether a step is in state 0, and not in that of the number before it.
            after: By number, the state after it: ``STATE`` times the state is added to the key.
            found: Shape ``(steps, columns)``: numbers up to ``begin``; filled in behind, -1 where there is none yet.
            begin: The first step not known.

        Returns:
            The first step that is not there in every column, and the keys that were looked for and are not there.
        """
        asked = np.full_like(keys, _EMPTY)
        _follow((self._keys, self._numbers), keys, opens, after, (found, asked), begin)
        missing = (found < 0).any(axis=1)
        first = int(missing.argmax()) if missing.any() else len(keys)
        return first, asked[asked >= 0]

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


@inlined
def _place(table: Ints, key: int) -> int:
    """Return where a key is, or where it would be."""
    mixed = key * _GOLDEN  # whose upper half hangs on every bit of the key
    at = (mixed ^ (mixed >> 32)) & (len(table) - 1)
    while table[at] != key and table[at] != _EMPTY:
        at = (at + 1) & (len(table) - 1)
    return int(at)


@compiled
def _find(table: Ints, numbers: Ints, keys: Ints, found: Ints) -> None:
    for at in range(len(keys)):
        place = _place(table, keys[at])
        found[at] = numbers[place] if table[place] == keys[at] else -1


@compiled
def _follow(
    index: tuple[Ints, Ints], keys: Ints, opens: Flags, after: Ints, filled: tuple[Ints, Ints], begin: int
) -> None:
    (table, numbers), (found, asked) = index, filled
    for step in range(begin, len(keys)):
        for column in range(keys.shape[1]):
            key, before = keys[step, column], -1
            if not opens[step]:
                before = found[step - 1, column]
                if before < 0:  # its state is not known yet
                    found[step, column] = -1
                    continue
                key += after[before] * STATE
            place = _place(table, key)
            there = table[place] == key
            found[step, column] = numbers[place] if there else -1
            if not there:
                asked[step, column] = key


@compiled
def _enter(table: Ints, numbers: Ints, keys: Ints, values: Ints) -> None:
    for at in range(len(keys)):
        place = _place(table, keys[at])
        table[place], numbers[place] = keys[at], values[at]
