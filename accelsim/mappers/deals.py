"""Ways to cut a loop on machines with copies or with more memories than two inside the outermost one, and long loops.

There are too many ways to list them all but for short loops. Of a long one only *regular* cuts are looked at: the
innermost tile is the smallest for the number of tiles that it makes; copies are as few as take what is left in some
number of turns; a tile further out is a power of two times what the copies inside take together, or the whole loop.
What is left out so is no longer part of the space, and the certificate says that it is not whole.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.moves import UP
from accelsim.cost.rows import Machine
from accelsim.cost.traffic import relevant
from accelsim.dims import DIMS, WINDOWS, Dim, Operand
from accelsim.mappers.chains import Spatial, all_chains, number_of_chains, undominated
from accelsim.mappers.factors import factors_of, order_of
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op, as_triple, loops

__all__ = ["Deals", "deals", "undominated_deals"]

Floats = npt.NDArray[np.float64]
#: Ways to cut a loop of which all are looked at.
_MOST = 20_000
_OUTPUTS = 2


class Deals(NamedTuple):
    """Ways to cut a loop.

    Attributes:
        cuts: The cuts.
        along: Shape ``(cuts, axes)``: the copies that each takes of every axis of the machine.
        whole: Whether these are all ways there are.
    """

    cuts: Cuts
    along: Ints
    whole: bool


@lru_cache(maxsize=256)
def deals(size: int, dim: Dim, machine: Machine) -> Deals:
    """Return the ways to cut a loop of ``size`` over ``dim``: all, or the regular ones if there are too many."""
    axes = [axis for axis, loop in enumerate(machine.loops) if dim in loop.dims and size > 1]
    levels, most = machine.structure.levels, [machine.loops[axis].size for axis in axes]
    if number_of_chains(size, levels) * math.prod(most) <= _MOST:
        tiles = all_chains(size, levels)
        spread = np.array(list(itertools.product(*(range(1, count + 1) for count in most))), dtype=np.int64)
        taken, tiles = np.repeat(spread, len(tiles), axis=0), np.tile(tiles, (len(spread), 1))
    else:
        taken, tiles = _regular(size, machine, axes)
    along = np.ones((len(tiles), len(machine.loops)), dtype=np.int64)
    along[:, axes] = taken
    copies = np.ones((len(tiles), levels + 1), dtype=np.int64)
    for axis, loop in enumerate(machine.loops):
        copies[:, loop.place - 1] *= along[:, axis]
    whole = len(tiles) == number_of_chains(size, levels) * math.prod(most)
    return Deals(Cuts(tiles, copies), along, whole)


def _numbers(size: int, *, few: bool) -> list[int]:
    """Return the smallest tiles of a loop for each number of tiles; if ``few``, for few numbers and powers of two."""
    numbers = range(1, size + 1) if not few else sorted({*range(1, 9), *_powers(size), size})
    return sorted({-(-size // number) for number in numbers})


def _powers(most: int) -> list[int]:
    return [1 << bit for bit in range(most.bit_length()) if 1 << bit <= most]


def _regular(size: int, machine: Machine, axes: list[int]) -> tuple[Ints, Ints]:
    """Return the copies of ``axes`` and the tiles of all levels of the regular cuts."""
    levels = machine.structure.levels
    edges = [int(edge) for edge in (machine.size.rows, machine.size.columns) if 1 < edge < size]
    innermost = {*_numbers(size, few=levels > 2), *edges, *(2 * edge for edge in edges if 2 * edge < size)}
    found: list[tuple[dict[int, int], tuple[int, ...]]] = [({}, (tile,)) for tile in sorted(innermost)]
    for level in range(levels + 1, 0, -1):
        further: list[tuple[dict[int, int], tuple[int, ...]]] = []
        for taken, tiles in found:
            for dealt, step in _copies(size, tiles[0], machine, [a for a in axes if machine.loops[a].place == level]):
                if level > levels:
                    # The copies of the array divide the innermost tile.
                    further.append(({**taken, **dealt}, (min(size, step),)))
                elif level == 1:
                    further.append(({**taken, **dealt}, tiles))
                else:
                    outer = {min(size, step * power) for power in _powers(-(-size // step))} | {size}
                    further += [({**taken, **dealt}, (tile, *tiles)) for tile in sorted(outer)]
        found = list({(*sorted(taken.items()), tiles): (taken, tiles) for taken, tiles in further}.values())
    copies = [[taken.get(axis, 1) for axis in axes] for taken, _ in found]
    chains = np.array([tiles for _, tiles in found], dtype=np.int64)
    return np.array(copies, dtype=np.int64).reshape(len(found), len(axes)), chains


def _copies(size: int, tile: int, machine: Machine, axes: list[int]) -> list[tuple[dict[int, int], int]]:
    """Return the copies of some axes that may share tiles, and the points that they take together."""
    found: list[tuple[dict[int, int], int]] = [({}, tile)]
    for axis in axes:
        further = []
        for taken, step in found:
            tiles = -(-size // step)
            most = min(machine.loops[axis].size, tiles)
            for count in sorted({1, most, *(c for c in _numbers(tiles, few=True) if c <= most)}):
                further.append(({**taken, axis: count}, step * count))
        found = further
    return found


def undominated_deals(op: Op, machine: Machine, dim: Dim, found: Deals, spatial: Spatial) -> Ints:
    """Return which cuts of a dim no other is at least as good as, in every factor of which a cost is made.

    Costs grow with every factor but one kind: how often a sum starts from zero in copies that share a reduction, since
    such a sum is not read. Cuts of reduction dims therefore compare only if as many tiles of outputs meet them.

    Args:
        op: The op.
        machine: The machine.
        dim: The dim; not one of the filter.
        found: Its cuts.
        spatial: How the array takes it.
    """
    small, count, levels = _alone(op, dim), len(found.cuts), machine.structure.levels
    order = order_of(small)
    cuts = tuple(found.cuts if other is dim else Cuts.of(all_chains(small.size(other), levels)) for other in DIMS)
    factors, material = factors_of(small, machine, cuts)
    # Copies are scarce, too.
    along = found.along[:, [at for at, loop in enumerate(machine.loops) if len(loop.dims) > 1]]
    at = order.index(dim)
    parts = [*(values[:, None] for values in material.factors[at].values()), along]
    parts.append((material.turning[at][:, None] >> np.arange(levels)) & 1)
    if factors.axis[at] >= 0 and len(material.window):
        parts.append(material.windows[factors.axis[at], :count].reshape(count, -1))
    if not relevant(op, Operand.O)[dim.position] and any(machine.structure.fans):
        ups = factors.loads[:, _OUTPUTS, UP]
        counted = (ups[ups >= 0][:, None] + np.arange(levels + 1)).reshape(-1).tolist()
        parts += [-material.factors[at][up][:, None] for up in counted if up in material.factors[at]]
    sizes, times, inner = material.sizes[at], material.times[at], material.inner[at]
    if spatial.exact:
        pieces = np.concatenate([sizes.reshape(count, -1), times.reshape(count, -1), inner[:, None]], axis=1)
        _, number = np.unique(pieces, axis=0, return_inverse=True)
        parts += [number.reshape(count, 1), -number.reshape(count, 1)]
    for tile, points in spatial.beside:
        room = np.minimum(inner * tile, spatial.most)[:, None, None]
        parts.append((times * np.ceil(sizes * points / room)).sum(axis=2))
    return undominated(np.concatenate(parts, axis=1).astype(float))


def _alone(op: Op, dim: Dim) -> Op:
    """Return the op with no loops but that over ``dim`` and, if it is the output of a window, over its filter."""
    sizes, triples = {dim: op.size(dim)}, [[1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]]
    for axis, (out, tap) in enumerate(WINDOWS):
        if dim is out:
            sizes[tap] = op.size(tap)
            for triple, values in zip(triples, (op.stride, op.dilation, op.padding, op.extent), strict=True):
                triple[axis] = values[axis]
    named = loops(**{str(one): size for one, size in sizes.items()})
    stride, dilation, padding, extent = map(as_triple, triples)
    return Op(op.kind, named, stride, dilation, padding, extent, op.bits)
