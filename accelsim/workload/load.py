"""Networks from YAML: parameters are filled in, expressions computed, blocks built, transforms applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from accelsim.config.fields import arrays_of, space_of
from accelsim.config.library import Library
from accelsim.config.source import FieldPath, Source, field_name, path_of
from accelsim.config.spec import parse
from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point, Space, Value
from accelsim.workload.builder import Tensor
from accelsim.workload.layers import LayerPlan
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits
from accelsim.workload.options import whole_number
from accelsim.workload.passes.rewrite import needed_nodes, outputs_of
from accelsim.workload.reading import unread_problems
from accelsim.workload.spec import NetworkSpec
from accelsim.workload.start import Start
from accelsim.workload.stated import bits_of
from accelsim.workload.structure import structure_problems
from accelsim.workload.turns import Turn, build_turn
from accelsim.workload.variant import Variant
from accelsim.workload.write import network_text

__all__ = ["NetworkTemplate", "load_network", "network_template"]

_MAX_OPS = 20_000
#: Suffixes of models that can be imported; what reads them is loaded when one is asked for.
_IMPORTED = (".onnx", ".tflite", ".pt2")


class NetworkTemplate:
    """A network file: a search space, and a network for each of its points.

    Args:
        source: The parsed file.

    Attributes:
        source: The file.
        name: Name of the network.
        spec: What the file says.
        space: All parameters.
        members: The parameters that ``space`` in the file names; all of them if it names none. Its points are the
            networks of a published search space; ``build`` gives the other parameters their defaults.

    Raises:
        InputError: With every mistake of the file; the network of the defaults is built once to find them.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.path.stem
        form, problems = structure_problems(source), list[Problem]()
        built: _Build | None = None
        point: Point = {}
        try:
            self.spec = parse(NetworkSpec, source)
            own = space_of(self.spec.parameters, source)
            self._variant = Variant(self.spec, source, network_template)
            self.space: Space = self._variant.space(own)
            self.members = self._members(own)
            self._layers = self._plans()
            point = self.space.defaults()
            built = self._built(point, problems)
        except InputError as error:
            problems += error.problems
        # What is wrong with the form is not told again by what was tried to be made of it.
        told = {problem.field for problem in form}
        problems = form + [problem for problem in problems if problem.field not in told]
        problems = problems or list(unread_problems(source))
        if problems:
            raise InputError(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))
        if built is not None:
            self._network(built, point)

    def _members(self, own: Space) -> Space:
        """Return the part of the space that is searched.

        Raises:
            InputError: ``space`` names a parameter that there is not.
        """
        searched = self._variant.searched(own)
        if self.spec.space is not None:
            known = {name: (name,) for name in self.space.names} | {
                name: spec.names(name) for name, spec in self.spec.parameters.items()
            }
            problems = [
                self.source.problem(here, Problem.unknown(field_name(here), name, known, "unknown parameter"))
                for place, name in enumerate(self.spec.space)
                if name not in known and (here := ("space", place))
            ]
            if problems:
                raise InputError(problems)
            searched = frozenset(element for name in self.spec.space for element in known[name])
        return self.space.part([p for p in self.space.parameters if p.name in searched], self.space.defaults())

    def _plans(self) -> tuple[LayerPlan, ...]:
        spec, arrays = self.spec, arrays_of(self.spec.parameters)
        return tuple(
            LayerPlan(("layers", place), layer, spec.defaults, spec.choices, arrays, self._variant.layers)
            for place, layer in enumerate(spec.layers or ())
        )

    @property
    def layers(self) -> int:
        """Number of layers that the file lists, those of its base included."""
        return self._variant.layers + len(self._layers)

    @property
    def plans(self) -> tuple[LayerPlan, ...]:
        """The layers of the file, ready to be resolved; those of its base are not among them."""
        return self._layers

    @property
    def current(self) -> bool:
        """Whether no file of a base has changed since it was read."""
        return self._variant.current

    def build(self, parameters: Mapping[str, Value]) -> Network:
        """Return the network at a point; parameters not given take their defaults.

        Raises:
            InputError: An unknown parameter, a value outside its domain, or a layer that cannot be built.
        """
        point = self.space.complete(parameters, self.name)
        return self._network(self._checked(point), point)

    def start(self, parameters: Mapping[str, Value]) -> Start:
        """Return the network at a point as something that further layers go on from.

        Raises:
            InputError: As ``build`` does.
        """
        point = self.space.complete(parameters, self.name)
        built = self._checked(point)
        return built.handed_on(self._network(built, point))

    def begin(self, point: Point) -> Start:
        """Return what the file's first layer goes on from at a complete point: inputs, or the network of its base.

        Raises:
            InputError: A shape or a width that cannot be computed.
        """
        problems: list[Problem] = []
        build = self._begun(point, problems)
        if problems:
            raise InputError(problems)
        return build.start

    def _checked(self, point: Point) -> _Build:
        problems: list[Problem] = []
        built = self._built(point, problems)
        if problems:
            raise InputError(list(dict.fromkeys(problems)))
        return built

    def _network(self, built: _Build, point: Point) -> Network:
        try:
            return self._variant.transformed(built.network(self.name, point, self.spec.results), point)
        except InputError as error:
            raise error.at(self.source.path) from error

    def _built(self, point: Point, problems: list[Problem]) -> _Build:
        """Build the layers, after those of the base; ``problems`` takes what is wrong, layer by layer."""
        build = self._begun(point, problems)
        for layer in self._layers:
            build.layer(layer, point, problems)
            if len(build.nodes) > _MAX_OPS:
                problem = Problem(field=field_name(layer.path), message=f"the network has more than {_MAX_OPS} ops")
                problems.append(self.source.problem(layer.path, problem))
                break
        return build

    def _begun(self, point: Point, problems: list[Problem]) -> _Build:
        """Return a network without layers of its own: its inputs, or its base."""
        known_problems = len(problems)
        spec = self.spec
        bits = self._bits(point, problems)
        if spec.base is not None:
            try:
                start = self._variant.base(point)
            except InputError as error:
                raise error.at(self.source.path) from error
            return _Build(self.source, bits if "bits" in spec.model_fields_set else start.bits, start)
        batch = self._whole_numbers([spec.batch], point, "batch", problems)
        shapes = {INPUT: (*batch, *self._whole_numbers(spec.input or [], point, "input", problems))}
        for name, sides in spec.inputs.items():
            shapes[name] = self._whole_numbers(sides, point, ("inputs", name), problems)
        # Without a shape to start from, the layers' own values are still checked.
        runs = bool(spec.input) and len(problems) == known_problems
        tensors = {name: Tensor(name, shape) for name, shape in shapes.items()}
        return _Build(self.source, bits, Start(None, tensors, tensors[INPUT] if runs else None, bits))

    def _bits(self, point: Point, problems: list[Problem]) -> Bits:
        try:
            return Bits(**bits_of(self.spec.bits.model_dump(), point, ("bits",)))
        except InputError as error:
            problems += [self.source.problem(("bits",), problem) for problem in error.problems]
            return Bits()

    def _whole_numbers(
        self, values: list[Any], point: Point, field: str | FieldPath, problems: list[Problem]
    ) -> tuple[int, ...]:
        found = []
        for place, value in enumerate(values):
            start = (field,) if isinstance(field, str) else field
            path = start if field == "batch" else (*start, place)
            try:
                found.append(whole_number(value, point, path))
            except InputError as error:
                problems += [self.source.problem(path, problem) for problem in error.problems]
                found.append(1)
        return tuple(found)


