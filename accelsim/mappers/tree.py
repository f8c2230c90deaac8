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
        leaves: Shape ``(nodes,)``: how many cuts there are below.
        common: Shape ``(nodes,)``: the bits that are set in the kind of every cut below.
        range: Shape ``(nodes, 2)``: the first and the last cut below.
    """

    below: Ints
    cut: Ints
    width: Floats
    leaves: Ints
    common: Ints
    range: Ints


@compiled
def _grow(
    kind: Ints, features: Floats, below: Ints, cut: Ints, width: Floats, leaves: Ints, common: Ints, ends_at: Ints
) -> None:
    count = len(kind)
    order, aside = np.arange(count), np.empty(count, np.int64)
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
        best, bar = -1, 0.0
        least, most = kind[order[start]], kind[order[start]]
        for at in range(start + 1, end):
            least, most = min(least, kind[order[at]]), max(most, kind[order[at]])
        if least < most:
            width[node], bar = np.inf, float(least)
        else:
            for feature in range(len(features)):
                low, high = features[feature, order[start]], features[feature, order[start]]
                for at in range(start + 1, end):
                    value = features[feature, order[at]]
                    low, high = min(low, value), max(high, value)
                if high > low and high - low >= width[node]:
                    width[node], best, bar = high - low, feature, (high + low) / 2
        if width[node] == 0:
            middle = (start + end) // 2
        else:
            middle, right = start, 0
            for at in range(start, end):
                one = order[at]
                if (float(kind[one]) if best < 0 else features[best, one]) <= bar:
                    order[middle] = one
                    middle += 1
                else:
                    aside[right] = one
                    right += 1
            order[middle:end] = aside[:right]
        for side in range(2):
            below[node, side] = nodes
            starts[nodes], ends[nodes] = (start, middle) if side == 0 else (middle, end)
            nodes += 1
        node += 1
    for node in range(nodes - 1, -1, -1):
        leaves[node] = ends[node] - starts[node]
        if cut[node] >= 0:
            common[node], ends_at[node] = kind[cut[node]], cut[node]
        else:
            one, other = below[node]
            common[node] = common[one] & common[other]
            ends_at[node, 0] = min(ends_at[one, 0], ends_at[other, 0])
            ends_at[node, 1] = max(ends_at[one, 1], ends_at[other, 1])


def grown(kind: Ints, features: Floats) -> Tree:
    """Return a tree over cuts.

    Args:
        kind: Shape ``(cuts,)``: bits that say which loops turn; cuts of different kinds are divided first.
        features: Shape ``(cuts, features)``: logarithms of what is to be alike.
    """
    nodes = 2 * len(kind) - 1
    one = [np.empty(nodes, np.int64) for _ in range(3)]
    pairs = [np.empty((nodes, 2), np.int64) for _ in range(2)]
    tree = Tree(pairs[0], one[0], np.empty(nodes), one[1], one[2], pairs[1])
    _grow(kind, np.ascontiguousarray(features.T), *tree)
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
    # Most columns are the same for all cuts.
    varies = np.flatnonzero(np.any(values != values[:1], axis=0))
    some = np.empty((len(tree.cut), len(varies)))
    _lift(tree.below, tree.cut, np.ascontiguousarray(values[:, varies]), some)
    found = np.empty((len(tree.cut), values.shape[1]))
    found[:] = values[:1]
    found[:, varies] = some
    return found
