"""The bytes that tiles move between two memories, as sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accelsim.dims import OPERANDS, Operand
from accelsim.report.explain.case import Case, Load
from accelsim.report.explain.count import elements, visits
from accelsim.report.explain.sums import Line, Number, Term, divided, less, plus, times

__all__ = ["Moved", "Way", "from_zero", "in_bytes", "moved"]

Way = Literal["read", "write"]
_PARTIAL = "partial bits"


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes that a memory reads or writes for one reason.

    Attributes:
        level: Place of the memory.
        operand: What moves.
        way: Whether the memory reads or writes it.
        line: The sum.
    """

    level: int
    operand: Operand
    way: Way
    line: Line


def in_bytes(*parts: Term, bits: int, what: str) -> Term:
    """Return the bytes of so many elements: the product of ``parts``, of ``bits`` each."""
    return divided(times(*parts, Number(bits, what)), Number(8, "8"))


def moved(case: Case, load: Load, *, one: bool = False) -> list[Moved]:
    """Return what a load moves: out of the memory outside and into the one inside, and for outputs the way back.

    Args:
        case: The layer.
        load: The load.
        one: Whether for the first copy of the memory in question instead of all copies together.
    """
    structure, operand = case.machine.structure, load.operand
    place = OPERANDS.index(operand)
    outside, inside = structure.copied(0, load.outer), structure.copied(load.outer, load.inner)
    shared = structure.shared(load.outer, load.inner, place)
    if one:
        far_first, near_first = outside | shared, outside | inside
        far, near = elements(case, load, outside), elements(case, load, outside | inside)
    else:
        far_first, near_first = shared, 0
        far = near = elements(case, load)
    if operand is Operand.O:
        return _outputs(case, load, (far, near), (far_first, near_first), one=one)
    sums = [
        in_bytes(size, visits(case, load, first), bits=case.bits(operand), what=f"{operand} bits")
        for size, first in ((far, far_first), (near, near_first))
    ]
    return [
        _move(case, load.outer, load.inner, operand, "read", sums[0]),
        _move(case, load.inner, load.outer, operand, "write", sums[1]),
    ]


def _move(case: Case, level: int, other: int, operand: Operand, way: Way, sum_: Term, half: str = "") -> Moved:
    """Return what the memory at ``level`` reads for ``other``, or writes from it."""
    what = f"{operand}{half} {'read for' if way == 'read' else 'written from'} {case.names[other]}"
    return Moved(level, operand, way, Line(what=f"{case.names[level]}: {what}", sum=sum_, unit="B"))


def _outputs(case: Case, load: Load, sizes: tuple[Term, Term], firsts: tuple[int, int], *, one: bool) -> list[Moved]:
    """Return what partial sums move in and what sums move out."""
    inside = case.machine.structure.copied(load.outer, load.inner)
    parents, copies = visits(case, load, inside, walk=False), visits(case, load, 0, walk=False)
    fresh = Number(1, "from zero") if one else from_zero(case, load.outer)
    (far, near), (far_first, near_first) = sizes, firsts
    far_visits, near_visits = visits(case, load, far_first), visits(case, load, near_first)
    # Into the inner memory sums come for all of its copies; out of it all of them give theirs.
    near_in = near_visits if one else visits(case, load, inside)
    outer, inner, found = load.outer, load.inner, []
    if far_visits.value > fresh.value:
        sum_ = in_bytes(far, less(far_visits, fresh), bits=case.op.bits.partial, what=_PARTIAL)
        found.append(_move(case, outer, inner, Operand.O, "read", sum_, " half-done"))
    if near_in.value > fresh.value:
        sum_ = in_bytes(near, less(near_in, fresh), bits=case.op.bits.partial, what=_PARTIAL)
        found.append(_move(case, inner, outer, Operand.O, "write", sum_, " half-done"))
    sum_ = _finished(case, near, near_visits, whole=copies.value == 1)
    found.append(_move(case, inner, outer, Operand.O, "read", sum_))
    sum_ = _finished(case, far, far_visits, whole=parents.value == 1)
    found.append(_move(case, outer, inner, Operand.O, "write", sum_))
    return found


def from_zero(case: Case, place: int) -> Term:
    """Return how many sums of the same output start from zero in the memory at ``place``, all copies together.

    A sum that comes back goes to one copy; the others start from zero again.
    """
    if place == 0:
        return Number(1, "from zero")
    load = case.load(Operand.O, place)
    before = from_zero(case, load.outer)
    held = visits(case, load, 0)
    come = visits(case, load, case.machine.structure.copied(load.outer, place))
    if held.value == come.value:
        return before
    return held if come.value == before.value else less(held, less(come, before))


def _finished(case: Case, size: Term, count: Term, *, whole: bool) -> Term:
    """Return the bytes of sums given away ``count`` times, the last time at their final width if they are complete."""
    partial, bits = case.op.bits.partial, case.op.bits.O
    if not whole:
        return in_bytes(size, count, bits=partial, what=_PARTIAL)
    if count.value == 1:
        return in_bytes(size, count, bits=bits, what="O bits")
    halves = times(less(count, Number(1, "1")), Number(partial, _PARTIAL))
    return divided(times(size, plus(halves, Number(bits, "O bits"))), Number(8, "8"))
