"""Copies of memories and arrays: how many there are, what they cost, and every mistake in stating them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import HARDWARE, machine
from pe_array import PE_ARRAY

from accelsim.config.source import Source
from accelsim.cost.area import area_mm2
from accelsim.cost.energy import leakage_mw
from accelsim.dims import Dim, Operand
from accelsim.errors import InputError, Problem
from accelsim.hardware.load import HardwareTemplate, load_hardware

#: Half a KiB in 3 x 5 copies below the buffer, in each of them 2 of another memory, and 4 arrays below each of those.
COPIES = HARDWARE.replace(
    "array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}",
    """\
  - name: local
    holds: [W, I]
    size: 512 B
    kind: sram
    sliding: true
    fan_out:
      axes:
        - {name: down, size: rows - 1, dims: [C, FX]}
        - {name: across, size: columns + 1, dims: [K]}
      reduce: false
  - name: near
    holds: [O]
    size: 256 B
    kind: sram
    fan_out: {axes: [{name: lane, size: 2, dims: [OX]}], multicast: false}
array:
  engine: systolic
  dataflow: dataflow
  rows: rows
  columns: columns
  fan_out: {axes: [{name: core, size: 4, dims: [OY, OX]}]}""",
)
BITS = np.array([8.0, 8.0, 8.0, 32.0])


def pe_array() -> HardwareTemplate:
    return HardwareTemplate(Source.parse(PE_ARRAY, Path("pe_array.yaml")))


def line_of(start: str, text: str = COPIES) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line.strip().startswith(start))


def mistakes(folder: Path, *changes: tuple[str, str], text: str = COPIES) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        machine(folder, *changes, text=text)
    return caught.value.problems


# ------------------------------------------------------------------------------------------------ what a template says


def test_a_fan_out_has_axes_with_sizes_and_dims(tmp_path: Path) -> None:
    design = machine(tmp_path, text=COPIES).instantiate({})
    assert [fan_out is None for fan_out in design.fan_outs] == [True, True, False, False, False]
    local = design.memories[2].fan_out
    assert local is not None
    assert [(axis.name, axis.size.tolist(), axis.dims) for axis in local.axes] == [
        ("down", [3], (Dim.C, Dim.FX)),
        ("across", [5], (Dim.K,)),
    ]
    assert (local.multicast, local.reduce) == (True, False)
    near, array = design.fan_outs[3:]
    assert near is not None
    assert (near.multicast, near.reduce) == (False, True)
    assert array is not None
    assert array is design.array.fan_out
    assert array.axes[0].dims == (Dim.OY, Dim.OX), "the order of dims is the file's"


def test_copies_multiply_from_the_outside_in(tmp_path: Path) -> None:
    design = machine(tmp_path, text=COPIES).instantiate({})
    assert [design.copies(place).tolist() for place in range(5)] == [[1], [1], [15], [30], [120]]
    assert design.array.pes.tolist() == [16], "of one copy"
    assert design.pes.tolist() == [120 * 16]


def test_copies_of_a_batch_are_those_of_its_designs(tmp_path: Path) -> None:
    template = machine(tmp_path, text=COPIES)
    batch = template.instantiate({"rows": np.array([2, 4, 33]), "columns": np.array([1, 4, 2])})
    assert batch.copies(2).tolist() == [1 * 2, 3 * 5, 32 * 3]
    assert batch.pes.tolist() == [2 * 8 * 2 * 1, 15 * 8 * 4 * 4, 96 * 8 * 33 * 2]


def test_without_a_fan_out_there_is_one_of_everything() -> None:
    design = load_hardware("systolic")
    assert design.fan_outs == (None, None, None)
    assert [design.copies(place).tolist() for place in range(3)] == [[1], [1], [1]]
    assert design.pes.tolist() == design.array.pes.tolist()
    assert not any(memory.sliding for memory in design.memories)


def test_a_grid_of_pes_is_a_machine() -> None:
    template = pe_array()
    design = template.instantiate({"rows": 12, "columns": 14})
    assert design.pes.tolist() == [168]
    assert (design.array.rows.tolist(), design.array.columns.tolist()) == ([1], [1]), "a PE alone"
    assert [memory.name for memory in design.memories if memory.sliding] == ["inputs"]
    assert [design.path(operand) for operand in Operand] == [(0, 1, 2), (0, 1, 3), (0, 1, 4)]
    assert [design.copies(place).item() for place in range(6)] == [1, 1, 168, 168, 168, 168]
    for corner in (0.0, 1.0):
        point = template.space.at(np.full(len(template.space), corner))
        assert template.instantiate(point).pes.tolist() == [point["rows"] * point["columns"]]  # type: ignore[operator]


# ------------------------------------------------------------------------------------------------- what copies cost


def test_area_and_leakage_are_of_all_copies(tmp_path: Path) -> None:
    """1000 um2 and 0.5 mW a KiB; a PE is 100 + 200 + 48 um2 and 0.01 + 0.02 + 0.048 mW; 4 vector lanes."""
    design = machine(tmp_path, text=COPIES).instantiate({})
    area = area_mm2(design, BITS)
    assert {name: None if part is None else part.tolist() for name, part in area.items()} == {
        "array": [pytest.approx(120 * 16 * 348e-6)],
        "vector": [pytest.approx(4 * 348e-6)],
        "buffer": [pytest.approx(1000e-6)],
        "local": [pytest.approx(15 * 500e-6)],
        "near": [pytest.approx(30 * 250e-6)],
    }
    logic, memories = leakage_mw(design, BITS)
    assert logic is not None
    assert logic.tolist() == [pytest.approx((120 * 16 + 4) * 0.078)]
    assert memories is not None
    assert memories.tolist() == [pytest.approx(0.5 + 15 * 0.25 + 30 * 0.125)]


def test_energy_of_a_byte_and_capacity_are_of_one_copy(tmp_path: Path) -> None:
    near = machine(tmp_path, ("size: 256 B\n    kind: sram", "size: 256 B\n    kind: rooted"), text=COPIES)
    memory = near.instantiate({}).memories[3]
    assert memory.size_bytes is not None
    assert memory.size_bytes.tolist() == [256]
    assert memory.read_pj_per_byte is not None
    assert memory.read_pj_per_byte.tolist() == [1.5], "3 pJ x sqrt(0.25 KiB)"
    assert memory.area_mm2 is None, "what is not modelled stays so in copies"


def test_off_the_chip_copies_take_no_area(tmp_path: Path) -> None:
    design = machine(tmp_path, ("size: 512 B\n    kind: sram", "size: 512 B\n    kind: dram"), text=COPIES)
    assert "local" not in area_mm2(design.instantiate({}), BITS)


# -------------------------------------------------------------------------------------------------------- mistakes

DIMS_LISTED = "B, G, K, C, OZ, OY, OX, FZ, FY, FX"


@pytest.mark.parametrize(
    ("old", "new", "start", "read_aloud"),
    [
        pytest.param(
            "dims: [C, FX]", "dims: [C, FXX]", "- {name: down",
            "memories[2].fan_out.axes[0].dims[1]\n"
            f"  got 'FXX'; use {DIMS_LISTED}. Did you mean 'FX'?", id="unknown dim",
        ),
        pytest.param(
            "dims: [OY, OX]", "dims: [OY, ox]", "fan_out: {axes: [{name: core",
            "array.fan_out.axes[0].dims[1]\n"
            f"  got 'ox'; use {DIMS_LISTED}. Did you mean 'OX'?", id="unknown dim at the array",
        ),
        pytest.param(
            "dims: [C, FX]", "dims: [C, FX, C]", "- {name: down",
            "memories[2].fan_out.axes[0].dims[2]\n  this dim stands twice on the axis; got 'C'.", id="dim twice",
        ),
        pytest.param(
            "dims: [K]", "dims: []", "- {name: across",
            "memories[2].fan_out.axes[1].dims\n  got []; use at least 1 values.", id="no dims",
        ),
        pytest.param(
            "name: across", "name: down", "- {name: across",
            "memories[2].fan_out.axes[1].name\n  this name of an axis is used twice; got 'down'.", id="axis twice",
        ),
        pytest.param(
            "name: core", "name: down", "fan_out: {axes: [{name: core",
            "array.fan_out.axes[0].name\n  this name of an axis is used twice; got 'down'.", id="axis of another place",
        ),
        pytest.param(
            "size: rows - 1", "size: rows - 4", "- {name: down",
            "memories[2].fan_out.axes[0].size\n"
            "  got 'rows - 4' = 0; use a whole number of at least 1.", id="no copies",
        ),
        pytest.param(
            "size: rows - 1", "size: rows / 8", "- {name: down",
            "memories[2].fan_out.axes[0].size\n"
            "  got 'rows / 8' = 0.5; use a whole number of at least 1.", id="half a copy",
        ),
        pytest.param(
            "size: 4, dims", "size: -2, dims", "fan_out: {axes: [{name: core",
            "array.fan_out.axes[0].size\n  got -2; use a whole number of at least 1.", id="fewer than none",
        ),
        pytest.param(
            "size: rows - 1", "size: .inf", "- {name: down",
            "memories[2].fan_out.axes[0].size\n"
            "  got inf; use a whole number of at least 1 and at most 2**53.", id="without end",
        ),
        pytest.param(
            "size: rows - 1", "size: 2**53 + 2", "- {name: down",
            "memories[2].fan_out.axes[0].size\n"
            "  got '2**53 + 2' = 9.0072e+15; use a whole number of at least 1 and at most 2**53.", id="past counting",
        ),
        pytest.param(
            "size: rows - 1", "size: rosw", "- {name: down",
            "memories[2].fan_out.axes[0].size\n  unknown name in an expression; got 'rosw'; "
            "use buffer_bytes, columns, dataflow, rows. Did you mean 'rows'?", id="misspelt parameter",
        ),
        pytest.param(
            "{name: down, size: rows - 1, ", "{name: down, ", "- {name: down",
            "memories[2].fan_out.axes[0].size\n  this key is required and is missing.", id="no size",
        ),
        pytest.param(
            "reduce: false", "reduces: false", "reduce: false",
            "memories[2].fan_out.reduces\n"
            "  unknown key; got 'reduces'; use axes, multicast, reduce. Did you mean 'reduce'?", id="unknown key",
        ),
        pytest.param(
            "{axes: [{name: lane, size: 2, dims: [OX]}], ", "{axes: [], ", "fan_out: {axes: [{name: lane",
            "memories[3].fan_out.axes\n  got []; use at least 1 values.", id="no axes",
        ),
        pytest.param(
            "bandwidth: 4 B/cycle, kind: dram}",
            "bandwidth: 4 B/cycle, kind: dram, fan_out: {axes: [{name: a, size: 2, dims: [K]}]}}", "- {name: dram",
            "memories[0].fan_out\n  the first memory is where every tensor lives: leave fan_out out.",
            id="copies of the first",
        ),
        pytest.param(
            "kind: dram}", "kind: dram, sliding: true}", "- {name: dram",
            "memories[0].sliding\n  the first memory is where every tensor lives: leave sliding out.",
            id="the first slides",
        ),
        pytest.param(
            "holds: [W, I]\n", "holds: [W]\n", "sliding:",
            "memories[2].sliding\n  windows slide over the input I, which the memory does not hold.",
            id="slides over what it does not hold",
        ),
        pytest.param(
            "sliding: true", "keeps: [W]", "sliding:",
            "memories[2].keeps\n  the memory stands in copies, and only one that stands alone can keep whole tensors.",
            id="keeps in copies",
        ),
        pytest.param(
            "holds: [O]\n    size: 256 B\n    kind: sram\n"
            "    fan_out: {axes: [{name: lane, size: 2, dims: [OX]}], multicast: false}",
            "holds: [W]\n    size: 256 B\n    kind: sram\n    keeps: [W]", "fan_out: {axes: [{name: lane",
            "memories[3].keeps\n  the memory stands in copies, and only one that stands alone can keep whole tensors.",
            id="keeps inside copies",
        ),
        pytest.param(
            "  columns: columns\n  fan_out", "  fan_out", "array:",
            "array.columns\n  this key is required and is missing.", id="no columns",
        ),
    ],
)  # fmt: skip
def test_a_mistake_read_aloud(old: str, new: str, start: str, read_aloud: str, tmp_path: Path) -> None:
    problems = mistakes(tmp_path, (old, new))
    place = f"{tmp_path / 'machine.yaml'}:{line_of(start)}"
    assert [str(problem) for problem in problems] == [f"{place}  {read_aloud}"]


def test_more_than_one_pe_of_an_engine_that_has_but_one(tmp_path: Path) -> None:
    alone = ("engine: systolic\n  dataflow: dataflow", "engine: pe\n  dispatch_cycles: 0")
    message = "lays nothing on its {0}: more PEs would only idle; got '{0}'; use 1, or leave it out; copies of an array"
    problems = mistakes(tmp_path, alone)
    assert [(problem.field, problem.line) for problem in problems] == [
        ("array.rows", line_of("rows: rows")),
        ("array.columns", line_of("columns: columns")),
    ]
    for problem, key in zip(problems, ("rows", "columns"), strict=True):
        assert message.format(key) in str(problem)
    one = machine(tmp_path, alone, ("  rows: rows", "  rows: 1"), ("  columns: columns", "  columns: 1"), text=COPIES)
    assert one.instantiate({}).pes.tolist() == [120], "a single one may be stated"


def test_a_misspelt_engine_is_the_only_mistake_of_an_array_without_rows() -> None:
    with pytest.raises(InputError) as caught:
        HardwareTemplate(Source.parse(PE_ARRAY.replace("engine: pe", "engine: pee"), Path("pe_array.yaml")))
    (problem,) = caught.value.problems
    assert (problem.field, problem.suggestion) == ("array.engine", "pe")


def test_all_mistakes_of_the_copies_at_once(tmp_path: Path) -> None:
    problems = mistakes(
        tmp_path,
        ("dims: [C, FX]", "dims: [C, FXX]"),
        ("name: across", "name: lane"),
        ("size: 4, dims", "size: 0, dims"),
        ("holds: [W, I]\n", "holds: [W]\n"),
    )
    assert [(problem.field, problem.line) for problem in problems] == [
        ("memories[2].sliding", line_of("sliding:")),
        ("memories[2].fan_out.axes[0].dims[1]", line_of("- {name: down")),
        ("memories[3].fan_out.axes[0].name", line_of("fan_out: {axes: [{name: lane")),
        ("array.fan_out.axes[0].size", line_of("fan_out: {axes: [{name: core")),
    ]


def test_a_size_that_only_some_designs_have_is_found_there(tmp_path: Path) -> None:
    template = machine(tmp_path, text=COPIES)
    with pytest.raises(InputError) as caught:
        template.instantiate({"rows": np.array([4, 1, 8])})
    (problem,) = caught.value.problems
    assert problem.field == "memories[2].fan_out.axes[0].size"
    assert problem.got == "'rows - 1' = 0"


def test_damage_to_any_word_of_a_grid_of_pes_is_said_where_it_is() -> None:
    rng = random.Random("grid")  # noqa: S311 - which damage is done is no secret
    lines = PE_ARRAY.splitlines()
    odd = [
        "0",
        "-1",
        ".nan",
        ".inf",
        "null",
        "true",
        "''",
        "[1]",
        "[[K]]",
        "{a: 1}",
        "x",
        "9**9**9",
        "1 GB",
        "rows",
        "[K, K]",
    ]
    refused = 0
    for _ in range(150):
        damaged = list(lines)
        place = rng.randrange(lines.index("memories:") + 1, lines.index("sources:"))
        key, colon, value = damaged[place].rpartition(": ")
        kept = value[value.index("}") :] if "}" in value and "{" not in value else ""
        damaged[place] = rng.choice([f"{key}{colon}{rng.choice(odd)}{kept}", "", damaged[place].replace("s", "z")])
        try:
            HardwareTemplate(Source.parse("\n".join(damaged), Path("pe_array.yaml")))
        except InputError as error:
            refused += 1
            assert all(problem.field and problem.file is not None for problem in error.problems)
    assert refused > 75
