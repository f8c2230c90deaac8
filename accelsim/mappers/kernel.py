"""The compiled heart of the exact mapper: what a mapping costs, what one yet to be completed costs at least, the search.

Everything a mapping costs is made of *factors*: products over dims of what each dim's cut contributes (how often a tile
is loaded, how many elements it has, how many points a pass takes). Time, energy and room grow with every factor. So a
mapping of which some dims are decided costs at least what it would cost with the least factor of every other dim.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled

__all__ = ["Charges", "Factors", "Outcome", "cost", "search"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Roles of a transfer, as in ``cost.moves``.
_READ, _WRITTEN, _UP, _FIRST_OUTSIDE, _SHARE, _FIRST_INSIDE = range(6)
_ROUNDING = 1e-12


class Factors(NamedTuple):
    """What each cut of each dim contributes. ``D`` dims in the order they are decided, ``V`` factors, ``L`` levels.

    Attributes:
        rows: Shape ``(D, cuts, V)``; of an output dim of a window, without what depends on the filter.
        windows: Shape ``(3, filter cuts, output cuts, factors of windows)``: what does.
        window: Which factors those are.
        count: Shape ``(D,)``: cuts of each dim.
        size: Shape ``(D,)``: loop sizes.
        tile: Shape ``(D, cuts, L)``.
        turning: Shape ``(D, cuts)``: a bit for each level whose loop turns more than once.
        lacks: Shape ``(D,)``: the operand that the dim does not index, 3 if it indexes all.
        axis: Shape ``(D,)``: the window axis of which it is the output dim, or -1.
        tap: Shape ``(D,)``: the window axis of which it is the filter dim, or -1.
        taps: How many dims of filters there are; they are decided first.
        loads: Shape ``(L, 3, 6)``: the factor that counts the loads of an operand, by role, if no loop outside
            multiplies it; those after it, if the loops of one more level do.
        elements: Shape ``(L, 3, 3)``: the factors of the elements in a walk: all, the first copy's outside and inside.
        slides: Shape ``(L,)``: how many variants there are of the elements of ``I``, for windows that share overlap.
        footprint: Shape ``(L, 3)``.
        first: Shape ``(3,)``.
        work: Shape ``(2,)``: points that are steps, and passes; spatial passes left out.
        crossing: Shape ``(2, 3)``: what crosses the array's edge of all copies, of the first.
        share: Outputs that the first copy deals with.
        pieces: Shape ``(masks, groups)``: how many pieces a group on the array has.
        points: Shape ``(masks, groups)``: how many points.
        falling: Shape ``(F, 3)``: factors that fall as tiles grow: the factor, the operand its dims lack, the level.
        sizes: Shape ``(D, cuts, masks, pieces)``: pieces that reach the array.
        times: The same: how many there are.
        inner: Shape ``(D, cuts)``: what a copy of the array takes of the innermost tile.
    """

    rows: Floats
    windows: Floats
    window: Ints
    count: Ints
    size: Floats
    tile: Floats
    turning: Ints
    lacks: Ints
    axis: Ints
    tap: Ints
    taps: int
    loads: Ints
    elements: Ints
    slides: Ints
    footprint: Ints
    first: Ints
    work: Ints
    crossing: Ints
    share: int
    pieces: Ints
    points: Ints
    falling: Ints
    sizes: Ints
    times: Ints
    inner: Floats


class Charges(NamedTuple):
    """The machine and what it charges. ``M`` memories, ``L = M - 1``; bytes, cycles, pJ.

    Attributes:
        parent: Shape ``(L, 3)``: the next memory outside that holds the operand, -1 where a level does not hold it.
        moves: Shape ``(L, 3)``: whether the operand is loaded there; a kept tensor is not.
        fills: Shape ``(3,)``: whether the first step waits for the operand, or it for the last step, at the outermost
            memory.
        takes_room: Shape ``(L, 3)``.
        complete: Shape ``(L,)``: whether outputs may not leave before their sum is complete.
        buffered: Shape ``(L,)``: whether tiles that change take twice their room.
        serial: Shape ``(L,)``: whether transfers into the level are waited for.
        reuses: Shape ``(L,)``: whether neighbouring windows share their overlap.
        outputs_held: Whether outputs stay in the array.
        bytes: Shape ``(4,)``: of an element of ``W I O`` and of a partial sum.
        whole: Shape ``(3,)``: elements of each operand that no factor counts.
        output_elements: Elements of the output.
        useful: Shape ``(2,)``: the share of inputs that are not padding, for all copies and for the first.
        room: Shape ``(L,)``.
        slow: Shape ``(M, 3)``: cycles a byte, of both directions, of reads, of writes.
        dear: Shape ``(M, 2)``: pJ a byte, read and written.
        dispatch: Cycles.
        leakage: pJ a cycle.
        base: Energy that no mapping changes, in pJ.
        edge: Shape ``(3,)``: the innermost memory that holds each operand.
        held: Shape ``(3,)``: whether the dataflow holds it.
        overhead: Cycles of a pass beyond its steps.
        limit: Shape ``(3,)``: rows, columns, steps of the stream that a held weight lasts.
        groups: Shape ``(groups, 4)``: dims that share an axis as one loop, -1 where there are fewer; the stream last.
        axis: Shape ``(groups,)``: 0 rows, 1 columns, 2 the stream.
        masks: Shape ``(2, 3)``: which pieces count what crosses, of all copies and of the first.
        free: Shape ``(3, groups)``: whether passes over a group multiply what crosses.
        fans: Whether anything stands in copies.
        powers: Shape ``(2,)``: of latency and energy in the score.
    """

    parent: Ints
    moves: Flags
    fills: Flags
    takes_room: Flags
    complete: Flags
    buffered: Flags
    serial: Flags
    reuses: Flags
    outputs_held: bool
    bytes: Floats
    whole: Floats
    output_elements: float
    useful: Floats
    room: Floats
    slow: Floats
    dear: Floats
    dispatch: float
    leakage: float
    base: float
    edge: Ints
    held: Flags
    overhead: float
    limit: Floats
    groups: Ints
    axis: Ints
    masks: Ints
    free: Flags
    fans: bool
    powers: Floats


class _State(NamedTuple):
    """A mapping, or what is decided of it; its factors; room to work in.

    Attributes:
        factors: Shape ``(V,)``: at least what they will be.
        acting: Shape ``(L,)``: a bit for each operand whose missing dims have a loop that turns there; 8 for others.
        sliding: Shape ``(L,)``: which axes' output dims turn there, a bit for each.
        passes: Shape ``(masks, groups)``: at least what they will be.
        known: 2 if all dims are decided, 1 if all that outputs lack are, else 0.
        moved: Shape ``(M, 2)``: bytes that all copies read and write.
        one: Shape ``(M, 2)``: bytes that the first copy reads and writes.
        late: Shape ``(M, 2)``: those of them that are waited for.
    """

    factors: Floats
    acting: Ints
    sliding: Ints
    passes: Floats
    known: int
    moved: Floats
    one: Floats
    late: Floats


@compiled
def _walked(level: int, operand: int, still: Ints, acting: Ints) -> int:
    """Return how many levels' loops over dims that an operand lacks multiply its loads at ``level``.

    A load stands inside the innermost loop that indexes the operand and turns more than once. At each level the dims
    that one operand lacks stand innermost (``still``), and if that operand is not this one, a loop of them turns.
    """
    for outer in range(level - 1, -1, -1):
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
    if not c.reuses[level] or f.slides[level] < 2:
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
def _seen(f: Factors, c: Charges, s: _State, level: int, operand: int, way: int, still: Ints, slide: Ints) -> float:
    """Return the elements in a walk; if ``slide`` is not decided, at least those."""
    at = f.elements[level, operand, way]
    if at < 0:
        return 1.0
    if operand != _INPUTS:
        return s.factors[at]
    if slide[0] >= 0:
        return s.factors[at + _variant(f, c, s, level, still, slide)]
    least = s.factors[at]
    for variant in range(1, f.slides[level] if c.reuses[level] else 0):
        least = min(least, s.factors[at + variant])
    return least


@compiled
def _loads(f: Factors, c: Charges, s: _State, level: int, operand: int, role: int, walked: int) -> float:
    return s.factors[f.loads[level, operand, role if c.fans else 0] + walked]


@compiled
def _add(c: Charges, s: _State, level: int, operand: int, every: tuple, one: tuple) -> None:  # type: ignore[type-arg]
    """Add a transfer: bytes read outside, written inside, read inside, written outside; of all copies and the first."""
    outer, inner = c.parent[level, operand], level + 1
    s.moved[outer, 0] += every[0]
    s.moved[inner, 1] += every[1]
    s.moved[inner, 0] += every[2]
    s.moved[outer, 1] += every[3]
    s.one[outer, 0] += one[0]
    s.one[inner, 1] += one[1]
    s.one[inner, 0] += one[2]
    s.one[outer, 1] += one[3]
    if c.serial[level]:
        s.late[outer, 0] += one[0]
        s.late[outer, 1] += one[3]


@compiled
def _width(c: Charges, spilled: bool) -> float:
    return c.bytes[3] if spilled or not c.outputs_held else c.bytes[_OUTPUTS]


@compiled
def _outputs(f: Factors, c: Charges, s: _State, level: int, walked: int, fresh: tuple) -> tuple:  # type: ignore[type-arg]
    """Add the transfer of outputs.

    Args:
        f: Factors.
        c: Machine.
        s: Mapping.
        level: The level that outputs are loaded into.
        walked: How many levels' loops multiply the loads.
        fresh: How often an output starts from zero outside: at least, and at most.

    Returns:
        The same inside; whether sums leave half-done; whether a single copy sums an output.
    """
    final, partial = c.bytes[_OUTPUTS], c.bytes[3]
    read = _loads(f, c, s, level, _OUTPUTS, _READ, walked)
    written = _loads(f, c, s, level, _OUTPUTS, _WRITTEN, walked)
    up = _loads(f, c, s, level, _OUTPUTS, _UP, walked)
    outside = _loads(f, c, s, level, _OUTPUTS, _FIRST_OUTSIDE, walked)
    inside = _loads(f, c, s, level, _OUTPUTS, _FIRST_INSIDE, walked)
    parents, copies, most = 1.0, 1.0, fresh[1]
    if c.fans:
        parents, copies = _loads(f, c, s, level, _OUTPUTS, _WRITTEN, 0), _loads(f, c, s, level, _OUTPUTS, _UP, 0)
        most += _loads(f, c, s, level, _OUTPUTS, _UP, level + 1) - _loads(f, c, s, level, _OUTPUTS, _WRITTEN, level + 1)
        if s.known == 0:
            most = np.inf
    if s.known == 2:
        most = fresh[0] + up - written
    ended = final - partial
    last_in, last_out = ended if copies == 1 else 0.0, ended if parents == 1 else 0.0
    if s.known == 0:
        last_in, last_out = min(last_in, 0.0), min(last_out, 0.0)
    if c.moves[level, _OUTPUTS]:
        whole = c.whole[_OUTPUTS]
        far, near = whole, whole
        if c.fans:
            far *= s.factors[f.elements[level, _OUTPUTS, 1]]
            near *= s.factors[f.elements[level, _OUTPUTS, 2]]
        outer = c.parent[level, _OUTPUTS]
        # A sum that starts from zero is not read.
        s.moved[outer, 0] += whole * max(read - fresh[1], 0.0) * partial
        s.moved[level + 1, 1] += whole * max(written - fresh[1], 0.0) * partial
        s.moved[level + 1, 0] += whole * (up * partial + last_in)
        s.moved[outer, 1] += whole * (read * partial + last_out)
        back, gone = far * (outside - 1) * partial, far * (outside * partial + last_out)
        s.one[outer, 0] += back
        s.one[level + 1, 1] += near * (inside - 1) * partial
        s.one[level + 1, 0] += near * (inside * partial + last_in)
        s.one[outer, 1] += gone
        if c.serial[level]:
            s.late[outer, 0] += back
            s.late[outer, 1] += gone
    return (fresh[0] + up - written, most), inside > 1 or copies > 1, copies == 1


@compiled
def _reads(f: Factors, c: Charges, s: _State, level: int, operand: int, walked: int, still: Ints, slide: Ints) -> None:
    """Add the transfer of weights or inputs."""
    whole = c.whole[operand] * c.bytes[operand]
    outer = c.parent[level, operand]
    elements = whole * _seen(f, c, s, level, operand, 0, still, slide)
    read = elements * _loads(f, c, s, level, operand, _READ, walked)
    written = elements * _loads(f, c, s, level, operand, _WRITTEN, walked)
    s.moved[outer, 0] += read
    s.moved[level + 1, 1] += written
    if c.fans:
        far = whole * _seen(f, c, s, level, operand, 1, still, slide)
        near = whole * _seen(f, c, s, level, operand, 2, still, slide)
        read = far * _loads(f, c, s, level, operand, _FIRST_OUTSIDE, walked)
        written = near * _loads(f, c, s, level, operand, _FIRST_INSIDE, walked)
    s.one[outer, 0] += read
    s.one[level + 1, 1] += written
    if c.serial[level]:
        s.late[outer, 0] += read


@compiled
def _transfers(f: Factors, c: Charges, s: _State, still: Ints, slide: Ints) -> tuple:  # type: ignore[type-arg]
    """Add what moves between memories.

    Returns:
        Whether the tiles fit; how often an output starts from zero in the innermost memory that holds outputs, at least
        and at most; whether a single copy of that memory sums an output.
    """
    fresh, alone = (1.0, 1.0), True
    changing = 0
    for level in range(len(still)):
        changing |= s.acting[level]
        room = 0.0
        for operand in range(3):
            if c.parent[level, operand] < 0:
                continue
            walked = _walked(level + 1, operand, still, s.acting)
            width = c.bytes[operand]
            if operand == _OUTPUTS:
                fresh, spilled, alone = _outputs(f, c, s, level, walked, fresh)
                if spilled and c.complete[level]:
                    return False, fresh, alone
                if spilled or not c.outputs_held:
                    width = c.bytes[3]
                elif s.known == 0:
                    width = min(width, c.bytes[3])
            elif c.moves[level, operand]:
                _reads(f, c, s, level, operand, walked, still, slide)
            if c.takes_room[level, operand]:
                twice = 2.0 if c.buffered[level] and changing & ~(1 << operand) else 1.0
                room += s.factors[f.footprint[level, operand]] * width * twice
        if room > c.room[level]:
            return False, fresh, alone
    return True, fresh, alone


@compiled
def _crossing(f: Factors, c: Charges, s: _State, which: int, operand: int) -> float:
    """Return the elements that cross the array's edge."""
    result = s.factors[f.crossing[which, operand]]
    mask = c.masks[which, operand]
    for group in range(len(c.axis)):
        if c.free[operand, group]:
            result *= s.passes[mask, group]
    return float(result)


