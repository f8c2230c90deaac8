"""The default mapper where memories stand inside one another: a search with the prices of one design.

What may be best there differs too much with prices and sizes for a list that serves all designs, so each design has a
search of its own. It settles tiles from the innermost memory outwards: first as if the memories outside held whole
tensors, which tells the best tiles inside nearly always; then a few of these are tried with tiles outside that hold a
whole number of them, and the tiles of all memories are moved together. A move makes one dim finer or coarser in one
memory or in all, or one finer and another coarser. What a search comes upon stays known for the next one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from accelsim.cost.known import Known, Stage
from accelsim.cost.prices import Bill
from accelsim.cost.rows import Kept, Machine, OpRows, op_rows
from accelsim.cost.ways import Ways, groups_of, ways_of
from accelsim.workload.ops import Op

__all__ = ["best_of_design"]

#: Mappings known of an op after which they are forgotten.
_MOST = 100_000


def _known(ways: Ways, machine: Machine, kept: Kept) -> Known:
    """Return the last stage of a search, which begins with all others."""
    counting, groups, found = ways.counting(kept), groups_of(machine), None
    for first, end in groups[:-1]:
        inside = Stage(
            whole=first, spread=end - 1, levels=(end - 1, end), ways=(False, True), wide=True, width=6, vain=5
        )
        found = Known(ways, counting, inside, found)
    every = (0, ways.levels)
    last = Stage(whole=0, spread=groups[-1][1] - 1, levels=every, ways=(True, True), wide=False, width=4, vain=2)
    return Known(ways, counting, last, found)


@lru_cache(maxsize=8)
def _searches(op: Op, machine: Machine, kept: Kept) -> list[tuple[Ways, Known]]:
    """Return a search for each way to deal out copies."""
    return [(ways, _known(ways, machine, kept)) for ways in ways_of(op, machine)]


def best_of_design(op: Op, machine: Machine, kept: Kept, bill: Bill) -> tuple[float, OpRows]:
    """Return the best mapping found for a design, and its energy x delay, infinite if none fits.

    What is found does not depend on what was known before.

    Args:
        op: The op.
        machine: The machine that works on it.
        kept: What stays on chip.
        bill: What the design charges.

    Returns:
        The score; and the mapping, with the one that takes least room behind it.
    """
    searches = _searches(op, machine, kept)
    if sum(len(known) for _, known in searches) > _MOST:
        searches[:] = [(ways, _known(ways, machine, kept)) for ways, _ in searches]
    found = [(*known.best(bill), ways) for ways, known in searches]
    score, cut, still, ways = min(found, key=lambda one: one[0])
    mappings = ways.mappings(np.stack([cut, ways.single]), np.array([still, 3**ways.levels - 1]))
    return score, op_rows(op, mappings, machine)
