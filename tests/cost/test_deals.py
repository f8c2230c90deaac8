"""Dims are dealt out to copies so that PEs are busy: no way that is left out takes fewer cycles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.deals import _numbers, _taken, dealt
from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.dims import DIMS, Dim
from accelsim.hardware.load import load_hardware
from accelsim.mapping.mapspace import STILL, SpatialLoop
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

OPS = [
    convolution((1, 24, 28, 28), 36, (3, 3)),
    convolution((1, 144, 14, 14), 144, (3, 3), groups=144),
    convolution((1, 96, 56, 56), 24, (1, 1)),
    fully_connected((1, 640, 1, 1), 100),
    matmul(12, 8, 20, heads=2),
]
NAMES = ["sn40l_like", "tpu_v4i", "edge_tpu", "simba_like", "pe_array"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_no_axis_deals_out_more_copies_than_it_has(op: Op, name: str) -> None:
    machine = machine_of(load_hardware(name))
    ways = dealt(op, machine)
    assert 1 <= len(ways) <= 4
    assert len(set(ways)) == len(ways)
    for way in ways:
        assert len(way) == machine.structure.levels + 1
        for place, copies in enumerate(way, start=1):
            axes = [loop for loop in machine.loops if loop.place == place]
            assert math.prod(copies) <= math.prod(loop.size for loop in axes)
            for dim, count in zip(DIMS, copies, strict=True):
                assert count == 1 or any(dim in loop.dims for loop in axes)
                assert count <= op.size(dim)


def test_without_copies_there_is_one_way() -> None:
    machine = machine_of(load_hardware("systolic"))
    assert dealt(OPS[0], machine) == (((1,) * len(DIMS),) * 2,)


@given(st.integers(1, 300), st.integers(1, 64))
def test_the_fewest_copies_for_so_many_turns(size: int, most: int) -> None:
    found = _numbers(size, most)
    turns = [math.ceil(size / count) for count in found]
    assert len(set(turns)) == len(turns)
    assert set(turns) == {math.ceil(size / count) for count in range(1, min(size, most) + 1)}
    assert all(count == 1 or math.ceil(size / (count - 1)) > turn for count, turn in zip(found, turns, strict=True))


@settings(max_examples=60)
@given(st.tuples(*[st.integers(1, 12)] * 3), st.integers(1, 16))
def test_no_way_along_an_axis_leaves_fewer_turns_of_every_dim(sizes: tuple[int, int, int], axis: int) -> None:
    dims, left = (Dim.K, Dim.OY, Dim.OX), [1] * len(DIMS)
    for dim, size in zip(dims, sizes, strict=True):
        left[dim.position] = size
    found = [
        tuple(math.ceil(size / way.get(dim, 1)) for dim, size in zip(dims, sizes, strict=True))
        for way in _taken(tuple(left), SpatialLoop(2, axis, dims))
    ]
    counts = itertools.product(*(range(1, size + 1) for size in sizes))
    for each in counts:
        if math.prod(each) <= axis:
            turns = [math.ceil(size / count) for size, count in zip(sizes, each, strict=True)]
            assert any(all(a <= b for a, b in zip(one, turns, strict=True)) for one in found)


def test_dims_are_shared_where_one_alone_would_leave_pes_idle() -> None:
    """56 rows over 26 copies take 3 turns; dealt out with others, the same copies are never idle for so long."""
    op, machine = OPS[2], machine_of(load_hardware("sn40l_like"))
    levels = machine.structure.levels
    cycles = []
    for way in [*dealt(op, machine), _greedy()]:
        tiles = np.broadcast_to(np.array(op.sizes), (1, levels, len(DIMS)))
        orders = np.broadcast_to(np.array(STILL[0]), tiles.shape)
        rows = op_rows(op, Mappings.of(tiles, orders, np.array([way])), machine)
        cycles.append(float(demand(rows, Kept((False,) * 3, (-1,) * 3)).cycles[0]))
    assert min(cycles[:-1]) < cycles[-1] / 2


def _greedy() -> tuple[tuple[int, ...], ...]:
    """Return 26 rows and 40 columns at a time."""
    array = [1] * len(DIMS)
    array[Dim.OY.position], array[Dim.OX.position] = 26, 40
    return ((1,) * len(DIMS), (1,) * len(DIMS), tuple(array))
