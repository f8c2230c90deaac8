"""Boxes of mappings that are still to be looked at, the most promising first, and how a box is split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mappers.tables import Forest, Frontier, Outcome
from accelsim.mapping.nest import Ints

__all__ = ["put", "split", "start"]

Floats = npt.NDArray[np.float64]
_SPARE, _UNTOUCHED, _WAITING = range(3)
_ROUNDING = 1e-12
#: How fast it is forgotten what splitting a dim brought.
_MEMORY = 0.9


@compiled
def _before(keys: Floats, one: int, other: int) -> bool:
    return keys[one, 0] < keys[other, 0] or (keys[one, 0] == keys[other, 0] and keys[one, 1] < keys[other, 1])


@compiled
def _push(q: Frontier, box: int) -> None:
    at = q.state[_WAITING]
    q.state[_WAITING] += 1
    q.heap[at] = box
    while at > 0 and _before(q.keys, q.heap[at], q.heap[(at - 1) // 2]):
        q.heap[at], q.heap[(at - 1) // 2] = q.heap[(at - 1) // 2], q.heap[at]
        at = (at - 1) // 2


@compiled
def _pop(q: Frontier) -> int:
    box = q.heap[0]
    q.state[_WAITING] -= 1
    size = q.state[_WAITING]
    q.heap[0] = q.heap[size]
    at = 0
    while True:
        least = at
        for below in range(2 * at + 1, min(2 * at + 3, size)):
            if _before(q.keys, q.heap[below], q.heap[least]):
                least = below
        if least == at:
            return int(box)
        q.heap[at], q.heap[least] = q.heap[least], q.heap[at]
        at = least


@compiled
def _slot(q: Frontier) -> int:
    if q.state[_SPARE]:
        q.state[_SPARE] -= 1
        return int(q.unused[q.state[_SPARE]])
    q.state[_UNTOUCHED] += 1
    return int(q.state[_UNTOUCHED] - 1)


@compiled
def _free(q: Frontier, box: int) -> None:
    q.unused[q.state[_SPARE]] = box
    q.state[_SPARE] += 1


@compiled
def start(q: Frontier, t: Forest, boxes: Ints) -> None:
    """Empty the frontier; make ``boxes[0]`` the box of all mappings."""
    q.state[:] = 0
    boxes[0] = _slot(q)
    box = boxes[0]
    q.nodes[box], q.alive[box], q.inside[box], q.parent[box] = t.root, True, 1, -1
    for d in range(len(t.root)):
        q.inside[box] *= t.leaves[t.root[d]]


@compiled
def _halves(q: Frontier, t: Forest, box: int, boxes: Ints, count: int) -> int:
    """Split a box along the dim that has lately raised bounds most; return how many boxes there are now."""
    best, widest = -1, -1.0
    for d in range(len(t.root)):
        if t.cut[q.nodes[box, d]] < 0 and q.gain[d, 0] / q.gain[d, 1] > widest:
            best, widest = d, q.gain[d, 0] / q.gain[d, 1]
    leaves = t.leaves[q.nodes[box, best]]
    for side in range(2):
        half = _slot(q)
        q.nodes[half], q.alive[half] = q.nodes[box], q.alive[box]
        node = t.below[q.nodes[box, best], side]
        q.nodes[half, best] = node
        q.inside[half] = q.inside[box] // leaves * t.leaves[node]
        q.parent[half] = best
        q.before[half] = q.keys[box, 0]
        boxes[count + side] = half
    _free(q, box)
    return count + 2


@compiled
def split(q: Frontier, t: Forest, out: Outcome, most: int, dive: int, boxes: Ints) -> int:
    """Take the most promising boxes and split each in two.

    Args:
        q: The boxes.
        t: The cuts.
        out: The best mapping so far; boxes that cannot beat it are dropped.
        most: Boxes to take.
        dive: A box to split instead, or -1.
        boxes: Filled with the slots of the halves.

    Returns:
        How many halves there are: none if nothing is left to look at.
    """
    if dive >= 0:
        return _halves(q, t, dive, boxes, 0)
    count = 0
    while q.state[_WAITING] and count < 2 * most:
        box = _pop(q)
        score, best = q.keys[box, 0], out.best[0]
        equal = score >= best * (1 - _ROUNDING) and q.keys[box, 1] >= out.best[1] * (1 - _ROUNDING)
        if score > best * (1 + _ROUNDING) or equal:
            out.pruned[1] += q.inside[box] * np.sum(q.alive[box])
            _free(q, box)
        else:
            count = _halves(q, t, box, boxes, count)
    return count


@compiled
def put(q: Frontier, out: Outcome, boxes: Ints) -> int:
    """Let boxes wait for their turn; return the most promising, left out, as long as no mapping is found at all."""
    dive = -1
    out.searched[1] += len(boxes)
    for box in boxes:
        score, d = q.keys[box, 0], q.parent[box]
        if d >= 0 and 0 < q.before[box] < np.inf:
            raised = min(score, max(out.best[0], q.before[box]))
            if raised < np.inf:
                q.gain[d, 0] = q.gain[d, 0] * _MEMORY + np.log(max(raised / q.before[box], 1.0))
                q.gain[d, 1] = q.gain[d, 1] * _MEMORY + 1
        if score == np.inf:
            _free(q, box)
        elif out.best[0] < np.inf:
            _push(q, box)
        elif dive < 0:
            dive = box
        elif _before(q.keys, box, dive):
            _push(q, dive)
            dive = box
        else:
            _push(q, box)
    return dive
