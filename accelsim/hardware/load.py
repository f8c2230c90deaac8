"""Templates from YAML: parameters are filled in, quantities converted, and a batch of designs comes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from accelsim.config.expressions import names_in
from accelsim.config.fields import space_of
from accelsim.config.library import Library, find
from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import parse_rest
from accelsim.dims import DIMS, OPERANDS
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.accelerator import Accelerator, Floats, Host, Vector
from accelsim.hardware.arrays import read_array, read_depthwise
from accelsim.hardware.block_array import cuts_blocks, read_block_array
from accelsim.hardware.checks import problems_of
from accelsim.hardware.chip import Hardware
from accelsim.hardware.chip_template import ChipTemplate, PartTemplate, is_chip
from accelsim.hardware.memories import read_memories, standing
from accelsim.hardware.preset import read_presets
from accelsim.hardware.pricing import read_technology, table_of
from accelsim.hardware.quantities import Quantities
from accelsim.hardware.spec import HardwareSpec, HostSpec, VectorSpec
from accelsim.hardware.template import Template
from accelsim.hardware.wires import wired
from accelsim.parameters import Choices, Points, Value, is_numeric

__all__ = [
    "AnyTemplate",
    "HardwareTemplate",
    "accelerator_template",
    "hardware_path",
    "hardware_template",
    "load_hardware",
    "read_template",
]

#: The file of an accelerator, of a chip, or a part of one.
AnyTemplate: TypeAlias = "HardwareTemplate | ChipTemplate | PartTemplate"


class HardwareTemplate(Template[Accelerator]):
    """The file of an accelerator: a design space, and a batch of accelerators for any of its points.

    Args:
        source: The parsed file; of a preset, places in errors are those of the template it comes from.

    Raises:
        InputError: With every mistake of the file; a design of each kind is built once to find them.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.path.stem
        self.source, presets = read_presets(source)
        self.files: tuple[Path, ...] = (self.source.path, *(preset.source.path for preset in presets))
        source = self.source
        spec, problems = parse_rest(HardwareSpec, source, _filled_in)
        if spec is None or any(problem.field.startswith("parameters") for problem in problems):
            # Without its parameters every expression would be wrong too.
            raise InputError(problems)
        self.space = space_of(spec.parameters, source)
        own = spec
        for preset in presets:
            spec, self.space = preset.applied(spec), preset.space(self.space)
        self.spec, self.description = spec, spec.description
        wrong = tuple(problem.field for problem in problems)
        found = self._misfits()
        try:
            self._table = table_of(own, source, presets)
            self.files += self._table.files
            for structure in self._structures():
                self.instantiate(structure)
        except InputError as error:
            found += error.problems
        problems += [problem for problem in found if not _within(wrong, problem.field)]
        if problems:
            raise InputError(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))
        self.remember_files()

    def _structures(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of the switches and words that decide which memories there are."""
        conditions = [memory.when for memory in self.spec.memories if memory.when is not None]
        named = {name for condition in conditions for name in names_in(condition)}
        deciding = {
            parameter.name: parameter.domain.values
            for parameter in self.space.parameters
            if parameter.name in named and isinstance(parameter.domain, Choices)
        }
        for values in product(*deciding.values()):
            yield dict(zip(deciding, values, strict=True))

    def _misfits(self) -> list[Problem]:
        """Return the mistakes in how the parts fit together, whichever memories there are."""
        found: list[Problem] = []
        for structure in self._structures():
            read = Quantities(self.source, self.space.complete(structure, self.name), 1)
            found += problems_of(self.spec, standing(self.spec.memories, read), self.source)
        return found

    def build(self, points: Points) -> Accelerator:
        """Return the designs at complete points whose words and switches are the same.

        Raises:
            InputError: A value makes no sense where it is used.
        """
        names: dict[str, Any] = {
            name: column.astype(float) if is_numeric(column) else column[:1].tolist()[0]
            for name, column in points.columns.items()
        }
        read = Quantities(self.source, names, len(points))
        clock = read.quantity(self.spec.clock, ("clock",), "frequency")
        memories = standing(self.spec.memories, read)
        blocks = cuts_blocks(self.spec)
        array = read_block_array(self.spec, memories, read) if blocks else read_array(self.spec.array, read)
        accelerator = Accelerator(
            name=self.name,
            parameters=points,
            memories=read_memories(memories, self._table.memories, read, clock),
            array=array,
            vector=_vector(self.spec.vector, read, clock),
            technology=read_technology(self.spec.array, self._table, read),
            clock_hz=clock,
            invocation_cycles=read.number(self.spec.invocation_cycles, ("invocation_cycles",)),
            bits=None if self.spec.supports.bits is None else tuple(self.spec.supports.bits),
            without=tuple(self.spec.supports.without),
            host=_host(self.spec.host, read),
            depthwise=read_depthwise(self.spec.array, array, read),
        )
        read.finish()
        return wired(accelerator)


def _vector(spec: VectorSpec, read: Quantities, clock: Floats) -> Vector:
    limit = spec.bandwidth
    return Vector(
        lanes=read.number(spec.lanes, ("vector", "lanes"), least=1),
        fuses=tuple(spec.fuses),
        fuses_inputs=tuple(spec.fuses_inputs),
        rated=tuple(spec.rates),
        rates=tuple(_rate(rate, ("vector", "rates", kind), read) for kind, rate in spec.rates.items()),
        bandwidth_bytes_per_cycle=None if limit is None else read.per_cycle(limit, ("vector", "bandwidth"), clock),
    )


def _host(spec: HostSpec | None, read: Quantities) -> Host | None:
    if spec is None:
        return None
    return Host(
        lanes=_rate(spec.lanes, ("host", "lanes"), read),
        macs_per_cycle=_rate(spec.macs_per_cycle, ("host", "macs_per_cycle"), read),
        transfer_cycles=read.number(spec.transfer_cycles, ("host", "transfer_cycles")),
        pj_per_operation=_optional(spec.pj_per_operation, ("host", "pj_per_operation"), read),
        pj_per_mac=_optional(spec.pj_per_mac, ("host", "pj_per_mac"), read),
    )


def _optional(value: object, path: FieldPath, read: Quantities) -> Floats | None:
    return None if value is None else read.number(value, path)


def _rate(value: object, path: FieldPath, read: Quantities) -> Floats:
    """Return operations per cycle: there may be less than one, but not none."""
    rate = read.number(value, path)
    if np.any(rate <= 0):
        read.note(path, Problem(field=field_name(path), got=shown(value), allowed="a number above 0"))
    return rate


def _within(fields: tuple[str, ...], field: str) -> bool:
    """Return whether one of ``fields`` is ``field`` or lies in it."""
    return any(other == field or other.startswith((f"{field}[", f"{field}.")) for other in fields)


def _filled_in(data: Any) -> Any:
    """Put in what was left out for its mistakes, so that the rest of the file can be checked.

    A memory without ``holds`` then holds everything, and an axis without ``dims`` deals out every dim.
    """
    if isinstance(data, list):
        return [_filled_in(value) for value in data]
    if not isinstance(data, dict):
        return data
    filled = {key: _filled_in(value) for key, value in data.items()}
    for key, members, whole in (("memories", "holds", OPERANDS), ("axes", "dims", DIMS)):
        if isinstance(listed := filled.get(key), list):
            filled[key] = [{members: list(whole), **one} if isinstance(one, dict) else one for one in listed]
    return filled


def read_template(source: Source) -> AnyTemplate:
    """Return the template of a hardware file: of an accelerator, or of a chip of several.

    Raises:
        InputError: With every mistake of the file.
    """
    base, presets = read_presets(source)
    return ChipTemplate(base, presets, _accelerator_file) if is_chip(base) else HardwareTemplate(source)


def _accelerator_file(path: Path) -> HardwareTemplate:
    """Return the template of a part of a chip."""
    # Asked before it is read: it may be the very chip that is being read.
    found = None if is_chip(read_presets(Source.read(path))[0]) else hardware_template(path)
    if isinstance(found, HardwareTemplate):
        return found
    message = "it is a chip itself, and a part of a chip is one accelerator"
    raise InputError(Problem(field="template", message=message, got=shown(path.stem)))


_LIBRARY = Library("hardware", read_template)


def hardware_template(name: str | Path) -> AnyTemplate:
    """Return the template ``name`` (a name, or a path); the file is read once until it changes.

    Args:
        name: Name or path of a file; of one part of a chip, with a dot and the part's name behind.

    Raises:
        InputError: No such file, or mistakes in it.
    """
    file, part = _file_and_part(name)
    template = _LIBRARY.get(file)
    if not template.current:
        _LIBRARY.forget()
        template = _LIBRARY.get(file)
    if part is None:
        return template
    if not isinstance(template, ChipTemplate):
        message = "it is one accelerator: it has no parts"
        raise InputError(Problem(field="hardware", message=message, got=shown(str(name)), allowed=str(file)))
    return PartTemplate(template, part)


def _file_and_part(name: str | Path) -> tuple[str | Path, str | None]:
    """Return the name of a file, and that of a part of the chip in it, if ``name`` is that of no file."""
    file, dot, part = str(name).rpartition(".")
    with suppress(InputError):
        find("hardware", name)
        return name, None
    with suppress(InputError):
        find("hardware", file)
        return (file, part) if dot else (name, None)
    return name, None


def hardware_path(name: str | Path) -> Path:
    """Return the path by which ``hardware_template`` finds what a name means, from any folder.

    Raises:
        InputError: No such file.
    """
    file, part = _file_and_part(name)
    path = find("hardware", file).resolve()
    return path if part is None else path.with_name(f"{path.name}.{part}")


def accelerator_template(name: str | Path) -> HardwareTemplate:
    """Return the template of an accelerator that is measured on its own; no chip has one template.

    Raises:
        InputError: No such file, mistakes in it, or a chip or a part of one.
    """
    template = hardware_template(name)
    if isinstance(template, HardwareTemplate):
        return template
    message = "measurements belong to an accelerator; a chip takes what they say through the templates of its parts"
    known = ", ".join(template.templates)
    raise InputError(Problem(field="hardware", message=message, got=shown(template.name), allowed=known))


def load_hardware(name: str | Path, **parameters: Any) -> Hardware:
    """Return an accelerator, or a chip of several, by name or path; arrays give a batch of designs.

    Args:
        name: As ``hardware_template`` takes it.
        parameters: Some of its parameters.

    Raises:
        InputError: No such template, mistakes in its file, an unknown parameter, a value outside its domain.

    Example:
        >>> load_hardware("systolic", rows=64).array.pes
        array([2048.])
    """
    return hardware_template(name).instantiate(parameters)
