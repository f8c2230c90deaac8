"""Tables from YAML: a base is scaled and taken over, entries are replaced one by one, and each has a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from accelsim.config.library import find
from accelsim.config.source import Source
from accelsim.config.spec import Spec, parse
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.logic import Technology
from accelsim.hardware.technology.points import Deviation, deviation
from accelsim.hardware.technology.spec import FormatSpec, LogicSpec, MemoryEnergy, ScaleSpec, SizeLaw, TechnologySpec

__all__ = ["Deviation", "Entry", "Table", "Value", "read_table", "table_beside"]

#: What an entry holds; ``None`` is not modelled.
Value = float | SizeLaw | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure of a table.

    Attributes:
        value: A number in the unit that its name ends with, a law, or ``None``.
        mark: How far it can be trusted (``measured``, ``published``, ``fitted``, ``scaled``, ``assumed``); empty if the
            file does not say.
        source: Where it comes from, in words.
    """

    value: Value
    mark: str = ""
    source: str = ""


@dataclass(frozen=True)
class Table:
    """A technology table.

    Attributes:
        name: Name of its file.
        description: What it is, in a line.
        entries: Entry by its dotted name, such as ``logic.add_32bit_pj`` or ``memories.sram.pj_per_byte``.
        points: How far it is from the published figures it names.
        files: Its file, and those of its bases.
    """

    name: str
    description: str
    entries: Mapping[str, Entry]
    points: tuple[Deviation, ...]
    files: tuple[Path, ...]

    @cached_property
    def memories(self) -> dict[str, MemoryEnergy]:
        """Kinds of memory by name."""
        return {kind: MemoryEnergy(**keys) for kind, keys in self._parts("memories").items()}

    @cached_property
    def formats(self) -> dict[str, FormatSpec]:
        """Floating-point arithmetic by format."""
        return {name: FormatSpec(**keys) for name, keys in self._parts("formats").items()}

    def integers(self) -> Technology:
        """Return the figures of integer arithmetic."""
        return Technology(
            name=self.name,
            multiply_pj=self._number("logic.multiply_8bit_pj"),
            add_pj=self._number("logic.add_32bit_pj"),
            register_pj_per_bit=self._number("logic.register_pj_per_bit"),
            multiplier_um2=self._number("logic.multiplier_8bit_um2"),
            adder_um2=self._number("logic.adder_32bit_um2"),
            register_um2_per_bit=self._number("logic.register_um2_per_bit"),
            multiplier_leakage_mw=self._number("logic.multiplier_8bit_leakage_mw"),
            adder_leakage_mw=self._number("logic.adder_32bit_leakage_mw"),
            register_leakage_mw_per_bit=self._number("logic.register_leakage_mw_per_bit"),
            wire_pj_per_bit_mm=self._number("logic.wire_pj_per_bit_mm"),
        )

    def floats(self, name: str) -> Technology:
        """Return the figures of products in the format ``name``, added in fp32; the table has both in ``formats``."""
        multiplier, adder = self.formats[name], self.formats["fp32"]
        return replace(
            self.integers(),
            arithmetic=name,
            multiply_pj=multiplier.multiply_pj,
            add_pj=adder.add_pj,
            multiplier_um2=multiplier.multiplier_um2,
            adder_um2=adder.adder_um2,
            multiplier_leakage_mw=multiplier.multiplier_leakage_mw,
            adder_leakage_mw=adder.adder_leakage_mw,
        )

    def _parts(self, section: str) -> dict[str, dict[str, Value]]:
        found: dict[str, dict[str, Value]] = {}
        for path, entry in self.entries.items():
            owner, _, key = path.rpartition(".")
            first, _, name = owner.partition(".")
            if first == section:
                found.setdefault(name, {})[key] = entry.value
        return found

    def _number(self, path: str) -> float | None:
        value = self.entries[path].value
        assert not isinstance(value, SizeLaw)  # noqa: S101 - only an energy per byte is a law
        return value

    def replaced(self, overrides: Mapping[str, Value], source: Source) -> Table:
        """Return the table with some entries replaced.

        Args:
            overrides: Entry -> its new value; of the logic, the last part of its name will do.
            source: The file that says so, under ``overrides``.

        Raises:
            InputError: With every name that is no entry, and every law where a number is wanted.
        """
        problems, changed = [], dict(self.entries)
        for name, value in overrides.items():
            path, place = name if name in self.entries else f"logic.{name}", ("overrides", name)
            if path not in self.entries:
                known = [*LogicSpec.model_fields, *(entry for entry in self.entries if not entry.startswith("logic."))]
                problem = Problem.unknown(f"overrides.{name}", name, known, "unknown entry")
                problems.append(source.problem(place, problem))
            elif isinstance(value, SizeLaw) and not path.endswith(".pj_per_byte"):
                problem = Problem(field=f"overrides.{name}", got=shown(value.model_dump()), allowed="a number or null")
                problems.append(source.problem(place, problem))
            else:
                changed[path] = Entry(value, "assumed", f"overrides of {source.path.stem}")
        if problems:
            raise InputError(problems)
        return replace(self, entries=changed)


