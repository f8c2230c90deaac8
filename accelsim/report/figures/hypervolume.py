"""How fast each search gets better: hypervolume over evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.palette import looks
from accelsim.report.plotly import Plot, escaped, layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ArmCurves", "Curves", "arm_curves", "charts"]


@dataclass(frozen=True, slots=True)
class ArmCurves:
    """The curves of one arm.

    Attributes:
        arm: Its name.
        colour: As ``#rrggbb``.
        seeds: One curve a seed: the hypervolume after each evaluation, a share of the common box.
        median: The median over seeds after each evaluation.
    """

    arm: str
    colour: str
    seeds: tuple[tuple[float, ...], ...]
    median: tuple[float, ...]

    @property
    def final(self) -> tuple[float, float, float]:
        """Least, median and greatest hypervolume at the end."""
        ends = [curve[-1] for curve in self.seeds]
        return min(ends), self.median[-1], max(ends)

    @property
    def label(self) -> str:
        """Name of the arm and where it ends."""
        low, middle, high = self.final
        spread = f" ({low:.3f} to {high:.3f})" if len(self.seeds) > 1 else ""
        return f"{self.arm}: {middle:.3f}{spread}"


@dataclass(frozen=True, slots=True)
class Curves:
    """The arms of one network."""

    arms: tuple[ArmCurves, ...]


def arm_curves(arm: str, colour: str, seeds: list[NDArray[np.float64]]) -> ArmCurves:
    """Return the curves of an arm; one that ended early stays where it ended.

    Args:
        arm: Name of the arm.
        colour: As ``#rrggbb``.
        seeds: At least one curve, none of them empty.
    """
    longest = max(len(curve) for curve in seeds)
    table = np.array([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in seeds])
    return ArmCurves(arm, colour, tuple(tuple(row) for row in table.tolist()), tuple(np.median(table, axis=0).tolist()))


def charts(findings: Findings) -> list[Chart[Curves]]:
    """Return one chart a network, or none if the study has one arm.

    Raises:
        MissingExtraError: Three or more objectives, and the ``search`` extra is not installed.
    """
    result = findings.result
    if len(result.arms) < 2:
        return []
    colours = looks(result.arms)
    found = []
    for network in result.networks:
        arms = tuple(
            arm_curves(arm, colours[arm].colour, list(seeds.values()))
            for arm, seeds in result.hypervolumes(network).items()
            if seeds
        )
        if arms:
            found.append(Chart(network, Curves(arms)))
    return found


def size(data: Curves) -> tuple[float, float]:  # noqa: ARG001 - every figure's size may depend on its data
    """Return width and height in inches."""
    return 8.0, 3.8


def draw(figure: Figure, data: Curves) -> None:
    """Draw every seed thin and the median thick, with the final values in the legend."""
    axes = figure.subplots()
    for arm in data.arms:
        across = range(1, len(arm.median) + 1)
        for curve in arm.seeds:
            axes.plot(across, curve, color=arm.colour, lw=0.7, alpha=0.45, drawstyle="steps-post")
        axes.plot(across, arm.median, color=arm.colour, lw=2.2, label=arm.label, drawstyle="steps-post")
    axes.set_xlabel("evaluations")
    axes.set_ylabel("hypervolume (share of the box)")
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    figure.legend(
        loc="outside right upper", title="after the last evaluation:\nmedian (least to greatest seed)", alignment="left"
    )


def interactive(data: Curves) -> list[Plot]:
    """Return one plotly figure with all arms."""
    traces: list[dict[str, Any]] = []
    for arm in data.arms:
        shared = {"type": "scatter", "mode": "lines", "legendgroup": escaped(arm.arm), "x0": 1, "dx": 1}
        for curve in arm.seeds:
            line = {"color": arm.colour, "width": 0.8, "shape": "hv"}
            traces.append(shared | {"y": _rounded(curve), "line": line, "showlegend": False, "hoverinfo": "skip"})
        line = {"color": arm.colour, "width": 2.5, "shape": "hv"}
        hover = f"{escaped(arm.arm)}: %{{y:.3f}} after %{{x}} evaluations<extra></extra>"
        traces.append(
            shared | {"y": _rounded(arm.median), "line": line, "name": escaped(arm.label), "hovertemplate": hover}
        )
    x = {"title": {"text": "evaluations"}, "rangemode": "tozero"}
    y = {"title": {"text": "hypervolume (share of the box)"}, "rangemode": "tozero"}
    return [Plot("", traces, layout(x, y, height=440))]


def _rounded(curve: tuple[float, ...]) -> list[float]:
    return [round(value, 4) for value in curve]


FIGURES.register("hypervolume")(
    FigureKind(
        title="How fast each search gets there",
        reading="Hypervolume is the share of a common box that a search's designs beat: higher is better in all "
        "objectives together. Thin lines are single seeds, the thick line their median; a line that ends early had no "
        "further designs to try.",
        place=14,
        charts=charts,
        draw=draw,
        size=size,
        interactive=interactive,
    )
)
