"""The front door of the model: one design in full, or a batch of designs in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from accelsim.cost.area import area_mm2
from accelsim.cost.blocks import BlockRows
from accelsim.cost.energy import op_bits
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Points, Value
from accelsim.schedule.detail import layer_results, ledger
from accelsim.schedule.laws import check_evaluation, checking
from accelsim.schedule.result import Evaluation, Metrics, Outcome, Utilization
from accelsim.schedule.run import Run, misfits, run
from accelsim.schedule.steps import Plan
from accelsim.schedule.sweep import Part, figures, parts, planned
from accelsim.workload.network import Network

__all__ = ["evaluate", "evaluate_points", "evaluate_totals"]


def evaluate_points(
    network: Network, template: HardwareTemplate, points: Sequence[Mapping[str, Value]]
) -> list[Outcome]:
    """Return the figures of ``network`` on every design of ``template``, in the order of ``points``.

    Designs are costed together by broadcasting; a design on which a layer does not fit has an error instead.

    Raises:
        InputError: A point is outside the template's space.
    """
    if not points:
        return []
    complete = Points.of([template.space.complete(point, template.name) for point in points])
    outcomes: list[Outcome] = [Outcome(None)] * len(points)
    for part in parts(network, template, complete):
        columns = {
            name: None if values is None else np.broadcast_to(values, len(part.places)).tolist()
            for name, values in figures(network, part).items()
        }
        for design, place in enumerate(part.places):
            if part.run.legal[0, design]:
                values = {name: None if column is None else column[design] for name, column in columns.items()}
                outcomes[place] = Outcome(values)
            else:
                outcomes[place] = Outcome(None, _no_mapping(network, part.plan, part.run, part.accelerator, design))
    return outcomes


def evaluate(network: Network, accelerator: Accelerator) -> Evaluation:
    """Return one network on one design in full: totals, layers, ledger.

    Raises:
        NoMappingError: A layer does not fit; the message names the tightest limit.
        ValueError: ``accelerator`` is a batch of several designs.
    """
    part = _one(network, accelerator)
    plan, result, totals = part.plan, part.run, _metrics(network, part)
    found = Evaluation(
        network=network.name,
        hardware=accelerator.name,
        network_parameters=network.parameters,
        hardware_parameters=accelerator.parameters[0],
        totals=totals,
        layers=tuple(layer_results(plan, accelerator, result, totals.area_mm2)),
        ledger=tuple(ledger(plan, accelerator, result)),
        peak_macs_per_cycle=float(accelerator.peak_macs[0]),
        clock_hz=float(accelerator.clock_hz[0]),
        bandwidth_bytes_per_cycle={
            memory.name: None
            if memory.bandwidth_bytes_per_cycle is None
            else float(memory.bandwidth_bytes_per_cycle[0])
            for memory in accelerator.memories
        },
        area_mm2={
            name: None if area is None else float(area[0])
            for name, area in area_mm2(accelerator, op_bits(result.table.ops[0])).items()
        },
    )
    if checking():
        check_evaluation(found)
    return found


def evaluate_totals(network: Network, accelerator: Accelerator) -> Metrics:
    """Return the totals of one network on one design. Raises as ``evaluate``."""
    return _metrics(network, _one(network, accelerator))


def _one(network: Network, accelerator: Accelerator) -> Part:
    if len(accelerator) != 1:
        raise ValueError(f"one design is wanted, got a batch of {len(accelerator)}; use evaluate_points for a batch")
    plan = planned(network, accelerator.abilities)
    result = run([plan], accelerator)
    if not result.legal[0, 0]:
        raise NoMappingError(_no_mapping(network, plan, result, accelerator, 0))
    return Part(np.zeros(1, dtype=np.int64), plan, accelerator, result)


def _no_mapping(network: Network, plan: Plan, result: Run, accelerator: Accelerator, design: int) -> str:
    """Return which layer of ``design`` has no mapping, and what is in its way."""
    place = int(result.table.mac_places[np.argmin(result.mac.legal[:, design])])
    step = plan.steps[place]
    rows = result.mapped(place, design)[0].rows
    if isinstance(rows, BlockRows) and rows.problem:
        return f"{network.name} does not run on {accelerator.name}: layer {step.name} ({step.op.label}): {rows.problem}"
    limits = "; ".join(map(str, misfits(result, place, design, accelerator)))
    return f"{network.name} does not fit {accelerator.name}: layer {step.name} ({step.op.label}): {limits}"


def _metrics(network: Network, part: Part) -> Metrics:
    found = figures(network, part)

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
        peak_memory_bytes=part.plan.peak_bytes,
        area_mm2=None if found["area_mm2"] is None else one("area_mm2"),
    )
