"""Spec pieces that networks, hardware and studies share: a parameter's notation and a source's mark."""

from __future__ import annotations

import itertools
import keyword
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from accelsim.config.expressions import FUNCTIONS, names_in
from accelsim.config.source import Source, path_of
from accelsim.config.spec import SCHEMA_VERSION, Spec
from accelsim.errors import InputError, Problem
from accelsim.parameters import Choices, Condition, Parameter, Range, Space

__all__ = ["Expression", "Figure", "Name", "ParameterSpec", "Scalar", "SchemaVersion", "arrays_of", "space_of"]


def _usable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name) or name in FUNCTIONS:
        raise ValueError("no expression can use this name: take letters, digits and _, and no function's name")
    return name


def _known_version(version: int) -> int:
    if version > SCHEMA_VERSION:
        raise ValueError(f"this accelsim reads the file format up to version {SCHEMA_VERSION}")
    return version


#: How many elements a list parameter has.
Length = Annotated[int, Field(strict=True, ge=1, le=1024)]
#: In a condition, the place of the element in its list.
_PLACE = "place"
#: A number, a name or an expression over the parameters.
Expression = StrictInt | StrictFloat | StrictStr
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
#: A word that expressions can use.
Name = Annotated[str, AfterValidator(_usable)]
SchemaVersion = Annotated[int, Field(strict=True, ge=1), AfterValidator(_known_version)]


class ParameterSpec(Spec):
    """A parameter: a default and a domain (``choices``, or ``range`` with a ``scale``)."""

    default: Scalar | list[Scalar]
    """Value when nothing else is said; of a list parameter, one for all elements or a list."""
    length: Length | tuple[Length, Length] | None = None
    """Makes it a list of so many values, called ``name_1``, ``name_2`` and so on; or, of two lengths, rows of lists:
    ``name_1_1``, ``name_1_2`` and so on, with ``name_1`` the name of the first row."""
    choices: list[Scalar] | None = None
    """The values allowed."""
    alike: list[list[Scalar]] = Field(default_factory=list)
    """Groups of choices that build the same; the first of each stands for the others."""
    range: tuple[StrictInt | StrictFloat, StrictInt | StrictFloat] | None = None
    """Least and greatest value, both allowed."""
    scale: Literal["linear", "log", "pow2"] = "linear"
    """How a range is divided; ``pow2`` allows the least value times powers of two."""
    active: StrictStr | None = None
    """Says when the value matters, as an expression over parameters that stand before. In it ``place`` is the element's
    own place in its list, counted from 1, and the name of a list parameter is that one's element in the same place (of
    a list of rows: in the same row)."""
    help: str = ""
    """A few words for tables and errors."""

    @model_validator(mode="after")
    def _consistent(self) -> ParameterSpec:
        if (self.choices is None) == (self.range is None):
            raise ValueError("give either choices or range")
        if self.choices is not None and self.scale != "linear":
            raise ValueError("only a range has a scale")
        if self.choices is None and self.alike:
            raise ValueError("only choices can be alike")
        try:
            domain = self.parameter("parameter").domain
        except InputError as error:
            raise ValueError(error.problems[0].message) from error
        if isinstance(self.default, list) and (self.length is None or len(self.default) != len(self._places())):
            stated = "that it is none" if self.length is None else len(self._places())
            raise ValueError(f"the default has {len(self.default)} values; length says {stated}")
        for default in self._defaults():
            if default not in domain:
                raise ValueError(f"the default {default!r} is outside the domain: use {domain.describe()}")
        return self

    def _places(self) -> list[tuple[int, ...]]:
        """Return the places of the elements, counted from 1; of a plain parameter, a single empty one."""
        lengths = () if self.length is None else (self.length,) if isinstance(self.length, int) else self.length
        return list(itertools.product(*(range(1, length + 1) for length in lengths)))

    def _defaults(self) -> list[Scalar]:
        return self.default if isinstance(self.default, list) else [self.default] * len(self._places())

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of the parameters it stands for: its own, or those of its elements."""
        return tuple(_element(name, place) for place in self._places())

    def rows(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the names of the elements of a list, by its name; of a list of rows, also those of each row."""
        if self.length is None:
            return {}
        found = {name: self.names(name)}
        if not isinstance(self.length, int):
            for place in self._places():
                row = _element(name, place[:1])
                found[row] = (*found.get(row, ()), _element(name, place))
        return found

    def parameter(self, name: str, place: int = 0) -> Parameter:
        """Return the parameter, or the element at ``place`` of a list, called ``name``; without its condition."""
        default = self._defaults()[place]
        if self.choices is not None:
            domain = Choices(tuple(self.choices), tuple(map(tuple, self.alike)))
            return Parameter(name, default, domain, self.help)
        low, high = self.range or (0, 0)
        integer = isinstance(low, int) and isinstance(high, int) and isinstance(default, int)
        return Parameter(name, default, Range(low, high, self.scale, integer), self.help)

    def parameters(self, name: str, others: dict[str, ParameterSpec]) -> list[Parameter]:
        """Return the parameters it stands for, with their conditions over the ``others``.

        Raises:
            InputError: The condition uses a name that is no parameter, or a list that has no element there.
        """
        found = []
        for number, place in enumerate(self._places()):
            parameter = self.parameter(_element(name, place), number)
            found.append(replace(parameter, active=self._condition(name, place, others)))
        return found

    def _condition(self, name: str, place: tuple[int, ...], others: dict[str, ParameterSpec]) -> Condition | None:
        if self.active is None:
            return None
        given: dict[str, Scalar] = {_PLACE: place[-1]} if place and _PLACE not in others else {}
        names: list[tuple[str, str]] = []
        for used in sorted(names_in(self.active) - given.keys()):
            if used in others:
                depth = len(others[used]._places()[0])
                target = _element(used, place[:depth])
                if target not in others[used].names(used):
                    what = f"{used} has no element at {' '.join(map(str, place)) or 'this place'}"
                    raise InputError(Problem(field=f"parameters.{name}.active", message=what, got=repr(self.active)))
                names.append((used, target))
            else:
                names.append((used, used))
        return Condition(self.active, tuple(names), tuple(given.items()))


