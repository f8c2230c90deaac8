"""Numbers and names as a person reads them: prefixes chosen by size, units always shown, absent is not zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.parameters import Point, Value
from accelsim.schedule.result import METRICS
from accelsim.search.objectives import unit_of
from accelsim.units import human

__all__ = [
    "NOT_MODELLED",
    "TIMES",
    "Scale",
    "amount",
    "meaning",
    "number",
    "parameters",
    "percent",
    "scale_of",
    "short",
    "slug",
    "title",
]

NOT_MODELLED = human(None)
TIMES = "\N{MULTIPLICATION SIGN}"

#: Unit that a metric's name carries -> ((how many of it, name), ...), ascending.
_STEPS: dict[str, tuple[tuple[float, str], ...]] = {
    "pJ": ((1.0, "pJ"), (1e3, "nJ"), (1e6, "µJ"), (1e9, "mJ"), (1e12, "J")),
    "pJ ms": ((1.0, "pJ·ms"), (1e3, "nJ·ms"), (1e6, "µJ·ms"), (1e9, "mJ·ms"), (1e12, "J·ms")),
    "ms": ((1e-6, "ns"), (1e-3, "µs"), (1.0, "ms"), (1e3, "s")),
    "B": ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")),
    "mm^2": ((1.0, "mm²"),),
    "": ((1.0, ""),),
    "cycles": ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")),
}
_TITLES = {
    "params": "parameters",
    "macs": "MACs",
    "latency_cycles": "latency in cycles",
    "latency_ms": "latency",
    "energy_pj": "energy",
    "edp_pj_ms": "energy-delay product",
    "utilization_spatial": "spatial utilization",
    "utilization_temporal": "temporal utilization",
    "utilization_overall": "overall utilization",
    "dram_bytes": "DRAM traffic",
    "peak_memory_bytes": "peak activation memory",
    "area_mm2": "area",
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
}
_SHORT = {"edp_pj_ms": "EDP", "top1": "top-1", "top5": "top-5"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one metric are shown: multiplied by ``factor``, with ``unit`` behind."""

    factor: float
    unit: str

    def of(self, value: float) -> float:
        """Return ``value`` in the scale's unit."""
        return value * self.factor

    def label(self, metric: str) -> str:
        """Return the words for an axis, such as ``energy (mJ)``."""
        return f"{title(metric)} ({self.unit})" if self.unit else title(metric)


def title(metric: str) -> str:
    """Return what a person calls the metric."""
    return _TITLES.get(metric, metric.replace("_", " "))


def short(metric: str) -> str:
    """Return the shortest name a person knows the metric by, for the heads of tables."""
    return _SHORT.get(metric, title(metric))


def meaning(metric: str) -> str:
    """Return what the metric means, in a clause; for one that the cost model does not know, its name in words."""
    return METRICS.get(metric, title(metric))


def scale_of(metric: str, values: Iterable[float]) -> Scale:
    """Return the scale in which ``values`` of ``metric`` read best together; shares and accuracies in percent.

    The prefix is that of the geometric mean, so that neither end of a wide range needs many digits.
    """
    if metric.startswith("utilization"):
        return Scale(100.0, "%")
    if metric.startswith(("top1", "top5")):
        return Scale(1.0, "%")
    steps = _STEPS.get(unit_of(metric), ((1.0, unit_of(metric)),))
    logs = [math.log10(value) for value in values if math.isfinite(value) and value > 0]
    typical = 10 ** (sum(logs) / len(logs)) if logs else 1.0
    size, unit = next((step for step in reversed(steps) if typical >= step[0] * (1 - 1e-12)), steps[0])
    return Scale(1.0 / size, unit)


def amount(metric: str, value: float | None, digits: int = 3) -> str:
    """Return ``value`` of ``metric`` with the prefix and unit that suit it; ``None`` reads "not modelled".

    Example:
        >>> amount("energy_pj", 1.234e9), amount("utilization_overall", 0.4567), amount("area_mm2", None)
        ('1.23 mJ', '45.7 %', 'not modelled')
    """
    if value is None:
        return NOT_MODELLED
    if unit_of(metric) in ("", "cycles") and not metric.startswith(("utilization", "top")):
        return human(value, digits=digits)
    scale = scale_of(metric, [value])
    return f"{number(scale.of(value), digits)} {scale.unit}"


def number(value: float, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` significant digits, trailing zeros kept off and no exponent where avoidable."""
    if not math.isfinite(value):
        return str(value)
    if value and abs(value) < 10.0**-digits:
        return f"{value:.{digits - 1}e}"
    if abs(float(f"{value:.{digits}g}")) >= 10.0**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float) -> str:
    """Return a share in [0, 1] as percent; what is above zero never reads as zero."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.9995 else "100 %"


def parameters(point: Point, side: str = "") -> dict[str, str]:
    """Return parameter -> value in words.

    Args:
        point: Values by name.
        side: ``network`` or ``hardware`` to keep only names that start so, without that prefix; empty to keep all.
    """
    kept = {name: value for name, value in point.items() if not side or name.startswith(f"{side}.")}
    return {name.removeprefix(f"{side}.") if side else name: _value(value) for name, value in kept.items()}


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def slug(text: str) -> str:
    """Return ``text`` fit for a file name or an id: lower-case letters, digits, dashes and underscores."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "unnamed"
