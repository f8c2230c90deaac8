"""The fronts that several searches of one problem found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import INK, Look, looks
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.scales import AxisScale, axis_scale
from accelsim.report.scatter_drawing import hover_text
from accelsim.report.text import number
from accelsim.schedule.result import METRICS
from accelsim.search.objectives import Objective
from accelsim.study.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ArmFront", "ArmFronts", "charts", "edge"]

_COLOURS = "viridis_r"


@dataclass(frozen=True, slots=True)
class ArmFront:
    """What one arm found, all its seeds together.

    Attributes:
        arm: Name of the arm.
        records: Its Pareto set over all objectives.
        x: Values along the x axis, in the axis' unit.
        y: Values along the y axis, in the axis' unit.
        colour: Values of the third objective in its unit; empty if there are two objectives.
        edge: Corners of the staircase that bounds the set on the two axes.
    """

    arm: str
    records: tuple[Record, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: tuple[float, ...]
    edge: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ArmFronts:
    """The arms of one network on common axes."""

    arms: tuple[ArmFront, ...]
    x: AxisScale
    y: AxisScale
    colour: AxisScale | None
    looks: dict[str, Look]


def edge(points: Sequence[tuple[float, float]], signs: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Return the points that no other beats on both axes, by ascending cost along the first.

    Args:
        points: Values along two axes.
        signs: For each axis 1 if less is better, -1 if more is.
    """
    kept: list[tuple[float, float]] = []
    for point in sorted(set(points), key=lambda point: (signs[0] * point[0], signs[1] * point[1])):
        if not kept or signs[1] * point[1] < signs[1] * kept[-1][1]:
            kept.append(point)
    return tuple(kept)


def charts(findings: Findings) -> list[Chart[ArmFronts]]:
    """Return one chart a network; none if there is one objective, or if there is one arm and no accuracy is wanted."""
    result = findings.result
    accuracy = any(objective.metric not in METRICS for objective in result.objectives)
    if len(result.objectives) < 2 or (len(result.arms) < 2 and not accuracy):
        return []
    objectives = _axes(result.objectives)
    found = []
    for network in result.networks:
        fronts = result.fronts(network)
        records = [record for front in fronts.values() for record in front]
        if not records:
            continue
        x, y, *third = [axis_scale(o.metric, [_value(record, o) for record in records]) for o in objectives]
        arms = tuple(_arm(arm, front, objectives, [x, y, *third]) for arm, front in fronts.items())
        found.append(Chart(network, ArmFronts(arms, x, y, third[0] if third else None, looks(result.arms))))
    return found


def _axes(objectives: Sequence[Objective]) -> list[Objective]:
    """Return the objectives for the x axis, the y axis and, if there is a third the colour; what is maximised is up."""
    raised = [objective for objective in objectives if objective.goal == "max"]
    lowered = [objective for objective in objectives if objective.goal == "min"]
    return [*lowered[:1], *raised, *lowered[1:]][:3]


def _value(record: Record, objective: Objective) -> float:
    value = record.metrics[objective.metric]
    return float("nan") if value is None else value


def _arm(arm: str, found: Sequence[Record], objectives: Sequence[Objective], axes: Sequence[AxisScale]) -> ArmFront:
    # Several seeds often find the same design.
    front = list({(r.hardware, *sorted(r.point.items())): r for r in reversed(found)}.values())[::-1]
    columns = [
        tuple(axis.scale.of(_value(record, objective)) for record in front)
        for objective, axis in zip(objectives, axes, strict=True)
    ]
    signs = (objectives[0].sign, objectives[1].sign)
    corners = edge(list(zip(columns[0], columns[1], strict=True)), signs)
    return ArmFront(arm, tuple(front), columns[0], columns[1], columns[2] if len(columns) > 2 else (), corners)


