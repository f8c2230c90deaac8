"""Where the time of the best designs goes: what layers wait for, and what kind of layers they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import kind_colours
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.schedule.result import LayerResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Shares", "TimeShares", "charts", "kind_of"]

_SMALLEST_LABEL = 0.06
_MOST_KINDS = 8
#: Room above the bars for a legend of two rows.
_TOP_PIXELS = 56
_ROW_INCHES, _LEGEND_INCHES = 0.26, 0.42
_WIDTH, _TOP, _BOTTOM = 10.6, 0.3, 1.15


@dataclass(frozen=True, slots=True)
class Shares:
    """One way to split the time.

    Attributes:
        title: By what.
        parts: Part -> share of latency, one dict a design; the shares of a design sum to 1.
        colours: Part -> colour, in the order in which the parts are drawn.
    """

    title: str
    parts: tuple[dict[str, float], ...]
    colours: dict[str, str]


@dataclass(frozen=True, slots=True)
class TimeShares:
    """The time of several designs, split in two ways."""

    designs: tuple[str, ...]
    by_bottleneck: Shares
    by_kind: Shares


def kind_of(op: str) -> str:
    """Return the first word of what a layer is: ``depthwise`` of ``depthwise + relu6``."""
    return op.partition("+")[0].strip() or "other"


def charts(findings: Findings) -> list[Chart[TimeShares]]:
    """Return one chart with a row a best design, or none if there is none."""
    if not findings.designs:
        return []
    layers = [design.evaluation.layers for design in findings.designs]
    kinds = _main_kinds(tuple(_shares(some, lambda layer: kind_of(layer.op)) for some in layers))
    waits = tuple(_shares(some, lambda layer: layer.bottleneck) for some in layers)
    data = TimeShares(
        tuple(design.title for design in findings.designs),
        Shares("what layers wait for", waits, findings.bottlenecks),
        Shares("what kind of layers take the time", kinds, kind_colours(_by_size(kinds))),
    )
    return [Chart("", data)]


def _shares(layers: tuple[LayerResult, ...], key: Callable[[LayerResult], str]) -> dict[str, float]:
    total = sum(layer.metrics.latency_ms for layer in layers)
    shares: dict[str, float] = {}
    for layer in layers:
        shares[key(layer)] = shares.get(key(layer), 0.0) + (layer.metrics.latency_ms / total if total else 0.0)
    return shares


def _main_kinds(parts: tuple[dict[str, float], ...]) -> tuple[dict[str, float], ...]:
    """Return ``parts`` with all but the largest kinds added up as ``other``."""
    main = _by_size(parts)[:_MOST_KINDS]
    folded = []
    for shares in parts:
        kept = {name: share for name, share in shares.items() if name in main}
        rest = sum(share for name, share in shares.items() if name not in main)
        folded.append(kept | ({"other": kept.get("other", 0.0) + rest} if rest else {}))
    return tuple(folded)


def _by_size(parts: tuple[dict[str, float], ...]) -> list[str]:
    sums: dict[str, float] = {}
    for shares in parts:
        for name, share in shares.items():
            sums[name] = sums.get(name, 0.0) + share
    return sorted(sums, key=lambda name: (-sums[name], name))


def size(data: TimeShares) -> tuple[float, float]:
    """Return width and height in inches."""
    return _WIDTH, _TOP + _BOTTOM + _ROW_INCHES * len(data.designs)


def draw(figure: Figure, data: TimeShares) -> None:
    """Draw two stacked bars a design."""
    # Fixed margins, because a layout that adapts gives the legends all the room if there are few designs.
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    names = min(0.15 + 0.07 * max(len(title) for title in data.designs), 0.4 * _WIDTH)
    margins = {"left": names / _WIDTH, "right": 0.985, "top": 1 - _TOP / height, "bottom": _BOTTOM / height}
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw=margins | {"wspace": 0.08})
    for axes, shares in ((left, data.by_bottleneck), (right, data.by_kind)):
        _stack(axes, shares)
        # Just under the axis label, however many rows there are.
        below = -_LEGEND_INCHES / (_ROW_INCHES * len(data.designs))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=4, columnspacing=1.2, handlelength=1.2)
    left.set_yticks(range(len(data.designs)), list(data.designs))
    left.set_ylim(len(data.designs) - 0.4, -0.6)


def _stack(axes: Axes, shares: Shares) -> None:
    ends = [0.0] * len(shares.parts)
    for name, colour in shares.colours.items():
        widths = [100 * parts.get(name, 0.0) for parts in shares.parts]
        bars = axes.barh(
            range(len(widths)), widths, left=ends, color=colour, height=0.78, label=name, ec="white", lw=0.4
        )
        texts = [f"{width:.0f}" if width > 100 * _SMALLEST_LABEL else "" for width in widths]
        axes.bar_label(bars, texts, label_type="center", fontsize=7, color="white" if _dark(colour) else "black")
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of latency (%)")
    axes.set_title(shares.title, loc="left")
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)


def _dark(colour: str) -> bool:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue < 140


def interactive(data: TimeShares) -> list[Plot]:
    """Return one plotly figure a split."""
    return [_plotly_stack(shares, data.designs) for shares in (data.by_bottleneck, data.by_kind)]


def _plotly_stack(shares: Shares, designs: tuple[str, ...]) -> Plot:
    places = list(range(len(designs)))
    traces: list[dict[str, Any]] = [
        {"type": "bar", "orientation": "h", "name": escaped(name), "marker": {"color": colour}, "y": places}
        | {"x": [round(100 * parts.get(name, 0.0), 2) for parts in shares.parts]}
        | {"texttemplate": "%{x:.0f}", "insidetextanchor": "middle", "textposition": "inside", "textangle": 0}
        | {"hovertemplate": f"{escaped(name)} %{{x:.1f}} %<extra></extra>"}
        for name, colour in shares.colours.items()
    ]
    y = {"tickvals": places, "ticktext": [escaped(name) for name in designs], "range": [len(places) - 0.4, -0.6]}
    x = {"title": {"text": "share of latency (%)"}, "range": [0, 100]}
    spec = layout(x, y | {"showgrid": False}, height=_TOP_PIXELS + 48 + 24 * len(places))
    spec |= {"barmode": "stack", "bargap": 0.2, "uniformtext": {"minsize": 9, "mode": "hide"}}
    spec["margin"] = {"l": 200, "r": 14, "t": _TOP_PIXELS, "b": 48}
    return Plot(shares.title, traces, spec)


FIGURES.register("time")(
    FigureKind(
        title="Where the time goes",
        reading="Each row is the latency of one best design, cut by what its layers wait for and by what kind of "
        "layers they are. More PEs help only the part that waits for compute; the rest needs bandwidth, a "
        "larger buffer or a faster vector unit.",
        place=40,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
    )
)
