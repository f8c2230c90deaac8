"""What a mapping costs, and what the mappings of a box cost at least, in each order of loops.

This repeats ``cost.moves``, ``cost.rows`` and ``cost.choose`` on factors in place of whole mappings; tests hold them
together. A transfer is worked out once for each number of levels whose loops may multiply it; an order of loops then
says which of them holds. Where an order is fixed, some dims of the last of these levels multiply and others do not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing
from accelsim.mappers.sequences import Sequences
from accelsim.mappers.state import Given, State, Work
from accelsim.mappers.tables import Batch, Charges, Factors, Forest, Outcome

__all__ = ["judge"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_INPUTS, _OUTPUTS = 1, 2
#: Roles of a transfer, as in ``cost.moves``.
_READ, _WRITTEN, _UP, _FIRST_OUTSIDE, _, _FIRST_INSIDE = range(6)
_ROUNDING = 1e-12


@borrowing
def _placed(still: Ints, acting: Ints, walked: Ints) -> None:
    """Work out how many levels' loops over dims that an operand lacks multiply its loads, by level and operand.

    A load stands inside the innermost loop that indexes the operand and turns more than once. At each level the dims
    that one operand lacks stand innermost (``still``), and if that operand is not this one, a loop of them turns.
    """
    for level in range(len(still)):
        for operand in range(3):
            walked[level, operand] = 0
            for outer in range(level, -1, -1):
                if acting[outer] != 0 and still[outer] != operand:
                    walked[level, operand] = outer + 1
                    break
                if acting[outer] & ~(1 << operand):
                    walked[level, operand] = outer
                    break


@borrowing
def _slid(c: Charges, s: State, still: Ints, slide: Ints) -> None:
    """Work out which variant of the elements of ``I`` holds at each level; see ``State``."""
    for level in range(len(still)):
        s.work.variant[level] = 0
        for outer in range(level if c.reuses[level] else -1, -1, -1):
            if s.acting[outer] & ~(1 << _INPUTS):
                if still[outer] != _OUTPUTS and (s.sliding[outer] >> slide[outer]) & 1:
                    s.work.variant[level] = 1 + slide[outer] * len(still) + outer
                break


@borrowing
def _innermost(
    f: Factors, t: Forest, q: Sequences, node: Ints, still: Ints, slide: Ints, level: int, operand: int
) -> tuple[int, int]:
    """Return the level and the place in its order of the loop that a load stands in; -1 if it stands in none."""
    for outer in range(level, -1, -1):
        order = q.order[outer, still[outer], slide[outer]]
        for place in range(len(order) - 1, -1, -1):
            if f.lacks[order[place]] != operand and (t.turning[node[order[place]]] >> outer) & 1:
                return outer, place
    return -1, -1


@borrowing
def _divided(f: Factors, s: State, order: Ints, place: int, level: int, operand: int, outer: int) -> None:
    """Correct the factors of loads that stand in an order of loops behind ``place``: those inside do not multiply.

    What each dim multiplies at least is a bound for a box, and so is what the levels outside ``outer`` multiply.
    """
    inside = 0
    for at in range(place + 1, len(order)):
        inside += f.lacks[order[at]] == operand
    for role in range(f.loads.shape[2]):
        first = f.loads[level, operand, role]
        if first < 0 or not inside:
            continue
        loads = 1.0
        for at in range(len(order)):
            if f.lacks[order[at]] == operand:
                loads *= s.each[order[at], first + outer + (1 if at < place else 0)]
        s.factors[first + outer + 1] = max(loads, s.plain[first + outer])


@borrowing
def _ordered(f: Factors, c: Charges, t: Forest, q: Sequences, s: State, node: Ints, still: Ints, slide: Ints) -> None:
    """Work out which loads the loops of a fixed order multiply, of a mapping or, at least, of those of a box."""
    for v in range(len(s.plain)):
        s.factors[v] = s.plain[v]
    for level in range(len(still)):
        s.work.variant[level] = 0
        for operand in range(3):
            if c.parent[level, operand] < 0:
                continue
            outer, place = _innermost(f, t, q, node, still, slide, level, operand)
            s.work.walked[level, operand] = outer + 1
            if outer < 0:
                continue
            order = q.order[outer, still[outer], slide[outer]]
            if operand == _INPUTS and c.reuses[level] and f.axis[order[place]] >= 0:
                s.work.variant[level] = 1 + f.axis[order[place]] * len(still) + outer
            _divided(f, s, order, place, level, operand, outer)


@borrowing
def _seen(f: Factors, s: State, level: int, operand: int, way: int, variant: int) -> float:
    """Return the share of the elements in a walk; the least of all variants if ``variant`` is negative."""
    at = f.elements[level, operand, way]
    if at < 0:
        return 1.0
    if operand != _INPUTS or f.slides[level] == 1:
        variant = 0
    if variant >= 0:
        return float(s.factors[at + variant])
    least = s.factors[at]
    for other in range(at + 1, at + f.slides[level]):
        least = min(least, s.factors[other])
    return float(least)


@borrowing
def _reads(f: Factors, c: Charges, s: State, known: int) -> None:
    """Fill the transfers of weights and inputs; of a single mapping in the order at hand, or of all orders."""
    w = s.work
    changing = 0
    for level in range(len(s.acting)):
        changing |= s.acting[level]
        for operand in range(2):
            outer = c.parent[level, operand]
            if outer < 0:
                continue
            variant = w.variant[level] if known == 2 else -1
            whole = c.whole[operand] * c.bytes[operand]
            elements = whole * _seen(f, s, level, operand, 0, variant)
            room = s.factors[f.footprint[level, operand]] * c.bytes[operand] if c.takes_room[level, operand] else 0.0
            if c.buffered[level] and changing & ~(1 << operand):
                room *= 2
            for walked in range(level + 2):
                read = elements * s.factors[f.loads[level, operand, _READ] + walked]
                written = read
                if c.fans:
                    written = elements * s.factors[f.loads[level, operand, _WRITTEN] + walked]
                w.moved[level, operand, walked, 0] = read * c.dear[outer, 0] + written * c.dear[level + 1, 1]
                if c.fans:
                    far = whole * _seen(f, s, level, operand, 1, variant)
                    near = whole * _seen(f, s, level, operand, 2, variant)
                    read = far * s.factors[f.loads[level, operand, _FIRST_OUTSIDE] + walked]
                    written = near * s.factors[f.loads[level, operand, _FIRST_INSIDE] + walked]
                w.moved[level, operand, walked, 1] = read
                w.moved[level, operand, walked, 4] = written
                w.moved[level, operand, walked, 5] = room


@borrowing
def _outputs(f: Factors, c: Charges, s: State, known: int) -> bool:
    """Fill the transfers of outputs, of a single mapping in the order at hand, or of all orders.

    Returns:
        Whether one copy alone of the innermost memory sums an output; ``fresh`` says how often one starts from zero.
    """
    w = s.work
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
            w.moved[level, _OUTPUTS, walked, 0] = whole * (
                max(read - high, 0.0) * partial * c.dear[outer, 0]
                + max(written - high, 0.0) * partial * c.dear[level + 1, 1]
                + (up * partial + last_in) * c.dear[level + 1, 0]
                + (read * partial + last_out) * c.dear[outer, 1]
            )
            w.moved[level, _OUTPUTS, walked, 1] = far * (outside - 1) * partial
            w.moved[level, _OUTPUTS, walked, 2] = far * (outside * partial + last_out)
            w.moved[level, _OUTPUTS, walked, 3] = near * (inside * partial + last_in)
            w.moved[level, _OUTPUTS, walked, 4] = near * (inside - 1) * partial
            spilled = inside > 1 or not alone
            width = partial if spilled or not c.outputs_held else min(final, partial) if known == 0 else final
            w.moved[level, _OUTPUTS, walked, 5] = np.inf if spilled and c.complete[level] else room * width
        if c.fans:
            # The more loops multiply, the more sums start anew.
            at, other = f.loads[level, _OUTPUTS, _UP], f.loads[level, _OUTPUTS, _WRITTEN]
            if known == 2:
                walked = w.walked[level, _OUTPUTS]
                high += s.factors[at + walked] - s.factors[other + walked]
            else:
                high = high + s.plain[at + level + 1] - s.plain[other + level + 1] if known else np.inf
            low = high if known == 2 else 1.0
    w.fresh[0], w.fresh[1] = low, high
    return alone


@borrowing
def _moved(f: Factors, c: Charges, s: State, known: int) -> None:
    """Fill all transfers, and what crosses the array's edge; of a single mapping in the order at hand, or of all."""
    _reads(f, c, s, known)
    alone, w = _outputs(f, c, s, known), s.work
    w.edge[:] = 0.0
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
                low, high = (w.fresh[0], w.fresh[1]) if which == 0 else (1.0, 1.0)
                read = max(crossing - share * high, 0.0) * c.bytes[3]
                ended = (c.bytes[_OUTPUTS] - c.bytes[3]) * share * low if alone else 0.0
                written = crossing * c.bytes[3] + (min(ended, 0.0) if known == 0 else ended)
            if which == 0:
                w.edge[len(c.slow), 0] += read * c.dear[level, 0] + written * c.dear[level, 1]
            else:
                w.edge[level, 0] += read
                w.edge[level, 1] += written


