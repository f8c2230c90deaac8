"""What the array does with its tiles: steps, passes, and the elements that cross its edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from accelsim.compiled import compiled
from accelsim.cost import kernels
from accelsim.cost.lanes import CROSSING, CYCLES, HELD_SHARE, STEPS
from accelsim.cost.pieces import pieces_of, stacked
from accelsim.cost.products import Sources, factors_of, products
from accelsim.cost.tables import STREAMED, Factors, Flags, Floats, Ints, Layout
from accelsim.cost.traffic import Structure, indexing
from accelsim.dims import DIMS, OPERANDS, Operand
from accelsim.hardware.engines import Dataflow
from accelsim.hardware.step_cycles import Operation, StepCycles
from accelsim.mapping.nest import Cuts, Mappings, useful_share
from accelsim.workload.ops import Op, OpKind

__all__ = ["Geometry", "Work", "at_the_array", "operation_of", "work"]

_SEQUENTIAL, _STREAM, _SPATIAL = range(3)
_INPUTS = 1
_NO_AXES = np.zeros((0, 2), dtype=np.int64)


class Geometry(NamedTuple):
    """The size of an array.

    Attributes:
        rows: PEs down.
        columns: PEs across.
        hold_limit: Stream steps that a held weight lasts; infinite if there is no limit.
        step_cycles: Cycles of a step, by what is multiplied; ``None`` if each takes one.
    """

    rows: float
    columns: float
    hold_limit: float
    step_cycles: StepCycles | None = None

    def pace(self, op: Op) -> float:
        """Return the cycles of a step of ``op``.

        Raises:
            InputError: It takes none.
        """
        return 1.0 if self.step_cycles is None else float(self.step_cycles.cycles(operation_of(op)))


def operation_of(op: Op) -> Operation:
    """Return what decides how long a step of ``op`` takes."""
    return Operation(op.bits.W, op.bits.I, op.sparsity.weight_density, op.sparsity.input_density)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The array's share of the work of many mappings; all copies together unless said otherwise.

    Attributes:
        steps: Shape ``(mappings,)``: cycles in which PEs work on a pass, fill and drain left out.
        cycles: Shape ``(mappings,)``: steps, and the overhead of every pass.
        crossing: Shape ``(mappings, 3)``: elements of ``W I O`` that cross between the array and the innermost memory
            that holds them; outputs count each write, partial sums included.
        one: Shape ``(mappings, 3)``: the elements that cross to the first copy of that memory.
        share: Shape ``(mappings,)``: the outputs that this copy holds a sum of at any time.
    """

    steps: Floats
    cycles: Floats
    crossing: Floats
    one: Floats
    share: Floats


def work(op: Op, mappings: Mappings, structure: Structure, flow: Dataflow, size: Geometry) -> Work:
    """Return what the array does for every mapping.

    Steps are spatial passes times the stream. An operand that is not held crosses the edge once per pass that needs
    it: all PEs of an axis that does not index it share it (multicast of inputs and weights, spatial reduction of
    outputs). A held operand crosses once per tile; a held weight again after ``hold_limit`` steps of the stream.
    """
    factors, layout = at_the_array(op, mappings, structure, flow, size)
    found = products(factors, mappings.cut)
    kernels.work(layout, mappings.cut, np.arange(len(mappings)), found)
    return Work(
        steps=found[:, STEPS].copy(),
        cycles=found[:, CYCLES].copy(),
        crossing=found[:, CROSSING : CROSSING + 3].copy(),
        one=found[:, -3:].copy(),
        share=found[:, HELD_SHARE].copy(),
    )


def at_the_array(
    op: Op, mappings: Mappings, structure: Structure, flow: Dataflow, size: Geometry
) -> tuple[Factors, Layout]:
    """Return what the loop over ``mappings`` reads to count what the array does."""
    return _known(op, mappings.cuts, structure, flow, size)


@lru_cache(maxsize=64)
def _known(
    op: Op, cuts: tuple[Cuts, ...], structure: Structure, flow: Dataflow, size: Geometry
) -> tuple[Factors, Layout]:
    """Return what the cuts contribute; mappings are often parts of others that have the same cuts."""
    fixed, stack = _fixed(structure, flow, op.rule), stacked(cuts)
    loops = np.array(op.sizes)
    sizes, times = pieces_of(loops, stack, fixed.masks)
    _, most, questions, width = sizes.shape
    dims = np.flatnonzero(loops > 1)
    steady = np.ones((len(dims), most, CROSSING + len(fixed.layout.asked) - 1))
    _lanes(fixed, sizes, times, dims, steady)
    given = Sources(dims, steady, _NO_AXES, np.ones((0, 0, 0, steady.shape[2])), np.ones(steady.shape[2]))
    # A copy in the middle of the picture sees no padding.
    padded, useful = structure.copied(0, structure.parent(structure.levels + 1, _INPUTS)), useful_share(op)
    return factors_of(given, stack.number), fixed.layout._replace(
        sizes=sizes.reshape(-1),
        times=times.reshape(-1),
        questions=questions,
        width=width,
        first=fixed.layout.first * (most * questions * width),
        steps=fixed.layout.steps * (questions * width),
        rows=size.rows,
        columns=size.columns,
        hold_limit=size.hold_limit if Operand.W in flow.held else np.inf,
        pace=size.pace(op),
        overhead=_overhead(flow, size),
        useful=(useful, 1.0 if padded else useful),
    )


