"""The compiled loops over mappings: from the cuts and orders of thousands of them to what each asks of the machine.

They stand in one file because a compiled function calls none of another file. A block of mappings goes through all
stages before the next one, so that what lies between stages stays in the nearest caches:

* *lanes*: products over the dims of what no order of loops changes, such as the elements of a tile;
* *moves*: where loads stand in a nest, how often loops repeat them, and the bytes that follow;
* *work*: passes and steps of the array, and what crosses its edge;
* *demand*: all of it by memory;
* *features*: the part of it that costs something, all operands together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled, inlined
from accelsim.cost.lanes import ALL, ALONE, COPIES, CROSSING, CYCLES, FAR, HELD_SHARE, NEAR, PARENTS, ROOM, STEPS, WHOLE
from accelsim.cost.roles import FIRST_INSIDE, FIRST_OUTSIDE, READ, SHARE, UP, WRITTEN
from accelsim.cost.tables import (
    STREAMED,
    Demand,
    Factors,
    Flags,
    Floats,
    Flow,
    Ints,
    Layout,
    Moved,
    Nest,
    Places,
    Tables,
)

__all__ = ["BLOCK", "count", "moves", "multiply", "work"]

_INPUT, _OUTPUT = 1, 2
#: Mappings that go through all stages together.
BLOCK = 256
#: Rows of what is counted of each dim, all of it, the dims that do not index an operand, how many they are, the loops,
#: and how many entries a question has.
_Where = tuple[npt.NDArray[np.uint64], Floats, Places, Ints, Ints, int]
_Four = tuple[float, float, float, float]


@compiled
def multiply(f: Factors, cut: Ints, rows: Ints, lanes: Floats) -> None:
    """Fill the lanes of some mappings, shape ``(rows, lanes)``."""
    table, terms, begins, whole = f.table, f.terms, f.begins, f.whole
    first, dims, steps = f.first, f.dims, f.steps
    base = np.zeros(len(first), np.uint32)
    for number in range(len(rows)):
        row = np.uint64(rows[number])
        for source in range(len(base)):
            one, other = cut[row, dims[source, 0]], cut[row, dims[source, 1]]
            base[source] = first[source] + one * steps[source, 0] + other * steps[source, 1]
        for lane in range(len(whole)):
            product = whole[lane]
            for term in range(begins[lane], begins[lane + 1]):
                product *= table[np.uint64(base[terms[term]] + lane)]
            lanes[number, lane] = product


@compiled
def _act(picked: npt.NDArray[np.uint64], turns: Flags, standing: Ints, order: np.uint64, acting: Ints) -> None:
    """Fill the bits of the loops of every level that turn more than once."""
    for level in range(len(acting)):
        met = 0
        for d in range(len(picked)):
            met |= standing[order, level, d] * turns[picked[d], level]
        acting[level] = met


@inlined
def _repeats(where: _Where, operand: int, question: int, order: np.uint64, loop: int, innermost: int) -> float:
    """Return how often the loops outside the ``innermost`` one that do not index an operand repeat a load inside it."""
    picked, counted, missing, lacks, standing, walks = where
    entry, level, result = question * walks + loop, np.uint64(loop), 1.0
    for at in range(lacks[operand]):
        d = missing[operand, at]
        result *= counted[picked[d], np.uint64(entry + (standing[order, level, d] > innermost))]
    return result


@inlined
def _of_copies(
    where: _Where, asked: Ints, level: int, operand: int, order: np.uint64, loop: int, innermost: int
) -> _Four:
    """Return the repeats of a load in its other roles: written, up, first copy outside, first copy inside."""
    return (
        _repeats(where, operand, asked[level, operand, WRITTEN], order, loop, innermost),
        _repeats(where, operand, asked[level, operand, UP], order, loop, innermost),
        _repeats(where, operand, asked[level, operand, FIRST_OUTSIDE], order, loop, innermost),
        _repeats(where, operand, asked[level, operand, FIRST_INSIDE], order, loop, innermost),
    )


@compiled
def _slid(t: Tables, cut: Ints, row: int, question: int, moving: int, loop: int) -> float:
    """Return the inputs of a walk; tiles that the loop of a level moves along a window axis share their overlap."""
    result = 1.0
    for d in range(len(t.dims)):
        if t.plain[d]:
            result *= t.summed[d, cut[row, t.dims[d]], question]
    for axis in range(3):
        out, tap = cut[row, t.axes[axis, 0]], cut[row, t.axes[axis, 1]]
        result *= t.seen[axis, out, tap, question, loop + 1 if axis == moving else 0]
    return float(result)


@compiled
def _slide(
    t: Tables, cut: Ints, row: int, level: int, standing: Ints, loop: int, innermost: int
) -> tuple[float, float, float]:
    """Return the inputs of a walk of all copies, of the first outside and of the first inside."""
    moving, asked = -1, t.asked[level, _INPUT]
    for d in range(len(t.dims)):
        if standing[d] == innermost:
            moving = t.window_dim[d]
    return (
        _slid(t, cut, row, asked[UP], moving, loop),
        _slid(t, cut, row, asked[SHARE], moving, loop),
        _slid(t, cut, row, asked[FIRST_INSIDE], moving, loop),
    )


@compiled
def _reads(
    table: Floats,
    row: int,
    level: int,
    operand: int,
    far: float,
    near: float,
    repeats: tuple[float, float],
    width: float,
) -> None:
    table[row, level, operand, 0] = far * repeats[0] * width
    table[row, level, operand, 1] = near * repeats[1] * width


@compiled
def _sums(
    table: Floats,
    row: int,
    level: int,
    far: float,
    near: float,
    repeats: tuple[float, float, float],
    fresh: float,
    widths: tuple[float, float, float],
) -> None:
    """Fill what moves of outputs that start from zero so often; ``widths`` has what the last of them take beyond it."""
    (read, written, up), (partial, last_in, last_out) = repeats, widths
    table[row, level, _OUTPUT, 0] = far * (read - fresh) * partial
    table[row, level, _OUTPUT, 1] = near * (written - fresh) * partial
    table[row, level, _OUTPUT, 2] = near * (up * partial + last_in)
    table[row, level, _OUTPUT, 3] = far * (read * partial + last_out)


@compiled
def moves(t: Tables, n: Nest, cut: Ints, nest: Ints, lanes: Floats, of: Ints, moved: Moved) -> None:
    """Fill the bytes that mappings move; ``of`` says which row of ``lanes`` is a mapping's."""
    every, one, footprint, spilled, ramp = moved.every, moved.one, moved.footprint, moved.spilled, moved.ramp
    asked, parent, bits, fans, slides, buffered = t.asked, t.parent, t.bits, t.fans, t.slides & t.reuses, t.buffered
    (levels, _), cuts, kinds, partial = parent.shape, t.turns.shape[1], ALL if fans else ALONE, bits[3] / 8
    dims, turns, standing, indexing = n.dims, n.turns, n.standing, n.indexing
    picked, acting = np.empty(len(dims), np.uint64), np.empty(levels, np.int64)
    where = (picked, n.counted, n.missing, n.lacks, standing, t.counted.shape[3])
    for row in range(len(cut)):
        order, settled = np.uint64(nest[row]), np.uint64(of[row])
        for d in range(len(dims)):
            picked[d] = d * cuts + cut[row, dims[d]]
        _act(picked, turns, standing, order, acting)
        fresh, alone = 1.0, True
        for operand in range(3):
            loop, innermost, twice, width = 0, 1 << 62, 1.0, bits[operand] / 8
            for level in range(levels):
                turning = acting[level] & indexing[order, level, operand]
                if turning:
                    # The innermost loop that indexes the operand and turns: the load stands inside it.
                    loop, innermost, twice = level, turning & -turning, 2.0
                if parent[level, operand] < 0:
                    continue
                lane = (3 * level + operand) * kinds
                read = _repeats(where, operand, asked[level, operand, READ], order, loop, innermost)
                written, up, outside, inside = read, read, read, read
                whole = lanes[settled, np.uint64(lane + WHOLE)]
                far, near, parents, copies = whole, whole, 1.0, 1.0
                if fans:
                    written, up, outside, inside = _of_copies(where, asked, level, operand, order, loop, innermost)
                    far, near = lanes[settled, np.uint64(lane + FAR)], lanes[settled, np.uint64(lane + NEAR)]
                    parents, copies = (
                        lanes[settled, np.uint64(lane + PARENTS)],
                        lanes[settled, np.uint64(lane + COPIES)],
                    )
                if operand == _INPUT and slides[level]:
                    whole, far, near = _slide(t, cut, row, level, standing[order, loop], loop, innermost)
                full = width
                if operand == _OUTPUT:
                    widths = partial, width - partial if copies == 1 else 0.0, width - partial if parents == 1 else 0.0
                    _sums(every, row, level, whole, whole, (read, written, up), fresh, widths)
                    if fans:
                        _sums(one, row, level, far, near, (outside, inside, inside), 1.0, widths)
                    # A sum that comes back goes to one copy; the others start from zero again.
                    fresh, alone = up - (written - fresh), copies == 1
                    spilled[row, level] = inside > 1 or copies > 1
                    full = partial if spilled[row, level] or not t.outputs_held else width
                else:
                    _reads(every, row, level, operand, whole, whole, (read, written), width)
                    if fans:
                        _reads(one, row, level, operand, far, near, (outside, inside), width)
                tile = lanes[settled, np.uint64(lane + ROOM)] * full
                footprint[row, level, operand] = tile * twice if buffered[level] else tile
            ramp[row, operand] = lanes[settled, np.uint64(3 * levels * kinds + operand)] * width
        moved.fresh[row], moved.alone[row] = fresh, alone


