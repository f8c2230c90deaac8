"""Chips on the command line: tables that name the part, and commands that want one part and say so."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oracle.chips import write_chip

from accelsim import evaluate, load_hardware
from accelsim.report.explain.answer import explain
from accelsim.workload.load import load_network

Run = Callable[..., Any]
NETWORK = """\
schema_version: 1
input: [8, 12, 12]
layers:
  - {block: conv, out: 16, kernel: 3, act: relu}
  - {block: global_pool}
  - {block: classifier, out: 10}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Return the paths of a network and of a chip."""
    net = tmp_path / "net.yaml"
    net.write_text(NETWORK, encoding="utf-8")
    parts = {"array": [("vector:", "supports: {without: [average_pool]}\nvector:")], "side": [("lanes: 4", "lanes: 8")]}
    return str(net), str(write_chip(tmp_path, parts, "parameters: {spare: {default: 1, choices: [1, 2]}}\n"))


def test_the_table_says_what_runs_where(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("evaluate", files[0], "-w", files[1])
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    head = next(line for line in lines if line.startswith("layer"))
    assert head.split()[:4] == ["layer", "on", "op", "shape"]
    assert all(name in head for name in ("dram B", "array.buffer B", "side.buffer B"))
    where = {line.split()[2]: line.split()[1] for line in lines if line[:1].isdigit()}
    assert where["average_pool"] == "side"
    assert "array.mac" in said.out
    assert "side.vector" in said.out


def test_a_single_accelerator_has_no_such_column(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("evaluate", files[0], "-w", f"{files[1]}.side")
    assert said.code == 0, said.err
    assert next(line for line in said.out.splitlines() if line.startswith("layer")).split()[:2] == ["layer", "op"]


def test_json_names_the_part_of_every_layer(accelsim: Run, files: tuple[str, str]) -> None:
    found = json.loads(accelsim("evaluate", files[0], "-w", files[1], "--json", "--set", "spare=2").out)
    wanted = evaluate(load_network(files[0]), load_hardware(files[1], spare=2)).as_dict()
    assert found == json.loads(json.dumps(wanted))
    assert {layer["part"] for layer in found["layers"]} <= {"array", "side"}
    assert found["layers"][1]["part"] == "side"


@pytest.mark.parametrize(
    "words",
    [
        ("show", "mapping", "-n", "NET", "-w", "CHIP"),
        ("explain", "cycles", "-n", "NET", "-w", "CHIP"),
        ("map", "-n", "NET", "-w", "CHIP", "-l", "1.conv"),
    ],
    ids=lambda words: words[0],
)
def test_what_wants_one_accelerator_names_the_parts(accelsim: Run, files: tuple[str, str], words: list[str]) -> None:
    given = [files[0] if word == "NET" else files[1] if word == "CHIP" else word for word in words]
    said = accelsim(*given)
    assert said.code != 0
    assert "chip.array, chip.side" in said.err
    assert "Traceback" not in said.err
    part = [f"{word}.side" if word == files[1] else word for word in given]
    again = accelsim(*part)
    assert again.code == 0, again.err


def test_a_part_is_explained_as_it_runs_alone(files: tuple[str, str]) -> None:
    alone = load_hardware(f"{files[1]}.side")
    found = explain("cycles", load_network(files[0]), alone)
    assert found.hardware == "chip.side"


def test_measurements_are_not_of_a_chip(accelsim: Run, files: tuple[str, str], tmp_path: Path) -> None:
    table = tmp_path / "m.csv"
    table.write_text("network,latency_ms\nmobilenet_v2,3\n", encoding="utf-8")
    for words in (
        ("calibrate", files[1], "--measurements", str(table), "--parameters", "spare"),
        ("validate", "-m", str(table), "-w", files[1]),
    ):
        said = accelsim(*words)
        assert said.code != 0
        assert "array, side" in said.err


def test_a_chip_is_checked_and_listed(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("check", files[1])
    assert said.out.strip().endswith("a chip of 2 parts (array, side) with 2 designs; no mistakes")
    listed = accelsim("list", "hardware", "--json")
    row = next(row for row in json.loads(listed.out) if row["name"] == "nasaic_like")
    assert row["parameters"]["dla_c"] == 24
    path = Path(files[1])
    path.write_text(path.read_text(encoding="utf-8") + "assign: [{op: convolutoin, part: array}]\n", encoding="utf-8")
    for words in (("evaluate", files[0], "-w", files[1]), ("check", files[1])):
        said = accelsim(*words)
        assert "assign[0].op" in said.err
        assert "Did you mean 'convolution'" in said.err


def test_a_study_searches_chips(accelsim: Run, files: tuple[str, str], tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        f"schema_version: 1\nnetworks: [{files[0]}]\nhardware:\n  {files[1]}: {{spare: all}}\n"
        "objectives: [latency_ms, energy_pj]\nsearch: {algorithm: grid}\n",
        encoding="utf-8",
    )
    said = accelsim("run", str(study), "-o", "out")
    assert said.code == 0, said.err
    with (tmp_path / "out" / "evaluations.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = evaluate(load_network(files[0]), load_hardware(files[1])).totals
    assert [float(row["latency_ms"]) for row in rows] == [wanted.latency_ms] * 2
    assert "average_pool on side" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
