"""The candidates of the default mapper: power-of-two tiles of every dim and the orders of loops that matter.

The space always holds the mapping with tiles of one element, so if any mapping of the op fits, a candidate fits: no
tile is smaller. Where memories or arrays stand in copies, dims are dealt out to them greedily, in every order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["SpatialLoop", "mapspace"]

#: Dims cut together: each block is one loop in an order. Filter dims stay whole, but for the one-element tile.
_BLOCKS: tuple[tuple[Dim, ...], ...] = ((Dim.K,), (Dim.C,), (Dim.B, Dim.OZ, Dim.OY, Dim.OX))
_SMALLEST = 8
#: Ways to deal dims out that are tried, those that use most copies first.
_MOST_SPREADS = 4


class SpatialLoop(NamedTuple):
    """An axis of copies.

    Attributes:
        place: What stands in copies: a level from 1, or behind the last the array.
        size: Copies along it.
        dims: Dims that may be dealt out along it.
    """

    place: int
    size: int
    dims: tuple[Dim, ...]


def _ladder(size: int, base: int, smallest: int = _SMALLEST) -> list[int]:
    """Return ``size`` and the powers of ``base`` below it that are worth a tile: those from ``smallest`` on."""
    powers = itertools.takewhile(lambda p: p < size, (base**i for i in range(64)))
    return [size, *(p for p in reversed(list(powers)) if p >= smallest)]


def _pixel_tiles(op: Op, base: int, smallest: int) -> list[tuple[int, int, int, int]]:
    """Return tiles of batch, planes, rows and columns, cut in this order: a loop once those before it are single."""
    powers = [base**i for i in range(16)]
    sizes = [op.size(dim) for dim in (Dim.B, Dim.OZ, Dim.OY, Dim.OX)]
    batches = [b for b in _ladder(sizes[0], base) if b > 1]
    columns = [p for p in reversed(powers) if smallest <= p < sizes[3]]
    planes, rows = ([size, *(p for p in reversed(powers) if p < size)] for size in sizes[1:3])
    return [
        *((batch, sizes[1], sizes[2], sizes[3]) for batch in batches),
        *((1, plane, sizes[2], sizes[3]) for plane in planes[:-1]),
        *((1, 1, row, sizes[3]) for row in rows),
        *((1, 1, 1, column) for column in columns),
    ]


def _tilings(op: Op, base: int, smallest: int) -> Ints:
    """Return tile sizes of one level, shape ``(tilings, dims)``, the one-element tile last."""
    rows: list[tuple[int, ...]] = []
    filters = [op.size(tap) for _, tap in WINDOWS]
    taps = [filters] if smallest == _SMALLEST else [filters, [1] * len(filters)]
    for group, kernels, channels, (batch, *pixels), cut in itertools.product(
        _ladder(op.size(Dim.G), base, smallest),
        _ladder(op.size(Dim.K), base, smallest),
        _ladder(op.size(Dim.C), base, smallest),
        _pixel_tiles(op, base, smallest),
        taps,
    ):
        rows.append((batch, group, kernels, channels, *pixels, *cut))
    rows.append((1,) * len(DIMS))
    return np.unique(np.array(rows, dtype=np.int64), axis=0)[::-1]


def _grown(chains: Ints, op: Op) -> Ints:
    """Return chains of tiles whose outermost is as it is, or grown to the whole loop in some blocks."""
    sizes = np.array(op.sizes)
    blocks = [np.isin(np.arange(len(DIMS)), [dim.position for dim in block]) for block in (*_BLOCKS, (Dim.G,))]
    found = []
    for grow in itertools.product((False, True), repeat=len(blocks)):
        whole = np.any(
            [block for block, chosen in zip(blocks, grow, strict=True) if chosen] or [np.zeros(len(DIMS), bool)], axis=0
        )
        outer = np.where(whole, sizes, chains[:, 0])
        found.append(np.concatenate([outer[:, None], chains[:, 1:]], axis=1))
    return np.unique(np.concatenate(found), axis=0)[::-1]


def _dealt(left: dict[Dim, int], loop: SpatialLoop) -> Iterator[dict[Dim, int]]:
    """Yield ways to deal dims out along an axis: each order of its dims, the first as far as it reaches."""
    for dims in itertools.permutations([dim for dim in loop.dims if left[dim] > 1]):
        room, copies = loop.size, {}
        for dim in dims:
            copies[dim] = min(room, left[dim])
            room //= copies[dim]
        yield {dim: count for dim, count in copies.items() if count > 1}


def _spreads(op: Op, loops: tuple[SpatialLoop, ...], levels: int) -> Ints:
    """Return copies by place and dim, shape ``(ways, L + 1, dims)``."""
    ways: list[tuple[dict[Dim, int], Ints]] = [
        ({dim: op.size(dim) for dim in DIMS}, np.ones((levels + 1, len(DIMS)), dtype=np.int64))
    ]
    for loop in loops:
        further = []
        for left, copies in ways:
            for dealt in _dealt(left, loop):
                more = copies.copy()
                for dim, count in dealt.items():
                    more[loop.place - 1, dim.position] *= count
                further.append(({dim: -(-left[dim] // dealt.get(dim, 1)) for dim in DIMS}, more))
        ways = further or ways
    distinct = np.unique(np.stack([copies for _, copies in ways]), axis=0)
    used = distinct.prod(axis=(1, 2))
    return distinct[np.argsort(-used, kind="stable")][:_MOST_SPREADS]


def _chains(op: Op, tilings: Ints, copies: Ints) -> Ints:
    """Return tiles of every level, shape ``(tilings, L, dims)``: those of the array in ``tilings``, copies outside."""
    sizes = np.array(op.sizes)
    tile, found = np.minimum(sizes, tilings * copies[-1]), []
    for place in range(len(copies) - 1, 0, -1):
        found.append(tile)
        tile = np.minimum(sizes, tile * copies[place - 1])
    return np.stack(found[::-1], axis=1)


#: Three orders of the blocks, each with another one innermost, for each of the two that may stand outermost.
_ORDERS: Ints = np.array(
    [
        [Dim.G.position, *(d.position for block in order for d in _BLOCKS[block]), *(t.position for _, t in WINDOWS)]
        for order in itertools.permutations(range(len(_BLOCKS)))
    ],
    dtype=np.int64,
)


def mapspace(op: Op, levels: int, loops: tuple[SpatialLoop, ...] = ()) -> Mappings:
    """Return the candidate mappings of ``op`` on a machine with ``levels`` memories inside the outermost one.

    Rows with the same tiles stand together, one for each of the six orders, which all levels share. One level uses
    powers of two; more levels use powers of four for the innermost tile, and outer tiles that are as small as it (times
    the copies), but for the outermost, which is also grown to the whole loop in some dims.

    Args:
        op: The op.
        levels: Number of memories inside the outermost one.
        loops: The axes of what stands in copies, from the outside in.
    """
    spreads = _spreads(op, loops, levels)
    tilings = _tilings(op, 2 if levels == 1 and not loops else 4, 1 if loops else _SMALLEST)
    tiles: list[Ints] = []
    copies: list[Ints] = []
    for spread in spreads:
        chains = _chains(op, tilings, spread)
        chains = chains if levels == 1 else _grown(chains, op)
        one = np.ones((1, levels, len(DIMS)), dtype=np.int64)
        chains = chains if np.all(chains[-1] == 1) or len(tiles) else np.concatenate([chains, one])
        tiles.append(chains)
        copies.append(np.broadcast_to(spread, (len(chains), *spread.shape)).copy())
        copies[-1][np.all(chains == 1, axis=(1, 2))] = 1
    nests = np.repeat(_ORDERS[:, None, :], levels, axis=1)
    every, spread_out = np.concatenate(tiles), np.concatenate(copies)
    orders = np.tile(nests, (len(every), 1, 1))
    return Mappings.of(np.repeat(every, len(nests), axis=0), orders, np.repeat(spread_out, len(nests), axis=0))
