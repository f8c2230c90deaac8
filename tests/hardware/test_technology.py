"""Technology tables: bases and scaling, laws and the figures behind them, overrides, floating point, mistakes."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import HARDWARE, machine
from scipy.optimize import least_squares

from accelsim.config.library import available
from accelsim.config.source import Source
from accelsim.cost.area import area_mm2
from accelsim.cost.energy import leakage_mw, mac_pj, vector_pj
from accelsim.errors import InputError, Problem
from accelsim.hardware.load import HardwareTemplate, hardware_template
from accelsim.hardware.technology import Table, read_table
from accelsim.hardware.technology.spec import SizeLaw
from tests.conftest import Write

ProblemsOf = Callable[..., tuple[Problem, ...]]

TABLES = sorted(available("technology"))
NODES = ("cmos_65nm", "cmos_45nm", "cmos_28nm", "cmos_16nm", "cmos_7nm")
SRAM = "memories.sram.pj_per_byte"
BITS = np.array([8.0, 8.0, 8.0, 32.0])

OLD = """
schema_version: 1
logic: {multiply_8bit_pj: 2, add_32bit_pj: 1, multiplier_8bit_um2: 100, adder_32bit_leakage_mw: 4}
formats:
  bf16: {multiply_pj: 3, multiplier_um2: 500, multiplier_leakage_mw: 0.5}
  fp32: {multiply_pj: 9, add_pj: 5, adder_um2: 700, adder_leakage_mw: 0.25}
memories:
  sram: {pj_per_byte: {at_1_kib: 2, exponent: 0.5, per_access: 0.25}, um2_per_kib: 10, leakage_mw_per_kib: 6}
  dram: {pj_per_byte: 40, um2_per_kib: 0}
  file: {pj_per_byte: 1}
sources:
  logic: {mark: published, source: a paper}
  logic.add_32bit_pj: {mark: measured, source: a chip}
"""
NEW = """
schema_version: 1
base: old.yaml
scale: {energy: 0.5, area: 0.1, leakage: 0.25}
logic: {add_32bit_pj: 0.75, adder_32bit_leakage_mw: null}
memories:
  flash: {pj_per_byte: 7}
sources:
  logic.add_32bit_pj: {mark: assumed, source: a guess}
