"""Loop nests as arrays: one row a mapping, so that thousands are costed at once.

Level 0 is the outermost memory and holds whole tensors. Level ``m`` (1 to ``L``) holds tiles; the loops at level
``m - 1`` walk over the tiles of level ``m``, as many at a time as there are copies of it. Inside the innermost tile the
array takes over; the copies of the array divide that tile. The last tile along a dim may be partial: useful work is
counted, never the padding of a tile.

What is counted separates by dim, so a dim's cuts are listed once and a mapping says which it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.dims import DIMS, WINDOWS
from accelsim.workload.ops import Op, Sliding

__all__ = ["Cuts", "Ints", "Mappings", "useful_share"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cuts:
    """Ways to cut the loop over one dim.

    Attributes:
        tiles: Shape ``(cuts, L)``: size of a tile of levels 1 to ``L``, each at most the one outside it.
        copies: Shape ``(cuts, L + 1)``: copies that take a tile each, at levels 1 to ``L`` and at the array.
    """

    tiles: Ints
    copies: Ints

    @classmethod
    def of(cls, tiles: Ints, copies: Ints | None = None) -> Cuts:
        """Return cuts, by default with a single copy of everything."""
        shape = (len(tiles), tiles.shape[1] + 1)
        return cls(tiles, np.ones(shape, dtype=np.int64) if copies is None else copies)

    def __len__(self) -> int:
        return len(self.tiles)

    def outer(self, size: int) -> Ints:
        """Return what each level's tiles are cut from, of a loop of ``size``; shape ``(cuts, L)``."""
        return np.concatenate([np.full((len(self), 1), size), self.tiles[:, :-1]], axis=1)

    def steps(self, size: int) -> Ints:
        """Return what all copies of each level take in a step, of a loop of ``size``; shape ``(cuts, L)``."""
        return np.asarray(np.minimum(self.tiles * self.copies[:, :-1], self.outer(size)))

    @cached_property
    def places(self) -> Ints:
        """Shape ``(cuts, L + 1)``: tiles of levels 1 to ``L``, and what a copy of the array takes of the innermost."""
        return np.concatenate([self.tiles, -(-self.tiles[:, -1:] // self.copies[:, -1:])], axis=1)


@compiled
def _first_of_each(rows: Ints, which: Ints) -> Ints:
    """Return the places of rows that no row before is equal to, and fill in to which of them each row is equal.

    Every row is held against all of those, so it is for few different ones.
    """
    first, count = np.empty(len(rows), np.int64), 0
    for row in range(len(rows)):
        which[row] = -1
        for other in range(count):
            alike = True
            for at in range(rows.shape[1]):
                if rows[row, at] != rows[first[other], at]:
                    alike = False
                    break
            if alike:
                which[row] = other
                break
        if which[row] < 0:
            first[count], which[row] = row, count
            count += 1
    return first[:count]


@dataclass(frozen=True, slots=True, eq=False)
class Mappings:
    """Mappings of one op.

    Attributes:
        cuts: The cuts of every dim, in the order of ``DIMS``.
        cut: Shape ``(mappings, dims)``: which cut each mapping takes.
        nests: Shape ``(nests, L, dims)``: orders of the loops over the tiles of each level: the dims (as places in
            ``DIMS``) from the outermost to the innermost loop.
        nest: Shape ``(mappings,)``: which of the orders each mapping takes.
    """

    cuts: tuple[Cuts, ...]
    cut: Ints
    nests: Ints
    nest: Ints

    @classmethod
    def of(cls, tiles: Ints, orders: Ints, copies: Ints | None = None) -> Mappings:
        """Return mappings written out one by one.

        Args:
            tiles: Shape ``(mappings, L, dims)``.
            orders: Shape ``(mappings, L, dims)``.
            copies: Shape ``(mappings, L + 1, dims)``; by default 1 everywhere.
        """
        count, levels, dims = tiles.shape
        spread = np.ones((count, levels + 1, dims), dtype=np.int64) if copies is None else copies
        cuts, which = [], np.empty((dims + 1, count), dtype=np.int64)
        for dim in range(dims):
            both = np.concatenate([tiles[:, :, dim], spread[:, :, dim]], axis=1)
            distinct = both[_first_of_each(both, which[dim])]
            cuts.append(Cuts(distinct[:, :levels], distinct[:, levels:]))
        nests = orders[_first_of_each(np.array(orders).reshape(count, -1), which[dims])]
        return cls(tuple(cuts), np.ascontiguousarray(which[:dims].T), nests, which[dims])

    def __len__(self) -> int:
        return len(self.cut)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | Ints) -> Mappings:
        return Mappings(self.cuts, self.cut[rows], self.nests, self.nest[rows])

    @property
    def levels(self) -> int:
        """Memories inside the outermost one."""
        return int(self.nests.shape[1])

    @property
    def tiles(self) -> Ints:
        """Shape ``(mappings, L, dims)``: the tile of one copy of each level."""
        return np.stack([cuts.tiles[self.cut[:, dim]] for dim, cuts in enumerate(self.cuts)], axis=2)

    @property
    def copies(self) -> Ints:
        """Shape ``(mappings, L + 1, dims)``: copies along each dim, at the levels and at the array."""
        return np.stack([cuts.copies[self.cut[:, dim]] for dim, cuts in enumerate(self.cuts)], axis=2)

    @property
    def orders(self) -> Ints:
        """Shape ``(mappings, L, dims)``: dims from the outermost to the innermost loop of each level."""
        return np.asarray(self.nests[self.nest])

    def describe(self, row: int, sizes: tuple[int, ...], levels: tuple[str, ...]) -> str:
        """Write one mapping in words: the tile and the loops of each memory, outermost first."""
        parts = []
        outer = np.array(sizes)
        one = self[np.array([row])]
        tiles, copies, orders = one.tiles[0], one.copies[0], one.orders[0]
        for level, name in enumerate(levels):
            tile, order = tiles[level], orders[level]
            counts = -(-outer // (tile * copies[level]))
            loops = " ".join(f"{DIMS[d]}{counts[d]}" for d in order if counts[d] > 1)
            shape = " ".join(f"{dim}{size}" for dim, size in zip(DIMS, tile, strict=True) if size > 1)
            times = "".join(f" x {dim}{count}" for dim, count in zip(DIMS, copies[level], strict=True) if count > 1)
            parts.append(f"{'for ' + loops + ': ' if loops else ''}{name}[{shape or 'one element'}]{times}")
            outer = tile
        return " ".join(parts)


@lru_cache(maxsize=4096)
def useful_share(op: Op) -> float:
    """Return the share of the loop points that read a real input, not a padding zero; only windows have any."""
    share = 1.0
    for axis, (out, filter_dim) in enumerate(WINDOWS):
        if Sliding(out, filter_dim) not in (op.rule.inputs or ((),))[0]:
            continue
        outputs, taps, extent = op.size(out), op.size(filter_dim), op.extent[axis]
        real = 0
        for tap in range(taps):
            # Output n reads position n x stride + ahead: the first that is not before the input, the first behind it.
            ahead = tap * op.dilation[axis] - op.padding[axis]
            first, behind = -(ahead // op.stride[axis]), -((ahead - extent) // op.stride[axis])
            real += max(min(behind, outputs) - max(first, 0), 0)
        share *= real / (outputs * taps)
    return share
