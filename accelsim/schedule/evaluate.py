"""The front door of the model: one design in full, or a batch of designs in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from accelsim.cost.area import area_mm2
from accelsim.cost.blocks import BlockRows
from accelsim.errors import NoMappingError
from accelsim.hardware.chip import Chip, Hardware
from accelsim.hardware.load import AnyTemplate, hardware_template, load_hardware
from accelsim.parameters import Points, Value
from accelsim.schedule.chip import on_parts
from accelsim.schedule.detail import layer_results, ledger
from accelsim.schedule.figures import Part, figures, peak_macs
from accelsim.schedule.laws import check_evaluation, checking
from accelsim.schedule.result import Evaluation, Metrics, Outcome, Utilization
from accelsim.schedule.run import misfits, run
from accelsim.schedule.steps import planned
from accelsim.schedule.sweep import Refused, batches
from accelsim.workload.load import load_network
from accelsim.workload.network import Network

__all__ = ["evaluate", "evaluate_points", "evaluate_totals", "evaluation", "run_parts"]


def evaluate_points(
    network: Network | str | Path, template: AnyTemplate | str | Path, points: Sequence[Mapping[str, Value]]
) -> list[Outcome]:
    """Return the figures of ``network`` on every design of ``template``, in the order of ``points``.

    Designs are costed together by broadcasting, chips one by one; a design on which a layer does not fit has an error
    instead.

    Args:
        network: The network, or the name or file of one.
        template: The hardware, or the name or file of it.
        points: Parameter -> value, for each design.

    Raises:
        InputError: A point is outside the template's space; a name or file is not known, or not right.
    """
    if not points:
        return []
    network = _network(network)
    template = hardware_template(template) if isinstance(template, str | Path) else template
    complete = Points.of([template.space.complete(point, template.name) for point in points])
    outcomes: list[Outcome] = [Outcome(None)] * len(points)
    for batch in batches(network, template, complete):
        if isinstance(batch, Refused):
            for place in batch.places:
                outcomes[place] = Outcome(None, batch.reason)
            continue
        columns = {
            name: None if values is None else np.broadcast_to(values, len(batch.places)).tolist()
            for name, values in figures(network, batch.parts).items()
        }
        legal = batch.legal
        for design, place in enumerate(batch.places):
            if legal[design]:
                values = {name: None if column is None else column[design] for name, column in columns.items()}
                outcomes[place] = Outcome(values)
            else:
                outcomes[place] = Outcome(None, _no_mapping(batch.parts, design))
    return outcomes


def _network(network: Network | str | Path) -> Network:
    return network if isinstance(network, Network) else load_network(network)


def evaluate(network: Network | str | Path, hardware: Hardware | str | Path) -> Evaluation:
    """Return one network on one design in full: totals, layers, ledger.

    Args:
        network: The network, or the name or file of one.
        hardware: An accelerator, or a chip of several; or the name or file of one.

    Raises:
        InputError: A name or file is not known, or not right.
        NoMappingError: A layer does not fit, and the message names the tightest limit; or the engine can do no layer.
        ValueError: ``hardware`` is a batch of several designs.
    """
    hardware = load_hardware(hardware) if isinstance(hardware, str | Path) else hardware
    return evaluation(hardware, run_parts(_network(network), hardware))


def evaluation(hardware: Hardware, parts: Sequence[Part]) -> Evaluation:
    """Return what parts that ran a network come to; see ``evaluate``."""
    network, clock = parts[0].plan.network, parts[0].accelerator.clock_hz
    totals, areas = _metrics(network, parts), dict[str, float | None]()
    for part in parts:
        for name, area in area_mm2(part.accelerator, part.run.bits[0]).items():
            known = name in (memory.name for memory in part.accelerator.memories)
            areas[name if known else part.called(name)] = None if area is None else float(area[0])
    found = Evaluation(
        network=network.name,
        hardware=hardware.name,
        network_parameters=network.parameters,
        hardware_parameters=hardware.parameters[0],
        totals=totals,
        layers=tuple(layer_results(parts, totals.area_mm2)),
        ledger=tuple(ledger(parts)),
        peak_macs_per_cycle=float(peak_macs(parts)[0]),
        clock_hz=float(clock[0]),
        bandwidth_bytes_per_cycle=_bandwidths(parts),
        area_mm2=areas,
        parts={part.name: float(part.peak(clock)[0]) for part in parts if part.name is not None},
    )
    if checking():
        check_evaluation(found)
    return found


def evaluate_totals(network: Network, hardware: Hardware) -> Metrics:
    """Return the totals of one network on one design. Raises as ``evaluate``."""
    return _metrics(network, run_parts(network, hardware))


def run_parts(network: Network, hardware: Hardware) -> tuple[Part, ...]:
    """Return what the accelerator runs, or each part of a chip. Raises as ``evaluate``."""
    if len(hardware) != 1:
        raise ValueError(f"one design is wanted, got a batch of {len(hardware)}; use evaluate_points for a batch")
    if isinstance(hardware, Chip):
        parts = on_parts(network, hardware)
    else:
        plan = planned(network, hardware.abilities)
        parts = (Part(None, plan, hardware, run([plan], hardware)),)
    if not all(part.run.legal[0, 0] for part in parts):
        raise NoMappingError(_no_mapping(parts, 0))
    return parts


def _no_mapping(parts: Sequence[Part], design: int) -> str:
    """Return which layer of ``design`` has no mapping, and what is in its way."""
    part = next(part for part in parts if not part.run.legal[0, design])
    result, accelerator, network = part.run, part.accelerator, part.plan.network
    place = int(result.table.array_places[np.argmin(result.mac.legal[:, design])])
    step = part.plan.steps[place]
    rows = result.mapped(place, design)[0].rows
    if isinstance(rows, BlockRows) and rows.problem:
        return f"{network.name} does not run on {accelerator.name}: layer {step.name} ({step.op.label}): {rows.problem}"
    limits = "; ".join(map(str, misfits(result, place, design, accelerator)))
    return f"{network.name} does not fit {accelerator.name}: layer {step.name} ({step.op.label}): {limits}"


def _bandwidths(parts: Sequence[Part]) -> dict[str, float | None]:
    """Return the bandwidth of every memory per cycle of the first part; of the one shared, the widest part's."""
    clock, found = parts[0].accelerator.clock_hz, dict[str, float | None]()
    for part in parts:
        for memory in part.accelerator.memories:
            limit, known = memory.bandwidth_bytes_per_cycle, found.get(memory.name, 0.0)
            wide = None if limit is None or known is None else float((limit / part.ratio(clock))[0])
            found[memory.name] = None if wide is None or known is None else max(known, wide)
    return found


def _metrics(network: Network, parts: Sequence[Part]) -> Metrics:
    found = figures(network, parts)

    def one(name: str) -> float:
        value = found[name]
        return float("nan") if value is None else float(np.ravel(value)[0])

    return Metrics(
        params=network.params,
        macs=network.macs,
        latency_cycles=one("latency_cycles"),
        latency_ms=one("latency_ms"),
        energy_pj=one("energy_pj"),
        utilization=Utilization(one("utilization_spatial"), one("utilization_temporal"), one("utilization_overall")),
        dram_bytes=one("dram_bytes"),
        peak_memory_bytes=parts[0].plan.peak_bytes,
        area_mm2=None if found["area_mm2"] is None else one("area_mm2"),
    )
