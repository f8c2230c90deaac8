"""Arrays for planning: nodes in, steps out, and how much room a batch of networks may need."""

from __future__ import annotations

from collections.abc import Sequence
from operator import ge
from threading import local
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints
from accelsim.schedule.catalog import Records
from accelsim.schedule.table import Steps
from accelsim.schedule.windows import FIGURES

__all__ = ["Draft", "Nodes", "Planned", "Reserve", "Room", "filled", "room_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Nodes(NamedTuple):
    """Nodes of networks, network after network; tensors are places of nodes within the network.

    Attributes:
        starts: Shape ``(networks + 1,)``: first node of each network.
        op: Shape ``(nodes,)``: numbers of the ops.
        source: What the nodes read, one after the other; below 0 an input of the network, -1 the first.
        first_result: Shape ``(networks + 1,)``: first result of each network.
        result: The nodes whose results leave a network; of a network without any, those that no other reads.
    """

    starts: Ints
    op: Ints
    source: Ints
    first_result: Ints
    result: Ints


class Planned(NamedTuple):
    """Steps of networks, and where they come from.

    Attributes:
        steps: The steps.
        part: Shape ``(steps,)``: number of the part.
        node: Shape ``(steps,)``: the node, counted over all networks.
        runs_on: Shape ``(steps,)``: number of the accelerator that runs it, if there are several on the chip.
        rides_on: Shape ``(nodes,)``: the step whose result an activation is applied to; -1 for others.
        enters: Shape ``(nodes,)``: whether an activation is applied by whoever reads its result.
        live: Shape ``(steps,)``: bytes of activations alive while a step runs.
        peak: Shape ``(networks,)``: most bytes alive at once.
        parameters: Shape ``(networks,)``: learned values.
        macs: Shape ``(networks,)``: multiply-accumulates.
        array_macs: Shape ``(networks,)``: those on the array.
    """

    steps: Steps
    part: Ints
    node: Ints
    runs_on: Ints
    rides_on: Ints
    enters: Flags
    live: Floats
    peak: Floats
    parameters: Floats
    macs: Floats
    array_macs: Floats


class Room(NamedTuple):
    """How much a batch may need.

    Attributes:
        networks: Networks.
        nodes: Nodes of all.
        steps: Steps of all.
        reads: Reads of all.
        most_nodes: Nodes of one network.
        inputs: Inputs of one network.
        longest: Steps of one network.
    """

    networks: int
    nodes: int
    steps: int
    reads: int
    most_nodes: int
    inputs: int
    longest: int


@compiled
def room_of(nodes: Nodes, records: Records) -> Room:
    """Return the room that planning ``nodes`` may need."""
    steps = reads = most_nodes = inputs = longest = at = 0
    for network in range(len(nodes.starts) - 1):
        first, end, before = nodes.starts[network], nodes.starts[network + 1], steps
        most_nodes = max(most_nodes, end - first)
        for node in range(first, end):
            op = nodes.op[node]
            steps += records.end_part[op] - records.first_part[op]
            for part in range(records.first_part[op], records.end_part[op]):
                for read in range(records.first_read[part], records.end_read[part]):
                    source = -1 if records.source[read] < 0 else nodes.source[at + records.source[read]]
                    if source < 0:
                        inputs = max(inputs, -source)
                        reads += 1
                    else:
                        writer = nodes.op[first + source]
                        reads += records.end_part[writer] - records.first_part[writer]
            at += records.inputs[op]
        longest = max(longest, steps - before)
    return Room(len(nodes.starts) - 1, len(nodes.op), steps, reads, most_nodes, inputs, longest)


class Draft(NamedTuple):
    """One network in the making, by node and by input of the network.

    Attributes:
        readers: How often a node's tensor is read; leaving the network counts as once more.
        wanted: Whether it has to be there as such: it leaves the network, or the host or another part of the chip
            reads it.
        before: What it is made of by whoever reads it; -1 if it is a tensor like any other.
        first_writer: The first step that writes it.
        end_writer: The one behind the last.
        input_bytes: Most bytes fetched of an input.
        input_last: The last step that reads it; -1 if none does.
        ended: Shape ``(steps + 2,)``: bytes no longer alive from a step on.
    """

    readers: Ints
    wanted: Flags
    before: Ints
    first_writer: Ints
    end_writer: Ints
    input_bytes: Floats
    input_last: Ints
    ended: Floats


class Reserve(local):
    """Memory that the next batch uses again; every thread has its own.

    Asking the system for as much anew takes about as long as filling it.
    """

    def __init__(self) -> None:
        self._room: Room | None = None
        self._rates = 0

    def of(self, room: Room, rates: int) -> tuple[Planned, Draft]:
        """Return arrays with anything in them, at least as long as asked; they hold until others are asked for."""
        if self._room is None or rates != self._rates:
            self._make(room, rates)
        elif not all(map(ge, self._room, room)):
            self._make(Room(*(most + most // 4 for most in map(max, self._room, room))), rates)
        return self._held

    def _make(self, room: Room, rates: int) -> None:
        self._room, self._rates = room, rates
        self._held = _empty(room, rates), _draft(room)


#: How long arrays are, in the order that ``filled`` has them.
_LENGTHS = "networks", "starts", "nodes", "steps", "step starts", "reads"


def _places(names: Sequence[str], **others: str) -> list[int]:
    """Return which of the lengths each array has: that of the steps, if it is not one of ``others``."""
    return [_LENGTHS.index(others.get(name, "steps")) for name in names]


_OF_STEPS = _places(
    Steps._fields,
    starts="starts",
    calls="networks",
    first_read="step starts",
    writer="reads",
    read="reads",
    second="reads",
)
_OF_PLAN = _places(
    Planned._fields[1:],
    rides_on="nodes",
    enters="nodes",
    peak="networks",
    parameters="networks",
    macs="networks",
    array_macs="networks",
)


def _whole(*shape: int) -> Ints:
    return np.empty(shape, np.int64)


def _real(*shape: int) -> Floats:
    return np.empty(shape)


def _flags(*shape: int) -> Flags:
    return np.empty(shape, np.bool_)


def _empty(room: Room, rates: int) -> Planned:
    count, reads, networks = room.steps, room.reads, room.networks
    steps = Steps(
        starts=_whole(networks + 1),
        held=_real(count),
        written=_real(count),
        streamed=_flags(count),
        last_use=_whole(count),
        multiplied=_flags(count),
        weights=_real(count),
        looked_up=_real(count),
        macs=_flags(count),
        on_array=_flags(count),
        work=_real(count, rates),
        away=_flags(count),
        away_macs=_real(count),
        crossings=_real(count),
        window=_real(count, FIGURES),
        bits=_real(count, 4),
        shared=_flags(count),
        calls=_real(networks),
        first_read=_whole(count + 1),
        writer=_whole(reads),
        read=_real(reads),
        second=_flags(reads),
    )
    return Planned(
        steps,
        part=_whole(count),
        node=_whole(count),
        runs_on=_whole(count),
        rides_on=_whole(room.nodes),
        enters=_flags(room.nodes),
        live=_real(count),
        peak=_real(networks),
        parameters=_real(networks),
        macs=_real(networks),
        array_macs=_real(networks),
    )


def _draft(room: Room) -> Draft:
    nodes, inputs = room.most_nodes, room.inputs
    whole = [_whole(nodes) for _ in range(4)]
    return Draft(
        readers=whole[0],
        wanted=_flags(nodes),
        before=whole[1],
        first_writer=whole[2],
        end_writer=whole[3],
        input_bytes=_real(inputs),
        input_last=_whole(inputs),
        ended=_real(room.longest + 2),
    )


def filled(plan: Planned, networks: int, nodes: int, steps: int, reads: int) -> Planned:
    """Return the parts of arrays that are filled; figures of whole networks are copies, no longer in the reserve."""
    lengths = networks, networks + 1, nodes, steps, steps + 1, reads

    def parts(arrays: Sequence[Any], places: list[int]) -> list[Any]:
        return [array[: lengths[place]] for array, place in zip(arrays, places, strict=True)]

    whole = Planned(Steps(*parts(plan.steps, _OF_STEPS)), *parts(plan[1:], _OF_PLAN))
    return whole._replace(
        peak=whole.peak.copy(),
        parameters=whole.parameters.copy(),
        macs=whole.macs.copy(),
        array_macs=whole.array_macs.copy(),
    )
