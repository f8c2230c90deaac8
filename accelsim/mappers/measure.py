"""What the mappings of a box have in common: the least factors, and what they say together.

A *box* is some cuts of every dim. A cost grows with every factor, so no mapping of a box costs less than one made of
the least factors of each dim would. Two things make this bound tight. First, a tile is at most as large as the room
beside the least that other operands take; and a factor that counts tiles is at least so many points over so large a
tile. Second, the passes over an axis are no fewer than the points over the PEs.
"""

from __future__ import annotations

import numpy as np

from accelsim.compiled import compiled
from accelsim.mappers.tables import Batch, Charges, Factors, Forest
from accelsim.mapping.nest import Ints

__all__ = ["measure"]

_OUTPUTS = 2
#: Bounds that are no products of whole numbers give way by so much.
_ROUNDING = 1e-9


@compiled
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
            if largest < 1 - _ROUNDING:
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
            return float(total)


@compiled
def _passes(f: Factors, c: Charges, t: Forest, s: Batch, box: int, node: Ints) -> None:
    """Fill the passes over groups: at least so many, of a complete mapping exactly."""
    left, picked = s.left, s.picked
    left[:] = c.limit
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
                s.passes[box, mask, group] = _turns(c, t, picked, group, mask, room)
            else:
                least = np.ceil(s.factors[box, f.points[mask, group]] / c.limit[axis] * (1 - _ROUNDING))
                s.passes[box, mask, group] = max(s.factors[box, f.pieces[mask, group]], least)


@compiled
def _one(f: Factors, c: Charges, t: Forest, s: Batch, box: int, node: Ints) -> bool:
    """Fill the factors of a box; return whether any mapping in it may have room."""
    s.known[box] = 2
    for d in range(len(node)):
        if t.cut[node[d]] < 0:
            s.known[box] = min(s.known[box], 0 if f.lacks[d] == _OUTPUTS else 1)
    s.factors[box] = 1.0
    s.acting[box] = 0
    s.sliding[box] = 0
    for d in range(len(node)):
        for v in range(s.factors.shape[1]):
            s.factors[box, v] *= t.value[node[d], v]
        for level in range(s.acting.shape[1]):
            if (t.turning[node[d]] >> level) & 1:
                s.acting[box, level] |= 1 << f.lacks[d]
                if f.axis[d] >= 0:
                    s.sliding[box, level] |= 1 << f.axis[d]
    for axis in range(len(f.axes)):
        if s.factors[box, f.axes[axis]] > c.copies[axis]:
            return False
    if s.known[box] < 2:
        if not _largest(f, c, t, s, box, node):
            return False
        for at in range(len(f.falling)):
            v, lacking, level = f.falling[at, 0], f.falling[at, 1], f.falling[at, 2]
            least = 1.0 / s.most[lacking, level]
            for d in range(len(node)):
                least *= t.falling[node[d], at]
            s.factors[box, v] = max(s.factors[box, v], least * (1 - _ROUNDING))
    _passes(f, c, t, s, box, node)
    return True


@compiled
def measure(f: Factors, c: Charges, t: Forest, nodes: Ints, boxes: Ints, s: Batch) -> None:
    """Fill ``s`` for some boxes.

    Args:
        f: Which factor is which.
        c: The machine.
        t: The cuts.
        nodes: Shape ``(slots, D)``: the nodes that make up a box.
        boxes: Shape ``(boxes,)``: the slots of the boxes.
        s: What is found.
    """
    for box in range(len(boxes)):
        s.fits[box] = _one(f, c, t, s, box, nodes[boxes[box]])
