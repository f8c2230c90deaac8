"""Axes that a person can read: logarithmic where values span much, with ticks at 1, 2 and 5 written out in full."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.report.text import Scale, number, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AxisScale", "axis_scale"]

#: Greatest over least value from which an axis is logarithmic.
_WIDE = 8.0
_FEW_TICKS = 7
_SUBDIVISIONS = (
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 2.0, 5.0),
    (1.0, 3.0),
    (1.0,),
)


@dataclass(frozen=True, slots=True)
class AxisScale:
    """How one axis shows a metric.

    Attributes:
        metric: Name of the metric.
        scale: Factor and unit.
        log: Whether the axis is logarithmic.
        low: Least value shown, in the scale's unit.
        high: Greatest value shown, in the scale's unit.
    """

    metric: str
    scale: Scale
    log: bool
    low: float
    high: float

    @property
    def label(self) -> str:
        """Name of the metric and unit."""
        return self.scale.label(self.metric)

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis: the values with a margin of a twentieth."""
        if self.log:
            margin = max((self.high / self.low) ** 0.05, 1.02)
            return self.low / margin, self.high * margin
        margin = 0.05 * (self.high - self.low or abs(self.high) or 1.0)
        return (0.0 if 0 <= self.low < self.high / 2 else self.low - margin), self.high + margin

    @property
    def ticks(self) -> list[float]:
        """Places of the ticks of a logarithmic axis; empty for a linear one, where any library's own are good."""
        if not self.log:
            return []
        low, high = self.limits
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        candidates = [
            [part * 10.0**decade for decade in decades for part in parts if low <= part * 10.0**decade <= high]
            for parts in _SUBDIVISIONS
        ]
        return next((ticks for ticks in candidates if len(ticks) <= _FEW_TICKS), candidates[-1])

    def apply(self, axes: Axes, which: str) -> None:
        """Set the ``x`` or ``y`` axis of matplotlib's ``axes``."""
        set_limits, axis = (axes.set_xlim, axes.xaxis) if which == "x" else (axes.set_ylim, axes.yaxis)
        if self.log:
            (axes.set_xscale if which == "x" else axes.set_yscale)("log")
            axis.set_ticks(self.ticks, [number(tick) for tick in self.ticks])
            axis.set_ticks([], minor=True)
        set_limits(*self.limits)

    def plotly(self) -> dict[str, Any]:
        """Return plotly's description of the axis."""
        low, high = self.limits
        described: dict[str, Any] = {"title": {"text": self.label}, "range": [low, high]}
        if self.log:
            described |= {"type": "log", "range": [math.log10(low), math.log10(high)]}
            described |= {"tickvals": self.ticks, "ticktext": [number(tick) for tick in self.ticks]}
        return described


def axis_scale(metric: str, values: Iterable[float], scale: Scale | None = None) -> AxisScale:
    """Return the axis that shows all ``values`` of ``metric``; without any, an axis from 0 to 1.

    Args:
        metric: Name of the metric.
        values: In the metric's own unit.
        scale: Factor and unit, if another axis has to agree; otherwise what suits the values.
    """
    known = [value for value in values if math.isfinite(value)]
    scale = scale or scale_of(metric, known)
    if not known:
        return AxisScale(metric, scale, False, 0.0, 1.0)
    low, high = min(known), max(known)
    return AxisScale(metric, scale, low > 0 and high / low >= _WIDE, scale.of(low), scale.of(high))
