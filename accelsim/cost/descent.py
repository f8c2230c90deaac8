"""The default mapper where memories stand inside one another: a search with the prices of one design.

What may be best there differs too much with prices and sizes for a list that serves all designs, so each design has a
search of its own. It starts from tiles that are coarsely spread, from the innermost memory outwards: tiles are judged
as if the memories outside held whole tensors, as long as there is room in them for these tiles. Then the tiles of all
memories are moved together: one dim finer or coarser in one memory or in all, or one finer and another coarser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.neighbours import around, found_of, outwards
from accelsim.cost.prices import Bill
from accelsim.cost.rows import Kept, Machine, OpRows, op_rows
from accelsim.cost.score import scores
from accelsim.cost.ways import Ways, groups_of, ways_of
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["best_of_design"]

Floats = npt.NDArray[np.float64]
#: Tiles of inner memories that go on outwards; mappings around which there is a look at a time, and how often; the best
#: that they are picked from.
_SEEDS, _BEAM, _ROUNDS, _NEAREST = 8, 12, 6, 300
#: Mappings that there is room for at first, and of which no more are looked for.
_FIRST, _MOST = 16_384, 65_536


class _Best(NamedTuple):
    """A mapping: its energy x delay, places and operands that lie still, as in ``cost.neighbours``."""

    score: float
    places: Ints
    still: Ints


class _Descent:
    """The search of a design, with copies dealt out in one way."""

    def __init__(self, ways: Ways, groups: list[tuple[int, int]], kept: Kept, bill: Bill) -> None:
        self._ways, self._groups, self._bill = ways, groups, bill
        self._counting = ways.counting(kept)
        #: Levels whose tiles count as whole.
        self._whole = 0
        self._clear()

    def _clear(self) -> None:
        self._found, self._scores = found_of(_FIRST, self._ways.levels, self._ways.menu.last), np.empty(0)

    def run(self) -> _Best:
        """Return the best mapping found."""
        levels, last = self._ways.levels, self._ways.menu.last
        single, outputs = np.tile(last, (1, levels, 1)), np.full((1, levels), 2)
        places, still = single, outputs
        for first, end in self._groups:
            self._clear()
            self._whole = first
            # If a mapping fits, so does one with tiles of one element.
            self._add(outwards, last[None], single, outputs, end - 1)
            self._add(outwards, self._ways.menu.start, places, still, end - 1)
            self._cost()
            if first:
                best = self._best(_SEEDS)
                places, still = self._found.places[best], self._found.still[best]
        self._look()
        at = int(np.argmin(self._scores))
        return _Best(float(self._scores[at]), self._found.places[at], self._found.still[at])

    def _add(self, what: Callable[..., None], *given: Any) -> None:
        """Add mappings, in more room if need be."""
        what(*given, self._found)
        while len(self._found.places) == self._found.total[0] < _MOST:
            self._found = found_of(4 * int(self._found.total[0]), self._ways.levels, self._ways.menu.last, self._found)
            what(*given, self._found)

    def _score(self, places: Ints, still: Ints, bill: Bill) -> Floats:
        ways, found = self._ways, np.empty(len(places))
        costs, allowed = self._counting.features(ways.cut(places), ways.nest(still))
        scores(costs, allowed, ways.each, bill, found)
        return found

    def _cost(self) -> bool:
        """Judge what is new; return whether there was anything."""
        first, end = len(self._scores), int(self._found.total[0])
        places, still = self._found.places[first:end], self._found.still[first:end]
        found = self._score(places, still, self._bill)
        if self._whole:
            room, fits = self._bill.room.copy(), np.isfinite(found)
            places, room[: self._whole + 1] = places[fits], np.inf
            places[:, : self._whole] = 0
            found[fits] = self._score(places, still[fits], self._bill._replace(room=room))
        self._scores = np.concatenate([self._scores, found])
        return end > first

    def _best(self, count: int) -> list[int]:
        """Return the best, each with other tiles in the innermost memory."""
        found, met, scores = list[int](), set[bytes](), self._scores
        near = np.partition(scores, _NEAREST)[_NEAREST] if len(scores) > _NEAREST else np.inf
        some = np.flatnonzero((scores <= near) & (scores < np.inf))
        for at in some[np.argsort(scores[some], kind="stable")].tolist():
            tiles = self._found.places[at, -1].tobytes()
            if tiles not in met:
                met.add(tiles)
                found.append(at)
            if len(found) == count:
                break
        return found

    def _look(self) -> None:
        """Look around the best, as long as there is anything new."""
        looked, last, levels = set[int](), self._ways.menu.last, (0, self._ways.levels)
        for _ in range(_ROUNDS):
            best = [at for at in self._best(_BEAM) if at not in looked]
            looked.update(best)
            places, still = self._found.places[best], self._found.still[best]
            for alike in (False, True):
                self._add(around, places, still, last, levels, alike, True)
            if not self._cost():
                break


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
    found = [_Descent(ways, groups, kept, bill).run() for ways in every]
    at = min(range(len(found)), key=lambda way: found[way].score)
    ways, best = every[at], found[at]
    single = np.tile(ways.menu.last, (ways.levels, 1))
    mappings = ways.mappings(np.stack([best.places, single]), np.stack([best.still, np.full(ways.levels, 2)]))
    return best.score, op_rows(op, mappings, machine)
