"""What fixed parts of a mapping say of the loops of one op on one machine, and the mistakes in them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.config.source import FieldPath, field_name
from accelsim.cost.traffic import relevant
from accelsim.dims import DIMS, OPERANDS, Dim
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.accelerator import Accelerator, FanOut
from accelsim.mapping.nest import Cuts, Ints
from accelsim.workload.ops import Op

if TYPE_CHECKING:
    from accelsim.mappers.fixed import Fixed

__all__ = ["Rules", "fits_axes", "rules_of"]


@dataclass(frozen=True, eq=False)
class Rules:
    """What mappings have to obey. ``L`` levels; 0 stands for what is open.

    Attributes:
        tiles: Shape ``(L, dims)``.
        copies: Shape ``(L + 1, dims)``: at the levels and at the array.
        orders: For each level, the dims whose order is fixed, the outermost first.
    """

    tiles: Ints
    copies: Ints
    orders: tuple[tuple[Dim, ...], ...]

    def binds(self, dim: Dim) -> bool:
        """Return whether tiles or copies of a dim are fixed."""
        return bool(self.tiles[:, dim.position].any() or self.copies[:, dim.position].any())

    def of(self, dim: Dim) -> tuple[int, ...]:
        """Return the fixed tiles of a dim, by level; 0 where they are open."""
        return tuple(self.tiles[:, dim.position].tolist())

    def dealt(self, dim: Dim, copies: Ints) -> npt.NDArray[np.bool_]:
        """Return which copies of a dim, shape ``(ways, L + 1)``, obey."""
        wanted = self.copies[:, dim.position]
        return np.asarray(np.all((wanted == 0) | (copies == wanted), axis=1))

    def obeyed(self, dim: Dim, cuts: Cuts) -> npt.NDArray[np.bool_]:
        """Return which cuts of a dim obey, shape ``(cuts,)``."""
        wanted = self.tiles[:, dim.position]
        return np.asarray(np.all((wanted == 0) | (cuts.tiles == wanted), axis=1) & self.dealt(dim, cuts.copies))

    def nests(self, op: Op) -> int:
        """Return how many orders of the loops of an op obey."""
        turning = {dim for dim in DIMS if op.size(dim) > 1}
        every = math.factorial(len(turning))
        return math.prod(every // math.factorial(len(turning.intersection(order))) for order in self.orders)


def fits_axes(copies: Mapping[Dim, int], fan: FanOut) -> bool:
    """Return whether the copies along dims can be dealt to the axes of a fan-out, all together."""
    return _deal([(dim, count) for dim, count in copies.items() if count > 1], [int(a.size[0]) for a in fan.axes], fan)


def _deal(left: Sequence[tuple[Dim, int]], room: list[int], fan: FanOut) -> bool:
    if not left:
        return True
    (dim, count), rest = left[0], left[1:]
    axes = [range(1, room[at] + 1) if dim in axis.dims else (1,) for at, axis in enumerate(fan.axes)]
    return any(
        math.prod(split) == count and _deal(rest, [n // s for n, s in zip(room, split, strict=True)], fan)
        for split in itertools.product(*([n for n in axis if count % n == 0] for axis in axes))
    )


def rules_of(fixed: Fixed, op: Op, accelerator: Accelerator) -> Rules:
    """Return what ``fixed`` says of the loops of an op on a design.

    Raises:
        InputError: With everything that no mapping can obey.
    """
    problems = list(_Reader(fixed, op, accelerator).problems())
    if problems:
        source = fixed.source
        raise InputError([problem if source is None else source.problem(path, problem) for path, problem in problems])
    names = [memory.name for memory in accelerator.memories[1:]]
    tiles = np.zeros((len(names), len(DIMS)), dtype=np.int64)
    copies = np.zeros((len(names) + 1, len(DIMS)), dtype=np.int64)
    for level, name in enumerate(names):
        for dim, tile in fixed.tiles.get(name, {}).items():
            tiles[level, dim.position] = tile
        for dim, count in fixed.copies.get(name, {}).items():
            copies[level, dim.position] = count
    for dim, count in fixed.array.items():
        copies[-1, dim.position] = count
    listed = (tuple(dim for dim in fixed.orders.get(name, ()) if op.size(dim) > 1) for name in names)
    # A single loop may stand anywhere.
    return Rules(tiles, copies, tuple(order if len(order) > 1 else () for order in listed))


_Placed = tuple[FieldPath, Problem]


class _Reader:
    """Looks for what no mapping can obey."""

    def __init__(self, fixed: Fixed, op: Op, accelerator: Accelerator) -> None:
        self._fixed, self._op, self._accelerator = fixed, op, accelerator
        self._names = [memory.name for memory in accelerator.memories]
        indexed = [relevant(op, operand) for operand in OPERANDS]
        self._dims = [dim for dim in DIMS if any(flags[dim.position] for flags in indexed)]

    def problems(self) -> Iterator[_Placed]:
        """Yield every mistake and where it stands."""
        fixed = self._fixed
        for name in dict.fromkeys((*fixed.tiles, *fixed.copies, *fixed.orders)):
            path: FieldPath = ("memories", name)
            if name not in self._names[1:]:
                yield path, self._no_memory(name, path)
                continue
            place = self._names.index(name)
            yield from self._each((*path, "tile"), fixed.tiles.get(name, {}), self._tile(place))
            yield from self._copies((*path, "copies"), fixed.copies.get(name, {}), place)
            yield from self._order((*path, "order"), fixed.orders.get(name, ()))
        yield from self._copies(("array", "copies"), fixed.array, len(self._names))

    def _no_memory(self, name: str, path: FieldPath) -> Problem:
        if name != self._names[0]:
            return Problem.unknown(field_name(path), name, self._names[1:], "unknown memory")
        message = "the outermost memory holds whole tensors: it has no tiles"
        return Problem(field=field_name(path), message=message, got=shown(name), allowed=", ".join(self._names[1:]))

    def _each(
        self, path: FieldPath, counts: Mapping[Dim, int], check: Callable[[Dim, int], tuple[str, str] | None]
    ) -> Iterator[_Placed]:
        """Yield the mistakes in counts by dim; ``check`` says what is wrong with one, and what is allowed."""
        for dim, count in counts.items():
            here = (*path, str(dim))
            if dim not in self._dims:
                yield here, self._no_dim(here, dim)
            elif type(count) is not int or count < 1:
                yield here, Problem(field=field_name(here), got=shown(count), allowed="a whole number of at least 1")
            elif wrong := check(dim, count):
                yield here, Problem(field=field_name(here), message=wrong[0], got=shown(count), allowed=wrong[1])

    def _no_dim(self, path: FieldPath, dim: Dim) -> Problem:
        what = f"{self._op.label} has no such loop"
        return Problem.unknown(field_name(path), str(dim), [str(one) for one in self._dims], what)

    def _tile(self, place: int) -> Callable[[Dim, int], tuple[str, str] | None]:
        def check(dim: Dim, tile: int) -> tuple[str, str] | None:
            outside = [(self._op.size(dim), "the loop")]
            for name in self._names[1:place]:
                if (outer := self._fixed.tiles.get(name, {}).get(dim)) is not None:
                    outside.append((outer, f"the tile of memory {name!r} outside it"))
            most, what = min(outside, key=lambda one: one[0])
            return (f"larger than {what}", f"at most {most}") if tile > most else None

        return check

    def _copies(self, path: FieldPath, counts: Mapping[Dim, int], place: int) -> Iterator[_Placed]:
        fan = self._accelerator.fan_outs[place]
        wrong = list(self._each(path, counts, lambda dim, count: self._count(fan, place, dim, count)))
        yield from wrong
        if fan is not None and not wrong and not fits_axes(counts, fan):
            got = " x ".join(f"{dim} {count}" for dim, count in counts.items() if count > 1)
            message = "the axes have no room for all of these together"
            yield path, Problem(field=field_name(path), message=message, got=got, allowed=_axes(fan))

    def _count(self, fan: FanOut | None, place: int, dim: Dim, count: int) -> tuple[str, str] | None:
        if count == 1:
            return None
        if fan is None:
            named = [*(repr(name) for name in self._names), "the array"]
            spread = [name for name, one in zip(named, self._accelerator.fan_outs, strict=True) if one is not None]
            where = f"; in copies stand{'s' * (len(spread) == 1)} {', '.join(spread)}" if spread else ""
            return f"{named[place]} does not stand in copies", f"1, or leave it out{where}"
        if not any(dim in axis.dims for axis in fan.axes):
            return f"no axis of the copies takes {dim}", f"1, or dims of the axes {_axes(fan)}"
        most = math.prod(int(axis.size[0]) for axis in fan.axes if dim in axis.dims)
        if count > most:
            return f"more copies than the axes have for {dim}", f"at most {most}: {_axes(fan)}"
        if not fits_axes({dim: count}, fan):
            return "no product of copies along the axes", _axes(fan)
        return None

    def _order(self, path: FieldPath, order: Sequence[Dim]) -> Iterator[_Placed]:
        for at, dim in enumerate(order):
            here = (*path, at)
            if dim not in self._dims:
                yield here, self._no_dim(here, dim)
            elif dim in order[:at]:
                message = "this loop stands in the order twice"
                others = ", ".join(str(one) for one in self._dims if one not in order)
                yield here, Problem(field=field_name(here), message=message, got=shown(str(dim)), allowed=others)


def _axes(fan: FanOut) -> str:
    return ", ".join(f"{axis.name} ({int(axis.size[0])}: {' '.join(axis.dims)})" for axis in fan.axes)
