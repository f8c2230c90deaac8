"""``accelsim calibrate``: from a CSV file to a preset."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim.hardware.load import hardware_template
from accelsim.validation.predict import Predictor
from accelsim.workload.load import load_network
from tests.conftest import Write

Run = Callable[..., Any]
TEMPLATES = Path(__file__).parents[2] / "hw_templates"
RESOLUTIONS = (96, 128, 160, 192, 224)


@pytest.fixture
def measured(write: Write) -> Path:
    """Return measurements that the template itself makes with a clock of 420 MHz."""
    networks = [load_network("mobilenet_v2", resolution=resolution) for resolution in RESOLUTIONS]
    values = Predictor(hardware_template("npu"), networks, "latency_ms", {})([{"clock_mhz": 420.0}])[:, 0]
    rows = [f"mobilenet_v2,{size},{value:.9g}" for size, value in zip(RESOLUTIONS, values, strict=True)]
    return write("\n".join(["network,resolution,latency_ms", *rows, ""]), "chip.csv")


def test_a_table_of_what_was_found(accelsim: Run, measured: Path) -> None:
    said = accelsim("calibrate", "npu", "-m", str(measured), "-p", "clock_mhz")
    assert said.code == 0, said.err
    (row,) = [line.split() for line in said.out.splitlines() if line.startswith("clock_mhz")]
    assert row[1] == "1000" and float(row[2]) == pytest.approx(420, rel=1e-3)
    assert "5 measurements, 5-fold cross-validation" in said.out
    for label in ("defaults", "fitted", "unseen points"):
        assert any(line.startswith(label) for line in said.out.splitlines())


def test_a_preset_is_written_and_never_written_over_without_being_asked(
    accelsim: Run, measured: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "mine.yaml"
    words = ("calibrate", "npu", "-m", str(measured), "-p", "clock_mhz", "-o", str(preset))
    assert accelsim(*words).code == 0
    assert hardware_template(preset).instantiate({}).clock_hz[0] == pytest.approx(420e6, rel=1e-3)
    assert accelsim("check", str(preset)).code == 0
    preset.write_text("precious")
    said = accelsim(*words)
    assert said.code == 2 and "--force" in said.err and preset.read_text() == "precious"
    assert accelsim(*words, "--force").code == 0 and preset.read_text() != "precious"


def test_json_holds_the_same_figures(accelsim: Run, measured: Path) -> None:
    said = accelsim("calibrate", "npu", "-m", str(measured), "-p", "clock_mhz", "--json")
    found = json.loads(said.out)
    assert found["parameters"][0]["value"] == pytest.approx(420, rel=1e-3)
    assert found["held_out"]["mape"] < 1e-3 and found["warnings"] == []


def test_a_preset_of_a_template_in_another_folder_finds_it(
    accelsim: Run, measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chips, presets = tmp_path / "chips", tmp_path / "presets"
    chips.mkdir()
    presets.mkdir()
    shutil.copy(TEMPLATES / "npu.yaml", chips / "my_npu.yaml")
    words = ("calibrate", "chips/my_npu.yaml", "-m", str(measured), "-p", "clock_mhz", "-o", "presets/mine.yaml")
    assert accelsim(*words).code == 0
    monkeypatch.chdir(tmp_path.parent)
    assert hardware_template(presets / "mine.yaml").instantiate({}).clock_hz[0] == pytest.approx(420e6, rel=1e-3)


@pytest.mark.parametrize("output", ["chips/my_npu.yaml", "my_npu.yaml"])
def test_a_preset_does_not_take_the_place_of_its_template(
    accelsim: Run, measured: Path, tmp_path: Path, output: str
) -> None:
    (tmp_path / "chips").mkdir()
    file = Path(shutil.copy(TEMPLATES / "npu.yaml", tmp_path / "chips" / "my_npu.yaml"))
    before = file.read_text()
    words = ("calibrate", str(file), "-m", str(measured), "-p", "clock_mhz", "--force", "-o", output)
    said = accelsim(*words)
    assert said.code == 2 and "another name" in said.err
    assert file.read_text() == before and not (tmp_path / "my_npu.yaml").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clock_mhz: 420", "clock_mhz: fast", "clock_mhz"),
        ("clock_mhz: 420", "clock_mhz: -420", "clock_mhz"),
        ("clock_mhz: 420", "clock_mhz: .nan", "clock_mhz"),
        ("clock_mhz: 420", "clok_mhz: 420", "Did you mean 'clock_mhz'"),
        ("base: npu", "base: npv", "Did you mean 'npu'"),
        ("mark: measured", "mark: guessed", "measured"),
        ("schema_version: 1", "schema_version: 99", "schema_version"),
        ("sources:", "surces:", "Did you mean 'sources'"),
    ],
)
def test_a_preset_spoilt_by_hand_is_told_with_its_line(
    accelsim: Run, measured: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    preset = tmp_path / "mine.yaml"
    assert accelsim("calibrate", "npu", "-m", str(measured), "-p", "clock_mhz", "-o", str(preset)).code == 0
    text = re.sub("clock_mhz: 420.*", "clock_mhz: 420", preset.read_text())
    assert old in text
    preset.write_text(text.replace(old, new, 1))
    line = text[: text.index(old)].count("\n") + 1
    for words in (("check", str(preset)), ("evaluate", "mobilenet_v2", "-w", str(preset))):
        result = accelsim(*words)
        assert result.code == 2 and "Traceback" not in result.err
        assert said in result.err and f"mine.yaml:{line} " in result.err


def test_a_preset_of_a_preset_is_hardware_too(accelsim: Run, measured: Path, tmp_path: Path) -> None:
    assert accelsim("calibrate", "npu", "-m", str(measured), "-p", "clock_mhz", "-o", "first.yaml").code == 0
    words = ("calibrate", "first.yaml", "-m", str(measured), "-p", "dram_gbps", "-o", "second.yaml")
    assert accelsim(*words).code == 0
    said = accelsim("check", "second.yaml")
    assert said.code == 0 and "a hardware template" in said.out, said.err
    assert hardware_template(tmp_path / "second.yaml").instantiate({}).clock_hz[0] == pytest.approx(420e6, rel=1e-3)
    (tmp_path / "first.yaml").write_text(
        (tmp_path / "first.yaml").read_text().replace("base: npu", "base: second.yaml")
    )
    said = accelsim("check", "second.yaml")
    assert said.code == 2 and "the bases lead in a circle" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "clock_mh"), "'clock_mhz'"),
        (("-p", "clock_mhz", "--set", "dram_gbp=4"), "'dram_gbps'"),
        (("-p", "clock_mhz", "-o", "mine.txt"), ".yaml"),
        (("-p", "clock_mhz", "-o", "nowhere/mine.yaml"), "no folder"),
        (("-p", "clock_mhz,dram_gbps"), "too few measurements"),
        (("-p", "clock_mhz", "-o", "folder.yaml", "--force"), "is a folder"),
        (("-p", "atomic_c"), "whole number"),
        (("-p", ","), "1 to 32 parameters of"),
        (("-p", "clock_mhz", "--folds", "6"), "at least 6"),
    ],
)
def test_mistakes_are_told_in_a_line(accelsim: Run, measured: Path, words: tuple[str, ...], said: str) -> None:
    (measured.parent / "folder.yaml").mkdir()
    result = accelsim("calibrate", "npu", "-m", str(measured), *words)
    assert result.code == 2
    assert said in result.err and "Traceback" not in result.err
