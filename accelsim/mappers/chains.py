"""Ways to cut one dim into tiles of every level: those that could be part of a best mapping.

A mapping costs no less where a dim is cut into more tiles, larger tiles, or by loops that turn at more levels, if
everything else is the same: every factor of its cost is a count of tiles, a size of tiles, or a number of passes over
them, and cost grows with every factor. So of two ways to cut a dim, the one that is no better in anything is left out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.pieces import counts, pieces
from accelsim.cost.windows import windows
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

__all__ = ["Spatial", "View", "all_chains", "chains", "listed", "number_of_chains", "undominated"]

Floats = npt.NDArray[np.float64]
#: Loops that are longer are not cut in all ways first; those longer still, or with more ways, are cut as in ``deals``.
_LONGEST, _LONGEST_PAIRED, _MOST = 4, 4096, 30_000


class Spatial(NamedTuple):
    """How the array takes a dim.

    Attributes:
        most: PEs along its axis.
        beside: Tiles and pieces of the dims that share the axis with it as one loop, multiplied: ``((1, 1),)`` if there
            are none, none if the dim is on no axis.
        exact: Whether only cuts with the same pieces compare, since what shares the axis is not known.
        counted: Whether it matters into how many tiles the dim is cut: not if it indexes every operand.
    """

    most: float = 1.0
    beside: tuple[tuple[int, int], ...] = ()
    exact: bool = False
    counted: bool = True


class View(NamedTuple):
    """The window of which a dim is the output: filter, stride, dilation, padding, extent."""

    taps: int
    stride: int
    dilation: int
    padding: int
    extent: int


@lru_cache(maxsize=256)
def number_of_chains(size: int, levels: int) -> int:
    """Return the number of ways to cut a loop of ``size``: chains of tiles, none larger than the one outside it."""
    result = 1
    for level in range(levels):
        result = result * (size + level) // (level + 1)
    return result


@compiled
def _every(chains: Ints) -> None:
    levels = chains.shape[1]
    one = np.ones(levels, np.int64)
    for row in range(chains.shape[0]):
        chains[row] = one
        at = levels - 1
        # The innermost tile that may still grow; those inside it start anew.
        while at > 0 and one[at] == one[at - 1]:
            at -= 1
        one[at] += 1
        one[at + 1 :] = 1


@lru_cache(maxsize=64)
def all_chains(size: int, levels: int) -> Ints:
    """Return all ways to cut a loop of ``size``, shape ``(ways, levels)``, in rising order."""
    found = np.empty((number_of_chains(size, levels), levels), dtype=np.int64)
    _every(found)
    return found


@compiled
def _passes(size: int, tile: int, most: float, beside: Ints, found: Floats) -> None:
    """Add the passes over the tiles of a piece of ``size``, for each entry of ``beside``."""
    for at in range(len(beside)):
        room = min(float(tile * beside[at, 0]), most)
        whole, rest = size // tile, size % tile
        found[at] += whole * np.ceil(tile * beside[at, 1] / room) + np.ceil(rest * beside[at, 1] / room)


@compiled
def _next(piece: int, inner: int, most: float, beside: Ints) -> int:
    """Return the next larger tile that cuts a piece into fewer tiles, or the last of them into fewer passes."""
    turns = -(-piece // inner)
    if turns < 2:
        return piece + 1
    found = (piece - 1) // (turns - 1) + 1
    rest = piece - (turns - 1) * inner
    for at in range(len(beside)):
        points = beside[at, 1]
        if inner * beside[at, 0] > most:
            passes = np.ceil(rest * points / most)
            bar = piece - int(np.floor((passes - 1) * most / points))
            found = min(found, max(-(-bar // (turns - 1)), inner + 1))
    return int(found)


@compiled
def _no_more(one: Floats, other: Floats) -> bool:
    more = 0
    for at in range(len(one)):
        more += one[at] > other[at]
    return more == 0


@compiled
def _pairs(size: int, most: float, beside: Ints, found: Ints) -> int:
    """Fill ``found`` with the chains of two tiles that none is at least as good as everywhere; return how many.

    More turns of the outer loop mean smaller tiles, so only chains with as many compare; and only earlier ones, since
    tiles grow.
    """
    count, first = 0, 0
    kept = np.empty((len(found), 1 + len(beside)))
    one = np.empty(1 + len(beside))
    # The latest chain with each inner tile: the one that most likely beats the next.
    latest = np.full(size + 1, -1)
    for turns in range(1, size + 1):
        low, high = -(-size // turns), (size - 1) // (turns - 1) if turns > 1 else size
        first = count
        for tile in range(low, high + 1):
            inner, rest = 1, size % tile
            while inner <= tile:
                one[0] = (size // tile) * -(-tile // inner) + -(-rest // inner)
                one[1:] = 0
                _passes(tile, inner, most, beside, one[1:])
                one[1:] *= size // tile
                _passes(rest, inner, most, beside, one[1:])
                beaten = inner < tile and latest[inner] >= first and _no_more(kept[latest[inner]], one)
                for other in range(count - 1, first - 1, -1):
                    if beaten:
                        break
                    # A loop that does not turn is better in its own way.
                    if found[other, 1] <= inner and (inner < tile or found[other, 0] == found[other, 1]):
                        beaten = _no_more(kept[other], one)
                if not beaten:
                    found[count, 0], found[count, 1] = tile, inner
                    latest[inner] = count
                    kept[count] = one
                    count += 1
                following = _next(tile, inner, most, beside)
                if rest > inner:
                    following = min(following, _next(rest, inner, most, beside))
                # The whole tile is of a kind of its own.
                inner = tile if inner < tile < following else following
    return count


@compiled
def _better(features: Floats, order: Ints, kept: Ints) -> int:
    """Fill ``kept`` with the rows that none is at least as good as everywhere; in ``order`` only earlier ones are."""
    found = 0
    for row in order:
        beaten = False
        for other in range(found):
            beaten = True
            for at in range(features.shape[1]):
                if features[kept[other], at] > features[row, at]:
                    beaten = False
                    break
            if beaten:
                break
        if not beaten:
            kept[found] = row
            found += 1
    return found


def undominated(features: Floats) -> Ints:
    """Return the rows that no other is at least as good as everywhere, in rising order; of equal rows, the first."""
    features = np.ascontiguousarray(features[:, np.any(features != features[:1], axis=0)])
    order = np.lexsort((*features.T[::-1], features.sum(axis=1)))
    kept = np.empty(len(features), dtype=np.int64)
    return np.sort(kept[: _better(features, order, kept)])


def _halts(size: int, levels: int) -> Ints:
    """Return the ways to cut a loop that indexes every operand: whole down to some level, single from there on.

    It multiplies no transfer, so that only its tiles and the loops that turn count. Of the chains whose outermost loop
    that turns is at the same level, the one that goes from the whole loop to single points there has the smallest
    tiles, and no further loop turns.
    """
    return np.array([[size] * whole + [1] * (levels - whole) for whole in range(levels + 1)], dtype=np.int64)


def _alike(cuts: Cuts, size: int) -> Floats:
    """Return, for cuts with the same pieces at the array, the same number, and that number negated."""
    sizes, times = pieces(size, cuts, 0)
    _, number = np.unique(np.concatenate([sizes, times], axis=1), axis=0, return_inverse=True)
    number = number.reshape(-1)
    return np.stack([number, -number], axis=1).astype(float)


def _paired(size: int, levels: int, spatial: Spatial, view: View | None) -> bool:
    """Return whether chains are found one after the other, without a list of all."""
    return levels == 2 and _LONGEST < size <= _LONGEST_PAIRED and view is None and not spatial.exact and spatial.counted


def listed(size: int, levels: int, spatial: Spatial, view: View | None) -> bool:
    """Return whether ``chains`` is up to a loop: whether there are not too many to be looked at one by one."""
    free = spatial == Spatial(counted=False) and view is None
    return free or _paired(size, levels, spatial, view) or number_of_chains(size, levels) <= _MOST


@lru_cache(maxsize=1024)
def chains(size: int, levels: int, spatial: Spatial, view: View | None, sliding: bool) -> Ints:
    """Return the ways to cut a loop that may be part of a best mapping, shape ``(ways, levels)``.

    Args:
        size: Loop size.
        levels: Memories inside the outermost one.
        spatial: How the array takes the dim.
        view: The window of which it is the output, if any.
        sliding: Whether some memory lets neighbouring windows share their overlap.
    """
    if spatial == Spatial(counted=False) and view is None:
        return _halts(size, levels)
    beside = np.array(spatial.beside, dtype=np.int64).reshape(-1, 2)
    if _paired(size, levels, spatial, view):
        room = np.empty((number_of_chains(size, levels), 2), dtype=np.int64)
        return room[: _pairs(size, spatial.most, beside, room)].copy()
    found = all_chains(size, levels)
    cuts = Cuts.of(found)
    places = tuple((level, 0) for level in range(1, levels + 1))
    counted = counts(size, cuts, places)[0][:, :, levels]
    parts = [found.astype(float), (cuts.outer(size) > found).astype(float)]
    if spatial.counted:
        parts.append(counted)
    sizes, times = pieces(size, cuts, 0)
    for tile, points in spatial.beside:
        room_of = np.minimum(found[:, -1:] * float(tile), spatial.most)
        parts.append((times * np.ceil(sizes * points / room_of)).sum(axis=1, keepdims=True))
    if spatial.exact:
        parts.append(_alike(cuts, size))
    if view is not None:
        op = Op(
            "convolution",
            (1, 1, 1, 1, 1, 1, size, 1, 1, view.taps),
            stride=(1, 1, view.stride),
            dilation=(1, 1, view.dilation),
            padding=(0, 0, view.padding),
            extent=(1, 1, view.extent),
        )
        taps = Cuts.of(all_chains(view.taps, levels))
        seen = windows(op, 2, cuts, taps, places, sliding=sliding).seen
        parts.append(seen.reshape(len(cuts), -1))
    return found[undominated(np.concatenate(parts, axis=1))]