@compiled
def _edge(f: Factors, c: Charges, s: _State, fresh: tuple, alone: bool) -> None:  # type: ignore[type-arg]
    """Add what crosses between the array and the memories."""
    for which in range(2):
        table = s.moved if which == 0 else s.one
        for operand in range(3):
            level = c.edge[operand]
            crossing = _crossing(f, c, s, which, operand)
            if operand == _OUTPUTS:
                share = c.output_elements if which == 0 else s.factors[f.share]
                starts, least = (share * fresh[1], share * fresh[0]) if which == 0 else (share, share)
                table[level, 0] += max(crossing - starts, 0.0) * c.bytes[3]
                ended = (c.bytes[_OUTPUTS] - c.bytes[3]) * least if alone else 0.0
                table[level, 1] += crossing * c.bytes[3] + (min(ended, 0.0) if s.known == 0 else ended)
            else:
                useful = c.useful[which] if operand == _INPUTS else 1.0
                table[level, 0] += crossing * c.bytes[operand] * useful


@compiled
def _figures(f: Factors, c: Charges, s: _State, still: Ints, slide: Ints) -> tuple[bool, float, float]:
    """Return whether a mapping fits, its latency in cycles and its energy in pJ; see ``cost.choose``."""
    s.moved[:], s.one[:], s.late[:] = 0.0, 0.0, 0.0
    fits, fresh, alone = _transfers(f, c, s, still, slide)
    if not fits:
        return False, np.inf, np.inf
    _edge(f, c, s, fresh, alone)
    spatial = 1.0
    for group in range(len(c.axis)):
        if c.axis[group] != 2:
            spatial *= s.passes[0, group]
    pace = spatial * (s.factors[f.work[0]] + s.factors[f.work[1]] * c.overhead)
    first, last = 0.0, 0.0
    for operand in range(3):
        if f.first[operand] >= 0 and c.fills[operand]:
            filled = s.factors[f.first[operand]] * c.bytes[operand]
            if operand == _OUTPUTS:
                last += filled
            else:
                first += filled
    energy, waits = c.base, 0.0
    for level in range(len(c.slow)):
        read, written = s.one[level, 0], s.one[level, 1]
        busy = max(c.slow[level, 0] * (read + written), c.slow[level, 1] * read, c.slow[level, 2] * written)
        into, out = max(c.slow[level, 0], c.slow[level, 1]), max(c.slow[level, 0], c.slow[level, 2])
        waited = into * s.late[level, 0] + out * s.late[level, 1]
        if level == 0:
            waited = max(waited, min(busy, into * first + out * last))
        waits += waited
        pace = max(pace, busy - waited)
        energy += s.moved[level, 0] * c.dear[level, 0] + s.moved[level, 1] * c.dear[level, 1]
    latency = pace + waits + c.dispatch
    return True, latency, energy + c.leakage * latency


