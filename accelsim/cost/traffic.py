"""Bytes that tiles move between memories. Depends on the op, the mapping and which memory holds what: not on sizes.

A load stands in the nest where a compiler would place it: just inside the innermost loop that indexes the operand and
turns more than once, judged on full tiles. It is executed whenever control comes there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.moves import lanes_of, move, nest_of
from accelsim.cost.pieces import Question, counts_of, stacked
from accelsim.cost.roles import ROLES
from accelsim.cost.tables import Factors, Flags, Floats, Ints, Nest, Tables
from accelsim.cost.windows import Windows, windows_of
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim, Operand
from accelsim.mapping.nest import Cuts, Mappings
from accelsim.workload.ops import Op, OpKind, Sliding

__all__ = ["Structure", "Traffic", "between", "indexing", "relevant", "slides", "traffic"]

#: Of each dim: whether it indexes a sliding input as it is, and the window axis of which it is the output dim, or -1.
_IS_PLAIN = np.array([dim in (Dim.B, Dim.G, Dim.C) for dim in DIMS])
_WINDOW = np.array([[out for out, _ in WINDOWS].index(dim) if dim in dict(WINDOWS) else -1 for dim in DIMS])
_AXES = np.array([[out.position, tap.position] for out, tap in WINDOWS])
#: Of an input that does not slide.
_UNSEEN = Windows(np.ones((0, 0, 0, 0, 0)), np.ones((0, 0, 0, 0)), np.ones((0, 0, 0, 0)))


@dataclass(frozen=True, slots=True)
class Structure:
    """What traffic needs to know of a machine. Places are levels 1 to ``L`` and, last, the array.

    Attributes:
        holds: For each memory, outermost first, which of ``W I O`` it holds.
        double_buffered: For each memory, whether tiles take twice their room.
        outputs_held: Whether outputs stay in the array over the whole reduction of a tile.
        sliding: For each memory, whether neighbouring input windows share their overlap.
        fans: For each place, whether it stands in copies.
        multicast: For each place, whether copies that need the same tile share one read outside.
        reduces: For each place, whether sums of copies are added on the way out.
        apart: Whether reading and writing have prices or bandwidths of their own.
    """

    holds: tuple[tuple[bool, bool, bool], ...]
    double_buffered: tuple[bool, ...]
    outputs_held: bool
    sliding: tuple[bool, ...] = ()
    fans: tuple[bool, ...] = ()
    multicast: tuple[bool, ...] = ()
    reduces: tuple[bool, ...] = ()
    apart: bool = False

    @property
    def levels(self) -> int:
        """Memories inside the outermost one."""
        return len(self.holds) - 1

    def parent(self, level: int, operand: int) -> int:
        """Return the next level outside ``level`` (or the array, ``levels + 1``) that holds an operand of ``W I O``."""
        return next(outer for outer in range(level - 1, -1, -1) if self.holds[outer][operand])

    def copied(self, outer: int, inner: int) -> int:
        """Return the places behind ``outer`` and up to ``inner`` that stand in copies, a bit for each."""
        return sum(1 << place for place in range(outer + 1, inner + 1) if self.fans and self.fans[place - 1])

    def shared(self, outer: int, inner: int, operand: int) -> int:
        """Return those of ``copied`` whose copies share a transfer of an operand of ``W I O``."""
        flags = self.reduces if OPERANDS[operand] is Operand.O else self.multicast
        return sum(1 << p for p in range(outer + 1, inner + 1) if self.copied(p - 1, p) and (not flags or flags[p - 1]))


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Traffic of many mappings. ``L`` levels; operands in the order ``W I O``; bytes throughout.

    Attributes:
        moved: Shape ``(mappings, L, 3, 4)``: between each level and the next outer one that holds the operand: bytes
            read there, written into the level, read from the level, written there. All copies together.
        one: The same for the first copy of the memory in question, which has the most to do.
        footprint: Shape ``(mappings, L, 3)``: room the tiles of a copy take, twice where they are double-buffered and
            change.
        spilled: Shape ``(mappings, L)``: whether partial sums leave the level before they are complete.
        first: Shape ``(mappings, 3)``: bytes of the first tiles at the outermost level that holds the operand.
        fresh: Shape ``(mappings,)``: how often an output starts from zero in the copies of the innermost memory that
            holds outputs: once, and once more for each further copy that takes part in its sum.
        alone: Shape ``(mappings,)``: whether a single copy of that memory sums an output.
    """

    moved: Floats
    one: Floats
    footprint: Floats
    spilled: npt.NDArray[np.bool_]
    first: Floats
    fresh: Floats
    alone: npt.NDArray[np.bool_]


def relevant(op: Op, operand: Operand) -> npt.NDArray[np.bool_]:
    """Return for each dim of ``DIMS`` whether it indexes ``operand``."""
    return indexing(op.rule, operand)


@lru_cache(maxsize=256)
def indexing(rule: OpKind, operand: Operand) -> npt.NDArray[np.bool_]:
    """Return for each dim of ``DIMS`` whether it indexes an operand of ops of a kind."""
    inputs = rule.inputs[0] if rule.inputs else ()
    projection = {Operand.W: rule.weights or (), Operand.I: inputs, Operand.O: rule.output}[operand]
    named = {dim for axis in projection for dim in ((axis.out, axis.filter) if isinstance(axis, Sliding) else (axis,))}
    found = np.array([dim in named for dim in DIMS])
    found.flags.writeable = False
    return found


