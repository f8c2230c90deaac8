"""Arrays for planning: nodes in, steps out, and how much room a batch of networks may need."""

from __future__ import annotations

import math
from threading import local
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints
from accelsim.schedule.catalog import Records
from accelsim.schedule.table import Steps
from accelsim.schedule.windows import FIGURES

__all__ = ["Nodes", "Planned", "Reserve", "Room", "empty", "room_of"]

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
    """How much a batch may need: steps, reads, nodes and inputs of one network, steps of one network."""

    steps: int
    reads: int
    nodes: int
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
    return Room(steps, reads, most_nodes, inputs, longest)


class Reserve(local):
    """Memory for arrays that the next batch uses again; every thread has its own.

    Asking the system for as much anew takes about as long as filling it.
    """

    def __init__(self) -> None:
        self._held: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, dtype: type, *shape: int) -> npt.NDArray[Any]:
        """Return an array with anything in it; it holds until one of the same name is asked for.

        Args:
            name: What it is for.
            dtype: Its type, always the same for a name.
            shape: Its shape.
        """
        count, held = math.prod(shape), self._held.get(name)
        if held is None or len(held) < count:
            held = self._held[name] = np.empty(count if held is None else count + count // 4, dtype)
        return held[:count].reshape(shape)


def empty(networks: int, nodes: int, rates: int, room: Room, reserve: Reserve) -> Planned:
    """Return the steps of networks, to be filled in; what is told of whole networks is not in the reserve."""
    steps = Steps(
        np.zeros(networks + 1, np.int64),
        reserve.array("held", np.float64, room.steps),
        reserve.array("written", np.float64, room.steps),
        reserve.array("streamed", np.bool_, room.steps),
        reserve.array("last_use", np.int64, room.steps),
        reserve.array("multiplied", np.bool_, room.steps),
        reserve.array("weights", np.float64, room.steps),
        reserve.array("looked_up", np.float64, room.steps),
        reserve.array("macs", np.bool_, room.steps),
        reserve.array("on_array", np.bool_, room.steps),
        reserve.array("work", np.float64, room.steps, rates),
        reserve.array("away", np.bool_, room.steps),
        reserve.array("away_macs", np.float64, room.steps),
        reserve.array("crossings", np.float64, room.steps),
        reserve.array("window", np.float64, room.steps, FIGURES),
        reserve.array("bits", np.float64, room.steps, 4),
        reserve.array("shared", np.bool_, room.steps),
        np.ones(networks),
        reserve.array("first_read", np.int64, room.steps + 1),
        reserve.array("writer", np.int64, room.reads),
        reserve.array("read", np.float64, room.reads),
        reserve.array("second", np.bool_, room.reads),
    )
    steps.shared[:], steps.first_read[0] = False, 0
    planned = Planned(
        steps,
        reserve.array("part", np.int64, room.steps),
        reserve.array("node", np.int64, room.steps),
        reserve.array("runs_on", np.int64, room.steps),
        reserve.array("rides_on", np.int64, nodes),
        reserve.array("enters", np.bool_, nodes),
        reserve.array("live", np.float64, room.steps),
        *np.zeros((4, networks)),
    )
    planned.rides_on[:], planned.enters[:] = -1, False
    return planned
