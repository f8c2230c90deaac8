"""What the compiled loops over mappings read and fill; see ``cost.kernels``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "STREAMED",
    "Demand",
    "Factors",
    "Flags",
    "Floats",
    "Flow",
    "Ints",
    "Layout",
    "Moved",
    "Nest",
    "Places",
    "Tables",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
#: Places in arrays. They are unsigned because compiled code looks whether a signed one counts from the end.
Places = npt.NDArray[np.uint32]
#: What a group of dims is laid on: 0 the rows, 1 the columns, or the stream.
STREAMED = 2


class Factors(NamedTuple):
    """The factors of all sources as the loop reads them.

    Attributes:
        table: The rows of all sources, one after the other.
        first: Shape ``(sources,)``: where the rows of a source begin.
        dims: Shape ``(sources, 2)``: places of the dims whose cuts pick a row; the second may count for nothing.
        steps: Shape ``(sources, 2)``: how far the next cut of each of them is.
        begins: Shape ``(lanes + 1,)``: where the terms of a lane begin.
        terms: The sources whose factor of a lane is not the same for all cuts.
        whole: Shape ``(lanes,)``: the product of all other factors.
    """

    table: Floats
    first: Places
    dims: Places
    steps: Places
    begins: Places
    terms: Places
    whole: Floats


class Tables(NamedTuple):
    """What the kernel reads. ``D`` dims that turn at all; ``cuts`` is the most of any dim.

    Attributes:
        dims: Places in ``DIMS`` of the dims.
        indexes: Shape ``(3, D)``: whether a dim indexes ``W``, ``I``, ``O``.
        plain: Shape ``(D,)``: whether it indexes a sliding ``I`` as it is.
        axes: Shape ``(3, 2)``: places in ``DIMS`` of output and filter dim of each window axis.
        window_dim: Shape ``(D,)``: the window axis of which it is the output dim, or -1.
        turns: Shape ``(D, cuts, L)``: whether the loop over tiles of a level turns more than once.
        counted: Shape ``(D, cuts, questions, L + 2)``.
        summed: Shape ``(D, cuts, questions)``.
        tile: Shape ``(D, cuts, L)``.
        start: Shape ``(D, cuts, L)``: points of all copies in the first turn of all loops.
        seen: Shape ``(3, cuts, cuts, questions, loops)``: see ``Windows``, by axis and cuts of output and filter.
        held: Shape ``(3, cuts, cuts, L)``.
        begun: Shape ``(3, cuts, cuts, L)``.
        asked: Shape ``(L, 3, ROLES)``: the question of each role; -1 where the level does not hold the operand.
        parent: Shape ``(L, 3)``: the next level outside that holds the operand.
        bits: Shape ``(4,)``: widths of ``W``, ``I``, ``O`` and partial sums.
        slides: Whether ``I`` slides.
        reuses: Shape ``(L,)``: whether neighbouring windows share their overlap.
        buffered: Shape ``(L,)``: whether tiles that change take twice their room.
        outputs_held: Whether outputs stay in the array over the whole reduction of a tile.
        fans: Whether anything stands in copies.
    """

    dims: Ints
    indexes: Flags
    plain: Flags
    axes: Ints
    window_dim: Ints
    turns: Flags
    counted: Floats
    summed: Floats
    tile: Floats
    start: Floats
    seen: Floats
    held: Floats
    begun: Floats
    asked: Ints
    parent: Ints
    bits: Floats
    slides: bool
    reuses: Flags
    buffered: Flags
    outputs_held: bool
    fans: bool


class Nest(NamedTuple):
    """Loops, and what is counted of them, as the kernel reads them.

    Attributes:
        dims: Shape ``(D,)``.
        missing: Shape ``(3, D)``: the dims that do not index an operand, as places in ``dims``.
        lacks: Shape ``(3,)``: how many they are.
        turns: Shape ``(D x cuts, L)``: ``Tables.turns``.
        counted: Shape ``(D x cuts, questions x (L + 2))``: ``Tables.counted``.
        standing: Shape ``(nests, L, D)``: a bit for each loop, the lower the further inside it stands.
        indexing: Shape ``(nests, L, 3)``: the bits of the loops that index an operand.
    """

    dims: Places
    missing: Places
    lacks: Ints
    turns: Flags
    counted: Floats
    standing: Ints
    indexing: Ints


class Moved(NamedTuple):
    """What the kernel fills, in bytes.

    Attributes:
        every: Shape ``(mappings, L, 3, 4)``: read outside, written inside, read inside, written outside, of all copies.
        one: The same of the first copy of the memory in question.
        footprint: Shape ``(mappings, L, 3)``.
        spilled: Shape ``(mappings, L)``.
        ramp: Shape ``(mappings, 3)``.
        fresh: Shape ``(mappings,)``.
        alone: Shape ``(mappings,)``.
    """

    every: Floats
    one: Floats
    footprint: Floats
    spilled: Flags
    ramp: Floats
    fresh: Floats
    alone: Flags


class Layout(NamedTuple):
    """How a dataflow lays dims out, and the pieces of their tiles.

    Attributes:
        sizes: Sizes of the pieces of every dim, by cut and question; the first is a full tile.
        times: How often each is met; 0 behind the last of a question.
        questions: How many questions there are.
        width: Entries of a question.
        first: Shape ``(groups, 4)``: where the pieces of the dims begin that share an axis as one loop.
        steps: Shape ``(groups, 4)``: entries of a cut; 0 where a group has fewer dims.
        dims: Shape ``(groups, 4)``: their places in ``DIMS``.
        axis: Shape ``(groups,)``: rows, columns or stream.
        free: Shape ``(3, groups)``: whether an operand crosses once for each pass over a group; a held weight is read
            again for each part of the stream.
        asked: Shape ``(7,)``: the questions of time; of the crossing of ``W I O`` of all copies, and of the first.
        wanted: Shape ``(groups, questions)``: whether passes over a group are asked for at all.
        rows: PEs down.
        columns: PEs across.
        hold_limit: Stream steps that a held weight lasts; infinite if there is no limit.
        pace: Cycles of a step.
        overhead: Cycles that a pass costs beyond its steps.
        useful: Share of the inputs that are no padding; of all copies, and as the first one sees it.
    """

    sizes: Floats
    times: Floats
    questions: int
    width: int
    first: Ints
    steps: Ints
    dims: Places
    axis: Ints
    free: Flags
    asked: Places
    wanted: Flags
    rows: float
    columns: float
    hold_limit: float
    pace: float
    overhead: float
    useful: tuple[float, float]


class Flow(NamedTuple):
    """Where bytes go; ``M`` memories. A transfer between a memory and the next one outside has the number of its level.

    Attributes:
        inside: Shape ``(M, 3)``: the transfer of ``W I O`` into a memory; -1 if there is none.
        outside: Shape ``(M, 3)``: the transfer out of it into the next one that holds the operand; -1 if there is none.
        edges: Shape ``(3,)``: the memory at the array.
        rooms: Shape ``(M, 3)``: whether tiles take room.
        waits: Shape ``(M,)``: whether transfers to and from the next memory outside are waited for.
        fills: Shape ``(3,)``: 1 if first tiles come from the outermost memory, otherwise 0.
        unfinished: The level that no half-done output may leave; -1 if there is none.
        bits: Shape ``(4,)``: widths of ``W``, ``I``, ``O`` and partial sums.
        outputs: Elements of the output.
    """

    inside: Ints
    outside: Ints
    edges: Ints
    rooms: Flags
    waits: Flags
    fills: Floats
    unfinished: int
    bits: Floats
    outputs: float


class Demand(NamedTuple):
    """What rows ask of the memories and the array; ``M`` memories, bytes and cycles.

    Attributes:
        moved: Shape ``(rows, M, 3, 2)``: bytes read and written of ``W I O``, all copies of a memory together.
        one: Shape ``(rows, M, 2)``: bytes that the first copy of a memory reads and writes.
        serial: Shape ``(rows, M, 2)``: those of them that the array waits for, being moved to or from a memory that is
            not double-buffered.
        ramp: Shape ``(rows, 2)``: bytes read from the outermost memory before the first step, and written to it after
            the last.
        cycles: Shape ``(rows,)``: cycles of the array.
        steps: Shape ``(rows,)``: those in which PEs work.
        room: Shape ``(rows, M, 3)``: room that tiles take.
        allowed: Shape ``(rows,)``: whether no kept output leaves half-done: it has no room for partial sums.
    """

    moved: Floats
    one: Floats
    serial: Floats
    ramp: Floats
    cycles: Floats
    steps: Floats
    room: Floats
    allowed: Flags
