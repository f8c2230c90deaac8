"""The technology of a template: which table, what any of its files replaces in it, and what the PEs calculate in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accelsim.config.source import Source
from accelsim.errors import Problem
from accelsim.hardware.accelerator import Technology
from accelsim.hardware.engines import BLOCK_ENGINES
from accelsim.hardware.preset import Preset
from accelsim.hardware.quantities import Quantities
from accelsim.hardware.spec import ArraySpec, HardwareSpec
from accelsim.hardware.technology import Table, table_beside

__all__ = ["read_technology", "table_of"]


def table_of(own: HardwareSpec, source: Source, presets: Sequence[Preset]) -> Table:
    """Return the table of a template, or of the last preset that names one, with what any of them replaces.

    Args:
        own: The template's file.
        source: Its place.
        presets: The presets that start from it, the innermost first.

    Raises:
        InputError: No such table, mistakes in its file, or an override of what is no entry.
    """
    stated = [(own.technology, source), *((one.spec.technology, one.source) for one in presets)]
    name, where = next((name, where) for name, where in reversed(stated) if name is not None)
    table = table_beside(name, where).replaced(own.overrides, source)
    for preset in presets:
        table = table.replaced(preset.spec.overrides, preset.source)
    return table


def read_technology(array: ArraySpec, table: Table, read: Quantities) -> Technology:
    """Return the figures of PEs that calculate in the array's arithmetic, or in what the parameter of that name says.

    What the table has no figures of is noted in ``read``. Where the engine counts all that a MAC reads and writes at a
    memory, an access to a register costs nothing beside it.
    """
    found = _calculating_in(array.arithmetic, table, read)
    counted = array.engine in BLOCK_ENGINES and BLOCK_ENGINES[array.engine].counts_pads
    return replace(found, register_pj_per_bit=0.0) if counted else found


def _calculating_in(arithmetic: str, table: Table, read: Quantities) -> Technology:
    name = str(read.names.get(arithmetic, arithmetic))
    formats = table.formats if "fp32" in table.formats else {}
    if name in formats:
        return table.floats(name)
    if name != "integer":
        message = f"{table.name} has no figures of it, or none of sums in fp32"
        problem = Problem.unknown("array.arithmetic", arithmetic, ["integer", *formats], message)
        read.note(("array", "arithmetic"), problem)
    return table.integers()