class _Build:
    """One network in the making: its nodes so far, and the tensors that layers can read by name.

    Args:
        source: The file.
        bits: Widths of its layers.
        start: What they go on from.
    """

    def __init__(self, source: Source, bits: Bits, start: Start) -> None:
        self.source, self.bits = source, bits
        self.start = replace(start, bits=bits)
        self._base = start.network
        self._inputs = tuple(start.tensors) if start.network is None else start.network.inputs
        self.nodes: list[Node] = list(start.network or ())
        self.tensors = dict(start.tensors)
        self.current = start.result
        self._layers = 0
        #: Names of layers that stand, and of inputs.
        self._taken = set(start.tensors)

    def layer(self, layer: LayerPlan, point: Point, problems: list[Problem]) -> None:
        """Add the layer; ``problems`` takes what is wrong with it."""
        self._layers += 1
        try:
            turns = layer.turns(point)
            if self.current is None:
                return
            x = self.current if layer.source is None else self._named(layer.source, (*layer.path, "from"))
            named = layer.layer.get("name")
            if turns and isinstance(named, str) and named in self._taken:
                where, message = field_name((*layer.path, "name")), "another layer, or an input, has this name"
                raise InputError(Problem(field=where, got=shown(named), message=message))
            for turn in turns:
                nodes, x = self._turn(layer, turn, x)
                self.nodes += nodes
                if len(self.nodes) > _MAX_OPS:
                    break
        except InputError as error:
            problems += [self._placed(problem, layer.path) for problem in error.problems]
            return
        # The next layer reads the last one that stands. One that does not stand is, by name, what it would have read;
        # of layers that stand at different points of the space, the one that stands has the name.
        self.current = x if turns else self.current
        if named is not None and (turns or layer.name not in self.tensors):
            self.tensors[layer.name] = x
        self._taken |= {layer.name} if turns else set()

    def network(self, name: str, point: Point, results: Sequence[str]) -> Network:
        """Return the nodes that lead to the last layer's tensor or to one of the named, as a network."""
        if self._base is not None and not self._layers:
            return replace(self._base, name=name, parameters=point)
        written = {node.name for node in self.nodes}
        tensors = [self.tensors.get(result) for result in results] + [self.current]
        sources = [tensor.source for tensor in tensors if tensor is not None and tensor.source in written]
        nodes = needed_nodes(self.nodes, sources)
        return Network(name, nodes, point, self._inputs, outputs_of(nodes, sources) if results else None)

    def handed_on(self, network: Network) -> Start:
        """Return ``network``, which these layers have become, as what further layers go on from."""
        return Start.of(network, self.tensors, self.current, self.bits)

    def _turn(self, layer: LayerPlan, turn: Turn, x: Tensor) -> tuple[tuple[Node, ...], Tensor]:
        others = tuple(
            (
                option,
                self._named(names, layer.place(option))
                if isinstance(names, str)
                else tuple(self._named(name, layer.place(option)) for name in names),
            )
            for option, names in turn.tensors
        )
        return build_turn(turn, x, others, layer.name, self.bits)

    def _named(self, name: str, path: FieldPath) -> Tensor:
        if name not in self.tensors:
            problem = Problem.unknown(field_name(path), name, self.tensors, "no layer before this one has this name")
            raise InputError(problem)
        return self.tensors[name]

    def _placed(self, problem: Problem, path: FieldPath) -> Problem:
        """Return the problem in its place: a block knows no more of its own than the name of an option."""
        for start in ("layers", "defaults", "choices"):
            if problem.field.startswith((f"{start}[", f"{start}.")):
                return self.source.problem(path_of(problem.field), problem)
        field = f"{field_name(path)}.{problem.field}"
        return self.source.problem((*path, problem.field), replace(problem, field=field))


