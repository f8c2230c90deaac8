"""From runs to figures: a network on designs of one accelerator, or of a chip whose parts each ran their share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.area import total_area_mm2
from accelsim.cost.rows import worth
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule.ranking import Totals
from accelsim.schedule.run import Run, in_order
from accelsim.schedule.steps import Plan
from accelsim.workload.network import Network

__all__ = ["Macs", "Part", "columns", "figures", "peak_macs"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An accelerator, alone or on a chip, and what it ran of a network.

    Attributes:
        name: Its name on the chip; ``None`` if it is alone.
        plan: The steps.
        accelerator: The designs.
        run: What became of them.
        beside: Leakage of the rest of the chip, in pJ a cycle; shape ``(designs,)``.
    """

    name: str | None
    plan: Plan
    accelerator: Accelerator
    run: Run
    beside: Floats | None = None

    def called(self, component: str) -> str:
        """Return the name of a component in tables, behind that of the part."""
        return component if self.name is None else f"{self.name}.{component}"

    def ratio(self, clock_hz: Floats) -> Floats:
        """Return cycles of another clock in a cycle of its own, shape ``(designs,)``."""
        return clock_hz / self.accelerator.clock_hz

    def peak(self, clock_hz: Floats) -> Floats:
        """Return its MACs in a cycle of another clock at most, shape ``(designs,)``."""
        return self.accelerator.peak_macs / self.ratio(clock_hz)


class Macs(NamedTuple):
    """Multiply-accumulates of networks.

    Attributes:
        all: All of them.
        at_peak: Those that the array could have done at its peak while the PEs at work were as busy as they are: a MAC
            of a unit with a tenth of the array's peak counts as ten; see ``cost.rows.worth``.
    """

    all: Floats | int
    at_peak: Floats | float


def figures(network: Network, parts: Sequence[Part]) -> dict[str, Floats | float | None]:
    """Return the totals of designs: metric -> shape ``(designs,)``, or the same for all of them.

    Cycles are those of the first part's clock; the parts work one at a time.
    """
    clock = parts[0].accelerator.clock_hz
    cycles, energy, busy, outer = (np.zeros(len(clock)) for _ in range(4))
    at_peak: Floats | float = 0.0
    for part in parts:
        found, ratio = part.run, part.ratio(clock)
        cycles += found.network_cycles[0] * ratio
        energy += found.network_pj[0]
        busy += found.over_steps(found.steps)[0] * ratio
        outer += found.over_steps(found.dram_bytes)[0]
        at_peak = at_peak + _at_peak(part)
    totals, plan = Totals(cycles, energy, busy, outer), parts[0].plan
    macs = Macs(network.macs, at_peak)
    known = columns(clock, peak_macs(parts), totals, network.params, macs, plan.peak_bytes)
    areas = [total_area_mm2(part.accelerator, part.run.bits[0]) for part in parts]
    known_areas = [area for area in areas if area is not None]
    return {**known, "area_mm2": sum(known_areas) if len(known_areas) == len(areas) else None}


def peak_macs(parts: Sequence[Part]) -> Floats:
    """Return the MACs of all parts in a cycle of the first part's clock at most, shape ``(designs,)``."""
    clock = parts[0].accelerator.clock_hz
    return np.asarray(sum(part.peak(clock) for part in parts))


def _at_peak(part: Part) -> Floats | float:
    """Return the MACs that the array could have done at its peak; see ``Macs``."""
    if part.accelerator.one_peak:
        return part.plan.array_macs
    steps = [part.plan.steps[place] for place in part.plan.places]
    each = [step.op.macs * worth(part.accelerator, step.op) for step in steps if step.on_array]
    found: Floats | float = in_order(np.stack(each), np.array([0, len(each)]))[0] if each else 0.0
    return found


def columns(
    clock_hz: Floats, peak_macs: Floats, totals: Totals, params: Floats | int, macs: Macs, peak: Floats | float
) -> dict[str, Any]:
    """Return metric -> value for totals of networks or of designs, of which one or the other is single; without area.

    Args:
        clock_hz: Clock of the designs.
        peak_macs: Their MACs in a cycle at most.
        totals: What they cost.
        params: Learned values of the networks.
        macs: Their multiply-accumulates.
        peak: Most bytes of activations alive at once.
    """
    cycles, energy = totals.latency_cycles, totals.energy_pj
    milliseconds = cycles / clock_hz * 1e3
    with np.errstate(invalid="ignore", divide="ignore"):
        spatial, temporal = macs.at_peak / (totals.steps * peak_macs), totals.steps / cycles
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
