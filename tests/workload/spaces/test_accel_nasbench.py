"""Accel-NASBench's space: members count the parameters that its table states."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from accelsim.parameters import Point
from accelsim.workload.load import network_template

TABLE = Path(__file__).parents[4] / "shared/reference/accel_nasbench/mnasnet_space_20pct.csv.gz"


def member(row: dict[str, str]) -> Point:
    """Return the member of a row of the table."""
    point: Point = {}
    for stage in range(7):
        for name, column in (("expand", "e"), ("kernel", "k"), ("layers", "l")):
            point[f"{name}_{stage + 1}"] = int(row[f"block{stage}_{column}"])
        point[f"se_{stage + 1}"] = 0.25 * int(row[f"block{stage}_se"])
    return point


def test_the_baseline_is_efficientnet_b0() -> None:
    baseline, published = network_template("accel_nasbench").build({}), network_template("efficientnet_b0").build({})
    assert (baseline.params, baseline.macs) == (published.params, published.macs)


@pytest.mark.skipif(not TABLE.is_file(), reason=f"{TABLE.name} is not there")
def test_members_count_the_stated_parameters() -> None:
    with gzip.open(TABLE, "rt") as file:
        rows = list(csv.DictReader(file))
    template = network_template("accel_nasbench")
    for row in rows[::10]:
        assert template.build(member(row)).params == round(float(row["params_M"]) * 1e6)
