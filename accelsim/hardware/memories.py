"""Memories of a template: quantities in canonical units, banks, and the copies in which they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from accelsim.config.source import FieldPath, field_name
from accelsim.dims import OPERANDS
from accelsim.errors import Problem, shown
from accelsim.hardware.accelerator import Divided, FanOut, Floats, Memory, SpatialAxis
from accelsim.hardware.quantities import Quantities
from accelsim.hardware.spec import FanOutSpec, MemorySpec, Placed
from accelsim.hardware.technology.spec import REFERENCE_BYTES, MemoryEnergy, SizeLaw

__all__ = ["read_fan_out", "read_memories", "standing"]

#: Two ways of stating one bandwidth agree if they differ by no more than rounding.
_SAME = 1e-9


def standing(specs: Sequence[MemorySpec], read: Quantities) -> list[Placed]:
    """Return the memories that designs have, with their places in the file; mistakes are noted in ``read``."""
    return [
        (place, spec)
        for place, spec in enumerate(specs)
        if spec.when is None or read.condition(spec.when, ("memories", place, "when"))
    ]


def read_memories(
    specs: Sequence[Placed], kinds: Mapping[str, MemoryEnergy], read: Quantities, clock: Floats
) -> tuple[Memory, ...]:
    """Return the memories, outermost first; mistakes are noted in ``read``.

    Args:
        specs: The memories that stand, with their places in the file.
        kinds: Energy, area and leakage by kind of memory.
        read: Reads numbers over the template's parameters.
        clock: Clock in Hz, shape ``(designs,)``.
    """
    memories, copies = [], np.ones(read.count)
    for place, spec in specs:
        path: FieldPath = ("memories", place)
        fan_out = read_fan_out(spec.fan_out, path, read)
        if fan_out is not None:
            copies = copies * fan_out.copies
        memories.append(_memory(spec, path, kinds, read, clock, fan_out, copies))
    return tuple(memories)


def read_fan_out(spec: FanOutSpec | None, path: FieldPath, read: Quantities) -> FanOut | None:
    """Return the fan-out of the memory or array at ``path``; mistakes are noted in ``read``."""
    if spec is None:
        return None
    axes = []
    for place, axis in enumerate(spec.axes):
        size = read.number(axis.size, (*path, "fan_out", "axes", place, "size"), whole=True)
        axes.append(SpatialAxis(name=axis.name, size=size, dims=tuple(axis.dims)))
    return FanOut(axes=tuple(axes), multicast=spec.multicast, reduce=spec.reduce)


def _memory(
    spec: MemorySpec,
    path: FieldPath,
    kinds: Mapping[str, MemoryEnergy],
    read: Quantities,
    clock: Floats,
    fan_out: FanOut | None,
    copies: Floats,
) -> Memory:
    if spec.kind not in kinds:
        here = (*path, "kind")
        read.note(here, Problem.unknown(field_name(here), spec.kind, kinds, "unknown kind of memory"))
    energy = kinds.get(spec.kind, MemoryEnergy())
    size = _size(spec, path, read)
    banks = _banks(spec, path, read, size)
    width = _limit(spec.bank_width, (*path, "bank_width"), read, clock)
    per_byte = _per_byte(energy.pj_per_byte, size, banks, width, read.count)
    return Memory(
        name=spec.name,
        holds=tuple(operand for operand in OPERANDS if operand in spec.holds),
        size_bytes=size,
        bandwidth_bytes_per_cycle=_bandwidth(spec, path, read, clock, banks, width),
        read_bytes_per_cycle=_limit(spec.read_bandwidth, (*path, "read_bandwidth"), read, clock),
        write_bytes_per_cycle=_limit(spec.write_bandwidth, (*path, "write_bandwidth"), read, clock),
        read_pj_per_byte=per_byte,
        write_pj_per_byte=per_byte,
        double_buffered=spec.double_buffered,
        keeps=tuple(operand for operand in OPERANDS if operand in spec.keeps),
        keep_share=spec.keep_share,
        area_mm2=_per_kib(energy.um2_per_kib, size, copies, 1e-6),
        leakage_mw=_per_kib(energy.leakage_mw_per_kib, size, copies, 1.0),
        sliding=spec.sliding,
        fan_out=fan_out,
        in_pes=spec.in_pes,
        keeps_ends=spec.keeps_ends,
        stripes=spec.stripes,
        divided=_divided(spec, path, read, clock),
    )


def _divided(spec: MemorySpec, path: FieldPath, read: Quantities, clock: Floats) -> Divided | None:
    if spec.divided is None:
        return None
    here = (*path, "divided")
    return Divided(
        rows=read.number(spec.divided.rows, (*here, "rows"), whole=True),
        columns=read.number(spec.divided.columns, (*here, "columns"), whole=True),
        bytes_per_cycle=read.per_cycle(spec.divided.bandwidth, (*here, "bandwidth"), clock),
    )


def _size(spec: MemorySpec, path: FieldPath, read: Quantities) -> Floats | None:
    """Return the bytes of one copy, which are one at least: a word of any operand may be that short."""
    if spec.size is None:
        return None
    here = (*path, "size")
    size = read.quantity(spec.size, here, "size")
    if np.any(size < 1):
        message = f"smaller than one word: {_figure(size[size < 1][0])} B"
        read.note(here, Problem(field=field_name(here), message=message, got=shown(spec.size), allowed="at least 1 B"))
    return size


def _banks(spec: MemorySpec, path: FieldPath, read: Quantities, size: Floats | None) -> Floats:
    if spec.banks is None:
        return np.ones(read.count)
    here = (*path, "banks")
    banks = read.number(spec.banks, here, whole=True)
    if size is not None and np.any(many := banks > size):
        message = f"{_figure(banks[many][0])} banks in a memory of {_figure(size[many][0])} B"
        allowed = "at most one bank for each byte"
        read.note(here, Problem(field=field_name(here), message=message, got=shown(spec.banks), allowed=allowed))
    return banks


def _limit(value: object, path: FieldPath, read: Quantities, clock: Floats) -> Floats | None:
    return None if value is None else read.per_cycle(value, path, clock)


def _per_byte(
    energy: float | SizeLaw | None, size: Floats | None, banks: Floats, width: Floats | None, count: int
) -> Floats | None:
    """Return pJ per byte; a bank whose width is not stated is accessed as the law's figures are."""
    if isinstance(energy, SizeLaw):
        wide = REFERENCE_BYTES if width is None else width
        return None if size is None else np.asarray(energy.per_byte(size / banks / 1024, wide))
    return None if energy is None else np.full(count, energy)


