"""Networks on a batch of designs: every layer with its best mapping."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.choose import Chosen, choose
from accelsim.cost.energy import leakage_pj, op_pj
from accelsim.cost.front import Front
from accelsim.cost.prices import Bills, prices
from accelsim.cost.rows import machine_of
from accelsim.cost.store import Rows, store_of
from accelsim.dims import OPERANDS
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.legality import Violation, violations
from accelsim.mapping.nest import Ints
from accelsim.schedule.again import Again, again_of, inside_of, with_stripes
from accelsim.schedule.borders import border_bytes, borders_of, with_borders
from accelsim.schedule.laws import check_run, checking
from accelsim.schedule.residency import Stay, stay
from accelsim.schedule.steps import Plan
from accelsim.schedule.table import StepTable, opens, table_of, widths_of
from accelsim.schedule.vector import fused_cycles, unit_of, vector_cost, vector_moved

__all__ = ["Run", "in_order", "misfits", "run"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Networks on a batch of designs. Arrays are of shape ``(steps, designs)`` unless said otherwise.

    Attributes:
        table: The steps, network after network.
        fronts: The mappings worth comparing of ops and combinations of kept tensors.
        which: Shape ``(array steps, designs)``: the front that holds.
        mac: The chosen rows of the fronts, shape ``(array steps, designs)``.
        latency_cycles: Cycles.
        energy_pj: Energy, leakage included.
        steps: Cycles in which PEs work.
        dram_bytes: Bytes to and from the outermost memory.
        legal: Shape ``(networks, designs)``: whether every layer has a mapping.
        stays: What stays on chip.
        invocation_cycles: Shape ``(networks, designs)``: cycles of calls, beside those of the steps.
        invocation_pj: Shape ``(networks, designs)``: leakage meanwhile.
        handed: Bytes of borders handed over before a step; ``None`` if maps are not spread over parts.
        again: What layers in stripes do once more for every stripe; ``None`` if there are none.
        bits: Shape ``(networks, 4)``: widths of ``W I O`` and partial sums that the PEs have.
    """

    table: StepTable
    fronts: Sequence[Front]
    which: Ints
    mac: Chosen
    latency_cycles: Floats
    energy_pj: Floats
    steps: Floats
    dram_bytes: Floats
    legal: npt.NDArray[np.bool_]
    stays: Stay
    invocation_cycles: Floats
    invocation_pj: Floats
    handed: Floats | None
    again: Again | None
    bits: Floats

    @property
    def network_cycles(self) -> Floats:
        """Cycles of each network, shape ``(networks, designs)``."""
        return self.over_steps(self.latency_cycles) + self.invocation_cycles

    @property
    def network_pj(self) -> Floats:
        """Energy of each network, shape ``(networks, designs)``."""
        return self.over_steps(self.energy_pj) + self.invocation_pj

    def handed_before(self, place: int, design: int = 0) -> float:
        """Return the bytes of borders handed over before a step."""
        return 0.0 if self.handed is None else float(self.handed[place, design])

    def mapped(self, place: int, design: int) -> tuple[Front, int]:
        """Return the front of a step on the array, and the chosen row in it."""
        row = int(np.searchsorted(self.table.array_places, place))
        return self.fronts[self.which[row, design]], int(self.mac.row[row, design])

    def moved(self, place: int, design: int) -> Floats:
        """Return the bytes that a step moves: shape ``(memories, 3, 2)``, by operand ``W I O``, read and written."""
        found = self.moved_once(place, design)
        return found if self.again is None else found + self.again.moved(place, design, len(found))

    def moved_once(self, place: int, design: int) -> Floats:
        """Return the bytes that a step moves, as ``moved`` does, without what stripes move again."""
        if not self.table.steps.on_array[place]:
            return vector_moved(self.table.steps, place, design, len(self.stays.used_bytes), self.stays)
        found, row = self.mapped(place, design)
        return np.asarray(found.demand.moved[row])

    def over_steps(self, values: Floats) -> Floats:
        """Return the sums over the steps of each network, shape ``(networks, designs)``, added first to last."""
        return in_order(values, self.table.steps.starts)


def in_order(values: Floats, starts: Ints) -> Floats:
    """Return the sums over the steps of each network, shape ``(networks, ...)``, added first to last.

    Args:
        values: Shape ``(steps, ...)``.
        starts: Shape ``(networks + 1,)``: where the steps of each network begin.
    """
    # numpy's own order of additions, and so the last bit, depends on the batch.
    parts = [np.cumsum(values[first:end], axis=0)[-1] for first, end in itertools.pairwise(starts)]
    return np.stack(parts)


def run(
    plans: Sequence[Plan], accelerator: Accelerator, *, bits: Floats | None = None, beside: Floats | float = 0.0
) -> Run:
    """Return what networks cost on every design: each layer takes the candidate with the least energy x delay.

    A network runs in stripes, where the memory that keeps feature maps has it so, if that takes it no longer.

    Args:
        plans: The steps of each network, at least one of them made of MACs unless ``bits`` are given.
        accelerator: The designs.
        bits: Widths of ``W I O`` and partial sums that the PEs have; those of each network's first op made of MACs if
            not given.
        beside: Leakage of the rest of the chip, in pJ a cycle; shape ``(designs,)``.

    Raises:
        ValueError: The arrays of the designs differ in size.
        BrokenLawError: A figure cannot be right; only with ``ACCELSIM_CHECK=1`` in the environment.
    """
    table = table_of(plans)

    def costed(stays: Stay) -> Run:
        return _costed(plans, table, accelerator, stays, bits, beside)

    found = costed(stay(table.steps, accelerator))
    if found.again is None:
        return found
    whole = costed(stay(table.steps, accelerator, stripes=False))
    worse = whole.legal & (~found.legal | (found.network_cycles > whole.network_cycles))
    if not worse.any():
        return found
    return costed(found.stays.where(np.repeat(worse, np.diff(table.steps.starts), axis=0), whole.stays))


