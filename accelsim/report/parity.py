"""Parity plots: what a model predicts against what a reference has, on logarithmic axes with a band of 10 %."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.report.figure import drawn
from accelsim.report.palette import GRID, INK, MUTED, looks
from accelsim.report.scales import AxisScale
from accelsim.report.text import Scale, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ParityPanel", "draw", "panel", "parity_png", "size"]

Floats = npt.NDArray[np.float64]
_BAND = 0.1
_COLUMNS = 3
_SIDE = 3.5
_TITLE_LETTERS = 36
#: Least ratio of an axis' ends; points that are all alike stand in its middle.
_SPAN = 3.0
#: Up to so many points a panel, dots are large.
_FEW = 40
#: Groups that the legend tells apart; of more, only colours and markers do.
_MOST_NAMED = 12
#: Unit -> a metric that is shown in the same prefixes.
_LIKE = {
    "": "latency_cycles",
    "elements": "latency_cycles",
    "words": "latency_cycles",
    "ms": "latency_ms",
    "pJ": "energy_pj",
    "B": "dram_bytes",
}


@dataclass(frozen=True, slots=True)
class ParityPanel:
    """The points of one figure; only those that both sides have above 0 can be drawn.

    Attributes:
        title: What it is.
        groups: Name -> references and predictions of its points, in the axis' unit.
        axis: Both axes.
        left_out: Points that are not drawn.
    """

    title: str
    groups: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    axis: AxisScale
    left_out: int


def panel(title: str, unit: str, groups: Sequence[str], predicted: Floats, reference: Floats) -> ParityPanel | None:
    """Return the points of one figure, or ``None`` if none can be drawn.

    Args:
        title: What it is.
        unit: Its unit; empty for a count.
        groups: A group for each point.
        predicted: Shape ``(points,)``.
        reference: The same.
    """
    kept = (predicted > 0) & (reference > 0)
    if not kept.any():
        return None
    both = np.concatenate([predicted[kept], reference[kept]])
    scale = scale_of(_LIKE[unit], both.tolist()) if unit in _LIKE else Scale(1.0, unit)
    if unit in ("elements", "words"):
        scale = Scale(scale.factor, f"{scale.unit} {unit}".strip())
    low, high = float(both.min()), float(both.max())
    stretch = max(1.0, math.sqrt(_SPAN * low / high))
    axis = AxisScale(title, scale, True, scale.of(low / stretch), scale.of(high * stretch))
    names = np.array(groups)
    found = {}
    for name in dict.fromkeys(groups):
        chosen = kept & (names == name)
        if chosen.any():
            found[name] = (
                tuple(scale.of(value) for value in reference[chosen].tolist()),
                tuple(scale.of(value) for value in predicted[chosen].tolist()),
            )
    return ParityPanel(title, found, axis, int(np.sum(~kept)))


def size(panels: Sequence[ParityPanel]) -> tuple[float, float]:
    """Return width and height in inches: up to three panels a row, and room for a legend."""
    columns = min(len(panels), _COLUMNS)
    return max(_SIDE * columns, 4.0), _SIDE * -(-len(panels) // columns) + 0.4


def draw(figure: Figure, panels: Sequence[ParityPanel]) -> None:
    """Draw the panels with one legend for all."""
    columns = min(len(panels), _COLUMNS)
    styles = looks(name for one in panels for name in one.groups)
    handles = {}
    for place, one in enumerate(panels):
        axes = figure.add_subplot(-(-len(panels) // columns), columns, place + 1)
        _draw_panel(axes, one)
        large = sum(len(reference) for reference, _ in one.groups.values()) <= _FEW
        for name, (reference, predicted) in one.groups.items():
            look = styles[name]
            (handles[name],) = axes.plot(
                reference,
                predicted,
                look.marker,
                ms=5.5 if large else 3.2,
                mew=0,
                color=look.colour,
                alpha=0.6,
                zorder=3,
            )
    named = {name: handle for name, handle in handles.items() if name}
    if 1 <= len(named) <= _MOST_NAMED:
        legend = figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=min(len(named), 6))
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)


def _draw_panel(axes: Axes, one: ParityPanel) -> None:
    """Draw the axes of a panel, the line of equality and its band."""
    ends = np.geomspace(*one.axis.limits, 2)
    axes.fill_between(ends, ends * (1 - _BAND), ends * (1 + _BAND), color=GRID, lw=0, zorder=1)
    axes.plot(ends, ends, color=MUTED, lw=0.8, zorder=2)
    one.axis.apply(axes, "x")
    one.axis.apply(axes, "y")
    unit = f" ({one.axis.scale.unit})" if one.axis.scale.unit else ""
    axes.set(xlabel=f"reference{unit}", ylabel=f"predicted{unit}")
    axes.tick_params(labelsize=7)
    axes.set_aspect("equal")
    axes.set_title(textwrap.fill(one.title, _TITLE_LETTERS), loc="left")
    if one.left_out:
        said = f"{one.left_out:,} points with a 0 are not drawn"
        axes.text(0.97, 0.04, said, transform=axes.transAxes, ha="right", color=INK, fontsize=7)


def parity_png(panels: Sequence[ParityPanel]) -> bytes:
    """Return the panels as a PNG; the same points give the same bytes.

    Raises:
        ValueError: There are no panels.
    """
    if not panels:
        raise ValueError("a parity plot needs a panel")
    return drawn(draw, size(panels), panels)
