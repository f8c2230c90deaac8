"""Which part of a chip runs which op: a descent over assignments from several starts, the same for the same input.

A move puts a set of ops on another part, as far as that part can run them: one op; an op with the activations that
may be applied to its result; all ops that are alike; the beginning or the end of a stretch of ops on one part. Moves
that improve are also tried together, the best first. Where no move helps, two ops that stand near each other move
together. The result is never worse than any start, but need not be the best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from accelsim.mapping.nest import Ints

__all__ = ["descend"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: A move has to gain this share at least: less is rounding.
_GAIN = 1e-9
#: Ops of a network beyond which only alike ones move, and not single ones.
_MOST_SINGLE = 600
#: How many ops further the second of a pair stands at most.
_NEAR = 6
#: Moves tried together at most.
_TOGETHER = 64


def descend(starts: Ints, allowed: Flags, groups: tuple[Ints, ...], cost: Callable[[Ints], Floats]) -> Ints:
    """Return an assignment that no move improves.

    Args:
        starts: Shape ``(starts, ops)``: assignments to begin with: the part of each op.
        allowed: Shape ``(ops, parts)``: which parts may run an op.
        groups: Each of shape ``(ops,)``: ops of the same number move together.
        cost: From assignments, shape ``(some, ops)``, to what they cost; infinite if they are impossible.
    """
    starts = _distinct(starts)
    found = [_down(start, value, allowed, groups, cost) for start, value in zip(starts, cost(starts), strict=True)]
    return found[int(np.argmin([value for _, value in found]))][0]


def _down(
    current: Ints, value: float, allowed: Flags, groups: tuple[Ints, ...], cost: Callable[[Ints], Floats]
) -> tuple[Ints, float]:
    while True:
        for sets in (_sets, _pairs):
            some = _neighbours(current, allowed, sets(current, groups))
            values = cost(some) if len(some) else np.empty(0)
            better = np.flatnonzero(values < value * (1 - _GAIN))
            if len(better):
                break
        else:
            return current, value
        together = _together(current, some[better[np.argsort(values[better], kind="stable")]])
        values = cost(together)
        best = int(np.argmin(values))
        current, value = together[best], float(values[best])


def _neighbours(current: Ints, allowed: Flags, moved: Flags) -> Ints:
    """Return the assignments in which one set of ops moves, shape ``(moves, ops)``."""
    every = [np.where(moved & allowed[:, part], part, current) for part in range(allowed.shape[1])]
    some = np.concatenate(every)
    return _distinct(some[np.any(some != current, axis=1)])


def _distinct(rows: Ints) -> Ints:
    """Return rows without those that stand before already."""
    first = {row.tobytes(): place for place, row in reversed(list(enumerate(rows)))}
    return rows[sorted(first.values())]


def _sets(current: Ints, groups: tuple[Ints, ...]) -> Flags:
    """Return the sets of ops that may move, shape ``(sets, ops)``."""
    count = len(current)
    found = [np.arange(group.max() + 1)[:, None] == group for group in groups]
    if count <= _MOST_SINGLE:
        place = np.arange(count)
        stretch = np.cumsum(np.concatenate([[0], np.diff(current) != 0]))
        same = stretch[:, None] == stretch
        found += [place[:, None] == place, same & (place[:, None] <= place), same & (place[:, None] >= place)]
    return np.concatenate(found)


def _pairs(current: Ints, groups: tuple[Ints, ...]) -> Flags:
    """Return pairs of numbers of the first group that stand near each other, shape ``(pairs, ops)``."""
    first, count = groups[0], len(current)
    numbers = np.unique(first) if count <= _MOST_SINGLE else first[:0]
    pairs = [(one, other) for at, one in enumerate(numbers) for other in numbers[at + 1 : at + 1 + _NEAR]]
    found = [(first == one) | (first == other) for one, other in pairs]
    return np.array(found, dtype=np.bool_).reshape(-1, count)


def _together(current: Ints, better: Ints) -> Ints:
    """Return the first move, the first two together, and so on; what an earlier one moved, a later one moves again."""
    found = [better[0]]
    for one in better[1:_TOGETHER]:
        more = np.where(one != current, one, found[-1])
        if np.any(more != found[-1]):
            found.append(more)
    return np.stack(found)
