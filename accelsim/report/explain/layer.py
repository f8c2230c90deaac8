"""The sums of a layer made of MACs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from accelsim.cost.energy import op_bits
from accelsim.dims import OPERANDS, Operand
from accelsim.report.explain.array import at_the_edge, compute
from accelsim.report.explain.case import Case
from accelsim.report.explain.count import room
from accelsim.report.explain.figures import (
    Leaking,
    borders,
    busiest,
    busy,
    energy,
    memory_totals,
    most_of,
    utilization,
    vector_cycles,
)
from accelsim.report.explain.stripes import Repeat, again, moved_again
from accelsim.report.explain.sums import Line, Number, Part, Term, less, most, plus
from accelsim.report.explain.transfers import Moved, moved
from accelsim.report.explain.waits import waited

__all__ = ["LayerSums"]

_WORDS = {Operand.W: "weights", Operand.I: "inputs", Operand.O: "outputs"}
Sums = tuple[list[Part], dict[str, Line]]


class LayerSums:
    """The sums of a layer.

    Args:
        case: The layer.
        leaking: What leaks; by default PEs of the layer's own widths.
        repeat: What it does again for every further stripe; ``None`` if it does not run in stripes.
    """

    def __init__(self, case: Case, leaking: Leaking | None = None, repeat: Repeat | None = None) -> None:
        self._case, self._repeat = case, repeat
        self._leaking = Leaking(op_bits(case.op)) if leaking is None else leaking
        self._fans = any(case.machine.structure.fans)

    @cached_property
    def moved(self) -> list[Moved]:
        """What moves, all copies of a memory together."""
        return self._moved_once + moved_again(self._repeat, self._case.accelerator)

    @cached_property
    def _moved_once(self) -> list[Moved]:
        return list(self._moves(one=False))

    @cached_property
    def moved_by_one(self) -> list[Moved]:
        """What moves in and out of the first copy of each memory, which has the most to do; once for all stripes."""
        return list(self._moves(one=True)) if self._fans else self._moved_once

    def _moves(self, *, one: bool) -> Iterator[Moved]:
        for operand in OPERANDS:
            for load in self._case.moves(operand):
                yield from moved(self._case, load, one=one)
            yield from at_the_edge(self._case, operand, one=one)

    def traffic(self) -> Sums:
        """Return the bytes of every boundary and operand, and those of every memory."""
        case, parts = self._case, []
        for operand in OPERANDS:
            lines = [each.line for each in self.moved if each.operand is operand]
            if case.kept_at(operand) >= 0:
                name = case.names[case.kept_at(operand)]
                where = "leaves it" if operand is Operand.O else "is fetched"
                lines.insert(0, Line(what=f"{operand} stays in `{name}`: nothing {where}"))
            parts.append(Part(title=f"{operand}, {_WORDS[operand]}", lines=tuple(lines)))
        totals = memory_totals(case.names, self.moved)
        return parts, {f"bytes_by_level.{name}": line for name, line in totals.items()}

    @cached_property
    def _array(self) -> tuple[list[Line], Line, Line]:
        return compute(self._case)

    def cycles(self) -> Sums:
        """Return what everything is busy for, what is waited for, and the latency."""
        case, accelerator = self._case, self._case.accelerator
        before, steps, array = self._array
        title = "array" + (", the busiest copy" if self._fans else "")
        parts = [Part(title=title, lines=(*before, steps, array))]
        if self._fans:
            lines = tuple(each.line for each in self.moved_by_one)
            parts.append(Part(title="bytes of the first copy of each memory", lines=lines))
        found = {"compute": array}
        waits: list[Term] = []
        paces: list[Term] = [array.number("array")]
        memories: list[Line] = []
        vector = None
        if case.fused_work:
            vector = vector_cycles(case.fused, accelerator, "activations on the way out")
            found["vector"] = vector
        for level, memory in enumerate(accelerator.memories):
            lines_ = busy(memory, level, self.moved_by_one)
            memories += lines_
            if lines_[-1].sum is None:
                continue
            own, wait = lines_[-1], waited(case, level, lines_[-1])
            found[f"{memory.name}:{most_of(memory, level, self._moved_once)}"] = own
            number = own.number(memory.name)
            if wait is None:
                paces.append(number)
                continue
            memories.append(wait)
            waits.append(wait.number(f"wait for {memory.name}"))
            paces.append(less(number, wait.number(f"wait for {memory.name}")))
        dispatch = Number(float(accelerator.array.dispatch_cycles[0]), "dispatch")
        if dispatch.value:
            found["dispatch"] = Line(what="dispatch", sum=dispatch, unit="cycles")
        pace = Line(what="pace, the slowest of what overlaps", sum=most(*paces), unit="cycles")
        started: list[Term] = [dispatch] if dispatch.value else []
        latency = plus(pace.number("pace"), *waits, *started)
        if vector is not None:
            latency = most(latency, plus(vector.number("vector"), *started))
        handed = borders(accelerator, case.handed_bytes)
        if handed is not None:
            found["borders"] = handed
            latency = plus(latency, handed.number("borders"))
            memories.append(handed)
        more = again(self._repeat, accelerator)
        if more is not None:
            found["stripes"] = more
            latency = plus(latency, more.number("stripes"))
            memories.append(more)
        parts += [
            Part(title="tiles", lines=tuple(self._room())),
            Part(title="memories", lines=tuple(memories)),
            Part(title="latency", lines=(pace,) if vector is None else (vector, pace)),
        ]
        return parts, {"latency_cycles": Line(what="latency", sum=latency, unit="cycles"), **busiest(found)}

    def _room(self) -> Iterator[Line]:
        """Yield what tiles take of each memory."""
        case = self._case
        for level, memory in enumerate(case.accelerator.memories[1:], start=1):
            held = [room(case, operand, level) for operand in memory.holds]
            terms = [term for term in held if term is not None]
            note = ""
            if memory.size_bytes is not None:
                note = f"of {memory.size_bytes[0]:,.0f} B"
                kept = case.used_bytes[level]
                tensors = "whole tensors" if self._repeat is None else "whole tensors and stripes"
                note += f", {kept:,.0f} B of which {tensors} keep" if kept else ""
            yield Line(what=f"tiles in {memory.name}", sum=plus(*terms), unit="B", note=note)

    def energy(self) -> Sums:
        """Return every line of the layer's ledger, and their sum."""
        case = self._case
        latency = self.cycles()[1]["latency_cycles"].number().value
        lines, total = energy(
            case.accelerator, case.op, self.moved, case.fused_work, latency, self._leaking, case.handed_bytes
        )
        return [Part(title="ledger", lines=tuple(lines))], {"energy_pj": total}

    def utilization(self) -> Sums:
        """Return the three utilizations."""
        steps = self._array[1].number().value
        latency = self.cycles()[1]["latency_cycles"].number().value
        before = Part(title="steps", lines=(*self._array[0][:-1], self._array[1]))
        parts, results = utilization(
            float(self._case.working.peak_macs[0]), Number(self._case.op.macs, "MACs"), steps, latency
        )
        return [before, *parts], results
