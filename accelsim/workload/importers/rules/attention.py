"""Attention as one operator, and what turns queries and keys for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from accelsim.workload.importers.attention_sizes import Heads, heads_of
from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.rules.registry import Context, UnsupportedError, rule
from accelsim.workload.importers.rules.shapes import normalised, op_shape
from accelsim.workload.ops import Bits, elementwise, matmul, move

__all__ = ["Operand", "attend", "given", "turn", "with_past"]

_QUERY, _KEY, _VALUE, _MASK, _PAST_KEY = range(5)
_SCORES_OUTPUT = 3


@dataclass(frozen=True, slots=True)
class Operand:
    """Queries, keys or values: the value that holds them, and their sizes."""

    name: str
    heads: Heads


def given(names: tuple[str, ...], place: int) -> str:
    """Return the name at a place; empty where it is left out."""
    return names[place] if len(names) > place else ""


def _operand(c: Context, call: Call, place: int) -> Operand:
    """Return an operand; one of three axes holds its heads side by side."""
    name = given(call.inputs, place)
    if not name or c.is_constant(name):
        raise UnsupportedError("queries, keys or values that are missing or constant")
    heads = int(call.attributes.get("q_num_heads" if place == _QUERY else "kv_num_heads") or 0)
    return Operand(name, heads_of(c.shape(name), heads))


@rule("Attention")
def attention(c: Context, call: Call) -> None:
    """Become scores, their softmax, and the sum of values that they weigh, as exporters of old write it.

    The scale goes into the output scale of the scores. A mask that the operator implies (a causal one, a window) costs
    nothing, and no product is left out for it.
    """
    query, key, value = (_operand(c, call, place) for place in (_QUERY, _KEY, _VALUE))
    bits = c.bits(call, key.name)
    keys, values = (
        with_past(c, call, role, now, given(call.inputs, _PAST_KEY + place), given(call.outputs, place + 1), bits)
        for place, (role, now) in enumerate((("keys", key), ("all_values", value)))
    )
    masks = tuple(filter(None, (given(call.inputs, _MASK),)))
    attend(c, call, query, keys, values, masks, bits, int(call.attributes.get("qk_matmul_output_mode", 0)))


def attend(
    c: Context,
    call: Call,
    query: Operand,
    key: Operand,
    value: Operand,
    masks: tuple[str, ...],
    bits: Bits,
    stage: int = 0,
) -> None:
    """Add scores, their softmax, and the sum of values that they weigh.

    Args:
        c: The import.
        call: The operator. Its fourth output, where there is one, are the scores.
        query: The queries.
        key: All keys, those of earlier tokens among them.
        value: All values.
        masks: What is added to the scores, or says which of them count.
        bits: Widths of the first product; the width of a weight is that of a key.
        stage: Which scores can be seen: 0 those of the product, 1 capped, 2 masked, 3 after the softmax.

    Raises:
        UnsupportedError: Queries, keys and values do not go together.
    """
    q, k, v = query.heads, key.heads, value.heads
    if q.width != k.width or k.heads != v.heads or q.heads % k.heads or k.tokens != v.tokens:
        raise UnsupportedError("queries, keys and values do not go together")
    if len({q.batch, k.batch, v.batch}) > 1:
        raise UnsupportedError("queries, keys and values of different batches")
    shared = q.heads // k.heads
    first = matmul(q.tokens, q.width, k.tokens, batch=q.batch, heads=k.heads, shared=shared, bits=bits)
    scores = f"{call.outputs[0]}#scores"
    c.emit(first, (query.name, key.name), scores, role="scores")
    weights = _weights(c, call, (q.batch, q.heads, q.tokens, k.tokens), masks, bits, stage)
    second = matmul(q.tokens, k.tokens, v.width, batch=q.batch, heads=k.heads, shared=shared, bits=bits)
    c.emit(second, (weights, value.name), call.outputs[0], role="values")


def with_past(c: Context, call: Call, role: str, now: Operand, past: str, present: str, bits: Bits) -> Operand:
    """Return keys or values with those of earlier tokens before them.

    Args:
        c: The import.
        call: The operator.
        role: What the op is called that puts them together.
        now: Keys or values of now.
        past: Name of those of earlier tokens: samples, heads, tokens, width; empty if there are none.
        present: Name of the output that holds both; empty if nothing reads it.
        bits: Widths.

    Raises:
        UnsupportedError: Earlier ones are of other sizes.
    """
    if not past:
        if present:
            c.alias(present, now.name)
        return now
    before, heads = c.shape(past), now.heads
    if len(before) != 4 or (*before[:2], before[3]) != (heads.batch, heads.heads, heads.width):
        raise UnsupportedError(f"keys or values of earlier tokens have the shape {before}")
    tokens = before[2] + heads.tokens
    if present and c.shape(present) == before:  # a buffer with room for all tokens there will be
        c.approximate("all places of the buffer of keys and values are counted as filled")
        tokens = before[2]
    together = present or f"{call.outputs[0]}#{role}"
    target = (heads.batch, heads.heads, tokens, heads.width)
    c.emit(
        move("concat", target, (math.prod(before), heads.elements), bits=bits), (past, now.name), together, role=role
    )
    return Operand(together, replace(heads, tokens=tokens))


def _weights(c: Context, call: Call, shape: tuple[int, ...], masks: tuple[str, ...], bits: Bits, stage: int) -> str:
    """Add the cap, the masks and the softmax of the scores; return the name of the weights of the values."""
    target = call.outputs[0]
    whole = math.prod(shape)
    scores = capped = masked = f"{target}#scores"
    if call.attributes.get("softcap"):
        capped = masked = f"{target}#capped"
        c.emit(elementwise("tanh", op_shape(shape), bits=bits), (scores,), capped, role="cap")
    for place, mask in enumerate(masks, start=1):
        before, masked = masked, f"{target}#masked{place}"
        constant, read = c.is_constant(mask), math.prod(c.shape(mask))
        reads = None if constant or read == whole else (whole, read)
        op = elementwise("unary" if constant else "add", op_shape(shape), bits=bits, reads=reads)
        c.emit(
            op, (before,) if constant else (before, mask), masked, role="mask" if len(masks) == 1 else f"mask{place}"
        )
    weights = f"{target}#weights"
    c.emit(elementwise("softmax", normalised(shape, -1, rest=False), bits=bits), (masked,), weights, role="softmax")
    seen = given(call.outputs, _SCORES_OUTPUT)
    if seen:
        c.alias(seen, (scores, capped, masked, weights)[stage])  # by the number that ONNX gives them
    return weights


def turn(c: Context, call: Call, role: str, operand: Operand, bits: Bits) -> Operand:
    """Return queries or keys with their pairs of channels turned."""
    name = f"{call.outputs[0]}#{role}_turned"
    op = elementwise("rotary", op_shape(operand.heads.flat), bits=bits)
    c.emit(op, (operand.name,), name, role=f"{role}_rotary")
    return Operand(name, operand.heads)


@rule("RotaryEmbedding", "com.microsoft.RotaryEmbedding")
def rotary(c: Context, call: Call) -> None:
    """Become the turning of pairs of channels; where only some are turned, all are counted."""
    source = call.inputs[0]
    shape = c.shape(source)
    width = shape[-1] // int(call.attributes.get("num_heads") or 1) if len(shape) == 3 else shape[-1]
    if int(call.attributes.get("rotary_embedding_dim") or 0) not in (0, width):
        c.approximate("channels that are not turned are counted as if they were")
    c.emit(elementwise("rotary", op_shape(shape), bits=c.bits(call)), (source,), call.outputs[0])


@rule("SwiGLU")
def gated(c: Context, call: Call) -> None:
    """Become a Swish of the first operand and its product with the second."""
    gate, linear = call.inputs[:2]
    shape, bits = op_shape(c.shape(gate)), c.bits(call)
    c.emit(elementwise("swish", shape, bits=bits), (gate,), f"{call.outputs[0]}#gate", role="swish")
    c.emit(elementwise("multiply", shape, bits=bits), (f"{call.outputs[0]}#gate", linear), call.outputs[0])
