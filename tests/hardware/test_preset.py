"""Presets: templates under other names, with other defaults."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hardware.load import hardware_template
from tests.conftest import Write

BIG = """
schema_version: 1
base: systolic
description: a big one
set: {rows: 128, columns: 48, buffer_kib: 96}
sources:
  parameters.rows: {mark: assumed, source: "larger is better"}
"""


def refused(path: Path) -> list[str]:
    """Return what is wrong with a file, as it is printed."""
    with pytest.raises(InputError) as error:
        hardware_template(path)
    return [str(problem) for problem in error.value.problems]


def test_a_preset_is_its_base_with_other_defaults(write: Write) -> None:
    template, base = hardware_template(write(BIG, "big.yaml")), hardware_template("systolic")
    design = template.instantiate({})
    assert template.name == "big" and template.spec.description == "a big one"
    assert design.array.rows == 128 and design.array.columns == 48
    assert design.memories[1].size_bytes == 96 * 1024
    assert design.memories[0].name == base.instantiate({}).memories[0].name
    assert template.space.names == base.space.names
    assert set(template.spec.sources) == {*base.spec.sources, "parameters.rows"}


def test_parameters_of_a_preset_stay_free(write: Write) -> None:
    template = hardware_template(write(BIG, "big.yaml"))
    assert np.array_equal(template.instantiate({"rows": np.array([8, 16])}).array.rows, [8, 16])
    assert 48 in template.space["columns"].domain and 32 in template.space["columns"].domain
    assert 96 in template.space["buffer_kib"].domain and 4096 in template.space["buffer_kib"].domain
    assert template.space.size == hardware_template("systolic").space.size * 6 / 5 * 8 / 7


def test_a_preset_of_a_preset(write: Write) -> None:
    write(BIG, "big.yaml")
    path = write("schema_version: 1\nbase: big.yaml\nset: {columns: 64}\ndescription: ''\n", "bigger.yaml")
    design = hardware_template(path).instantiate({})
    assert design.array.rows == 128 and design.array.columns == 64
    assert hardware_template(path).spec.description == "a big one"


def test_a_changed_base_is_read_again(write: Write) -> None:
    base = write(BIG, "big.yaml")
    path = write("schema_version: 1\nbase: big.yaml\n", "bigger.yaml")
    assert hardware_template(path).instantiate({}).array.rows == 128
    base.write_text(BIG.replace("rows: 128", "rows: 64"))
    os.utime(base, ns=(1, 1))
    assert hardware_template(path).instantiate({}).array.rows == 64


def test_a_preset_takes_another_technology(write: Write) -> None:
    text = BIG + "overrides: {multiply_8bit_pj: 0.5}\n"
    logic = hardware_template(write(text, "big.yaml")).instantiate({}).technology
    assert logic.multiply_pj == 0.5
    assert logic.add_pj == hardware_template("systolic").instantiate({}).technology.add_pj


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"),
    [
        ("rows: 128", "row: 128", 5, ("set.row", "systolic has no such parameter", "'rows'")),
        ("rows: 128", "rows: 129", 5, ("set.rows", "outside the domain", "129", "8, 16, 32, 64, 128")),
        ("rows: 128", "rows: big", 5, ("set.rows", "'big'")),
        ("rows: 128", "dataflow: weight", 5, ("set.dataflow", "weight_stationary")),
        ("buffer_kib: 96", "buffer_kib: 9000", 5, ("set.buffer_kib", "9000", "4096")),
        ("base: systolic", "base: systollic", 3, ("base", "'systolic'")),
        ("set:", "sett:", 5, ("sett", "'set'")),
    ],
)
def test_what_is_wrong_with_a_preset_is_said_with_its_line(
    write: Write, old: str, new: str, line: int, parts: tuple[str, ...]
) -> None:
    (said,) = refused(path := write(BIG.replace(old, new), "big.yaml"))
    assert f"{path}:{line}" in said
    assert all(part in said for part in parts)


def test_a_circle_of_bases_is_refused(write: Write) -> None:
    path = write("schema_version: 1\nbase: b.yaml\n", "a.yaml")
    write("schema_version: 1\nbase: a.yaml\n", "b.yaml")
    (said,) = refused(path)
    assert "a -> b -> a" in said


def test_a_preset_whose_default_makes_no_sense_where_it_is_used_is_refused(write: Write) -> None:
    (said,) = refused(write(BIG.replace("rows: 128", "rows: 24.5"), "big.yaml"))
    assert "array.rows" in said and "whole" in said and "24.5" in said
