"""The options of a block as its function declares them, and values checked against them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

from accelsim.config.expressions import evaluate
from accelsim.config.source import FieldPath, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point
from accelsim.workload.blocks.raw import KindName
from accelsim.workload.builder import Tensor
from accelsim.workload.ops import OP_KINDS
from accelsim.workload.transforms.select import Pattern

__all__ = ["declared_options", "is_tensor", "option_readers", "truth", "value_of", "whole_number"]

_LARGEST = 2**31 - 1
_AT_LEAST_0 = ("padding", "padding_after", "repeat", "affine", "table", "extra")


@lru_cache(maxsize=256)
def declared_options(function: Callable[..., Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the types of a block's or transform's options by name, and the names of those without a default."""
    hints = typing.get_type_hints(function)
    options = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    required = frozenset(p.name for p in options if p.default is p.empty)
    return {p.name: hints[p.name] for p in options}, required


def is_tensor(wanted: Any) -> bool:
    """Return whether an option takes the name of a layer, or several."""
    return any(kind is Tensor or Tensor in typing.get_args(kind) for kind in _kinds(wanted))


def _kinds(wanted: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    origin = typing.get_origin(wanted)
    return (wanted,) if origin in (None, tuple, Literal) else typing.get_args(wanted)


def value_of(wanted: Any, value: Any, point: Point, path: FieldPath) -> Any:
    """Return the value of an option, computed at a point of the network's space.

    Args:
        wanted: Type the block declares for the option. A ``str`` is the name of an activation, a ``Literal`` one of
            its words, a ``tuple[int, ...]`` a list, a ``tuple[tuple[str, int], ...]`` a mapping.
        value: What the file says.
        point: Values of the network's parameters.
        path: Where it stands.

    Raises:
        InputError: The value is not of the type, or cannot be computed. The file is not filled in.
    """
    return _reader(wanted)(value, point, path)


#: What ``value_of`` does for one type: ``(value, point, path) -> value``.
Reader = Callable[[Any, Point, FieldPath], Any]


@lru_cache(maxsize=256)
def option_readers(function: Callable[..., Any]) -> dict[str, Reader | None]:
    """Return what reads each option of a block; ``None`` for one that takes the names of layers."""
    types = declared_options(function)[0]
    return {name: None if is_tensor(wanted) else _reader(wanted) for name, wanted in types.items()}


def _reader(wanted: Any) -> Reader:
    """Return ``value_of`` for a type."""
    kinds = _kinds(wanted)
    optional = type(None) in kinds
    lists = [kind for kind in kinds if typing.get_origin(kind) is tuple]
    read_list = _list_reader(lists[0]) if lists else None
    read_one = _single_reader(kinds) if len(kinds) > len(lists) + optional else None

    def read(value: Any, point: Point, path: FieldPath) -> Any:
        if value is None and optional:
            return None
        if read_list is not None and (read_one is None or isinstance(value, list | dict)):
            return read_list(value, point, path)
        return read_one(value, point, path) if read_one is not None else None

    return read


def _single_reader(kinds: tuple[Any, ...]) -> Reader:
    words = [word for kind in kinds if typing.get_origin(kind) is Literal for word in typing.get_args(kind)]
    if words:
        return lambda value, point, path: _word(words, _looked_up(value, point), path)
    if KindName in kinds:
        return lambda value, _point, path: _word(list(OP_KINDS), value, path)
    if Pattern in kinds:
        return lambda value, point, path: _pattern(_looked_up(value, point), path)
    if str in kinds:
        return lambda value, point, path: _activation(_looked_up(value, point), path)
    return truth if bool in kinds else _number if float in kinds else whole_number


def _looked_up(value: Any, point: Point) -> Any:
    """Return a word, or the value of the parameter of that name."""
    return point.get(value, value) if isinstance(value, str) else value


def _list_reader(wanted: Any) -> Reader:
    member = typing.get_args(wanted)[0]
    pairs = typing.get_origin(member) is tuple  # a mapping of words to numbers
    read_member = _reader(typing.get_args(member)[1] if pairs else member)
    words = frozenset(typing.get_args(member) if typing.get_origin(member) is Literal else ())

    def read(value: Any, point: Point, path: FieldPath) -> Any:
        if pairs and isinstance(value, dict):
            return tuple([(str(key), read_member(item, point, (*path, key))) for key, item in value.items()])
        if not pairs and isinstance(value, list):
            if words and all(isinstance(item, str) for item in value):
                found = tuple([point.get(item, item) for item in value])
                if words.issuperset(found):
                    return found
            return tuple([read_member(item, point, (*path, place)) for place, item in enumerate(value)])
        allowed = "a mapping of keys to values" if pairs else "a list"
        raise InputError(Problem(field=field_name(path), got=shown(value), allowed=allowed))

    return read


def _word(words: list[Any], value: Any, path: FieldPath) -> Any:
    if value not in words or isinstance(value, bool):
        raise InputError(Problem.unknown(field_name(path), value, list(words), "unknown word"))
    return value


def _pattern(value: Any, path: FieldPath) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise InputError(
        Problem(field=field_name(path), got=shown(value), allowed="names of layers, with * and ?, in quotes")
    )


def truth(value: Any, point: Point, path: FieldPath) -> bool:
    """Return a yes or no, computed at a point of the network's space.

    Raises:
        InputError: The value is neither, or cannot be computed. The file is not filled in.
    """
    result = evaluate(value, point, field_name(path))
    if isinstance(result, bool):
        return result
    raise InputError(Problem(field=field_name(path), got=shown(value), allowed="true or false"))


def _number(value: Any, point: Point, path: FieldPath) -> float:
    result = evaluate(value, point, field_name(path))
    if isinstance(result, int | float) and not isinstance(result, bool) and 0 <= result < 1e9:
        return float(result)
    raise InputError(Problem(field=field_name(path), got=shown(value), allowed="a number that is not negative"))


def _activation(name: object, path: FieldPath) -> str:
    if not isinstance(name, str) or name not in OP_KINDS or not OP_KINDS[name].activation:
        activations = [kind for kind in OP_KINDS if OP_KINDS[kind].activation]
        raise InputError(Problem.unknown(field_name(path), name, activations, "unknown activation"))
    return name


def whole_number(value: Any, point: Point, path: FieldPath) -> int:
    """Return a count, computed at a point of the network's space: at least 1, or 0 for a padding or a repetition.

    Raises:
        InputError: The value is not such a number, or cannot be computed. The file is not filled in.
    """
    result = evaluate(value, point, field_name(path))
    name = next(step for step in reversed(path) if isinstance(step, str))
    least = 0 if name in _AT_LEAST_0 else 1
    counts = isinstance(result, int | float) and not isinstance(result, bool)
    if counts and least <= result <= _LARGEST and result % 1 == 0:
        return int(result)
    made = "" if value == result else f" (here {shown(result)})"
    allowed = f"a whole number of at least {least}"
    if counts and result > _LARGEST:
        allowed = f"a whole number from {least} to {_LARGEST}"
    raise InputError(Problem(field=field_name(path), got=shown(value) + made, allowed=allowed))
