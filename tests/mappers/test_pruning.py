"""Each rule by which the exact mapper leaves mappings out, alone, against the mappings that it leaves out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.every_mapping import chains, every_mapping, every_order
from oracle.machine_cases import DATAFLOWS
from oracle.mapper_cases import MapperCase, base_pj, costs, examples, leakage_pj, mapper_cases

from accelsim.cost.prices import prices
from accelsim.cost.rows import Machine, demand, machine_of, op_rows
from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.mappers.chains import Spatial
from accelsim.mappers.chains import chains as chains_left
from accelsim.mappers.charges import charges_of
from accelsim.mappers.costs import judge
from accelsim.mappers.cuts import Choice, choices
from accelsim.mappers.factors import factors_of, laid_out, order_of
from accelsim.mappers.forest import Grove
from accelsim.mappers.measure import measure
from accelsim.mappers.orders import orders_of
from accelsim.mappers.sequences import sequences_of
from accelsim.mappers.state import Given, Work
from accelsim.mappers.tables import Batch, Outcome
from accelsim.mapping.nest import Cuts, Mappings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST = 6_000
MAPPINGS_OF_A_BOX = 6
#: Cuts of other dims, and orders, beside which the cuts of a dim are compared.
BESIDE = 40
#: Sums in another order.
ROUNDING = 1e-12
_PIXELS = tuple(out for out, _ in WINDOWS)
_REDUCED = (Dim.C, Dim.FZ, Dim.FY, Dim.FX)


def features(case: MapperCase, mappings: Mappings) -> Floats:
    """Return everything about mappings that costs time, energy or room; a result that leaves half-done has none."""
    asked = demand(op_rows(case.op, mappings, machine_of(case.accelerator)), case.kept)
    count = len(mappings)
    parts = [asked.moved.sum(axis=2), asked.one, asked.serial, asked.room.sum(axis=2), asked.ramp, asked.cycles]
    parts.append(np.where(asked.allowed, 0.0, np.inf))
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def width(case: MapperCase) -> int:
    """Return how many features there are."""
    return 7 * len(case.accelerator.memories) + 4


def no_worse(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    """Return whether the last axis of one is nowhere more than that of the other."""
    return np.asarray(np.all(one <= other * (1 + ROUNDING), axis=-1))


def orders_with(still: int, *, sliding: bool = True) -> list[list[int]]:
    """Return orders with the dims that an operand of ``W I O`` lacks innermost, groups outermost.

    Where windows share their overlap, one for each axis whose pixels may be the innermost of theirs.
    """
    found = []
    for last in _PIXELS if sliding else _PIXELS[-1:]:
        pixels = (Dim.B, *(dim for dim in _PIXELS if dim != last), last)
        orders = ((Dim.K, *_REDUCED, *pixels), (*_REDUCED, *pixels, Dim.K), (Dim.K, *pixels, *_REDUCED))
        found.append([dim.position for dim in (Dim.G, *orders[still])])
    return found


def orders_left(levels: int, *, sliding: bool) -> npt.NDArray[np.int64]:
    """Return the orders that are left."""
    one = [order for still in range(3) for order in orders_with(still, sliding=sliding)]
    return np.array(list(itertools.product(one, repeat=levels)))


def check_orders(case: MapperCase) -> None:
    """Check that for all tiles and copies, each order has no less of anything than one of those that are left."""
    levels = len(case.accelerator.memories) - 1
    sliding = any(memory.sliding for memory in case.accelerator.memories)
    left, every = (
        features(case, every_mapping(case.op, case.accelerator, orders=orders)).reshape(len(orders), -1, width(case))
        for orders in (orders_left(levels, sliding=sliding), every_order(case.op.sizes, levels))
    )
    beaten = np.zeros(every.shape[:2], dtype=bool)
    for one in left:
        beaten |= no_worse(one[None], every)
    assert beaten.all()


@settings(max_examples=examples(0.2))
@given(mapper_cases(stays=True, most=MOST))
def test_three_orders_a_level_are_enough(case: MapperCase) -> None:
    check_orders(case)


@settings(max_examples=examples(0.1))
@given(mapper_cases(sliding=True, windows=(1, 2, 2), most=MOST))
def test_where_windows_share_their_overlap_it_also_matters_which_pixels_are_innermost(case: MapperCase) -> None:
    check_orders(case)


@settings(max_examples=examples(0.1))
@given(mapper_cases(fans=True, sliding=True, most=MOST))
def test_three_orders_a_level_are_enough_for_copies(case: MapperCase) -> None:
    check_orders(case)


def all_ways(dim: Dim, size: int, machine: Machine) -> tuple[Cuts, Ints]:
    """Return all ways to cut a loop: every chain with every deal to the axes of copies; and the copies along each."""
    tiles = chains(size, machine.structure.levels)
    most = [loop.size if dim in loop.dims and size > 1 else 1 for loop in machine.loops]
    deals = list(itertools.product(*(range(1, count + 1) for count in most)))
    along = np.array([deal for deal in deals for _ in tiles], dtype=np.int64).reshape(
        len(deals) * len(tiles), len(most)
    )
    copies = np.ones((len(along), machine.structure.levels + 1), dtype=np.int64)
    for axis, loop in enumerate(machine.loops):
        copies[:, loop.place - 1] *= along[:, axis]
    return Cuts(np.array(list(tiles) * len(deals)), copies), along


def check_cuts(case: MapperCase, seed: int) -> None:
    """Check that beside any cuts of other dims, each way has no less of anything than one of those that are left."""
    op, machine, rng = case.op, machine_of(case.accelerator), np.random.default_rng(seed)
    ways = [all_ways(dim, op.size(dim), machine) for dim in DIMS]
    cuts, along = tuple(one for one, _ in ways), [one for _, one in ways]
    room = np.array([loop.size for loop in machine.loops])
    orders = every_order(op.sizes, machine.structure.levels)
    for dim, choice in enumerate(choices(op, machine)):
        assert choice.whole
        assert choice.all == len(cuts[dim])
        left = np.array([_place(cuts[dim], along[dim], choice, row) for row in range(len(choice.cuts))])
        assert len(set(left)) == len(left)
        if len(left) == len(cuts[dim]):
            continue
        others = np.stack([rng.integers(len(one), size=BESIDE) for one in cuts], axis=1)
        cut = np.repeat(others, len(cuts[dim]), axis=0)
        cut[:, dim] = np.tile(np.arange(len(cuts[dim])), BESIDE)
        nest = np.repeat(rng.integers(len(orders), size=BESIDE), len(cuts[dim]))
        every = features(case, Mappings(cuts, cut, orders, nest)).reshape(BESIDE, len(cuts[dim]), -1)
        taken = np.prod([one[cut[:, at]] for at, one in enumerate(along)], axis=0)
        legal = np.all(taken <= room, axis=1).reshape(BESIDE, -1)
        for dropped in set(range(len(cuts[dim]))) - set(left.tolist()):
            beaten = (no_worse(every[:, left], every[:, [dropped]]) & legal[:, left]).any(axis=1)
            assert np.all(beaten | ~legal[:, dropped]), (DIMS[dim], cuts[dim].tiles[dropped], along[dim][dropped])


def _place(cuts: Cuts, along: Ints, choice: Choice, row: int) -> int:
    same = np.all(cuts.tiles == choice.cuts.tiles[row], axis=1) & np.all(along == choice.along[row], axis=1)
    (place,) = np.flatnonzero(same)
    assert np.array_equal(cuts.copies[place], choice.cuts.copies[row])
    return int(place)


@pytest.mark.parametrize("name", DATAFLOWS)
@settings(max_examples=examples(0.6 / len(DATAFLOWS)))
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_a_cut_that_is_left_out_is_never_better(name: str, data: st.DataObject, seed: int) -> None:
    check_cuts(data.draw(mapper_cases(flow=name, stays=True, sliding=True, most=MOST)), seed)


@settings(max_examples=examples(0.4))
@given(mapper_cases(fans=True, sliding=True, most=MOST), st.integers(0, 10**6))
def test_a_cut_that_is_left_out_is_never_better_beside_copies(case: MapperCase, seed: int) -> None:
    check_cuts(case, seed)


def in_pairs(size: int, most: float, beside: tuple[tuple[int, int], ...]) -> dict[tuple[int, int], list[float]]:
    """Return what every chain of two tiles costs: tiles, tiles in all, loops that turn, passes over the array."""
    found = {}
    for outer, inner in itertools.product(range(1, size + 1), repeat=2):
        if inner > outer:
            continue
        blocks = [outer] * (size // outer) + [size % outer] * (size % outer > 0)
        pieces = dict.fromkeys((inner, outer % inner, size % outer % inner), 0)
        for block, times in ((outer, size // outer), (size % outer, 1)):
            pieces[inner] += times * (block // inner)
            pieces[block % inner] += times
        pieces.pop(0, None)
        passes = [
            sum(times * math.ceil(piece * points / min(inner * tile, most)) for piece, times in pieces.items())
            for tile, points in beside
        ]
        found[outer, inner] = [outer, inner, len(blocks), sum(pieces.values()), size > outer, outer > inner, *passes]
    return found


@settings(max_examples=examples(0.03))
@given(
    st.integers(129, 150), st.integers(2, 40), st.sampled_from([((1, 1),), ((3, 3),), ((1, 1), (2, 1), (2, 2), (3, 2))])
)
def test_pairs_of_tiles_of_a_long_loop(size: int, most: int, beside: tuple[tuple[int, int], ...]) -> None:
    every = in_pairs(size, most, beside)
    left = {(outer, inner) for outer, inner in chains_left(size, 2, Spatial(most, beside), None, False).tolist()}
    assert left < set(every)
    kept = np.array([every[pair] for pair in left])
    for dropped in set(every) - left:
        assert no_worse(kept, np.array(every[dropped])).any(), dropped


class Boxes:
    """The boxes of a case: what the kernels say of one, and what the mappings in it cost."""

    def __init__(self, case: MapperCase) -> None:
        self.case, self.machine = case, machine_of(case.accelerator)
        op = case.op
        charged = prices(case.accelerator, np.array([leakage_pj(case)]))
        self.charges = charges_of(op, self.machine, case.kept, charged, case.room[1:], base_pj(op), case.objective)
        made = choices(op, self.machine)
        self.cuts, self.along = tuple(choice.cuts for choice in made), [choice.along for choice in made]
        self.dims = order_of(op)
        along = [self.along[dim.position] for dim in self.dims]
        self.factors, material = factors_of(op, self.machine, self.cuts, along)
        self.grove = Grove(
            self.dims, self.factors, material, laid_out(self.machine), self.charges.limit, self.charges.groups
        )
        self.stills = orders_of(op, self.machine).stills
        levels, self.forest = self.stills.shape[1], self.grove.forest
        work = Work.of(levels, self.factors.total)
        self.given = Given(self.factors, self.charges, self.forest, sequences_of(op, self.machine), work)
        self.batch = Batch.of(1, self.factors, self.grove.stairs, levels, fixed=False)

    def least(self, nodes: list[int], way: int, order: int) -> float:
        """Return the least score that a box may have in one order; of a single mapping, its own.

        Where no dim turns that the still operand lacks, the score is that of an order in which one would: never less.
        """
        levels, dims = self.stills.shape[1], len(self.dims)
        out = Outcome(
            best=np.full(4, np.inf),
            nodes=np.full(dims, -1),
            still=np.zeros(levels, dtype=np.int64),
            slide=np.zeros(levels, dtype=np.int64),
            pruned=np.zeros(2, dtype=np.int64),
            searched=np.zeros(2, dtype=np.int64),
        )
        box, keys = np.zeros(1, dtype=np.int64), np.empty((1, 2))
        alive = (np.arange(len(self.stills)) == order)[None]
        stairs, batch = self.grove.stairs, self.batch
        measure(self.factors, self.charges, self.forest, stairs, np.array([nodes]), np.array([way]), box, batch)
        inside = np.ones(1, dtype=np.int64)
        judge(self.given, batch, box, np.array([nodes]), alive, inside, keys, out)
        return min(float(keys[0, 0]), float(out.best[0]))

    def leaf(self, nodes: list[int], pick: Callable[[int], int]) -> list[int]:
        """Return a single mapping of a box; ``pick`` says which half of a node to take, 0 or 1."""
        found = []
        for node in nodes:
            while self.forest.cut[node] < 0:
                node = int(self.forest.below[node, pick(2)])
            found.append(node)
        return found

    def score(self, leaf: list[int]) -> float:
        """Return what a single mapping scores in the best of the orders that are left, in closed form."""
        cut = np.zeros((1, len(DIMS)), dtype=np.int64)
        for at, dim in enumerate(self.dims):
            cut[0, dim.position] = self.forest.cut[leaf[at]] - self.grove.starts[at]
        taken = np.prod([along[cut[0, dim]] for dim, along in enumerate(self.along)], axis=0)
        if any(copies > loop.size for copies, loop in zip(taken, self.machine.loops, strict=True)):
            return math.inf
        nests = orders_left(self.stills.shape[1], sliding=True)
        mappings = Mappings(self.cuts, np.repeat(cut, len(nests), axis=0), nests, np.arange(len(nests)))
        powers = (self.case.objective.latency, self.case.objective.energy)
        return float(costs(self.case, mappings).score(powers).min())


def check_boxes(case: MapperCase, seed: int) -> None:
    """Check boxes from all cuts down to single mappings, split at random, against some mappings in each."""
    boxes, rng = Boxes(case), np.random.default_rng(seed)
    forest, orders = boxes.forest, range(len(boxes.stills))
    at = int(rng.integers(len(boxes.grove.roots)))
    nodes, way = boxes.grove.roots[at].tolist(), int(boxes.grove.ways[at])
    while split := [at for at, node in enumerate(nodes) if forest.cut[node] < 0]:
        bounds = [boxes.least(nodes, way, order) for order in orders]
        for _ in range(MAPPINGS_OF_A_BOX):
            leaf = boxes.leaf(nodes, rng.integers)
            scores = [boxes.least(leaf, way, order) for order in orders]
            assert all(bound <= score * (1 + ROUNDING) for bound, score in zip(bounds, scores, strict=True))
            assert min(scores) == pytest.approx(boxes.score(leaf), rel=1e-9, abs=0)
        at = int(rng.choice(split))
        nodes[at] = int(forest.below[nodes[at], rng.integers(2)])


@settings(max_examples=examples(0.2))
@given(mapper_cases(stays=True, sliding=True, most=MOST), st.integers(0, 10**6))
def test_no_mapping_of_a_box_costs_less_than_its_bound(case: MapperCase, seed: int) -> None:
    """Nor does one fit where none is said to fit: the bound is then infinite. A single mapping costs what is said."""
    check_boxes(case, seed)


@settings(max_examples=examples(0.1))
@given(mapper_cases(fans=True, sliding=True, most=MOST), st.integers(0, 10**6))
def test_no_mapping_of_a_box_costs_less_than_its_bound_in_copies(case: MapperCase, seed: int) -> None:
    check_boxes(case, seed)
