"""``accelsim run``: a study from its YAML file to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.summary import print_summary

if TYPE_CHECKING:
    from accelsim.study.progress import Progress

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
    print_summary(result, evaluated)
    if page:
        typer.echo(f"report: {page}")
    if result.interrupted:
        typer.echo(result.resume_hint)
        raise typer.Exit(_EXIT_INTERRUPTED)


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Progress], None]]:
    """Show a bar, and under it the best value so far of each network."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    bar = Bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    task = bar.add_task("", total=total)
    console = Console(stderr=True)
    with Live(bar, console=console, refresh_per_second=4) as live:

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, description=f"{progress.rate_per_s:,.0f} designs/s")
            live.update(Group(bar, Text("best so far: " + _best(progress))))

        yield show
    if not console.is_terminal:
        console.print()


def _best(progress: Progress) -> str:
    """Return the best value so far of the first objective for each network."""
    firsts = ((network, next(iter(values.items()))) for network, values in progress.best.items() if values)
    return ", ".join(f"{network} {name} {value:.3g}" for network, (name, value) in firsts) or "none yet"
