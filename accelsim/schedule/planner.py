"""From the nodes of networks to the steps an accelerator runs, in compiled loops.

Activations ride along with what they follow, an op of several parts is a step for each, and a tensor lives from its
writer to its last reader.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.mapping.nest import Ints
from accelsim.schedule.catalog import Catalog, Records
from accelsim.schedule.planned import Draft, Nodes, Planned, Reserve, filled, room_of
from accelsim.schedule.table import Steps
from accelsim.workload.network import Network

__all__ = ["Nodes", "Planned", "Reserve", "nodes_of", "plan_steps"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def nodes_of(networks: Sequence[Network], catalog: Catalog) -> Nodes:
    """Return the nodes of networks by number."""
    starts, ops, sources, firsts, results = [0], list[int](), list[int](), [0], list[int]()
    for network in networks:
        nodes = network.nodes
        place = dict(zip([node.name for node in nodes], range(len(nodes)), strict=True))
        place |= {name: -1 - number for number, name in enumerate(network.inputs)}
        ops += [catalog[node.op] for node in nodes]
        sources += [place[source] for node in nodes for source in node.inputs]
        results += [place[name] for name in network.outputs or ()]
        starts.append(len(ops))
        firsts.append(len(results))
    return Nodes(*(np.array(values, dtype=np.int64) for values in (starts, ops, sources, firsts, results)))


@borrowing
def _count(nodes: Nodes, records: Records, network: int, at: int, plan: Planned, draft: Draft) -> int:
    """Count the readers of every tensor, learned values and MACs; return where the reads of the next network begin."""
    draft.readers[:] = 0
    draft.wanted[:] = False
    draft.before[:] = -1
    first = nodes.starts[network]
    for node in range(first, nodes.starts[network + 1]):
        op = nodes.op[node]
        plan.parameters[network] += records.parameters[op]
        plan.macs[network] += records.all_macs[op]
        plan.array_macs[network] += 0.0 if records.away[op] else records.all_macs[op]
        for source in nodes.source[at : at + records.inputs[op]]:
            if source >= 0:
                draft.readers[source] += 1
                draft.wanted[source] |= records.away[op]
                draft.wanted[source] |= records.runs_on[op] != records.runs_on[nodes.op[first + source]]
        at += records.inputs[op]
    for result in nodes.result[nodes.first_result[network] : nodes.first_result[network + 1]]:
        draft.readers[result] += 1
        draft.wanted[result] = True
    return at


@borrowing
def _walk(
    nodes: Nodes, records: Records, network: int, at: int, place: int, read: int, plan: Planned, draft: Draft
) -> tuple[int, int]:
    """Add the steps of a network and what they read; return how many steps and reads there are then.

    Args:
        nodes: The nodes.
        records: What is known of their ops.
        network: Which network.
        at: Where what it reads begins.
        place: Its first step.
        read: The first read.
        plan: The steps.
        draft: Room for the network.
    """
    steps, first = plan.steps, nodes.starts[network]
    for node in range(first, nodes.starts[network + 1]):
        op, inputs, begin = nodes.op[node], at, place
        at += records.inputs[op]
        if records.rides[op] and nodes.source[inputs] >= 0:
            source = nodes.source[inputs]
            writer = draft.first_writer[source]
            alone = draft.readers[source] == 1 and draft.before[source] < 0
            alone &= records.runs_on[nodes.op[first + source]] == records.runs_on[op]
            if alone and draft.end_writer[source] == writer + 1:
                plan.rides_on[node] = writer
                steps.work[writer, records.passing_rate[op]] += records.passing_work[op]
                draft.first_writer[node - first], draft.end_writer[node - first] = writer, writer + 1
                continue
        if records.enters[op] and nodes.source[inputs] >= 0 and not draft.wanted[node - first]:
            source = nodes.source[inputs]
            writer = draft.first_writer[source]
            if draft.end_writer[source] == writer + 1:
                plan.enters[node], draft.before[node - first] = True, source
                draft.first_writer[node - first], draft.end_writer[node - first] = writer, writer + 1
                continue
        for part in range(records.first_part[op], records.end_part[op]):
            plan.node[place] = node
            read = _add_step(nodes, records, part, inputs, first, place, read, plan, draft)
            place += 1
            steps.first_read[place] = read
        draft.first_writer[node - first] = place - 1 if records.chained[op] else begin
        draft.end_writer[node - first] = place
    return place, read


@borrowing
def _add_step(
    nodes: Nodes,
    records: Records,
    part: int,
    inputs: int,
    first: int,
    place: int,
    read: int,
    plan: Planned,
    draft: Draft,
) -> int:
    """Add the step of a part at ``place``, and what it reads; return how many reads there are then."""
    steps, op = plan.steps, nodes.op[plan.node[place]]
    plan.part[place], plan.runs_on[place] = part, records.runs_on[op]
    steps.written[place] = records.written[records.plain[part]]
    steps.last_use[place], steps.multiplied[place], steps.away[place] = -1, False, records.away[op]
    steps.work[place] = 0.0
    for asked in range(records.first_read[part], records.end_read[part]):
        writer, end = place - 1, place  # the part before
        if records.source[asked] >= 0:
            source = nodes.source[inputs + records.source[asked]]
            _enter(nodes, records, first, source, steps.work[place], draft)
            if source >= 0:
                writer, end = draft.first_writer[source], draft.end_writer[source]
            else:
                writer, end = -1, 0  # comes from outside
                known = draft.input_bytes[-1 - source]
                draft.input_bytes[-1 - source] = max(known, records.fetched[asked])
                draft.input_last[-1 - source] = place
        read = _add_reads(steps.writer, steps.read, read, writer, end, records.fetched[asked], steps.written)
        for done in range(read - (end - writer), read):
            steps.second[done] = records.second[asked]
            if writer >= 0:
                steps.last_use[steps.writer[done]] = place
                steps.multiplied[steps.writer[done]] |= records.second[asked]
    return read


@borrowing
def _enter(nodes: Nodes, records: Records, first: int, source: int, work: Floats, draft: Draft) -> None:
    """Add the vector operations of activations applied to what a step reads."""
    while source >= 0 and draft.before[source] >= 0:
        op = nodes.op[first + source]
        work[records.passing_rate[op]] += records.passing_work[op]
        source = draft.before[source]


@borrowing
def _add_reads(writers: Ints, reads: Floats, read: int, first: int, end: int, size: float, written: Floats) -> int:
    """Add the reads of a tensor: of each step that wrote a part of it, in proportion."""
    if end - first == 1:
        writers[read], reads[read] = first, size
        return read + 1
    whole = 0.0
    for writer in range(first, end):
        whole += written[writer]
    for writer in range(first, end):
        writers[read], reads[read] = writer, size * written[writer] / whole
        read += 1
    return read


@borrowing
def _fill(steps: Steps, parts: Ints, start: int, end: int, records: Records) -> None:
    """Fill in what the parts alone say of their steps.

    The input comes from the host and the result goes there anyway: the first and the last step need no handing over.
    """
    for place in range(start, end):
        plain, streamed = records.plain[parts[place]], records.streamed[parts[place]]
        steps.held[place] = records.row[plain] if streamed else records.written[plain]
        steps.streamed[place], steps.shared[place] = streamed, False
        away = steps.away[place]
        steps.weights[place] = 0.0 if away else records.weights[plain]
        steps.looked_up[place] = 0.0 if away else records.looked_up[plain]
        steps.macs[place] = records.macs[plain] > 0 and not away
        steps.on_array[place] = records.on_array[parts[place]] and not away
        steps.away_macs[place] = records.macs[plain] if away else 0.0
        if not steps.on_array[place]:  # an engine that takes it knows its cycles
            steps.work[place, records.rate[parts[place]]] += records.work[plain]
        steps.crossings[place] = 0.0
        if away:
            steps.crossings[place] += place > start and not steps.away[place - 1]
            steps.crossings[place] += place < end - 1 and not steps.away[place + 1]
        for which in range(steps.window.shape[1]):
            steps.window[place, which] = records.window[plain, which]
        for which in range(4):
            steps.bits[place, which] = records.bits[plain, which]


@borrowing
def _settle(nodes: Nodes, network: int, start: int, end: int, steps: Steps, draft: Draft) -> None:
    """Settle who reads last: the outside reads every result."""
    for place in range(start, end):
        if steps.last_use[place] < 0:
            steps.last_use[place] = end
    for at in range(nodes.first_result[network], nodes.first_result[network + 1]):
        result = nodes.result[at]
        for writer in range(draft.first_writer[result], draft.end_writer[result]):
            steps.last_use[writer] = end


@borrowing
def _live(start: int, end: int, steps: Steps, live: Floats, draft: Draft) -> float:
    """Fill in the bytes alive while each step runs, and return the most.

    An element-wise op writes over an input of its size that nothing else will read.
    """
    ended, waiting, peak = draft.ended, 0.0, 0.0
    ended[: end - start + 2] = 0.0
    for which in range(len(draft.input_last)):
        if draft.input_last[which] >= 0:
            waiting += draft.input_bytes[which]
            ended[draft.input_last[which] + 1 - start] += draft.input_bytes[which]
    for place in range(start, end):
        waiting -= ended[place - start]
        in_place = False
        if not steps.macs[place]:
            for read in range(steps.first_read[place], steps.first_read[place + 1]):
                writer = steps.writer[read]
                if writer >= 0 and steps.last_use[writer] == place and steps.written[writer] == steps.written[place]:
                    in_place = True
        live[place] = waiting if in_place else waiting + steps.held[place]
        peak = max(peak, live[place])
        waiting += steps.held[place]
        ended[steps.last_use[place] + 1 - start] += steps.held[place]
    return peak


@compiled
def _plan(nodes: Nodes, records: Records, plan: Planned, draft: Draft) -> tuple[int, int]:
    """Fill in the steps of networks; return how many steps and reads there are."""
    at = place = read = 0
    plan.steps.starts[0] = plan.steps.first_read[0] = 0
    plan.rides_on[: len(nodes.op)], plan.enters[: len(nodes.op)] = -1, False
    for network in range(len(nodes.starts) - 1):
        start = place
        plan.parameters[network] = plan.macs[network] = plan.array_macs[network] = 0.0
        plan.steps.calls[network] = 1.0
        draft.input_bytes[:] = 0.0
        draft.input_last[:] = -1
        after = _count(nodes, records, network, at, plan, draft)
        place, read = _walk(nodes, records, network, at, place, read, plan, draft)
        at = after
        plan.steps.starts[network + 1] = place
        _settle(nodes, network, start, place, plan.steps, draft)
        _fill(plan.steps, plan.part, start, place, records)
        plan.peak[network] = _live(start, place, plan.steps, plan.live, draft)
    return place, read


def plan_steps(nodes: Nodes, records: Records, reserve: Reserve | None = None) -> Planned:
    """Return the steps of networks.

    Args:
        nodes: The nodes; each stands after those it reads.
        records: What is known of their ops.
        reserve: Memory for them: they hold until it is used again. By default they have their own.
    """
    room = room_of(nodes, records)
    plan, draft = (reserve or Reserve()).of(room, records.rates)
    count, reads = _plan(nodes, records, plan, draft)
    return filled(plan, room.networks, room.nodes, count, reads)
