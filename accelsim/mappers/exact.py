"""The exact mapper."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from accelsim.cost.array import Geometry
from accelsim.cost.choose import Prices, prices
from accelsim.cost.energy import leakage_mw, op_bits, op_pj
from accelsim.cost.rows import Kept, Machine, machine_of
from accelsim.cost.traffic import relevant, slides
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim, Operand
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.mappers.chains import Spatial, View, all_chains, chains
from accelsim.mappers.factors import factors_of, laid_out, order_of, owners
from accelsim.mappers.forest import Grove
from accelsim.mappers.search import Search
from accelsim.mappers.tables import Charges, Factors, Outcome
from accelsim.mappers.objective import EDP, Objective
from accelsim.mapping.nest import Cuts, Ints, Mappings, useful_share
from accelsim.workload.ops import Op

__all__ = []


def charges_of(op, machine, kept, charged, room, base, objective):
    structure = machine.structure
    L = structure.levels
    parent = np.array([[structure.parent(m, o) if structure.holds[m][o] else -1 for o in range(3)] for m in range(1, L + 1)])
    level_of = [kept.levels[o] if kept.stays[o] else -1 for o in range(3)]
    inside = np.arange(1, L + 1)[:, None]
    moves = (parent >= 0) & (inside > np.array(level_of)[None])
    takes = (parent >= 0) & ((inside != np.array(level_of)[None]) | (np.arange(3) == 2)[None])
    complete = np.array([kept.stays[2] and m == kept.levels[2] and structure.holds[m][2] for m in range(1, L + 1)])
    indexes = np.array([relevant(op, operand) for operand in OPERANDS])
    whole = np.where(indexes, op.sizes, 1).astype(float).prod(axis=1)
    if slides(op):
        whole[1] = math.prod(op.size(d) for d in (Dim.B, Dim.G, Dim.C))
    layout = laid_out(machine)
    dims = order_of(op)
    groups = np.full((len(layout.groups), 4), -1)
    for g, members in enumerate(layout.groups):
        inn = [dims.index(d) for d in members if d in dims]
        groups[g, : len(inn)] = inn
    flow = machine.flow
    place = L + 1
    limited = math.isfinite(machine.size.hold_limit)
    held = np.array([o in flow.held for o in OPERANDS])
    free = np.zeros((3, len(layout.groups)), dtype=bool)
    for o in range(3):
        for g, members in enumerate(layout.groups[:-1]):
            free[o, g] = not held[o] and not any(indexes[o, d.position] for d in members)
    free[0, -1] = held[0] and limited
    useful = useful_share(op)
    overhead = float(flow.pass_overhead(np.array([machine.size.rows]), np.array([machine.size.columns]))[0])
    return Charges(
        parent=parent, moves=moves, fills=((parent == 0) & moves).any(axis=0), takes_room=takes, complete=complete,
        buffered=np.array(structure.double_buffered[1:]), serial=~np.array(structure.double_buffered[1:]),
        reuses=np.array(structure.sliding[1:] or (False,) * L), outputs_held=structure.outputs_held,
        bytes=np.array([op.bits.W, op.bits.I, op.bits.O, op.bits.partial]) / 8, whole=whole,
        output_elements=float(op.output_elements),
        useful=np.array([useful, 1.0 if structure.copied(0, structure.parent(place, 1)) else useful]),
        room=room, slow=charged.cycles_per_byte[..., 0].copy(), dear=charged.pj_per_byte[..., 0].copy(),
        dispatch=float(charged.dispatch[0]), leakage=float(charged.leakage[0]), base=base,
        edge=np.array([structure.parent(place, o) for o in range(3)]), held=held, overhead=overhead,
        limit=np.array([machine.size.rows, machine.size.columns, machine.size.hold_limit], dtype=float),
        groups=groups, axis=np.array(layout.axis), masks=np.array([layout.every, layout.one]), free=free,
        fans=any(structure.fans), powers=np.array([objective.latency, objective.energy], dtype=float),
    )


def run_search(f, grove, c, stills, slots=400000):
    x = Search(grove, f, c, stills, slots)
    x.run()
    out = x.out
    return out


def stills_of(levels):
    return np.array(list(itertools.product(range(3), repeat=levels)), dtype=np.int64)


def _beside(members, levels):
    """Tiles and pieces of filter dims that share a group, multiplied."""
    found = {(1, 1)}
    for size in members:
        one = set()
        for chain in all_chains(size, levels):
            sizes = _piece_sizes(size, tuple(int(t) for t in chain))
            one |= {(int(chain[-1]), p) for p in sizes}
        found = {(a * c, b * d) for a, b in found for c, d in one}
    return tuple(sorted(found))


def _piece_sizes(size, chain):
    found = {size}
    for tile in chain:
        found = {p for s in found for p in ((tile,) if s >= tile else ()) + ((s % tile,) if s % tile else ())}
    return found


def cuts_of(op, machine):
    L = machine.structure.levels
    layout = laid_out(machine)
    dims = order_of(op)
    who = owners(layout, dims)
    taps = [tap for _, tap in WINDOWS]
    found = []
    limited = math.isfinite(machine.size.hold_limit) and Operand.W in machine.flow.held
    for dim in DIMS:
        size = op.size(dim)
        if size == 1 or dim in taps:
            found.append(Cuts.of(all_chains(size, L)))
            continue
        spatial = Spatial()
        for g, members in enumerate(layout.groups):
            if dim not in members:
                continue
            axis = layout.axis[g]
            if axis == 2:
                if limited: spatial = Spatial(exact=True)
                continue
            alone = all(layout.axis[h] != axis for h in range(len(layout.groups)) if h != g)
            if who[g] is None or not alone:
                spatial = Spatial(exact=True)
            else:
                limit = machine.size.rows if axis == 0 else machine.size.columns
                spatial = Spatial(float(limit), _beside([op.size(d) for d in members if d in taps], L))
        view = None
        for axis, (out, tap) in enumerate(WINDOWS):
            if out == dim and slides(op) and (op.size(tap) > 1 or op.padding[axis] or op.stride[axis] > 1):
                view = View(op.size(tap), op.stride[axis], op.dilation[axis], op.padding[axis], op.extent[axis])
        found.append(Cuts.of(chains(size, L, spatial, view, any(machine.structure.sliding))))
    return tuple(found)
