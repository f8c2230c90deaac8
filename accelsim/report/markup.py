"""Pieces of the page: text escaped, tables, lists. Everything that comes from a user's file goes through here."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accelsim.report.text import NOT_MODELLED

__all__ = ["Cell", "Row", "chip", "code", "data_script", "folded", "listed", "note", "plain", "section", "table"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell.

    Attributes:
        markup: Its content, already markup.
        numeric: Whether it is aligned to the right.
    """

    markup: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A table row; ``kind`` is ``best`` for a highlighted one, ``first`` for the first of a group, both, or empty."""

    cells: Sequence[Cell]
    kind: str = ""


def plain(text: str, *, numeric: bool = False) -> Cell:
    """Return a cell with ``text`` as it is; what is not modelled is set apart."""
    escaped = html.escape(text)
    return Cell(f'<span class="missing">{escaped}</span>' if text == NOT_MODELLED else escaped, numeric)


def code(text: str) -> str:
    """Return ``text`` as code."""
    return f"<code>{html.escape(text)}</code>"


def chip(colour: str) -> str:
    """Return a small square of a colour."""
    return f'<span class="chip" style="background:{colour}"></span>'


def table(heads: Sequence[Cell], rows: Iterable[Row]) -> str:
    """Return a table that scrolls inside itself."""
    head = "".join(f"<th{_class(cell)}>{cell.markup}</th>" for cell in heads)
    body = "\n".join(_row(row) for row in rows)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _row(row: Row) -> str:
    cells = "".join(f"<td{_class(cell)}>{cell.markup}</td>" for cell in row.cells)
    return f'<tr class="{row.kind}">{cells}</tr>' if row.kind else f"<tr>{cells}</tr>"


def _class(cell: Cell) -> str:
    return ' class="n"' if cell.numeric else ""


def section(name: str, title: str, *parts: str) -> str:
    """Return a headline that the page's list of contents can point to, and what stands under it."""
    return "\n".join([f'<h2 id="{html.escape(name)}">{html.escape(title)}</h2>', *(part for part in parts if part)])


def folded(title: str, *parts: str, opened: bool = False) -> str:
    """Return parts under a line that opens and closes them."""
    state = " open" if opened else ""
    inner = "\n".join(parts)
    return f"<details{state}><summary>{html.escape(title)}</summary><div>\n{inner}\n</div></details>"


def listed(items: Iterable[str]) -> str:
    """Return a list of markup; nothing if it is empty."""
    lines = [f"<li>{item}</li>" for item in items]
    return "\n".join(["<ul>", *lines, "</ul>"]) if lines else ""


def note(text: str) -> str:
    """Return a box that cannot be overlooked."""
    return f'<div class="note">{html.escape(text)}</div>'


def data_script(value: object) -> str:
    """Return ``value`` as JSON in an element that no browser runs or can be led out of."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<script type="application/json">{safe}</script>'
