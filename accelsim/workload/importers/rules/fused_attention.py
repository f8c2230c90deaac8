"""Attention in the operators of ONNX Runtime, with what they take in: projections, biases, turned pairs, a cache."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from accelsim.workload.importers.attention_sizes import ATTENTION, Heads, Operands
from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.rules.attention import Operand, attend, given, turn, with_past
from accelsim.workload.importers.rules.products import product
from accelsim.workload.importers.rules.registry import Context, UnsupportedError, rule
from accelsim.workload.importers.rules.shapes import op_shape
from accelsim.workload.ops import Bits, elementwise, move

__all__: list[str] = []

_ROLES = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where an operator has its inputs.

    Attributes:
        masks: What is added to the scores, or says which of them count.
        past: Keys and values of earlier tokens.
        bias: Learned values added to queries, keys and values; 0 if it has none.
        refused: From there on, inputs that change what is computed in a way that is not known here.
    """

    masks: tuple[int, ...]
    past: tuple[int, ...]
    bias: int
    refused: int


_PROJECTED = "com.microsoft.Attention"
_PLACES = {
    _PROJECTED: _Places(masks=(3, 5), past=(4,), bias=0, refused=6),
    "com.microsoft.MultiHeadAttention": _Places(masks=(4, 5), past=(6, 7), bias=3, refused=8),
    "com.microsoft.GroupQueryAttention": _Places(masks=(10,), past=(3, 4), bias=0, refused=11),
}
#: What ``qk_output`` of GroupQueryAttention says can be seen, by the number that ONNX gives a stage.
_STAGES = {1: 2, 2: 3}


@rule(*_PLACES)
def fused_attention(c: Context, call: Call) -> None:
    """Become what an exporter writes: projection, slices, biases, rotary embedding, and attention with its cache.

    Masks that the operator implies (causal, a window, lengths of a cache) cost nothing, and no product is left out for
    them.
    """
    places = _PLACES[call.op]
    if any(call.inputs[places.refused :]) or call.attributes.get("sliding_window_cache"):
        raise UnsupportedError("a quantised or windowed cache, a beam, a sink or norms of queries and keys")

    def read(place: int) -> tuple[int, ...] | None:
        return c.shape(name) if (name := given(call.inputs, place)) else None

    sizes = ATTENTION[call.op](read, call.attributes)
    bias = given(call.inputs, places.bias) if places.bias else ""
    query, key, value = _biased(c, call, _operands(c, call, sizes), bias)
    bits = c.bits(replace(call, inputs=(query.name,)), key.name)
    if call.attributes.get("do_rotary"):
        query, key = (turn(c, call, role, x, bits) for role, x in (("query", query), ("key", key)))
    if call.op == _PROJECTED:
        key, value = _joint_past(c, call, key, value, bits)
    else:
        key, value = (
            with_past(c, call, role, now, given(call.inputs, place), given(call.outputs, output), bits)
            for output, (role, now, place) in enumerate(
                zip(("keys", "all_values"), (key, value), places.past, strict=True), start=1
            )
        )
    masks = tuple(filter(None, (given(call.inputs, place) for place in places.masks)))
    attend(c, call, query, key, value, masks, bits, _STAGES.get(int(call.attributes.get("qk_output", 0)), 0))


def _operands(c: Context, call: Call, sizes: Operands) -> tuple[Operand, ...]:
    """Return queries, keys and values, cut out of the tensor that holds several of them."""
    source, each = call.inputs[0], (sizes.query, sizes.key, sizes.value)
    if call.op == _PROJECTED:
        source = f"{call.outputs[0]}#projected"
        product(c, Call(call.name, "MatMul", call.inputs[:3], (source,)))
    apart = 3 - sizes.packed
    names = (*call.inputs[:apart], *(source if sizes.packed == 3 else call.inputs[1],) * sizes.packed)
    if any(not name or c.is_constant(name) for name in names):
        raise UnsupportedError("queries, keys or values that are missing or constant")
    whole = sum(heads.elements for heads in each[apart:])
    found = [Operand(name, heads) for name, heads in zip(names[:apart], each, strict=False)]
    for role, name, heads in list(zip(_ROLES, names, each, strict=True))[apart:]:
        found.append(_slice(c, call, role, name, whole, heads))
    return tuple(found)


def _slice(c: Context, call: Call, role: str, source: str, whole: int, heads: Heads) -> Operand:
    """Add the slice of a tensor of ``whole`` values that has the sizes of ``heads``."""
    name, bits = f"{call.outputs[0]}#{role}", c.bits(replace(call, inputs=(source,)))
    c.emit(move("slice", op_shape(heads.flat), (whole,), bits=bits), (source,), name, role=role)
    return Operand(name, heads)


def _biased(c: Context, call: Call, operands: tuple[Operand, ...], bias: str) -> tuple[Operand, ...]:
    """Add the learned values of a bias to operands; not to those whose heads stand apart, as a cache holds them."""
    if not bias:
        return operands
    if not c.is_constant(bias):
        raise UnsupportedError("a bias that is not constant")
    found = []
    for role, operand in zip(_ROLES, operands, strict=True):
        if operand.name in call.inputs and len(c.shape(operand.name)) == 4:
            found.append(operand)
            continue
        shape, name = operand.heads.flat, f"{call.outputs[0]}#{role}_biased"
        op = elementwise("unary", op_shape(shape), bits=c.bits(call), table=shape[2])
        c.emit(op, (operand.name,), name, role=f"{role}_bias")
        found.append(Operand(name, operand.heads))
    return tuple(found)


def _joint_past(c: Context, call: Call, key: Operand, value: Operand, bits: Bits) -> tuple[Operand, Operand]:
    """Return keys and values behind those of earlier tokens, where one tensor holds both."""
    past, present = given(call.inputs, _PLACES[_PROJECTED].past[0]), given(call.outputs, 1)
    if not past and not present:
        return key, value
    before, heads = c.shape(past) if past else None, key.heads
    tokens = heads.tokens + (before[3] if before else 0)
    fits = before is None or before == (2, heads.batch, heads.heads, before[3], heads.width)
    if key.heads != value.heads or not fits:
        raise UnsupportedError(f"keys and values of earlier tokens have the shape {before}")
    sources = tuple(filter(None, (past, key.name, value.name)))
    reads = (*((math.prod(before),) if before else ()), heads.elements, heads.elements)
    together, both = present or f"{call.outputs[0]}#present", (2, heads.batch, heads.heads, tokens, heads.width)
    c.emit(move("concat", op_shape(both), reads, bits=bits), sources, together, role="present")
    if not past:
        return key, value
    longer = replace(heads, tokens=tokens)
    keys, values = (_slice(c, call, role, together, math.prod(both), longer) for role in ("all_keys", "all_values"))
    return keys, values
