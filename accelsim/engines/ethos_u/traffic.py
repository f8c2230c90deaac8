"""Bytes between the NPU and its memories: inputs read for each block, outputs written once, bursts and bricks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.engines.ethos_u.blocks import Blocks, Integers, divided
from accelsim.engines.ethos_u.layer import Kind, Layer
from accelsim.engines.ethos_u.machine import BRICK, SUB_KERNEL, Memory, Npu, Size

__all__ = ["Moved", "Places", "moved_by", "transferred"]

_WRITE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a layer's feature maps lie.

    Attributes:
        ifm: Memory of the input.
        ofm: Memory of the output.
        ifm_bricks: Whether the input is stored as bricks of 16 channels; a network's own input is not.
        ofm_bricks: Whether the output is; a network's own output is not.
    """

    ifm: Memory
    ofm: Memory
    ifm_bricks: bool = True
    ofm_bricks: bool = True


@dataclass(frozen=True, slots=True)
class Moved:
    """Traffic of a layer, each ``(n,)`` over blocks.

    Attributes:
        ifm: Bytes of the bus that reading one input takes, bursts filled up.
        ofm: Bytes of the bus that writing the output takes.
        ifm_elements: Elements of one input read; neighbours' overlap and unused corners of blocks count.
        ofm_elements: Elements written, padding of bricks included.
        weight_reads: Times the weights are read: once for each block of pixels.
    """

    ifm: Integers
    ofm: Integers
    ifm_elements: Integers
    ofm_elements: Integers
    weight_reads: Integers


def transferred(
    size: Integers, block: Integers, whole: Size, bits: int, memory: Memory, *, bricks: bool, read: bool, cores: int
) -> Integers:
    """Return the bytes of the bus that ``size`` bytes take, when a short burst takes as long as a full one.

    What lies side by side in memory: of bricks, a row of a block (16 channels a pixel); of channels last, the block's
    channels of a pixel, or a whole row where the block has all channels. Writes of several channels are cut to 64 bytes
    and to 16 channels a core.

    Args:
        size: Bytes wanted, ``(n,)``.
        block: Height, width, depth, ``(n, 3)``.
        whole: Height, width, depth of the feature map.
        bits: Bits of an element.
        memory: What is read or written.
        bricks: Whether the feature map is stored as bricks.
        read: Whether it is read.
        cores: Cores that write side by side.
    """
    width, depth = block[:, 1], block[:, 2]
    row = width * depth * bits // 8
    if bricks:
        beside = BRICK * bits * width // 8 * (1 if read else cores)
        side_by_side = np.where(whole[1] * bits * BRICK // 8 == depth, row, beside)
    else:
        complete = whole[2] * bits // 8 == depth
        if read:
            side_by_side = np.where(complete, row, depth * bits // 8)
        else:
            cut = np.minimum(min(_WRITE_BYTES, BRICK * bits * cores // 8), depth * bits // 8)
            side_by_side = np.where(complete & (depth <= BRICK), row, cut)
    return size * memory.burst_bytes // np.minimum(memory.burst_bytes, side_by_side)


def moved_by(layer: Layer, npu: Npu, blocks: Blocks, places: Places) -> Moved:
    """Return the traffic of a layer with each of some blocks; weights are counted in reads of all of them."""
    count = len(blocks.ofm)
    width = layer.bits // 8
    tiles = divided(np.array(layer.ofm, dtype=np.int64), np.minimum(blocks.ofm, np.array(layer.ofm)))
    written = layer.ofm[0] * layer.ofm[1] * _stored(layer.ofm[2], places.ofm_bricks)
    ofm_elements = np.full(count, written, dtype=np.int64)
    if layer.elementwise:
        high, wide, deep = layer.ofm
        ifm_elements = np.full(count, high * wide * _stored(deep, places.ifm_bricks), dtype=np.int64)
    else:
        window = np.minimum(blocks.ifm, np.array(layer.ifm))
        limit = 1 if layer.kind is Kind.FULLY_CONNECTED else SUB_KERNEL
        pieces = -(-layer.kernel[0] // limit) * -(-layer.kernel[1] // limit)
        passes = tiles[:, 0] * tiles[:, 1] * (1 if layer.equal_depth else tiles[:, 2])
        ifm_elements = window[:, 0] * window[:, 1] * _stored(layer.ifm[2], places.ifm_bricks) * pieces * passes
    ifm = transferred(
        ifm_elements * width, blocks.ifm, layer.ifm, layer.bits, places.ifm,
        bricks=places.ifm_bricks, read=True, cores=npu.cores,
    )  # fmt: skip
    ofm = transferred(
        ofm_elements * width, blocks.ofm, layer.ofm, layer.bits, places.ofm,
        bricks=places.ofm_bricks, read=False, cores=npu.cores,
    )  # fmt: skip
    return Moved(ifm, ofm, ifm_elements, ofm_elements, tiles[:, 0] * tiles[:, 1])


def _stored(depth: int, bricks: bool) -> int:
    return -(-depth // BRICK) * BRICK if bricks else depth