class _Rest(NamedTuple):
    """What is known of the dims that are not decided yet, by how many are; shapes begin with ``D + 1``.

    Attributes:
        least: Shape ``(.., V)``: product of the least factors.
        spread: Shape ``(.., 3, L, 3)``: the same of footprints, those of dims that an operand (first axis) lacks for
            each point of their tiles.
        full: Shape ``(.., 3)``: points of the dims that an operand lacks.
        falling: Shape ``(.., F)``: product of the least of factor x tile, of the falling factors.
    """

    least: Floats
    spread: Floats
    full: Floats
    falling: Floats


@compiled
def _look_ahead(f: Factors, rest: _Rest) -> None:
    """Fill ``rest`` for the filter at hand."""
    levels = f.footprint.shape[0]
    last = len(f.count)
    rest.least[last], rest.spread[last], rest.full[last], rest.falling[last] = 1.0, 1.0, 1.0, 1.0
    for d in range(last - 1, -1, -1):
        rest.full[d] = rest.full[d + 1]
        if f.lacks[d] < 3:
            rest.full[d, f.lacks[d]] *= f.size[d]
        for v in range(f.rows.shape[2]):
            least = np.inf
            for cut in range(f.count[d]):
                least = min(least, f.rows[d, cut, v])
            rest.least[d, v] = rest.least[d + 1, v] * least
        for level in range(levels):
            for operand in range(3):
                at = f.footprint[level, operand]
                if at < 0:
                    continue
                least, each = np.inf, np.inf
                for cut in range(f.count[d]):
                    least = min(least, f.rows[d, cut, at])
                    each = min(each, f.rows[d, cut, at] / f.tile[d, cut, level])
                for lacking in range(3):
                    rest.spread[d, lacking, level, operand] = rest.spread[d + 1, lacking, level, operand] * (
                        each if f.lacks[d] == lacking else least
                    )
        for at in range(len(f.falling)):
            v, lacking, level = f.falling[at]
            least = np.inf
            for cut in range(f.count[d]):
                least = min(least, f.rows[d, cut, v] * (f.tile[d, cut, level] if f.lacks[d] == lacking else 1.0))
            rest.falling[d, at] = rest.falling[d + 1, at] * least


