"""The roofline: what the array could do, what the outermost memory allows, and where each layer stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Design, Findings
from accelsim.report.palette import INK
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.scales import AxisScale
from accelsim.report.text import Scale, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LayerDot", "Roofline", "Rooflines", "charts", "roofline"]

_LARGEST_AREA = 260.0
_SMALLEST_AREA = 14.0


@dataclass(frozen=True, slots=True)
class LayerDot:
    """A layer with MACs.

    Attributes:
        name: Name of the layer.
        op: What it is.
        bottleneck: What it waits for.
        intensity: MACs per byte of the outermost memory; ``None`` if the layer moves no such byte.
        macs_per_cycle: MACs per cycle that it reaches.
        time_share: Share of the network's time.
    """

    name: str
    op: str
    bottleneck: str
    intensity: float | None
    macs_per_cycle: float
    time_share: float


@dataclass(frozen=True, slots=True)
class Roofline:
    """One design.

    Attributes:
        title: Its template and role.
        memory: Name of the outermost memory.
        peak: MACs per cycle of the array.
        bandwidth: Bytes per cycle of the outermost memory, ``None`` if it has no limit.
        dots: The layers with MACs.
    """

    title: str
    memory: str
    peak: float
    bandwidth: float | None
    dots: tuple[LayerDot, ...]

    @property
    def ridge(self) -> float | None:
        """MACs per byte from which the peak can be reached; ``None`` without a limit of bandwidth."""
        return self.peak / self.bandwidth if self.bandwidth else None

    def roof(self, intensity: float) -> float:
        """Return the MACs per cycle that are attainable at ``intensity`` MACs per byte."""
        return self.peak if self.bandwidth is None else min(self.peak, self.bandwidth * intensity)


@dataclass(frozen=True, slots=True)
class Rooflines:
    """The designs of one network on common axes.

    Attributes:
        designs: A panel each.
        x: MACs per byte; its high end is also where layers without traffic stand.
        y: MACs per cycle.
        colours: Bottleneck -> colour.
    """

    designs: tuple[Roofline, ...]
    x: AxisScale
    y: AxisScale
    colours: dict[str, str]


def roofline(design: Design) -> Roofline:
    """Return the roofline of ``design`` with its layers."""
    evaluation = design.evaluation
    total = sum(layer.metrics.latency_cycles for layer in evaluation.layers)
    memory, bandwidth = next(iter(evaluation.bandwidth_bytes_per_cycle.items()), ("DRAM", None))
    dots = tuple(
        LayerDot(
            layer.name,
            layer.op,
            layer.bottleneck,
            layer.metrics.macs / layer.metrics.dram_bytes if layer.metrics.dram_bytes else None,
            layer.metrics.macs / layer.metrics.latency_cycles,
            layer.metrics.latency_cycles / total,
        )
        for layer in evaluation.layers
        if layer.metrics.macs and layer.metrics.latency_cycles and layer.host_reason is None
    )
    return Roofline(design.label, memory, evaluation.peak_macs_per_cycle, bandwidth, dots)


def charts(findings: Findings) -> list[Chart[Rooflines]]:
    """Return one chart a network that has a best design, with one panel a design."""
    found = []
    for network in findings.result.networks:
        designs = tuple(roofline(design) for design in findings.designs_of(network))
        dots = [dot for design in designs for dot in design.dots]
        if dots:
            used = {dot.bottleneck for dot in dots}
            colours = {name: colour for name, colour in findings.bottlenecks.items() if name in used}
            found.append(Chart(network, Rooflines(designs, *_axes(designs, dots), colours)))
    return found


def _axes(designs: tuple[Roofline, ...], dots: list[LayerDot]) -> tuple[AxisScale, AxisScale]:
    known = [dot.intensity for dot in dots if dot.intensity is not None]
    known += [design.ridge for design in designs if design.ridge is not None]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    # Layers without traffic stand at the right edge, clear of the others.
    high *= 4.0 if any(dot.intensity is None for dot in dots) else 2.0
    rates = [dot.macs_per_cycle for dot in dots] + [design.peak for design in designs]
    plain = Scale(1.0, "")
    return (
        AxisScale("MACs per DRAM byte", plain, True, low / 2, high),
        AxisScale("MACs per cycle", plain, True, min(rates) / 1.5, max(rates) * 1.3),
    )


def size(data: Rooflines) -> tuple[float, float]:
    """Return width and height in inches."""
    return max(4.6, 3.6 * len(data.designs)), 3.7


def draw(figure: Figure, data: Rooflines) -> None:
    """Draw a panel a design, with a dot a layer: its area is the layer's time, its colour what it waits for."""
    from matplotlib.lines import Line2D

    panels = figure.subplots(1, len(data.designs), squeeze=False)[0]
    for axes, design in zip(panels, data.designs, strict=True):
        _draw_design(axes, design, data)
    panels[0].set_ylabel(data.y.label)
    handles = [Line2D([], [], ls="", marker="o", color=colour, label=name) for name, colour in data.colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))


