"""Colours and markers: consistent, and told apart without full colour vision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from accelsim.report.palette import GRID, INK, MUTED, OPERAND_COLOURS, bottleneck_colours, kind_colours, looks

#: What is left of linear red, green and blue to a viewer without one kind of cone (Machado and others 2009).
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(colour: str, viewer: str) -> np.ndarray:
    """Return the CIE Lab coordinates of a colour as a viewer sees it."""
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = _TO_XYZ @ np.clip(BLINDNESS[viewer] @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def least_difference(colours: list[str], viewer: str) -> float:
    """Return the smallest difference (CIE 1976) between two colours; about 2 can just be told apart side by side."""
    return min(float(np.linalg.norm(seen(a, viewer) - seen(b, viewer))) for a, b in itertools.combinations(colours, 2))


@pytest.mark.parametrize("viewer", BLINDNESS)
def test_the_first_four_templates_differ_in_colour_for_every_viewer(viewer: str) -> None:
    assert least_difference([look.colour for look in looks("abcd").values()], viewer) > 15


@pytest.mark.parametrize("viewer", BLINDNESS)
def test_operands_differ_in_colour_for_every_viewer(viewer: str) -> None:
    assert least_difference(list(OPERAND_COLOURS.values()), viewer) > 12


@pytest.mark.parametrize("viewer", BLINDNESS)
def test_the_commonest_bottlenecks_differ_in_colour_for_every_viewer(viewer: str) -> None:
    memories = ["dram", "buffer", "weights"]
    names = ["compute", "vector", "dispatch", *(f"{memory}:{operand}" for memory in memories for operand in "WIO")]
    assert least_difference(list(bottleneck_colours(names, memories).values()), viewer) > 10


def test_templates_differ_in_marker_too() -> None:
    first = list(looks("abcdef").values())
    assert len({look.marker for look in first}) == len({look.symbol for look in first}) == 6


def test_a_name_keeps_its_look_whatever_comes_after_it() -> None:
    assert looks(["systolic", "npu"])["npu"] == looks(["systolic", "npu", "npu", "edge_tpu"])["npu"]


def test_more_templates_than_colours_still_look_different() -> None:
    many = looks([str(number) for number in range(12)])
    assert len(set(many.values())) == 12


def test_bottlenecks_stand_in_the_order_compute_memories_others() -> None:
    names = ["vector", "buffer:I", "dram:O", "compute", "host_op", "dram:I"]
    assert list(bottleneck_colours(names, ["dram", "buffer"])) == [
        "compute",
        "dram:I",
        "dram:O",
        "buffer:I",
        "vector",
        "host_op",
    ]


def test_inner_memories_never_have_the_outermost_s_colours() -> None:
    memories = [f"level{depth}" for depth in range(9)]
    colours = bottleneck_colours([f"{memory}:W" for memory in memories], memories)
    outermost = colours.pop("level0:W")
    assert outermost not in colours.values()


def test_colours_for_drawing_lines_are_used_for_nothing_else() -> None:
    # The page replaces them by the colours of its theme.
    names = ["compute", "vector", "dispatch", *(f"m{level}:{operand}" for level in range(6) for operand in "WIO"), "x"]
    used = {look.colour for look in looks("abcdefgh").values()} | set(OPERAND_COLOURS.values())
    used |= set(bottleneck_colours(names, [f"m{level}" for level in range(6)]).values())
    used |= set(kind_colours([str(number) for number in range(12)]).values())
    assert not used & {INK, MUTED, GRID}


def test_kinds_beyond_the_palette_are_grey_alike() -> None:
    colours = list(kind_colours([str(number) for number in range(11)]).values())
    assert len(set(colours[:9])) == 9
    assert colours[8] == colours[9] == colours[10]
