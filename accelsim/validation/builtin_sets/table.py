"""Tables of reference sets: CSV files whose columns and cells are checked where they are read."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem, shown
from accelsim.validation.columns import check_head

__all__ = ["Row", "Table", "read_rows", "read_table"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: cells by column, and where it stands."""

    cells: dict[str, str]
    file: Path
    line: int

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def number(self, column: str) -> float:
        """Return a cell as a number from 0 on.

        Raises:
            InputError: It is none.
        """
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise self.mistake(column, "a number from 0 on")
        return value

    def whole(self, column: str) -> int:
        """Return a cell as a whole number from 0 on.

        Raises:
            InputError: It is none.
        """
        value = self.number(column)
        if value != int(value):
            raise self.mistake(column, "a whole number")
        return int(value)

    def mistake(self, column: str, allowed: str) -> InputError:
        """Return the error that a cell is."""
        got = shown(self.cells[column])
        return InputError(Problem(field=column, got=got, allowed=allowed, file=self.file, line=self.line))

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Give mistakes that are found while the row is worked on its place, if they have none."""
        try:
            yield
        except InputError as error:
            problems = [one if one.file else one.at(self.file, self.line) for one in error.problems]
            raise InputError(problems) from error


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file."""

    file: Path
    rows: tuple[Row, ...]

    def words(self, column: str) -> tuple[str, ...]:
        """Return a column as it is written."""
        return tuple(row[column] for row in self.rows)

    def numbers(self, column: str) -> Floats:
        """Return a column of numbers from 0 on, shape ``(rows,)``.

        Raises:
            InputError: A cell is none.
        """
        return np.array([row.number(column) for row in self.rows])

    def where(self, column: str, word: str) -> Table:
        """Return the rows with a word in a column."""
        return Table(self.file, tuple(row for row in self.rows if row[column] == word))


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV file, or of one packed with gzip, as they are, with their lines.

    Raises:
        InputError: It cannot be read.
    """
    try:
        unpack = gzip.open if path.suffix == ".gz" else open
        with unpack(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            return [(reader.line_num, row) for row in reader]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(Problem(field=str(path), message=f"cannot read the file: {reason}")) from error


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Return a CSV file whose first row names the columns.

    Args:
        path: The file.
        columns: Columns that it needs; others are kept.

    Raises:
        InputError: It cannot be read, a column is missing, has no name or that of another, a row is longer or shorter
            than the first, or there is none.
    """
    rows = [(line, row) for line, row in read_rows(path) if any(cell.strip() for cell in row)]
    head = [name.strip() for name in rows[0][1]] if rows else []
    check_head(head, path)
    problems = [
        Problem(field=name, message="no such column", got=", ".join(head), allowed=name, file=path, line=1)
        for name in columns
        if name not in head
    ]
    message = f"the row has not as many cells as the first ({len(head)})"
    problems += [
        Problem(field="(row)", message=message, file=path, line=line) for line, row in rows[1:] if len(row) != len(head)
    ]
    if not problems and len(rows) < 2:
        problems = [Problem(field="(file)", message="it has no rows", file=path)]
    if problems:
        raise InputError(problems)
    kept = (
        Row({name: cell.strip() for name, cell in zip(head, row, strict=True)}, path, line) for line, row in rows[1:]
    )
    return Table(path, tuple(kept))
