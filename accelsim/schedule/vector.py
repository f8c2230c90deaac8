"""Steps that are not on the array: those without MACs stream through the vector unit; some run on the host."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.cost.energy import vector_pj
from accelsim.cost.prices import Prices
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule.residency import Stay
from accelsim.schedule.table import Steps

__all__ = ["Unit", "VectorCost", "fused_cycles", "unit_of", "vector_cost", "vector_moved"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Unit(NamedTuple):
    """The vector unit and the host of ``D`` designs.

    Attributes:
        paces: Shape ``(rates, D)``: elementary operations a cycle.
        each_pj: Energy of one on the vector unit.
        host: Shape ``(2, D)``: elementary operations, and MACs, a cycle on the host; infinite if there is none.
        host_pj: Shape ``(2, D)``: energy of one on the host; 0 if it is not modelled.
        crossing: Shape ``(D,)``: cycles to hand work over.
        outside: Shape ``(D,)``: cycles of a byte between the vector unit and the outermost memory, beside the memory's
            own; 0 if the unit is no slower.
    """

    paces: Floats
    each_pj: float
    host: Floats
    host_pj: Floats
    crossing: Floats
    outside: Floats


def unit_of(accelerator: Accelerator) -> Unit:
    """Return the vector unit and the host of designs."""
    host, count = accelerator.host, len(accelerator)
    paces, each = accelerator.vector.paces, vector_pj(accelerator.technology) or 0.0
    limit = accelerator.vector.bandwidth_bytes_per_cycle
    outside = np.zeros(count) if limit is None else 1 / limit
    if host is None:
        return Unit(paces, each, np.full((2, count), np.inf), np.zeros((2, count)), np.zeros(count), outside)
    prices = (np.zeros(count) if price is None else price for price in (host.pj_per_operation, host.pj_per_mac))
    rates = np.stack([host.lanes, host.macs_per_cycle])
    return Unit(paces, each, rates, np.stack(list(prices)), host.transfer_cycles, outside)


def fused_cycles(work: Floats, paces: Floats) -> Floats:
    """Return the cycles of activations applied in passing, shape ``(steps, designs)``.

    Args:
        work: Shape ``(steps, rates)``: vector operations.
        paces: Shape ``(rates, designs)``: how many of each a cycle.
    """
    cycles = work[:, :1] / paces[:1]
    for rate in range(1, len(paces)):
        cycles = cycles + work[:, rate : rate + 1] / paces[rate]
    return np.asarray(cycles)


class VectorCost(NamedTuple):
    """Cost of steps; arrays of shape ``(steps, designs)``. Of steps on the array, only what comes on top.

    Attributes:
        latency_cycles: Cycles. On the vector unit: the slowest of it and of the memories, and the dispatch of the op.
            On the host: what crosses, handing over, and the work, one after the other.
        dynamic_pj: Energy of everything but leakage.
        outer_bytes: Bytes to and from the outermost memory.
    """

    latency_cycles: Floats
    dynamic_pj: Floats
    outer_bytes: Floats


class _Where(NamedTuple):
    """What stays on chip, and in which memories: those of weights and of results."""

    weights: Flags
    outputs: Flags
    entered: Flags
    weight_level: int
    near: int


def _where(stays: Stay) -> _Where:
    return _Where(stays.weights, stays.outputs, stays.entered, stays.weight_level or 0, stays.activation_level or 0)


def vector_cost(steps: Steps, charged: Prices, unit: Unit, stays: Stay) -> VectorCost:
    """Return the cost of the steps that do not run on the array.

    Every input is read once (overlapping windows are buffered in the unit) and the result is written once. A step on
    the host has its result and its learned values there, in what is behind the outermost memory; only inputs that stay
    on chip have to come out.

    Args:
        steps: The steps.
        charged: What the designs charge.
        unit: The vector unit and the host.
        stays: What stays on chip.
    """
    cost = VectorCost(*(np.zeros((len(steps.held), unit.paces.shape[1])) for _ in range(3)))
    _fill(steps, charged, unit, _where(stays), cost)
    return cost


def vector_moved(steps: Steps, place: int, design: int, memories: int, stays: Stay) -> Floats:
    """Return what a step moves that is not on the array: bytes ``(memories, 3, 2)``, by ``W I O``, read and written."""
    moved = np.zeros((memories, 3, 2))
    _moved(steps, place, design, _where(stays), moved)
    return moved


@borrowing
def _moved(steps: Steps, place: int, design: int, where: _Where, moved: Floats) -> None:
    away = steps.away[place]
    for read in range(steps.first_read[place], steps.first_read[place + 1]):
        writer = steps.writer[read]
        on_chip = where.outputs[writer, design] if writer >= 0 else where.entered[place, design]
        if on_chip:
            moved[where.near, 1, 0] += steps.read[read]
        if on_chip and away:
            moved[0, 1, 1] += steps.read[read]
        elif not on_chip and not away:
            moved[0, 1, 0] += steps.read[read]
    if not away:
        moved[where.weight_level if where.weights[place, design] else 0, 0, 0] += steps.looked_up[place]
        moved[where.near if where.outputs[place, design] else 0, 2, 1] += steps.written[place]


@compiled
def _fill(steps: Steps, charged: Prices, unit: Unit, where: _Where, cost: VectorCost) -> None:
    memories = charged.cycles_per_byte.shape[0]
    moved = np.empty((memories, 3, 2))
    rates, designs = unit.paces.shape
    for place in range(len(steps.on_array)):
        if steps.on_array[place]:
            continue
        for design in range(designs):
            moved[:] = 0.0
            _moved(steps, place, design, where, moved)
            work = busy = energy = 0.0
            for level in range(memories):
                read = moved[level, 0, 0] + moved[level, 1, 0] + moved[level, 2, 0]
                written = moved[level, 0, 1] + moved[level, 1, 1] + moved[level, 2, 1]
                slow = charged.cycles_per_byte
                busy = max(busy, (read + written) * slow[level, 0, design])
                busy = max(busy, max(read * slow[level, 1, design], written * slow[level, 2, design]))
                energy += read * charged.pj_per_byte[level, 0, design]
                energy += written * charged.pj_per_byte[level, 1, design]
            if steps.away[place]:
                for rate in range(rates):
                    work += steps.work[place, rate] / unit.host[0, design]
                    energy += steps.work[place, rate] * unit.host_pj[0, design]
                work += steps.away_macs[place] / unit.host[1, design]
                energy += steps.away_macs[place] * unit.host_pj[1, design]
                cycles = busy + work + steps.crossings[place] * unit.crossing[design]
            else:
                for rate in range(rates):
                    work += steps.work[place, rate] / unit.paces[rate, design]
                    energy += steps.work[place, rate] * unit.each_pj
                busy = max(busy, moved[0].sum() * unit.outside[design])
                cycles = max(work, busy) + charged.dispatch[design]
            cost.latency_cycles[place, design] = cycles
            cost.dynamic_pj[place, design] = energy
            cost.outer_bytes[place, design] = moved[0].sum()
