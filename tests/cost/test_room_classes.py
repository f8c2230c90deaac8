"""Rooms fall into classes: each begins where the one before it ends, and the last has room for everything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.room import CODES, ENDLESS, Room, begins, codes_of, enough, nested, room_of, searched
from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.hardware.load import load_hardware
from accelsim.mapping.mapspace import mapspace
from accelsim.workload.ops import convolution, fully_connected, matmul

MACHINE = machine_of(load_hardware("systolic"))
OP = convolution((1, 64, 28, 28), 96, (3, 3))


def free(*values: float) -> np.ndarray:
    return np.array([np.inf, *values])


@given(st.floats(1, 2.0**60))
def test_a_room_lies_in_its_class(bytes_: float) -> None:
    found = Room.of(free(bytes_), OP, MACHINE)
    assert found.least[0] <= bytes_ < found.most[0]
    if math.isfinite(found.most[0]):
        assert found.most[0] == 2 * found.least[0]
        assert math.log2(found.least[0]).is_integer()


@given(st.floats(1, 2.0**30), st.floats(1, 2.0**30))
def test_more_room_is_never_in_a_lower_class(one: float, other: float) -> None:
    low, high = (Room.of(free(value), OP, MACHINE) for value in sorted((one, other)))
    assert low.least <= high.least
    assert low.most <= high.most
    assert (low == high) or low.most <= high.least


def test_less_than_a_byte_is_in_the_first_class() -> None:
    assert Room.of(free(-5.0), OP, MACHINE) == Room.of(free(0.3), OP, MACHINE) == Room((1.0,), (2.0,))


@pytest.mark.parametrize("op", [OP, matmul(20, 24, 36, heads=3, batch=2), fully_connected((4, 100, 1, 1), 30)])
def test_in_the_last_class_every_tile_fits(op: object) -> None:
    last = Room.of(free(np.inf), op, MACHINE)  # type: ignore[arg-type]
    assert last.most == (np.inf,)
    rows = op_rows(op, mapspace(op, 1), MACHINE)  # type: ignore[arg-type]
    room = demand(rows, Kept((False, False, False), (-1, -1, -1))).room
    assert room.sum(axis=2).max() <= last.least[0]
    assert last.least[0] <= 4 * room[np.all(rows.mappings.tiles[:, 0] == op.sizes, axis=1)].sum(axis=2).max()  # type: ignore[attr-defined]


def test_classes_as_numbers() -> None:
    given_free = np.array([[[0.0] * 3], [[1.0, 5.0, 1e30]]])
    limit = enough(OP)
    codes = codes_of(given_free, np.array([limit]), begins())
    assert codes.tolist() == [[0, 2, limit]]
    assert [room_of(code, OP, MACHINE).least[0] for code in codes[0].tolist()] == [1.0, 4.0, begins()[limit]]
    assert limit < CODES


def test_two_memories_have_a_class_each() -> None:
    given_free = np.array([[[0.0]], [[5.0]], [[9.0]]])
    assert codes_of(given_free, np.array([9]), begins()).tolist() == [[2 * CODES + 3]]


def test_where_memories_are_nested_or_an_engine_cuts_ops_there_are_no_classes() -> None:
    for name in ("pe_array", "simba_like", "tpu_v1", "vector_cpu"):
        machine = machine_of(load_hardware(name))
        assert nested(machine)
        assert not searched(machine)
        assert Room.of(np.full(5, 7.0), OP, machine) == ENDLESS
    for name in ("systolic", "gemmini", "edge_tpu"):
        machine = machine_of(load_hardware(name))
        assert searched(machine)
        assert not nested(machine)
    blocks = machine_of(load_hardware("nvdla"))
    assert not searched(blocks)
    assert not nested(blocks)
