"""Which rows of costs no other row beats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled, inlined
from accelsim.mapping.nest import Ints

__all__ = ["EXACT", "Slack", "undominated"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9


class Slack(NamedTuple):
    """How much less of something does not count.

    Attributes:
        same: The share of a cost that is only rounding.
        near: The share of a cost that is too small to tell two rows apart.
        exact: The first of the costs that it does not hold for, and the one behind them.
        last: So many of the last costs are part of those from ``whole`` on; of these the share is taken, too.
        whole: See ``last``.
    """

    same: float = _ROUNDING
    near: float = 0.0
    exact: tuple[int, int] = (0, 0)
    last: int = 0
    whole: int = 0


#: Every bit counts.
EXACT = Slack()


def undominated(costs: Floats, slack: Slack = EXACT) -> Ints:
    """Return rows such that for every other row one of them is everywhere as good, in rising order.

    Args:
        costs: Shape ``(rows, costs)``; none is negative.
        slack: What does not count.
    """
    return np.asarray(_undominated(np.ascontiguousarray(costs), slack))


@compiled
def _undominated(costs: Floats, slack: Slack) -> Ints:
    rows = costs.shape[0]
    columns = _differing(costs)
    times, part = _enough(costs.shape[1], columns, slack)
    kept, fronts, found, enough = np.empty(rows, np.int64), np.empty((rows, len(columns))), 0, np.empty(len(columns))
    for row in _in_order(costs, columns):
        for at in range(len(columns)):
            enough[at] = costs[row, columns[at]] * times[at]
            if part[at] >= 0:
                enough[at] += slack.near * costs[row, part[at]]
        beaten = False
        for other in range(found):
            no_worse = True
            for at in range(len(columns)):
                if fronts[other, at] > enough[at]:
                    no_worse = False
                    break
            if no_worse:
                beaten = True
                break
        if not beaten:
            kept[found] = row
            for at in range(len(columns)):
                fronts[found, at] = costs[row, columns[at]]
            found += 1
    return np.sort(kept[:found])


@inlined
def _differing(costs: Floats) -> Ints:
    """Return the costs that are not the same in all rows."""
    found, count = np.empty(costs.shape[1], np.int64), 0
    for cost in range(costs.shape[1]):
        for row in range(1, costs.shape[0]):
            if costs[row, cost] != costs[0, cost]:
                found[count] = cost
                count += 1
                break
    return found[:count]


@inlined
def _in_order(costs: Floats, columns: Ints) -> Ints:
    """Return the rows in the order of the products of costs: a row is only ever beaten by one before it."""
    product = np.ones(costs.shape[0])
    for cost in columns:
        first = 1 / (1 + costs[0, cost])
        for row in range(len(product)):
            product[row] *= (1 + costs[row, cost]) * first
    return np.argsort(product, kind="mergesort")


@inlined
def _enough(count: int, columns: Ints, slack: Slack) -> tuple[Floats, Ints]:
    """Return how much of a row's costs is enough to beat it: so many times one, and a share of another, if not -1."""
    times, part = np.empty(len(columns)), np.full(len(columns), -1)
    for at in range(len(columns)):
        cost = columns[at]
        near = 0.0 if slack.exact[0] <= cost < slack.exact[1] else slack.near
        times[at] = 1 + slack.same + near
        if cost >= count - slack.last:
            part[at] = cost - count + slack.last + slack.whole
    return times, part
