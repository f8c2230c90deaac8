"""The orders of loops that are worth a look.

Every loop of a MAC op but that of a group is missing from exactly one operand: pixels from ``W``, ``K`` from ``I``, the
reduction from ``O``. A load stands inside the innermost loop that indexes the operand and turns; only the loops further
in are free of it. Of all orders of one level's loops therefore only this matters: which operand's missing dims stand
innermost. All orders that agree in it at every level cost no less than the one with the missing dims of that operand
innermost and groups outermost, in which no loop that turns stands between. Where windows share their overlap, it also
matters along which axis the innermost pixels lie.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from accelsim.cost.rows import Machine
from accelsim.cost.traffic import relevant, slides
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["Orders", "nest_of", "orders_of"]

_PIXELS = tuple(out for out, _ in WINDOWS)
_LACKED: tuple[tuple[Dim, ...], ...] = (
    (Dim.B, *_PIXELS),
    (Dim.K,),
    (Dim.C, *(tap for _, tap in WINDOWS)),
)
#: Which operand's missing dims stand further out, for each operand whose stand innermost. Where those of ``I`` do,
#: pixels come next, so that they are the innermost of its own.
_BEFORE = ((1, 2), (2, 0), (0, 1))


class Orders(NamedTuple):
    """The orders of loops that are looked at.

    Attributes:
        stills: Shape ``(orders, L)``: the operand whose missing dims stand innermost at each level.
        slides: How many orders each of them stands for that differ in which pixels are innermost.
        all: How many orders there are.
    """

    stills: Ints
    slides: int
    all: int

    @property
    def kept(self) -> int:
        """How many are looked at."""
        return len(self.stills) * self.slides


def orders_of(op: Op, machine: Machine) -> Orders:
    """Return the orders worth a look; the operands that no loop is missing from are never the still one."""
    levels = machine.structure.levels
    turning = [dim for dim in DIMS if op.size(dim) > 1]
    missing = [[not relevant(op, operand)[dim.position] for dim in turning] for operand in OPERANDS]
    still = [operand for operand, flags in enumerate(missing) if any(flags)] or [0]
    pixels = max(sum(op.size(dim) > 1 for dim in _PIXELS), 1) if slides(op) and any(machine.structure.sliding) else 1
    return Orders(
        stills=np.array(list(itertools.product(still, repeat=levels)), dtype=np.int64).reshape(-1, levels),
        slides=pixels**levels,
        all=math.factorial(len(turning)) ** levels,
    )


def nest_of(still: Ints, slide: Ints) -> Ints:
    """Return an order of loops, shape ``(L, dims)``, outermost first.

    Args:
        still: Shape ``(L,)``: the operand whose missing dims stand innermost.
        slide: Shape ``(L,)``: the axis whose pixels stand innermost of all pixels.
    """
    found = []
    for operand, axis in zip(still.tolist(), slide.tolist(), strict=True):
        pixels = (Dim.B, *(dim for dim in _PIXELS if dim is not _PIXELS[axis]), _PIXELS[axis])
        dims = [Dim.G]
        for lacking in (*_BEFORE[operand], operand):
            dims += pixels if lacking == 0 else _LACKED[lacking]
        found.append([dim.position for dim in dims])
    return np.array(found, dtype=np.int64)