@borrowing
def _base(f: Factors, c: Charges, s: State) -> tuple[float, float, float]:
    """Return cycles of the array, and bytes of the first tiles in and of the last ones out."""
    spatial, first, last = 1.0, 0.0, 0.0
    for group in range(len(c.axis)):
        if c.axis[group] != 2:
            spatial *= s.passes[0, group]
    for operand in range(3):
        if c.fills[operand]:
            filled = s.plain[f.first[operand]] * c.bytes[operand]
            if operand == _OUTPUTS:
                last += filled
            else:
                first += filled
    return spatial * (s.plain[f.work[0]] * c.pace + s.plain[f.work[1]] * c.overhead), first, last


@borrowing
def _figures(c: Charges, w: Work, array: tuple[float, float, float]) -> tuple[float, float]:
    """Return latency in cycles and energy in pJ in the order at hand, infinite if it does not fit: ``cost.choose``."""
    cycles, first, last = array
    energy, waits, pace = c.base + w.edge[len(c.slow), 0], 0.0, cycles
    for level in range(len(c.slow)):
        w.one[level, 0], w.one[level, 1] = w.edge[level, 0], w.edge[level, 1]
        w.late[level, 0] = w.late[level, 1] = 0.0
    for level in range(len(c.room)):
        room = 0.0
        for operand in range(3):
            outer = c.parent[level, operand]
            if outer < 0:
                continue
            walked = w.walked[level, operand]
            room += w.moved[level, operand, walked, 5]
            if not c.moves[level, operand]:
                continue
            energy += w.moved[level, operand, walked, 0]
            w.one[outer, 0] += w.moved[level, operand, walked, 1]
            w.one[outer, 1] += w.moved[level, operand, walked, 2]
            w.one[level + 1, 0] += w.moved[level, operand, walked, 3]
            w.one[level + 1, 1] += w.moved[level, operand, walked, 4]
            if c.serial[level]:
                w.late[outer, 0] += w.moved[level, operand, walked, 1]
                w.late[outer, 1] += w.moved[level, operand, walked, 2]
        if room > c.room[level] or room == np.inf:
            return np.inf, np.inf
    for level in range(len(c.slow)):
        read, written = w.one[level, 0], w.one[level, 1]
        both, reading, writing = c.slow[level, 0], c.slow[level, 1], c.slow[level, 2]
        busy = max(both * (read + written), reading * read, writing * written)
        into, out = max(both, reading), max(both, writing)
        waited = into * w.late[level, 0] + out * w.late[level, 1]
        if level == 0:
            waited = max(waited, min(busy, into * first + out * last))
        waits += waited
        pace = max(pace, busy - waited)
    latency = pace + waits + c.dispatch
    return latency, energy + c.leakage * latency


