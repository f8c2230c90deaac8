"""Many points as columns: read like points, put together from values and arrays, told apart by their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import Problem
from accelsim.parameters import Choices, Parameter, Point, Points, Range, Space, Value, table_of_points
from accelsim.parameters.table import is_numeric

ProblemsOf = Callable[..., tuple[Problem, ...]]

SPACE = Space(
    (
        Parameter("rows", 8, Range(1, 64, integer=True)),
        Parameter("share", 0.5, Range(0.0, 1.0)),
        Parameter("flow", "weights", Choices(("weights", "outputs", "a longer word"))),
        Parameter("sliding", False, Choices((False, True))),
        Parameter("act", "none", Choices(("none", 0, 1, 2.5, True))),
    )
)


@st.composite
def points(draw: st.DrawFn, most: int = 12) -> list[Point]:
    """Draw complete points."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return [SPACE.sample(rng) for _ in range(draw(st.integers(1, most)))]


def same(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Return whether points are equal, true and 1 told apart."""

    def switches(some: Sequence[Point]) -> list[bool]:
        return [isinstance(value, bool) for point in some for value in point.values()]

    return list(one) == list(other) and switches(one) == switches(other)


@given(points())
def test_columns_read_as_the_points_they_were_made_of(written: list[Point]) -> None:
    table = Points.of(written)
    assert len(table) == len(written)
    assert same(table, written)
    assert same([table[-1], table[0]], [written[-1], written[0]])
    assert same(table[1:4], written[1:4])
    assert isinstance(table[1:4], Points)
    for place in (len(written), -len(written) - 1):
        with pytest.raises(IndexError):
            table[place]


@given(points(), st.data())
def test_points_are_taken_in_the_order_asked_for(written: list[Point], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(written) - 1), min_size=1))
    assert same(list(Points.of(written).take(np.array(places))), [written[place] for place in places])


@settings(max_examples=200)
@given(points(most=30))
def test_points_alike_have_the_same_words_and_switches(written: list[Point]) -> None:
    table = Points.of(written)

    def words(point: Point) -> tuple[tuple[type, Value], ...]:
        # Numbers count too in a column that holds words beside them.
        names = [name for name, column in table.columns.items() if not is_numeric(column)]
        return tuple((type(point[name]), point[name]) for name in names)

    expected: dict[object, list[int]] = {}
    for place, point in enumerate(written):
        expected.setdefault(words(point), []).append(place)
    assert [group.tolist() for group in table.alike()] == list(expected.values()), "in the order they turn up"


def test_numbers_alone_are_all_alike() -> None:
    table = Points({"rows": np.array([3, 1, 3]), "share": np.array([0.5, 0.1, 0.2])})
    assert [group.tolist() for group in table.alike()] == [[0, 1, 2]]


def test_true_is_not_one() -> None:
    table = Points.of([{"act": value} for value in (1, True, "none", 1, True)])
    assert [group.tolist() for group in table.alike()] == [[0, 3], [1, 4], [2]]


def test_a_space_without_parameters_has_one_point() -> None:
    table = table_of_points(Space(()), {}, "plain")
    assert len(table) == 1
    assert list(table) == [{}]
    assert [group.tolist() for group in table.alike()] == [[0]]


def test_what_is_not_given_takes_its_default() -> None:
    table = table_of_points(SPACE, {}, "unit")
    assert same(table, [SPACE.defaults()])
    table = table_of_points(SPACE, {"rows": np.array([4, 5]), "share": 0.25}, "unit")
    assert same(table, [SPACE.defaults() | {"rows": rows, "share": 0.25} for rows in (4, 5)])
    assert list(table.columns) == list(SPACE.names)


@given(points())
def test_every_parameter_may_be_an_array(written: list[Point]) -> None:
    columns = {name: np.array([point[name] for point in written], dtype=object) for name in SPACE.names}
    assert same(list(table_of_points(SPACE, columns, "unit")), written)


def test_scalars_of_numpy_are_plain_values() -> None:
    table = table_of_points(SPACE, {"rows": np.int64(4), "share": np.float64(0.5), "flow": np.str_("outputs")}, "unit")
    assert same(table, [SPACE.defaults() | {"rows": 4, "share": 0.5, "flow": "outputs"}])
    assert same(list(table_of_points(SPACE, {"rows": np.array(4)}, "unit")), [SPACE.defaults() | {"rows": 4}])


@pytest.mark.parametrize(
    ("given_values", "field", "message", "got"),
    [
        (
            {"rows": np.array([1, 2]), "share": np.array([0.5])},
            "unit",
            "arrays of different lengths",
            "rows 2, share 1",
        ),
        ({"row": np.array([1, 2])}, "unit.row", "unknown parameter", "'row'"),
        ({"row": 1}, "unit.row", "unknown parameter", "'row'"),
        ({"rows": np.array([1, 65, 66])}, "unit.rows", "outside the domain", "65"),
        ({"rows": np.array([1, 2.5])}, "unit.rows", "outside the domain", "2.5"),
        ({"rows": 65, "share": np.array([0.1])}, "unit.rows", "outside the domain", "65"),
        ({"flow": np.array(["weights", "weight"])}, "unit.flow", "outside the domain", "'weight'"),
        ({"share": np.array([0.1, np.nan])}, "unit.share", "outside the domain", "nan"),
        ({"sliding": np.array([0, 1])}, "unit.sliding", "outside the domain", "0"),
        ({"rows": np.array([True])}, "unit.rows", "outside the domain", "True"),
    ],
)
def test_mistakes_are_named(
    given_values: dict[str, object], field: str, message: str, got: str, problems_of: ProblemsOf
) -> None:
    (problem,) = problems_of(table_of_points, SPACE, given_values, "unit")
    assert problem.field == field
    assert message in problem.message
    assert problem.got == got


def test_every_array_at_fault_is_named(problems_of: ProblemsOf) -> None:
    wrong = {"rows": np.array([0, 1]), "flow": np.array(["weights", "x"]), "colums": np.array([1, 2])}
    fields = [problem.field for problem in problems_of(table_of_points, SPACE, wrong, "unit")]
    assert sorted(fields) == ["unit.colums", "unit.flow", "unit.rows"]
