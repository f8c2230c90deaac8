"""The first row of a table: every column has a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import InputError, Problem

__all__ = ["check_head"]


def check_head(names: Sequence[str], path: Path) -> None:
    """Refuse columns that cannot be told apart, of which one would count and the others be lost.

    Args:
        names: The first row.
        path: The file.

    Raises:
        InputError: With every column that has no name, or that of another.
    """
    problems = [
        Problem(field="(columns)", message=f"column {place} has no name", allowed="a name", file=path, line=1)
        for place, name in enumerate(names, 1)
        if not name
    ]
    twice = dict.fromkeys(name for name in names if name and names.count(name) > 1)
    problems += [Problem(field=name, message="two columns have this name", file=path, line=1) for name in twice]
    if problems:
        raise InputError(problems)
