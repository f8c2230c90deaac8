"""Layers with any mapping on machines of any shape, for the tests of explanations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from oracle.machine_cases import MachineCase, machine_cases

from accelsim.cost.choose import Chosen, choose
from accelsim.cost.energy import op_pj
from accelsim.cost.front import Front
from accelsim.cost.prices import prices
from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.cost.store import Rows
from accelsim.dims import DIMS, OPERANDS
from accelsim.hardware.accelerator import Accelerator, Array, FanOut, Memory, SpatialAxis, Technology, Vector
from accelsim.mapping.nest import Mappings
from accelsim.report.explain.case import Case, case_of

__all__ = ["Explained", "explained"]

TECHNOLOGY = Technology(
    name="round",
    multiply_pj=1.0,
    add_pj=0.5,
    register_pj_per_bit=0.01,
    multiplier_um2=None,
    adder_um2=None,
    register_um2_per_bit=None,
    multiplier_leakage_mw=None,
    adder_leakage_mw=None,
    register_leakage_mw_per_bit=None,
)


@dataclass(frozen=True)
class Explained:
    """A layer and what the cost model says of it.

    Attributes:
        case: The layer.
        figures: Latency, dynamic energy and steps.
    """

    case: Case
    figures: Chosen


def _one(value: float | None) -> np.ndarray | None:
    return None if value is None else np.array([float(value)])


def _fan_out(spread: bool, place: int, multicast: bool, reduce: bool) -> FanOut | None:
    if not spread:
        return None
    axis = SpatialAxis(name=f"axis {place}", size=np.array([64.0]), dims=DIMS)
    return FanOut(axes=(axis,), multicast=multicast, reduce=reduce)


@st.composite
def _accelerators(draw: st.DrawFn, drawn: MachineCase) -> Accelerator:
    machine, speeds = drawn.machine, st.sampled_from([None, 1, 3, 16])
    places = list(zip(machine.fans, machine.multicast, machine.reduces, strict=True))
    memories = []
    for level, holds in enumerate(machine.holds):
        spread, multicast, reduce = places[level - 1] if level else (False, True, True)
        memories.append(
            Memory(
                name=f"m{level}",
                holds=tuple(operand for operand, held in zip(OPERANDS, holds, strict=True) if held),
                size_bytes=_one(1e6) if level else None,
                bandwidth_bytes_per_cycle=_one(draw(speeds)),
                read_bytes_per_cycle=_one(draw(speeds)),
                write_bytes_per_cycle=_one(draw(speeds)),
                read_pj_per_byte=_one(draw(st.sampled_from([None, 2, 5]))),
                write_pj_per_byte=_one(3),
                double_buffered=drawn.double_buffered[level],
                keeps=(),
                keep_share=1.0,
                area_mm2=None,
                leakage_mw=_one(0.25),
                sliding=machine.sliding[level],
                fan_out=_fan_out(spread, level, multicast, reduce),
            )
        )
    spread, multicast, reduce = places[-1]
    array = Array(
        dataflow=machine.flow,
        rows=np.array([float(machine.rows)]),
        columns=np.array([float(machine.columns)]),
        hold_limit=np.array([machine.hold_limit]),
        dispatch_cycles=np.array([draw(st.sampled_from([0.0, 7.0]))]),
        fan_out=_fan_out(spread, len(memories), multicast, reduce),
    )
    vector = Vector(lanes=np.array([2.0]), fuses=())
    clock = np.array([1e9])
    return Accelerator(
        name="drawn",
        parameters=({},),
        memories=tuple(memories),
        array=array,
        vector=vector,
        technology=TECHNOLOGY,
        clock_hz=clock,
        invocation_cycles=np.zeros(1),
    )


@st.composite
def _kept(draw: st.DrawFn, accelerator: Accelerator) -> Kept:
    stays, levels = [], []
    for operand in OPERANDS:
        inside = [level for level in accelerator.path(operand) if level]
        level = draw(st.sampled_from(inside)) if inside else -1
        levels.append(level)
        stays.append(level > 0 and draw(st.integers(0, 3)) == 0)
    return Kept((stays[0], stays[1], stays[2]), (levels[0], levels[1], levels[2]))


@st.composite
def explained(draw: st.DrawFn) -> Explained:
    """Draw a layer with a mapping that its machine allows, and cost it."""
    drawn = draw(machine_cases(count=1))
    accelerator = draw(_accelerators(drawn))
    kept = draw(_kept(accelerator))
    (mapping,) = drawn.mappings
    mappings = Mappings.of(*(np.array([part]) for part in (mapping.tiles, mapping.orders, mapping.copies)))
    rows = op_rows(drawn.op, mappings, machine_of(accelerator))
    asked = demand(rows, kept)
    front = Front(rows, np.array([0]), kept, asked)
    flat = Rows(
        moved=asked.moved.sum(axis=2),
        one=asked.one,
        serial=asked.serial,
        ramp=asked.ramp,
        cycles=asked.cycles,
        steps=rows.work.steps,
        room=asked.room.sum(axis=2),
        # A kept output that leaves half-done is not allowed, but costs what it costs.
        allowed=np.ones(1, dtype=np.bool_),
        starts=np.array([0, 1]),
    )
    free = np.full((len(accelerator.memories), 1, 1), np.inf)
    base = np.array([op_pj(drawn.op, TECHNOLOGY)])
    figures = choose(flat, np.zeros((1, 1), dtype=np.int64), prices(accelerator, np.zeros(1)), base, free)
    return Explained(case_of("drawn", accelerator, front, 0), figures)
