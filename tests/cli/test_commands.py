"""What the commands print when all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim import evaluate, load_hardware, load_network

TOTALS = {
    "params",
    "macs",
    "latency_cycles",
    "latency_ms",
    "energy_pj",
    "utilization",
    "dram_bytes",
    "peak_memory_bytes",
    "area_mm2",
}


def test_evaluate_json_holds_the_totals_and_every_layer(accelsim: Callable[..., object]) -> None:
    said = accelsim("evaluate", "mobilenet_v2", "--hardware", "edge_tpu", "--set", "lanes=32", "--json")
    data = json.loads(said.out)
    assert (data["network"], data["hardware"]) == ("mobilenet_v2", "edge_tpu")
    assert data["hardware_parameters"]["lanes"] == 32
    assert set(data["totals"]) == TOTALS
    assert set(data["totals"]["utilization"]) == {"spatial", "temporal", "overall"}
    assert all(set(layer) >= TOTALS | {"name", "op", "shape", "bottleneck"} for layer in data["layers"])
    for name in ("macs", "params", "latency_cycles", "energy_pj", "dram_bytes"):
        assert sum(layer[name] for layer in data["layers"]) == pytest.approx(data["totals"][name])
    assert sum(energy or 0 for energy in data["energy_pj"].values()) == pytest.approx(data["totals"]["energy_pj"])
    assert data["not_modelled"] == []
    assert sum(data["area_mm2"].values()) == pytest.approx(data["totals"]["area_mm2"])
    same = evaluate(load_network("mobilenet_v2"), load_hardware("edge_tpu", lanes=32))
    assert data["totals"]["latency_cycles"] == same.totals.latency_cycles


def test_settings_reach_the_side_that_has_the_parameter(accelsim: Callable[..., object]) -> None:
    words = ["--set", "width=0.5", "--set", "network.resolution=160", "--set", "hardware.rows=64"]
    data = json.loads(accelsim("evaluate", "mobilenet_v2", "--hardware", "systolic", *words, "--json").out)
    assert data["network_parameters"]["width"] == 0.5
    assert data["network_parameters"]["resolution"] == 160
    assert data["hardware_parameters"]["rows"] == 64
    assert data["totals"]["macs"] == load_network("mobilenet_v2", width=0.5, resolution=160).macs


def test_evaluate_prints_a_row_a_layer_and_units(accelsim: Callable[..., object]) -> None:
    out = accelsim("evaluate", "mobilenet_v2", "--hardware", "systolic").out
    lines = out.splitlines()
    assert "width=1.0" in lines[0]
    header = lines[1].split()
    assert header[:3] == ["layer", "op", "shape"]
    assert header[-1] == "bottleneck"
    depthwise = [line for line in lines if " depthwise + relu6 " in line]
    assert len(depthwise) == 17
    assert "parameters   3,504,872" in lines
    assert "MACs         300,774,272" in lines
    energy = next(place for place, line in enumerate(lines) if line.startswith("energy"))
    assert lines[energy].endswith(" mJ"), "every line is modelled"
    shares = dict(part.rsplit(" ", 2)[:2] for part in lines[energy + 1].strip().split(", "))
    assert sum(map(float, shares.values())) == pytest.approx(100, abs=0.5)
    area = next(place for place, line in enumerate(lines) if line.startswith("area"))
    parts = dict(part.rsplit(" ", 2)[:2] for part in lines[area + 1].strip().split(", "))
    assert parts.keys() == {"array", "vector", "buffer"}
    assert sum(map(float, parts.values())) == pytest.approx(float(lines[area].split()[1]), abs=0.02)


def test_list_networks_json_has_published_counts(accelsim: Callable[..., object]) -> None:
    rows = {row["name"]: row for row in json.loads(accelsim("list", "networks", "--json").out)}
    assert rows["mobilenet_v1"]["params"] == 4_231_976
    assert rows["resnet50"]["params"] == 25_557_032
    assert rows["mobilenet_v2"]["macs"] == 300_774_272


@pytest.mark.parametrize(
    ("what", "names"),
    [("hardware", {"systolic", "npu", "edge_tpu"}), ("studies", {"quickstart", "cosearch_quickstart"})],
)
def test_list_names_what_comes_along(what: str, names: set[str], accelsim: Callable[..., object]) -> None:
    assert names <= {row["name"] for row in json.loads(accelsim("list", what, "--json").out)}
    table = accelsim("list", what).out
    assert all(name in table for name in names)


def test_the_users_own_files_are_listed_and_used_first(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    (tmp_path / "workloads").mkdir()
    text = "schema_version: 1\ndescription: mine\ninput: [4, 1, 1]\nlayers: [{block: classifier, out: 5}]\n"
    (tmp_path / "workloads" / "mine.yaml").write_text(text)
    rows = {row["name"]: row for row in json.loads(accelsim("list", "networks", "--json").out)}
    assert (rows["mine"]["params"], rows["mine"]["macs"]) == (4 * 5 + 5, 4 * 5)
    data = json.loads(accelsim("evaluate", "mine", "--hardware", "npu", "--json").out)
    assert data["totals"]["macs"] == 20


def test_run_writes_store_table_figures_and_report(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    (tmp_path / "small.yaml").write_text(
        "schema_version: 1\nnetworks: [mobilenet_v3_small]\nhardware:\n  systolic: {rows: [8, 16], columns: [8, 16]}\n"
        "objectives: [latency_ms, energy_pj]\nsearch: {algorithm: grid}\n"
    )
    said = accelsim("run", "small.yaml", "--workers", "1")
    assert said.code == 0, said.err
    assert "4 designs evaluated" in said.out
    folder = tmp_path / "results" / "small"
    page = next(folder.glob("*.html"))
    assert str(page.relative_to(tmp_path)) in said.out
    assert list(folder.glob("figures/*.png"))
    tables = {path.name: len(path.read_text().splitlines()) for path in folder.glob("*.csv")}
    assert tables == {"evaluations.csv": 1 + 4, "designs.csv": 1 + 1}
    again = accelsim("run", "small.yaml", "--workers", "1")
    assert "0 designs evaluated" in again.out
    assert "4 from before" in again.out
    page.unlink()
    assert accelsim("report", str(folder)).code == 0
    assert page.exists()


def test_doctor_checks_itself(accelsim: Callable[..., object]) -> None:
    said = accelsim("doctor")
    assert said.code == 0
    assert "self-check: all well" in said.out
    assert "numpy" in said.out


def test_the_name_of_a_list_sets_all_its_elements(accelsim: Callable[..., object]) -> None:
    words = ("evaluate", "nasbench201", "-w", "systolic", "--json", "--set", "edges=skip_connect")
    said = accelsim(*words, "--set", "edges_6=nor_conv_1x1")
    parameters = json.loads(said.out)["network_parameters"]
    assert [parameters[f"edges_{place}"] for place in range(1, 7)] == ["skip_connect"] * 5 + ["nor_conv_1x1"]
    wrong = accelsim("evaluate", "nasbench201", "-w", "systolic", "--set", "edges=skip")
    assert wrong.code == 2
    assert "skip_connect" in wrong.err


def test_a_layer_on_the_host_says_why_and_an_invocation_has_a_row(
    tmp_path: Path, accelsim: Callable[..., object]
) -> None:
    (tmp_path / "own.yaml").write_text(
        "schema_version: 1\nclock: 1 GHz\ntechnology: cmos_45nm\ninvocation_cycles: 5000\nmemories:\n"
        "  - {name: dram, holds: [W, I, O], kind: lpddr4, bandwidth: 8 GB/s}\n"
        "  - {name: buffer, holds: [W, I, O], kind: sram, size: 64 KiB}\n"
        "array: {engine: systolic, dataflow: weight_stationary, rows: 8, columns: 8}\n"
        "vector: {lanes: 4, fuses: [relu6]}\nsupports: {without: [average_pool]}\nhost: {lanes: 1}\n"
    )
    rows = accelsim("evaluate", "mobilenet_v1", "--hardware", "own.yaml", "--set", "width=0.25").out.splitlines()
    assert next(row for row in rows if "average_pool" in row).rstrip().endswith("host work (on the host: kind)")
    assert next(row for row in rows if row.startswith("invocation")).rstrip().endswith("invocation")
    said = json.loads(accelsim("evaluate", "mobilenet_v1", "--hardware", "own.yaml", "--json").out)
    reasons = {layer["op"]: layer["host_reason"] for layer in said["layers"]}
    assert (reasons["average_pool"], reasons["depthwise"]) == ("kind", None)
    assert sum(layer["latency_cycles"] for layer in said["layers"]) == pytest.approx(said["totals"]["latency_cycles"])
