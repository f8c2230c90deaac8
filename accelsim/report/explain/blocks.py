"""The sums of a layer on an engine that cuts ops into blocks: the engine's figures, and what comes of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.cost.blocks import BlockRows
from accelsim.cost.front import Front
from accelsim.dims import OPERANDS
from accelsim.hardware.accelerator import Accelerator
from accelsim.report.explain.figures import (
    Leaking,
    busiest,
    busy,
    energy,
    memory_totals,
    most_of,
    utilization,
    vector_cycles,
)
from accelsim.report.explain.layer import Sums
from accelsim.report.explain.sums import Line, Number, Part, Term, most, plus
from accelsim.report.explain.transfers import Moved, Way
from accelsim.schedule.steps import Step

__all__ = ["BlockSums"]

Floats = npt.NDArray[np.float64]

_UNDER_WAY = ", by the bytes that move while the layer runs"
_WAYS: tuple[Way, Way] = ("read", "write")


class BlockSums:
    """The sums of a layer.

    Args:
        step: The layer.
        accelerator: One design.
        front: The ways from which one was chosen.
        row: Its place among them.
        leaking: What leaks.
    """

    def __init__(self, step: Step, accelerator: Accelerator, front: Front, row: int, leaking: Leaking) -> None:
        self._step, self._accelerator, self._leaking = step, accelerator, leaking
        self._words = front.describe(row, [memory.name for memory in accelerator.memories])
        self._cycles, self._steps = float(front.demand.cycles[row]), float(front.demand.steps[row])
        self._room = front.demand.room[row].sum(axis=1)
        self.moved = self._listed(front.demand.moved[row])
        busy_with = front.rows.ways.under_way[row] if isinstance(front.rows, BlockRows) else front.demand.moved[row]
        self._under_way = self._listed(busy_with)
        self._other = bool((front.demand.moved[row] != busy_with).any())

    def _listed(self, moved: Floats) -> list[Moved]:
        """Return bytes of shape ``(memories, 3, 2)`` as lines."""
        return [
            Moved(
                level, operand, way, Line(what=f"{memory.name}: {operand} {way}", sum=Number(size, "bytes"), unit="B")
            )
            for level, memory in enumerate(self._accelerator.memories)
            for operand, sizes in zip(OPERANDS, moved[level].tolist(), strict=True)
            for way, size in zip(_WAYS, sizes, strict=True)
            if size
        ]

    @property
    def _title(self) -> str:
        blocks = self._accelerator.array.blocks
        return f"engine {'' if blocks is None else blocks.engine}: {self._words}"

    def traffic(self) -> Sums:
        """Return the engine's bytes of every memory and operand, and those of every memory."""
        totals = memory_totals([memory.name for memory in self._accelerator.memories], self.moved)
        parts = [Part(title=self._title, lines=tuple(each.line for each in self.moved))]
        return parts, {f"bytes_by_level.{name}": line for name, line in totals.items()}

    def cycles(self) -> Sums:
        """Return what everything is busy for, and the latency."""
        accelerator = self._accelerator
        engine = Line(what="cycles of the engine", sum=Number(self._cycles, "engine"), unit="cycles")
        found, paces, lines = {"compute": engine}, [engine.number("engine")], list[Line]()
        for level, memory in enumerate(accelerator.memories):
            own = busy(memory, level, self._under_way)
            lines += own
            if own[-1].sum is not None:
                found[f"{memory.name}:{most_of(memory, level, self._under_way)}"] = own[-1]
                paces.append(own[-1].number(memory.name))
        if self._step.fused_work:
            vector = vector_cycles(self._step.fused, accelerator, "activations on the way out")
            found["vector"] = vector
            paces.append(vector.number("vector"))
        dispatch = Number(float(accelerator.array.dispatch_cycles[0]), "dispatch")
        latency: Term = most(*paces)
        if dispatch.value:
            found["dispatch"] = Line(what="dispatch", sum=dispatch, unit="cycles")
            latency = plus(latency, dispatch)
        room = [
            Line(what=f"room in {memory.name}", sum=Number(float(size), "bytes"), unit="B")
            for memory, size in zip(accelerator.memories, self._room, strict=True)
            if size
        ]
        parts = [
            Part(title=self._title, lines=(engine,)),
            Part(title="room beside whole tensors", lines=tuple(room)),
            Part(title=f"memories{_UNDER_WAY if self._other else ''}", lines=tuple(lines)),
        ]
        return parts, {"latency_cycles": Line(what="latency", sum=latency, unit="cycles"), **busiest(found)}

    @property
    def _latency(self) -> float:
        return self.cycles()[1]["latency_cycles"].number().value

    def energy(self) -> Sums:
        """Return every line of the layer's ledger, and their sum."""
        op, work = self._step.op, self._step.op.vector_ops + self._step.fused_work
        lines, total = energy(self._accelerator, op, self.moved, work, self._latency, self._leaking)
        return [Part(title="ledger", lines=tuple(lines))], {"energy_pj": total}

    def utilization(self) -> Sums:
        """Return the three utilizations."""
        steps = Line(what="cycles in which PEs work", sum=Number(self._steps, "engine"), unit="cycles")
        peak = float(self._accelerator.peak_macs[0])
        parts, results = utilization(peak, Number(self._step.op.macs, "MACs"), self._steps, self._latency)
        return [Part(title=self._title, lines=(steps,)), *parts], results
