"""Norms that exporters write as means, differences and roots."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.axes import along, reduced
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index

__all__ = ["LARGEST_EPSILON"]

#: A larger number under the root is more than a guard against dividing by 0.
LARGEST_EPSILON = 1e-2
_NORMS = ("LayerNormalization", "RMSNormalization", "GroupNormalization")


@pattern("Div", "Mul")
def layer_norm(c: Index, last: Call) -> Match | None:
    """``d / sqrt(mean(d * d) + eps)`` is RMSNormalization of ``d``, LayerNormalization of ``x`` if ``d = x - mean(x)``.

    The square is a Pow or a product; the division is one, or a product with a Reciprocal, a Pow of -0.5 or ``1 / r``;
    the difference may be worked out twice. A norm over a single axis that is not the last has the attribute ``rest``
    0: it does not run over the axes behind.
    """
    for d, total, roots in _over_root(c, last):
        for variance, eps in c.orders(total):
            epsilon, mean = c.number(eps), c.inner(variance, "ReduceMean")
            square = c.inner(mean.inputs[0], "Pow", "Mul") if mean is not None else None
            base = c.squared(square) if square is not None else ""
            if mean is None or square is None or not base or epsilon is None or not 0 < epsilon <= LARGEST_EPSILON:
                continue
            x, differences = _centred(c, d, base, mean)
            axes = reduced(c, mean, x)
            placed = _placed(axes)
            if placed is None or (not differences and base != d):
                continue
            op = "LayerNormalization" if differences else "RMSNormalization"
            parts = (*roots, total, mean, square, *differences)
            return Match(op, (x,), parts, {**placed, "epsilon": epsilon}, like=x)
    return None


def _placed(axes: tuple[int, ...] | None) -> dict[str, int] | None:
    """Return the attributes that say which axes a norm runs over; ``None`` if none can."""
    if axes is None or axes[0] >= 0:
        return None
    if axes == tuple(range(-len(axes), 0)):
        return {"axis": axes[0]}
    return {"axis": axes[0], "rest": 0} if len(axes) == 1 else None


def _over_root(c: Index, last: Call) -> Iterator[tuple[str, Call, tuple[Call, ...]]]:
    """Yield what ``last`` divides by a root, the sum below that, and the calls between."""
    for d, divisor in c.orders(last):
        below = c.inner(divisor, "Sqrt", "Pow", "Reciprocal", "Div")
        outer: tuple[Call, ...] = ()
        power = 0.5 if last.op == "Div" else -0.5
        if below is not None and last.op == "Mul" and below.op in ("Reciprocal", "Div"):
            if below.op == "Div" and not c.is_number(below.inputs[0], 1):
                continue
            outer, power = (below,), 0.5
            below = c.inner(below.inputs[-1], "Sqrt", "Pow")
        if below is None or below.op not in ("Sqrt", "Pow"):
            continue
        exponent = 0.5 if below.op == "Sqrt" else c.number(c.operand(below, 1))
        total = c.inner(below.inputs[0], "Add")
        if total is not None and exponent == power:
            yield d, total, (*outer, below)


def _centred(c: Index, d: str, base: str, mean_square: Call) -> tuple[str, tuple[Call, ...]]:
    """Return ``x`` and the calls of ``x - mean(x)`` if both values are that, else ``d`` and none."""
    found: dict[str, Call] = {}
    x = ""
    for value in (d, base):
        difference = c.writer(value, "Sub")
        mean = c.writer(c.operand(difference, 1), "ReduceMean") if difference is not None else None
        if difference is None or mean is None or mean.inputs[0] != difference.inputs[0]:
            return d, ()
        x = x or mean.inputs[0]
        if mean.inputs[0] != x or reduced(c, mean, x) != reduced(c, mean_square, x):
            return d, ()
        found |= {difference.name: difference, mean.name: mean}
    return x, tuple(found.values())


@pattern("Reshape")
def group_norm(c: Index, last: Call) -> Match | None:
    """InstanceNormalization of channels folded into groups is GroupNormalization, without scale and shift yet.

    Exporters give the inner norm a scale of ones and a shift of zeros.
    """
    norm = c.inner(last.inputs[0], "InstanceNormalization")
    fold = c.inner(norm.inputs[0], "Reshape") if norm is not None else None
    if norm is None or fold is None or len(norm.inputs) != 3:
        return None
    scale, shift = (c.data(name) for name in norm.inputs[1:])
    x, shape, folded = fold.inputs[0], c.shape(fold.inputs[0]), c.shape(fold.outputs[0])
    if scale is None or shift is None or not (scale == 1).all() or not (shift == 0).all():
        return None
    if shape is None or folded is None or min(len(shape), len(folded)) < 2 or c.shape(last.outputs[0]) != shape:
        return None
    groups = folded[1]
    if folded[0] != shape[0] or groups < 1 or shape[1] % groups:
        return None
    attributes = {"num_groups": groups, "epsilon": norm.attributes.get("epsilon", 1e-5)}
    return Match("GroupNormalization", (x,), (fold, norm), attributes, like=x)


@pattern("Mul", "Add")
def learned_scale_and_shift(c: Index, last: Call) -> Match | None:
    """Constants along the axes of a norm that follow it are its scale (Mul, first) and its shift (Add)."""
    for value, constant in c.orders(last):
        norm = c.inner(value, *_NORMS)
        if norm is None or len(norm.outputs) != 1 or not along(c, constant, norm.inputs[0], _axes(c, norm)):
            continue
        inputs = norm.inputs
        if last.op == "Mul" and len(inputs) == 1:
            inputs = (*inputs, constant)
        elif last.op == "Add" and len(inputs) < 3 and norm.op != "RMSNormalization":
            inputs = (*inputs, *[""] * (2 - len(inputs)), constant)
        else:
            continue
        return Match(norm.op, inputs, (norm,), norm.attributes, like=value)
    return None


def _axes(c: Index, norm: Call) -> tuple[int, ...]:
    if norm.op == "GroupNormalization":
        return (1,)
    axis, shape = int(norm.attributes.get("axis", -1)), c.shape(norm.inputs[0])
    if not norm.attributes.get("rest", 1) or axis == -1 or shape is None:
        return (axis,)
    return tuple(range(axis % len(shape) - len(shape), 0)) if -len(shape) <= axis < len(shape) else (axis,)
