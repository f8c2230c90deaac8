"""The ways to cut each loop of an op that may be part of a best mapping on a machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelsim.cost.rows import Machine
from accelsim.cost.traffic import relevant, slides
from accelsim.dims import DIMS, OPERANDS, WINDOWS, Dim, Operand
from accelsim.mappers.chains import Spatial, View, all_chains, chains, listed, number_of_chains
from accelsim.mappers.deals import deals, undominated_deals
from accelsim.mappers.factors import Layout, laid_out, order_of, owners
from accelsim.mappers.obeying import deals_that_obey
from accelsim.mappers.rules import Rules
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

__all__ = ["Choice", "choices", "mirrored"]

_TAPS = tuple(tap for _, tap in WINDOWS)
_STREAM = 2
#: Memories inside the outermost one up to which the chains of a loop are known without a list of all.
_CHAINED = 2


@dataclass(frozen=True, eq=False)
class Choice:
    """How a loop may be cut.

    Attributes:
        cuts: The cuts that may be part of a best mapping.
        along: Shape ``(cuts, axes)``: the copies that each takes of every axis of the machine.
        all: How many cuts there are with those that are left out.
        whole: Whether these are all; see ``deals``.
    """

    cuts: Cuts
    along: Ints
    all: int
    whole: bool


def choices(op: Op, machine: Machine, rules: Rules | None = None) -> tuple[Choice, ...]:
    """Return how each dim of ``DIMS`` may be cut.

    Args:
        op: The op.
        machine: The machine.
        rules: What is fixed. What does not obey is left out before anything else is: a cut that another one beats may
            be the best of those that obey.
    """
    return tuple(_choice(op, machine, dim, rules) for dim in DIMS)


def mirrored(op: Op, machine: Machine, made: tuple[Choice, ...]) -> bool:
    """Return whether rows and columns of pixels, with those of the filter, may change places.

    If both are alike in the op, and the array and the axes of copies take both or neither of them, each side by side as
    one loop, then every figure of a mapping is that of its mirror image: it is made of products over dims and axes.
    """
    alike = all(one[1] == one[2] for one in (op.stride, op.dilation, op.padding, op.extent))
    same = alike and op.size(Dim.OY) > 1
    groups = [*laid_out(machine).groups, *(loop.dims for loop in machine.loops), machine.flow.sequential]
    for one, other in ((Dim.OY, Dim.OX), (Dim.FY, Dim.FX)):
        first, second = made[one.position], made[other.position]
        same &= all((one in group) == (other in group) for group in groups)
        same &= np.array_equal(first.cuts.tiles, second.cuts.tiles)
        same &= np.array_equal(first.cuts.copies, second.cuts.copies) and np.array_equal(first.along, second.along)
    return bool(same)


def _choice(op: Op, machine: Machine, dim: Dim, rules: Rules | None) -> Choice:
    size, levels = op.size(dim), machine.structure.levels
    ways = number_of_chains(size, levels) * math.prod(loop.size for loop in machine.loops if dim in loop.dims)
    if size == 1:
        # A loop that does not turn takes no copies.
        return Choice(Cuts.of(all_chains(1, levels)), np.ones((1, len(machine.loops)), dtype=np.int64), 1, True)
    spatial, view = _spatial(op, machine, dim), _view(op, dim)
    bound = rules is not None and rules.binds(dim)
    if not bound and levels <= _CHAINED and not machine.loops and listed(size, levels, spatial, view):
        slides_here = any(machine.structure.sliding)
        tiles = all_chains(size, levels) if dim in _TAPS else chains(size, levels, spatial, view, slides_here)
        return Choice(Cuts.of(tiles), np.ones((len(tiles), 0), dtype=np.int64), ways, True)
    found = deals_that_obey(size, dim, machine, rules) if rules is not None and bound else deals(size, dim, machine)
    every = ways if found.whole and not bound else len(found.cuts)
    kept = np.arange(len(found.cuts))
    if dim not in _TAPS:
        kept = undominated_deals(op, machine, dim, found, spatial)
    cuts = Cuts(found.cuts.tiles[kept], found.cuts.copies[kept])
    return Choice(cuts, found.along[kept], every, found.whole)


def _view(op: Op, dim: Dim) -> View | None:
    """Return the window of which a dim is the output, ``None`` if there is none or it is a single pixel."""
    for axis, (out, tap) in enumerate(WINDOWS):
        if out is dim and slides(op) and (op.size(tap) > 1 or op.padding[axis] or op.stride[axis] > 1):
            return View(op.size(tap), op.stride[axis], op.dilation[axis], op.padding[axis], op.extent[axis])
    return None


def _spatial(op: Op, machine: Machine, dim: Dim) -> Spatial:
    """Return how the array takes a dim."""
    layout = laid_out(machine)
    who = owners(layout, order_of(op))
    limited = math.isfinite(machine.size.hold_limit) and Operand.W in machine.flow.held
    everywhere = all(relevant(op, operand)[dim.position] for operand in OPERANDS)
    for group, members in enumerate(layout.groups):
        if dim not in members:
            continue
        axis = layout.axis[group]
        if axis == _STREAM:
            return Spatial(exact=limited, counted=not everywhere)
        if who[group] is None or not _alone(layout, group):
            return Spatial(exact=True, counted=not everywhere)
        most = (machine.size.rows, machine.size.columns)[axis]
        beside = _beside(tuple(op.size(other) for other in members if other in _TAPS), machine.structure.levels)
        return Spatial(float(most), beside, counted=not everywhere)
    return Spatial(counted=not everywhere)


def _alone(layout: Layout, group: int) -> bool:
    """Return whether a group has an axis of the array for itself."""
    return sum(axis == layout.axis[group] for axis in layout.axis) == 1


def _beside(members: tuple[int, ...], levels: int) -> tuple[tuple[int, int], ...]:
    """Return tiles and pieces of filter dims that share a group, multiplied."""
    found = {(1, 1)}
    for size in members:
        one = {(int(chain[-1]), piece) for chain in all_chains(size, levels) for piece in _pieces(size, chain.tolist())}
        found = {(tile * other, piece * part) for tile, piece in found for other, part in one}
    return tuple(sorted(found))


def _pieces(size: int, chain: list[int]) -> set[int]:
    """Return the sizes of the pieces that a chain of tiles makes."""
    found = {size}
    for tile in chain:
        found = {part for piece in found for part in (tile if piece >= tile else 0, piece % tile) if part}
    return found
