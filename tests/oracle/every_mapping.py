"""Every mapping of a small op: all chains of tiles, all copies that fit the axes, all orders of loops, each costed.

Nothing is left out because it could not be the best; that is what a mapper does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.cost.rows import Demand
from accelsim.dims import DIMS, Dim
from accelsim.hardware.accelerator import Accelerator, FanOut
from accelsim.mapping.nest import Cuts, Mappings
from accelsim.workload.ops import Op

__all__ = ["Costs", "chains", "count", "dealings", "every_mapping", "every_order", "price"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@lru_cache(maxsize=256)
def chains(size: int, levels: int) -> tuple[tuple[int, ...], ...]:
    """Return every chain of tiles of a loop, none larger than the one outside it."""
    if not levels:
        return ((),)
    return tuple((tile, *inner) for tile in range(1, size + 1) for inner in chains(tile, levels - 1))


def count(sizes: Mapping[Dim, int], levels: int) -> int:
    """Return how many mappings there are without copies, all orders of loops that are longer than 1."""
    turning = [size for size in sizes.values() if size > 1]
    return math.prod(len(chains(size, levels)) for size in turning) * math.factorial(len(turning)) ** levels


def _along(size: int, dims: Sequence[int], turning: Sequence[int]) -> set[tuple[int, ...]]:
    """Return the copies of each of the dims ``turning`` that an axis of ``size`` may have."""
    choices = [range(1, size + 1) if dim in dims else (1,) for dim in turning]
    return {copies for copies in itertools.product(*choices) if math.prod(copies) <= size}


def dealings(sizes: Mapping[Dim, int], fans: Sequence[FanOut | None]) -> Ints:
    """Return every way to deal loops out to copies, shape ``(ways, places, dims)``; some may leave copies idle."""
    turning = [dim.position for dim in DIMS if sizes.get(dim, 1) > 1]
    places = []
    for fan in fans:
        ways = {(1,) * len(turning)}
        for axis in fan.axes if fan is not None else ():
            more = _along(int(axis.size[0]), [dim.position for dim in axis.dims], turning)
            ways = {tuple(a * b for a, b in zip(one, other, strict=True)) for one in ways for other in more}
        places.append(sorted(ways))
    found = np.ones((math.prod(map(len, places)), len(fans), len(DIMS)), dtype=np.int64)
    for way, chosen in enumerate(itertools.product(*places)):
        found[way][:, turning] = chosen
    return found


def every_order(sizes: Sequence[int], levels: int) -> Ints:
    """Return all permutations of the loops longer than 1 at every level; shape ``(orders, L, dims)``."""
    turning = [place for place, size in enumerate(sizes) if size > 1]
    idle = [place for place in range(len(DIMS)) if place not in turning]
    one = [(*idle, *order) for order in itertools.permutations(turning)]
    return np.array(list(itertools.product(one, repeat=levels)), dtype=np.int64).reshape(-1, levels, len(DIMS))


def every_mapping(
    op: Op, accelerator: Accelerator, *, ways: Mapping[Dim, Ints] | None = None, orders: Ints | None = None
) -> Mappings:
    """Return every mapping.

    Args:
        op: A small op.
        accelerator: One design.
        ways: Chains of some dims, if not all count; shape ``(chains, L)``.
        orders: Shape ``(orders, L, dims)``, if not all count.
    """
    levels, fans = len(accelerator.memories) - 1, accelerator.fan_outs[1:]
    tiles = [
        np.array(chains(op.size(dim), levels)) if dim not in (ways or {}) else np.asarray((ways or {})[dim])
        for dim in DIMS
    ]
    spread = dealings({dim: op.size(dim) for dim in DIMS}, fans)
    cuts, places = [], []
    for dim, chain in enumerate(tiles):
        distinct, place = np.unique(spread[:, :, dim], axis=0, return_inverse=True)
        cuts.append(Cuts(np.tile(chain, (len(distinct), 1)), np.repeat(distinct, len(chain), axis=0)))
        places.append(place.reshape(-1))
    shape = tuple(map(len, tiles))
    picks = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=1)
    first = np.stack(places, axis=1) * np.array(shape)
    cut = (first[:, None] + picks[None]).reshape(-1, len(DIMS))
    nests = every_order(op.sizes, levels) if orders is None else orders
    return Mappings(tuple(cuts), np.tile(cut, (len(nests), 1)), nests, np.repeat(np.arange(len(nests)), len(cut)))


@dataclass(frozen=True, eq=False)
class Costs:
    """Latency in cycles, energy in pJ and whether it fits, by mapping."""

    latency: Floats
    energy: Floats
    fits: npt.NDArray[np.bool_]

    def score(self, powers: tuple[float, float]) -> Floats:
        """Return ``latency ** a x energy ** b``, infinite where a mapping does not fit."""
        return np.where(self.fits, self.latency ** powers[0] * self.energy ** powers[1], np.inf)


def _cycles(amount: Floats, *limits: Floats | None) -> Floats:
    """Return the cycles that the tightest of some bandwidths asks for."""
    found = np.zeros(len(amount))
    for limit in limits:
        if limit is not None:
            found = np.maximum(found, amount / limit[0])
    return found


def price(asked: Demand, accelerator: Accelerator, base: float, leakage: float, room: Floats) -> Costs:
    """Return what mappings cost, as docs/model.md says it.

    Args:
        asked: What they ask of the machine.
        accelerator: One design.
        base: Energy that no mapping changes, in pJ.
        leakage: pJ a cycle.
        room: Bytes for tiles in each memory.
    """
    rows = len(asked.cycles)
    pace, waits, energy, fits = asked.cycles.copy(), np.zeros(rows), np.full(rows, base), asked.allowed.copy()
    for level, memory in enumerate(accelerator.memories):
        both = memory.bandwidth_bytes_per_cycle
        reading, writing = memory.read_bytes_per_cycle, memory.write_bytes_per_cycle
        read, written = asked.one[:, level, 0], asked.one[:, level, 1]
        busy = np.maximum(_cycles(read + written, both), np.maximum(_cycles(read, reading), _cycles(written, writing)))
        late = _cycles(asked.serial[:, level, 0], both, reading) + _cycles(asked.serial[:, level, 1], both, writing)
        if level == 0:
            ramp = _cycles(asked.ramp[:, 0], both, reading) + _cycles(asked.ramp[:, 1], both, writing)
            late = np.maximum(late, np.minimum(busy, ramp))
        waits, pace = waits + late, np.maximum(pace, busy - late)
        for way, each in enumerate((memory.read_pj_per_byte, memory.write_pj_per_byte)):
            for part in (each, memory.wire_pj_per_byte):
                if part is not None:
                    energy += part[0] * asked.moved[:, level, :, way].sum(axis=1)
        fits &= asked.room[:, level].sum(axis=1) <= room[level]
    latency = pace + waits + accelerator.array.dispatch_cycles[0]
    return Costs(latency, energy + leakage * latency, fits)
