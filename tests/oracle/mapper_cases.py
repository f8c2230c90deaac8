"""Small ops and machines that charge anything for anything, with every mapping within reach; drawn by Hypothesis."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.dims import OPERANDS, WINDOWS, Dim, Operand
from accelsim.hardware.accelerator import Accelerator, Array, FanOut, Memory, SpatialAxis, Technology, Vector
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.found import Found
from accelsim.mappers.objective import EDP, ENERGY, LATENCY, Objective
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Bits, Op, as_triple, loops
from oracle.every_mapping import Costs, count, dealings, price
from oracle.machine_cases import DATAFLOWS

__all__ = [
    "CASES",
    "NOTHING_STAYS",
    "MapperCase",
    "ask",
    "base_pj",
    "costs",
    "examples",
    "leakage_pj",
    "mapper_cases",
    "small_machine",
]

#: How many cases each file of tests of a mapper draws.
CASES = int(os.environ.get("ACCELSIM_ORACLE_CASES", "120"))
NOTHING_STAYS = Kept((False, False, False), (-1, -1, -1))
_WIDTHS = (Bits(), Bits(W=4, I=8, O=16, partial=32), Bits(W=16, I=4, O=8, partial=8))
#: What an op may loop over, by the number of axes along which it reads windows.
_SHAPES: dict[int, tuple[tuple[str, tuple[Dim, ...]], ...]] = {
    0: (
        ("fully_connected", (Dim.B, Dim.K, Dim.C)),
        ("fully_connected", (Dim.K, Dim.C, Dim.OY, Dim.OX)),
        ("matmul", (Dim.G, Dim.K, Dim.C, Dim.OX)),
        ("matmul", (Dim.K, Dim.C, Dim.OY, Dim.OX)),
        ("convolution", (Dim.K, Dim.C, Dim.OY, Dim.OX)),
        ("convolution", (Dim.B, Dim.K, Dim.C, Dim.OX)),
    ),
    1: (
        ("convolution", (Dim.C, Dim.K, Dim.OX, Dim.FX)),
        ("convolution", (Dim.B, Dim.C, Dim.OX, Dim.FX)),
        ("convolution", (Dim.G, Dim.K, Dim.OX, Dim.FX)),
        ("convolution", (Dim.K, Dim.OY, Dim.OX, Dim.FX)),
        ("convolution", (Dim.G, Dim.OY, Dim.OX, Dim.FY)),
        ("convolution", (Dim.C, Dim.OZ, Dim.OX, Dim.FZ)),
    ),
    2: (
        ("convolution", (Dim.OY, Dim.OX, Dim.FY, Dim.FX)),
        ("convolution", (Dim.OZ, Dim.OX, Dim.FZ, Dim.FX)),
        ("convolution", (Dim.C, Dim.OY, Dim.OX, Dim.FY, Dim.FX)),
        ("convolution", (Dim.K, Dim.OY, Dim.OX, Dim.FY, Dim.FX)),
    ),
}
_TAPS = tuple(tap for _, tap in WINDOWS)
_MIRRORED = ((Dim.OY, Dim.OX), (Dim.OX, Dim.OY), (Dim.FY, Dim.FX), (Dim.FX, Dim.FY))
_LONGEST = 6
TECHNOLOGY = Technology(
    name="plain",
    multiply_pj=0.21,
    add_pj=0.09,
    register_pj_per_bit=0.001,
    multiplier_um2=None,
    adder_um2=None,
    register_um2_per_bit=None,
    multiplier_leakage_mw=0.002,
    adder_leakage_mw=0.001,
    register_leakage_mw_per_bit=0.0001,
)
OBJECTIVES = (EDP, EDP, LATENCY, ENERGY, Objective(2, 1), Objective(0.5, 1.5))


@dataclass(frozen=True, eq=False)
class MapperCase:
    """What a mapper is asked."""

    op: Op
    accelerator: Accelerator
    objective: Objective = EDP
    kept: Kept = NOTHING_STAYS
    free_bytes: np.ndarray | None = None

    @property
    def room(self) -> np.ndarray:
        """Bytes for tiles in each memory."""
        if self.free_bytes is not None:
            return self.free_bytes
        return np.array([np.inf if m.size_bytes is None else m.size_bytes[0] for m in self.accelerator.memories])


def base_pj(op: Op) -> float:
    """Return pJ of the multiplications, the additions, and of the registers of both operands and (twice) of the sum."""
    registers = op.bits.W + op.bits.I + 2 * op.bits.partial
    return op.macs * (0.21 * op.bits.W * op.bits.I / 64 + 0.09 * op.bits.partial / 32 + 0.001 * registers)


def leakage_pj(case: MapperCase) -> float:
    """Return pJ that all memories, PEs and the one lane leak in a cycle of 2 ns; 1 mW is 2 pJ a cycle."""
    bits, copies, memories = case.op.bits, 1.0, 0.0
    for memory in case.accelerator.memories:
        assert memory.leakage_mw is not None
        memories += float(memory.leakage_mw[0])
    for fan in case.accelerator.fan_outs:
        copies *= math.prod(float(axis.size[0]) for axis in fan.axes) if fan is not None else 1.0
    pe = 0.002 * bits.W * bits.I / 64 + 0.001 * bits.partial / 32 + 0.0001 * (bits.W + bits.I + bits.partial)
    array = case.accelerator.array
    return 2 * (memories + pe * (copies * float(array.rows[0] * array.columns[0]) + 1))


def costs(case: MapperCase, mappings: Mappings) -> Costs:
    """Return what mappings cost, through the closed form that costs any mapping."""
    asked = demand(op_rows(case.op, mappings, machine_of(case.accelerator)), case.kept)
    return price(asked, case.accelerator, base_pj(case.op), leakage_pj(case), case.room)


def ask(case: MapperCase) -> Found:
    """Return the exact mapper's answer."""
    return best_mapping(case.op, case.accelerator, objective=case.objective, kept=case.kept, free_bytes=case.free_bytes)