@compiled
def _largest(f: Factors, c: Charges, s: _State, rest: _Rest, decided: int, part: Floats, most: Floats) -> bool:
    """Fill ``most``, shape ``(3, L)``: the points of the tile that undecided dims may have, by the operand they lack.

    Returns:
        Whether there is room for any.
    """
    levels = f.footprint.shape[0]
    for lacking in range(3):
        full = rest.full[decided, lacking]
        largest, changing = full, 0
        for level in range(levels):
            changing |= s.acting[level]
            still, now, cut = 0.0, 0.0, 0.0
            for operand in range(3):
                if not c.takes_room[level, operand]:
                    continue
                at = f.footprint[level, operand]
                width = c.bytes[operand]
                if operand == _OUTPUTS:
                    width = min(width, c.bytes[3]) if c.outputs_held else c.bytes[3]
                twice = 2.0 if c.buffered[level] and changing & ~(1 << operand) else 1.0
                if operand == lacking:
                    still += s.factors[at] * width * twice
                else:
                    each = part[at] * rest.spread[decided, lacking, level, operand] * width
                    now += each * twice
                    # A tile that is not the whole loop changes.
                    cut += each * (2.0 if c.buffered[level] and not c.fans else twice)
            if full > 1 and still + now * full > c.room[level]:
                largest = min(largest, (c.room[level] - still) / cut)
            if largest < 1 - _ROUNDING:
                return False
            most[lacking, level] = largest
    return True


