"""The sums of a layer without MACs: its tensors stream through the vector unit."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dims import Operand
from accelsim.hardware.accelerator import Accelerator
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
from accelsim.report.explain.layer import Sums
from accelsim.report.explain.stripes import again, moved_again, repeat_of
from accelsim.report.explain.sums import Line, Number, Part, Term, divided, most, plus, times
from accelsim.report.explain.transfers import Moved, Way
from accelsim.schedule.run import Run
from accelsim.schedule.steps import Plan

__all__ = ["VectorSums"]


@dataclass(frozen=True, slots=True)
class _Stream:
    """A tensor that goes by: what it is, which operand it counts as, and the memory it comes from or goes to."""

    what: str
    operand: Operand
    way: Way
    level: int
    bytes: float


class VectorSums:
    """The sums of a layer without MACs.

    Args:
        plan: The steps of the network.
        place: The step.
        accelerator: One design.
        result: What the network costs on it.
        leaking: What leaks.
    """

    def __init__(self, plan: Plan, place: int, accelerator: Accelerator, result: Run, leaking: Leaking) -> None:
        self._step = plan.steps[place]
        self._accelerator, self._leaking = accelerator, leaking
        self._handed = result.handed_before(place)
        self._streams = _streams(plan, place, result)
        self._repeat = repeat_of(result, place)
        self._once = [Moved(each.level, each.operand, each.way, self._line(each)) for each in self._streams]
        self.moved = self._once + moved_again(self._repeat, accelerator)

    def _line(self, each: _Stream) -> Line:
        bits = int(getattr(self._step.op.bits, each.operand))
        elements = Number(each.bytes * 8 / bits, "elements")
        name = self._accelerator.memories[each.level].name
        verb = "read from" if each.way == "read" else "written to"
        sum_ = divided(times(elements, Number(bits, f"{each.operand} bits")), Number(8, "8"))
        note = f"stays in `{name}`: nothing outside moves" if each.level else ""
        return Line(what=f"{name}: {each.what} {verb} it", sum=sum_, unit="B", note=note)

    def traffic(self) -> Sums:
        """Return the bytes of every tensor, and those of every memory."""
        names = [memory.name for memory in self._accelerator.memories]
        totals = memory_totals(names, self.moved)
        title = "every tensor goes by once"
        return [Part(title=title, lines=tuple(each.line for each in self.moved))], {
            f"bytes_by_level.{name}": line for name, line in totals.items()
        }

    @property
    def _work(self) -> float:
        return self._step.op.vector_ops + self._step.fused_work

    def cycles(self) -> Sums:
        """Return what everything is busy for, and the latency."""
        accelerator, op = self._accelerator, self._step.op
        terms: list[Term] = []
        if op.vector_ops:
            points = op.vector_ops / op.rule.vector_work
            terms.append(times(Number(points, "points"), Number(op.rule.vector_work, f"operations of {op.kind}")))
        terms += [Number(each.vector_ops, f"operations of {each.kind}") for each in self._step.fused]
        work = Line(what="elementary operations", sum=plus(*terms))
        vector = vector_cycles((op, *self._step.fused), accelerator, "all operations")
        found = {"vector": vector} if self._work else {}
        paces: list[Term] = [vector.number("vector")]
        lines = []
        for level, memory in enumerate(accelerator.vector_memories):
            own = busy(memory, level, self._once)
            lines += own
            if own[-1].sum is not None:
                found[f"{memory.name}:{most_of(memory, level, self._once)}"] = own[-1]
                paces.append(own[-1].number(memory.name))
        dispatch = Number(float(accelerator.array.dispatch_cycles[0]), "dispatch")
        if dispatch.value:
            found["dispatch"] = Line(what="dispatch", sum=dispatch, unit="cycles")
        latency: Term = most(*paces)
        if dispatch.value:
            latency = plus(latency, dispatch)
        handed = borders(accelerator, self._handed)
        if handed is not None:
            found["borders"] = handed
            latency = plus(latency, handed.number("borders"))
            lines.append(handed)
        more = again(self._repeat, accelerator)
        if more is not None:
            found["stripes"] = more
            latency = plus(latency, more.number("stripes"))
            lines.append(more)
        parts = [Part(title="vector unit", lines=(work, vector)), Part(title="memories", lines=tuple(lines))]
        return parts, {"latency_cycles": Line(what="latency", sum=latency, unit="cycles"), **busiest(found)}

    def energy(self) -> Sums:
        """Return every line of the layer's ledger, and their sum."""
        latency = self.cycles()[1]["latency_cycles"].number().value
        lines, total = energy(
            self._accelerator, self._step.op, self.moved, self._work, latency, self._leaking, self._handed
        )
        return [Part(title="ledger", lines=tuple(lines))], {"energy_pj": total}

    def utilization(self) -> Sums:
        """Return the three utilizations: 0, for the array does nothing."""
        return utilization(float(self._accelerator.peak_macs[0]), Number(0, "MACs"), 0, 0)


def _streams(plan: Plan, place: int, result: Run) -> list[_Stream]:
    """Return what goes by: every tensor read, learned values looked up, and the result."""
    step, stays = plan.steps[place], result.stays
    near, cache = stays.activation_level or 0, stays.weight_level or 0
    found = []
    for read in step.reads:
        on_chip = stays.on_chip(read.writer, place, 0)
        what = f"the result of {plan.steps[read.writer].name}" if read.writer >= 0 else "the network's input"
        found.append(_Stream(what, Operand.I, "read", near if on_chip else 0, read.bytes))
    learned = step.op.weights_fetched * step.op.bits.W / 8
    if learned:
        level = cache if stays.weights[place, 0] else 0
        found.append(_Stream("learned values", Operand.W, "read", level, learned))
    level = near if stays.outputs[place, 0] else 0
    return [*found, _Stream("the result", Operand.O, "write", level, step.output_bytes)]