def examples(share: float) -> int:
    """Return how many examples a test that has a share of a file's cases draws."""
    return max(1, round(CASES * share))


def _sizes(
    draw: st.DrawFn, dims: Sequence[Dim], levels: int, fans: Sequence[FanOut | None], most: int
) -> dict[Dim, int]:
    """Draw loop sizes of which there are at most so many mappings."""
    sizes: dict[Dim, int] = {}
    for dim in draw(st.permutations(dims)):
        allowed = [1]
        for size in range(2, 4 if dim in _TAPS else _LONGEST + 1):
            if count({**sizes, dim: size}, levels) * len(dealings({**sizes, dim: size}, fans)) <= most:
                allowed.append(size)
        # Long loops first: they have the most ways to be cut.
        sizes[dim] = draw(st.sampled_from(sorted(allowed[-3:], reverse=True)))
    return sizes


def _op(draw: st.DrawFn, windows: Sequence[int], levels: int, fans: Sequence[FanOut | None], most: int) -> Op:
    kind, dims = draw(st.sampled_from([shape for axes in windows for shape in _SHAPES[axes]]))
    sizes, bits = _sizes(draw, dims, levels, fans, most), draw(st.sampled_from(_WIDTHS))
    square = {Dim.OY, Dim.OX} <= set(dims) and draw(st.booleans())
    if square:
        # Rows and columns may change places.
        sizes |= {one: min(sizes[one], sizes[other]) for one, other in _MIRRORED if {one, other} <= set(sizes)}
    named = loops(**{str(dim): size for dim, size in sizes.items()})
    if kind != "convolution":
        return Op(kind, named, extent=(1, sizes.get(Dim.OY, 1), sizes.get(Dim.OX, 1)), bits=bits)
    numbers = [_window(draw, sizes, dims, out, tap) for out, tap in WINDOWS]
    if square and (Dim.FY in dims) == (Dim.FX in dims):
        numbers[1] = numbers[2]
    return Op(kind, named, *map(as_triple, zip(*numbers, strict=True)), bits)


def _window(draw: st.DrawFn, sizes: dict[Dim, int], dims: Sequence[Dim], out: Dim, tap: Dim) -> tuple[int, ...]:
    """Draw stride, dilation, padding and extent along an axis."""
    if out not in dims:
        return 1, 1, 0, 1
    stride, dilation = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2])) if tap in dims else 1
    reach = (sizes.get(tap, 1) - 1) * dilation + 1
    padding = draw(st.integers(0, reach - 1))
    seen = (sizes[out] - 1) * stride + reach - padding
    # Fewer than are seen: padding behind the last one too; more: some are never read.
    return stride, dilation, padding, draw(st.integers(max(1, seen - reach + 1), max(1, seen + 1)))


def _fan(draw: st.DrawFn, place: int) -> FanOut | None:
    """Draw at most two axes, each with a few dims."""
    axes = []
    for number in range(draw(st.sampled_from([0, 1, 1, 2]))):
        dims = draw(st.lists(st.sampled_from([Dim.K, Dim.C, Dim.OX, Dim.OY, Dim.FX, Dim.G]), min_size=1, max_size=2))
        size = np.array([float(draw(st.sampled_from([2, 3, 4] if number == 0 else [2])))])
        axes.append(SpatialAxis(name=f"axis {place}.{number}", size=size, dims=tuple(dict.fromkeys(dims))))
    return FanOut(axes=tuple(axes), multicast=draw(st.booleans()), reduce=draw(st.booleans())) if axes else None


def _price(draw: st.DrawFn, most: float) -> np.ndarray:
    # No round figures, so that two mappings hardly ever cost the same by chance.
    return np.array([most * draw(st.sampled_from([0.0131, 0.117, 0.291, 0.618, 1.037, 1.93]))])


