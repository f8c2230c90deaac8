"""``accelsim list``: what there is."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from accelsim.units import human

__all__ = ["list_"]


class What(StrEnum):
    """What can be listed."""

    networks = "networks"
    hardware = "hardware"
    studies = "studies"


def list_(
    what: Annotated[What, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """List the networks, hardware templates or studies, your own folders first."""
    rows = {What.networks: _networks, What.hardware: _hardware, What.studies: _studies}[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if name in ("params", "macs") else "left", no_wrap=name == "name")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    Console(highlight=False).print(table)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={default}" for name, default in value.items())
    return human(value) if isinstance(value, int) else str(value)


def _networks() -> list[dict[str, Any]]:
    from accelsim.config.library import available
    from accelsim.workload.load import network_template

    rows = []
    for name, path in available("network").items():
        template = network_template(path)
        network = template.build({})
        rows.append(
            {"name": name, "params": network.params, "macs": network.macs, "description": template.spec.description}
        )
    return rows


def _hardware() -> list[dict[str, Any]]:
    from accelsim.config.library import available
    from accelsim.hardware.load import hardware_template

    templates = {name: hardware_template(path) for name, path in available("hardware").items()}
    return [
        {"name": name, "description": template.spec.description, "parameters": template.space.defaults()}
        for name, template in templates.items()
    ]


def _studies() -> list[dict[str, Any]]:
    from accelsim.config.library import available
    from accelsim.study.plan import load_study

    plans = {name: load_study(path) for name, path in available("study").items()}
    return [
        {"name": name, "description": plan.spec.description, "evaluations": plan.total} for name, plan in plans.items()
    ]
