"""Parameters, domains and spaces: hand-worked cases, and laws that hold for every domain."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import InputError, Problem
from accelsim.parameters import Choices, Domain, Parameter, Range, Space, Value

ProblemsOf = Callable[..., tuple[Problem, ...]]

# ------------------------------------------------------------------------------------------- laws of all domains

fractions = st.floats(0, 1)
positive = st.floats(min_value=1e-300, max_value=1e300)
any_float = st.floats(min_value=-1e300, max_value=1e300)
whole = st.integers(-(10**9), 10**9)


def _ordered(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


def choice_lists() -> st.SearchStrategy[Choices]:
    """Return lists of mixed values without repetitions."""
    values = st.one_of(st.integers(), st.booleans(), st.text(max_size=4), st.floats(allow_nan=False))
    unique = st.lists(values, min_size=1, max_size=9, unique_by=lambda value: (isinstance(value, bool), value))
    return unique.map(lambda members: Choices(tuple(members)))


def ranges() -> st.SearchStrategy[Range]:
    """Return ranges of every scale, continuous and of whole numbers."""
    return st.one_of(
        _ordered(any_float).map(lambda pair: Range(*pair)),
        _ordered(positive).map(lambda pair: Range(*pair, "log")),
        _ordered(positive).map(lambda pair: Range(*pair, "pow2")),
        _ordered(whole).map(lambda pair: Range(*pair, integer=True)),
        _ordered(st.integers(-20, 20)).map(lambda pair: Range(*pair, integer=True)),
        _ordered(st.integers(1, 10**6)).map(lambda pair: Range(*pair, "log", integer=True)),
        _ordered(st.integers(1, 2**40)).map(lambda pair: Range(*pair, "pow2", integer=True)),
    )


domains = st.one_of(choice_lists(), ranges())


@given(domains, fractions)
def test_at_is_always_in_the_domain(domain: Domain, fraction: float) -> None:
    assert domain.at(fraction) in domain


@given(domains)
def test_ends_of_the_unit_interval_are_ends_of_the_grid(domain: Domain) -> None:
    grid = domain.grid()
    assert domain.at(0.0) == grid[0]
    assert domain.at(1.0) == grid[-1]


@given(domains, st.floats(-5, 5))
def test_fractions_outside_the_unit_interval_are_clipped(domain: Domain, fraction: float) -> None:
    assume(not 0 <= fraction <= 1)
    assert domain.at(fraction) == domain.at(0.0 if fraction < 0 else 1.0)


@given(domains)
def test_grid_members_are_in_the_domain_and_different(domain: Domain) -> None:
    grid = domain.grid()
    assert all(value in domain for value in grid)
    assert len({(isinstance(value, bool), value) for value in grid}) == len(grid)


@given(domains)
def test_grid_is_complete_where_the_domain_is_finite(domain: Domain) -> None:
    size = domain.size
    assert size >= 1
    if size <= 1024:
        assert len(domain.grid()) == size
    else:
        assert len(domain.grid()) <= 9


@given(ranges(), fractions, fractions)
def test_at_never_goes_down_over_a_range(domain: Range, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert domain.at(low) <= domain.at(high)  # type: ignore[operator]


@given(ranges())
def test_whole_ranges_give_python_ints_and_others_floats(domain: Range) -> None:
    kind = int if domain.integer else float
    assert all(type(value) is kind for value in (*domain.grid(), domain.at(0.3)))


@given(st.one_of(choice_lists(), _ordered(st.integers(-20, 20)).map(lambda pair: Range(*pair, integer=True))))
def test_every_value_has_an_equal_share(domain: Domain) -> None:
    size = int(domain.size)
    drawn = Counter((type(v), v) for v in (domain.at((i + 0.5) / (5 * size)) for i in range(5 * size)))
    assert set(drawn.values()) == {5}


# ----------------------------------------------------------------------------------------------- choices by hand


def test_choices_by_hand() -> None:
    kernel = Choices((3, 5, 7))
    assert kernel.size == 3
    assert kernel.grid() == [3, 5, 7]
    assert [kernel.at(u) for u in (0, 0.3333, 0.3334, 0.6666, 0.6667, 1)] == [3, 3, 5, 5, 7, 7]
    assert 5 in kernel
    assert 5.0 in kernel
    assert 4 not in kernel
    assert kernel.describe() == "3, 5, 7"


def test_true_is_not_one() -> None:
    assert True not in Choices((0, 1))
    assert 1 not in Choices((False, True))
    assert 0.0 not in Choices((False, True))
    assert True in Choices((False, True))
    assert Choices((1, True)).size == 2


@pytest.mark.parametrize("value", [None, [3], (3,), {}, np.array([3, 5]), object()])
def test_what_is_no_value_is_in_no_domain(value: object) -> None:
    assert value not in Choices((3, 5))
    assert value not in Range(1, 9)


@pytest.mark.parametrize("values", [(), (1, 1), (1, 1.0), ("a", "b", "a"), (True, True), (math.nan,)])
def test_choices_that_make_no_sense_do_not_exist(values: tuple[Value, ...]) -> None:
    with pytest.raises(InputError, match="choices"):
        Choices(values)


# ------------------------------------------------------------------------------------------------ ranges by hand


def test_linear_range_by_hand() -> None:
    width = Range(0.5, 1.5)
    assert width.size == math.inf
    assert [width.at(u) for u in (0, 0.25, 0.5, 1)] == [0.5, 0.75, 1.0, 1.5]
    assert width.grid() == [0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.375, 1.5]
    assert 0.5 in width
    assert 1.5 in width
    assert 1 in width
    assert 1.5000001 not in width
    assert width.describe() == "a number from 0.5 to 1.5"


def test_whole_range_by_hand() -> None:
    batch = Range(1, 4, integer=True)
    assert batch.size == 4
    assert batch.grid() == [1, 2, 3, 4]
    assert [batch.at(u) for u in (0, 0.24, 0.25, 0.74, 0.75, 1)] == [1, 1, 2, 3, 4, 4]
    assert 3.0 in batch
    assert 2.5 not in batch
    assert batch.describe() == "a whole number from 1 to 4"


def test_log_range_by_hand() -> None:
    bandwidth = Range(1, 10_000, "log")
    assert bandwidth.size == math.inf
    assert bandwidth.grid()[::2] == pytest.approx([1, 10, 100, 1000, 10_000])
    assert bandwidth.at(0.25) == pytest.approx(10)
    assert 37.5 in bandwidth


def test_log_range_of_whole_numbers_has_every_one_of_them() -> None:
    channels = Range(1, 10, "log", integer=True)
    assert channels.size == 10
    assert channels.grid() == list(range(1, 11))
    assert channels.at(0.5) == 3, "the square root of ten, rounded"


def test_pow2_range_by_hand() -> None:
    buffer = Range(64, 4096, "pow2", integer=True)
    assert buffer.size == 7
    assert buffer.grid() == [64, 128, 256, 512, 1024, 2048, 4096]
    assert buffer.at(0.5) == 512
    assert 1024 in buffer
    assert 1024.0 in buffer
    assert 96 not in buffer
    assert 32 not in buffer
    assert buffer.describe() == "64 times a power of two from 64 to 4096"


def test_pow2_range_counts_in_multiples_of_its_start_and_stops_below_its_end() -> None:
    assert Range(3, 100, "pow2", integer=True).grid() == [3, 6, 12, 24, 48, 96]
    assert Range(1, 1000, "pow2", integer=True).grid()[-1] == 512
    assert Range(0.1, 0.8, "pow2").grid() == [0.1, 0.2, 0.4, 0.8]
    assert Range(1, math.nextafter(1024, 0), "pow2").size == 10
    assert Range(1, 1024, "pow2").size == 11


def test_pow2_membership_is_exact() -> None:
    domain = Range(1, 2**60, "pow2")
    assert 2**52 in domain
    assert 2**52 + 1 not in domain
    assert math.nextafter(8.0, 9) not in domain


def test_long_whole_range_has_a_short_grid() -> None:
    domain = Range(0, 80_000, integer=True)
    assert domain.size == 80_001
    assert domain.grid() == list(range(0, 80_001, 10_000))


def test_a_range_of_one_value() -> None:
    for domain in (Range(2, 2), Range(2, 2, "log"), Range(2, 2, "pow2"), Range(2, 2, integer=True)):
        assert domain.size == 1
        assert domain.grid() == [2]
        assert domain.at(0.7) == 2


def test_the_widest_range_is_no_trouble() -> None:
    domain = Range(-1.7e308, 1.7e308)
    assert domain.at(0.5) == pytest.approx(0, abs=1e293)
    assert all(math.isfinite(value) for value in domain.grid())  # type: ignore[arg-type]
    assert math.isfinite(Range(1e-308, 1.7e308, "log").at(0.5))  # type: ignore[arg-type]
    assert Range(1e-308, 1.7e308, "pow2").size == 2048


def test_booleans_are_no_numbers() -> None:
    assert True not in Range(0, 1)
    assert True not in Range(0, 1, integer=True)


def test_numpy_scalars_are_numbers() -> None:
    assert np.int64(128) in Range(64, 4096, "pow2", integer=True)
    assert np.float64(0.5) in Choices((0.5, 1.0))
    assert np.bool_(True) in Choices((True, False))
    assert np.bool_(True) not in Choices((0, 1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("domain", [Range(-1, 1), Range(1, 2, "log"), Range(1, 2, "pow2"), Range(0, 9, integer=True)])
def test_what_is_not_finite_is_in_no_range(domain: Range, value: float) -> None:
    assert value not in domain


def test_large_bounds_are_described_in_full() -> None:
    assert Range(1, 16_777_216, integer=True).describe() == "a whole number from 1 to 16777216"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1), r"\[least, greatest\]"),
        ((0, math.inf), "finite"),
        ((math.nan, 1), "finite"),
        ((1, 10**400), "finite"),
        ((0, 8, "log"), "above 0"),
        ((-1, 8, "pow2"), "above 0"),
        ((0.5, 8, "linear", True), "whole numbers"),
        ((1, 8, "cubic"), "linear, log, pow2"),
    ],
)
def test_ranges_that_make_no_sense_do_not_exist(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Range(*arguments)


# -------------------------------------------------------------------------------------------------------- spaces


@pytest.fixture
def space() -> Space:
    """Return a small space with a parameter of each kind."""
    return Space(
        (
            Parameter("rows", 32, Choices((8, 16, 32))),
            Parameter("buffer_kib", 512, Range(256, 1024, "pow2", integer=True)),
            Parameter("dataflow", "weight_stationary", Choices(("weight_stationary", "output_stationary"))),
        )
    )


def test_space_by_hand(space: Space) -> None:
    assert space.names == ("rows", "buffer_kib", "dataflow")
    assert space.size == 3 * 3 * 2
    assert len(space) == 3
    assert space["rows"].default == 32
    assert space.defaults() == {"rows": 32, "buffer_kib": 512, "dataflow": "weight_stationary"}


def test_sizes_of_spaces(space: Space) -> None:
    continuous = Space((Parameter("ghz", 1.0, Range(0.1, 2)),))
    assert Space(()).size == 1
    assert (space + continuous).size == math.inf
    many = Space(tuple(Parameter(f"p{i}", 1, Range(1, 10**9, integer=True)) for i in range(40)))
    assert many.size == 10**360
    assert (many + continuous).size == math.inf


def test_grid_of_a_space_counts_up_with_the_last_parameter_fastest(space: Space) -> None:
    points = list(space.grid())
    assert len(points) == space.size
    assert [tuple(point.values()) for point in points[:3]] == [
        (8, 256, "weight_stationary"),
        (8, 256, "output_stationary"),
        (8, 512, "weight_stationary"),
    ]
    assert len({tuple(point.items()) for point in points}) == len(points)


def test_complete_fills_in_defaults_and_keeps_the_order(space: Space) -> None:
    point = space.complete({"dataflow": "output_stationary"}, "hardware")
    assert list(point.items()) == [("rows", 32), ("buffer_kib", 512), ("dataflow", "output_stationary")]


def test_complete_reports_all_problems_at_once(space: Space, problems_of: ProblemsOf) -> None:
    given = {"rows": 33, "row": 8, "buffer_kib": 300, "dataflow": "weight_stationery", "depth": 2}
    problems = problems_of(space.complete, given, "hardware")
    assert [(p.field, p.suggestion) for p in problems] == [
        ("hardware.rows", None),
        ("hardware.row", "rows"),
        ("hardware.buffer_kib", None),
        ("hardware.dataflow", "weight_stationary"),
        ("hardware.depth", None),
    ]
    assert problems[2].allowed == "256 times a power of two from 256 to 1024"
    assert problems[4].allowed == "rows, buffer_kib, dataflow"


def test_complete_refuses_true_for_a_number(problems_of: ProblemsOf) -> None:
    space = Space((Parameter("batch", 1, Range(1, 8, integer=True)), Parameter("skip", True, Choices((True, False)))))
    problems = problems_of(space.complete, {"batch": True, "skip": 1}, "network")
    assert [p.field for p in problems] == ["network.batch", "network.skip"]


def test_complete_turns_numpy_scalars_into_plain_values(space: Space) -> None:
    point = space.complete({"rows": np.int64(16), "dataflow": np.str_("output_stationary")}, "hardware")  # type: ignore[dict-item]
    assert [type(value) for value in point.values()] == [int, int, str]


def test_unknown_parameter_by_subscript(space: Space, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(space.__getitem__, "rowz")
    assert problem.suggestion == "rows"


def test_two_parameters_cannot_share_a_name(space: Space, problems_of: ProblemsOf) -> None:
    problems = problems_of(lambda: space + Space((space["rows"], space["dataflow"])))
    assert [p.field for p in problems] == ["rows", "dataflow"]


def test_prefixed_spaces_stand_side_by_side(space: Space) -> None:
    both = space.prefixed("network") + space.prefixed("hardware")
    assert both.names[:1] + both.names[3:4] == ("network.rows", "hardware.rows")
    assert both["hardware.rows"].domain == space["rows"].domain
    assert both.size == space.size**2


def test_sampling_repeats_with_its_seed(space: Space) -> None:
    def draw(seed: int) -> list[dict[str, Value]]:
        rng = np.random.default_rng(seed)
        return [space.sample(rng) for _ in range(50)]

    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_sampling_uses_every_value_about_equally(space: Space) -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(space.sample(rng)["buffer_kib"] for _ in range(3000))
    assert set(drawn) == {256, 512, 1024}
    assert all(abs(count - 1000) < 5 * math.sqrt(1000 * 2 / 3) for count in drawn.values())


@given(st.lists(domains, min_size=1, max_size=4), st.integers(0, 2**32))
def test_samples_are_points_of_the_space(members: list[Domain], seed: int) -> None:
    space = Space(tuple(Parameter(f"p{i}", domain.at(0.5), domain) for i, domain in enumerate(members)))
    point = space.sample(np.random.default_rng(seed))
    assert space.complete(point, "space") == point


def test_a_point_needs_one_fraction_a_parameter(space: Space) -> None:
    assert space.at(np.array([1.0, 0.5, 0.0])) == {"rows": 32, "buffer_kib": 512, "dataflow": "weight_stationary"}
    with pytest.raises(ValueError, match="zip"):
        space.at(np.array([0.5, 0.5]))
