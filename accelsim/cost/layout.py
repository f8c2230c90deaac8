"""How rows lie on an array of a given dataflow, before its size is known: worked out once, reused by every design."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.rows import Rows
from accelsim.dims import OPERANDS, Dim, Operand
from accelsim.hardware.engines import Dataflow

__all__ = ["Axis", "Layout", "lay_out"]

Floats = npt.NDArray[np.float64]
_Group = tuple[Dim, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The distinct ways in which rows cut the groups of dims of an axis, and which row has which.

    Attributes:
        row: Shape ``(rows,)``: place of each row among the distinct ones.
        tiles: For each group, shape ``(distinct, 1)``: points of the full innermost tile.
        parts: For each group, pairs (how many, points) of innermost tiles, each of shape ``(distinct, 1)``.
    """

    row: npt.NDArray[np.int64]
    tiles: tuple[Floats, ...]
    parts: tuple[tuple[tuple[Floats, Floats], ...], ...]

    def passes(self, capacity: Floats) -> list[Floats]:
        """Return for each group the passes over all innermost tiles, shape ``(rows, designs)``.

        A group of ``n`` points takes ``ceil(n / A)`` passes of ``A`` PEs, a partial one as long as a full one; the
        next group may use ``A`` divided by what this one takes.

        Args:
            capacity: PEs of the axis, shape ``(designs,)``.
        """
        left = capacity[None, :]
        result = []
        for tile, parts in zip(self.tiles, self.parts, strict=True):
            used = np.minimum(tile, left)
            turns = sum((count * np.ceil(points / used) for count, points in parts), np.zeros((1, 1)))
            result.append(turns[self.row])
            left = np.floor(left / used)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Rows on an array of unknown size. Arrays are of shape ``(rows, 1)``.

    Attributes:
        axes: What lies on the rows and on the columns of PEs.
        stream: The stream, as if it were an axis: a held weight lasts for a number of its steps.
        steps: Steps, if every group took one spatial pass.
        passes: Passes, if every group took one spatial pass.
        accesses: For ``W I O``, elements that cross the edge, if every group took one spatial pass.
        again: For ``W I O``, for each axis and group, which rows need the operand again in every spatial pass;
            ``None`` if none does.
        held_weights: Whether weights are held over the stream.
    """

    axes: tuple[Axis, Axis]
    stream: Axis
    steps: Floats
    passes: Floats
    accesses: tuple[Floats, ...]
    again: tuple[tuple[tuple[npt.NDArray[np.bool_] | None, ...], ...], ...]
    held_weights: bool


def lay_out(rows: Rows, flow: Dataflow) -> Layout:
    """Return how ``rows`` lie on an array with dataflow ``flow``."""
    pieces = rows.piece_counts.sum(axis=1)
    sequential = _product(rows.sizes, flow.sequential)
    spatial = (flow.rows, flow.columns)
    return Layout(
        axes=(_axis(rows, flow.rows), _axis(rows, flow.columns)),
        stream=_axis(rows, (flow.stream,)),
        steps=(sequential * _product(rows.sizes, flow.stream))[:, None],
        passes=(sequential * _product(pieces, flow.stream))[:, None],
        accesses=tuple(_accesses(rows, flow, operand, pieces)[:, None] for operand in OPERANDS),
        again=tuple(
            tuple(tuple(_again(rows, flow, operand, group) for group in axis) for axis in spatial)
            for operand in OPERANDS
        ),
        held_weights=Operand.W in flow.held,
    )


def _axis(rows: Rows, groups: tuple[_Group, ...]) -> Axis:
    if not groups:
        return Axis(np.zeros(len(rows.layer), dtype=np.int64), (), ())
    tiles = [_product(rows.tile, group) for group in groups]
    parts = []
    for group in groups:
        positions = [dim.position for dim in group]
        for choice in itertools.product(range(rows.piece_sizes.shape[1]), repeat=len(group)):
            counts = rows.piece_counts[:, choice, positions].prod(axis=1)
            if counts.any():
                parts.append((group, counts, rows.piece_sizes[:, choice, positions].prod(axis=1)))
    key = np.stack([*tiles, *(values for _, *pair in parts for values in pair)], axis=1)
    distinct, row = np.unique(key, axis=0, return_inverse=True)
    column = iter(np.split(distinct, distinct.shape[1], axis=1))
    full = tuple(next(column) for _ in tiles)
    pairs = [(group, next(column), next(column)) for group, *_ in parts]
    return Axis(row.reshape(-1), full, tuple(tuple((n, p) for g, n, p in pairs if g == group) for group in groups))


def _again(rows: Rows, flow: Dataflow, operand: Operand, group: _Group) -> npt.NDArray[np.bool_] | None:
    """Return which rows need ``operand`` again in every spatial pass of ``group``: those it does not index."""
    indexes = rows.indexes[:, OPERANDS.index(operand)]
    free: npt.NDArray[np.bool_] = np.logical_not(indexes[:, [dim.position for dim in group]].any(axis=1))
    return free[:, None] if free.any() and operand not in flow.held else None


def _accesses(rows: Rows, flow: Dataflow, operand: Operand, pieces: Floats) -> Floats:
    """Return the elements of ``operand`` that cross the edge, if every group took one spatial pass.

    The dims that index it count in full. Over the others it is read again: once per innermost tile if it is held,
    once per point if not (spatial groups aside, whose passes are counted with the size of the array).
    """
    indexes = rows.indexes[:, OPERANDS.index(operand)]
    held = operand in flow.held
    spatial = np.zeros(indexes.shape[1], dtype=bool)
    spatial[[dim.position for group in (*flow.rows, *flow.columns) for dim in group]] = True
    over_others = pieces if held else np.where(spatial, 1.0, rows.sizes)
    elements = np.where(indexes, rows.sizes, over_others).prod(axis=1)
    return np.asarray(elements * (rows.useful_share if operand is Operand.I else 1.0))


def _product(values: Floats, group: _Group) -> Floats:
    """Return the product over the dims of ``group``, shape ``(rows,)``."""
    return np.asarray(values[:, [dim.position for dim in group]].prod(axis=1))
