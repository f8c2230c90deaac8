"""``accelsim calibrate``: from a CSV file to a preset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim.hardware.load import hardware_template
from accelsim.validation.predict import Predictor
from accelsim.workload.load import load_network
from tests.conftest import Write

Run = Callable[..., Any]
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "clock_mh"), "'clock_mhz'"),
        (("-p", "clock_mhz", "--set", "dram_gbp=4"), "'dram_gbps'"),
        (("-p", "clock_mhz", "-o", "mine.txt"), ".yaml"),
        (("-p", "clock_mhz", "-o", "nowhere/mine.yaml"), "no folder"),
        (("-p", "clock_mhz,dram_gbps"), "too few measurements"),
    ],
)
def test_mistakes_are_told_in_a_line(accelsim: Run, measured: Path, words: tuple[str, ...], said: str) -> None:
    result = accelsim("calibrate", "npu", "-m", str(measured), *words)
    assert result.code == 2
    assert said in result.err and "Traceback" not in result.err
