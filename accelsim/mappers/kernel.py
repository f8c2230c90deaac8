"""The compiled heart of the exact mapper: what a mapping costs, what a box of mappings costs at least, the search.

Everything a mapping costs is made of *factors*: products over dims of what each dim's cut contributes (how often a tile
is loaded, how many elements it has, how many points a pass takes). Time, energy and room grow with every factor. So no
mapping of a *box*, some cuts of every dim, costs less than one made of the least factors in it would.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.mappers.tables import Charges, Factors, Forest, Outcome

__all__ = ["search"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Roles of a transfer, as in ``cost.moves``.
_READ, _WRITTEN, _UP, _FIRST_OUTSIDE, _SHARE, _FIRST_INSIDE = range(6)
_ROUNDING = 1e-12
MODE=2


class _State(NamedTuple):
    """What is known of a box at hand; all figures are the least of any mapping in it, or the right ones of a single one.

    Attributes:
        factors: Shape ``(V,)``.
        acting: Shape ``(L,)``: a bit for each operand whose missing dims have a loop that turns there; 8 for others.
        sliding: Shape ``(L,)``: which axes' output dims turn there, a bit for each.
        passes: Shape ``(masks, groups)``.
        most: Shape ``(3, L)``: the largest tile of the dims that an operand lacks.
        moved: Shape ``(L, 3, L + 1, 6)``: of a transfer whose loads so many levels' loops multiply: energy; bytes that
            the first copies outside read and write, and those inside; room of the tile.
        edge: Shape ``(M + 1, 2)``: bytes read and written at the array's edge by the first copies; energy of all.
        one: Shape ``(M, 2)``: room to add up in.
        late: Shape ``(M, 2)``: the same.
        fresh: Shape ``(2,)``: how often an output starts from zero: at least, at most.
        picked: Shape ``(D,)``: cuts of a single mapping.
        left: Shape ``(3,)``: room to work in.
    """

    factors: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    most: Floats
    moved: Floats
    edge: Floats
    one: Floats
    late: Floats
    fresh: Floats
    picked: Ints
    left: Floats


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
def _largest(f: Factors, c: Charges, t: Forest, node: Ints, s: _State) -> bool:
    """Fill ``s.most``: the points that dims which an operand lacks may have in a tile.

    Returns:
        Whether there is room for any.
    """
    for lacking in range(3):
        full, largest, changing = 1.0, np.inf, 0
        for d in range(len(node)):
            if f.lacks[d] == lacking:
                full *= t.size[d]
        for level in range(len(s.acting)):
            changing |= s.acting[level]
            tile, still, now, cut = 1.0, 0.0, 0.0, 0.0
            for d in range(len(node)):
                if f.lacks[d] == lacking:
                    tile *= t.tile[node[d], level]
            largest = min(largest, tile)
            for operand in range(3):
                if not c.takes_room[level, operand]:
                    continue
                width = c.bytes[operand]
                if operand == _OUTPUTS:
                    width = min(width, c.bytes[3]) if c.outputs_held else c.bytes[3]
                twice = 2.0 if c.buffered[level] and changing & ~(1 << operand) else 1.0
                if operand == lacking:
                    still += s.factors[f.footprint[level, operand]] * width * twice
                    continue
                at = f.footprint[level, operand]
                for d in range(len(node)):
                    width *= t.spread[node[d], level, operand] if f.lacks[d] == lacking else t.value[node[d], at]
                now += width * twice
                # A tile that is not the whole loop changes.
                cut += width * (2.0 if c.buffered[level] and not c.fans else twice)
            if tile < full:
                now = max(now, cut)
            if still + now * tile > c.room[level]:
                largest = min(largest, (c.room[level] - still) / cut if tile == full else (c.room[level] - still) / now)
            if largest < 1 - 1e-9:
                return False
            s.most[lacking, level] = largest
    return True


@compiled
def _turns(c: Charges, t: Forest, picked: Ints, group: int, mask: int, room: float) -> float:
    """Return the passes over all pieces of a group, ``room`` points at a time."""
    at = np.zeros(4, np.int64)
    total = 0.0
    while True:
        points, met = 1.0, 1.0
        for one in range(4):
            d = c.groups[group, one]
            if d >= 0:
                points *= t.sizes[picked[d], mask, at[one]]
                met *= t.times[picked[d], mask, at[one]]
        total += met * np.ceil(points / room)
        one = 0
        while one < 4:
            d = c.groups[group, one]
            if d >= 0 and at[one] + 1 < t.sizes.shape[2] and t.times[picked[d], mask, at[one] + 1] > 0:
                at[one] += 1
                break
            at[one] = 0
            one += 1
        if one == 4:
            return total


@compiled
def _passes(f: Factors, c: Charges, t: Forest, node: Ints, s: _State, known: int) -> None:
    """Fill the passes over groups: at least so many, of a complete mapping exactly."""
    left, picked = s.left, s.picked
    left[:] = c.limit
    if known == 2:
        for d in range(len(node)):
            picked[d] = t.cut[node[d]]
    for group in range(len(c.axis)):
        axis = c.axis[group]
        room = 1.0
        if known == 2:
            for one in range(4):
                d = c.groups[group, one]
                if d >= 0:
                    room *= t.inner[picked[d]]
            room = min(room, left[axis])
            left[axis] = np.floor(left[axis] / room)
        for mask in range(s.passes.shape[0]):
            if not f.late[group]:
                s.passes[mask, group] = s.factors[f.passes[mask, group]]
            elif known == 2:
                s.passes[mask, group] = _turns(c, t, picked, group, mask, room)
            else:
                least = np.ceil(s.factors[f.points[mask, group]] / c.limit[axis] * (1 - 1e-9))
                s.passes[mask, group] = max(s.factors[f.pieces[mask, group]], least)


@compiled
def _measure(f: Factors, c: Charges, t: Forest, node: Ints, s: _State, known: int) -> bool:
    """Fill the state of a box; return whether any mapping in it may have room."""
    s.factors[:] = 1.0
    s.acting[:] = 0
    s.sliding[:] = 0
    for d in range(len(node)):
        for v in range(len(s.factors)):
            s.factors[v] *= t.value[node[d], v]
        for level in range(len(s.acting)):
            if (t.turning[node[d]] >> level) & 1:
                s.acting[level] |= 1 << f.lacks[d]
                if f.axis[d] >= 0:
                    s.sliding[level] |= 1 << f.axis[d]
    if known < 2:
        if not _largest(f, c, t, node, s):
            return False
        for at in range(len(f.falling)):
            v, lacking, level = f.falling[at, 0], f.falling[at, 1], f.falling[at, 2]
            least = 1.0 / s.most[lacking, level]
            for d in range(len(node)):
                least *= t.falling[node[d], at]
            s.factors[v] = max(s.factors[v], least * (1 - 1e-9))
    _passes(f, c, t, node, s, known)
    _reads(f, c, s, False, s.acting, s.acting)
    _edge(f, c, s, known, _outputs(f, c, s, known, False, s.acting))
    return True


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
    f: Factors, c: Charges, t: Forest, s: _State, node: Ints, stills: Ints, alive: Flags, slide: Ints, out: Outcome
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
                out.still[:], out.slide[:] = stills[order], slide
                out.improved[0] += 1
                for d in range(len(node)):
                    out.picked[d] = t.cut[node[d]]


@compiled
def _strike(
    f: Factors, c: Charges, s: _State, stills: Ints, alive: Flags, inside: int, out: Outcome
) -> tuple[float, float]:
    """Strike out the orders in which no mapping of a box of ``inside`` is best; return the least score and tie."""
    least, next_ = np.inf, np.inf
    cycles, first, last = _base(f, c, s)
    for order in range(len(stills)):
        if not alive[order]:
            continue
        latency, energy = _figures(c, s, stills[order], cycles, first, last)
        score, tie = _scored(c, latency, energy)
        if _worse(score, tie, out.best) or latency == np.inf:
            alive[order] = False
            out.pruned[1 if latency < np.inf else 0] += inside
        elif score < least or (score == least and tie < next_):
            least, next_ = score, tie
    return least, next_


@compiled
def _before(keys: Floats, one: int, other: int) -> bool:
    return keys[one, 0] < keys[other, 0] or (keys[one, 0] == keys[other, 0] and keys[one, 1] < keys[other, 1])


@compiled
def _push(heap: Ints, size: int, keys: Floats, item: int) -> None:
    at = size
    heap[at] = item
    while at > 0 and _before(keys, heap[at], heap[(at - 1) // 2]):
        heap[at], heap[(at - 1) // 2] = heap[(at - 1) // 2], heap[at]
        at = (at - 1) // 2


@compiled
def _pop(heap: Ints, size: int, keys: Floats) -> int:
    item = heap[0]
    heap[0] = heap[size - 1]
    at, size = 0, size - 1
    while True:
        least = at
        for below in range(2 * at + 1, min(2 * at + 3, size)):
            if _before(keys, heap[below], heap[least]):
                least = below
        if least == at:
            return int(item)
        heap[at], heap[least] = heap[least], heap[at]
        at = least


@compiled
def search(f: Factors, c: Charges, t: Forest, stills: Ints, slots: int, out: Outcome) -> float:
    """Search all mappings made of the cuts in ``t``, best box first, and fill ``out``.

    Args:
        f: Which factor is which.
        c: The machine.
        t: The cuts.
        stills: Shape ``(orders, L)``: which operand's missing dims stand innermost at each level.
        slots: Boxes that may wait at a time; 0 to work out the bound of all mappings alone.
        out: What is found; its ``best`` says what is to be beaten.

    Returns:
        The least score that a mapping could have by what is known, at most that of the best.
    """
    dims, levels, memories = len(f.lacks), stills.shape[1], stills.shape[1] + 1
    boxes, keys = np.empty((slots + 4, dims), np.int64), np.empty((slots + 4, 2))
    alive = np.empty((slots + 4, len(stills)), np.bool_)
    heap, unused = np.empty(slots + 4, np.int64), np.empty(slots + 4, np.int64)
    # Boxes given back, boxes never used yet, boxes in the heap.
    spare, untouched, waiting = 0, 0, 0
    slide = np.zeros(levels, np.int64)
    gain,tried=np.ones(dims)*3,np.ones(dims)
    s = _State(
        np.ones(t.value.shape[1]),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.ones((f.pieces.shape[0], len(c.axis))),
        np.ones((3, levels)),
        np.zeros((levels, 3, levels + 1, 6)),
        np.zeros((memories + 1, 2)),
        np.zeros((memories, 2)),
        np.zeros((memories, 2)),
        np.ones(2),
        np.zeros(dims, np.int64),
        np.ones(3),
    )
    # The root is a box that is split into itself.
    current, parts = -1, 1
    while True:
        split = -1
        if current >= 0:
            widest = -1.0
            for d in range(dims):
                if t.cut[boxes[current, d]] < 0:
                    w=t.width[boxes[current, d]]
                    if w==0.: w=1e-9
                    sc = w*gain[d]/tried[d] if w < np.inf else 1e3*gain[d]/tried[d]
                    if MODE==0: sc=w
                    if MODE==2: sc=gain[d]/tried[d]
                    if sc>widest:
                        widest, split = sc, d
            lbsum=0.
        g0=0.
        following = -1
        for part in range(parts):
            if spare:
                spare -= 1
                box = unused[spare]
            else:
                box = untouched
                untouched += 1
            if current < 0:
                boxes[box], alive[box] = t.root, True
            else:
                boxes[box], alive[box] = boxes[current], alive[current]
                boxes[box, split] = t.below[boxes[current, split], part]
            known, inside = 2, 1
            for d in range(dims):
                inside *= t.leaves[boxes[box, d]]
                if t.cut[boxes[box, d]] < 0:
                    known = min(known, 0 if f.lacks[d] == _OUTPUTS else 1)
            out.searched[1] += 1
            if not _measure(f, c, t, boxes[box], s, known):
                out.pruned[0] += inside * np.sum(alive[box])
                keys[box] = np.inf
            elif known == 2 and slots:
                _complete(f, c, t, s, boxes[box], stills, alive[box], slide, out)
                keys[box] = np.inf
            else:
                keys[box] = _strike(f, c, s, stills, alive[box], inside, out)
            if slots == 0:
                return float(keys[box, 0])
            if current>=0 and keys[current,0]>0:
                kk=min(keys[box,0], max(out.best[0], keys[current,0]))
                if kk<np.inf:
                    gg=np.log(max(kk/keys[current,0],1.))
                    w=t.width[boxes[current,split]]
                    if MODE==1: gg = gg/w if w>0 and w<np.inf else gg
                    if part==0: g0=gg
                    else:
                        pp=np.sqrt(max(g0,1e-6)*max(gg,1e-6))
                        gain[split]=gain[split]*0.95+pp
                        tried[split]=tried[split]*0.95+1
            if keys[box, 0] == np.inf:
                unused[spare] = box
                spare += 1
            elif following < 0 and np.isinf(out.best[0]):
                following = box
            elif following >= 0 and _before(keys, box, following):
                _push(heap, waiting, keys, following)
                waiting, following = waiting + 1, box
            else:
                _push(heap, waiting, keys, box)
                waiting += 1
        if current >= 0:
            unused[spare] = current
            spare += 1
        if following < 0:
            while waiting:
                following = _pop(heap, waiting, keys)
                waiting -= 1
                if not _worse(keys[following, 0], keys[following, 1], out.best):
                    break
                inside = np.sum(alive[following])
                for d in range(dims):
                    inside *= t.leaves[boxes[following, d]]
                out.pruned[1] += inside
                unused[spare] = following
                spare += 1
                following = -1
        if following < 0:
            return float(out.best[0])
        if untouched - spare > slots:
            return float(min(keys[following, 0], out.best[0]))
        current, parts = following, 2
