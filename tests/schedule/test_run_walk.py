"""The mapping that a whole run chooses, walked step by step: bytes, cycles and energy are those of the walk."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.machine_demand import Asked, asked
from oracle.machine_nest import Machine, Mapping
from oracle.machine_walk import MachineWalk, walk_machine
from oracle.machines import machine

from accelsim.cost.rows import working
from accelsim.dims import OPERANDS
from accelsim.hardware.accelerator import Accelerator, Memory
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.run import Run, run
from accelsim.schedule.steps import plan
from accelsim.workload.builder import Builder
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Op, matmul

ENGINES = {
    "weight_stationary": "engine: systolic, dataflow: weight_stationary, rows: rows, columns: columns",
    "output_stationary": "engine: systolic, dataflow: output_stationary, rows: rows, columns: columns",
    "input_stationary": "engine: systolic, dataflow: input_stationary, rows: rows, columns: columns",
    "atomic": "engine: atomic, hold_limit: 3, rows: rows, columns: columns",
    "cells": "engine: cells, hold_limit: 5, rows: rows, columns: columns",
    "pixel_parallel": "engine: pixel_parallel, rows: rows, columns: columns",
    "depthwise": "engine: depthwise, hold_limit: 2, rows: rows, columns: columns",
    "pe": "engine: pe",
}
_BUFFER = "size: buffer_bytes B, bandwidth: 16 B/cycle"
_LARGE = "size: 4 * buffer_bytes B, bandwidth: 16 B/cycle"
_NEAR = "size: 24 B, bandwidth: 4 B/cycle"
_GRID = "fan_out: {axes: [{name: r, size: rows, dims: [C, FX]}, {name: c, size: columns, dims: [K, OX]}]}"
_CORES = "fan_out: {axes: [{name: core, size: 3, dims: [C, OY, OX]}], multicast: false, reduce: false}"
#: Memories inside the DRAM.
INSIDE = {
    "one for all": [f"[W, I, O], {_BUFFER}"],
    "one for all but results": [f"[W, I], {_BUFFER}"],
    "weights apart from feature maps": [f"[W], {_BUFFER}", f"[I, O], {_BUFFER}"],
    "one in another": [f"[W, I, O], {_LARGE}", f"[W, O], {_BUFFER}"],
    "reading and writing apart": ["[W, I, O], size: buffer_bytes B, read_bandwidth: 8 B/cycle, bandwidth: 10 B/cycle"],
    "slow to write": [f"[W, O], {_BUFFER}, write_bandwidth: 1 B/cycle", f"[I], {_BUFFER}, read_bandwidth: 3 B/cycle"],
    "line buffer": [f"[W, I, O], {_LARGE}", f"[I], {_BUFFER}, sliding: true"],
    "registers in every PE": [f"[W, I, O], {_BUFFER}", f"[W], {_NEAR}, {_GRID}", f"[I], {_NEAR}", f"[O], {_NEAR}"],
    "line buffer in every PE": [f"[W, O], {_BUFFER}", f"[I, W], {_NEAR}, sliding: true, {_GRID}"],
    "cores that share nothing": [f"[W, I, O], {_LARGE}", f"[W, I, O], {_BUFFER}, {_CORES}"],
}
#: Copies of the array below the innermost memory.
COPIES = ["", ", fan_out: {axes: [{name: lane, size: 2, dims: [K, OX]}]}"]
#: PEs for depthwise convolutions.
UNITS = [
    "",
    ", depthwise: {engine: depthwise, rows: 2, columns: 3}",
    ", depthwise: {engine: pixel_parallel, rows: 2, columns: 1, fan_out: {axes: [{name: unit, size: 3, dims: [G]}]}}",
]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a network of one layer: a convolution of 1 to 3 axes, a layer over tokens, a product of two inputs."""
    what = draw(st.sampled_from(["image", "image", "depthwise", "time", "volume", "tokens", "product"]))
    channels, out = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    axes = {"time": 1, "volume": 3}.get(what, 2)
    sides = draw(st.tuples(*[st.integers(3, 6 if axes < 3 else 3)] * axes))
    b = Builder((1, channels, *sides))
    if what == "product":
        # Some heads; rows by channels, channels by columns.
        heads, shared = draw(st.integers(1, 2)), draw(st.integers(1, 2))
        op = matmul(sides[0], channels, out, heads=heads, shared=shared)
        return Network("net", (Node("product", op, (INPUT, "other")),), inputs=(INPUT, "other"))
    if what == "tokens":
        b.linear("tokens", b.input, out)
    elif what == "depthwise":
        b.depthwise("depthwise", b.input, 3, stride=draw(st.integers(1, 2)))
    else:
        b.conv("conv", b.input, out, draw(st.sampled_from([1, 3])), stride=draw(st.integers(1, 2)))
    return Network("net", tuple(b.nodes))


