"""The cuts of all dims as trees side by side, one of each for every way to cut the filter dims that it depends on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accelsim.dims import WINDOWS, Dim
from accelsim.mappers.factors import Layout, Material, owners
from accelsim.mappers.tables import Factors, Forest
from accelsim.mappers.tree import Tree, grown, lifted
from accelsim.mapping.nest import Ints

__all__ = ["Grove"]

Floats = npt.NDArray[np.float64]
_Numbers = TypeVar("_Numbers", Floats, Ints)
_TAPS = {tap: axis for axis, (_, tap) in enumerate(WINDOWS)}


class Grove:
    """Trees over the cuts of all dims.

    What a tile of pixels sees depends on the cut of the filter, and so do the passes over an axis of the array that
    filter dims share. Filters are small, so each of their cuts has trees of its own: with the filter cut in one way,
    all factors of all dims are known.

    Args:
        dims: The dims.
        factors: Which factor is which.
        material: What their cuts contribute.
        layout: How the array takes dims.
        limit: Rows, columns, steps of the stream that a held weight lasts.
        mirrored: Whether rows and columns of pixels, with those of the filter, may change places.

    Attributes:
        dims: The dims.
        starts: Shape ``(D + 1,)``: where the cuts of each dim start in a row of those of all.
        forest: The trees.
        roots: Shape ``(ways, D)``: for each way to cut the filter, the first node of every dim.
        mirrors: Shape ``(ways, 2)``: the pixels of two axes that may change places, or -1.
    """

    def __init__(
        self,
        dims: tuple[Dim, ...],
        factors: Factors,
        material: Material,
        layout: Layout,
        limit: Floats,
        mirrored: bool = False,
    ) -> None:
        self.dims, self._factors, self._material, self._layout, self._limit = dims, factors, material, layout, limit
        self._taps = [d for d, dim in enumerate(dims) if dim in _TAPS]
        self._owners = owners(layout, dims)
        self._trees = [self._grown(d) for d in range(len(dims))]
        self._alike = {d: self._classes(d) for d in self._taps}
        self.starts = np.cumsum([0, *(len(tile) for tile in material.tile)])
        ways = list(itertools.product(*(range(len(material.rows[d])) for d in self._taps)))
        plots = [self._plot(d, ways) for d in range(len(dims))]
        self.forest = self._laid_out([list(known.values()) for known, _ in plots])
        first = np.cumsum(
            [0, *(len(known) * len(tree.cut) for (known, _), tree in zip(plots, self._trees, strict=True))]
        )
        self.roots = np.empty((len(ways), len(dims)), dtype=np.int64)
        for d, ((_, plot), tree) in enumerate(zip(plots, self._trees, strict=True)):
            self.roots[:, d] = first[d] + plot * len(tree.cut)
            if d in self._taps:
                leaf = np.empty(len(material.rows[d]), dtype=np.int64)
                leaf[tree.cut[tree.cut >= 0]] = np.flatnonzero(tree.cut >= 0)
                self.roots[:, d] += leaf[[way[self._taps.index(d)] for way in ways]]
        self.mirrors = np.full((len(ways), 2), -1)
        if mirrored:
            self._mirror(ways)

    def _mirror(self, ways: list[tuple[int, ...]]) -> None:
        """Leave out ways to cut the filter that mirror another; where one mirrors itself, pixels may change places."""
        cuts = np.array(ways).reshape(len(ways), -1)
        same, left = np.ones(len(ways), dtype=bool), np.ones(len(ways), dtype=bool)
        if Dim.FY in self.dims:
            rows, columns = (cuts[:, self._taps.index(self.dims.index(dim))] for dim in (Dim.FY, Dim.FX))
            same, left = rows == columns, rows <= columns
        self.mirrors[same] = self.dims.index(Dim.OY), self.dims.index(Dim.OX)
        self.roots, self.mirrors = self.roots[left], self.mirrors[left]

    def _grown(self, d: int) -> Tree:
        factors, tile = self._factors, self._material.tile[d]
        loads = factors.loads[factors.loads >= 0][:, None] + np.arange(tile.shape[1] + 1)
        counted = self._material.rows[d][:, np.unique(loads)]
        features = np.concatenate([tile, counted, self._material.inner[d][:, None]], axis=1)
        differing = features[:, np.any(features != features[:1], axis=0)]
        return grown(self._material.turning[d], np.log(_distinct(differing)))

    def _classes(self, d: int) -> Ints:
        """Return, for cuts of a filter dim with the same pieces at the array, the same number."""
        m = self._material
        parts = [m.inner[d][:, None], m.sizes[d].reshape(len(m.inner[d]), -1), m.times[d].reshape(len(m.inner[d]), -1)]
        _, number = np.unique(np.concatenate(parts, axis=1), axis=0, return_inverse=True)
        return np.asarray(number.reshape(-1))

    def _plot(self, d: int, ways: list[tuple[int, ...]]) -> tuple[dict[tuple[int, ...], tuple[int, ...]], Ints]:
        """Return the ways to cut the filter that make a difference to a dim, one of each, and which holds for each."""
        axis, layout = self._factors.axis[d], self._layout
        exact = [t for t in self._taps if axis >= 0 and _TAPS[self.dims[t]] == axis]
        owned = [g for g, owner in enumerate(self._owners) if owner is not None and max(owner, 0) == d]
        shared = {
            self.dims.index(dim)
            for group in owned
            for at in range(group + 1)
            if layout.axis[at] == layout.axis[group]
            for dim in layout.groups[at]
            if dim in self.dims
        }
        keys: dict[tuple[int, ...], int] = {}
        known: dict[tuple[int, ...], tuple[int, ...]] = {}
        plot = np.empty(len(ways), dtype=np.int64)
        for at, way in enumerate(ways):
            chosen = dict(zip(self._taps, way, strict=True))
            key = (*(chosen[t] for t in exact), *(int(self._alike[t][chosen[t]]) for t in self._taps if t in shared))
            plot[at] = keys.setdefault(key, len(keys))
            known.setdefault(key, way)
        return known, plot

    def _laid_out(self, plots: list[list[tuple[int, ...]]]) -> Forest:
        m, trees = self._material, self._trees
        width = max(sizes.shape[2] for sizes in m.sizes)
        times = [len(ways) for ways in plots]
        first, below, total = self.starts, [], 0
        for tree, count in zip(trees, times, strict=True):
            for _ in range(count):
                below.append(np.where(tree.below < 0, -1, tree.below + total))
                total += len(tree.cut)
        value, spread, at = np.empty((total, m.rows[0].shape[1])), [], 0
        for d, ways in enumerate(plots):
            whole = lifted(trees[d], m.rows[d])
            for way in ways:
                columns, changed, one = self._touched(d, dict(zip(self._taps, way, strict=True)))
                value[at : at + len(whole)] = whole
                value[at : at + len(whole), columns] = changed
                spread.append(one)
                at += len(whole)

        def together(parts: list[Ints]) -> Ints:
            padded = [np.pad(part, ((0, 0), (0, 0), (0, width - part.shape[2]))) for part in parts]
            return np.concatenate(padded)

        def repeated(parts: Iterable[_Numbers]) -> _Numbers:
            return np.concatenate([part for part, count in zip(parts, times, strict=True) for _ in range(count)])

        return Forest(
            size=np.array([tile[:, 0].max() for tile in m.tile]),
            below=np.concatenate(below),
            cut=repeated(np.where(t.cut < 0, -1, t.cut + at) for t, at in zip(trees, first, strict=False)),
            width=repeated(tree.width for tree in trees),
            leaves=repeated(tree.leaves for tree in trees),
            range=repeated(tree.range for tree in trees),
            value=value,
            falling=repeated(self._falling(d) for d in range(len(trees))),
            spread=np.concatenate(spread),
            tile=repeated(-lifted(tree, -tile) for tree, tile in zip(trees, m.tile, strict=True)),
            turning=repeated(tree.common for tree in trees),
            sizes=together(m.sizes),
            times=together(m.times),
            inner=np.concatenate(m.inner),
        )

    def _falling(self, d: int) -> Floats:
        factors, tile = self._factors, self._material.tile[d]
        values = self._material.rows[d][:, factors.falling[:, 0]]
        lacking = factors.lacks[d] == factors.falling[:, 1]
        values[:, lacking] *= tile[:, factors.falling[lacking, 2]]
        return lifted(self._trees[d], values)

    def _touched(self, d: int, chosen: dict[int, int]) -> tuple[list[int], Floats, Floats]:
        """Return the factors of a dim that depend on the filter, cut as ``chosen`` says for each of its dims.

        Returns:
            Which they are; the least of each below every node; and, for all footprints, the least factor per point of
            the tile.
        """
        m, factors, tree = self._material, self._factors, self._trees[d]
        columns: list[int] = []
        parts: list[Floats] = []
        axis = factors.axis[d]
        if axis >= 0 and len(m.window):
            tap = next((cut for t, cut in chosen.items() if _TAPS[self.dims[t]] == axis), 0)
            columns += m.window.tolist()
            parts += list(m.windows[axis, : len(m.rows[d]), tap].T)
        for group, owner in enumerate(self._owners):
            if owner is not None and max(owner, 0) == d:
                columns += factors.passes[:, group].tolist()
                parts += list(self._passes(group, owner, chosen))
        rows = np.stack(parts, axis=1) if parts else np.empty((len(m.rows[d]), 0))
        known = {column: rows[:, at] for at, column in enumerate(columns)}
        footprint = np.ones((len(m.rows[d]), *factors.footprint.shape))
        for level, operand in np.argwhere(factors.footprint >= 0):
            column = int(factors.footprint[level, operand])
            footprint[:, level, operand] = known.get(column, m.rows[d][:, column]) / m.tile[d][:, level]
        spread = lifted(tree, footprint.reshape(len(footprint), -1))
        return columns, lifted(tree, rows), spread.reshape(-1, *factors.footprint.shape)

    def _passes(self, group: int, owner: int, chosen: dict[int, int]) -> Iterator[Floats]:
        """Yield, for each mask, the passes over a group by the cut of its owner."""
        m, layout = self._material, self._layout
        left = np.full(len(m.rows[max(owner, 0)]), self._limit[layout.axis[group]])
        for at in range(group + 1):
            if layout.axis[at] != layout.axis[group]:
                continue
            tile = np.ones(len(left))
            for dim in layout.groups[at]:
                if dim in self.dims:
                    d = self.dims.index(dim)
                    tile *= m.inner[d] if d == owner else m.inner[d][chosen[d]]
            room = np.minimum(tile, left)
            left = np.floor(left / room)
        for mask in range(len(layout.masks)):
            members = [(np.ones((1, 1), dtype=np.int64), np.ones((1, 1), dtype=np.int64))]
            for dim in layout.groups[group]:
                if dim in self.dims:
                    d = self.dims.index(dim)
                    rows = slice(None) if d == owner else slice(chosen[d], chosen[d] + 1)
                    used = m.times[d][rows, mask].any(axis=0)
                    members.append((m.sizes[d][rows, mask][:, used], m.times[d][rows, mask][:, used]))
            points, met = members[0]
            for sizes, times in members[1:]:
                points = (points[:, :, None] * sizes[:, None, :]).reshape(max(len(points), len(sizes)), -1)
                met = (met[:, :, None] * times[:, None, :]).reshape(len(points), -1)
            yield (met * np.ceil(points / room[:, None])).sum(axis=1)


def _distinct(features: Floats) -> Floats:
    """Return features without those that repeat another."""
    kept: list[int] = []
    for at in range(features.shape[1]):
        if not any(np.array_equal(features[:, at], features[:, other]) for other in kept):
            kept.append(at)
    return features[:, kept]
