"""Sums with their numbers and their words in them: what an explanation is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "Explanation",
    "Line",
    "Number",
    "Part",
    "Term",
    "Worked",
    "ceiling",
    "divided",
    "less",
    "most",
    "plus",
    "shown",
    "times",
]

Sign = Literal["+", "-", "x", "/", "max", "min", "ceil"]
_BINDS = {"+": 1, "-": 1, "x": 2, "/": 2}
_DIGITS = 8
_LARGEST_WHOLE = 1e15


@dataclass(frozen=True, slots=True)
class Number:
    """A number and what it is."""

    value: float
    what: str

    def text(self) -> str:
        """Return the number as it is printed."""
        return shown(self.value)

    def words(self) -> str:
        """Return what it is."""
        return self.what


@dataclass(frozen=True, slots=True)
class Worked:
    """An operation on terms, worked out from left to right."""

    sign: Sign
    parts: tuple[Term, ...]

    @property
    def value(self) -> float:
        """What the operation gives."""
        values = [part.value for part in self.parts]
        if self.sign == "+":
            return math.fsum(values)
        if self.sign == "x":
            return math.prod(values)
        if self.sign == "max":
            return max(values)
        if self.sign == "min":
            return min(values)
        if self.sign == "ceil":
            return float(math.ceil(values[0]))
        result = values[0]
        for value in values[1:]:
            result = result - value if self.sign == "-" else result / value
        return result

    def text(self) -> str:
        """Return the operation in numbers."""
        return self._written([part.text() for part in self.parts])

    def words(self) -> str:
        """Return the operation in words."""
        return self._written([part.words() for part in self.parts])

    def _written(self, parts: Sequence[str]) -> str:
        if self.sign not in _BINDS:
            return f"{self.sign}({', '.join(parts)})"
        bracketed = (
            f"({part})" if self._needs_brackets(place, term) else part
            for place, (part, term) in enumerate(zip(parts, self.parts, strict=True))
        )
        return f" {self.sign} ".join(bracketed)

    def _needs_brackets(self, place: int, part: Term) -> bool:
        if not isinstance(part, Worked) or part.sign not in _BINDS or len(part.parts) == 1:
            return False
        own, other = _BINDS[self.sign], _BINDS[part.sign]
        return other < own or (other == own and place > 0 and not part.sign == self.sign in ("+", "x"))


Term: TypeAlias = Number | Worked


def plus(*parts: Term) -> Term:
    """Return the sum of ``parts``; 0 if there are none."""
    return Worked("+", parts) if len(parts) > 1 else (*parts, Number(0, "nothing"))[0]


def times(*parts: Term) -> Term:
    """Return the product of ``parts``."""
    return Worked("x", parts) if len(parts) > 1 else parts[0]


def less(first: Term, *parts: Term) -> Term:
    """Return ``first`` less the others."""
    return Worked("-", (first, *parts))


def divided(first: Term, *parts: Term) -> Term:
    """Return ``first`` divided by the others."""
    return Worked("/", (first, *parts))


def most(*parts: Term) -> Term:
    """Return the greatest of ``parts``."""
    return Worked("max", parts) if len(parts) > 1 else parts[0]


def ceiling(part: Term) -> Term:
    """Return ``part`` rounded up."""
    return Worked("ceil", (part,))


def shown(value: float) -> str:
    """Return a number with thousands apart: whole ones in full, others with eight digits."""
    if value == round(value) and abs(value) < _LARGEST_WHOLE:
        return f"{value:,.0f}"
    if not 1e-4 <= abs(value) < _LARGEST_WHOLE:
        return f"{value:.{_DIGITS}g}"
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure: what it is, and the sum that gives it.

    Attributes:
        what: What the figure is.
        sum: The sum; ``None`` if there is nothing to work out, as where a figure is not modelled.
        unit: Unit of the figure.
        note: What else there is to say.
    """

    what: str
    sum: Term | None = None
    unit: str = ""
    note: str = ""

    @property
    def value(self) -> float | None:
        """The figure."""
        return None if self.sum is None else self.sum.value

    @property
    def shown(self) -> str:
        """The figure as it is printed."""
        return "" if self.sum is None else shown(self.sum.value)

    def number(self, what: str = "") -> Number:
        """Return the figure as a term of a further sum."""
        return Number(self.sum.value if self.sum is not None else math.nan, what or self.what)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "what": self.what,
            "words": None if self.sum is None else self.sum.words(),
            "sum": None if self.sum is None else self.sum.text(),
            "value": self.value,
            "unit": self.unit,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"title": self.title, "lines": [line.as_dict() for line in self.lines]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a figure is what it is.

    Attributes:
        question: ``cycles``, ``energy``, ``utilization`` or ``traffic``.
        network: Name of the network.
        hardware: Name of the accelerator's template.
        layer: Name of the layer; empty for the whole network.
        subject: What is explained, in words.
        meaning: What the figure means.
        parts: The sums, in the order in which a person works them out.
        results: The figures that ``accelsim evaluate`` prints, by name.
    """

    question: str
    network: str
    hardware: str
    layer: str
    subject: str
    meaning: str
    parts: tuple[Part, ...]
    results: dict[str, Line]

    def lines(self) -> Iterator[Line]:
        """Yield every line, the results last."""
        for part in self.parts:
            yield from part.lines
        yield from self.results.values()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "question": self.question,
            "network": self.network,
            "hardware": self.hardware,
            "layer": self.layer,
            "subject": self.subject,
            "meaning": self.meaning,
            "parts": [part.as_dict() for part in self.parts],
            "results": {name: line.as_dict() for name, line in self.results.items()},
        }