@lru_cache(maxsize=256)
def _overhead(flow: Dataflow, size: Geometry) -> float:
    """Return the cycles that a pass costs beyond its steps."""
    return float(flow.pass_overhead(np.array([size.rows]), np.array([size.columns]))[0])


class _Fixed(NamedTuple):
    """What is the same for all ops of a kind on a machine.

    Attributes:
        masks: Shape ``(questions,)``: places where only the first copy counts.
        layout: How dims are laid out, without the tables: ``first`` are the dims (the last stands for none), ``steps``
            whether there is one.
        role: Shape ``(dims,)``: sequential, streamed or spatial.
        indexes: Shape ``(3, dims)``: whether a dim indexes ``W I O``.
        held: Shape ``(3,)``: whether the array holds ``W I O``.
        share: Shape ``(6,)``: the questions of what share of ``W I O`` is dealt with, by all copies and by the first;
            of ``W I O``.
    """

    masks: Ints
    layout: Layout
    role: Ints
    indexes: Flags
    held: Flags
    share: Ints


@lru_cache(maxsize=256)
def _fixed(structure: Structure, flow: Dataflow, rule: OpKind) -> _Fixed:
    masks, asked = _questions(structure)
    indexes = np.array([indexing(rule, operand) for operand in OPERANDS])
    held = np.array([operand in flow.held for operand in OPERANDS])
    laid = [(0, group) for group in flow.rows] + [(1, group) for group in flow.columns] + [(STREAMED, flow.stream)]
    places, free = np.full((len(laid), 4), len(DIMS)), np.zeros((3, len(laid)), dtype=bool)
    for number, (_, group) in enumerate(laid):
        dims = [dim.position for dim in group]
        places[number, : len(dims)] = dims
        free[:, number] = ~held & ~np.any(indexes[:, dims], axis=1)
    free[:, -1] = [held[0], False, False]
    role = np.full(len(DIMS), _SPATIAL)
    role[[dim.position for dim in flow.sequential]] = _SEQUENTIAL
    role[[dim.position for dim in flow.stream]] = _STREAM
    crossing, none = asked[1 : 7 if any(structure.fans) else 4], np.empty(0)
    wanted = np.zeros((len(laid), len(masks)), dtype=bool)
    wanted[:-1, asked[0]] = True  # all but the stream take time
    for lane, question in enumerate(crossing):
        wanted[:, question] |= free[lane % 3]
    layout = Layout(
        sizes=none,
        times=none,
        questions=0,
        width=0,
        first=places,
        steps=(places < len(DIMS)).astype(np.int64),
        dims=np.where(places < len(DIMS), places, 0).astype(np.uint32),
        axis=np.array([axis for axis, _ in laid]),
        free=free,
        asked=np.array((asked[0], *crossing), dtype=np.uint32),
        wanted=wanted,
        rows=1.0,
        columns=1.0,
        hold_limit=np.inf,
        pace=1.0,
        overhead=0.0,
        useful=(1.0, 1.0),
    )
    return _Fixed(np.array(masks), layout, role, indexes, held, np.array([asked[7]] * 3 + list(asked[8:])))


@lru_cache(maxsize=256)
def _questions(structure: Structure) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return masks of places where only the first copy counts, and which of them each figure asks for.

    Those are time; the crossing of ``W I O`` of all copies, and of the first; what share of an operand all copies deal
    with, and, of ``W I O``, the first.
    """
    place, masks = structure.levels + 1, dict[int, int]()
    parents = [structure.parent(place, operand) for operand in range(3)]
    every = [structure.shared(parent, place, operand) for operand, parent in enumerate(parents)]
    outside = [structure.copied(0, parent) for parent in parents]
    first = [mask | outer for mask, outer in zip(every, outside, strict=True)]
    wanted = [structure.copied(0, place), *every, *first, 0, *outside]
    asked = tuple(masks.setdefault(mask, len(masks)) for mask in wanted)
    return tuple(masks), asked


@compiled
def _lanes(f: _Fixed, sizes: Floats, times: Floats, dims: Ints, steady: Floats) -> None:
    """Fill what each cut of each dim that turns contributes to every lane."""
    asked, role = f.layout.asked, f.role
    for at in range(len(dims)):
        dim = dims[at]
        for cut in range(steady.shape[1]):
            met, points = times[dim, cut], sizes[dim, cut] * times[dim, cut]
            if role[dim] != _SPATIAL:
                steady[at, cut, STEPS] = points[asked[0]].sum()
                steady[at, cut, CYCLES] = (met if role[dim] == _STREAM else points)[asked[0]].sum()
            if f.indexes[2, dim]:
                steady[at, cut, HELD_SHARE] = points[f.share[5]].sum()
            for lane in range(CROSSING, steady.shape[2]):
                operand, question = (lane - CROSSING) % 3, asked[lane - CROSSING + 1]
                if f.indexes[operand, dim]:
                    steady[at, cut, lane] = points[f.share[lane - CROSSING]].sum()
                elif f.held[operand]:
                    steady[at, cut, lane] = met[question].sum()
                elif role[dim] != _SPATIAL:
                    steady[at, cut, lane] = points[question].sum()
