"""Utilization of every layer of a best design, and what each layer waits for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Design, Findings
from accelsim.report.palette import INK
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.text import TIMES, amount, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LayerBar", "Layers", "charts", "layers"]

_ROW_INCHES, _ROW_PIXELS = 0.135, 13
_WIDTH, _LEFT, _TOP, _BOTTOM = 9.0, 1.5, 0.6, 0.5
#: Marker of matplotlib -> factor of the overall utilization.
_FACTORS = (("|", "spatial"), (".", "temporal"))
_LONGEST_NAME = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBar:
    """One layer.

    Attributes:
        name: Name of the layer.
        op: What it is.
        shape: Its shape in words.
        bottleneck: What it waits for.
        slack: Cycles of the busiest resource over those of the next.
        spatial: Share of PEs that are useful while computing; ``None`` for a layer without MACs.
        temporal: Share of the layer's time spent computing; ``None`` for a layer without MACs.
        overall: Their product; ``None`` for a layer without MACs.
        time_share: Share of the network's time.
        latency_ms: Time.
    """

    name: str
    op: str
    shape: str
    bottleneck: str
    slack: float
    spatial: float | None
    temporal: float | None
    overall: float | None
    time_share: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of one design in the order they run, and the colour of each bottleneck they have."""

    title: str
    bars: tuple[LayerBar, ...]
    colours: dict[str, str]


def layers(design: Design, colours: dict[str, str]) -> Layers:
    """Return the layers of ``design``.

    Args:
        design: A best design.
        colours: Bottleneck -> colour, of all designs.
    """
    results = design.evaluation.layers
    total = sum(layer.metrics.latency_ms for layer in results)
    bars = []
    for layer in results:
        split = layer.metrics.utilization if layer.metrics.macs else None
        bars.append(
            LayerBar(
                name=layer.name,
                op=layer.op,
                shape=layer.shape,
                bottleneck=layer.bottleneck,
                slack=layer.slack,
                spatial=split.spatial if split else None,
                temporal=split.temporal if split else None,
                overall=split.overall if split else None,
                time_share=layer.metrics.latency_ms / total if total else 0.0,
                latency_ms=layer.metrics.latency_ms,
            )
        )
    met = {bar.bottleneck for bar in bars}
    return Layers(design.title, tuple(bars), {name: colour for name, colour in colours.items() if name in met})


def charts(findings: Findings) -> list[Chart[Layers]]:
    """Return one chart a best design, those that are not best across templates folded."""
    return [
        Chart(design.title, layers(design, findings.bottlenecks), folded=not design.champion)
        for design in findings.designs
    ]


def size(data: Layers) -> tuple[float, float]:
    """Return width and height in inches; the height grows with the layers."""
    return _WIDTH, _TOP + _BOTTOM + _ROW_INCHES * max(len(data.bars), 6)


def draw(figure: Figure, data: Layers) -> None:
    """Draw utilization as bars with marks for its two factors, and beside it the share of time."""
    # Fixed margins: with a label a layer, fitting them to the labels would take longer than the drawing.
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    left, right = figure.subplots(
        1,
        2,
        sharey=True,
        width_ratios=(2.2, 1),
        gridspec_kw={
            "left": _LEFT / _WIDTH,
            "right": 0.98,
            "top": 1 - _TOP / height,
            "bottom": _BOTTOM / height,
            "wspace": 0.1,
        },
    )
    rows = np.arange(len(data.bars))
    colours = [data.colours[bar.bottleneck] for bar in data.bars]
    _bars(left, np.array([100 * (bar.overall or 0.0) for bar in data.bars]), colours)
    _bars(right, np.array([100 * bar.time_share for bar in data.bars]), colours)
    for marker, factor in _FACTORS:
        places = [math.nan if (share := getattr(bar, factor)) is None else 100 * share for bar in data.bars]
        left.plot(places, rows, marker, color=INK, ms=5, mew=1.1, clip_on=False)
    for row, bar in zip(rows, data.bars, strict=True):
        left.text(-0.8, row, _short(bar.name), ha="right", va="center", fontsize=6.5)
    left.set_ylim(len(data.bars) - 0.4, -0.6)
    left.set_yticks([])
    left.set_xlim(0, 100)
    right.set_xlim(0, None)
    left.set_xlabel("overall utilization (%)")
    right.set_xlabel("share of latency (%)")
    _legend(figure, data)