@compiled
def _turns(f: Factors, c: Charges, picked: Ints, group: int, mask: int, room: float) -> float:
    """Return the passes over all pieces of a group, ``room`` points at a time."""
    at = np.zeros(4, np.int64)
    total = 0.0
    while True:
        points, met = 1.0, 1.0
        for one in range(4):
            d = c.groups[group, one]
            if d >= 0:
                points *= f.sizes[d, picked[d], mask, at[one]]
                met *= f.times[d, picked[d], mask, at[one]]
        total += met * np.ceil(points / room)
        one = 0
        while one < 4:
            d = c.groups[group, one]
            if d >= 0 and at[one] + 1 < f.sizes.shape[3] and f.times[d, picked[d], mask, at[one] + 1] > 0:
                at[one] += 1
                break
            at[one] = 0
            one += 1
        if one == 4:
            return total


@compiled
def _passes(f: Factors, c: Charges, decided: int, picked: Ints, ready: Ints, known: Floats, s: _State) -> None:
    """Fill the passes over groups: ``known`` where they are, those of groups just completed, else at least so many."""
    left = np.empty(3)
    left[:] = c.limit
    for group in range(len(c.axis)):
        axis = c.axis[group]
        room = 0.0
        if ready[group] == decided:
            tile = 1.0
            for one in range(4):
                d = c.groups[group, one]
                if d >= 0:
                    tile *= f.inner[d, picked[d]]
            room = min(tile, left[axis])
            left[axis] = np.floor(left[axis] / room)
        elif ready[group] < decided and axis != 2:
            tile = 1.0
            for one in range(4):
                d = c.groups[group, one]
                if d >= 0:
                    tile *= f.inner[d, picked[d]]
            left[axis] = np.floor(left[axis] / min(tile, left[axis]))
        for mask in range(known.shape[0]):
            if ready[group] == decided:
                known[mask, group] = _turns(f, c, picked, group, mask, room)
            if ready[group] <= decided:
                s.passes[mask, group] = known[mask, group]
            else:
                least = s.factors[f.points[mask, group]] / c.limit[axis]
                s.passes[mask, group] = max(s.factors[f.pieces[mask, group]], least)


