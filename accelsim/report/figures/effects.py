"""Which parameter matters: the spread of latency, energy and utilization by parameter value."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.parameters import Value
from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import GRID, INK
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.scales import AxisScale
from accelsim.report.text import TIMES, Scale, number, parameters, title
from accelsim.study.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Box", "Effect", "Effects", "charts", "effect"]

_METRICS = ("latency_ms", "energy_pj", "utilization_overall")
#: Algorithms that do not choose points for their results; the points of others crowd at good values and would mislead.
_IMPARTIAL = ("grid", "random")
_MOST_VALUES, _BINS = 8, 5
_LEFT, _TOP, _BOTTOM = 0.75, 0.42, 0.5
_LONGEST_TICK, _LONGEST_TICKS, _GAP = 6, 34, 0.1


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
        value: f"{number(float(part[0]))} to {number(float(part[-1]))}"
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
    return _LEFT + 2.0 * max(len(data.rows[0]), 3), _TOP + _BOTTOM + 1.7 * len(data.rows)


def draw(figure: Figure, data: Effects) -> None:
    """Draw a box a value: the box holds the middle half of the designs, the whiskers nine tenths."""
    # Fixed margins and one axes a metric: fitting many small axes to their labels would take longer than the drawing.
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    margins = {"left": _LEFT / width, "right": 0.99, "top": 1 - _TOP / height, "bottom": _BOTTOM / height}
    rows = figure.subplots(len(data.rows), 1, squeeze=False, sharex=True, gridspec_kw=margins | {"hspace": 0.2})[:, 0]
    for axes, effects in zip(rows, data.rows, strict=True):
        for place, one in enumerate(effects):
            _draw_effect(axes, one, place, data.colour)
        _axis(effects).apply(axes, "y")
        axes.set_ylabel(_label(effects[0].metric).replace(" (", "\n("))
        axes.grid(visible=False, axis="x")
    groups = data.rows[0]
    for place, one in enumerate(groups):
        rows[0].text(place, 1.12, _name(one.parameter), transform=rows[0].get_xaxis_transform(), fontweight="bold")
    places = [place for start, one in enumerate(groups) for place in _places(start, one)]
    rows[-1].set_xticks(places, [name for one in groups for name in _ticks(one)], fontsize=7)
    rows[-1].set_xlim(-0.02, len(groups) - _GAP + 0.02)


def _places(start: int, one: Effect) -> NDArray[np.float64]:
    """Return where the boxes of the parameter in column ``start`` stand; a column is 1 wide with a gap at its right."""
    return start + (np.arange(len(one.boxes)) + 0.5) * (1 - _GAP) / len(one.boxes)


def _ticks(one: Effect) -> list[str]:
    """Return the values, long words broken at their underscores, and every other one left out if they are many."""
    names = [box.value.replace("_", "\n") if len(box.value) > _LONGEST_TICK else box.value for box in one.boxes]
    crowded = len(names) * (1 + max(len(line) for name in names for line in name.split("\n"))) > _LONGEST_TICKS
    return [name if not crowded or place % 2 == 0 else "" for place, name in enumerate(names)]


def _axis(effects: Sequence[Effect]) -> AxisScale:
    levels = [level for one in effects for box in one.boxes for level in box.levels]
    return AxisScale("", Scale(1.0, ""), True, min(levels), max(levels))


def _label(metric: str) -> str:
    return f"{title(metric)} ({TIMES} median)"


def _name(parameter: str) -> str:
    side, _, name = parameter.partition(".")
    return f"{name} (network)" if side == "network" else name or side


def _draw_effect(axes: Axes, one: Effect, start: int, colour: str) -> None:
    places, half = _places(start, one), 0.3 * (1 - _GAP) / len(one.boxes)
    low, first, middle, third, high = np.array([box.levels for box in one.boxes]).T
    axes.vlines(places, low, high, color=colour, lw=1)
    axes.bar(places, third - first, bottom=first, width=2 * half, color=colour, alpha=0.55)
    axes.hlines(middle, places - half, places + half, color=INK, lw=1.6)
    axes.axvline(start - _GAP / 2, color=GRID, lw=0.8)
    end = start + 1 - _GAP
    axes.text(end, 1.02, f"{TIMES}{one.factor:.2g}", transform=axes.get_xaxis_transform(), ha="right", fontsize=8.5)


def interactive(data: Effects) -> list[Plot]:
    """Return one plotly figure a metric, with the parameters side by side."""
    return [_plotly_row(effects, data) for effects in data.rows]


def _plotly_row(effects: Sequence[Effect], data: Effects) -> Plot:
    y = _axis(effects).plotly() | {"title": {"text": f"{TIMES} median"}}
    spec = layout({}, y, height=245) | {"margin": {"l": 62, "r": 14, "t": 10, "b": 74}}
    traces: list[dict[str, Any]] = []
    share = 1 / len(effects)
    for place, one in enumerate(effects):
        low, first, middle, third, high = zip(*(box.levels for box in one.boxes), strict=True)
        number_of = str(place + 1) if place else ""
        traces.append(
            {
                "type": "box",
                "x": [escaped(box.value).replace("_", "<br>") for box in one.boxes],
                "xaxis": f"x{number_of}",
            }
            | {"lowerfence": low, "q1": first, "median": middle, "q3": third, "upperfence": high}
            | {"name": escaped(_name(one.parameter)), "showlegend": False}
            | {"marker": {"color": data.colour}, "line": {"width": 1.5}}
        )
        spec[f"xaxis{number_of}"] = {
            "type": "category",
            "domain": [place * share + 0.01, (place + 1) * share - 0.01],
            "title": {"text": f"<b>{escaped(_name(one.parameter))}</b><br>{TIMES}{one.factor:.2g}"},
            "tickfont": {"size": 11},
            "showgrid": False,
        }
    return Plot(_label(effects[0].metric), traces, spec)


FIGURES.register("effects")(
    FigureKind(
        title="Which parameter matters",
        reading="Each box holds the designs with one value of a parameter, whatever the others are, relative to the "
        "median design of the same network: line = median, box = middle half, whiskers = nine tenths. Boxes at one "
        "height mean that the parameter does not matter on its own; the factor is the highest over the lowest median.",
        place=30,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
    )
)