@compiled
def _turns(sizes: Floats, times: Floats, at: Ints, question: int, most: float) -> float:
    """Return the passes over all pieces of a group, ``most`` points at a time; a partial pass is as long as a full one.

    ``at`` says where the pieces of each of its four dims begin; behind the last there is one that is never met.
    """
    a, total = at[0] + question, 0.0
    while times[np.uint64(a)] > 0:
        b = at[1] + question
        while times[np.uint64(b)] > 0:
            c = at[2] + question
            while times[np.uint64(c)] > 0:
                points = sizes[np.uint64(a)] * sizes[np.uint64(b)] * sizes[np.uint64(c)]
                met = times[np.uint64(a)] * times[np.uint64(b)] * times[np.uint64(c)]
                d = at[3] + question
                while times[np.uint64(d)] > 0:
                    total += met * times[np.uint64(d)] * np.ceil(points * sizes[np.uint64(d)] / most)
                    d += 1
                c += 1
            b += 1
        a += 1
    return float(total)


@compiled
def work(t: Layout, cut: Ints, rows: Ints, found: Floats) -> None:
    """Make of the lanes of mappings what the array does: they are multiplied by the passes over all groups."""
    sizes, times, first, steps = t.sizes, t.times, t.first, t.steps
    dims, axis, free, asked, wanted = t.dims, t.axis, t.free, t.asked, t.wanted
    limit, questions, width, lanes = t.hold_limit, t.questions, t.width, found.shape[1]
    at, left, turns = np.empty(4, np.int64), np.empty(2), np.empty(questions)
    for number in range(len(rows)):
        left[0], left[1] = t.rows, t.columns
        for group in range(len(axis)):
            streamed, whole = axis[group] == STREAMED, 1.0
            if streamed and limit == np.inf:
                continue
            for part in range(4):
                at[part] = first[group, part] + cut[rows[number], dims[group, part]] * steps[group, part]
                # The first piece is a full tile.
                whole *= sizes[np.uint64(at[part])]
            most = min(whole, limit if streamed else left[axis[group]])
            for question in range(questions):
                if wanted[group, question]:
                    turns[question] = _turns(sizes, times, at, question * width, most)
                if wanted[group, question] and streamed:
                    # A held weight is read again after so many steps of the stream.
                    turns[question] /= _turns(sizes, times, at, question * width, whole)
            if not streamed:
                # The first group fills the axis as far as it reaches, the next divides what is left.
                left[axis[group]] = np.floor(left[axis[group]] / most)
                found[number, STEPS] *= turns[asked[0]]
                found[number, CYCLES] *= turns[asked[0]]
            for lane in range(CROSSING, lanes):
                if free[(lane - CROSSING) % 3, group]:
                    found[number, lane] *= turns[asked[lane - CROSSING + 1]]
        found[number, STEPS] *= t.pace
        found[number, CYCLES] = found[number, STEPS] + found[number, CYCLES] * t.overhead
        found[number, CROSSING + _INPUT] *= t.useful[0]
        if lanes > CROSSING + 3:
            found[number, CROSSING + 3 + _INPUT] *= t.useful[1]


