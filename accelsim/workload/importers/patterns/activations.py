"""Activations that exporters write as arithmetic around a function."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.algebra import Polynomial, polynomial, product
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index

__all__: list[str] = []

_ROOT = math.sqrt(2 / math.pi)
#: Function inside GELU -> its argument as a polynomial of the input, value of ONNX' attribute ``approximate``.
_GELUS: dict[str, tuple[Polynomial, str]] = {
    "Erf": ((0, 1 / math.sqrt(2)), "none"),
    "Tanh": ((0, _ROOT, 0, 0.044715 * _ROOT), "tanh"),
}
_BETWEEN = 4


def _same(c: Index, found: Polynomial | None, wanted: Polynomial) -> bool:
    return (
        found is not None
        and len(found) == len(wanted)
        and all(c.close(a, b) for a, b in zip(found, wanted, strict=True))
    )


@pattern("Mul", "Div")
def gelu(c: Index, last: Call) -> Match | None:
    """``x / 2 * (1 + erf(x / sqrt 2))`` is Gelu, and so is its approximation by tanh.

    The factors stand in any order and are bracketed in any way; ``x / sqrt 2`` may be a product; the half may be
    multiplied into the bracket; the cube of the approximation is a Pow or two Mul.
    """
    whole = product(c, last)
    if whole is None or len(whole.factors) != 2:
        return None
    for x, gate in (whole.factors, whole.factors[::-1]):
        parts: dict[str, Call] = {}
        inner = _function_in(c, gate)
        if inner is None or not _same(
            c, _times(polynomial(c, gate, inner.outputs[0], parts), whole.number), (0.5, 0.5)
        ):
            continue
        argument, approximate = _GELUS[inner.op]
        if _same(c, polynomial(c, inner.inputs[0], x, parts), argument):
            made_of = (*parts.values(), inner, *whole.parts)
            return Match("Gelu", (x,), made_of, {"approximate": approximate}, like=x)
    return None


def _times(factors: Polynomial | None, number: float) -> Polynomial | None:
    return None if factors is None else tuple(number * n for n in factors)


def _function_in(c: Index, value: str) -> Call | None:
    """Return the Erf or Tanh that a value is a sum or product of with numbers."""
    for _ in range(_BETWEEN):
        call = c.writer(value, "Add", "Mul", "Div", *_GELUS)
        if call is None or call.op in _GELUS:
            return call
        value = next((name for name in call.inputs if c.number(name) is None), "")
    return None


@pattern("Log")
def softplus(c: Index, last: Call) -> Match | None:
    """``log(1 + exp(x))`` is Softplus."""
    total = c.inner(last.inputs[0], "Add")
    for value, one in c.orders(total) if total is not None else ():
        exp = c.inner(value, "Exp")
        if total is not None and exp is not None and c.is_number(one, 1):
            return Match("Softplus", exp.inputs[:1], (exp, total), like=exp.inputs[0])
    return None


@pattern("Mul")
def mish(c: Index, last: Call) -> Match | None:
    """``x * tanh(softplus(x))`` is Mish."""
    for x, value in c.orders(last):
        tanh = c.inner(value, "Tanh")
        inside = c.inner(tanh.inputs[0], "Softplus") if tanh is not None else None
        if tanh is not None and inside is not None and inside.inputs == (x,):
            return Match("Mish", (x,), (inside, tanh), like=x)
    return None
