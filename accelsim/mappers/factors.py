"""The factors of which the cost of a mapping is made, for every cut of every dim."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.moves import FIRST_INSIDE, ROLES, SHARE, Tables
from accelsim.cost.pieces import pieces
from accelsim.cost.rows import Machine
from accelsim.cost.traffic import relevant, slides, tables_of
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim
from accelsim.mappers.tables import Factors
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

__all__ = ["Layout", "Material", "factors_of", "laid_out", "order_of", "owners"]

Floats = npt.NDArray[np.float64]
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Filters first, so that what windows see is known; then what outputs lack; pixels last.
_ORDER = (Dim.FZ, Dim.FY, Dim.FX, Dim.G, Dim.C, Dim.K, Dim.B, Dim.OZ, Dim.OY, Dim.OX)
_OUT = {out: axis for axis, (out, _) in enumerate(WINDOWS)}
_TAP = {tap: axis for axis, (_, tap) in enumerate(WINDOWS)}


def order_of(op: Op) -> tuple[Dim, ...]:
    """Return the dims in the order they are decided: those that turn, and those of windows of more than one pixel."""
    windowed = [out for axis, (out, tap) in enumerate(WINDOWS) if op.size(tap) > 1 or op.padding[axis]]
    dims = [dim for dim in _ORDER if op.size(dim) > 1 or (dim in windowed and slides(op))]
    # A dim with one cut is decided before those with many.
    return tuple(sorted(dims, key=lambda dim: (dim not in _TAP, op.size(dim) > 1)))


class Layout(NamedTuple):
    """Masks and groups of the array: which copies count, and what shares an axis.

    Attributes:
        masks: The distinct masks.
        time: Which of them counts steps: the first.
        every: Which counts what crosses, for ``W I O``.
        one: The same of the first copy.
        dealt: Which counts the points of an operand, of all copies, and for ``W I O`` of the first.
        groups: The dims that share an axis as one loop; the stream last.
        axis: 0 rows, 1 columns, 2 the stream.
    """

    masks: tuple[int, ...]
    every: tuple[int, int, int]
    one: tuple[int, int, int]
    dealt: tuple[int, int, int, int]
    groups: tuple[tuple[Dim, ...], ...]
    axis: tuple[int, ...]


def laid_out(machine: Machine) -> Layout:
    """Return how the array counts; see ``cost.array``."""
    structure, flow = machine.structure, machine.flow
    place = structure.levels + 1
    parents = [structure.parent(place, operand) for operand in range(3)]
    every = [structure.shared(parent, place, operand) for operand, parent in enumerate(parents)]
    outside = [structure.copied(0, parent) for parent in parents]
    numbers: dict[int, int] = {}

    def number(mask: int) -> int:
        return numbers.setdefault(mask, len(numbers))

    number(structure.copied(0, place))
    crossing = (number(every[0]), number(every[1]), number(every[2]))
    one = (number(every[0] | outside[0]), number(every[1] | outside[1]), number(every[2] | outside[2]))
    dealt = (number(0), number(outside[0]), number(outside[1]), number(outside[2]))
    axes = [(0, group) for group in flow.rows] + [(1, group) for group in flow.columns] + [(2, flow.stream)]
    return Layout(
        tuple(numbers), crossing, one, dealt, tuple(group for _, group in axes), tuple(axis for axis, _ in axes)
    )


class _Builder:
    """Factors under way: each new one is 1 for every cut until it is set."""

    def __init__(self, op: Op, machine: Machine, cuts: tuple[Cuts, ...], dims: tuple[Dim, ...]) -> None:
        self.op, self.machine, self.cuts, self.dims = op, machine, cuts, dims
        self.levels = machine.structure.levels
        self.indexes = np.array([relevant(op, operand) for operand in OPERANDS])
        self.slides = slides(op)
        self.tables: Tables = tables_of(op, cuts, machine.structure)
        self.table = {DIMS[dim]: at for at, dim in enumerate(self.tables.dims)}
        self.columns: list[dict[int, Floats]] = []
        self.window: dict[int, Floats] = {}

    def new(self, count: int = 1) -> int:
        """Return the number of the first of some new factors."""
        first = len(self.columns)
        self.columns += [{} for _ in range(count)]
        return first

    def of(self, operand: int, dim: Dim) -> bool:
        """Return whether a dim indexes an operand as it is, not through a window."""
        windowed = operand == _INPUTS and self.slides and (dim in _OUT or dim in _TAP)
        return bool(self.indexes[operand, dim.position]) and not windowed

    def fill(self, factor: int, dim: int, values: Floats) -> None:
        """Set a factor for the cuts of a dim."""
        if np.any(values != 1):
            self.columns[factor][dim] = values

    def of_dim(self, dim: int) -> dict[int, Floats]:
        """Return the factors that are not 1 for all cuts of a dim."""
        return {factor: column[dim] for factor, column in enumerate(self.columns) if dim in column}

    def windowed(self, factor: int, values: Floats) -> None:
        """Set a factor for the cuts of output and filter dims; shape ``(3, output cuts, filter cuts)``."""
        self.window[factor] = values


def _loads(build: _Builder) -> Ints:
    tables, levels = build.tables, build.levels
    found = np.full((levels, 3, ROLES), -1)
    for level in range(levels):
        for operand in range(3):
            if tables.parent[level, operand] < 0:
                continue
            for role in range(ROLES if tables.fans else 1):
                first = build.new(levels + 1)
                found[level, operand, role] = first
                for d, dim in enumerate(build.dims):
                    if dim not in build.table or build.indexes[operand, dim.position]:
                        continue
                    counted = tables.counted[build.table[dim], :, tables.asked[level, operand, role]]
                    for walked in range(levels + 1):
                        build.fill(first + walked, d, counted[: len(build.cuts[dim.position]), walked])
    return found


def _elements(build: _Builder) -> tuple[Ints, Ints]:
    """Return the factors of the elements in a walk, and how many variants those of ``I`` have."""
    tables, levels = build.tables, build.levels
    found, variants = np.full((levels, 3, 3), -1), np.ones(levels, dtype=np.int64)
    for level in range(levels):
        slid = build.slides and bool(tables.reuses[level])
        variants[level] = 1 + 3 * levels if slid else 1
        for operand in range(3):
            if tables.parent[level, operand] < 0:
                continue
            asked = tables.asked[level, operand]
            questions = [-1, int(asked[SHARE]), int(asked[FIRST_INSIDE])] if tables.fans else [-1]
            for way, question in enumerate(questions):
                seen = operand == _INPUTS and build.slides
                if question < 0 and not seen:
                    continue
                first = build.new(int(variants[level]) if seen else 1)
                found[level, operand, way] = first
                for d, dim in enumerate(build.dims):
                    if question >= 0 and dim in build.table and build.of(operand, dim):
                        summed = tables.summed[build.table[dim], : len(build.cuts[dim.position]), question]
                        for variant in range(int(variants[level]) if seen else 1):
                            build.fill(first + variant, d, summed / build.op.size(dim))
                if seen:
                    asked_of = question if question >= 0 else int(asked[2])
                    for variant in range(int(variants[level])):
                        axis, loop = divmod(variant - 1, levels) if variant else (-1, 0)
                        values = tables.seen[:, :, :, asked_of, 0].copy()
                        if variant:
                            values[axis] = tables.seen[axis, :, :, asked_of, loop + 1]
                        build.windowed(first + variant, values)
    return found, variants


def _tiles(build: _Builder) -> tuple[Ints, Ints]:
    """Return the factors of footprints and of the first tiles."""
    tables, levels = build.tables, build.levels
    footprint, first = np.full((levels, 3), -1), np.full(3, -1)
    for operand in range(3):
        for level in range(levels):
            if tables.parent[level, operand] < 0:
                continue
            footprint[level, operand] = build.new()
            begins = first[operand] < 0
            if begins:
                first[operand] = build.new()
            for d, dim in enumerate(build.dims):
                if dim not in build.table:
                    continue
                cuts, at = len(build.cuts[dim.position]), build.table[dim]
                if build.of(operand, dim):
                    build.fill(int(footprint[level, operand]), d, tables.tile[at, :cuts, level])
                    if begins:
                        build.fill(int(first[operand]), d, tables.start[at, :cuts, level])
                elif begins and operand != _OUTPUTS and not build.indexes[operand, dim.position]:
                    question = tables.asked[level, operand, 0]
                    build.fill(int(first[operand]), d, tables.counted[at, :cuts, question, 0])
            if operand == _INPUTS and build.slides:
                build.windowed(int(footprint[level, operand]), tables.held[..., level])
                if begins:
                    build.windowed(int(first[operand]), tables.begun[..., level])
    return footprint, first


class _Edge(NamedTuple):
    work: Ints
    crossing: Ints
    share: int
    pieces: Ints
    points: Ints
    sizes: list[Ints]
    times: list[Ints]
    inner: list[Floats]


def _at_the_array(build: _Builder, layout: Layout) -> _Edge:
    flow, dims = build.machine.flow, build.dims
    sizes, times, inner = [], [], []
    for dim in dims:
        cuts = build.cuts[dim.position]
        found = [pieces(build.op.size(dim), cuts, mask) for mask in layout.masks]
        width = max(one.shape[1] for one, _ in found)
        both = np.zeros((2, len(cuts), len(layout.masks), width), dtype=np.int64)
        for mask, one in enumerate(found):
            for kind in range(2):
                both[kind, :, mask, : one[kind].shape[1]] = one[kind]
        sizes.append(both[0])
        times.append(both[1])
        inner.append(cuts.places[:, -1].astype(float))
    counts = [one.sum(axis=2).astype(float) for one in times]
    points = [(one.astype(float) * size).sum(axis=2) for one, size in zip(times, sizes, strict=True)]
    work, share = np.array([build.new(), build.new()]), build.new()
    spatial = {dim for group in layout.groups[:-1] for dim in group}
    stream = set(flow.stream)
    for d, dim in enumerate(dims):
        if dim not in spatial:
            build.fill(int(work[0]), d, points[d][:, 0])
            build.fill(int(work[1]), d, (counts if dim in stream else points)[d][:, 0])
        if build.indexes[_OUTPUTS, dim.position]:
            build.fill(share, d, points[d][:, layout.dealt[1 + _OUTPUTS]])
    by_group = np.zeros((2, len(layout.masks), len(layout.groups)), dtype=np.int64)
    for mask in range(len(layout.masks)):
        for group, members in enumerate(layout.groups):
            for kind, table in enumerate((counts, points)):
                by_group[kind, mask, group] = build.new()
                for d, dim in enumerate(dims):
                    if dim in members:
                        build.fill(int(by_group[kind, mask, group]), d, table[d][:, mask])
    crossing = _crossing(build, layout, counts, points)
    return _Edge(work, crossing, share, by_group[0], by_group[1], sizes, times, inner)


def _crossing(build: _Builder, layout: Layout, counts: list[Floats], points: list[Floats]) -> Ints:
    """Return the factors of what crosses the edge, passes over groups left out; see ``cost.array``."""
    flow, found = build.machine.flow, np.zeros((2, 3), dtype=np.int64)
    spatial = {dim for group in layout.groups[:-1] for dim in group}
    limited = bool(np.isfinite(build.machine.size.hold_limit))
    for which, masks in enumerate((layout.every, layout.one)):
        for operand in range(3):
            found[which, operand] = factor = build.new()
            held = OPERANDS[operand] in flow.held
            dealt = layout.dealt[0 if which == 0 else 1 + operand]
            for d, dim in enumerate(build.dims):
                if build.indexes[operand, dim.position]:
                    build.fill(factor, d, points[d][:, dealt])
                elif held:
                    if not (operand == _WEIGHTS and limited and dim in flow.stream):
                        build.fill(factor, d, counts[d][:, masks[operand]])
                elif dim not in spatial:
                    build.fill(factor, d, points[d][:, masks[operand]])
    return found


def _falling(build: _Builder, loads: Ints, edge: _Edge, layout: Layout, lacks: Ints) -> Ints:
    """Return the factors that fall as tiles grow."""
    found = []
    for level in range(build.levels):
        for operand in range(3):
            for role in range(ROLES):
                if (first := loads[level, operand, role]) >= 0:
                    found += [(first + walked, operand, walked - 1) for walked in range(1, level + 2)]
    last = build.levels - 1

    def alike(dims: tuple[Dim, ...]) -> int:
        lacking = {int(lacks[build.dims.index(dim)]) for dim in dims if dim in build.dims}
        return lacking.pop() if len(lacking) == 1 else 3

    if (stream := alike(build.machine.flow.stream)) < 3:
        found.append((edge.work[1], stream, last))
    for operand in range(3):
        if OPERANDS[operand] in build.machine.flow.held:
            found += [(edge.crossing[which, operand], operand, last) for which in range(2)]
    for group, members in enumerate(layout.groups):
        if (shared := alike(members)) < 3:
            found += [(edge.pieces[mask, group], shared, last) for mask in range(len(layout.masks))]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


class Material(NamedTuple):
    """What each cut of each dim contributes, by dim in the order of ``order_of``.

    Attributes:
        cuts: How many there are.
        factors: By number, those that are not 1 for all cuts, shape ``(cuts,)`` each, without what depends on windows.
        windows: Shape ``(3, output cuts, filter cuts, W)``: what does.
        window: Which factors those are.
        tile: Shape ``(cuts, L)`` each.
        turning: Shape ``(cuts,)`` each: a bit for each level whose loop turns more than once.
        sizes: Shape ``(cuts, masks, pieces)`` each: pieces that reach the array.
        times: The same: how many there are.
        inner: Shape ``(cuts,)`` each: what a copy of the array takes of the innermost tile.
    """

    cuts: list[int]
    factors: list[dict[int, Floats]]
    windows: Floats
    window: Ints
    tile: list[Floats]
    turning: list[Ints]
    sizes: list[Ints]
    times: list[Ints]
    inner: list[Floats]


def owners(layout: Layout, dims: tuple[Dim, ...]) -> list[int | None]:
    """Return for each group the dim, beside filters, that decides its passes: -1 for none, ``None`` if several do."""
    found: list[int | None] = []
    for group, axis in enumerate(layout.axis):
        before = [members for at, members in enumerate(layout.groups[: group + 1]) if layout.axis[at] == axis]
        deciding = {dims.index(dim) for members in before for dim in members if dim in dims and dim not in _TAP}
        found.append(None if len(deciding) > 1 else max(deciding, default=-1))
    return found


def _axes(build: _Builder, along: list[Ints]) -> Ints:
    """Return the factors of the copies taken of every axis of the machine."""
    found = build.new(len(build.machine.loops)) + np.arange(len(build.machine.loops))
    for d, copies in enumerate(along):
        for axis, factor in enumerate(found):
            build.fill(int(factor), d, copies[:, axis].astype(float))
    return found


def factors_of(
    op: Op, machine: Machine, cuts: tuple[Cuts, ...], along: list[Ints] | None = None
) -> tuple[Factors, Material]:
    """Return the factors of cuts.

    Args:
        op: The op.
        machine: The machine.
        cuts: The cuts of each dim of ``DIMS``.
        along: The copies that they take of every axis of the machine, shape ``(cuts, axes)``, for each dim in the order
            of ``order_of``; none by default.
    """
    dims, layout = order_of(op), laid_out(machine)
    build = _Builder(op, machine, cuts, dims)
    loads = _loads(build)
    elements, variants = _elements(build)
    footprint, first = _tiles(build)
    edge = _at_the_array(build, layout)
    passes = build.new(edge.pieces.size) + np.arange(edge.pieces.size).reshape(edge.pieces.shape)
    axes = _axes(build, along or [])
    indexes = build.indexes[:, [dim.position for dim in dims]]
    lacks = np.where(indexes.all(axis=0), len(OPERANDS), indexes.argmin(axis=0)).astype(np.int64)
    tables, counts = build.tables, [len(cuts[dim.position]) for dim in dims]
    turning = [np.zeros(count, dtype=np.int64) for count in counts]
    for d, dim in enumerate(dims):
        if dim in build.table:
            turns = tables.turns[build.table[dim], : counts[d]]
            turning[d] = (turns << np.arange(build.levels)).sum(axis=1)
    window = np.array(sorted(build.window), dtype=np.int64)
    factors = Factors(
        lacks=lacks,
        axis=np.array([_OUT.get(dim, -1) if build.slides else -1 for dim in dims], dtype=np.int64),
        loads=loads,
        elements=elements,
        slides=variants,
        slid=bool(variants.max() > 1),
        footprint=footprint,
        first=first,
        work=edge.work,
        crossing=edge.crossing,
        share=edge.share,
        pieces=edge.pieces,
        points=edge.points,
        passes=passes,
        axes=axes,
        total=len(build.columns),
        late=np.array([owner is None for owner in owners(layout, dims)]),
        falling=_falling(build, loads, edge, layout, lacks),
    )
    material = Material(
        cuts=counts,
        factors=[build.of_dim(d) for d in range(len(dims))],
        windows=np.stack([build.window[int(at)] for at in window], axis=3) if len(window) else np.ones((3, 1, 1, 0)),
        window=window,
        tile=[cuts[dim.position].tiles.astype(float) for dim in dims],
        turning=turning,
        sizes=edge.sizes,
        times=edge.times,
        inner=edge.inner,
    )
    return factors, material
