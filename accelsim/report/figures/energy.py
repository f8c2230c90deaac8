"""The energy ledger of the best designs: memories by operand, and everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import INK, MUTED, OPERAND_COLOURS
from accelsim.report.plotly import Plot, escaped, layout
from accelsim.report.text import NOT_MODELLED, Scale, amount, percent, scale_of
from accelsim.schedule.result import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Breakdown", "Breakdowns", "EnergyRow", "breakdown", "charts"]

#: Order of the rows after the memories; what is not listed follows in the order of the ledger.
_ORDER = ("registers", "mac", "vector", "leakage", "interconnect")

#: Panels whose longest bars differ by more than this do not share their axis.
_COMPARABLE = 6.0
_TOP, _BOTTOM, _GAP, _LETTER = 0.3, 0.75, 0.15, 0.075


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """One component.

    Attributes:
        component: Its name in the ledger.
        energy_pj: Operand -> energy of the modelled lines; the operand is empty if the energy belongs to none.
        missing: Lines that are not modelled, such as ``O write``.
    """

    component: str
    energy_pj: dict[str, float]
    missing: tuple[str, ...]

    @property
    def total_pj(self) -> float | None:
        """Energy of the modelled lines, ``None`` if there is none."""
        return sum(self.energy_pj.values()) if self.energy_pj else None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The rows of one design, memories from the outermost in; the modelled ones sum to ``total_pj``."""

    title: str
    rows: tuple[EnergyRow, ...]
    total_pj: float

    @property
    def longest_pj(self) -> float:
        """Energy of the greatest row, 0 if there is none."""
        return max((row.total_pj or 0.0 for row in self.rows), default=0.0)


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """The designs of one network.

    Attributes:
        designs: A panel each.
        axes: The unit of each panel's axis and, in that unit, its end; all the same unless the designs differ so much
            that some would have no bars to see.
    """

    designs: tuple[Breakdown, ...]
    axes: tuple[tuple[Scale, float], ...]


def breakdown(title: str, evaluation: Evaluation) -> Breakdown:
    """Return the energy ledger of ``evaluation`` by component and operand."""
    energies: dict[str, dict[str, float]] = {}
    missing: dict[str, list[str]] = {}
    for line in evaluation.ledger:
        by_operand = energies.setdefault(line.component, {})
        if line.energy_pj is None:
            missing.setdefault(line.component, []).append(f"{line.operand} {line.action}".strip())
        else:
            by_operand[line.operand] = by_operand.get(line.operand, 0.0) + line.energy_pj
    order = [*evaluation.bandwidth_bytes_per_cycle, *_ORDER]
    places = {name: place for place, name in enumerate(order)}

    def place(name: str) -> int:
        # "leakage of memories" stands where "leakage" does, and on a chip behind the name of a part and a dot.
        return places.get(name, places.get(name.rpartition(".")[2].split()[0], len(order)))

    names = sorted(energies, key=place)
    rows = tuple(EnergyRow(name, energies[name], tuple(missing.get(name, ()))) for name in names)
    return Breakdown(title, rows, sum(row.total_pj or 0.0 for row in rows))


def charts(findings: Findings) -> list[Chart[Breakdowns]]:
    """Return one chart a network that has a best design, with one panel a design."""
    found = []
    for network in findings.result.networks:
        designs = tuple(breakdown(d.label, d.evaluation) for d in findings.designs_of(network))
        if designs:
            found.append(Chart(network, Breakdowns(designs, _axes([design.longest_pj for design in designs]))))
    return found


def _axes(longest: list[float]) -> tuple[tuple[Scale, float], ...]:
    if max(longest) <= _COMPARABLE * min(longest):
        longest = [max(longest)] * len(longest)
    scales = [scale_of("energy_pj", [energy]) for energy in longest]
    # Room for the words behind the longest bar.
    return tuple((scale, 1.6 * scale.of(energy) or 1.0) for scale, energy in zip(scales, longest, strict=True))


def size(data: Breakdowns) -> tuple[float, float]:
    """Return width and height in inches."""
    rows = max(len(design.rows) for design in data.designs)
    return max(3.9 * len(data.designs), 5.0), _TOP + _BOTTOM + 0.3 * rows


