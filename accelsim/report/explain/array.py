"""What the array does with its tiles, as sums: passes, steps, cycles, and the bytes that cross its edge."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.dims import OPERANDS, WINDOWS, Dim, Operand
from accelsim.report.explain.case import Case
from accelsim.report.explain.count import pieces, points, visits
from accelsim.report.explain.sums import Line, Number, Term, ceiling, divided, less, plus, times
from accelsim.report.explain.transfers import Moved, Way, from_zero, in_bytes
from accelsim.workload.ops import Sliding

__all__ = ["Group", "at_the_edge", "compute", "groups"]

#: Sums with more terms than this are gathered by the number of passes.
_MOST_TERMS = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Dims that share an axis of the array as one loop.

    Attributes:
        axis: ``rows`` or ``columns``.
        dims: The dims.
        points: Points of a full innermost tile.
        pes: PEs it may use: what groups before it leave of the axis.
        used: PEs that a pass of a full tile uses.
    """

    axis: str
    dims: tuple[Dim, ...]
    points: int
    pes: int
    used: int

    @property
    def label(self) -> str:
        """Axis and dims in words."""
        return f"{self.axis} ({' '.join(self.dims)})"


def groups(case: Case) -> Iterator[Group]:
    """Yield the groups on the rows, then those on the columns."""
    flow, size = case.machine.flow, case.machine.size
    for axis, found, pes in (("rows", flow.rows, size.rows), ("columns", flow.columns, size.columns)):
        left = int(pes)
        for dims in found:
            full = math.prod(case.tile(case.levels + 1, dim) for dim in dims)
            used = min(full, left)
            yield Group(axis, dims, full, left, used)
            left //= used


