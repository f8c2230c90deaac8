"""``accelsim explain``: the sum behind a figure, with the numbers in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.design import AsJson, HardwareName, LayerName, NetworkName, Settings, Transforms, network_and_design

if TYPE_CHECKING:
    from accelsim.report.explain.sums import Explanation, Line

__all__ = ["explain", "written"]


class Question(StrEnum):
    """What can be explained."""

    cycles = "cycles"
    energy = "energy"
    utilization = "utilization"
    traffic = "traffic"


def explain(
    question: Annotated[Question, typer.Argument(help="Which figure.")],
    network: NetworkName,
    hardware: HardwareName,
    layer: LayerName = None,
    settings: Settings = None,
    transforms: Transforms = None,
    as_json: AsJson = False,
) -> None:
    """Print how a figure of a layer, or of the whole network, is worked out, so that you can redo it by hand."""
    from accelsim.report.explain.answer import explain as answer

    net, design = network_and_design(network, hardware, settings, transforms)
    found = answer(question, net, design, layer)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        typer.echo("\n".join(written(found)))


def written(found: Explanation) -> Iterator[str]:
    """Yield the lines of an explanation: in words, then in numbers."""
    layer = f", layer {found.layer}" if found.layer else ""
    yield f"{found.network} on {found.hardware}{layer}"
    yield found.subject
    yield f"{found.question}: {found.meaning}"
    for part in found.parts:
        yield ""
        yield part.title
        for line in part.lines:
            yield from _line(line)
    yield ""
    yield "result"
    for line in found.results.values():
        yield from _line(line)


def _line(line: Line) -> Iterator[str]:
    note = f"   # {line.note}" if line.note else ""
    if line.sum is None:
        yield f"  {line.what}{note}"
        return
    words, numbers, value = line.sum.words(), line.sum.text(), line.shown
    yield f"  {line.what}" + (f" = {words}" if words != line.what else "")
    yield f"    = {numbers}{'' if numbers == value else f' = {value}'} {line.unit}".rstrip() + note