def slides(op: Op) -> bool:
    """Return whether the input is read through windows."""
    return any(isinstance(axis, Sliding) for axis in (op.rule.inputs or ((),))[0])


def traffic(op: Op, mappings: Mappings, structure: Structure) -> Traffic:
    """Return the traffic of ``mappings``.

    A loop that indexes the operand walks over its tiles. One that does not makes it move again, once for each turn, if
    a loop inside it indexes the operand and turns more than once; otherwise the tile is still there. Outputs that leave
    before their reduction is complete come back as partial sums.
    """
    factors, tables, nests = between(op, mappings, structure)
    return Traffic(*move(tables, factors, nests, mappings.cut, mappings.nest))


def between(op: Op, mappings: Mappings, structure: Structure) -> tuple[Factors, Tables, Nest]:
    """Return what the loop over ``mappings`` reads to count what moves between memories."""
    return _known(op, mappings.cuts, _Orders(mappings.nests), structure)


@dataclass(frozen=True, slots=True, eq=False)
class _Orders:
    """Orders of loops, as in ``Mappings.nests``; they are the same if they are the same array."""

    nests: Ints

    def __hash__(self) -> int:
        return id(self.nests)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Orders) and self.nests is other.nests


@lru_cache(maxsize=64)
def _known(op: Op, cuts: tuple[Cuts, ...], orders: _Orders, structure: Structure) -> tuple[Factors, Tables, Nest]:
    """Return what cuts and orders contribute; mappings are often parts of others that have the same."""
    tables = tables_of(op, cuts, structure)
    place = np.full(len(DIMS), -1)
    place[tables.dims] = np.arange(len(tables.dims))
    nests = place[orders.nests]
    nests = nests[nests >= 0].reshape(*nests.shape[:2], len(tables.dims))
    return lanes_of(tables, stacked(cuts).number), tables, nest_of(tables, np.ascontiguousarray(nests))


def tables_of(op: Op, cuts: tuple[Cuts, ...], structure: Structure) -> Tables:
    """Return what each cut of each dim contributes to traffic."""
    fixed, stack = _fixed(structure), stacked(cuts)
    sizes = np.array(op.sizes)
    dims = np.flatnonzero(sizes > 1)
    found = counts_of(sizes[dims], dims, stack, fixed.questions)
    sliding = slides(op)
    seen = windows_of(op, stack, fixed.questions, sliding=any(structure.sliding)) if sliding else _UNSEEN
    return Tables(
        dims=dims,
        indexes=np.stack([relevant(op, operand)[dims] for operand in OPERANDS]),
        plain=_IS_PLAIN[dims],
        axes=_AXES,
        window_dim=_WINDOW[dims],
        turns=found.turns,
        counted=found.counted,
        summed=found.summed,
        tile=stack.places[dims, :, :-1].astype(float),
        start=found.start,
        seen=seen.seen,
        held=seen.held,
        begun=seen.begun,
        asked=fixed.asked,
        parent=fixed.parent,
        bits=np.array([op.bits.W, op.bits.I, op.bits.O, op.bits.partial], dtype=float),
        slides=sliding,
        reuses=fixed.reuses,
        buffered=fixed.buffered,
        outputs_held=structure.outputs_held,
        fans=any(structure.fans),
    )


class _Fixed(NamedTuple):
    """What is the same for all ops on a machine; as in ``Tables``, with ``questions`` of shape ``(questions, 2)``."""

    questions: Ints
    asked: Ints
    parent: Ints
    reuses: Flags
    buffered: Flags


@lru_cache(maxsize=256)
def _fixed(structure: Structure) -> _Fixed:
    levels = structure.levels
    questions, asked = _questions(structure)
    return _Fixed(
        np.array(questions, dtype=np.int64).reshape(-1, 2),
        asked,
        np.array(
            [[structure.parent(m, o) if structure.holds[m][o] else -1 for o in range(3)] for m in range(1, levels + 1)]
        ),
        np.array(structure.sliding[1:] or (False,) * levels),
        np.array(structure.double_buffered[1:]),
    )


def _questions(structure: Structure) -> tuple[tuple[Question, ...], Ints]:
    """Return the distinct questions, and which each role of each (level, operand) asks; see ``cost.moves``."""
    questions: dict[Question, int] = {}
    asked = np.full((structure.levels, 3, ROLES), -1)
    for level in range(1, structure.levels + 1):
        for operand, held in enumerate(structure.holds[level]):
            if not held:
                continue
            parent = structure.parent(level, operand)
            outside, inside = structure.copied(0, parent), structure.copied(parent, level)
            shared = structure.shared(parent, level, operand)
            written = inside if OPERANDS[operand] is Operand.O else 0
            masks = (shared, written, 0, outside | shared, outside, outside | inside)
            asked[level - 1, operand] = [questions.setdefault((level, mask), len(questions)) for mask in masks]
    return tuple(questions), asked
