"""Rows that are dropped are never the best of any design: every row is priced, in plain Python, on random designs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_cases import MachineCase, machine_cases
from oracle.machine_rows import rows_of, what_stays
from oracle.prices import Row, charge, designs

from accelsim.cost.front import candidates, front, front_of
from accelsim.cost.rows import Demand, Kept, OpRows, demand, machine_of
from accelsim.hardware.load import load_hardware
from accelsim.workload.ops import convolution, fully_connected

NOTHING = Kept((False, False, False), (-1, -1, -1))
#: Sums in another order, and rows that differ by rounding alone.
SLACK = 1 + 1e-8
#: Of cycles, energy without leakage, and leakage: latency, energy, and energy x delay.
MEASURES: tuple[Callable[[float, float, float], float], ...] = (
    lambda cycles, _energy, _leakage: cycles,
    lambda cycles, energy, leakage: energy + leakage * cycles,
    lambda cycles, energy, leakage: cycles * (energy + leakage * cycles),
)


def plain(asked: Demand) -> list[Row]:
    """Return what rows ask for as plain numbers, operands together."""
    return [
        Row(
            moved=asked.moved[row].sum(axis=1).tolist(),
            one=asked.one[row].tolist(),
            waited=asked.serial[row].tolist(),
            first=(float(asked.ramp[row, 0]), float(asked.ramp[row, 1])),
            cycles=float(asked.cycles[row]),
            room=asked.room[row].sum(axis=1).tolist(),
            allowed=bool(asked.allowed[row]),
        )
        for row in range(len(asked.cycles))
    ]


def check(rows: OpRows, kept: Kept, seed: int, count: int, *, apart: bool) -> None:
    """Check that on random designs the best of all rows, by any measure, is on the front."""
    every, front_rows = plain(demand(rows, kept)), plain(front_of(rows, kept).demand)
    rng, least = np.random.default_rng(seed), max(1.0, min(sum(row.room) for row in every))
    for design in designs(rng, len(every[0].one), count, apart=apart, least=least / 4):
        all_costs, costs = ([cost for row in some if (cost := charge(row, design))] for some in (every, front_rows))
        assert bool(all_costs) == bool(costs), "if a row fits, one of the front fits"
        for measure in MEASURES if all_costs else ():
            leakage = design.leakage
            assert min(measure(*cost, leakage) for cost in costs) <= SLACK * min(
                measure(*cost, leakage) for cost in all_costs
            )


@settings(max_examples=15)
@given(machine_cases(count=10), st.booleans(), st.integers(0, 10_000), st.data())
def test_no_dropped_row_is_ever_the_best(case: MachineCase, apart: bool, seed: int, data: st.DataObject) -> None:
    check(rows_of(case, apart=apart), data.draw(what_stays(case)), seed, 10, apart=apart)


@pytest.mark.parametrize("name", ["systolic", "npu", "edge_tpu", "pe_array"])
def test_nor_is_one_of_the_mappers_own_candidates(name: str) -> None:
    machine = machine_of(load_hardware(name))
    few = name == "pe_array"  # there are thousands of candidates
    ops = (convolution((1, 12, 4 if few else 10, 4 if few else 10), 20, (3, 3)), fully_connected((1, 40, 1, 1), 30))
    for op in ops:
        rows = candidates(op, machine)
        assert len(front_of(rows, NOTHING)) < len(rows), "some are dropped"
        check(rows, NOTHING, 7, 5 if few else 20, apart=machine.structure.apart)


def costs_of(row: Row) -> np.ndarray:
    return np.array([row.cycles, *row.first, *row.room, *np.ravel([row.moved, row.one, row.waited])])


@settings(max_examples=20)
@given(machine_cases(count=10), st.data())
def test_every_row_of_the_front_has_less_of_something_than_any_other(case: MachineCase, data: st.DataObject) -> None:
    kept = data.draw(what_stays(case))
    rows = rows_of(case)
    found, every = front_of(rows, kept), demand(rows, kept)
    places = found.chosen.tolist()
    assert places == sorted(set(places)), "in the order of all rows"
    assert len(found) == len(places) == len(found.demand.cycles)
    for name in Demand._fields:
        assert np.array_equal(getattr(found.demand, name), getattr(every, name)[places])
    if every.allowed.any():
        assert found.demand.allowed.all()
    costs = list(map(costs_of, plain(found.demand)))
    for place, mine in enumerate(costs):
        assert all(np.any(mine < other) for at, other in enumerate(costs) if at != place)


def test_of_equal_rows_the_first_stays() -> None:
    rows = candidates(fully_connected((1, 8, 1, 1), 8), machine_of(load_hardware("systolic")))
    once = front_of(rows, NOTHING).chosen
    assert np.array_equal(front_of(rows[np.repeat(np.arange(len(rows)), 3)], NOTHING).chosen, 3 * once)


def test_where_no_row_may_be_taken_the_smallest_is_there_to_be_named() -> None:
    """Kept results that all leave half-done: nothing is allowed, and the message needs a mapping to speak of."""
    machine = machine_of(load_hardware("systolic"))
    rows = candidates(fully_connected((1, 64, 1, 1), 64), machine)
    kept = Kept((False, False, True), (-1, 1, 1))
    half_done = np.flatnonzero(rows.traffic.spilled[:, 0])
    assert len(half_done) > 1
    only = rows[half_done]
    found = front_of(only, kept)
    assert found.demand.allowed.tolist() == [False]
    room = demand(only, kept).room.sum(axis=(1, 2))
    assert found.demand.room.sum() == room.min()


def test_a_front_is_worked_out_once() -> None:
    machine, op = machine_of(load_hardware("npu")), fully_connected((1, 24, 1, 1), 16)
    assert front(op, machine, NOTHING) is front(op, machine_of(load_hardware("npu")), NOTHING)
    assert candidates(op, machine) is candidates(op, machine_of(load_hardware("npu")))