def _memory(draw: st.DrawFn, level: int, bytes_of_op: float, sliding: bool, fan: FanOut | None) -> Memory:
    flag = st.booleans()
    holds = draw(st.tuples(flag, flag, flag).filter(any)) if level else (True, True, True)
    limits = [_price(draw, 8.0 * 2**level) if draw(st.integers(0, 2)) == 0 else None for _ in range(2)]
    read = _price(draw, 10.0 / 8**level) if draw(st.integers(0, 9)) else None
    share = draw(st.sampled_from([0.06, 0.12, 0.25, 0.5, 0.8, 1.3, 2.1, None])) if level else None
    return Memory(
        name=("dram", "buffer", "local", "near")[level],
        holds=tuple(operand for operand, held in zip(OPERANDS, holds, strict=True) if held),
        size_bytes=None if share is None else np.array([max(1.0, round(share * bytes_of_op))]),
        bandwidth_bytes_per_cycle=_price(draw, 4.0 * 2**level) if draw(st.integers(0, 3)) else None,
        read_pj_per_byte=read,
        write_pj_per_byte=_price(draw, 10.0 / 8**level) if draw(flag) else read,
        double_buffered=bool(level) and draw(flag),
        keeps=(),
        keep_share=1.0,
        area_mm2=None,
        leakage_mw=np.array([draw(st.sampled_from([0.0, 0.37]))]),
        read_bytes_per_cycle=limits[0],
        write_bytes_per_cycle=limits[1],
        sliding=sliding and bool(level) and draw(st.sampled_from([True, True, False])),
        fan_out=fan,
    )


def _whole(op: Op) -> float:
    """Return the bytes of all tensors together."""
    return op.bytes_of(Operand.W) + op.bytes_of(Operand.I) + op.output_elements * op.bits.partial / 8


def small_memory(
    level: int,
    holds: Sequence[Operand] = OPERANDS,
    size: float | None = None,
    *,
    bandwidth: float | None = None,
    write: float | None = None,
    sliding: bool = False,
    fan: FanOut | None = None,
) -> Memory:
    """Return a memory without double buffering, a byte of which costs 1 pJ."""

    def one(figure: float | None) -> np.ndarray | None:
        return None if figure is None else np.array([figure])

    return Memory(
        name=f"memory {level}",
        holds=tuple(holds),
        size_bytes=one(size),
        bandwidth_bytes_per_cycle=one(bandwidth),
        read_pj_per_byte=np.ones(1),
        write_pj_per_byte=np.ones(1),
        double_buffered=False,
        keeps=(),
        keep_share=1.0,
        area_mm2=None,
        leakage_mw=np.zeros(1),
        write_bytes_per_cycle=one(write),
        sliding=sliding,
        fan_out=fan,
    )


def small_machine(
    flow: str,
    rows: int,
    columns: int,
    *,
    hold_limit: float = math.inf,
    dispatch: float = 0.0,
    fan: FanOut | None = None,
) -> Accelerator:
    """Return a machine that still lacks memories."""
    array = Array(
        dataflow=DATAFLOWS[flow],
        rows=np.array([float(rows)]),
        columns=np.array([float(columns)]),
        hold_limit=np.array([hold_limit]),
        dispatch_cycles=np.array([dispatch]),
        fan_out=fan,
    )
    return Accelerator(
        name="small",
        parameters=({},),
        memories=(),
        array=array,
        vector=Vector(lanes=np.ones(1), fuses=()),
        technology=TECHNOLOGY,
        clock_hz=np.array([5e8]),
        invocation_cycles=np.zeros(1),
    )


@st.composite
def mapper_cases(
    draw: st.DrawFn,
    *,
    levels: int | None = None,
    flow: str | None = None,
    fans: bool = False,
    sliding: bool = False,
    windows: Sequence[int] = (0, 1, 2),
    stays: bool = False,
    most: int = 20_000,
) -> MapperCase:
    """Draw a case.

    Args:
        draw: Given by Hypothesis.
        levels: Memories inside the outermost one; 1 or 2 if ``None``.
        flow: Name of the dataflow; any if ``None``.
        fans: Whether memories and arrays may stand in copies.
        sliding: Whether neighbouring windows may share their overlap.
        windows: Along how many axes the op may read windows.
        stays: Whether whole tensors may stay on chip.
        most: Mappings that the op may have, all orders of its loops counted.
    """
    levels = draw(st.sampled_from([1, 1, 2])) if levels is None else levels
    spread = [_fan(draw, place) if fans else None for place in range(1, levels + 2)]
    op = _op(draw, windows, levels, spread, most)
    memories = tuple(
        _memory(draw, level, _whole(op), sliding, spread[level - 1] if level else None) for level in range(levels + 1)
    )
    number = st.integers(1, 5)
    machine = small_machine(
        flow or draw(st.sampled_from(sorted(DATAFLOWS))),
        draw(number),
        draw(number),
        hold_limit=draw(st.sampled_from([math.inf, math.inf, 1.0, 2.0, 3.0])),
        dispatch=draw(st.sampled_from([0.0, 17.0])),
        fan=spread[-1],
    )
    accelerator = replace(machine, memories=memories)
    kept = NOTHING_STAYS
    if stays:
        places = [accelerator.path(operand)[-1] for operand in OPERANDS]
        flags = [place > 0 and draw(st.booleans()) for place in places]
        kept = Kept((flags[0], flags[1], flags[2]), (places[0], places[1], places[2]))
    objective = draw(st.sampled_from(OBJECTIVES))
    return MapperCase(op, accelerator, objective, kept)
