"""Mappings that are fixed in part or in full: tiles, copies and orders of loops that a mapper has to obey."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accelsim.config.source import Source
from accelsim.config.spec import SCHEMA_VERSION, parse
from accelsim.dims import DIMS, Dim
from accelsim.hardware.accelerator import Accelerator
from accelsim.mappers.rules import Rules, rules_of
from accelsim.mappers.spec import MappingSpec
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op

__all__ = ["Fixed"]

#: Words that are no text in YAML.
_TAKEN = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


@dataclass(frozen=True)
class Fixed:
    """What is fixed of a mapping; everything else is open.

    Attributes:
        tiles: Memory -> dim -> what one copy of the memory holds of it.
        copies: Memory -> dim -> copies that share it out.
        orders: Memory -> the loops over its tiles, the outermost first. Loops that are not named stand anywhere between
            them.
        array: Dim -> copies of the array that share it out.
        source: The file it stands in, to say where a mistake is.
    """

    tiles: Mapping[str, Mapping[Dim, int]] = field(default_factory=dict)
    copies: Mapping[str, Mapping[Dim, int]] = field(default_factory=dict)
    orders: Mapping[str, tuple[Dim, ...]] = field(default_factory=dict)
    array: Mapping[Dim, int] = field(default_factory=dict)
    source: Source | None = field(default=None, compare=False, repr=False)

    @classmethod
    def load(cls, path: str | Path) -> Fixed:
        """Read a file.

        Raises:
            InputError: With every mistake in the form of the file. Whether it suits an op and a machine is for
                ``rules`` to say.
        """
        return cls.of_source(Source.read(Path(path)))

    @classmethod
    def of_source(cls, source: Source) -> Fixed:
        """Return what a parsed file fixes. Raises as ``load``."""
        spec = parse(MappingSpec, source)
        return cls(
            tiles={name: memory.tile for name, memory in spec.memories.items()},
            copies={name: memory.copies for name, memory in spec.memories.items()},
            orders={name: tuple(memory.order) for name, memory in spec.memories.items()},
            array=spec.array.copies,
            source=source,
        )

    @classmethod
    def of(cls, mapping: Mappings, op: Op, accelerator: Accelerator) -> Fixed:
        """Return a mapping with everything fixed that may cost anything.

        Args:
            mapping: A single row.
            op: The op.
            accelerator: The design.
        """
        tiles, copies, orders = mapping.tiles[0], mapping.copies[0], mapping.orders[0]
        dims = [dim for dim in DIMS if op.size(dim) > 1]
        names = [memory.name for memory in accelerator.memories]
        carried = [{dim for axis in fan.axes for dim in axis.dims} if fan else set() for fan in accelerator.fan_outs]
        spread = [
            {dim: int(copies[place - 1, dim.position]) for dim in dims if dim in carried[place]}
            for place in range(1, len(names) + 1)
        ]
        turning, outer = [], list(op.sizes)
        for level, tile in enumerate(tiles.tolist()):
            step = [size * count for size, count in zip(tile, copies[level].tolist(), strict=True)]
            turning.append(tuple(DIMS[dim] for dim in orders[level].tolist() if outer[dim] > step[dim]))
            outer = tile
        return cls(
            tiles={
                name: {dim: int(tiles[level, dim.position]) for dim in dims} for level, name in enumerate(names[1:])
            },
            copies=dict(zip(names[1:], spread, strict=False)),
            orders=dict(zip(names[1:], turning, strict=True)),
            array=spread[-1],
        )

    def as_dict(self) -> dict[str, object]:
        """Return it as a file has it, without what is empty."""
        names = list(dict.fromkeys((*self.tiles, *self.copies, *self.orders)))
        memories = {
            name: _filled(tile=_plain(self.tiles.get(name, {})), copies=_plain(self.copies.get(name, {})))
            | _filled(order=[str(dim) for dim in self.orders.get(name, ())])
            for name in names
        }
        array = _filled(copies=_plain(self.array))
        return {"schema_version": SCHEMA_VERSION, **_filled(memories=_filled(**memories), array=array)}

    def text(self, description: str = "") -> str:
        """Return it as a file that ``load`` reads back."""
        lines = [f"schema_version: {SCHEMA_VERSION}"]
        if description:
            lines.append(f"description: {_quoted(description)}")
        for part, names in self.as_dict().items():
            if isinstance(names, dict):
                lines.append(f"{part}:")
                lines += _lines(names, "  ")
        return "\n".join(lines) + "\n"

    def rules(self, op: Op, accelerator: Accelerator) -> Rules:
        """Return what it says of the loops of an op on a design.

        Raises:
            InputError: With everything that no mapping can obey: a memory or dim that does not exist, a tile larger
                than what it is cut from, more copies than there are, a dim twice in an order.
        """
        return rules_of(self, op, accelerator)

    def parts(self) -> Iterator[tuple[str, Fixed]]:
        """Yield each fixed part in words, and everything without it."""
        for kind, table in (("tile", self.tiles), ("copies", self.copies)):
            for name, dims in table.items():
                for dim, count in dims.items():
                    rest = {**table, name: {other: n for other, n in dims.items() if other != dim}}
                    tiles, copies = (rest, self.copies) if kind == "tile" else (self.tiles, rest)
                    yield f"{kind} {dim}: {count} of memory {name!r}", Fixed(tiles, copies, self.orders, self.array)
        for name, order in self.orders.items():
            orders = {other: dims for other, dims in self.orders.items() if other != name}
            words = f"order [{', '.join(order)}] of memory {name!r}"
            yield words, Fixed(self.tiles, self.copies, orders, self.array)
        for dim, count in self.array.items():
            array = {other: n for other, n in self.array.items() if other != dim}
            yield f"copies {dim}: {count} of the array", Fixed(self.tiles, self.copies, self.orders, array)


def _lines(entries: Mapping[str, object], indent: str) -> Iterator[str]:
    """Yield the lines of a mapping: memories below one another, counts by dim and lists in a line each."""
    for name, value in entries.items():
        if isinstance(value, dict) and any(isinstance(inner, dict | list) for inner in value.values()):
            yield f"{indent}{_quoted(name)}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, dict):
            yield f"{indent}{name}: {{{', '.join(f'{dim}: {count}' for dim, count in value.items())}}}"
        elif isinstance(value, list):
            yield f"{indent}{name}: [{', '.join(value)}]"


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, in quotes but for a word that no YAML takes for anything else."""
    return text if text.isidentifier() and text.lower() not in _TAKEN else json.dumps(text, ensure_ascii=False)


def _plain(counts: Mapping[Dim, int]) -> dict[str, int]:
    return {str(dim): count for dim, count in counts.items()}


def _filled(**entries: object) -> dict[str, object]:
    """Return the entries that are not empty."""
    return {name: value for name, value in entries.items() if value}
