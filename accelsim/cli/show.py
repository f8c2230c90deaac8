"""``accelsim show``: the mapping of a layer as a loop nest, and technology tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import singledispatch
from typing import TYPE_CHECKING

import typer

from accelsim.cli.design import AsJson, HardwareName, LayerName, NetworkName, Settings, Transforms, network_and_design
from accelsim.cli.technology import technology
from accelsim.report.explain.nest import Axis, Copies, For, Held, Move, NestLine, Stream

if TYPE_CHECKING:
    from accelsim.report.explain.view import MappingView

__all__ = ["mapping", "show", "written"]


show = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@show.callback()
def _show() -> None:
    """Print what was chosen for a network on a design, or a technology table."""


show.command()(technology)


@show.command()
def mapping(
    network: NetworkName,
    hardware: HardwareName,
    layer: LayerName = None,
    settings: Settings = None,
    transforms: Transforms = None,
    as_json: AsJson = False,
) -> None:
    """Print the loop nest that was chosen for a layer: the memory of each loop, tiles, loads, and what is spatial."""
    from accelsim.report.explain.view import mapping_views

    views = mapping_views(*network_and_design(network, hardware, settings, transforms), layer)
    if as_json:
        typer.echo(json.dumps([view.as_dict() for view in views], indent=2))
    else:
        typer.echo("\n\n".join("\n".join(written(view)) for view in views))


def written(view: MappingView) -> Iterator[str]:
    """Yield the lines of a nest, indented by depth."""
    yield f"{view.layer}   {view.op}   {view.shape}" + ("" if view.part is None else f"   on {view.part}")
    if view.host_reason is not None:
        yield f"  it runs on the host ({view.host_reason})"
    elif view.blocks:
        yield f"  no loop nest, but {view.blocks}"
    elif not view.lines:
        yield "  no multiply-accumulates: its tensors stream through the vector unit, with no tiles"
    for line in view.lines:
        yield "  " * line.depth + _words(line)


@singledispatch
def _words(line: NestLine) -> str:
    raise TypeError(f"a nest has no lines of the kind {line.kind}")


@_words.register
def _for(line: For) -> str:
    if line.memory == "array":
        return f"for {line.dim} in {line.turns}, one after the other   [array]"
    last = f", the last {line.last}" if line.last != line.step else ""
    return f"for {line.dim} in {line.turns} x {line.step}{last}   [{line.memory}]"


@_words.register
def _move(line: Move) -> str:
    half = " of partial sums" if line.half_done else ""
    return f"{line.kind} {line.operand} tile{half} {_bytes(line.bytes)} from {line.source} to {line.target}"


@_words.register
def _held(line: Held) -> str:
    tiles = [
        f"{operand}[{_sizes(tile['sizes']) or 1}] {_bytes(tile['bytes'])}" + _percent(tile["share"])
        for operand, tile in line.tiles.items()
    ]
    words = ", ".join(tiles)
    if line.size_bytes is not None:
        taken = sum(tile["bytes"] for tile in line.tiles.values())
        words += f"; {_bytes(taken)}"
        if line.kept_bytes:
            words += f" + {_bytes(line.kept_bytes)} of whole tensors"
        words += f" of {_bytes(line.size_bytes)}"
    stays = f"; {' and '.join(line.stays)} {'stays' if len(line.stays) == 1 else 'stay'} whole" if line.stays else ""
    return f"{line.memory}: {words}{stays}"


@_words.register
def _copies(line: Copies) -> str:
    axes = " and ".join(f"{name} ({size})" for name, size in line.axes.items())
    return f"par-for {line.dim} in {line.copies} x {line.share}   [copies of {line.memory}, along {axes}]"


@_words.register
def _axis(line: Axis) -> str:
    passes = f", {line.passes} passes" if line.passes > 1 else ""
    dims = _sizes(line.dims)
    return (
        f"par-for {dims or 'one point'} on {line.used} of {line.pes} PEs{passes}   [{line.axis}: {' '.join(line.dims)}]"
    )


@_words.register
def _stream(line: Stream) -> str:
    held = f"; {' and '.join(line.held)} held in the PEs" if line.held else ""
    dims = _sizes(line.dims)
    return f"stream {dims or 'one point'}   [{line.dataflow}: {' '.join(line.dims) or 'nothing streams'}{held}]"


def _sizes(sizes: dict[str, int]) -> str:
    return " ".join(f"{dim}{size}" for dim, size in sizes.items() if size > 1)


def _bytes(size: float) -> str:
    for factor, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size:.4g} B"


def _percent(share: float | None) -> str:
    return "" if share is None else f" ({100 * share:.3g} %)"
