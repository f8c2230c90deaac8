"""How often a nest comes by, worked out dim by dim: turns of loops, shares of copies, rows of windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from accelsim.dims import OPERANDS, WINDOWS, Dim, Operand
from accelsim.report.explain.case import Case, Load
from accelsim.report.explain.sums import Number, Term, divided, plus, times

__all__ = ["elements", "first_turn", "full_tile", "pieces", "points", "room", "visits"]

#: Sums with more terms than this are given as one number.
_MOST_TERMS = 4
_PLAIN = (Dim.B, Dim.G, Dim.C)
_AXES = ("planes", "rows", "columns")


def _stages(case: Case, dim: Dim, place: int, walked: int, first: int) -> Iterator[tuple[str, Counter[int], Term]]:
    """Yield, going inwards, what a loop or its copies are called, the pieces so far, and how many there are.

    Loops of levels below ``walked`` turn; of others a single turn counts. Of the places with a bit in ``first`` only
    the first copy counts.
    """
    found, count = Counter({case.op.size(dim): 1}), None
    for level in range(1, place + 1):
        tile = case.tile(level, dim)
        step = tile * case.copied(level, dim)
        name = "the array" if level > case.levels else case.names[level]
        for spatial, size in ((False, step), (True, tile)):
            split = (level > walked) if not spatial else bool(first >> level & 1)
            new: Counter[int] = Counter()
            turns: Counter[int] = Counter()
            for piece, met in found.items():
                whole, rest = divmod(piece, size)
                if split:
                    new[min(piece, size)] += met
                else:
                    new[size] += met * whole
                    new[rest] += met
                turns[1 if split else whole + (rest > 0)] += met
            found = Counter({piece: met for piece, met in new.items() if piece and met})
            what = f"copies of {name} along {dim}" if spatial else f"turns of {dim} at {case.names[level - 1]}"
            if len(turns) > 1:
                count = plus(*(times(Number(met, "tiles"), Number(each, what)) for each, met in sorted(turns.items())))
            elif next(iter(turns)) > 1:
                own = Number(next(iter(turns)), what)
                count = own if count is None else times(count, own)
            yield what, found, count if count is not None else Number(1, f"one piece of {dim}")


def pieces(case: Case, dim: Dim, place: int, first: int = 0, walked: int | None = None) -> tuple[Counter[int], Term]:
    """Return the sizes of the pieces of a dim at ``place``, with how many there are of each, and their number.

    Args:
        case: The layer.
        dim: The dim.
        place: 1 to ``levels``, or ``levels + 1`` for the array.
        first: A bit for each place of which only the first copy counts.
        walked: How many levels' loops turn; by default all.
    """
    result: tuple[Counter[int], Term] = (Counter({case.op.size(dim): 1}), Number(1, f"one piece of {dim}"))
    for _, found, count in _stages(case, dim, place, place if walked is None else walked, first):
        result = found, count
    return result


def points(case: Case, dim: Dim, place: int, first: int) -> Number:
    """Return the points of a dim that all its pieces hold together."""
    found, _ = pieces(case, dim, place, first)
    where = " of the first copy" if first else ""
    return Number(sum(size * met for size, met in found.items()), f"{dim}{where}")


def visits(case: Case, load: Load, first: int, *, walk: bool = True) -> Term:
    """Return how often a load is executed for the same elements: turns of loops that do not index the operand.

    Args:
        case: The layer.
        load: The load.
        first: A bit for each place of which only the first copy counts.
        walk: Whether loops turn; else only copies count.
    """
    found: list[Term] = []
    for dim in Dim:
        if not case.indexes(load.operand, dim) and case.op.size(dim) > 1:
            walked = load.outside[dim.position] if walk else 0
            _, count = pieces(case, dim, load.inner, first, walked)
            if count.value != 1:
                found.append(count)
    return times(*found) if found else Number(1, "no refetch")


def _window_tiles(
    case: Case, axis: int, place: int, loop: int = -1, first: int = 0, *, once: bool = False
) -> Counter[int]:
    """Return the lengths of input that tiles at ``place`` fetch along a window axis, with how many fetch each.

    Padding is never fetched; where only the first copy of some place counts, it is not taken off, for another copy may
    see none. If ``loop`` is a level, a tile that its output loop moves on to fetches only what the tile a step before
    did not have.
    """
    op = case.op
    out, tap = WINDOWS[axis]
    stride, dilation, padding, extent = op.stride[axis], op.dilation[axis], op.padding[axis], op.extent[axis]
    found: Counter[int] = Counter()
    taps = _spans(case, tap, place, -1, first, once=once)
    for start, end, before in _spans(case, out, place, loop, first, once=once):
        for tap_start, tap_end, _ in taps:
            reach = (tap_end - 1) * dilation - padding + 1
            low, high = start * stride + tap_start * dilation - padding, (end - 1) * stride + reach
            if before is not None:
                low = max(low, (before - 1) * stride + reach)
            if not first:
                low, high = min(max(low, 0), extent), min(max(high, 0), extent)
            found[min(max(high - low, 0), extent)] += 1
    return found


def _spans(case: Case, dim: Dim, place: int, loop: int, first: int, *, once: bool) -> list[tuple[int, int, int | None]]:
    """Return starts and ends of the tiles at ``place``, and where the tile a step of ``loop`` before ended.

    A bit of ``first`` leaves a place its first copy alone; ``once`` leaves every loop its first turn.
    """
    spans: list[tuple[int, int, int | None]] = [(0, case.op.size(dim), None)]
    moved = case.tile(loop + 1, dim) * case.copied(loop + 1, dim) if loop >= 0 else 0
    for level in range(place):
        tile = case.tile(level + 1, dim)
        step = tile * case.copied(level + 1, dim)
        found: list[tuple[int, int, int | None]] = []
        for start, end, before in spans:
            for at in range(start, end, tile):
                beyond, was = at - start, None
                if (once and beyond >= step) or (first >> (level + 1) & 1 and beyond % step):
                    continue
                if level == loop and beyond >= step:
                    was = at - step + tile
                elif level > loop >= 0 and before is not None:
                    was = min(at - moved + tile, before)
                found.append((at, min(at + tile, end), was))
        spans = found
    return spans


def _lengths(found: Counter[int], what: str) -> Term:
    """Return the sum of lengths, each as often as it occurs."""
    found = Counter({length: met for length, met in found.items() if length}) or Counter({0: 1})
    if len(found) > _MOST_TERMS:
        return Number(sum(length * met for length, met in found.items()), f"{what} of all windows")
    terms = [
        Number(length, what) if met == 1 else times(Number(met, "tiles"), Number(length, what))
        for length, met in sorted(found.items(), reverse=True)
    ]
    return plus(*terms)


def _slides(case: Case, axis: int) -> bool:
    out, tap = WINDOWS[axis]
    return case.indexes(Operand.I, out) and case.indexes(Operand.I, tap)


def _product(parts: list[Term]) -> Term:
    return times(*parts) if parts else Number(1, "one element")


def elements(case: Case, load: Load, first: int = 0) -> Term:
    """Return the elements that one walk over all tiles fetches.

    Args:
        case: The layer.
        load: The load.
        first: A bit for each place of which only the first copy counts.
    """
    slides = load.operand is Operand.I and any(_slides(case, axis) for axis in range(3))
    dims = [dim for dim in (_PLAIN if slides else Dim) if case.indexes(load.operand, dim) and case.op.size(dim) > 1]
    parts: list[Term] = [points(case, dim, load.inner, first) for dim in dims]
    innermost = case.loops[load.inside - 1] if load.inside else None
    for axis, (out, _) in enumerate(WINDOWS) if slides else ():
        reuses = case.accelerator.memories[load.inner].sliding and innermost is not None and innermost.dim is out
        found = _window_tiles(case, axis, load.inner, innermost.level if innermost and reuses else -1, first)
        if found != {1: 1}:
            parts.append(_lengths(found, _AXES[axis]))
    return _product(parts)


def first_turn(case: Case, load: Load) -> Term:
    """Return the elements that all copies fetch, or work on, in the first turn of all loops."""
    structure, place = case.machine.structure, OPERANDS.index(load.operand)
    slides = load.operand is Operand.I and any(_slides(case, axis) for axis in range(3))
    parts: list[Term] = []
    for dim in _PLAIN if slides else Dim:
        if case.indexes(load.operand, dim):
            found, _ = pieces(case, dim, load.inner, walked=0)
            parts.append(Number(sum(size * met for size, met in found.items()), str(dim)))
    for axis in range(3) if slides else ():
        parts.append(_lengths(_window_tiles(case, axis, load.inner, once=True), _AXES[axis]))
    parts = [part for part in parts if part.value != 1]
    if load.operand is not Operand.O:
        # Copies that do not share a read fetch a tile each.
        apart = visits(case, load, structure.shared(load.outer, load.inner, place), walk=False)
        parts += [apart] if apart.value != 1 else []
    return _product(parts)


def _span(case: Case, axis: int, outputs: int, taps: int) -> int:
    op = case.op
    return min((outputs - 1) * op.stride[axis] + (taps - 1) * op.dilation[axis] + 1, op.extent[axis])


def full_tile(case: Case, operand: Operand, place: int, outer: int | None = None) -> Term:
    """Return the elements of a full tile at ``place``, of one copy or of all copies behind the place ``outer``."""

    def size(at: int, dim: Dim) -> int:
        return case.tile(at, dim) if outer is None else case.cover(outer, at, dim)

    sliding = operand is Operand.I and any(_slides(case, axis) for axis in range(3))
    dims = [dim for dim in (_PLAIN if sliding else Dim) if case.indexes(operand, dim)]
    parts: list[Term] = [Number(size(place, dim), str(dim)) for dim in dims if size(place, dim) > 1]
    for axis, (out, tap) in enumerate(WINDOWS) if sliding else ():
        length = _span(case, axis, size(place, out), size(place, tap))
        if length > 1:
            parts.append(Number(length, _AXES[axis]))
    return _product(parts)


def room(case: Case, operand: Operand, place: int) -> Term | None:
    """Return the bytes that tiles of an operand take of a copy of the memory at ``place``.

    A whole tensor that stays there needs no tile, but for outputs, which are worked on.
    """
    if case.kept_at(operand) == place and operand is not Operand.O:
        return None
    width = case.op.bits.partial if case.widened(operand, place) else case.bits(operand)
    size = times(full_tile(case, operand, place), Number(width, f"bits of {operand}"))
    if case.accelerator.memories[place].double_buffered and case.load(operand, place).inside:
        size = times(size, Number(2, "buffers"))
    return divided(size, Number(8, "8"))
