"""What the mappings of a box have in common: the least factors, and what they say together.

A *box* is some cuts of every dim. A cost grows with every factor, so no mapping of a box costs less than one made of
the least factors of each dim would. Two things make this bound tight. First, a tile is at most as large as the room
beside the least that other operands take; and a factor that counts tiles is at least so many points over so large a
tile. Second, the passes over an axis are no fewer than the points over the PEs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing
from accelsim.mappers.tables import Batch, Charges, Factors, Forest, Stairs
from accelsim.mapping.nest import Ints

__all__ = ["measure"]

Floats = npt.NDArray[np.float64]

_OUTPUTS = 2
#: Bounds that are no products of whole numbers give way by so much.
_ROUNDING = 1e-9


@borrowing
def _factor(t: Forest, way: int, d: int, node: int, v: int) -> float:
    """Return a factor of the cuts below a node."""
    for kind in range(2):
        at = t.place[kind, d, v]
        if at >= 0:
            return float(t.value[t.starts[kind, way, d] + (node - t.first[d]) * t.counts[kind, d] + at])
    return 1.0


@borrowing
def _held(f: Factors, t: Forest, s: Batch, way: int, node: Ints) -> None:
    """Fill ``s.values``: what dims that an operand lacks contribute to footprints, and for each point of their tile."""
    for level in range(s.values.shape[0]):
        for operand in range(3):
            for lacking in range(4):
                s.values[level, operand, lacking, 0] = s.values[level, operand, lacking, 1] = 1.0
    for d in range(len(node)):
        row, lacking = t.rooms[way, d] + node[d] - t.first[d], f.lacks[d]
        for level in range(s.values.shape[0]):
            for operand in range(3):
                s.values[level, operand, lacking, 0] *= t.room[row, level, operand, 0]
                s.values[level, operand, lacking, 1] *= t.room[row, level, operand, 1]


@borrowing
def _largest(f: Factors, c: Charges, t: Forest, s: Batch, box: int, node: Ints) -> bool:
    """Fill ``s.most``: the points that dims which an operand lacks may have in a tile.

    Returns:
        Whether there is room for any.
    """
    for lacking in range(3):
        full, largest, changing = 1.0, np.inf, 0
        for d in range(len(node)):
            if f.lacks[d] == lacking:
                full *= t.size[d]
        for level in range(s.acting.shape[1]):
            changing |= s.acting[box, level]
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
                    still += s.factors[box, f.footprint[level, operand]] * width * twice
                    continue
                for other in range(4):
                    width *= s.values[level, operand, other, 1 if other == lacking else 0]
                now += width * twice
                # A tile that is not the whole loop changes.
                cut += width * (2.0 if c.buffered[level] and not c.fans else twice)
            if tile < full:
                now = max(now, cut)
            if still + now * tile > c.room[level]:
                largest = min(largest, (c.room[level] - still) / cut if tile == full else (c.room[level] - still) / now)
            if largest < 1 - _ROUNDING:
                return False
            s.most[lacking, level] = largest
    return True


@borrowing
def _step(k: Stairs, stair: int, points: float) -> float:
    """Return the least factor of tiles of at most so many points."""
    low, high, most = k.begins[stair], k.begins[stair + 1], points * (1 + _ROUNDING)
    while low + 1 < high:
        middle = (low + high) // 2
        if k.points[middle] <= most:
            low = middle
        else:
            high = middle
    return float(k.least[low])


@borrowing
def _fall(f: Factors, t: Forest, k: Stairs, s: Batch, box: int, way: int, node: Ints) -> None:
    """Raise factors that fall as tiles grow to what they are at least with tiles as large as the room allows."""
    for stair in range(len(k.tile)):
        lacking, level = k.tile[stair, 0], k.tile[stair, 1]
        points = s.most[lacking, level]
        for d in range(len(node)):
            if f.lacks[d] == lacking and not k.inside[stair, d]:
                points /= t.tile[node[d], level]
        s.steps[stair] = _step(k, stair, points)
    for at in range(len(f.falling)):
        v = f.falling[at, 0]
        least = s.steps[k.of[at]]
        for one in range(k.beside.shape[1]):
            d = k.beside[at, one]
            if d < 0:
                break
            least *= _factor(t, way, d, node[d], v)
        s.factors[box, v] = max(s.factors[box, v], least)


@borrowing
def _turns(c: Charges, t: Forest, picked: Ints, group: int, mask: int, room: float, at: Ints) -> float:
    """Return the passes over all pieces of a group, ``room`` points at a time."""
    at[:] = 0
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
            return float(total)


@borrowing
def _passes(f: Factors, c: Charges, t: Forest, k: Stairs, s: Batch, box: int, node: Ints) -> None:
    """Fill the passes over groups: at least so many, of a complete mapping exactly."""
    left, picked = s.left, s.picked
    for axis in range(len(left)):
        left[axis] = c.limit[axis]
    if s.known[box] == 2:
        for d in range(len(node)):
            picked[d] = t.cut[node[d]]
    for group in range(len(c.axis)):
        axis = c.axis[group]
        room = 1.0
        if s.known[box] == 2:
            for one in range(4):
                d = c.groups[group, one]
                if d >= 0:
                    room *= t.inner[picked[d]]
            room = min(room, left[axis])
            left[axis] = np.floor(left[axis] / room)
        for mask in range(s.passes.shape[1]):
            if not f.late[group]:
                s.passes[box, mask, group] = s.factors[box, f.passes[mask, group]]
            elif s.known[box] == 2:
                s.passes[box, mask, group] = _turns(c, t, picked, group, mask, room, s.turn)
            else:
                least = np.ceil(s.factors[box, f.points[mask, group]] / c.limit[axis] * (1 - _ROUNDING))
                least = max(s.factors[box, f.pieces[mask, group]], least)
                stair = k.passes[mask, group]
                s.passes[box, mask, group] = least if stair < 0 else max(least, s.steps[stair])


@borrowing
def _multiplied(t: Forest, way: int, node: Ints, factors: Floats, each: Floats) -> None:
    """Fill the products of the factors of all dims, and the factors of each dim if there is room for them."""
    for v in range(len(factors)):
        factors[v] = 1.0
    for d in range(len(each)):
        for v in range(len(factors)):
            each[d, v] = _factor(t, way, d, node[d], v)
    for d in range(len(node)):
        for kind in range(2):
            count = t.counts[kind, d]
            first = t.starts[kind, way, d] + (node[d] - t.first[d]) * count
            for at in range(count):
                factors[t.listed[kind, d, at]] *= t.value[first + at]


@borrowing
def _one(f: Factors, c: Charges, t: Forest, k: Stairs, s: Batch, box: int, way: int, node: Ints) -> bool:
    """Fill the factors of a box; return whether any mapping in it may have room."""
    s.known[box] = 2
    for d in range(len(node)):
        if t.cut[node[d]] < 0:
            s.known[box] = min(s.known[box], 0 if f.lacks[d] == _OUTPUTS else 1)
    _multiplied(t, way, node, s.factors[box], s.each[box if s.each.shape[1] else 0])
    for level in range(s.acting.shape[1]):
        s.acting[box, level] = s.sliding[box, level] = 0
        for d in range(len(node)):
            if (t.turning[node[d]] >> level) & 1:
                s.acting[box, level] |= 1 << f.lacks[d]
                if f.axis[d] >= 0:
                    s.sliding[box, level] |= 1 << f.axis[d]
    for axis in range(len(f.axes)):
        if s.factors[box, f.axes[axis]] > c.copies[axis]:
            return False
    if s.known[box] < 2:
        _held(f, t, s, way, node)
        if not _largest(f, c, t, s, box, node):
            return False
        _fall(f, t, k, s, box, way, node)
    _passes(f, c, t, k, s, box, node)
    return True


@borrowing
def measure(f: Factors, c: Charges, t: Forest, k: Stairs, nodes: Ints, ways: Ints, boxes: Ints, s: Batch) -> None:
    """Fill ``s`` for some boxes.

    Args:
        f: Which factor is which.
        c: The machine.
        t: The cuts.
        k: What they contribute at least.
        nodes: Shape ``(slots, D)``: the nodes that make up a box.
        ways: Shape ``(slots,)``: how the filter is cut in it.
        boxes: Shape ``(boxes,)``: the slots of the boxes.
        s: What is found.
    """
    for box in range(len(boxes)):
        s.fits[box] = _one(f, c, t, k, s, box, ways[boxes[box]], nodes[boxes[box]])