class Outcome(NamedTuple):
    """What a search found; arrays so that it can be filled.

    Attributes:
        best: Shape ``(4,)``: score, tie, latency, energy.
        picked: Shape ``(D,)``: the cut of each dim.
        still: Shape ``(L,)``: the operand whose missing dims stand innermost.
        slide: Shape ``(L,)``: the axis whose output dim stands innermost of its kind.
        pruned: Shape ``(2, D + 1)``: by room, by bound: how often, by how many dims were decided.
        searched: Shape ``(1,)``: complete mappings.
        bound: Shape ``(1,)``: the least score that something pruned could have had.
    """

    best: Floats
    picked: Ints
    still: Ints
    slide: Ints
    pruned: Ints
    searched: Ints
    bound: Floats


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
def _slides(c: Charges, f: Factors) -> int:
    """Return how many ways there are to say which output dim stands innermost at each level."""
    for level in range(len(c.reuses)):
        if c.reuses[level] and f.slides[level] > 1:
            return int(3 ** len(c.reuses))
    return 1


@compiled
def _judge(
    f: Factors, c: Charges, s: _State, stills: Ints, alive: Flags, picked: Ints, decided: int, slide: Ints, out: Outcome
) -> bool:
    """Strike out of ``alive`` the orders that cannot be best; of a complete mapping, note the best. Say if any is left."""
    found = False
    ways = _slides(c, f) if s.known == 2 else 1
    for order in range(len(stills)):
        if not alive[order]:
            continue
        for way in range(ways):
            if ways > 1:
                left = way
                for level in range(len(slide)):
                    slide[level], left = left % 3, left // 3
            else:
                slide[:] = -1
            fits, latency, energy = _figures(f, c, s, stills[order], slide)
            score, tie = _scored(c, latency, energy)
            if s.known == 2:
                if fits and not _worse(score, tie, out.best):
                    out.best[0], out.best[1], out.best[2], out.best[3] = score, tie, latency, energy
                    out.picked[:], out.still[:], out.slide[:] = picked, stills[order], slide
                continue
            if not fits or _worse(score, tie, out.best):
                alive[order] = False
                out.pruned[0 if not fits else 1, decided] += 1
                if fits:
                    out.bound[0] = min(out.bound[0], score)
            else:
                found = True
    if s.known == 2:
        out.searched[0] += np.sum(alive)
    return found


