"""Figures of Timeloop's model (v3.0.3; NVlabs/timeloop) for layers whose mapping is written down.

A mapping is written as Timeloop prints it: levels from the outermost in, divided by ``|``, each with its factors::

    DRAM temporal N1 K1 | GBuf temporal R3 S3 | GBuf spatial C3 K32 | WReg temporal P112 Q112 | AReg temporal N1

Its letters: ``R P`` along the width, ``S Q`` along the height, ``N`` batch, ``K`` or ``M`` output channels; the
channels ``C`` of a depthwise layer are groups. Padding is part of its input. All words have the same width.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accelsim.cost.array import Geometry
from accelsim.cost.rows import Kept, Machine, demand, op_rows
from accelsim.cost.traffic import Structure
from accelsim.dims import DIMS, OPERANDS, Dim, Operand
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.engines import ENGINES
from accelsim.mapping.nest import Ints, Mappings
from accelsim.workload.ops import Bits, Op, loops

__all__ = ["Figures", "Levels", "figures", "layer_of"]

_LETTERS = {"C": Dim.C, "K": Dim.K, "M": Dim.K, "R": Dim.FX, "S": Dim.FY, "P": Dim.OX, "Q": Dim.OY, "N": Dim.B}
_WORD_BITS = 8


@dataclass(frozen=True, slots=True)
class Levels:
    """The machine of the written mappings.

    Attributes:
        holds: Level -> the operands it holds.
        outer_words_per_cycle: What the outermost level reads in a cycle, and what it writes.
    """

    holds: Mapping[str, str]
    outer_words_per_cycle: float = 8.0


#: A buffer for everything, and registers for weights and for accumulators in every PE.
MACHINE = Levels({"DRAM": "WIO", "GBuf": "WIO", "WReg": "W", "AReg": "O"})


@dataclass(frozen=True, slots=True)
class Figures:
    """Words moved, and cycles.

    Attributes:
        cycles: Cycles.
        utilization: MACs over PEs and cycles.
        outer_reads: Words read from the outermost level.
        outer_updates: Words written to it.
        buffer_reads: Words read from the buffer for the PEs.
        buffer_fills: Words written into it from outside.
        buffer_updates: Words written into it by the PEs.
    """

    cycles: int
    utilization: float
    outer_reads: int
    outer_updates: int
    buffer_reads: int
    buffer_fills: int
    buffer_updates: int


def layer_of(
    outputs: tuple[int, int], channels: int, kernels: int, filter_size: int, stride: int, *, depthwise: bool = False
) -> Op:
    """Return a layer as Timeloop knows it: square filter, one stride, padding part of the input.

    Args:
        outputs: Rows and columns.
        channels: Input channels.
        kernels: Output channels; of a depthwise layer they are the channels.
        filter_size: Rows and columns of the filter.
        stride: Step along both.
        depthwise: Whether every channel has a filter of its own.
    """
    rows, columns = outputs
    features = {"G": channels} if depthwise else {"K": kernels, "C": channels}
    extent = (1, *((size - 1) * stride + filter_size for size in outputs))
    return Op(
        "convolution",
        loops(OY=rows, OX=columns, FY=filter_size, FX=filter_size, **features),
        stride=(1, stride, stride),
        extent=(1, extent[1], extent[2]),
        bits=Bits(W=_WORD_BITS, I=_WORD_BITS, O=_WORD_BITS, partial=_WORD_BITS),
    )


def figures(op: Op, written: str, pes: int, machine: Levels = MACHINE) -> Figures:
    """Return the figures of a written mapping.

    Cycles are the steps of the PEs, or more where the outermost level cannot keep up; like that tool, the slowdown is
    worked out from words a cycle in floating point and the quotient rounded up, which can add one.

    Args:
        op: The layer.
        written: The mapping.
        pes: PEs of the array.
        machine: The levels.

    Raises:
        InputError: An unknown level or letter, one that is named twice, no two levels with loops in time, more copies
            than PEs, or factors that do not cover the loops.
    """
    levels, tiles, orders, copies = _read(op, written, machine)
    busy = int(copies.prod())
    if busy > pes:
        allowed = f"at most {pes} PEs"
        raise InputError(Problem(field="mapping", message="spatial factors", got=str(busy), allowed=allowed))
    inner = len(levels) - 1
    structure = Structure(
        holds=tuple(tuple(o in machine.holds[name] for o in OPERANDS) for name in levels),  # type: ignore[misc]
        double_buffered=(False,) * len(levels),
        outputs_held=False,
        sliding=(False,) * len(levels),
        fans=(*(bool(np.any(copies[0, place] > 1)) for place in range(inner)), False),
        multicast=(True,) * len(levels),
        reduces=(True,) * len(levels),
        apart=True,
    )
    flow = next(iter(ENGINES["pe"].values()))
    rows = op_rows(op, Mappings.of(tiles, orders, copies), Machine(structure, flow, Geometry(1.0, 1.0, math.inf)))
    moved = demand(rows, Kept((False,) * 3, (-1,) * 3)).moved[0]
    results = rows.traffic.moved[0, 0, OPERANDS.index(Operand.O)]
    steps, out = float(rows.work.steps[0]), moved[0, 2, 1]
    inputs = moved[0, 0, 0] / steps + moved[0, 1, 0] / steps + moved[0, 2, 0] / steps
    pace = min(1.0, machine.outer_words_per_cycle / inputs, machine.outer_words_per_cycle / (out / steps))
    cycles = math.ceil(steps / pace)
    return Figures(
        cycles=cycles,
        utilization=op.macs / (pes * cycles),
        outer_reads=int(moved[0, :, 0].sum()),
        outer_updates=int(out),
        buffer_reads=int(moved[1, :, 0].sum() - results[2]),
        buffer_fills=int(moved[1, :2, 1].sum() + results[1]),
        buffer_updates=int(moved[1, 2, 1] - results[1]),
    )


def _read(op: Op, written: str, machine: Levels) -> tuple[list[str], Ints, Ints, Ints]:
    """Return the levels, and tiles, orders and copies as ``Mappings.of`` takes them."""
    letters = {**_LETTERS, "C": Dim.G} if op.size(Dim.G) > 1 else _LETTERS
    temporal: dict[str, dict[Dim, int]] = {}
    spatial: dict[str, dict[Dim, int]] = {}
    for part in written.split("|"):
        name, kind, *factors = (*part.split(), "", "")
        factors = [factor for factor in factors if factor]
        if name not in machine.holds or kind not in ("temporal", "spatial"):
            allowed = f"a level of {', '.join(machine.holds)}, and temporal or spatial"
            raise InputError(Problem(field="mapping", got=shown(part.strip()), allowed=allowed))
        found = [re.fullmatch(r"([A-Z])(\d+)", factor) for factor in factors]
        if any(match is None or match[1] not in letters for match in found):
            raise InputError(
                Problem(field="mapping", got=shown(part.strip()), allowed=f"factors of {', '.join(letters)}")
            )
        known = temporal if kind == "temporal" else spatial
        dims = [letters[match[1]] for match in found if match]
        if name in known or len(set(dims)) < len(dims):
            message = "a level, or a letter of a level, is named twice"
            raise InputError(Problem(field="mapping", message=message, got=shown(part.strip())))
        known[name] = {dim: int(match[2]) for dim, match in zip(dims, found, strict=True) if match}
    levels = list(temporal)
    if len(levels) < 2:
        allowed = "an outer and an inner level with loops in time"
        raise InputError(Problem(field="mapping", got=shown(written), allowed=allowed))
    inner = len(levels) - 1
    tiles, copies = np.ones((1, inner, len(DIMS)), dtype=np.int64), np.ones((1, inner + 1, len(DIMS)), dtype=np.int64)
    orders = np.zeros((1, inner, len(DIMS)), dtype=np.int64)
    for place in range(inner - 1, -1, -1):
        around, inside = temporal[levels[place]], temporal[levels[place + 1]]
        named = [dim.position for dim in around]
        orders[0, place] = [d for d in range(len(DIMS)) if d not in named] + named
        for dim in DIMS:
            further = tiles[0, place + 1, dim.position] * copies[0, place + 1, dim.position] if place + 1 < inner else 1
            tiles[0, place, dim.position] = further * inside.get(dim, 1)
            copies[0, place, dim.position] = spatial.get(levels[place], {}).get(dim, 1)
    for dim in DIMS:
        covered = tiles[0, 0, dim.position] * copies[0, 0, dim.position] * temporal[levels[0]].get(dim, 1)
        if covered < op.size(dim):
            raise InputError(Problem(field="mapping", message=f"factors of {dim} cover {covered} of {op.size(dim)}"))
    return levels, tiles, orders, copies
