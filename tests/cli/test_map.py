"""``accelsim map``: the best mapping of a layer, its proof, and the file of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim import load_hardware, load_network
from accelsim.cli.map import written
from accelsim.report.explain.mapped import map_layer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mappers.md").read_text()
SHOWN = ("-n", "mobilenet_v2", "-w", str(ROOT / "benchmarks" / "machines" / "three_level.yaml"), "-l", "3.2.expand")
Run = Callable[..., Any]
Write = Callable[..., Path]

NETWORK = """\
schema_version: 1
input: [6, 8, 8]
layers:
  - {block: conv, out: 12, kernel: 3, name: wide}
  - {block: classifier, out: 10, name: last}
"""
MACHINE = """\
schema_version: 1
clock: 1 GHz
technology: cmos_45nm
memories:
  - {name: dram, holds: [W, I, O], bandwidth: 4 B/cycle, kind: lpddr4}
  - {name: buffer, holds: [W, I, O], size: 1 KiB, bandwidth: 16 B/cycle, kind: sram, double_buffered: true}
array: {engine: systolic, dataflow: weight_stationary, rows: 4, columns: 4}
vector: {lanes: 4, fuses: [relu]}
"""


@pytest.fixture
def files(write: Write) -> tuple[str, ...]:
    """Return the words that name a small network, a small machine and a layer."""
    write(NETWORK)
    write(MACHINE, "machine.yaml")
    return ("-n", "./net.yaml", "-w", "./machine.yaml", "-l", "wide")


def figures(found: dict[str, Any]) -> list[float]:
    return [found[name] for name in ("latency_cycles", "latency_ms", "energy_pj", "edp_pj_ms", "score")]


def test_a_mapping_is_printed_with_its_figures_and_proof(accelsim: Run, files: tuple[str, ...]) -> None:
    said = accelsim("map", *files)
    assert said.code == 0, said.err
    found = map_layer(load_network("./net.yaml"), load_hardware("./machine.yaml"), "wide")
    one = found.found
    lines = said.out.splitlines()
    assert lines == list(written(found))
    assert lines[0].startswith("wide")
    assert any(line.startswith(f"this mapping    {one.latency_cycles:,.0f} cycles = ") for line in lines)
    assert lines[-1] == f"proven: none scores less than {one.score:.6g}, and this one scores {one.score:.6g}"


def test_the_counts_of_the_proof_add_up(accelsim: Run, files: tuple[str, ...]) -> None:
    said = json.loads(accelsim("map", *files, "--json").out)
    proof = said["certificate"]
    assert proof["proven"] is True
    parts = ("alike", "dominated", "no_room", "bounded", "searched", "unseen")
    assert sum(proof[name] for name in parts) == proof["space"]
    # Five dims turn; chains of one tile each; all orders of five loops.
    assert proof["space"] == 12 * 6 * 8 * 8 * 3 * 3 * 720


def test_json_has_the_nest_and_the_figures(accelsim: Run, files: tuple[str, ...]) -> None:
    said = json.loads(accelsim("map", *files, "--json").out)
    found = map_layer(load_network("./net.yaml"), load_hardware("./machine.yaml"), "wide")
    assert [line["kind"] for line in said["nest"]] == [line.kind for line in found.view.lines]
    assert said["latency_cycles"] == found.found.latency_cycles
    assert said["edp_pj_ms"] == pytest.approx(said["energy_pj"] * said["latency_ms"])
    assert said["score"] == pytest.approx(said["latency_cycles"] * said["energy_pj"])
    assert said["mapping"] == found.mapping.as_dict()


def test_what_is_saved_reads_back_to_the_same_figures(accelsim: Run, files: tuple[str, ...]) -> None:
    saved = json.loads(accelsim("map", *files, "--json", "--save", "mapping.yaml").out)
    text = Path("mapping.yaml").read_text()
    assert text.startswith(
        'schema_version: 1\ndescription: "wide.conv of net on machine, least edp"\nmemories:\n  buffer:\n'
    )
    for objective in ("edp", "latency", "energy"):
        again = json.loads(accelsim("map", *files, "--json", "--fix", "mapping.yaml", "--objective", objective).out)
        assert figures(again)[:4] == pytest.approx(figures(saved)[:4], rel=1e-12)
        assert again["mapping"] == saved["mapping"]
        assert again["nest"] == saved["nest"]
    assert accelsim("map", *files, "--fix", "mapping.yaml", "--save", "again.yaml").code == 0
    assert Path("again.yaml").read_text().splitlines()[2:] == text.splitlines()[2:]


def test_what_is_fixed_is_obeyed_and_counted(accelsim: Run, files: tuple[str, ...], write: Write) -> None:
    write("schema_version: 1\nmemories: {buffer: {tile: {K: 5, OY: 3}, order: [OY, K]}}\n", "fixed.yaml")
    said = accelsim("map", *files, "--fix", "fixed.yaml")
    assert re.search(r"^[\d,]+ mappings obey what is fixed$", said.out, re.M)
    found = json.loads(accelsim("map", *files, "--fix", "fixed.yaml", "--json").out)
    assert (
        found["mapping"]["memories"]["buffer"]["tile"] | {"K": 5, "OY": 3}
        == found["mapping"]["memories"]["buffer"]["tile"]
    )
    loops = [line["dim"] for line in found["nest"] if line["kind"] == "for" and line["memory"] == "dram"]
    assert loops.index("OY") < loops.index("K")
    assert found["score"] > json.loads(accelsim("map", *files, "--json").out)["score"]


def test_the_best_is_never_worse_than_the_default(accelsim: Run, files: tuple[str, ...]) -> None:
    for layer in ("wide", "last"):
        found = json.loads(accelsim("map", *files[:-1], layer, "--json").out)
        assert found["score"] <= found["default"]["score"] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("objective", "figure"), [("latency", "latency_cycles"), ("energy", "energy_pj"), ("0,1", "energy_pj")]
)
def test_each_objective_is_least_where_it_counts(
    accelsim: Run, files: tuple[str, ...], objective: str, figure: str
) -> None:
    own = json.loads(accelsim("map", *files, "--json", "--objective", objective).out)
    others = [json.loads(accelsim("map", *files, "--json", "--objective", other).out) for other in ("edp", "1,3")]
    assert own["score"] == pytest.approx(own[figure])
    assert all(own[figure] <= other[figure] for other in others)


def test_what_the_default_mapper_chooses_costs_what_evaluate_says(accelsim: Run, files: tuple[str, ...]) -> None:
    found = json.loads(accelsim("map", *files, "--json").out)["default"]
    layers = json.loads(accelsim("evaluate", "./net.yaml", "-w", "./machine.yaml", "--json").out)["layers"]
    wide = next(layer for layer in layers if layer["name"] == "wide.conv")
    assert found["latency_cycles"] == pytest.approx(wide["latency_cycles"])


def test_tensors_that_stay_on_chip_stay_for_the_exact_mapper_too(accelsim: Run, write: Write) -> None:
    """The result of the first layer, 12 x 8 x 8 bytes, stays in the buffer until the second has read it."""
    write(
        NETWORK.replace(
            "  - {block: classifier", "  - {block: conv, out: 4, kernel: 1, name: next}\n  - {block: classifier"
        )
    )
    write(MACHINE.replace("size: 1 KiB", "size: 2 KiB, keeps: [I, O]"), "machine.yaml")
    nest = json.loads(accelsim("map", "-n", "./net.yaml", "-w", "./machine.yaml", "-l", "next", "--json").out)["nest"]
    buffer = next(line for line in nest if line["kind"] == "memory" and line["memory"] == "buffer")
    assert buffer["stays"] == ["I", "O"]
    assert buffer["kept_bytes"] == 12 * 64 + 4 * 64
    assert {line["operand"] for line in nest if line["kind"] in ("load", "store")} == {"W"}
    assert sum(tile["bytes"] for tile in buffer["tiles"].values()) + buffer["kept_bytes"] <= 2048


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--objective", "edb"), "--objective\n  got 'edb'; use edp, latency, energy, powers of latency"),
        (("--objective", "0,0"), "objective\n  neither latency nor energy counts."),
        (("--fix", "none.yaml"), "none.yaml\n  cannot read the file: No such file or directory."),
        (("--save", "no/such/folder.yaml"), "--save\n  cannot write the file: No such file or directory; got"),
        (("-l", "wid"), "--layer\n  there is no such layer; got 'wid'"),
        (("--fix", "machine.yaml"), "machine.yaml:2  clock\n  unknown key; got 'clock'; use schema_version"),
    ],
)
def test_mistakes_are_one_message(accelsim: Run, files: tuple[str, ...], words: tuple[str, ...], message: str) -> None:
    said = accelsim("map", *files, *words)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_a_fixed_tile_that_does_not_fit_is_named(accelsim: Run, files: tuple[str, ...], write: Write) -> None:
    write("schema_version: 1\nmemories: {buffer: {tile: {OX: 8, OY: 8, K: 12}}}\n", "fixed.yaml")
    said = accelsim("map", *files, "--fix", "fixed.yaml")
    assert said.code == 2
    assert re.search(r"memory 'buffer' needs [\d,]+ B for its tiles \(.*\) and has 1,024 B", said.err)
    assert "without what is fixed: tile OX: 8 of memory 'buffer'" in said.err


def test_a_layer_without_macs_has_nothing_to_map(accelsim: Run) -> None:
    said = accelsim("map", "-n", "mobilenet_v2", "-w", "systolic", "-l", "3.2.add")
    assert said.code == 2
    assert "no multiply-accumulates" in said.err


def test_the_proof_on_the_page_is_todays(accelsim: Run) -> None:
    lines = accelsim("map", *SHOWN).out.splitlines()
    kept = [
        line for line in lines if line.startswith(("this mapping", "default mapper", "proven")) or " mappings" in line
    ]
    assert len(kept) == 4
    assert all(f"\n{line}\n" in PAGE for line in kept), kept


def test_the_fixed_mapping_of_the_page_is_obeyed(accelsim: Run) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    Path("fixed.yaml").write_text(text)
    found = json.loads(accelsim("map", *SHOWN, "--fix", "fixed.yaml", "--json").out)
    tiles = {name: memory["tile"] for name, memory in found["mapping"]["memories"].items()}
    assert (tiles["buffer"]["K"], tiles["buffer"]["C"], tiles["inner"]["OX"]) == (32, 24, 7)
    loops = [line["dim"] for line in found["nest"] if line["kind"] == "for" and line["memory"] == "dram"]
    assert [dim for dim in loops if dim in ("OY", "OX")] in (["OY", "OX"], ["OY"], ["OX"])


def test_the_message_on_the_page_is_todays(accelsim: Run) -> None:
    (tile,) = re.findall(r"the tile `(\{.*?\})` in `inner`", PAGE)
    Path("fixed.yaml").write_text(f"schema_version: 1\nmemories: {{inner: {{tile: {tile}}}}}\n")
    said = accelsim("map", *SHOWN, "--fix", "fixed.yaml")
    assert said.err.strip() in " ".join(PAGE.split())


def test_a_mapping_file_is_checked_by_its_form(accelsim: Run) -> None:
    Path("mapping.yaml").write_text("schema_version: 1\nmemories: {buffer: {tile: {K: 3, C: 2}, order: [K, C]}}\n")
    said = accelsim("check", "mapping.yaml")
    assert said.out == "mapping.yaml: a mapping with 3 fixed parts, for `accelsim map --fix`; no mistakes\n"
    Path("mapping.yaml").write_text("schema_version: 1\nmemories: {buffer: {tile: {K: 3}, ordre: [K, C]}}\n")
    said = accelsim("check", "mapping.yaml")
    assert said.code == 2
    assert "mapping.yaml:2  memories.buffer.ordre\n  unknown key; got 'ordre'; use" in said.err
    assert "Did you mean 'order'?" in said.err