@compiled
def _visit(
    f: Factors,
    c: Charges,
    rest: _Rest,
    s: _State,
    decided: int,
    part: Floats,
    picked: Ints,
    ready: Ints,
    known: Floats,
    most: Floats,
) -> bool:
    """Work out the least factors of all mappings that share what is decided; return whether any has room."""
    for v in range(len(part)):
        s.factors[v] = part[v] * rest.least[decided, v]
    if decided < len(f.count):
        if not _largest(f, c, s, rest, decided, part, most):
            return False
        for at in range(len(f.falling)):
            v, lacking, level = f.falling[at]
            least = part[v] * rest.falling[decided, at] / most[lacking, level]
            s.factors[v] = max(s.factors[v], least)
    _passes(f, c, decided, picked, ready, known, s)
    return True


@compiled
def _filter(f: Factors, picked: Ints, part: Floats, acting: Ints) -> None:
    """Begin with the filter dims that ``picked`` decides; lay out what the windows of output dims see with it."""
    part[:], acting[:] = 1.0, 0
    chosen = np.zeros(3, np.int64)
    for d in range(f.taps):
        part *= f.rows[d, picked[d]]
        chosen[f.tap[d]] = picked[d]
        for level in range(len(acting)):
            if (f.turning[d, picked[d]] >> level) & 1:
                acting[level] |= 1 << f.lacks[d]
    for d in range(f.taps, len(f.count)):
        axis = f.axis[d]
        if axis >= 0:
            for cut in range(f.count[d]):
                for at in range(len(f.window)):
                    f.rows[d, cut, f.window[at]] = f.windows[axis, chosen[axis], cut, at]


