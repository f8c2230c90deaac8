"""Energy x delay of many mappings of one op on one design, from their features: what a search with prices looks at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.prices import Bill

__all__ = ["scores"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@compiled
def _larger(one: float, other: float) -> float:
    return one if one > other else other


@compiled
def scores(costs: Floats, allowed: Flags, each: int, bill: Bill, found: Floats) -> None:
    """Fill ``found`` with the energy x delay of mappings, infinite where one does not fit; as ``cost.choose`` has it.

    Args:
        costs: Shape ``(mappings, features)``: see ``cost.rows.features``.
        allowed: Shape ``(mappings,)``.
        each: 2 if reading and writing are features apart, else 1.
        bill: What the design charges.
        found: Shape ``(mappings,)``.
    """
    memories = len(bill.slow)
    for row in range(len(costs)):
        fits = allowed[row]
        for level in range(1, memories):
            fits = fits and costs[row, 1 + level] <= bill.room[level]
        if not fits:
            found[row] = np.inf
            continue
        pace, waits, energy = costs[row, 0], 0.0, bill.base
        for level in range(memories):
            both, reading, writing = bill.slow[level]
            moved = 1 + memories + each * level
            one, late, ramp = moved + each * memories, moved + 2 * each * memories, costs.shape[1] - each
            into, out = _larger(both, reading), _larger(both, writing)
            busy, waited, first = both * costs[row, one], into * costs[row, late], into * costs[row, ramp]
            energy += costs[row, moved] * bill.dear[level, 0]
            if each == 2:
                busy = _larger(busy + both * costs[row, one + 1], reading * costs[row, one])
                busy = _larger(busy, writing * costs[row, one + 1])
                waited += out * costs[row, late + 1]
                first += out * costs[row, ramp + 1]
                energy += costs[row, moved + 1] * bill.dear[level, 1]
            if level == 0:
                waited = _larger(waited, busy if busy < first else first)
            waits += waited
            pace = _larger(pace, busy - waited)
        cycles = pace + waits + bill.dispatch
        found[row] = cycles * (energy + bill.leakage * cycles)