_LIBRARY = Library("network", NetworkTemplate)


@lru_cache(maxsize=64)
def _imported(path: Path, _version: tuple[Path, int, int]) -> NetworkTemplate:
    from accelsim.workload.importers import import_network

    network = import_network(path).network
    return NetworkTemplate(Source.parse(network_text(network), path))


def network_template(name: str | Path) -> NetworkTemplate:
    """Return the network file ``name`` (a name, or a path) as a template; a file is read once until it changes.

    A path may also be of a model that can be imported (``.onnx``, ``.tflite``, ``.pt2``); it has no parameters.

    Raises:
        InputError: No such file, or mistakes in it.
        MissingExtraError: The library that reads the model is not installed.
    """
    path = Path(name)
    if path.suffix in _IMPORTED and path.is_file():
        stat = path.stat()
        return _imported(path, (path.resolve(), stat.st_mtime_ns, stat.st_size))
    template = _LIBRARY.get(name)
    if not template.current:
        _LIBRARY.forget()
        template = _LIBRARY.get(name)
    return template


def load_network(name: str | Path, **parameters: Value) -> Network:
    """Return a network by name or path, with some parameters set.

    Raises:
        InputError: No such network, mistakes in its file, an unknown parameter, a value outside its domain.

    Example:
        >>> load_network("mobilenet_v2", width=0.5, resolution=160).macs
        50212832
    """
    return network_template(name).build(parameters)
