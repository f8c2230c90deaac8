"""Latency against energy, with the designs that no other beats."""

from __future__ import annotations

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.scatter import Scatter, scatter
from accelsim.report.scatter_drawing import draw_scatter, plotly_scatter, scatter_size
from accelsim.schedule.result import METRICS

__all__ = ["charts"]


def charts(findings: Findings) -> list[Chart[Scatter]]:
    """Return one chart with a panel a network, or none if no design was evaluated.

    In a study that also wants accuracy the front of latency and energy alone is one of tiny networks, so there is none.
    """
    if any(objective.metric not in METRICS for objective in findings.result.objectives):
        return []
    data = scatter(findings, "latency_ms", "energy_pj", with_front=True)
    return [Chart("", data)] if data.panels else []


FIGURES.register("pareto")(
    FigureKind(
        title="Which designs are worth having",
        reading="Each dot is one design; left is faster, down is thriftier. The heavy line joins the designs that no "
        "other beats in both, the coloured lines do so for each template alone, and the large outlined dots are the "
        "best designs of the table above.",
        place=10,
        charts=charts,
        draw=draw_scatter,
        size=scatter_size,
        interactive=plotly_scatter,
        columns=2,
    )
)
