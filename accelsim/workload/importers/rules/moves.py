"""Operators that only move data, or do not even do that."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.rules.registry import Context, UnsupportedError, rule
from accelsim.workload.importers.rules.shapes import op_shape
from accelsim.workload.ops import elementwise, embedding, move, reduce

__all__: list[str] = []

#: Seen under another shape, type or name: nothing moves. Quantising steps ride on what they follow.
_VIEWS = "Cast CastLike DequantizeLinear Dropout Flatten Identity QuantizeLinear Reshape Squeeze Unsqueeze"
_MOVES = {
    "CenterCropPad": "pad",
    "Col2Im": "transpose",
    "Compress": "gather",
    "DepthToSpace": "transpose",
    "Expand": "expand",
    "GatherElements": "gather",
    "GatherND": "gather",
    "GridSample": "resize_bilinear",
    "MaxUnpool": "expand",
    "OneHot": "expand",
    "Pad": "pad",
    "ReverseSequence": "transpose",
    "ScatterElements": "expand",
    "ScatterND": "expand",
    "SpaceToDepth": "transpose",
    "Tile": "expand",
    "Trilu": "expand",
}
_LOOK_UPS = ("GatherElements", "GatherND")


@rule(*_VIEWS.split())
def view(c: Context, call: Call) -> None:
    """Become nothing."""
    for output in filter(None, call.outputs):  # the second one of a dropout is its mask
        c.alias(output, call.inputs[0])


@rule("DynamicQuantizeLinear")
def scaled_by_its_range(c: Context, call: Call) -> None:
    """Become a search for the greatest value, where the scale is read; quantising rides on what follows."""
    c.alias(call.outputs[0], call.inputs[0])
    for place, output in enumerate(call.outputs[1:], start=1):
        if output:
            size = math.prod(c.shape(call.inputs[0]))
            c.emit(reduce(1, size, bits=c.bits(call)), call.inputs[:1], output, role=("scale", "zero")[place - 1])


@rule(*_MOVES)
def moved(c: Context, call: Call) -> None:
    """Become an op that reads every activation once and writes its result."""
    inner = tuple(name for name in call.inputs if name and not c.is_constant(name))
    target, bits = op_shape(c.shape(call.outputs[0])), c.bits(call)
    if call.op in _LOOK_UPS and c.is_constant(call.inputs[0]):
        c.approximate("all of the learned table is counted as read")
        table = math.prod(c.shape(call.inputs[0]))
        op = elementwise(_MOVES[call.op], target, bits=bits, reads=_reads(c, inner), table=table)
        c.emit(op, inner, call.outputs[0])
        return
    if call.op == "GridSample":
        c.emit(move("sample_full", target, _reads(c, inner), bits=bits), inner, call.outputs[0])
        return
    if _MOVES[call.op] in ("expand", "pad") and len(inner) == 1 and _same(c, call):
        c.alias(call.outputs[0], inner[0])
        return
    c.emit(move(_MOVES[call.op], target, _reads(c, inner), bits=bits), inner, call.outputs[0])


def _same(c: Context, call: Call) -> bool:
    return math.prod(c.shape(call.outputs[0])) == math.prod(c.shape(call.inputs[0])) and call.op in (
        "Expand",
        "Tile",
        "Pad",
    )


def _reads(c: Context, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(math.prod(c.shape(name)) for name in names)


@rule("Transpose")
def transpose(c: Context, call: Call) -> None:
    """Become a transposition; nothing where only axes of length 1 change their place."""
    source, target = c.shape(call.inputs[0]), c.shape(call.outputs[0])
    order = list(call.attributes.get("perm") or reversed(range(len(source))))
    if sorted(order) != list(range(len(source))):
        raise UnsupportedError("the new order of axes leaves some out")
    long = [place for place in order if source[place] > 1]
    if long == sorted(long):
        c.alias(call.outputs[0], call.inputs[0])
    else:
        c.emit(
            move("transpose", op_shape(target), _reads(c, call.inputs[:1]), bits=c.bits(call)),
            call.inputs[:1],
            call.outputs[0],
        )


@rule("Concat")
def concat(c: Context, call: Call) -> None:
    """Become a concatenation; what is constant among its parts is written and not read."""
    inner = tuple(name for name in call.inputs if name and not c.is_constant(name))
    whole = math.prod(c.shape(call.outputs[0]))
    reads = _reads(c, inner)
    if reads == (whole,):
        c.alias(call.outputs[0], inner[0])
        return
    op = elementwise(
        "concat", op_shape(c.shape(call.outputs[0])), bits=c.bits(call), reads=reads, table=whole - sum(reads)
    )
    c.emit(op, inner, call.outputs[0])


@rule("Split", "Slice", "SplitToSequence")
def split(c: Context, call: Call) -> None:
    """Become a slice for every result that is read; nothing where a slice is the whole."""
    source = math.prod(c.shape(call.inputs[0]))
    for place, output in enumerate(call.outputs, start=1):
        if not output:
            continue
        target = c.shape(output)
        if math.prod(target) == source:
            c.alias(output, call.inputs[0])
        else:
            op = move("slice", op_shape(target), (source,), bits=c.bits(call))
            c.emit(op, call.inputs[:1], output, role=str(place) if len(call.outputs) > 1 else "")


@rule("Gather")
def gather(c: Context, call: Call) -> None:
    """Become a look-up in a learned table, a slice at known places, or a gather at places that data gives."""
    table, indices = call.inputs[:2]
    target, bits = c.shape(call.outputs[0]), c.bits(call)
    if c.is_constant(table):
        shape = c.shape(table)
        width = math.prod(shape[1:])
        tokens = math.prod(target) // width if width else 0
        if int(call.attributes.get("axis", 0)) % len(shape) or not tokens:
            raise UnsupportedError("a look-up along another axis than the first")
        batch = target[0] if len(target) > 2 and tokens % target[0] == 0 else 1
        op = embedding(tokens // batch, shape[0], width, batch=batch, bits=c.bits(call, table))
        c.emit(op, (indices,), call.outputs[0])
    elif c.is_constant(indices):
        op = move("slice", op_shape(target), _reads(c, (table,)), bits=bits)
        c.emit(op, (table,), call.outputs[0])
    else:
        op = move("gather", op_shape(target), _reads(c, (table, indices)), bits=bits)
        c.emit(op, (table, indices), call.outputs[0])


@rule("Resize", "Upsample")
def resize(c: Context, call: Call) -> None:
    """Become a resize; nothing where the size stays."""
    source, target = c.shape(call.inputs[0]), c.shape(call.outputs[0])
    if source == target:
        c.alias(call.outputs[0], call.inputs[0])
        return
    mode = call.attributes.get("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear"):
        c.approximate(f"{mode} interpolation is counted as linear")
    kind = "resize_nearest" if mode == "nearest" else "resize_bilinear"
    c.emit(
        move(kind, op_shape(target), _reads(c, call.inputs[:1]), bits=c.bits(call)), call.inputs[:1], call.outputs[0]
    )
