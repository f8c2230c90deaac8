"""``accelsim map``: the best mapping of a layer, why it is the best, and the file of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.design import AsJson, HardwareName, NetworkName, Settings, Transforms, network_and_design
from accelsim.cli.saving import write_file
from accelsim.cli.show import written as nest_lines
from accelsim.errors import InputError, Problem
from accelsim.units import human

if TYPE_CHECKING:
    from accelsim.mappers.found import Certificate, Found
    from accelsim.mappers.objective import Objective
    from accelsim.report.explain.mapped import Mapped

__all__ = ["map_", "written"]

#: Objective -> powers of latency and energy.
_OBJECTIVES = {"edp": (1.0, 1.0), "latency": (1.0, 0.0), "energy": (0.0, 1.0)}

_EQUAL = 1e-9


def map_(
    network: NetworkName,
    hardware: HardwareName,
    layer: Annotated[str, typer.Option("--layer", "-l", help="A layer, as `accelsim evaluate` names it.")],
    objective: Annotated[
        str, typer.Option(help="What is to be least: edp, latency, energy, or two powers such as 2,1.")
    ] = "edp",
    fix: Annotated[Path | None, typer.Option(help="A YAML file with tiles, copies and orders to obey.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the mapping to this file, as --fix reads it.")] = None,
    settings: Settings = None,
    transforms: Transforms = None,
    as_json: AsJson = False,
) -> None:
    """Print the best of all mappings of a layer, and the proof that there is none better."""
    from accelsim.mappers.fixed import Fixed
    from accelsim.report.explain.mapped import map_layer

    goal, fixed = _objective(objective), None if fix is None else Fixed.load(fix)
    net, design = network_and_design(network, hardware, settings, transforms)
    found = map_layer(net, design, layer, goal, fixed)
    if save is not None:
        title = f"{found.view.layer} of {net.name} on {design.name}, least {objective}"
        write_file(save, found.mapping.text(title), "--save")
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        typer.echo("\n".join(written(found)))


def _objective(text: str) -> Objective:
    from accelsim.mappers.objective import Objective

    if text in _OBJECTIVES:
        return Objective(*_OBJECTIVES[text])
    try:
        latency, energy = map(float, text.split(","))
    except ValueError as error:
        allowed = [*_OBJECTIVES, "powers of latency and energy such as 2,1"]
        raise InputError(Problem.unknown("--objective", text, allowed)) from error
    return Objective(latency, energy)


def written(found: Mapped) -> Iterator[str]:
    """Yield the lines of a mapping: the nest, its figures, and the proof."""
    yield from nest_lines(found.view)
    yield ""
    yield _figures("this mapping", found, found.found)
    if found.default is None:
        yield "default mapper  finds no mapping that fits"
    else:
        more = found.default.score / found.found.score - 1
        words = f"{_name(found.objective)} {100 * abs(more):.3g} % {'more' if more > 0 else 'less'}"
        yield f"{_figures('default mapper', found, found.default)}: {words if abs(more) > _EQUAL else 'as good'}"
    yield ""
    yield from _proof(found.found.certificate, fixed=found.fixed is not None)


def _figures(who: str, found: Mapped, one: Found) -> str:
    milliseconds = found.milliseconds(one)
    return (
        f"{who:<16}{one.latency_cycles:,.0f} cycles = {human(milliseconds, 'ms', 4)}, "
        f"{human(one.energy_pj / 1e6, 'uJ', 4)}, EDP {human(one.energy_pj / 1e6 * milliseconds, 'uJ ms', 4)}"
    )


def _name(objective: Objective) -> str:
    powers = (objective.latency, objective.energy)
    known = {powers: name for name, powers in _OBJECTIVES.items()}
    words = {"edp": "EDP"}
    if powers in known:
        return words.get(known[powers], known[powers])
    return f"latency ^ {powers[0]:g} x energy ^ {powers[1]:g}"


def _proof(certificate: Certificate, *, fixed: bool) -> Iterator[str]:
    parts = (
        ("alike", "cost the same as one of the others: they differ in an order of loops that costs nothing"),
        ("dominated", "cut a loop in a way that another way beats in everything"),
        ("no_room", "do not fit, or need more copies than there are"),
        ("bounded", "cannot be better: a lower bound says so"),
        ("searched", "were costed one by one"),
        ("unseen", "were not looked at: the search came to its limit"),
    )
    yield f"{_count(certificate.space)} mappings" + (" obey what is fixed" if fixed else "")
    if not certificate.whole:
        yield "  not all there are: long loops are cut in regular ways only, see docs/mappers.md"
    for name, words in parts:
        if count := getattr(certificate, name):
            yield f"  {_count(count):>12}  {words}"
    if certificate.proven:
        yield f"proven: none scores less than {certificate.bound:.6g}, and this one scores {certificate.score:.6g}"
    else:
        less = 100 * (1 - certificate.bound / certificate.score)
        yield f"not proven: one not looked at may score {less:.3g} % less, {certificate.bound:.6g} at least"


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.3e}"
