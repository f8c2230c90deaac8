"""Operators that ONNX Runtime makes of several; quantised ones are plain before a rule sees them."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.rules.registry import Context, UnsupportedError, rule
from accelsim.workload.importers.rules.shapes import normalised, op_shape
from accelsim.workload.ops import elementwise, embedding, reduce

__all__: list[str] = []

_NORMS = {
    "com.microsoft.SkipLayerNormalization": ("layer_norm", 4),
    "com.microsoft.SkipSimplifiedLayerNormalization": ("rms_norm", 3),
}
_SUM_OUTPUT = 3


def _learned(c: Context, names: tuple[str, ...]) -> list[int]:
    """Return the sizes of the constants among ``names``; those left out are none."""
    return [math.prod(c.shape(name)) for name in names if name and c.is_constant(name)]


@rule(*_NORMS)
def skip_norm(c: Context, call: Call) -> None:
    """Become the sum of two tensors and its norm over the last axis; a bias of the sum is learned."""
    kind, bias_at = _NORMS[call.op]
    x, skip = call.inputs[:2]
    shape, bits = c.shape(x), c.bits(call)
    if c.is_constant(x) or c.is_constant(skip):
        raise UnsupportedError("a constant is normalised")
    whole, other = math.prod(shape), math.prod(c.shape(skip))
    total = (call.outputs[_SUM_OUTPUT] if len(call.outputs) > _SUM_OUTPUT else "") or f"{call.outputs[0]}#sum"
    reads = None if other == whole else (whole, other)
    table = sum(_learned(c, call.inputs[bias_at : bias_at + 1]))
    c.emit(elementwise("add", op_shape(shape), bits=bits, reads=reads, table=table), (x, skip), total, role="add")
    affine = len(_learned(c, call.inputs[2:bias_at]))
    norm = elementwise(kind, normalised(shape, -1, rest=False), bits=bits, affine=affine)
    c.emit(norm, (total,), call.outputs[0])


@rule("com.microsoft.BiasGelu", "com.microsoft.FastGelu", "com.microsoft.QuickGelu")
def biased(c: Context, call: Call) -> None:
    """Become GELU, with a learned value added to each channel of the last axis where there is one."""
    added = call.inputs[1] if len(call.inputs) > 1 else ""
    if added and not c.is_constant(added):
        raise UnsupportedError("a bias that is not constant")
    shape = normalised(c.shape(call.inputs[0]), -1, rest=False)
    op = elementwise("gelu", shape, bits=c.bits(call), affine=int(bool(added)))
    c.emit(op, call.inputs[:1], call.outputs[0])


@rule("com.microsoft.EmbedLayerNormalization")
def embedded(c: Context, call: Call) -> None:
    """Become look-ups of words and segments, their sum, and its norm.

    Where no positions are given they count from 0 on: as many learned rows are added as there are words, and the rows
    of the table behind them are left out, as where an exporter has cut them off.
    """
    ids, segments, words, places, kinds, *affine = call.inputs[:7]
    mask, positions = (call.inputs[at] if len(call.inputs) > at else "" for at in (7, 8))
    target, bits = call.outputs[0], c.bits(call)
    (batch, tokens), (_, width) = c.shape(ids), c.shape(words)
    if tokens > c.shape(places)[0]:
        raise UnsupportedError(f"{tokens} words and {c.shape(places)[0]} positions")
    shape = (batch, tokens, width)
    total = _looked_up(c, call, "words", words, ids)
    for role, table, indices in (("segments", kinds, segments), ("positions", places, positions)):
        if table and indices:
            found, before = _looked_up(c, call, role, table, indices), total
            read, total = math.prod(c.shape(indices)) * width, f"{target}#with_{role}"
            reads = None if read == math.prod(shape) else (math.prod(shape), read)
            c.emit(
                elementwise("add", op_shape(shape), bits=bits, reads=reads), (before, found), total, role=f"add_{role}"
            )
    if not positions:
        before, total = total, f"{target}#with_positions"
        c.emit(elementwise("add_learned", (batch, tokens, 1, width), bits=bits), (before,), total, role="positions")
    if len(call.outputs) > 2 and call.outputs[2]:
        c.alias(call.outputs[2], total)
    if len(call.outputs) > 1 and call.outputs[1]:
        if not mask:
            raise UnsupportedError("the index of a mask that is not there")
        c.emit(reduce(batch, tokens, bits=bits), (mask,), call.outputs[1], role="mask")
    norm = elementwise(
        "layer_norm", normalised(shape, -1, rest=False), bits=bits, affine=len(_learned(c, tuple(affine)))
    )
    c.emit(norm, (total,), target)


def _looked_up(c: Context, call: Call, role: str, table: str, indices: str) -> str:
    """Add the look-up of rows of a learned table; return the name of what it finds."""
    (entries, width), (batch, tokens), found = c.shape(table), c.shape(indices), f"{call.outputs[0]}#{role}"
    if not c.is_constant(table) or c.is_constant(indices):
        raise UnsupportedError("a look-up in a table that is not learned, or at places that are constant")
    c.emit(embedding(tokens, entries, width, batch=batch, bits=c.bits(call, table)), (indices,), found, role=role)
    return found
