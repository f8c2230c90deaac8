"""NVIDIA's performance workbook and the configurations of the NVDLA primer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.validation.builtin_sets.table import read_table
from accelsim.validation.sets import (
    SETS,
    Agreement,
    Comparison,
    Files,
    Kind,
    ReferenceFile,
    ReferenceSet,
    Scope,
    Series,
)

if TYPE_CHECKING:
    from accelsim.engines.nvdla.workbook import Figures
    from accelsim.validation.builtin_sets.nvdla_sheet import Said, Sheet

__all__ = ["compare"]

#: What the second half of a sheet, without an SRAM, does in its own way.
_WITHOUT_SRAM: dict[str, dict[str, Any]] = {
    "alexnet": {},
    "resnet50": {"classified": 1, "cell_multipliers": 16},
}
#: Figure -> what it is, its unit, and how many of it one of the sheet's is.
_FIGURES = {
    "mac_cycles": ("MAC cycles", "", 1),
    "most_cycles": ("cycles of the slowest resource", "", 1),
    "dram_kib": ("DRAM traffic", "B", 1024),
}


@dataclass(frozen=True, slots=True)
class _Half:
    """Half a sheet: what it says, and what the model says."""

    network: str
    group: str
    names: tuple[str, ...]
    said: Said
    found: Sequence[Figures]

    @property
    def rate(self) -> float:
        """Frames per second."""
        return 1e9 / sum(layer.most_cycles for layer in self.found)


def compare(files: Files) -> Comparison:
    """Return MAC cycles, cycles, DRAM traffic, the binding resource and frame rates.

    Raises:
        InputError: A cell or column of a sheet is missing, or a cell is no such number.
    """
    from accelsim.validation.builtin_sets.nvdla_sheet import read_sheet

    sheets = {name: read_sheet(files[name]) for name in _WITHOUT_SRAM}
    halves = [half for name, sheet in sheets.items() for half in _halves(name, sheet)]
    names = tuple(name for half in halves for name in half.names)
    layers = [layer for half in halves for layer in half.found]
    series = [
        Series(
            what=what,
            unit=unit,
            scope=Scope.LAYER,
            names=names,
            groups=tuple(half.group for half in halves for _ in half.names),
            predicted=size * np.array([getattr(layer, figure) for layer in layers]),
            reference=size * np.array([value for half in halves for value in getattr(half.said, figure)]),
        )
        for figure, (what, unit, size) in _FIGURES.items()
    ]
    rates = Series(
        what="frames per second, sheets",
        unit="1/s",
        scope=Scope.NETWORK,
        names=tuple(half.network for half in halves),
        groups=tuple(half.group for half in halves),
        predicted=np.array([half.rate for half in halves]),
        reference=np.array([half.said.rate for half in halves]),
    )
    poles = Agreement(
        what="binding resource",
        scope=Scope.LAYER,
        names=tuple(f"{name}, {half.group}" for half in halves for name in half.names),
        predicted=tuple(layer.long_pole for layer in layers),
        reference=tuple(pole for half in halves for pole in half.said.long_pole),
    )
    return Comparison((*series, _hardware(sheets), rates, _primer(files, sheets["resnet50"])), (poles,))


def _halves(name: str, sheet: Sheet) -> list[_Half]:
    """Return both halves of a sheet. In the first, weights are shared by as many images as the SRAM holds."""
    from accelsim.engines.nvdla.workbook import Workbook, figures, sram_images

    cells: dict[str, Any] = {**sheet.head, "pixel_channels": sheet.pixel_channels}
    cells |= {key: int(sheet.head[key]) for key in ("multipliers", "classified")}
    large = {**cells, "sram_kib": sheet.sram_kib}
    large["images"] = sram_images(sheet.steps, Workbook(**large))
    layers = tuple(f"{name} {layer}" for layer in sheet.names)
    return [
        _Half(name, group, layers, said, figures(sheet.steps, Workbook(**given)))
        for group, said, given in (
            (f"SRAM of {sheet.sram_kib:g} KiB", sheet.with_sram, large),
            ("no SRAM", sheet.without_sram, {**cells, **_WITHOUT_SRAM[name]}),
        )
    ]


def _hardware(sheets: dict[str, Sheet]) -> Series:
    """Return the MAC cycles of convolutions by the model of the hardware, against those of the workbook."""
    from accelsim.engines.nvdla import PRESETS, traverse

    rows = [
        (f"{name} {layer}", traverse(step.op, PRESETS["nv_full"]).mac_cycles.min(), cycles)
        for name, sheet in sheets.items()
        for layer, step, cycles in zip(sheet.names, sheet.steps, sheet.with_sram.mac_cycles, strict=True)
        if step.op.kind == "convolution"
    ]
    return Series(
        what="MAC cycles of convolutions, nv_full traversal",
        unit="",
        scope=Scope.LAYER,
        names=tuple(name for name, _, _ in rows),
        groups=("",) * len(rows),
        predicted=np.array([ours for _, ours, _ in rows]),
        reference=np.array([theirs for _, _, theirs in rows]),
    )


def _primer(files: Files, sheet: Sheet) -> Series:
    """Return frame rates of ResNet-50 on the configurations of the primer; only the full one has Winograd."""
    from accelsim.engines.nvdla.workbook import Workbook, figures

    needed = ("macs_int8", "conv_buffer_KB", "sdram_bw_GBps", "resnet50_int8_fps_at_1GHz")
    table = read_table(files["primer"], needed)
    rates = []
    for row in table.rows:
        multipliers = row.whole("macs_int8")
        book = Workbook(
            multipliers=multipliers,
            buffer_kib=row.number("conv_buffer_KB"),
            dram=row.number("sdram_bw_GBps"),
            winograd=multipliers == 2048,
            cell_multipliers=16,
        )
        rates.append(1e9 / sum(layer.most_cycles for layer in figures(sheet.steps, book)))
    return Series(
        what="frames per second, primer",
        unit="1/s",
        scope=Scope.NETWORK,
        names=tuple(f"ResNet-50 on {macs} MACs" for macs in table.words("macs_int8")),
        groups=("",) * len(table.rows),
        predicted=np.array(rates),
        reference=table.numbers("resnet50_int8_fps_at_1GHz"),
    )


SETS.register("nvdla")(
    ReferenceSet(
        title="NVDLA: NVIDIA's performance workbook and primer",
        kind=Kind.VENDOR,
        source="NVDLA_OpenSource_Performance.xlsx (nvdla/hw, perf) and the NVDLA primer (nvdla.org), int8, 1 GHz",
        compared="AlexNet and ResNet-50, with an SRAM and without, by the workbook's own arithmetic "
        "(`accelsim/engines/nvdla/workbook.py`); frame rates of the three configurations of the primer by the same. "
        "The traversal of the hardware (`accelsim/engines/nvdla/traversal.py`) is held against the workbook's MAC "
        "cycles as well: the workbook spreads MACs evenly over all multipliers, the hardware leaves atoms empty "
        "and fills up Winograd tiles, so that the traversal is slower by intent.",
        not_modelled="The workbook gives no rule for some of its habits, and they are taken as they are: without an "
        "SRAM its ResNet-50 sheet leaves half of the multipliers idle where there are 64 kernels, its AlexNet sheet "
        "does not. It has two different DRAM figures for the two equal halves of AlexNet's layer 2, and writes both "
        "halves of layer 5 to DRAM, where the model's arithmetic writes the last alone. Area and power of the primer "
        "are not compared.",
        compare=compare,
        files=(
            ReferenceFile("alexnet", ("nvdla/nvdla_sheet_alexnet.csv", "nvdla_sheet_alexnet.csv")),
            ReferenceFile("resnet50", ("nvdla/nvdla_sheet_resnet50.csv", "nvdla_sheet_resnet50.csv")),
            ReferenceFile("primer", ("nvdla/primer_configs.csv", "primer_configs.csv")),
        ),
    )
)
