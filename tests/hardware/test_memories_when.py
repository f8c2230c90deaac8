"""Memories that only some designs have: each design is that of a file without the condition, alone or among others."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.machines import machine, network

from accelsim.errors import InputError
from accelsim.hardware.load import HardwareTemplate, hardware_template
from accelsim.nas import Scorer
from accelsim.schedule.evaluate import evaluate, evaluate_points

PARAMETERS = ("parameters:\n", "parameters:\n  second: {default: true, choices: [false, true]}\n")
BUFFER = "  - {name: buffer,"
SECOND = "  - {name: second, holds: [W, I, O], size: 4096 B, bandwidth: 8 B/cycle, kind: sram"


def template(folder: Path, *changes: tuple[str, str]) -> HardwareTemplate:
    return machine(folder, PARAMETERS, *changes)


def optional(folder: Path) -> HardwareTemplate:
    """Return the machine with a second buffer behind the DRAM, where the switch says so."""
    return template(folder, (BUFFER, f"{SECOND}, when: second}}\n{BUFFER}"))


def fixed(folder: Path, name: str, *changes: tuple[str, str]) -> HardwareTemplate:
    (folder / name).mkdir()
    return machine(folder / name, *changes)


def test_a_design_is_that_of_a_file_of_its_own(tmp_path: Path) -> None:
    found = optional(tmp_path)
    without, within = fixed(tmp_path, "without"), fixed(tmp_path, "with", (BUFFER, f"{SECOND}}}\n{BUFFER}"))
    for switch, other in ((False, without), (True, within)):
        design, same = found.instantiate({"second": switch}), other.instantiate({})
        assert [memory.name for memory in design.memories] == [memory.name for memory in same.memories]
        assert evaluate(network(), design).totals == evaluate(network(), same).totals
    names = [[memory.name for memory in found.instantiate({"second": switch}).memories] for switch in (False, True)]
    assert names == [["dram", "buffer"], ["dram", "second", "buffer"]]


def test_both_kinds_in_one_batch(tmp_path: Path) -> None:
    found = optional(tmp_path)
    points = [{"second": switch, "rows": rows} for rows in (2, 4) for switch in (True, False)]
    for point, outcome in zip(points, evaluate_points(network(), found, points), strict=True):
        alone = evaluate(network(), found.instantiate(point)).totals.flat()
        assert outcome.metrics == alone
        assert Scorer(tmp_path / "machine.yaml", **point)(network()).flat() == alone


def test_one_name_for_two_that_never_stand_together(tmp_path: Path) -> None:
    """The buffer has 16 or 8 bytes a cycle; a condition may compare words."""
    here = (BUFFER, "  - {when: dataflow == 'weight_stationary', name: buffer,")
    slow = (
        "array:",
        "  - {when: dataflow != 'weight_stationary', name: buffer, holds: [W, I, O], size: 9 KiB, "
        "bandwidth: 8 B/cycle, kind: sram}\narray:",
    )
    found = machine(tmp_path, here, slow)
    rates = {
        flow: found.instantiate({"dataflow": flow}).memories[1].bandwidth_bytes_per_cycle
        for flow in ("weight_stationary", "output_stationary", "input_stationary")
    }
    assert {flow: float(rate[0]) for flow, rate in rates.items() if rate is not None} == {
        "weight_stationary": 16,
        "output_stationary": 8,
        "input_stationary": 8,
    }


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("rows > 4", r"memories\[1\]\.when\s+.*'rows > 4'.*switches and words"),
        ("sceond", r"memories\[1\]\.when.*sceond.*second"),
        ("1", r"memories\[1\]\.when.*switches and words"),
        ("second +", r"memories\[1\]\.when"),
    ],
)
def test_a_condition_is_over_switches_and_words(tmp_path: Path, condition: str, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        template(tmp_path, (BUFFER, f"{SECOND}, when: {condition!r}}}\n{BUFFER}"))


def test_every_kind_of_design_is_checked_when_the_file_is_read(tmp_path: Path) -> None:
    """Mistakes of designs that are not the default, each at its line of the file."""
    with pytest.raises(InputError, match=r"(?s)machine.yaml:\d+.*memories\[2\]\.name.*this name is used twice.*buffer"):
        template(tmp_path, (BUFFER, f"{SECOND.replace('second', 'buffer')}, when: not second}}\n{BUFFER}"))
    with pytest.raises(InputError, match=r"(?s)memories.*fewer than 2 memories"):
        template(tmp_path, (BUFFER, "  - {when: second, name: buffer,"))
    with pytest.raises(InputError, match=r"(?s)memories\[1\]\.fan_out.*the first memory is where every tensor lives"):
        fan = "fan_out: {axes: [{name: x, size: 2, dims: [K]}]}"
        template(
            tmp_path, ("  - {name: dram,", "  - {when: second, name: dram,"), (BUFFER, f"{SECOND}, {fan}}}\n{BUFFER}")
        )
    with pytest.raises(InputError, match=r"(?s)memories\[1\]\.bandwidth.*GB"):
        template(tmp_path, (BUFFER, f"{SECOND.replace('8 B/cycle', '8 GB')}, when: not second}}\n{BUFFER}"))


def test_a_bundled_template_has_both_kinds() -> None:
    space = hardware_template("npu_flash")
    names = {
        switch: [memory.name for memory in space.instantiate({"in_flash": switch}).memories] for switch in (True, False)
    }
    assert names == {True: ["flash", "dram", "pages"], False: ["flash", "dram", "buffer"]}
