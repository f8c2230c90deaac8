"""``accelsim calibrate``: parameters of a template fitted to measurements, and a preset with what was found."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.saving import write_file
from accelsim.errors import InputError, Problem, shown

if TYPE_CHECKING:
    from accelsim.hardware.load import HardwareTemplate
    from accelsim.validation.fit import Calibration
    from accelsim.validation.metrics import Errors

__all__ = ["calibrate"]


def calibrate(
    hardware: Annotated[str, typer.Argument(help="A template's name, or the path of its YAML file.")],
    measurements: Annotated[
        Path, typer.Option("--measurements", "-m", help="CSV: network, latency_ms or energy_pj, network parameters.")
    ],
    parameters: Annotated[str, typer.Option("--parameters", "-p", help="What to fit: names with commas between.")],
    network: Annotated[
        str | None, typer.Option("--network", "-n", help="The network of every row, if the file does not say.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another parameter of the hardware, as name=value.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts of the cross-validation.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides which measurement is in which part.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a preset to this YAML file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Fit parameters of a template to measurements, and say how well they are known."""
    from accelsim.cli.settings import split_settings
    from accelsim.hardware.load import accelerator_template
    from accelsim.parameters import Space
    from accelsim.validation.fit import calibrate as fit
    from accelsim.validation.measurements import read_measurements
    from accelsim.validation.preset import preset_text

    _writable(output, force)
    template = accelerator_template(hardware)
    _new_name(output, template)
    _, fixed = split_settings(settings or [], Space(()), template.space)
    measured = read_measurements(measurements, network)
    names = [name.strip() for name in parameters.split(",") if name.strip()]
    found = fit(template, measured, names, fixed=fixed, folds=folds, seed=seed)
    if as_json:
        typer.echo(json.dumps(_as_dict(found), indent=2))
    else:
        _print(found, hardware, measured.quantity)
    if output is not None:
        write_file(output, preset_text(template, measured, found, fixed, output.parent), "--output")
        typer.echo(f"written: {output}", err=as_json)


def _writable(output: Path | None, force: bool) -> None:
    """Refuse an output that cannot be written, before the work is done."""
    if output is None:
        return
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(Problem(field="--output", got=shown(str(output)), allowed="a name that ends in .yaml"))
    if output.exists() and not force:
        raise InputError(
            Problem(field="--output", message=f"{output} is there already", allowed="--force to replace it")
        )
    if output.is_dir():
        raise InputError(Problem(field="--output", message=f"{output} is a folder", allowed="the name of a file"))
    if not output.parent.is_dir():
        raise InputError(Problem(field="--output", message=f"there is no folder {output.parent}"))


def _new_name(output: Path | None, template: HardwareTemplate) -> None:
    """Refuse a preset that takes the place or the name of what it starts from."""
    if output is None:
        return
    files = {file.resolve() for file in template.files}
    if output.resolve() in files or output.stem == template.name:
        message = f"{output} would stand in the place of {template.name}, which the preset starts from"
        raise InputError(Problem(field="--output", message=message, allowed="another name"))


def _as_dict(found: Calibration) -> dict[str, object]:
    return {
        "parameters": [asdict(one) for one in found.parameters],
        "before": asdict(found.before),
        "after": asdict(found.after),
        "held_out": asdict(found.held_out),
        "folds": found.folds,
        "warnings": list(found.warnings),
    }


def _print(found: Calibration, hardware: str, quantity: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(120, Console().width), highlight=False)
    console.print(f"{hardware}, {quantity}: {found.after.count} measurements, {found.folds}-fold cross-validation\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("parameter")
    for name in ("default", "fitted", "95 % confidence", "bounds"):
        table.add_column(name, justify="right")
    for one in found.parameters:
        low, high = one.bounds
        table.add_row(
            one.name,
            f"{one.default:.5g}",
            f"{one.value:.5g}",
            f"{one.low:.4g} .. {one.high:.4g}",
            f"{low:g} .. {high:g}",
        )
    console.print(table)
    errors = Table(box=None, pad_edge=False, header_style="bold")
    errors.add_column("")
    for name in ("MAPE", "bias", "within 10 %", "worst", "Spearman", "Kendall"):
        errors.add_column(name, justify="right")
    for label, one_set in (("defaults", found.before), ("fitted", found.after), ("unseen points", found.held_out)):
        errors.add_row(label, *_cells(one_set))
    console.print()
    console.print(errors)
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)


def _cells(errors: Errors) -> tuple[str, ...]:
    ranks = ("-" if rank is None else f"{rank:.3f}" for rank in (errors.spearman, errors.kendall))
    shares = (errors.mape, errors.bias, errors.within_10, errors.worst)
    return (*(f"{100 * share:.1f} %" for share in shares), *ranks)
