"""PE utilization against energy."""

from __future__ import annotations

from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.scatter import Scatter, scatter
from accelsim.report.scatter_drawing import draw_scatter, plotly_scatter, scatter_size

__all__ = ["charts"]


def charts(findings: Findings) -> list[Chart[Scatter]]:
    """Return one chart with a panel a network, or none if no design was evaluated."""
    data = scatter(findings, "utilization_overall", "energy_pj", with_front=False)
    return [Chart("", data)] if data.panels else []


FIGURES.register("utilization_energy")(
    FigureKind(
        title="Busy PEs and energy",
        reading="Each dot is one design; right means that more of the array's multiply-accumulate slots do useful "
        "work, down means less energy. If the cloud does not fall to the right, busier PEs are not what saves energy.",
        place=20,
        charts=charts,
        draw=draw_scatter,
        size=scatter_size,
        interactive=plotly_scatter,
        columns=2,
    )
)
