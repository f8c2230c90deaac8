"""Why no mapping of an op fits a design: the tightest limit, and the fixed parts that make it so."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from accelsim.cost.rows import Kept, Machine, demand, machine_of, op_rows
from accelsim.dims import DIMS, OPERANDS, Dim
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.mappers.fixed import Fixed
from accelsim.mappers.obeying import chains_that_obey
from accelsim.mappers.rules import Rules, fits_axes
from accelsim.mappers.sequences import nest_in, sequences_of
from accelsim.mapping.legality import violations
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["no_mapping", "smallest"]

Floats = npt.NDArray[np.float64]
_OUTPUTS = 2
_NO_AXIS = 3


def no_mapping(
    op: Op, accelerator: Accelerator, kept: Kept, room: Floats, fixed: Fixed | None = None
) -> NoMappingError:
    """Return why nothing fits.

    Args:
        op: The op.
        accelerator: One design.
        kept: Which whole tensors stay on chip.
        room: Shape ``(M,)``: bytes for tiles in each memory.
        fixed: What is fixed.
    """
    given = fixed or Fixed()
    found = _limit(op, accelerator, kept, room, given)
    text = f"no mapping of {op.label} fits: {found}"
    if fixed is not None and _limit(op, accelerator, kept, room, Fixed()) is None:
        parts = list(given.parts())
        guilty = [words for words, rest in parts if _limit(op, accelerator, kept, room, rest) is None]
        # If no part alone is to blame, all those are without which less would be missing.
        guilty = guilty[:1] or [words for words, rest in parts if _limit(op, accelerator, kept, room, rest) != found]
        text += f". It would without what is fixed: {', '.join(guilty)}"
    return NoMappingError(text)


def _limit(op: Op, accelerator: Accelerator, kept: Kept, room: Floats, fixed: Fixed) -> str | None:
    """Return the tightest limit that the smallest tiles violate, in words; ``None`` if they fit."""
    mapping = smallest(op, accelerator, kept, room, fixed)
    asked = demand(op_rows(op, mapping, machine_of(accelerator)), kept)
    memories = list(enumerate(accelerator.memories))[1:]
    tightest = violations(
        {
            memory.name: {str(o): float(asked.room[0, level, i]) for i, o in enumerate(OPERANDS) if o in memory.holds}
            for level, memory in memories
        },
        {memory.name: float(room[level]) if np.isfinite(room[level]) else None for level, memory in memories},
    )
    if tightest:
        return str(tightest[0])
    if not asked.allowed[0]:
        name = accelerator.memories[kept.levels[_OUTPUTS]].name
        return (
            f"the outputs stay in memory {name!r}, which has no room for sums that are not complete, and some leave it"
        )
    return None


def smallest(op: Op, accelerator: Accelerator, kept: Kept, room: Floats, fixed: Fixed | None = None) -> Mappings:
    """Return the mapping, a single row, that comes closest to fitting.

    Every memory needs least if all tiles are as small as they may be, and if loops that outputs lack stand innermost,
    so that no sum leaves half-done. A tile that copies divide need not change, and then needs no second buffer: each
    dim is tried in as many copies as it may be, and in one. Arguments as for ``no_mapping``.
    """
    machine = machine_of(accelerator)
    mappings = _candidates(op, accelerator, machine, (fixed or Fixed()).rules(op, accelerator))
    asked = demand(op_rows(op, mappings, machine), kept)
    need = np.where(np.isfinite(room), asked.room.sum(axis=2) / np.maximum(room, np.finfo(float).tiny), 0.0)
    order = np.lexsort((need.sum(axis=1), ~asked.allowed, np.maximum(need.max(axis=1), 1.0)))
    return mappings[order[:1]]


def _candidates(op: Op, accelerator: Accelerator, machine: Machine, rules: Rules) -> Mappings:
    levels, turning = machine.structure.levels, [dim for dim in DIMS if op.size(dim) > 1]
    tile = np.ones((levels, len(DIMS)), dtype=np.int64)
    for dim in turning:
        tile[:, dim.position] = chains_that_obey(op.size(dim), rules.of(dim))[0]
    ways = [_spread(accelerator, place, turning, op, rules.copies[place - 1]) for place in range(1, levels + 2)]
    copies = np.array(list(itertools.product(*ways)), dtype=np.int64).reshape(-1, levels + 1, len(DIMS))
    nest = nest_in(sequences_of(op, machine, rules.orders), op, np.full(levels, _OUTPUTS), np.full(levels, _NO_AXIS))
    return Mappings.of(np.tile(tile, (len(copies), 1, 1)), np.tile(nest, (len(copies), 1, 1)), copies)


def _spread(accelerator: Accelerator, place: int, dims: list[Dim], op: Op, fixed: Ints) -> list[Ints]:
    """Return the copies of each dim at a place: those fixed, and of each other one or as many as there are."""
    plain, fan = np.maximum(fixed, 1), accelerator.fan_outs[place]
    if fan is None:
        return [plain]
    found = [plain]
    for dim in dims:
        most = int(np.prod([axis.size[0] for axis in fan.axes if dim in axis.dims]))
        if not fixed[dim.position] and most > 1:
            for copies in list(found):
                more = copies.copy()
                more[dim.position] = min(most, op.size(dim))
                if fits_axes({one: int(more[one.position]) for one in DIMS}, fan):
                    found.append(more)
    return found
