"""Errors that teach: what is wrong, where, what is allowed, and the nearest valid spelling.

The tree, all under one root so that a caller can catch everything of ours at once::

    AccelsimError
    ├── InputError          the user's file or argument is wrong; carries every Problem found
    ├── NoMappingError      an op does not fit an accelerator; carries the violated limits
    ├── BrokenLawError      a figure of the model cannot be right: a fault of accelsim, not of its user
    └── MissingExtraError   an optional dependency is asked for by name and is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = [
    "AccelsimError",
    "BrokenLawError",
    "InputError",
    "MissingExtraError",
    "NoMappingError",
    "Problem",
    "nearest",
    "shown",
]

_LONGEST_LIST = 16
_LONGEST_VALUE = 60


def nearest(word: object, allowed: Iterable[object]) -> str | None:
    """Return the member of ``allowed`` spelt most like ``word``, or ``None`` if nothing is close.

    A member that the word begins with is close too (``convolution`` and ``conv``, ``Weights`` and ``W``), and so is one
    that begins with the word.
    """
    spellings = {str(item).lower(): str(item) for item in allowed}
    given = str(word).lower()
    matches = difflib.get_close_matches(given, list(spellings), n=1, cutoff=0.6)
    shorter = sorted((s for s in spellings if s and given.startswith(s)), key=len, reverse=True)
    longer = sorted(s for s in spellings if len(given) > 1 and s.startswith(given))
    return next((spellings[match] for match in (*matches, *shorter, *longer)), None)


def shown(value: object) -> str:
    """Return ``value`` as a user would write it in Python, cut if it is long; what ``Problem.got`` holds."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python converts to text
        text = "a number of thousands of digits"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in the user's input.

    Attributes:
        field: Dotted path of the offending field, such as ``memories[1].holds``.
        message: What is wrong, in a short clause; used when ``got`` alone does not say it.
        got: The value given, as written; ``None`` when a value is missing.
        allowed: What may stand there.
        suggestion: The nearest valid spelling.
        file: The file, or ``None`` for a Python or command-line argument.
        line: Line number in ``file``, counted from 1.
    """

    field: str
    message: str = ""
    got: str | None = None
    allowed: str = ""
    suggestion: str | None = None
    file: Path | str | None = None
    line: int | None = None

    @classmethod
    def unknown(cls, field: str, word: object, allowed: Iterable[object], what: str = "") -> Problem:
        """Build the problem "this word is not one of these", with the nearest spelling."""
        options = [str(item) for item in allowed]
        listed = ", ".join(options[:_LONGEST_LIST]) + (", ..." if len(options) > _LONGEST_LIST else "")
        return cls(field=field, message=what, got=shown(word), allowed=listed, suggestion=nearest(word, options))

    def at(self, file: Path | str | None, line: int | None = None) -> Problem:
        """Return the same problem with its place filled in."""
        return replace(self, file=file, line=line)

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}" + (f":{self.line}" if self.line else "") + "  "
        parts = [self.message] if self.message else []
        if self.got is not None:
            parts.append(f"got {self.got}")
        if self.allowed:
            parts.append(f"use {self.allowed}")
        body = "; ".join(parts) + "."
        if self.suggestion:
            body += f" Did you mean {self.suggestion!r}?"
        return f"{place}{self.field}\n  {body}"


class AccelsimError(Exception):
    """Root of every error raised on purpose by accelsim."""


class InputError(AccelsimError):
    """The input is wrong. ``problems`` lists every mistake found, not only the first."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)

    def at(self, file: Path | str | None) -> InputError:
        """Return the same error with ``file`` filled in wherever it is missing."""
        return InputError([p if p.file is not None else p.at(file, p.line) for p in self.problems])


class NoMappingError(AccelsimError):
    """An op has no legal mapping on an accelerator. The message names the tightest violated limit."""


class BrokenLawError(AccelsimError):
    """A figure of the model breaks a law that holds for every design. The message names layer, law and both figures.

    Attributes:
        layer: Name of the layer, or of the network.
        law: What has to hold.
        found: The figure.
        wanted: What it is held against.
    """

    def __init__(self, layer: str, law: str, found: object, wanted: object) -> None:
        self.layer, self.law, self.found, self.wanted = layer, law, found, wanted
        super().__init__(
            f"layer {layer} breaks a law of the model: {law}; got {found} against {wanted}. Please report it"
        )

    def __reduce__(self) -> tuple[type[BrokenLawError], tuple[str, str, object, object]]:
        return type(self), (self.layer, self.law, self.found, self.wanted)


class MissingExtraError(AccelsimError):
    """An optional dependency is needed and absent. The message is the command that installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        self.what, self.package, self.extra = what, package, extra
        super().__init__(f"{what} needs {package}. Install it with: pip install 'accelsim[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return type(self), (self.what, self.package, self.extra)
