"""Presets: a template under another name, with other defaults. A chip is a preset of the template of its kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelsim.config.library import find
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import parse
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.spec import HardwareSpec, PresetSpec
from accelsim.parameters import Choices, Parameter, Range, Space

__all__ = ["Preset", "file_of", "read_presets", "takes"]

_MOST_BASES = 16


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset changes, and its file."""

    spec: PresetSpec
    source: Source

    def applied(self, spec: HardwareSpec) -> HardwareSpec:
        """Return the base's file with the changes that are not parameters."""
        return spec.model_copy(
            update={
                "description": self.spec.description or spec.description,
                "technology": self.spec.technology or spec.technology,
                "overrides": {**spec.overrides, **self.spec.overrides},
                "sources": {**spec.sources, **self.spec.sources},
            }
        )

    def beside_parameters(self) -> list[Problem]:
        """Return what it changes beside parameters, which a preset of a chip cannot: its parts have technologies."""
        message = "the base is a chip, whose parts have technologies of their own: a preset of a part can change them"
        changed = [name for name in ("technology", "overrides") if getattr(self.spec, name)]
        return [self.source.problem((name,), Problem(field=name, message=message)) for name in changed]

    def space(self, base: Space) -> Space:
        """Return the base's parameters with the new defaults.

        Raises:
            InputError: With every name that is no parameter, and every value that cannot be one of it.
        """
        problems = []
        changed: dict[str, Parameter] = {}
        for name, value in self.spec.set.items():
            path = ("set", name)
            if name not in base.names:
                problem = Problem.unknown(f"set.{name}", name, base.names, f"{self.spec.base} has no such parameter")
                problems.append(self.source.problem(path, problem))
            elif (parameter := _with_default(base[name], value)) is not None:
                changed[name] = parameter
            else:
                allowed = f"{base[name].domain.describe()}; a number also between those"
                problem = Problem(field=f"set.{name}", message="outside the domain", got=shown(value), allowed=allowed)
                problems.append(self.source.problem(path, problem))
        if problems:
            raise InputError(problems)
        return replace(base, parameters=tuple(changed.get(own.name, own) for own in base.parameters))


def takes(parameter: Parameter, value: Any) -> bool:
    """Return whether a parameter may be set to a value: one of its domain, or a number between those."""
    return _with_default(parameter, value) is not None


def _with_default(parameter: Parameter, value: Any) -> Parameter | None:
    """Return the parameter with another default, which its domain takes in if need be; ``None`` if it cannot."""
    domain = parameter.domain
    if value in domain:
        return replace(parameter, default=value)
    if isinstance(value, bool | str):
        return None
    if isinstance(domain, Choices):
        numbers = [own for own in domain.values if isinstance(own, int | float) and not isinstance(own, bool)]
        if len(numbers) < len(domain.values) or not min(numbers) <= value <= max(numbers):
            return None
        return replace(parameter, default=value, domain=replace(domain, values=tuple(sorted((*numbers, value)))))
    if not isinstance(domain, Range) or not domain.low <= value <= domain.high:
        return None
    numbers = [own for own in domain.grid() if isinstance(own, int | float)]
    return replace(parameter, default=value, domain=Choices(tuple(sorted({*numbers, value}))))


def read_presets(source: Source) -> tuple[Source, tuple[Preset, ...]]:
    """Return the template that a hardware file comes from in the end, and the presets on the way, the innermost first.

    Raises:
        InputError: With every mistake of a preset; there is no such base; or the bases lead in a circle.
    """
    presets: list[Preset] = []
    chain = [source.path]
    while isinstance(source.data, dict) and "base" in source.data:
        preset = Preset(parse(PresetSpec, source), source)
        presets.append(preset)
        path = file_of(source, ("base",), preset.spec.base)
        circle = path.resolve() in {one.resolve() for one in chain}
        chain.append(path)
        if circle or len(chain) > _MOST_BASES + 1:
            what = "the bases lead in a circle" if circle else f"more than {_MOST_BASES} bases in a row"
            message = f"{what}: {' -> '.join(one.stem for one in chain)}"
            problem = Problem(field="base", message=message, got=shown(preset.spec.base))
            raise InputError(source.problem(("base",), problem))
        source = Source.read(path)
    return source, tuple(reversed(presets))


def file_of(source: Source, path: FieldPath, name: str) -> Path:
    """Return the hardware file that another one names: one beside it, or any other by name or path.

    Args:
        source: The file that names it.
        path: Where.
        name: The name.

    Raises:
        InputError: There is no such file.
    """
    beside = source.path.parent / name
    if beside.is_file():
        return beside
    try:
        return find("hardware", name)
    except InputError as error:
        problems = [source.problem(path, replace(problem, field=field_name(path))) for problem in error.problems]
        raise InputError(problems) from error