def design_of(
    folder: Path, engine: str, inside: str, buffered: Sequence[bool], size: int, *, copies: str = "", rows: int = 3
) -> Accelerator:
    """Return a design with a DRAM, the memories ``inside``, with or without double buffering, and an array."""
    lines = "".join(
        f"  - {{name: m{i}, holds: {text}, kind: sram, double_buffered: {str(flag).lower()}}}\n"
        for i, (text, flag) in enumerate(zip(INSIDE[inside], buffered, strict=False))
    )
    buffer = "  - {name: buffer, holds: [W, I, O], size: buffer_bytes B, bandwidth: 16 B/cycle, kind: sram, "
    array = "engine: systolic, dataflow: dataflow, rows: rows, columns: columns"
    changes = ((buffer + "double_buffered: true}\n", lines), (array, ENGINES[engine] + copies))
    return machine(folder, *changes).instantiate({"buffer_bytes": size, "rows": rows, "columns": 4})


def walked(design: Accelerator, result: Run) -> tuple[Op, MachineWalk, Asked]:
    """Return the one layer of a run, its chosen mapping carried out, and what that asks of memories and array."""
    front, row = result.mapped(0, 0)
    mappings = front.rows.mappings[np.array([row])]
    mapping = Mapping(
        *(
            tuple(tuple(map(int, line)) for line in part[0])
            for part in (mappings.tiles, mappings.orders, mappings.copies)
        )
    )
    seen = working(design, front.rows.op)
    fans, array = seen.fan_outs[1:], seen.array
    walker = Machine(
        holds=tuple(tuple(operand in memory.holds for operand in OPERANDS) for memory in design.memories),
        sliding=tuple(memory.sliding for memory in design.memories),
        fans=tuple(fan is not None for fan in fans),
        multicast=tuple(fan is None or fan.multicast for fan in fans),
        reduces=tuple(fan is None or fan.reduce for fan in fans),
        flow=array.dataflow,
        rows=int(array.rows[0]),
        columns=int(array.columns[0]),
        hold_limit=float(array.hold_limit[0]),
    )
    op = front.rows.op
    walk = walk_machine(op, mapping, walker)
    return op, walk, asked(op, walker, [memory.double_buffered for memory in design.memories], walk)


def cycles_of(memory: Memory, read: float, written: float, *, together: bool) -> float:
    """Return the cycles of some bytes; what is waited for is read and written one after the other."""
    limits = (memory.bandwidth_bytes_per_cycle, memory.read_bytes_per_cycle, memory.write_bytes_per_cycle)
    both, reads, writes = (0.0 if limit is None else 1 / float(limit[0]) for limit in limits)
    if together:
        return max((read + written) * both, read * reads, written * writes)
    return read * max(both, reads) + written * max(both, writes)


def latency(design: Accelerator, expected: Asked) -> float:
    """Add the cycles up: the slowest of array and memories sets the pace, what is not overlapped comes on top."""
    pace, waits = float(expected.cycles), 0.0
    for level, memory in enumerate(design.memories):
        read, written = (expected.one[level, way] / 8 for way in ("read", "written"))
        busy = cycles_of(memory, read, written, together=True)
        late = cycles_of(memory, *(expected.waited[level, way] / 8 for way in ("read", "written")), together=False)
        if level == 0:
            weights, inputs, result = (expected.first[operand] / 8 for operand in OPERANDS)
            late = max(late, min(busy, cycles_of(memory, weights + inputs, result, together=False)))
        waits += late
        pace = max(pace, busy - late)
    return pace + waits


def energy(design: Accelerator, op: Op, expected: Asked, cycles: float) -> float:
    """Add the energy up, in pJ: a cycle is a nanosecond, so a milliwatt is a picojoule a cycle."""
    macs = op.macs * (1.0 + 0.5 + (8 + 8 + 2 * 32) * 0.01)
    outside = float(design.copies(len(design.memories) - 1)[0])
    pes = outside * sum(
        float(array.rows[0] * array.columns[0] * (1 if array.fan_out is None else array.fan_out.copies[0]))
        for array in (design.array, design.depthwise)
        if array is not None
    )
    leakage = (0.01 + 0.02 + 0.001 * (8 + 8 + 32)) * (pes + 4)
    moved = 0.0
    for level, memory in enumerate(design.memories):
        bits = sum(count for (where, _, _), count in expected.moved.items() if where == level)
        moved += bits / 8 * (10 if level == 0 else 2)
        if memory.size_bytes is not None:
            leakage += 0.5 * float(design.copies(level)[0] * memory.size_bytes[0]) / 1024
    return macs + moved + leakage * cycles


