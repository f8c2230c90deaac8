"""Steps, cycles and accesses of the array in closed form against an array that takes its steps one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cases import DATAFLOWS, Case, array_of, cases, mappings_of, structure_of
from oracle.walk import overhead, walk

from accelsim.cost.compute import compute
from accelsim.cost.layout import lay_out
from accelsim.cost.rows import op_rows, stack
from accelsim.dims import OPERANDS


def check(batch: list[Case]) -> None:
    """Compare every mapping of every case on every size of array; the cases share a dataflow and a hold limit."""
    first = batch[0]
    table = stack([op_rows(case.op, mappings_of(case), structure_of(case)) for case in batch])
    found = compute(lay_out(table, first.flow), array_of(first))
    rows = [(case, row) for case in batch for row in range(len(case.tiles))]
    shape = (len(rows), len(first.rows))
    steps, cycles, *accesses = (np.broadcast_to(part, shape) for part in (found.steps, found.cycles, *found.accesses))
    for place, (case, row) in enumerate(rows):
        for design, (down, across) in enumerate(zip(first.rows, first.columns, strict=True)):
            counted = walk(
                case.op,
                case.tiles[row],
                case.orders[row],
                case.holds,
                first.flow,
                rows=down,
                columns=across,
                hold_limit=first.hold_limit,
            )
            assert len(counted.points) == case.op.macs
            assert set(counted.points.values()) == {1}, "the walk computes every product once"
            assert steps[place, design] == counted.steps
            assert cycles[place, design] == counted.steps + counted.passes * overhead(first.flow.name, down, across)
            for table_of, operand in zip(accesses, OPERANDS, strict=True):
                # Inputs are multiplied by the share that is not padding, a quotient; the rest are whole numbers.
                assert table_of[place, design] == pytest.approx(counted.accesses[operand], rel=1e-12)


@settings(max_examples=300)
@given(cases(levels=1))
def test_one_memory_on_chip(case: Case) -> None:
    check([case])


@settings(max_examples=100)
@given(cases(levels=2))
def test_two_memories_on_chip(case: Case) -> None:
    check([case])


@settings(max_examples=60)
@given(st.lists(cases(levels=2), min_size=2, max_size=3))
def test_layers_side_by_side_do_not_disturb_each_other(batch: list[Case]) -> None:
    check(batch)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_the_walk_has_an_opinion_on_every_overhead(name: str) -> None:
    rows, columns = np.array([3.0, 5.0]), np.array([4.0, 2.0])
    ours = DATAFLOWS[name].pass_overhead(rows, columns)
    assert ours.tolist() == [overhead(name, 3, 4), overhead(name, 5, 2)]
