"""``accelsim validate``: the model held against reference sets, or against a user's own measurements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.saving import write_file
from accelsim.errors import InputError, Problem, shown

if TYPE_CHECKING:
    from rich.console import Console

    from accelsim.validation.sets import Outcome, Series

__all__ = ["validate"]

_WIDTH, _WORST_WIDTH = 200, 64


def validate(
    sets: Annotated[list[str] | None, typer.Argument(help="Reference sets by name.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every set whose files are found.")] = False,
    reference: Annotated[
        list[Path] | None, typer.Option("--reference", "-r", help="A folder with files of sets; may be given again.")
    ] = None,
    measurements: Annotated[
        Path | None,
        typer.Option("--measurements", "-m", help="Your CSV: network, latency_ms or energy_pj, network parameters."),
    ] = None,
    hardware: Annotated[
        str | None, typer.Option("--hardware", "-w", help="What was measured: a template's name, or its YAML file.")
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", "-n", help="The network of every row of your CSV, if it does not say.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the hardware, as name=value.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Write a parity plot of each set to this folder.")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a page of Markdown instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the Markdown or JSON to this file.")
    ] = None,
) -> None:
    """Hold the model against reference sets: print how far it is off, per layer and per network.

    Without a set, --all or --measurements it lists the sets there are.
    """
    from accelsim.validation.sets import SETS, run_set, search_folders

    _agreed(measurements, hardware, as_markdown, as_json, output, settings or [], network)
    folders = search_folders(reference or [])
    names = list(SETS) if every else list(dict.fromkeys(sets or []))
    for place, name in enumerate(names):
        SETS.get(name, field=f"set {place + 1}")
    if not names and measurements is None:
        _list(folders)
        return
    _folder(plots)
    own = [] if measurements is None else [_own(measurements, hardware or "", network, settings or [])]
    outcomes = [*(run_set(name, folders) for name in names), *own]
    _refuse_nothing(outcomes)
    images = {} if plots is None else _drawn(outcomes, plots)
    _tell(outcomes, images, as_markdown, as_json, output, [one.name for one in own])


# ------------------------------------------------------------------------------------------------ what was asked
def _agreed(
    measurements: Path | None,
    hardware: str | None,
    as_markdown: bool,
    as_json: bool,
    output: Path | None,
    settings: Sequence[str],
    network: str | None,
) -> None:
    """Refuse options that do not go together."""
    problems = []
    if measurements is not None and hardware is None:
        message = "which hardware was measured is not said"
        problems.append(Problem(field="--hardware", message=message, allowed="--hardware NAME"))
    given = {"--hardware": hardware, "--network": network, "--set": settings}
    problems += [
        Problem(field=name, message="it belongs to your own measurements", allowed="--measurements FILE.csv beside it")
        for name, value in given.items()
        if value and measurements is None
    ]
    if as_markdown and as_json:
        problems.append(Problem(field="--json", message="there is one page", allowed="--markdown or --json"))
    if output is not None and not (as_markdown or as_json):
        problems.append(Problem(field="--output", message="what to write", allowed="--markdown or --json beside it"))
    if output is not None and output.is_dir():
        problems.append(Problem(field="--output", message=f"{output} is a folder", allowed="the name of a file"))
    if output is not None and measurements is not None and output.resolve() == measurements.resolve():
        problems.append(Problem(field="--output", message=f"{output} is your measurements", allowed="another file"))
    if output is not None and not output.parent.is_dir():
        problems.append(Problem(field="--output", message=f"there is no folder {output.parent}"))
    if problems:
        raise InputError(problems)


def _folder(plots: Path | None) -> None:
    """Make the folder of the plots, before the work is done."""
    if plots is None:
        return
    try:
        plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot be a folder ({error.strerror})"
        raise InputError(Problem(field="--plots", message=message, got=shown(str(plots)))) from error


def _own(measurements: Path, hardware: str, network: str | None, settings: list[str]) -> Outcome:
    """Return what comes of a user's own measurements."""
    from accelsim.cli.settings import split_settings
    from accelsim.hardware.load import accelerator_template
    from accelsim.parameters import Space
    from accelsim.validation.builtin_sets.measured import set_of
    from accelsim.validation.measurements import read_measurements
    from accelsim.validation.sets import SETS, Outcome

    template = accelerator_template(hardware)
    _, fixed = split_settings(settings, Space(()), template.space)
    wanted = set_of(template, read_measurements(measurements, network), fixed)
    name = measurements.stem if measurements.stem not in SETS else measurements.name
    return Outcome(name, wanted, wanted.compare({}))