@settings(max_examples=200)
@given(
    network=networks(),
    engine=st.sampled_from(sorted(ENGINES)),
    inside=st.sampled_from(sorted(INSIDE)),
    copies=st.sampled_from(COPIES),
    unit=st.sampled_from(UNITS),
    buffered=st.lists(st.booleans(), min_size=4, max_size=4),
    size=st.integers(12, 300),
)
def test_bytes_cycles_and_energy_of_the_chosen_mapping(
    network: Network, engine: str, inside: str, copies: str, unit: str, buffered: list[bool], size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        design = design_of(Path(folder), engine, inside, buffered, size, copies=copies + unit)
    result = run([plan(network, design.abilities)], design)
    assume(result.legal[0, 0])
    op, walk, expected = walked(design, result)
    assert len(walk.points) == op.macs
    assert set(walk.points.values()) == {1}
    assert result.steps[0, 0] == walk.steps
    moved = result.moved(0, 0)
    for level, memory in enumerate(design.memories):
        for place, operand in enumerate(OPERANDS):
            for way, name in enumerate(("read", "written")):
                bits = expected.moved[level, operand, name]
                assert 8 * moved[level, place, way] == pytest.approx(bits, rel=1e-12), (memory.name, operand, name)
        if memory.size_bytes is not None:
            assert sum(expected.room[level, operand] for operand in OPERANDS) <= 8 * memory.size_bytes[0]
    dram = sum(bits for (level, _, _), bits in expected.moved.items() if level == 0)
    assert 8 * result.dram_bytes[0, 0] == pytest.approx(dram, rel=1e-12)
    cycles = latency(design, expected)
    assert result.latency_cycles[0, 0] == pytest.approx(cycles, rel=1e-12)
    assert result.energy_pj[0, 0] == pytest.approx(energy(design, op, expected, cycles), rel=1e-12)


def test_registers_in_every_pe_by_hand(tmp_path: Path) -> None:
    """4 inputs to 8 outputs on 2 x 4 PEs: for K (2): for C (2): 4 kernels across, 2 channels down, a MAC each."""
    b = Builder((1, 4, 1, 1))
    b.linear("tokens", b.input, 8)
    design = design_of(tmp_path, "pe", "registers in every PE", [True] * 4, 200, rows=2)
    found = evaluate(Network("net", tuple(b.nodes)), design)
    assert found.layers[0].mapping == "for K2 C2: m0[K4 C2] m1[one element] x K4 x C2 m2[one element] m3[one element]"
    assert found.layers[0].bytes_by_level == {
        # 32 weights once, 4 inputs for either half of the kernels, 8 results.
        "dram": 32 + 8 + 8,
        # In and on to the PEs; an input serves 4 of them at once, sums of 2 leave them as one.
        "m0": (32 + 8 + 8) + (32 + 8 + 8),
        # Into the registers and into the multiplier, for every MAC.
        "m1": 32 + 32,
        "m2": 32 + 32,
        # A sum of 4 bytes is added to twice in either of 2 PEs: written twice, read once, and once on its way out.
        "m3": 8 * 2 * (2 + 1 + 1) * 4,
    }
    # Before the first step 8 weights and 2 inputs come, after the last 4 results go, at 4 bytes a cycle; meanwhile the
    # DRAM needs longest for the rest: 4 steps, 96 / 16 cycles of the buffer, (16 + 16) / 4 of a PE's sums.
    waits = (8 + 2 + 4) / 4
    cycles = waits + (48 / 4 - waits)
    assert found.totals.latency_cycles == cycles == 12
    assert found.totals.utilization.spatial == 1
    assert found.totals.utilization.temporal == pytest.approx(4 / 12)
    lines = {(line.component, line.action): 0.0 for line in found.ledger}
    for line in found.ledger:
        lines[line.component, line.action] += line.energy_pj or 0.0
    expected = {
        ("dram", "read"): 10 * 40,
        ("dram", "write"): 10 * 8,
        ("m0", "read"): 2 * 48,
        ("m0", "write"): 2 * 48,
        ("m1", "read"): 2 * 32,
        ("m1", "write"): 2 * 32,
        ("m2", "read"): 2 * 32,
        ("m2", "write"): 2 * 32,
        ("m3", "read"): 2 * 16 * 2 * 4,
        ("m3", "write"): 2 * 16 * 2 * 4,
        ("mac", "compute"): 32 * 1.5,
        ("registers", "access"): 32 * (8 + 8 + 2 * 32) * 0.01,
        # 8 PEs and 4 lanes; a buffer of 200 bytes, and 3 x 24 in every PE.
        ("leakage of logic", "hold"): (0.01 + 0.02 + 0.048) * (8 + 4) * cycles,
        ("leakage of memories", "hold"): 0.5 * (200 + 8 * 3 * 24) / 1024 * cycles,
    }
    assert {key: pj for key, pj in lines.items() if pj} == pytest.approx(expected)
    assert found.totals.energy_pj == pytest.approx(sum(expected.values()))
