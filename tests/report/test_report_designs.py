"""The table of shown designs: components sum to the figures, and what leaves for the host is named."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from report_fakes import LAYERS, TOTAL_PJ, evaluation, record, result_of

from accelsim.config.source import Source
from accelsim.report.designs import DESIGNS_NAME, write_designs
from accelsim.report.findings import Design
from accelsim.report.html import write_report
from accelsim.study.plan import plan_study
from accelsim.study.runner import run_study


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / DESIGNS_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_by_hand(tmp_path: Path) -> None:
    """The ledger and the area of the made-up machine, and one of its layers on the host."""
    away = (replace(LAYERS[0], host_reason="kind"), *LAYERS[1:4], replace(LAYERS[4], host_reason="bits"))
    here = Design(record=record(7), evaluation=evaluation(layers=away), champion=True)
    other = evaluation(hardware="other", area_mm2={"array": None}, ledger=())
    there = Design(record=record(9, hardware="other"), evaluation=other, champion=False, role="balanced")
    write_designs([here, there], tmp_path / DESIGNS_NAME)
    first, second = rows(tmp_path)
    assert (first["number"], first["network"], first["hardware"]) == ("7", "net", "machine")
    assert (first["best"], first["role"], second["best"], second["role"]) == ("true", "", "false", "balanced")
    parts = {name: cell for name, cell in first.items() if name.startswith("energy_pj.")}
    assert {name.partition(".")[2]: float(cell) for name, cell in parts.items() if cell} == {
        "dram": 35000,
        "buffer": 200,
        "mac": 6300,
        "leakage of logic": 3000,
    }
    assert parts["energy_pj.registers"] == parts["energy_pj.interconnect"] == "", "absent, not 0"
    assert first["not_modelled"] == "buffer; interconnect; registers"
    assert sum(float(cell) for cell in parts.values() if cell) == float(first["energy_pj"]) == TOTAL_PJ
    assert first["on_host"] == "conv (kind); pw (bits)"
    assert second["area_mm2.array"] == second["energy_pj.dram"] == second["on_host"] == ""


STUDY = """
schema_version: 1
networks:
  mobilenet_v3_small: {resolution: 96}
hardware:
  systolic: {rows: [8, 32], columns: 16}
  edge_tpu_coral: {}
objectives: [latency_ms, energy_pj]
"""


def test_the_table_of_a_study_stands_beside_its_report(tmp_path: Path) -> None:
    result = run_study(plan_study(Source.parse(STUDY, Path("two_machines.yaml"))), tmp_path, workers=1)
    page = write_report(result, tmp_path).read_text(encoding="utf-8")
    assert DESIGNS_NAME in page
    evaluated = {str(one.number): one for one in result.records}
    found = rows(tmp_path)
    assert [row["hardware"] for row in found] == ["systolic", "edge_tpu_coral"]
    for row in found:
        metrics = evaluated[row["number"]].metrics
        for figure in ("energy_pj", "area_mm2"):
            parts = [float(cell) for name, cell in row.items() if name.startswith(f"{figure}.") and cell]
            assert len(parts) > 2
            assert sum(parts) == pytest.approx(metrics[figure]) == float(row[figure])
    assert "energy_pj.borders" in found[0]
    assert found[0]["energy_pj.borders"] == "", "a machine without such a component has no figure of it"


def test_the_same_result_gives_the_same_table_and_an_old_one_goes(tmp_path: Path) -> None:
    result = run_study(plan_study(Source.parse(STUDY, Path("two_machines.yaml"))), tmp_path, workers=1)
    written = []
    for _ in range(2):
        write_report(result, tmp_path)
        written.append((tmp_path / DESIGNS_NAME).read_bytes())
    assert written[0] == written[1]
    write_report(result_of([record(0, error="no")]), tmp_path)
    assert rows(tmp_path) == []
