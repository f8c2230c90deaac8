"""Ways to cut one dim into tiles of every level: those that could be part of a best mapping."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints

__all__ = ["chains", "number_of_chains"]


@compiled
def _ceil(size: int, tile: int) -> int:
    return -(-size // tile)


@lru_cache(maxsize=256)
def number_of_chains(size: int, levels: int) -> int:
    """Return the number of ways to cut a loop of ``size``: chains of tiles, none larger than the one outside it."""
    result = 1
    for level in range(levels):
        result = result * (size + level) // (level + 1)
    return result


@compiled
def _every(size: int, chains: Ints) -> None:
    """Fill ``chains`` with all chains of falling tiles, each tile from ``size`` down to 1."""
    levels = chains.shape[1]
    one = np.ones(levels, np.int64)
    for row in range(chains.shape[0]):
        chains[row] = one
        at = levels - 1
        # The innermost tile that may still grow; those inside it start anew.
        while at > 0 and one[at] == one[at - 1]:
            at -= 1
        one[at] += 1
        one[at + 1 :] = 1


@lru_cache(maxsize=64)
def chains(size: int, levels: int) -> Ints:
    """Return all ways to cut a loop of ``size``, shape ``(ways, levels)``: none is larger than the one outside it."""
    found = np.empty((number_of_chains(size, levels), levels), dtype=np.int64)
    _every(size, found)
    return found