@compiled
def search(f: Factors, c: Charges, stills: Ints, ready: Ints, closed: int, out: Outcome) -> None:
    """Search all mappings; fill ``out``, whose ``best`` says what is to be beaten.

    Args:
        f: Factors; those of windows are written over.
        c: Machine.
        stills: Shape ``(orders, L)``: which operand's missing dims stand innermost at each level.
        ready: Shape ``(groups,)``: how many dims have to be decided for a group's passes to be known.
        closed: How many dims have to be decided until all that outputs lack are.
        out: What is found.
    """
    dims, levels, width = len(f.count), stills.shape[1], f.rows.shape[2]
    falling = len(f.falling)
    rest = _Rest(
        np.ones((dims + 1, width)),
        np.ones((dims + 1, 3, levels, 3)),
        np.ones((dims + 1, 3)),
        np.ones((dims + 1, falling)),
    )
    parts, most, slide = np.ones((dims + 1, width)), np.ones((3, levels)), np.zeros(levels, np.int64)
    acting, sliding = np.zeros((dims + 1, levels), np.int64), np.zeros((dims + 1, levels), np.int64)
    known = np.ones((dims + 1, f.pieces.shape[0], len(c.axis)))
    alive = np.ones((dims + 1, len(stills)), np.bool_)
    memories = levels + 1
    factors, passes = np.ones(width), np.ones((f.pieces.shape[0], len(c.axis)))
    moved, one, late = np.zeros((memories, 2)), np.zeros((memories, 2)), np.zeros((memories, 2))
    picked = np.zeros(dims, np.int64)
    while True:
        start = f.taps
        _filter(f, picked, parts[start], acting[start])
        _look_ahead(f, rest)
        sliding[start], alive[start] = 0, True
        depth = start
        descending = True
        picked[start:] = -1
        while depth >= start:
            if not descending:
                # The next cut of the dim decided last.
                d = depth - 1
                if d < start:
                    break
                picked[d] += 1
                if picked[d] == f.count[d]:
                    picked[d] = -1
                    depth -= 1
                    continue
                cut = picked[d]
                for v in range(width):
                    parts[depth, v] = parts[d, v] * f.rows[d, cut, v]
                for level in range(levels):
                    turns = (f.turning[d, cut] >> level) & 1
                    acting[depth, level] = acting[d, level] | (turns << f.lacks[d])
                    sliding[depth, level] = sliding[d, level]
                    if f.axis[d] >= 0:
                        sliding[depth, level] |= turns << f.axis[d]
                known[depth], alive[depth] = known[d], alive[d]
            s = _State(
                factors,
                acting[depth],
                sliding[depth],
                passes,
                2 if depth == dims else 1 if depth >= closed else 0,
                moved,
                one,
                late,
            )
            descending = False
            if not _visit(f, c, rest, s, depth, parts[depth], picked, ready, known[depth], most):
                out.pruned[0, depth] += np.sum(alive[depth])
            elif _judge(f, c, s, stills, alive[depth], picked, depth, slide, out) and depth < dims:
                depth += 1
        d = f.taps - 1
        while d >= 0:
            picked[d] += 1
            if picked[d] < f.count[d]:
                break
            picked[d] = 0
            d -= 1
        if d < 0:
            return