def _refuse_nothing(outcomes: Sequence[Outcome]) -> None:
    """Refuse to print a page of nothing."""
    if any(one.comparison is not None for one in outcomes):
        return
    allowed = "--reference FOLDER with its files"
    raise InputError([Problem(field=one.name, message=one.reason, allowed=allowed) for one in outcomes])


# ------------------------------------------------------------------------------------------------ what is printed
def _drawn(outcomes: Sequence[Outcome], folder: Path) -> dict[str, Path]:
    """Write a parity plot of each set that was run, and return the files."""
    from accelsim.report.parity import panel, parity_png
    from accelsim.report.text import slug

    images = {}
    for outcome in outcomes:
        series = () if outcome.comparison is None or not outcome.set.plotted else outcome.comparison.series
        found = [panel(one.what, one.unit, one.groups, one.predicted, one.reference) for one in series]
        panels = [one for one in found if one is not None]
        if panels:
            images[outcome.name] = folder / f"validation_{slug(outcome.name)}.png"
            write_file(images[outcome.name], parity_png(panels), "--plots")
    return images


def _tell(
    outcomes: Sequence[Outcome],
    images: dict[str, Path],
    as_markdown: bool,
    as_json: bool,
    output: Path | None,
    own: Sequence[str],
) -> None:
    from accelsim.validation.page import page
    from accelsim.validation.summary import as_dict

    if not (as_markdown or as_json):
        _print(outcomes, images, own)
        return
    folder = Path() if output is None else output.parent
    if as_json:
        text = json.dumps(as_dict(outcomes, with_points=frozenset(own)), indent=2) + "\n"
    else:
        text = page(outcomes, images, folder)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_file(output, text, "--output")
        typer.echo(f"written: {output}")


def _list(folders: Sequence[Path]) -> None:
    """Print the sets there are, and whether their files are."""
    from rich.table import Table

    from accelsim.validation.sets import SETS, found_files

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("set", "kind", "what", "files"):
        table.add_column(name, overflow="fold")
    for name in SETS:
        _, missing = found_files(SETS[name], folders)
        state = f"not here: {', '.join(file.places[0] for file in missing)}" if missing else "here"
        table.add_row(name, str(SETS[name].kind), SETS[name].title, state)
    console = _console()
    console.print(table)
    console.print("\nRun them with: accelsim validate SET ..., or --all; --reference FOLDER says where files are.")


def _print(outcomes: Sequence[Outcome], images: dict[str, Path], own: Sequence[str]) -> None:
    from accelsim.validation.summary import remarks

    console = _console()
    for outcome in outcomes:
        if outcome.comparison is None:
            continue
        console.print(f"{outcome.name}: {outcome.set.title} ({outcome.set.kind})", style="bold", markup=False)
        console.print(_table(outcome.comparison.series))
        for remark in remarks(outcome):
            console.print(f"  {remark}", markup=False)
        if outcome.name in own:
            _print_points(console, outcome.comparison.series)
        if outcome.name in images:
            console.print(f"  plot: {images[outcome.name]}", markup=False)
        console.print()
    for outcome in outcomes:
        if outcome.comparison is None:
            console.print(f"not run: {outcome.name}, {outcome.reason}; see --reference", markup=False)


def _console() -> Console:
    from rich.console import Console

    return Console(width=max(_WIDTH, Console().width), highlight=False)


def _table(series: Sequence[Series]) -> object:
    from rich.table import Table

    from accelsim.validation.summary import HEAD, cells

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(HEAD):
        last = place == len(HEAD) - 1
        # Figures are never cut; the name of the worst point is, and the remarks below have it in full.
        width = _WORST_WIDTH if last else None
        words = place <= 1 or last
        table.add_column(
            name, justify="left" if words else "right", no_wrap=True, max_width=width, overflow="ellipsis"
        )  # fmt: skip
    for one in series:
        table.add_row(*cells(one))
    return table


def _print_points(console: Console, series: Sequence[Series]) -> None:
    """Print every point of a user's own table."""
    from rich.table import Table

    from accelsim.validation.summary import percent, points

    for one in series:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("point", overflow="fold")
        for name in ("predicted", "measured"):
            table.add_column(f"{name} ({one.unit})", justify="right")
        table.add_column("error", justify="right")
        for name, ours, theirs, error in points(one):
            table.add_row(name, f"{ours:,.5g}", f"{theirs:,.5g}", "-" if error is None else percent(error, signed=True))
        console.print()
        console.print(table)
