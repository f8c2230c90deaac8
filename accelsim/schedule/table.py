"""The steps of one or many networks as arrays, so that compiled loops can run over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.dims import Operand
from accelsim.mapping.nest import Ints
from accelsim.schedule.steps import Plan, Step
from accelsim.workload.ops import Op

__all__ = ["StepTable", "Steps", "table_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Steps(NamedTuple):
    """Steps in the order they run, network after network; ``S`` steps, ``R`` reads, bytes throughout.

    Attributes:
        starts: Shape ``(networks + 1,)``: first step of each network.
        held: Room that a result takes.
        written: Size of the result.
        streamed: Whether it goes on a piece at a time and is never stored whole.
        last_use: The last step that reads it; the end of its network for a result of the network.
        multiplied: Whether a later product of two activations takes it in the place of weights.
        weights: Learned weights.
        looked_up: Learned values fetched by a step without MACs.
        macs: Whether the step is made of MACs.
        work: Vector operations: of fused activations, and of the op itself if it has no MACs.
        first_read: Shape ``(S + 1,)``: first read of each step.
        writer: Shape ``(R,)``: the step that wrote what is read; -1 for an input of the network.
        read: Shape ``(R,)``: what is fetched of it.
        second: Shape ``(R,)``: whether it takes the place of weights.
    """

    starts: Ints
    held: Floats
    written: Floats
    streamed: Flags
    last_use: Ints
    multiplied: Flags
    weights: Floats
    looked_up: Floats
    macs: Flags
    work: Floats
    first_read: Ints
    writer: Ints
    read: Floats
    second: Flags


@dataclass(frozen=True, slots=True, eq=False)
class StepTable:
    """Steps as arrays, and what arrays cannot say.

    Attributes:
        steps: The arrays.
        ops: The distinct ops made of MACs.
        op: Shape ``(mac steps,)``: which of them each step made of MACs is.
        mac_places: Shape ``(mac steps,)``: the steps made of MACs.
    """

    steps: Steps
    ops: tuple[Op, ...]
    op: Ints
    mac_places: Ints

    def __len__(self) -> int:
        return len(self.steps.held)


def table_of(plans: Sequence[Plan]) -> StepTable:
    """Return the steps of ``plans`` side by side."""
    every: list[Step] = [step for one in plans for step in one.steps]
    starts = np.cumsum([0, *(len(one.steps) for one in plans)])
    base = np.repeat(starts[:-1], np.diff(starts))
    reads = [(place, read) for place, step in enumerate(every) for read in step.reads]
    reader = np.array([place for place, _ in reads], dtype=np.int64)
    writer = np.array([read.writer for _, read in reads], dtype=np.int64)
    writer = np.where(writer < 0, -1, writer + base[reader] if len(reads) else writer)
    second = np.array([read.operand is Operand.W for _, read in reads], dtype=bool)
    multiplied = np.zeros(len(every), dtype=bool)
    multiplied[writer[second & (writer >= 0)]] = True
    macs = np.array([step.op.macs > 0 for step in every], dtype=bool)
    ops: dict[Op, int] = {}
    op = [ops.setdefault(step.op, len(ops)) for step, has in zip(every, macs, strict=True) if has]
    steps = Steps(
        starts=starts.astype(np.int64),
        held=np.array([step.held_bytes for step in every], dtype=float),
        written=np.array([step.output_bytes for step in every], dtype=float),
        streamed=np.array([step.streamed for step in every], dtype=bool),
        last_use=np.array([step.last_use for step in every], dtype=np.int64) + base,
        multiplied=multiplied,
        weights=np.array([step.op.bytes_of(Operand.W) for step in every], dtype=float),
        looked_up=np.array([step.op.weights_fetched * step.op.bits.W / 8 for step in every], dtype=float),
        macs=macs,
        work=np.array([step.fused_work + step.op.vector_ops for step in every], dtype=float),
        first_read=np.searchsorted(reader, np.arange(len(every) + 1)).astype(np.int64),
        writer=writer,
        read=np.array([read.bytes for _, read in reads], dtype=float),
        second=second,
    )
    return StepTable(steps, tuple(ops), np.array(op, dtype=np.int64), np.flatnonzero(macs))
