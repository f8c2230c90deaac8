"""The search for the best of all mappings: boxes of mappings are bounded, split and dropped until one is left."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from accelsim.dims import DIMS
from accelsim.mappers.costs import judge
from accelsim.mappers.forest import Grove
from accelsim.mappers.frontier import put, split, start
from accelsim.mappers.measure import measure
from accelsim.mappers.sequences import Sequences
from accelsim.mappers.state import Given, Work
from accelsim.mappers.tables import Batch, Charges, Factors, Frontier, Outcome
from accelsim.mapping.nest import Ints

__all__ = ["Search"]

Floats = npt.NDArray[np.float64]
#: Boxes that are split at a time, and those that may wait.
_BATCH = 32


class Search:
    """A search under way.

    Args:
        grove: The cuts.
        factors: Which factor is which.
        charges: The machine.
        sequences: The orders of loops.
        slots: Boxes that may wait at a time.
        most: Boxes that may be looked at.

    Attributes:
        out: What is found.
        picked: Shape ``(dims,)``: the cut of each dim of ``DIMS`` that the best mapping takes.
        done: Whether all mappings were looked at or ruled out.
        bound: The least score that any other could have, if not.
    """

    def __init__(
        self, grove: Grove, factors: Factors, charges: Charges, sequences: Sequences, slots: int, most: int
    ) -> None:
        levels, dims = sequences.stills.shape[1], len(factors.lacks)
        self._grove, self._slots, self._most = grove, slots, most
        self._given = Given(factors, charges, grove.forest, sequences, Work.of(levels, factors.total))
        rows, slots = 2 * _BATCH, slots + 4 * _BATCH
        self._batch = Batch.of(rows, factors, grove.stairs, levels, fixed=sequences.fixed)
        self._frontier = Frontier(
            nodes=np.empty((slots, dims), dtype=np.int64),
            keys=np.empty((slots, 2)),
            alive=np.empty((slots, len(sequences.stills)), dtype=np.bool_),
            inside=np.empty(slots, dtype=np.int64),
            way=np.empty(slots, dtype=np.int64),
            parent=np.empty(slots, dtype=np.int64),
            before=np.empty(slots),
            heap=np.empty(slots, dtype=np.int64),
            unused=np.empty(slots, dtype=np.int64),
            state=np.zeros(4, dtype=np.int64),
            gain=np.ones((dims, 2)),
        )
        self._boxes = np.empty(rows, dtype=np.int64)
        self.out = Outcome(
            best=np.full(4, np.inf),
            nodes=np.full(dims, -1),
            still=np.zeros(levels, dtype=np.int64),
            slide=np.zeros(levels, dtype=np.int64),
            pruned=np.zeros(3, dtype=np.int64),
            searched=np.zeros(2, dtype=np.int64),
        )
        self.picked = np.zeros(len(DIMS), dtype=np.int64)
        self.done = True
        self.bound = np.inf

    @property
    def mappings(self) -> int:
        """Mappings to look at, in one order of loops."""
        return sum(math.prod(leaves) for leaves in self._grove.forest.leaves[self._grove.roots].tolist())

    def _judge(self, boxes: Ints) -> int:
        """Bound boxes and let them wait; return one to split at once, or -1."""
        q = self._frontier
        measure(self._given.f, self._given.c, self._given.t, self._grove.stairs, q.nodes, q.way, boxes, self._batch)
        judge(self._given, self._batch, boxes, q.nodes, q.alive, q.inside, q.keys, self.out)
        return int(put(q, self.out, boxes))

    def _begin(self) -> None:
        """Let a box for each way to cut the filter wait."""
        roots, ways = self._grove.roots, self._grove.ways
        for first in range(0, len(roots), _BATCH):
            some = slice(first, first + _BATCH)
            boxes = self._boxes[: len(roots[some])]
            start(self._frontier, self._grove.forest, roots[some], ways[some], boxes)
            self._judge(boxes)

    def run(self) -> None:
        """Search all mappings, the most promising boxes first, until none waits, too many do or too many have been."""
        self._begin()
        q, dive = self._frontier, -1
        while dive >= 0 or q.state[2]:
            most = min(_BATCH, 1 + int(q.state[2]) // 4)
            dive = self._judge(self._boxes[: split(q, self._grove.forest, self.out, most, dive, self._boxes)])
            if q.state[1] > self._slots or self.out.searched[1] > self._most:
                waiting = [float(q.keys[box, 0]) for box in (*q.heap[: min(1, q.state[2])], dive) if box >= 0]
                self.bound, self.done = min([*waiting, np.inf]), not waiting
                break
        if self.out.best[0] < np.inf:
            cuts = self._grove.forest.cut[self.out.nodes] - self._grove.starts[:-1]
            self.picked[[dim.position for dim in self._grove.dims]] = cuts
