"""A dim cut level by level, tile after tile, each with its place; nothing is counted here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

__all__ = ["Cut", "Tile", "cuts_of", "tiles_of"]


@dataclass(frozen=True)
class Cut:
    """Tiles of levels 1 to ``L``, and copies of these and of the array."""

    tiles: tuple[int, ...]
    copies: tuple[int, ...]


@dataclass(frozen=True)
class Tile:
    """From ``start`` to ``end``; ``at`` says for every place which turn of the loop outside, and which copy."""

    start: int
    end: int
    at: tuple[tuple[int, int], ...] = ()


def tiles_of(size: int, cut: Cut, place: int, *, first: Sequence[int] = (), walked: int | None = None) -> list[Tile]:
    """Return the tiles at a place, 1 to ``L`` or ``L + 1``, the array.

    Args:
        size: Loop size.
        cut: How it is cut.
        place: Where.
        first: Places of which only the first copy counts.
        walked: How many of the loops, from the outermost, take all their turns; the others take the first.
    """
    found = [Tile(0, size)]
    for inner in range(1, place + 1):
        all_turns = walked is None or inner <= walked
        found = [part for tile in found for part in _dealt(tile, cut, inner, all_turns, inner in first)]
    return found


def _dealt(tile: Tile, cut: Cut, place: int, all_turns: bool, first: bool) -> Iterator[Tile]:
    copies = cut.copies[place - 1]
    # The copies of the array share the innermost tile evenly.
    each = cut.tiles[place - 1] if place <= len(cut.tiles) else -(-cut.tiles[-1] // copies)
    for turn, start in enumerate(range(tile.start, tile.end, each * copies)):
        for copy in range(copies):
            begin, end = start + copy * each, min(start + (copy + 1) * each, tile.end)
            if begin < end and (all_turns or turn == 0) and (not first or copy == 0):
                yield Tile(begin, end, (*tile.at, (turn, copy)))


@st.composite
def cuts_of(draw: st.DrawFn, size: int, levels: int, count: int) -> list[Cut]:
    """Draw some cuts of a loop."""
    found = []
    for _ in range(count):
        tiles, outer = [], size
        for _ in range(levels):
            outer = draw(st.integers(1, outer))
            tiles.append(outer)
        found.append(Cut(tuple(tiles), tuple(draw(st.sampled_from([1, 1, 2, 3, 4])) for _ in range(levels + 1))))
    return found
