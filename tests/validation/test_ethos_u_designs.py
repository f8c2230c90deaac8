"""The templates of the Ethos-U at the compiler's machines: the NPU and the memories that its files name."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.engines.ethos_u import CONFIGURATIONS, SYSTEMS
from accelsim.engines.ethos_u.engine import _chip
from accelsim.errors import InputError
from accelsim.validation.builtin_sets.ethos_u_template import _design
from accelsim.validation.builtin_sets.table import Row

#: Of these machines weights are in a flash, which their templates do not have.
WITH_FLASH = {"ethos-u65-embedded", "ethos-u85-flash-low", "ethos-u85-flash-high"}


def row(machine: str, system: str) -> Row:
    return Row({"machine": machine, "system": system}, Path("rows.csv"), 2)


FAMILY = slice(len("ethos-u55"))
PAIRS = [
    (machine, name)
    for machine in sorted(CONFIGURATIONS)
    for name in sorted(SYSTEMS.keys() - WITH_FLASH)
    if machine[FAMILY] == name[FAMILY]
]


@pytest.mark.parametrize(("machine", "name"), PAIRS)
def test_a_design_is_the_compilers_machine(machine: str, name: str) -> None:
    design = _design(row(machine.upper().replace("-", "_"), name), "machine", "system")
    assert design.array.blocks is not None
    chip, wanted = _chip(design.array.blocks.of(0)), SYSTEMS[name]
    assert chip.npu is CONFIGURATIONS[machine]
    assert (chip.system.sram, chip.system.weights) == (wanted.sram, wanted.weights)
    assert chip.system.spilling == wanted.spilling
    assert design.clock_hz.tolist() == [wanted.clock_hz]
    far, near = (memory.bandwidth_bytes_per_cycle for memory in design.memories[:2])
    assert far is not None and near is not None
    assert (far.tolist(), near.tolist()) == ([wanted.weights.bytes_per_cycle], [wanted.sram.bytes_per_cycle])


@pytest.mark.parametrize("name", sorted(WITH_FLASH))
def test_a_machine_that_no_template_has_is_refused(name: str) -> None:
    machine = "ethos-u65-256" if "u65" in name else "ethos-u85-512"
    with pytest.raises(InputError, match="dram_share"):
        _design(row(machine, name), "machine", "system")