def _bandwidth(
    spec: MemorySpec, path: FieldPath, read: Quantities, clock: Floats, banks: Floats, width: Floats | None
) -> Floats | None:
    """Return the bandwidth of reads and writes together, stated as such or as that of every bank.

    A width of banks that were not counted is a mistake that ``checks`` notes.
    """
    here = (*path, "bandwidth")
    stated = _limit(spec.bandwidth, here, read, clock)
    if width is None or spec.banks is None:
        return stated
    together = banks * width
    if stated is None:
        return together
    if np.any(other := np.abs(stated - together) > _SAME * together):
        first = int(np.argmax(other))
        message = (
            f"stated twice: {_figure(banks[first])} banks x {_figure(width[first])} B/cycle = "
            f"{_figure(together[first])} B/cycle, but bandwidth is {_figure(stated[first])} B/cycle"
        )
        allowed = "either bandwidth or bank_width"
        read.note(here, Problem(field=field_name(here), message=message, got=shown(spec.bandwidth), allowed=allowed))
    return stated


def _per_kib(value: float | None, size: Floats | None, copies: Floats, factor: float) -> Floats | None:
    """Return ``value`` times the KiB of all copies; a value of 0 needs no size."""
    if value == 0:
        return np.zeros(len(copies))
    return None if value is None or size is None else value * factor * size / 1024 * copies


def _figure(value: float) -> str:
    return f"{value:.12g}"
