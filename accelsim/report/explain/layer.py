"""The sums of a layer made of MACs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from accelsim.dims import OPERANDS, Operand
from accelsim.report.explain.array import at_the_edge, compute
from accelsim.report.explain.case import Case
from accelsim.report.explain.count import full_tile, room
from accelsim.report.explain.figures import busiest, busy, energy, longest, memory_totals, utilization, vector_cycles
from accelsim.report.explain.sums import Line, Number, Part, Term, divided, less, most, plus, times
from accelsim.report.explain.transfers import Moved, moved
from accelsim.workload.ops import Op

__all__ = ["LayerSums"]

_WORDS = {Operand.W: "weights", Operand.I: "inputs", Operand.O: "outputs"}
Sums = tuple[list[Part], dict[str, Line]]


class LayerSums:
    """The sums of a layer.

    Args:
        case: The layer.
        leaking: The op whose widths the PEs have; by default the layer's own.
    """

    def __init__(self, case: Case, leaking: Op | None = None) -> None:
        self._case = case
        self._leaking = leaking or case.op
        self._fans = any(case.machine.structure.fans)

    @cached_property
    def moved(self) -> list[Moved]:
        """What moves, all copies of a memory together."""
        return list(self._moves(one=False))

    @cached_property
    def moved_by_one(self) -> list[Moved]:
        """What moves in and out of the first copy of each memory, which has the most to do."""
        return list(self._moves(one=True)) if self._fans else self.moved

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
            vector = vector_cycles(case.fused_work, accelerator, "activations on the way out")
            found["vector"] = vector
        for level, memory in enumerate(accelerator.memories):
            lines_ = busy(memory, level, self.moved_by_one)
            memories += lines_
            if lines_[-1].sum is None:
                continue
            own, wait = lines_[-1], self._wait(level, lines_[-1])
            found[f"{memory.name}:{self._most_of(level)}"] = own
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
        parts += [
            Part(title="tiles", lines=tuple(self._room())),
            Part(title="memories", lines=tuple(memories)),
            Part(title="latency", lines=(pace,) if vector is None else (vector, pace)),
        ]
        return parts, {"latency_cycles": Line(what="latency", sum=latency, unit="cycles"), **busiest(found)}

    def _most_of(self, level: int) -> Operand:
        """Return the operand that keeps a memory busiest."""
        memory = self._case.accelerator.memories[level]
        cycles = dict.fromkeys(OPERANDS, 0.0)
        for operand in OPERANDS:
            own = {"read": 0.0, "write": 0.0}
            for each in self.moved:
                if each.level == level and each.operand is operand:
                    own[each.way] += each.line.number().value
            busy_for = longest(memory, Number(own["read"], ""), Number(own["write"], ""))
            cycles[operand] = 0.0 if busy_for is None else busy_for.value
        return max(cycles, key=lambda operand: cycles[operand])

    def _wait(self, level: int, all_of_it: Line) -> Line | None:
        """Return the cycles of a memory that the array waits for, ``None`` if there are none."""
        memory = self._case.accelerator.memories[level]
        serial = self._serial(level)
        if level:
            if serial is None:
                return None
            note = "moved while nothing else is done: the memory inside is not double-buffered"
            return Line(what=f"waited for {memory.name}", sum=serial, unit="cycles", note=note)
        reads, writes = self._ramp()
        parts = [
            longest(memory, plus(*found), None) if way == "read" else longest(memory, None, plus(*found))
            for way, found in (("read", reads), ("write", writes))
            if found
        ]
        ramp = plus(*(part for part in parts if part is not None))
        whole = all_of_it.number("all of its cycles")
        least: Term = whole if ramp.value > whole.value else ramp
        note = "the first tiles in and the last result out"
        if serial is not None:
            least, note = most(serial, least), f"{note}; or what moves while nothing else is done, if that is more"
        return Line(what=f"waited for {memory.name}", sum=least, unit="cycles", note=note) if least.value else None

    def _serial(self, level: int) -> Term | None:
        """Return the cycles in which a memory serves memories that are not double-buffered."""
        case, memory = self._case, self._case.accelerator.memories[level]
        ways: dict[str, list[Term]] = {"read": [], "write": []}
        for operand in OPERANDS:
            for load in case.moves(operand):
                if load.outer == level and not case.accelerator.memories[load.inner].double_buffered:
                    for each in moved(case, load, one=self._fans):
                        if each.level == level:
                            ways[each.way].append(each.line.number(f"{operand} {each.way}"))
        read = longest(memory, plus(*ways["read"]), None) if ways["read"] else None
        written = longest(memory, None, plus(*ways["write"])) if ways["write"] else None
        terms = [term for term in (read, written) if term is not None]
        return plus(*terms) if terms else None

    def _ramp(self) -> tuple[list[Term], list[Term]]:
        """Return the bytes that the outermost memory reads before the first step and writes after the last."""
        case = self._case
        ways: tuple[list[Term], list[Term]] = ([], [])
        for operand in OPERANDS:
            load = next((load for load in case.moves(operand) if load.outer == 0), None)
            if load is not None:
                tile = full_tile(case, operand, load.inner, load.inner - 1)
                size = divided(times(tile, Number(case.bits(operand), f"{operand} bits")), Number(8, "8"))
                ways[operand is Operand.O].append(size)
        return ways

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
                note += f", {kept:,.0f} B of which whole tensors keep" if kept else ""
            yield Line(what=f"tiles in {memory.name}", sum=plus(*terms), unit="B", note=note)

    def energy(self) -> Sums:
        """Return every line of the layer's ledger, and their sum."""
        case = self._case
        latency = self.cycles()[1]["latency_cycles"].number().value
        lines, total = energy(case.accelerator, case.op, self.moved, case.fused_work, latency, self._leaking)
        return [Part(title="ledger", lines=tuple(lines))], {"energy_pj": total}

    def utilization(self) -> Sums:
        """Return the three utilizations."""
        steps = self._array[1].number().value
        latency = self.cycles()[1]["latency_cycles"].number().value
        before = Part(title="steps", lines=(*self._array[0][:-1], self._array[1]))
        parts, results = utilization(float(self._case.accelerator.pes[0]), self._case.op.macs, steps, latency)
        return [before, *parts], results
