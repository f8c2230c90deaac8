"""Boxes of mappings that are still to be looked at, the most promising first, and how a box is split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing
from accelsim.mappers.tables import Forest, Frontier, Outcome
from accelsim.mapping.nest import Ints

__all__ = ["put", "split", "start"]

Floats = npt.NDArray[np.float64]
_SPARE, _UNTOUCHED, _WAITING, _DIVING = range(4)
_ROUNDING = 1e-12
#: How fast it is forgotten what splitting a dim brought.
_MEMORY = 0.9


@borrowing
def _before(keys: Floats, one: int, other: int) -> bool:
    return bool(keys[one, 0] < keys[other, 0] or (keys[one, 0] == keys[other, 0] and keys[one, 1] < keys[other, 1]))


@borrowing
def _push(q: Frontier, box: int) -> None:
    at = q.state[_WAITING]
    q.state[_WAITING] += 1
    q.heap[at] = box
    while at > 0 and _before(q.keys, q.heap[at], q.heap[(at - 1) // 2]):
        q.heap[at], q.heap[(at - 1) // 2] = q.heap[(at - 1) // 2], q.heap[at]
        at = (at - 1) // 2


@borrowing
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


@borrowing
def _slot(q: Frontier) -> int:
    if q.state[_SPARE]:
        q.state[_SPARE] -= 1
        return int(q.unused[q.state[_SPARE]])
    q.state[_UNTOUCHED] += 1
    return int(q.state[_UNTOUCHED] - 1)


@borrowing
def _free(q: Frontier, box: int) -> None:
    q.unused[q.state[_SPARE]] = box
    q.state[_SPARE] += 1


@borrowing
def _copy(values: Ints, into: Ints) -> None:
    for at in range(len(values)):
        into[at] = values[at]


@borrowing
def start(q: Frontier, t: Forest, roots: Ints, ways: Ints, boxes: Ints) -> None:
    """Make a box of all mappings below some nodes.

    Args:
        q: The boxes.
        t: The cuts.
        roots: Shape ``(boxes, D)``: the nodes.
        ways: Shape ``(boxes,)``: how the filter is cut.
        boxes: Filled with the slots.
    """
    for at in range(len(roots)):
        box = _slot(q)
        boxes[at] = box
        q.alive[box], q.inside[box], q.parent[box], q.way[box] = True, 1, -1, ways[at]
        _copy(roots[at], q.nodes[box])
        for node in roots[at]:
            q.inside[box] *= t.leaves[node]


@borrowing
def _halves(q: Frontier, t: Forest, box: int, boxes: Ints, count: int, out: Outcome) -> int:
    """Split a box along the dim that has lately raised bounds most; return how many boxes there are now.

    Where two dims may change places, of two mirror images one is enough: that in which the first dim takes the earlier
    cut, or both the same. A half in which every cut of the first comes after all cuts of the second is left out: the
    mirror images of its mappings are in no such half.
    """
    best, widest = -1, -1.0
    for d in range(q.nodes.shape[1]):
        if t.cut[q.nodes[box, d]] < 0 and q.gain[d, 0] / q.gain[d, 1] > widest:
            best, widest = d, q.gain[d, 0] / q.gain[d, 1]
    leaves = t.leaves[q.nodes[box, best]]
    for side in range(2):
        half = _slot(q)
        _copy(q.nodes[box], q.nodes[half])
        _copy(q.alive[box], q.alive[half])
        node = t.below[q.nodes[box, best], side]
        q.nodes[half, best] = node
        q.inside[half] = q.inside[box] // leaves * t.leaves[node]
        q.parent[half], q.way[half] = best, q.way[box]
        q.before[half] = q.keys[box, 0]
        one, other = t.mirrors[q.way[box], 0], t.mirrors[q.way[box], 1]
        if one >= 0 and t.range[q.nodes[half, one], 0] > t.range[q.nodes[half, other], 1]:
            out.pruned[2] += q.inside[half] * np.sum(q.alive[half])
            _free(q, half)
        else:
            boxes[count] = half
            count += 1
    _free(q, box)
    return count


@borrowing
def split(q: Frontier, t: Forest, out: Outcome, most: int, dive: int, boxes: Ints) -> int:
    """Take the most promising boxes and split each in two.

    Args:
        q: The boxes.
        t: The cuts.
        out: The best mapping so far; boxes that cannot beat it are dropped.
        most: Boxes to take.
        dive: A box to split before them, or -1 to split the most promising one first.
        boxes: Filled with the slots of the halves.

    Returns:
        How many halves there are.
    """
    count, first = 0, True
    while (dive >= 0 and first) or (q.state[_WAITING] and count < 2 * most - 1):
        box = dive if dive >= 0 and first else _pop(q)
        score, best = q.keys[box, 0], out.best[0]
        equal = score >= best * (1 - _ROUNDING) and q.keys[box, 1] >= out.best[1] * (1 - _ROUNDING)
        if score > best * (1 + _ROUNDING) or equal:
            out.pruned[1] += q.inside[box] * np.sum(q.alive[box])
            _free(q, box)
        else:
            count = _halves(q, t, box, boxes, count, out)
        if first:
            q.state[_DIVING], first = count, False
    return count


@borrowing
def put(q: Frontier, out: Outcome, boxes: Ints) -> int:
    """Let boxes wait for their turn, but for the most promising half of the box that was split first: return it, or -1.

    So one box after the other is split down to a single mapping while others wait: a good mapping that is found early
    rules out many boxes.
    """
    dive = -1
    out.searched[1] += len(boxes)
    for at in range(len(boxes)):
        box = boxes[at]
        score, d = q.keys[box, 0], q.parent[box]
        if d >= 0 and 0 < q.before[box] < np.inf:
            raised = min(score, max(out.best[0], q.before[box]))
            if raised < np.inf:
                q.gain[d, 0] = q.gain[d, 0] * _MEMORY + np.log(max(raised / q.before[box], 1.0))
                q.gain[d, 1] = q.gain[d, 1] * _MEMORY + 1
        if score == np.inf:
            _free(q, box)
        elif at >= q.state[_DIVING] or (dive >= 0 and not _before(q.keys, box, dive)):
            _push(q, box)
        else:
            if dive >= 0:
                _push(q, dive)
            dive = box
    return int(dive)