def _bars(axes: Axes, lengths: NDArray[np.float64], colours: list[str]) -> None:
    """Draw horizontal bars as one collection, which is many times faster than a patch a bar."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(0, row - 0.39), (0, row + 0.39), (length, row + 0.39), (length, row - 0.39)]
        for row, length in enumerate(lengths)
    ]
    axes.add_collection(PolyCollection(corners, facecolors=colours, edgecolors="none"))
    axes.autoscale_view()


def _legend(figure: Figure, data: Layers) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=colour, label=name) for name, colour in data.colours.items()]
    handles += [Line2D([], [], ls="", marker=marker, color=INK, label=name) for marker, name in _FACTORS]
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=8,
        title=f"{data.title}: bar = overall utilization, colour = what the layer waits for",
        alignment="left",
    )


def interactive(data: Layers) -> list[Plot]:
    """Return the same bars for plotly; a bar shows the layer's op, shape and slack when it is pointed at."""
    # The name alone may occur in two layers of an outside evaluation; the row number never does.
    rows = list(range(len(data.bars)))
    traces: list[dict[str, Any]] = []
    for bottleneck, colour in data.colours.items():
        mine = [row for row in rows if data.bars[row].bottleneck == bottleneck]
        bars = [data.bars[row] for row in mine]
        shared = {
            "type": "bar",
            "orientation": "h",
            "name": escaped(bottleneck),
            "legendgroup": escaped(bottleneck),
            "y": mine,
            "text": [_hover(bar) for bar in bars],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour},
        }
        traces.append(shared | {"x": [_percent(bar.overall) for bar in bars]})
        traces.append(shared | {"x": [_percent(bar.time_share) for bar in bars], "xaxis": "x2", "showlegend": False})
    for symbol, factor in (("line-ns-open", "spatial"), ("circle", "temporal")):
        marker = {"symbol": symbol, "size": 7 if symbol != "circle" else 4, "color": INK, "line": {"width": 1.5}}
        places = [_percent(getattr(bar, factor)) for bar in data.bars]
        traces.append(
            {"type": "scatter", "mode": "markers", "name": factor, "x": places, "y": rows, "marker": marker}
            | {"hovertemplate": f"{factor} %{{x:.1f}} %<extra></extra>"}
        )
    names = [escaped(_short(bar.name)) for bar in data.bars]
    y = {
        "tickvals": rows,
        "ticktext": names,
        "range": [len(rows) - 0.4, -0.6],
        "tickfont": {"size": 9},
        "showgrid": False,
    }
    x = {"title": {"text": "overall utilization (%)"}, "range": [0, 100], "domain": [0, 0.66], "side": "top"}
    spec = layout(x, y, height=120 + _ROW_PIXELS * max(len(rows), 6))
    spec |= {"xaxis2": {"title": {"text": "share of latency (%)"}, "domain": [0.7, 1], "side": "top"}}
    spec |= {"barmode": "overlay", "bargap": 0.2, "margin": {"l": 170, "r": 14, "t": 96, "b": 12}}
    return [Plot("", traces, spec)]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _hover(bar: LayerBar) -> str:
    lines = [f"<b>{escaped(bar.name)}</b>", escaped(bar.op), escaped(bar.shape)]
    lines.append(f"{amount('latency_ms', bar.latency_ms)}, {percent(bar.time_share)} of the latency")
    if bar.overall is not None and bar.spatial is not None and bar.temporal is not None:
        lines.append(
            f"overall {percent(bar.overall)} = spatial {percent(bar.spatial)} {TIMES} temporal {percent(bar.temporal)}"
        )
    slack = f", {bar.slack:.3g} {TIMES} as long as for the next" if math.isfinite(bar.slack) else ""
    lines.append(f"waits for {escaped(bar.bottleneck)}{slack}")
    return "<br>".join(lines)


FIGURES.register("layers")(
    FigureKind(
        title="Layer by layer: how busy the PEs are",
        reading="A bar is the share of the array's slots that a layer fills, and its colour names what the layer waits "
        "for; the marks show the two factors, PEs in use (spatial) and time spent computing (temporal). A low bar "
        "matters only if the layer also takes much time, on the right; layers without MACs appear there alone.",
        place=60,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
    )
)
