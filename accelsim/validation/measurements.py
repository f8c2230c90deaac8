"""Measurements from a CSV file: networks, and what each was measured to take."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point, Value
from accelsim.validation.columns import check_head
from accelsim.workload.load import network_template
from accelsim.workload.network import Network
from accelsim.workload.spaces.nasbench201 import from_arch_string

__all__ = ["QUANTITIES", "Measurements", "read_measurements"]

Floats = npt.NDArray[np.float64]
#: Columns that a measurement may stand in: figures of an evaluation.
QUANTITIES = ("latency_ms", "energy_pj")
#: Columns that are there for the reader alone.
_NOTES = ("id", "note", "source", "arch_idx")
#: A column that names members of NAS-Bench-201 as its tables do.
_ARCH = "arch_str"


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What networks were measured to take on a machine.

    Attributes:
        path: The file.
        quantity: What was measured, one of ``QUANTITIES``.
        names: A name for each point.
        networks: The networks.
        values: Shape ``(points,)``, above 0.
    """

    path: Path
    quantity: str
    names: tuple[str, ...]
    networks: tuple[Network, ...] = field(repr=False)
    values: Floats = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def take(self, places: npt.NDArray[np.int64]) -> Measurements:
        """Return the points at ``places``, in that order."""
        names = tuple(self.names[place] for place in places)
        networks = tuple(self.networks[place] for place in places)
        return Measurements(self.path, self.quantity, names, networks, self.values[places])


def read_measurements(path: Path, network: str | None = None) -> Measurements:
    """Return the measurements of a CSV file.

    One row a point: ``network`` (a name, or a path; may be left out if the argument is given), one of ``QUANTITIES``,
    and any parameters of the networks, an empty cell being the default. A column ``arch_str`` has members of
    NAS-Bench-201 in its own notation, ``|nor_conv_3x3~0|+...``. Columns called id, note, source or arch_idx are not
    read.

    Raises:
        InputError: With every mistake: a column is missing or is no parameter, a cell is no positive number, or an
            unknown network.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(Problem(field="(file)", message="no measurements: the file has no rows", file=path))
    columns = tuple(rows[0][1])
    quantity = _quantity(columns, path)
    if "network" not in columns and _ARCH not in columns and network is None:
        message = "no column says which network was measured"
        raise InputError(Problem(field="network", message=message, allowed="a column network", file=path, line=1))
    problems: list[Problem] = []
    said: set[tuple[str, str, str | None]] = set()
    names, networks, values = [], [], []
    for line, row in rows:
        try:
            value = _positive(row[quantity], quantity)
            built = _network(row, network, quantity)
        except InputError as error:
            # A column that is wrong is so in every row: it is said once.
            new = [one for one in error.problems if (one.field, one.message, one.got) not in said]
            said |= {(one.field, one.message, one.got) for one in new}
            problems += [one if one.file else one.at(path, line) for one in new]
            continue
        names.append(built.name)
        networks.append(built)
        values.append(value)
    if problems:
        raise InputError(problems)
    return Measurements(path, quantity, tuple(names), tuple(networks), np.array(values))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with their lines.

    Raises:
        InputError: It cannot be read, a column has no name or that of another, or a row is longer or shorter than the
            first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            check_head([name.strip() for name in reader.fieldnames or ()], path)
            for row in reader:
                if None in row or None in row.values():
                    message = f"the row has not as many cells as the first ({len(reader.fieldnames or ())})"
                    raise InputError(Problem(field="(row)", message=message, file=path, line=reader.line_num))
                yield reader.line_num, {key.strip(): value.strip() for key, value in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(Problem(field=str(path), message=f"cannot read the file: {reason}")) from error


def _quantity(columns: Sequence[str], path: Path) -> str:
    found = [name for name in QUANTITIES if name in columns]
    if len(found) == 1:
        return found[0]
    message = "no column says what was measured" if not found else f"several columns were measured: {', '.join(found)}"
    allowed = f"one of the columns {', '.join(QUANTITIES)}"
    got = ", ".join(columns)
    raise InputError(Problem(field="(columns)", message=message, got=got, allowed=allowed, file=path, line=1))


def _positive(text: str, field_name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(Problem(field=field_name, got=shown(text), allowed="a number above 0"))
    return value


def _network(row: dict[str, str], network: str | None, quantity: str) -> Network:
    """Return the network of a row.

    Raises:
        InputError: There is no such network, or a column or cell is no parameter of it.
    """
    arch = row.get(_ARCH)
    template = network_template(row.get("network") or network or ("nasbench201" if arch else ""))
    given: Point = from_arch_string(arch) if arch else {}
    if arch and not given.keys() <= set(template.space.names):
        message = f"it names members of nasbench201, and the network is {template.name}"
        raise InputError(Problem(field=_ARCH, message=message, got=shown(arch), allowed="an empty cell here"))
    problems = []
    for name, text in row.items():
        if not text or name in ("network", quantity, _ARCH, *_NOTES):
            continue
        if name not in template.space.names:
            known = (*template.space.names, "network", _ARCH, *QUANTITIES, *_NOTES)
            problems.append(Problem.unknown(name, name, known, f"{template.name} has no such parameter"))
        else:
            given[name] = _value(text)
    if problems:
        raise InputError(problems)
    return template.build(given)


def _value(text: str) -> Value:
    """Return a cell as a switch, a number or a word."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
