"""The orders of loops worth a look where the order of some is fixed.

If the innermost loop that turns at a level is missing from an operand, the loads of all others stand inside it: they
come with every turn of every loop of the level, whatever its order. Only the one operand gains, and the more, the more
of its missing dims stand inside the last loop that indexes it. So three orders of a level are enough, one for each
operand: of the dims whose order is free, those that the operand lacks stand inside the fixed ones, the others outside.

Where neighbouring windows share their overlap it also matters which output dim is the innermost loop that indexes the
input: each is tried as far inside as the fixed order lets it, and none of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from accelsim.cost.rows import Machine
from accelsim.cost.traffic import relevant, slides
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim
from accelsim.mappers.factors import order_of
from accelsim.mappers.orders import orders_of
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

__all__ = ["Sequences", "nest_in", "sequences_of"]

_INPUTS = 1
_OUTS = tuple(out for out, _ in WINDOWS)
#: No output dim is to stand innermost.
_NONE = len(WINDOWS)


class Sequences(NamedTuple):
    """Orders of loops. ``L`` levels, ``D`` dims in the order of ``order_of``.

    Attributes:
        stills: Shape ``(orders, L)``: the operand whose missing dims stand innermost at each level.
        slides: Shape ``(ways, L)``: the window axis whose output dim is to be the innermost loop that indexes the
            input; 3 if none is. If orders are fixed, none is at any level of the last way.
        order: Shape ``(L, 3, 4, D)``: the dims from the outermost to the innermost, by level, operand whose missing
            dims stand innermost, and axis.
        fixed: Whether the order of any dims is fixed.
    """

    stills: Ints
    slides: Ints
    order: Ints
    fixed: bool


def sequences_of(op: Op, machine: Machine, fixed: Sequence[Sequence[Dim]] = ()) -> Sequences:
    """Return the orders worth a look.

    Args:
        op: The op.
        machine: The machine.
        fixed: For each level, outermost first, the dims whose order is fixed, the outermost first.
    """
    dims, levels = order_of(op), machine.structure.levels
    listed = [tuple(dim for dim in order if op.size(dim) > 1) for order in fixed or [()] * levels]
    indexes = {operand: relevant(op, operand) for operand in OPERANDS}
    turning = [dim for dim in dims if op.size(dim) > 1]
    idle = [at for at, dim in enumerate(dims) if op.size(dim) == 1]
    lacking = [{dim for dim in turning if not indexes[operand][dim.position]} for operand in OPERANDS]
    order = [
        [
            [
                [*idle, *(dims.index(dim) for dim in _sequence(turning, lacking, one, still, axis))]
                for axis in range(_NONE + 1)
            ]
            for still in range(len(OPERANDS))
        ]
        for one in listed
    ]
    bound = any(listed)
    # Loops outside the innermost memory that reuses the overlap.
    reusing = max((level for level, flag in enumerate(machine.structure.sliding) if flag and slides(op)), default=0)
    moving = [axis for axis, out in enumerate(_OUTS) if op.size(out) > 1]
    others = [_NONE] if bound else moving[:1] or [0]
    tried = [moving + [axis for axis in others if axis not in moving]] * reusing + [others] * (levels - reusing)
    found = np.array(order, dtype=np.int64).reshape(levels, len(OPERANDS), _NONE + 1, len(dims))
    return Sequences(
        stills=_different(found) if bound else orders_of(op, machine).stills,
        slides=np.array(list(itertools.product(*tried)), dtype=np.int64).reshape(-1, levels),
        order=found,
        fixed=bound,
    )


def _sequence(
    dims: Sequence[Dim], lacking: Sequence[set[Dim]], listed: Sequence[Dim], still: int, axis: int
) -> list[Dim]:
    """Return an order of one level's loops in which the dims ``listed`` stand in theirs."""
    moving = None if axis == _NONE or _OUTS[axis] not in dims else _OUTS[axis]
    run = [dim for dim in dims if dim not in listed and dim in lacking[still] and dim is not moving]
    place = len(listed)
    last: list[Dim] = []
    if moving in lacking[still] and moving in listed:
        place = listed.index(moving)
    elif moving in lacking[still]:
        last = [moving]
    elif still == _INPUTS and moving not in listed and moving is not None:
        # Just outside the loops that the input lacks.
        place = next((at for at, dim in enumerate(listed) if dim in lacking[still]), place)
        run = [moving, *run]
    inside = [*listed[:place], *run, *listed[place:], *last]
    return [*(dim for dim in dims if dim not in inside), *inside]


def _different(order: Ints) -> Ints:
    """Return the combinations of operands, one a level, whose orders differ; shape ``(orders, L)``."""
    stills = [
        [at for at in range(len(one)) if not any(np.array_equal(one[at], one[before]) for before in range(at))]
        for one in order
    ]
    return np.array(list(itertools.product(*stills)), dtype=np.int64).reshape(-1, len(stills))


def nest_in(sequences: Sequences, op: Op, still: Ints, slide: Ints) -> Ints:
    """Return an order of loops, outermost first, as places in ``DIMS``; shape ``(L, dims)``."""
    dims = order_of(op)
    idle = [dim.position for dim in DIMS if dim not in dims]
    rows = [
        [*idle, *(dims[at].position for at in sequences.order[level, operand, axis])]
        for level, (operand, axis) in enumerate(zip(still.tolist(), slide.tolist(), strict=True))
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(DIMS))
