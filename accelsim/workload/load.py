"""Networks from YAML: parameters are filled in, expressions computed, blocks built."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from accelsim.config.expressions import evaluate
from accelsim.config.fields import space_of
from accelsim.config.library import find
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import parse
from accelsim.errors import InputError, Problem
from accelsim.parameters import Point, Space, Value
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import Network
from accelsim.workload.ops import OP_KINDS, Bits
from accelsim.workload.spec import NetworkSpec

__all__ = ["NetworkTemplate", "load_network", "network_template"]

_MAX_REPEAT = 10_000


class NetworkTemplate:
    """A network file: a search space, and a network for each of its points.

    Args:
        source: The parsed file.

    Raises:
        InputError: With every mistake of the file; the network of the defaults is built once to find them.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.spec = parse(NetworkSpec, source)
        self.name = source.path.stem
        self.space: Space = space_of(self.spec.parameters)
        self.build({})

    def build(self, parameters: Mapping[str, Value]) -> Network:
        """Return the network at a point; parameters not given take their defaults.

        Raises:
            InputError: An unknown parameter, a value outside its domain, or a layer that cannot be built.
        """
        point = self.space.complete(parameters, self.name)
        problems: list[Problem] = []
        batch, *shape = (
            self._integer(value, point, path, problems)
            for value, path in ((self.spec.batch, ("batch",)), *((v, ("input", i)) for i, v in enumerate(self.spec.input)))
        )
        if problems:
            raise InputError(problems)
        builder = Builder((batch, shape[0], shape[1], shape[2]), Bits(**self.spec.bits.model_dump()))
        tensor = builder.input
        for place, layer in enumerate(self.spec.layers):
            try:
                tensor = self._layer(builder, tensor, place, layer, point)
            except InputError as error:
                problems += [p if p.file else self.source.problem(("layers", place), p) for p in error.problems]
        if problems:
            raise InputError(problems)
        return Network(self.name, tuple(builder.nodes), point)

    def _layer(self, b: Builder, x: Tensor, place: int, layer: dict[str, Any], point: Point) -> Tensor:
        path: FieldPath = ("layers", place)
        if "block" not in layer:
            raise InputError(Problem(field=f"{field_name(path)}.block", message="this key is required and is missing"))
        name = str(layer["block"])
        try:
            block = BLOCKS.get(name, f"{field_name(path)}.block")
        except InputError as error:
            raise InputError(self.source.problem((*path, "block"), error.problems[0])) from error
        options = {k: v for k, v in {**self.spec.defaults.get(name, {}), **layer}.items() if k not in ("block", "repeat")}
        problems: list[Problem] = []
        repeat = self._integer(layer.get("repeat", 1), point, (*path, "repeat"), problems)
        options = self._options(block, options, path, point, problems)
        if problems:
            raise InputError(problems)
        for turn in range(min(repeat, _MAX_REPEAT)):
            b.prefix = f"{place + 1}" if repeat == 1 else f"{place + 1}.{turn + 1}"
            x = block(b, x, **({**options, "stride": 1} if turn and "stride" in options else options))
        return x

    def _options(
        self, block: Any, given: dict[str, Any], path: FieldPath, point: Point, problems: list[Problem]
    ) -> dict[str, Any]:
        types, required = _signature(block)
        values: dict[str, Any] = {}
        for name, value in given.items():
            here = (*path, name)
            if name not in types:
                allowed = ["block", "repeat", *types]
                problems.append(self.source.problem(here, Problem.unknown(field_name(here), name, allowed, "unknown key")))
                continue
            try:
                values[name] = self._option(types[name], value, here, point)
            except InputError as error:
                problems += [self.source.problem(here, p) for p in error.problems]
        problems += [
            self.source.problem(path, Problem(field=f"{field_name(path)}.{name}", message="this key is required and is missing"))
            for name in required - given.keys()
        ]
        return values

    def _option(self, wanted: Any, value: Any, path: FieldPath, point: Point) -> Any:
        field = field_name(path)
        kinds = typing.get_args(wanted) or (wanted,)
        if str in kinds:
            if value is not None or type(None) not in kinds:
                OP_KINDS.get(str(value), field)
            return value
        if value is None and type(None) in kinds:
            return None
        if bool in kinds:
            result = evaluate(value, point, field)
            if not isinstance(result, bool):
                raise InputError(Problem(field=field, got=repr(value), allowed="true or false"))
            return result
        if int in kinds:
            problems: list[Problem] = []
            number = self._integer(value, point, path, problems)
            if problems:
                raise InputError(problems)
            return number
        result = evaluate(value, point, field)
        if isinstance(result, bool) or not isinstance(result, int | float) or not 0 <= result < 1e9:
            raise InputError(Problem(field=field, got=repr(value), allowed="a number that is not negative"))
        return float(result)

    def _integer(self, value: Any, point: Point, path: FieldPath, problems: list[Problem]) -> int:
        field = field_name(path)
        try:
            result = evaluate(value, point, field)
        except InputError as error:
            problems += [self.source.problem(path, p) for p in error.problems]
            return 1
        whole = isinstance(result, int | float) and not isinstance(result, bool) and float(result).is_integer()
        least = 0 if path[-1] in ("padding", "repeat") else 1
        if not whole or not least <= result < 2**31:
            allowed = f"a whole number of at least {least}"
            problems.append(self.source.problem(path, Problem(field=field, got=repr(value), allowed=allowed)))
            return 1
        return int(result)


@lru_cache(maxsize=256)
def _signature(block: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the option types of a block and the names of those without a default."""
    hints = typing.get_type_hints(block)
    options = [p for p in inspect.signature(block).parameters.values() if p.kind is p.KEYWORD_ONLY]
    required = frozenset(p.name for p in options if p.default is p.empty)
    return {p.name: hints[p.name] for p in options}, required


@lru_cache(maxsize=256)
def _template(path: Path, _stamp: float) -> NetworkTemplate:
    return NetworkTemplate(Source.read(path))


def network_template(name: str | Path) -> NetworkTemplate:
    """Return the network file ``name`` (a name, or a path) as a template; the file is read once until it changes.

    Raises:
        InputError: No such file, or mistakes in it.
    """
    path = find("network", name)
    return _template(path, path.stat().st_mtime)


def load_network(name: str | Path, **parameters: Value) -> Network:
    """Return a network by name or path, with some parameters set.

    Raises:
        InputError: No such network, mistakes in its file, an unknown parameter, a value outside its domain.

    Example:
        >>> load_network("mobilenet_v2", width=0.5, resolution=160).macs
        50212832
    """
    return network_template(name).build(parameters)