def draw(figure: Figure, data: Breakdowns) -> None:
    """Draw a panel a design: a bar a component, stacked by operand, with its energy and share behind it."""
    from matplotlib.patches import Patch

    # Fixed margins: fitting them to the labels would take longer than the drawing.
    figure.set_layout_engine("none")
    count, (width, height) = len(data.designs), figure.get_size_inches()
    names = _GAP + _LETTER * max(len(row.component) for design in data.designs for row in design.rows)
    panel = max(width / count - names - _GAP, 1.0)
    margins = {"left": names / width, "right": (names + panel * count + (names + _GAP) * (count - 1)) / width}
    margins |= {"top": 1 - _TOP / height, "bottom": _BOTTOM / height, "wspace": (names + _GAP) / panel}
    panels = figure.subplots(1, count, squeeze=False, gridspec_kw=margins)[0]
    for axes, design, (scale, end) in zip(panels, data.designs, data.axes, strict=True):
        _draw_design(axes, design, scale)
        axes.set_xlim(0, end)
    used = {operand for design in data.designs for row in design.rows for operand in row.energy_pj}
    handles = [
        Patch(color=colour, label=operand or "no operand")
        for operand, colour in OPERAND_COLOURS.items()
        if operand in used
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles) or 1)


def _draw_design(axes: Axes, design: Breakdown, scale: Scale) -> None:
    places = np.arange(len(design.rows))
    ends = np.zeros(len(design.rows))
    for operand, colour in OPERAND_COLOURS.items():
        widths = np.array([scale.of(row.energy_pj.get(operand, 0.0)) for row in design.rows])
        if widths.any():
            axes.barh(places, widths, left=ends, color=colour, height=0.74)
        ends += widths
    for place, end, row in zip(places.tolist(), ends.tolist(), design.rows, strict=True):
        colour = INK if row.energy_pj else MUTED
        axes.text(end, place, f" {_words(row, design.total_pj)}", va="center", fontsize=7.5, color=colour)
    axes.set_yticks(range(len(design.rows)), [row.component for row in design.rows])
    axes.set_ylim(len(design.rows) - 0.4, -0.6)
    axes.set_title(f"{design.title}: {amount('energy_pj', design.total_pj)}", loc="left")
    axes.set_xlabel(f"energy ({scale.unit})")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _words(row: EnergyRow, total_pj: float) -> str:
    if row.total_pj is None:
        return NOT_MODELLED
    words = f"{amount('energy_pj', row.total_pj)}, {percent(row.total_pj / total_pj if total_pj else 0.0)}"
    return f"{words} + {', '.join(row.missing)} {NOT_MODELLED}" if row.missing else words


def interactive(data: Breakdowns) -> list[Plot]:
    """Return one plotly figure a design."""
    rows = max(len(design.rows) for design in data.designs)
    return [
        _plotly_design(design, scale, end, rows) for design, (scale, end) in zip(data.designs, data.axes, strict=True)
    ]


def _plotly_design(design: Breakdown, scale: Scale, end: float, rows: int) -> Plot:
    places = list(range(len(design.rows)))
    traces: list[dict[str, Any]] = [
        {"type": "bar", "orientation": "h", "name": operand or "no operand", "marker": {"color": colour}, "y": places}
        | {"x": [scale.of(row.energy_pj.get(operand, 0.0)) for row in design.rows]}
        | {"hovertemplate": f"{operand} %{{x:.4g}} {scale.unit}<extra></extra>"}
        for operand, colour in OPERAND_COLOURS.items()
        if any(operand in row.energy_pj for row in design.rows)
    ]
    words = [
        {"x": scale.of(row.total_pj or 0.0), "y": place, "text": escaped(_words(row, design.total_pj))}
        | {"xanchor": "left", "showarrow": False, "font": {"size": 11}}
        for place, row in zip(places, design.rows, strict=True)
    ]
    names = [escaped(row.component) for row in design.rows]
    y = {"tickvals": places, "ticktext": names, "range": [rows - 0.4, -0.6], "showgrid": False}
    x = {"title": {"text": f"energy ({scale.unit})"}, "range": [0, end]}
    spec = layout(x, y, height=70 + 26 * rows)
    spec |= {"barmode": "stack", "bargap": 0.25, "annotations": words, "margin": {"l": 128, "r": 8, "t": 40, "b": 48}}
    return Plot(f"{design.title}: {amount('energy_pj', design.total_pj)}", traces, spec)


FIGURES.register("energy")(
    FigureKind(
        title="Where the energy goes",
        reading="One bar a component of the best design, cut by operand: weights (W), inputs (I), and outputs with "
        "their partial sums (O). The bars of a design sum to its energy; what is not modelled says so, and adds "
        "nothing to the sum.",
        place=50,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
        columns=3,
    )
)
