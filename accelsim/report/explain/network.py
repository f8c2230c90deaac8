"""A network's figures as sums over its layers, the five largest by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from accelsim.report.explain.figures import utilization
from accelsim.report.explain.sums import Line, Number, Part, Term, divided, plus, times
from accelsim.schedule.result import Evaluation, LayerResult, LedgerLine

__all__ = ["network_sums"]

_TOP = 5
Sums = tuple[list[Part], dict[str, Line]]


def network_sums(question: str, result: Evaluation) -> Sums:
    """Return the sums of a network's figures.

    Args:
        question: ``cycles``, ``energy``, ``utilization`` or ``traffic``.
        result: The network's figures on a design.
    """
    return _SUMS[question](result)


def _over_layers(layers: Iterable[LayerResult], figure: Callable[[LayerResult], float], what: str, unit: str) -> Sums:
    """Return the largest layers, with their shares, and the sum over all."""
    ranked = sorted(layers, key=lambda layer: -figure(layer))
    whole = sum(figure(layer) for layer in ranked)
    top, rest = ranked[:_TOP], ranked[_TOP:]
    terms: list[Term] = [Number(figure(layer), layer.name) for layer in top]
    if rest:
        terms.append(Number(sum(figure(layer) for layer in rest), f"{len(rest)} other layers"))
    shares = []
    for layer in top:
        if whole:
            share = divided(times(Number(100, "100"), Number(figure(layer), unit)), Number(whole, "all"))
            shares.append(Line(what=f"share of {layer.name}", sum=share, unit="%", note=_why(layer)))
    return [Part(title=f"{what} of the largest layers", lines=tuple(shares))], {
        what: Line(what=f"{what} of the network", sum=plus(*terms), unit=unit)
    }


def _why(layer: LayerResult) -> str:
    return f"{layer.op}, waits for {layer.bottleneck}"


def _cycles(result: Evaluation) -> Sums:
    parts, results = _over_layers(result.layers, lambda layer: layer.metrics.latency_cycles, "latency_cycles", "cycles")
    cycles = results["latency_cycles"].number("cycles")
    milliseconds = divided(times(cycles, Number(1000, "ms in a s")), Number(result.clock_hz, "cycles a second"))
    return parts, results | {"latency_ms": Line(what="latency", sum=milliseconds, unit="ms")}


def _energy(result: Evaluation) -> Sums:
    parts, _ = _over_layers(result.layers, lambda layer: layer.metrics.energy_pj, "energy_pj", "pJ")
    lines = [_ledger_line(line) for line in result.ledger]
    terms = [line.number() for line in lines if line.sum is not None]
    ledger = Part(title="ledger of the network", lines=tuple(lines))
    return [*parts, ledger], {"energy_pj": Line(what="energy of the network", sum=plus(*terms), unit="pJ")}


def _ledger_line(line: LedgerLine) -> Line:
    what = " ".join(word for word in (line.component, line.operand, line.action) if word)
    if line.pj_per_action is None:
        return Line(what=what, note="not modelled")
    sum_ = times(Number(line.count, "actions"), Number(line.pj_per_action, "pJ an action"))
    return Line(what=what, sum=sum_, unit="pJ")


def _utilization(result: Evaluation) -> Sums:
    steps = sum(layer.metrics.utilization.temporal * layer.metrics.latency_cycles for layer in result.layers)
    totals, peak = result.totals, result.peak_macs_per_cycle
    parts, _ = _over_layers(
        result.layers,
        lambda layer: layer.peak_macs_per_cycle * layer.metrics.latency_cycles - _on_array(layer),
        "idle PE-cycles",
        "PE-cycles",
    )
    lost, results = utilization(peak, _macs_on(peak, result), steps, totals.latency_cycles)
    return [*parts, *lost], results


def _macs_on(peak: float, result: Evaluation) -> Term:
    """Return the MACs of a network; one at another peak than the array's counts as many as its time is worth."""
    others: dict[tuple[float, float], int] = {}
    for layer in result.layers:
        key = result.parts.get(layer.part or "", peak), layer.peak_macs_per_cycle
        if key[0] != key[1]:
            others[key] = others.get(key, 0) + _on_array(layer)
    own = Number(sum(map(_on_array, result.layers)) - sum(others.values()), "MACs")
    words = "MACs a cycle at the peak of the array"
    worth = [
        divided(times(Number(macs, "other MACs"), Number(array, words)), Number(other, "a cycle at their own peak"))
        for (array, other), macs in others.items()
        if macs
    ]
    return plus(own, *worth) if worth else own


def _on_array(layer: LayerResult) -> int:
    return 0 if layer.host_reason is not None else layer.metrics.macs


def _moved(name: str, layer: LayerResult) -> float:
    return layer.bytes_by_level[name]


def _traffic(result: Evaluation) -> Sums:
    parts: list[Part] = []
    results: dict[str, Line] = {}
    for name in result.bandwidth_bytes_per_cycle:
        found, total = _over_layers(result.layers, partial(_moved, name), f"bytes of {name}", "B")
        parts += found
        results[f"bytes_by_level.{name}"] = total[f"bytes of {name}"]
    return parts, results


_SUMS: dict[str, Callable[[Evaluation], Sums]] = {
    "cycles": _cycles,
    "energy": _energy,
    "utilization": _utilization,
    "traffic": _traffic,
}
