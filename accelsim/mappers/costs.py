"""What a mapping costs, and what the mappings of a box cost at least, in each order of loops.

This repeats ``cost.moves``, ``cost.rows`` and ``cost.choose`` on factors in place of whole mappings; tests hold them
together. A transfer is worked out once for each number of levels whose loops may multiply it; an order of loops then
says which of them holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mappers.tables import Batch, Charges, Factors, Outcome

__all__ = ["judge"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_INPUTS, _OUTPUTS = 1, 2
#: Roles of a transfer, as in ``cost.moves``.
_READ, _WRITTEN, _UP, _FIRST_OUTSIDE, _, _FIRST_INSIDE = range(6)
_ROUNDING = 1e-12


class _State(NamedTuple):
    """One box, and room to work in.

    Attributes:
        factors: Shape ``(V,)``: as in ``Batch``, like the next three.
        acting: Shape ``(L,)``.
        sliding: Shape ``(L,)``.
        passes: Shape ``(masks, groups)``.
        moved: Shape ``(L, 3, L + 1, 6)``: of a transfer whose loads so many levels' loops multiply: energy; bytes that
            the first copies outside read and write, and those inside; room of the tile.
        edge: Shape ``(M + 1, 2)``: bytes read and written at the array's edge by the first copies; energy of all.
        one: Shape ``(M, 2)``: room to add up in.
        late: Shape ``(M, 2)``: the same.
        fresh: Shape ``(2,)``: how often an output starts from zero: at least, at most.
    """

    factors: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    moved: Floats
    edge: Floats
    one: Floats
    late: Floats
    fresh: Floats


@compiled
def _walked(level: int, operand: int, still: Ints, acting: Ints) -> int:
    """Return how many levels' loops over dims that an operand lacks multiply its loads at ``level``.

    A load stands inside the innermost loop that indexes the operand and turns more than once. At each level the dims
    that one operand lacks stand innermost (``still``), and if that operand is not this one, a loop of them turns.
    """
    for outer in range(level, -1, -1):
        if acting[outer] == 0:
            continue
        if still[outer] != operand:
            return outer + 1
        if acting[outer] & ~(1 << operand):
            return outer
    return 0


@compiled
def _variant(f: Factors, c: Charges, s: _State, level: int, still: Ints, slide: Ints) -> int:
    """Return which variant of the elements of ``I`` holds: which axis' tiles share their overlap, by which loop."""
    if not c.reuses[level]:
        return 0
    for outer in range(level, -1, -1):
        if s.acting[outer] & ~(1 << _INPUTS) == 0:
            continue
        axis = slide[outer]
        if still[outer] == _OUTPUTS or not (s.sliding[outer] >> axis) & 1:
            return 0
        return int(1 + axis * len(still) + outer)
    return 0


@compiled
def _seen(f: Factors, c: Charges, s: _State, level: int, operand: int, way: int, variant: int) -> float:
    """Return the share of the elements in a walk; the least of all variants if ``variant`` is negative."""
    at = f.elements[level, operand, way]
    if at < 0:
        return 1.0
    if operand != _INPUTS or not c.reuses[level] or variant == 0:
        return float(s.factors[at])
    if variant > 0:
        return float(s.factors[at + variant])
    return float(np.min(s.factors[at : at + f.slides[level]]))


@compiled
def _reads(f: Factors, c: Charges, s: _State, single: bool, still: Ints, slide: Ints) -> None:
    """Fill the transfers of weights and inputs; of a ``single`` mapping in one order of loops, or of all orders."""
    changing = 0
    for level in range(len(s.acting)):
        changing |= s.acting[level]
        for operand in range(2):
            outer = c.parent[level, operand]
            if outer < 0:
                continue
            variant = _variant(f, c, s, level, still, slide) if single and operand == _INPUTS else -1
            whole = c.whole[operand] * c.bytes[operand]
            elements = whole * _seen(f, c, s, level, operand, 0, variant)
            room = s.factors[f.footprint[level, operand]] * c.bytes[operand] if c.takes_room[level, operand] else 0.0
            if c.buffered[level] and changing & ~(1 << operand):
                room *= 2
            for walked in range(level + 2):
                read = elements * s.factors[f.loads[level, operand, _READ] + walked]
                written = read
                if c.fans:
                    written = elements * s.factors[f.loads[level, operand, _WRITTEN] + walked]
                s.moved[level, operand, walked, 0] = read * c.dear[outer, 0] + written * c.dear[level + 1, 1]
                if c.fans:
                    far = whole * _seen(f, c, s, level, operand, 1, variant)
                    near = whole * _seen(f, c, s, level, operand, 2, variant)
                    read = far * s.factors[f.loads[level, operand, _FIRST_OUTSIDE] + walked]
                    written = near * s.factors[f.loads[level, operand, _FIRST_INSIDE] + walked]
                s.moved[level, operand, walked, 1] = read
                s.moved[level, operand, walked, 4] = written
                s.moved[level, operand, walked, 5] = room


