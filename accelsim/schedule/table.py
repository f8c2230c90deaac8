"""The steps of one or many networks as arrays, so that compiled loops can run over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints
from accelsim.workload.ops import Op

if TYPE_CHECKING:
    from accelsim.schedule.steps import Plan

__all__ = ["StepTable", "Steps", "opens", "table_of", "widths_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Steps(NamedTuple):
    """Steps in the order they run, network after network; ``S`` steps, ``R`` reads, bytes throughout.

    Attributes:
        starts: Shape ``(networks + 1,)``: first step of each network.
        held: Room that a result takes: of a streamed one, a row for one query of one head.
        written: Size of the result.
        streamed: Whether it goes on a piece at a time and is never stored whole.
        last_use: The last step that reads it; the end of its network for a result of the network.
        multiplied: Whether a later product of two activations takes it in the place of weights.
        weights: Learned weights.
        looked_up: Learned values fetched by a step without MACs.
        macs: Whether the step is made of MACs and runs on the array.
        on_array: Whether it runs on the array: with MACs, or without where an engine takes such ops.
        work: Shape ``(S, rates)``: vector operations at each rate of the vector unit, that of the lanes first: of
            fused activations, and of the op itself if it runs beside the array.
        away: Whether it runs on the host; its learned values are there.
        away_macs: MACs on the host.
        crossings: How often work is handed over from the accelerator to the host, or back, around the step.
        window: Shape ``(S, FIGURES)``; see ``accelsim.schedule.windows.window_of``.
        bits: Shape ``(S, 4)``: widths of ``W I O`` and partial sums.
        shared: Whether another part of the chip reads the result, which then has to lie in the memory they share.
        calls: Shape ``(networks,)``: how often the accelerator is called: once, if it is not one of several.
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
    on_array: Flags
    work: Floats
    away: Flags
    away_macs: Floats
    crossings: Floats
    window: Floats
    bits: Floats
    shared: Flags
    calls: Floats
    first_read: Ints
    writer: Ints
    read: Floats
    second: Flags


@dataclass(frozen=True, slots=True, eq=False)
class StepTable:
    """Steps as arrays, and what arrays cannot say.

    Attributes:
        steps: The arrays.
        ops: The distinct ops that run on the array.
        op: Shape ``(array steps,)``: which of them each step on the array is.
        array_places: Shape ``(array steps,)``: the steps on the array.
    """

    steps: Steps
    ops: tuple[Op, ...]
    op: Ints
    array_places: Ints

    def __len__(self) -> int:
        return len(self.steps.held)


def table_of(plans: Sequence[Plan]) -> StepTable:
    """Return the steps of ``plans`` side by side."""
    tables = [plan.table for plan in plans]
    if len(tables) == 1:
        return tables[0]
    numbers: dict[Op, int] = {}
    op = [np.array([numbers.setdefault(op, len(numbers)) for op in table.ops])[table.op] for table in tables]
    steps = _side_by_side([table.steps for table in tables])
    return StepTable(steps, tuple(numbers), np.concatenate(op), np.flatnonzero(steps.on_array))


def _side_by_side(parts: Sequence[Steps]) -> Steps:
    first_step = np.cumsum([0, *(len(part.held) for part in parts)])
    first_read = np.cumsum([0, *(len(part.read) for part in parts)])

    def ends(values: Sequence[Ints], firsts: Ints) -> Ints:
        return np.concatenate([[0], *(one[1:] + first for one, first in zip(values, firsts, strict=False))])

    moved = [
        part._replace(last_use=part.last_use + first, writer=np.where(part.writer < 0, -1, part.writer + first))
        for part, first in zip(parts, first_step, strict=False)
    ]
    joined = Steps(*(np.concatenate(arrays) for arrays in zip(*moved, strict=True)))
    return joined._replace(
        starts=ends([part.starts for part in parts], first_step),
        first_read=ends([part.first_read for part in parts], first_read),
    )


def opens(steps: Steps, places: Ints) -> Flags:
    """Return which steps on the array begin a run of them: the first of a network, or behind a step on the host.

    Args:
        steps: The steps of networks.
        places: Shape ``(array steps,)``: those on the array.
    """
    network, hosted = np.searchsorted(steps.starts, places, side="right"), np.cumsum(steps.away)[places]
    found = np.ones(len(places), dtype=np.bool_)
    found[1:] = (network[1:] != network[:-1]) | (hosted[1:] != hosted[:-1])
    return found


@compiled
def _first_widths(starts: Ints, macs: Flags, bits: Floats, found: Floats) -> bool:
    """Fill in the widths of each network's first op made of MACs; return whether they are the same in all."""
    alike = True
    for network in range(len(found)):
        place = starts[network]
        while not macs[place]:
            place += 1
        for which in range(4):
            found[network, which] = bits[place, which]
            alike = alike and bits[place, which] == found[0, which]
    return alike


def widths_of(steps: Steps) -> tuple[Floats, Ints]:
    """Return the widths of each network's first op made of MACs, which its PEs have.

    Args:
        steps: The steps of networks, of which every one has such an op.

    Returns:
        The distinct widths of ``W I O`` and partial sums, shape ``(widths, 4)``, and which of them a network has.
    """
    bits = np.empty((len(steps.starts) - 1, 4))
    if _first_widths(steps.starts, steps.macs, steps.bits, bits):  # nearly always
        return bits[:1], np.zeros(len(bits), dtype=np.int64)
    distinct, which = np.unique(bits, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)
