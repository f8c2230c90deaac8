"""Mappings of an op that searches have come upon: what they ask of a machine is counted once for all designs.

What a mapping asks for, and which mappings are near it, depend on no price. So the search of a design walks over what
the searches of others have left, and only what is new to all of them is put together and counted. Where it comes to
does not depend on what was there before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.neighbours import added, around, cores, found_of, outwards
from accelsim.cost.prices import Bill
from accelsim.cost.rows import Counting
from accelsim.cost.score import Asked, beam_of, begin, walk
from accelsim.cost.ways import Ways
from accelsim.dims import DIMS
from accelsim.mapping.nest import Ints

__all__ = ["Known", "Stage"]

Floats = npt.NDArray[np.float64]
#: Mappings that there is room for at first, and more than there are ever.
_FIRST, _ENDLESS = 4_096, 1 << 40
#: Mappings that go on to the next stage, and the best ones that are told apart at any time.
_SEEDS, _BEST = 8, 24


class Stage(NamedTuple):
    """A part of a search: the levels that it settles, and how it looks around the best mappings.

    Attributes:
        whole: The level outside which tiles count as whole.
        spread: The level whose tiles are coarsely spread at the beginning.
        levels: The levels that change: the outermost, and the one behind the innermost.
        ways: Whether tiles outside the one that changes are to stay about what they are; whether to be like it.
        wide: Whether moves are wide.
        width: Mappings around which there is a look at a time.
        vain: Looks without progress after which it ends.
    """

    whole: int
    spread: int
    levels: tuple[int, int]
    ways: tuple[bool, bool]
    wide: bool
    width: int
    vain: int


class Known:
    """The mappings of a stage, with copies dealt out in one way.

    Args:
        ways: All ways to cut the op.
        counting: What counts what they ask for.
        stage: The stage.
        inner: The stage before, whose best mappings are where this one starts; ``None`` for the first.
    """

    def __init__(self, ways: Ways, counting: Counting, stage: Stage, inner: Known | None = None) -> None:
        self._chains, self._counting, self._stage, self._inner = ways.chains, counting, stage, inner
        self._found, self._asked = found_of(_FIRST, len(DIMS)), self._room(_FIRST, ways.each)
        self._counted, self._beam = 0, beam_of(_BEST)
        # If a mapping fits, so does one with tiles of one element.
        start = np.concatenate([np.zeros_like(ways.start[:1]), ways.start if inner is None else ways.start[:0]])
        lists = self._spread(start, np.full(len(start), 3**ways.levels - 1))
        #: The list where a search starts, by the place in the stage before; at -1 is that of every search.
        self._starts = {-1: (int(lists[0, 0]), int(lists[-1, 1]))}

    def __len__(self) -> int:
        """Return how many mappings are known, in the stages before, too."""
        return self._counted + (0 if self._inner is None else len(self._inner))

    def best(self, bill: Bill) -> tuple[float, Ints, int]:
        """Return energy x delay of the best mapping found for a design, infinite if none fits; its cut and order."""
        rows = self._search(bill)
        if not len(rows):
            return np.inf, self._found.cut[0], int(self._found.still[0])
        return float(self._beam.scores[0]), self._found.cut[rows[0]], int(self._found.still[rows[0]])

    def _search(self, bill: Bill) -> Ints:
        """Return the places of the best mappings found for a design, the best first."""
        seeds = [] if self._inner is None else self._inner._search(bill)[:_SEEDS].tolist()
        self._start(seeds)
        lists = np.array([self._starts[seed] for seed in (-1, *seeds)])
        bill, stage = bill._replace(room=self._roomy(bill.room)), self._stage
        begin(self._found, self._asked, bill, self._beam, lists)
        while len(missing := walk(self._found, self._asked, bill, self._beam, stage.width, stage.vain)):
            self._add(around, missing, stage.levels, stage.ways, stage.wide, stage.whole)
        return self._beam.rows[: self._beam.held]

    def _roomy(self, room: Floats) -> Floats:
        """Return room for tiles of the levels of the stage, and for any outside them.

        Tiles inside have to have room outside, too. So if the outermost memory on chip has tiles of all operands that
        others have, none counts as larger than one outside it.
        """
        tiles, whole = self._counting.flow.rooms, self._stage.whole
        if not whole:
            return room
        found = np.minimum.accumulate(room) if np.all(tiles[1:] <= tiles[1]) else room.copy()
        found[: whole + 1] = np.inf
        return found

    def _start(self, seeds: list[int]) -> None:
        """See to it that it is known where a search starts from places in the stage before."""
        new = [seed for seed in seeds if seed not in self._starts]
        if new and self._inner is not None:
            inner = self._inner._found
            lists = self._spread(inner.cut[new], inner.still[new]).tolist()
            self._starts.update({seed: (begins, ends) for seed, (begins, ends) in zip(new, lists, strict=True)})

    def _spread(self, cut: Ints, still: Ints) -> Ints:
        """List mappings with tiles of the stage coarsely spread; return where the list of each begins and ends."""
        lists = np.empty((len(cut), 2), dtype=np.int64)
        self._add(outwards, cut, still, self._stage.spread, self._stage.whole, lists)
        return lists

    def _add(self, what: Callable[..., None], *given: Any) -> None:
        """List mappings, and count what those ask for that are new."""
        self._found = added(what, self._chains, self._found, _ENDLESS, *given)
        first, end = self._counted, int(self._found.total[0])
        if first == end:
            return
        if len(self._asked.met) < len(self._found.cut):
            old, self._asked = self._asked, self._room(len(self._found.cut), self._asked.each)
            self._asked.costs[:first], self._asked.allowed[:first] = old.costs[:first], old.allowed[:first]
            self._asked.core[:first], self._asked.met[:first] = old.core[:first], old.met[:first]
        cut, still, new = self._found.cut[first:end], self._found.still[first:end], slice(first, end)
        self._asked.costs[new], self._asked.allowed[new] = self._counting.features(cut, still)
        self._asked.core[new] = cores(self._chains, cut)
        self._counted = end

    def _room(self, most: int, each: int) -> Asked:
        memories = len(self._counting.flow.inside)
        return Asked(
            costs=np.empty((most, 1 + memories + each * (3 * memories + 1))),
            allowed=np.empty(most, dtype=np.bool_),
            core=np.empty(most, dtype=np.int64),
            met=np.zeros(most, dtype=np.int64),
            each=each,
        )