@compiled
def _outputs(f: Factors, c: Charges, s: _State, known: int, single: bool, still: Ints) -> bool:
    """Fill the transfers of outputs, of a ``single`` mapping in one order of loops, or of all orders.

    Returns:
        Whether one copy alone of the innermost memory sums an output; ``s.fresh`` says how often one starts from zero.
    """
    final, partial, whole = c.bytes[_OUTPUTS], c.bytes[3], c.whole[_OUTPUTS]
    low, high, alone, changing = 1.0, 1.0, True, 0
    for level in range(len(s.acting)):
        changing |= s.acting[level]
        outer = c.parent[level, _OUTPUTS]
        if outer < 0:
            continue
        parents, copies, far, near = 1.0, 1.0, whole, whole
        if c.fans:
            parents = s.factors[f.loads[level, _OUTPUTS, _WRITTEN]]
            copies = s.factors[f.loads[level, _OUTPUTS, _UP]]
            far *= s.factors[f.elements[level, _OUTPUTS, 1]]
            near *= s.factors[f.elements[level, _OUTPUTS, 2]]
        alone = copies == 1
        last_in, last_out = final - partial if alone else 0.0, final - partial if parents == 1 else 0.0
        if known == 0:
            last_in, last_out = min(last_in, 0.0), min(last_out, 0.0)
        room = s.factors[f.footprint[level, _OUTPUTS]] if c.takes_room[level, _OUTPUTS] else 0.0
        if c.buffered[level] and changing & ~(1 << _OUTPUTS):
            room *= 2
        for walked in range(level + 2):
            read = s.factors[f.loads[level, _OUTPUTS, _READ] + walked]
            written, up, outside, inside = read, read, read, read
            if c.fans:
                written = s.factors[f.loads[level, _OUTPUTS, _WRITTEN] + walked]
                up = s.factors[f.loads[level, _OUTPUTS, _UP] + walked]
                outside = s.factors[f.loads[level, _OUTPUTS, _FIRST_OUTSIDE] + walked]
                inside = s.factors[f.loads[level, _OUTPUTS, _FIRST_INSIDE] + walked]
            # A sum that starts from zero is not read.
            s.moved[level, _OUTPUTS, walked, 0] = whole * (
                max(read - high, 0.0) * partial * c.dear[outer, 0]
                + max(written - high, 0.0) * partial * c.dear[level + 1, 1]
                + (up * partial + last_in) * c.dear[level + 1, 0]
                + (read * partial + last_out) * c.dear[outer, 1]
            )
            s.moved[level, _OUTPUTS, walked, 1] = far * (outside - 1) * partial
            s.moved[level, _OUTPUTS, walked, 2] = far * (outside * partial + last_out)
            s.moved[level, _OUTPUTS, walked, 3] = near * (inside * partial + last_in)
            s.moved[level, _OUTPUTS, walked, 4] = near * (inside - 1) * partial
            spilled = inside > 1 or not alone
            width = partial if spilled or not c.outputs_held else min(final, partial) if known == 0 else final
            s.moved[level, _OUTPUTS, walked, 5] = np.inf if spilled and c.complete[level] else room * width
        if c.fans:
            # The more loops multiply, the more sums start anew.
            most = _walked(level, _OUTPUTS, still, s.acting) if single else level + 1
            at, other = f.loads[level, _OUTPUTS, _UP], f.loads[level, _OUTPUTS, _WRITTEN]
            high = high + s.factors[at + most] - s.factors[other + most] if known else np.inf
            low = high if single else 1.0
    s.fresh[0], s.fresh[1] = low, high
    return alone


