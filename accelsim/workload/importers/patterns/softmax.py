"""Softmax and the norm to unit length, which exporters write as quotients."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.axes import reduced
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.gates import bounds
from accelsim.workload.importers.patterns.index import Index
from accelsim.workload.importers.patterns.norms import LARGEST_EPSILON

__all__: list[str] = []


@pattern("Div", "Mul")
def softmax(c: Index, last: Call) -> Match | None:
    """``e / sum(e)`` of ``e = exp(x - max(x))`` over one axis is Softmax; the maximum may be left out."""
    for value, total in c.orders(last):
        parts: list[Call] = []
        if last.op == "Mul":
            inverse = c.inner(total, "Reciprocal")
            if inverse is None:
                continue
            parts, total = [inverse], inverse.inputs[0]
        summed, exp = c.inner(total, "ReduceSum"), c.writer(value, "Exp")
        if summed is None or exp is None or summed.inputs[0] != value:
            continue
        x, parts = exp.inputs[0], [*parts, summed, exp]
        below = _below_maximum(c, x, summed)
        if below:
            x, parts = below[0].inputs[0], [*parts, *below]
        axes = reduced(c, summed, x)
        if axes is not None and len(axes) == 1:
            return Match("Softmax", (x,), tuple(parts), {"axis": axes[0]}, like=x)
    return None


def _below_maximum(c: Index, value: str, summed: Call) -> tuple[Call, ...]:
    """Return the calls of ``x - max(x)`` over the axes of a sum; none if ``value`` is not that."""
    difference = c.inner(value, "Sub")
    greatest = c.inner(c.operand(difference, 1), "ReduceMax") if difference is not None else None
    if difference is None or greatest is None or greatest.inputs[0] != difference.inputs[0]:
        return ()
    x = difference.inputs[0]
    return (difference, greatest) if reduced(c, greatest, x) == reduced(c, summed, x) else ()


@pattern("Div")
def l2_norm(c: Index, last: Call) -> Match | None:
    """``x / max(norm(x), eps)`` over one axis is LpNormalization.

    The norm is a ReduceL2 or the root of a sum of squares; the guard is a Clip, a Max or an Add of a small number, or
    left out; an Expand to the shape of ``x`` may follow.
    """
    x, value = last.inputs[0], c.operand(last, 1)
    parts: list[Call] = []
    expand = c.inner(value, "Expand")
    if expand is not None:
        parts, value = [expand], expand.inputs[0]
    guard = c.inner(value, "Clip", "Max", "Add")
    if guard is not None:
        guarded = _guarded(c, guard)
        if not guarded:
            return None
        parts, value = [*parts, guard], guarded
    norm, source = _length(c, value)
    axes = reduced(c, norm[1] if len(norm) > 1 else norm[0], x) if norm else None
    if source != x or axes is None or len(axes) != 1:
        return None
    return Match("LpNormalization", (x,), (*parts, *norm), {"axis": axes[0], "p": 2}, like=x)


def _guarded(c: Index, guard: Call) -> str:
    """Return what a call keeps away from 0; empty if it does anything else."""
    if guard.op == "Add":
        pairs = [(value, c.number(eps)) for value, eps in c.orders(guard)]
        return next((value for value, eps in pairs if eps is not None and 0 < eps <= LARGEST_EPSILON), "")
    limits = bounds(c, guard)
    fits = limits is not None and 0 < limits[1] <= LARGEST_EPSILON and limits[2] == math.inf
    return limits[0] if limits is not None and fits else ""


def _length(c: Index, value: str) -> tuple[tuple[Call, ...], str]:
    """Return the calls that work out a length, and of what; none if ``value`` is no length."""
    found = c.inner(value, "ReduceL2", "Sqrt")
    if found is None or found.op == "ReduceL2":
        return ((), "") if found is None else ((found,), found.inputs[0])
    total = c.inner(found.inputs[0], "ReduceSumSquare", "ReduceSum")
    if total is None or total.op == "ReduceSumSquare":
        return ((), "") if total is None else ((found, total), total.inputs[0])
    square = c.inner(total.inputs[0], "Mul", "Pow")
    return ((), "") if square is None else ((found, total, square), c.squared(square))
