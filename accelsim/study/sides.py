"""The two sides of a study, networks and accelerators: their settings resolved and checked against their domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Choices, Parameter, Point, Range, Space, Value
from accelsim.study.spec import ALL

__all__ = ["Side", "Template", "item_path", "resolve_sides"]


class Template(Protocol):
    """What a study needs of a network file or an accelerator file."""

    @property
    def name(self) -> str:
        """Name of the file, without suffix."""
        ...

    @property
    def space(self) -> Space:
        """The parameters."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A network or an accelerator of a study.

    Attributes:
        name: Its name.
        path: Its file.
        fixed: Parameters the study sets to one value.
        space: Parameters the study varies, each with the domain to search.
    """

    name: str
    path: Path
    fixed: Point
    space: Space


def item_path(source: Source, section: str, name: str) -> FieldPath:
    """Return where ``name`` stands in a section that is written as a mapping or as a list of names."""
    written = source.data.get(section) if isinstance(source.data, dict) else None
    return (section, written.index(name)) if isinstance(written, list) and name in written else (section, name)


def resolve_sides(
    source: Source,
    section: str,
    what: str,
    locate: Callable[[str], Path],
    load: Callable[[Path], Template],
    settings: Mapping[str, Mapping[str, Any]],
    problems: list[Problem],
) -> list[Side]:
    """Return the sides of one section of a study, in its order.

    Args:
        source: The study file.
        section: ``networks`` or ``hardware``.
        what: ``network`` or ``hardware``.
        locate: Finds the file of a name.
        load: Reads the file of one.
        settings: The section: name or path -> parameter -> setting.
        problems: Every mistake found is added here; a side with mistakes is left out.
    """
    sides: list[Side] = []
    for name, given in settings.items():
        here = (section, name)
        try:
            path = locate(name)
            template = load(path)
        except InputError as error:
            place = item_path(source, section, name)
            problems += [
                p if p.file else source.problem(place, replace(p, field=field_name(here))) for p in error.problems
            ]
            continue
        before = len(problems)
        side = _side(source, here, path, template, given, problems)
        if any(side.name == other.name for other in sides):
            message = f"a second {what} is called {side.name!r}; the results could not be told apart"
            problems.append(source.problem(here, Problem(field=field_name(here), message=message)))
        if len(problems) == before:
            sides.append(side)
    return sides


def _side(
    source: Source, here: FieldPath, path: Path, template: Template, given: Mapping[str, Any], problems: list[Problem]
) -> Side:
    fixed: Point = {}
    varied: dict[str, Parameter] = {}
    # The name of a list stands for its elements; what is said of one of them holds before that.
    for name, setting in sorted(given.items(), key=lambda item: item[0] in template.space.names):
        place = (*here, name)
        field = field_name(place)
        elements = template.space.elements(name)
        if not elements:
            unknown = Problem.unknown(field, name, template.space.names, f"unknown parameter of {template.name}")
            problems.append(source.problem(place, unknown))
            continue
        found = _setting_problems(template.space[elements[0]], setting, field)
        problems += [source.problem(place, problem) for problem in found]
        if found:
            continue
        for element in elements:
            _set(template.space[element], setting, fixed, varied)
    # In the template's order, so that two studies that list the same parameters differently search alike.
    searched = [varied[name] for name in template.space.names if name in varied]
    space = template.space.part(searched, template.space.defaults() | fixed)
    return Side(template.name, path, fixed, space)


def _set(parameter: Parameter, setting: Any, fixed: Point, varied: dict[str, Parameter]) -> None:
    """Fix a parameter to its setting, or vary it over its domain or a list; an earlier setting gives way."""
    name = parameter.name
    fixed.pop(name, None)
    varied.pop(name, None)
    if setting == ALL:
        varied[name] = parameter
    elif isinstance(setting, list):
        varied[name] = parameter.among([_own(parameter, value) for value in setting])
    else:
        fixed[name] = _own(parameter, setting)


def _setting_problems(parameter: Parameter, setting: Any, field: str) -> list[Problem]:
    if setting == ALL:
        return []
    if setting is None or isinstance(setting, dict):
        allowed = f"a value, a list of values, or {ALL}"
        return [Problem(field=field, message="not a setting", got=shown(setting), allowed=allowed)]
    if not isinstance(setting, list):
        problem = parameter.check(setting, field)
        return [problem] if problem else []
    if not setting:
        return [Problem(field=field, message="the list is empty", allowed=parameter.domain.describe())]
    found = [parameter.check(value, f"{field}[{place}]") for place, value in enumerate(setting)]
    twice = [value for place, value in enumerate(setting) if value in setting[:place]]
    repeated = [Problem(field=field, message="a value stands here twice", got=shown(value)) for value in twice]
    return [problem for problem in found if problem] + repeated


def _own(parameter: Parameter, value: Value) -> Value:
    """Return ``value`` as the domain writes it, so that 8.0 given for a choice of 8 is stored as 8."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return next(own for own in domain.values if own == value and isinstance(own, bool) == isinstance(value, bool))
    if isinstance(domain, Range) and not isinstance(value, str):
        return int(value) if domain.integer else float(value)
    return value
