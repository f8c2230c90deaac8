"""Micro-architecture of Arm's Ethos-U55, -U65 and -U85, every MAC configuration, and the memories around them.

Figures are those of Arm's Vela compiler (Apache-2.0, ``nxp-imx/ethos-u-vela`` and its later C++ core), which states
them for its own estimates: micro-blocks, SHRAM banks and granules, output cycles, bursts and latencies. The output
cycles of the U85 are those of 8-bit elements; its channels' limits on reads under way are not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from accelsim.errors import InputError, Problem, shown

__all__ = [
    "CONFIGURATIONS",
    "SYSTEMS",
    "Granules",
    "Memory",
    "MicroBlock",
    "Npu",
    "OutputCycles",
    "Rams",
    "Shram",
    "Size",
    "System",
    "npu",
    "system",
]

#: Height, width, depth.
Size = tuple[int, int, int]
#: Kernels are worked off in pieces of at most so many rows and columns.
SUB_KERNEL = 8
#: A channel's bias, scale and shift as the hardware reads them.
SCALE_BYTES = 10
#: Channels of one brick of the storage format N H C/16 W 16; alignment of streams and tensors in bytes.
BRICK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Granules:
    """SHRAM banks that a use is rounded up to.

    Attributes:
        ifm: Inputs of 8 or 16 bits.
        ifm_32bit: Inputs of 32 bits.
        accumulator: Accumulators of 32 bits.
        wide_accumulator: Accumulators of 40 bits.
    """

    ifm: int
    ifm_32bit: int
    accumulator: int
    wide_accumulator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputCycles:
    """Cycles an output element takes in the output unit of one block.

    Attributes:
        binary_32bit: Two inputs of 32 bits.
        unary_32bit: One input of 32 bits.
        multiply_to_32bit: A product kept in 32 bits.
        multiply: A product; also every sum held in 40-bit accumulators.
        add: A sum or difference of two maps.
        max_pool: A maximum.
        other: Convolutions, average pools, and the rest.
        look_up: A table in passing (sigmoid, tanh).
        clamp: A rectifier in passing.
    """

    unary_32bit: float
    binary_32bit: float
    multiply_to_32bit: float
    multiply: float
    add: float
    max_pool: float
    other: float
    look_up: float
    clamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shram:
    """The one buffer of an Ethos-U55 or Ethos-U65 core, shared by inputs, accumulators, outputs and tables.

    Attributes:
        ofm_ublock: Outputs that a core works on at once.
        banks: Banks.
        bank_bytes: Bytes of one bank.
        output_banks: Banks kept for finished outputs.
        end_banks: Banks kept at the end, for look-up tables.
        granules: What a use of banks is rounded up to.
        block_limit: Largest block of outputs.
    """

    ofm_ublock: Size
    banks: int
    bank_bytes: int
    output_banks: int
    end_banks: int
    granules: Granules
    block_limit: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBlock:
    """Outputs that an Ethos-U85 works on at once.

    Attributes:
        size: Height, width, depth.
        by_channel: Whether depthwise layers and pools of 8-bit elements can take it.
        by_kernel: Whether convolutions of 8-bit elements with a kernel or part-kernel first can; others always can.
        by_pair: Whether products of two maps can, if convolutions with a kernel can.
        units: Allocation units of inputs of up to 128, up to 256 and more bits a pixel: height, width, 16 bytes each.
    """

    size: Size
    units: tuple[Size, Size, Size]
    by_channel: bool = True
    by_kernel: bool = True
    by_pair: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rams:
    """The buffers of an Ethos-U85, one for each use.

    Attributes:
        ublocks: Micro-blocks to choose from, in the order of preference.
        ifm_bytes: Inputs.
        accumulator_bytes: Accumulators.
        output_bytes: Finished outputs.
        block_limit: Largest block of outputs.
    """

    ublocks: tuple[MicroBlock, ...]
    ifm_bytes: int
    accumulator_bytes: int
    output_bytes: int
    block_limit: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Npu:
    """One MAC configuration.

    Attributes:
        name: As the compiler calls it, ``ethos-u55-128``.
        macs: Multiply-accumulates a cycle at 8 bits, of all cores.
        cores: Cores, among which output channels are dealt.
        weight_streams: Streams of weights decoded side by side.
        buffers: Buffers of one core.
        output: Cycles of the output unit.
        delay_cycles: Cycles lost between dependent steps of a single micro-block.
        wide_delay_cycles: The same with wide accumulators, for 16-bit elements.
    """

    name: str
    macs: int
    cores: int
    weight_streams: int
    buffers: Shram | Rams
    output: OutputCycles
    delay_cycles: int
    wide_delay_cycles: int

    @property
    def family(self) -> str:
        """``ethos-u55``, ``ethos-u65`` or ``ethos-u85``."""
        return self.name.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A memory at the NPU's ports.

    Attributes:
        bytes_per_cycle: Reads and writes together, per NPU cycle.
        read_latency: Cycles.
        write_latency: Cycles.
        burst_bytes: Longest burst; a shorter one takes as long.
    """

    bytes_per_cycle: float
    read_latency: int
    write_latency: int
    burst_bytes: int

    def __post_init__(self) -> None:
        if not self.bytes_per_cycle > 0 or min(self.read_latency, self.write_latency) < 0 or self.burst_bytes < 1:
            raise InputError([Problem(field="memory", got=shown(self), message="bandwidth and burst must be positive")])


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Which memory holds what.

    Attributes:
        name: As the compiler's configuration file calls it.
        clock_hz: Clock of the NPU.
        sram: On-chip memory; weights are staged there.
        weights: Memory of the weights.
        feature_maps: Memory of a network's inputs and outputs; of results in between, if they do not fit ``sram``.
    """

    name: str
    clock_hz: float
    sram: Memory
    weights: Memory
    feature_maps: Memory

    @property
    def spilling(self) -> bool:
        """Whether feature maps live outside the on-chip memory unless they are moved there."""
        return self.feature_maps is not self.sram


def _output(*cycles: float) -> OutputCycles:
    unary, binary, to_32bit, multiply, _, add, max_pool, other, look_up, clamp = cycles
    return OutputCycles(
        unary_32bit=unary,
        binary_32bit=binary,
        multiply_to_32bit=to_32bit,
        multiply=multiply,
        add=add,
        max_pool=max_pool,
        other=other,
        look_up=look_up,
        clamp=clamp,
    )


# Ten figures a configuration, in the compiler's order; the fifth, a sum without scaling, is never used.
_U55_32 = _output(2.0, 3.0, 3.0, 3.0, 4.0, 6.0, 1.0, 2.0, 1.0, 1.0)
_U55_64 = _output(1.0, 1.5, 1.5, 1.5, 2.0, 3.0, 0.5, 1.0, 1.0, 1.0)
_U55_128 = _output(0.75, 1.25, 0.75, 0.75, 1.0, 1.5, 0.25, 0.5, 1.0, 0.5)
_U55_256 = _output(0.625, 1.125, 0.5, 0.375, 0.5, 0.75, 0.125, 0.25, 1.0, 0.25)
_U65_512 = _output(0.3125, 0.5625, 0.25, 0.1875, 0.25, 0.375, 0.0625, 0.125, 0.5, 0.125)


def _granules(ifm: int, ifm_32bit: int, accumulator: int, wide_accumulator: int) -> Granules:
    return Granules(ifm=ifm, ifm_32bit=ifm_32bit, accumulator=accumulator, wide_accumulator=wide_accumulator)


def _shram(name: str, macs: int, ublock: Size, banks: int, granules: Granules, output: OutputCycles) -> Npu:
    cores = 2 if macs == 512 else 1
    delay, wide_delay = (3, 7) if macs == 32 else (2, 3 if macs <= 128 else 2)
    shram = Shram(
        ofm_ublock=ublock,
        banks=banks,
        bank_bytes=1024,
        output_banks=2,
        end_banks=2 if banks > 16 else 0,
        granules=granules,
        block_limit=(32, 64, 128),
    )
    return Npu(
        name=name,
        macs=macs,
        cores=cores,
        weight_streams=cores,
        buffers=shram,
        output=output,
        delay_cycles=delay,
        wide_delay_cycles=wide_delay,
    )


def _ublock(*size: int, units: tuple[Size, Size, Size], **able: bool) -> MicroBlock:
    high, wide, deep = size
    return MicroBlock(size=(high, wide, deep), units=units, **able)


def _rams(macs: int, streams: int, kibibytes: tuple[int, int], output_bytes: int, *ublocks: MicroBlock) -> Npu:
    # 8-bit outputs leave at a rate of so many a cycle that 64 MACs feed one.
    cycles = 64 / macs
    ifm, accumulators = kibibytes
    rams = Rams(
        ublocks=ublocks,
        ifm_bytes=ifm * 1024,
        accumulator_bytes=accumulators * 1024,
        output_bytes=output_bytes,
        block_limit=(128, 128, 1024),
    )
    return Npu(
        name=f"ethos-u85-{macs}",
        macs=macs,
        cores=1,
        weight_streams=streams,
        buffers=rams,
        output=_output(*[cycles] * 10),
        delay_cycles=2,
        wide_delay_cycles=3 if macs <= 128 else 2,
    )


_ROW, _SQUARE = (1, 2, 2), (2, 2, 1)
_UNITS_128 = ((1, 2, 1), (1, 1, 2), (1, 1, 2))
_UNITS_256 = (_SQUARE, _ROW, (1, 1, 4))
_UNITS_FLAT = ((1, 4, 1), _ROW, (1, 1, 4))
_UNITS_1024 = ((2, 4, 1), (2, 2, 2), (1, 2, 4))
_UNITS_2048 = ((4, 4, 1), (2, 4, 2), (2, 2, 4))

_NPUS = (
    _shram("ethos-u55-32", 32, (1, 1, 4), 16, _granules(2, 4, 4, 4), _U55_32),
    _shram("ethos-u55-64", 64, (1, 1, 8), 16, _granules(2, 4, 4, 8), _U55_64),
    _shram("ethos-u55-128", 128, (1, 2, 8), 24, _granules(4, 8, 8, 12), _U55_128),
    _shram("ethos-u55-256", 256, (2, 2, 8), 48, _granules(8, 16, 16, 20), _U55_256),
    _shram("ethos-u65-256", 256, (2, 2, 8), 48, _granules(8, 16, 16, 20), _U55_256),
    _shram("ethos-u65-512", 512, (2, 2, 8), 48, _granules(8, 16, 16, 20), _U65_512),
    _rams(
        128, 1, (8, 8), 768,
        _ublock(1, 2, 8, units=_UNITS_128, by_channel=False),
        _ublock(1, 1, 16, units=_UNITS_128, by_kernel=False),
    ),
    _rams(
        256, 1, (16, 16), 1536,
        _ublock(1, 2, 16, units=_UNITS_256, by_kernel=False),
        _ublock(1, 4, 8, units=_UNITS_FLAT, by_channel=False),
        _ublock(2, 2, 8, units=_UNITS_256, by_channel=False),
    ),
    _rams(512, 2, (16, 32), 3072, _ublock(2, 2, 16, units=_UNITS_256), _ublock(1, 4, 16, units=_UNITS_FLAT)),
    _rams(
        1024, 4, (16, 64), 6144,
        _ublock(2, 2, 32, units=_UNITS_1024, by_channel=False),
        _ublock(1, 4, 32, units=((2, 4, 1), (1, 4, 2), (1, 2, 4)), by_channel=False),
        _ublock(2, 4, 16, units=_UNITS_1024, by_pair=False),
    ),
    _rams(
        2048, 4, (32, 128), 12288,
        _ublock(2, 2, 64, units=_UNITS_2048, by_channel=False),
        _ublock(1, 4, 64, units=((4, 4, 1), (2, 4, 2), (1, 4, 4)), by_channel=False),
        _ublock(4, 4, 16, units=_UNITS_2048, by_pair=False),
    ),
)  # fmt: skip
#: Every MAC configuration by name.
CONFIGURATIONS: Mapping[str, Npu] = MappingProxyType({npu.name: npu for npu in _NPUS})


def _system(name: str, clock_hz: float, port_bytes: int, weights: Memory, *, dedicated: bool) -> System:
    sram = Memory(bytes_per_cycle=float(port_bytes), read_latency=32, write_latency=32, burst_bytes=32)
    return System(name=name, clock_hz=clock_hz, sram=sram, weights=weights, feature_maps=weights if dedicated else sram)


def _system_u85(name: str, clock_hz: float, ports: int, latency: int, weights: Memory, *, dedicated: bool) -> System:
    sram = Memory(bytes_per_cycle=16.0 * ports, read_latency=latency, write_latency=latency, burst_bytes=64)
    return System(name=name, clock_hz=clock_hz, sram=sram, weights=weights, feature_maps=weights if dedicated else sram)


def _flash(bytes_per_cycle: float, latency: int = 64) -> Memory:
    return Memory(bytes_per_cycle=bytes_per_cycle, read_latency=latency, write_latency=latency, burst_bytes=128)


def _dram(bytes_per_cycle: float) -> Memory:
    return Memory(bytes_per_cycle=bytes_per_cycle, read_latency=500, write_latency=250, burst_bytes=128)


# An AXI port has 8 bytes (Ethos-U55) or 16 a cycle, times the memory's share of the clock and its ports.
_SYSTEMS = (
    _system("ethos-u55-deep-embedded", 200e6, 8, _flash(8 * 0.0625), dedicated=False),
    _system("ethos-u55-high-end-embedded", 500e6, 8, _flash(8 * 0.125), dedicated=False),
    _system("ethos-u65-embedded", 500e6, 16, _flash(16 * 0.0625), dedicated=False),
    _system("ethos-u65-mid-end", 500e6, 16, _dram(16 * 0.46875), dedicated=True),
    _system("ethos-u65-high-end", 1e9, 16, _dram(16 * 0.234375), dedicated=True),
    _system("ethos-u65-client-server", 1e9, 16, _dram(16 * 0.75), dedicated=True),
    _system_u85("ethos-u85-flash-low", 200e6, 2, 8, _flash(16 * 0.0625, 32), dedicated=False),
    _system_u85("ethos-u85-flash-high", 500e6, 2, 32, _flash(16 * 0.0625), dedicated=False),
    _system_u85("ethos-u85-dram-low", 500e6, 2, 16, _dram(16 * 0.46875), dedicated=True),
    _system_u85("ethos-u85-dram-mid", 1e9, 2, 32, _dram(16 * 0.75), dedicated=True),
    _system_u85("ethos-u85-dram-high", 1e9, 4, 32, _dram(2 * 16 * 0.75), dedicated=True),
)
#: The compiler's system configurations: flash behind a shared SRAM, DRAM behind a dedicated one.
SYSTEMS: Mapping[str, System] = MappingProxyType({system.name: system for system in _SYSTEMS})


def npu(name: str) -> Npu:
    """Return a MAC configuration.

    Raises:
        InputError: There is none of that name.
    """
    if name not in CONFIGURATIONS:
        raise InputError([Problem.unknown("ethos_u.configuration", name, CONFIGURATIONS)])
    return CONFIGURATIONS[name]


def system(name: str) -> System:
    """Return a system configuration.

    Raises:
        InputError: There is none of that name.
    """
    if name not in SYSTEMS:
        raise InputError([Problem.unknown("ethos_u.system", name, SYSTEMS)])
    return SYSTEMS[name]
