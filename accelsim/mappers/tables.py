"""What the search of the exact mapper reads: the machine, and what every way to cut a dim contributes to costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "Charges", "Factors", "Forest", "Frontier", "Outcome", "Stairs"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Factors(NamedTuple):
    """Which factor is which. ``D`` dims in the order they are kept, ``V`` factors, ``L`` levels.

    Attributes:
        lacks: Shape ``(D,)``: the operand that the dim does not index, 3 if it indexes all.
        axis: Shape ``(D,)``: the window axis of which it is the output dim, or -1.
        loads: Shape ``(L, 3, 6)``: the factor that counts the loads of an operand, by role, if no loop outside
            multiplies it; those after it, if the loops of one more level do.
        elements: Shape ``(L, 3, 3)``: the factors of the elements in a walk: all, the first copy's outside and inside.
        slides: Shape ``(L,)``: how many variants there are of the elements of ``I``, for windows that share overlap.
        slid: Whether there are more than one anywhere.
        footprint: Shape ``(L, 3)``: of a tile's elements.
        first: Shape ``(3,)``: of the elements of the first tile.
        work: Shape ``(2,)``: points that are steps, and passes; spatial passes left out.
        crossing: Shape ``(2, 3)``: what crosses the array's edge of all copies, of the first.
        share: Outputs that the first copy deals with.
        pieces: Shape ``(masks, groups)``: how many pieces a group on the array has.
        points: Shape ``(masks, groups)``: how many points.
        passes: Shape ``(masks, groups)``: the passes over them, if ``late`` does not say otherwise.
        axes: Shape ``(axes,)``: the copies taken of every axis.
        total: How many factors there are.
        late: Shape ``(groups,)``: whether the passes are known only of a complete mapping.
        falling: Shape ``(F, 3)``: factors that fall as tiles grow: the factor, the operand its dims lack, the level.
    """

    lacks: Ints
    axis: Ints
    loads: Ints
    elements: Ints
    slides: Ints
    slid: bool
    footprint: Ints
    first: Ints
    work: Ints
    crossing: Ints
    share: int
    pieces: Ints
    points: Ints
    passes: Ints
    axes: Ints
    total: int
    late: Flags
    falling: Ints


class Forest(NamedTuple):
    """The cuts of every dim as trees: all nodes in one row. A figure is the least below a node unless said otherwise.

    Some factors depend on how the filter is cut as well. A *way* to cut it is a cut of each of its dims.

    Attributes:
        size: Shape ``(D,)``: loop sizes.
        first: Shape ``(D,)``: the first node of each dim.
        below: Shape ``(nodes, 2)``: the nodes below a node, -1 for a leaf.
        cut: Shape ``(nodes,)``: the cut of a leaf, else -1; the cuts of all dims stand in one row too.
        leaves: Shape ``(nodes,)``: how many cuts are below.
        range: Shape ``(nodes, 2)``: the first and the last cut below, among those of the dim.
        tile: Shape ``(nodes, L)``: the largest tile.
        turning: Shape ``(nodes,)``: a bit for each level whose loop turns in all cuts below.
        listed: Shape ``(2, D, most)``: the factors that are not 1 for all cuts of a dim: those that no filter changes,
            and those that depend on the way.
        counts: Shape ``(2, D)``: how many those are.
        place: Shape ``(2, D, V)``: the place of a factor among them, -1 if it is not there.
        value: Factors, node by node.
        starts: Shape ``(2, ways, D)``: where in ``value`` those of the first node of a dim begin.
        room: Shape ``(rows, L, 3, 2)``: factors of footprints, and those for each point of the tile.
        rooms: Shape ``(ways, D)``: which row is that of the first node of a dim.
        mirrors: Shape ``(ways, 2)``: the pixels of two axes that may change places without any change of costs, or -1.
        sizes: Shape ``(cuts, masks, pieces)``: pieces that reach the array.
        times: The same: how many there are.
        inner: Shape ``(cuts,)``: what a copy of the array takes of the innermost tile.
    """

    size: Floats
    first: Ints
    below: Ints
    cut: Ints
    leaves: Ints
    range: Ints
    tile: Floats
    turning: Ints
    listed: Ints
    counts: Ints
    place: Ints
    value: Floats
    starts: Ints
    room: Floats
    rooms: Ints
    mirrors: Ints
    sizes: Ints
    times: Ints
    inner: Floats


class Stairs(NamedTuple):
    """Staircases: what some dims contribute to a factor at least, if their tiles have at most so many points together.

    Attributes:
        begins: Shape ``(stairs + 1,)``: where the steps of each begin.
        points: Points of a tile, rising.
        least: The least factor of tiles of at most so many points.
        tile: Shape ``(stairs, 2)``: the operand that the dims lack, and the level of the tile.
        inside: Shape ``(stairs, D)``: whether the cuts of a dim are part of it.
        of: Shape ``(F,)``: the staircase of each of ``Factors.falling``.
        beside: Shape ``(F, most)``: the other dims of which it is made, -1 behind the last.
        passes: Shape ``(masks, groups)``: the staircase of the passes over a group, -1 if there is none.
    """

    begins: Ints
    points: Floats
    least: Floats
    tile: Ints
    inside: Flags
    of: Ints
    beside: Ints
    passes: Ints


class Charges(NamedTuple):
    """The machine and what it charges. ``M`` memories, ``L = M - 1``; bytes, cycles, pJ.

    Attributes:
        parent: Shape ``(L, 3)``: the next memory outside that holds the operand, -1 where a level does not hold it.
        moves: Shape ``(L, 3)``: whether the operand is loaded there; a kept tensor is not.
        fills: Shape ``(3,)``: whether the first step waits for the operand, or it for the last step, at the outermost
            memory.
        takes_room: Shape ``(L, 3)``.
        complete: Shape ``(L,)``: whether outputs may not leave before their sum is complete.
        buffered: Shape ``(L,)``: whether tiles that change take twice their room.
        serial: Shape ``(L,)``: whether transfers into the level are waited for.
        reuses: Shape ``(L,)``: whether neighbouring windows share their overlap.
        outputs_held: Whether outputs stay in the array.
        bytes: Shape ``(4,)``: of an element of ``W I O`` and of a partial sum.
        whole: Shape ``(3,)``: elements of each operand that no factor counts.
        output_elements: Elements of the output.
        useful: Shape ``(2,)``: the share of inputs that are not padding, for all copies and for the first.
        room: Shape ``(L,)``.
        slow: Shape ``(M, 3)``: cycles a byte, of both directions, of reads, of writes.
        dear: Shape ``(M, 2)``: pJ a byte, read and written.
        dispatch: Cycles.
        leakage: pJ a cycle.
        base: Energy that no mapping changes, in pJ.
        edge: Shape ``(3,)``: the innermost memory that holds each operand.
        held: Shape ``(3,)``: whether the dataflow holds it.
        pace: Cycles of a step.
        overhead: Cycles of a pass beyond its steps.
        limit: Shape ``(3,)``: rows, columns, steps of the stream that a held weight lasts.
        groups: Shape ``(groups, 4)``: dims that share an axis as one loop, -1 where there are fewer; the stream last.
        axis: Shape ``(groups,)``: 0 rows, 1 columns, 2 the stream.
        masks: Shape ``(2, 3)``: which pieces count what crosses, of all copies and of the first.
        free: Shape ``(3, groups)``: whether passes over a group multiply what crosses.
        fans: Whether anything stands in copies.
        copies: Shape ``(axes,)``: copies along every axis.
        powers: Shape ``(2,)``: of latency and energy in the score.
    """

    parent: Ints
    moves: Flags
    fills: Flags
    takes_room: Flags
    complete: Flags
    buffered: Flags
    serial: Flags
    reuses: Flags
    outputs_held: bool
    bytes: Floats
    whole: Floats
    output_elements: float
    useful: Floats
    room: Floats
    slow: Floats
    dear: Floats
    dispatch: float
    leakage: float
    base: float
    edge: Ints
    held: Flags
    pace: float
    overhead: float
    limit: Floats
    groups: Ints
    axis: Ints
    masks: Ints
    free: Flags
    fans: bool
    copies: Floats
    powers: Floats


class Batch(NamedTuple):
    """What the mappings of a box have in common, for some boxes: the least of each figure; of a single one its own.

    Attributes:
        factors: Shape ``(boxes, V)``.
        each: Shape ``(boxes, D, V)``: those of each dim, if orders are fixed; else there is a single one.
        acting: Shape ``(boxes, L)``: a bit for each operand whose missing dims have a loop that turns there; 8 for
            other dims.
        sliding: Shape ``(boxes, L)``: which window axes' output dims turn there, a bit for each.
        passes: Shape ``(boxes, masks, groups)``: passes over the groups on the array.
        known: Shape ``(boxes,)``: 2 for a single mapping, 1 if all dims that outputs lack are cut in one way, else 0.
        fits: Shape ``(boxes,)``: whether any may have room.
        most: Shape ``(3, L)``: room to work in, as what follows: the largest tile of the dims that an operand lacks.
        values: Shape ``(L, 3, 4, 2)``: factors of footprints, by the operand that the dims lack.
        steps: Shape ``(stairs,)``.
        picked: Shape ``(D,)``.
        left: Shape ``(3,)``.
        turn: Shape ``(4,)``.
    """

    factors: Floats
    each: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    known: Ints
    fits: Flags
    most: Floats
    values: Floats
    steps: Floats
    picked: Ints
    left: Floats
    turn: Ints

    @classmethod
    def of(cls, boxes: int, factors: Factors, stairs: Stairs, levels: int, *, fixed: bool) -> Batch:
        """Return what boxes may have in common, not yet filled; ``fixed`` says whether orders are."""
        dims, total = len(factors.lacks), factors.total
        return cls(
            factors=np.ones((boxes, total)),
            each=np.ones((boxes, dims, total) if fixed else (1, 0, total)),
            acting=np.zeros((boxes, levels), dtype=np.int64),
            sliding=np.zeros((boxes, levels), dtype=np.int64),
            passes=np.ones((boxes, *factors.pieces.shape)),
            known=np.zeros(boxes, dtype=np.int64),
            fits=np.zeros(boxes, dtype=np.bool_),
            most=np.ones((3, levels)),
            values=np.ones((levels, 3, 4, 2)),
            steps=np.ones(len(stairs.tile)),
            picked=np.zeros(dims, dtype=np.int64),
            left=np.ones(3),
            turn=np.zeros(4, dtype=np.int64),
        )


class Frontier(NamedTuple):
    """Boxes that wait, in slots.

    Attributes:
        nodes: Shape ``(slots, D)``: the nodes that make up a box.
        keys: Shape ``(slots, 2)``: the least score of its mappings, and the tie.
        alive: Shape ``(slots, orders)``: the orders in which one may be best.
        inside: Shape ``(slots,)``: mappings in it, in one order.
        way: Shape ``(slots,)``: how the filter is cut.
        parent: Shape ``(slots,)``: the dim whose split made it, -1 for the first.
        before: Shape ``(slots,)``: the least score of the box it is half of.
        heap: Shape ``(slots,)``: slots of those that wait, as a heap.
        unused: Shape ``(slots,)``: slots given back.
        state: Shape ``(4,)``: slots given back, slots ever used, boxes that wait, halves of the box split first.
        gain: Shape ``(D, 2)``: by how much splitting a dim has raised the bound, and how often, the latest most.
    """

    nodes: Ints
    keys: Floats
    alive: Flags
    inside: Ints
    way: Ints
    parent: Ints
    before: Floats
    heap: Ints
    unused: Ints
    state: Ints
    gain: Floats


class Outcome(NamedTuple):
    """What a search has found so far; arrays, so that it can be filled.

    Attributes:
        best: Shape ``(4,)``: score, tie, latency, energy.
        nodes: Shape ``(D,)``: the leaf of each dim.
        still: Shape ``(L,)``: the operand whose missing dims stand innermost.
        slide: Shape ``(L,)``: the axis whose output dim stands innermost of its kind.
        pruned: Shape ``(3,)``: mappings left out because of room, because of their bound, because their mirror images
            are not.
        searched: Shape ``(2,)``: complete mappings, and boxes.
    """

    best: Floats
    nodes: Ints
    still: Ints
    slide: Ints
    pruned: Ints
    searched: Ints
