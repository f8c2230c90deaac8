"""A loop nest as it is executed: which copy of which memory works on which part of the op at a moment.

Loops turn as often as the first copy needs, which has the largest part; the other copies march with it and sit out the
turns that are beyond their part. Nothing is counted here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim, Operand
from accelsim.hardware.engines import Dataflow
from accelsim.workload.ops import Op

__all__ = ["INDEXED_BY", "REDUCED", "Box", "Copy", "Element", "Machine", "Mapping", "Nest", "Tensors"]

#: Start and end along every dim that turns.
Box = tuple[tuple[int, int], ...]
#: For every dim that turns, which of the copies along it at each place from the outside on.
Copy = tuple[tuple[int, ...], ...]
Element = tuple[int, ...]

#: Dims that index each operand of a kind of op; written down apart from the registered kinds.
INDEXED_BY: dict[str, dict[Operand, tuple[Dim, ...]]] = {
    "convolution": {
        Operand.W: (Dim.G, Dim.K, Dim.C, Dim.FZ, Dim.FY, Dim.FX),
        Operand.I: (Dim.B, Dim.G, Dim.C, Dim.OZ, Dim.OY, Dim.OX, Dim.FZ, Dim.FY, Dim.FX),
        Operand.O: (Dim.B, Dim.G, Dim.K, Dim.OZ, Dim.OY, Dim.OX),
    },
    # One matrix for all positions of all images.
    "fully_connected": {
        Operand.W: (Dim.K, Dim.C),
        Operand.I: (Dim.B, Dim.C, Dim.OY, Dim.OX),
        Operand.O: (Dim.B, Dim.K, Dim.OY, Dim.OX),
    },
    # A matrix for every head; OY counts the left matrices that share it.
    "matmul": {
        Operand.W: (Dim.G, Dim.K, Dim.C),
        Operand.I: (Dim.G, Dim.C, Dim.OY, Dim.OX),
        Operand.O: (Dim.G, Dim.K, Dim.OY, Dim.OX),
    },
}
REDUCED = (Dim.C, Dim.FZ, Dim.FY, Dim.FX)


@dataclass(frozen=True)
class Machine:
    """Memories 0 (outermost) to ``L``, the places 1 to ``L + 1`` (the array) where copies may stand, and the array.

    Attributes:
        holds: For each memory, which of ``W I O`` it holds; the outermost holds all.
        sliding: For each memory, whether neighbouring input windows share their overlap.
        fans: For each place, whether it may stand in copies.
        multicast: For each place, whether copies that need the same tile share one read outside.
        reduces: For each place, whether sums of copies are added on the way out.
        flow: How a copy of the array works through its part of the innermost tile.
        rows: PEs down.
        columns: PEs across.
        hold_limit: Steps of the stream that a held weight lasts.
    """

    holds: tuple[tuple[bool, bool, bool], ...]
    sliding: tuple[bool, ...]
    fans: tuple[bool, ...]
    multicast: tuple[bool, ...]
    reduces: tuple[bool, ...]
    flow: Dataflow
    rows: int = 1
    columns: int = 1
    hold_limit: float = math.inf

    @property
    def levels(self) -> int:
        """Memories inside the outermost one."""
        return len(self.holds) - 1

    def parent(self, level: int, operand: Operand) -> int:
        """Return the next memory outside ``level`` that holds ``operand``."""
        place = OPERANDS.index(operand)
        return max(outer for outer in range(level) if self.holds[outer][place])

    def shares(self, operand: Operand) -> tuple[bool, ...]:
        """Return for each place whether its copies share one transfer of ``operand``."""
        return self.reduces if operand is Operand.O else self.multicast


@dataclass(frozen=True)
class Mapping:
    """A nest as it is written; all by the places of ``DIMS``.

    Attributes:
        tiles: For levels 1 to ``L``, the tile of one copy.
        orders: For levels 0 to ``L - 1``, the loops over the tiles of the next level, outermost first.
        copies: For levels 1 to ``L`` and the array, the copies along each dim.
    """

    tiles: tuple[tuple[int, ...], ...]
    orders: tuple[tuple[int, ...], ...]
    copies: tuple[tuple[int, ...], ...]


class Nest:
    """The loops of a mapping and where they stand.

    Attributes:
        dims: Dims that turn at all.
        loops: Loops with more than one turn in a full tile, as (level, place in ``dims``), outermost first.
    """

    def __init__(self, op: Op, mapping: Mapping) -> None:
        self.op = op
        self.dims = tuple(dim for dim in DIMS if op.size(dim) > 1)
        places = [dim.position for dim in self.dims]
        self._sizes = [op.sizes[place] for place in places]
        self._copies = [[spread[place] for spread in mapping.copies] for place in places]
        self._tiles = [
            # What a copy of the array takes of a full innermost tile.
            [*(tile[place] for tile in mapping.tiles), -(-mapping.tiles[-1][place] // mapping.copies[-1][place])]
            for place in places
        ]
        self._turn = [[0] * len(mapping.tiles) for _ in places]
        self._seen: dict[tuple[int, int, tuple[int, ...]], list[tuple[tuple[int, ...], tuple[int, int]]]] = {}
        self.loops = [
            (level, self.dims.index(DIMS[place]))
            for level, order in enumerate(mapping.orders)
            for place in order
            if DIMS[place] in self.dims and self._turns_when_full(level, self.dims.index(DIMS[place])) > 1
        ]

    def _turns_when_full(self, level: int, dim: int) -> int:
        outer = self._tiles[dim][level - 1] if level else self._sizes[dim]
        return -(-outer // self._step(level, dim))

    def _step(self, level: int, dim: int) -> int:
        return self._tiles[dim][level] * self._copies[dim][level]

    def turns(self, loop: int) -> Iterator[int]:
        """Take the turns of a loop one by one, as many as the first copy has; afterwards it is at its start again."""
        level, dim = self.loops[loop]
        first = (0,) * level
        start, end = next(span for copy, span in self._spans(dim, level) if copy == first)
        for turn in range(-(-(end - start) // self._step(level, dim))):
            self._turn[dim][level] = turn
            yield turn
        self._turn[dim][level] = 0

    def active(self, place: int) -> list[tuple[Copy, Box]]:
        """Return the copies of ``place`` that have work now, each with its part of the op; the first copy first."""
        spans = [self._spans(dim, place) for dim in range(len(self.dims))]
        return [
            (tuple(copy for copy, _ in chosen), tuple(span for _, span in chosen))
            for chosen in itertools.product(*spans)
        ]

    def _spans(self, dim: int, place: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        key = (dim, place, tuple(self._turn[dim][:place]))
        if key not in self._seen:
            copies = itertools.product(*(range(count) for count in self._copies[dim][:place]))
            spans = [(copy, self._span(dim, copy)) for copy in copies]
            self._seen[key] = [(copy, (start, end)) for copy, (start, end) in spans if start < end]
        return self._seen[key]

    def _span(self, dim: int, copy: Sequence[int]) -> tuple[int, int]:
        start, end = 0, self._sizes[dim]
        for level, place in enumerate(copy):
            turn = self._turn[dim][level] if level < len(self._turn[dim]) else 0
            start += turn * self._step(level, dim) + place * self._tiles[dim][level]
            end = min(end, start + self._tiles[dim][level])
        return start, end

    def full(self, dim: int) -> int:
        """Return what a copy of the array takes of a dim in a full tile."""
        return self._tiles[dim][-1]


class Tensors:
    """Which elements of the tensors a part of the op reads and writes."""

    def __init__(self, op: Op, dims: Sequence[Dim]) -> None:
        self.op, self.dims = op, tuple(dims)
        self.lanes = {
            operand: tuple(place for place, dim in enumerate(dims) if dim in INDEXED_BY[op.kind][operand])
            for operand in OPERANDS
        }
        self.windowed = op.kind == "convolution"
        windows = {dim for pair in WINDOWS for dim in pair}
        self._plain = tuple(place for place in self.lanes[Operand.I] if not self.windowed or dims[place] not in windows)
        self._place = {dim: place for place, dim in enumerate(dims)}
        self._known: dict[tuple[Operand, Box], frozenset[Element]] = {}

    def of(self, operand: Operand, box: Box) -> frozenset[Element]:
        """Return the elements of a tile; an input tile is a window, clipped to the values that exist."""
        key = (operand, tuple(box[place] for place in self.lanes[operand]))
        if key not in self._known:
            plain = self._plain if operand is Operand.I else self.lanes[operand]
            ranges: list[Sequence[int]] = [range(*box[place]) for place in plain]
            if operand is Operand.I and self.windowed:
                for axis in range(len(WINDOWS)):
                    seen, extent = self.window(axis, box), self.op.extent[axis]
                    ranges.append(range(max(seen.start, 0), min(seen.stop, extent)))
            self._known[key] = frozenset(itertools.product(*ranges))
        return self._known[key]

    def window(self, axis: int, box: Box) -> range:
        """Return the planes, rows or columns between the first and the last that a part sees; padding too."""
        outs, taps = (range(*self._span(box, dim)) for dim in WINDOWS[axis])
        seen = [self.input_at(axis, out, tap) for out in (outs[0], outs[-1]) for tap in (taps[0], taps[-1])]
        return range(min(seen), max(seen) + 1)

    def _span(self, box: Box, dim: Dim) -> tuple[int, int]:
        return box[self._place[dim]] if dim in self._place else (0, 1)

    def input_at(self, axis: int, out: int, tap: int) -> int:
        """Return the input plane, row or column that an output sees through a filter tap; may be padding."""
        return out * self.op.stride[axis] + tap * self.op.dilation[axis] - self.op.padding[axis]

    def unclipped(self, box: Box, before: Box | None = None, axis: int | None = None) -> int:
        """Return the elements of an input tile where padding counts, at most what the tensor is long.

        With ``before``, those along ``axis`` that a tile one step before did not have.
        """
        count = math.prod(box[place][1] - box[place][0] for place in self._plain)
        if not self.windowed:
            return count
        for along in range(len(WINDOWS)):
            seen = set(self.window(along, box))
            if before is not None and along == axis:
                seen -= set(self.window(along, before))
            count *= min(len(seen), self.op.extent[along])
        return count

    def read_at(self, point: Sequence[int]) -> Element | None:
        """Return the element of the input that a point of the loops reads, or ``None`` for padding."""
        plain = tuple(point[place] for place in self._plain)
        if not self.windowed:
            return plain
        seen = []
        for axis, (out, tap) in enumerate(WINDOWS):
            at = self.input_at(axis, *(point[self._place[dim]] if dim in self._place else 0 for dim in (out, tap)))
            if not 0 <= at < self.op.extent[axis]:
                return None
            seen.append(at)
        return (*plain, *seen)
