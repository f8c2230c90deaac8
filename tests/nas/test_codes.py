"""Points by the codes of their values: what is equal has one code, and what is no value of a parameter has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.nas import codes as module
from accelsim.nas.codes import Coder, grouped
from accelsim.parameters import Choices, Parameter, Points, Range, Space

SPACE = Space(
    (
        Parameter("depth", 2, Choices((2, 3, 4))),
        Parameter("act", "relu", Choices(("relu", "swish"))),
        Parameter("fused", False, Choices((True, False))),
        Parameter("width", 1.0, Range(0.5, 2.0)),
    )
)
COLUMNS = st.integers(1, 30).flatmap(
    lambda count: st.lists(st.lists(st.integers(0, 4), min_size=count, max_size=count), min_size=0, max_size=4).map(
        lambda columns: (count, [np.array(column) for column in columns])
    )
)


@given(COLUMNS, st.sampled_from([5, 7, 1000, 2**20, 2**40]))
def test_groups_are_of_those_with_the_same_codes(given_columns: tuple[int, list[np.ndarray]], among: int) -> None:
    """Whether by a table, by sorting, or with keys made small on the way."""
    count, columns = given_columns
    members, group = grouped([(column, among) for column in columns], count)
    rows = [tuple(int(column[place]) for column in columns) for place in range(count)]
    assert sorted(rows[member] for member in members) == sorted(set(rows))
    assert [rows[members[number]] for number in group] == rows


def test_equal_values_have_one_code_and_defaults_are_filled_in() -> None:
    coded = Coder(SPACE).coded([{}, {"depth": 3, "width": 1.5}, {"depth": 2, "act": "swish"}, {"width": 1}])
    assert not coded.wrong.any()
    assert coded.columns["depth"].tolist() == [0, 1, 0, 0]
    assert coded.columns["width"].tolist() == [0, 1, 0, 0]
    assert coded.point(1) == {"depth": 3, "act": "relu", "fused": False, "width": 1.5}
    assert coded.point(2) == {"depth": 2, "act": "swish", "fused": False, "width": 1.0}


@pytest.mark.parametrize(
    "point",
    [
        {"depth": 5},
        {"depth": "2"},
        {"depth": [2]},
        {"depth": None},
        {"depth": (2,)},
        {"fused": 1},
        {"fused": "true"},
        {"width": 2.5},
        {"width": float("nan")},
        {"width": True},
        {"act": "gelu"},
        {"depht": 2},
    ],
)
def test_what_is_no_point_is_wrong_alone(point: dict[str, object]) -> None:
    coder = Coder(SPACE)
    for _ in range(2):
        assert coder.coded([{"depth": 2, "fused": True}, point, {}]).wrong.tolist() == [False, True, False]  # type: ignore[list-item]
    assert SPACE.complete({"depth": 2, "fused": True}, "here")
    with pytest.raises(Exception, match=next(iter(point))):
        SPACE.complete(point, "here")  # type: ignore[arg-type]


def test_true_is_not_1() -> None:
    coder = Coder(Space((Parameter("x", 1, Choices((1, True, 0))),)))
    coded = coder.coded([{"x": 1}, {"x": True}, {"x": 0}, {"x": False}, {"x": np.int64(1)}, {"x": np.True_}])
    codes = coded.columns["x"].tolist()
    assert codes == [0, 1, 2, -1, 0, 1]
    assert [type(coded.point(place)["x"]) for place in (0, 1, 2)] == [int, bool, int]


def test_columns_are_read_as_points_are() -> None:
    points = [{"depth": 3, "act": "swish", "fused": True, "width": 0.5}, SPACE.defaults()]
    coder = Coder(SPACE)
    as_points, as_columns = coder.coded(points), coder.coded(Points.of(points))
    for name, column in as_points.columns.items():
        assert column.tolist() == as_columns.columns[name].tolist()
    assert as_columns.point(0) == points[0]
    assert [type(value) for value in as_columns.point(0).values()] == [int, str, bool, float]
    assert coder.coded(Points({"depth": np.array([2, 7])})).wrong.tolist() == [False, True]


def test_codes_of_a_continuous_parameter_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_VALUES", 10)
    coder = Coder(SPACE)
    widths = np.linspace(0.5, 2.0, 40).tolist()
    for start in range(0, 40, 8):
        coded = coder.coded([{"width": width} for width in widths[start : start + 8]])
        assert [coded.point(place)["width"] for place in range(8)] == widths[start : start + 8]
        assert len(coded.values["width"]) <= 10 + 8
