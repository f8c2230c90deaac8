"""Members of a space put together from parts: a list of parts and of who reads whom becomes the nodes of networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mapping.nest import Ints
from accelsim.schedule.planner import Nodes

__all__ = ["NOWHERE", "Parts", "assemble"]

Flags = npt.NDArray[np.bool_]
#: A tensor that a member does not have.
NOWHERE = -(2**31)


class Parts(NamedTuple):
    """Ops in a row by the number of the part. What is read is a place in the part; below 0 an operand, -1 the first.

    Attributes:
        first: Of a part: its first op.
        end: The one behind the last.
        written: What its result is.
        op: Of an op: its number.
        first_read: What it reads first.
        end_read: What is behind the last.
        source: What is read.
    """

    first: Ints
    end: Ints
    written: Ints
    op: Ints
    first_read: Ints
    end_read: Ints
    source: Ints


class _Draft(NamedTuple):
    """One member in the making.

    Attributes:
        op: Shape ``(nodes,)``.
        first: Shape ``(nodes + 1,)``: first source of each node.
        source: Places of nodes; below 0 an input.
        needed: Shape ``(nodes,)``: whether a result depends on it; afterwards its new place is in ``place``.
        place: Shape ``(nodes,)``.
        written: Shape ``(slots,)``: the node that writes the result of a slot.
    """

    op: Ints
    first: Ints
    source: Ints
    needed: Flags
    place: Ints
    written: Ints


@compiled
def _rows(parts: Parts, slots: Ints) -> tuple[int, int]:
    """Return how many nodes and reads the parts of a member have."""
    nodes = reads = 0
    for part in slots:
        if part >= 0 and parts.end[part] > parts.first[part]:
            nodes += parts.end[part] - parts.first[part]
            reads += parts.end_read[parts.end[part] - 1] - parts.first_read[parts.first[part]]
    return nodes, reads


@compiled
def _found(source: int, start: int, operands: Ints, written: Ints) -> int:
    """Return the node that a part means by ``source``; below 0 an input of the network."""
    if source >= 0:
        return start + source
    tensor = operands[-1 - source]
    return int(written[tensor] if tensor >= 0 else tensor)


@compiled
def _lay_out(parts: Parts, slots: Ints, operands: Ints, draft: _Draft) -> int:
    """Put the parts of a member one behind the other; return how many nodes there are."""
    count = read = 0
    draft.first[0] = 0
    for slot in range(len(slots)):
        part, start = slots[slot], count
        if part < 0:
            continue
        for op in range(parts.first[part], parts.end[part]):
            draft.op[count] = parts.op[op]
            for at in range(parts.first_read[op], parts.end_read[op]):
                draft.source[read] = _found(parts.source[at], start, operands[slot], draft.written)
                read += 1
            count += 1
            draft.first[count] = read
        draft.written[slot] = _found(parts.written[part], start, operands[slot], draft.written)
    return count


@compiled
def _mark(results: Ints, lasting: Flags, count: int, draft: _Draft) -> int:
    """Number the nodes that a result, or what outlives the inference, depends on; return how many they are."""
    draft.needed[:count] = False
    for tensor in results:
        node = draft.written[tensor] if tensor >= 0 else tensor
        if node >= 0:
            draft.needed[node] = True
    for node in range(count - 1, -1, -1):
        if lasting[draft.op[node]]:
            draft.needed[node] = True
        if draft.needed[node]:
            for at in range(draft.first[node], draft.first[node + 1]):
                if draft.source[at] >= 0:
                    draft.needed[draft.source[at]] = True
    kept = 0
    for node in range(count):
        draft.place[node] = kept
        kept += draft.needed[node]
    return kept


@compiled
def assemble(
    parts: Parts, lasting: Flags, slots: Ints, operands: Ints, results: Ints, stated: bool, most: int
) -> Nodes:
    """Return the nodes of members.

    Args:
        parts: The parts.
        lasting: Of an op: whether what it writes outlives the inference.
        slots: Shape ``(members, slots)``: which parts stand where; -1 for none.
        operands: Shape ``(members, slots, operands)``: what they read: the result of a slot; below 0 an input, -1 the
            first.
        results: Shape ``(members, results)``: what leads to none of these is left out.
        stated: Whether these alone leave the network, and not simply what no other node reads.
        most: A member of more nodes than this gets none.
    """
    members = len(slots)
    nodes = reads = most_nodes = most_reads = 0
    for member in range(members):
        count, asked = _rows(parts, slots[member])
        nodes, reads = nodes + count, reads + asked
        most_nodes, most_reads = max(most_nodes, count), max(most_reads, asked)
    draft = _Draft(
        np.empty(most_nodes, np.int64),
        np.empty(most_nodes + 1, np.int64),
        np.empty(most_reads, np.int64),
        np.empty(most_nodes, np.bool_),
        np.empty(most_nodes, np.int64),
        np.empty(slots.shape[1], np.int64),
    )
    found = Nodes(
        np.zeros(members + 1, np.int64),
        np.empty(nodes, np.int64),
        np.empty(reads, np.int64),
        np.zeros(members + 1, np.int64),
        np.empty(results.size if stated else 0, np.int64),
    )
    nodes = reads = left = 0
    for member in range(members):
        if _rows(parts, slots[member])[0] <= most:
            count = _lay_out(parts, slots[member], operands[member], draft)
            _mark(results[member], lasting, count, draft)
            for node in range(count):
                if draft.needed[node]:
                    found.op[nodes] = draft.op[node]
                    nodes += 1
                    for source in draft.source[draft.first[node] : draft.first[node + 1]]:
                        found.source[reads] = draft.place[source] if source >= 0 else source
                        reads += 1
            if stated:
                for tensor in results[member]:
                    node = draft.written[tensor] if tensor >= 0 else tensor
                    if node >= 0:
                        found.result[left] = draft.place[node]
                        left += 1
        found.starts[member + 1], found.first_result[member + 1] = nodes, left
    return Nodes(found.starts, found.op[:nodes], found.source[:reads], found.first_result, found.result[:left])