@compiled
def _cross(f: Flow, m: Moved, row: int, edge: Floats, work: np.uint64, operand: int) -> _Four:
    """Return what the memory at the array reads and writes there, and its first copy does."""
    crossing, to_first = edge[work, CROSSING + operand], edge[work, edge.shape[1] - 3 + operand]
    if operand != _OUTPUT:
        return crossing * f.bits[operand] / 8, 0.0, to_first * f.bits[operand] / 8, 0.0
    # Where several copies sum the same output, none of them sees it complete.
    partial, width = f.bits[3] / 8, f.bits[_OUTPUT if m.alone[row] else 3] / 8
    begun, share = f.outputs * m.fresh[row], edge[work, HELD_SHARE]
    again, once_more = (crossing - begun) * partial, (to_first - share) * partial
    return again, again + begun * width, once_more, once_more + share * width


@compiled
def _put(found: Floats, row: int, at: int, read: float, written: float, each: int) -> None:
    if each == 1:
        found[row, at] = read + written
    else:
        found[row, at], found[row, at + 1] = read, written


@compiled
def _demand(f: Flow, m: Moved, edge: Floats, of: Ints, asked: Demand, found: Floats, start: int, each: int) -> None:
    """Fill demand, or features if there are some, from row ``start`` on.

    ``of`` says which row of ``edge`` is a mapping's; reads and writes are features apart if ``each`` is 2.
    """
    inside, outside, edges, waits, rooms, memories = f.inside, f.outside, f.edges, f.waits, f.rooms, len(f.waits)
    every, alone, footprint = m.every, m.one, m.footprint
    moved, one, serial, room = asked.moved, asked.one, asked.serial, asked.room
    for row in range(len(of)):
        at, work = start + row, np.uint64(of[row])
        asked.allowed[at] = f.unfinished < 0 or not m.spilled[row, f.unfinished]
        for memory in range(memories):
            late_read, late_written, first_read, first_written = 0.0, 0.0, 0.0, 0.0
            all_read, all_written, all_room = 0.0, 0.0, 0.0
            for operand in range(3):
                read, written = 0.0, 0.0
                if inside[memory, operand] >= 0:
                    here = np.uint64(inside[memory, operand])
                    read, written = every[row, here, operand, 2], every[row, here, operand, 1]
                    first_read += alone[row, here, operand, 2]
                    first_written += alone[row, here, operand, 1]
                if outside[memory, operand] >= 0:
                    there = np.uint64(outside[memory, operand])
                    read += every[row, there, operand, 0]
                    written += every[row, there, operand, 3]
                    first_read += alone[row, there, operand, 0]
                    first_written += alone[row, there, operand, 3]
                    if waits[outside[memory, operand] + 1]:
                        late_read += alone[row, there, operand, 0]
                        late_written += alone[row, there, operand, 3]
                if edges[operand] == memory:
                    down, up, first_down, first_up = _cross(f, m, row, edge, work, operand)
                    read, written = read + down, written + up
                    first_read, first_written = first_read + first_down, first_written + first_up
                taken = footprint[row, np.uint64(memory - 1), operand] if rooms[memory, operand] else 0.0
                all_read, all_written, all_room = all_read + read, all_written + written, all_room + taken
                if each == 0:
                    moved[at, memory, operand, 0], moved[at, memory, operand, 1] = read, written
                    room[at, memory, operand] = taken
            if each == 0:
                one[at, memory, 0], one[at, memory, 1] = first_read, first_written
                serial[at, memory, 0], serial[at, memory, 1] = late_read, late_written
            else:
                found[at, 1 + memory], place = all_room, 1 + memories + each * memory
                _put(found, at, place, all_read, all_written, each)
                _put(found, at, place + each * memories, first_read, first_written, each)
                _put(found, at, place + 2 * each * memories, late_read, late_written, each)
        filled, drained = m.ramp[row, 0] * f.fills[0] + m.ramp[row, 1] * f.fills[1], m.ramp[row, 2] * f.fills[2]
        if each == 0:
            asked.cycles[at], asked.steps[at] = edge[work, CYCLES], edge[work, STEPS]
            asked.ramp[at, 0], asked.ramp[at, 1] = filled, drained
        else:
            found[at, 0] = edge[work, CYCLES]
            _put(found, at, found.shape[1] - each, filled, drained, each)


