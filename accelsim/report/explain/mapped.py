"""The best mapping of a layer on a design, as ``accelsim map`` shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from accelsim.cost.front import Front
from accelsim.cost.rows import demand, op_rows, working
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.chip import Hardware, single
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.fixed import Fixed
from accelsim.mappers.found import Found
from accelsim.mappers.objective import EDP, Objective
from accelsim.report.explain.answer import step_named
from accelsim.report.explain.case import case_of
from accelsim.report.explain.nest import nest
from accelsim.report.explain.view import MappingView
from accelsim.schedule.detail import shape_of
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.schedule.support import REASONS
from accelsim.workload.network import Network

__all__ = ["Mapped", "map_layer"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """A layer with its best mapping.

    Attributes:
        view: The layer and the nest.
        objective: What mappings are judged by.
        found: The best mapping, its figures and their proof.
        mapping: The mapping with everything fixed.
        fixed: What it had to obey, if anything.
        default: What the default mapper's choice comes to; ``None`` if it finds none that fits.
        clock_hz: Clock frequency.
    """

    view: MappingView
    objective: Objective
    found: Found
    mapping: Fixed
    fixed: Fixed | None
    default: Found | None
    clock_hz: float

    def milliseconds(self, found: Found) -> float:
        """Return the latency of a mapping in ms."""
        return found.latency_cycles / self.clock_hz * 1e3

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        certificate = self.found.certificate
        proof = {**asdict(certificate), "unseen": certificate.unseen, "proven": certificate.proven}
        return {
            **self.view.as_dict(),
            "objective": asdict(self.objective),
            **self._figures(self.found),
            "certificate": proof,
            "default": None if self.default is None else self._figures(self.default),
            "mapping": self.mapping.as_dict(),
        }

    def _figures(self, found: Found) -> dict[str, float]:
        return {
            "latency_cycles": found.latency_cycles,
            "latency_ms": self.milliseconds(found),
            "energy_pj": found.energy_pj,
            "edp_pj_ms": found.energy_pj * self.milliseconds(found),
            "score": found.score,
        }


def map_layer(
    network: Network, hardware: Hardware, layer: str, objective: Objective = EDP, fixed: Fixed | None = None
) -> Mapped:
    """Return the best mapping of a layer, with the tensors on chip that the default mapper keeps there.

    Args:
        network: The network.
        hardware: One design of an accelerator, or of one part of a chip.
        layer: Name of the layer, as ``accelsim evaluate`` prints it.
        objective: What mappings are judged by.
        fixed: What they have to obey.

    Raises:
        InputError: There is no such layer, it has no multiply-accumulates, no mapping can obey what is fixed, or the
            design is a chip of several parts.
        NoMappingError: No mapping fits; the message names the tightest limit.
    """
    accelerator = single(hardware, "a layer is mapped onto one of them")
    steps = plan(network, accelerator.abilities)
    place = step_named(steps, network, layer)
    step = steps.steps[place]
    if not step.on_array:
        message = "it has no multiply-accumulates: its tensors stream through the vector unit, with no tiles"
        if step.reason is not None:
            message = f"it runs on the host: {REASONS[step.reason]}"
        raise InputError(Problem(field="--layer", message=message, got=shown(layer)))
    if accelerator.array.blocks is not None:
        best_mapping(step.op, accelerator)  # says why there is none
    result = run([steps], accelerator)
    front, row = result.mapped(place, 0)
    used = tuple(float(level[place, 0]) for level in result.stays.used_bytes)
    sizes = [np.inf if memory.size_bytes is None else float(memory.size_bytes[0]) for memory in accelerator.memories]
    free = np.array(sizes) - np.array(used)

    def best(given: Fixed | None) -> Found:
        return best_mapping(step.op, accelerator, objective=objective, kept=front.kept, free_bytes=free, fixed=given)

    found, seen = best(fixed), working(accelerator, step.op)
    rows = op_rows(step.op, found.mapping, front.rows.machine)
    only = Front(rows, np.zeros(1, dtype=np.int64), front.kept, demand(rows, front.kept))
    default = None
    if result.mac.legal[int(np.searchsorted(result.table.array_places, place)), 0]:
        chosen = front.nests.mappings[np.array([row])]
        default = best(Fixed.of(chosen, step.op, seen))
    case = case_of(step.name, accelerator, only, 0, used, step.fused, result.handed_before(place))
    return Mapped(
        view=MappingView(layer=step.name, op=step.label, shape=shape_of(step.op), lines=tuple(nest(case))),
        objective=objective,
        found=found,
        mapping=Fixed.of(found.mapping, step.op, seen),
        fixed=fixed,
        default=default,
        clock_hz=float(accelerator.clock_hz[0]),
    )
