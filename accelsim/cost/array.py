"""What the array does with its tiles: steps, passes, and the elements that cross its edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.cost.pieces import pieces
from accelsim.cost.traffic import Structure, relevant
from accelsim.dims import DIMS, OPERANDS
from accelsim.hardware.engines import Dataflow
from accelsim.mapping.nest import Ints, Mappings, useful_share
from accelsim.workload.ops import Op

__all__ = ["Geometry", "Work", "work"]

Floats = npt.NDArray[np.float64]
_SEQUENTIAL, _STREAM, _SPATIAL = range(3)
_TIME = 0
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)


class Geometry(NamedTuple):
    """The size of an array.

    Attributes:
        rows: PEs down.
        columns: PEs across.
        hold_limit: Stream steps that a held weight lasts; infinite if there is no limit.
    """

    rows: float
    columns: float
    hold_limit: float


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The array's share of the work of many mappings; all copies together unless said otherwise.

    Attributes:
        steps: Shape ``(mappings,)``: cycles in which PEs work on a pass, fill and drain left out.
        cycles: Shape ``(mappings,)``: steps, and the overhead of every pass.
        crossing: Shape ``(mappings, 3)``: elements of ``W I O`` that cross between the array and the innermost memory
            that holds them; outputs count each write, partial sums included.
        one: Shape ``(mappings, 3)``: the elements that cross to the first copy of that memory.
        share: Shape ``(mappings,)``: the outputs that this copy holds a sum of at any time.
    """

    steps: Floats
    cycles: Floats
    crossing: Floats
    one: Floats
    share: Floats


class _Table(NamedTuple):
    """Pieces by dim, cut and question, and how the dataflow lays dims out.

    Attributes:
        sizes: Shape ``(dims, cuts, questions, pieces)``.
        times: Same shape.
        tile: Shape ``(dims, cuts)``: what a copy of the array takes of the innermost tile.
        groups: Shape ``(groups, 4)``: dims that share an axis as one loop, -1 where there are fewer; the stream last.
        axis: Shape ``(groups,)``: 0 on the rows, 1 on the columns, 2 the stream.
        role: Shape ``(dims,)``: sequential, streamed or spatial.
        indexes: Shape ``(3, dims)``.
        held: Shape ``(3,)``.
        asked: Shape ``(11,)``: the questions of time; of the crossing of ``W I O`` of all copies, and of the first; of
            the share of an operand that all copies deal with, and, for ``W I O``, the first.
    """

    sizes: Ints
    times: Ints
    tile: Ints
    groups: Ints
    axis: Ints
    role: Ints
    indexes: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]
    asked: Ints


@compiled
def _turns(t: _Table, picked: Ints, group: int, question: int, most: float, alone: Ints) -> float:
    """Return the passes over all pieces of a group, ``most`` points at a time; a partial pass is as long as a full one.

    ``alone`` is room for a counter of each dim.
    """
    alone[:] = 0
    total = 0.0
    while True:
        points, met = 1.0, 1.0
        for at in range(4):
            d = t.groups[group, at]
            if d >= 0:
                points *= t.sizes[d, picked[d], question, alone[at]]
                met *= t.times[d, picked[d], question, alone[at]]
        if met > 0:
            total += met * np.ceil(points / most)
        at = 0
        while at < 4:
            d = t.groups[group, at]
            if d >= 0 and alone[at] + 1 < t.sizes.shape[3] and t.times[d, picked[d], question, alone[at] + 1] > 0:
                alone[at] += 1
                break
            alone[at] = 0
            at += 1
        if at == 4:
            return total


@compiled
def _room(t: _Table, picked: Ints, rows: float, columns: float, room: Floats) -> None:
    """Fill the points that a pass takes of each group: the first fills an axis, the next divides what is left."""
    left = np.empty(2)
    left[0], left[1] = rows, columns
    for group in range(len(t.axis)):
        if t.axis[group] == 2:
            continue
        tile = 1.0
        for at in range(4):
            d = t.groups[group, at]
            if d >= 0:
                tile *= t.tile[d, picked[d]]
        room[group] = min(tile, left[t.axis[group]])
        left[t.axis[group]] = np.floor(left[t.axis[group]] / room[group])


@compiled
def _sum(t: _Table, d: int, cut: int, question: int, points: bool) -> float:
    total = 0.0
    for at in range(t.sizes.shape[3]):
        times = t.times[d, cut, question, at]
        total += float(times) * float(t.sizes[d, cut, question, at]) if points else float(times)
    return total


@compiled
def _crossing(t: _Table, picked: Ints, operand: int, asked: int, turns: Floats, share: int) -> float:
    """Return the elements that cross; ``share`` is the question of how much of the operand is dealt with at all."""
    result = 1.0
    for d in range(len(t.role)):
        if t.indexes[operand, d]:
            result *= _sum(t, d, picked[d], share, True)
        elif t.held[operand]:
            result *= _sum(t, d, picked[d], asked, False)
        elif t.role[d] != _SPATIAL:
            result *= _sum(t, d, picked[d], asked, True)
    if not t.held[operand]:
        for group in range(len(t.axis)):
            if t.axis[group] == 2:
                continue
            free = True
            for at in range(4):
                d = t.groups[group, at]
                if d >= 0 and t.indexes[operand, d]:
                    free = False
            if free:
                result *= turns[group]
    return result


