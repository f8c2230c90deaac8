"""The cuts of all dims as trees, laid out anew for each way to cut the filter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from accelsim.dims import WINDOWS, Dim
from accelsim.mappers.factors import Layout, Material, owners
from accelsim.mappers.tables import Factors, Forest
from accelsim.mappers.tree import Tree, grown, lifted
from accelsim.mapping.nest import Ints

__all__ = ["Grove"]

Floats = npt.NDArray[np.float64]
_TAPS = {tap: axis for axis, (_, tap) in enumerate(WINDOWS)}


class Grove:
    """Trees over the cuts of all dims.

    Args:
        dims: The dims.
        factors: Which factor is which.
        material: What their cuts contribute.
        layout: How the array takes dims.
        limit: Rows, columns, steps of the stream that a held weight lasts.
    """

    def __init__(
        self, dims: tuple[Dim, ...], factors: Factors, material: Material, layout: Layout, limit: Floats
    ) -> None:
        self._dims, self._factors, self._material, self._layout, self._limit = dims, factors, material, layout, limit
        self._taps = [d for d, dim in enumerate(dims) if dim in _TAPS]
        self._trees: list[Tree] = []
        for d, tile in enumerate(material.tile):
            loads = factors.loads[factors.loads >= 0][:, None] + np.arange(tile.shape[1] + 1)
            counted = material.rows[d][:, np.unique(loads)]
            features = np.log(np.concatenate([tile, counted, material.inner[d][:, None]], axis=1))
            self._trees.append(grown(material.turning[d], features))
        self.starts = np.cumsum([0, *(len(tile) for tile in material.tile)])
        self._forest = self._laid_out()

    @property
    def width(self) -> int:
        """How many factors there are."""
        return int(self._forest.value.shape[1])

    def filters(self) -> Iterator[tuple[int, ...]]:
        """Yield the ways to cut the filter: a cut of each of its dims."""
        yield from itertools.product(*(range(len(self._material.rows[d])) for d in self._taps))

    def _laid_out(self) -> Forest:
        m, trees = self._material, self._trees
        nodes = np.cumsum([0, *(len(tree.cut) for tree in trees)])
        width = max(sizes.shape[2] for sizes in m.sizes)

        def together(parts: list[Ints]) -> Ints:
            padded = [np.pad(part, ((0, 0), (0, 0), (0, width - part.shape[2]))) for part in parts]
            return np.concatenate(padded)

        return Forest(
            root=nodes[:-1].copy(),
            size=np.array([tile[:, 0].max() for tile in m.tile]),
            below=np.concatenate(
                [np.where(tree.below < 0, -1, tree.below + first) for tree, first in zip(trees, nodes, strict=False)]
            ),
            cut=np.concatenate(
                [np.where(tree.cut < 0, -1, tree.cut + first) for tree, first in zip(trees, self.starts, strict=False)]
            ),
            width=np.concatenate([tree.width for tree in trees]),
            leaves=np.concatenate([_leaves(tree) for tree in trees]),
            value=np.concatenate([lifted(tree, rows) for tree, rows in zip(trees, m.rows, strict=True)]),
            falling=np.concatenate([self._falling(d) for d in range(len(trees))]),
            spread=np.concatenate([self._spread(d) for d in range(len(trees))]),
            tile=np.concatenate([-lifted(tree, -tile) for tree, tile in zip(trees, m.tile, strict=True)]),
            turning=np.concatenate([_common(tree, bits) for tree, bits in zip(trees, m.turning, strict=True)]),
            sizes=together(m.sizes),
            times=together(m.times),
            inner=np.concatenate(m.inner),
        )

    def _falling(self, d: int) -> Floats:
        values = np.empty((len(self._material.rows[d]), len(self._factors.falling)))
        for at, (factor, lacking, level) in enumerate(self._factors.falling):
            values[:, at] = self._material.rows[d][:, factor]
            if self._factors.lacks[d] == lacking:
                values[:, at] *= self._material.tile[d][:, level]
        return lifted(self._trees[d], values)

    def _spread(self, d: int) -> Floats:
        footprint, tile = self._factors.footprint, self._material.tile[d]
        values = np.ones((len(tile), *footprint.shape))
        for level, operand in np.argwhere(footprint >= 0):
            values[:, level, operand] = self._material.rows[d][:, footprint[level, operand]] / tile[:, level]
        return lifted(self._trees[d], values.reshape(len(tile), -1)).reshape(-1, *footprint.shape)

    def cut(self, taps: tuple[int, ...]) -> Forest:
        """Return the trees with the filter cut in one way; those returned before are no longer right."""
        m, forest, factors = self._material, self._forest, self._factors
        chosen = dict(zip(self._taps, taps, strict=True))
        by_axis = [0, 0, 0]
        for d, cut in chosen.items():
            by_axis[_TAPS[self._dims[d]]] = cut
        root = forest.root.copy()
        touched = {}
        for d, axis in enumerate(factors.axis):
            if axis >= 0 and len(m.window):
                touched[d] = m.rows[d].copy()
                touched[d][:, m.window] = m.windows[axis, : len(m.rows[d]), by_axis[axis]]
        for group, owner in enumerate(owners(self._layout, self._dims)):
            if owner is None:
                continue
            at = max(owner, 0)
            touched.setdefault(at, m.rows[at].copy())
            for mask, passes in enumerate(self._passes(group, owner, chosen)):
                touched[at][:, factors.passes[mask, group]] = passes
        for d, rows in touched.items():
            first = forest.root[d]
            m.rows[d][:] = rows
            forest.value[first : first + len(self._trees[d].cut)] = lifted(self._trees[d], rows)
            last = slice(first, first + len(self._trees[d].cut))
            forest.spread[last] = self._spread(d)
        for d, cut in chosen.items():
            leaf = np.flatnonzero(self._trees[d].cut == cut)[0]
            root[d] = forest.root[d] + leaf
        return forest._replace(root=root)

    def _passes(self, group: int, owner: int, chosen: dict[int, int]) -> Iterator[Floats]:
        """Yield, for each mask, the passes over a group by the cut of its owner."""
        m, layout = self._material, self._layout
        left = np.full(len(m.rows[max(owner, 0)]), self._limit[layout.axis[group]])
        members: list[tuple[Ints, Ints]] = []
        for at in range(group + 1):
            if layout.axis[at] != layout.axis[group]:
                continue
            tile = np.ones(len(left))
            for dim in layout.groups[at]:
                if dim in self._dims:
                    d = self._dims.index(dim)
                    tile *= m.inner[d] if d == owner else m.inner[d][chosen[d]]
            room = np.minimum(tile, left)
            left = np.floor(left / room)
        for mask in range(len(layout.masks)):
            members = [(np.ones((1, 1), dtype=np.int64), np.ones((1, 1), dtype=np.int64))]
            for dim in layout.groups[group]:
                if dim in self._dims:
                    d = self._dims.index(dim)
                    rows = slice(None) if d == owner else slice(chosen[d], chosen[d] + 1)
                    members.append((m.sizes[d][rows, mask], m.times[d][rows, mask]))
            points, met = members[0]
            for sizes, times in members[1:]:
                points = (points[:, :, None] * sizes[:, None, :]).reshape(max(len(points), len(sizes)), -1)
                met = (met[:, :, None] * times[:, None, :]).reshape(len(points), -1)
            yield (met * np.ceil(points / room[:, None])).sum(axis=1)


def _leaves(tree: Tree) -> Ints:
    found = np.ones(len(tree.cut), dtype=np.int64)
    for node in range(len(found) - 1, -1, -1):
        if tree.cut[node] < 0:
            found[node] = found[tree.below[node]].sum()
    return found


def _common(tree: Tree, bits: Ints) -> Ints:
    found = np.zeros(len(tree.cut), dtype=np.int64)
    for node in range(len(found) - 1, -1, -1):
        first, second = tree.below[node]
        found[node] = bits[tree.cut[node]] if first < 0 else found[first] & found[second]
    return found
