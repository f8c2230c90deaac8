"""An array, perhaps in copies, that works through an innermost tile point by point, as its dataflow says.

How the axes of PEs are divided among loops is set once, by what a copy takes of a full tile. Copies march together:
what each does at a tick is what its loops say for that tick, and one with a smaller part sits ticks out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from accelsim.dims import Dim
from oracle.machine_nest import Box, Element, Machine, Nest

__all__ = ["Array", "Step", "overhead"]


def overhead(dataflow: str, rows: int, columns: int) -> int:
    """Return the cycles a pass takes beyond its steps: loading what is held, and the skew of the operands."""
    skew = (rows - 1) + (columns - 1)
    known = {"weight_stationary": rows + skew, "output_stationary": skew, "input_stationary": rows + skew}
    return known.get(dataflow, 0)


class Step(NamedTuple):
    """What the PEs of one copy of the array compute in one cycle.

    Attributes:
        tick: When, counted in the ticks of a full tile.
        run: The pass it belongs to, counted in those of a full tile.
        stripe: How often in this pass weights had to be read again before it.
        points: The points of the loops, one for every PE that is busy.
    """

    tick: int
    run: int
    stripe: int
    points: list[Element]


class Array:
    """The steps of a copy of the array through its part of a tile."""

    def __init__(self, nest: Nest, machine: Machine) -> None:
        flow = machine.flow
        self._limit = machine.hold_limit
        self._full = [nest.full(place) for place in range(len(nest.dims))]

        def turning(dims: Sequence[Dim]) -> tuple[int, ...]:
            return tuple(nest.dims.index(dim) for dim in dims if dim in nest.dims)

        self._outer, self._stream = turning(flow.sequential), turning(flow.stream)
        rows, columns = [turning(group) for group in flow.rows], [turning(group) for group in flow.columns]
        self._groups = [*self._divided(rows, machine.rows), *self._divided(columns, machine.columns)]

    def _divided(self, groups: list[tuple[int, ...]], capacity: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Give the groups of an axis their PEs: each with how many it has, and how often a full tile fills them."""
        for group in groups:
            points = math.prod(self._full[place] for place in group)
            share = min(points, capacity)
            capacity //= share
            yield group, share, -(-points // share)

    def steps(self, box: Box) -> Iterator[Step]:
        """Take the steps of a copy that has ``box`` to do."""
        folds = [list(self._folds(box, group, share)) for group, share, _ in self._groups]
        stream = list(self._walk(box, self._stream))
        length = math.prod(self._full[place] for place in self._stream)
        layout = (*self._outer, *(place for group, _, _ in self._groups for place in group), *self._stream)
        back = sorted(range(len(layout)), key=layout.__getitem__)
        for outer, start in self._walk(box, self._outer):
            for laid in itertools.product(*map(enumerate, folds)):
                run = outer
                for (fold, _), (_, _, most) in zip(laid, self._groups, strict=True):
                    run = run * most + fold
                spread = [tuple(itertools.chain(*points)) for points in itertools.product(*(part for _, part in laid))]
                for step, (tick, streamed) in enumerate(stream):
                    points = []
                    for middle in spread:
                        point = start + middle + streamed
                        points.append(tuple([point[place] for place in back]))
                    yield Step(run * length + tick, run, int(step // self._limit), points)

    def _walk(self, box: Box, dims: Sequence[int]) -> Iterator[tuple[int, Element]]:
        """Walk over the points of some dims; number them as a full tile does."""
        for point in itertools.product(*(range(*box[place]) for place in dims)):
            number = 0
            for place, at in zip(dims, point, strict=True):
                number = number * self._full[place] + at - box[place][0]
            yield number, point

    @staticmethod
    def _folds(box: Box, group: Sequence[int], share: int) -> Iterator[list[Element]]:
        points = list(itertools.product(*(range(*box[place]) for place in group)))
        for start in range(0, len(points), share):
            yield points[start : start + share]