@compiled
def _fill(
    t: _Table,
    cut: Ints,
    size: tuple[float, float, float],
    found: Floats,
    crossing: Floats,
    one: Floats,
    share: Floats,
    fans: bool,
) -> None:
    groups = len(t.axis)
    room, turns, alone = np.empty(groups), np.empty(groups), np.empty(4, np.int64)
    for row in range(cut.shape[0]):
        picked = cut[row]
        _room(t, picked, size[0], size[1], room)
        spatial = 1.0
        for group in range(groups):
            if t.axis[group] != 2:
                turns[group] = _turns(t, picked, group, t.asked[_TIME], room[group], alone)
                spatial *= turns[group]
        steps, passes = spatial, spatial
        for d in range(len(t.role)):
            if t.role[d] == _SEQUENTIAL:
                points = _sum(t, d, picked[d], t.asked[_TIME], True)
                steps, passes = steps * points, passes * points
            elif t.role[d] == _STREAM:
                steps *= _sum(t, d, picked[d], t.asked[_TIME], True)
                passes *= _sum(t, d, picked[d], t.asked[_TIME], False)
        found[row, 0], found[row, 1] = steps, passes
        share[row] = 1.0
        for d in range(len(t.role)):
            if t.indexes[_OUTPUTS, d]:
                share[row] *= _sum(t, d, picked[d], t.asked[8 + _OUTPUTS], True)
        for operand in range(3):
            for which in range(2):
                if which == 1 and not fans:
                    one[row, operand] = crossing[row, operand]
                    continue
                asked = t.asked[1 + 3 * which + operand]
                if fans:
                    for group in range(groups):
                        if t.axis[group] != 2:
                            turns[group] = _turns(t, picked, group, asked, room[group], alone)
                dealt = t.asked[7] if which == 0 else t.asked[8 + operand]
                result = _crossing(t, picked, operand, asked, turns, dealt)
                if operand == _WEIGHTS and t.held[_WEIGHTS] and size[2] < np.inf:
                    # A held weight is read again after so many steps of the stream.
                    stream = groups - 1
                    tile = 1.0
                    for at in range(4):
                        d = t.groups[stream, at]
                        if d >= 0:
                            tile *= t.tile[d, picked[d]]
                    again = _turns(t, picked, stream, asked, min(tile, size[2]), alone)
                    result *= again / _turns(t, picked, stream, asked, tile, alone)
                if which == 0:
                    crossing[row, operand] = result
                else:
                    one[row, operand] = result


def work(op: Op, mappings: Mappings, structure: Structure, flow: Dataflow, size: Geometry) -> Work:
    """Return what the array does for every mapping.

    Steps are spatial passes times the stream. An operand that is not held crosses the edge once per pass that needs
    it: all PEs of an axis that does not index it share it (multicast of inputs and weights, spatial reduction of
    outputs). A held operand crosses once per tile; a held weight again after ``hold_limit`` steps of the stream.
    """
    table = _table(op, mappings, structure, flow)
    rows = len(mappings)
    found, crossing, one = np.empty((rows, 2)), np.empty((rows, 3)), np.empty((rows, 3))
    share = np.empty(rows)
    fans, shape = any(structure.fans), (size.rows, size.columns, size.hold_limit)
    _fill(table, mappings.cut, shape, found, crossing, one, share, fans)
    crossing[:, _INPUTS] *= useful_share(op)
    if not structure.copied(0, structure.parent(structure.levels + 1, _INPUTS)):
        # A copy in the middle of the picture sees no padding.
        one[:, _INPUTS] *= useful_share(op)
    overhead = float(flow.pass_overhead(np.array([size.rows]), np.array([size.columns]))[0])
    return Work(found[:, 0], found[:, 0] + found[:, 1] * overhead, crossing, one, share)


def _table(op: Op, mappings: Mappings, structure: Structure, flow: Dataflow) -> _Table:
    place = structure.levels + 1
    masks: dict[int, int] = {}
    parents = [structure.parent(place, operand) for operand in range(3)]
    every = [structure.shared(parent, place, operand) for operand, parent in enumerate(parents)]
    outside = [structure.copied(0, parent) for parent in parents]
    wanted = [structure.copied(0, place), *every]
    wanted += [mask | outer for mask, outer in zip(every, outside, strict=True)]
    wanted += [0, *outside]
    asked = [masks.setdefault(mask, len(masks)) for mask in wanted]
    turning = [at for at, dim in enumerate(DIMS) if op.size(dim) > 1]
    found = {at: [pieces(op.sizes[at], mappings.cuts[at], mask) for mask in masks] for at in turning}
    most = max(map(len, mappings.cuts))
    width = max((sizes.shape[1] for dim in found.values() for sizes, _ in dim), default=1)
    sizes = np.zeros((len(DIMS), most, len(masks), width), dtype=np.int64)
    sizes[..., 0] = 1
    times, tile = sizes.copy(), np.ones((len(DIMS), most), dtype=np.int64)
    for at, dim in found.items():
        tile[at, : len(mappings.cuts[at])] = mappings.cuts[at].places[:, -1]
        for question, (one, met) in enumerate(dim):
            sizes[at, : len(one), question, : one.shape[1]] = one
            times[at, : len(one), question, : one.shape[1]] = met
    layout = [(0, group) for group in flow.rows] + [(1, group) for group in flow.columns] + [(2, flow.stream)]
    groups = np.full((len(layout), 4), -1)
    for at, (_, group) in enumerate(layout):
        groups[at, : len(group)] = [dim.position for dim in group]
    role = np.full(len(DIMS), _SPATIAL)
    role[[dim.position for dim in flow.sequential]] = _SEQUENTIAL
    role[[dim.position for dim in flow.stream]] = _STREAM
    return _Table(
        sizes=sizes,
        times=times,
        tile=tile,
        groups=groups,
        axis=np.array([axis for axis, _ in layout]),
        role=role,
        indexes=np.array([relevant(op, operand) for operand in OPERANDS]),
        held=np.array([operand in flow.held for operand in OPERANDS]),
        asked=np.array(asked),
    )
