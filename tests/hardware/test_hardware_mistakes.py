"""Mistakes in a hardware file: each is named with its field, its line, what is allowed and the nearest spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.machines import HARDWARE, TECHNOLOGY, machine

from accelsim.errors import InputError, Problem

LINES = HARDWARE.splitlines()


def line_of(start: str) -> int:
    return next(number for number, line in enumerate(LINES, start=1) if line.strip().startswith(start))


DRAM, BUFFER, ARRAY, VECTOR = (line_of(s) for s in ("- {name: dram", "- {name: buffer", "array:", "vector:"))


def mistakes(folder: Path, *changes: tuple[str, str], text: str = HARDWARE) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        machine(folder, *changes, text=text)
    return caught.value.problems


def only(folder: Path, *changes: tuple[str, str]) -> Problem:
    problems = mistakes(folder, *changes)
    assert len(problems) == 1, [str(problem) for problem in problems]
    assert problems[0].file == folder / "machine.yaml"
    return problems[0]


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "text"),
    [
        pytest.param(
            "double_buffered", "dubble_buffered", "memories[1].dubble_buffered", BUFFER,
            "unknown key; got 'dubble_buffered'; use name, holds,", id="unknown key",
        ),
        pytest.param(
            "{name: buffer, holds: [W, I, O]", "{name: buffer, holds: [Weigths, I, O]", "memories[1].holds[0]", BUFFER,
            "got 'Weigths'; use W, I, O. Did you mean 'W'?", id="misspelt operand",
        ),
        pytest.param(
            "buffer_bytes B", "-64 KiB", "memories[1].size", BUFFER,
            "got '-64' = -64; use a number of at least 0.", id="negative size",
        ),
        pytest.param(
            "buffer_bytes B", "0 KiB", "memories[1].size", BUFFER, "got '0 KiB' = 0; use more than 0.", id="no room",
        ),
        pytest.param(
            "buffer_bytes B", "buffer_bytes", "memories[1].size", BUFFER,
            "no unit; got 'buffer_bytes'; use a number or expression, a space and a unit, such as '512 KiB'.",
            id="missing unit",
        ),
        pytest.param(
            "buffer_bytes B", "buffer_bytes MHz", "memories[1].size", BUFFER,
            "'MHz' is not a unit of size; got 'buffer_bytes MHz'", id="wrong unit",
        ),
        pytest.param(
            "bandwidth: 4 B/cycle", "bandwidth: 4 KiB", "memories[0].bandwidth", DRAM,
            "'KiB' is not a unit of bandwidth; got '4 KiB'", id="a size for a bandwidth",
        ),
        pytest.param(
            "clock: 1 GHz", "clock: 1 GB", "clock", line_of("clock"), "'GB' is not a unit of frequency", id="clock",
        ),
        pytest.param(
            "buffer_bytes B", "bufer_bytes B", "memories[1].size", BUFFER,
            "unknown name in an expression; got 'bufer_bytes'", id="misspelt parameter",
        ),
        pytest.param(
            "engine: systolic", "engine: sistolic", "array.engine", ARRAY,
            "unknown compute engine; got 'sistolic'; use atomic, cells, depthwise, ethos_u, nvdla, pe, "
            "pixel_parallel, row_stationary, systolic. Did you mean 'systolic'?",
            id="unknown engine",
        ),
        pytest.param(
            "dataflow: dataflow", "dataflow: weight_stationery", "array.dataflow", ARRAY,
            "unknown dataflow; got 'weight_stationery'; use weight_stationary, output_stationary, input_stationary. "
            "Did you mean 'weight_stationary'?", id="unknown dataflow",
        ),
        pytest.param(
            "dataflow: dataflow, ", "", "array", ARRAY,
            "use weight_stationary, output_stationary, input_stationary.", id="an engine with several dataflows",
        ),
        pytest.param(
            "technology: TECHNOLOGY", "technology: cmos_46nm", "technology", line_of("technology"),
            "no such technology; got 'cmos_46nm'; use aladdin_40nm, cmos_16nm, ", id="unknown technology",
        ),
        pytest.param(
            "kind: dram", "kind: drum", "memories[0].kind", DRAM,
            "unknown kind of memory; got 'drum'; use sram, dram, rooted. Did you mean 'dram'?", id="unknown kind",
        ),
        pytest.param(
            "{name: dram, holds: [W, I, O]", "{name: dram, holds: [W, I]", "memories[0].holds", DRAM,
            "the first memory is where every tensor lives: it must hold W, I and O.", id="first holds too little",
        ),
        pytest.param(
            "size: buffer_bytes B, ", "", "memories[1].size", BUFFER,
            "this key is required and is missing; only the first memory has no size limit.", id="no size",
        ),
        pytest.param(
            "name: buffer", "name: dram", "memories[1].name", BUFFER,
            "this name is used twice; got 'dram'.", id="twice",
        ),
        pytest.param(
            "kind: dram}", "kind: dram, keeps: [W]}", "memories[0].keeps", DRAM,
            "the first memory is where every tensor lives: leave keeps out.", id="first keeps",
        ),
        pytest.param(
            "double_buffered: true", "keeps: [O]", "memories[1]", BUFFER,
            "a result is written as O and read as I: keep both or neither", id="keeps half",
        ),
        pytest.param(
            "holds: [W, I, O], size", "keeps: [W], holds: [I, O], size", "memories[1]", BUFFER,
            "keeps W, which the memory does not hold", id="keeps what it does not hold",
        ),
        pytest.param(
            "rows: rows", "rows: 2.5", "array.rows", ARRAY,
            "got 2.5; use a whole number of at least 1.", id="half a row",
        ),
        pytest.param(
            "columns: columns", "columns: columns - 4", "array.columns", ARRAY,
            "got 'columns - 4' = 0; use a whole number of at least 1.", id="no columns",
        ),
        pytest.param(
            "columns: columns}", "columns: columns, hold_limit: 0}", "array.hold_limit", ARRAY,
            "got 0; use a whole number of at least 1.", id="weights that last for nothing",
        ),
        pytest.param(
            "columns: columns}", "columns: columns, dispatch_cycles: -1}", "array.dispatch_cycles", ARRAY,
            "got -1; use a number of at least 0.", id="negative dispatch",
        ),
        pytest.param("lanes: 4", "lanes: 0", "vector.lanes", VECTOR, "use a number of at least 1.", id="no lanes"),
        pytest.param(
            "lanes: 4", "lanes: rows / 0", "vector.lanes", VECTOR, "rows / 0", id="division by zero",
        ),
        pytest.param(
            "default: 4, range: [1, 64]}\n  columns", "default: 65, range: [1, 64]}\n  columns", "parameters.rows",
            line_of("rows:"), "the default 65 is outside the domain: use a whole number from 1 to 64", id="default",
        ),
    ],
)  # fmt: skip
def test_one_mistake(old: str, new: str, field: str, line: int, text: str, tmp_path: Path) -> None:
    problem = only(tmp_path, (old, new))
    assert problem.field.startswith(field)
    assert problem.line == line
    assert text in str(problem)


def test_all_mistakes_of_a_file_at_once(tmp_path: Path) -> None:
    problems = mistakes(
        tmp_path,
        ("clock: 1 GHz", "clock: 0 GHz"),
        ("kind: dram", "kind: drum"),
        ("buffer_bytes B", "-1 B"),
        ("engine: systolic", "engine: sistolic"),
        ("rows: rows", "rows: 0"),
        ("lanes: 4", "lanes: 0"),
    )
    assert {(problem.field, problem.line) for problem in problems} == {
        ("clock", line_of("clock")),
        ("memories[0].kind", DRAM),
        ("memories[1].size", BUFFER),
        ("array.engine", ARRAY),
        ("array.rows", ARRAY),
        ("vector.lanes", VECTOR),
    }


def test_two_mistakes_of_form_have_their_lines(tmp_path: Path) -> None:
    problems = mistakes(tmp_path, ("lanes: 4", "lane: 4"), ("name: dram, ", ""))
    assert {(problem.field, problem.line) for problem in problems} == {
        ("memories[0].name", DRAM),
        ("vector.lane", VECTOR),
        ("vector.lanes", VECTOR),
    }


def test_overrides(tmp_path: Path) -> None:
    known = "overrides:\n  multiply_8bit_pj: 3\n  add_32bit_pj: null\nclock:"
    technology = machine(tmp_path, ("clock:", known)).instantiate({}).technology
    assert (technology.multiply_pj, technology.add_pj, technology.register_pj_per_bit) == (3, None, 0.01)
    problem = only(tmp_path, ("clock:", "overrides:\n  multiply_8_bit_pj: 3\nclock:"))
    assert (problem.field, problem.suggestion) == ("overrides.multiply_8_bit_pj", "multiply_8bit_pj")
    assert problem.line == line_of("clock") + 1
    negative = only(tmp_path, ("clock:", "overrides:\n  add_32bit_pj: -3\nclock:"))
    assert (negative.field, negative.got, negative.line) == ("overrides.add_32bit_pj", "-3", line_of("clock") + 1)


def test_a_mistake_in_the_technology_table_is_placed_in_that_file(tmp_path: Path) -> None:
    table = tmp_path / "wrong.yaml"
    table.write_text(TECHNOLOGY.replace("add_32bit_pj: 0.5", "add_32bit_pj: -0.5").replace("rooted", "sram2"))
    with pytest.raises(InputError) as caught:
        machine(tmp_path, ("TECHNOLOGY", str(table)))
    (problem,) = caught.value.problems
    assert (problem.field, problem.file, problem.line) == ("logic.add_32bit_pj", table, 4)


def test_two_memories_cannot_keep_the_same_operand(tmp_path: Path) -> None:
    second = "  - {name: local, holds: [W], size: 1 KiB, kind: sram, keeps: [W]}\narray:"
    problem = only(tmp_path, ("double_buffered: true", "keeps: [W]"), ("array:", second))
    assert (problem.field, problem.line) == ("memories[2].keeps", ARRAY)
    assert "another memory keeps W already" in str(problem)


@pytest.mark.parametrize(
    ("parameters", "field", "text"),
    [
        ({"rows": 65}, "machine.rows", "outside the domain; got 65; use a whole number from 1 to 64."),
        ({"rows": 2.5}, "machine.rows", "outside the domain; got 2.5"),
        ({"rows": "many"}, "machine.rows", "outside the domain; got 'many'"),
        ({"dataflow": "weight"}, "machine.dataflow", "Did you mean 'weight_stationary'?"),
        ({"row": 8}, "machine.row", "unknown parameter; got 'row'; use rows, columns,"),
    ],
)
def test_a_point_outside_the_space(parameters: dict[str, object], field: str, text: str, tmp_path: Path) -> None:
    template = machine(tmp_path)
    with pytest.raises(InputError) as caught:
        template.instantiate(parameters)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert text in str(problem)


def test_a_value_that_is_allowed_but_makes_no_sense_where_it_is_used(tmp_path: Path) -> None:
    template = machine(tmp_path, ("rows: rows", "rows: rows - 3"))
    assert template.instantiate({"rows": 4}).array.rows == [1]
    with pytest.raises(InputError) as caught:
        template.instantiate({"rows": 3})
    (problem,) = caught.value.problems
    assert (problem.field, problem.line) == ("array.rows", ARRAY)
    assert "got 'rows - 3' = 0" in str(problem)