def size(data: ArmFronts) -> tuple[float, float]:
    """Return width and height in inches: two panels a row."""
    columns = min(len(data.arms), 2)
    return 1.0 + 4.6 * columns, 0.5 + 3.2 * -(-len(data.arms) // columns)


def draw(figure: Figure, data: ArmFronts) -> None:
    """Draw a panel an arm: its set as dots, its staircase, and the staircases of the other arms thin."""
    columns = min(len(data.arms), 2)
    rows = -(-len(data.arms) // columns)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    dots, lines = None, []
    for axes, arm in zip(grid, data.arms, strict=False):
        for other in data.arms:
            colour, own = data.looks[other.arm].colour, other is arm
            lines += axes.plot(*_columns(other.edge), color=colour, lw=2 if own else 0.9, drawstyle="steps-post")
        dots = _draw_dots(axes, arm, data)
        axes.set_title(f"{arm.arm}: {len(arm.records)} designs", loc="left")
    for axes in grid[len(data.arms) :]:
        axes.set_visible(False)
    data.x.apply(grid[0], "x")
    data.y.apply(grid[0], "y")
    figure.supxlabel(data.x.label, fontsize=9)
    figure.supylabel(data.y.label, fontsize=9)
    names = [arm.arm for arm in data.arms]
    figure.legend(lines[: len(names)], names, loc="outside upper center", ncols=min(len(names), 5))
    if dots is not None and data.colour is not None:
        bar = figure.colorbar(dots, ax=grid.tolist(), label=data.colour.label, shrink=0.7, aspect=30)
        data.colour.apply(bar.ax, "y")
        bar.ax.set_ylim(data.colour.low, data.colour.high)


def _columns(corners: tuple[tuple[float, float], ...]) -> tuple[list[float], list[float]]:
    return [x for x, _ in corners], [y for _, y in corners]


def _draw_dots(axes: Axes, arm: ArmFront, data: ArmFronts) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    if data.colour is None:
        return axes.scatter(arm.x, arm.y, s=16, color=data.looks[arm.arm].colour)
    norm = (LogNorm if data.colour.log else Normalize)(data.colour.low, data.colour.high)
    return axes.scatter(arm.x, arm.y, s=16, c=arm.colour, cmap=_COLOURS, norm=norm, ec=INK, lw=0.3, zorder=3)


def interactive(data: ArmFronts) -> list[Plot]:
    """Return one plotly figure with all arms; a design shows its parameters when it is pointed at."""
    traces: list[dict[str, Any]] = []
    for arm in data.arms:
        look = data.looks[arm.arm]
        across, up = _columns(arm.edge)
        group = {"type": "scatter", "legendgroup": escaped(arm.arm)}
        line = {"color": look.colour, "width": 2, "shape": "hv"}
        traces.append(
            group | {"mode": "lines", "x": across, "y": up, "line": line, "hoverinfo": "skip", "showlegend": False}
        )
        marker: dict[str, Any] = {
            "symbol": look.symbol,
            "size": 8,
            "color": look.colour,
            "line": {"width": 1, "color": look.colour},
        }
        if data.colour is not None:
            marker |= {"color": [_shade(value, data.colour) for value in arm.colour], "coloraxis": "coloraxis"}
        text = [f"<b>{escaped(arm.arm)}</b><br>{hover_text(record)}" for record in arm.records]
        name = f"{arm.arm} ({len(arm.records)})"
        traces.append(
            group
            | {"mode": "markers", "name": escaped(name), "x": arm.x, "y": arm.y, "marker": marker, "text": text}
            | {"hovertemplate": "%{text}<extra></extra>"}
        )
    spec = layout(data.x.plotly(), data.y.plotly(), height=520)
    if data.colour is not None:
        bar: dict[str, Any] = {"title": {"text": data.colour.label}}
        if data.colour.log:
            bar |= {"tickvals": [_shade(tick, data.colour) for tick in data.colour.ticks]}
            bar |= {"ticktext": [number(tick) for tick in data.colour.ticks]}
        spec["coloraxis"] = {"colorscale": "Viridis", "reversescale": True, "colorbar": bar}
    return [Plot("", traces, spec)]


def _shade(value: float, axis: AxisScale) -> float:
    """Return where ``value`` stands on plotly's colour axis, which knows no logarithm."""
    return math.log10(value) if axis.log else value


FIGURES.register("arms")(
    FigureKind(
        title="What each search found",
        reading="Dots are the designs of a search that no other design of it beats in all objectives; the line bounds "
        "them on the two axes. The better search has its line further to the side that is better: left for what "
        "should be small, up for accuracy.",
        place=12,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
    )
)
