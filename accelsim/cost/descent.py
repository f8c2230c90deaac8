"""The default mapper where memories stand inside one another: a search with the prices of one design.

What may be best there differs too much with prices and sizes for a list that serves all designs, so each design has a
search of its own. It settles tiles from the innermost memory outwards: first as if the memories outside held whole
tensors, which tells the best tiles inside nearly always; then a few of these are tried with tiles outside that hold a
whole number of them, and the tiles of all memories are moved together. A move makes one dim finer or coarser in one
memory or in all, or one finer and another coarser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.neighbours import around, best, found_of, outwards, widened
from accelsim.cost.prices import Bill
from accelsim.cost.rows import Kept, Machine, OpRows, op_rows
from accelsim.cost.score import scores
from accelsim.cost.ways import Ways, groups_of, ways_of
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["best_of_design"]

Floats = npt.NDArray[np.float64]
#: Tiles of inner memories that go on outwards, and the best mappings that are known at any time.
_SEEDS, _KNOWN = 6, 24
#: Mappings that there is room for at first, and of which no more are looked for.
_FIRST, _MOST = 8_192, 65_536
#: What counts as progress.
_BETTER = 1e-3


class _Look(NamedTuple):
    """A way to look around the best mappings known.

    Attributes:
        levels: The levels that change: the outermost, and the one behind the innermost.
        alike: Whether levels outside are to be like the one that changes; both ways are tried one after the other.
        width: Mappings around which there is a look at a time.
        vain: Looks without progress after which it ends.
        far: Whether moves are wide.
    """

    levels: tuple[int, int]
    alike: tuple[bool, ...]
    width: int
    vain: int
    far: bool


class _Best(NamedTuple):
    """A mapping: its energy x delay, and what it is, as in ``cost.neighbours``."""

    score: float
    cut: Ints
    still: int


class _Descent:
    """The search of a design, with copies dealt out in one way."""

    def __init__(self, ways: Ways, kept: Kept, bill: Bill) -> None:
        self._ways, self._chains, self._bill = ways, ways.chains, bill
        self._counting = ways.counting(kept)
        #: The level outside which tiles count as whole, and whether they must have room even so if they are not.
        self._whole, self._strict = 0, False
        self._clear()

    def _clear(self) -> None:
        self._found, self._scores = found_of(_FIRST, self._chains), np.empty(0)
        #: Places of the best, rising.
        self._near = np.empty(0, dtype=np.int64)

    def run(self, groups: list[tuple[int, int]]) -> _Best:
        """Return the best mapping found.

        Args:
            groups: Levels whose tiles are settled together: the first and the end of each group.
        """
        cut, levels = self._ways.start, self._ways.levels
        still = np.full(len(cut), 3**levels - 1)
        for first, end in groups[:-1]:
            cut, still = self._seeds(cut, still, first, end)
        self._whole, self._strict = 0, False
        self._begin(cut, still, groups[-1][1] - 1)
        self._look(_Look((0, levels), (False, True), 6, 1, False))
        at = int(np.argmin(self._scores))
        return _Best(float(self._scores[at]), self._found.cut[at], int(self._found.still[at]))

    def _seeds(self, cut: Ints, still: Ints, first: int, end: int) -> tuple[Ints, Ints]:
        """Return the mappings with the best tiles of a group of levels that there is room for outside, too."""
        # What is best inside nearly always has room outside, so that is asked of the best alone, unless few of them do.
        for strict in (False, True):
            self._whole, self._strict = first, strict
            self._begin(cut, still, end - 1)
            self._look(_Look((end - 1, end), (True,), 4, 5, True))
            near = self._near
            fits = np.isfinite(self._score(self._found.cut[near], self._found.still[near], self._bill))
            if np.sum(fits) >= _SEEDS // 2:
                break
        seeds = near[fits][:_SEEDS]
        return self._found.cut[seeds], self._found.still[seeds]

    def _begin(self, cut: Ints, still: Ints, level: int) -> None:
        """Start anew from mappings whose tiles of a level are coarsely spread."""
        self._clear()
        # If a mapping fits, so does one with tiles of one element.
        single, outputs = np.zeros_like(self._ways.start[:1]), np.full(1, 3**self._ways.levels - 1)
        self._add(outwards, single, outputs, self._ways.levels - 1)
        self._add(outwards, cut, still, level)
        self._cost()

    def _look(self, look: _Look) -> None:
        """Look around the best, as long as there is progress."""
        looked, left = set[int](), look.vain
        while left:
            near = [at for at in self._near.tolist() if at not in looked][: look.width]
            if not near:
                break
            looked.update(near)
            cut, still = self._found.cut[near], self._found.still[near]
            for alike in look.alike:
                self._add(around, cut, still, look.levels, alike, look.far)
            least = self._scores[self._near[0]]
            self._cost()
            left = look.vain if self._scores[self._near[0]] < least * (1 - _BETTER) else left - 1

    def _add(self, what: Callable[..., None], *given: Any) -> None:
        """Add mappings, in more room if need be."""
        what(self._chains, *given, self._found)
        while len(self._found.cut) == self._found.total[0] < _MOST:
            self._found = found_of(4 * int(self._found.total[0]), self._chains, self._found)
            what(self._chains, *given, self._found)

    def _cost(self) -> None:
        """Judge what is new."""
        first, end = len(self._scores), int(self._found.total[0])
        cut, still = self._found.cut[first:end], self._found.still[first:end]
        if self._whole:
            room = self._bill.room.copy()
            room[: self._whole + 1] = np.inf
            wide = widened(self._chains, cut, self._whole)
            found = self._score(wide, still, self._bill._replace(room=room))
            if self._strict:
                found[np.isinf(self._score(cut, still, self._bill))] = np.inf
        else:
            found = self._score(cut, still, self._bill)
        self._scores = np.concatenate([self._scores, found])
        self._near = best(self._chains, self._found, self._scores, self._near, first, _KNOWN)

    def _score(self, cut: Ints, still: Ints, bill: Bill) -> Floats:
        found = np.empty(len(cut))
        costs, allowed = self._counting.features(cut, still)
        scores(costs, allowed, self._ways.each, bill, found)
        return found


def best_of_design(op: Op, machine: Machine, kept: Kept, bill: Bill) -> tuple[float, OpRows]:
    """Return the best mapping found for a design, and its energy x delay, infinite if none fits.

    Args:
        op: The op.
        machine: The machine that works on it.
        kept: What stays on chip.
        bill: What the design charges.

    Returns:
        The score; and the mapping, with the one that takes least room behind it.
    """
    groups, every = groups_of(machine), ways_of(op, machine)
    found = [_Descent(ways, kept, bill).run(groups) for ways in every]
    at = min(range(len(found)), key=lambda way: found[way].score)
    ways, chosen = every[at], found[at]
    mappings = ways.mappings(np.stack([chosen.cut, ways.single]), np.array([chosen.still, 3**ways.levels - 1]))
    return chosen.score, op_rows(op, mappings, machine)
