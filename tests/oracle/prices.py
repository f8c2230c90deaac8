"""What a design charges for a row, in plain Python: latency and energy as docs/model.md says them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Design", "Row", "charge", "designs", "many"]

Pair = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """What a mapping asks for; bytes by memory, outermost first, read and written."""

    moved: Sequence[Pair]
    one: Sequence[Pair]
    waited: Sequence[Pair]
    first: Pair
    cycles: float
    room: Sequence[float]
    allowed: bool


@dataclass(frozen=True)
class Design:
    """Bandwidths of reads and writes together, of reads and of writes (``None``: no limit), energies, room.

    Attributes:
        limits: By memory, bytes a cycle.
        pj: By memory, pJ a byte read and written.
        dispatch: Cycles to start an op.
        leakage: pJ a cycle.
        free: By memory, bytes for tiles.
    """

    limits: Sequence[tuple[float | None, float | None, float | None]]
    pj: Sequence[Pair]
    dispatch: float
    leakage: float
    free: Sequence[float]


def _seconds(amount: float, *limits: float | None) -> float:
    return max((amount / limit for limit in limits if limit is not None), default=0.0)


def charge(row: Row, design: Design, base: float = 0.0) -> tuple[float, float] | None:
    """Return cycles and energy without leakage of a row; ``None`` if it does not fit."""
    if not row.allowed or any(room > free for room, free in zip(row.room, design.free, strict=True)):
        return None
    pace, waits, energy = row.cycles, 0.0, base
    for level, (both, reading, writing) in enumerate(design.limits):
        read, written = row.one[level]
        busy = max(_seconds(read + written, both), _seconds(read, reading), _seconds(written, writing))
        # Nothing overlaps what is waited for: it is read and written one after the other.
        read, written = row.waited[level]
        late = _seconds(read, both, reading) + _seconds(written, both, writing)
        if level == 0:
            before, after = row.first
            late = max(late, min(busy, _seconds(before, both, reading) + _seconds(after, both, writing)))
        waits += late
        pace = max(pace, busy - late)
        energy += row.moved[level][0] * design.pj[level][0] + row.moved[level][1] * design.pj[level][1]
    return pace + waits + design.dispatch, energy


def many(rng: np.random.Generator, low: float, high: float, count: int) -> list[float]:
    """Draw numbers evenly over the logarithm."""
    return [float(value) for value in np.exp(rng.uniform(np.log(low), np.log(high), count))]


def designs(rng: np.random.Generator, memories: int, count: int, *, apart: bool, least: float = 1.0) -> list[Design]:
    """Draw designs; ``apart`` lets reading and writing cost differently, ``least`` is the smallest room that counts."""
    found = []
    # What has a limit of its own is the same on all designs of a template.
    limited = rng.random((memories, 3)) < 0.7
    for _ in range(count):
        limits, pj = [], []
        for flags in limited:
            both, reading, writing = (
                value if flag else None for value, flag in zip(many(rng, 0.05, 50, 3), flags, strict=True)
            )
            limits.append((both, reading, writing) if apart else (both, None, None))
            read, written = many(rng, 0.1, 100, 2)
            pj.append((read, written if apart else read))
        free = [np.inf, *many(rng, least, 100 * least, memories - 1)]
        dispatch, leakage = (value if rng.random() < 0.5 else 0.0 for value in many(rng, 1, 1000, 2))
        found.append(Design(limits, pj, dispatch, leakage, free))
    return found
