"""``accelsim run``: a study from its YAML file to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from accelsim.study.progress import Progress
    from accelsim.study.result import StudyResult

__all__ = ["run"]

_EXIT_INTERRUPTED = 130


def run(
    study: Annotated[str, typer.Argument(help="A study's name, or the path of its YAML file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the results.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes that evaluate.")] = None,
) -> None:
    """Run a study, or go on with one that was stopped, and write its report."""
    from accelsim.report.html import write_report
    from accelsim.study.plan import load_study
    from accelsim.study.runner import run_study

    started = time.perf_counter()
    plan = load_study(study)
    folder = output or plan.folder
    typer.echo(f"{plan.name}: {plan.spec.description}")
    with _progress_bar(plan.total) as show:
        result = run_study(plan, folder, workers=workers, on_progress=show)
    evaluated = time.perf_counter() - started
    page = write_report(result, folder) if result.records else None
    _print_summary(result, evaluated)
    if page:
        typer.echo(f"report: {page}")
    if result.interrupted:
        typer.echo(result.resume_hint)
        raise typer.Exit(_EXIT_INTERRUPTED)


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, description=_best(progress))

        yield show


def _best(progress: Progress) -> str:
    """Say the rate, and the best value so far of the first objective for each network."""
    best = ", ".join(
        f"{network} {name} {value:.3g}"
        for network, values in progress.best.items()
        for name, value in list(values.items())[:1]
    )
    return f"{progress.rate_per_s:,.0f} designs/s  best so far: {best or 'none'}"


def _print_summary(result: StudyResult, seconds: float) -> None:
    fresh = len(result.records) - result.resumed
    again = f", {result.resumed:,} from before" if result.resumed else ""
    typer.echo(f"{fresh:,} designs evaluated in {seconds:.1f} s{again}; {len(result.failed):,} without a result")
    for note in result.notes:
        typer.echo(f"note: {note}")
