"""The records of a study as a table, and tables as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from accelsim.study.record import Record

__all__ = ["CSV_NAME", "write_csv", "write_table"]

#: Name of the table in a study's folder.
CSV_NAME = "evaluations.csv"

_FIRST = ("number", "arm", "seed", "network", "hardware", "feasible", "error")


def write_csv(records: Sequence[Record], path: Path) -> None:
    """Write one row a record: who it is, its parameters, its metrics; what is absent or not modelled is empty."""
    parameters = list(dict.fromkeys(name for record in records for name in record.point))
    metrics = list(dict.fromkeys(name for record in records for name in record.metrics))
    rows = (
        [
            *(getattr(record, name) for name in _FIRST),
            *(record.point.get(name) for name in parameters),
            *(record.metrics.get(name) for name in metrics),
        ]
        for record in records
    )
    write_table([*_FIRST, *parameters, *metrics], rows, path)


def write_table(heads: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a CSV file; ``None`` is an empty cell.

    The same rows give the same bytes. The table takes its place at once, so that a reader never sees half of it.
    """
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(heads)
        for row in rows:
            table.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
    beside.replace(path)
