"""The seam for figures: what a figure is, the registry of figures, and from a figure to a file or the page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from accelsim.registry import Registry
from accelsim.report.findings import Findings
from accelsim.report.palette import GRID, INK, MUTED
from accelsim.report.plotly import Plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Chart", "FigureKind", "drawn", "png"]

D = TypeVar("D")

_DPI = 110


@dataclass(frozen=True, slots=True)
class Chart(Generic[D]):
    """One drawing of a figure.

    Attributes:
        title: What it shows, such as the name of a network; empty if the figure has one drawing only.
        data: What is drawn.
        folded: One of many: the page shows it on demand, and unless the page needs one it gets no PNG file.
    """

    title: str
    data: D
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureKind(Generic[D]):
    """A figure: data in one function, drawing in another.

    Attributes:
        title: Headline.
        reading: How to read it, in two plain sentences.
        place: Figures are shown in ascending order; the built-in ones are tens.
        charts: From the findings to the drawings; none if the study has nothing of the kind.
        draw: Draws on an empty matplotlib figure.
        size: Width and height of the matplotlib figure in inches.
        columns: How many plotly figures of a chart stand side by side where there is room; from three on they share
            one legend.
        interactive: The same data as plotly figures, for the page; it has the matplotlib drawing if there is no such
            function.
    """

    title: str
    reading: str
    place: int
    charts: Callable[[Findings], Sequence[Chart[D]]]
    draw: Callable[[Figure, D], None]
    size: Callable[[D], tuple[float, float]]
    interactive: Callable[[D], Sequence[Plot]] | None = None
    columns: int = 1


#: Every figure by name; the name begins the names of its files.
FIGURES: Registry[FigureKind[Any]] = Registry("figure", builtins="accelsim.report.figures")

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.labelsize": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "text.parse_math": False,
}


def png(kind: FigureKind[D], chart: Chart[D]) -> bytes:
    """Return the chart as matplotlib draws it, as a PNG on white; the same chart gives the same bytes."""
    return drawn(kind.draw, kind.size(chart.data), chart.data)


def drawn(draw: Callable[[Figure, D], None], size: tuple[float, float], data: D) -> bytes:
    """Return a drawing in the style of all figures, as a PNG on white; the same data give the same bytes.

    Args:
        draw: Draws on an empty matplotlib figure.
        size: Width and height in inches.
        data: What is drawn.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    target = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A name may be long, and in any script: better a crowded drawing or a box for a letter than no report.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        draw(figure, data)
        # Not savefig, which draws every figure twice.
        FigureCanvasAgg(figure).print_png(target, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return target.getvalue()
