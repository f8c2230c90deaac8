"""The ways to cut a dim as a tree: cuts that cost alike stand close together, so that many are judged at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints

__all__ = ["Tree", "grown", "lifted"]

Floats = npt.NDArray[np.float64]


class Tree(NamedTuple):
    """A binary tree over cuts; a node comes before those below it, the root first.

    Attributes:
        below: Shape ``(nodes, 2)``: the two nodes below each, -1 for a leaf.
        cut: Shape ``(nodes,)``: the cut of a leaf, else -1.
        width: Shape ``(nodes,)``: how far apart the cuts below a node are: the largest ratio of any feature, as its
            logarithm; infinite where they differ in kind.
    """

    below: Ints
    cut: Ints
    width: Floats


@compiled
def _grow(kind: Ints, features: Floats, below: Ints, cut: Ints, width: Floats) -> None:
    count = len(kind)
    order = np.arange(count)
    starts, ends = np.zeros(2 * count, np.int64), np.zeros(2 * count, np.int64)
    ends[0] = count
    nodes = 1
    node = 0
    while node < nodes:
        start, end = starts[node], ends[node]
        below[node], cut[node], width[node] = -1, -1, 0.0
        if end - start == 1:
            cut[node] = order[start]
            node += 1
            continue
        here = order[start:end]
        by = np.empty(end - start)
        least, most = kind[here].min(), kind[here].max()
        if least < most:
            width[node] = np.inf
            by[:] = kind[here]
            bar = float(least)
        else:
            bar = 0.0
            for feature in range(features.shape[1]):
                values = features[here, feature]
                if values.max() - values.min() >= width[node] and values.max() > values.min():
                    width[node] = values.max() - values.min()
                    by[:] = values
                    bar = (values.max() + values.min()) / 2
        middle = start
        if width[node] == 0:
            middle = (start + end) // 2
        else:
            left, right = here[by <= bar], here[by > bar]
            order[start : start + len(left)] = left
            order[start + len(left) : end] = right
            middle = start + len(left)
        for side in range(2):
            below[node, side] = nodes
            starts[nodes], ends[nodes] = (start, middle) if side == 0 else (middle, end)
            nodes += 1
        node += 1


def grown(kind: Ints, features: Floats) -> Tree:
    """Return a tree over cuts.

    Args:
        kind: Shape ``(cuts,)``: cuts of different kinds are divided first.
        features: Shape ``(cuts, features)``: logarithms of what is to be alike.
    """
    nodes = 2 * len(kind) - 1
    tree = Tree(np.empty((nodes, 2), np.int64), np.empty(nodes, np.int64), np.empty(nodes))
    _grow(kind, features, *tree)
    return tree


@compiled
def _lift(below: Ints, cut: Ints, values: Floats, found: Floats) -> None:
    for node in range(len(cut) - 1, -1, -1):
        if cut[node] >= 0:
            found[node] = values[cut[node]]
        else:
            for at in range(values.shape[1]):
                found[node, at] = min(found[below[node, 0], at], found[below[node, 1], at])


def lifted(tree: Tree, values: Floats) -> Floats:
    """Return the least of each column of ``values``, shape ``(cuts, columns)``, below each node."""
    found = np.empty((len(tree.cut), values.shape[1]))
    _lift(tree.below, tree.cut, np.ascontiguousarray(values), found)
    return found
