"""One design, asked again and again: its mappings in the order of preference; the first that fits is the best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.cost.choose import choose
from accelsim.cost.columns import Columns
from accelsim.cost.energy import op_pj
from accelsim.cost.prices import Prices
from accelsim.cost.store import Rows, Store
from accelsim.hardware.accelerator import Technology
from accelsim.mapping.nest import Ints
from accelsim.schedule.table import Steps
from accelsim.schedule.vector import VectorCost

__all__ = ["Charges", "Ranked", "Ranking", "Totals", "add_totals"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Ranked(NamedTuple):
    """Rows of fronts, those of a front from the best to the worst; only rows that may be chosen.

    Attributes:
        first: Shape ``(fronts,)``: first row of each front.
        end: The one behind the last.
        cycles: Shape ``(rows,)``.
        energy: Energy of everything but leakage, in pJ.
        steps: Cycles in which PEs work.
        outer: Bytes to and from the outermost memory.
        room: Shape ``(rows, memories)``: room that tiles take.
    """

    first: Ints
    end: Ints
    cycles: Floats
    energy: Floats
    steps: Floats
    outer: Floats
    room: Floats


class Ranking:
    """The rows of a store by energy x delay on one design; rows that turn up later are put in order when asked for.

    Args:
        store: The fronts.
        charged: What the design charges, leakage included.
        technology: Its energy figures.
    """

    def __init__(self, store: Store, charged: Prices, technology: Technology) -> None:
        self._store, self._charged, self._technology = store, charged, technology
        self._fronts = Columns(first=np.int64, end=np.int64)
        memories = charged.cycles_per_byte.shape[0]
        self._rows = Columns(cycles=float, energy=float, steps=float, outer=float, room=(float, (memories,)))

    @property
    def ranked(self) -> Ranked:
        """All fronts of the store."""
        if self._fronts.count < len(self._store.fronts):
            self._extend()
        return Ranked(**self._fronts.arrays, **self._rows.arrays)

    def _extend(self) -> None:
        store, done = self._store, self._fronts.count
        new, starts = store.fronts[done:], store.rows.starts[done:]
        count = int(starts[-1] - starts[0])
        parts = {name: array[starts[0] :] for name, array in store.rows._asdict().items() if name != "starts"}
        rows = Rows(**parts, starts=np.arange(count + 1))
        each = np.array([op_pj(front.rows.op, self._technology) for front in new])
        front = np.repeat(np.arange(len(new)), np.diff(starts))
        free = np.full((rows.room.shape[1], count, 1), np.inf)
        # Each row is priced as a front of its own, by what prices all others too.
        one = choose(rows, np.arange(count)[:, None], self._charged, each[front], free)
        cycles, energy = one.latency_cycles[:, 0], one.dynamic_pj[:, 0]
        score = cycles * (energy + self._charged.leakage[0] * cycles)
        order = np.lexsort((score, front))
        order = order[one.legal[order, 0]]
        first = self._rows.extend(
            len(order),
            cycles=cycles[order],
            energy=energy[order],
            steps=one.steps[order, 0],
            outer=one.outer_bytes[order, 0],
            room=rows.room[order],
        )
        ends = first + np.cumsum(np.bincount(front[order], minlength=len(new)))
        self._fronts.extend(len(new), first=np.concatenate([[first], ends[:-1]]), end=ends)


class Charges(NamedTuple):
    """What is left to be charged on one design.

    Attributes:
        leakage: pJ a cycle.
        each: pJ of a vector operation.
        paces: Shape ``(rates,)``: vector operations a cycle.
        dispatch: Cycles to start an op.
        invocation: Cycles of a call; there is one an inference, unless other parts of the chip work in between.
        sizes: Shape ``(memories,)``: bytes; infinite where there is no limit.
    """

    leakage: float
    each: float
    paces: Floats
    dispatch: float
    invocation: float
    sizes: Floats


class Totals(NamedTuple):
    """Networks on one design; arrays of shape ``(networks,)``. Figures of one without a mapping mean nothing.

    Attributes:
        latency_cycles: Cycles.
        energy_pj: Energy, leakage included.
        steps: Cycles in which PEs work.
        dram_bytes: Bytes to and from the outermost memory.
    """

    latency_cycles: Floats
    energy_pj: Floats
    steps: Floats
    dram_bytes: Floats


@borrowing
def _best(ranked: Ranked, front: int, sizes: Floats, used: Floats, place: int) -> int:
    """Return the first row that fits beside what stays; -1 if none does."""
    for row in range(ranked.first[front], ranked.end[front]):
        fits = True
        for level in range(len(sizes)):
            if not ranked.room[row, level] <= sizes[level] - used[level, place, 0]:
                fits = False
        if fits:
            return row
    return -1


@compiled
def add_totals(
    networks: Ints,
    steps: Steps,
    fronts: Ints,
    used: Floats,
    vector: VectorCost,
    ranked: Ranked,
    charges: Charges,
    totals: Totals,
    legal: Flags,
) -> None:
    """Fill in the totals of some networks, steps added first to last.

    Args:
        networks: Which networks.
        steps: Their steps, beside those of others.
        fronts: Shape ``(steps,)``: the front that holds for a step made of MACs.
        used: Shape ``(memories, steps, 1)``: bytes of tensors that stay.
        vector: Cost of the steps that are not on the array, and what comes on top of the others.
        ranked: Rows of all fronts.
        charges: What the design charges.
        totals: Of all networks, to be filled in.
        legal: Of all networks, to be filled in: whether every layer has a mapping.
    """
    for network in networks:
        legal[network] = True
        latency = energy = busy = outer = 0.0
        for place in range(steps.starts[network], steps.starts[network + 1]):
            cycles, dynamic = vector.latency_cycles[place, 0], vector.dynamic_pj[place, 0]
            moved = vector.outer_bytes[place, 0]
            if steps.on_array[place]:
                row = _best(ranked, fronts[place], charges.sizes, used, place)
                if row < 0:
                    legal[network] = False
                    break
                passing = work = 0.0
                for rate in range(len(charges.paces)):
                    passing += steps.work[place, rate] / charges.paces[rate]
                    work += steps.work[place, rate]
                cycles += max(ranked.cycles[row], passing + charges.dispatch)
                dynamic += ranked.energy[row] + work * charges.each
                moved += ranked.outer[row]
                busy += ranked.steps[row]
            latency += cycles
            energy += dynamic + charges.leakage * cycles
            outer += moved
        called = charges.invocation * steps.calls[network]
        latency += called
        energy += charges.leakage * called
        totals.latency_cycles[network], totals.energy_pj[network] = latency, energy
        totals.steps[network], totals.dram_bytes[network] = busy, outer
