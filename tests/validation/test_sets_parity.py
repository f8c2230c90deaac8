"""Parity plots: which points are drawn, on which axes, and that the same points give the same picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from accelsim.report.parity import ParityPanel, draw, panel, parity_png, size


def made(
    predicted: list[float], reference: list[float], unit: str = "", groups: list[str] | None = None
) -> ParityPanel:
    """Return a panel that can be drawn."""
    found = panel("cycles", unit, groups or [""] * len(predicted), np.array(predicted), np.array(reference))
    assert found is not None
    return found


def test_points_keep_their_groups_and_share_a_scale() -> None:
    found = made([2e6, 4e6, 6e6], [1e6, 4e6, 8e6], groups=["x", "y", "x"])
    assert found.groups == {"x": ((1.0, 8.0), (2.0, 6.0)), "y": ((4.0,), (4.0,))}
    assert found.axis.scale.unit == "M" and found.axis.log
    low, high = found.axis.limits
    assert low < 1 and high > 8


@pytest.mark.parametrize(
    ("unit", "shown"), [("", "k"), ("words", "k words"), ("B", "kB"), ("1/s", "1/s"), ("ms", "s"), ("pJ", "nJ")]
)
def test_units_are_shown_with_a_prefix_where_they_have_one(unit: str, shown: str) -> None:
    assert made([2000, 3000], [2000, 9000], unit).axis.scale.unit == shown


def test_points_with_a_0_are_left_out_and_counted() -> None:
    found = made([1, 0, 2, 0], [1, 5, 0, 0])
    assert found.left_out == 3 and found.groups == {"": ((1.0,), (1.0,))}
    assert panel("cycles", "", ["", ""], np.array([0.0, 1.0]), np.array([1.0, 0.0])) is None


def test_points_that_are_all_alike_have_axes_with_room() -> None:
    low, high = made([150, 150], [150, 150]).axis.limits
    assert high / low >= 3 and low < 150 < high


def test_a_drawing_has_the_band_the_line_and_the_points() -> None:
    figure = Figure()
    draw(figure, [made([2, 4, 6], [1, 4, 8], groups=["x", "y", "x"]), made([1, 0], [1, 2], groups=["x", "x"])])
    first, second = figure.axes
    assert len(first.collections) == 1 and [len(line.get_xdata()) for line in first.lines] == [2, 2, 1]
    band = first.collections[0].get_paths()[0].vertices
    low, high = first.get_xlim()
    assert first.get_ylim() == (low, high)
    assert band[:, 1].min() == pytest.approx(0.9 * low) and band[:, 1].max() == pytest.approx(1.1 * high)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y"]
    assert "1 points with a 0" in second.texts[0].get_text()


def test_points_without_groups_need_no_legend() -> None:
    figure = Figure()
    draw(figure, [made([1, 2], [1, 2])])
    assert not figure.legends


def test_the_same_points_give_the_same_png_of_the_stated_size() -> None:
    panels = [made([1, 2], [1, 3]), made([1, 2], [1, 3])]
    drawn = parity_png(panels)
    assert parity_png(panels) == drawn
    width, height = size(panels)
    assert Image.open(io.BytesIO(drawn)).size == pytest.approx((110 * width, 110 * height), abs=2)
    with pytest.raises(ValueError, match="panel"):
        parity_png([])