"""


def bundled(name: str) -> Table:
    """Return a table that comes along."""
    return read_table(Source.read(available("technology")[name]))


def per_byte(table: Table, kib: float) -> float:
    """Return the energy of a byte of an SRAM of one bank, accessed 64 bits at a time."""
    law = table.entries[SRAM].value
    assert isinstance(law, SizeLaw)
    return float(law.per_byte(kib))


@pytest.fixture
def new(write: Write) -> Table:
    """Return a table of a base, scaled."""
    write(OLD, "old.yaml")
    return read_table(Source.read(write(NEW, "new.yaml")))


# ------------------------------------------------------------------------------------------------ bases and scaling


def test_what_is_on_the_chip_is_scaled_and_what_is_off_it_is_not(new: Table) -> None:
    values = {path: entry.value for path, entry in new.entries.items()}
    assert values["logic.multiply_8bit_pj"] == 1
    assert values["logic.multiplier_8bit_um2"] == 10
    assert values["formats.bf16.multiplier_leakage_mw"] == 0.125
    assert values["memories.sram.um2_per_kib"] == 1
    assert values["memories.sram.leakage_mw_per_kib"] == 1.5
    assert values[SRAM] == SizeLaw(at_1_kib=1, exponent=0.5, per_access=0.25)
    assert values["memories.dram.pj_per_byte"] == 40
    assert values["memories.file.pj_per_byte"] == 0.5, "its area is not known, but it is not 0"


def test_own_entries_replace_the_bases_and_null_is_not_modelled(new: Table) -> None:
    values = {path: entry.value for path, entry in new.entries.items()}
    assert values["logic.add_32bit_pj"] == 0.75
    assert values["logic.adder_32bit_leakage_mw"] is None
    assert values["logic.register_pj_per_bit"] is None, "nobody states it"
    assert values["memories.flash.pj_per_byte"] == 7
    assert values["memories.flash.um2_per_kib"] is None


def test_marks_and_sources_follow_the_figures(new: Table) -> None:
    entries = new.entries
    product = entries["logic.multiply_8bit_pj"]
    assert (product.mark, product.source) == ("scaled", "0.5 x old: a paper")
    assert (entries["logic.add_32bit_pj"].mark, entries["logic.add_32bit_pj"].source) == ("assumed", "a guess")
    assert entries["memories.flash.pj_per_byte"].mark == ""
    assert [path.name for path in new.files] == ["new.yaml", "old.yaml"]


def test_a_law_of_size_and_width() -> None:
    law = SizeLaw(at_1_kib=2, exponent=0.5, per_access=0.25)
    # 16 KiB: 2 x 4; an access of 16 B shares what does not depend on the width among twice the bytes.
    assert law.per_byte(16) == 8
    assert law.per_byte(16, 16) == 8 * (0.75 + 0.25 / 2)
    assert law.per_byte(np.array([1.0, 4.0]), 4).tolist() == [2 * 1.25, 4 * 1.25]


def test_a_memory_takes_the_law_at_the_size_and_width_of_a_bank(tmp_path: Path, write: Write) -> None:
    write(OLD, "old.yaml")
    text = HARDWARE.replace("TECHNOLOGY", "old.yaml").replace("16 B/cycle, kind", "64 B/cycle, banks: 4, kind")
    plain = HardwareTemplate(Source.read(write(text, "m.yaml"))).instantiate({"buffer_bytes": 16384}).memories[1]
    wide = HardwareTemplate(Source.read(write(text.replace("banks: 4", "banks: 4, bank_width: 16 B/cycle"), "w.yaml")))
    assert plain.read_pj_per_byte is not None
    assert plain.read_pj_per_byte.tolist() == [2 * 2]
    figure = wide.instantiate({"buffer_bytes": 16384}).memories[1].write_pj_per_byte
    assert figure is not None
    assert figure.tolist() == [2 * 2 * (0.75 + 0.25 / 2)]


# ---------------------------------------------------------------------------------------------- the tables that come


@pytest.mark.parametrize("name", TABLES)
def test_every_figure_has_a_mark_and_a_source(name: str) -> None:
    table = bundled(name)
    nameless = [path for path, entry in table.entries.items() if entry.value is not None and not entry.source]
    assert not nameless
    assert table.description


#: Works whose figures were written down from memory; in a file that quotes one, every line that does says so.
UNCHECKED = (
    "Jouppi",
    "Keckler",
    "Dally",
    "O'Connor",
    "Stillmaker",
    "Simba",
    "20 pJ for 64 bits",
    "1300 pJ per 64 bits",
)


@pytest.mark.parametrize("name", TABLES)
def test_a_figure_from_memory_says_so_and_is_not_measured(name: str) -> None:
    sources = [(entry.mark, entry.source) for entry in bundled(name).entries.values() if entry.value is not None]
    sources += [("", point.source) for point in bundled(name).points]
    assert not [text for _, text in sources if any(work in text for work in UNCHECKED) and "not checked" not in text]
    assert not [text for mark, text in sources if mark == "measured"], "no chip was measured for these tables"
    assert not [text for mark, text in sources if mark == "published" and "recalled" in text]


@pytest.mark.parametrize("name", [name for name in TABLES if name != "eyeriss_normalised"])
def test_every_node_has_every_kind_of_memory(name: str) -> None:
    assert bundled(name).memories.keys() == bundled("cmos_45nm").memories.keys()


def test_the_45_nm_table_is_horowitz() -> None:
    values = {path: entry.value for path, entry in bundled("cmos_45nm").entries.items()}
    published = {
        "logic.multiply_8bit_pj": 0.2,
        "logic.add_32bit_pj": 0.1,
        "formats.fp16.multiply_pj": 1.1,
        "formats.fp16.add_pj": 0.4,
        "formats.fp32.multiply_pj": 3.7,
        "formats.fp32.add_pj": 0.9,
        "memories.lpddr4.pj_per_byte": 512 / 8,
    }
    assert {path: values[path] for path in published} == published


def test_the_40_nm_table_is_aladdins() -> None:
    table = bundled("aladdin_40nm")
    assert mac_pj(table.integers(), np.array([32.0, 32.0, 32.0, 32.0])) == pytest.approx(12.68 + 0.21)
    assert table.integers().multiplier_um2 == pytest.approx(6350 / 16, abs=0.1)


@pytest.mark.parametrize("name", ["cmos_45nm", "cmos_7nm"])
def test_the_law_of_sram_is_the_least_squares_fit_of_its_points(name: str) -> None:
    table = bundled(name)
    law = table.entries[SRAM].value
    assert isinstance(law, SizeLaw)
    points = [point for point in table.points if point.of == SRAM]
    kib, wide = np.array([[float(word.split()[0]) for word in point.at.split(", ")] for point in points]).T
    published = np.array([point.published for point in points])
    share = None if np.ptp(wide) else law.per_access  # figures of one width do not tell it

    def error(x: np.ndarray) -> np.ndarray:
        trial = SizeLaw(at_1_kib=x[0], exponent=x[1], per_access=x[2] if share is None else share)
        return np.asarray(np.log(trial.per_byte(kib, wide) / published))

    best = least_squares(error, [0.5, 0.3, 0.3], bounds=([0.01, 0, 0], [2, 1, 1])).x
    assert law.at_1_kib == pytest.approx(best[0], rel=0.005)
    assert law.exponent == pytest.approx(best[1], abs=0.002)
    assert share is not None or law.per_access == pytest.approx(best[2], abs=0.005)
    assert [point.modelled for point in points] == pytest.approx(law.per_byte(kib, wide).tolist())


@pytest.mark.parametrize(("name", "node"), [("cmos_28nm", 28), ("cmos_16nm", 16)])
def test_sram_between_two_nodes_is_geometric_in_the_node(name: str, node: int) -> None:
    share = math.log(45 / node) / math.log(45 / 7)
    old, young = bundled("cmos_45nm"), bundled("cmos_7nm")
    for kib in (8, 32, 1024):
        wanted = per_byte(old, kib) ** (1 - share) * per_byte(young, kib) ** share
        assert per_byte(bundled(name), kib) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(("name", "node"), [("cmos_65nm", 65), ("cmos_28nm", 28), ("cmos_16nm", 16), ("cmos_7nm", 7)])
def test_energy_goes_with_the_published_gain_of_eight_operations(name: str, node: int) -> None:
    # Jouppi et al., ISCA 2021: pJ at 45 and at 7 nm.
    pairs = [(0.03, 0.007), (0.1, 0.03), (0.4, 0.16), (0.9, 0.38), (0.2, 0.07), (3.1, 1.48), (1.1, 0.34), (3.7, 1.31)]
    gain = math.exp(np.mean([math.log(old / young) for old, young in pairs]))
    factor = gain ** (-math.log(45 / node) / math.log(45 / 7))
    register = bundled(name).integers().register_pj_per_bit
    assert register is not None
    assert register / 0.009 == pytest.approx(factor, rel=0.005)


@pytest.mark.parametrize(("older", "younger"), [*itertools.pairwise(NODES)])
def test_a_younger_node_takes_less_of_everything(older: str, younger: str) -> None:
    old, young = bundled(older), bundled(younger)
    for path, entry in old.entries.items():
        before, after = entry.value, young.entries[path].value
        if isinstance(before, float) and isinstance(after, float):
            off_chip = path.startswith("memories.") and old.memories[path.split(".")[1]].um2_per_kib == 0
            assert after == before if off_chip else after < before, path
    assert all(per_byte(young, kib) < per_byte(old, kib) for kib in (8, 32, 256, 1024, 8192))


def test_the_normalised_table_is_that_of_eyeriss() -> None:
    table = bundled("eyeriss_normalised")
    word = np.array([16.0, 16.0, 16.0, 32.0])
    assert mac_pj(table.integers(), word) == pytest.approx(1, abs=1e-4)
    assert 16 * 0.0625 == 1
    assert [2 * float(table.memories[kind].pj_per_byte or 0) for kind in ("register_file", "sram", "lpddr4")] == [
        1,
        6,
        200,
    ]


# --------------------------------------------------------------------------------------------------- floating point


def floating(write: Write, arithmetic: str, *changes: tuple[str, str]) -> HardwareTemplate:
    """Return the small machine with an array that calculates in a format."""
    write(OLD, "old.yaml")
    text = HARDWARE.replace("TECHNOLOGY", "old.yaml").replace("{engine:", f"{{arithmetic: {arithmetic}, engine:")
    for before, after in changes:
        text = text.replace(before, after)
    return HardwareTemplate(Source.read(write(text, "m.yaml")))


def test_floating_point_is_added_in_fp32_and_does_not_go_with_the_widths(write: Write) -> None:
    design = floating(write, "bf16").instantiate({})
    assert mac_pj(design.technology, BITS) == mac_pj(design.technology, 2 * BITS) == 3 + 5
    assert vector_pj(design.technology) == 5
    assert mac_pj(floating(write, "integer").instantiate({}).technology, BITS) == 2 + 1


def test_a_parameter_can_name_the_arithmetic(write: Write) -> None:
    word = "  kind: {default: fp32, choices: [integer, bf16, fp32]}\n  rows:"
    template = floating(write, "kind", ("  rows:", word))
    found = [mac_pj(template.instantiate({"kind": kind}).technology, BITS) for kind in ("integer", "bf16", "fp32")]
    assert found == [3, 8, 14]
    assert mac_pj(template.instantiate({}).technology, BITS) == 14


def test_area_and_leakage_of_floating_point(write: Write) -> None:
    extra = "overrides: {register_um2_per_bit: 0.5, register_leakage_mw_per_bit: 0.01}\nclock"
    design = floating(write, "bf16", ("clock", extra)).instantiate({})
    array, logic = area_mm2(design, BITS)["array"], leakage_mw(design, BITS)[0]
    assert array is not None
    assert logic is not None
    assert array.tolist() == pytest.approx([16 * (500 + 700 + 0.5 * 48) * 1e-6])
    assert logic.tolist() == pytest.approx([(16 + 4) * (0.5 + 0.25 + 0.01 * 48)])


def test_a_format_without_figures_is_refused(write: Write, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(floating, write, "fp16")
    assert problem.field == "array.arithmetic"
    assert "old has no figures of it" in problem.message
    assert problem.allowed == "integer, bf16, fp32"


# -------------------------------------------------------------------------------------------------------- overrides


def changed(tmp_path: Path, overrides: str) -> HardwareTemplate:
    """Return the small machine with overrides."""
    return machine(tmp_path, ("clock:", f"overrides: {{{overrides}}}\nclock:"))


def test_any_entry_can_be_replaced_by_its_name(tmp_path: Path) -> None:
    sram = "memories.sram.pj_per_byte: 0.5, memories.sram.leakage_mw_per_kib: null"
    design = changed(tmp_path, f"{sram}, logic.add_32bit_pj: 3, memories.dram.um2_per_kib: 4").instantiate({})
    dram, buffer = design.memories
    assert buffer.read_pj_per_byte is not None
    assert buffer.read_pj_per_byte.tolist() == [0.5]
    assert buffer.leakage_mw is None
    assert buffer.area_mm2 is not None
    assert buffer.area_mm2.tolist() == pytest.approx([1e-3]), "the rest stays"
    assert dram.area_mm2 is None, "an area per KiB of what has no size is not known"
    assert design.technology.add_pj == 3


def test_a_law_can_replace_a_figure(tmp_path: Path) -> None:
    design = changed(tmp_path, "memories.sram.pj_per_byte: {at_1_kib: 6, exponent: 1}").instantiate(
        {"buffer_bytes": 512}
    )
    figure = design.memories[1].read_pj_per_byte
    assert figure is not None
    assert figure.tolist() == [3]


@pytest.mark.parametrize(
    ("overrides", "field", "said"),
    [
        ("memories.srm.pj_per_byte: 1", "overrides.memories.srm.pj_per_byte", "memories.sram.pj_per_byte"),
        ("memories.sram.pj_per_bit: 1", "overrides.memories.sram.pj_per_bit", "memories.sram.pj_per_byte"),
        ("add_32bit: 1", "overrides.add_32bit", "add_32bit_pj"),
        ("logic.add_32bits_pj: 1", "overrides.logic.add_32bits_pj", "add_32bit_pj"),
        ("add_32bit_pj: {at_1_kib: 1}", "overrides.add_32bit_pj", "a number or null"),
        ("add_32bit_pj: -1", "overrides.add_32bit_pj", "at least 0"),
        ("add_32bit_pj: cheap", "overrides.add_32bit_pj", "a number"),
    ],
)
def test_what_is_wrong_with_an_override_is_said_at_its_line(
    overrides: str, field: str, said: str, tmp_path: Path, problems_of: ProblemsOf
) -> None:
    (problem,) = problems_of(changed, tmp_path, overrides)
    line = next(n for n, text in enumerate((tmp_path / "machine.yaml").read_text().splitlines(), 1) if "overr" in text)
    assert (problem.field, problem.line) == (field, line)
    assert said in f"{problem.allowed} {problem.suggestion}"


def test_an_override_in_a_preset_is_placed_in_the_preset(write: Write, problems_of: ProblemsOf) -> None:
    path = write("schema_version: 1\nbase: systolic\noverrides:\n  memories.sram.pj: 1\n", "mine.yaml")
    (problem,) = problems_of(hardware_template, path)
    assert (problem.file, problem.line) == (path, 4)


def test_a_preset_finds_a_technology_beside_itself(write: Write) -> None:
    write(OLD.replace("  file:", "  lpddr4: {pj_per_byte: 3}\n  file:"), "old.yaml")
    path = write("schema_version: 1\nbase: systolic\ntechnology: old.yaml\n", "own/mine.yaml")
    with pytest.raises(InputError, match="no such file"):
        hardware_template(path)
    path = write("schema_version: 1\nbase: systolic\ntechnology: old.yaml\n", "mine.yaml")
    template = hardware_template(path)
    assert template.instantiate({}).technology.multiply_pj == 2
    assert {file.name for file in template.files} == {"systolic.yaml", "mine.yaml", "old.yaml"}


def test_a_template_is_read_again_when_its_table_changes(write: Write) -> None:
    table = write(OLD, "old.yaml")
    path = write(HARDWARE.replace("TECHNOLOGY", "old.yaml"), "m.yaml")
    assert hardware_template(path).instantiate({}).technology.multiply_pj == 2
    table.write_text(OLD.replace("multiply_8bit_pj: 2", "multiply_8bit_pj: 8"))
    os.utime(table, ns=(1, 1))
    assert hardware_template(path).instantiate({}).technology.multiply_pj == 8


# --------------------------------------------------------------------------------------------------------- mistakes


def point(text: str) -> tuple[str, str]:
    """Return the change that adds a point, in the line of the memories."""
    return "memories:", f"points: [{{{text}, value: 1, source: x}}]\nmemories:"


SPOILT = [
    ("base: old.yaml", "base: odd.yaml", "base", 3, "no such"),
    ("base: old.yaml", "base: new.yaml", "base", 3, "circle"),
    ("energy: 0.5", "energy: 0", "scale.energy", 4, "more than 0"),
    ("energy: 0.5", "enrgy: 0.5", "scale.enrgy", 4, "'energy'"),
    (*point("of: logic.adder"), "points[0].of", 6, "logic."),
    (*point("of: memories.sram.pj_per_byte"), "points[0].kib", 6, "size"),
    (*point("of: logic.register_pj_per_bit"), "points[0].of", 6, "not modelled"),
    (*point("of: memories.dram.pj_per_byte, bits: 8"), "points[0].bits", 6, "width"),
    ("logic.add_32bit_pj: {", "logic.add: {", "sources.logic.add", 9, "a source of no entry"),
    ("mark: assumed", "mark: guessed", "sources.logic.add_32bit_pj.mark", 9, "assumed"),
]


@pytest.mark.parametrize(("old", "new", "field", "line", "said"), SPOILT, ids=[spoilt[1][-40:] for spoilt in SPOILT])
def test_what_is_wrong_with_a_table_is_said_at_its_line(
    old: str, new: str, field: str, line: int, said: str, write: Write, problems_of: ProblemsOf
) -> None:
    write(OLD, "old.yaml")
    path = write(NEW.replace(old, new, 1), "new.yaml")
    (problem,) = problems_of(lambda: read_table(Source.read(path)))
    assert (problem.field, problem.line, problem.file) == (field, line, path)
    assert said in str(problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema_version: 1\n", "give the logic, or a base"),
        ("schema_version: 1\nlogic: {}\nscale: {energy: 2}\n", "there is none"),
    ],
)
def test_a_table_needs_a_logic_or_a_base(text: str, said: str, write: Write, problems_of: ProblemsOf) -> None:
    path = write(text, "mine.yaml")
    (problem,) = problems_of(lambda: read_table(Source.read(path)))
    assert said in problem.message