@compiled
def _edge(f: Factors, c: Charges, s: _State, known: int, alone: bool) -> None:
    """Fill what crosses between the array and the memories, if outputs start from zero ``s.fresh`` times."""
    s.edge[:] = 0.0
    for which in range(2):
        for operand in range(3):
            level = c.edge[operand]
            crossing = s.factors[f.crossing[which, operand]]
            for group in range(len(c.axis)):
                if c.free[operand, group]:
                    crossing *= s.passes[c.masks[which, operand], group]
            read, written = crossing * c.bytes[operand], 0.0
            if operand == _INPUTS:
                read *= c.useful[which]
            elif operand == _OUTPUTS:
                share = c.output_elements if which == 0 else s.factors[f.share]
                low, high = (s.fresh[0], s.fresh[1]) if which == 0 else (1.0, 1.0)
                read = max(crossing - share * high, 0.0) * c.bytes[3]
                ended = (c.bytes[_OUTPUTS] - c.bytes[3]) * share * low if alone else 0.0
                written = crossing * c.bytes[3] + (min(ended, 0.0) if known == 0 else ended)
            if which == 0:
                s.edge[len(c.slow), 0] += read * c.dear[level, 0] + written * c.dear[level, 1]
            else:
                s.edge[level, 0] += read
                s.edge[level, 1] += written


@compiled
def _base(f: Factors, c: Charges, s: _State) -> tuple[float, float, float]:
    """Return cycles of the array, and bytes of the first tiles in and of the last ones out."""
    spatial, first, last = 1.0, 0.0, 0.0
    for group in range(len(c.axis)):
        if c.axis[group] != 2:
            spatial *= s.passes[0, group]
    for operand in range(3):
        if c.fills[operand]:
            filled = s.factors[f.first[operand]] * c.bytes[operand]
            if operand == _OUTPUTS:
                last += filled
            else:
                first += filled
    return spatial * (s.factors[f.work[0]] + s.factors[f.work[1]] * c.overhead), first, last


@compiled
def _figures(c: Charges, s: _State, still: Ints, cycles: float, first: float, last: float) -> tuple[float, float]:
    """Return latency in cycles and energy in pJ, infinite if it does not fit; see ``cost.choose``."""
    energy, waits, pace = c.base + s.edge[len(c.slow), 0], 0.0, cycles
    for level in range(len(c.slow)):
        s.one[level, 0], s.one[level, 1] = s.edge[level, 0], s.edge[level, 1]
        s.late[level, 0] = s.late[level, 1] = 0.0
    for level in range(len(still)):
        room = 0.0
        for operand in range(3):
            outer = c.parent[level, operand]
            if outer < 0:
                continue
            walked = _walked(level, operand, still, s.acting)
            room += s.moved[level, operand, walked, 5]
            if not c.moves[level, operand]:
                continue
            energy += s.moved[level, operand, walked, 0]
            s.one[outer, 0] += s.moved[level, operand, walked, 1]
            s.one[outer, 1] += s.moved[level, operand, walked, 2]
            s.one[level + 1, 0] += s.moved[level, operand, walked, 3]
            s.one[level + 1, 1] += s.moved[level, operand, walked, 4]
            if c.serial[level]:
                s.late[outer, 0] += s.moved[level, operand, walked, 1]
                s.late[outer, 1] += s.moved[level, operand, walked, 2]
        if room > c.room[level]:
            return np.inf, np.inf
    for level in range(len(c.slow)):
        read, written = s.one[level, 0], s.one[level, 1]
        both, reading, writing = c.slow[level, 0], c.slow[level, 1], c.slow[level, 2]
        busy = max(both * (read + written), reading * read, writing * written)
        into, out = max(both, reading), max(both, writing)
        waited = into * s.late[level, 0] + out * s.late[level, 1]
        if level == 0:
            waited = max(waited, min(busy, into * first + out * last))
        waits += waited
        pace = max(pace, busy - waited)
    latency = pace + waits + c.dispatch
    return latency, energy + c.leakage * latency


@compiled
def _scored(c: Charges, latency: float, energy: float) -> tuple[float, float]:
    a, b = c.powers
    if a == 1 and b == 1:
        return latency * energy, latency
    return latency**a * energy**b, energy if b == 0 else latency