def _costed(
    plans: Sequence[Plan],
    table: StepTable,
    accelerator: Accelerator,
    stays: Stay,
    bits: Floats | None,
    beside: Floats | float,
) -> Run:
    """Return what networks cost if ``stays`` says what stays on chip; see ``run``."""
    steps, places = table.steps, table.array_places
    technology, unit = accelerator.technology, unit_of(accelerator)
    some, network = widths_of(steps) if bits is None else (bits[None], np.zeros(len(plans), dtype=np.int64))
    leak = np.stack([leakage_pj(accelerator, widths) + beside for widths in some])
    width = np.repeat(network, np.diff(steps.starts))
    store = store_of(machine_of(accelerator), stays.levels)
    free = _free(stays, places, accelerator)
    ops = np.array([store.place(op) for op in table.ops], dtype=np.int64)
    base = np.array([op_pj(op, technology) for op in table.ops])[table.op]
    bills = Bills([prices(accelerator, one) for one in leak], width[places], base)
    begins = opens(steps, places) if store.hands_on else None
    which = store.which(ops[table.op], stays.kept(places), free, bills, begins)
    mac = _chosen(store.rows, which, bills, free)
    charged = prices(accelerator, leak[0])
    cost, borders, handed = vector_cost(steps, charged, unit, stays), borders_of(accelerator), None
    if borders is not None:
        handed = border_bytes(steps, borders, stays)
        cost = with_borders(cost, handed, borders)
    again = again_of(steps, stays, charged, inside_of(accelerator))
    cost = with_stripes(cost, again)
    latency, energy, dram = cost
    busy, called = np.zeros(latency.shape), steps.calls[:, None] * accelerator.invocation_cycles
    passing = fused_cycles(steps.work[places], unit.paces)
    latency[places] += np.maximum(mac.latency_cycles, passing + accelerator.array.dispatch_cycles)
    energy[places] += mac.dynamic_pj + steps.work[places].sum(axis=1)[:, None] * unit.each_pj
    busy[places] = mac.steps
    dram[places] += mac.outer_bytes
    found = Run(
        table=table,
        fronts=store.fronts,
        which=which,
        mac=mac,
        latency_cycles=latency,
        energy_pj=energy + leak[width] * latency,
        steps=busy,
        dram_bytes=dram,
        legal=_legal(mac.legal, np.searchsorted(places, steps.starts)),
        stays=stays,
        invocation_cycles=called,
        invocation_pj=leak[network] * called,
        handed=handed,
        again=again,
        bits=some[network],
    )
    if checking():
        leaking = charged if len(leak) == 1 else charged._replace(leakage=leak[width])
        check_run(plans, accelerator, found, store.rows, leaking, base, free)
    return found


def _legal(each: npt.NDArray[np.bool_], starts: Ints) -> npt.NDArray[np.bool_]:
    """Return whether all layers of each network have a mapping, those of one at ``starts`` and up to the next."""
    return np.stack([each[first:end].all(axis=0) for first, end in itertools.pairwise(starts)])


def _free(stays: Stay, places: Ints, accelerator: Accelerator) -> Floats:
    """Return the room for tiles, shape ``(memories, array steps, designs)``; infinite where there is no limit."""
    free = np.full((len(accelerator.memories), len(places), len(accelerator)), np.inf)
    for level, (memory, used) in enumerate(zip(accelerator.memories, stays.used_bytes, strict=True)):
        if memory.size_bytes is not None:
            free[level] = memory.size_bytes - used[places]
    return free


def _chosen(rows: Rows, which: Ints, bills: Bills, free: Floats) -> Chosen:
    """Return the best rows of layers."""
    charged, width, base = bills
    if len(charged) == 1:
        return choose(rows, which, charged[0], base, free)
    order = np.argsort(width, kind="stable")
    groups = np.split(order, np.searchsorted(width[order], np.arange(1, len(charged))))
    parts = [choose(rows, which[at], one, base[at], free[:, at]) for one, at in zip(charged, groups, strict=True)]
    back = np.argsort(order)
    return Chosen(*(np.concatenate([getattr(part, name) for part in parts])[back] for name in Chosen.__slots__))


def misfits(result: Run, place: int, design: int, accelerator: Accelerator) -> list[Violation]:
    """Return the limits that the smallest candidate of a step on the array violates, the tightest first."""
    footprint = result.mapped(place, design)[0].rows.footprint
    smallest = footprint[int(np.argmin(footprint.sum(axis=(1, 2))))]
    inner = accelerator.memories[1:]
    need = {
        memory.name: {str(o): float(smallest[level, i]) for i, o in enumerate(OPERANDS) if o in memory.holds}
        for level, memory in enumerate(inner)
    }
    have = {
        memory.name: None
        if memory.size_bytes is None
        else float(memory.size_bytes[design] - result.stays.used_bytes[level][place, design])
        for level, memory in enumerate(inner, start=1)
    }
    return violations(need, have)
