"""What a study found, in a few lines for the terminal; the report has the rest."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from accelsim.study.result import StudyResult

__all__ = ["print_summary"]


def print_summary(result: StudyResult, seconds: float) -> None:
    """Print how much was evaluated, the best designs, and how the searches compare.

    Args:
        result: The study.
        seconds: How long this run took to evaluate.
    """
    fresh = len(result.records) - result.resumed
    again = f", {result.resumed:,} from before" if result.resumed else ""
    typer.echo(f"{fresh:,} designs evaluated in {seconds:.1f} s{again}; {len(result.failed):,} without a result")
    for note in result.notes:
        typer.echo(f"note: {note}")
    _print_best(result)
    if len(result.arms) > 1:
        _print_arms(result)
    if result.trust:
        typer.echo(f"accuracy: {result.trust}")


def _print_best(result: StudyResult) -> None:
    """Print the best designs, the best across templates marked with a star."""
    from rich.console import Console
    from rich.table import Table

    from accelsim.report.choose import choose
    from accelsim.report.text import amount, parameters, short

    metrics = dict.fromkeys(
        ["latency_ms", "energy_pj", "utilization_overall", "area_mm2", *(o.metric for o in result.objectives)]
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "network", "hardware", *map(short, metrics), "parameters"):
        table.add_column(name, no_wrap=name != "parameters")
    for choice in choose(result):
        record = choice.record
        values = [amount(metric, record.metrics.get(metric)) for metric in metrics]
        settings = " ".join(f"{name}={value}" for name, value in parameters(record.point).items())
        network = f"{record.network} ({choice.role})" if choice.role else record.network
        table.add_row("*" if choice.champion else "", network, record.hardware, *values, settings)
    Console(width=max(160, Console().width), highlight=False).print(table)


def _print_arms(result: StudyResult) -> None:
    """Print the hypervolume that each search ends with: the median over seeds, and the span."""
    for network in result.networks:
        for arm, curves in result.hypervolumes(network).items():
            ends = [float(curve[-1]) for curve in curves.values() if len(curve)]
            if ends:
                span = f" ({min(ends):.3f} to {max(ends):.3f} over {len(ends)} seeds)" if len(ends) > 1 else ""
                typer.echo(f"{network}, {arm}: hypervolume {statistics.median(ends):.3f}{span}")
