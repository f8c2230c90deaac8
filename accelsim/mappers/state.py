"""What the kernel of costs works on: what is given, one box of mappings, and room to work in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.mappers.sequences import Sequences
from accelsim.mappers.tables import Charges, Factors, Forest

__all__ = ["Given", "State", "Work"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Given(NamedTuple):
    """What is the same for all boxes.

    Attributes:
        f: Which factor is which.
        c: The machine.
        t: The cuts.
        q: The orders of loops.
        work: Room to work in.
    """

    f: Factors
    c: Charges
    t: Forest
    q: Sequences
    work: Work


class Work(NamedTuple):
    """Room to work in.

    Attributes:
        moved: Shape ``(L, 3, L + 1, 6)``: of a transfer whose loads so many levels' loops multiply: energy; bytes that
            the first copies outside read and write, and those inside; room of the tile.
        edge: Shape ``(M + 1, 2)``: bytes read and written at the array's edge by the first copies; energy of all.
        one: Shape ``(M, 2)``: room to add up in.
        late: Shape ``(M, 2)``: the same.
        fresh: Shape ``(2,)``: how often an output starts from zero: at least, at most.
        changed: Shape ``(V,)``: factors in an order of loops that is fixed.
        walked: Shape ``(L, 3)``: how many levels' loops multiply the loads in this order.
        variant: Shape ``(L,)``: which variant of the elements of ``I`` holds in it: which axis' tiles share their
            overlap, by which loop.
    """

    moved: Floats
    edge: Floats
    one: Floats
    late: Floats
    fresh: Floats
    changed: Floats
    walked: Ints
    variant: Ints

    @classmethod
    def of(cls, levels: int, factors: int) -> Work:
        """Return room for a machine of ``levels`` memories inside the outermost one."""
        return cls(
            moved=np.zeros((levels, 3, levels + 1, 6)),
            edge=np.zeros((levels + 2, 2)),
            one=np.zeros((levels + 1, 2)),
            late=np.zeros((levels + 1, 2)),
            fresh=np.ones(2),
            changed=np.ones(factors),
            walked=np.zeros((levels, 3), dtype=np.int64),
            variant=np.zeros(levels, dtype=np.int64),
        )


class State(NamedTuple):
    """One box.

    Attributes:
        plain: Shape ``(V,)``: the factors, as in ``Batch``, like the next four.
        each: Shape ``(D, V)``.
        acting: Shape ``(L,)``.
        sliding: Shape ``(L,)``.
        passes: Shape ``(masks, groups)``.
        factors: Shape ``(V,)``: the factors in the order of loops at hand.
        work: Room to work in.
    """

    plain: Floats
    each: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    factors: Floats
    work: Work
