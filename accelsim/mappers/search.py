"""The search for the best of all mappings: boxes of mappings are bounded, split and dropped until one mapping is left."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.mappers.costs import judge
from accelsim.mappers.forest import Grove
from accelsim.mappers.frontier import put, split, start
from accelsim.mappers.measure import measure
from accelsim.mappers.tables import Batch, Charges, Factors, Forest, Frontier, Outcome
from accelsim.mapping.nest import Ints

__all__ = ["Search"]

Floats = npt.NDArray[np.float64]
#: Boxes that are split at a time, and those that may wait.
_BATCH = 32
_ROUNDING = 1e-12


class Search:
    """A search under way.

    Args:
        grove: The cuts.
        factors: Which factor is which.
        charges: The machine.
        stills: Shape ``(orders, L)``: the orders of loops: which operand's missing dims stand innermost at each level.
        slots: Boxes that may wait at a time.

    Attributes:
        out: What is found.
        bound: The least score that a mapping not looked at could have; that of the best if all are.
    """

    def __init__(self, grove: Grove, factors: Factors, charges: Charges, stills: Ints, slots: int = 400_000) -> None:
        levels, dims = stills.shape[1], len(factors.lacks)
        self._grove, self._factors, self._charges, self._stills, self._slots = grove, factors, charges, stills, slots
        rows, slots = 2 * _BATCH, slots + 4 * _BATCH
        self._batch = Batch(
            factors=np.ones((rows, grove.width)),
            acting=np.zeros((rows, levels), dtype=np.int64),
            sliding=np.zeros((rows, levels), dtype=np.int64),
            passes=np.ones((rows, *factors.pieces.shape)),
            known=np.zeros(rows, dtype=np.int64),
            fits=np.zeros(rows, dtype=np.bool_),
            most=np.ones((3, levels)),
            picked=np.zeros(dims, dtype=np.int64),
            left=np.ones(3),
        )
        self._frontier = Frontier(
            nodes=np.empty((slots, dims), dtype=np.int64),
            keys=np.empty((slots, 2)),
            alive=np.empty((slots, len(stills)), dtype=np.bool_),
            inside=np.empty(slots, dtype=np.int64),
            parent=np.empty(slots, dtype=np.int64),
            before=np.empty(slots),
            heap=np.empty(slots, dtype=np.int64),
            unused=np.empty(slots, dtype=np.int64),
            state=np.zeros(3, dtype=np.int64),
            gain=np.ones((dims, 2)),
        )
        self._boxes = np.empty(rows, dtype=np.int64)
        self.out = Outcome(
            best=np.full(4, np.inf),
            nodes=np.full(dims, -1),
            still=np.zeros(levels, dtype=np.int64),
            slide=np.zeros(levels, dtype=np.int64),
            pruned=np.zeros(2, dtype=np.int64),
            searched=np.zeros(2, dtype=np.int64),
        )
        self.picked = np.full(dims, -1)
        self.bound = np.inf

    def _judge(self, forest: Forest, boxes: Ints) -> None:
        q = self._frontier
        measure(self._factors, self._charges, forest, q.nodes, boxes, self._batch)
        args = (self._factors, self._charges, self._batch, self._stills, boxes)
        judge(*args, q.nodes, q.alive, q.inside, q.keys, self.out)

    def _root(self, forest: Forest) -> float:
        """Return the bound of all mappings with the filter cut in one way; count them if none can be best."""
        first = self._boxes[:1]
        start(self._frontier, forest, first)
        self._judge(forest, first)
        return float(self._frontier.keys[first[0], 0])

    def run(self) -> None:
        """Search all mappings, those first whose cut of the filter promises most."""
        ways = list(self._grove.filters())
        bounds = np.zeros(len(ways))
        if len(ways) > 1:
            bounds[:] = [self._root(self._grove.cut(way)) for way in ways]
            self.out.pruned[:], self.out.searched[:] = 0, 0
        inside = int(self._frontier.inside[self._boxes[0]]) if len(ways) > 1 else 0
        for place, at in enumerate(np.argsort(bounds, kind="stable")):
            if bounds[at] > self.out.best[0] * (1 + _ROUNDING):
                self.out.pruned[1] += inside * len(self._stills) * (len(ways) - place)
                break
            self._below(self._grove.cut(ways[at]))
        self.bound = min(self.bound, float(self.out.best[0]))

    def _below(self, forest: Forest) -> None:
        """Search all mappings of a forest, as long as there is room for the boxes that wait."""
        found = self.out.best[:2].copy()
        self._root(forest)
        dive, most = put(self._frontier, self.out, self._boxes[:1]), 1
        while count := split(self._frontier, forest, self.out, most, dive, self._boxes):
            boxes = self._boxes[:count]
            self._judge(forest, boxes)
            dive = put(self._frontier, self.out, boxes)
            most = 1 if dive >= 0 else min(_BATCH, 1 + int(self._frontier.state[2]) // 4)
            if self._frontier.state[1] > self._slots:
                self.bound = min(self.bound, float(self._frontier.keys[self._frontier.heap[0], 0]))
                break
        if np.any(self.out.best[:2] != found):
            self.picked = forest.cut[self.out.nodes]
