"""The candidates of the default mapper: power-of-two tiles of every dim and the orders of loops that matter.

The space always holds the mapping with tiles of one element, so if any mapping of the op fits, a candidate fits: no
tile is smaller. Where memories or arrays stand in copies, dims are dealt out to them greedily, in every order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from accelsim.dims import DIMS, Dim
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["STILL", "SpatialLoop", "Spread", "mapspace"]

#: Dims cut together.
_GROUPS, _KERNELS, _CHANNELS = (Dim.G,), (Dim.K,), (Dim.C,)
_PIXELS = (Dim.B, Dim.OZ, Dim.OY, Dim.OX)
_TAPS = (Dim.FZ, Dim.FY, Dim.FX)
_BLOCKS = (_GROUPS, _KERNELS, _CHANNELS, _PIXELS, _TAPS)
_PLACES = tuple(tuple(dim.position for dim in block) for block in _BLOCKS)
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
#: Copies by place, at the levels and at the array, and dim.
Spread = tuple[tuple[int, ...], ...]


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


@lru_cache(maxsize=4096)
def _ladder(size: int, base: int, smallest: int) -> tuple[int, ...]:
    """Return ``size`` and the powers of ``base`` below it that are worth a tile: those from ``smallest`` on."""
    powers = itertools.takewhile(lambda p: p < size, (base**i for i in range(64)))
    return (size, *(p for p in reversed(list(powers)) if p >= smallest))


def _tiles(block: tuple[Dim, ...], sizes: tuple[int, ...], base: int, smallest: int) -> Iterator[tuple[int, ...]]:
    """Yield innermost tiles of the dims of a block, without that of one element."""
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


class _Options(NamedTuple):
    """Ways to cut the dims of a block.

    Attributes:
        chains: For each dim the tiles of every way.
        turning: Shape ``(ways,)``: where its loops turn more than once, a bit for each block, level by level.
    """

    chains: tuple[tuple[_Chain, ...], ...]
    turning: Ints

    @classmethod
    def of(
        cls, block: int, sizes: tuple[int, ...], ways: Sequence[tuple[_Chain, ...]], copies: tuple[_Chain, ...]
    ) -> _Options:
        """Return ways; for each dim of the block its size, its tiles of every level, and its copies."""
        turning = [
            sum(
                1 << level * len(_BLOCKS) + block
                for level in range(len(way[0]))
                if any(_turns(level, *dim) for dim in zip(sizes, way, copies, strict=True))
            )
            for way in ways
        ]
        return cls(tuple(zip(*ways, strict=True)), np.array(turning))


def _turns(level: int, size: int, chain: _Chain, copies: _Chain) -> bool:
    """Return whether the loop over the tiles of a level turns more than once."""
    return (chain[level - 1] if level else size) > chain[level] * copies[level]


@lru_cache(maxsize=1024)
def _options(block: int, sizes: tuple[int, ...], copies: tuple[_Chain, ...], base: int, smallest: int) -> _Options:
    """Return ways to cut the dims of a block through all levels.

    The innermost tile is dealt out to the copies of the array; a level outside is as large as all its copies inside
    take, and the outermost is also tried whole. ``copies`` are those of each dim at the levels and at the array.
    """
    found: dict[tuple[_Chain, ...], None] = {}
    singles = [(1,) * len(sizes)] if smallest == 1 else []
    for tiles in [*_tiles(_BLOCKS[block], sizes, base, smallest), *singles]:
        chains = tuple(map(_outwards, tiles, sizes, copies))
        found[chains] = None
        if len(chains[0]) > 1:
            found[tuple((size, *chain[1:]) for size, chain in zip(sizes, chains, strict=True))] = None
    return _Options.of(block, sizes, sorted(found, reverse=True), copies)


@lru_cache(maxsize=1024)
def _single(block: int, sizes: tuple[int, ...], levels: int) -> _Options:
    """Return the one way to cut the dims of a block into single elements at all levels."""
    return _Options.of(block, sizes, [((1,) * levels,) * len(sizes)], ((1,) * (levels + 1),) * len(sizes))


def _outwards(tile: int, size: int, copies: _Chain) -> _Chain:
    """Return the tiles of all levels that ``tile`` of each copy of the array makes, at most ``size``."""
    chain = []
    for count in copies[:0:-1]:
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


def _spreads(op: Op, loops: tuple[SpatialLoop, ...], levels: int) -> list[Spread]:
    """Return ways to deal dims out to copies, those that use most first: copies of every dim, by place from level 1."""
    ways: list[tuple[dict[Dim, int], Spread]] = [
        (dict(zip(DIMS, op.sizes, strict=True)), ((1,) * len(DIMS),) * (levels + 1))
    ]
    for loop in loops:
        ways = [_with(left, copies, dealt, loop) for left, copies in ways for dealt in _dealt(left, loop)] or ways
    distinct = sorted({copies for _, copies in ways})
    return sorted(distinct, key=lambda copies: -math.prod(map(math.prod, copies)))[:_MOST_SPREADS]


def _with(
    left: dict[Dim, int], copies: Spread, dealt: dict[Dim, int], loop: SpatialLoop
) -> tuple[dict[Dim, int], Spread]:
    """Return what is left of every dim, and the copies, once an axis has dealt out its own."""
    here = list(copies[loop.place - 1])
    for dim, count in dealt.items():
        here[dim.position] *= count
    rest = {dim: -(-size // dealt.get(dim, 1)) for dim, size in left.items()}
    return rest, (*copies[: loop.place - 1], tuple(here), *copies[loop.place :])


class _Space:
    """Mappings in the making: the cuts of every dim so far, and which of them each mapping takes."""

    def __init__(self) -> None:
        self._cuts: list[dict[tuple[_Chain, _Chain], int]] = [{} for _ in DIMS]
        self._rows: list[Ints] = []
        self._turning: list[Ints] = []

    def add(self, options: Sequence[_Options], copies: Sequence[_Chain]) -> None:
        """Add every combination of the options of the blocks; ``copies`` are those of each dim."""
        shape = tuple(len(ways.turning) for ways in options)
        picks = np.unravel_index(np.arange(math.prod(shape)), shape)
        rows, turning = np.zeros((len(picks[0]), len(DIMS)), dtype=np.int64), np.zeros(len(picks[0]), dtype=np.int64)
        for places, ways, pick in zip(_PLACES, options, picks, strict=True):
            turning += ways.turning[pick]
            for dim, chains in zip(places, ways.chains, strict=True):
                known, spread = self._cuts[dim], copies[dim]
                taken = [known.setdefault((chain, spread), len(known)) for chain in chains]
                if len(known) > 1:
                    rows[:, dim] = np.array(taken)[pick]
        self._rows.append(rows)
        self._turning.append(turning)

    def mappings(self, levels: int) -> Mappings:
        """Return every cut with every order that makes a difference, those of the same tiles together."""
        rows, turning = np.concatenate(self._rows), np.concatenate(self._turning)
        distinct, which = np.unique(turning, return_inverse=True)
        differ = np.array([_differ(code, levels) for code in distinct.tolist()])
        row, nest = np.nonzero(differ[which])
        return Mappings(tuple(_cuts(tuple(known)) for known in self._cuts), rows[row], _nests(levels), nest)


@lru_cache(maxsize=1024)
def _cuts(known: tuple[tuple[_Chain, _Chain], ...]) -> Cuts:
    return Cuts(np.array([tiles for tiles, _ in known]), np.array([copies for _, copies in known]))


def _stills(levels: int) -> list[tuple[int, ...]]:
    """Return the orders of all levels: three each, the levels inside the second in the order of the second."""
    inner = range(len(STILL) if levels > 1 else 1)
    return [(outer, *[one] * (levels - 1)) for outer in range(len(STILL)) for one in inner]


@lru_cache(maxsize=8)
def _nests(levels: int) -> Ints:
    return np.array([[STILL[still] for still in order] for order in _stills(levels)])


@lru_cache(maxsize=4096)
def _differ(turning: int, levels: int) -> tuple[bool, ...]:
    """Return which orders of all levels are not, but for loops of a single turn, the same as one before them.

    Args:
        turning: See ``_Options``.
        levels: Number of levels.
    """
    turns = [turning >> level * len(_BLOCKS) for level in range(levels)]
    seen = [
        tuple(
            tuple(block for block in _STILL_BLOCKS[still] if some >> _BLOCKS.index(block) & 1)
            for still, some in zip(order, turns, strict=True)
        )
        for order in _stills(levels)
    ]
    return tuple(seen.index(order) == place for place, order in enumerate(seen))


def mapspace(op: Op, levels: int, loops: tuple[SpatialLoop, ...] = ()) -> Mappings:
    """Return the candidate mappings of ``op`` on a machine with ``levels`` memories inside the outermost one.

    Rows with the same tiles stand together, one for each order that makes a difference. One level uses powers of two;
    more levels use powers of four for the innermost tile, and outer tiles that are as small as it (times the copies),
    but for the outermost, which is also grown to the whole loop of some dims.

    Args:
        op: The op.
        levels: Number of memories inside the outermost one.
        loops: The axes of what stands in copies, from the outside in.
    """
    base, smallest = (2, _SMALLEST) if levels == 1 and not loops else (4, 1 if loops else _SMALLEST)
    sizes = [tuple(op.sizes[dim] for dim in dims) for dims in _PLACES]
    space, dealt, alone = _Space(), _spreads(op, loops, levels), ((1,) * (levels + 1),) * len(DIMS)
    for spread in dealt:
        copies = tuple(zip(*spread, strict=True))
        ways = [tuple(copies[dim] for dim in dims) for dims in _PLACES]
        space.add([_options(n, *way, base, smallest) for n, way in enumerate(zip(sizes, ways, strict=True))], copies)
    if any(size > 1 for size in op.sizes) and (smallest > 1 or tuple(zip(*alone, strict=True)) not in dealt):
        space.add([_single(n, some, levels) for n, some in enumerate(sizes)], alone)
    return space.mappings(levels)
