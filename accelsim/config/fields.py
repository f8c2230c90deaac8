"""Spec pieces that networks, hardware and studies share: a parameter's notation and a source's mark."""

from __future__ import annotations

import keyword
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from accelsim.config.expressions import FUNCTIONS
from accelsim.config.spec import SCHEMA_VERSION, Spec
from accelsim.errors import InputError
from accelsim.parameters import Choices, Parameter, Range, Space

__all__ = ["Expression", "Figure", "Name", "ParameterSpec", "Scalar", "SchemaVersion", "space_of"]


def _usable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name) or name in FUNCTIONS:
        raise ValueError("no expression can use this name: take letters, digits and _, and no function's name")
    return name


def _known_version(version: int) -> int:
    if version > SCHEMA_VERSION:
        raise ValueError(f"this accelsim reads the file format up to version {SCHEMA_VERSION}")
    return version


#: A number, a name or an expression over the parameters.
Expression = StrictInt | StrictFloat | StrictStr
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
#: A word that expressions can use.
Name = Annotated[str, AfterValidator(_usable)]
SchemaVersion = Annotated[int, Field(strict=True, ge=1), AfterValidator(_known_version)]


class ParameterSpec(Spec):
    """A parameter: a default and a domain (``choices``, or ``range`` with a ``scale``)."""

    default: Scalar
    """Value when nothing else is said."""
    choices: list[Scalar] | None = None
    """The values allowed."""
    range: tuple[StrictInt | StrictFloat, StrictInt | StrictFloat] | None = None
    """Least and greatest value, both allowed."""
    scale: Literal["linear", "log", "pow2"] = "linear"
    """How a range is divided; ``pow2`` allows the least value times powers of two."""
    help: str = ""
    """A few words for tables and errors."""

    @model_validator(mode="after")
    def _consistent(self) -> ParameterSpec:
        if (self.choices is None) == (self.range is None):
            raise ValueError("give either choices or range")
        if self.choices is not None and self.scale != "linear":
            raise ValueError("only a range has a scale")
        try:
            domain = self.parameter("parameter").domain
        except InputError as error:
            raise ValueError(error.problems[0].message) from error
        if self.default not in domain:
            raise ValueError(f"the default {self.default!r} is outside the domain: use {domain.describe()}")
        return self

    def parameter(self, name: str) -> Parameter:
        """Return the parameter, called ``name``."""
        if self.choices is not None:
            return Parameter(name, self.default, Choices(tuple(self.choices)), self.help)
        low, high = self.range or (0, 0)
        integer = isinstance(low, int) and isinstance(high, int) and isinstance(self.default, int)
        return Parameter(name, self.default, Range(low, high, self.scale, integer), self.help)


class Figure(Spec):
    """Where a figure comes from."""

    mark: Literal["measured", "published", "assumed"]
    """How far it can be trusted."""
    source: str
    """Where it stands."""


def space_of(parameters: dict[str, ParameterSpec]) -> Space:
    """Return the space that a ``parameters`` mapping describes."""
    return Space(tuple(spec.parameter(name) for name, spec in parameters.items()))
