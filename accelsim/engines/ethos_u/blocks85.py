"""Blocks of an Ethos-U85, whose inputs, accumulators and outputs have memories of their own.

Convolutions and vector products take the block that fetches least, as on the smaller machines. Depthwise layers and
pools take an area with the shape of the output, as deep as fits; element-wise ops what the output buffer holds.
The rules are those of the compiler (Vela's C++ core, Apache-2.0), restated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accelsim.engines.ethos_u.blocks import (
    Blocks,
    Integers,
    choose,
    frozen,
    grid,
    ranked,
    rounded,
    shram_blocks,
    wide_accumulators,
    windows,
)
from accelsim.engines.ethos_u.layer import Kind, Layer
from accelsim.engines.ethos_u.machine import MicroBlock, Npu, Rams, Shram, Size
from accelsim.errors import NoMappingError

__all__ = ["blocks_of"]

#: Accumulators are kept for so many channels at a time.
_DEEP = 16


@lru_cache(maxsize=4096)
def blocks_of(layer: Layer, npu: Npu) -> Blocks:
    """Return all blocks of a layer that fit; of depthwise layers, pools and element-wise ops of a U85, the one taken.

    Raises:
        NoMappingError: Not even the smallest block fits.
    """
    if isinstance(npu.buffers, Shram):
        return shram_blocks(layer, npu.name, npu.buffers)
    ublock = _ublock(layer, npu.buffers)
    if layer.elementwise:
        return _one(layer, _elementwise(layer, npu.buffers, ublock), ublock)
    if layer.equal_depth:
        return _one(layer, _area(layer, npu.buffers, ublock), ublock)
    return _searched(layer, npu, npu.buffers, ublock)


def _ublock(layer: Layer, rams: Rams) -> MicroBlock:
    """Return the micro-block that wastes least of the output; the first of equals."""
    by_channel = layer.pool or layer.kind is Kind.DEPTHWISE
    flat = layer.kernel == (1, 1) and not layer.kernel_first
    by_kernel = (layer.kind is Kind.CONVOLUTION and not flat) or layer.kind is Kind.FULLY_CONNECTED
    paired = layer.kind is Kind.PAIR
    fit = [
        ublock
        for ublock in rams.ublocks
        if (not paired or (ublock.by_pair and ublock.by_kernel))
        and (layer.bits == 16 or ((ublock.by_channel or not by_channel) and (ublock.by_kernel or not by_kernel)))
    ]
    waste = [math.prod(_up(size, step) for size, step in zip(layer.ofm, ublock.size, strict=True)) for ublock in fit]
    return fit[waste.index(min(waste))]


def _up(value: int, granule: int) -> int:
    return -(-value // granule) * granule


def _unit(ublock: MicroBlock, depth: int, bits: int) -> Size:
    """Return the allocation unit of inputs ``depth`` channels deep: rows, columns, channels."""
    wide = depth * bits
    rows, columns, bytes_16 = ublock.units[2 if wide > 256 else 1 if wide > 128 else 0]
    return rows, columns, bytes_16 * 128 // bits


def _accumulator_bits(layer: Layer) -> int:
    return 64 if wide_accumulators(layer) else 32


def _searched(layer: Layer, npu: Npu, rams: Rams, ublock: MicroBlock) -> Blocks:
    steps = (ublock.size[0], ublock.size[1], max(ublock.size[2], 1))
    depth = 16 if layer.kernel_first else 64
    if not layer.kernel_first and npu.macs <= 256 and ublock.size[2] == 16:
        depth = 32
    unit = _unit(ublock, depth, layer.bits)
    ofm = grid(layer, steps, rams.block_limit)
    ifm = windows(layer, ofm, unit, depth)
    held = _up(min(depth, layer.ifm[2]), unit[2]) * layer.bits // 8
    inputs = ifm[:, 0] * ifm[:, 1] * held
    sums = ofm[:, 0] * ofm[:, 1] * rounded(ofm[:, 2], _DEEP) * _accumulator_bits(layer) // 8
    for copies in (2, 1):  # the next block's beside this one's, or one after the other
        fits = (inputs * copies <= rams.ifm_bytes) & (sums * copies <= rams.accumulator_bytes)
        if fits.any():
            break
    else:
        raise NoMappingError(f"{npu.name}: the smallest block does not fit its RAMs")
    ofm, ifm, room = ofm[fits], ifm[fits], (inputs + sums)[fits]
    if layer.kind in (Kind.FULLY_CONNECTED, Kind.PAIR):
        fetched = (1 / (ofm[:, 0] * ofm[:, 1])).astype(np.float32)
    else:
        fetched = ranked(layer, ofm, ifm, ofm)
    return frozen(Blocks(ofm, ifm, room, fetched, choose(layer, ofm, ifm, fetched), ublock.size))


def _one(layer: Layer, size: Size, ublock: MicroBlock) -> Blocks:
    ofm = np.array([size], dtype=np.int64)
    unit = _unit(ublock, size[2], layer.bits)
    ifm = ofm.copy() if layer.elementwise else windows(layer, ofm, unit, _up(size[2], unit[2]))
    return frozen(Blocks(ofm, ifm, _room(layer, ofm, ifm), np.ones(1, dtype=np.float32), 0, ublock.size))


def _room(layer: Layer, ofm: Integers, ifm: Integers) -> Integers:
    room: Integers = ifm.prod(axis=1) * layer.bits // 8 + ofm.prod(axis=1) * _accumulator_bits(layer) // 8
    return room


def _elementwise(layer: Layer, rams: Rams, ublock: MicroBlock) -> Size:
    """Return a block as wide and then as deep as the output buffer holds."""
    rows, columns, deep = ublock.size[0], ublock.size[1], _DEEP
    high, wide, channels = (_up(size, step) for size, step in zip(layer.ofm, (rows, columns, deep), strict=True))
    units = rams.output_bytes * 8 // layer.bits // deep
    limit = rams.block_limit
    height = _tile(high, rows, min(high, limit[0]))
    needed = max(_tile(wide, columns, min(units, wide, limit[1])), columns)
    times = min(units // needed, min(channels, limit[2]) // deep)
    if times >= 2:
        units, deep = units // times, deep * times
    return _up(height, rows), _up(units, columns), _up(deep, _DEEP)


def _tile(whole: int, granule: int, tile: int) -> int:
    if whole % tile == 0:
        return tile
    return max(_up(whole // (whole // tile + 1), granule), granule)


@dataclass(frozen=True, slots=True)
class _Fit:
    """An area to fit: the layer, its buffers in elements, and its sizes in whole granules."""

    layer: Layer
    ublock: MicroBlock
    whole: Size
    limit: Size
    inputs: int
    sums: int

    @property
    def rows(self) -> int:
        return self.ublock.size[0]

    @property
    def columns(self) -> int:
        return self.ublock.size[1]

    def needed(self, height: int, width: int, depth: int) -> int:
        """Return elements of inputs that a block sees."""
        unit = _unit(self.ublock, depth, self.layer.bits)
        block = np.array([[height, width, depth]], dtype=np.int64)
        return int(windows(self.layer, block, unit, _up(depth, unit[2])).prod())

    def volume(self, depth: int) -> int:
        """Return elements of the whole input, in allocation units."""
        unit = _unit(self.ublock, depth, self.layer.bits)
        return math.prod(_up(size, step) for size, step in zip(self.layer.ifm, unit, strict=True))


def _area(layer: Layer, rams: Rams, ublock: MicroBlock) -> Size:
    """Return the block of a depthwise layer or pool."""
    high, wide, deep = layer.ofm
    whole = (_up(high, ublock.size[0]), _up(wide, ublock.size[1]), _up(deep, _DEEP))
    limit = rams.block_limit
    bounds = (min(whole[0], limit[0]), min(whole[1], limit[1]), min(whole[2], limit[2]))
    sums = rams.accumulator_bytes * 8 // _accumulator_bits(layer)
    fit = _Fit(layer, ublock, whole, bounds, rams.ifm_bytes * 8 // layer.bits, sums)
    return _with_next_row(fit, _best_area(fit))


def _best_area(fit: _Fit) -> Size:
    """Return the area, over all depths, that covers most of the output with least waste."""
    least = fit.rows * fit.columns * _DEEP
    flat = fit.layer.spread == (1, 1)
    goal = fit.whole[1] * (fit.whole[2] if flat else fit.whole[0])
    deepest = min(max(fit.sums // least, _DEEP), fit.limit[2])
    best, best_metric = None, math.inf
    for depth in range(_DEEP, deepest + 1, _DEEP):
        area = _area_at(fit, depth, least)
        if area is None:
            break
        height, width = area
        unit = _unit(fit.ublock, depth, fit.layer.bits)[2]
        waste = 1 + (unit - (depth % unit or unit)) / unit / 10
        share = 1 + abs(1 - fit.limit[2] / depth) / 10
        metric = (1 + abs(1 - goal / (width * (depth if flat else height)))) * share * waste
        if metric < best_metric:
            best, best_metric = (height, width, depth), metric
            if depth >= fit.whole[2] and width >= fit.whole[1] and height >= fit.whole[0]:
                return fit.whole
    if best is None:
        raise NoMappingError("ethos-u85: the smallest block does not fit its RAMs")
    return best


def _area_at(fit: _Fit, depth: int, least: int) -> tuple[int, int] | None:
    """Return rows and columns of the output's shape that fit at a depth, shrunk until both buffers hold them."""
    room, aspect = fit.sums, fit.whole[0] / fit.whole[1]
    before, tries = -1, 25
    while True:
        height, width = _shaped(aspect, room // depth, fit.rows, fit.columns)
        height, width = min(height, fit.limit[0]), min(width, fit.limit[1])
        area = height * width
        if width < fit.whole[1]:
            width = _even_tile(fit.whole[1], fit.columns, width)
        height = max(area // width // fit.rows * fit.rows, fit.rows)
        used = width * height * depth
        sums = fit.sums / used
        inputs = fit.inputs / min(fit.needed(height, width, depth), fit.volume(depth))
        if sums >= 1 and inputs >= 1:
            return height, width
        if used == before:
            tries -= 1
            inputs = 0.9 if tries <= 0 else inputs
        before = used
        if inputs < 1 < sums:
            room = min(room, used)
        shrunk = max(int(room // least * min(inputs * inputs, sums)), 0) * least
        shrunk = room - least if shrunk == room else shrunk
        if shrunk <= least:
            return None
        room = shrunk


def _shaped(aspect: float, area: int, rows: int, columns: int) -> tuple[int, int]:
    """Return rows and columns with an aspect, in granules, of at most an area."""
    width = math.sqrt(area / aspect)
    height = width * aspect
    if height < 1:
        width, height = width * height, 1.0
    elif width < 1:
        height, width = height * width, 1.0
    return max(int(height), rows) // rows * rows, max(int(width), columns) // columns * columns


def _even_tile(whole: int, granule: int, tile: int) -> int:
    """Return a tile, at most the one given, whose last piece is largest."""
    if whole % tile == 0:
        return tile
    half = max(_up(whole // (whole // tile + 1), granule), granule)
    first = max(half - 2 * granule, (half + 1) // 2, granule)
    best, rest = tile, whole % tile
    for size in range(tile, first - 1, -granule):
        last = whole % size or size
        if last > rest:
            best, rest = size, last
    return best


def _with_next_row(fit: _Fit, block: Size) -> Size:
    """Return the block, made smaller until the next block's first rows of inputs fit beside it."""
    height, width, depth = block
    forced = 0
    while width < fit.whole[1] or height < fit.whole[0] or depth < fit.whole[2]:
        spare = fit.inputs - fit.needed(height, width, depth)
        if spare >= fit.needed(fit.rows, width, depth):
            break
        unit = _unit(fit.ublock, depth, fit.layer.bits)[2]
        if (height != fit.whole[0] or forced & 2) and height > fit.rows:
            height -= fit.rows
        elif (depth > width or forced & 1) and depth > unit:
            depth -= _DEEP
        elif (width != fit.whole[1] or forced & 4) and width > fit.columns:
            width -= fit.columns
        elif forced != 7:
            forced = forced << 1 | 1
        elif depth > _DEEP:
            depth = max(depth // 2, _DEEP)
        else:
            break
    return height, width, depth
