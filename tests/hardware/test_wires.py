"""Wires: their length by hand, in copies and in batches, the ledger's lines, and what is not known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine, network

from accelsim import evaluate, load_hardware
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate
from accelsim.hardware.wires import wires_mm
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.objective import ENERGY
from accelsim.schedule.laws import compulsory_bytes
from accelsim.schedule.steps import plan

#: A PE of the small machine: an 8-bit multiplier, a 32-bit adder, and 8 + 8 + 32 bits of registers.
PE_UM2 = 100 + 200 + 48
WIRE = "overrides: {wire_pj_per_bit_mm: 0.25}\nclock:"


def wired_machine(folder: Path, *changes: tuple[str, str]) -> HardwareTemplate:
    """Return the small machine with a price on its wires."""
    return machine(folder, ("clock:", WIRE), *changes)


def length(design: Accelerator, name: str) -> list[float]:
    """Return how far the bytes of a memory go, in mm."""
    found = wires_mm(design)[[memory.name for memory in design.memories].index(name)]
    assert found is not None
    return found.tolist()


def test_a_byte_goes_the_side_of_the_square_it_serves(tmp_path: Path) -> None:
    design = wired_machine(tmp_path).instantiate({"rows": np.array([4, 16, 64])})
    assert length(design, "buffer") == pytest.approx([math.sqrt(pes * PE_UM2) / 1000 for pes in (16, 64, 256)])
    assert length(design, "dram") == [0, 0, 0], "its way on the chip is the buffer's"
    price = design.memories[1].wire_pj_per_byte
    assert price is not None
    assert price.tolist() == pytest.approx([8 * 0.25 * mm for mm in length(design, "buffer")])


def test_a_memory_in_copies_serves_its_own_part(tmp_path: Path) -> None:
    inner = (
        "double_buffered: true}\narray",
        "double_buffered: true}\n"
        "  - name: inner\n    holds: [W, I, O]\n    size: 512 B\n    kind: sram\n"
        "    fan_out: {axes: [{name: x, size: 9, dims: [K]}]}\narray",
    )
    design = wired_machine(tmp_path, inner).instantiate({})
    # Nine copies of 512 B at 1000 um2 a KiB, each with 16 PEs.
    assert length(design, "inner") == pytest.approx([math.sqrt(16 * PE_UM2) / 1000])
    assert length(design, "buffer") == pytest.approx([math.sqrt(9 * (16 * PE_UM2 + 500)) / 1000])


def test_a_memory_in_the_pes_serves_one_of_them(tmp_path: Path) -> None:
    inside = ("double_buffered: true}\narray", "double_buffered: true, in_pes: true}\narray")
    design = wired_machine(tmp_path, inside).instantiate({"rows": np.array([4, 64])})
    assert length(design, "buffer") == pytest.approx([math.sqrt(PE_UM2) / 1000] * 2)
    # Eyeriss' pads: a PE of 8 bits at 65 nm is 1.5 times the 962 um2 at 45 nm.
    assert length(load_hardware("eyeriss"), "pads") == pytest.approx([math.sqrt(1.5 * 961.9) / 1000], rel=1e-3)


def test_the_ledger_has_a_line_for_each_memory_on_the_chip(tmp_path: Path) -> None:
    without = evaluate(network(), machine(tmp_path).instantiate({}))
    result = evaluate(network(), wired_machine(tmp_path).instantiate({}))
    (line,) = [line for line in result.ledger if line.component == "interconnect"]
    moved = sum(layer.bytes_by_level["buffer"] for layer in result.layers)
    assert (line.count, line.pj_per_action) == (moved, pytest.approx(8 * 0.25 * math.sqrt(16 * PE_UM2) / 1000))
    assert result.not_modelled == ()
    assert without.not_modelled == ("interconnect",)
    assert result.totals.energy_pj == pytest.approx(without.totals.energy_pj + (line.energy_pj or 0), rel=1e-12)


def test_wires_over_what_has_no_known_area_are_not_modelled(tmp_path: Path) -> None:
    no_area = WIRE.replace("}", ", adder_32bit_um2: null}")
    result = evaluate(network(), machine(tmp_path, ("clock:", no_area)).instantiate({}))
    (line,) = [line for line in result.ledger if line.component == "interconnect"]
    assert line.count > 0
    assert line.energy_pj is None
    assert result.totals.area_mm2 is None


def test_a_larger_array_has_longer_wires_and_a_smaller_node_shorter_ones() -> None:
    lengths = [length(load_hardware("systolic", rows=rows, columns=rows), "buffer")[0] for rows in (8, 32, 128)]
    assert lengths == pytest.approx([lengths[0], 4 * lengths[0], 16 * lengths[0]])
    # 65,536 PEs at 28 nm: a fourth of the die of TPU v1, which is 331 mm2 at most, has a side of 9 mm.
    assert 3 < length(load_hardware("tpu_v1"), "buffer")[0] < 9.1


def test_the_exact_mapper_pays_for_wires_too(tmp_path: Path) -> None:
    plain = machine(tmp_path).instantiate({})
    design = wired_machine(tmp_path).instantiate({})
    result = evaluate(network(), design)
    step = next(step for step in plan(network(), design.abilities).steps if step.op.macs)
    without, found = (best_mapping(step.op, one, objective=ENERGY).energy_pj for one in (plain, design))
    layer = next(layer for layer in result.layers if layer.name == step.name)
    # At least the weights, inputs and results of the op go in and out of the buffer once.
    least = 2 * sum(compulsory_bytes(step.op)) * 8 * 0.25 * math.sqrt(16 * PE_UM2) / 1000
    assert without + least <= found <= layer.metrics.energy_pj
