"""The base of every spec: what a file may hold, checked at once, with every mistake placed at its line."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem

__all__ = ["SCHEMA_VERSION", "Spec", "parse"]

#: Version of the file formats; a file that states a newer one is refused.
SCHEMA_VERSION = 1

S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """Base of the pydantic models that describe files. Unknown keys are refused; instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def parse(model: type[S], source: Source) -> S:
    """Check ``source`` against ``model`` and return the instance.

    Raises:
        InputError: With every mistake of the file, each with its line.
    """
    if not isinstance(source.data, dict):
        message = "the file is empty" if source.data is None else "the file must be a mapping of keys to values"
        raise InputError(Problem(field="(file)", message=message, allowed=_keys(model), file=source.path, line=1))
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        found = [_problem(model, source, details) for details in error.errors(include_url=False)]
        raise InputError(list(dict.fromkeys(found))) from error


def _problem(model: type[Spec], source: Source, details: ErrorDetails) -> Problem:
    path = _real_path(source.data, details["loc"])
    name, kind, given = field_name(path), details["type"], details["input"]
    if kind == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        problem = Problem.unknown(name, path[-1], owner.model_fields if owner else (), "unknown key")
    elif kind == "missing":
        problem = Problem(field=name, message="this key is required and is missing")
    elif kind in ("literal_error", "enum"):
        allowed = details["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        problem = Problem.unknown(name, given, allowed)
    elif kind == "value_error":
        problem = Problem(field=name, message=str(details["ctx"]["error"]), got=_shown(given))
    else:
        message = details["msg"][0].lower() + details["msg"][1:]
        problem = Problem(field=name, message=message, got=_shown(given))
    return source.problem(path, problem)


def _real_path(data: object, location: Sequence[str | int]) -> FieldPath:
    """Drop the steps pydantic adds for union members, keeping those that exist in the file (and the last one)."""
    path: list[str | int] = []
    for place, step in enumerate(location):
        last = place == len(location) - 1
        if isinstance(data, dict) and (step in data or (last and isinstance(step, str))):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _model_at(model: type[Spec] | None, path: FieldPath) -> type[Spec] | None:
    """Return the spec class that describes the mapping at ``path``."""
    for step in path:
        if isinstance(step, int) or model is None:
            continue
        declared = model.model_fields.get(step)
        model = next(_spec_classes(declared.annotation), None) if declared else None
    return model


def _spec_classes(annotation: Any) -> typing.Iterator[type[Spec]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, Spec):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _spec_classes(argument)


def _keys(model: type[Spec]) -> str:
    return ", ".join(model.model_fields)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
