"""Cycles of a layer, from the cycles of its blocks.

A block keeps two units busy, one after the other and overlapped with its neighbours: the multipliers, then the output
unit. The slower of the two sets the pace; the other is seen once. A third limit: a quarter of what a block takes from
the first input to the last output, because so many are under way at most. Before the first block its inputs must come,
after the last its outputs must go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.engines.ethos_u.blocks import Blocks, Integers, divided, wide_accumulators
from accelsim.engines.ethos_u.layer import Activation, Kind, Layer
from accelsim.engines.ethos_u.machine import SCALE_BYTES, Memory, Npu, Rams, Size
from accelsim.engines.ethos_u.traffic import Places, transferred

__all__ = ["Parts", "cycles_of"]

_Floats = npt.NDArray[np.float64]
#: Micro-steps of the multipliers for one micro-block and kernel step.
_STEP = 4
#: Blocks under way at once.
_UNDER_WAY = 4
_SCALE_BITS = 256  # bits of a port over its latency: what the fetch of biases and scales is taken to reach


@dataclass(frozen=True, slots=True)
class Parts:
    """What a layer's cycles are made of, each ``(n,)`` over blocks.

    Attributes:
        multiply: Cycles of the multipliers for one block.
        output: Cycles of the output unit for one block.
        issue: A quarter of a block's way from input to output.
        blocks: Blocks, in whole micro-blocks; partial blocks count by their share.
        first: Cycles until the first block's inputs are there.
        last: Cycles until the last block's outputs are away.
        total: All together.
    """

    multiply: _Floats
    output: _Floats
    issue: _Floats
    blocks: _Floats
    first: Integers
    last: Integers
    total: Integers


def cycles_of(
    layer: Layer,
    npu: Npu,
    blocks: Blocks,
    places: Places,
    *,
    scales: Memory | None = None,
    opens: bool = True,
    closes: bool = True,
) -> Parts:
    """Return the cycles of a layer with each of some blocks.

    Args:
        layer: The layer, or a slice of its output channels.
        npu: The machine.
        blocks: Blocks to take.
        places: Memories and formats of input and output.
        scales: Where biases and scales are read from; not given, they are no limit.
        opens: Whether the first block's inputs are waited for.
        closes: Whether the last block's outputs are waited for.
    """
    ifm_seen = np.minimum(blocks.ifm, np.array(layer.ifm))
    ofm_seen = np.minimum(blocks.ofm, np.array(layer.ofm))
    first = _transfer_cycles(layer, npu, blocks.ifm, ifm_seen, layer.ifm, places.ifm, places.ifm_bricks, read=True)
    last = _transfer_cycles(layer, npu, blocks.ofm, ofm_seen, layer.ofm, places.ofm, places.ofm_bricks, read=False)
    if layer.elementwise:
        return _elementwise(layer, npu, blocks, places, first, last)
    ublock = np.array(blocks.ublock, dtype=np.int64)
    count = divided(np.array(layer.ofm, dtype=np.int64), ublock).prod() / divided(ofm_seen, ublock).prod(axis=1)
    multiply = _multiply(layer, npu, ifm_seen, divided(ofm_seen, ublock), ublock).astype(np.float64)
    output = np.ceil(_output_cycles(layer, npu) * ofm_seen.prod(axis=1))
    if layer.weighted and scales is not None:
        output = np.maximum(output, SCALE_BYTES * ofm_seen[:, 2] * scales.read_latency / _SCALE_BITS)
    apart = np.where(count > 1, np.abs(last - first), 0)
    issue = (apart + multiply + output) / _UNDER_WAY
    slow, fast = np.maximum(multiply, issue), np.maximum(output, issue)
    by_multiply = np.floor(np.floor(slow * count) + (fast if closes else 0.0))
    total = np.where(slow > fast, by_multiply, np.floor(fast * count + slow)).astype(np.int64)
    total = total + (first if opens else 0) + (last if closes else 0)
    return Parts(multiply, output, issue, count, first, last, total)


def _elementwise(layer: Layer, npu: Npu, blocks: Blocks, places: Places, first: Integers, last: Integers) -> Parts:
    """Return cycles of a layer without multipliers: its output unit, or a quarter of the way of its blocks."""
    depth = -(-layer.ofm[2] // 16) * 16 if places.ofm_bricks else layer.ofm[2]
    elements = layer.ofm[0] * layer.ofm[1] * depth
    each = _output_cycles(layer, npu)
    in_block = blocks.ofm.prod(axis=1)
    per_element = (np.maximum(first, last) / in_block + each) / _UNDER_WAY
    output = np.full(len(in_block), np.ceil(each * elements))
    issue = np.ceil(per_element * elements)
    none = np.zeros(len(in_block))
    total = np.maximum(output, issue).astype(np.int64)
    return Parts(none, output, issue, elements / in_block, first, last, total)


def _transfer_cycles(
    layer: Layer, npu: Npu, block: Integers, seen: Integers, whole: Size, memory: Memory, bricks: bool, *, read: bool
) -> Integers:
    elements = seen.prod(axis=1) * (layer.bits // 8)
    moved = transferred(elements, block, whole, layer.bits, memory, bricks=bricks, read=read, cores=npu.cores)
    latency = memory.read_latency if read else memory.write_latency
    return latency + np.floor(moved / memory.bytes_per_cycle).astype(np.int64)


def _multiply(layer: Layer, npu: Npu, ifm: Integers, ublocks: Integers, ublock: Integers) -> Integers:
    """Return multiplier cycles of one block: all pieces of the kernel, all blocks of input channels."""
    area, deep = ublocks[:, 0] * ublocks[:, 1], ublocks[:, 2]
    by_taps = _by_taps(layer, npu)
    # Eight weights a cycle are decoded for each stream; the smaller machines count one, however many cores they have.
    streams = npu.weight_streams if isinstance(npu.buffers, Rams) else 1
    weight_read = 32 * int(ublock[2]) // (8 * streams)
    groups = divided(ifm[:, 2], 8) if by_taps else np.ones_like(area)
    wide = wide_accumulators(layer)
    delay = npu.wide_delay_cycles if wide else npu.delay_cycles
    # The smallest machine alone waits on narrow blocks of wide accumulators too.
    narrow = (ublocks[:, :2].min(axis=1) == 1) & (deep > 1) & (npu.macs == 32 and wide)
    step = _step(layer, npu, ifm)
    cycles = np.zeros_like(area)
    for taps in layer.sub_kernels:
        steps = _steps(layer, taps, by_taps)
        worked = np.maximum(weight_read, step * area) if layer.macs else step * area * max(_STEP, taps)
        lone = np.where(deep == 1, delay * steps, delay * (steps - 1) * deep)
        waits = np.where(area == 1, lone, 0) + np.where(narrow, delay * deep, 0)
        cycles += (worked * steps * deep + waits) * groups
    if layer.macs and not layer.equal_depth:
        cycles *= divided(np.full_like(area, layer.ifm[2]), ifm[:, 2])
    return cycles // npu.cores


def _by_taps(layer: Layer, npu: Npu) -> bool:
    return layer.kernel_first if isinstance(npu.buffers, Rams) else layer.part_kernel_first


def _steps(layer: Layer, taps: int, by_taps: bool) -> int:
    """Return kernel steps of one piece of the kernel: taps fed side by side, or one by one."""
    if layer.pool:
        return 1
    if layer.kind is Kind.DEPTHWISE:
        return -(-taps // 4)
    return -(-taps // (2 if layer.bits == 16 else 4)) if by_taps else taps


def _step(layer: Layer, npu: Npu, ifm: Integers) -> Integers:
    """Return cycles of a kernel step for one micro-block; of a pool, of one tap."""
    width = layer.bits // 8
    if layer.pool:
        # All but the smallest machine take four cycles for each byte of a tap.
        cycles = 1 if npu.macs == 32 else layer.bits // 2
    elif layer.kind is Kind.DEPTHWISE:
        cycles = _STEP * width
    elif isinstance(npu.buffers, Rams) and not layer.kernel_first:
        return ifm[:, 2] // 8 * width
    else:
        cycles = _STEP
    return np.full(len(ifm), cycles, dtype=np.int64)


def _output_cycles(layer: Layer, npu: Npu) -> float:
    cycles = npu.output
    if layer.elementwise and layer.bits == 32:
        each = cycles.binary_32bit if layer.inputs == 2 else cycles.unary_32bit
    elif layer.kind is Kind.MULTIPLY or (not layer.elementwise and wide_accumulators(layer)):
        each = cycles.multiply
    elif layer.kind is Kind.ADD:
        each = cycles.add
    else:
        each = cycles.max_pool if layer.kind is Kind.MAX_POOL else cycles.other
    passing = {Activation.NONE: 0.0, Activation.CLAMP: cycles.clamp, Activation.LOOK_UP: cycles.look_up}
    return max(each, passing[layer.activation])
