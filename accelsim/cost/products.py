"""Products over the cuts of a mapping, laid out for the loop that multiplies them for thousands of mappings.

A *lane* is one figure of a mapping that no order of loops changes, such as the elements of a tile. It is the product of
a factor from each *source*: a dim, by its cut, or a window axis, by the cuts of its output and filter dims.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.compiled import compiled
from accelsim.cost.kernels import multiply
from accelsim.cost.tables import Factors, Flags, Floats, Ints, Places

__all__ = ["Sources", "factors_of", "products"]


class Sources(NamedTuple):
    """What dims, and pairs of them, contribute to every lane.

    Attributes:
        dims: Places in ``DIMS``.
        steady: Shape ``(dims, cuts, lanes)``: their factors.
        axes: Shape ``(axes, 2)``: places in ``DIMS`` of the output and filter dims of window axes.
        across: Shape ``(axes, output cuts, filter cuts, lanes)``.
        whole: Shape ``(lanes,)``: what no cut changes.
    """

    dims: Ints
    steady: Floats
    axes: Ints
    across: Floats
    whole: Floats


def factors_of(given: Sources, count: Ints) -> Factors:
    """Return the factors of some sources; ``count`` says how many cuts each dim of ``DIMS`` has."""
    return Factors(*_factors(given, count))


@compiled
def _factors(given: Sources, count: Ints) -> tuple[Floats, Places, Places, Places, Places, Places, Floats]:
    """Return the parts of ``Factors``: a source whose factors are the same for all cuts is none."""
    dims, cuts, lanes = given.steady.shape
    axes, outs, taps = given.across.shape[:3]
    sources = dims + axes
    first, picks, steps = (
        np.empty(sources, np.int64),
        np.zeros((sources, 2), np.int64),
        np.zeros((sources, 2), np.int64),
    )
    number, used = np.ones((sources, 2), np.int64), np.zeros(sources, np.bool_)
    for source in range(sources):
        if source < dims:
            first[source], picks[source, 0], steps[source, 0] = source * cuts * lanes, given.dims[source], lanes
            number[source, 0] = count[given.dims[source]]
        else:
            axis = source - dims
            first[source] = (dims * cuts + axis * outs * taps) * lanes
            steps[source, 0], steps[source, 1] = taps * lanes, lanes
            for side in range(2):
                picks[source, side], number[source, side] = given.axes[axis, side], count[given.axes[axis, side]]
    table = np.concatenate((given.steady.reshape(-1), given.across.reshape(-1)))
    whole, begins, terms = given.whole.copy(), np.zeros(lanes + 1, np.uint32), np.empty(sources * lanes, np.uint32)
    found = _terms(table, first, steps, number, whole, begins, terms, used)
    kept, place = np.flatnonzero(used), np.cumsum(used) - 1
    for term in range(found):
        terms[term] = place[terms[term]]
    return (
        table,
        first[kept].astype(np.uint32),
        picks[kept].astype(np.uint32),
        steps[kept].astype(np.uint32),
        begins,
        terms[:found],
        whole,
    )


@compiled
def _terms(
    table: Floats, first: Ints, steps: Ints, count: Ints, whole: Floats, begins: Places, terms: Places, used: Flags
) -> int:
    """Fill the terms of every lane and what no cut changes of it, and say which sources have terms; return how many."""
    found = 0
    for lane in range(len(whole)):
        for source in range(len(first)):
            factor, varies = table[first[source] + lane], False
            for one in range(count[source, 0]):
                for other in range(count[source, 1]):
                    at = first[source] + one * steps[source, 0] + other * steps[source, 1]
                    varies = varies or table[at + lane] != factor
            if varies:
                terms[found], used[source] = source, True
                found += 1
            else:
                whole[lane] *= factor
        begins[lane + 1] = found
    return found


def products(factors: Factors, cut: Ints) -> Floats:
    """Return the lanes of mappings, shape ``(mappings, lanes)``.

    Args:
        factors: The factors.
        cut: Shape ``(mappings, dims)``, as in ``Mappings``.
    """
    found = np.empty((len(cut), len(factors.whole)))
    multiply(factors, cut, np.arange(len(cut)), found)
    return found