def table_beside(name: str, source: Source, field: str = "technology") -> Table:
    """Return the table that ``source`` names under ``field``: a file beside it, or one found by name.

    Raises:
        InputError: No such table, or mistakes in its file.
    """
    return read_table(Source.read(_file(name, source, field)))


def read_table(source: Source) -> Table:
    """Return the table of a file.

    Raises:
        InputError: With every mistake of the file; there is no such base, or the bases lead in a circle.
    """
    return _read(source, ())


def _file(name: str, source: Source, field: str) -> Path:
    beside = source.path.parent / name
    try:
        return beside if beside.is_file() else find("technology", name)
    except InputError as error:
        problem = replace(error.problems[0], field=field)
        raise InputError(source.problem((field,), problem)) from error


def _read(source: Source, inner: tuple[Path, ...]) -> Table:
    spec = parse(TechnologySpec, source)
    base = _base(spec.base, source, (*inner, source.path))
    entries = dict(_inherited(base, spec.scale or ScaleSpec())) if base else {}
    for path, entry, stated in _own(spec):
        if stated or path not in entries:
            entries[path] = entry
    points, problems = _points(spec, entries, source)
    problems += _unknown_sources(spec, entries, source)
    if problems:
        raise InputError(problems)
    files = (source.path, *(base.files if base else ()))
    return Table(source.path.stem, spec.description, entries, points, files)


def _base(name: str | None, source: Source, chain: tuple[Path, ...]) -> Table | None:
    if name is None:
        return None
    path = _file(name, source, "base")
    if path.resolve() in {one.resolve() for one in chain}:
        message = f"the bases lead in a circle: {' -> '.join(one.stem for one in (*chain, path))}"
        raise InputError(source.problem(("base",), Problem(field="base", message=message, got=shown(name))))
    return _read(Source.read(path), chain)


def _points(
    spec: TechnologySpec, entries: Mapping[str, Entry], source: Source
) -> tuple[tuple[Deviation, ...], list[Problem]]:
    found, problems = [], []
    values = {path: entry.value for path, entry in entries.items()}
    for place, point in enumerate(spec.points):
        try:
            found.append(deviation(point, values))
        except InputError as error:
            for problem in error.problems:
                named = replace(problem, field=f"points[{place}].{problem.field}")
                problems.append(source.problem(("points", place, problem.field), named))
    return tuple(found), problems


def _owners(spec: TechnologySpec) -> Iterator[tuple[str, Spec]]:
    yield "logic", spec.logic or LogicSpec()
    yield from ((f"formats.{name}", part) for name, part in spec.formats.items())
    yield from ((f"memories.{kind}", part) for kind, part in spec.memories.items())


def _own(spec: TechnologySpec) -> Iterator[tuple[str, Entry, bool]]:
    """Yield the entries of the file, and whether it states them; those that it leaves out are not modelled."""
    for owner, part in _owners(spec):
        for key in type(part).model_fields:
            path, stated = f"{owner}.{key}", key in part.model_fields_set
            names = [name for name in spec.sources if stated and (path == name or path.startswith(f"{name}."))]
            figure = spec.sources[max(names, key=len)] if names else None
            value = getattr(part, key)
            yield path, Entry(value, figure.mark, figure.source) if figure else Entry(value), stated


def _inherited(base: Table, scale: ScaleSpec) -> Iterator[tuple[str, Entry]]:
    """Yield the entries of the base; what lies on the chip is scaled, memories off it are the same at every node."""
    for path, entry in base.entries.items():
        owner, _, key = path.rpartition(".")
        kind = owner.removeprefix("memories.")
        off_chip = kind != owner and base.memories[kind].um2_per_kib == 0
        factor = 1.0 if off_chip else _factor(key, scale)
        if factor == 1 or entry.value is None:
            yield path, entry
        else:
            yield path, Entry(_scaled(entry.value, factor), "scaled", f"{factor:.4g} x {base.name}: {entry.source}")


def _factor(key: str, scale: ScaleSpec) -> float:
    if "leakage" in key:
        return scale.leakage
    return scale.area if "um2" in key else scale.energy


def _scaled(value: float | SizeLaw, factor: float) -> float | SizeLaw:
    if isinstance(value, SizeLaw):
        return value.model_copy(update={"at_1_kib": value.at_1_kib * factor})
    return value * factor


def _unknown_sources(spec: TechnologySpec, entries: Mapping[str, Entry], source: Source) -> Iterator[Problem]:
    known = {".".join(path.split(".")[: n + 1]): None for path in entries for n in range(len(path.split(".")))}
    known |= dict.fromkeys(["scale", *(f"scale.{key}" for key in ScaleSpec.model_fields)])
    for name in spec.sources:
        if name not in known:
            problem = Problem.unknown(f"sources.{name}", name, known, "a source of no entry")
            yield source.problem(("sources", name), problem)
