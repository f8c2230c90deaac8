"""Ways to cut a loop of which tiles or copies are fixed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from accelsim.cost.rows import Machine
from accelsim.dims import Dim
from accelsim.mappers.deals import Deals, deals
from accelsim.mappers.rules import Rules
from accelsim.mapping.nest import Cuts, Ints

__all__ = ["chains_that_obey", "deals_that_obey"]

#: Ways to cut a loop of which all are looked at.
_MOST = 20_000


def chains_that_obey(size: int, tiles: Sequence[int], among: Ints | None = None) -> Ints:
    """Return the ways to cut a loop of ``size`` with some tiles fixed, shape ``(ways, L)``, in rising order.

    Args:
        size: Loop size.
        tiles: The tile of each level; 0 where it is open.
        among: The sizes that open tiles may have, rising; all by default.
    """
    choices = np.arange(1, size + 1) if among is None else among
    found = np.zeros((1, 0), dtype=np.int64)
    for level, tile in enumerate(tiles):
        outer = found[:, -1] if level else np.array([size])
        # A tile is at least as large as those fixed inside it.
        least = max(*tiles[level:], 1)
        here = np.array([tile]) if tile else np.unique(np.append(choices[choices >= least], least))
        count = np.searchsorted(here, outer, side="right")
        first = np.repeat(np.cumsum(count) - count, count)
        column = here[np.arange(len(first)) - first]
        found = np.concatenate([np.repeat(found, count, axis=0), column[:, None]], axis=1)
    return found


def deals_that_obey(size: int, dim: Dim, machine: Machine, rules: Rules) -> Deals:
    """Return the ways to cut a loop of ``size`` over ``dim`` that obey.

    All of them; or, if there are too many, those whose open tiles are the smallest for a number of tiles, with as many
    copies as an axis has, a power of two or one, and the regular cuts (see ``deals``) that obey.
    """
    axes = [axis for axis, loop in enumerate(machine.loops) if dim in loop.dims]
    most = [machine.loops[axis].size for axis in axes]
    tiles = chains_that_obey(size, rules.of(dim))
    along = _along([np.arange(1, count + 1) for count in most], axes, machine, rules, dim)
    whole = len(tiles) * len(along) <= _MOST
    if not whole:
        tiles = chains_that_obey(size, rules.of(dim), np.unique(-(-size // np.arange(1, size + 1))))
        few = [np.array(sorted({count, *(1 << bit for bit in range(count.bit_length()))})) for count in most]
        along = _along(few, axes, machine, rules, dim)
    spread = np.repeat(along, len(tiles), axis=0)
    tiles = np.tile(tiles, (len(along), 1))
    if not whole:
        regular = deals(size, dim, machine)
        flags = rules.obeyed(dim, regular.cuts)
        both = (
            np.concatenate([tiles, spread], axis=1),
            np.concatenate([regular.cuts.tiles, regular.along], axis=1)[flags],
        )
        rows = np.unique(np.concatenate(both), axis=0)
        tiles, spread = rows[:, : tiles.shape[1]], rows[:, tiles.shape[1] :]
    return Deals(Cuts(tiles, _copies(spread, machine)), spread, whole)


def _copies(along: Ints, machine: Machine) -> Ints:
    """Return the copies by place of copies along axes, shape ``(ways, L + 1)``."""
    copies = np.ones((len(along), machine.structure.levels + 1), dtype=np.int64)
    for axis, loop in enumerate(machine.loops):
        copies[:, loop.place - 1] *= along[:, axis]
    return copies


def _along(choices: Sequence[Ints], axes: Sequence[int], machine: Machine, rules: Rules, dim: Dim) -> Ints:
    """Return the copies along all axes that obey, shape ``(ways, axes)``.

    Args:
        choices: The copies that may be taken of each of ``axes``.
        axes: The axes that take the dim.
        machine: The machine.
        rules: What is fixed.
        dim: The dim.
    """
    wanted = rules.copies[:, dim.position]
    ways = []
    for axis, some in zip(axes, choices, strict=True):
        product, most = int(wanted[machine.loops[axis].place - 1]), machine.loops[axis].size
        divisors = [count for count in range(1, min(product, most) + 1) if product % count == 0]
        ways.append(divisors if product else [int(count) for count in some])
    found = np.ones((math.prod(map(len, ways)), len(machine.loops)), dtype=np.int64)
    found[:, list(axes)] = list(itertools.product(*ways)) if axes else found[:, :0]
    return found[rules.dealt(dim, _copies(found, machine))]
