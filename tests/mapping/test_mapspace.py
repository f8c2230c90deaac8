"""The default mapper's candidates: complete enough to fit whenever anything fits, and pruned without loss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cases import DATAFLOWS, Case, cases
from oracle.cases import structure_of as structure_of_case

from accelsim.cost.layer import Residency, cost, structure_of
from accelsim.cost.layout import lay_out
from accelsim.cost.rows import OpRows, candidates, op_rows, stack
from accelsim.cost.traffic import Structure, traffic
from accelsim.dims import DIMS, WINDOWS, Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template, load_hardware
from accelsim.mapping.legality import Violation, violations
from accelsim.mapping.mapspace import mapspace
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

OPS = [
    convolution((1, 16, 20, 20), 24, (3, 3)),
    convolution((1, 32, 14, 14), 32, (5, 5), stride=(2, 2), groups=32),
    convolution((1, 40, 7, 7), 160, (1, 1)),
    convolution((2, 3, 33, 17), 12, (3, 2), stride=(2, 1)),
    convolution((1, 8, 12, 10, 9), 16, (3, 3, 3)),
    convolution((1, 12, 40), 24, (5,), stride=(2,)),
    matmul(20, 24, 36, heads=3, batch=2),
    matmul(1, 24, 40, heads=3, shared=4),
    fully_connected((4, 100, 1, 1), 30),
    fully_connected((2, 24, 5, 11), 18, each=True),
    fully_connected((1, 1, 1, 1), 1),
]


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label} {op.sizes}")
def test_every_candidate_is_a_nest(op: Op, levels: int) -> None:
    space = mapspace(op, levels)
    assert space.tiles.shape == space.orders.shape == (len(space), levels, len(DIMS))
    sizes = np.broadcast_to(np.array(op.sizes), space.tiles[:, :1].shape)
    assert np.all(space.tiles >= 1)
    assert np.all(space.tiles <= np.concatenate([sizes, space.tiles[:, :-1]], axis=1)), "a tile fits the one outside it"
    assert np.all(np.sort(space.orders, axis=2) == np.arange(len(DIMS))), "every order has every loop once"
    whole = np.concatenate([space.tiles, space.orders], axis=1).reshape(len(space), -1)
    assert len(np.unique(whole, axis=0)) == len(space), "no candidate twice"
    assert np.all(space.tiles == op.sizes, axis=(1, 2)).any(), "one tile for everything"
    assert np.all(space.tiles == 1, axis=(1, 2)).any(), "one element at a time"
    six = space.orders.reshape(-1, 6, levels, len(DIMS))
    assert np.all(six == six[:1]), "the six orders for all tiles"
    assert len(np.unique(six[0], axis=0)) == 6


def every_tiling(op: Op) -> Mappings:
    """Return all tilings of one level with all orders of the loops that are longer than 1."""
    tiles = list(itertools.product(*(range(1, size + 1) for size in op.sizes)))
    long = [place for place, size in enumerate(op.sizes) if size > 1]
    rest = [place for place in range(len(DIMS)) if place not in long]
    orders = [(*rest, *order) for order in itertools.permutations(long)]
    pairs = list(itertools.product(tiles, orders))
    return Mappings(np.array([[tile] for tile, _ in pairs]), np.array([[order] for _, order in pairs]))


@pytest.mark.parametrize(
    "op",
    [
        convolution((1, 2, 3, 3), 2, (2, 1), padding=(0, 0)),
        convolution((2, 2, 2, 2), 2, (1, 1)),
        convolution((1, 2, 3, 2, 2), 2, (2, 1, 1), padding=(0, 0, 0)),
        fully_connected((2, 5, 1, 1), 4),
        fully_connected((1, 3, 2, 2), 4, each=True),
        matmul(3, 2, 3, heads=2),
    ],
    ids=["conv", "pointwise", "volume", "fully connected", "tokens", "matmul"],
)
@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("double_buffered", [True, False])
def test_if_any_mapping_fits_a_candidate_fits(op: Op, held: bool, double_buffered: bool) -> None:
    for w, i, o in itertools.product((True, False), repeat=3):
        structure = Structure(((True,) * 3, (w, i, o)), (False, double_buffered), outputs_held=held)
        least = traffic(op, every_tiling(op), structure).footprint.sum(axis=(1, 2)).min()
        ours = candidates(op, structure).traffic
        assert ours.footprint.sum(axis=(1, 2)).min() == least
        # And one of them finishes its sums before they leave, as a result that stays on chip needs.
        unspilled = ~ours.spilled.any(axis=1)
        assert ours.footprint[unspilled].sum(axis=(1, 2)).min() == least


def scores(rows: OpRows, machine: Accelerator, stays: Sequence[bool], free: float) -> np.ndarray:
    """Return energy x delay of every row, infinite where it does not fit."""
    table = stack([rows])
    shape = (len(rows.mappings), len(machine))
    room = tuple(None if m.size_bytes is None else m.size_bytes[None, :] * free for m in machine.memories)
    w, i, o = (np.full(shape, flag) if flag else None for flag in stays)
    keepers = (
        next((place for place, memory in enumerate(machine.memories) if operand in memory.keeps), None)
        for operand in Operand
    )
    residency = Residency((w, i, o), room, tuple(keepers))
    found = cost(table, lay_out(table, machine.array.dataflow), machine, residency)
    score = np.broadcast_to(found.latency_cycles * found.dynamic_pj, shape)
    return np.where(found.legal, score, np.inf)


@settings(max_examples=60)
@given(
    op=st.sampled_from(OPS[:-1]),
    name=st.sampled_from(["systolic", "npu", "edge_tpu"]),
    seed=st.integers(0, 1000),
    free=st.sampled_from([1.0, 0.3, 0.01]),
    kept=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_no_dropped_order_would_have_won(
    op: Op, name: str, seed: int, free: float, kept: tuple[bool, bool, bool]
) -> None:
    template = hardware_template(name)
    machine = template.instantiate(template.space.sample(np.random.default_rng(seed)))
    structure = structure_of(machine)
    stays = [
        flag and any(operand in memory.keeps for memory in machine.memories)
        for flag, operand in zip(kept, Operand, strict=True)
    ]
    every = op_rows(op, mapspace(op, structure.levels), structure)
    some = candidates(op, structure)
    assert len(some.mappings) < len(every.mappings)
    best = scores(every, machine, stays, free).min(axis=0)
    best_of_some = scores(some, machine, stays, free).min(axis=0)
    assert best_of_some.tolist() == pytest.approx(best.tolist(), rel=1e-12)


@settings(max_examples=100)
@given(cases(levels=1, count=1), st.permutations(range(len(DIMS))))
def test_only_the_order_of_loops_that_turn_matters(case: Case, other: list[int]) -> None:
    """Loops of one turn may stand anywhere."""
    tile = np.array(case.tiles[0][0])
    turning = [dim for dim in case.orders[0][0] if case.op.sizes[dim] > tile[dim]]
    moved = [*[dim for dim in other if dim not in turning], *turning]
    structure = structure_of_case(case)
    both = traffic(case.op, Mappings(np.array([[tile]] * 2), np.array([case.orders[0], [moved]])), structure)
    for table in (both.down, both.up, both.footprint):
        assert np.array_equal(table[0], table[1])


def test_a_mapping_in_words() -> None:
    op = convolution((1, 16, 8, 8), 8, (3, 3))
    tiles = np.array([[[1, 1, 8, 8, 1, 3, 8, 1, 3, 3], [1, 1, 8, 4, 1, 1, 1, 1, 1, 1]]])
    orders = np.array([[[0, 1, 4, 5, 6, 3, 2, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]])
    words = Mappings(tiles, orders).describe(0, op.sizes, ("buffer", "registers"))
    assert words == "for OY3 C2: buffer[K8 C8 OY3 OX8 FY3 FX3] for C2 OY3 OX8 FY3 FX3: registers[K8 C4]"
    assert Mappings(tiles[:, 1:], orders[:, :1]).describe(0, (1, 1, 8, 4, *[1] * 6), ("local",)) == "local[K8 C4]"
    one = Mappings(np.ones((1, 1, len(DIMS)), dtype=np.int64), orders[:, :1])
    assert one.describe(0, (1, 1, 2, *[1] * 7), ("local",)) == "for K2: local[one element]"


def test_rows_can_be_picked() -> None:
    space = mapspace(OPS[0], 1)
    flags = np.arange(len(space)) % 7 == 0
    assert np.array_equal(space[flags].tiles, space.tiles[::7])
    assert np.array_equal(space[np.array([3, 1])].orders, space.orders[[3, 1]])


def test_violations_are_listed_tightest_first() -> None:
    need = {"big": {"W": 60.0, "I": 50.0}, "small": {"W": 30.0, "O": 0.0}, "fine": {"W": 10.0}, "free": {"W": 1e9}}
    have = {"big": 100.0, "small": 10.0, "fine": 10.0, "free": None}
    found = violations(need, have)
    assert found == [Violation("small", "W 30 B", 30, 10), Violation("big", "W 60 B, I 50 B", 110, 100)]
    assert str(found[1]) == "memory 'big' needs 110 B for its tiles (W 60 B, I 50 B) and has 100 B (10 B too little)"
    assert violations({"none": {"W": 1.0}, "big": {"W": 1000.0}}, {"none": 0.0, "big": 1.0})[0].level == "none"
    assert violations({"fine": {"W": 10.0}}, {"fine": 10.0}) == []


def test_the_filter_is_whole_but_for_the_smallest_tile() -> None:
    """What the documentation says; a filter cut otherwise would fetch inputs again for every tap."""
    for levels in (1, 2):
        space = mapspace(OPS[0], levels)
        taps = space.tiles[:, :, [tap.position for _, tap in WINDOWS]]
        cut = ~np.all(taps == (1, 3, 3), axis=(1, 2))
        assert np.all(space.tiles[cut][:, -1] == 1)


def test_dataflows_of_all_engines_are_in_the_oracle() -> None:
    assert set(DATAFLOWS) == {"weight_stationary", "output_stationary", "input_stationary", "atomic", "cells", "pe"}
    assert load_hardware("npu").array.dataflow == DATAFLOWS["atomic"]
    assert load_hardware("edge_tpu").array.dataflow == DATAFLOWS["cells"]
