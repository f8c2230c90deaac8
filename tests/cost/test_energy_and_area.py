"""Energy and area of single actions and parts, how they scale with bit widths, and what stays absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine, network

from accelsim.cost.area import area_mm2
from accelsim.cost.energy import leakage_mw, mac_pj, register_bits_per_mac, vector_pj
from accelsim.schedule.evaluate import evaluate

#: Widths of W, I, O and partial sums.
BYTES = np.array([8.0, 8.0, 8.0, 32.0])
WIDE = np.array([16.0, 8.0, 16.0, 64.0])


def test_a_mac_scales_with_the_product_of_widths_and_its_adder_with_the_sum_width(tmp_path: Path) -> None:
    table = machine(tmp_path).instantiate({}).technology
    assert mac_pj(table, BYTES) == 1.0 + 0.5
    assert mac_pj(table, WIDE) == 1.0 * 2 + 0.5 * 2
    assert mac_pj(table, np.stack([BYTES, WIDE])) == pytest.approx([1.5, 3.0])
    assert register_bits_per_mac(WIDE) == 16 + 8 + 2 * 64
    assert vector_pj(table) == 0.5


def test_parts_of_the_area(tmp_path: Path) -> None:
    design = machine(tmp_path).instantiate({"rows": np.array([2, 8]), "buffer_bytes": 3072})
    parts = area_mm2(design, WIDE)
    per_pe = 100 * 2 + 200 * 2 + 1 * (16 + 8 + 64)
    assert list(parts) == ["array", "vector", "buffer"], "the DRAM is on another chip"
    for name, expected in {
        "array": [8 * per_pe, 32 * per_pe],
        "vector": [4 * per_pe] * 2,
        "buffer": [3000] * 2,
    }.items():
        found = parts[name]
        assert found is not None
        assert found.tolist() == pytest.approx([value * 1e-6 for value in expected])


def test_leakage_of_the_logic_counts_lanes_as_pes(tmp_path: Path) -> None:
    logic, memories = leakage_mw(machine(tmp_path).instantiate({"rows": 3, "buffer_bytes": 512}), BYTES)
    assert logic is not None
    assert logic.tolist() == pytest.approx([(0.01 + 0.02 + 0.048) * (12 + 4)])
    assert memories is not None
    assert memories.tolist() == [0.25]


@pytest.mark.parametrize(
    ("missing", "lines", "area", "leakage"),
    [
        ("multiply_8bit_pj", {"mac"}, True, True),
        ("add_32bit_pj", {"mac", "vector"}, True, True),
        ("register_pj_per_bit", {"registers"}, True, True),
        ("multiplier_8bit_um2", set(), False, True),
        ("register_leakage_mw_per_bit", {"leakage of logic"}, True, False),
    ],
)
def test_what_is_not_modelled_is_absent_and_left_out_of_the_total(
    missing: str, lines: set[str], area: bool, leakage: bool, tmp_path: Path
) -> None:
    whole = evaluate(network(), machine(tmp_path).instantiate({}))
    template = machine(tmp_path, ("clock:", f"overrides: {{{missing}: null}}\nclock:"))
    result = evaluate(network(), template.instantiate({}))
    absent = {line.component for line in result.ledger if line.energy_pj is None}
    assert absent == {"interconnect"} | lines
    assert (result.totals.area_mm2 is not None) == area
    known = [line.energy_pj for line in whole.ledger if line.component not in lines and line.energy_pj is not None]
    assert result.totals.energy_pj == pytest.approx(sum(known), rel=1e-12)
    assert (leakage_mw(template.instantiate({}), BYTES)[0] is not None) == leakage


def test_wider_operands_move_and_cost_more(tmp_path: Path) -> None:
    text = "schema_version: 1\ninput: [4, 1, 1]\nbits: {W: 16, I: 8, O: 24, partial: 64}\nlayers:\n"
    net = network(text + "  - {block: classifier, out: 3}\n")
    result = evaluate(net, machine(tmp_path).instantiate({}))
    assert result.layers[0].bytes_by_level["dram"] == 12 * 2 + 4 * 1 + 3 * 3
    lines = {(line.component, line.action): line.energy_pj for line in result.ledger if line.component != "dram"}
    assert lines["mac", "compute"] == 12 * (1.0 * 2 + 0.5 * 2)
    assert lines["registers", "access"] == pytest.approx(12 * (16 + 8 + 2 * 64) * 0.01)
