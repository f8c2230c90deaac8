"""Reading a sheet of NVIDIA's performance workbook: its head, its layers, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accelsim.engines.nvdla.workbook import Step
from accelsim.errors import InputError, Problem
from accelsim.validation.builtin_sets.table import Row, read_rows
from accelsim.workload.ops import Op
from accelsim.workload.ops.op import loops

__all__ = ["Said", "Sheet", "read_sheet"]

_HEAD = {
    "buffer_kib": "convolution input buffer (kb)",
    "multipliers": "number of multiplier(16bit)",
    "clock_mhz": "frequency",
    "sram_read": "cvsram read bw limitation",
    "sram_write": "cvsram write bw limitation",
    "dram": "dram bw limitation",
    "classified": "fc batch size",
}
_LAYER = {
    "name": "layer",
    "kind": "layer attribute",
    "channels": "#input feature maps c",
    "side": "input height h",
    "kernels": "#output feature maps k",
    "window": "filter height r",
    "same": "zero padding z",
    "stride": "vertical conv srtide h",
    "pooled": "pooling after conv",
    "rows": "height after pooling a",
    "columns": "height after pooling b",
    "input_kib": "input data size",
}
#: What a sheet says twice, with an SRAM and without: our name -> its names.
_SAID = {
    "mac_cycles": ("mac cycles",),
    "most_cycles": ("max cycles", "max cycle"),
    "long_pole": ("long pole",),
    "dram_kib": ("dram traffic",),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a sheet says of its layers with or without an SRAM.

    Attributes:
        mac_cycles: Cycles of the multipliers.
        most_cycles: Cycles of the slowest resource.
        long_pole: The slowest resource.
        dram_kib: DRAM traffic.
        rate: Frames per second.
    """

    mac_cycles: tuple[float, ...]
    most_cycles: tuple[float, ...]
    long_pole: tuple[str, ...]
    dram_kib: tuple[float, ...]
    rate: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet.

    Attributes:
        head: The cells at its head that a ``Workbook`` has too.
        sram_kib: The SRAM of its first half.
        pixel_channels: Channels of a pixel of the image, from the size of the first input.
        names: The layers.
        steps: The same for the model.
        with_sram: What it says in its first half.
        without_sram: What it says in its second half.
    """

    head: Mapping[str, float]
    sram_kib: float
    pixel_channels: int
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    with_sram: Said
    without_sram: Said


def read_sheet(path: Path) -> Sheet:
    """Return a sheet exported as CSV.

    Raises:
        InputError: A cell of the head or a column is missing, or a cell is no such number.
    """
    rows = read_rows(path)
    head, sram_kib = _head(path, rows)
    place = next((at for at, (_, cells) in enumerate(rows) if "Layer attribute" in cells), None)
    if place is None:
        raise InputError(Problem(field="Layer attribute", message="no row names the columns", file=path))
    titles = [_plain(cell) for cell in rows[place][1]]
    columns = {name: _column(path, rows[place][0], titles, (title,), 0) for name, title in _LAYER.items()}
    for name, known in _SAID.items():
        columns |= {f"{name}{half}": _column(path, rows[place][0], titles, known, half) for half in (0, 1)}
    layers = [
        Row({name: cells[at].strip() for name, at in columns.items()}, path, line)
        for line, cells in rows[place + 1 :]
        if len(cells) > max(columns.values()) and cells[columns["kind"]].startswith(("conv", "fc"))
    ]
    if not layers:
        raise InputError(Problem(field="Layer attribute", message="no layer is a conv or fc", file=path))
    first = layers[0]
    rates = _rates(path, rows)
    return Sheet(
        head=head,
        sram_kib=sram_kib,
        pixel_channels=round(first.number("input_kib") * 1024 / first.number("side") ** 2),
        names=tuple(layer["name"] for layer in layers),
        steps=tuple(_step(layer) for layer in layers),
        with_sram=_said(layers, 0, rates[0]),
        without_sram=_said(layers, 1, rates[1]),
    )


def _plain(cell: str) -> str:
    return " ".join(cell.lower().split())


def _head(path: Path, rows: list[tuple[int, list[str]]]) -> tuple[dict[str, float], float]:
    """Return the cells of the head, and the size of the SRAM, which stands behind the last of them."""
    found: dict[str, float] = {}
    sram: list[float] = []
    for line, cells in rows:
        name = next((name for name, title in _HEAD.items() if len(cells) > 2 and _plain(cells[1]) == title), None)
        if name is None:
            continue
        found[name] = Row({name: cells[2]}, path, line).number(name)
        if name == "classified":
            sram = [float(cell) for cell in cells[3:] if cell.strip().isdecimal()]
    missing = [title for name, title in _HEAD.items() if name not in found] + ([] if sram else ["size of the SRAM"])
    if missing:
        raise InputError(
            [Problem(field=title, message="the head of the sheet has no such cell", file=path) for title in missing]
        )
    return found, sram[0]


def _column(path: Path, line: int, titles: list[str], known: tuple[str, ...], which: int) -> int:
    places = [at for at, title in enumerate(titles) if title in known]
    if len(places) <= which:
        times = ("no", "no second")[which]
        raise InputError(Problem(field=known[0], message=f"{times} such column", file=path, line=line))
    return places[which]


def _rates(path: Path, rows: list[tuple[int, list[str]]]) -> list[float]:
    """Return frames per second, with an SRAM and without."""
    for line, cells in rows:
        behind = [
            Row({"FPS": cells[at + 1]}, path, line) for at, cell in enumerate(cells[:-1]) if cell.strip() == "FPS"
        ]
        found = [row.number("FPS") for row in behind if row["FPS"].strip()]
        if len(found) == 2:
            return found
    raise InputError(Problem(field="FPS", message="no row has the two frame rates", file=path))


def _step(row: Row) -> Step:
    channels, side, kernels, window = (row.whole(name) for name in ("channels", "side", "kernels", "window"))
    if row["kind"] == "fc":
        return Step(op=Op("fully_connected", loops(K=kernels, C=channels * side * side)))
    stride = row.whole("stride")
    # Without padding the last rows may stay unseen.
    outputs = -(-side // stride) if row["same"] == "True" else (side - window) // stride + 1
    before = max(0, ((outputs - 1) * stride + window - side) // 2)
    sizes = loops(K=kernels, C=channels, OY=outputs, OX=outputs, FY=window, FX=window)
    op = Op("convolution", sizes, (1, stride, stride), padding=(0, before, before), extent=(1, side, side))
    stored = kernels * row.whole("rows") * row.whole("columns") if row["pooled"] == "True" else None
    return Step(op=op, stored=stored, added="elwise" in row["kind"])


def _said(layers: list[Row], half: int, rate: float) -> Said:
    return Said(
        mac_cycles=tuple(row.number(f"mac_cycles{half}") for row in layers),
        most_cycles=tuple(row.number(f"most_cycles{half}") for row in layers),
        long_pole=tuple(row[f"long_pole{half}"] for row in layers),
        dram_kib=tuple(row.number(f"dram_kib{half}") for row in layers),
        rate=rate,
    )
