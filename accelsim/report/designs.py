"""The designs that the report shows as a table: energy and area by component, and what leaves for the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelsim.report.findings import Design
from accelsim.study.export import write_table

__all__ = ["DESIGNS_NAME", "write_designs"]

#: Name of the table in a study's folder.
DESIGNS_NAME = "designs.csv"


def write_designs(designs: Sequence[Design], path: Path) -> None:
    """Write one row a design: its number in the table of evaluations, then each component's part of energy and area.

    Columns ``energy_pj.COMPONENT`` are the modelled lines of the ledger, which sum to ``energy_pj``; ``not_modelled``
    names the components with others. Columns ``area_mm2.COMPONENT`` sum to ``area_mm2``. What a design does not have,
    or what is not modelled, is an empty cell. ``on_host`` names the layers that leave for the host, each with the code
    of its reason.
    """
    rows = [_row(design) for design in designs]
    names = list(dict.fromkeys(name for row in rows for name in row))
    first = [name for name in names if "." not in name]
    parts = [name for figure in ("energy_pj", "area_mm2") for name in names if name.startswith(f"{figure}.")]
    write_table([*first, *parts], [[row.get(name) for name in (*first, *parts)] for row in rows], path)


def _row(design: Design) -> dict[str, object]:
    found, record = design.evaluation, design.record
    away = (f"{layer.name} ({layer.host_reason})" for layer in found.layers if layer.host_reason is not None)
    return {
        "number": record.number,
        "network": record.network,
        "hardware": record.hardware,
        "role": design.role,
        "best": design.champion,
        "energy_pj": found.totals.energy_pj,
        "area_mm2": found.totals.area_mm2,
        "not_modelled": "; ".join(found.not_modelled),
        "on_host": "; ".join(away),
        **{f"energy_pj.{name}": energy for name, energy in found.energy_pj.items()},
        **{f"area_mm2.{name}": area for name, area in found.area_mm2.items()},
    }
