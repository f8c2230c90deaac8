"""One design in detail: a row for every layer, and the energy ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.cost.energy import leakage_mw, mac_pj, op_bits, register_bits_per_mac, vector_pj
from accelsim.cost.rows import working
from accelsim.dims import OPERANDS, WINDOWS
from accelsim.hardware.accelerator import Accelerator, Host
from accelsim.schedule.borders import borders_of
from accelsim.schedule.figures import Part
from accelsim.schedule.result import LayerResult, LedgerLine, Metrics, Utilization
from accelsim.schedule.run import Run
from accelsim.schedule.steps import Plan, Step
from accelsim.workload.ops import Op

__all__ = ["layer_results", "ledger", "shape_of", "utilization"]

Floats = npt.NDArray[np.float64]


def utilization(macs: float, steps: float, cycles: float, pes: float) -> Utilization:
    """Return the three utilizations; 0 where nothing is computed."""
    spatial = float(macs / (steps * pes)) if steps else 0.0
    temporal = float(steps / cycles) if cycles else 0.0
    return Utilization(spatial, temporal, spatial * temporal)


def shape_of(op: Op) -> str:
    """Return the shapes of input and output in words, with the filter and its stride."""
    target = "x".join(map(str, op.output_shape[1:]))
    if op.rule.inputs is None:
        return f"{op.input_elements} values -> {target}"
    source = op.input_shape
    batch = f"{source[0]} x " if source[0] > 1 else ""
    taps = [op.size(tap) for _, tap in WINDOWS]
    window = f" {'x'.join(map(str, taps[taps[0] == 1 :]))}" if math.prod(taps) > 1 else ""
    steps = op.stride if op.stride[0] > 1 else op.stride[1:]
    stride = f"/{steps[0] if len(set(steps)) == 1 else 'x'.join(map(str, steps))}" if max(steps) > 1 else ""
    return batch + "x".join(map(str, source[1:])) + f" ->{window}{stride} {target}"


def layer_results(parts: Sequence[Part], area: float | None) -> Iterator[LayerResult]:
    """Yield the layers of one design, in the order they run; ``area`` is that of the accelerator or the chip.

    What happens once an inference, or once for each stretch of layers on a part, is a last row of its own, if the
    template says how long it takes. Cycles are those of the first part's clock.
    """
    clock = parts[0].accelerator.clock_hz
    found = sorted((row for part in parts for row in _rows(part, clock, area)), key=lambda row: row[0])
    rows = [layer for _, layer in found]
    called = [part for part in parts if part.run.invocation_cycles[0, 0]]
    rows += [_invocation(part, float(part.ratio(clock)[0]), area) for part in called]
    nothing = {memory.name: 0.0 for part in parts for memory in part.accelerator.memories}
    for layer in rows:
        yield replace(layer, bytes_by_level=nothing | layer.bytes_by_level)


def _rows(part: Part, clock: Floats, area: float | None) -> Iterator[tuple[int, LayerResult]]:
    """Yield the layers that a part runs, with their places.

    Layers that are alike, as those of the many blocks of a language model, are described once.
    """
    plan, result, ratio = part.plan, part.run, float(part.ratio(clock)[0])
    front, chosen = np.full((2, len(plan.steps)), -1)
    front[result.table.array_places], chosen[result.table.array_places] = result.which[:, 0], result.mac.row[:, 0]
    figures = (result.latency_cycles[:, 0], result.energy_pj[:, 0], result.dram_bytes[:, 0])
    known_by = (front, chosen, result.stays.stripes[:, 0], *figures)
    alike = list(zip(*(values.tolist() for values in known_by), strict=True))
    known: dict[object, LayerResult] = {}
    for place in plan.places:
        step, moved = plan.steps[place], result.moved(place, 0)
        key = (step.op, step.fused, step.reason, alike[place], moved.tobytes())
        if key not in known:
            known[key] = _layer(step, part, ratio, place, moved)
        layer = known[key]
        metrics = replace(layer.metrics, peak_memory_bytes=plan.live_bytes[place], area_mm2=area)
        yield place, replace(layer, name=step.name, metrics=metrics)


def _invocation(part: Part, ratio: float, area: float | None) -> LayerResult:
    """Return the row of what happens when the accelerator is called."""
    cycles, accelerator = float(part.run.invocation_cycles[0, 0]), part.accelerator
    return LayerResult(
        name="invocation",
        op="invocation",
        shape="",
        metrics=Metrics(
            params=0,
            macs=0,
            latency_cycles=cycles * ratio,
            latency_ms=float(cycles / accelerator.clock_hz[0] * 1e3),
            energy_pj=float(part.run.invocation_pj[0, 0]),
            utilization=Utilization(0.0, 0.0, 0.0),
            dram_bytes=0.0,
            peak_memory_bytes=0.0,
            area_mm2=area,
        ),
        bottleneck="invocation",
        slack=float("inf"),
        bytes_by_level={},
        peak_macs_per_cycle=float(accelerator.pes[0]) / ratio,
        part=part.name,
    )


def _layer(step: Step, part: Part, ratio: float, place: int, moved: Floats) -> LayerResult:
    """Return a layer without what it has not in common with others like it: name, bytes alive, area."""
    accelerator, result = part.accelerator, part.run
    names = [memory.name for memory in accelerator.memories]
    cycles = float(result.latency_cycles[place, 0])
    bottleneck, slack = _bottleneck(step, accelerator, result, place, result.moved_once(place, 0))
    mapping, peak = "", float(working(accelerator, step.op).peak_macs[0])
    macs = step.op.macs if step.on_array else 0
    if step.on_array:
        found, row = result.mapped(place, 0)
        mapping = found.describe(int(row), names)
    return LayerResult(
        name="",
        op=step.label,
        shape=shape_of(step.op),
        metrics=Metrics(
            params=step.parameters,
            macs=step.op.macs,
            latency_cycles=cycles * ratio,
            latency_ms=float(cycles / accelerator.clock_hz[0] * 1e3),
            energy_pj=float(result.energy_pj[place, 0]),
            utilization=utilization(macs, result.steps[place, 0], cycles, peak),
            dram_bytes=float(result.dram_bytes[place, 0]),
            peak_memory_bytes=0.0,
            area_mm2=None,
        ),
        bottleneck=bottleneck,
        slack=slack,
        bytes_by_level={name: float(moved[level].sum()) for level, name in enumerate(names)},
        peak_macs_per_cycle=peak / ratio,
        mapping=mapping,
        host_reason=step.reason,
        stripes=int(result.stays.stripes[place, 0]),
        part=part.name,
    )


def _bottleneck(step: Step, accelerator: Accelerator, result: Run, place: int, moved: Floats) -> tuple[str, float]:
    """Return the busiest resource of a step and its cycles over those of the next busiest."""
    busy, through = {}, moved.sum(axis=1)
    if step.on_array:
        found, row = result.mapped(place, 0)
        busy["compute"] = float(found.demand.cycles[row])
        # A memory that stands in copies is as busy as the first of them.
        through = found.demand.one[row]
    if step.reason is not None and accelerator.host is not None:
        crossings = float(result.table.steps.crossings[place])
        busy["host work"] = step.host_cycles(accelerator.host)
        busy["hand-over"] = crossings * float(accelerator.host.transfer_cycles[0])
    elif step.streamed_ops:
        busy["vector"] = step.vector_cycles(accelerator.vector)
    streams = step.reason is None and not step.on_array
    for level, memory in enumerate(accelerator.vector_memories if streams else accelerator.memories):
        cycles, each = memory.busy_cycles(*through[level]), memory.busy_cycles(*moved[level].T)
        if cycles is not None and each is not None:
            busy[f"{memory.name}:{OPERANDS[int(np.argmax(each))]}"] = float(cycles[0])
    if accelerator.array.dispatch_cycles[0] and step.reason is None:
        busy["dispatch"] = float(accelerator.array.dispatch_cycles[0])
    if (borders := borders_of(accelerator)) is not None and result.handed_before(place):
        busy["borders"] = result.handed_before(place) * float(borders.cycles_per_byte[0])
    if result.again is not None and result.stays.stripes[place, 0] > 1:
        busy["stripes"] = float(result.again.cycles[place, 0])
    ranked = sorted(busy, key=lambda name: -busy[name])
    runner_up = busy[ranked[1]] if len(ranked) > 1 else 0.0
    return ranked[0], busy[ranked[0]] / runner_up if runner_up else float("inf")


def ledger(parts: Sequence[Part]) -> Iterator[LedgerLine]:
    """Yield the energy ledger of one design; its modelled lines sum to the energy. All parts leak all the time."""
    milliseconds = sum(float((part.run.network_cycles[0] / part.accelerator.clock_hz * 1e3)[0]) for part in parts)
    for part in parts:
        memories = {memory.name for memory in part.accelerator.memories}
        for line in _ledger(part.plan, part.accelerator, part.run, milliseconds):
            yield line if line.component in memories else replace(line, component=part.called(line.component))


def _ledger(plan: Plan, accelerator: Accelerator, result: Run, milliseconds: float) -> Iterator[LedgerLine]:
    nothing = np.zeros((len(accelerator.memories), len(OPERANDS), 2))
    moved, steps = sum((result.moved(place, 0) for place in plan.places), nothing), [plan.steps[i] for i in plan.places]
    for level, memory in enumerate(accelerator.memories):
        for i, operand in enumerate(OPERANDS):
            for way, (action, each) in enumerate(
                (("read", memory.read_pj_per_byte), ("write", memory.write_pj_per_byte))
            ):
                if moved[level, i, way]:
                    price = None if each is None else float(each[0])
                    yield _line(memory.name, operand, action, moved[level, i, way], price)
    register, macs, touched = accelerator.technology.register_pj_per_bit, dict[float | None, float](), 0.0
    for step in steps:
        if step.on_array and step.op.macs:
            per_mac = mac_pj(accelerator.technology, op_bits(step.op))
            price = None if per_mac is None else float(per_mac)
            macs[price] = macs.get(price, 0.0) + step.op.macs
            touched += step.op.macs * float(register_bits_per_mac(op_bits(step.op)))
    # One line for each price: layers of other widths multiply at another one.
    for price, count in macs.items():
        yield _line("mac", "", "compute", count, price)
    if register != 0:
        yield _line("registers", "", "access", touched, register)
    work = sum(step.fused_work + step.op.vector_ops for step in steps if step.reason is None)
    yield _line("vector", "", "compute", work, vector_pj(accelerator.technology))
    if accelerator.host is not None:
        yield from _host_work(steps, accelerator.host)
    leaks = leakage_mw(accelerator, result.bits[0])
    for name, leak in zip(("leakage of logic", "leakage of memories"), leaks, strict=True):
        yield _line(name, "", "hold", milliseconds, None if leak is None else float(leak[0] * 1e6))
    if (borders := borders_of(accelerator)) is not None and result.handed is not None:
        yield _line("borders", "I", "move", result.handed.sum(), float(borders.pj_per_byte[0]))
    yield from _interconnect(accelerator, moved)


def _host_work(steps: Sequence[Step], host: Host) -> Iterator[LedgerLine]:
    away = [step for step in steps if step.reason is not None]
    operations = sum(step.fused_work + step.op.vector_ops for step in away)
    macs = sum(step.op.macs for step in away)
    for count, price in ((operations, host.pj_per_operation), (macs, host.pj_per_mac)):
        if count:
            yield _line("host work", "", "compute", count, None if price is None else float(price[0]))


def _interconnect(accelerator: Accelerator, moved: Floats) -> Iterator[LedgerLine]:
    """Yield a line for the wires of each memory; a single one without a figure where wires are not modelled at all."""
    if accelerator.technology.wire_pj_per_bit_mm is None:
        yield _line("interconnect", "", "move", 0.0, None)
        return
    for level, memory in enumerate(accelerator.memories):
        wire, count = memory.wire_pj_per_byte, float(moved[level].sum())
        if count and (wire is None or wire[0]):
            yield _line("interconnect", "", "move", count, None if wire is None else float(wire[0]))


def _line(component: str, operand: str, action: str, count: float, price: float | None) -> LedgerLine:
    return LedgerLine(component=component, operand=operand, action=action, count=float(count), pj_per_action=price)
