"""Networks from YAML: parameters are filled in, expressions computed, blocks built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.config.fields import space_of
from accelsim.config.library import Library
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import parse
from accelsim.errors import InputError, Problem
from accelsim.parameters import Point, Space, Value
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import Network, Node
from accelsim.workload.ops import Bits
from accelsim.workload.options import block_options, structure_problems, value_of, whole_number
from accelsim.workload.spec import NetworkSpec

__all__ = ["NetworkTemplate", "load_network", "network_template"]

_MAX_OPS = 20_000


class NetworkTemplate:
    """A network file: a search space, and a network for each of its points.

    Args:
        source: The parsed file.

    Raises:
        InputError: With every mistake of the file; the network of the defaults is built once to find them.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.path.stem
        problems = structure_problems(source)
        nodes: tuple[Node, ...] = ()
        point: Point = {}
        try:
            self.spec = parse(NetworkSpec, source)
            self.space: Space = space_of(self.spec.parameters)
            point = self.space.defaults()
            nodes = self._nodes(point, problems)
        except InputError as error:
            problems += error.problems
        if problems:
            raise InputError(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))
        self._network(nodes, point)

    def build(self, parameters: Mapping[str, Value]) -> Network:
        """Return the network at a point; parameters not given take their defaults.

        Raises:
            InputError: An unknown parameter, a value outside its domain, or a layer that cannot be built.
        """
        point = self.space.complete(parameters, self.name)
        problems: list[Problem] = []
        nodes = self._nodes(point, problems)
        if problems:
            raise InputError(list(dict.fromkeys(problems)))
        return self._network(nodes, point)

    def _network(self, nodes: tuple[Node, ...], point: Point) -> Network:
        try:
            return Network(self.name, nodes, point)
        except InputError as error:
            raise error.at(self.source.path) from error

    def _nodes(self, point: Point, problems: list[Problem]) -> tuple[Node, ...]:
        """Build the layers and return their ops; ``problems`` takes what is wrong, and its layer is left out."""
        known_problems = len(problems)
        shape = [
            self._whole_number(value, point, path, problems)
            for value, path in (
                (self.spec.batch, ("batch",)),
                *((size, ("input", axis)) for axis, size in enumerate(self.spec.input)),
            )
        ]
        builder = Builder((shape[0], shape[1], shape[2], shape[3]), Bits(**self.spec.bits.model_dump()))
        # Without a shape to start from, the layers' own values are still checked.
        tensor = builder.input if len(problems) == known_problems else None
        for place, layer in enumerate(self.spec.layers):
            tensor = self._layer(builder, tensor, place, layer, point, problems)
            if len(builder.nodes) > _MAX_OPS:
                path: FieldPath = ("layers", place)
                problem = Problem(field=field_name(path), message=f"the network has more than {_MAX_OPS} ops")
                problems.append(self.source.problem(path, problem))
                break
        return tuple(builder.nodes)

    def _whole_number(self, value: Any, point: Point, path: FieldPath, problems: list[Problem]) -> int:
        try:
            return whole_number(value, point, path)
        except InputError as error:
            problems += [self.source.problem(path, problem) for problem in error.problems]
            return 1

    def _layer(
        self,
        b: Builder,
        x: Tensor | None,
        place: int,
        layer: dict[str, Any],
        point: Point,
        problems: list[Problem],
    ) -> Tensor | None:
        """Build a layer upon ``x`` and return what it writes; without an ``x``, only check its values."""
        path: FieldPath = ("layers", place)
        name = layer.get("block")
        if not isinstance(name, str) or name not in BLOCKS:
            return x
        block = BLOCKS[name]
        types, required = block_options(block)
        known_problems = len(problems)
        repeat = self._whole_number(layer.get("repeat", 1), point, (*path, "repeat"), problems)
        options: dict[str, Any] = {}
        for option, value in {**self.spec.defaults.get(name, {}), **layer}.items():
            here = (*path, option) if option in layer else ("defaults", name, option)
            try:
                if option in types:
                    options[option] = value_of(types[option], value, point, here)
            except InputError as error:
                problems += [self.source.problem(here, problem) for problem in error.problems]
        if x is None or len(problems) > known_problems or required - options.keys():
            return x
        try:
            for turn in range(repeat):
                if len(b.nodes) > _MAX_OPS:
                    break
                b.prefix = f"{place + 1}" if repeat == 1 else f"{place + 1}.{turn + 1}"
                x = block(b, x, **({**options, "stride": 1} if turn and "stride" in options else options))
        except InputError as error:
            problems += [self._placed(problem, path) for problem in error.problems]
        return x

    def _placed(self, problem: Problem, path: FieldPath) -> Problem:
        """Return a problem that a block found, which knows no more than the name of an option, in its place."""
        field = f"{field_name(path)}.{problem.field}"
        return self.source.problem((*path, problem.field), replace(problem, field=field))


_LIBRARY = Library("network", NetworkTemplate)


def network_template(name: str | Path) -> NetworkTemplate:
    """Return the network file ``name`` (a name, or a path) as a template; the file is read once until it changes.

    Raises:
        InputError: No such file, or mistakes in it.
    """
    return _LIBRARY.get(name)


def load_network(name: str | Path, **parameters: Value) -> Network:
    """Return a network by name or path, with some parameters set.

    Raises:
        InputError: No such network, mistakes in its file, an unknown parameter, a value outside its domain.

    Example:
        >>> load_network("mobilenet_v2", width=0.5, resolution=160).macs
        50212832
    """
    return network_template(name).build(parameters)
