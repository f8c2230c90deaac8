"""A chosen mapping as the lines of a loop nest: loops, loads, memories, copies and the array, each at its depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from accelsim.dims import DIMS, OPERANDS, Dim, Operand
from accelsim.report.explain.array import groups
from accelsim.report.explain.case import Case, Load
from accelsim.report.explain.count import full_tile, room, visits
from accelsim.report.explain.sums import Number

__all__ = ["Axis", "Copies", "For", "Held", "Move", "NestLine", "Stream", "nest"]

_NOTHING = Number(0, "nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestLine:
    """A line of a nest.

    Attributes:
        depth: How many loops stand around it.
        kind: What the line is.
    """

    depth: int
    kind: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class For(NestLine):
    """A loop over tiles, or over passes of the array.

    Attributes:
        memory: The memory in which the loop lives; ``array`` for a loop over passes.
        dim: The dim.
        turns: Turns in a full tile.
        step: What a turn takes.
        last: What the last turn takes.
    """

    kind: str = "for"
    memory: str
    dim: str
    turns: int
    step: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(NestLine):
    """A tile fetched or put away.

    Attributes:
        kind: ``load`` or ``store``.
        operand: ``W``, ``I`` or ``O``.
        half_done: Whether partial sums move.
        bytes: Size of a full tile, of all copies that are dealt out further in.
        source: Where from.
        target: Where to.
    """

    operand: str
    half_done: bool
    bytes: float
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(NestLine):
    """What a memory holds.

    Attributes:
        memory: Name.
        tiles: Operand -> its tile: sizes of its dims, bytes with the second buffer, share of the memory.
        stays: Operands of which the whole tensor stays there.
        kept_bytes: What whole tensors take, of this layer and of others.
        size_bytes: Capacity; ``None`` if there is no limit.
    """

    kind: str = "memory"
    memory: str
    tiles: dict[str, dict[str, Any]]
    stays: list[str]
    kept_bytes: float
    size_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies(NestLine):
    """A dim dealt out to copies of a memory and all inside it, or of the array.

    Attributes:
        memory: What stands in copies.
        axes: Axis -> its size: those that may carry the dim.
        dim: The dim.
        copies: Copies that take a share.
        share: What a copy takes.
    """

    kind: str = "par-for copies"
    memory: str
    axes: dict[str, int]
    dim: str
    copies: int
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis(NestLine):
    """Dims on an axis of the array.

    Attributes:
        axis: ``rows`` or ``columns``.
        dims: Dims that share it as one loop, with their points in a full tile.
        used: PEs that a pass uses.
        pes: PEs it may use.
        passes: Passes of a full tile.
    """

    kind: str = "par-for"
    axis: str
    dims: dict[str, int]
    used: int
    pes: int
    passes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(NestLine):
    """What runs inside a pass.

    Attributes:
        dataflow: Name of the dataflow.
        dims: Dims of the stream, with their points in a full tile.
        held: Operands that stay in the PEs.
    """

    kind: str = "stream"
    dataflow: str
    dims: dict[str, int] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)


def nest(case: Case) -> list[NestLine]:
    """Return the nest of a layer made of MACs, outermost line first."""
    loops = case.loops
    lines: list[NestLine] = [_held(case, 0, 0)]
    stores: list[Move] = []
    loads = [load for operand in OPERANDS for load in case.moves(operand)]
    depth, level = 1, 0
    for at in range(len(loops) + 1):
        if at:
            loop = loops[at - 1]
            lines.append(
                For(
                    depth=depth,
                    memory=case.names[loop.level],
                    dim=loop.dim,
                    turns=loop.turns,
                    step=loop.step,
                    last=loop.last,
                )
            )
            depth += 1
        following = loops[at].level if at < len(loops) else case.levels
        for inner in range(1, case.levels + 1):
            for load in loads:
                if load.inside == at and load.inner == inner:
                    lines += _load(case, load, depth, level)
                    if load.operand is Operand.O:
                        stores.append(_move(case, load, depth, level, store=True))
            if level < inner <= following:
                copies = list(_copies(case, inner, depth))
                lines += copies
                depth += bool(copies)
                lines.append(_held(case, inner, depth))
                depth, level = depth + 1, inner
    lines += _array(case, depth)
    return [*lines, *reversed(stores)]


def _load(case: Case, load: Load, depth: int, level: int) -> Iterator[Move]:
    again = load.operand is not Operand.O or visits(case, load, 0).value > visits(case, load, 0, walk=False).value
    if again:
        yield _move(case, load, depth, level, store=False)


def _move(case: Case, load: Load, depth: int, level: int, *, store: bool) -> Move:
    """Return a transfer that stands inside the memory ``level``: for all copies further in."""
    half = load.operand is Operand.O and (not store or visits(case, load, 0).value > 1)
    bits = case.op.bits.partial if half else case.bits(load.operand)
    source, target = case.names[load.outer], case.names[load.inner]
    return Move(
        depth=depth,
        kind="store" if store else "load",
        operand=load.operand,
        half_done=half,
        bytes=full_tile(case, load.operand, load.inner, level).value * bits / 8,
        source=target if store else source,
        target=source if store else target,
    )


def _held(case: Case, level: int, depth: int) -> Held:
    memory = case.accelerator.memories[level]
    size = None if memory.size_bytes is None else float(memory.size_bytes[0])
    tiles = {}
    for operand in memory.holds:
        bytes_ = case.op.bytes_of(operand) if level == 0 else (room(case, operand, level) or _NOTHING).value
        if level and not bytes_:
            continue
        if level == 0 and operand is Operand.W and not bytes_:
            # The second of two activations that are multiplied: no learned weights.
            bytes_ = full_tile(case, operand, 0).value * case.bits(operand) / 8
        tiles[str(operand)] = {
            "sizes": {
                str(dim): case.tile(level, dim)
                for dim in Dim
                if case.indexes(operand, dim) and case.tile(level, dim) > 1
            },
            "bytes": bytes_,
            "share": bytes_ / size if size else None,
        }
    stays = [str(operand) for operand in memory.holds if case.kept_at(operand) == level]
    return Held(
        depth=depth,
        memory=memory.name,
        tiles=tiles,
        stays=stays,
        kept_bytes=case.used_bytes[level],
        size_bytes=size,
    )


def _copies(case: Case, place: int, depth: int) -> Iterator[Copies]:
    fan_out = case.working.fan_outs[place]
    for dim in DIMS:
        if case.copied(place, dim) > 1:
            axes = () if fan_out is None else fan_out.axes
            yield Copies(
                depth=depth,
                memory="array" if place > case.levels else case.names[place],
                axes={axis.name: int(axis.size[0]) for axis in axes if dim in axis.dims},
                dim=dim,
                copies=case.copied(place, dim),
                share=case.tile(place, dim),
            )


def _array(case: Case, depth: int) -> Iterator[NestLine]:
    flow, place = case.machine.flow, case.levels + 1
    copies = list(_copies(case, place, depth))
    yield from copies
    depth += bool(copies)
    for dim in flow.sequential:
        size = case.tile(place, dim)
        if size > 1:
            yield For(depth=depth, memory="array", dim=dim, turns=size, step=1, last=1)
            depth += 1
    for group in groups(case):
        dims = {str(dim): case.tile(place, dim) for dim in group.dims}
        passes = -(-group.points // group.pes)
        yield Axis(depth=depth, axis=group.axis, dims=dims, used=group.used, pes=group.pes, passes=passes)
    stream = {str(dim): case.tile(place, dim) for dim in flow.stream}
    held = [str(operand) for operand in OPERANDS if operand in flow.held]
    yield Stream(depth=depth, dataflow=flow.name, dims=stream, held=held)
