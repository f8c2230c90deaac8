"""Plotly figures as plain data. The page adds its own colours, so that they follow its light or dark theme."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Plot", "escaped", "layout"]


@dataclass(frozen=True, slots=True)
class Plot:
    """One plotly figure.

    Attributes:
        title: Headline, as it is; the page writes it above the drawing.
        traces: Plotly's traces.
        layout: Plotly's layout.
    """

    title: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``Plotly.newPlot`` takes."""
        return {"data": list(self.traces), "layout": dict(self.layout)}

    def legend(self) -> dict[str, str]:
        """Return name -> colour of the traces that belong into a legend and have one colour."""
        return {
            trace["name"]: trace["marker"]["color"]
            for trace in self.traces
            if trace.get("showlegend", True)
            and "name" in trace
            and isinstance(trace.get("marker", {}).get("color"), str)
        }

    def without_legend(self) -> Plot:
        """Return the same figure without a legend of its own."""
        margin = dict(self.layout["margin"]) | {"t": 14}
        return Plot(self.title, self.traces, dict(self.layout) | {"showlegend": False, "margin": margin})


def escaped(text: str) -> str:
    """Return ``text`` so that plotly, which reads a few tags in any text, shows it as it is."""
    return html.escape(text, quote=False)


def layout(x: Mapping[str, Any], y: Mapping[str, Any], *, height: int = 380) -> dict[str, Any]:
    """Return a layout with two axes, and the legend above them.

    Args:
        x: Description of the x axis.
        y: Description of the y axis.
        height: In pixels; the width is that of the page.
    """
    return {
        "height": height,
        "margin": {"l": 62, "r": 14, "t": 40, "b": 48},
        "xaxis": dict(x),
        "yaxis": dict(y),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "itemsizing": "constant",
            "traceorder": "normal",
        },
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
    }