class Figure(Spec):
    """Where a figure comes from."""

    mark: Literal["measured", "published", "fitted", "scaled", "assumed"]
    """How far it can be trusted; ``fitted`` to figures of its source, ``scaled`` from another node."""
    source: str
    """Where it stands."""


def space_of(parameters: dict[str, ParameterSpec], source: Source | None = None) -> Space:
    """Return the space that a ``parameters`` mapping describes; lists become one parameter an element.

    Args:
        parameters: The mapping.
        source: The file, to say where problems are.

    Raises:
        InputError: An element or a row of a list has the name of another parameter, or a condition cannot be decided.
    """
    found: dict[str, Parameter] = {}
    owners: dict[str, str] = {}
    problems: list[Problem] = []
    for name, spec in parameters.items():
        taken = {*spec.names(name), *spec.rows(name)} & owners.keys()
        message = "also the name of another parameter, or of its elements"
        problems += [Problem(field=f"parameters.{name}", message=f"{own!r} is {message}") for own in sorted(taken)]
        owners |= dict.fromkeys((*spec.names(name), *spec.rows(name)), name)
        try:
            found |= {parameter.name: parameter for parameter in spec.parameters(name, parameters)}
        except InputError as error:
            problems += error.problems
    try:
        space = Space(tuple(found.values()))
    except InputError as error:
        problems += _of_the_lists(error.problems, owners)
    if problems:
        raise InputError(problems if source is None else [source.problem(path_of(p.field), p) for p in problems])
    return space


def _of_the_lists(problems: tuple[Problem, ...], owners: dict[str, str]) -> list[Problem]:
    """Return problems of elements as problems of the list parameters they belong to, each once."""
    placed = (replace(p, field=f"parameters.{owners.get(p.field, p.field)}.active") for p in problems)
    return list(dict.fromkeys(placed))


def arrays_of(parameters: dict[str, ParameterSpec]) -> dict[str, tuple[str, ...]]:
    """Return the names of the elements of each parameter that is a list, and of each row of one that has rows."""
    found: dict[str, tuple[str, ...]] = {}
    for name, spec in parameters.items():
        found |= spec.rows(name)
    return found


def _element(name: str, place: tuple[int, ...]) -> str:
    """Return the name of an element of a list parameter."""
    return "_".join((name, *map(str, place)))