def _draw_design(axes: Axes, design: Roofline, data: Rooflines) -> None:
    across, rates = _roof(design, data)
    axes.plot(across, rates, color=INK, lw=1.3)
    axes.annotate(
        f"peak {number(design.peak)}",
        (across[-1], design.peak),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
    )
    for marker, moving in (("o", True), (">", False)):
        dots = [dot for dot in design.dots if (dot.intensity is not None) is moving]
        axes.scatter(
            [data.x.high if dot.intensity is None else dot.intensity for dot in dots],
            [dot.macs_per_cycle for dot in dots],
            s=[_area(dot.time_share) for dot in dots],
            c=[data.colours[dot.bottleneck] for dot in dots],
            marker=marker,
            ec="white",
            lw=0.4,
            alpha=0.75,
        )
    data.x.apply(axes, "x")
    data.y.apply(axes, "y")
    axes.set_title(
        design.title if design.bandwidth is None else f"{design.title}: {number(design.bandwidth)} B/cycle", loc="left"
    )
    axes.set_xlabel(f"MACs per {design.memory} byte")


def _area(time_share: float) -> float:
    """Return the area of a dot in square points; the largest is reached by a third of the time."""
    return _SMALLEST_AREA + _LARGEST_AREA * min(3 * time_share, 1.0)


def _roof(design: Roofline, data: Rooflines) -> tuple[list[float], list[float]]:
    left, right = data.x.limits
    across = [left, right]
    if design.ridge is not None and left < design.ridge < right:
        across.insert(1, design.ridge)
    return across, [design.roof(intensity) for intensity in across]


def interactive(data: Rooflines) -> list[Plot]:
    """Return one plotly figure a design; a dot names its layer when it is pointed at."""
    return [_plotly_design(design, data) for design in data.designs]


def _plotly_design(design: Roofline, data: Rooflines) -> Plot:
    across, rates = _roof(design, data)
    limit = "" if design.bandwidth is None else f", {number(design.bandwidth)} B/cycle"
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "x": across, "y": rates, "line": {"color": INK, "width": 1.6}}
        | {"hoverinfo": "skip", "showlegend": False}
    ]
    for bottleneck, colour in data.colours.items():
        dots = [dot for dot in design.dots if dot.bottleneck == bottleneck]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escaped(bottleneck),
                "x": [data.x.high if dot.intensity is None else dot.intensity for dot in dots],
                "y": [dot.macs_per_cycle for dot in dots],
                "text": [_hover(dot, design) for dot in dots],
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": bool(dots),
                "marker": {
                    "color": colour,
                    "opacity": 0.75,
                    "size": [round(1.2 * math.sqrt(_area(dot.time_share)), 1) for dot in dots],
                    "symbol": ["circle" if dot.intensity is not None else "triangle-right" for dot in dots],
                },
            }
        )
    x = data.x.plotly() | {"title": {"text": escaped(f"MACs per {design.memory} byte")}}
    title = f"{design.title}: peak {number(design.peak)} MACs/cycle{limit}"
    return Plot(title, traces, layout(x, data.y.plotly(), height=330))


def _hover(dot: LayerDot, design: Roofline) -> str:
    where = (
        f"no {design.memory} traffic"
        if dot.intensity is None
        else f"{number(dot.intensity)} MACs per {design.memory} byte"
    )
    lines = [f"<b>{escaped(dot.name)}</b>", escaped(dot.op), escaped(where)]
    lines.append(f"{number(dot.macs_per_cycle)} MACs/cycle, {percent(dot.macs_per_cycle / design.peak)} of the peak")
    lines.append(f"{percent(dot.time_share)} of the latency, waits for {escaped(dot.bottleneck)}")
    return "<br>".join(lines)


FIGURES.register("roofline")(
    FigureKind(
        title="Roofline",
        reading="The line is the most that the outermost memory (slope) and the array (flat part) allow; each dot is a "
        "layer, as large as its share of the time. A dot far under the line is held back by something else, which its "
        "colour names; a triangle at the right edge is a layer that needs no such memory at all.",
        place=55,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
        columns=3,
    )
)
