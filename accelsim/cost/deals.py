"""How dims are dealt out to what stands in copies: the ways that keep the PEs busiest and move least."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from accelsim.cost.rows import Kept, Machine, features, op_rows
from accelsim.dims import DIMS, Dim
from accelsim.mapping.mapspace import STILL, SpatialLoop, Spread
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["dealt"]

#: Ways that are looked at of each axis, and those that are left.
_LOOKED, _LEFT = 200, 4
_NOTHING = Kept((False, False, False), (-1, -1, -1))


@lru_cache(maxsize=1024)
def dealt(op: Op, machine: Machine) -> tuple[Spread, ...]:
    """Return ways to deal the dims of an op out to copies, the best first: copies of every dim, by place from level 1.

    They are judged by the cycles of the array times the bytes moved if nothing is cut but for the copies.
    """
    levels = machine.structure.levels
    ways: dict[tuple[tuple[int, ...], Spread], None] = {(op.sizes, ((1,) * len(DIMS),) * (levels + 1)): None}
    for loop in machine.loops:
        further = {_with(left, copies, taken, loop): None for left, copies in ways for taken in _taken(left, loop)}
        ways = dict.fromkeys(_fewest(list(further)))
    copies = np.array(list(dict.fromkeys(way for _, way in ways)))
    if len(copies) == 1:
        return tuple(way for _, way in ways)
    tiles = np.empty((len(copies), levels, len(DIMS)), dtype=np.int64)
    outer: Ints = np.broadcast_to(np.array(op.sizes), tiles[:, 0].shape)
    for level in range(levels):
        tiles[:, level] = outer = -(-outer // copies[:, level])
    orders = np.broadcast_to(np.array(STILL[0]), tiles.shape)
    costs, _ = features(op_rows(op, Mappings.of(tiles, orders, copies), machine), _NOTHING)
    memories, each = levels + 1, 2 if machine.structure.apart else 1
    moved = costs[:, 1 + memories : 1 + memories + each * memories].sum(axis=1)
    best = np.argsort(costs[:, 0] * moved, kind="stable")[:_LEFT]
    return tuple(tuple(tuple(place) for place in way) for way in copies[best].tolist())


def _fewest(ways: list[tuple[tuple[int, ...], Spread]]) -> list[tuple[tuple[int, ...], Spread]]:
    """Return the ways that leave least to do one after the other."""
    left = np.array([left for left, _ in ways], dtype=float).prod(axis=1)
    return [ways[at] for at in np.argsort(left, kind="stable")[:_LOOKED].tolist()]


def _taken(left: tuple[int, ...], loop: SpatialLoop) -> Iterator[dict[Dim, int]]:
    """Yield copies along an axis: no dim could take more, and none has more than it needs for so many turns."""
    dims = [dim for dim in loop.dims if left[dim.position] > 1]
    choices = [_numbers(left[dim.position], loop.size) for dim in dims]
    for counts in itertools.product(*choices):
        room = loop.size
        for count in counts:
            room //= count
        more = any(
            count < most[-1] and most[most.index(count) + 1] <= count * room
            for count, most in zip(counts, choices, strict=True)
        )
        if room and not more:
            yield dict(zip(dims, counts, strict=True))


@lru_cache(maxsize=4096)
def _numbers(size: int, most: int) -> tuple[int, ...]:
    """Return, for each number of turns that so many copies at most can take, the fewest copies that do."""
    turns = {-(-size // count) for count in range(1, min(size, most) + 1)}
    return tuple(sorted({-(-size // turn) for turn in turns}))


def _with(
    left: tuple[int, ...], copies: Spread, taken: dict[Dim, int], loop: SpatialLoop
) -> tuple[tuple[int, ...], Spread]:
    """Return what is left of every dim, and the copies, once an axis has dealt out its own."""
    counts = [1] * len(DIMS)
    for dim, count in taken.items():
        counts[dim.position] = count
    rest = tuple(-(-size // count) for size, count in zip(left, counts, strict=True))
    here = tuple(one * other for one, other in zip(copies[loop.place - 1], counts, strict=True))
    return rest, (*copies[: loop.place - 1], here, *copies[loop.place :])
