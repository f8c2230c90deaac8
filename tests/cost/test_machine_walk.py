"""Every count of the closed form against a machine that is walked through step by step, in all its copies.

500 cases by default, two nests in each; ``ACCELSIM_ORACLE_CASES=20000`` in the environment draws more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_array import overhead
from oracle.machine_cases import DATAFLOWS, MachineCase, examples, machine_cases
from oracle.machine_demand import asked, first_copy, held, stands_in_copies
from oracle.machine_rows import rows_of, what_stays
from oracle.machine_walk import ROLES, MachineWalk, walk_machine

from accelsim.cost.rows import Demand, Kept, OpRows, demand
from accelsim.dims import OPERANDS, Operand
from accelsim.mapping.nest import useful_share

#: Name of a figure, what the closed form says, and what was counted.
Pair = tuple[str, float, float]
NOTHING_STAYS = Kept((False, False, False), (-1, -1, -1))


def between_memories(case: MachineCase, rows: OpRows, row: int, walk: MachineWalk) -> Iterator[Pair]:
    found = rows.traffic
    for level, operand in itertools.product(range(1, case.machine.levels + 1), OPERANDS):
        at, key = (row, level - 1, OPERANDS.index(operand)), (level, operand)
        for way, role in enumerate(ROLES):
            yield f"{operand} {role}", 8 * found.moved[*at, way], walk.moved[role][key]
            yield f"{operand} {role}, first copy", 8 * found.one[*at, way], first_copy(case.machine, walk, key, role)
    for level in range(1, case.machine.levels + 1):
        yield "sums leave half-done", float(found.spilled[row, level - 1]), float(level in walk.spilled)
    for place, operand in enumerate(OPERANDS):
        yield f"first tiles of {operand}", 8 * found.first[row, place], walk.first.get(operand, 0)


def at_the_array(case: MachineCase, rows: OpRows, row: int, walk: MachineWalk) -> Iterator[Pair]:
    found, machine = rows.work, case.machine
    passes = walk.passes * overhead(machine.flow.name, machine.rows, machine.columns)
    yield "steps", found.steps[row], walk.steps
    yield "cycles", found.cycles[row], walk.steps + passes
    for place, operand in enumerate(OPERANDS):
        holder = machine.parent(machine.levels + 1, operand)
        padded = operand is Operand.I and stands_in_copies(machine, holder)
        one = (walk.padded_crossing if padded else walk.one_crossing)[operand]
        yield f"{operand} crossing", found.crossing[row, place], walk.crossing[operand]
        yield f"{operand} crossing, first copy", found.one[row, place], one
    yield "sums from zero", case.op.output_elements * rows.traffic.fresh[row], walk.fresh
    yield "sums from zero, first copy", found.share[row], walk.one_fresh
    yield "products that read no padding", useful_share(case.op) * case.op.macs, walk.real_points


def in_and_out(case: MachineCase, found: Demand, kept: Kept, row: int, walk: MachineWalk) -> Iterator[Pair]:
    """Yield what is asked of every memory and of the array."""
    stays = [level if stays else -1 for stays, level in zip(kept.stays, kept.levels, strict=True)]
    expected = asked(case.op, case.machine, case.double_buffered, walk, stays)
    for level in range(case.machine.levels + 1):
        for way, name in enumerate(("read", "written")):
            for place, operand in enumerate(OPERANDS):
                moved = 8 * found.moved[row, level, place, way]
                yield f"{operand} {name} in all", moved, expected.moved[level, operand, name]
            yield f"{name}, first copy", 8 * found.one[row, level, way], expected.one[level, name]
            yield f"{name}, waited for", 8 * found.serial[row, level, way], expected.waited[level, name]
        for place, operand in enumerate(OPERANDS):
            yield f"{operand} takes room", 8 * found.room[row, level, place], expected.room[level, operand]
    first = expected.first
    yield "read before the first step", 8 * found.ramp[row, 0], first[Operand.W] + first[Operand.I]
    yield "written after the last step", 8 * found.ramp[row, 1], first[Operand.O]
    yield "cycles in all", found.cycles[row], expected.cycles
    yield "what stays is finished", float(found.allowed[row]), float(expected.finished)


def compare(case: MachineCase, kept: Kept = NOTHING_STAYS) -> dict[str, list[tuple[float, float]]]:
    """Return the figures that differ, as (closed form, walker)."""
    rows = rows_of(case)
    found = demand(rows, kept)
    differences: dict[str, list[tuple[float, float]]] = {}
    for row, mapping in enumerate(case.mappings):
        walk = walk_machine(case.op, mapping, case.machine)
        check_walk(case, walk)
        for name, formula, counted in itertools.chain(
            between_memories(case, rows, row, walk),
            at_the_array(case, rows, row, walk),
            in_and_out(case, found, kept, row, walk),
        ):
            # What has a share of padding taken off is a quotient; all else are whole numbers.
            if formula != pytest.approx(counted, rel=1e-12, abs=0):
                differences.setdefault(name, []).append((float(formula), float(counted)))
    return differences


def check_walk(case: MachineCase, walk: MachineWalk) -> None:
    """Check what holds of every walk."""
    assert len(walk.points) == case.op.macs
    assert set(walk.points.values()) == {1}, "every product once"
    for level, operand in held(case.machine):
        for role in ROLES:
            key = level, operand
            most = (walk.unclipped if operand is Operand.I else walk.one)[role][key]
            assert walk.busiest[role][key] <= most, "no copy has more to do than the first"
            assert walk.one[role][key] <= walk.moved[role][key]
        assert walk.most_held[key] <= walk.room[key]
        if case.machine.parent(level, operand) == 0:
            role = "written outside" if operand is Operand.O else "read outside"
            assert walk.first[operand] <= walk.moved[role][key]
    for operand in OPERANDS:
        most = (walk.padded_crossing if operand is Operand.I else walk.one_crossing)[operand]
        assert walk.busiest_crossing[operand] <= most


@pytest.mark.parametrize("name", DATAFLOWS)
@settings(max_examples=examples(0.7 / len(DATAFLOWS)))
@given(data=st.data())
def test_every_count_is_what_happens(name: str, data: st.DataObject) -> None:
    assert compare(data.draw(machine_cases(flow=name))) == {}


@settings(max_examples=examples(0.2))
@given(st.data())
def test_what_stays_on_chip_does_not_move_outside(data: st.DataObject) -> None:
    case = data.draw(machine_cases())
    assert compare(case, data.draw(what_stays(case))) == {}


@settings(max_examples=examples(0.1))
@given(machine_cases(fans=False))
def test_every_count_is_what_happens_where_nothing_stands_in_copies(case: MachineCase) -> None:
    assert compare(case) == {}