@borrowing
def _scored(powers: Floats, latency: float, energy: float) -> tuple[float, float]:
    a, b = powers
    if a == 1 and b == 1:
        return latency * energy, latency
    return latency**a * energy**b, energy if b == 0 else latency


@borrowing
def _worse(score: float, tie: float, best: Floats) -> bool:
    """Return whether nothing of this score or more can beat the best."""
    alike = score >= best[0] * (1 - _ROUNDING) and tie >= best[1] * (1 - _ROUNDING)
    return bool(alike or score > best[0] * (1 + _ROUNDING))


@borrowing
def _weigh(g: Given, s: State, known: int, node: Ints, alive: Flags, inside: int, out: Outcome) -> tuple[float, float]:
    """Cost a single mapping in all orders that are alive, and note it if it is the best; or bound a box of ``inside``.

    Orders in which no mapping of a box is the best are struck out. Of a box return the least score and its tie.
    """
    f, c, q, least, behind = g.f, g.c, g.q, np.inf, np.inf
    array, walked = _base(f, c, s), g.work.walked
    slides, slid = q.slides if known == 2 else q.slides[-1:], known == 2 and f.slid
    # Only then does it depend on the order what moves.
    each = q.fixed or slid or (known == 2 and c.fans)
    if not each:
        _moved(f, c, s, known)
    for order in range(len(q.stills)):
        if not alive[order]:
            continue
        out.searched[0] += known == 2
        for way in range(len(slides)):
            still, slide = q.stills[order], slides[way]
            if q.fixed:
                _ordered(f, c, g.t, q, s, node, still, slide)
            else:
                _placed(still, s.acting, walked)
                if slid:
                    _slid(c, s, still, slide)
            if each:
                _moved(f, c, s, known)
            latency, energy = _figures(c, g.work, array)
            score, tie = _scored(c.powers, latency, energy)
            lost = latency == np.inf or _worse(score, tie, out.best)
            if known == 2 and not lost:
                out.best[0], out.best[1], out.best[2], out.best[3] = score, tie, latency, energy
                for level in range(len(still)):
                    out.still[level], out.slide[level] = still[level], slide[level]
                for d in range(len(node)):
                    out.nodes[d] = node[d]
            elif known < 2 and lost:
                alive[order] = False
                out.pruned[1 if latency < np.inf else 0] += inside
            elif known < 2 and (score < least or (score == least and tie < behind)):
                least, behind = score, tie
    return least, behind


