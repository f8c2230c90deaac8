"""Which mappings fit: tiles share a memory with the tensors that stay in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine

from accelsim.cost.choose import choose
from accelsim.cost.front import front_of
from accelsim.cost.prices import prices
from accelsim.cost.rows import Kept, OpRows, demand, machine_of, op_rows
from accelsim.cost.store import rows_of
from accelsim.dims import Dim
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import fully_connected, loops

#: 2 images, 6 inputs, 4 outputs; tiles of 3 inputs, the rest whole.
OP = fully_connected((2, 6, 1, 1), 4)
TILE = loops(B=2, K=4, C=3)
#: Weights 4 x 3 and inputs 2 x 3 change, so they have two tiles; sums of 4 bytes for 2 x 4 outputs do not.
NEED = (2 * 12, 2 * 6, 4 * 8)
NOTHING = (False, False, False)
BUFFER = 1


@pytest.fixture
def design(tmp_path: Path) -> Accelerator:
    return machine(tmp_path, ("double_buffered: true", "double_buffered: true, keeps: [W, I, O]")).instantiate({})


def one_mapping(design: Accelerator, tile: tuple[int, ...] = TILE, order: tuple[Dim, ...] = tuple(Dim)) -> OpRows:
    orders = np.array([[[dim.position for dim in order]]])
    return op_rows(OP, Mappings.of(np.array([[tile]]), orders), machine_of(design))


def kept(stays: tuple[bool, bool, bool]) -> Kept:
    return Kept(stays, (BUFFER, BUFFER, BUFFER))


def fits(design: Accelerator, rows: OpRows, free: float, stays: tuple[bool, bool, bool] = NOTHING) -> bool:
    """Return whether the one mapping is taken where tiles have ``free`` bytes."""
    room = np.array([np.inf, free])[:, None, None]
    side_by_side = rows_of([front_of(rows, kept(stays))])
    found = choose(side_by_side, np.zeros((1, 1), dtype=int), prices(design, np.zeros(1)), np.zeros(1), room)
    return bool(found.legal[0, 0])


def moved(rows: OpRows, stays: tuple[bool, bool, bool] = NOTHING) -> dict[str, float]:
    """Return bytes read and written at the DRAM, by operand."""
    outer = demand(rows, kept(stays)).moved[0, 0]
    return {
        f"{name} {way}": float(amount)
        for name, both in zip("WIO", outer, strict=True)
        for way, amount in zip(("read", "write"), both, strict=True)
        if amount
    }


def test_a_mapping_fits_to_the_byte(design: Accelerator) -> None:
    rows = one_mapping(design)
    assert demand(rows, kept(NOTHING)).room.tolist() == [[[0, 0, 0], list(NEED)]], "the DRAM has room for all"
    assert fits(design, rows, sum(NEED))
    assert not fits(design, rows, sum(NEED) - 1)


@pytest.mark.parametrize(
    ("stays", "need"),
    [
        ((True, False, False), NEED[1] + NEED[2]),
        ((False, True, False), NEED[0] + NEED[2]),
        ((False, False, True), sum(NEED)),
        ((True, True, True), NEED[2]),
    ],
)
def test_a_kept_operand_needs_no_tile_but_a_kept_result_does(
    design: Accelerator, stays: tuple[bool, bool, bool], need: int
) -> None:
    rows = one_mapping(design)
    assert fits(design, rows, need, stays)
    assert not fits(design, rows, need - 1, stays)


def test_what_stays_does_not_come_from_outside(design: Accelerator) -> None:
    rows = one_mapping(design)
    assert moved(rows) == {"W read": 24, "I read": 12, "O write": 8}
    assert moved(rows, (True, False, False)) == {"I read": 12, "O write": 8}
    assert moved(rows, (False, True, False)) == {"W read": 24, "O write": 8}
    assert moved(rows, (False, False, True)) == {"W read": 24, "I read": 12}
    assert moved(rows, (True, True, True)) == {}


def test_a_result_that_stays_must_be_finished_before_it_leaves_its_tile(design: Accelerator) -> None:
    """There is room for its bytes, not for partial sums four times as wide."""
    single = loops(K=4, C=3)
    others = tuple(dim for dim in Dim if dim not in (Dim.B, Dim.C))
    # For every image all inputs: finished. For every half of the inputs both images: half-done sums come and go.
    images_outside = one_mapping(design, single, (Dim.B, Dim.C, *others))
    inputs_outside = one_mapping(design, single, (Dim.C, Dim.B, *others))
    assert fits(design, images_outside, 1000, (False, False, True))
    assert not fits(design, inputs_outside, 1000, (False, False, True))
    assert fits(design, inputs_outside, 1000), "to the DRAM they may go"
    assert moved(inputs_outside) == {"W read": 24, "I read": 12, "O read": 8 * 4, "O write": 8 * 4 + 8}
