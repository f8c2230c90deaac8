"""The default mapper's search: nearly as good as the best of all mappings, and always something if anything fits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim as acs
from accelsim.cost.choose import choose
from accelsim.cost.energy import leakage_pj, op_bits, op_pj
from accelsim.cost.front import Front, candidates, front, front_of
from accelsim.cost.prices import prices
from accelsim.cost.refine import NEAR
from accelsim.cost.room import Room
from accelsim.cost.rows import Kept, demand, machine_of
from accelsim.cost.store import rows_of
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template, load_hardware
from accelsim.mappers.exact import best_mapping
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

NOTHING = Kept((False, False, False), (-1, -1, -1))
OPS = [
    convolution((1, 3, 224, 224), 32, (3, 3), stride=(2, 2)),
    convolution((1, 96, 56, 56), 96, (3, 3), groups=96),
    convolution((1, 96, 28, 28), 130, (1, 1)),
    convolution((1, 512, 14, 14), 1024, (1, 1)),
    convolution((1, 128, 28, 28), 128, (3, 3)),
    convolution((1, 12, 40), 24, (5,), stride=(2,)),
    matmul(197, 64, 197, heads=3),
    fully_connected((1, 1280, 1, 1), 1000),
    fully_connected((2, 24, 5, 11), 18, each=True),
]


def score(found: Front, design: Accelerator, free: np.ndarray) -> float:
    """Return energy x delay of the best row of a front; infinite if none fits."""
    op, leak = found.rows.op, leakage_pj(design, op_bits(found.rows.op))
    base, which = np.array([op_pj(op, design.technology)]), np.zeros((1, 1), dtype=np.int64)
    best = choose(rows_of([found]), which, prices(design, leak), base, free[:, None, None])
    cycles = float(best.latency_cycles[0, 0])
    return cycles * (float(best.dynamic_pj[0, 0]) + float(leak[0]) * cycles) if best.legal[0, 0] else np.inf


def room(design: Accelerator) -> np.ndarray:
    return np.array([np.inf if memory.size_bytes is None else memory.size_bytes[0] for memory in design.memories])


@lru_cache(maxsize=256)
def drawn(name: str, seed: int) -> Accelerator:
    template = hardware_template(name)
    return template.instantiate(template.space.sample(np.random.default_rng(seed)))


SEARCHED = ("systolic", "npu")


@pytest.mark.parametrize("name", SEARCHED)
def test_it_is_within_a_hundredth_of_the_best_nearly_always(name: str) -> None:
    gaps = []
    for seed in range(6):
        design = drawn(name, seed)
        machine, free = machine_of(design), room(design)
        for op in OPS:
            ours = score(front(op, machine, NOTHING, Room.of(free, op, machine)), design, free)
            gaps.append(ours / best_mapping(op, design).score)
    assert min(gaps) >= 1 - 1e-9, "nothing is better than the best"
    assert np.mean(np.array(gaps) <= 1.01) >= 0.95
    assert max(gaps) <= 1.1


@settings(max_examples=40)
@given(st.sampled_from(OPS), st.sampled_from(SEARCHED), st.integers(0, 20), st.floats(0.01, 1))
def test_it_is_no_worse_than_powers_of_two(op: Op, name: str, seed: int, share: float) -> None:
    design = drawn(name, seed)
    machine, free = machine_of(design), room(design) * share
    ours = score(front(op, machine, NOTHING, Room.of(free, op, machine)), design, free)
    theirs = score(front_of(candidates(op, machine), NOTHING), design, free)
    # Mappings that differ by less than half a hundredth are not told apart.
    assert ours <= 1.006 * theirs or ours <= 1.006 * best_mapping(op, design, free_bytes=free).score


@settings(max_examples=40)
@given(st.sampled_from(OPS), st.sampled_from(SEARCHED), st.integers(0, 20), st.integers(1, 40), st.data())
def test_whatever_the_room_something_fits_if_tiles_of_one_element_do(
    op: Op, name: str, seed: int, most: int, data: st.DataObject
) -> None:
    design = drawn(name, seed)
    machine, memories = machine_of(design), len(design.memories)
    few = [data.draw(st.integers(1, most)) for _ in range(memories - 1)]
    free = np.array([np.inf, *few], dtype=float)
    found = front(op, machine, NOTHING, Room.of(free, op, machine))
    single = found.rows[np.array([-1])]
    assert np.all(single.mappings.tiles == 1), "the last row is there to say what is missing"
    fits = bool(np.all(demand(single, NOTHING).room.sum(axis=2)[0] <= free))
    assert np.isfinite(score(found, design, free)) == fits


@pytest.mark.parametrize("name", SEARCHED)
def test_with_room_for_everything_nothing_moves_twice(name: str) -> None:
    design = drawn(name, 1)
    machine = machine_of(design)
    for op in OPS:
        found = front(op, machine, NOTHING, Room.of(np.full(len(design.memories), np.inf), op, machine))
        once = op.weights * op.bits.W / 8 + op.output_elements * op.bits.O / 8
        if op.rule.dynamic:
            once += op.elements_read[1] * op.bits.W / 8
        least = found.demand.moved[:, 0].sum(axis=(1, 2)).min()
        assert least <= (1 + NEAR) * (once + op.elements_read[0] * op.bits.I / 8)


def test_a_kept_output_never_leaves_half_done() -> None:
    machine = machine_of(load_hardware("systolic"))
    for op in OPS:
        kept = Kept((False, False, True), (-1, 1, 1))
        for free in (300.0, 5e4, 1e9):
            found = front(op, machine, kept, Room.of(np.array([np.inf, free]), op, machine))
            assert found.demand.allowed.all()


def test_fronts_are_small() -> None:
    """A design takes time for every row of a front."""
    network, machine = acs.load_network("mobilenet_v2"), machine_of(load_hardware("systolic"))
    free = np.array([np.inf, 2.0**19])
    ops = dict.fromkeys(node.op for node in network if node.op.rule.has_macs)
    rows = [len(front(op, machine, NOTHING, Room.of(free, op, machine))) for op in ops]
    assert np.median(rows) <= 40
    assert max(rows) <= 300


def test_rows_of_a_front_fit_the_class_of_room() -> None:
    machine = machine_of(load_hardware("systolic"))
    for op in OPS:
        found = front(op, machine, NOTHING, Room.of(np.array([np.inf, 70_000.0]), op, machine))
        assert found.demand.room[:, 1].sum(axis=1).max() <= 2**17
