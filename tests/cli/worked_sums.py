"""Reads what ``accelsim explain`` prints and works it out again, as a person with a calculator would."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

__all__ = ["Sum", "sums", "value_of"]

_NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_RESULT = re.compile(rf"({_NUMBER})(?: (B|cycles|pJ|ms|%|PE-cycles))?")
_TERM = re.compile(r"[\d,.e+\-\s()x/*]|max|min|ceil")


@dataclass(frozen=True)
class Sum:
    """A printed sum.

    Attributes:
        what: What the line before says it is, up to the words.
        words: The sum in words; empty where there are none.
        numbers: The sum in numbers.
        value: The figure it is said to give.
        unit: Its unit.
    """

    what: str
    words: str
    numbers: str
    value: float
    unit: str


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def sums(out: str) -> list[Sum]:
    """Return every sum of a printed explanation."""
    lines, found = out.splitlines(), []
    for before, line in itertools.pairwise(lines):
        if not line.startswith("    = "):
            continue
        assert before.startswith("  "), before
        assert not before.startswith("    "), before
        what, _, words = before.strip().partition(" = ")
        body, *note = line[len("    = ") :].split("   # ")
        assert len(note) <= 1
        *numbers, result = body.split(" = ")
        match = _RESULT.fullmatch(result)
        assert match is not None, line
        found.append(Sum(what, words, numbers[0] if numbers else match[1], _number(match[1]), match[2] or ""))
    return found


def value_of(numbers: str) -> float:
    """Return what a sum in numbers gives."""
    assert not _TERM.sub("", numbers), numbers
    # A comma between digits sets thousands apart; one before a space sets terms apart.
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", numbers).replace(" x ", " * ")
    return float(eval(plain, {"__builtins__": {}}, {"max": max, "min": min, "ceil": math.ceil}))  # noqa: S307
