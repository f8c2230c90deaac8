"""What the kernel of costs works on: what is given, one box of mappings, and room to work in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.mappers.sequences import Sequences
from accelsim.mappers.tables import Charges, Factors, Forest

__all__ = ["Bill", "Given", "State"]

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
    """

    f: Factors
    c: Charges
    t: Forest
    q: Sequences


class State(NamedTuple):
    """One box, and room to work in.

    Attributes:
        plain: Shape ``(V,)``: the factors, as in ``Batch``, like the next three.
        acting: Shape ``(L,)``.
        sliding: Shape ``(L,)``.
        passes: Shape ``(masks, groups)``.
        moved: Shape ``(L, 3, L + 1, 6)``: of a transfer whose loads so many levels' loops multiply: energy; bytes that
            the first copies outside read and write, and those inside; room of the tile.
        edge: Shape ``(M + 1, 2)``: bytes read and written at the array's edge by the first copies; energy of all.
        one: Shape ``(M, 2)``: room to add up in.
        late: Shape ``(M, 2)``: the same.
        fresh: Shape ``(2,)``: how often an output starts from zero: at least, at most.
        factors: Shape ``(V,)``: the factors in the order of loops at hand.
        walked: Shape ``(L, 3)``: how many levels' loops multiply the loads in this order.
        variant: Shape ``(L,)``: which variant of the elements of ``I`` holds in it: which axis' tiles share their
            overlap, by which loop.
    """

    plain: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    moved: Floats
    edge: Floats
    one: Floats
    late: Floats
    fresh: Floats
    factors: Floats
    walked: Ints
    variant: Ints


class Bill(NamedTuple):
    """What latency and energy are made of; parts of ``Charges`` and ``State``, few, since calls copy them."""

    parent: Ints
    moves: Flags
    serial: Flags
    room: Floats
    slow: Floats
    moved: Floats
    edge: Floats
    one: Floats
    late: Floats
    walked: Ints
    fixed: tuple[float, float, float]
    array: tuple[float, float, float]
