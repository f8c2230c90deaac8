"""The mappings of many layers side by side: what depends on no design, computed once per op and reused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.cost.traffic import Structure, Traffic, relevant, traffic
from accelsim.dims import OPERANDS
from accelsim.mapping.mapspace import mapspace
from accelsim.mapping.nest import Mappings, leaves, useful_share
from accelsim.workload.ops import Op

__all__ = ["OpRows", "Rows", "candidates", "op_rows", "stack"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9
_TRAFFIC = tuple(field.name for field in fields(Traffic))


@dataclass(frozen=True, slots=True, eq=False)
class OpRows:
    """An op and some of its mappings, with their traffic and the pieces the array works through.

    Attributes:
        op: The op.
        mappings: The mappings.
        traffic: Their traffic.
        piece_sizes: Shape ``(mappings, levels + 1, dims)``: sizes of the innermost tiles along each dim.
        piece_counts: Same shape: how many there are of each.
    """

    op: Op
    mappings: Mappings
    traffic: Traffic
    piece_sizes: Floats
    piece_counts: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of several layers stacked; the first axis of every array is the row.

    Attributes:
        layer: Which layer a row belongs to; rows of a layer stand together.
        starts: First row of each layer.
        traffic: Stacked traffic.
        tile: Shape ``(rows, dims)``: the innermost tile.
        piece_sizes: As in ``OpRows``.
        piece_counts: As in ``OpRows``.
        sizes: Shape ``(rows, dims)``: loop sizes.
        indexes: Shape ``(rows, 3, dims)``: whether a dim indexes ``W``, ``I``, ``O``.
        bits: Shape ``(rows, 4)``: widths of ``W``, ``I``, ``O`` and partial sums.
        useful_share: Share of the loop points that read a real input.
        macs: Multiply-accumulates.
        outputs: Elements of the output.
    """

    layer: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    traffic: Traffic
    tile: Floats
    piece_sizes: Floats
    piece_counts: Floats
    sizes: Floats
    indexes: npt.NDArray[np.bool_]
    bits: Floats
    useful_share: Floats
    macs: Floats
    outputs: Floats


def op_rows(op: Op, mappings: Mappings, structure: Structure) -> OpRows:
    """Return ``mappings`` of ``op`` with everything that depends on no design."""
    sizes, counts = leaves(op.sizes, mappings.tiles)
    used = counts.any(axis=(0, 2))
    return OpRows(
        op, mappings, traffic(op, mappings, structure), sizes[:, used].astype(float), counts[:, used].astype(float)
    )


@lru_cache(maxsize=8192)
def candidates(op: Op, structure: Structure) -> OpRows:
    """Return the default mapper's candidates, without those that another one with the same tiles never loses to.

    Safe to drop, because rows with the same tiles differ only in the order of loops, so they need the same room or
    less and take the same time on the array; one that moves no less of any operand over any boundary, and spills
    wherever the other does, costs no less on any design.
    """
    rows = op_rows(op, mapspace(op, structure.levels), structure)
    kept = _undominated(rows)
    moved = Traffic(*(getattr(rows.traffic, name)[kept] for name in _TRAFFIC))
    return OpRows(op, rows.mappings[kept], moved, rows.piece_sizes[kept], rows.piece_counts[kept])


def _undominated(rows: OpRows) -> npt.NDArray[np.int64]:
    tiles = rows.mappings.tiles.reshape(len(rows.mappings), -1)
    new = np.any(tiles[1:] != tiles[:-1], axis=1)
    edges = np.concatenate([[0], np.flatnonzero(new) + 1, [len(tiles)]])
    orders = edges[1] - edges[0]
    moved = rows.traffic
    features = np.concatenate(
        [part.reshape(len(tiles), -1) for part in (moved.down, moved.up, moved.footprint, moved.spilled)], axis=1
    ).reshape(-1, orders, moved.down.shape[1] * 10)
    alive = np.ones(features.shape[:2], dtype=bool)
    for one in range(orders):
        no_worse = np.all(features[:, one : one + 1] <= features + _ROUNDING, axis=2)
        equal = np.all(features[:, one : one + 1] == features, axis=2)
        later = np.arange(orders)[None, :] > one
        alive &= ~(no_worse & (~equal | later) & alive[:, one : one + 1])
    return np.flatnonzero(alive.reshape(-1))


def stack(layers: Sequence[OpRows]) -> Rows:
    """Return the rows of all layers in one table."""
    lengths = [len(rows.mappings) for rows in layers]
    pieces = max(rows.piece_sizes.shape[1] for rows in layers)

    def padded(array: Floats) -> Floats:
        missing = pieces - array.shape[1]
        return np.pad(array, ((0, 0), (0, missing), (0, 0))) if missing else array

    def repeated(values: Sequence[object], dtype: type) -> npt.NDArray[np.generic]:
        return np.repeat(np.array(values, dtype=dtype), lengths, axis=0)

    ops = [rows.op for rows in layers]
    return Rows(
        layer=np.repeat(np.arange(len(layers)), lengths),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        traffic=Traffic(*(np.concatenate([getattr(rows.traffic, name) for rows in layers]) for name in _TRAFFIC)),
        tile=np.concatenate([rows.mappings.tiles[:, -1] for rows in layers]).astype(float),
        piece_sizes=np.concatenate([padded(rows.piece_sizes) for rows in layers]),
        piece_counts=np.concatenate([padded(rows.piece_counts) for rows in layers]),
        sizes=repeated([op.sizes for op in ops], float),  # type: ignore[arg-type]
        indexes=repeated([[relevant(op, operand) for operand in OPERANDS] for op in ops], bool),  # type: ignore[arg-type]
        bits=repeated([(op.bits.W, op.bits.I, op.bits.O, op.bits.partial) for op in ops], float),  # type: ignore[arg-type]
        useful_share=repeated([useful_share(op) for op in ops], float),  # type: ignore[arg-type]
        macs=repeated([op.macs for op in ops], float),  # type: ignore[arg-type]
        outputs=repeated([op.output_elements for op in ops], float),  # type: ignore[arg-type]
    )