@borrowing
def judge(g: Given, b: Batch, boxes: Ints, nodes: Ints, alive: Flags, inside: Ints, keys: Floats, out: Outcome) -> None:
    """Cost single mappings and bound boxes.

    Args:
        g: What is the same for all boxes.
        b: What the boxes have in common.
        boxes: Shape ``(boxes,)``: the slots of the boxes.
        nodes: Shape ``(slots, D)``: the nodes that make up a box.
        alive: Shape ``(slots, orders)``: the orders to look at; those in which nothing can be best are struck out.
        inside: Shape ``(slots,)``: mappings in a box, in one order.
        keys: Shape ``(slots, 2)``: filled with the least score and its tie; infinite if nothing is left to look at.
        out: Filled with what is found.
    """
    for at in range(len(boxes)):
        box = boxes[at]
        keys[box] = np.inf
        if not b.fits[at]:
            out.pruned[0] += inside[box] * np.sum(alive[box])
            continue
        plain, each = b.factors[at], b.each[at if g.q.fixed else 0]
        factors = g.work.changed if g.q.fixed else plain
        s = State(plain, each, b.acting[at], b.sliding[at], b.passes[at], factors, g.work)
        keys[box] = _weigh(g, s, b.known[at], nodes[box], alive[box], inside[box], out)
