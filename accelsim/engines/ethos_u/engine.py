"""Ethos-U behind a hardware template: what of it can be chosen, and what an op takes with the compiler's block."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from accelsim.dims import Operand
from accelsim.engines.engine import Around, Floats, Traversal, Ways, no_traffic
from accelsim.engines.ethos_u.estimate import Estimate, Role, estimate
from accelsim.engines.ethos_u.layer import Kind, Layer, layer_of
from accelsim.engines.ethos_u.machine import CONFIGURATIONS, Memory, Npu, System
from accelsim.engines.ethos_u.traffic import Places
from accelsim.engines.ethos_u.weights import Spread
from accelsim.errors import InputError, NoMappingError, Problem, shown
from accelsim.hardware.engines import Option, Peak, Settings
from accelsim.workload.ops import Op

__all__ = ["EthosU"]

#: Places of the memories of a template.
_FAR, _SRAM, _BUFFER = range(3)
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
#: Input channels that are multiplied and added up at once.
_DOT = 8
_ACCUMULATOR_BYTES = 4
_WEIGHT_BITS = 8
#: The machine that multiplies two maps.
_WITH_PAIRS = "ethos-u85"
_BYTES, _LATENCY, _BURST = "bytes per NPU cycle", "cycles until the first byte", "bytes of the longest burst"


class _Chip(NamedTuple):
    """The NPU, its memories, how weights are distributed, and room for staged ones."""

    npu: Npu
    system: System
    spread: Spread
    staging_bytes: float


@lru_cache(maxsize=1024)
def _chip(settings: Settings) -> _Chip:
    given = dict(settings)
    macs, family = int(float(given["macs"])), f"ethos-{given['family']}"
    name = f"{family}-{macs}"
    if name not in CONFIGURATIONS:
        allowed = ", ".join(str(one.macs) for one in CONFIGURATIONS.values() if one.family == family)
        raise InputError(Problem(field="macs", message=f"no {family} has so many", got=shown(macs), allowed=allowed))

    def memory(at: str, read: str, write: str) -> Memory:
        return Memory(
            bytes_per_cycle=float(given[f"{at}_bytes_per_cycle"]),
            read_latency=int(float(given[read])),
            write_latency=int(float(given[write])),
            burst_bytes=int(float(given[f"{at}_burst_bytes"])),
        )

    sram, far = memory("sram", "sram_latency", "sram_latency"), memory("far", "far_read_latency", "far_write_latency")
    maps = far if given["sram_use"] == "dedicated" else sram
    system = System(name=name, clock_hz=1.0, sram=sram, weights=far, feature_maps=maps)
    return _Chip(CONFIGURATIONS[name], system, Spread(float(given["weight_deviation"])), float(given["staging_bytes"]))


class EthosU(Traversal):
    """Blocks of outputs as the vendor's compiler chooses them, of any MAC configuration.

    Memories: flash or DRAM, an SRAM on chip, and the NPU's buffer (SHRAM; of the U85 its RAMs together).
    """

    options = MappingProxyType(
        {
            "family": Option(help="u55, u65 or u85", words=("u55", "u65", "u85")),
            "macs": Option(help="multiply-accumulates a cycle at 8 bits"),
            "sram_use": Option(
                help="shared: feature maps live in the SRAM; dedicated: in DRAM, unless they are moved on chip",
                words=("shared", "dedicated"),
            ),
            "sram_bytes_per_cycle": Option(help=f"SRAM: {_BYTES}", whole=False, least=1e-6),
            "sram_latency": Option(help=f"SRAM: {_LATENCY}"),
            "sram_burst_bytes": Option(help=f"SRAM: {_BURST}"),
            "staging_bytes": Option(help="SRAM for staged weights; where it is too small they are read where they lie"),
            "far_bytes_per_cycle": Option(help=f"flash or DRAM: {_BYTES}", whole=False, least=1e-6),
            "far_read_latency": Option(help=f"flash or DRAM, reading: {_LATENCY}"),
            "far_write_latency": Option(help=f"flash or DRAM, writing: {_LATENCY}"),
            "far_burst_bytes": Option(help=f"flash or DRAM: {_BURST}"),
            "weight_deviation": Option(
                help="standard deviation of 8-bit weights, which says how short their code is",
                default=30.0,
                whole=False,
                least=1e-3,
            ),
        }
    )
    memories = (3,)
    coded_weights = True
    hands_on = True

    def peak(self, settings: Settings) -> Peak:
        """Return the MACs a cycle at 8 bits."""
        return Peak(float(_chip(settings).npu.macs))

    def unsupported(self, op: Op, words: Settings) -> str | None:
        """Return why the NPU has no pass for an op; ``None`` if it has."""
        name = f"ethos-{dict(words)['family']}"
        work = layer_of(op)
        if work is None or (work.layer.kind is Kind.PAIR and name != _WITH_PAIRS):
            return f"{name} has no pass for {op.kind}" + (" of volumes" if op.kind == "convolution" else "")
        if work.layer.weighted and op.bits.W > _WEIGHT_BITS:
            return f"{name} has weights of {_WEIGHT_BITS} bits, not {op.bits.W}"
        return None

    def takes(self, op: Op, words: Settings) -> bool:
        """Return whether an op without MACs is a pass of the NPU: pools, sums, products, tables; not of volumes."""
        del words  # all families have them
        return layer_of(op) is not None

    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        """Return one way: the compiler's block with its staging of weights, or without where that has no room.

        The first slice of the weights comes under the layer before, if there is one.
        """
        chip, work = _chip(settings), layer_of(op)
        if work is None:
            raise NoMappingError(f"{chip.npu.name} has no pass for {op.label}")
        found = _estimated(work.layer, chip, around)
        if found.staging is not None and found.staging.buffer_bytes > chip.staging_bytes:
            found = _estimated(work.layer, chip, around, staged=False)
        moved, busy, room = _moved(work.layer, found, around)
        cycles = float(found.npu_cycles)
        return Ways(
            cycles=np.array([cycles * work.times]),
            steps=np.array([min(found.multiply_cycles, cycles) * work.times if op.macs else 0.0]),
            moved=moved * work.times,
            room=room,
            words=(_words(found),),
            slack_cycles=float(found.slack_cycles),
            busy=busy * work.times,
        )


def _estimated(layer: Layer, chip: _Chip, around: Around, *, staged: bool = True) -> Estimate:
    slack = None if around.slack_cycles is None else int(around.slack_cycles)
    near, far = chip.system.sram, chip.system.weights
    places = Places(
        ifm=near if around.home(Operand.I) == _SRAM else far,
        ofm=near if around.home(Operand.O) == _SRAM else far,
        ifm_bricks=not around.first,
        ofm_bricks=not around.last,
    )
    role = Role(first=around.first, last=around.last, slack_cycles=slack)
    system = replace(chip.system, weights=near) if around.home(Operand.W) == _SRAM else chip.system
    return estimate(layer, chip.npu, system, role, chip.spread, places, staging_allowed=staged)


def _moved(layer: Layer, found: Estimate, around: Around) -> tuple[Floats, Floats, Floats]:
    """Return the bytes moved, those that keep memories busy while the layer runs, and the room taken.

    Of the NPU's buffer: inputs go in once; for every vector product they come out for all channels of a micro-block
    together, and each of its accumulators is read and written.
    """
    moved, room = no_traffic(1, around.memories)
    into, maps, width = moved[0], found.moved, layer.bits // 8
    into[around.home(Operand.I), _INPUTS, 0] += float(maps.ifm[0]) * layer.inputs
    into[around.home(Operand.O), _OUTPUTS, 1] += float(maps.ofm[0])
    into[_BUFFER, _INPUTS, 1] += float(maps.ifm_elements[0]) * layer.inputs * width
    into[_BUFFER, _INPUTS, 0] += layer.macs / found.block.ublock[2] * width
    into[_BUFFER, _OUTPUTS] += layer.macs / _DOT * _ACCUMULATOR_BYTES
    if layer.kind is Kind.PAIR:  # the second map takes the place of weights, and comes as often
        second = layer.ifm[2] * layer.ofm[2] * width
        into[around.home(Operand.W), _WEIGHTS, 0] += float(maps.weight_reads[0]) * second
    busy, staging = moved.copy(), found.staging
    if staging is None:
        return moved, busy, room
    home, reads, code = around.home(Operand.W), float(maps.weight_reads[0]), staging.code
    weights, scales = reads * sum(code.weights), reads * sum(code.scales)
    if not staging.staged:
        for each in (moved, busy):
            each[0, home, _WEIGHTS, 0] += weights + scales
        return moved, busy, room
    # A first slice that came under the layer before keeps no memory busy now. The compiler's cycles count scales as
    # if read from where they were.
    into[home, _WEIGHTS, 0] += code.total
    into[_SRAM, _WEIGHTS] += weights + scales, code.total
    busy[0, home, _WEIGHTS, 0] += staging.under_way + scales
    busy[0, _SRAM, _WEIGHTS] += weights, staging.under_way
    room[0, _SRAM, _WEIGHTS] = staging.buffer_bytes
    return moved, busy, room


def _words(found: Estimate) -> str:
    high, wide, deep = found.block.ofm[0].tolist()
    words = f"blocks of {high} x {wide} x {deep} outputs (rows x columns x channels)"
    count, multiply, output = (
        float(part[0]) for part in (found.parts.blocks, found.parts.multiply, found.parts.output)
    )
    if multiply:
        words += f", {count:,.1f} x {multiply:,.0f} cycles of the multipliers beside {output:,.0f} of the output unit"
    else:
        words += f", {output:,.0f} cycles of the output unit"
    if found.staging is None:
        return words
    if not found.staging.staged:
        return f"{words}; weights from where they lie, {int(found.moved.weight_reads[0])} times"
    slices = len(found.staging.code.slices) - 1
    return f"{words}; weights staged on chip in {slices} slice{'s' if slices > 1 else ''}"
