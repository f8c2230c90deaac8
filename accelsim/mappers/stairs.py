"""How small a factor is at least if tiles have at most so many points: a staircase.

Counts of tiles and of passes fall as tiles grow, and tiles have only so much room. Since they are whole numbers for
each of several dims, they do not fall smoothly: 28 rows and columns make 20 tiles of at most 46 points, and at best 28
passes over 32 PEs, not 28 x 28 / 46 and 28 x 28 / 32. A staircase says, for every number of points, what cuts of some
dims whose tiles have at most so many points together make of a factor at least. It is worked out once from all cuts of
these dims, so it holds for those of every box.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mappers.factors import Layout, Material
from accelsim.mappers.tables import Factors, Stairs
from accelsim.mapping.nest import Ints

__all__ = ["Stair", "joined", "stair_of", "stairs_of"]

Floats = npt.NDArray[np.float64]
#: Passes are looked up for two dims with so many pairs of cuts at most.
_MOST = 400_000


class Stair(NamedTuple):
    """A staircase.

    Attributes:
        points: Shape ``(steps,)``: points of tiles, rising.
        least: Shape ``(steps,)``: no factor of tiles with at most so many points is less; falling.
    """

    points: Floats
    least: Floats


def stair_of(points: Floats, factors: Floats) -> Stair:
    """Return the staircase of cuts with so many points in a tile and such a factor, each of shape ``(cuts,)``."""
    order = np.lexsort((factors, points))
    least = np.minimum.accumulate(factors[order])
    step = np.append(True, least[1:] < least[:-1])
    return Stair(points[order][step], least[step])


def joined(one: Stair, other: Stair) -> Stair:
    """Return the staircase of two sets of dims together: points multiply, and so do factors."""
    return stair_of(np.outer(one.points, other.points).ravel(), np.outer(one.least, other.least).ravel())


@compiled
def _fewest(sizes: tuple[Ints, Ints], times: tuple[Ints, Ints], inner: tuple[Floats, Floats], most: float) -> Floats:
    """Return the least passes of ``most`` PEs over the pieces of two dims, by the points of their tile."""
    (one, other), (met, others_met), (tile, others_tile) = sizes, times, inner
    found = np.full(int(tile.max() * others_tile.max()) + 1, np.inf)
    for a in range(len(one)):
        for b in range(len(other)):
            points, passes = tile[a] * others_tile[b], 0.0
            room = min(points, most)
            for i in range(one.shape[1]):
                for j in range(other.shape[1]):
                    turns = met[a, i] * others_met[b, j]
                    if turns:
                        passes += turns * np.ceil(one[a, i] * other[b, j] / room)
            found[int(points)] = min(found[int(points)], passes)
    return found


def _passes(m: Material, dims: tuple[int, int], mask: int, most: float) -> Stair | None:
    """Return the staircase of the passes over two dims that share an axis of ``most`` PEs; none if it takes long."""
    kinds = [
        np.unique(np.concatenate([m.inner[d][:, None], m.sizes[d][:, mask], m.times[d][:, mask]], axis=1), axis=0)
        for d in dims
    ]
    if len(kinds[0]) * len(kinds[1]) > _MOST:
        return None
    halves = [np.split(kind[:, 1:].astype(np.int64), 2, axis=1) for kind in kinds]
    sizes, times = ((np.ascontiguousarray(a), np.ascontiguousarray(b)) for a, b in zip(*halves, strict=True))
    fewest = _fewest(sizes, times, (kinds[0][:, 0].copy(), kinds[1][:, 0].copy()), most)
    points = np.flatnonzero(np.isfinite(fewest))
    return stair_of(points.astype(float), fewest[points])


class _Landing(NamedTuple):
    """A staircase, the operand that its dims lack, the level of the tiles, and the dims."""

    stair: Stair
    operand: int
    level: int
    dims: tuple[int, ...]

    def same(self, other: _Landing) -> bool:
        """Return whether they say the same."""
        alike = self[1:] == other[1:] and len(self.stair.points) == len(other.stair.points)
        return alike and all(np.array_equal(a, b) for a, b in zip(self.stair, other.stair, strict=True))


def stairs_of(f: Factors, m: Material, layout: Layout, limit: Floats, groups: Ints, taps: list[int]) -> Stairs:
    """Return the staircases of all factors that fall as tiles grow, and of passes that several dims decide.

    Args:
        f: Which factor is which.
        m: What the cuts contribute.
        layout: How the array takes dims.
        limit: Rows, columns, steps of the stream that a held weight lasts.
        groups: Shape ``(groups, 4)``: dims that share an axis as one loop, -1 where there are fewer.
        taps: The dims of filters: their cuts are known in every box, so that they are part of no staircase.
    """
    found: list[_Landing] = []

    def number(one: _Landing) -> int:
        place = next((at for at, other in enumerate(found) if one.same(other)), len(found))
        found.extend([one] if place == len(found) else [])
        return place

    of, beside = [], []
    for v, operand, level in f.falling.tolist():
        dims = tuple(d for d in range(len(f.lacks)) if f.lacks[d] == operand and d not in taps)
        whole = Stair(np.ones(1), np.ones(1))
        for d in dims:
            values = m.factors[d].get(v, np.ones(m.cuts[d]))
            whole = joined(whole, stair_of(m.tile[d][:, level], values))
        of.append(number(_Landing(whole, operand, level, dims)))
        beside.append([d for d in range(len(f.lacks)) if d not in dims and v in m.factors[d]])
    passes, last = np.full(f.passes.shape, -1), m.tile[0].shape[1] - 1
    for group in np.flatnonzero(f.late):
        dims = tuple(groups[group][groups[group] >= 0].tolist())
        alone = sum(axis == layout.axis[group] for axis in layout.axis) == 1
        if len(dims) == 2 and alone and not set(dims) & set(taps) and f.lacks[dims[0]] == f.lacks[dims[1]] < 3:
            for mask in range(len(passes)):
                if (stair := _passes(m, dims, mask, float(limit[layout.axis[group]]))) is not None:
                    passes[mask, group] = number(_Landing(stair, int(f.lacks[dims[0]]), last, dims))
    width = max(map(len, beside), default=0)
    return Stairs(
        begins=np.cumsum([0, *(len(one.stair.points) for one in found)]),
        points=np.concatenate([np.empty(0), *(one.stair.points for one in found)]),
        least=np.concatenate([np.empty(0), *(one.stair.least for one in found)]),
        tile=np.array([[one.operand, one.level] for one in found], dtype=np.int64).reshape(-1, 2),
        inside=np.array([[d in one.dims for d in range(len(f.lacks))] for one in found]).reshape(-1, len(f.lacks)),
        of=np.array(of, dtype=np.int64),
        beside=np.array([one + [-1] * (width - len(one)) for one in beside], dtype=np.int64).reshape(len(of), width),
        passes=passes,
    )
