"""Sums that layers with and without MACs share: busy memories, the ledger, utilization, the bottleneck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.energy import leakage_mw
from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Accelerator, Memory, Technology
from accelsim.report.explain.sums import Line, Number, Part, Term, divided, less, most, plus, times
from accelsim.report.explain.transfers import Moved, Way
from accelsim.workload.ops import Op

__all__ = [
    "Leaking",
    "borders",
    "busiest",
    "busy",
    "energy",
    "longest",
    "memory_totals",
    "most_of",
    "priced",
    "utilization",
    "vector_cycles",
]

Floats = npt.NDArray[np.float64]
_WAYS: tuple[Way, Way] = ("read", "write")


def _of(found: Iterable[Moved], level: int, way: Way) -> list[Moved]:
    return [each for each in found if each.level == level and each.way == way]


def _sum(found: Sequence[Moved]) -> Term:
    """Return the bytes of ``found``, one term an operand."""
    terms = []
    for operand in OPERANDS:
        own = [each.line.number(str(operand)) for each in found if each.operand is operand]
        if own:
            terms.append(Number(sum(each.value for each in own), str(operand)))
    return plus(*terms)


def memory_totals(names: Sequence[str], found: Sequence[Moved]) -> dict[str, Line]:
    """Return the bytes that go in and out of every memory, all operands together."""
    return {
        name: Line(
            what=f"{name}: all bytes",
            sum=plus(
                *(
                    Number(sum(each.line.number().value for each in own), f"{operand} {way}")
                    for operand in OPERANDS
                    for way in _WAYS
                    for own in ([each for each in _of(found, level, way) if each.operand is operand],)
                    if own
                )
            ),
            unit="B",
        )
        for level, name in enumerate(names)
    }


def _limits(memory: Memory) -> tuple[float | None, float | None, float | None]:
    values = (memory.bandwidth_bytes_per_cycle, memory.read_bytes_per_cycle, memory.write_bytes_per_cycle)
    both, read, write = (None if value is None else float(value[0]) for value in values)
    return both, read, write


def longest(memory: Memory, read: Term | None, written: Term | None) -> Term | None:
    """Return the cycles that a memory needs for bytes read and written; ``None`` if nothing limits it."""
    both, reading, writing = _limits(memory)
    found = []
    moved = [term for term in (read, written) if term is not None]
    for term, limit in ((plus(*moved), both), (read, reading), (written, writing)):
        if limit is not None and term is not None:
            found.append(divided(term, Number(limit, "B/cycle")))
    return most(*found) if found else None


def busy(memory: Memory, level: int, found: Sequence[Moved]) -> list[Line]:
    """Return the bytes that a memory reads, those it writes, and last its busy cycles."""
    lines, terms = [], []
    for way in _WAYS:
        own = _of(found, level, way)
        if own:
            line = Line(what=f"{memory.name} {way}s", sum=_sum(own), unit="B")
            lines.append(line)
            terms.append(line.number(f"bytes {'read' if way == 'read' else 'written'}"))
        else:
            terms.append(Number(0, f"bytes {'read' if way == 'read' else 'written'}"))
    cycles = longest(memory, *terms)
    note = "" if cycles is not None else "no bandwidth limits it"
    return [*lines, Line(what=f"{memory.name} is busy", sum=cycles, unit="cycles", note=note)]


def most_of(memory: Memory, level: int, found: Sequence[Moved]) -> Operand:
    """Return the operand that keeps a memory busiest, the first of equals."""
    cycles = {}
    for operand in OPERANDS:
        own = [each for each in found if each.level == level and each.operand is operand]
        cycles[operand] = busy(memory, level, own)[-1].number().value if own else 0.0
    return max(cycles, key=lambda operand: cycles[operand])


def vector_cycles(ops: Sequence[Op], accelerator: Accelerator, words: str) -> Line:
    """Return the cycles of the elementary operations of ops on the vector unit, those at the same rate together."""
    vector = accelerator.vector
    work: dict[str, float] = {}
    for op in ops:
        if op.vector_ops:
            rate = op.kind if op.kind in vector.rated else ""
            work[rate] = work.get(rate, 0.0) + op.vector_ops
    terms = [
        divided(
            Number(count, f"operations of {kind}" if kind else "operations"),
            Number(float(vector.pace(kind)[0]), f"a cycle of {kind}" if kind else "lanes"),
        )
        for kind, count in work.items()
    ]
    return Line(what=f"vector unit, {words}", sum=plus(*terms), unit="cycles")


def borders(accelerator: Accelerator, handed: float) -> Line | None:
    """Return the cycles of borders handed over before a layer; ``None`` if there are none."""
    parts = next((memory.divided for memory in accelerator.memories if memory.divided is not None), None)
    if parts is None or not handed:
        return None
    sum_ = divided(Number(handed, "bytes of borders"), Number(float(parts.bytes_per_cycle[0]), "B/cycle"))
    return Line(what="borders handed to neighbours", sum=sum_, unit="cycles", note="before the layer begins")


def busiest(found: Mapping[str, Line]) -> dict[str, Line]:
    """Return the busiest resource, and its cycles over those of the next one.

    Args:
        found: Resource -> its busy cycles. The first of equals is the busiest.
    """
    ranked = sorted(found, key=lambda name: -found[name].number().value)
    numbers = [found[name].number(name) for name in ranked]
    results = {"busiest_cycles": Line(what="busiest", sum=most(*numbers), unit="cycles", note=ranked[0])}
    if len(ranked) > 1 and numbers[1].value:
        slack = divided(numbers[0], numbers[1])
        results["slack"] = Line(what="slack to the next one", sum=slack, note=f"next: {ranked[1]}")
    return results


class Leaking(NamedTuple):
    """What leaks while a layer runs.

    Attributes:
        bits: Shape ``(4,)``: widths of ``W I O`` and partial sums that the PEs have.
        beside: Leakage of the other parts of a chip, in pJ a cycle; ``None`` if there are none.
    """

    bits: Floats
    beside: float | None = None


def energy(
    accelerator: Accelerator,
    op: Op | None,
    found: Sequence[Moved],
    work: float,
    latency: float,
    leaking: Leaking,
    handed: float = 0.0,
) -> tuple[list[Line], Line]:
    """Return the lines of a layer's ledger, and their sum.

    Args:
        accelerator: One design.
        op: The op; ``None`` if the accelerator does not run it.
        found: What moves.
        work: Elementary operations on the vector unit.
        latency: Cycles of the layer.
        leaking: What leaks.
        handed: Bytes of borders handed over.
    """
    lines = [*_memory_lines(accelerator, found), *_border_lines(accelerator, handed)]
    if op is not None:
        lines += _logic_lines(accelerator, op, work)
    lines += _leakage_lines(accelerator, latency, leaking)
    lines += _wire_lines(accelerator, found)
    terms = [line.number() for line in lines if line.sum is not None]
    return lines, Line(what="energy", sum=plus(*terms), unit="pJ")


def _memory_lines(accelerator: Accelerator, found: Sequence[Moved]) -> Iterator[Line]:
    for level, memory in enumerate(accelerator.memories):
        for operand in OPERANDS:
            for way, price in zip(_WAYS, (memory.read_pj_per_byte, memory.write_pj_per_byte), strict=True):
                own = [each for each in _of(found, level, way) if each.operand is operand]
                bytes_ = sum(each.line.number().value for each in own)
                if bytes_:
                    what = f"{memory.name} {operand} {way}"
                    count = Number(bytes_, "bytes")
                    yield priced(what, count, None if price is None else Number(float(price[0]), "pJ a byte"))


def _wire_lines(accelerator: Accelerator, found: Sequence[Moved]) -> Iterator[Line]:
    if accelerator.technology.wire_pj_per_bit_mm is None:
        yield Line(what="interconnect", note="not modelled")
        return
    for level, memory in enumerate(accelerator.memories):
        wire, own = memory.wire_pj_per_byte, [each for each in found if each.level == level]
        if own and (wire is None or wire[0]):
            moved = Number(sum(each.line.number().value for each in own), "bytes")
            price = None if wire is None else Number(float(wire[0]), "pJ a byte on its wires")
            yield priced(f"interconnect at {memory.name}", moved, price)


def _border_lines(accelerator: Accelerator, handed: float) -> Iterator[Line]:
    for memory in accelerator.memories:
        if memory.divided is not None and handed:
            prices = [price for price in (memory.read_pj_per_byte, memory.write_pj_per_byte) if price is not None]
            terms = [Number(float(price[0]), "pJ a byte") for price in prices]
            yield priced("borders I move", Number(handed, "bytes"), plus(*terms) if terms else None)


def priced(what: str, count: Term, price: Term | None) -> Line:
    """Return the line of so many actions at a price; without one it is not modelled."""
    if price is None:
        return Line(what=what, note="not modelled")
    return Line(what=what, sum=times(count, price), unit="pJ")


def _logic_lines(accelerator: Accelerator, op: Op, work: float) -> Iterator[Line]:
    table, bits = accelerator.technology, op.bits
    weights, inputs, partial = Number(bits.W, "W bits"), Number(bits.I, "I bits"), Number(bits.partial, "partial bits")
    if op.macs:
        macs = Number(op.macs, "MACs")
        yield priced("mac", macs, _mac(table, op))
        register = table.register_pj_per_bit
        if register != 0:
            count = times(macs, plus(weights, inputs, times(Number(2, "2"), partial)))
            yield priced("registers", count, None if register is None else Number(register, "pJ a bit"))
    if work:
        price = None if table.add_pj is None else Number(table.add_pj, _addition(table))
        yield priced("vector", Number(work, "operations"), price)


def _mac(table: Technology, op: Op) -> Term | None:
    """Return the energy of a multiply-accumulate."""
    product, addition, bits = table.multiply_pj, table.add_pj, op.bits
    if product is None or addition is None:
        return None
    if table.arithmetic != "integer":
        return plus(Number(product, f"pJ of a product in {table.arithmetic}"), Number(addition, _addition(table)))
    weights, inputs, partial = Number(bits.W, "W bits"), Number(bits.I, "I bits"), Number(bits.partial, "partial bits")
    multiply = divided(times(Number(product, "pJ of an 8-bit product"), weights, inputs), Number(64, "64"))
    return plus(multiply, divided(times(Number(addition, _addition(table)), partial), Number(32, "32")))


def _addition(table: Technology) -> str:
    return "pJ of a 32-bit addition" if table.arithmetic == "integer" else "pJ of an addition in fp32"


def _leakage_lines(accelerator: Accelerator, latency: float, leaking: Leaking) -> Iterator[Line]:
    clock = float(accelerator.clock_hz[0])
    own = leakage_mw(accelerator, leaking.bits)
    for what, power in zip(("leakage of logic", "leakage of memories"), own, strict=True):
        if power is None:
            yield Line(what=what, note="not modelled")
            continue
        # A milliwatt is 1e9 picojoules a second.
        seconds = divided(Number(latency, "cycles"), Number(clock, "cycles a second"))
        yield Line(what=what, sum=times(Number(float(power[0]), "mW"), seconds, Number(1e9, "pJ in a mW s")), unit="pJ")
    if leaking.beside is not None:
        each = Number(leaking.beside, "pJ a cycle")
        yield Line(what="leakage of other parts", sum=times(Number(latency, "cycles"), each), unit="pJ")


def utilization(pes: float, macs: Term, steps: float, cycles: float) -> tuple[list[Part], dict[str, Line]]:
    """Return the three utilizations as quotients, and where PEs and cycles are lost.

    Args:
        pes: PEs of the machine.
        macs: Multiply-accumulates.
        steps: Cycles in which PEs work.
        cycles: All cycles.
    """
    if not macs.value:
        line = Line(
            what="no multiply-accumulates: the array does nothing, so every utilization is 0", sum=Number(0, "0")
        )
        return [], {f"utilization_{name}": line for name in ("spatial", "temporal", "overall")}
    all_pes, work = Number(pes, "PEs"), macs
    spatial = Line(what="spatial", sum=divided(work, times(all_pes, Number(steps, "steps"))))
    temporal = Line(what="temporal", sum=divided(Number(steps, "steps"), Number(cycles, "cycles")))
    overall = Line(what="overall", sum=times(spatial.number(), temporal.number()))
    peak = Line(what="overall at once", sum=divided(work, times(all_pes, Number(cycles, "cycles"))))
    lost = (
        Line(
            what="PE-cycles without work while computing",
            sum=less(times(all_pes, Number(steps, "steps")), work),
        ),
        Line(what="cycles in which no PE works", sum=less(Number(cycles, "cycles"), Number(steps, "steps"))),
        peak,
    )
    return [Part(title="lost", lines=lost)], {
        "utilization_spatial": spatial,
        "utilization_temporal": temporal,
        "utilization_overall": overall,
    }
