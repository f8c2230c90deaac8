"""Drawing of the panels of ``accelsim.report.scatter``, by matplotlib and by plotly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelsim.report.palette import INK, MUTED, Look
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.scatter import Cloud, Panel, Scatter
from accelsim.report.text import amount, parameters
from accelsim.study.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_scatter", "hover_text", "plotly_scatter", "scatter_size"]

_WIDTH, _HEIGHT = 5.2, 3.7
_HOVER_ROWS = (
    (("latency_ms", ""), ("energy_pj", "")),
    (("utilization_overall", "utilization "), ("top1", "top-1 ")),
    (("dram_bytes", "DRAM "), ("area_mm2", "area ")),
)


def scatter_size(data: Scatter) -> tuple[float, float]:
    """Return width and height in inches: two panels a row, three from five panels on."""
    columns, rows = _grid(len(data.panels))
    return _WIDTH * columns, _HEIGHT * rows + 0.4


def _grid(panels: int) -> tuple[int, int]:
    columns = min(panels, 2 if panels <= 4 else 3)
    return columns, -(-panels // max(columns, 1))


def draw_scatter(figure: Figure, data: Scatter) -> None:
    """Draw the panels with one legend for all."""
    columns, rows = _grid(len(data.panels))
    for place, panel in enumerate(data.panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        _draw_panel(axes, panel, data.looks)
        axes.set_title(panel.network, loc="left")
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    legend = figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(len(handles), 6))
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)


def _draw_panel(axes: Axes, panel: Panel, looks: dict[str, Look]) -> None:
    if panel.rejected.x:
        axes.plot(panel.rejected.x, panel.rejected.y, "x", ms=2.5, color=MUTED, alpha=0.35, label=panel.rejected.name)
    for cloud in panel.clouds:
        look = looks[cloud.name]
        axes.plot(cloud.x, cloud.y, look.marker, ms=3, mew=0, color=look.colour, alpha=0.3, label=cloud.name)
    for edge in panel.edges:
        axes.plot(edge.x, edge.y, drawstyle="steps-post", color=looks[edge.name].colour, lw=1.2)
    for cloud in panel.best:
        look = looks[cloud.records[0].hardware]
        axes.plot(cloud.x, cloud.y, look.marker, ms=8, mew=1.5, mec=INK, color=look.colour, zorder=3)
    if panel.front.x:
        (line,) = axes.plot(panel.front.x, panel.front.y, ".-", ms=3.5, color=INK, lw=1.4, zorder=4)
        line.set(drawstyle="steps-post", label=panel.front.name)
    panel.x.apply(axes, "x")
    panel.y.apply(axes, "y")
    axes.set_xlabel(panel.x.label)
    axes.set_ylabel(panel.y.label)


def plotly_scatter(data: Scatter) -> list[Plot]:
    """Return one plotly figure a panel; a dot shows the design's parameters and figures when it is pointed at."""
    return [_plotly_panel(panel, data.looks) for panel in data.panels]


def _plotly_panel(panel: Panel, looks: dict[str, Look]) -> Plot:
    traces = []
    if panel.rejected.x:
        traces.append(
            _trace(
                panel.rejected, {"symbol": "x-thin", "size": 4, "opacity": 0.6, "line": {"width": 1, "color": MUTED}}
            )
        )
    for cloud in panel.clouds:
        look = looks[cloud.name]
        traces.append(_trace(cloud, {"symbol": look.symbol, "size": 5, "opacity": 0.4, "color": look.colour}))
    for edge in panel.edges:
        line = {"shape": "hv", "width": 1.4, "color": looks[edge.name].colour}
        shown = {
            "mode": "lines",
            "line": line,
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": escaped(edge.name),
        }
        traces.append({"type": "scatter", "x": _rounded(edge.x), "y": _rounded(edge.y)} | shown)
    if panel.front.x:
        line = {"shape": "hv", "width": 1.8, "color": INK}
        marker = {"size": 4, "color": INK}
        traces.append(_trace(panel.front, marker) | {"mode": "lines+markers", "line": line})
    for cloud in panel.best:
        look = looks[cloud.records[0].hardware]
        marker = {"symbol": look.symbol, "size": 13, "color": look.colour, "line": {"width": 2, "color": INK}}
        traces.append(_trace(cloud, marker) | {"name": f"best {escaped(cloud.name)}", "showlegend": False})
    return Plot(panel.network, traces, layout(panel.x.plotly(), panel.y.plotly()))


def _trace(cloud: Cloud, marker: dict[str, Any]) -> dict[str, Any]:
    name = f"{cloud.name} ({cloud.left_out:,} more not drawn)" if cloud.left_out else cloud.name
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(name),
        "legendgroup": escaped(cloud.name),
        "x": _rounded(cloud.x),
        "y": _rounded(cloud.y),
        "text": [hover_text(record) for record in cloud.records],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
    }


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def hover_text(record: Record) -> str:
    """Return what plotly shows of a design when it is pointed at: its parameters and its figures."""
    point = parameters(record.point, "network") | parameters(record.point, "hardware")
    lines = [f"<b>{escaped(record.hardware)}</b>, design {record.number}"]
    lines += [escaped(" ".join(f"{name}={value}" for name, value in point.items()))] if point else []
    lines += [
        " · ".join(f"{label}{amount(name, record.metrics[name])}" for name, label in row if name in record.metrics)
        for row in _HOVER_ROWS
    ]
    return "<br>".join(line for line in lines if line)