@compiled
def _worse(score: float, tie: float, best: Floats) -> bool:
    """Return whether nothing of this score or more can beat the best."""
    if score > best[0] * (1 + _ROUNDING):
        return True
    return score >= best[0] * (1 - _ROUNDING) and tie >= best[1] * (1 - _ROUNDING)


@compiled
def _complete(
    f: Factors, c: Charges, s: _State, stills: Ints, alive: Flags, nodes: Ints, slide: Ints, out: Outcome
) -> None:
    """Cost a mapping in all orders that are alive; note it if it is the best."""
    ways = 1
    cycles, first, last = _base(f, c, s)
    for level in range(len(c.reuses)):
        if c.reuses[level] and f.slides[level] > 1:
            ways = 3 ** len(c.reuses)
    for order in range(len(stills)):
        if not alive[order]:
            continue
        out.searched[0] += 1
        for way in range(ways):
            left = way
            for level in range(len(slide)):
                slide[level], left = left % 3, left // 3
            if ways > 1:
                _reads(f, c, s, True, stills[order], slide)
            if c.fans:
                _edge(f, c, s, 2, _outputs(f, c, s, 2, True, stills[order]))
            latency, energy = _figures(c, s, stills[order], cycles, first, last)
            score, tie = _scored(c, latency, energy)
            if latency < np.inf and not _worse(score, tie, out.best):
                out.best[0], out.best[1], out.best[2], out.best[3] = score, tie, latency, energy
                out.still[:], out.slide[:], out.nodes[:] = stills[order], slide, nodes


@compiled
def _strike(
    f: Factors, c: Charges, s: _State, stills: Ints, alive: Flags, inside: int, out: Outcome
) -> tuple[float, float]:
    """Strike out the orders in which no mapping of a box of ``inside`` is best; return the least score and tie."""
    least, behind = np.inf, np.inf
    cycles, first, last = _base(f, c, s)
    for order in range(len(stills)):
        if not alive[order]:
            continue
        latency, energy = _figures(c, s, stills[order], cycles, first, last)
        score, tie = _scored(c, latency, energy)
        if latency == np.inf or _worse(score, tie, out.best):
            alive[order] = False
            out.pruned[1 if latency < np.inf else 0] += inside
        elif score < least or (score == least and tie < behind):
            least, behind = score, tie
    return least, behind


@compiled
def judge(
    f: Factors,
    c: Charges,
    b: Batch,
    stills: Ints,
    boxes: Ints,
    nodes: Ints,
    alive: Flags,
    inside: Ints,
    keys: Floats,
    out: Outcome,
) -> None:
    """Cost single mappings and bound boxes.

    Args:
        f: Which factor is which.
        c: The machine.
        b: What the boxes have in common.
        stills: Shape ``(orders, L)``: which operand's missing dims stand innermost at each level.
        boxes: Shape ``(boxes,)``: the slots of the boxes.
        nodes: Shape ``(slots, D)``: the nodes that make up a box.
        alive: Shape ``(slots, orders)``: the orders to look at; those in which nothing can be best are struck out.
        inside: Shape ``(slots,)``: mappings in a box, in one order.
        keys: Shape ``(slots, 2)``: filled with the least score and its tie; infinite if nothing is left to look at.
        out: Filled with what is found.
    """
    levels = stills.shape[1]
    slide = np.zeros(levels, np.int64)
    moved, edge = np.zeros((levels, 3, levels + 1, 6)), np.zeros((levels + 2, 2))
    one, late, fresh = np.zeros((levels + 1, 2)), np.zeros((levels + 1, 2)), np.ones(2)
    for at in range(len(boxes)):
        box = boxes[at]
        keys[box] = np.inf
        if not b.fits[at]:
            out.pruned[0] += inside[box] * np.sum(alive[box])
            continue
        s = _State(b.factors[at], b.acting[at], b.sliding[at], b.passes[at], moved, edge, one, late, fresh)
        _reads(f, c, s, False, s.acting, s.acting)
        _edge(f, c, s, b.known[at], _outputs(f, c, s, b.known[at], False, s.acting))
        if b.known[at] == 2:
            _complete(f, c, s, stills, alive[box], nodes[box], slide, out)
        else:
            keys[box] = _strike(f, c, s, stills, alive[box], inside[box], out)
