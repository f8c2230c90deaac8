"""One network on many designs: figures as columns, worked out a few thousand designs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.area import total_area_mm2
from accelsim.cost.energy import op_bits
from accelsim.cost.rows import worth
from accelsim.errors import InputError, Problem
from accelsim.hardware.accelerator import Abilities, Accelerator
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Points, table_of_points
from accelsim.schedule.ranking import Totals
from accelsim.schedule.result import METRICS
from accelsim.schedule.run import Run, in_order, run
from accelsim.schedule.steps import Plan, plan
from accelsim.workload.network import Network

__all__ = ["Macs", "Part", "Sweep", "columns", "figures", "parts", "planned", "sweep"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Designs costed at once: enough to make the cost of a call disappear, few enough for the memory they take.
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A network on many designs.

    Attributes:
        points: The designs' parameters.
        metrics: Metric (a name of ``METRICS``) -> shape ``(designs,)``; NaN where it is not modelled, and where a
            design has no mapping.
        legal: Shape ``(designs,)``: whether every layer has a mapping.
    """

    points: Points
    metrics: dict[str, Floats]
    legal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.legal)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Designs that were run together.

    Attributes:
        places: Their places among all.
        plan: The steps of the network.
        accelerator: The designs.
        run: What became of them.
    """

    places: Ints
    plan: Plan
    accelerator: Accelerator
    run: Run


def sweep(network: Network, template: HardwareTemplate, parameters: Mapping[str, object]) -> Sweep:
    """Return the figures of ``network`` on many designs of ``template``, each with its best mappings.

    Args:
        network: The network.
        template: The hardware.
        parameters: Parameter -> a value, or an array of shape ``(designs,)``; others take their defaults.

    Raises:
        InputError: An unknown parameter, a value outside its domain, no layer made of MACs.

    Example:
        >>> found = sweep(load_network("mobilenet_v2"), hardware_template("npu"), {"dram_gbps": np.array([2, 4])})
        >>> found.metrics["latency_ms"]
    """
    points = table_of_points(template.space, parameters, template.name)
    metrics = {name: np.full(len(points), np.nan) for name in METRICS}
    legal = np.zeros(len(points), dtype=bool)
    for part in parts(network, template, points):
        legal[part.places] = part.run.legal[0]
        for name, values in figures(network, part).items():
            metrics[name][part.places] = np.nan if values is None else np.where(part.run.legal[0], values, np.nan)
    return Sweep(points, metrics, legal)


def planned(network: Network, abilities: Abilities) -> Plan:
    """Return the steps of a network that the array has something to do for.

    Raises:
        InputError: No layer is made of MACs that the array can do, ``abilities`` names a kind of op that there is not,
            or the hardware cannot run an op and has no host.
    """
    steps = plan(network, abilities)
    if not len(steps.table.mac_places):
        message = "no layer is made of multiply-accumulates, so the array has nothing to do"
        if network.macs:
            reasons = sorted({step.reason for step in steps.steps if step.op.macs and step.reason is not None})
            message = f"every layer made of multiply-accumulates runs on the host ({', '.join(reasons)})"
        raise InputError(Problem(field=network.name, message=message))
    return steps


def parts(network: Network, template: HardwareTemplate, points: Points) -> Iterator[Part]:
    """Yield the designs at ``points`` a part at a time; the designs of a part have arrays of the same size.

    Raises:
        InputError: A value makes no sense where it is used, or no layer is made of MACs.
    """
    for alike in points.alike():
        every = template.build(points.take(alike))
        steps = planned(network, every.abilities)
        copies = [axis.size for memory in every.memories if memory.fan_out is not None for axis in memory.fan_out.axes]
        depthwise = () if every.depthwise is None else every.depthwise.alike()
        sizes = np.stack([*every.array.alike(), *depthwise, *copies])
        _, size = np.unique(sizes, axis=1, return_inverse=True)
        order = np.argsort(size.reshape(-1), kind="stable")
        edges = np.flatnonzero(np.diff(size.reshape(-1)[order])) + 1
        for group in np.split(order, edges):
            for start in range(0, len(group), _AT_ONCE):
                some = group[start : start + _AT_ONCE]
                accelerator = every.take(some)
                yield Part(alike[some], steps, accelerator, run([steps], accelerator))


class Macs(NamedTuple):
    """Multiply-accumulates of networks.

    Attributes:
        all: All of them.
        at_peak: Those that the array could have done at its peak while the PEs at work were as busy as they are: a MAC
            of a unit with a tenth of the array's peak counts as ten; see ``cost.rows.worth``.
    """

    all: Floats | int
    at_peak: Floats | float


def figures(network: Network, part: Part) -> dict[str, Floats | float | None]:
    """Return the totals of the designs of a part: metric -> shape ``(designs,)``, or the same for all of them."""
    accelerator, found = part.accelerator, part.run
    busy, outer = (found.over_steps(values)[0] for values in (found.steps, found.dram_bytes))
    totals = Totals(found.network_cycles[0], found.network_pj[0], busy, outer)
    area = total_area_mm2(accelerator, op_bits(found.table.ops[0]))
    at_peak: Floats | float = part.plan.array_macs
    if not accelerator.one_peak:
        each = [step.op.macs * worth(accelerator, step.op) for step in part.plan.steps if step.on_array]
        at_peak = in_order(np.stack(each), np.array([0, len(each)]))[0]
    macs = Macs(network.macs, at_peak)
    known = columns(accelerator, totals, network.params, macs, part.plan.peak_bytes)
    return {**known, "area_mm2": area}


def columns(
    accelerator: Accelerator, totals: Totals, params: Floats | int, macs: Macs, peak: Floats | float
) -> dict[str, Any]:
    """Return metric -> value for totals of networks or of designs, of which one or the other is single; without area.

    Args:
        accelerator: The designs.
        totals: What they cost.
        params: Learned values of the networks.
        macs: Their multiply-accumulates.
        peak: Most bytes of activations alive at once.
    """
    cycles, energy = totals.latency_cycles, totals.energy_pj
    milliseconds = cycles / accelerator.clock_hz * 1e3
    with np.errstate(invalid="ignore", divide="ignore"):
        spatial, temporal = macs.at_peak / (totals.steps * accelerator.peak_macs), totals.steps / cycles
        overall = spatial * temporal
    return {
        "params": params,
        "macs": macs.all,
        "latency_cycles": cycles,
        "latency_ms": milliseconds,
        "energy_pj": energy,
        "edp_pj_ms": energy * milliseconds,
        "utilization_spatial": spatial,
        "utilization_temporal": temporal,
        "utilization_overall": overall,
        "dram_bytes": totals.dram_bytes,
        "peak_memory_bytes": peak,
    }
