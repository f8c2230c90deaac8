"""Every count of the closed form against a machine that is walked through step by step, in all its copies.

500 cases by default, two nests in each; ``ACCELSIM_ORACLE_CASES=20000`` in the environment draws more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_array import overhead
from oracle.machine_cases import DATAFLOWS, MachineCase, examples, machine_cases
from oracle.machine_walk import ROLES, Key, MachineWalk, walk_machine

from accelsim.cost.array import Geometry
from accelsim.cost.rows import Demand, Kept, Machine, OpRows, demand, op_rows
from accelsim.cost.traffic import Structure
from accelsim.dims import OPERANDS, Operand
from accelsim.mapping.nest import Mappings, useful_share

#: Name of a figure, what the closed form says, and what was counted.
Pair = tuple[str, float, float]
NOTHING_STAYS = Kept((False, False, False), (-1, -1, -1))


def rows_of(case: MachineCase) -> OpRows:
    """Return the nests of ``case`` in closed form."""
    machine, mappings = case.machine, case.mappings
    structure = Structure(
        holds=machine.holds,
        double_buffered=case.double_buffered,
        outputs_held=Operand.O in machine.flow.held,
        sliding=machine.sliding,
        fans=machine.fans,
        multicast=machine.multicast,
        reduces=machine.reduces,
        apart=True,
    )
    tiles, orders, copies = (
        np.array([getattr(mapping, name) for mapping in mappings], dtype=np.int64)
        for name in ("tiles", "orders", "copies")
    )
    size = Geometry(float(machine.rows), float(machine.columns), float(machine.hold_limit))
    return op_rows(case.op, Mappings.of(tiles, orders, copies), Machine(structure, machine.flow, size))


def held(case: MachineCase) -> Iterator[Key]:
    """Return the memories inside the outermost one, with each operand that they hold."""
    for level, operand in itertools.product(range(1, case.machine.levels + 1), OPERANDS):
        if case.machine.holds[level][OPERANDS.index(operand)]:
            yield level, operand


def first_copy(case: MachineCase, walk: MachineWalk, key: Key, role: str) -> int:
    """Return the bits of the first copy: of a memory that may stand in copies, padding of its windows counts."""
    level, operand = key
    memory = level if role.endswith("inside") else case.machine.parent(level, operand)
    padded = operand is Operand.I and case.stands_in_copies(memory)
    return (walk.unclipped if padded else walk.one)[role][key]


def between_memories(case: MachineCase, rows: OpRows, row: int, walk: MachineWalk) -> Iterator[Pair]:
    found = rows.traffic
    for level, operand in itertools.product(range(1, case.machine.levels + 1), OPERANDS):
        at, key = (row, level - 1, OPERANDS.index(operand)), (level, operand)
        for way, role in enumerate(ROLES):
            yield f"{operand} {role}", 8 * found.moved[*at, way], walk.moved[role][key]
            yield f"{operand} {role}, first copy", 8 * found.one[*at, way], first_copy(case, walk, key, role)
        width = getattr(case.op.bits, operand)
        if operand is Operand.O and (level in walk.spilled or not rows.machine.structure.outputs_held):
            width = case.op.bits.partial
        twice = 2 if case.double_buffered[level] and key in walk.changes else 1
        yield f"room for {operand}", 8 * found.footprint[at], walk.room[key] * width * twice
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
        padded = operand is Operand.I and case.stands_in_copies(holder)
        one = (walk.padded_crossing if padded else walk.one_crossing)[operand]
        yield f"{operand} crossing", found.crossing[row, place], walk.crossing[operand]
        yield f"{operand} crossing, first copy", found.one[row, place], one
    yield "sums from zero", case.op.output_elements * rows.traffic.fresh[row], walk.fresh
    yield "sums from zero, first copy", found.share[row], walk.one_fresh
    yield "products that read no padding", useful_share(case.op) * case.op.macs, walk.real_points


def keeper(kept: Kept, operand: Operand) -> int:
    """Return the memory in which an operand stays whole; -1 if it does not stay."""
    place = OPERANDS.index(operand)
    return kept.levels[place] if kept.stays[place] else -1


def in_and_out(case: MachineCase, asked: Demand, kept: Kept, row: int, walk: MachineWalk) -> Iterator[Pair]:
    """Yield what every memory is asked for, neighbours and the array taken together; of what stays, nothing outside."""
    machine = case.machine
    moving = [key for key in held(case) if key[0] > keeper(kept, key[1])]
    for level in range(machine.levels + 1):
        ones = [0, 0]
        for place, operand in enumerate(OPERANDS):
            outside = [key for key in moving if key[1] is operand and machine.parent(*key) == level]
            inside = [key for key in moving if key == (level, operand)]
            for way, name in enumerate(("read", "written")):
                roles = [(f"{name} outside", key) for key in outside] + [(f"{name} inside", key) for key in inside]
                every, one = at_the_edge(case, walk, operand, way, first=False), 0
                if machine.parent(machine.levels + 1, operand) == level:
                    one = at_the_edge(case, walk, operand, way, first=True)
                else:
                    every = 0
                every += sum(walk.moved[role][key] for role, key in roles)
                ones[way] += one + sum(first_copy(case, walk, key, role) for role, key in roles)
                yield f"{operand} {name} in all", 8 * asked.moved[row, level, place, way], every
        late = [key for key in moving if machine.parent(*key) == level and not case.double_buffered[key[0]]]
        for way, name in enumerate(("read", "written")):
            waited = sum(first_copy(case, walk, key, f"{name} outside") for key in late)
            yield f"{name} by the first copy", 8 * asked.one[row, level, way], ones[way]
            yield f"{name} and waited for", 8 * asked.serial[row, level, way], waited
    first = {operand: bits for operand, bits in walk.first.items() if (outermost(case, operand), operand) in moving}
    yield "read before the first step", 8 * asked.ramp[row, 0], sum(first.get(x, 0) for x in (Operand.W, Operand.I))
    yield "written after the last step", 8 * asked.ramp[row, 1], first.get(Operand.O, 0)


def at_the_edge(case: MachineCase, walk: MachineWalk, operand: Operand, way: int, *, first: bool) -> int:
    """Return the bits that the array reads (0) from the innermost holder or writes (1) to it."""
    if operand is Operand.O:
        return (walk.one_edge if first else walk.edge)[way]
    if way == 1:
        return 0
    holder = case.machine.parent(case.machine.levels + 1, operand)
    padded = operand is Operand.I and case.stands_in_copies(holder)
    counted = (walk.padded_crossing if padded else walk.one_crossing) if first else walk.crossing
    return counted[operand] * int(getattr(case.op.bits, operand))


def outermost(case: MachineCase, operand: Operand) -> int:
    """Return the outermost memory on chip that holds an operand."""
    return next((level for level, other in held(case) if other is operand), 0)


def room_and_time(case: MachineCase, rows: OpRows, asked: Demand, kept: Kept, row: int) -> Iterator[Pair]:
    """Yield what the walk has no word for: kept weights and inputs need no tile, and a kept result is finished."""
    for level, operand in held(case):
        place = OPERANDS.index(operand)
        mine = level == keeper(kept, operand) and operand is not Operand.O
        room = 0.0 if mine else rows.traffic.footprint[row, level - 1, place]
        yield f"room for {operand} in all", asked.room[row, level, place], room
    yield "cycles in all", asked.cycles[row], rows.work.cycles[row]


def compare(case: MachineCase, kept: Kept = NOTHING_STAYS) -> dict[str, list[tuple[float, float]]]:
    """Return the figures that differ, as (closed form, walker)."""
    rows = rows_of(case)
    asked = demand(rows, kept)
    differences: dict[str, list[tuple[float, float]]] = {}
    for row, mapping in enumerate(case.mappings):
        walk = walk_machine(case.op, mapping, case.machine)
        check_walk(case, walk)
        for name, formula, counted in itertools.chain(
            between_memories(case, rows, row, walk),
            at_the_array(case, rows, row, walk),
            in_and_out(case, asked, kept, row, walk),
            room_and_time(case, rows, asked, kept, row),
            [("may stay", float(asked.allowed[row]), float(keeper(kept, Operand.O) not in walk.spilled))],
        ):
            # What has a share of padding taken off is a quotient; all else are whole numbers.
            if formula != pytest.approx(counted, rel=1e-12, abs=0):
                differences.setdefault(name, []).append((float(formula), float(counted)))
    return differences


def check_walk(case: MachineCase, walk: MachineWalk) -> None:
    """Check what holds of every walk."""
    assert len(walk.points) == case.op.macs
    assert set(walk.points.values()) == {1}, "every product once"
    for level, operand in held(case):
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


@st.composite
def what_stays(draw: st.DrawFn, case: MachineCase) -> Kept:
    """Draw which whole tensors stay, each in any memory that holds it."""
    stays, levels = [], []
    for operand in OPERANDS:
        found = [level for level, other in held(case) if other is operand]
        levels.append(draw(st.sampled_from(found)) if found else -1)
        stays.append(bool(found) and draw(st.booleans()))
    (w, i, o), (at_w, at_i, at_o) = stays, levels
    return Kept((w, i, o), (at_w, at_i, at_o))


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
