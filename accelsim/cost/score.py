"""Energy x delay of many mappings of one op on one design, from their features, and the walk to the best of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.cost.neighbours import Found
from accelsim.cost.prices import Bill
from accelsim.mapping.nest import Ints

__all__ = ["Asked", "Beam", "beam_of", "begin", "scores", "walk"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Scores that differ by no more than this fraction are alike, and what counts as progress.
_LIKE, _BETTER = 0.02, 1e-3


class Asked(NamedTuple):
    """What mappings ask for, in the order of ``Found``.

    Attributes:
        costs: Shape ``(mappings, features)``: see ``cost.rows.features``.
        allowed: Shape ``(mappings,)``.
        core: Shape ``(mappings,)``: marks of the innermost tiles.
        met: Shape ``(mappings,)``: the last walk that came upon it.
        each: 2 if reading and writing are features apart, else 1.
    """

    costs: Floats
    allowed: Flags
    core: Ints
    met: Ints
    each: int


class Beam(NamedTuple):
    """The best mappings that a walk has come upon; of those alike only the best.

    Two are alike that have the same order, and the same innermost tiles or nearly the same score.

    Attributes:
        rows: Their places.
        still: Their orders.
        core: Marks of their innermost tiles.
        scores: Their energy x delay, rising.
        looked: Whether there was a look around them.
        state: The number of the walk, how many mappings it holds, and the looks without progress.
    """

    rows: Ints
    still: Ints
    core: Ints
    scores: Floats
    looked: Flags
    state: Ints

    @property
    def held(self) -> int:
        """How many it holds."""
        return int(self.state[_HELD])


#: Places in ``Beam.state``.
_NUMBER, _HELD, _VAIN = 0, 1, 2


def beam_of(most: int) -> Beam:
    """Return room for so many of the best mappings."""
    return Beam(
        rows=np.empty(most, dtype=np.int64),
        still=np.empty(most, dtype=np.int64),
        core=np.empty(most, dtype=np.int64),
        scores=np.empty(most),
        looked=np.empty(most, dtype=np.bool_),
        state=np.zeros(3, dtype=np.int64),
    )


@borrowing
def _larger(one: float, other: float) -> float:
    return one if one > other else other


@borrowing
def _score(costs: Floats, row: int, each: int, bill: Bill) -> float:
    """Return the energy x delay of a mapping, infinite if it does not fit; as ``cost.choose`` has it."""
    memories = len(bill.slow)
    for level in range(1, memories):
        if costs[row, 1 + level] > bill.room[level]:
            return np.inf
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
    return float(cycles * (energy + bill.leakage * cycles))


@compiled
def scores(costs: Floats, allowed: Flags, each: int, bill: Bill, found: Floats) -> None:
    """Fill ``found`` with the energy x delay of mappings, infinite where one does not fit.

    Args:
        costs: Shape ``(mappings, features)``: see ``cost.rows.features``.
        allowed: Shape ``(mappings,)``.
        each: 2 if reading and writing are features apart, else 1.
        bill: What the design charges.
        found: Shape ``(mappings,)``.
    """
    for row in range(len(costs)):
        found[row] = _score(costs, row, each, bill) if allowed[row] else np.inf


@borrowing
def _enter(found: Found, asked: Asked, beam: Beam, row: int, score: float) -> None:
    """Put a mapping among the best, in the place of one like it if there is one, or of the last."""
    rows, every, cores, known, looked, state = beam
    still, core, held, at = found.still[row], asked.core[row], state[_HELD], 0
    while at < held and not (every[at] == still and (cores[at] == core or abs(known[at] - score) <= _LIKE * score)):
        at += 1
    if at < held:
        if score >= known[at]:
            return
    elif held < len(rows):
        state[_HELD] = held + 1
    else:
        at = held - 1
    while at > 0 and known[at - 1] > score:
        rows[at], every[at], cores[at] = rows[at - 1], every[at - 1], cores[at - 1]
        known[at], looked[at] = known[at - 1], looked[at - 1]
        at -= 1
    rows[at], every[at], cores[at], known[at], looked[at] = row, still, core, score, False


@borrowing
def _judge(found: Found, asked: Asked, bill: Bill, beam: Beam, first: int, end: int) -> None:
    """Look at the mappings of a list that this walk has not come upon."""
    number, most = beam.state[_NUMBER], len(beam.rows)
    for entry in range(first, end):
        row = found.listed[entry]
        if asked.met[row] == number:
            continue
        asked.met[row] = number
        if not asked.allowed[row]:
            continue
        score = _score(asked.costs, row, asked.each, bill)
        if score < (beam.scores[most - 1] if beam.state[_HELD] == most else np.inf):
            _enter(found, asked, beam, row, score)


@compiled
def begin(found: Found, asked: Asked, bill: Bill, beam: Beam, lists: Ints) -> None:
    """Begin a walk with the mappings of some lists.

    Args:
        found: The mappings known.
        asked: What they ask for.
        bill: What the design charges.
        beam: What is filled.
        lists: Shape ``(lists, 2)``: where they begin and end.
    """
    beam.state[_NUMBER] += 1
    beam.state[_HELD] = beam.state[_VAIN] = 0
    for number in range(len(lists)):
        _judge(found, asked, bill, beam, lists[number, 0], lists[number, 1])


@compiled
def walk(found: Found, asked: Asked, bill: Bill, beam: Beam, width: int, vain: int) -> Ints:
    """Look around the best until there is no progress; return those whose neighbours have to be listed first, if any.

    Args:
        found: The mappings known.
        asked: What they ask for.
        bill: What the design charges.
        beam: The best so far.
        width: Mappings around which there is a look at a time.
        vain: Looks without progress after which it ends.
    """
    near, wanted, state = np.empty(width, np.int64), np.empty(width, np.int64), beam.state
    while state[_VAIN] < vain:
        count, missing = 0, 0
        for at in range(state[_HELD]):
            if count < width and not beam.looked[at]:
                near[count], count = beam.rows[at], count + 1
                if found.near[beam.rows[at], 0] == 0:
                    wanted[missing], missing = beam.rows[at], missing + 1
        if missing or not count:
            return wanted[:missing]
        least, left = beam.scores[0], count
        for at in range(state[_HELD]):
            if left and not beam.looked[at]:
                beam.looked[at], left = True, left - 1
        for at in range(count):
            _judge(found, asked, bill, beam, found.near[near[at], 0], found.near[near[at], 1])
        state[_VAIN] = 0 if beam.scores[0] < least * (1 - _BETTER) else state[_VAIN] + 1
    return wanted[:0]
