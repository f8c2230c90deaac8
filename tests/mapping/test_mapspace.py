"""The default mapper's candidates: complete enough to fit whenever anything fits, and pruned without loss."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.choose import choose
from accelsim.cost.front import Front, candidates, front
from accelsim.cost.prices import prices
from accelsim.cost.rows import Kept, demand, machine_of
from accelsim.cost.store import rows_of
from accelsim.cost.traffic import Traffic, traffic
from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template, load_hardware
from accelsim.mapping.legality import Violation, violations
from accelsim.mapping.mapspace import STILL, SpatialLoop, mapspace
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


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label} {op.sizes}")
def test_tiles_come_in_every_order_that_loops_which_turn_can_have(op: Op, levels: int) -> None:
    """Of the orders of all levels each is there once, as far as loops of more than one turn are concerned."""
    loops = () if levels == 1 else (SpatialLoop(1, 4, (Dim.C,)), SpatialLoop(levels + 1, 2, (Dim.K,)))
    space = mapspace(op, levels, loops)
    outer = np.concatenate([np.broadcast_to(op.sizes, space.tiles[:, :1].shape), space.tiles[:, :-1]], axis=1)
    turning = outer > space.tiles * space.copies[:, :-1]

    def seen(row: int, orders: np.ndarray) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(order[turns[order]].tolist()) for order, turns in zip(orders, turning[row], strict=True))

    found: dict[bytes, list[int]] = {}
    for row, key in enumerate(map(bytes, np.concatenate([space.tiles, space.copies], axis=1))):
        found.setdefault(key, []).append(row)
    every = [np.array([outside, *[inside] * (levels - 1)]) for outside in STILL for inside in STILL]
    for rows in list(found.values())[:: 1 + len(found) // 100]:
        ours = [seen(row, space.orders[row]) for row in rows]
        assert len(set(ours)) == len(ours), "none to the same effect as another"
        assert set(ours) == {seen(rows[0], orders) for orders in every}
        assert rows == list(range(rows[0], rows[-1] + 1)), "one behind the other"


def every_tiling(op: Op) -> Mappings:
    """Return all tilings of one level with all orders of the loops that are longer than 1."""
    tiles = list(itertools.product(*(range(1, size + 1) for size in op.sizes)))
    long = [place for place, size in enumerate(op.sizes) if size > 1]
    rest = [place for place in range(len(DIMS)) if place not in long]
    orders = [(*rest, *order) for order in itertools.permutations(long)]
    pairs = list(itertools.product(tiles, orders))
    return Mappings.of(np.array([[tile] for tile, _ in pairs]), np.array([[order] for _, order in pairs]))


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
    for holds in itertools.product((True, False), repeat=3):
        machine = machine_of(load_hardware("systolic"))
        structure = replace(
            machine.structure, holds=((True,) * 3, holds), double_buffered=(False, double_buffered), outputs_held=held
        )
        least = traffic(op, every_tiling(op), structure).footprint.sum(axis=(1, 2)).min()
        ours = candidates(op, machine._replace(structure=structure)).traffic
        assert ours.footprint.sum(axis=(1, 2)).min() == least
        # And one of them finishes its sums before they leave, as a result that stays on chip needs.
        unspilled = ~ours.spilled.any(axis=1)
        assert ours.footprint[unspilled].sum(axis=(1, 2)).min() == least


def best(some: Front, design: Accelerator, free: float) -> np.ndarray:
    """Return energy x delay of the best row, infinite where none fits."""
    room = [np.inf if m.size_bytes is None else m.size_bytes[0] * free for m in design.memories]
    none = np.zeros((1, 1), dtype=np.int64)
    found = choose(rows_of([some]), none, prices(design, np.zeros(1)), np.zeros(1), np.array(room)[:, None, None])
    return np.where(found.legal, found.latency_cycles * found.dynamic_pj, np.inf)


@settings(max_examples=60)
@given(
    op=st.sampled_from(OPS[:-1]),
    name=st.sampled_from(["systolic", "npu", "edge_tpu"]),
    seed=st.integers(0, 1000),
    free=st.sampled_from([1.0, 0.3, 0.01]),
    stays=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_no_dropped_candidate_would_have_won(
    op: Op, name: str, seed: int, free: float, stays: tuple[bool, bool, bool]
) -> None:
    template = hardware_template(name)
    design = template.instantiate(template.space.sample(np.random.default_rng(seed)))
    machine = machine_of(design)
    levels = [next((i for i, m in enumerate(design.memories) if o in m.keeps), -1) for o in ("W", "I", "O")]
    kept = Kept(tuple(flag and level > 0 for flag, level in zip(stays, levels, strict=True)), tuple(levels))
    some, rows = front(op, machine, kept), candidates(op, machine)
    every = Front(rows, np.arange(len(rows)), kept, demand(rows, kept))
    assert len(some) < len(every)
    assert best(some, design, free) == pytest.approx(best(every, design, free), rel=1e-9)


def figures(moved: Traffic, row: int) -> list[object]:
    return [getattr(moved, field.name)[row].tolist() for field in fields(moved)]


@pytest.mark.parametrize("op", [OPS[0], OPS[1], OPS[3], OPS[6]], ids=lambda op: op.label)
def test_three_orders_are_as_good_as_all(op: Op) -> None:
    """For every tiling, each order moves no less of anything than one of the three."""
    space = mapspace(op, 1)
    tiles = np.unique(space.tiles, axis=0)[::7]
    turning = [place for place, size in enumerate(op.sizes) if size > 1]
    rest = [place for place in range(len(DIMS)) if place not in turning]
    structure = machine_of(load_hardware("systolic")).structure
    ours = [traffic(op, Mappings.of(tiles, np.repeat(one[None], len(tiles), axis=0)), structure) for one in space.nests]
    seeded = np.random.default_rng(0)
    for _ in range(60):
        order = np.array([[*rest, *seeded.permutation(turning)]])
        other = traffic(op, Mappings.of(tiles, np.repeat(order[None], len(tiles), axis=0)), structure)
        no_worse = [
            np.all(one.moved <= other.moved, axis=(1, 2, 3)) & np.all(one.footprint <= other.footprint, axis=(1, 2))
            for one in ours
        ]
        assert np.all(np.any(no_worse, axis=0))


@settings(max_examples=100)
@given(st.integers(0, 10**6))
def test_only_the_order_of_loops_that_turn_matters(seed: int) -> None:
    """Loops of one turn may stand anywhere."""
    seeded = np.random.default_rng(seed)
    op = OPS[seeded.integers(len(OPS) - 1)]
    tile = np.array([[seeded.integers(1, size + 1) for size in op.sizes]])
    order = seeded.permutation(len(DIMS))
    turning = [dim for dim in order if op.sizes[dim] > tile[0, dim]]
    moved = [*(dim for dim in seeded.permutation(len(DIMS)) if dim not in turning), *turning]
    structure = machine_of(load_hardware("systolic")).structure
    both = traffic(op, Mappings.of(np.array([tile, tile]), np.array([[order], [moved]])), structure)
    assert figures(both, 0) == figures(both, 1)


GRID = (SpatialLoop(2, 4, (Dim.C, Dim.FX)), SpatialLoop(2, 8, (Dim.K,)), SpatialLoop(3, 2, (Dim.OX,)))


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label} {op.sizes}")
def test_copies_fit_their_axes_and_none_idles_for_nothing(op: Op) -> None:
    space = mapspace(op, 2, GRID)
    copies, tiles = space.copies, space.tiles
    assert copies.shape == (len(space), 3, len(DIMS))
    assert np.all(copies[:, 0] == 1), "the outermost memory inside stands alone"
    on_rows, on_columns = copies[:, 1, [Dim.C.position, Dim.FX.position]], copies[:, 1, Dim.K.position]
    assert np.all(on_rows.prod(axis=1) <= 4)
    assert np.all(on_columns <= 8)
    assert np.all(copies[:, 2, Dim.OX.position] <= 2)
    dealt = {(1, Dim.C), (1, Dim.FX), (1, Dim.K), (2, Dim.OX)}
    for place, dim in itertools.product(range(3), DIMS):
        if (place, dim) not in dealt:
            assert np.all(copies[:, place, dim.position] == 1), "a dim that no axis takes"
    assert np.all(copies <= np.array(op.sizes)), "no copy without anything to do"
    sizes = np.broadcast_to(np.array(op.sizes), tiles[:, :1].shape)
    assert np.all(tiles <= np.concatenate([sizes, tiles[:, :-1]], axis=1))
    if op.size(Dim.K) > 1:
        assert on_columns.max() == min(8, op.size(Dim.K)), "some mapping uses what there is"


def test_a_mapping_in_words() -> None:
    op = convolution((1, 16, 8, 8), 8, (3, 3))
    tiles = np.array([[[1, 1, 8, 8, 1, 3, 8, 1, 3, 3], [1, 1, 8, 4, 1, 1, 1, 1, 1, 1]]])
    orders = np.array([[[0, 1, 4, 5, 6, 3, 2, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]])
    words = Mappings.of(tiles, orders).describe(0, op.sizes, ("buffer", "registers"))
    assert words == "for OY3 C2: buffer[K8 C8 OY3 OX8 FY3 FX3] for C2 OY3 OX8 FY3 FX3: registers[K8 C4]"
    assert Mappings.of(tiles[:, 1:], orders[:, :1]).describe(0, (1, 1, 8, 4, *[1] * 6), ("local",)) == "local[K8 C4]"
    one = Mappings.of(np.ones((1, 1, len(DIMS)), dtype=np.int64), orders[:, :1])
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
