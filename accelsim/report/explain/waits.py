"""What the array waits for: the first tiles and the last result, and memories that are not double-buffered."""

from __future__ import annotations

from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Memory
from accelsim.report.explain.case import Case
from accelsim.report.explain.count import first_turn
from accelsim.report.explain.figures import longest
from accelsim.report.explain.sums import Line, Number, Term, most, plus
from accelsim.report.explain.transfers import Way, in_bytes, moved

__all__ = ["waited"]

#: Way -> bytes, a term an operand.
_Ways = dict[Way, list[Term]]


def waited(case: Case, level: int, busy: Line) -> Line | None:
    """Return the cycles of the memory at ``level`` that the array waits for, ``None`` if there are none.

    Args:
        case: The layer.
        level: Place of the memory.
        busy: All cycles in which it is busy.
    """
    memory = case.accelerator.memories[level]
    what, serial = f"waited for {memory.name}", _apart(memory, _serial(case, level))
    if level:
        note = "moved while nothing else is done: the memory inside is not double-buffered"
        return None if serial is None else Line(what=what, sum=serial, unit="cycles", note=note)
    ramp, whole = _apart(memory, _ramp(case)) or Number(0, "nothing"), busy.number("all of its cycles")
    least: Term = whole if ramp.value > whole.value else ramp
    note = "the first tiles in and the last result out"
    if serial is not None:
        least, note = most(serial, least), f"{note}; or what moves while nothing else is done, if that is more"
    return Line(what=what, sum=least, unit="cycles", note=note) if least.value else None


def _apart(memory: Memory, ways: _Ways) -> Term | None:
    """Return the cycles of bytes read and then of bytes written, one after the other."""
    read = longest(memory, plus(*ways["read"]), None) if ways["read"] else None
    written = longest(memory, None, plus(*ways["write"])) if ways["write"] else None
    terms = [term for term in (read, written) if term is not None]
    return plus(*terms) if terms else None


def _serial(case: Case, level: int) -> _Ways:
    """Return the bytes that a memory moves for memories that are not double-buffered."""
    ways: _Ways = {"read": [], "write": []}
    for operand in OPERANDS:
        for load in case.moves(operand):
            if load.outer == level and not case.accelerator.memories[load.inner].double_buffered:
                for each in moved(case, load, one=any(case.machine.structure.fans)):
                    if each.level == level:
                        ways[each.way].append(each.line.number(f"{operand} {each.way}"))
    return ways


def _ramp(case: Case) -> _Ways:
    """Return the bytes that the outermost memory reads before the first step and writes after the last."""
    ways: _Ways = {"read": [], "write": []}
    for operand in OPERANDS:
        load = next((load for load in case.moves(operand) if load.outer == 0), None)
        if load is not None:
            size = in_bytes(first_turn(case, load), bits=case.bits(operand), what=f"{operand} bits")
            ways["write" if operand is Operand.O else "read"].append(size)
    return ways
