"""``accelsim validate``: sets there are, what came of them, and a user's own table."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim.hardware.load import hardware_template
from accelsim.validation.predict import Predictor
from accelsim.workload.load import load_network
from tests.conftest import Write

Run = Callable[..., Any]
REFERENCE = Path(__file__).parents[1] / "reference"
RESOLUTIONS = (96, 160, 224)


@pytest.fixture
def predicted() -> list[float]:
    """Return what the model says of three networks."""
    networks = [load_network("mobilenet_v2", resolution=size) for size in RESOLUTIONS]
    return [float(value) for value in Predictor(hardware_template("npu"), networks, "latency_ms", {})([{}])[:, 0]]


@pytest.fixture
def measured(write: Write, predicted: list[float]) -> Path:
    """Return measurements of which the second is half of what the model says."""
    values = [predicted[0], predicted[1] / 2, predicted[2]]
    rows = [f"mobilenet_v2,{size},{value:.9g}" for size, value in zip(RESOLUTIONS, values, strict=True)]
    return write("\n".join(["network,resolution,latency_ms", *rows, ""]), "chip.csv")


def test_without_a_word_the_sets_are_listed_with_what_is_missing(accelsim: Run) -> None:
    said = accelsim("validate")
    assert said.code == 0
    rows = {line.split()[0]: line for line in said.out.splitlines() if line}
    assert rows["timeloop"].rstrip().endswith("here")
    assert "not here: nvdla/nvdla_sheet_alexnet.csv" in rows["nvdla"]


def test_knowing_the_sets_imports_none_of_the_model() -> None:
    code = "import sys, accelsim.validation.sets as s; list(s.SETS); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "accelsim.validation.builtin_sets.ethos_u" in loaded
    for heavy in ("scipy", "numba", "matplotlib", "accelsim.cost", "accelsim.engines", "accelsim.schedule"):
        assert heavy not in loaded


def test_a_set_is_a_table_with_remarks(accelsim: Run) -> None:
    said = accelsim("validate", "eyeriss")
    assert said.code == 0, said.err
    (row,) = [line for line in said.out.splitlines() if line.startswith("processing latency (ms)")]
    assert row.split()[3:5] == ["layer", "5"] and "CONV5" in row
    assert "Equal on every point: PEs at work." in said.out


def test_a_long_name_cuts_no_figure(accelsim: Run) -> None:
    lines = accelsim("validate", "ethos_u").out.splitlines()
    (row,) = [line for line in lines if line.startswith("networks: cycles")]
    assert "\N{HORIZONTAL ELLIPSIS}" not in row.rpartition("%:")[0] and row.split()[2:4] == ["network", "12"]


def test_sets_whose_files_are_missing_are_listed(accelsim: Run) -> None:
    said = accelsim("validate", "nvdla", "eyeriss")
    assert said.code == 0
    assert "not run: nvdla, not here: nvdla/nvdla_sheet_alexnet.csv" in said.out.replace("\n", " ")


def test_nothing_that_can_be_run_is_a_mistake(accelsim: Run) -> None:
    said = accelsim("validate", "nvdla")
    assert said.code == 2
    assert "nvdla/primer_configs.csv" in said.err and "--reference" in said.err


def test_files_of_a_folder_come_before_those_of_the_checkout(accelsim: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "timeloop"
    folder.mkdir(parents=True)
    lines = (REFERENCE / "timeloop_fixed_mapping.csv").read_text().splitlines(keepends=True)
    (folder / "fixed_mapping.csv").write_text("".join(lines[:4]))
    found = json.loads(accelsim("validate", "timeloop", "-r", str(folder.parent), "--json").out)
    assert found["sets"][0]["series"][0]["errors"]["count"] == 3


def test_json_holds_figures_groups_and_what_was_not_run(accelsim: Run) -> None:
    found = json.loads(accelsim("validate", "eyeriss", "nvdla", "--json").out)
    latency = found["sets"][0]["series"][0]
    assert latency["errors"]["mape"] < 0.04 and latency["worst_point"]["name"] == "CONV5"
    assert [one["name"] for one in found["not_run"]] == ["nvdla"]


def test_a_page_and_its_plots_are_written(accelsim: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    said = accelsim("validate", "eyeriss", "--markdown", "--plots", str(tmp_path / "new" / "images"), "-o", str(page))
    assert said.code == 0, said.err
    text = page.read_text()
    assert "(new/images/validation_eyeriss.png)" in text and "| PEs at work | layer | 5 | 0 % |" in text
    assert (tmp_path / "new" / "images" / "validation_eyeriss.png").read_bytes().startswith(b"\x89PNG")
    assert accelsim("validate", "eyeriss", "--markdown").out.startswith("# Validation")


def test_own_measurements_are_compared_point_by_point(accelsim: Run, measured: Path) -> None:
    said = accelsim("validate", "-m", str(measured), "-w", "npu")
    assert said.code == 0, said.err
    assert "chip.csv on npu" in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("latency (ms)"))
    assert "33.33 %" in row and "66.67 %" in row and "+100.00 %: mobilenet_v2 resolution=160" in row
    point = next(line for line in said.out.splitlines() if line.startswith("mobilenet_v2 resolution=160"))
    assert point.split()[-2:] == ["+100.00", "%"]


def test_own_measurements_in_json_have_every_point(accelsim: Run, measured: Path, predicted: list[float]) -> None:
    found = json.loads(accelsim("validate", "-m", str(measured), "-w", "npu", "--json").out)
    points = found["sets"][0]["series"][0]["points"]
    assert [one["predicted"] for one in points] == pytest.approx(predicted)
    assert [one["error"] for one in points] == pytest.approx([0, 1, 0], abs=1e-6)


def test_own_measurements_called_as_a_set_are_told_apart_from_it(accelsim: Run, measured: Path, tmp_path: Path) -> None:
    named = measured.rename(measured.with_name("eyeriss.csv"))
    words = ("validate", "eyeriss", "-m", str(named), "-w", "npu", "--json", "--plots", "plots")
    chip, own = json.loads(accelsim(*words).out)["sets"]
    assert (chip["name"], own["name"]) == ("eyeriss", "eyeriss.csv")
    assert "points" not in chip["series"][0] and len(own["series"][0]["points"]) == len(RESOLUTIONS)
    assert len(list((tmp_path / "plots").glob("*.png"))) == 2


def test_settings_change_what_is_predicted(accelsim: Run, measured: Path) -> None:
    words = ("validate", "-m", str(measured), "-w", "npu", "--json")
    slow = json.loads(accelsim(*words, "--set", "clock_mhz=200").out)["sets"][0]["series"][0]
    assert slow["errors"]["bias"] > json.loads(accelsim(*words).out)["sets"][0]["series"][0]["errors"]["bias"]


def test_a_set_beside_own_measurements(accelsim: Run, measured: Path) -> None:
    found = json.loads(accelsim("validate", "eyeriss", "-m", str(measured), "-w", "npu", "--json").out)
    assert [one["name"] for one in found["sets"]] == ["eyeriss", "chip"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eyeris",), "Did you mean 'eyeriss'"),
        (("eyeriss", "-r", "nowhere"), "there is no folder nowhere"),
        (("eyeriss", "--markdown", "--json"), "--markdown or --json"),
        (("eyeriss", "-o", "page.md"), "--markdown or --json beside it"),
        (("eyeriss", "--json", "-o", "nowhere/page.json"), "there is no folder nowhere"),
        (("eyeriss", "-w", "npu"), "--measurements FILE.csv"),
        (("--set", "clock_mhz=1"), "--measurements FILE.csv"),
        (("-m", "chip.csv"), "--hardware"),
        (("-m", "chip.csv", "-w", "npv"), "Did you mean 'npu'"),
        (("-m", "none.csv", "-w", "npu"), "none.csv"),
        (("-m", "chip.csv", "-w", "npu", "--set", "clock_mh=1"), "'clock_mhz'"),
        (("-m", "bad.csv", "-w", "npu"), "no column says what was measured"),
        (("eyeriss", "--plots", "chip.csv"), "cannot be a folder"),
        (("eyeriss", "--plots", "pictures"), "validation_eyeriss.png"),
        (("eyeriss", "--json", "-o", "."), "is a folder"),
        (("-m", "chip.csv", "-w", "npu", "--json", "-o", "./chip.csv"), "is your measurements"),
    ],
)
def test_mistakes_are_told_in_a_line(accelsim: Run, measured: Path, words: tuple[str, ...], said: str) -> None:
    (measured.parent / "pictures" / "validation_eyeriss.png").mkdir(parents=True)
    (measured.parent / "bad.csv").write_text("network,ms\nresnet18,1\n")
    result = accelsim("validate", *words)
    assert result.code == 2
    assert said in result.err and "Traceback" not in result.err
    assert measured.read_text().startswith("network,resolution,latency_ms")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "said"),
    [
        ("mapping", "cycles", 1, "cycles", "two columns have this name"),
        ("mapping", "", 1, "(columns)", "has no name"),
        ("32x32", "32 by 32", 2, "array", "such as 32x32"),
        ("|", ",", 2, "(row)", "as many cells"),
    ],
)
def test_a_mistake_in_a_sets_file_is_told_with_its_place(
    accelsim: Run, tmp_path: Path, old: str, new: str, line: int, field: str, said: str
) -> None:
    copy = tmp_path / "timeloop_fixed_mapping.csv"
    copy.write_text((REFERENCE / copy.name).read_text().replace(old, new, 1))
    result = accelsim("validate", "timeloop", "-r", str(tmp_path))
    assert result.code == 2 and "Traceback" not in result.err
    assert f"{copy}:{line}  {field}" in result.err and said in result.err


@pytest.mark.parametrize(
    ("name", "file", "column", "value", "said"),
    [
        ("timeloop", "timeloop_fixed_mapping.csv", "mapping", "DRAM temporal C3", "an outer and an inner level"),
        ("timeloop", "timeloop_fixed_mapping.csv", "array", "2x2", "at most 4 PEs"),
        ("timeloop", "timeloop_fixed_mapping.csv", "cycles", "-1", "a number from 0 on"),
        ("scale_sim", "scale_sim_compute_only.csv", "k", "0", "a whole number of at least 1"),
        ("scale_sim", "scale_sim_compute_only.csv", "k", "1.5", "a whole number"),
        ("scale_sim", "scale_sim_compute_only.csv", "dataflow", "vs", "ws"),
        ("ethos_u", "ethos_u/single_layers.csv", "accelerator", "ethos-u55-257", "ethos-u55-256"),
        ("ethos_u", "ethos_u/single_layers.csv", "kind", "cnov", "conv"),
        ("ethos_u", "ethos_u/single_layers.csv", "npu_cycles", "nan", "a number from 0 on"),
        ("ethos_u", "ethos_u/networks_summary.csv", "system_config", "Ethos_U55", "ethos-u55-high-end-embedded"),
        ("ethos_u", "ethos_u/networks_per_op.csv", "npu_op", "Softmax", "Conv2D"),
    ],
)
def test_a_cell_that_no_model_can_take_is_told_with_its_place(
    accelsim: Run, tmp_path: Path, name: str, file: str, column: str, value: str, said: str
) -> None:
    copy = tmp_path / file
    copy.parent.mkdir(exist_ok=True)
    with (REFERENCE / file).open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))
    rows[3][rows[0].index(column)] = value
    with copy.open("w", encoding="utf-8", newline="") as table:
        csv.writer(table).writerows(rows)
    result = accelsim("validate", name, "-r", str(tmp_path))
    assert result.code == 2 and "Traceback" not in result.err
    assert f"{copy}:4  " in result.err and said in result.err


def test_a_missing_column_of_a_sets_file_is_named_with_the_file(accelsim: Run, tmp_path: Path) -> None:
    copy = tmp_path / "scale_sim_compute_only.csv"
    shutil.copy(REFERENCE / copy.name, copy)
    copy.write_text(copy.read_text().replace("demand_lines", "lines", 1))
    result = accelsim("validate", "scale_sim", "-r", str(tmp_path))
    assert result.code == 2
    assert f"{copy}:1  demand_lines" in result.err and "no such column" in result.err
