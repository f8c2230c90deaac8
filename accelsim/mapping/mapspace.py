"""The candidates of the default mapper: power-of-two tiles of every dim and the orders of loops that matter.

The space always holds the mapping with tiles of one element, so if any mapping of the op fits, a candidate fits: no
tile is smaller. Where memories or arrays stand in copies, dims are dealt out to them greedily, in every order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from accelsim.dims import DIMS, Dim
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["STILL", "SpatialLoop", "mapspace"]

#: Dims cut together.
_GROUPS, _KERNELS, _CHANNELS = (Dim.G,), (Dim.K,), (Dim.C,)
_PIXELS = (Dim.B, Dim.OZ, Dim.OY, Dim.OX)
_TAPS = (Dim.FZ, Dim.FY, Dim.FX)
_BLOCKS = (_GROUPS, _KERNELS, _CHANNELS, _PIXELS, _TAPS)
#: Orders of blocks, outermost first. Every dim but a group's is missing from exactly one operand of a multiplication;
#: which operand's dims stand innermost decides which tile lies still, and the order of the others is no matter.
_STILL_BLOCKS = (
    (_GROUPS, _KERNELS, _CHANNELS, _TAPS, _PIXELS),  # weights
    (_GROUPS, _PIXELS, _CHANNELS, _TAPS, _KERNELS),  # inputs
    (_GROUPS, _KERNELS, _PIXELS, _CHANNELS, _TAPS),  # outputs
)
STILL = tuple(tuple(dim.position for block in order for dim in block) for order in _STILL_BLOCKS)
_SMALLEST = 8
#: Ways to deal dims out that are tried, those that use most copies first.
_MOST_SPREADS = 4
#: Tiles of a dim, or of several dims cut together, from the outermost level in.
_Chain = tuple[int, ...]


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


def _ladder(size: int, base: int, smallest: int) -> list[int]:
    """Return ``size`` and the powers of ``base`` below it that are worth a tile: those from ``smallest`` on."""
    powers = itertools.takewhile(lambda p: p < size, (base**i for i in range(64)))
    return [size, *(p for p in reversed(list(powers)) if p >= smallest)]


def _tiles(op: Op, block: tuple[Dim, ...], base: int, smallest: int) -> Iterator[tuple[int, ...]]:
    """Yield innermost tiles of the dims of a block, without that of one element."""
    sizes = tuple(op.size(dim) for dim in block)
    if block is _TAPS:
        yield sizes
        return
    if block is not _PIXELS:
        yield from ((tile,) for tile in _ladder(sizes[0], base, smallest))
        return
    # Batch, planes, rows and columns are cut in this order: a loop once those before it are single.
    yield from ((batch, *sizes[1:]) for batch in _ladder(sizes[0], base, smallest) if batch > 1)
    yield from ((1, plane, *sizes[2:]) for plane in _ladder(sizes[1], base, 1) if plane > 1)
    yield from ((1, 1, row, sizes[3]) for row in _ladder(sizes[2], base, 1))
    yield from ((1, 1, 1, column) for column in _ladder(sizes[3], base, smallest)[1:])


def _options(
    op: Op, block: tuple[Dim, ...], base: int, smallest: int, copies: Ints, levels: int
) -> list[tuple[_Chain, ...]]:
    """Return ways to cut the dims of a block through all levels: for each dim a chain of tiles.

    The innermost tile is dealt out to the copies of the array; a level outside is as large as all its copies inside
    take, and the outermost is also tried whole.
    """
    found: dict[tuple[_Chain, ...], None] = {}
    sizes = tuple(op.size(dim) for dim in block)
    for tiles in [*_tiles(op, block, base, smallest), *([(1,) * len(block)] if smallest == 1 else [])]:
        chains = tuple(
            _outwards(tile, size, copies[:, dim.position]) for tile, size, dim in zip(tiles, sizes, block, strict=True)
        )
        found[chains] = None
        if levels > 1:
            found[tuple((size, *chain[1:]) for size, chain in zip(sizes, chains, strict=True))] = None
    return sorted(found, reverse=True)


def _outwards(tile: int, size: int, copies: Ints) -> _Chain:
    """Return the tiles of all levels that ``tile`` of each copy of the array makes, at most ``size``."""
    chain = []
    for count in copies[:0:-1].tolist():
        tile = min(size, tile * count)
        chain.append(tile)
    return tuple(chain[::-1])


def _dealt(left: dict[Dim, int], loop: SpatialLoop) -> Iterator[dict[Dim, int]]:
    """Yield ways to deal dims out along an axis: each order of its dims, the first as far as it reaches."""
    for dims in itertools.permutations([dim for dim in loop.dims if left[dim] > 1]):
        room, copies = loop.size, {}
        for dim in dims:
            copies[dim] = min(room, left[dim])
            room //= copies[dim]
        yield {dim: count for dim, count in copies.items() if count > 1}


def _spreads(op: Op, loops: tuple[SpatialLoop, ...], levels: int) -> Ints:
    """Return copies by place and dim, shape ``(ways, L + 1, dims)``, the way that uses most first."""
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
    if not loops:
        return ways[0][1][None]
    distinct = np.unique(np.stack([copies for _, copies in ways]), axis=0)
    return distinct[np.argsort(-distinct.prod(axis=(1, 2)), kind="stable")][:_MOST_SPREADS]


class _Space:
    """Mappings in the making: the cuts of every dim so far, and which of them each mapping takes."""

    def __init__(self) -> None:
        self._cuts: list[dict[tuple[_Chain, _Chain], int]] = [{} for _ in DIMS]
        self._rows: list[Ints] = []

    def add(self, options: Sequence[Sequence[tuple[_Chain, ...]]], copies: Ints) -> None:
        """Add every combination of the options of the blocks."""
        shape = tuple(map(len, options))
        picks = np.unravel_index(np.arange(math.prod(shape)), shape)
        rows = np.empty((len(picks[0]), len(DIMS)), dtype=np.int64)
        for block, ways, pick in zip(_BLOCKS, options, picks, strict=True):
            for at, dim in enumerate(block):
                known, spread = self._cuts[dim.position], tuple(copies[:, dim.position].tolist())
                places = [known.setdefault((way[at], spread), len(known)) for way in ways]
                rows[:, dim.position] = np.array(places)[pick]
        self._rows.append(rows)

    def mappings(self, nests: Ints) -> Mappings:
        """Return every cut with every order, orders of the same tiles together."""
        rows = np.concatenate(self._rows)
        cuts = tuple(
            Cuts(np.array([tiles for tiles, _ in known]), np.array([copies for _, copies in known]))
            for known in self._cuts
        )
        return Mappings(cuts, np.repeat(rows, len(nests), axis=0), nests, np.tile(np.arange(len(nests)), len(rows)))


def _nests(levels: int) -> Ints:
    """Return the orders of all levels: three each, the levels inside the second in the order of the second."""
    found = [[outer, *[inner] * (levels - 1)] for outer in STILL for inner in (STILL if levels > 1 else STILL[:1])]
    return np.array(found, dtype=np.int64)


def mapspace(op: Op, levels: int, loops: tuple[SpatialLoop, ...] = ()) -> Mappings:
    """Return the candidate mappings of ``op`` on a machine with ``levels`` memories inside the outermost one.

    Rows with the same tiles stand together, one for each order. One level uses powers of two; more levels use powers of
    four for the innermost tile, and outer tiles that are as small as it (times the copies), but for the outermost,
    which is also grown to the whole loop of some dims.

    Args:
        op: The op.
        levels: Number of memories inside the outermost one.
        loops: The axes of what stands in copies, from the outside in.
    """
    base, smallest = (2, _SMALLEST) if levels == 1 and not loops else (4, 1 if loops else _SMALLEST)
    space = _Space()
    for copies in _spreads(op, loops, levels):
        space.add([_options(op, block, base, smallest, copies, levels) for block in _BLOCKS], copies)
    if any(size > 1 for size in op.sizes):
        one = [[((1,) * levels,) * len(block)] for block in _BLOCKS]
        space.add(one, np.ones((levels + 1, len(DIMS)), dtype=np.int64))
    return space.mappings(_nests(levels))
