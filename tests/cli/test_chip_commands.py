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
from accelsim.units import human
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
    assert "dram B on chip B energy uJ" in " ".join(head.split())
    wanted = evaluate(load_network(files[0]), load_hardware(files[1])).layers[0].bytes_by_level
    conv = next(line for line in lines if line.startswith("1.conv"))
    assert human(wanted["array.buffer"] + wanted["side.buffer"]) in conv
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


def test_the_mapper_wants_one_accelerator_and_names_the_parts(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("map", "-n", files[0], "-w", files[1], "-l", "1.conv")
    assert said.code != 0
    assert "chip.array, chip.side" in said.err
    assert "Traceback" not in said.err
    again = accelsim("map", "-n", files[0], "-w", f"{files[1]}.side", "-l", "1.conv")
    assert again.code == 0, again.err


def test_mappings_are_shown_with_the_part_and_its_memories(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("show", "mapping", "-n", files[0], "-w", files[1])
    assert said.code == 0, said.err
    conv, pool, _ = said.out.split("\n\n")
    part = conv.splitlines()[0].rpartition("   on ")[2]
    assert part in ("array", "side")
    assert f"to {part}.buffer" in conv
    assert pool.splitlines()[0].endswith("on side")
    views = json.loads(accelsim("show", "mapping", "-n", files[0], "-w", files[1], "--json").out)
    assert [view["part"] for view in views][:2] == [part, "side"]


def test_an_explanation_says_whose_cycles_they_are(accelsim: Run, files: tuple[str, str]) -> None:
    said = accelsim("explain", "energy", "-n", files[0], "-w", files[1], "-l", "2.pool")
    assert said.code == 0, said.err
    assert "(on side: cycles of its clock, 1000 MHz)" in said.out
    assert "leakage of other parts = cycles x pJ a cycle" in said.out


@pytest.mark.parametrize("question", ["cycles", "energy", "utilization", "traffic"])
def test_every_sum_of_a_chip_is_the_models(question: str) -> None:
    """An explanation is held against the evaluation before it is shown: of the network, and of each kind of layer."""
    net, chip = load_network("mobilenet_v3_small", resolution=96), load_hardware("nasaic_like", shi_gbps=4)
    assert explain(question, net, chip).hardware == "nasaic_like"
    kinds = {(layer.op, layer.part): layer for layer in evaluate(net, chip).layers}
    assert {part for _, part in kinds} == {"dla", "shi"}
    for layer in kinds.values():
        found = explain(question, net, chip, layer.name)
        assert found.layer == layer.name
        assert f"(on {layer.part}" in found.subject


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
        f"schema_version: 1\nnetworks: [{files[0]}]\nhardware:\n  {files[1]}: {{spare: all}}\n  {files[1]}.side: {{}}\n"
        "objectives: [latency_ms, energy_pj]\nsearch: {algorithm: grid}\n",
        encoding="utf-8",
    )
    said = accelsim("run", str(study), "-o", "out")
    assert said.code == 0, said.err
    with (tmp_path / "out" / "evaluations.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    both, side = (evaluate(load_network(files[0]), load_hardware(name)) for name in (files[1], f"{files[1]}.side"))
    found = [(row["hardware"], float(row["latency_ms"])) for row in rows]
    assert found == [("chip", both.totals.latency_ms)] * 2 + [("chip.side", side.totals.latency_ms)]
    assert "average_pool on side" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
