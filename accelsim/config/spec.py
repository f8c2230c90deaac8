"""The base of every spec: what a file may hold, checked at once, with every mistake placed at its line."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem, shown

__all__ = ["SCHEMA_VERSION", "Spec", "parse", "parse_rest"]

#: Version of the file formats; a file that states a newer one is refused.
SCHEMA_VERSION = 1

#: Kind of pydantic error -> what may stand there, filled in from the error's context.
_ALLOWED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length} values",
    "too_long": "at most {max_length} values",
    "finite_number": "a finite number",
}

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
        raise InputError(_merged(_problem(model, source, details) for details in error.errors())) from error


def parse_rest(
    model: type[S], source: Source, repair: Callable[[Any], Any] = lambda data: data
) -> tuple[S | None, list[Problem]]:
    """Return the spec and the mistakes in the file's form.

    If some keys are wrong, the spec is that of the others, so that mistakes in meaning are found in the same go;
    ``None`` if the others do not make one.

    Args:
        model: What the file may hold.
        source: The file.
        repair: Puts something harmless where a key was left out that the model requires.
    """
    try:
        return parse(model, source), []
    except InputError as error:
        fields = {problem.field for problem in error.problems}
        rest = Source(source.path, repair(_without(source.data, fields, ())), source.lines)
        try:
            return parse(model, rest), list(error.problems)
        except InputError:
            return None, list(error.problems)


def _without(data: object, fields: set[str], path: FieldPath) -> object:
    """Return ``data`` without the fields named; a list with a member named goes as a whole."""
    if isinstance(data, list):
        return [_without(value, fields, (*path, place)) for place, value in enumerate(data)]
    if not isinstance(data, dict):
        return data
    kept: dict[str, object] = {}
    for key, value in data.items():
        name = field_name((*path, key))
        members = {f"{name}[{place}]" for place in range(len(value))} if isinstance(value, list) else set()
        if name not in fields and not members & fields:
            kept[key] = _without(value, fields, (*path, key))
    return kept


def _merged(problems: Iterator[Problem]) -> list[Problem]:
    """Join the problems of one value, such as "not a number" and "not text" where either may stand."""
    found: dict[tuple[str, str, str | None], Problem] = {}
    for problem in problems:
        key = (problem.field, problem.message, problem.got)
        known = found.get(key)
        if known is None:
            found[key] = problem
        elif problem.allowed not in known.allowed.split(" or "):
            allowed = f"{known.allowed} or {problem.allowed}"
            found[key] = replace(known, allowed=allowed, suggestion=known.suggestion or problem.suggestion)
    return list(found.values())


def _problem(model: type[Spec], source: Source, details: ErrorDetails) -> Problem:
    kind, given = details["type"], details["input"]
    path = _real_path(source.data, details["loc"], missing=kind == "missing")
    name, context = field_name(path), details.get("ctx", {})
    if kind == "extra_forbidden":
        known = dict.fromkeys(key for owner in _models_at(model, path[:-1]) for key in owner.model_fields)
        problem = Problem.unknown(name, path[-1], known, "unknown key")
    elif kind == "missing":
        problem = Problem(field=name, message="this key is required and is missing")
    elif kind in ("literal_error", "enum"):
        allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        problem = Problem.unknown(name, given, allowed)
    elif kind == "value_error":
        # A check over a whole mapping says itself which of its values is wrong.
        got = None if isinstance(given, dict) else shown(given)
        problem = Problem(field=name, message=str(context["error"]), got=got)
    elif kind in _ALLOWED:
        problem = Problem(field=name, got=shown(given), allowed=_ALLOWED[kind].format(**context))
    else:
        message = details["msg"][0].lower() + details["msg"][1:]
        problem = Problem(field=name, message=message, got=shown(given))
    return source.problem(path, problem)


def _real_path(data: Any, location: Sequence[str | int], *, missing: bool) -> FieldPath:
    """Drop the steps pydantic adds for union members, keeping those that exist in the file (and a missing last one)."""
    path: list[str | int] = []
    for place, step in enumerate(location):
        if missing and place == len(location) - 1:
            path.append(step)
        elif _has(data, step):
            data = data[step]
            path.append(step)
    return tuple(path)


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data


def _models_at(model: type[Spec], path: FieldPath) -> list[type[Spec]]:
    """Return the spec classes that may describe the mapping at ``path``; several where the file has a choice."""
    annotations: list[Any] = [model]
    for step in path:
        annotations = [inner for outer in annotations for inner in _inside(outer, step)]
    return [found for annotation in annotations for found in _alternatives(annotation) if _is_spec(found)]


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    """Yield the annotations of what stands at ``step`` of a value described by ``annotation``."""
    for member in _alternatives(annotation):
        arguments = [argument for argument in typing.get_args(member) if argument is not ...]
        if _is_spec(member):
            declared = member.model_fields.get(step)
            if declared is not None:
                yield declared.annotation
        elif typing.get_origin(member) is dict:
            yield arguments[1]
        elif isinstance(step, int) and arguments:
            yield arguments[min(step, len(arguments) - 1)]


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, of an annotated type, or of both; a plain type yields itself."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (typing.Union, UnionType):
        for member in typing.get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation


def _is_spec(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Spec)


def _keys(model: type[Spec]) -> str:
    return ", ".join(model.model_fields)
