"""The exact mapper: the best of all mappings of an op on a design, and the count of the others that proves it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.choose import choose
from accelsim.cost.energy import leakage_pj, op_bits, op_pj
from accelsim.cost.front import front, own_front
from accelsim.cost.prices import Bills, Prices, prices
from accelsim.cost.room import Room, nested
from accelsim.cost.rows import Kept, Machine, demand, machine_of, op_rows, working
from accelsim.cost.store import Rows
from accelsim.dims import DIMS
from accelsim.errors import InputError, Problem
from accelsim.hardware.accelerator import Accelerator
from accelsim.mappers.charges import charges_of
from accelsim.mappers.cuts import Choice, choices, mirrored
from accelsim.mappers.factors import factors_of, laid_out, order_of
from accelsim.mappers.fixed import Fixed
from accelsim.mappers.forest import Grove
from accelsim.mappers.found import Certificate, Found
from accelsim.mappers.misfit import no_mapping, smallest
from accelsim.mappers.objective import EDP, Objective
from accelsim.mappers.orders import Orders, nest_of, orders_of
from accelsim.mappers.search import Search
from accelsim.mappers.sequences import Sequences, nest_in, sequences_of
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

__all__ = ["NOTHING_KEPT", "best_mapping"]

Floats = npt.NDArray[np.float64]
NOTHING_KEPT = Kept((False, False, False), (-1, -1, -1))
#: Mappings that a 64-bit counter surely holds.
_ROUNDING = 1e-12
_MOST = 2**62


class _Case(NamedTuple):
    """What is asked.

    Attributes:
        op: The op.
        accelerator: The design.
        machine: What holds of all designs like it.
        kept: Which whole tensors stay on chip.
        charged: What the design charges.
        base: Energy that no mapping changes, in pJ.
        room: Shape ``(M,)``: bytes for tiles.
    """

    op: Op
    accelerator: Accelerator
    machine: Machine
    kept: Kept
    charged: Prices
    base: float
    room: Floats


def best_mapping(
    op: Op,
    accelerator: Accelerator,
    *,
    objective: Objective = EDP,
    kept: Kept = NOTHING_KEPT,
    free_bytes: Floats | None = None,
    fixed: Fixed | None = None,
    slots: int = 400_000,
    boxes: int = 1_000_000,
) -> Found:
    """Return the best mapping of ``op``: no tiles, copies or orders of loops score less.

    Args:
        op: An op made of multiply-accumulates.
        accelerator: One design.
        objective: What mappings are judged by.
        kept: Which whole tensors stay on chip, and where.
        free_bytes: Shape ``(M,)``: room for tiles in each memory; by default its size.
        fixed: Tiles, copies and orders that are given; nothing by default.
        slots: Boxes of mappings that may wait at a time, some 200 bytes each.
        boxes: Boxes that may be looked at, about 2 us each. A search that needs more of either ends early; its
            certificate says how much less a better mapping could score. It may be ``proven`` even so, if what is left
            could only score the same.

    Raises:
        NoMappingError: No mapping fits; the message names the tightest limit.
        InputError: No mapping can obey what is fixed, or the machine's engine has no loop nests.
        ValueError: There is more than one design.
    """
    if len(accelerator) != 1:
        raise ValueError(f"best_mapping takes one design; got {len(accelerator)}")
    if accelerator.array.blocks is not None:
        message = f"the engine {accelerator.array.blocks.engine} cuts ops into blocks of its own: there is no loop nest"
        raise InputError(Problem(field="array.engine", message=f"{message} to search for", got=accelerator.name))
    case = _case_of(op, accelerator, kept, free_bytes)
    accelerator = case.accelerator
    rules = None if fixed is None else fixed.rules(op, accelerator)
    made, orders = choices(op, case.machine, rules), orders_of(op, case.machine)
    sequences = sequences_of(op, case.machine, () if rules is None else rules.orders)
    if rules is not None and sequences.fixed:
        orders = Orders(sequences.stills, 1, rules.nests(op))
    if not order_of(op):
        return _only(case, made, orders, objective)
    search = _search(case, made, sequences, objective, (slots, boxes))
    still, slide = search.out.still, search.out.slide
    nest = nest_in(sequences, op, still, slide) if sequences.fixed else nest_of(still, slide)
    mapping = _mapping(made, search.picked, nest)
    if not np.isfinite(search.out.best[0]):
        if search.done:
            raise no_mapping(op, accelerator, kept, case.room, fixed)
        mapping = smallest(op, accelerator, kept, case.room, fixed)
    latency, energy, fits = _cost(case, mapping)
    if not search.done and rules is None:
        mapping, latency, energy, fits = _better(case, mapping, objective)
    if not fits:
        raise no_mapping(op, accelerator, kept, case.room, fixed)
    score = objective.score(latency, energy)
    return Found(mapping, latency, energy, score, _certificate(case, made, orders, search, score))


def _case_of(op: Op, whole: Accelerator, kept: Kept, free_bytes: Floats | None) -> _Case:
    accelerator = working(whole, op)
    sizes = [np.inf if memory.size_bytes is None else float(memory.size_bytes[0]) for memory in accelerator.memories]
    return _Case(
        op=op,
        accelerator=accelerator,
        machine=machine_of(accelerator),
        kept=kept,
        charged=prices(accelerator, leakage_pj(whole, op_bits(op))),
        base=op_pj(op, accelerator.technology),
        room=np.array(sizes) if free_bytes is None else np.asarray(free_bytes, dtype=float),
    )


def _search(
    case: _Case, made: tuple[Choice, ...], sequences: Sequences, objective: Objective, limits: tuple[int, int]
) -> Search:
    """Return the search, done."""
    op, machine, dims = case.op, case.machine, order_of(case.op)
    along = [made[dim.position].along for dim in dims]
    factors, material = factors_of(op, machine, tuple(choice.cuts for choice in made), along)
    # Orders that are fixed need not have a mirror image.
    mirror = not sequences.fixed and mirrored(op, machine, made)
    charges = charges_of(op, machine, case.kept, case.charged, case.room[1:], case.base, objective)
    grove = Grove(dims, factors, material, laid_out(machine), charges.limit, charges.groups, mirrored=mirror)
    search = Search(grove, factors, charges, sequences, *limits)
    search.run()
    return search


def _mapping(made: tuple[Choice, ...], picked: Ints, nest: Ints) -> Mappings:
    """Return one mapping: a cut of each dim of ``order_of``, and an order of loops."""
    cuts = tuple(
        Cuts(choice.cuts.tiles[[at]], choice.cuts.copies[[at]]) for choice, at in zip(made, picked, strict=True)
    )
    return Mappings(cuts, np.zeros((1, len(DIMS)), dtype=np.int64), nest[None], np.zeros(1, dtype=np.int64))


def _cost(case: _Case, mapping: Mappings) -> tuple[float, float, bool]:
    """Return latency in cycles and energy in pJ of a mapping, and whether it fits."""
    rows = op_rows(case.op, mapping, case.machine)
    asked = demand(rows, case.kept)
    row = Rows(
        moved=asked.moved.sum(axis=2),
        one=asked.one,
        serial=asked.serial,
        ramp=asked.ramp,
        cycles=asked.cycles,
        steps=rows.work.steps,
        room=asked.room.sum(axis=2),
        allowed=asked.allowed,
        starts=np.array([0, 1]),
    )
    only = np.zeros((1, 1), dtype=np.int64)
    found = choose(row, only, case.charged, np.array([case.base]), case.room[:, None, None])
    latency = float(found.latency_cycles[0, 0])
    energy = float(found.dynamic_pj[0, 0]) + float(case.charged.leakage[0]) * latency
    return latency, energy, bool(found.legal[0, 0])


def _better(case: _Case, mapping: Mappings, objective: Objective) -> tuple[Mappings, float, float, bool]:
    """Return the best of a mapping and those of the default mapper, and its costs: a search cut short may be worse."""
    op, machine = case.op, case.machine
    if nested(machine):
        bills = Bills([case.charged], np.zeros(1, dtype=np.int64), np.array([case.base]))
        usual = own_front(op, machine, case.kept, bills.of(0, 0, case.room))
    else:
        usual = front(op, machine, case.kept, Room.of(case.room, op, machine))
    every = [mapping, *(usual.nests.mappings[np.array([row])] for row in range(len(usual)))]
    costs = [_cost(case, one) for one in every]
    scores = [objective.score(latency, energy) if fits else np.inf for latency, energy, fits in costs]
    at = int(np.argmin(scores))
    return every[at], *costs[at]


def _only(case: _Case, made: tuple[Choice, ...], orders: Orders, objective: Objective) -> Found:
    """Return the mapping of an op of a single multiplication: there is one."""
    mapping = _mapping(made, np.zeros(len(DIMS), dtype=np.int64), nest_of(orders.stills[0], orders.stills[0]))
    latency, energy, fits = _cost(case, mapping)
    if not fits:
        raise no_mapping(case.op, case.accelerator, case.kept, case.room)
    score = objective.score(latency, energy)
    return Found(mapping, latency, energy, score, Certificate(1, 0, 0, 0, 0, 1, score, score))


def _certificate(case: _Case, made: tuple[Choice, ...], orders: Orders, search: Search, score: float) -> Certificate:
    every, left = math.prod(choice.all for choice in made), math.prod(len(choice.cuts) for choice in made)
    space, looked = every * orders.all, search.mappings * orders.kept
    no_room, bounded, images = (int(count) * orders.slides for count in search.out.pruned)
    searched = int(search.out.searched[0]) * orders.slides
    alike = every * (orders.all - orders.kept) + left * orders.kept - looked + images
    dominated = (every - left) * orders.kept
    if search.mappings * len(orders.stills) >= _MOST:
        # More than the counters of the search hold: what does not fit counts as bounded, as its score has no bound.
        alike, no_room = alike - images, 0
        bounded = space - alike - dominated - searched if search.done else 0
    # Where sums are narrower than results, a tile that leaves half-done saves room: other orders may be better, too.
    narrow = case.machine.structure.outputs_held and case.op.bits.partial < case.op.bits.O
    return Certificate(
        space=space,
        alike=alike,
        dominated=dominated,
        no_room=no_room,
        bounded=bounded,
        searched=searched,
        # The same sums in another order may end in other digits.
        bound=score if search.done or search.bound >= score * (1 - _ROUNDING) else search.bound,
        score=score,
        whole=all(choice.whole for choice in made) and not narrow,
        boxes=int(search.out.searched[1]),
    )
