"""``accelsim check``: validate any YAML file of ours before it is used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from accelsim.config.library import available
from accelsim.config.source import Source
from accelsim.errors import InputError, Problem
from accelsim.units import human

__all__ = ["check", "describe"]

#: Keys that only one kind of file has.
_TELLING = {
    "layers": "network",
    "array": "hardware",
    "parts": "hardware",
    "logic": "technology",
    "scale": "technology",
    "points": "technology",
    "networks": "study",
    "search": "study",
}
#: All keys of a mapping; its memories go by name, where those of hardware are a list.
_OF_A_MAPPING = {"schema_version", "description", "memories", "array"}


def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files: networks, hardware, studies, mappings.")],
) -> None:
    """Check files, and report every mistake with its line."""
    problems: list[Problem] = []
    for file in files:
        try:
            typer.echo(f"{file}: {describe(Source.read(file))}")
        except InputError as error:
            problems += error.at(file).problems
    if problems:
        raise InputError(problems)


def _kind(source: Source, bases: tuple[Path, ...] = ()) -> str:
    keys = source.data if isinstance(source.data, dict) else {}
    if isinstance(keys.get("memories"), dict) and not keys.keys() - _OF_A_MAPPING:
        return "mapping"
    votes = [kind for key, kind in _TELLING.items() if key in keys]
    if votes:
        return max(votes, key=votes.count)
    if isinstance(base := keys.get("base"), str):
        # Variants of networks have no sources.
        return _kind_of_base(base, source.path, bases, "hardware" if "sources" in keys else "network")
    folders = {"workloads": "network", "hw_templates": "hardware", "technology": "technology", "studies": "study"}
    if source.path.resolve().parent.name in folders:
        return folders[source.path.resolve().parent.name]
    message = "cannot tell what this file is"
    allowed = (
        "layers or a base (a network), memories and array, or parts, or a base (hardware), networks and hardware "
        "(a study), logic (a technology), memories by name (a mapping)"
    )
    raise InputError(Problem(field="(file)", message=message, allowed=allowed, file=source.path, line=1))


def _kind_of_base(base: str, path: Path, bases: tuple[Path, ...], unknown: str) -> str:
    """Return what a file is by what it starts from, which may have a base in its turn; ``unknown`` if there is none."""
    bases = (*bases, path.resolve())
    beside = (path.parent / base).resolve()
    if beside.is_file() and beside not in bases:
        return _kind(Source.read(beside), bases)
    return next((kind for kind in ("network", "hardware", "technology") if base in available(kind)), unknown)


def describe(source: Source) -> str:
    """Return what a file is, in a line, if it has no mistakes.

    Raises:
        InputError: With every mistake of the file.
    """
    kind = _kind(source)
    if kind == "network":
        from accelsim.workload.load import NetworkTemplate

        network = NetworkTemplate(source).build({})
        counts = f"{human(network.params)} parameters, {human(network.macs)} MACs"
        return f"a network of {len(network)} ops, {counts}; no mistakes"
    if kind == "hardware":
        from accelsim.hardware.chip import Chip
        from accelsim.hardware.load import read_template
        from accelsim.schedule.chip import check_rules
        from accelsim.schedule.support import check_abilities

        template = read_template(source)
        design = template.instantiate({})
        if isinstance(design, Chip):
            check_rules(design)
            for part in design.parts:
                check_abilities(part.abilities)
            names = ", ".join(design.names)
            return f"a chip of {len(design.names)} parts ({names}) with {template.space.size:,.0f} designs; no mistakes"
        try:
            check_abilities(design.abilities)
        except InputError as error:
            raise InputError([_placed(template.source, problem) for problem in error.problems]) from error
        return f"a hardware template with {template.space.size:,.0f} designs; no mistakes"
    if kind == "technology":
        from accelsim.hardware.technology import read_table

        return f"a technology table of {len(read_table(source).entries)} entries; no mistakes"
    if kind == "mapping":
        from accelsim.mappers.fixed import Fixed

        parts = len(list(Fixed.of_source(source).parts()))
        return f"a mapping with {parts} fixed parts, for `accelsim map --fix`; no mistakes"
    from accelsim.study.plan import plan_study

    return f"a study of {plan_study(source).total:,} evaluations; no mistakes"


def _placed(source: Source, problem: Problem) -> Problem:
    """Return a mistake in what hardware can do with ops, at its line."""
    path = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.[\]]+", problem.field))
    return source.problem(path, problem)
