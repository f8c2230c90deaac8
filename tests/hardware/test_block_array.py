"""Templates of engines that cut ops into blocks: options, what may not stand beside them, batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.config.library import find
from accelsim.config.source import Source
from accelsim.cost.rows import machine_of
from accelsim.errors import InputError, Problem
from accelsim.hardware.load import HardwareTemplate, load_hardware

TEXT = find("hardware", "ethos_u55").read_text(encoding="utf-8")
LINES = TEXT.splitlines()


def template(folder: Path, *changes: tuple[str, str]) -> HardwareTemplate:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "npu.yaml"
    path.write_text(text, encoding="utf-8")
    return HardwareTemplate(Source.read(path))


def only(folder: Path, *changes: tuple[str, str]) -> Problem:
    with pytest.raises(InputError) as caught:
        template(folder, *changes)
    (problem,) = caught.value.problems
    return problem


def line_of(start: str) -> int:
    return next(number for number, line in enumerate(LINES, start=1) if line.strip().startswith(start))


@pytest.mark.parametrize(
    ("old", "new", "field", "start", "text"),
    [
        ("    macs: macs", "    maks: 8\n    macs: macs", "array.options.maks", "macs: macs", "Did you mean 'macs'?"),
        (
            "    macs: macs", "    macs: 100", "array.options.macs", "macs: macs",
            "no ethos-u55 has so many; got 100; use 32, 64, 128, 256.",
        ),
        ("    macs: macs", "    macs: 12.5", "array.options.macs", "macs: macs", "a whole number of at least 1"),
        ("    macs: macs\n", "", "array.options.macs", "options:", "this option is required and is missing"),
        ("family: u55", "family: u555", "array.options.family", "family:", "Did you mean 'u55'?"),
        ("far_read_latency: 64", "far_read_latency: -1", "array.options.far_read_latency", "far_read", "got -1"),
        ("sram_burst_bytes: 32", "sram_burst_bytes: byts", "array.options.sram_burst_bytes", "sram_burst", "byts"),
        (
            "  engine: ethos_u", "  engine: ethos_u\n  rows: 8", "array.rows", "options:",
            "the engine ethos_u cuts ops into blocks of its own: leave rows out",
        ),
        (
            "keeps_ends: true", "keeps_ends: true\n    double_buffered: true", "memories[1].double_buffered",
            "- {name: shram", "knows how its transfers overlap: leave double_buffered out",
        ),
        ("engine: ethos_u", "engine: ethosu", "array.engine", "engine:", "Did you mean 'ethos_u'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_field_line_and_what_is_allowed(
    old: str, new: str, field: str, start: str, text: str, tmp_path: Path
) -> None:
    problem = only(tmp_path, (old, new))
    assert problem.field == field
    assert problem.line == line_of(start)
    assert text in str(problem)


def test_the_engine_says_how_many_memories_it_works_with(tmp_path: Path) -> None:
    problem = only(tmp_path, (next(line for line in LINES if "name: shram" in line) + "\n", ""))
    assert problem.field == "memories"
    assert "works with 3 memories, the last of which is its local buffer; got 2" in str(problem)


def test_the_ends_of_a_network_lie_where_feature_maps_are_kept(tmp_path: Path) -> None:
    problem = only(tmp_path, ("keeps: [I, O]", "keeps: [W]"))
    assert "inputs and results of the network are feature maps: keeps must have I and O" in str(problem)


def test_a_loop_nest_engine_has_no_options(tmp_path: Path) -> None:
    text = find("hardware", "npu").read_text(encoding="utf-8")
    path = tmp_path / "npu.yaml"
    path.write_text(text.replace("hold_limit: 32}", "hold_limit: 32, options: {winograd: true}}"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        HardwareTemplate(Source.read(path))
    assert [str(one).splitlines()[-1] for one in caught.value.problems] == ["  the engine atomic has no options."]


def test_options_may_differ_in_a_batch_and_machines_do_then() -> None:
    batch = load_hardware("ethos_u55", macs=np.array([32, 256]), flash_share=0.5)
    assert batch.peak_macs.tolist() == [32, 256]
    with pytest.raises(ValueError, match="arrays of one size"):
        machine_of(batch)
    one, other = (machine_of(batch.take(np.array([place]))) for place in (0, 1))
    assert one.blocks is not None
    assert dict(one.blocks.settings)["macs"] == 32
    assert dict(one.blocks.settings)["far_bytes_per_cycle"] == 4
    assert one != other
    assert machine_of(load_hardware("ethos_u55", macs=32, flash_share=0.5)) == one
