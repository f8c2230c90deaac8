"""What repetitions of layers add, by number: worked out once for each repetition and the shapes that it reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np

from accelsim.cost.columns import Columns
from accelsim.errors import InputError
from accelsim.nas.assembly import Parts
from accelsim.schedule.catalog import Catalog
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.builder import Tensor
from accelsim.workload.ops import Bits, Shape
from accelsim.workload.part import Part, is_assembled
from accelsim.workload.turns import Turn, part_of

__all__ = ["Kind", "Made", "NotByParts", "Numbered", "PartLibrary", "other_names"]

#: Parts after which a library is given up for a new one.
_MOST = 100_000


class NotByParts(Exception):  # noqa: N818 - nobody's mistake
    """The members of a space cannot be put together from parts; they have to be built."""


class Kind(NamedTuple):
    """What matters of a tensor: its shape, and how many elements its writer writes; ``None`` for an input."""

    shape: Shape
    elements: int | None


class Made(NamedTuple):
    """What a repetition adds: the number of its part, -1 if it cannot be made, and the number of its result's kind."""

    part: int
    kind: int


def other_names(turn: Turn) -> tuple[str, ...]:
    """Return the names of the layers that a repetition reads beside the one before it."""
    return tuple(name for _, given in turn.tensors for name in ((given,) if isinstance(given, str) else given))


class Numbered(dict[Hashable, int]):
    """Thing -> its number; one not met before gets the next.

    Attributes:
        each: The things by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.each: list[Any] = []

    def __missing__(self, thing: Hashable) -> int:
        self.each.append(thing)
        self[thing] = len(self.each) - 1
        return self[thing]


class PartLibrary:
    """Parts, repetitions, kinds of tensors and bit widths by number.

    Args:
        catalog: Ops by number.

    Attributes:
        turns: Repetitions by number.
        kinds: Kinds of tensors by number.
        widths: Bit widths by number.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.turns, self.kinds, self.widths = Numbered(), Numbered(), Numbered()
        self._made: dict[tuple[int, ...], Made] = {}
        self._numbers: dict[tuple[Part, tuple[int, ...]], int] = {}
        self._parts = Columns(first=np.int64, end=np.int64, written=np.int64)
        self._ops = Columns(op=np.int64, first_read=np.int64, end_read=np.int64)
        self._reads = Columns(source=np.int64)

    @property
    def full(self) -> bool:
        """Whether it has grown so large that a new one should take its place."""
        return max(len(self._made), len(self.turns), len(self.kinds)) > _MOST

    @property
    def parts(self) -> Parts:
        """All parts; arrays longer than there are parts."""
        return Parts(**self._parts.arrays, **self._ops.arrays, **self._reads.arrays)

    def made(self, key: tuple[int, ...]) -> Made:
        """Return what a repetition adds.

        Args:
            key: Numbers of the repetition and of the bit widths; then, for each tensor that it reads, the number of
                its kind; then, for each of them, which is the first that is the same tensor.

        Raises:
            NotByParts: Its block is made of parts itself, so that there are too many of them.
        """
        if key not in self._made:
            try:
                self._made[key] = self._make(key)
            except InputError:  # to be told by whoever builds the network
                self._made[key] = Made(-1, 0)
        return self._made[key]

    def _make(self, key: tuple[int, ...]) -> Made:
        turn: Turn = self.turns.each[key[0]]
        bits: Bits = self.widths.each[key[1]]
        if is_assembled(BLOCKS[turn.block]):
            raise NotByParts
        count = (len(key) - 2) // 2
        read: list[Kind] = [self.kinds.each[number] for number in key[2 : 2 + count]]
        tensors = [Tensor(str(same), kind.shape) for same, kind in zip(key[2 + count :], read, strict=True)]
        part, sources = part_of(turn, tensors[0], _options(turn, iter(tensors[1:])), bits)
        operands = tuple(map(int, sources))
        written = [op.output_elements for op in part.ops] + [read[operand].elements for operand in operands]
        fits = all(
            written[place] in (None, elements)
            for op, places in zip(part.ops, part.reads, strict=True)
            for place, elements in zip(places, op.elements_read, strict=True)
        )
        if not fits or len(set(part.roles)) < len(part.roles):
            return Made(-1, 0)
        return Made(self._number(part, operands), self.kinds[Kind(part.shape, written[part.written])])

    def _number(self, part: Part, operands: tuple[int, ...]) -> int:
        """Return the number of a part whose tensors outside are certain operands."""
        key = (part, operands)
        if key not in self._numbers:
            count, first = len(part.ops), self._ops.count

            def read(place: int) -> int:
                return place if place < count else -1 - operands[place - count]

            for op, places in zip(part.ops, part.reads, strict=True):
                start = self._reads.count
                self._reads.extend(len(places), source=[read(place) for place in places])
                self._ops.extend(op=self._catalog[op], first_read=start, end_read=self._reads.count)
            self._numbers[key] = self._parts.extend(first=first, end=self._ops.count, written=read(part.written))
        return self._numbers[key]


def _options(turn: Turn, tensors: Iterator[Tensor]) -> tuple[tuple[str, Tensor | tuple[Tensor, ...]], ...]:
    """Return the tensors of the options that name other layers, as they come in ``other_names``."""
    return tuple(
        (option, next(tensors) if isinstance(given, str) else tuple(next(tensors) for _ in given))
        for option, given in turn.tensors
    )
