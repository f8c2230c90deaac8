"""Files of chips: parts by name, the chip's parameters over theirs, one memory for all, and mistakes at their lines."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from oracle.chips import chip_of, write_chip
from oracle.machines import machine

from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.chip import Chip, single
from accelsim.hardware.load import accelerator_template, hardware_template, load_hardware, read_template
from accelsim.units import human
from tests.conftest import ProblemsOf

CHIP = """\
schema_version: 1
description: two arrays
parameters:
  size: {default: 16, choices: [8, 16, 32, 64]}
  flow: {default: output_stationary, choices: [output_stationary, weight_stationary]}
  gbps: {default: 16, choices: [8, 16, 32]}
shares: memory
parts:
  - {name: a, template: systolic, parameters: {rows: size, columns: 2 * size, dataflow: flow, dram_gbps: gbps / 2}}
  - {name: b, template: npu, parameters: {atomic_c: size, dram_gbps: gbps / 2, clock_mhz: 500}}
assign:
  - {op: depthwise, part: b}
"""


def chip(text: str = CHIP, **parameters: object) -> Chip:
    found = read_template(Source.parse(text, Path("chip.yaml"))).instantiate(parameters)
    assert isinstance(found, Chip)
    return found


def test_parts_are_templates_at_the_chips_parameters() -> None:
    found = chip(size=32, flow="weight_stationary")
    a, b = found.parts
    assert (found.names, len(found)) == (("a", "b"), 1)
    assert (a.array.rows[0], a.array.columns[0], a.array.dataflow.name) == (32, 64, "weight_stationary")
    assert (b.array.rows[0], b.array.columns[0], b.clock_hz[0]) == (32, 32, 500e6)
    assert [memory.name for memory in a.memories] == ["memory", "a.buffer"]
    assert [memory.name for memory in b.memories] == ["memory", "b.buffer"]
    assert [part.memories[0].bandwidth_bytes_per_cycle[0] for part in found.parts] == [8, 16], "8 GB/s each"
    assert [(rule.part, rule.layers, rule.op) for rule in found.rules] == [(1, None, "depthwise")]
    assert [part.name for part in found.parts] == ["chip.a", "chip.b"]
    assert a.parameters[0] == b.parameters[0] == {"size": 32, "flow": "weight_stationary", "gbps": 16}


def test_a_batch_of_chips_is_its_designs() -> None:
    sizes = np.array([8, 32, 64])
    together = chip(size=sizes)
    assert len(together) == 3
    for place, size in enumerate(sizes.tolist()):
        for one in (chip(size=size), together.take(np.array([place]))):
            for part, other in zip(together.parts, one.parts, strict=True):
                assert part.array.rows[place] == other.array.rows[0]
                assert part.memories[1].bandwidth_bytes_per_cycle[place] == other.memories[1].bandwidth_bytes_per_cycle
                assert other.parameters[0]["size"] == size


def test_batches_differ_in_words_only_between_them() -> None:
    template = read_template(Source.parse(CHIP, Path("chip.yaml")))
    points = [{"flow": flow} for flow in ("output_stationary", "weight_stationary", "output_stationary")]
    found = [(places, batch.parts[0].array.dataflow.name) for places, batch in template.batches(points)]
    assert found == [([0, 2], "output_stationary"), ([1], "weight_stationary")]


def test_a_part_alone_is_its_template(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(CHIP, encoding="utf-8")
    alone, wanted = load_hardware(f"{path}.b", size=32), load_hardware("npu", atomic_c=32, dram_gbps=8, clock_mhz=500)
    assert isinstance(alone, Accelerator)
    assert isinstance(wanted, Accelerator)
    assert alone.name == "two.b"
    for own, other in zip(alone.memories, wanted.memories, strict=True):
        for name in ("name", "size_bytes", "bandwidth_bytes_per_cycle", "read_pj_per_byte", "area_mm2", "leakage_mw"):
            assert getattr(own, name) == getattr(other, name), name
    assert (alone.pes, alone.clock_hz) == (wanted.pes, wanted.clock_hz)


def test_the_shared_memory_leaks_and_takes_area_once(tmp_path: Path) -> None:
    found = chip_of(tmp_path, {"a": [("size: buffer_bytes B, ", "size: 2 KiB, ")], "b": []})
    assert [memory.leakage_mw[0] for part in found.parts for memory in part.memories] == [0, 1.0, 0, 0.5]
    # A memory on the chip, of which each part states one.
    first = [("bandwidth: 4 B/cycle, kind: dram", "size: 4 KiB, bandwidth: 4 B/cycle, kind: sram")]
    found = chip_of(tmp_path, {"a": first, "b": first})
    assert [part.memories[0].leakage_mw[0] for part in found.parts] == [2.0, 0.0]
    assert [part.memories[0].area_mm2[0] for part in found.parts] == [4e-3, 0.0]


def test_a_preset_of_a_chip_has_other_defaults(tmp_path: Path, problems_of: ProblemsOf) -> None:
    (tmp_path / "base.yaml").write_text(CHIP, encoding="utf-8")
    preset = tmp_path / "large.yaml"
    preset.write_text("schema_version: 1\nbase: base.yaml\ndescription: large\nset: {size: 48}\n", encoding="utf-8")
    template = hardware_template(preset)
    assert (template.name, template.description) == ("large", "large")
    found = template.instantiate({})
    assert isinstance(found, Chip)
    assert found.parts[1].array.rows[0] == 48, "between those that the chip, and the part, allow"
    preset.write_text("schema_version: 1\nbase: base.yaml\ntechnology: cmos_28nm\n", encoding="utf-8")
    (problem,) = problems_of(read_template, Source.read(preset))
    assert (problem.field, problem.line) == ("technology", 3)
    assert "a preset of a part can change them" in problem.message


def test_a_file_is_read_again_when_that_of_a_part_has_changed(tmp_path: Path) -> None:
    path = write_chip(tmp_path, {"a": [], "b": []})
    before = load_hardware(path)
    part = tmp_path / "b.yaml"
    part.write_text(part.read_text(encoding="utf-8").replace("lanes: 4", "lanes: 9"), encoding="utf-8")
    os.utime(part, ns=(1, 1))
    after = load_hardware(path)
    assert [design.parts[1].vector.lanes[0] for design in (before, after) if isinstance(design, Chip)] == [4, 9]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("rows: size", "row: size", 9, "parts[0].parameters.row", "Did you mean 'rows'"),
        ("rows: size", "rows: sise", 9, "parts[0].parameters.rows", "Did you mean 'size'"),
        ("rows: size", "rows: 1000", 9, "parts[0].parameters.rows", "outside the domain; got 1000"),
        ("rows: size", "rows: 16 * size", 9, "parts[0].parameters.rows", "got '16 * size' = 256"),
        ("dataflow: flow", "dataflow: flo", 9, "parts[0].parameters.dataflow", "flo"),
        ("dataflow: flow", "dataflow: 3", 9, "parts[0].parameters.dataflow", "outside the domain; got 3"),
        ("dataflow: flow", "dataflow: size", 9, "parts[0].parameters.dataflow", "outside the domain; got 'size' = 16"),
        ("dram_gbps: gbps / 2, clock", "dram_gbps: flow, clock", 10, "parts[1].parameters.dram_gbps", "outside"),
        ("template: npu", "template: npuu", 10, "parts[1].template", "Did you mean 'npu'"),
        ("template: npu", "template: nasaic_like", 10, "parts[1].template", "a part of a chip is one accelerator"),
        ("name: b", "name: a", 10, "parts[1].name", "this name is used twice"),
        ("name: b", "name: a b", 10, "parts[1].name", "no expression can use this name"),
        ("part: b", "part: bb", 12, "assign[0].part", "no such part"),
        ("op: depthwise, ", "", 12, "assign[0]", "say which layers"),
        ("shares: memory", "share: memory", 7, "share", "Did you mean 'shares'"),
        ("  - {name: a, template: systolic", "  - {name: a, template: eyeriss", 9, "parts[0].parameters", "unknown"),
        ("template: npu, parameters: {atomic_c: size, dram_gbps: gbps / 2, clock_mhz: 500}", "template: dpu", 10,
         "parts[1]", "the parts share their outermost memory"),
    ],
)  # fmt: skip
def test_mistakes_are_found_at_their_lines(
    old: str, new: str, line: int, field: str, words: str, problems_of: ProblemsOf
) -> None:
    assert old in CHIP
    problems = problems_of(read_template, Source.parse(CHIP.replace(old, new, 1), Path("chip.yaml")))
    found = [(problem.line, problem.field, str(problem)) for problem in problems]
    assert any(at == line and where.startswith(field) and words in text for at, where, text in found), found


def test_several_mistakes_are_found_at_once(problems_of: ProblemsOf) -> None:
    text = CHIP.replace("template: npu", "template: npuu").replace("part: b", "part: c")
    assert {problem.field for problem in problems_of(chip, text)} == {"parts[1].template", "assign[0].part"}
    text = CHIP.replace("rows: size", "row: size").replace("atomic_c: size", "atomic_c: sise")
    fields = {problem.field for problem in problems_of(chip, text)}
    assert fields == {"parts[0].parameters.row", "parts[1].parameters.atomic_c"}


def test_mistakes_of_form_and_of_meaning_are_found_at_once(problems_of: ProblemsOf) -> None:
    text = CHIP.replace("template: npu", "template: npuu").replace("shares:", "share:")
    fields = [problem.field for problem in problems_of(chip, text)]
    assert fields == ["share", "parts[1].template"]


def test_a_chip_is_no_part_of_itself(tmp_path: Path, problems_of: ProblemsOf) -> None:
    path = tmp_path / "ring.yaml"
    path.write_text("schema_version: 1\nparts: [{name: a, template: ring.yaml}]\n", encoding="utf-8")
    (problem,) = problems_of(load_hardware, path)
    assert (problem.field, problem.line) == ("parts[0].template", 2)
    assert "a part of a chip is one accelerator" in problem.message


def test_words_are_no_result_of_numbers(problems_of: ProblemsOf) -> None:
    text = CHIP.replace("dataflow: flow", "dataflow: \"where(size > 8, 'output_stationary', 'input_stationary')\"")
    (problem,) = problems_of(chip, text)
    assert problem.field == "parts[0].parameters.dataflow"


def test_one_accelerator_is_asked_for_by_the_part(tmp_path: Path, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(single, chip(), "that is for one of them")
    assert str(problem).endswith("a chip of several parts, and that is for one of them; got 'chip'; use one of them: "
                                 "chip.a, chip.b.")  # fmt: skip
    (problem,) = problems_of(hardware_template, "nasaic_like.dlla")
    assert problem.suggestion == "dla"
    (problem,) = problems_of(hardware_template, "systolic.rows")
    assert "has no parts" in problem.message
    (problem,) = problems_of(hardware_template, "sistolic.rows")
    assert problem.suggestion == "systolic"
    for name in ("nasaic_like", "nasaic_like.shi"):
        (problem,) = problems_of(accelerator_template, name)
        assert "shidiannao" in problem.allowed
    design = machine(tmp_path).instantiate({})
    assert single(design, "anything") is design


def test_a_template_is_found_by_path_with_its_part(tmp_path: Path) -> None:
    write_chip(tmp_path, {"a": [], "b": []})
    assert hardware_template(f"{tmp_path}/chip.yaml.b").name == "chip.b"
    with pytest.raises(InputError, match="no such file"):
        hardware_template(f"{tmp_path}/chop.yaml.b")


def test_the_bundled_chip_keeps_to_the_published_budgets() -> None:
    """At most 4096 PEs and 64 GB/s together; the default is the published pair of 576 and 1792 PEs."""
    template = hardware_template("nasaic_like")
    default = template.instantiate({})
    assert isinstance(default, Chip)
    assert [human(part.pes[0]) for part in default.parts] == ["576", "1.79 k"]
    most = {one.name: max(one.domain.grid()) for one in template.space.parameters}
    largest = template.instantiate(most)
    assert isinstance(largest, Chip)
    assert sum(part.pes[0] for part in largest.parts) == 4096
    wide = [part.memories[0].bandwidth_bytes_per_cycle[0] * part.clock_hz[0] for part in largest.parts]
    assert sum(wide) == 64e9
