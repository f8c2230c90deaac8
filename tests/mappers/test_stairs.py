"""Staircases: what cuts of some dims make of a factor at least, their tiles having at most so many points together."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.every_mapping import chains
from oracle.mapper_cases import MapperCase, examples, mapper_cases

from accelsim.cost.rows import machine_of
from accelsim.dims import WINDOWS
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import load_hardware
from accelsim.mappers.cuts import choices
from accelsim.mappers.factors import Material, factors_of, laid_out, order_of
from accelsim.mappers.stairs import Stair, joined, stair_of, stairs_of
from accelsim.mappers.tables import Factors, Stairs
from accelsim.mapping.nest import Cuts
from accelsim.workload.ops import Op, loops

THREE = Path(__file__).parents[2] / "benchmarks/machines/three_level.yaml"
PIXELS_ON_COLUMNS = load_hardware(THREE, dataflow="input_stationary", columns=8)

Floats = npt.NDArray[np.float64]
LISTED = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=25)


def least(stair: Stair, most: float) -> float:
    """Return what a staircase says of tiles of at most so many points."""
    return float(stair.least[np.flatnonzero(stair.points <= most)[-1]])


def of_pairs(listed: list[tuple[int, int]]) -> Stair:
    points, values = np.array(listed, dtype=float).T
    return stair_of(points, values)


@given(LISTED)
def test_a_staircase_says_the_least_factor_of_tiles_of_at_most_so_many_points(listed: list[tuple[int, int]]) -> None:
    stair = of_pairs(listed)
    for most in range(min(points for points, _ in listed), 32):
        assert least(stair, most) == min(value for points, value in listed if points <= most)
    assert (np.diff(stair.points) > 0).all()
    assert (np.diff(stair.least) < 0).all()


@given(LISTED, LISTED)
def test_points_and_factors_of_two_dims_multiply(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    stair = joined(of_pairs(one), of_pairs(other))
    every = [(a * b, x * y) for (a, x), (b, y) in itertools.product(one, other)]
    for most in {points for points, _ in every}:
        assert least(stair, most) == min(value for points, value in every if points <= most)


class Known:
    """The staircases of an op on a design, and the cuts that they were made of."""

    def __init__(self, op: Op, accelerator: Accelerator) -> None:
        machine = machine_of(accelerator)
        made, self.dims, layout = choices(op, machine), order_of(op), laid_out(machine)
        self.cuts: list[Cuts] = [made[dim.position].cuts for dim in self.dims]
        along = [made[dim.position].along for dim in self.dims]
        found = factors_of(op, machine, tuple(choice.cuts for choice in made), along)
        self.factors: Factors = found[0]
        self.material: Material = found[1]
        groups = np.full((len(layout.groups), 4), -1)
        for at, members in enumerate(layout.groups):
            places = [self.dims.index(dim) for dim in members if dim in self.dims]
            groups[at, : len(places)] = places
        taps = [d for d, dim in enumerate(self.dims) if dim in {tap for _, tap in WINDOWS}]
        limit = np.array([machine.size.rows, machine.size.columns, machine.size.hold_limit], dtype=float)
        self.stairs: Stairs = stairs_of(self.factors, self.material, layout, limit, groups, taps)

    def stair(self, number: int) -> Stair:
        begin, end = self.stairs.begins[number : number + 2]
        return Stair(self.stairs.points[begin:end], self.stairs.least[begin:end])


@settings(max_examples=examples(0.1))
@given(mapper_cases(fans=True, most=6_000), st.integers(0, 10**6))
def test_no_mapping_has_less_of_a_factor_than_its_staircase_says(case: MapperCase, seed: int) -> None:
    known, rng = Known(case.op, case.accelerator), np.random.default_rng(seed)
    factors, material, stairs = known.factors, known.material, known.stairs
    assert len(stairs.of) == len(factors.falling)
    for _ in range(20):
        cut = [int(rng.integers(len(cuts))) for cuts in known.cuts]

        def factor(d: int, v: int, cut: list[int] = cut) -> float:
            return float(material.factors[d][v][cut[d]]) if v in material.factors[d] else 1.0

        for at, (v, operand, level) in enumerate(factors.falling.tolist()):
            inside = [d for d in range(len(cut)) if stairs.inside[stairs.of[at], d]]
            assert all(factors.lacks[d] == operand for d in inside)
            points = math.prod(float(material.tile[d][cut[d], level]) for d in inside)
            bound = least(known.stair(stairs.of[at]), points)
            bound *= math.prod(factor(d, v) for d in stairs.beside[at].tolist() if d >= 0)
            assert bound <= math.prod(factor(d, v) for d in range(len(cut)))


def pieces(size: int, chain: tuple[int, ...]) -> list[int]:
    """Return the sizes of all tiles that a chain of tiles leaves of a loop."""
    found = [size]
    for tile in chain:
        found = [min(tile, one - start) for one in found for start in range(0, one, tile)]
    return found


def fewest(size: int, most: int, columns: int) -> int:
    """Return the least passes over ``columns`` PEs, of square maps of pixels in tiles of at most ``most`` points."""
    every = [(chain[-1], pieces(size, chain)) for chain in chains(size, 2)]
    return min(
        sum(math.ceil(one * other / min(a * b, columns)) for one in rows for other in others)
        for (a, rows), (b, others) in itertools.product(every, every)
        if a * b <= most
    )


@pytest.mark.parametrize("size", [5, 6, 7])
def test_passes_over_pixels_are_the_fewest_of_all_pairs_of_cuts(size: int) -> None:
    known = Known(Op("convolution", loops(K=6, C=5, OY=size, OX=size)), PIXELS_ON_COLUMNS)
    (number,) = {int(one) for one in known.stairs.passes.ravel() if one >= 0}
    for most in range(1, size * size + 1):
        assert least(known.stair(number), most) == fewest(size, most, 8)


def test_no_staircase_of_passes_is_made_of_more_pairs_than_are_worth_it() -> None:
    known = Known(Op("convolution", loops(K=6, C=5, OY=112, OX=112)), PIXELS_ON_COLUMNS)
    assert (known.stairs.passes == -1).all()


def test_28_rows_and_columns_make_20_tiles_of_at_most_46_points() -> None:
    """5 x 4 tiles of 6 x 7 points: 28 x 28 / 46 would be 18."""
    one = stair_of(np.arange(1.0, 29.0), -(-28.0 // np.arange(1.0, 29.0)))
    assert least(joined(one, one), 46) == 20
    assert least(joined(one, one), 784) == 1
