"""``accelsim show technology``: every entry of a table with its source, its laws, and how far they are from figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.cli.design import AsJson

if TYPE_CHECKING:
    from accelsim.hardware.technology import Table
    from accelsim.hardware.technology.table import Value

__all__ = ["technology"]

#: End of an entry's name -> its unit; the first that fits.
_UNITS = {
    "pj_per_byte": "pJ/B",
    "pj_per_bit": "pJ/bit",
    "_pj": "pJ",
    "um2_per_kib": "um2/KiB",
    "um2_per_bit": "um2/bit",
    "_um2": "um2",
    "mw_per_kib": "mW/KiB",
    "pj_per_bit_mm": "pJ/bit/mm",
    "mw_per_bit": "mW/bit",
    "_mw": "mW",
}


def technology(
    name: Annotated[str, typer.Argument(help="A technology table's name, or the path of its file.")],
    as_json: AsJson = False,
) -> None:
    """Print a technology table: entries with mark and source, laws, and their distance from published figures."""
    from accelsim.config.library import find
    from accelsim.config.source import Source
    from accelsim.hardware.technology import read_table

    table = read_table(Source.read(find("technology", name)))
    if as_json:
        typer.echo(json.dumps(_plain(table), indent=2))
    else:
        _print(table)


def _plain(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "description": table.description,
        "entries": {
            path: {"value": _number(entry.value), "unit": _unit(path), "mark": entry.mark, "source": entry.source}
            for path, entry in table.entries.items()
        },
        "points": [{**asdict(point), "relative": point.relative} for point in table.points],
    }


def _number(value: Value) -> Any:
    return value if value is None or isinstance(value, float) else value.model_dump()


def _unit(path: str) -> str:
    return next((unit for end, unit in _UNITS.items() if path.endswith(end)), "")


def _print(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as Columns

    console = Console(width=max(180, Console().width), highlight=False)
    console.print(f"{table.name}   {table.description}", markup=False)
    entries = Columns(box=None, pad_edge=False, header_style="bold")
    for head in ("entry", "value", "unit", "mark", "source"):
        entries.add_column(head, justify="right" if head == "value" else "left", no_wrap=head != "source")
    above = ""
    for path, entry in table.entries.items():
        entries.add_row(
            path, _words(entry.value), _unit(path), entry.mark, '"' if entry.source == above else entry.source
        )
        above = entry.source
    console.print(entries)
    if not table.points:
        return
    points = Columns(box=None, pad_edge=False, header_style="bold")
    for head in ("held against", "at", "published", "table", "deviation", "source"):
        points.add_column(head, justify="right" if head in ("published", "table", "deviation") else "left")
    for point in table.points:
        figures = (f"{point.published:.4g}", f"{point.modelled:.4g}", f"{100 * point.relative:+.0f} %")
        points.add_row(point.of, point.at, *figures, point.source)
    console.print("")
    console.print(points)
    console.print("")
    for line in _errors(table):
        console.print(line, markup=False)


def _words(value: Value) -> str:
    if value is None:
        return "not modelled"
    if isinstance(value, float):
        return f"{value:.4g}"
    size = f"{value.at_1_kib:.4g} x KiB^{value.exponent:g}"
    if not value.per_access:
        return size
    return f"{size} x ({1 - value.per_access:.4g} + {8 * value.per_access:.4g} / B wide)"


def _errors(table: Table) -> Iterator[str]:
    """Yield a line for each entry that is held against figures: the root mean square and the greatest deviation."""
    for path in dict.fromkeys(point.of for point in table.points):
        found = [abs(point.relative) for point in table.points if point.of == path]
        square = math.sqrt(sum(error**2 for error in found) / len(found))
        count = "1 figure" if len(found) == 1 else f"{len(found)} figures"
        yield f"{path}: {count}, off by {100 * square:.0f} % (root mean square), {100 * max(found):.0f} % at most"
