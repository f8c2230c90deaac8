"""The options of a block as its function declares them, and the layers of a file checked against them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from accelsim.config.expressions import evaluate
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.ops import OP_KINDS

__all__ = ["block_options", "structure_problems", "value_of", "whole_number"]

_AT_LEAST_0 = ("padding", "repeat")
_MISSING = "this key is required and is missing"


@lru_cache(maxsize=256)
def block_options(block: Callable[..., Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the types of a block's options by name, and the names of those without a default."""
    hints = typing.get_type_hints(block)
    options = [p for p in inspect.signature(block).parameters.values() if p.kind is p.KEYWORD_ONLY]
    required = frozenset(p.name for p in options if p.default is p.empty)
    return {p.name: hints[p.name] for p in options}, required


def structure_problems(source: Source) -> list[Problem]:
    """Return the unknown blocks, unknown options and missing options of a network file.

    Needs nothing else of the file to be right, so that its other mistakes hide none of these.
    """
    data = source.data if isinstance(source.data, dict) else {}
    defaults, layers = data.get("defaults"), data.get("layers")
    defaults = defaults if isinstance(defaults, dict) else {}
    problems: list[Problem] = []
    for name, options in defaults.items():
        path: FieldPath = ("defaults", name)
        if name not in BLOCKS:
            problems.append(source.problem(path, Problem.unknown(field_name(path), name, BLOCKS, "unknown block")))
        elif isinstance(options, dict):
            problems += _unknown_options(source, path, options, tuple(block_options(BLOCKS[name])[0]))
    for place, layer in enumerate(layers if isinstance(layers, list) else ()):
        if isinstance(layer, dict):
            problems += _layer_problems(source, ("layers", place), layer, defaults)
    return problems


def _layer_problems(
    source: Source, path: FieldPath, layer: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[Problem]:
    here: FieldPath = (*path, "block")
    if "block" not in layer:
        yield source.problem(here, Problem(field=field_name(here), message=_MISSING))
        return
    name = layer["block"]
    if not isinstance(name, str) or name not in BLOCKS:
        yield source.problem(here, Problem.unknown(field_name(here), name, BLOCKS, "unknown block"))
        return
    types, required = block_options(BLOCKS[name])
    yield from _unknown_options(source, path, layer, ("block", "repeat", *types))
    inherited = defaults.get(name)
    given = layer.keys() | (inherited.keys() if isinstance(inherited, dict) else ())
    for option in types:
        if option in required and option not in given:
            here = (*path, option)
            yield source.problem(here, Problem(field=field_name(here), message=_MISSING))


def _unknown_options(
    source: Source, path: FieldPath, options: Mapping[str, Any], allowed: tuple[str, ...]
) -> Iterator[Problem]:
    for option in options:
        if option not in allowed:
            here = (*path, option)
            yield source.problem(here, Problem.unknown(field_name(here), option, allowed, "unknown key"))


def value_of(wanted: Any, value: Any, point: Point, path: FieldPath) -> Any:
    """Return the value of an option, computed at a point of the network's space.

    Args:
        wanted: Type the block declares for the option. A ``str`` is the name of an activation.
        value: What the file says.
        point: Values of the network's parameters.
        path: Where it stands.

    Raises:
        InputError: The value is not of the type, or cannot be computed. The file is not filled in.
    """
    kinds = typing.get_args(wanted) or (wanted,)
    if value is None and type(None) in kinds:
        return None
    if str in kinds:
        return _activation(point.get(value, value) if isinstance(value, str) else value, field_name(path))
    if int in kinds:
        return whole_number(value, point, path)
    result = evaluate(value, point, field_name(path))
    if bool in kinds:
        if isinstance(result, bool):
            return result
        allowed = "true or false"
    else:
        if isinstance(result, int | float) and not isinstance(result, bool) and 0 <= result < 1e9:
            return float(result)
        allowed = "a number that is not negative"
    raise InputError(Problem(field=field_name(path), got=shown(value), allowed=allowed))


def _activation(name: object, field: str) -> str:
    activations = [kind for kind in OP_KINDS if OP_KINDS[kind].activation]
    if not isinstance(name, str) or name not in activations:
        raise InputError(Problem.unknown(field, name, activations, "unknown activation"))
    return name


def whole_number(value: Any, point: Point, path: FieldPath) -> int:
    """Return a count, computed at a point of the network's space: at least 1, or 0 for a padding or a repetition.

    Raises:
        InputError: The value is not such a number, or cannot be computed. The file is not filled in.
    """
    result = evaluate(value, point, field_name(path))
    least = 0 if path[-1] in _AT_LEAST_0 else 1
    if isinstance(result, int | float) and not isinstance(result, bool) and least <= result < 2**31 and result % 1 == 0:
        return int(result)
    made = "" if value == result else f" (here {shown(result)})"
    problem = Problem(field=field_name(path), got=shown(value) + made, allowed=f"a whole number of at least {least}")
    raise InputError(problem)
