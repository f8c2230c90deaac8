"""Plotly figures as plain data. The page adds its own colours, so that they follow its light or dark theme."""

from __future__ import annotations

import html
from typing import Any

__all__ = ["escaped", "layout"]


def escaped(text: str) -> str:
    """Return ``text`` so that plotly, which reads a few tags in any text, shows it as it is."""
    return html.escape(text, quote=False)


def layout(title: str, x: dict[str, Any], y: dict[str, Any], *, height: int = 400) -> dict[str, Any]:
    """Return a layout with a title, two axes, and the legend under the title.

    Args:
        title: Headline, shown as it is.
        x: Description of the x axis.
        y: Description of the y axis.
        height: In pixels; the width is that of the page.
    """
    return {
        "title": {"text": f"<b>{escaped(title)}</b>", "x": 0, "xref": "paper", "y": 0.985, "yanchor": "top"},
        "height": height,
        "margin": {"l": 62, "r": 14, "t": 64, "b": 48},
        "xaxis": x,
        "yaxis": y,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
    }
