"""Chips from YAML: a list of templates that share a memory, and the chip's own parameters over theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.config.expressions import evaluate
from accelsim.config.fields import space_of
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import parse_rest
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.chip import Chip, Rule, joined
from accelsim.hardware.preset import Preset, file_of, takes
from accelsim.hardware.spec import ChipSpec, PartSpec
from accelsim.hardware.template import Template
from accelsim.parameters import Parameter, Points, is_numeric

__all__ = ["ChipTemplate", "PartTemplate", "is_chip"]


#: Keys that only a chip has; any of them tells, as another may be misspelt.
_OF_A_CHIP = {"parts", "shares", "assign"}


def is_chip(source: Source) -> bool:
    """Return whether a hardware file is that of a chip."""
    return isinstance(source.data, dict) and bool(_OF_A_CHIP & source.data.keys())


class ChipTemplate(Template[Chip]):
    """The file of a chip: a design space, and a batch of chips for any of its points.

    Args:
        source: The parsed file.
        presets: What starts from it, the innermost first.
        load: Reads the file of a part.

    Raises:
        InputError: With every mistake of the file; the default design is built once to find them.
    """

    def __init__(
        self, source: Source, presets: tuple[Preset, ...], load: Callable[[Path], Template[Accelerator]]
    ) -> None:
        self.name = presets[-1].source.path.stem if presets else source.path.stem
        self.source = source
        spec, problems = parse_rest(ChipSpec, source)
        if spec is None or any(problem.field.startswith("parameters") for problem in problems):
            raise InputError(problems)
        self.space, self.description, self._spec = space_of(spec.parameters, source), spec.description, spec
        for preset in presets:
            problems += preset.beside_parameters()
            self.space = preset.space(self.space)
            self.description = preset.spec.description or self.description
        self.parts = tuple(part.name for part in spec.parts)
        self._templates: list[Template[Accelerator]] = []
        for place, part in enumerate(spec.parts):
            try:
                self._templates.append(load(file_of(source, ("parts", place, "template"), part.template)))
            except InputError as error:
                here: FieldPath = ("parts", place, "template")
                own = [one if one.file else replace(one, field=field_name(here)) for one in error.problems]
                problems += [one if one.file else source.problem(here, one) for one in own]
        problems += self._of_names()
        if problems:
            raise InputError(sorted(problems, key=lambda problem: problem.line or 0))
        self._rules = tuple(self._read_rules())
        files = [path for template in self._templates for path in template.files]
        self.files = tuple(dict.fromkeys([source.path, *(preset.source.path for preset in presets), *files]))
        self.instantiate({})
        self.remember_files()

    @property
    def templates(self) -> tuple[str, ...]:
        """Names of the templates of the parts."""
        return tuple(template.name for template in self._templates)

    def _of_names(self) -> list[Problem]:
        """Return the names of parts that are there twice, and rules for parts that are not there."""
        found = []
        for place, name in enumerate(self.parts):
            if name in self.parts[:place]:
                here: FieldPath = ("parts", place, "name")
                problem = Problem(field=field_name(here), message="this name is used twice", got=shown(name))
                found.append(self.source.problem(here, problem))
        for place, rule in enumerate(self._spec.assign):
            if rule.part not in self.parts:
                there: FieldPath = ("assign", place, "part")
                unknown = Problem.unknown(field_name(there), rule.part, self.parts, "no such part")
                found.append(self.source.problem(there, unknown))
        return found

    def _read_rules(self) -> list[Rule]:
        return [
            Rule(self.parts.index(rule.part), rule.layers, rule.op, f"{self.name}.assign[{place}]")
            for place, rule in enumerate(self._spec.assign)
        ]

    def build(self, points: Points) -> Chip:
        """Return the chips at complete points whose words and switches are the same.

        Raises:
            InputError: A value makes no sense where it is used, or the parts do not share a memory.
        """
        parts = self.alone(points)
        self._check_shared(parts)
        return joined(self.name, self.parts, parts, self._spec.shares, self._rules)

    def alone(self, points: Points) -> list[Accelerator]:
        """Return the parts at complete points, each as it is without the others.

        Raises:
            InputError: A value makes no sense where it is used.
        """
        names: dict[str, Any] = {
            name: column.astype(float) if is_numeric(column) else column[:1].tolist()[0]
            for name, column in points.columns.items()
        }
        found, problems = [], list[Problem]()
        for place, (part, template) in enumerate(zip(self._spec.parts, self._templates, strict=True)):
            try:
                found.append(template.build(self._points(place, part, template, names, len(points))))
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)
        return [_renamed(one, f"{self.name}.{name}", points) for one, name in zip(found, self.parts, strict=True)]

    def _points(
        self, place: int, part: PartSpec, template: Template[Accelerator], names: Mapping[str, Any], count: int
    ) -> Points:
        """Return the points of a part: of the parameters that the chip does not set, the defaults."""
        space, problems = template.space, list[Problem]()
        columns = {name: np.array([value] * count) for name, value in space.defaults().items()}
        for name, value in part.parameters.items():
            path: FieldPath = ("parts", place, "parameters", name)
            try:
                if name not in space.names:
                    what = f"unknown parameter of {template.name}"
                    raise InputError(Problem.unknown(field_name(path), name, space.names, what))
                columns[name] = _column(space[name], value, names, field_name(path), count)
            except InputError as error:
                problems += [self.source.problem(path, problem) for problem in error.problems]
        if problems:
            raise InputError(problems)
        return Points(columns)

    def _check_shared(self, parts: list[Accelerator]) -> None:
        """Refuse parts whose outermost memories are not of one kind: a byte costs the same for all."""
        first, problems = parts[0].memories[0], []
        for place, part in enumerate(parts[1:], start=1):
            outer = part.memories[0]
            if not all(
                _same(getattr(first, name), getattr(outer, name)) for name in ("read_pj_per_byte", "write_pj_per_byte")
            ):
                path: FieldPath = ("parts", place)
                said = [
                    f"{_figure(memory.read_pj_per_byte)} pJ a byte in {of.name} ({memory.name})"
                    for of, memory in ((parts[0], first), (part, outer))
                ]
                message = f"the parts share their outermost memory, which has to cost the same: {' and '.join(said)}"
                allowed = "templates whose first memory is of one kind in one technology, or presets that override it"
                problem = Problem(field=field_name(path), message=message, allowed=allowed)
                problems.append(self.source.problem(path, problem))
        if problems:
            raise InputError(problems)


class PartTemplate(Template[Accelerator]):
    """One part of a chip as an accelerator of its own, over the chip's parameters.

    Args:
        chip: The chip.
        part: Name of the part.

    Raises:
        InputError: The chip has no such part.
    """

    def __init__(self, chip: ChipTemplate, part: str) -> None:
        if part not in chip.parts:
            raise InputError(Problem.unknown("hardware", part, chip.parts, f"{chip.name} has no such part"))
        self.name, self.description = f"{chip.name}.{part}", chip.description
        self.source, self.files, self.space = chip.source, chip.files, chip.space
        self._chip, self._place = chip, chip.parts.index(part)
        self.templates = (chip.templates[self._place],)

    def build(self, points: Points) -> Accelerator:
        """Return the designs of the part at complete points of the chip.

        Raises:
            InputError: A value makes no sense where it is used.
        """
        return self._chip.alone(points)[self._place]


def _column(
    parameter: Parameter, value: object, names: Mapping[str, Any], field: str, count: int
) -> npt.NDArray[np.generic]:
    """Return the values of a part's parameter: a word or a switch as it is, a chip's parameter, or an expression."""
    if isinstance(value, str) and value in names and isinstance(names[value], str | bool):
        found: Any = names[value]
    elif isinstance(value, bool) or (isinstance(value, str) and value not in names and value in parameter.domain):
        found = value
    else:
        found = evaluate(value, names, field)
    if isinstance(found, np.ndarray) and found.dtype.kind not in "iuf":
        message = "words and switches may be parameters of the chip, but not the result of an expression over numbers"
        raise InputError(Problem(field=field, message=message, got=shown(value)))
    column = np.array(np.broadcast_to(found, (count,)))
    if is_numeric(column) and np.all(column == np.floor(column)):
        column = column.astype(np.int64)
    for one in np.unique(column).tolist():
        if not takes(parameter, one):
            allowed = f"{parameter.domain.describe()}; a number also between those"
            got = shown(value) if value == one else f"{shown(value)} = {one}"
            raise InputError(Problem(field=field, message="outside the domain", got=got, allowed=allowed))
    return column


def _renamed(part: Accelerator, name: str, points: Points) -> Accelerator:
    return replace(part, name=name, parameters=points)


def _same(one: npt.NDArray[np.float64] | None, other: npt.NDArray[np.float64] | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _figure(price: npt.NDArray[np.float64] | None) -> str:
    return "not modelled" if price is None else f"{price[0]:g}"
