"""The best row of every layer on every design: a compiled loop over designs, layers and the rows worth comparing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.cost.prices import Prices
from accelsim.cost.store import Rows
from accelsim.mapping.nest import Ints

__all__ = ["Chosen", "choose"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The best rows; arrays of shape ``(layers, designs)``.

    Attributes:
        row: Place in the layer's front.
        latency_cycles: Cycles from the first fetch to the last write.
        dynamic_pj: Energy of everything but leakage.
        steps: Cycles in which PEs work.
        outer_bytes: Bytes to and from the outermost memory.
        legal: Whether it fits; the figures of others mean nothing.
    """

    row: Ints
    latency_cycles: Floats
    dynamic_pj: Floats
    steps: Floats
    outer_bytes: Floats
    legal: npt.NDArray[np.bool_]


def choose(rows: Rows, which: Ints, charged: Prices, base: Floats, free: Floats) -> Chosen:
    """Return the row with the least energy x delay of each layer on each design, the first of equals.

    Args:
        rows: Rows of all fronts.
        which: Shape ``(layers, designs)``: the front that holds.
        charged: What the designs charge.
        base: Shape ``(layers,)``: energy that no mapping changes, in pJ.
        free: Shape ``(M, layers, designs)``: room for tiles; infinite where there is no limit.
    """
    figures = np.zeros((4, *which.shape))
    best, legal = np.zeros(which.shape, dtype=np.int64), np.zeros(which.shape, dtype=np.bool_)
    _choose(rows, which, charged, base, free, best, figures, legal)
    return Chosen(best, figures[0], figures[1], figures[2], figures[3], legal)


#: Designs whose running figures stay in the nearest cache.
_BLOCK = 512


class _Block(NamedTuple):
    """Some designs of one front, and the figures of the row at hand; shape ``(designs,)`` but for the first two."""

    slow: Floats
    dear: Floats
    room: Floats
    dispatch: Floats
    leakage: Floats
    energy: Floats
    pace: Floats
    waits: Floats
    fits: npt.NDArray[np.bool_]
    least: Floats
    winner: Ints


@compiled
def _larger(one: float, other: float) -> float:
    # Without regard to NaN, so that the compiler can take several designs at once.
    return one if one > other else other


@borrowing
def _price(rows: Rows, row: int, base: float, block: _Block, count: int) -> None:
    """Work out energy and cycles of a row on ``count`` designs.

    With double buffering, fetching, computing and writing back overlap, so the slowest of them sets the pace; only the
    first tile is waited for, and the last result. Transfers to or from a memory without double buffering are waited
    for in full.
    """
    energy, pace, waits, fits, slow, dear = block.energy, block.pace, block.waits, block.fits, block.slow, block.dear
    cycles = rows.cycles[row]
    for at in range(count):
        energy[at], pace[at], waits[at], fits[at] = base, cycles, 0.0, True
    for level in range(slow.shape[0]):
        read, written = rows.one[row, level, 0], rows.one[row, level, 1]
        late_read, late_written = rows.serial[row, level, 0], rows.serial[row, level, 1]
        first, last = (rows.ramp[row, 0], rows.ramp[row, 1]) if level == 0 else (0.0, 0.0)
        all_read, all_written, room = rows.moved[row, level, 0], rows.moved[row, level, 1], rows.room[row, level]
        for at in range(count):
            both, reading, writing = slow[level, 0, at], slow[level, 1, at], slow[level, 2, at]
            busy = _larger(both * (read + written), _larger(reading * read, writing * written))
            in_turn, out_turn = _larger(both, reading), _larger(both, writing)
            ramp = in_turn * first + out_turn * last
            waited = _larger(in_turn * late_read + out_turn * late_written, busy if busy < ramp else ramp)
            waits[at] += waited
            pace[at] = _larger(pace[at], busy - waited)
            energy[at] += all_read * dear[level, 0, at] + all_written * dear[level, 1, at]
            fits[at] = fits[at] and room <= block.room[level, at]


@borrowing
def _alike(which: Ints, left: Ints, remaining: int, chosen: Ints) -> tuple[int, int]:
    """Take designs that share the front of the first that is left, up to a block; return how many, and what is left."""
    front, count, kept = which[left[0]], 0, 0
    for at in range(remaining):
        if count < len(chosen) and which[left[at]] == front:
            chosen[count] = left[at]
            count += 1
        else:
            left[kept] = left[at]
            kept += 1
    return count, kept


@borrowing
def _fill(block: _Block, chosen: Ints, count: int, charged: Prices, free: Floats) -> None:
    """Fill in what the designs charge and the room that they have."""
    for at in range(count):
        design = chosen[at]
        for level in range(block.slow.shape[0]):
            for way in range(3):
                block.slow[level, way, at] = charged.cycles_per_byte[level, way, design]
            for way in range(2):
                block.dear[level, way, at] = charged.pj_per_byte[level, way, design]
            block.room[level, at] = free[level, design]
        block.dispatch[at], block.leakage[at] = charged.dispatch[design], charged.leakage[design]
        block.least[at], block.winner[at] = np.inf, -1


@compiled
def _choose(
    rows: Rows,
    which: Ints,
    charged: Prices,
    base: Floats,
    free: Floats,
    best: Ints,
    figures: Floats,
    legal: npt.NDArray[np.bool_],
) -> None:
    memories, designs = charged.cycles_per_byte.shape[0], which.shape[1]
    size = min(_BLOCK, designs)
    block = _Block(
        np.empty((memories, 3, size)),
        np.empty((memories, 2, size)),
        np.empty((memories, size)),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size, np.bool_),
        np.empty(size),
        np.empty(size, np.int64),
    )
    chosen, left = np.empty(size, np.int64), np.empty(designs, np.int64)
    for layer in range(which.shape[0]):
        remaining = designs
        for design in range(designs):
            left[design] = design
        while remaining:
            front = which[layer, left[0]]
            count, remaining = _alike(which[layer], left, remaining, chosen)
            _fill(block, chosen, count, charged, free[:, layer])
            for row in range(rows.starts[front], rows.starts[front + 1]):
                if not rows.allowed[row]:
                    continue
                _price(rows, row, base[layer], block, count)
                for at in range(count):
                    cycles = block.pace[at] + block.waits[at] + block.dispatch[at]
                    score = cycles * (block.energy[at] + block.leakage[at] * cycles)
                    if block.fits[at] and score < block.least[at]:
                        block.least[at], block.winner[at] = score, row
                        figures[0, layer, chosen[at]], figures[1, layer, chosen[at]] = cycles, block.energy[at]
            for at in range(count):
                design, row = chosen[at], block.winner[at]
                if row >= 0:
                    best[layer, design], legal[layer, design] = row - rows.starts[front], True
                    figures[2, layer, design] = rows.steps[row]
                    figures[3, layer, design] = rows.moved[row, 0, 0] + rows.moved[row, 0, 1]