@compiled
def _settle(cut: Ints, rows: Ints, of: Ints) -> int:
    """Fill the rows whose cuts differ from those before, and which of them is each row's; return how many they are."""
    found = 0
    for row in range(len(cut)):
        same = row > 0
        for dim in range(cut.shape[1]):
            same = same and cut[row, dim] == cut[row - 1, dim]
        if not same:
            rows[found] = row
            found += 1
        of[row] = found - 1
    return found


@compiled
def count(
    between: tuple[Factors, Tables, Nest, Moved],
    array: tuple[Factors, Layout],
    flow: Flow,
    cut: Ints,
    nest: Ints,
    asked: Demand,
    found: Floats,
    each: int,
) -> None:
    """Fill demand, or, if ``each`` is not 0, features and what is allowed; ``between`` has room for a block's bytes."""
    factors, tables, nests, moved = between
    edges, layout = array
    rows, of = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    lanes, edge = np.empty((BLOCK, len(factors.whole))), np.empty((BLOCK, len(edges.whole)))
    for start in range(0, len(cut), BLOCK):
        stop = min(start + BLOCK, len(cut))
        cuts = cut[start:stop]
        distinct = rows[: _settle(cuts, rows, of)]
        multiply(factors, cuts, distinct, lanes)
        moves(tables, nests, cuts, nest[start:stop], lanes, of, moved)
        multiply(edges, cuts, distinct, edge)
        work(layout, cuts, distinct, edge)
        _demand(flow, moved, edge, of[: stop - start], asked, found, start, each)
