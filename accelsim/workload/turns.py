"""A repetition of a layer, and the ops that its block makes of it.

A block is run once for every combination of options and shapes, whatever the layers are called; the network of a search
is mostly put together from ops that are there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from accelsim.workload.blocks import BLOCKS
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import Node
from accelsim.workload.ops import Bits
from accelsim.workload.part import Part, Sources, is_assembled

__all__ = ["Turn", "build_turn", "part_of"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One repetition of a layer.

    Attributes:
        block: Name of the block.
        options: Its options and their values.
        tensors: Options that name other layers, with the names.
        bits: Widths that differ from the network's.
        number: Which repetition it is, from 1; 0 if there is only one.
    """

    block: str
    options: tuple[tuple[str, Any], ...]
    tensors: tuple[tuple[str, str | tuple[str, ...]], ...]
    bits: tuple[tuple[str, int], ...]
    number: int


def build_turn(
    turn: Turn, x: Tensor, others: tuple[tuple[str, Tensor | tuple[Tensor, ...]], ...], prefix: str, bits: Bits
) -> tuple[tuple[Node, ...], Tensor]:
    """Run the block of ``turn`` on ``x`` and return the nodes it adds and the tensor it writes.

    Raises:
        InputError: What the block has against its options.
    """
    if turn.number:
        prefix = f"{prefix}.{turn.number}"
    block = BLOCKS[turn.block]
    if is_assembled(block):
        builder = Builder(x.shape, _widths(turn, bits))
        builder.prefix = prefix
        result = block(builder, x, **dict(turn.options), **dict(others))
        return tuple(builder.nodes), result
    part, sources = part_of(turn, x, others, bits)
    return part.placed(prefix, sources)


def part_of(
    turn: Turn, x: Tensor, others: tuple[tuple[str, Tensor | tuple[Tensor, ...]], ...], bits: Bits
) -> tuple[Part, tuple[str, ...]]:
    """Run the block of ``turn`` on ``x`` and return what it adds, and the sources of the tensors that it reads.

    Raises:
        InputError: What the block has against its options.
    """
    # Blocks know no names but their own, so that one run serves for all that read tensors of the same shapes.
    sources = Sources()
    start = sources.numbered(x)
    placed = tuple(
        (option, sources.numbered(given) if isinstance(given, Tensor) else tuple(map(sources.numbered, given)))
        for option, given in others
    )
    return _part(turn.block, turn.options, start, placed, _widths(turn, bits)), tuple(sources.names)


def _widths(turn: Turn, bits: Bits) -> Bits:
    return replace(bits, **dict(turn.bits)) if turn.bits else bits


@lru_cache(maxsize=16384)
def _part(
    block: str, options: tuple[tuple[str, Any], ...], x: Tensor, others: tuple[tuple[str, Any], ...], bits: Bits
) -> Part:
    """Run a block on tensors whose sources are numbers, and return what it adds."""
    builder = Builder(x.shape, bits)
    return Part.of(builder, BLOCKS[block](builder, x, **dict(options), **dict(others)))
