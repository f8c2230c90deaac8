"""The FPGA NPU's measured networks: how the file is read, and how far the calibrated preset is from the board."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hardware.load import hardware_template
from accelsim.validation.builtin_sets.fpga import FITTED, compare, read_networks
from accelsim.validation.measurements import Measurements
from accelsim.validation.predict import Predictor
from accelsim.validation.sets import SETS, Comparison, Series, found_files, run_set
from accelsim.workload.load import load_network
from tests.conftest import Write

SHARED = Path(__file__).parents[3] / "shared" / "reference"
FILE = SHARED / "accel_nasbench" / "mnasnet_space_20pct.csv.gz"
NEEDS_FILE = pytest.mark.skipif(not FILE.is_file(), reason="the measurements may not be copied, and are not here")

STAGES = range(7)
HEAD = ",".join(["id", *(f"block{i}_{key}" for i in STAGES for key in ("e", "k", "l", "se")), "latency_zcu102_ms"])
PLAIN = ",".join(["1,3,1,0"] * 7)
RICH = ",".join(f"{6 if i else 4},{5 if i % 2 else 3},{1 + i % 3},{i % 2}" for i in STAGES)
#: The second row is one of those that the preset was fitted to.
ROWS = f"{HEAD}\n1,{PLAIN},2.5\n4,{RICH},6\n"


def read(write: Write, text: str = ROWS) -> tuple[tuple[int, ...], Measurements]:
    return read_networks(write(text, "networks.csv"))


def test_rows_are_networks_of_the_space(write: Write) -> None:
    ids, measured = read(write)
    assert ids == (1, 4)
    assert measured.values.tolist() == [2.5, 6]
    rich = {"expand_1": 4, "expand_2": 6, "kernel_1": 3, "kernel_2": 5, "layers_3": 3, "se_1": 0, "se_2": 0.25}
    assert {name: measured.networks[1].parameters[name] for name in rich} == rich
    plain = {f"{name}_{stage + 1}": value for stage in STAGES for name, value in zip("ekls", (1, 3, 1, 0), strict=True)}
    names = {"e": "expand", "k": "kernel", "l": "layers", "s": "se"}
    same = load_network("accel_nasbench", **{names[key[0]] + key[1:]: value for key, value in plain.items()})
    assert measured.networks[0].params == same.params
    assert measured.networks[0].macs == same.macs


def test_rows_that_were_fitted_to_stand_apart(write: Write) -> None:
    unseen, seen = compare({"networks": write(ROWS, "networks.csv")}).series
    assert (unseen.names, seen.names) == (("row 1",), ("row 4",))
    assert (unseen.reference.tolist(), seen.reference.tolist()) == ([2.5], [6])
    assert "not fitted" in unseen.what and "not" not in seen.what
    only = ROWS.rpartition("4,")[0].rpartition("\n4,")[0]
    (one,) = compare({"networks": write(only + "\n", "networks.csv")}).series
    assert one.names == ("row 1",)


def test_a_file_with_nothing_but_fitted_rows_proves_nothing(write: Write) -> None:
    with pytest.raises(InputError, match="none is left"):
        compare({"networks": write(f"{HEAD}\n4,{RICH},6\n", "networks.csv")})


def test_a_packed_file_is_read_like_a_plain_one(write: Write, tmp_path: Path) -> None:
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(ROWS.encode()))
    ids, measured = read_networks(packed)
    plain_ids, plain = read(write)
    assert (ids, measured.values.tolist()) == (plain_ids, plain.values.tolist())
    for broken in (packed.read_bytes()[:-20], b"no gzip at all", packed.read_bytes()[:12] + b"\0" * 60):
        packed.write_bytes(broken)
        with pytest.raises(InputError, match="cannot read the file"):
            read_networks(packed)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("block0_e", "block0_x", r"block0_e\n  no such column"),
        ("latency_zcu102_ms", "latency", r"latency_zcu102_ms\n  no such column"),
        ("1,3,1,0,1,3", "5,3,1,0,1,3", r"csv:2  (.|\n)*expand_1"),
        ("4,3,1,0", "4,3,1,2", r"csv:3  (.|\n)*se_1"),
        ("2.5", "0", r"csv:2  latency_zcu102_ms\n  got '0'; use a number above 0"),
        ("2.5", "-1", r"csv:2  latency_zcu102_ms\n  got '-1'"),
        ("2.5", "nan", r"csv:2  latency_zcu102_ms\n  got 'nan'"),
        ("\n4,", "\nfour,", r"csv:3  id"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(write: Write, old: str, new: str, said: str) -> None:
    assert old in ROWS
    with pytest.raises(InputError, match=said):
        read(write, ROWS.replace(old, new, 1))


def test_the_set_says_what_it_misses(tmp_path: Path) -> None:
    found = run_set("fpga", [tmp_path])
    assert found.comparison is None
    assert "mnasnet_space_20pct.csv.gz" in found.reason


@cache
def reference() -> Comparison:
    files, missing = found_files(SETS["fpga"], [SHARED])
    assert not missing
    return compare(files)


@cache
def fitted() -> Measurements:
    ids, measured = read_networks(FILE)
    return measured.take(np.flatnonzero([one in FITTED for one in ids]))


def rank_and_error(series: Series) -> tuple[float, float]:
    assert series.errors is not None and series.errors.spearman is not None
    return series.errors.spearman, series.errors.mape


@NEEDS_FILE
def test_networks_that_were_not_fitted_to_are_met() -> None:
    unseen, seen = reference().series
    assert (len(unseen.names), len(seen.names)) == (960, 100)
    for series in (unseen, seen):
        spearman, mape = rank_and_error(series)
        assert spearman >= 0.97 and mape <= 0.06, series.what
    assert abs(rank_and_error(unseen)[1] - rank_and_error(seen)[1]) < 0.01, "four parameters do not learn by heart"


@NEEDS_FILE
def test_every_tenth_row_was_fitted_to() -> None:
    ids, _ = read_networks(FILE)
    assert set(ids[:1000:10]) == FITTED


@NEEDS_FILE
def test_no_fitted_parameter_is_better_elsewhere() -> None:
    """The preset's values are the least of what ``accelsim calibrate`` minimises: a tenth more or less is worse."""
    template, measured = hardware_template("dpu_zcu102"), fitted()
    names = ("alu_gbps", "pool_rate", "gate_rate", "invocation_cycles")
    predict = Predictor(template, measured.networks, measured.quantity, {})
    moved = [{}, *({name: float(predict.point[name]) * by} for name in names for by in (0.9, 1.1))]
    error = predict(moved) / measured.values[:, None] - 1
    loss = (np.sqrt(1 + (error / 0.1) ** 2) - 1).sum(axis=0)
    assert loss.argmin() == 0, dict(zip(map(str, moved), loss.tolist(), strict=True))
