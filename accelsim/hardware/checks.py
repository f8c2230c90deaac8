"""Mistakes of a template that need no numbers: what its memories, fan-outs and array say of one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.dims import OPERANDS, Operand
from accelsim.errors import Problem, shown
from accelsim.hardware.engines import BLOCK_ENGINES, ENGINES
from accelsim.hardware.spec import FanOutSpec, HardwareSpec, MemorySpec, Placed

__all__ = ["problems_of"]

#: Where a mistake is, what it is, and the value given.
_Found = tuple[FieldPath, str, str | None]
_FEWEST = 2
_WHERE_ALL_LIVES = "the first memory is where every tensor lives:"


def problems_of(spec: HardwareSpec, memories: Sequence[Placed], source: Source) -> list[Problem]:
    """Return the mistakes in how the parts of ``spec`` fit together, each with its line in ``source``.

    Args:
        spec: The file.
        memories: Those that stand together, with their places in it.
        source: Where it was read.
    """
    if len(memories) < _FEWEST:
        message = f"no design has fewer than {_FEWEST} memories: one where every tensor lives, and one before the array"
        found: list[_Found] = [(("memories",), message, None)]
    else:
        found = [
            *_of_the_first(*memories[0]),
            *_of_memories(memories),
            *_of_stripes(spec, memories),
            *_of_axes(spec, memories),
        ]
    return [
        source.problem(path, Problem(field=field_name(path), message=message, got=None if got is None else shown(got)))
        for path, message, got in found
    ]


def _of_the_first(place: int, memory: MemorySpec) -> Iterator[_Found]:
    path: FieldPath = ("memories", place)
    if set(memory.holds) != set(OPERANDS):
        yield (*path, "holds"), f"{_WHERE_ALL_LIVES} it must hold W, I and O", None
    for key in ("keeps", "stripes", "sliding", "divided", "fan_out"):
        if getattr(memory, key):
            yield (*path, key), f"{_WHERE_ALL_LIVES} leave {key} out", None


def _of_memories(memories: Sequence[Placed]) -> Iterator[_Found]:
    names: set[str] = set()
    kept: set[Operand] = set()
    copied = False
    for level, (place, memory) in enumerate(memories):
        path: FieldPath = ("memories", place)
        copied = copied or bool(level and memory.fan_out)
        if level and memory.size is None:
            message = "this key is required and is missing; only the first memory has no size limit"
            yield (*path, "size"), message, None
        if memory.name in names:
            yield (*path, "name"), "this name is used twice", memory.name
        if again := kept.intersection(memory.keeps):
            yield (*path, "keeps"), f"another memory keeps {', '.join(sorted(again))} already", None
        if copied and memory.keeps:
            message = "the memory stands in copies, and only one that stands alone can keep whole tensors"
            yield (*path, "keeps"), message, None
        if level and memory.sliding and Operand.I not in memory.holds:
            yield (*path, "sliding"), "windows slide over the input I, which the memory does not hold", None
        if memory.divided is not None and Operand.I not in memory.keeps:
            message = "whole feature maps are spread over the parts, and the memory keeps none: it has to keep I and O"
            yield (*path, "divided"), message, None
        if memory.bank_width is not None and memory.banks is None:
            message = "this is the bandwidth of one bank: say in banks how many there are"
            yield (*path, "bank_width"), message, str(memory.bank_width)
        names.add(memory.name)
        kept.update(memory.keeps)


def _of_stripes(spec: HardwareSpec, memories: Sequence[Placed]) -> Iterator[_Found]:
    """Yield the memories that work in stripes before an array for which these would cost more than is modelled."""
    engines = [spec.array.engine, *([] if spec.array.depthwise is None else [spec.array.depthwise.engine])]
    side, reasons = np.full(1, 2.0), list[str]()
    for engine in engines:
        if engine in ENGINES:
            if any(float(flow.pass_overhead(side, side)[0]) > 0 for flow in ENGINES[engine].values()):
                reasons.append(f"passes of the engine {engine} take cycles beyond their steps, and stripes have more")
        elif engine in BLOCK_ENGINES:
            reasons.append(f"the engine {engine} cuts ops by rules of its own")
    for place, memory in memories:
        if memory.stripes and reasons:
            yield ("memories", place, "stripes"), f"stripes are not modelled here: {reasons[0]}; leave them out", None


def _of_axes(spec: HardwareSpec, memories: Sequence[Placed]) -> Iterator[_Found]:
    names: set[str] = set()
    for path, fan_out in _fan_outs(spec, memories):
        for place, axis in enumerate(fan_out.axes):
            here: FieldPath = (*path, "axes", place)
            if axis.name in names:
                yield (*here, "name"), "this name of an axis is used twice", axis.name
            names.add(axis.name)
            for number, dim in enumerate(axis.dims):
                if dim in axis.dims[:number]:
                    yield (*here, "dims", number), "this dim stands twice on the axis", str(dim)


def _fan_outs(spec: HardwareSpec, memories: Sequence[Placed]) -> Iterator[tuple[FieldPath, FanOutSpec]]:
    for place, memory in memories:
        if memory.fan_out is not None:
            yield ("memories", place, "fan_out"), memory.fan_out
    if spec.array.fan_out is not None:
        yield ("array", "fan_out"), spec.array.fan_out
    if spec.array.depthwise is not None and spec.array.depthwise.fan_out is not None:
        yield ("array", "depthwise", "fan_out"), spec.array.depthwise.fan_out
