"""``accelsim list``: what there is, and what the layers of a network compute and move."""

from __future__ import annotations

import csv
import io
import json
import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from accelsim.cli.saving import write_file
from accelsim.errors import InputError, Problem, shown
from accelsim.units import human

__all__ = ["list_"]

#: Columns of a table wide enough for what is not read on a terminal.
_WIDE = 240
_LARGEST_PLAIN = 1_000_000
#: Columns that share what the others leave of a terminal's width.
_SHARES = {"description": 1, "parameters": 2}


class What(StrEnum):
    """What can be listed."""

    networks = "networks"
    hardware = "hardware"
    studies = "studies"
    technologies = "technologies"


def list_(
    what: Annotated[What, typer.Argument(help="What to list.")],
    names: Annotated[list[str] | None, typer.Argument(help="Which of them; all if none is given.")] = None,
    signature: Annotated[
        bool, typer.Option("--signature", help="Of networks: the bytes and MACs of every layer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, .csv or .json, instead of printing.")
    ] = None,
) -> None:
    """List the networks, hardware templates, studies or technology tables, your own folders first."""
    if signature and what is not What.networks:
        message = f"{what} have no layers"
        raise InputError(Problem(field="--signature", message=message, allowed="accelsim list networks --signature"))
    if output is not None and output.suffix not in (".csv", ".json"):
        raise InputError(Problem(field="--output", got=shown(str(output)), allowed="a name that ends in .csv or .json"))
    kinds = {
        What.networks: _networks,
        What.hardware: _hardware,
        What.studies: _studies,
        What.technologies: _technologies,
    }
    rows = (_signatures if signature else kinds[what])(names or [])
    if output is not None:
        write_file(output, _as_csv(rows) if output.suffix == ".csv" else _as_json(rows), "--output")
    elif as_json:
        typer.echo(_as_json(rows), nl=False)
    else:
        _print(rows)


def _as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2) + "\n"


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(rows: list[dict[str, Any]]) -> None:
    """Print a table; a description ends where a terminal's line does, so that each network has one line."""
    from rich.console import Console
    from rich.table import Table

    on_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold", expand=on_terminal)
    for name, value in rows[0].items() if rows else ():
        number = isinstance(value, int | float) or value is None
        table.add_column(
            name.replace("_", " "),
            justify="right" if number else "left",
            no_wrap=not isinstance(value, dict),
            ratio=_SHARES.get(name) if on_terminal else None,
        )
    for row in rows:
        table.add_row(*(_shown(name, value) for name, value in row.items()))
    Console(width=None if on_terminal else _WIDE, highlight=False).print(table)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={default}" for name, default in value.items())
    if value is None:
        return ""
    if name == "space":
        return f"{value:,}" if value < _LARGEST_PLAIN else f"{Decimal(value):.1e}".replace("e+", "e")
    return human(value) if isinstance(value, int | float) else str(value)


def _chosen(kind: str, names: list[str]) -> dict[str, Path]:
    """Return the files of a kind by name: those named, or all."""
    from accelsim.config.library import available, find

    paths = [find(kind, name) for name in names]
    return {path.stem: path for path in paths} if names else available(kind)


def _networks(names: list[str]) -> list[dict[str, Any]]:
    from accelsim.workload.load import network_template

    rows = []
    for name, path in _chosen("network", names).items():
        template = network_template(path)
        network = template.build({})
        searched = len(template.members) < len(template.space)
        rows.append(
            {
                "name": name,
                "params": network.params,
                "macs": network.macs,
                "space": int(template.members.size) if searched else None,
                "description": template.spec.description,
            }
        )
    return rows


def _signatures(names: list[str]) -> list[dict[str, Any]]:
    from accelsim.workload.load import network_template
    from accelsim.workload.signature import signature

    return [
        {
            "network": name,
            "layer": layer.layer,
            "op": layer.op,
            "macs": layer.macs,
            "weight_bytes": layer.weight_bytes,
            "input_bytes": layer.input_bytes,
            "output_bytes": layer.output_bytes,
            "bytes": layer.bytes,
            "intensity": layer.intensity,
        }
        for name, path in _chosen("network", names).items()
        for layer in signature(network_template(path).build({}))
    ]


def _hardware(names: list[str]) -> list[dict[str, Any]]:
    from accelsim.hardware.load import hardware_template

    templates = {name: hardware_template(path) for name, path in _chosen("hardware", names).items()}
    return [
        {"name": name, "description": template.description, "parameters": template.space.defaults()}
        for name, template in templates.items()
    ]


def _studies(names: list[str]) -> list[dict[str, Any]]:
    from accelsim.study.plan import load_study

    plans = {name: load_study(path) for name, path in _chosen("study", names).items()}
    return [
        {"name": name, "description": plan.spec.description, "evaluations": plan.total} for name, plan in plans.items()
    ]


def _technologies(names: list[str]) -> list[dict[str, Any]]:
    from accelsim.config.source import Source
    from accelsim.hardware.technology import read_table

    tables = {name: read_table(Source.read(path)) for name, path in _chosen("technology", names).items()}
    return [{"name": name, "description": table.description} for name, table in tables.items()]
