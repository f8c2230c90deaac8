"""The sums of a layer that runs on the host: what comes out to it, handing over, and the work."""

from __future__ import annotations

from accelsim.dims import Operand
from accelsim.hardware.accelerator import Accelerator, Host
from accelsim.report.explain.figures import Leaking, busiest, busy, energy, memory_totals, most_of, priced, utilization
from accelsim.report.explain.layer import Sums
from accelsim.report.explain.sums import Line, Number, Part, Term, divided, most, plus, times
from accelsim.report.explain.transfers import Moved, Way
from accelsim.schedule.run import Run
from accelsim.schedule.steps import Plan

__all__ = ["HostSums"]


class HostSums:
    """The sums of a layer on the host.

    Args:
        plan: The steps of the network.
        place: The step.
        accelerator: One design.
        host: Its host.
        result: What the network costs on it.
        leaking: What leaks.
    """

    def __init__(
        self, plan: Plan, place: int, accelerator: Accelerator, host: Host, result: Run, leaking: Leaking
    ) -> None:
        self._step, self._host = plan.steps[place], host
        self._accelerator, self._leaking = accelerator, leaking
        self._crossings = float(result.table.steps.crossings[place])
        near = result.stays.activation_level or 0
        self.moved: list[Moved] = []
        for read in self._step.reads:
            if result.stays.on_chip(read.writer, place, 0):
                what = f"the result of {plan.steps[read.writer].name}" if read.writer >= 0 else "the network's input"
                self.moved += self._fetched(what, read.bytes, near)

    def _fetched(self, what: str, size: float, near: int) -> list[Moved]:
        bits = self._step.op.bits.I
        count = divided(times(Number(size * 8 / bits, "elements"), Number(bits, "I bits")), Number(8, "8"))
        ways: list[tuple[int, Way, str]] = [(near, "read", "read from"), (0, "write", "written to")]
        return [
            Moved(
                level,
                Operand.I,
                way,
                Line(
                    what=f"{self._accelerator.memories[level].name}: {what} {verb} it",
                    sum=count,
                    unit="B",
                ),
            )
            for level, way, verb in ways
        ]

    def traffic(self) -> Sums:
        """Return what comes out to the host, and the bytes of every memory."""
        names = [memory.name for memory in self._accelerator.memories]
        lines = tuple(each.line for each in self.moved) or (Line(what="all that it needs is there already"),)
        return [Part(title="what stays on chip comes out to the host", lines=lines)], {
            f"bytes_by_level.{name}": line for name, line in memory_totals(names, self.moved).items()
        }

    def cycles(self) -> Sums:
        """Return the cycles of transfers, of handing over and of the work, and the latency, their sum."""
        host, op = self._host, self._step.op
        work: list[Term] = []
        operations = op.vector_ops + self._step.fused_work
        if operations:
            work.append(divided(Number(operations, "operations"), Number(float(host.lanes[0]), "a cycle")))
        if op.macs:
            work.append(divided(Number(op.macs, "MACs"), Number(float(host.macs_per_cycle[0]), "a cycle")))
        done = Line(what="host", sum=plus(*work), unit="cycles")
        each = Number(float(host.transfer_cycles[0]), "cycles each")
        handed = Line(what="handing over", sum=times(Number(self._crossings, "times"), each), unit="cycles")
        found, paces, lines = {"host work": done, "hand-over": handed}, list[Term](), list[Line]()
        for level, memory in enumerate(self._accelerator.memories):
            own = busy(memory, level, self.moved)
            lines += own
            if own[-1].sum is not None:
                found[f"{memory.name}:{most_of(memory, level, self.moved)}"] = own[-1]
                paces.append(own[-1].number(memory.name))
        moved: list[Term] = [most(*paces)] if paces else []
        latency = plus(*moved, handed.number("handing over"), done.number("host"))
        parts = [Part(title="host", lines=(done, handed)), Part(title="memories", lines=tuple(lines))]
        return parts, {"latency_cycles": Line(what="latency", sum=latency, unit="cycles"), **busiest(found)}

    def energy(self) -> Sums:
        """Return every line of the layer's ledger, and their sum."""
        latency = self.cycles()[1]["latency_cycles"].number().value
        lines, total = energy(self._accelerator, None, self.moved, 0.0, latency, self._leaking)
        done = self._work()
        known = [line.number() for line in (*done, *lines) if line.sum is not None]
        total = Line(what=total.what, sum=plus(*known), unit=total.unit)
        return [Part(title="ledger", lines=(*done, *lines))], {"energy_pj": total}

    def _work(self) -> list[Line]:
        op, host = self._step.op, self._host
        counts = ((op.vector_ops + self._step.fused_work, "operations"), (op.macs, "MACs"))
        lines = []
        for (count, words), price in zip(counts, (host.pj_per_operation, host.pj_per_mac), strict=True):
            each = None if price is None else Number(float(price[0]), "pJ each")
            if count:
                lines.append(priced(f"host work, {words}", Number(count, words), each))
        return lines

    def utilization(self) -> Sums:
        """Return the three utilizations: 0, for the array does nothing."""
        return utilization(float(self._accelerator.pes[0]), Number(0, "MACs"), 0, 0)
