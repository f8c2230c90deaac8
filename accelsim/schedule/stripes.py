"""Chains of layers worked on in stripes of rows, so that the feature maps between them are never whole on chip.

A chain is a run of steps, each result of which, but for the last, is read inside it alone. For ``h`` rows of the last
result, a map in between needs::

    rows = rows of its reader's result x stride + rows that windows share

by way of the reader that asks for most. Rows are kept until no later stripe needs them, and made once: work is that of
whole layers. The maps in between take their stripes, everything else that is alive at any time of the chain lies whole
beside them. A chain of ``n`` stripes runs every layer ``n`` times: its start and its weights count ``n`` times.

Which steps form chains: those whose transfers to and from the outermost memory, as whole maps, would take most cycles
longer than what stripes do again. The choice is the best of all for each network (dynamic programming over steps), with
as few stripes as there is room for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled, inlined
from accelsim.mapping.nest import Ints
from accelsim.schedule.table import Steps

__all__ = ["Charges", "choose_stripes", "fill_borders"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Steps of a chain at most.
_LONGEST = 16


class Charges(NamedTuple):
    """What decides on chains; arrays of shape ``(designs,)``.

    Attributes:
        share: Bytes that tensors may take of the memory that keeps feature maps.
        size: Its size.
        rows: Parts of that memory down a map; a stripe has a row for each.
        columns: Parts across it.
        border: Cycles of a byte of borders.
        read: Cycles of a byte read from the outermost memory.
        write: Cycles of a byte written to it.
        weight: Shape ``(2, designs)``: cycles of a byte of weights from the outermost memory, and from where they stay.
        dispatch: Cycles to start an op.
    """

    share: Floats
    size: Floats
    rows: Floats
    columns: Floats
    border: Floats
    read: Floats
    write: Floats
    weight: Floats
    dispatch: Floats


class _Draft(NamedTuple):
    """Room for one network on one design, by step.

    Attributes:
        linked: Whether all who read a result can take it by rows.
        slope: Rows needed of a result for a row of the chain's last.
        fixed: Rows needed of it beside these.
        gain: Most cycles gained by chains of the steps before, one entry more than there are steps.
        begin: First step of the chain that ends here; -1 if none does.
        height: Rows of its stripes.
        recent: Last step of the last of those chains; -1 if there is none, one entry more than there are steps.
        stays: Whether the result of the chain that ends here is to stay whole.
        since: First step of those that a step runs with.
        until: Last step of them.
    """

    linked: Flags
    slope: Floats
    fixed: Floats
    gain: Floats
    begin: Ints
    height: Floats
    recent: Ints
    stays: Flags
    since: Ints
    until: Ints


@compiled
def _inner(pixels: float, parts: float, shared: float) -> float:
    """Return how many rows no window of another part reaches."""
    step, before = np.ceil(pixels / parts), np.floor(shared / 2)
    count = np.ceil(pixels / step)
    if count < 2.0:
        return float(pixels)
    last = pixels - (count - 1.0) * step
    ends = max(0.0, step - before) + max(0.0, last - (shared - before))
    return float(ends + (count - 2.0) * max(0.0, step - shared))


@borrowing
def _need(steps: Steps, place: int, rows: float, columns: float, stripes: float) -> float:
    """Return the bytes that parts need of each other for the windows of a step.

    Each stripe lies on all parts down a map; a single part has what it kept of the stripe before.
    """
    high = _inner(steps.window[place, 1], rows * stripes if rows > 1.0 else 1.0, steps.window[place, 3])
    wide = _inner(steps.window[place, 2], columns, steps.window[place, 4])
    return float(steps.window[place, 0] * (steps.window[place, 1] * steps.window[place, 2] - high * wide))


@compiled
def fill_borders(steps: Steps, rows: Floats, columns: Floats, kept: Flags, stripes: Ints, found: Floats) -> None:
    """Fill in the bytes of borders handed over before each step; see ``accelsim.schedule.borders``.

    Args:
        steps: The steps.
        rows: Shape ``(designs,)``: parts down a map.
        columns: Parts across it.
        kept: Shape ``(steps, designs)``: whether a result stays on chip.
        stripes: Shape ``(steps, designs)``: in how many stripes a step runs.
        found: Shape ``(steps, designs)``, all 0.
    """
    paid = np.zeros(found.shape)
    for place in range(len(steps.macs)):
        if steps.window[place, 0] == 0.0 or steps.away[place]:
            continue
        writer = steps.writer[steps.first_read[place]]
        for design in range(found.shape[1]):
            if writer < 0 or not kept[writer, design]:
                continue
            cut = max(stripes[writer, design], stripes[place, design])
            need = _need(steps, place, rows[design], columns[design], cut)
            found[place, design] = max(0.0, need - paid[writer, design])
            paid[writer, design] = max(need, paid[writer, design])


@inlined
def _plain(steps: Steps, place: int, end: int) -> bool:
    """Return whether a result is a map that may stay."""
    elsewhere = steps.streamed[place] or steps.away[place] or steps.shared[place] or steps.multiplied[place]
    return not elsewhere and steps.last_use[place] < end


@borrowing
def _link(steps: Steps, first: int, end: int, linked: Flags) -> None:
    """Find the results that all their readers can take by rows."""
    for place in range(first, end):
        linked[place] = _plain(steps, place, end) and steps.window[place, 6] > 0.0 and steps.last_use[place] > place
    for place in range(first, end):
        by_rows = steps.window[place, 6] > 0.0 and not steps.away[place]
        for read in range(steps.first_read[place], steps.first_read[place + 1]):
            writer = steps.writer[read]
            if writer >= 0:
                # Windows are those of the first input; others are read where the result is written.
                slides = steps.window[place, 5] > 1.0 or steps.window[place, 3] > 0.0
                alike = by_rows and steps.window[place, 1] == steps.window[writer, 6]
                linked[writer] &= alike and not (slides and read > steps.first_read[place])


@borrowing
def _spills(steps: Steps, first: int, end: int, outputs: Flags) -> bool:
    """Return whether a map that could stay does not."""
    for place in range(first, end):
        if not outputs[place] and steps.window[place, 6] > 0.0 and _plain(steps, place, end):
            return True
    return False


@inlined
def _ask(steps: Steps, place: int, begin: int, draft: _Draft) -> None:
    """Ask those from ``begin`` on for the rows that a step needs."""
    for read in range(steps.first_read[place], steps.first_read[place + 1]):
        writer = steps.writer[read]
        if writer >= begin:
            stride, shared = steps.window[place, 5], steps.window[place, 3]
            draft.slope[writer] = max(draft.slope[writer], draft.slope[place] * stride)
            draft.fixed[writer] = max(draft.fixed[writer], draft.fixed[place] * stride + shared)


@inlined
def _again(steps: Steps, place: int, design: int, charges: Charges, kept: Flags) -> float:
    """Return the cycles of a step that each stripe but the first takes once more."""
    each = charges.weight[1 if kept[place, design] else 0, design]
    return float(charges.dispatch[design] + steps.looked_up[place] * each)


@inlined
def _spilled(steps: Steps, place: int, last: int, design: int, charges: Charges) -> float:
    """Return the cycles in which a result would go out and come back to its readers."""
    cycles = steps.written[place] * charges.write[design]
    for reader in range(place + 1, last + 1):
        for read in range(steps.first_read[reader], steps.first_read[reader + 1]):
            if steps.writer[read] == place:
                cycles += steps.read[read] * charges.read[design]
    return float(cycles)


@borrowing
def _borders(steps: Steps, begin: int, last: int, design: int, count: float, charges: Charges, outputs: Flags) -> float:
    """Return the cycles of borders of a chain in ``count`` stripes."""
    found = 0.0
    if charges.border[design] > 0.0:
        for place in range(begin, last + 1):
            writer = steps.writer[steps.first_read[place]] if steps.window[place, 0] > 0.0 else -1
            if writer >= begin or (writer >= 0 and outputs[writer, design]):
                found += _need(steps, place, charges.rows[design], charges.columns[design], count)
    return float(found * charges.border[design])


@borrowing
def _fits_after(steps: Steps, place: int, end: int, until: int, budget: float, used: Floats, kept: bool) -> bool:
    """Return whether a result that is kept may go, or one that is not has room behind its own step."""
    if not _plain(steps, place, end):
        return False
    if not kept:
        for at in range(place + 1, until + 1):
            if used[at] + steps.held[place] > budget:
                return False
    return True


@borrowing
def _end_here(
    steps: Steps,
    first: int,
    end: int,
    last: int,
    design: int,
    budget: float,
    charges: Charges,
    used: Floats,
    flags: Flags,
    draft: _Draft,
) -> None:
    """Find the best chain that ends with a step, if any is worth it."""
    at = last - first + 1
    draft.gain[at], draft.begin[last], draft.recent[at] = draft.gain[at - 1], -1, draft.recent[at - 1]
    if steps.window[last, 6] == 0.0 or steps.away[last]:
        return
    least = max(first, last - _LONGEST + 1)
    draft.slope[least:last], draft.fixed[least:last] = 0.0, 0.0
    draft.slope[last], draft.fixed[last] = 1.0, 0.0
    parts, each, fixed = charges.rows[design], 0.0, 0.0
    turn, saved = _again(steps, last, design, charges, flags[0]), 0.0
    kept = flags[2, last, design]
    other = _fits_after(steps, last, end, steps.last_use[last], budget, used[:, design], kept)
    worth = _spilled(steps, last, steps.last_use[last], design, charges) if other else 0.0
    _ask(steps, last, least, draft)
    for back in range(last - least):
        begin = last - 1 - back
        if not draft.linked[begin] or steps.last_use[begin] > last:
            break
        row = steps.held[begin] / steps.window[begin, 6]
        each += row * draft.slope[begin]
        fixed += row * draft.fixed[begin]
        turn += _again(steps, begin, design, charges, flags[0])
        if not flags[2, begin, design]:
            saved += _spilled(steps, begin, last, design, charges)
        _ask(steps, begin, least, draft)
        if draft.gain[begin - first] + saved + (0.0 if kept else worth) <= draft.gain[at]:
            continue
        beside = fixed + used[begin, design] - (steps.held[begin] if flags[2, begin, design] else 0.0)
        before = draft.recent[begin - first]
        if before >= 0 and steps.last_use[before] >= begin and draft.stays[before] != flags[2, before, design]:
            beside += steps.held[before] if draft.stays[before] else -steps.held[before]
        for turned in range(2 if other else 1):
            stays = kept != (turned == 1)
            height = np.floor((budget - beside - (steps.held[last] if stays else 0.0)) / each / parts) * parts
            if height < 1.0:
                continue
            count = max(1.0, np.ceil(steps.window[last, 6] / height))
            gain = draft.gain[begin - first] + saved - (count - 1.0) * turn
            if turned:
                gain += worth if stays else -worth
            if gain > draft.gain[at]:
                gain -= _borders(steps, begin, last, design, count, charges, flags[2])
                if gain > draft.gain[at]:
                    draft.gain[at], draft.begin[last], draft.stays[last] = gain, begin, stays
                    draft.recent[at] = last
                    draft.height[last] = np.ceil(steps.window[last, 6] / count / parts) * parts


@compiled
def _take(
    steps: Steps,
    begin: int,
    last: int,
    end: int,
    design: int,
    budget: float,
    used: Floats,
    flags: Flags,
    stripes: Ints,
    draft: _Draft,
) -> None:
    """Work on a chain in stripes, those behind it being settled."""
    height = draft.height[last]
    count = int(np.ceil(steps.window[last, 6] / height))
    if draft.stays[last] != flags[2, last, design]:
        until = draft.until[steps.last_use[last]]
        if not draft.stays[last]:
            flags[2, last, design] = False
            used[last : until + 1, design] -= steps.held[last]
        elif _fits_after(steps, last, end, until, budget, used[:, design], False):
            flags[2, last, design] = True
            used[last : until + 1, design] += steps.held[last]
    room = used[begin, design] + (steps.held[last] if flags[2, last, design] else 0.0)
    room -= steps.held[begin] if flags[2, begin, design] else 0.0
    draft.slope[begin:last], draft.fixed[begin:last] = 0.0, 0.0
    draft.slope[last], draft.fixed[last] = 1.0, 0.0
    for back in range(last - begin + 1):
        place = last - back
        _ask(steps, place, begin, draft)
        stripes[place, design] = count
        if place < last:
            rows = min(steps.window[place, 6], draft.slope[place] * height + draft.fixed[place])
            room += steps.held[place] / steps.window[place, 6] * rows
            flags[2, place, design] = True
    used[begin : last + 1, design] = room


@compiled
def _take_all(
    steps: Steps,
    first: int,
    end: int,
    design: int,
    budget: float,
    used: Floats,
    flags: Flags,
    stripes: Ints,
    draft: _Draft,
) -> None:
    """Work on the best chains of a network in stripes, and note which steps run together."""
    last = end - 1
    while last >= first:
        begin = last if draft.begin[last] < 0 else draft.begin[last]
        if begin < last:
            _take(steps, begin, last, end, design, budget, used, flags, stripes, draft)
        draft.since[begin : last + 1], draft.until[begin : last + 1] = begin, last
        last = begin - 1


@compiled
def _keep_more(
    steps: Steps, first: int, end: int, design: int, budget: float, used: Floats, outputs: Flags, draft: _Draft
) -> None:
    """Keep results whole for which stripes have made room; beside a chain they live as long as all of it."""
    for place in range(first, end):
        if outputs[place, design] or not _plain(steps, place, end):
            continue
        since, until = draft.since[place], draft.until[steps.last_use[place]]
        fits = True
        for at in range(since, until + 1):
            fits &= used[at, design] + steps.held[place] <= budget
        if fits:
            outputs[place, design] = True
            used[since : until + 1, design] += steps.held[place]


@compiled
def choose_stripes(steps: Steps, charges: Charges, tiles: Floats, used: Floats, flags: Flags, stripes: Ints) -> None:
    """Find chains among results that do not stay whole, and change what stays on chip accordingly.

    Args:
        steps: The steps.
        charges: What designs charge.
        tiles: Shape ``(networks,)``: room of the smallest tiles, which is never taken.
        used: Shape ``(steps, designs)``: bytes that tensors take of the memory that keeps feature maps.
        flags: Whether weights, inputs, outputs of a step stay, and the network's inputs; see ``Stay``.
        stripes: Shape ``(steps, designs)``, all 1: in how many stripes a step runs.
    """
    count = len(steps.held)
    known, sizes, places = (
        np.zeros((2, count), dtype=np.bool_),
        np.zeros((3, count)),
        np.zeros((3, count), dtype=np.int64),
    )
    gain, recent = np.zeros(count + 1), np.zeros(count + 1, dtype=np.int64)
    draft = _Draft(known[0], sizes[0], sizes[1], gain, places[0], sizes[2], recent, known[1], places[1], places[2])
    for network in range(len(steps.starts) - 1):
        first, end = steps.starts[network], steps.starts[network + 1]
        linked = False
        for design in range(flags.shape[2]):
            if not _spills(steps, first, end, flags[2, :, design]):
                continue
            if not linked:
                _link(steps, first, end, draft.linked)
            linked = True
            budget = min(charges.share[design], charges.size[design] - tiles[network])
            draft.gain[0], draft.recent[0] = 0.0, -1
            for last in range(first, end):
                _end_here(steps, first, end, last, design, budget, charges, used, flags, draft)
            if draft.gain[end - first] > 0.0:
                _take_all(steps, first, end, design, budget, used, flags, stripes, draft)
                _keep_more(steps, first, end, design, budget, used, flags[2], draft)
