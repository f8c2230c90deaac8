"""The table: one row for each tool and piece of work, what was estimated, and what could not be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.contract import Measured
from benchmarks.peers.tools import Tool
from benchmarks.peers.work import Job

__all__ = ["HEADER", "Row", "lines", "middle", "row", "share_done"]

HEADER = (
    "tool",
    "work",
    "CPU s",
    "wall s",
    "layers/s",
    "evaluations/s",
    "peak memory",
    "start-up s",
    "time / accelsim's",
)


@dataclass(frozen=True)
class Row:
    """One tool on one piece of work.

    Attributes:
        tool: Name of the tool.
        work: Name of the job.
        cpu_seconds: Processor time of the whole job, estimated if ``note`` says so; ``None`` if it is not known.
        wall_seconds: Wall time, likewise.
        layers_per_second: Layers done in a second of processor time.
        evaluations_per_second: Mappings costed in a second of processor time; ``None`` if the tool does not say.
        peak_bytes: Most memory held; ``None`` if it is not known.
        start_seconds: Processor time to import and warm up.
        note: What is estimated, or why there is no figure; empty if all is measured.
    """

    tool: str
    work: str
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    layers_per_second: float | None = None
    evaluations_per_second: float | None = None
    peak_bytes: int | None = None
    start_seconds: float | None = None
    note: str = ""

    @property
    def estimated(self) -> bool:
        """Return whether the seconds are an estimate."""
        return self.cpu_seconds is not None and bool(self.note)


def middle(runs: Sequence[Measured]) -> Measured:
    """Return the run with the median processor time; the first that failed or did not end, if one did."""
    for run in runs:
        if run.failure or not run.done:
            return run
    wanted = sorted(run.cpu_seconds for run in runs)[(len(runs) - 1) // 2]
    return next(run for run in runs if run.cpu_seconds == wanted)


def share_done(tool: Tool, job: Job, layers: int) -> float:
    """Return what share of the work the first ``layers`` of ``job`` are, by what the tool's time grows with."""
    sizes = [layer.array_cycles(job.machine) if tool.grows_with == "cycles" else 1 for layer in job.layers]
    return sum(sizes[:layers]) / sum(sizes)


def row(tool: Tool, job: Job, measured: Measured, limit: float) -> Row:
    """Return the row of one run that was given ``limit`` seconds; a run cut short is extrapolated, and says so."""
    if measured.failure:
        return Row(tool.name, job.name, note=f"not measured: {measured.failure}")
    done = len(measured.layers)
    if not measured.layers or not measured.cpu_seconds:
        return Row(tool.name, job.name, note=f"not measured: no layer done within {limit:g} s")
    share, note = 1.0, ""
    if not measured.done:
        share = share_done(tool, job, done)
        note = (
            f"stopped after {limit:g} s with {done} of {len(job.layers)} layers done; extrapolated by {tool.grows_with}"
        )
    return Row(
        tool=tool.name,
        work=job.name,
        cpu_seconds=measured.cpu_seconds / share,
        wall_seconds=measured.wall_seconds / share,
        layers_per_second=done / measured.cpu_seconds,
        evaluations_per_second=None if measured.evaluations is None else measured.evaluations / measured.cpu_seconds,
        peak_bytes=measured.peak_bytes,
        start_seconds=measured.start_seconds,
        note=note,
    )


def _figure(value: float | None, mark: str = "") -> str:
    if value is None:
        return "-"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{mark}{value:,.{digits}f}"


def _cells(row: Row, reference: Row | None) -> tuple[str, ...]:
    ratio = None
    if reference is not None and reference.cpu_seconds and row.cpu_seconds is not None:
        ratio = row.cpu_seconds / reference.cpu_seconds
    about, least = ("~", ">") if row.estimated else ("", "")
    return (
        row.tool,
        row.work,
        _figure(row.cpu_seconds, about),
        _figure(row.wall_seconds, about),
        _figure(row.layers_per_second),
        _figure(row.evaluations_per_second),
        "-" if row.peak_bytes is None else f"{least}{row.peak_bytes / 2**20:,.0f} MiB",
        _figure(row.start_seconds),
        _figure(ratio, about),
    )


def lines(rows: Sequence[Row], reference: str) -> list[str]:
    """Return the table in Markdown, the rows of one piece of work together, and below it a line for each note.

    A row without figures is a note alone.

    Args:
        rows: The rows in any order.
        reference: Name of the tool that the others are set against; without its row the last column is empty.
    """
    works = list(dict.fromkeys(row.work for row in rows))
    against = {row.work: row for row in rows if row.tool == reference}
    ordered = sorted((row for row in rows if row.cpu_seconds is not None), key=lambda row: works.index(row.work))
    cells = [HEADER, *(_cells(row, against.get(row.work)) for row in ordered)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(HEADER))]
    texts = [
        [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in cells
    ]
    rule = ["-" * width if place < 2 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    table = [f"| {' | '.join(text)} |" for text in (texts[0], rule, *texts[1:])]
    return [*table, *_notes(rows)]


def _notes(rows: Sequence[Row]) -> list[str]:
    """Return a line for each note; one that a tool has for several pieces of work is said once."""
    works: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.note:
            works.setdefault((row.tool, row.note), []).append(row.work)
    return [f"{tool} ({', '.join(names)}): {note}" for (tool, note), names in works.items()]
