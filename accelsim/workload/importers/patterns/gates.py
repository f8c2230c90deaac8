"""Activations made of a gate between two bounds, and the bounds."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.algebra import polynomial, product
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index

__all__ = ["bounds"]

_BOUNDED = ("Clip", "Relu", "Relu6", "Max", "Min")
#: Slope and height at 0 of the gate in HardSwish (ONNX operator HardSwish).
_SLOPE, _HEIGHT = 1 / 6, 0.5
#: Older exporters write the largest float where they mean no bound.
_NO_BOUND = 1e30


def bounds(c: Index, call: Call) -> tuple[str, float, float] | None:
    """Return what a call bounds, and by which numbers; ``None`` if it does not or they are not known."""
    low, high = -math.inf, math.inf
    if call.op in ("Relu", "Relu6"):
        return call.inputs[0], 0.0, 6.0 if call.op == "Relu6" else high
    if call.op == "Clip":
        given = [c.setting(call, "min", low), c.setting(call, "max", high)]
        for place, name in enumerate(call.inputs[1:3]):
            given[place] = c.number(name) if name else given[place]
        known = [n for n in given if n is not None and not math.isnan(n)]
        if len(known) < len(given):
            return None
        low, high = (n if abs(n) < _NO_BOUND else math.copysign(math.inf, n) for n in known)
        return (call.inputs[0], low, high) if low <= high else None
    for x, bound in c.orders(call) if call.op in ("Max", "Min") else ():
        number = c.number(bound)
        if number is not None:
            return (x, number, high) if call.op == "Max" else (x, low, number)
    return None


@pattern(*_BOUNDED)
def clip(c: Index, last: Call) -> Match | None:
    """Bounds behind bounds are one Clip: Relu and Clip, Max and Min with a number.

    Its bounds are the attributes ``min`` and ``max``, left out where there is none; two Relu are one.
    """
    outer = bounds(c, last)
    before = c.inner(outer[0], *_BOUNDED) if outer is not None else None
    inside = bounds(c, before) if before is not None else None
    if outer is None or before is None or inside is None:
        return None
    low, high = (min(max(bound, outer[1]), outer[2]) for bound in inside[1:])
    if (low, high) == (0.0, math.inf):
        return Match("Relu", (inside[0],), (before,), like=inside[0])
    limits = {name: bound for name, bound in (("min", low), ("max", high)) if math.isfinite(bound)}
    return Match("Clip", (inside[0],), (before,), limits, like=inside[0])


@pattern("Mul")
def gated(c: Index, last: Call) -> Match | None:
    """``x * sigmoid(x)`` is Swish; ``x * hard_sigmoid(x)`` is HardSwish if the gate has its slope."""
    for x, value in c.orders(last):
        gate = c.inner(value, "Sigmoid", "HardSigmoid")
        if gate is None or gate.inputs != (x,):
            continue
        if gate.op == "Sigmoid":
            return Match("Swish", (x,), (gate,), like=x)
        slope, height = c.setting(gate, "alpha", 0.2), c.setting(gate, "beta", 0.5)
        if slope is not None and height is not None and c.close(slope, _SLOPE) and c.close(height, _HEIGHT):
            return Match("HardSwish", (x,), (gate,), like=x)
    return None


@pattern("Mul", "Div")
def hard_gate(c: Index, last: Call) -> Match | None:
    """``clip(x + 3, 0, 6) / 6`` is HardSigmoid, and multiplied by ``x`` before or after the division HardSwish."""
    whole = product(c, last)
    if whole is None or len(whole.factors) > 2:
        return None
    for value in whole.factors:
        clipped = c.inner(value, "Clip", "Relu6")
        limits = bounds(c, clipped) if clipped is not None else None
        shift = c.inner(limits[0], "Add") if limits is not None else None
        if clipped is None or limits is None or shift is None:
            continue
        if limits[1] != 0 or not c.close(limits[2] * whole.number, 1):
            continue
        x = next((name for name in shift.inputs if c.number(name) is None), "")
        line = polynomial(c, limits[0], x, {})
        if line is None or len(line) != 2:
            continue
        if not c.close(line[0] * whole.number, _HEIGHT) or not c.close(line[1] * whole.number, _SLOPE):
            continue
        others = [name for name in whole.factors if name != value]
        parts = (shift, clipped, *whole.parts)
        if not others:
            return Match("HardSigmoid", (x,), parts, {"alpha": _SLOPE, "beta": _HEIGHT}, like=x)
        if others == [x]:
            return Match("HardSwish", (x,), parts, like=x)
    return None
