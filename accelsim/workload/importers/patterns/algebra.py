"""Arithmetic of an exporter as a formula: a product and its factors, a polynomial of one value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import polynomial as poly

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.index import Index

__all__ = ["Polynomial", "Product", "polynomial", "product"]

_MOST_FACTORS = 4
_HIGHEST_POWER = 3
_DEEPEST = 7

#: Coefficients of a polynomial, by rising power.
Polynomial = tuple[float, ...]


@dataclass(slots=True)
class Product:
    """A product, however its factors are bracketed.

    Attributes:
        number: Product of the constant numbers.
        factors: The other factors.
        parts: The calls that multiply, the last among them.
    """

    number: float = 1.0
    factors: list[str] = field(default_factory=list)
    parts: list[Call] = field(default_factory=list)


def product(c: Index, last: Call) -> Product | None:
    """Return what ``last`` and the Mul and Div before it multiply; ``None`` if that is more than a handful.

    A value that more than one call reads is a factor, whatever writes it. So is what is divided by no number.
    """
    found = Product()
    waiting = [last]
    while waiting:
        call = waiting.pop()
        if len(call.inputs) != 2 or len(found.parts) >= _MOST_FACTORS:
            return None
        found.parts.append(call)
        operands: tuple[str, ...] = call.inputs
        if call.op == "Div":
            divisor = c.number(call.inputs[1])
            if not divisor:
                return None
            found.number /= divisor
            operands = call.inputs[:1]
        for value in operands:
            number, before = c.number(value), c.inner(value, "Mul", "Div")
            if number is not None:
                found.number *= number
            elif before is not None and (before.op == "Mul" or c.number(c.operand(before, 1))):
                waiting.append(before)
            else:
                found.factors.append(value)
    return found


def polynomial(c: Index, value: str, of: str, parts: dict[str, Call]) -> Polynomial | None:
    """Return ``value`` as a polynomial of the value ``of`` up to the third power; ``None`` if it is none.

    The calls that work it out are added to ``parts``.
    """
    known: dict[str, Polynomial | None] = {}

    def visit(name: str, depth: int) -> Polynomial | None:
        if name not in known:
            known[name] = read(name, depth)
        return known[name]

    def read(name: str, depth: int) -> Polynomial | None:
        if name == of:
            return (0.0, 1.0)
        number = c.number(name)
        if number is not None:
            return (number,) if math.isfinite(number) else None
        call = c.writer(name, "Add", "Sub", "Mul", "Div", "Pow")
        if call is None or depth == 0 or len(call.inputs) != 2:
            return None
        a, b = visit(call.inputs[0], depth - 1), visit(call.inputs[1], depth - 1)
        if a is None or b is None:
            return None
        parts[call.name] = call
        return _combined(call.op, a, b)

    with np.errstate(over="ignore", invalid="ignore"):
        return visit(value, _DEEPEST)


def _combined(op: str, a: Polynomial, b: Polynomial) -> Polynomial | None:
    """Return the polynomial that an operator makes of two; ``None`` if it is none or of too high a power."""
    if op in ("Add", "Sub"):
        sign = 1 if op == "Add" else -1
        return tuple(float(n) for n in poly.polyadd(a, np.multiply(b, sign)))
    if op == "Mul":
        power = len(a) + len(b) - 2
        return tuple(float(n) for n in poly.polymul(a, b)) if power <= _HIGHEST_POWER else None
    if len(b) > 1 or not b[0]:
        return None
    if op == "Div":
        return tuple(n / b[0] for n in a)
    if b[0] not in (2, 3) or not 0 < b[0] * (len(a) - 1) <= _HIGHEST_POWER:
        return None
    return tuple(float(n) for n in poly.polypow(a, int(b[0])))