def _passes(case: Case, dims: tuple[Dim, ...], most: int, first: int, unit: str) -> Term:
    """Return the passes that all innermost tiles need, ``most`` points at a time."""
    place = case.levels + 1
    found: Counter[int] = Counter()
    for combination in itertools.product(*(pieces(case, dim, place, first)[0].items() for dim in dims)):
        found[math.prod(size for size, _ in combination)] += math.prod(met for _, met in combination)
    if len(found) <= _MOST_TERMS:
        terms = [
            _several(met, ceiling(divided(Number(size, "points"), Number(most, unit))))
            for size, met in sorted(found.items(), reverse=True)
        ]
        return plus(*terms)
    gathered: Counter[int] = Counter()
    for size, met in found.items():
        gathered[-(-size // most)] += met
    if len(gathered) > _MOST_TERMS:
        return Number(sum(turns * met for turns, met in gathered.items()), "passes of all tiles")
    return plus(*(_several(met, Number(turns, "passes")) for turns, met in sorted(gathered.items(), reverse=True)))


def _several(met: int, term: Term) -> Term:
    return term if met == 1 else times(Number(met, "tiles"), term)


def compute(case: Case) -> tuple[list[Line], Line, Line]:
    """Return the sums that lead to the cycles of the array, its steps, and its cycles, for the busiest copy."""
    flow, size = case.machine.flow, case.machine.size
    place = case.levels + 1
    first = case.machine.structure.copied(0, place)
    found = [
        Line(
            what=f"passes on {group.label}",
            sum=_passes(case, group.dims, group.pes, first, "PEs"),
            note=f"{group.used} of {group.pes} PEs for {group.points} points of a tile",
        )
        for group in groups(case)
    ]
    alone = [_at_once(case, dim, first, f"{dim} one after the other") for dim in flow.sequential]
    factors = [factor for factor in (*(line.number() for line in found), *alone) if factor.value != 1]
    streamed = [_at_once(case, dim, first, str(dim)) for dim in flow.stream if case.op.size(dim) > 1]
    stream = Line(
        what=f"points of the stream ({' '.join(flow.stream) or 'none'})",
        sum=times(*streamed) if streamed else Number(1, "one point"),
    )
    pace = size.pace(case.op)
    each = [] if pace == 1 else [Number(pace, "cycles a step")]
    steps = Line(what="steps", sum=times(*factors, stream.number("points of the stream"), *each), unit="cycles")
    overhead = int(flow.pass_overhead(np.array([size.rows]), np.array([size.columns]))[0])
    tiles: list[Term] = []
    for dim in flow.stream:
        count = pieces(case, dim, place, first)[1]
        if count.value != 1:
            tiles.append(count)
    many = Line(what="passes", sum=times(*factors, *tiles) if factors or tiles else Number(1, "one pass"))
    cycles = Line(
        what="cycles of the array",
        sum=plus(steps.number(), times(many.number(), Number(overhead, "cycles of overhead"))),
        unit="cycles",
        note=f"{flow.name}: {overhead} cycles to fill and drain a pass",
    )
    return [*found, stream, many], steps, cycles


def _at_once(case: Case, dim: Dim, first: int, what: str) -> Number:
    return Number(points(case, dim, case.levels + 1, first).value, what)


def at_the_edge(case: Case, operand: Operand, *, one: bool = False) -> list[Moved]:
    """Return what crosses between the array and the innermost memory that holds an operand.

    Args:
        case: The layer.
        operand: The operand.
        one: Whether for the first copy of that memory instead of all copies together.
    """
    structure, index = case.machine.structure, OPERANDS.index(operand)
    level = structure.parent(case.levels + 1, index)
    crossing, bits = _crossing(case, operand, level, one=one), case.op.bits
    if operand is not Operand.O:
        sum_ = in_bytes(crossing, bits=case.bits(operand), what=f"{operand} bits")
        return [_edge(case, level, operand, "read", sum_)]
    fresh, whole = _fresh(case, level, one=one)
    again = less(crossing, fresh)
    ended = in_bytes(fresh, bits=bits.O if whole else bits.partial, what="O bits" if whole else "partial bits")
    if again.value == 0:
        return [_edge(case, level, operand, "write", ended)]
    halves = in_bytes(again, bits=bits.partial, what="partial bits")
    return [
        _edge(case, level, operand, "read", halves, " half-done"),
        _edge(case, level, operand, "write", plus(halves, ended)),
    ]


def _edge(case: Case, level: int, operand: Operand, way: Way, sum_: Term, half: str = "") -> Moved:
    what = f"{case.names[level]}: {operand}{half} {'read for' if way == 'read' else 'written from'} the array"
    return Moved(level, operand, way, Line(what=what, sum=sum_, unit="B"))


def _crossing(case: Case, operand: Operand, level: int, *, one: bool) -> Term:
    """Return the elements that cross the edge: once a pass that needs them, or once a tile where they are held."""
    flow, structure, place = case.machine.flow, case.machine.structure, case.levels + 1
    outside = structure.copied(0, level) if one else 0
    asked = structure.shared(level, place, OPERANDS.index(operand)) | outside
    spatial = {dim for group in (*flow.rows, *flow.columns) for dim in group}
    held = operand in flow.held
    parts: list[Term] = []
    for dim in Dim:
        if case.op.size(dim) == 1:
            continue
        if case.indexes(operand, dim):
            parts.append(points(case, dim, place, outside))
        elif held:
            count = pieces(case, dim, place, asked)[1]
            if count.value != 1:
                parts.append(count)
        elif dim not in spatial:
            parts.append(points(case, dim, place, asked))
    if not held:
        for group in groups(case):
            if not any(case.indexes(operand, dim) for dim in group.dims):
                passes = _passes(case, group.dims, group.pes, asked, "PEs")
                if passes.value != 1:
                    parts.append(Number(passes.value, f"passes on {group.label}"))
    if operand is Operand.W and held and math.isfinite(case.machine.size.hold_limit):
        parts += _read_again(case, asked)
    if operand is Operand.I and not outside:
        # A copy in the middle of the picture sees no padding.
        parts += _real(case)
    return times(*parts) if parts else Number(1, "one element")


def _read_again(case: Case, asked: int) -> list[Term]:
    """Return the times that a held weight is read in a tile, where it lasts for so many steps of the stream only."""
    stream, limit = case.machine.flow.stream, case.machine.size.hold_limit
    tile = math.prod(case.tile(case.levels + 1, dim) for dim in stream)
    again = _passes(case, stream, int(min(tile, limit)), asked, "steps")
    held = _passes(case, stream, tile, asked, "steps")
    if again.value == held.value:
        return []
    return [divided(Number(again.value, f"stripes of {limit:g} steps"), Number(held.value, "tiles of the stream"))]


def _real(case: Case) -> list[Term]:
    """Return the share of reads that meet a real input: a padding zero does not cross the edge."""
    op, parts = case.op, list[Term]()
    for axis, (out, tap) in enumerate(WINDOWS):
        if Sliding(out, tap) not in (op.rule.inputs or ((),))[0]:
            continue
        places = [
            output * op.stride[axis] + at * op.dilation[axis] - op.padding[axis]
            for output in range(op.size(out))
            for at in range(op.size(tap))
        ]
        real = sum(0 <= place < op.extent[axis] for place in places)
        if real != len(places):
            parts.append(divided(Number(real, f"real {out} {tap}"), Number(len(places), f"all {out} {tap}")))
    return parts


def _fresh(case: Case, level: int, *, one: bool) -> tuple[Term, bool]:
    """Return the sums that start from zero, and whether they are complete when they leave."""
    outside = case.machine.structure.copied(0, level) if one else 0
    sums: list[Term] = [
        points(case, dim, case.levels + 1, outside)
        for dim in Dim
        if case.indexes(Operand.O, dim) and case.op.size(dim) > 1
    ]
    started = from_zero(case, level)
    if not one and started.value != 1:
        sums.append(started)
    # Where several copies sum the same output, none of them sees it complete.
    alone = level == 0 or visits(case, case.load(Operand.O, level), 0, walk=False).value == 1
    return (times(*sums) if sums else Number(1, "one output")), alone
