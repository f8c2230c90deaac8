"""Tiles worth trying for every dim of an op, and where a search among them starts.

A loop of ``size`` that is cut into ``n`` parts needs tiles of ``ceil(size / n)``: smaller ones would make more parts,
larger ones would take room for nothing. To these come multiples of what an axis of the array takes, and powers of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["Menu", "menu_of", "thinned"]

Flags = npt.NDArray[np.bool_]
#: Places in ``DIMS``: batch and planes to columns are pixels; planes to columns of the filter are its taps.
_BATCH, _GROUP, _KERNEL, _CHANNEL, _PLANE, _ROW, _COLUMN, _TAPS, _END = 0, 1, 2, 3, 4, 5, 6, 7, 10
#: More tiles than a dim ever has, and ways to cut pixels at the start.
_MOST = 1024
#: Powers of two, from the first to the last.
_SMALLEST, _LARGEST = 8, 1 << 40
#: Multiples of an axis, so many of them.
_MULTIPLES = 8
#: Rows and columns of a tile of the start differ at most by this factor, unless rows are whole.
_OBLONG = 2.25


class Menu(NamedTuple):
    """Tiles of every dim; a choice is named by its place.

    Attributes:
        tiles: Shape ``(dims, tiles)``: largest first, the whole loop; 1 behind the last.
        last: Shape ``(dims,)``: place of the last, which is a single element.
        start: Shape ``(rows, dims)``: places, coarsely spread over all combinations.
    """

    tiles: Ints
    last: Ints
    start: Ints


def menu_of(op: Op, axes: Sequence[tuple[int, tuple[Dim, ...]]], finer: int, apart: int = 4) -> Menu:
    """Return the tiles to choose from.

    Args:
        op: The op.
        axes: PEs along an axis of the array, and the dims that share it as one loop.
        finer: Above so many parts the next number of parts is larger by this fraction: 8 for an eighth.
        apart: Tiles of the start are this factor apart.
    """
    along, beside = np.ones(len(DIMS), dtype=np.int64), np.ones(len(DIMS), dtype=np.int64)
    taps = {tap for _, tap in WINDOWS}
    for size, dims in axes:
        whole = math.prod(op.size(dim) for dim in dims if dim in taps)
        for dim in dims:
            along[dim.position], beside[dim.position] = size, 1 if dim in taps else whole
    return Menu(*_menu(np.array(op.sizes), along, beside, finer, apart))


@compiled
def _menu(sizes: Ints, along: Ints, beside: Ints, finer: int, apart: int) -> tuple[Ints, Ints, Ints]:
    """Return tiles, the places of the last, and the start."""
    every, last, marks = np.empty((_END, _MOST), np.int64), np.empty(_END, np.int64), np.zeros((_END, _MOST), np.bool_)
    _fill(sizes, along, beside, finer, apart, every, last, marks)
    tiles = np.ones((_END, last.max() + 1), np.int64)
    for dim in range(_END):
        for place in range(last[dim] + 1):
            tiles[dim, place] = every[dim, place]
    pixels = np.empty((_MOST, 4), np.int64)
    return tiles, last, _start(last, marks, pixels[: _pixels(tiles, last, marks, pixels)])


def thinned(menu: Menu, most: int) -> Menu:
    """Return a menu with at most so many tiles of a dim: those of the start, then the farthest from all others."""
    if np.all(menu.last < most):
        return menu
    return Menu(*_thinned(*menu, most))


@compiled
def _thinned(tiles: Ints, last: Ints, start: Ints, most: int) -> tuple[Ints, Ints, Ints]:
    tiles, last, start = tiles.copy(), last.copy(), start.copy()
    for dim in range(_END):
        if last[dim] < most:
            continue
        own = np.log(tiles[dim, : last[dim] + 1])
        # How far each is from all that are kept; a place is marked if the start takes it.
        apart, marked = np.minimum(own[0] - own, own), np.zeros(len(own), np.bool_)
        for row in range(len(start)):
            marked[start[row, dim]] = True
        kept = np.zeros(len(own), np.bool_)
        kept[0] = kept[-1] = True
        for _ in range(most - 2):
            farthest = -1
            for first in (True, False):
                for place in range(len(own)):
                    if kept[place] or (first and not marked[place]):
                        continue
                    if farthest < 0 or apart[place] > apart[farthest]:
                        farthest = place
                if farthest >= 0:
                    break
            kept[farthest] = True
            apart = np.minimum(apart, np.abs(own - own[farthest]))
        places = np.flatnonzero(kept)
        nearest = np.empty(len(own), np.int64)
        for place in range(len(own)):
            nearest[place] = np.argmin(np.abs(own[places] - own[place]))
        for row in range(len(start)):
            start[row, dim] = nearest[start[row, dim]]
        left = tiles[dim, places]
        tiles[dim] = 1
        tiles[dim, : len(left)], last[dim] = left, len(left) - 1
    return tiles, last, start


@compiled
def _parts(size: int, dim: int, alone: bool, finer: int, found: Ints) -> int:
    """Fill the tiles that cut a loop into equal parts; return how many there are."""
    count, parts = 0, 1
    while True:
        found[count] = -(-size // parts)
        count += 1
        if found[count - 1] == 1:
            return count
        if dim == _GROUP and alone:
            # Groups run one after the other: whole, or one at a time.
            parts = size
        elif dim >= _TAPS:
            parts = 2 if parts == 1 else size
        else:
            parts = max(parts + 1, parts + parts // finer)


@compiled
def _fill(
    sizes: Ints, along: Ints, beside: Ints, finer: int, apart: int, tiles: Ints, last: Ints, marks: Flags
) -> None:
    """Fill the tiles of every dim, the place of the last, and which of them the start takes."""
    found = np.empty(_MOST, np.int64)
    for dim in range(_END):
        size, alone = sizes[dim], along[dim] == 1
        count = _parts(size, dim, alone, finer, found)
        if dim < _TAPS and not (dim == _GROUP and alone):
            power = _SMALLEST
            while power < size and power < _LARGEST:
                found[count], power = power, 2 * power
                count += 1
            for times in range(1, _MULTIPLES + 1):
                tile = times * along[dim] // beside[dim]
                if not alone and 1 <= tile < size:
                    found[count] = tile
                    count += 1
        ordered, place = np.sort(found[:count]), -1
        for at in range(count - 1, -1, -1):
            if place < 0 or ordered[at] != tiles[dim, place]:
                place += 1
                tiles[dim, place] = ordered[at]
        last[dim] = place
        _mark(tiles[dim], place, along[dim], apart, marks[dim])


@compiled
def _mark(tiles: Ints, last: int, along: int, factor: int, marks: Flags) -> None:
    """Mark the first tile, the last, and those nearest to an axis times powers of a factor."""
    marks[0] = marks[last] = True
    wanted = along
    while wanted > factor:
        wanted //= factor
    while wanted < tiles[0]:
        nearest, least = 0, np.inf
        for place in range(last + 1):
            apart = max(tiles[place] / wanted, wanted / tiles[place])
            if apart < least:
                nearest, least = place, apart
        marks[nearest] = True
        wanted *= factor


@compiled
def _pixels(tiles: Ints, last: Ints, marks: Flags, found: Ints) -> int:
    """Fill ways to cut batch, planes, rows and columns; return how many there are."""
    count = 0
    for batch in range(last[_BATCH] + 1):
        if not marks[_BATCH, batch]:
            continue
        for plane in range(last[_PLANE] + 1):
            if not marks[_PLANE, plane] or (plane > 0 and batch < last[_BATCH]):
                continue
            for row in range(last[_ROW] + 1):
                if not marks[_ROW, row] or (row > 0 and (plane < last[_PLANE] or batch < last[_BATCH])):
                    continue
                for column in range(last[_COLUMN] + 1):
                    ratio = tiles[_ROW, row] / tiles[_COLUMN, column]
                    square = 1 / _OBLONG < ratio < _OBLONG and plane == last[_PLANE] and batch == last[_BATCH]
                    if not marks[_COLUMN, column] or (column > 0 and row < last[_ROW] and not square):
                        continue
                    if column > 0 and (plane < last[_PLANE] or batch < last[_BATCH]):
                        continue
                    found[count, 0], found[count, 1], found[count, 2], found[count, 3] = batch, plane, row, column
                    count += 1
    return count


@compiled
def _start(last: Ints, marks: Flags, pixels: Ints) -> Ints:
    """Return every combination of groups, kernels, channels, ways to cut pixels, and the filter."""
    kernels, channels = np.flatnonzero(marks[_KERNEL]), np.flatnonzero(marks[_CHANNEL])
    # The filter whole, a row of it at a time, or a tap.
    row, tap = last[_TAPS] + last[_TAPS + 1] > 0, last[_END - 1] > 0
    groups, taps = 1 + (last[_GROUP] > 0), 1 + row + tap
    found = np.zeros((groups * len(kernels) * len(channels) * len(pixels) * taps, _END), np.int64)
    at = 0
    for group in range(groups):
        for kernel in kernels:
            for channel in channels:
                for pixel in range(len(pixels)):
                    for way in range(taps):
                        found[at, _BATCH], found[at, _GROUP] = pixels[pixel, 0], group * last[_GROUP]
                        found[at, _KERNEL], found[at, _CHANNEL] = kernel, channel
                        found[at, _PLANE], found[at, _ROW], found[at, _COLUMN] = pixels[pixel, 1:]
                        if way > 0:
                            found[at, _TAPS:] = last[_TAPS:]
                        if way == 1 and row:
                            found[at, _END - 1] = 0
                        at += 1
    return found
