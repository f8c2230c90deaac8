"""How many pieces cuts leave of a dim, and of what size, against cutting it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.cuts import Cut, cuts_of, tiles_of

from accelsim.cost.pieces import Question, begun, counts, pieces
from accelsim.mapping.nest import Cuts


def in_arrays(cuts: list[Cut]) -> Cuts:
    return Cuts(np.array([cut.tiles for cut in cuts]), np.array([cut.copies for cut in cuts]))


def mask_of(places: tuple[int, ...]) -> int:
    return sum(1 << place for place in places)


def sizes_of(size: int, cuts: Cuts, row: int, first: tuple[int, ...] = ()) -> Counter[int]:
    """Return the sizes of the pieces that reach the array, and how many there are of each."""
    sizes, times = pieces(size, cuts, mask_of(first))
    return Counter({piece: met for piece, met in zip(sizes[row].tolist(), times[row].tolist(), strict=True) if met})


@st.composite
def divided(draw: st.DrawFn) -> tuple[int, list[Cut]]:
    """Draw a loop and some ways to cut it."""
    size = draw(st.integers(1, 40))
    return size, draw(cuts_of(size, draw(st.integers(1, 3)), 3))


def some_places(levels: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, levels + 1), unique=True).map(tuple)


@settings(max_examples=200)
@given(divided(), st.data())
def test_pieces_are_what_reaches_the_array(loop: tuple[int, list[Cut]], data: st.DataObject) -> None:
    size, cuts = loop
    levels = len(cuts[0].tiles)
    first = data.draw(some_places(levels))
    for row, cut in enumerate(cuts):
        tiles = tiles_of(size, cut, levels + 1, first=first)
        assert sizes_of(size, in_arrays(cuts), row, first) == Counter(tile.end - tile.start for tile in tiles)


@settings(max_examples=200)
@given(divided(), st.data())
def test_counts_and_points_are_those_of_the_tiles(loop: tuple[int, list[Cut]], data: st.DataObject) -> None:
    size, cuts = loop
    levels = len(cuts[0].tiles)
    firsts = data.draw(st.lists(some_places(levels), min_size=1, max_size=3))
    places = data.draw(st.tuples(*[st.integers(1, levels + 1)] * len(firsts)))
    asked: tuple[Question, ...] = tuple((place, mask_of(first)) for place, first in zip(places, firsts, strict=True))
    counted, summed = counts(size, in_arrays(cuts), asked)
    assert counted.shape == (len(cuts), len(asked), levels + 2)
    for row, cut in enumerate(cuts):
        for question, (place, first) in enumerate(zip(places, firsts, strict=True)):
            for walked in range(levels + 2):
                met = tiles_of(size, cut, place, first=first, walked=walked)
                assert counted[row, question, walked] == len(met)
            assert summed[row, question] == sum(tile.end - tile.start for tile in met)


@settings(max_examples=200)
@given(divided())
def test_begun_is_what_all_copies_take_at_first(loop: tuple[int, list[Cut]]) -> None:
    size, cuts = loop
    found = begun(size, in_arrays(cuts))
    for row, cut in enumerate(cuts):
        for place in range(1, len(cut.tiles) + 1):
            at_once = tiles_of(size, cut, place, walked=0)
            assert found[row, place - 1] == sum(tile.end - tile.start for tile in at_once)


@settings(max_examples=100)
@given(divided())
def test_all_copies_together_take_every_point_once(loop: tuple[int, list[Cut]]) -> None:
    size, cuts = loop
    for row in range(len(cuts)):
        assert sum(piece * met for piece, met in sizes_of(size, in_arrays(cuts), row).items()) == size


@pytest.mark.parametrize(
    ("size", "tiles", "expected"),
    [
        (10, (5,), {5: 2}),
        (10, (4,), {4: 2, 2: 1}),
        # 10 = 6 + 4; 6 = 4 + 2, 4 = 4.
        (10, (6, 4), {4: 2, 2: 1}),
        # 11 = 7 + 4; 7 = 3 + 3 + 1, 4 = 3 + 1.
        (11, (7, 3), {3: 3, 1: 2}),
        # 17 = 9 + 8; 9 = 5 + 4, 8 = 5 + 3; 5 = 2 + 2 + 1, 4 = 2 + 2, 5 = 2 + 2 + 1, 3 = 2 + 1.
        (17, (9, 5, 2), {2: 7, 1: 3}),
    ],
)
def test_pieces_by_hand(size: int, tiles: tuple[int, ...], expected: dict[int, int]) -> None:
    assert sizes_of(size, Cuts.of(np.array([tiles])), 0) == expected
    assert sum(piece * met for piece, met in expected.items()) == size


def test_copies_by_hand() -> None:
    # 11 = 3 + 3, 3 + 2 for two copies in two turns; the array's three copies deal a 3 as 1 + 1 + 1, a 2 as 1 + 1.
    cuts = Cuts(np.array([[3]]), np.array([[2, 3]]))
    assert sizes_of(11, cuts, 0) == {1: 11}
    assert sizes_of(11, cuts, 0, (1,)) == {1: 6}, "the first of the two memories has 3 in either turn"
    assert sizes_of(11, cuts, 0, (2,)) == {1: 4}, "one array in each memory"
    assert sizes_of(11, cuts, 0, (1, 2)) == {1: 2}
    counted, summed = counts(11, cuts, ((1, 0), (1, 2), (2, 4)))
    # No loop walked: the first turn of both copies, of one, of one array in each; then the loop outside, then all.
    assert counted.tolist() == [[[2, 4, 4], [1, 2, 2], [2, 4, 4]]]
    assert summed.tolist() == [[11, 6, 4]]
    assert begun(11, cuts).tolist() == [[6]]


def test_the_array_deals_a_tile_out_evenly() -> None:
    # 7 for 3 copies: 3 + 3 + 1; a tile of 5, dealt as a full one is: 3 + 2, and the third copy rests.
    cuts = Cuts(np.array([[7]]), np.array([[1, 3]]))
    assert cuts.places.tolist() == [[7, 3]]
    assert sizes_of(12, cuts, 0) == {3: 3, 1: 1, 2: 1}


def test_a_loop_turns_more_than_once_if_copies_do_not_take_all() -> None:
    cuts = Cuts(np.array([[4, 2], [4, 4], [8, 2]]), np.array([[2, 1, 1], [3, 1, 1], [1, 4, 1]]))
    assert cuts.outer(10).tolist() == [[10, 4], [10, 4], [10, 8]]
    assert cuts.steps(10).tolist() == [[8, 2], [10, 4], [8, 8]], "at most what there is"
    assert len(cuts) == 3
