"""The compiled heart of ``traffic``: products of what each dim's cut contributes, row by row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled

__all__ = ["FIRST_INSIDE", "FIRST_OUTSIDE", "READ", "ROLES", "SHARE", "UP", "WRITTEN", "Moved", "Tables", "move"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: What is asked of every (level, operand): reads outside, writes inside, what copies give up; then the same for the
#: first copy of the memory outside (its reads; its share of the elements) and inside.
READ, WRITTEN, UP, FIRST_OUTSIDE, SHARE, FIRST_INSIDE = range(6)
ROLES = 6
_INPUT, _OUTPUT = 1, 2


class Tables(NamedTuple):
    """What the kernel reads. ``D`` dims that turn at all; ``cuts`` is the most of any dim.

    Attributes:
        dims: Places in ``DIMS`` of the dims.
        indexes: Shape ``(3, D)``: whether a dim indexes ``W``, ``I``, ``O``.
        plain: Shape ``(D,)``: whether it indexes a sliding ``I`` as it is.
        axes: Shape ``(3, 2)``: places in ``DIMS`` of output and filter dim of each window axis.
        window_dim: Shape ``(D,)``: the window axis of which it is the output dim, or -1.
        turns: Shape ``(D, cuts, L)``: whether the loop over tiles of a level turns more than once.
        counted: Shape ``(D, cuts, questions, L + 2)``.
        summed: Shape ``(D, cuts, questions)``.
        tile: Shape ``(D, cuts, L)``.
        start: Shape ``(D, cuts, L)``: points of all copies in the first turn of all loops.
        seen: Shape ``(3, cuts, cuts, questions, loops)``: see ``Windows``, by axis and cuts of output and filter.
        held: Shape ``(3, cuts, cuts, L)``.
        begun: Shape ``(3, cuts, cuts, L)``.
        asked: Shape ``(L, 3, ROLES)``: the question of each role; -1 where the level does not hold the operand.
        parent: Shape ``(L, 3)``: the next level outside that holds the operand.
        elements: Shape ``(3,)``: elements of each operand; of a sliding input, those of its plain axes.
        bits: Shape ``(4,)``: widths of ``W``, ``I``, ``O`` and partial sums.
        slides: Whether ``I`` slides.
        reuses: Shape ``(L,)``: whether neighbouring windows share their overlap.
        buffered: Shape ``(L,)``: whether tiles that change take twice their room.
        outputs_held: Whether outputs stay in the array over the whole reduction of a tile.
        fans: Whether anything stands in copies.
    """

    dims: Ints
    indexes: Flags
    plain: Flags
    axes: Ints
    window_dim: Ints
    turns: Flags
    counted: Floats
    summed: Floats
    tile: Floats
    start: Floats
    seen: Floats
    held: Floats
    begun: Floats
    asked: Ints
    parent: Ints
    elements: Floats
    bits: Floats
    slides: bool
    reuses: Flags
    buffered: Flags
    outputs_held: bool
    fans: bool


class Moved(NamedTuple):
    """What the kernel fills, in bytes.

    Attributes:
        every: Shape ``(mappings, L, 3, 4)``: read outside, written inside, read inside, written outside, of all copies.
        one: The same of the first copy of the memory in question.
        footprint: Shape ``(mappings, L, 3)``.
        spilled: Shape ``(mappings, L)``.
        ramp: Shape ``(mappings, 3)``.
        fresh: Shape ``(mappings,)``.
        alone: Shape ``(mappings,)``.
    """

    every: Floats
    one: Floats
    footprint: Floats
    spilled: Flags
    ramp: Floats
    fresh: Floats
    alone: Flags


@compiled
def _inputs(t: Tables, picked: Ints, question: int, moving: int, loop: int) -> float:
    """Return the product over the window axes of what tiles see; along ``moving`` they share their overlap."""
    result = 1.0
    for axis in range(3):
        out, tap = picked[t.axes[axis, 0]], picked[t.axes[axis, 1]]
        result *= t.seen[axis, out, tap, question, loop + 1 if axis == moving else 0]
    return float(result)


@compiled
def _share(t: Tables, picked: Ints, operand: int, question: int, moving: int, loop: int) -> float:
    """Return the elements of an operand that the first copy of some places deals with."""
    result = 1.0
    sliding = operand == _INPUT and t.slides
    for d in range(len(t.dims)):
        if t.plain[d] if sliding else t.indexes[operand, d]:
            result *= t.summed[d, picked[t.dims[d]], question]
    return float(result * _inputs(t, picked, question, moving, loop) if sliding else result)


@compiled
def _tile(t: Tables, picked: Ints, operand: int, level: int, sizes: Floats, window: Floats) -> float:
    """Return the elements of an operand, given those along each dim and each window axis."""
    result = 1.0
    sliding = operand == _INPUT and t.slides
    for d in range(len(t.dims)):
        if t.plain[d] if sliding else t.indexes[operand, d]:
            result *= sizes[d, picked[t.dims[d]], level]
    if sliding:
        for axis in range(3):
            result *= window[axis, picked[t.axes[axis, 0]], picked[t.axes[axis, 1]], level]
    return float(result)


@compiled
def _ramp(t: Tables, picked: Ints, operand: int) -> float:
    """Return the bytes of the first tiles of all copies at the outermost level that holds an operand."""
    for level in range(t.parent.shape[0]):
        if t.parent[level, operand] >= 0:
            elements = _tile(t, picked, operand, level, t.start, t.begun)
            if operand != _OUTPUT:
                for d in range(len(t.dims)):
                    if not t.indexes[operand, d]:
                        elements *= t.counted[d, picked[t.dims[d]], t.asked[level, operand, READ], 0]
            return float(elements * t.bits[operand] / 8)
    return 0.0


@compiled
def _row(t: Tables, picked: Ints, order: Ints, row: int, moves: Floats, walked: Ints, moved: Moved) -> None:
    """Fill the figures of one mapping; ``moves`` and ``walked`` are room to work in."""
    count, levels = len(t.dims), t.parent.shape[0]
    every, one, footprint, spilled = moved.every, moved.one, moved.footprint, moved.spilled
    fresh, alone = 1.0, True
    for level in range(levels):
        for operand in range(3):
            if t.parent[level, operand] < 0:
                continue
            # The innermost loop that indexes the operand and turns: the load stands inside it.
            place, loop, innermost = -1, -1, -1
            walked[:] = 0
            for outer in range(level, -1, -1):
                for at in range(count - 1, -1, -1):
                    d = order[outer, at]
                    if place >= 0:
                        if walked[d] == 0:
                            walked[d] = outer + 1
                    elif t.indexes[operand, d] and t.turns[d, picked[t.dims[d]], outer]:
                        place, loop, innermost = at, outer, d
            asked = t.asked[level, operand]
            roles = ROLES if t.fans else 1
            for role in range(roles):
                product = 1.0
                for d in range(count):
                    if not t.indexes[operand, d]:
                        product *= t.counted[d, picked[t.dims[d]], asked[role], walked[d]]
                moves[role] = product
            for role in range(roles, ROLES):
                moves[role] = moves[0]
            bits, partial = t.bits[operand] / 8, t.bits[3] / 8
            moving = t.window_dim[innermost] if place >= 0 and t.reuses[level] and operand == _INPUT else -1
            whole = float(t.elements[operand])
            if operand == _INPUT and t.slides:
                whole *= _inputs(t, picked, asked[UP], moving, loop)
            far, near = whole, whole
            if asked[SHARE] != asked[UP]:
                far = _share(t, picked, operand, asked[SHARE], moving, loop)
            if asked[FIRST_INSIDE] != asked[UP]:
                near = _share(t, picked, operand, asked[FIRST_INSIDE], moving, loop)
            if operand == _OUTPUT:
                parents, copies = 1.0, 1.0
                if t.fans:
                    for d in range(count):
                        if not t.indexes[operand, d]:
                            parents *= t.counted[d, picked[t.dims[d]], asked[WRITTEN], 0]
                            copies *= t.counted[d, picked[t.dims[d]], asked[UP], 0]
                ended = bits - partial
                every[row, level, operand, 0] = whole * (moves[READ] - fresh) * partial
                every[row, level, operand, 1] = whole * (moves[WRITTEN] - fresh) * partial
                # A sum that comes back goes to one copy; the others start from zero again.
                fresh = moves[UP] - (moves[WRITTEN] - fresh)
                alone = copies == 1
                every[row, level, operand, 2] = whole * (moves[UP] * partial + (ended if copies == 1 else 0.0))
                every[row, level, operand, 3] = whole * (moves[READ] * partial + (ended if parents == 1 else 0.0))
                one[row, level, operand, 0] = far * (moves[FIRST_OUTSIDE] - 1) * partial
                one[row, level, operand, 1] = near * (moves[FIRST_INSIDE] - 1) * partial
                one[row, level, operand, 2] = near * (moves[FIRST_INSIDE] * partial + (ended if copies == 1 else 0.0))
                one[row, level, operand, 3] = far * (moves[FIRST_OUTSIDE] * partial + (ended if parents == 1 else 0.0))
                spilled[row, level] = moves[FIRST_INSIDE] > 1 or copies > 1
                width = partial if spilled[row, level] or not t.outputs_held else bits
            else:
                every[row, level, operand, 0] = whole * moves[READ] * bits
                every[row, level, operand, 1] = whole * moves[WRITTEN] * bits
                one[row, level, operand, 0] = far * moves[FIRST_OUTSIDE] * bits
                one[row, level, operand, 1] = near * moves[FIRST_INSIDE] * bits
                width = bits
            twice = 2.0 if place >= 0 and t.buffered[level] else 1.0
            footprint[row, level, operand] = _tile(t, picked, operand, level, t.tile, t.held) * width * twice
    moved.fresh[row], moved.alone[row] = fresh, alone


@compiled
def _fill(t: Tables, cut: Ints, nests: Ints, nest: Ints, moved: Moved) -> None:
    moves, walked = np.empty(ROLES), np.empty(len(t.dims), np.int64)
    for row in range(cut.shape[0]):
        _row(t, cut[row], nests[nest[row]], row, moves, walked, moved)
        for operand in range(3):
            moved.ramp[row, operand] = _ramp(t, cut[row], operand)


def move(tables: Tables, cut: Ints, nests: Ints, nest: Ints) -> Moved:
    """Return what mappings move.

    Args:
        tables: What the cuts contribute.
        cut: Shape ``(mappings, dims)``, as in ``Mappings``.
        nests: Shape ``(nests, L, D)``: orders of the dims that turn at all, as places in ``tables.dims``.
        nest: Shape ``(mappings,)``.
    """
    rows, levels = len(cut), tables.parent.shape[0]
    moved = Moved(
        every=np.zeros((rows, levels, 3, 4)),
        one=np.zeros((rows, levels, 3, 4)),
        footprint=np.zeros((rows, levels, 3)),
        spilled=np.zeros((rows, levels), dtype=np.bool_),
        ramp=np.zeros((rows, 3)),
        fresh=np.empty(rows),
        alone=np.empty(rows, dtype=np.bool_),
    )
    _fill(tables, cut, nests, nest, moved)
    return moved
