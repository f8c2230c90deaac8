"""What a design charges for the mappings of an op, as the kernels of the search read it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from accelsim.cost.prices import Prices
from accelsim.cost.rows import Kept, Machine
from accelsim.cost.traffic import relevant, slides
from accelsim.dims import DIMS, OPERANDS, Dim
from accelsim.mappers.factors import laid_out, order_of
from accelsim.mappers.objective import Objective
from accelsim.mappers.tables import Charges
from accelsim.mapping.nest import Ints, useful_share
from accelsim.workload.ops import Op

__all__ = ["charges_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)


def charges_of(
    op: Op, machine: Machine, kept: Kept, charged: Prices, room: Floats, base: float, objective: Objective
) -> Charges:
    """Return what a design charges.

    Args:
        op: The op.
        machine: The machine.
        kept: Which whole tensors stay on chip.
        charged: What the design charges; the first counts.
        room: Shape ``(L,)``: bytes for tiles, infinite where there is no limit.
        base: Energy that no mapping changes, in pJ.
        objective: What a mapping is judged by.
    """
    structure, flow, size = machine.structure, machine.flow, machine.size
    levels = structure.levels
    place, inside = levels + 1, np.arange(1, levels + 1)[:, None]
    parent = np.array(
        [[structure.parent(m, o) if structure.holds[m][o] else -1 for o in range(3)] for m in range(1, place)]
    )
    keeper = np.array([kept.levels[o] if kept.stays[o] else -1 for o in range(3)])
    indexes = np.array([relevant(op, operand) for operand in OPERANDS])
    moves, useful = (parent >= 0) & (inside > keeper), useful_share(op)
    layout, buffered = laid_out(machine), np.array(structure.double_buffered[1:])
    outside = structure.copied(0, structure.parent(place, _INPUTS))
    held = np.array([operand in flow.held for operand in OPERANDS])
    return Charges(
        parent=parent,
        moves=moves,
        fills=((parent == 0) & moves).any(axis=0),
        takes_room=(parent >= 0) & ((inside != keeper) | (np.arange(3) == _OUTPUTS)),
        complete=(parent[:, _OUTPUTS] >= 0) & (inside[:, 0] == keeper[_OUTPUTS]),
        buffered=buffered,
        serial=~buffered,
        reuses=np.array(structure.sliding[1:] or (False,) * levels),
        outputs_held=structure.outputs_held,
        bytes=np.array([op.bits.W, op.bits.I, op.bits.O, op.bits.partial]) / 8,
        whole=_whole(op, indexes),
        output_elements=float(op.output_elements),
        useful=np.array([useful, 1.0 if outside else useful]),
        room=room,
        slow=charged.cycles_per_byte[..., 0].copy(),
        dear=charged.pj_per_byte[..., 0].copy(),
        dispatch=float(charged.dispatch[0]),
        leakage=float(charged.leakage[0]),
        base=base,
        edge=np.array([structure.parent(place, o) for o in range(3)]),
        held=held,
        pace=size.pace(op),
        overhead=float(flow.pass_overhead(np.array([size.rows]), np.array([size.columns]))[0]),
        limit=np.array([size.rows, size.columns, size.hold_limit], dtype=float),
        groups=_members(layout.groups, order_of(op)),
        axis=np.array(layout.axis),
        masks=np.array([layout.every, layout.one]),
        free=_free(layout.groups, indexes, held, limited=math.isfinite(size.hold_limit)),
        fans=any(structure.fans),
        copies=np.array([loop.size for loop in machine.loops], dtype=float),
        powers=np.array([objective.latency, objective.energy], dtype=float),
    )


def _whole(op: Op, indexes: Flags) -> Floats:
    """Return the elements of each operand that no factor counts: of a sliding input, those of its plain axes."""
    found = np.where(indexes, op.sizes, 1).astype(float).prod(axis=1)
    if slides(op):
        found[_INPUTS] = math.prod(op.size(dim) for dim in (Dim.B, Dim.G, Dim.C))
    return np.asarray(found)


def _members(groups: tuple[tuple[Dim, ...], ...], dims: tuple[Dim, ...]) -> Ints:
    found = np.full((len(groups), 4), -1)
    for group, members in enumerate(groups):
        places = [dims.index(dim) for dim in members if dim in dims]
        found[group, : len(places)] = places
    return found


def _free(groups: tuple[tuple[Dim, ...], ...], indexes: Flags, held: Flags, *, limited: bool) -> Flags:
    """Return whether passes over a group multiply what crosses of an operand; see ``cost.array``."""
    found = np.zeros((len(OPERANDS), len(groups)), dtype=bool)
    for operand in range(len(OPERANDS)):
        for group, members in enumerate(groups[:-1]):
            indexed = any(indexes[operand, DIMS.index(dim)] for dim in members)
            found[operand, group] = not held[operand] and not indexed
    found[_WEIGHTS, -1] = held[_WEIGHTS] and limited
    return found
