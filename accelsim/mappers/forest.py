"""The cuts of all dims as trees side by side, one of each for every way to cut the filter dims that it depends on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from accelsim.dims import WINDOWS, Dim
from accelsim.mappers.factors import Layout, Material, owners
from accelsim.mappers.stairs import stairs_of
from accelsim.mappers.tables import Factors, Forest
from accelsim.mappers.tree import Tree, grown, lifted
from accelsim.mapping.nest import Ints

__all__ = ["Grove"]

Floats = npt.NDArray[np.float64]
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
        groups: Shape ``(groups, 4)``: dims that share an axis as one loop, -1 where there are fewer.
        mirrored: Whether rows and columns of pixels, with those of the filter, may change places.

    Attributes:
        dims: The dims.
        starts: Shape ``(D + 1,)``: where the cuts of each dim start in a row of those of all.
        forest: The trees.
        stairs: What all cuts contribute at least, by the points of their tiles.
        roots: Shape ``(ways, D)``: for each way to cut the filter, the first node of every dim.
        ways: Shape ``(ways,)``: which way that is.
    """

    def __init__(
        self,
        dims: tuple[Dim, ...],
        factors: Factors,
        material: Material,
        layout: Layout,
        limit: Floats,
        groups: Ints,
        mirrored: bool = False,
    ) -> None:
        self.dims, self._factors, self._material, self._layout, self._limit = dims, factors, material, layout, limit
        self._taps = [d for d, dim in enumerate(dims) if dim in _TAPS]
        self._owners = owners(layout, dims)
        self._trees = [self._grown(d) for d in range(len(dims))]
        self._alike = {d: self._classes(d) for d in self._taps}
        self.starts = np.cumsum([0, *(len(tile) for tile in material.tile)])
        ways = list(itertools.product(*(range(material.cuts[d]) for d in self._taps)))
        plots = [self._plot(d, ways) for d in range(len(dims))]
        self._first = np.cumsum([0, *(len(tree.cut) for tree in self._trees)])
        self.forest = self._laid_out(plots, self._mirrors(ways, mirrored))
        self.stairs = stairs_of(factors, material, layout, limit, groups, self._taps)
        self.roots = np.tile(self._first[:-1], (len(ways), 1))
        for at, d in enumerate(self._taps):
            tree = self._trees[d]
            leaf = np.empty(material.cuts[d], dtype=np.int64)
            leaf[tree.cut[tree.cut >= 0]] = np.flatnonzero(tree.cut >= 0)
            self.roots[:, d] += leaf[[way[at] for way in ways]]
        self.ways = np.arange(len(ways))
        if mirrored:
            self._leave_out(ways)

    def _taps_alike(self, ways: list[tuple[int, ...]]) -> tuple[Ints, Ints]:
        """Return the cuts of the rows and columns of the filter, by way; all the same if it has none."""
        cuts = np.array(ways).reshape(len(ways), -1)
        if Dim.FY not in self.dims:
            return np.zeros(len(ways), dtype=np.int64), np.zeros(len(ways), dtype=np.int64)
        rows, columns = (cuts[:, self._taps.index(self.dims.index(dim))] for dim in (Dim.FY, Dim.FX))
        return rows, columns

    def _mirrors(self, ways: list[tuple[int, ...]], mirrored: bool) -> Ints:
        """Return which pixels may change places: where the way to cut the filter is its own mirror image."""
        found = np.full((len(ways), 2), -1)
        if mirrored:
            rows, columns = self._taps_alike(ways)
            found[rows == columns] = self.dims.index(Dim.OY), self.dims.index(Dim.OX)
        return found

    def _leave_out(self, ways: list[tuple[int, ...]]) -> None:
        """Leave out ways to cut the filter that mirror another."""
        rows, columns = self._taps_alike(ways)
        self.roots, self.ways = self.roots[rows <= columns], self.ways[rows <= columns]

    def _grown(self, d: int) -> Tree:
        factors, tile = self._factors, self._material.tile[d]
        loads = np.unique(factors.loads[factors.loads >= 0][:, None] + np.arange(tile.shape[1] + 1))
        known = self._material.factors[d]
        features = [*tile.T, *(known[one] for one in loads.tolist() if one in known), self._material.inner[d]]
        return grown(self._material.turning[d], np.log(_distinct(features)))

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
        owned = self._owned(d)
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

    def _laid_out(self, plots: list[tuple[dict[tuple[int, ...], tuple[int, ...]], Ints]], mirrors: Ints) -> Forest:
        m, trees, dims = self._material, self._trees, range(len(self.dims))
        touched = [self._touched(d) for d in dims]
        listed = [[[v for v in m.factors[d] if v not in touched[d]] for d in dims], touched]
        starts, rooms = np.zeros((2, len(mirrors), len(dims)), dtype=np.int64), np.zeros((len(mirrors), len(dims)))
        value, room, filled, rows = [np.empty(0)], [], 0, 0
        for d, (known, plot) in enumerate(plots):
            nodes = len(trees[d].cut)
            base = lifted(trees[d], np.array([m.factors[d][v] for v in listed[0][d]]).reshape(-1, m.cuts[d]).T)
            value.append(base.ravel())
            starts[0, :, d] = filled
            starts[1, :, d] = filled + base.size + plot * nodes * len(touched[d])
            rooms[:, d] = rows + plot * nodes
            for way in known.values():
                changed, footprint = self._of_way(d, dict(zip(self._taps, way, strict=True)))
                value.append(changed.ravel())
                room.append(footprint)
            filled, rows = filled + base.size + len(known) * nodes * len(touched[d]), rows + len(known) * nodes
        width = max(sizes.shape[2] for sizes in m.sizes)

        def together(parts: list[Ints]) -> Ints:
            padded = [np.pad(part, ((0, 0), (0, 0), (0, width - part.shape[2]))) for part in parts]
            return np.concatenate(padded)

        most = max(len(one) for kind in listed for one in kind)
        place = np.full((2, len(dims), self._factors.total), -1)
        for kind, one in enumerate(listed):
            for d in dims:
                place[kind, d, one[d]] = np.arange(len(one[d]))
        return Forest(
            size=np.array([tile[:, 0].max() for tile in m.tile]),
            first=self._first[:-1],
            below=_moved([tree.below for tree in trees], self._first),
            cut=_moved([tree.cut for tree in trees], self.starts),
            leaves=np.concatenate([tree.leaves for tree in trees]),
            range=np.concatenate([tree.range for tree in trees]),
            tile=np.concatenate([-lifted(tree, -tile) for tree, tile in zip(trees, m.tile, strict=True)]),
            turning=np.concatenate([tree.common for tree in trees]),
            listed=np.array([[one[d] + [0] * (most - len(one[d])) for d in dims] for one in listed], dtype=np.int64),
            counts=np.array([[len(one[d]) for d in dims] for one in listed]),
            place=place,
            value=np.concatenate(value),
            starts=starts,
            room=np.concatenate(room),
            rooms=rooms.astype(np.int64),
            mirrors=mirrors,
            sizes=together(m.sizes),
            times=together(m.times),
            inner=np.concatenate(m.inner),
        )

    def _owned(self, d: int) -> list[int]:
        """Return the groups whose passes a dim decides, beside the filter."""
        return [group for group, owner in enumerate(self._owners) if owner is not None and max(owner, 0) == d]

    def _touched(self, d: int) -> list[int]:
        """Return the factors of a dim that depend on the filter."""
        windows = self._material.window.tolist() if self._factors.axis[d] >= 0 else []
        return windows + [v for group in self._owned(d) for v in self._factors.passes[:, group].tolist()]

    def _of_way(self, d: int, chosen: dict[int, int]) -> tuple[Floats, Floats]:
        """Return what depends on the filter, cut as ``chosen`` says for each of its dims.

        Returns:
            The least of ``_touched`` below every node; and that of all footprints, and for each point of the tile.
        """
        m, factors, tree = self._material, self._factors, self._trees[d]
        parts: list[Floats] = []
        if (axis := factors.axis[d]) >= 0 and len(m.window):
            tap = next((cut for t, cut in chosen.items() if _TAPS[self.dims[t]] == axis), 0)
            parts += list(m.windows[axis, : m.cuts[d], tap].T)
        for group in self._owned(d):
            parts += list(self._passes(group, self._owners[group] or 0, chosen))
        known = m.factors[d] | dict(zip(self._touched(d), parts, strict=True))
        footprint = np.ones((m.cuts[d], *factors.footprint.shape, 2))
        for level, operand in np.argwhere(factors.footprint >= 0):
            held = known.get(int(factors.footprint[level, operand]), np.ones(m.cuts[d]))
            footprint[:, level, operand] = np.stack([held, held / m.tile[d][:, level]], axis=1)
        room = lifted(tree, footprint.reshape(m.cuts[d], -1)).reshape(-1, *footprint.shape[1:])
        return lifted(tree, np.array(parts).reshape(-1, m.cuts[d]).T), room

    def _passes(self, group: int, owner: int, chosen: dict[int, int]) -> Iterator[Floats]:
        """Yield, for each mask, the passes over a group by the cut of its owner."""
        m, layout = self._material, self._layout
        left = np.full(m.cuts[max(owner, 0)], self._limit[layout.axis[group]])
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


def _moved(parts: list[Ints], starts: Ints) -> Ints:
    """Return numbers that count from the start of each part, side by side; -1 stays."""
    return np.concatenate([np.where(part < 0, -1, part + start) for part, start in zip(parts, starts, strict=False)])


def _distinct(features: list[Floats]) -> Floats:
    """Return features as columns, without those that repeat another or are the same for all cuts."""
    kept: list[Floats] = []
    for one in features:
        if np.any(one != one[0]) and not any(np.array_equal(one, other) for other in kept):
            kept.append(one)
    return np.stack(kept, axis=1) if kept else np.empty((len(features[0]), 0))
