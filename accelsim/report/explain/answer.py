"""From a network and a design to an explanation that is held against the model before anybody sees it."""

from __future__ import annotations

import math
from dataclasses import replace

from accelsim.errors import BrokenLawError, InputError, Problem, shown
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.chip import Hardware
from accelsim.report.explain.blocks import BlockSums
from accelsim.report.explain.case import Case, case_of
from accelsim.report.explain.figures import Leaking
from accelsim.report.explain.host import HostSums
from accelsim.report.explain.layer import LayerSums
from accelsim.report.explain.network import network_sums
from accelsim.report.explain.stripes import repeat_of
from accelsim.report.explain.sums import Explanation, Line, Part
from accelsim.report.explain.vector import VectorSums
from accelsim.schedule.evaluate import evaluation, run_parts
from accelsim.schedule.figures import Part as Running
from accelsim.schedule.result import Evaluation, LayerResult
from accelsim.schedule.run import Run
from accelsim.schedule.steps import Plan
from accelsim.schedule.support import REASONS
from accelsim.workload.network import Network

__all__ = ["QUESTIONS", "cases", "explain", "step_named"]

#: Question -> what its figure means.
QUESTIONS: dict[str, str] = {
    "cycles": "cycles per inference: the slowest of what overlaps, what is waited for, and the start of the op",
    "energy": "picojoules per inference: the sum of a ledger, count x energy of one action",
    "utilization": "useful PEs while computing (spatial) x share of time spent computing (temporal) = overall",
    "traffic": "bytes in and out of every memory: elements x refetches x bits / 8",
}
_CLOSE = 1e-9


def explain(question: str, network: Network, hardware: Hardware, layer: str | None = None) -> Explanation:
    """Return why a layer's figure, or the network's, is what it is.

    Args:
        question: One of ``QUESTIONS``.
        network: The network.
        hardware: One design of an accelerator, or of a chip.
        layer: Name of the layer, as ``accelsim evaluate`` prints it; ``None`` for the whole network.

    Raises:
        InputError: There is no such question or layer.
        NoMappingError: A layer does not fit.
        BrokenLawError: The sums do not give the model's figures.
    """
    if question not in QUESTIONS:
        raise InputError(Problem.unknown("question", question, QUESTIONS))
    running = run_parts(network, hardware)
    result = evaluation(hardware, running)
    name = ""
    if layer is None:
        parts, results = network_sums(question, result)
        figures = _figures(result, None)
        subject = f"{len(result.layers)} layers"
    else:
        steps = running[0].plan
        place = step_named(steps, network, layer)
        found, own = result.layers[place], next(part for part in running if place in part.plan.places)
        name = found.name
        parts, results = _layer_sums(question, own, place)
        figures = _figures(result, found)
        figures["latency_cycles"] /= float(own.ratio(running[0].accelerator.clock_hz)[0])
        subject = f"{found.op}   {found.shape}"
        if steps.steps[place].fused:
            words = ", ".join(op.label for op in steps.steps[place].fused)
            subject += f"   ({words} applied to its result on the way out: vector work, no traffic)"
        if found.part is not None:
            subject += f"   (on {found.part}: cycles of its clock, {own.accelerator.clock_hz[0] / 1e6:g} MHz)"
        if found.host_reason is not None:
            subject += f"   (on the host: {REASONS[found.host_reason]})"
        if found.stripes > 1:
            subject += f"   (in {found.stripes} stripes of rows: maps before or behind it are never whole on chip)"
        results = _named(results, found)
    _hold(results, figures, name or network.name)
    return Explanation(
        question=question,
        network=network.name,
        hardware=hardware.name,
        layer=name,
        subject=subject,
        meaning=QUESTIONS[question],
        parts=tuple(part for part in parts if part.lines),
        results=results,
    )


def step_named(steps: Plan, network: Network, layer: str) -> int:
    """Return the place of a step.

    The name of a block of a single step is enough, and an activation that rides along is found where it rides.

    Raises:
        InputError: There is no such layer, or it runs as several steps.
    """
    names = [step.name for step in steps.steps]
    inside = [name for name in names if name.startswith(f"{layer}.")]
    if layer in names or len(inside) == 1:
        return names.index(layer if layer in names else inside[0])
    if inside:
        message = "it runs as several steps"
        raise InputError(Problem(field="--layer", message=message, got=shown(layer), allowed=", ".join(inside)))
    riding = next((node for node in network if node.name == layer and node.inputs), None)
    if riding is not None:
        return step_named(steps, network, riding.inputs[0])
    raise InputError(Problem.unknown("--layer", layer, names, "there is no such layer"))


def cases(steps: Plan, accelerator: Accelerator, result: Run) -> dict[int, Case]:
    """Return place -> case of every step that runs as a loop nest, on the one design of ``result``."""
    found = {}
    for place in map(int, result.table.array_places):
        front, row = result.mapped(place, 0)
        if front.rows.machine.blocks is not None:
            continue
        step = steps.steps[place]
        used = tuple(float(level[place, 0]) for level in result.stays.used_bytes)
        found[place] = case_of(step.name, accelerator, front, row, used, step.fused, result.handed_before(place))
    return found


def _layer_sums(question: str, own: Running, place: int) -> tuple[list[Part], dict[str, Line]]:
    steps, accelerator, result = own.plan, own.accelerator, own.run
    widths = Leaking(result.bits[0], None if own.beside is None else float(own.beside[0]))
    sums: LayerSums | VectorSums | HostSums | BlockSums
    if steps.steps[place].reason is not None and accelerator.host is not None:
        sums = HostSums(steps, place, accelerator, accelerator.host, result, widths)
    elif steps.steps[place].on_array and accelerator.array.blocks is not None:
        sums = BlockSums(steps.steps[place], accelerator, *result.mapped(place, 0), widths)
    elif steps.steps[place].op.macs:
        sums = LayerSums(cases(steps, accelerator, result)[place], widths, repeat_of(result, place))
    else:
        sums = VectorSums(steps, place, accelerator, result, widths)
    found: tuple[list[Part], dict[str, Line]] = getattr(sums, question)()
    return found


def _figures(result: Evaluation, layer: LayerResult | None) -> dict[str, float]:
    """Return the model's figures by name."""
    metrics = result.totals if layer is None else layer.metrics
    figures = {name: value for name, value in metrics.flat().items() if value is not None}
    for name in result.bandwidth_bytes_per_cycle:
        layers = result.layers if layer is None else (layer,)
        figures[f"bytes_by_level.{name}"] = sum(each.bytes_by_level[name] for each in layers)
    if layer is not None:
        figures["slack"] = layer.slack
    return figures


def _named(results: dict[str, Line], layer: LayerResult) -> dict[str, Line]:
    """Return the results with the bottleneck called as the evaluation calls it."""
    if "busiest_cycles" not in results:
        return results
    line = results["busiest_cycles"]
    if line.note != layer.bottleneck:
        raise BrokenLawError(layer.name, "the worked sum has the model's bottleneck", line.note, layer.bottleneck)
    return results | {"busiest_cycles": replace(line, what=f"bottleneck: {layer.bottleneck}", note="")}


def _hold(results: dict[str, Line], figures: dict[str, float], layer: str) -> None:
    """Hold worked sums against the model's figures.

    Raises:
        BrokenLawError: They differ.
    """
    for name, line in results.items():
        if name in figures and not math.isclose(line.number().value, figures[name], rel_tol=_CLOSE, abs_tol=_CLOSE):
            raise BrokenLawError(layer, f"the worked sum is the model's {name}", line.number().value, figures[name])
