"""The rows worth comparing: those that no other row beats in everything that costs time, energy or room."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.array import work
from accelsim.cost.rows import Demand, Kept, Machine, OpRows, demand
from accelsim.cost.traffic import Structure, Traffic, traffic
from accelsim.mapping.mapspace import SpatialLoop, mapspace
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["Front", "candidates", "front", "front_of"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The rows that may be the best of some design.

    Attributes:
        rows: All rows.
        chosen: Shape ``(front,)``: which of them these are, in the order of ``rows``.
        kept: What stays on chip.
        demand: Their demand.
    """

    rows: OpRows
    chosen: Ints
    kept: Kept
    demand: Demand

    def __len__(self) -> int:
        return len(self.chosen)


@lru_cache(maxsize=1024)
def _moved(op: Op, structure: Structure, loops: tuple[SpatialLoop, ...]) -> tuple[Mappings, Traffic]:
    """Return the default mapper's candidates and their traffic."""
    mappings = mapspace(op, structure.levels, loops)
    return mappings, traffic(op, mappings, structure)


@lru_cache(maxsize=1024)
def candidates(op: Op, machine: Machine) -> OpRows:
    """Return the default mapper's candidates on a machine."""
    mappings, moved = _moved(op, machine.structure, machine.loops)
    return OpRows(op, machine, mappings, moved, work(op, mappings, machine.structure, machine.flow, machine.size))


@lru_cache(maxsize=8192)
def front(op: Op, machine: Machine, kept: Kept) -> Front:
    """Return the candidates that may be the best of some design; see ``front_of``."""
    return front_of(candidates(op, machine), kept)


def front_of(rows: OpRows, kept: Kept) -> Front:
    """Return the rows that may be the best of some design.

    Time and energy grow with the bytes that each memory reads and writes, with the cycles of the array, with what is
    waited for; a row fits or not by the room it takes. A row that has no less of anything than another one is
    therefore never better, whatever the bandwidths, prices and sizes; of equal rows the first stays.
    """
    asked = demand(rows, kept)
    allowed = np.flatnonzero(asked.allowed)
    chosen = allowed[_undominated(_features(asked, rows.machine)[allowed])] if len(allowed) else allowed
    smallest = int(np.argmin(asked.room.sum(axis=(1, 2))))
    if not len(chosen):
        chosen = np.array([smallest])
    return Front(rows, chosen, kept, _part(asked, chosen))


def _part(asked: Demand, chosen: Ints) -> Demand:
    return Demand(*(getattr(asked, name)[chosen] for name in Demand.__dataclass_fields__))


def _features(asked: Demand, machine: Machine) -> Floats:
    """Return what costs something, shape ``(rows, features)``, without what is the same for all rows."""
    count = len(asked.cycles)
    energy, time = asked.moved.sum(axis=2), asked.one
    parts = [asked.cycles[:, None], asked.room.sum(axis=2)]
    if machine.structure.apart:
        parts += [energy.reshape(count, -1), time.reshape(count, -1), asked.serial.reshape(count, -1), asked.ramp]
    else:
        parts += [energy.sum(axis=2), time.sum(axis=2), asked.serial.sum(axis=2), asked.ramp.sum(axis=1)[:, None]]
    features = np.concatenate(parts, axis=1)
    return np.ascontiguousarray(features[:, np.any(features != features[:1], axis=0)])


def _undominated(features: Floats) -> Ints:
    """Return the rows that no other row is at least as good as everywhere, in rising order."""
    if not features.shape[1]:
        return np.zeros(1, dtype=np.int64)
    order = np.argsort(np.log1p(features).sum(axis=1), kind="stable")
    kept = np.empty(len(features), dtype=np.int64)
    found = _sweep(features, order, kept)
    return np.sort(kept[:found])


@compiled
def _sweep(features: Floats, order: Ints, kept: Ints) -> int:
    """Fill ``kept``; in the order of the sums of logarithms a row is only ever beaten by one before it."""
    found = 0
    for at in range(len(order)):
        row = order[at]
        beaten = False
        for other in range(found):
            no_better = True
            for feature in range(features.shape[1]):
                if features[kept[other], feature] > features[row, feature] * (1 + _ROUNDING):
                    no_better = False
                    break
            if no_better:
                beaten = True
                break
        if not beaten:
            kept[found] = row
            found += 1
    return found
