"""Laws that hold for every network on every design, checked while the model runs if ``ACCELSIM_CHECK=1`` is set.

Each law is worked out anew from the parts of a result, never from the figure it is held against: bytes of the chosen
rows, prices of the memories, sizes of the tensors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.energy import vector_pj
from accelsim.cost.prices import Prices
from accelsim.cost.rows import working
from accelsim.cost.store import Rows
from accelsim.dims import WINDOWS, Dim
from accelsim.errors import BrokenLawError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.engines import BLOCK_ENGINES
from accelsim.schedule.borders import border_bytes, borders_of
from accelsim.schedule.result import Evaluation
from accelsim.schedule.steps import Plan
from accelsim.schedule.table import Steps
from accelsim.workload.ops import Op, Sliding

if TYPE_CHECKING:
    from accelsim.schedule.run import Run

__all__ = ["LAWS", "VARIABLE", "check_evaluation", "check_run", "checking", "compulsory_bytes", "compulsory_on"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
#: The environment variable that switches the checks on.
VARIABLE = "ACCELSIM_CHECK"
#: Sums of the same numbers in another order differ by less.
_ROUNDING = 1e-9


def checking() -> bool:
    """Return whether results are to be checked."""
    return os.environ.get(VARIABLE) == "1"


@lru_cache(maxsize=16384)
def compulsory_bytes(op: Op) -> tuple[float, float, float]:
    """Return the bytes of ``W I O`` that an op on the array has to move if none of it stays on chip.

    Every weight and every input that a tap meets comes once, every output goes once; padding, and rows that a stride
    leaps over, do not come.
    """
    rule, bits = op.rule, op.bits
    weights = math.prod(op.size(axis) for axis in rule.weights if isinstance(axis, Dim)) if rule.weights else 0
    inputs = 1
    for axis in (rule.inputs or ((),))[0]:
        if isinstance(axis, Sliding):
            inputs *= _met(op, axis)
        elif isinstance(axis, Dim):
            inputs *= op.size(axis)
    # Copies that share a sum hand it on at the width of partial sums.
    return weights * bits.W / 8, inputs * bits.I / 8, op.output_elements * min(bits.O, bits.partial) / 8


def _met(op: Op, axis: Sliding) -> int:
    """Return the positions along a window axis that some tap of some output meets."""
    place = WINDOWS.index((axis.out, axis.filter))
    outputs, taps = np.arange(op.size(axis.out)), np.arange(op.size(axis.filter))
    met = outputs[:, None] * op.stride[place] + taps * op.dilation[place] - op.padding[place]
    return len(np.unique(met[(met >= 0) & (met < op.extent[place])]))


class _Given(NamedTuple):
    """What the laws are made of; ``S`` steps, ``D`` designs, ``M`` memories.

    Attributes:
        legal: Shape ``(S, D)``: whether the step's network has mappings on the design.
        cycles: Shape ``(S, D)``, as the further figures of the model.
        energy: In pJ.
        busy: Cycles in which PEs work.
        outer: Bytes to and from the outermost memory.
        row: Shape ``(array steps, D)``: the chosen row among all.
        mac: Shape ``(S,)``: which of the steps made of MACs a step is; -1 if none.
        macs: Shape ``(S,)``.
        base: Shape ``(array steps,)``: energy of MACs and registers.
        least: Shape ``(array steps, 3)``: compulsory bytes of ``W I O``.
        free: Shape ``(M, array steps, D)``.
        price: Shape ``(M, 2, D)``: pJ of a byte read and written.
        leak: Shape ``(S, D)``: pJ a cycle.
        beside: Shape ``(S, D)``: pJ of borders handed over, of what stripes read again, and of work on the host.
        peak: Shape ``(S, D)``: MACs in a cycle at most of the array that works.
        each: pJ of an elementary operation.
    """

    legal: Flags
    cycles: Floats
    energy: Floats
    busy: Floats
    outer: Floats
    row: Ints
    mac: Ints
    macs: Floats
    base: Floats
    least: Floats
    free: Floats
    price: Floats
    leak: Floats
    beside: Floats
    peak: Floats
    each: float


class _Where(NamedTuple):
    """What stays on chip, and in which memories: those of weights and of results."""

    weights: Flags
    inputs: Flags
    outputs: Flags
    entered: Flags
    weight_level: int
    near: int


class _Broken(NamedTuple):
    """A law that does not hold: its place in ``LAWS``, where, and both figures. -1 if all hold."""

    law: int
    step: int
    design: int
    found: float
    wanted: float


@compiled
def _stream(steps: Steps, place: int, design: int, where: _Where, price: Floats) -> tuple[float, float]:
    """Return the bytes of the outermost memory and the energy of all bytes of a step that is not on the array.

    The host fetches what stays on chip; all else that it needs it has.
    """
    outer, energy = 0.0, 0.0
    for read in range(steps.first_read[place], steps.first_read[place + 1]):
        writer = steps.writer[read]
        on_chip = where.outputs[writer, design] if writer >= 0 else where.entered[place, design]
        if steps.away[place]:
            if on_chip:
                energy += steps.read[read] * (price[where.near, 0, design] + price[0, 1, design])
                outer += steps.read[read]
            continue
        level = where.near if on_chip else 0
        energy += steps.read[read] * price[level, 0, design]
        outer += steps.read[read] if level == 0 else 0.0
    if steps.away[place]:
        return outer, energy
    level = where.weight_level if where.weights[place, design] else 0
    energy += steps.looked_up[place] * price[level, 0, design]
    outer += steps.looked_up[place] if level == 0 else 0.0
    level = where.near if where.outputs[place, design] else 0
    energy += steps.written[place] * price[level, 1, design]
    outer += steps.written[place] if level == 0 else 0.0
    return outer, energy


@compiled
def _first_broken(given: _Given, steps: Steps, where: _Where, rows: Rows) -> tuple[int, int, int, float, float]:
    slack = 1 + 1e-9
    for place in range(len(given.macs)):
        for design in range(given.peak.shape[1]):
            if not given.legal[place, design]:
                continue
            cycles, busy = given.cycles[place, design], given.busy[place, design]
            energy, outer = given.energy[place, design], given.outer[place, design]
            for figure in (cycles, energy, busy, outer):
                if not 0 <= figure < np.inf:
                    return 0, place, design, figure, 0.0
            peak, macs = given.peak[place, design], given.macs[place]
            if not cycles * slack >= macs / peak:
                return 1, place, design, cycles, macs / peak
            if not macs <= peak * busy * slack:
                return 2, place, design, macs, peak * busy
            if not busy <= cycles * slack:
                return 3, place, design, busy, cycles
            ledger = 0.0 if steps.away[place] else steps.work[place].sum() * given.each
            ledger += given.beside[place, design] + given.leak[place, design] * cycles
            mac = given.mac[place]
            if mac < 0:
                least, moved = _stream(steps, place, design, where, given.price)
                ledger += moved
            else:
                row = given.row[mac, design]
                least = 0.0 if where.weights[place, design] else given.least[mac, 0]
                least += 0.0 if where.inputs[place, design] else given.least[mac, 1]
                least += 0.0 if where.outputs[place, design] else given.least[mac, 2]
                ledger += given.base[mac]
                for level in range(given.free.shape[0]):
                    ledger += rows.moved[row, level, 0] * given.price[level, 0, design]
                    ledger += rows.moved[row, level, 1] * given.price[level, 1, design]
                    if not rows.room[row, level] <= given.free[level, mac, design]:
                        return 6, place, design, rows.room[row, level], given.free[level, mac, design]
            if not outer * slack >= least:
                return 4, place, design, outer, least
            if not abs(energy - ledger) <= 1e-9 * ledger:
                return 5, place, design, energy, ledger
    return -1, 0, 0, 0.0, 0.0


#: The laws of a step, in the order in which they are checked.
LAWS = (
    "every figure is finite and at least 0",
    "overall utilization is at most 1: cycles >= MACs / peak",
    "spatial utilization is at most 1: MACs <= peak x steps",
    "temporal utilization is at most 1: steps <= cycles",
    "traffic of the outermost memory is at least the compulsory traffic",
    "energy is the sum of its ledger",
    "the chosen mapping fits every memory",
)


def check_run(
    plans: Sequence[Plan],
    accelerator: Accelerator,
    result: Run,
    rows: Rows,
    charged: Prices,
    base: Floats,
    free: Floats,
) -> None:
    """Hold every step on every design that has mappings against the laws.

    Args:
        plans: The steps of the networks.
        accelerator: The designs.
        result: What they cost.
        rows: The rows of all fronts.
        charged: What the designs charge; leakage for all steps, or shape ``(steps, designs)``.
        base: Shape ``(array steps,)``: energy of the MACs of a step and of the registers that they touch.
        free: Shape ``(memories, array steps, designs)``: room for tiles.

    Raises:
        BrokenLawError: A law does not hold; the first layer and design is named.
    """
    table, stays = result.table, result.stays
    kept = (stays.weights, stays.inputs, stays.outputs, stays.entered)
    where = _Where(*kept, stays.weight_level or 0, stays.activation_level or 0)
    broken = _Broken(*_first_broken(_given(accelerator, result, rows, charged, base, free), table.steps, where, rows))
    if broken.law >= 0:
        step = [step for plan in plans for step in plan.steps][broken.step]
        design = accelerator.parameters[broken.design]
        law = f"{LAWS[broken.law]} (on {accelerator.name}, {design})"
        raise BrokenLawError(step.name, law, broken.found, broken.wanted)


def _given(accelerator: Accelerator, result: Run, rows: Rows, charged: Prices, base: Floats, free: Floats) -> _Given:
    table = result.table
    mac, macs, peak = np.full(len(table), -1), np.zeros(len(table)), np.ones(result.latency_cycles.shape)
    mac[table.array_places] = np.arange(len(table.array_places))
    macs[table.array_places] = np.array([op.macs for op in table.ops], dtype=float)[table.op]
    peaks = [working(accelerator, op).peak_macs for op in table.ops]
    peak[table.array_places] = np.reshape(peaks, (len(peaks), len(accelerator)))[table.op]
    beside, borders = np.zeros(result.latency_cycles.shape), borders_of(accelerator)
    if borders is not None:
        beside = border_bytes(table.steps, borders, result.stays) * borders.pj_per_byte
    if result.again is not None:
        beside = beside + result.again.energy
    if (host := accelerator.host) is not None:
        away = np.where(table.steps.away, [table.steps.work.sum(axis=1), table.steps.away_macs], 0.0)
        for count, price in zip(away, (host.pj_per_operation, host.pj_per_mac), strict=True):
            beside = beside + (0.0 if price is None else count[:, None] * price)
    return _Given(
        legal=np.repeat(result.legal, np.diff(table.steps.starts), axis=0),
        cycles=result.latency_cycles,
        energy=result.energy_pj,
        busy=result.steps,
        outer=result.dram_bytes,
        row=rows.starts[result.which] + result.mac.row,
        mac=mac,
        macs=macs,
        base=base,
        least=compulsory_on(accelerator, table.ops)[table.op],
        free=free,
        price=charged.pj_per_byte,
        leak=np.array(np.broadcast_to(charged.leakage, result.latency_cycles.shape)),
        beside=beside,
        peak=peak,
        each=vector_pj(accelerator.technology) or 0.0,
    )


def compulsory_on(accelerator: Accelerator, ops: Sequence[Op]) -> Floats:
    """Return the compulsory bytes of ``W I O`` of ops, shape ``(ops, 3)``.

    No least size is known of weights that the engine moves in a code.
    """
    least, blocks = np.reshape([compulsory_bytes(op) for op in ops], (len(ops), 3)), accelerator.array.blocks
    if blocks is not None and BLOCK_ENGINES[blocks.engine].coded_weights:
        least[:, 0] = 0.0
    return least


def check_evaluation(result: Evaluation) -> None:
    """Hold the totals, the layers and the ledger of one design against each other.

    Raises:
        BrokenLawError: The totals are not the sums of the layers, or the energy is not the sum of the ledger.
    """
    totals = result.totals
    for name in ("macs", "params", "latency_cycles", "energy_pj", "dram_bytes"):
        whole, parts = getattr(totals, name), math.fsum(getattr(layer.metrics, name) for layer in result.layers)
        _close(result.network, f"{name} of the network is the sum over its layers", whole, parts)
    ledger = math.fsum(line.energy_pj for line in result.ledger if line.energy_pj is not None)
    _close(result.network, "energy is the sum of the ledger", totals.energy_pj, ledger)
    absent = any(part is None for part in result.area_mm2.values())
    area = math.nan if absent else math.fsum(part or 0.0 for part in result.area_mm2.values())
    if not (absent and totals.area_mm2 is None):
        whole = math.nan if totals.area_mm2 is None else totals.area_mm2
        _close(result.network, "area is the sum of its components, and absent if one is", whole, area)
    for layer in result.layers:
        use = layer.metrics.utilization
        shares = (use.spatial, use.temporal, use.overall)
        if not all(0 <= share <= 1 + _ROUNDING for share in shares):
            raise BrokenLawError(layer.name, "utilizations are in [0, 1]", shares, (0, 1))
        _close(layer.name, "overall utilization is spatial x temporal", use.overall, use.spatial * use.temporal)


def _close(layer: str, law: str, found: float, wanted: float) -> None:
    if not math.isclose(found, wanted, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        raise BrokenLawError(layer, law, found, wanted)
