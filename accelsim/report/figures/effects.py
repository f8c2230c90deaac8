"""Which parameter matters: the spread of latency, energy and utilization by parameter value."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.parameters import Value
from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import INK
from accelsim.report.scales import AxisScale
from accelsim.report.text import Scale, number, parameters, title
from accelsim.study.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Box", "Effect", "Effects", "charts", "effect"]

_METRICS = ("latency_ms", "energy_pj", "utilization_overall")
#: Algorithms that do not choose points for their results; the points of others crowd at good values and would mislead.
_IMPARTIAL = ("grid", "random")
_MOST_VALUES, _BINS = 8, 5
_LONGEST_TICK = 6


@dataclass(frozen=True, slots=True)
class Box:
    """The designs with one value of a parameter.

    Attributes:
        value: The value, or a range of values, in words.
        levels: The metric at the 5th, 25th, 50th, 75th and 95th percentile, each as a multiple of the median of all
            designs of the same network.
    """

    value: str
    levels: tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one parameter does to one metric.

    Attributes:
        parameter: Name of the parameter.
        metric: Name of the metric.
        boxes: One a value, in ascending order, or in the order of appearance for words.
    """

    parameter: str
    metric: str
    boxes: tuple[Box, ...]

    @property
    def factor(self) -> float:
        """Greatest over least median: 1 if the parameter does not matter on its own."""
        medians = [box.levels[2] for box in self.boxes]
        return max(medians) / min(medians) if medians and min(medians) > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Effects:
    """The parameters of one template, those that matter most first; a row a metric, a column a parameter."""

    template: str
    colour: str
    designs: int
    rows: tuple[tuple[Effect, ...], ...]


def effect(records: Sequence[Record], parameter: str, metric: str) -> Effect:
    """Return the effect of ``parameter`` on ``metric``.

    Args:
        records: With the parameter and the metric, of one template; several networks can be mixed.
        parameter: Name as in ``Record.point``.
        metric: Name of a metric that is above 0.
    """
    medians = {
        network: statistics.median(_value(record, metric) for record in records if record.network == network)
        for network in {record.network for record in records}
    }
    groups: dict[str, list[float]] = {}
    names = _groups([record.point[parameter] for record in records])
    for record in records:
        relative = _value(record, metric) / medians[record.network]
        groups.setdefault(names[record.point[parameter]], []).append(relative)
    boxes = []
    for name in dict.fromkeys(names.values()):
        low, first, middle, third, high = np.percentile(groups[name], (5, 25, 50, 75, 95)).tolist()
        boxes.append(Box(name, (low, first, middle, third, high)))
    return Effect(parameter, metric, tuple(boxes))


def _value(record: Record, metric: str) -> float:
    value = record.metrics.get(metric)
    return math.nan if value is None else value


def _groups(values: Sequence[Value]) -> dict[Value, str]:
    """Return value -> name of its box: each value its own, or at most five ranges if there are many numbers."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return {value: parameters({"": value})[""] for value in dict.fromkeys(values)}
    distinct = sorted(set(numbers))
    if len(distinct) <= _MOST_VALUES:
        return {value: number(value, 4) for value in distinct}
    parts = [part for part in np.array_split(np.array(distinct), _BINS) if len(part)]
    return {
        value: f"{number(float(part[0]))}–{number(float(part[-1]))}"
        for part in parts
        for value in distinct
        if part[0] <= value <= part[-1]
    }


def charts(findings: Findings) -> list[Chart[Effects]]:
    """Return one chart a template of which at least one parameter varies among comparable designs."""
    arms = _impartial(findings)
    found = []
    for template in findings.templates:
        records = [
            record
            for record in findings.comparable
            if record.hardware == template
            and record.arm in arms
            and all(_value(record, metric) > 0 for metric in _METRICS)
        ]
        varied = [
            name
            for name in dict.fromkeys(name for record in records for name in record.point)
            if len({record.point[name] for record in records if name in record.point}) > 1
        ]
        if varied:
            found.append(Chart(template, _effects(findings, template, records, varied)))
    return found


def _impartial(findings: Findings) -> set[str]:
    arms = findings.result.spec.search.each_arm()
    whole = {name for name, arm in arms.items() if arm.algorithm in _IMPARTIAL and arm.vary == "both"}
    return whole & set(findings.result.arms) or set(findings.result.arms)


def _effects(findings: Findings, template: str, records: list[Record], varied: list[str]) -> Effects:
    table = {
        name: [effect([record for record in records if name in record.point], name, metric) for metric in _METRICS]
        for name in varied
    }
    # By the product of the effects on latency and energy, which is about the effect on the energy-delay product.
    order = sorted(varied, key=lambda name: -table[name][0].factor * table[name][1].factor)
    rows = tuple(tuple(table[name][row] for name in order) for row in range(len(_METRICS)))
    return Effects(template, findings.looks[template].colour, len(records), rows)


def size(data: Effects) -> tuple[float, float]:
    """Return width and height in inches."""
    return 0.6 + 2.0 * max(len(data.rows[0]), 3), 1.75 * len(data.rows) + 0.6


def draw(figure: Figure, data: Effects) -> None:
    """Draw a box a value: the box holds the middle half of the designs, the whiskers nine tenths."""
    grid = figure.subplots(len(data.rows), len(data.rows[0]), squeeze=False, sharey="row", sharex="col")
    for row, effects in zip(grid, data.rows, strict=True):
        for axes, one in zip(row, effects, strict=True):
            _draw_effect(axes, one, data.colour)
        levels = [level for one in effects for box in one.boxes for level in box.levels]
        AxisScale("", Scale(1.0, ""), True, min(levels), max(levels)).apply(row[0], "y")
        row[0].set_ylabel(f"{title(effects[0].metric)}\n(× median)")
    for axes, one in zip(grid[0], data.rows[0], strict=True):
        axes.set_title(_name(one.parameter))


def _name(parameter: str) -> str:
    side, _, name = parameter.partition(".")
    return f"{name} (network)" if side == "network" else name or side


def _draw_effect(axes: Axes, one: Effect, colour: str) -> None:
    for place, box in enumerate(one.boxes):
        low, first, middle, third, high = box.levels
        axes.plot([place, place], [low, high], color=colour, lw=1)
        axes.bar(place, third - first, bottom=first, width=0.6, color=colour, alpha=0.55)
        axes.plot([place - 0.3, place + 0.3], [middle, middle], color=INK, lw=1.6)
    axes.annotate(
        f"×{one.factor:.2g}", (1, 1), xycoords="axes fraction", xytext=(-2, -2), textcoords="offset points",
        ha="right", va="top", fontsize=8, fontweight="bold",
    )
    # Long words break at their underscores, so that neighbours do not overlap.
    names = [box.value.replace("_", "\n") if len(box.value) > _LONGEST_TICK else box.value for box in one.boxes]
    axes.set_xticks(range(len(one.boxes)), names, fontsize=7)
    axes.set_xlim(-0.6, len(one.boxes) - 0.4)
    axes.grid(visible=False, axis="x")


FIGURES.register("effects")(
    FigureKind(
        title="Which parameter matters",
        reading="Each box holds the designs with one value of a parameter, whatever the others are, relative to the "
        "median design of the same network: line = median, box = middle half, whiskers = nine tenths. Boxes at one "
        "height mean that the parameter does not matter on its own; the factor in the corner is the highest over the lowest median.",
        place=30,
        charts=charts,
        draw=draw,
        size=size,
    )
)
