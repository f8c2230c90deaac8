"""What must hold of the best of all mappings: more of anything never hurts, and the count of all others adds up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.every_mapping import chains, every_mapping, price
from oracle.mapper_cases import (
    NOTHING_STAYS,
    MapperCase,
    ask,
    costs,
    examples,
    mapper_cases,
    small_machine,
    small_memory,
)

from accelsim.cost.energy import leakage_pj, op_bits, op_pj
from accelsim.cost.front import front
from accelsim.cost.room import Room
from accelsim.cost.rows import demand, machine_of, op_rows
from accelsim.dims import DIMS, Dim
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator, FanOut, Memory, SpatialAxis
from accelsim.hardware.load import load_hardware
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.found import Certificate
from accelsim.mappers.objective import EDP, ENERGY, LATENCY
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

EQUAL = 1e-9


def least(case: MapperCase) -> float:
    try:
        return ask(case).score
    except NoMappingError:
        return math.inf


def improved(memory: Memory, **factors: float) -> Memory:
    """Return a memory with some figures multiplied; what has no limit keeps none."""
    figures = {name: getattr(memory, name) for name in factors}
    return replace(memory, **{name: None if old is None else old * factors[name] for name, old in figures.items()})


_FIGURES = ("size_bytes", "bandwidth_bytes_per_cycle", "read_bytes_per_cycle", "write_bytes_per_cycle")
_PRICES = ("read_pj_per_byte", "write_pj_per_byte", "leakage_mw")


@settings(max_examples=examples(0.5))
@given(mapper_cases(fans=True, sliding=True, stays=True), st.sampled_from((*_FIGURES, *_PRICES)), st.integers(2, 9))
def test_a_better_memory_never_hurts(case: MapperCase, name: str, times: int) -> None:
    factor = float(times) if name in _FIGURES else 1 / times
    before = least(case)
    for level, memory in enumerate(case.accelerator.memories):
        memories = list(case.accelerator.memories)
        memories[level] = improved(memory, **{name: factor})
        better = replace(case, accelerator=replace(case.accelerator, memories=tuple(memories)))
        after = least(better)
        assert after <= before * (1 + EQUAL)
        if name == "size_bytes" and math.isfinite(before):
            memories[level] = replace(memory, size_bytes=None)
            endless = replace(case, accelerator=replace(case.accelerator, memories=tuple(memories)))
            assert least(endless) <= after * (1 + EQUAL)


@settings(max_examples=examples(0.2))
@given(mapper_cases(fans=True, sliding=True), st.floats(0.05, 1))
def test_less_room_than_the_size_never_helps(case: MapperCase, share: float) -> None:
    tight = replace(case, free_bytes=case.room * share)
    assert least(tight) >= least(case) * (1 - EQUAL)
    # Room as large as the memories is what counts if nothing is said.
    assert least(replace(case, free_bytes=case.room)) == least(case)


@settings(max_examples=examples(0.2))
@given(mapper_cases(fans=True, sliding=True, stays=True))
def test_each_objective_is_best_at_what_it_judges(case: MapperCase) -> None:
    try:
        fast, frugal, both = (ask(replace(case, objective=objective)) for objective in (LATENCY, ENERGY, EDP))
    except NoMappingError:
        return
    assert fast.score == fast.latency_cycles <= both.latency_cycles * (1 + EQUAL)
    assert frugal.score == frugal.energy_pj <= both.energy_pj * (1 + EQUAL)
    assert both.score <= min(one.latency_cycles * one.energy_pj for one in (fast, frugal)) * (1 + EQUAL)
    assert both.score >= fast.latency_cycles * frugal.energy_pj * (1 - EQUAL)


OPS = [
    convolution((1, 16, 14, 14), 24, (3, 3)),
    convolution((1, 32, 14, 14), 32, (5, 5), stride=(2, 2), groups=32),
    convolution((1, 40, 7, 7), 160, (1, 1)),
    fully_connected((1, 100, 1, 1), 30),
    matmul(20, 24, 36, heads=3),
]


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label} {op.sizes}")
@pytest.mark.parametrize("name", ["systolic", "npu", "edge_tpu"])
def test_no_candidate_of_the_default_mapper_is_better(op: Op, name: str) -> None:
    design = load_hardware(name)
    room = MapperCase(op, design).room
    figures = (op_pj(op, design.technology), float(leakage_pj(design, op_bits(op))[0]), room)
    machine = machine_of(design)
    candidates = front(op, machine, NOTHING_STAYS, Room.of(room, op, machine))
    theirs = price(candidates.demand, design, *figures)
    for objective in (LATENCY, ENERGY, EDP):
        ours = best_mapping(op, design, objective=objective)
        assert ours.certificate.proven
        assert ours.score <= theirs.score((objective.latency, objective.energy)).min() * (1 + EQUAL)
        asked = demand(op_rows(op, ours.mapping, machine_of(design)), NOTHING_STAYS)
        own = price(asked, design, *figures)
        assert own.fits.tolist() == [True]
        assert ours.latency_cycles == pytest.approx(own.latency[0], rel=EQUAL)
        assert ours.energy_pj == pytest.approx(own.energy[0], rel=EQUAL)


def ways(case: MapperCase) -> int:
    """Count the mappings one by one: chains of tiles, deals of each dim to each axis, orders of loops that turn."""
    memories, op = case.accelerator.memories, case.op
    found = 1
    for dim, size in zip(DIMS, op.sizes, strict=True):
        found *= len(chains(size, len(memories) - 1))
        for fan in case.accelerator.fan_outs:
            for axis in fan.axes if fan is not None and size > 1 else ():
                found *= int(axis.size[0]) if dim in axis.dims else 1
    return found * math.factorial(sum(size > 1 for size in op.sizes)) ** (len(memories) - 1)


def adds_up(one: Certificate) -> None:
    parts = (one.alike, one.dominated, one.no_room, one.bounded, one.searched)
    assert all(type(part) is int and part >= 0 for part in (*parts, one.space))
    assert sum(parts) == one.space
    assert one.unseen == 0
    assert one.proven
    assert one.bound == one.score


@settings(max_examples=examples(0.4))
@given(mapper_cases(fans=True, sliding=True, stays=True))
def test_every_mapping_is_accounted_for(case: MapperCase) -> None:
    try:
        found = ask(case)
    except NoMappingError:
        return
    adds_up(found.certificate)
    assert found.certificate.space == ways(case)
    if not any(case.accelerator.fan_outs):
        assert found.certificate.space == len(every_mapping(case.op, case.accelerator))
    assert found.certificate.score == found.score
    assert found.certificate.searched >= 1


#: Loops over 3 kernels and 2 channels: 3 x 2 tiles of one level, 6 x 3 chains of two.
SMALL = fully_connected((1, 2, 1, 1), 3)


def plain(*sizes: float | None, limit: float = 4.0) -> Accelerator:
    """Return a machine with memories of these sizes inside one without; every byte costs 1 pJ and 1/4 cycle."""
    memories = [small_memory(level, size=size, bandwidth=limit) for level, size in enumerate((None, *sizes))]
    return replace(small_machine("output_stationary", 2, 2), memories=tuple(memories))


@pytest.mark.parametrize(
    ("sizes", "space"),
    [
        # K and C in either order.
        ((64.0,), 3 * 2 * 2),
        # Chains of 3: 11 21 22 31 32 33; of 2: 11 21 22.
        ((64.0, 32.0), 6 * 3 * 2**2),
        # Triangular numbers make tetrahedral ones: 1 + 3 + 6 and 1 + 3.
        ((64.0, 32.0, 16.0), 10 * 4 * 2**3),
    ],
)
def test_a_space_counted_by_hand(sizes: tuple[float, ...], space: int) -> None:
    found = best_mapping(SMALL, plain(*sizes))
    assert found.certificate.space == space
    adds_up(found.certificate)


def test_a_space_with_copies_counted_by_hand() -> None:
    """Both dims along an axis of 3 copies, kernels along another of 2: 3 x 2 deals of K, 3 of C."""
    design = plain(64.0)
    axes = (
        SpatialAxis(name="both", size=np.array([3.0]), dims=(Dim.K, Dim.C)),
        SpatialAxis(name="kernels", size=np.array([2.0]), dims=(Dim.K, Dim.OX)),
    )
    inner = replace(design.memories[1], fan_out=FanOut(axes=axes))
    found = best_mapping(SMALL, replace(design, memories=(design.memories[0], inner)))
    assert found.certificate.space == (3 * 6) * (2 * 3) * 2
    adds_up(found.certificate)


def test_an_op_of_one_product_has_one_mapping() -> None:
    found = best_mapping(fully_connected((1, 1, 1, 1), 1), plain(64.0))
    adds_up(found.certificate)
    assert (found.certificate.space, found.certificate.searched) == (1, 1)
    # 1 + 1 bytes in and, at 4 bytes a cycle, 2/4 of a cycle; the result 1 byte back; one step, 2 PEs down and 2 across.
    assert found.mapping.tiles.tolist() == [[[1] * len(DIMS)]]
    with pytest.raises(NoMappingError, match="'memory 1' needs"):
        best_mapping(fully_connected((1, 1, 1, 1), 1), plain(2.0))


def idle_loops_moved(mapping: Mappings, op: Op, draw: st.DataObject) -> Mappings:
    """Return the mapping with the loops that turn in the same order, and those that do not anywhere among them."""
    steps = np.stack([cut.steps(size)[0] for cut, size in zip(mapping.cuts, op.sizes, strict=True)], axis=1)
    outer = np.stack([cut.outer(size)[0] for cut, size in zip(mapping.cuts, op.sizes, strict=True)], axis=1)
    orders = []
    for level, order in enumerate(mapping.orders[0].tolist()):
        turning = iter([dim for dim in order if outer[level, dim] > steps[level, dim]])
        shuffled = draw.draw(st.permutations(order))
        orders.append([next(turning) if outer[level, dim] > steps[level, dim] else dim for dim in shuffled])
    return Mappings.of(mapping.tiles, np.array([orders]), mapping.copies)


@settings(max_examples=examples(0.3))
@given(mapper_cases(fans=True, sliding=True, stays=True), st.data())
def test_where_a_loop_that_turns_once_stands_is_no_matter(case: MapperCase, data: st.DataObject) -> None:
    try:
        found = ask(case)
    except NoMappingError:
        return
    one, other = costs(case, found.mapping), costs(case, idle_loops_moved(found.mapping, case.op, data))
    assert (one.latency[0], one.energy[0], one.fits[0]) == (other.latency[0], other.energy[0], other.fits[0])


@settings(max_examples=examples(0.2))
@given(mapper_cases(fans=True, sliding=True), mapper_cases(sliding=True))
def test_the_same_question_has_the_same_answer(case: MapperCase, other: MapperCase) -> None:
    """Whatever was asked in between."""
    answers = []
    for one in (case, other, case):
        try:
            found = ask(one)
        except NoMappingError as error:
            answers.append(str(error))
        else:
            written = [part.tolist() for part in (found.mapping.tiles, found.mapping.orders, found.mapping.copies)]
            answers.append(str((written, found.latency_cycles, found.energy_pj, found.score, found.certificate)))
    assert answers[0] == answers[2]


def test_one_design_at_a_time() -> None:
    with pytest.raises(ValueError, match="one design; got 2"):
        best_mapping(SMALL, load_hardware("systolic").take(np.array([0, 0])))


def test_what_does_not_fit_names_the_tightest_limit() -> None:
    """One element of each operand: 1 B + 1 B, and outputs of 4 B where sums leave half-done, else of 1 B."""
    with pytest.raises(NoMappingError, match=r"'memory 2' needs 3 B .* and has 2 B"):
        best_mapping(SMALL, plain(5.0, 2.0))
    assert best_mapping(SMALL, plain(5.0, 3.0)).certificate.proven
    with pytest.raises(NoMappingError, match=r"'memory 1' needs 3 B .* and has 1 B"):
        best_mapping(SMALL, plain(5.0, 3.0), free_bytes=np.array([np.inf, 1.0, 2.0]))
