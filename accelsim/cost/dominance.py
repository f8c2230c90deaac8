"""Which rows of costs no other row beats."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
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
    rows, count = costs.shape
    differs = np.zeros(count, np.bool_)
    for row in range(1, rows):
        for cost in range(count):
            differs[cost] |= costs[row, cost] != costs[0, cost]
    columns = [cost for cost in range(count) if differs[cost]]
    # In the order of the products of costs, a row is only ever beaten by one before it.
    product = np.ones(rows)
    for row in range(rows):
        for cost in columns:
            product[row] *= (1 + costs[row, cost]) / (1 + costs[0, cost])
    kept, found, enough = np.empty(rows, np.int64), 0, np.empty(count)
    order = np.argsort(product, kind="mergesort")
    for at in range(rows):
        row = order[at]
        for cost in columns:
            own = costs[row, cost]
            near = 0.0 if slack.exact[0] <= cost < slack.exact[1] else slack.near
            enough[cost] = own * (1 + slack.same + near)
            if cost >= count - slack.last:
                enough[cost] += slack.near * costs[row, cost - count + slack.last + slack.whole]
        beaten = False
        for other in range(found):
            no_worse = True
            for cost in columns:
                if costs[kept[other], cost] > enough[cost]:
                    no_worse = False
                    break
            if no_worse:
                beaten = True
                break
        if not beaten:
            kept[found] = row
            found += 1
    return np.sort(kept[:found])
