"""Bytes that tiles move between memories. Depends on the op, the mapping and which memory holds what: not on sizes.

A load stands in the nest where a compiler would place it: just inside the innermost loop that indexes the operand and
turns more than once, judged on full tiles. It is executed whenever control comes there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.moves import ROLES, Tables, move
from accelsim.cost.pieces import Question, begun, counts
from accelsim.cost.windows import windows
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim, Operand
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op, Sliding

__all__ = ["Structure", "Traffic", "relevant", "slides", "traffic"]

Floats = npt.NDArray[np.float64]
#: Dims that index a sliding input as they are.
_PLAIN = (Dim.B, Dim.G, Dim.C)


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
    rule = op.rule
    inputs = rule.inputs[0] if rule.inputs else ()
    projection = {Operand.W: rule.weights or (), Operand.I: inputs, Operand.O: rule.output}[operand]
    named = {dim for axis in projection for dim in ((axis.out, axis.filter) if isinstance(axis, Sliding) else (axis,))}
    return np.array([dim in named for dim in DIMS])


def slides(op: Op) -> bool:
    """Return whether the input is read through windows."""
    return any(isinstance(axis, Sliding) for axis in (op.rule.inputs or ((),))[0])


def traffic(op: Op, mappings: Mappings, structure: Structure) -> Traffic:
    """Return the traffic of ``mappings``.

    A loop that indexes the operand walks over its tiles. One that does not makes it move again, once for each turn, if
    a loop inside it indexes the operand and turns more than once; otherwise the tile is still there. Outputs that leave
    before their reduction is complete come back as partial sums.
    """
    tables = tables_of(op, mappings.cuts, structure)
    place = np.full(len(DIMS), -1)
    place[tables.dims] = np.arange(len(tables.dims))
    orders = place[mappings.nests]
    nests = orders[orders >= 0].reshape(*orders.shape[:2], len(tables.dims))
    found = move(tables, mappings.cut, np.ascontiguousarray(nests), mappings.nest)
    return Traffic(*found)


def tables_of(op: Op, cuts: tuple[Cuts, ...], structure: Structure) -> Tables:
    """Return what each cut of each dim contributes to traffic."""
    dims = [dim for dim in DIMS if op.size(dim) > 1]
    most, levels = max(map(len, cuts)), structure.levels
    questions, asked = _questions(structure)
    shape = (len(dims), most)
    turns = np.zeros((*shape, levels), dtype=bool)
    counted, summed = np.ones((*shape, len(questions), levels + 2)), np.ones((*shape, len(questions)))
    tile, start = np.ones((*shape, levels)), np.ones((*shape, levels))
    for at, dim in enumerate(dims):
        one = cuts[dim.position]
        counted[at, : len(one)], summed[at, : len(one)] = counts(op.size(dim), one, questions)
        tile[at, : len(one)], start[at, : len(one)] = one.tiles, begun(op.size(dim), one)
        turns[at, : len(one)] = one.outer(op.size(dim)) > one.steps(op.size(dim))
    sliding = slides(op)
    indexes = np.array([relevant(op, operand) for operand in OPERANDS])
    plain = np.array([dim in _PLAIN for dim in dims], dtype=bool)
    elements = np.where(indexes, op.sizes, 1).astype(float).prod(axis=1)
    if sliding:
        elements[1] = np.prod([float(op.size(dim)) for dim in _PLAIN])
    outs = [out for out, _ in WINDOWS]
    return Tables(
        dims=np.array([dim.position for dim in dims], dtype=np.int64),
        indexes=np.ascontiguousarray(indexes[:, [dim.position for dim in dims]]),
        plain=plain,
        axes=np.array([[out.position, tap.position] for out, tap in WINDOWS]),
        window_dim=np.array([outs.index(dim) if dim in outs else -1 for dim in dims], dtype=np.int64),
        turns=turns,
        counted=counted,
        summed=summed,
        tile=tile,
        start=start,
        **_window_tables(op, cuts, questions, sliding=any(structure.sliding)),
        asked=asked,
        parent=np.array(
            [[structure.parent(m, o) if structure.holds[m][o] else -1 for o in range(3)] for m in range(1, levels + 1)]
        ),
        elements=elements,
        bits=np.array([op.bits.W, op.bits.I, op.bits.O, op.bits.partial], dtype=float),
        slides=sliding,
        reuses=np.array(structure.sliding[1:] or (False,) * levels),
        buffered=np.array(structure.double_buffered[1:]),
        outputs_held=structure.outputs_held,
        fans=any(structure.fans),
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


def _window_tables(
    op: Op, cuts: tuple[Cuts, ...], questions: tuple[Question, ...], *, sliding: bool
) -> dict[str, Floats]:
    """Return the tables of all window axes side by side; of an input that does not slide, empty ones."""
    pairs = [(cuts[out.position], cuts[tap.position]) for out, tap in WINDOWS] if slides(op) else []
    found = [windows(op, axis, out, tap, questions, sliding=sliding) for axis, (out, tap) in enumerate(pairs)]
    ways = {"seen": 4, "held": 3, "begun": 3}
    return {name: _side_by_side([getattr(one, name) for one in found], axes) for name, axes in ways.items()}


def _side_by_side(parts: list[Floats], axes: int) -> Floats:
    """Return arrays of ``axes`` axes as one with a further axis in front, as wide as the widest."""
    shape = np.max([part.shape for part in parts], axis=0) if parts else np.zeros(axes, dtype=int)
    table = np.ones((len(parts), *shape))
    for place, part in enumerate(parts):
        table[place][tuple(map(slice, part.shape))] = part
    return table
