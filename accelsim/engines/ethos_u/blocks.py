"""Blocks of outputs that fit the shared buffer of an Ethos-U55 or -U65, and the one the compiler takes.

A block of outputs needs the inputs its windows see, twice (the next block's come while this one is worked on), and an
accumulator for each output, twice too. Inputs lie at the start of the SHRAM behind the banks of finished outputs,
accumulators at the end before the look-up tables; both are rounded up to granules of banks. Element-wise ops have no
accumulators; the place of a second input takes as much again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.engines.ethos_u.layer import Activation, Kind, Layer
from accelsim.engines.ethos_u.machine import BRICK, SUB_KERNEL, Shram, Size
from accelsim.errors import NoMappingError

__all__ = [
    "Blocks",
    "Integers",
    "choose",
    "divided",
    "frozen",
    "grid",
    "ranked",
    "rounded",
    "shram_blocks",
    "wide_accumulators",
    "windows",
]

Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

#: The compiler breaks ties between blocks of at most so many rows and columns by how much of the input they cover.
_SMALL = 4
_TABLE_BANKS = 2


def divided(value: Integers, by: Integers | int) -> Integers:
    """Return quotients, rounded up."""
    return -(-value // by)


def rounded(value: Integers, granule: int) -> Integers:
    """Return values rounded up to a granule."""
    return divided(value, granule) * granule


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one layer that fit, by depth, then height, then width.

    Attributes:
        ofm: Outputs of a block, ``(n, 3)``: height, width, depth.
        ifm: Inputs it sees, ``(n, 3)``, whole micro-blocks.
        room: Share of the buffers it takes, in SHRAM banks of one core or bytes of RAM, ``(n,)``.
        fetched: Elements fetched for each output, as the compiler ranks blocks, ``(n,)``.
        chosen: Place of the block the compiler takes.
        ublock: Outputs worked on at once.
    """

    ofm: Integers
    ifm: Integers
    room: Integers
    fetched: Singles
    chosen: int
    ublock: Size

    def pick(self, place: int | None = None) -> Blocks:
        """Return one block alone: the chosen one unless told otherwise."""
        at = self.chosen if place is None else place
        one = slice(at, at + 1)
        return Blocks(self.ofm[one], self.ifm[one], self.room[one], self.fetched[one], 0, self.ublock)


def shram_blocks(layer: Layer, name: str, shram: Shram) -> Blocks:
    """Return all blocks of a layer that fit the shared buffer.

    Raises:
        NoMappingError: Not even the smallest block fits.
    """
    ofm = grid(layer, shram.ofm_ublock, shram.block_limit)
    ifm = windows(layer, ofm, shram.ofm_ublock, ofm[:, 2] if layer.equal_depth else _ifm_depth(layer))
    seen = ofm.copy()
    if shram.ofm_ublock[0] == 2 and layer.ofm[0] == 1 and layer.kernel[0] == 1:
        seen[:, 0] = 1  # a single row: the second row of micro-blocks is folded into the width
    banks = _banks(layer, shram, seen, ifm)
    fits = banks <= shram.banks
    if not fits.any():
        least = f"{int(banks.min())} banks; there are {shram.banks}"
        raise NoMappingError(f"{name}: the smallest block takes {least}")
    ofm, ifm, seen, banks = ofm[fits], ifm[fits], seen[fits], banks[fits]
    fetched = ranked(layer, ofm, ifm, seen)
    chosen = choose(layer, ofm, ifm, fetched)
    return frozen(Blocks(ofm, ifm, banks, fetched, chosen, _ublock(layer, shram.ofm_ublock)))


def frozen(blocks: Blocks) -> Blocks:
    """Return blocks whose arrays nobody can change, because they are kept."""
    for part in (blocks.ofm, blocks.ifm, blocks.room, blocks.fetched):
        part.flags.writeable = False
    return blocks


def _ublock(layer: Layer, size: Size) -> Size:
    """Return the micro-block: of a single even row under a flat kernel, four pixels of it instead of two rows."""
    flat = layer.ofm[0] == 1 and layer.ofm[1] % 2 == 0 and layer.kernel[0] == 1
    if size[0] == 2 and flat and layer.kind in (Kind.CONVOLUTION, Kind.FULLY_CONNECTED):
        return (1, 4, size[2])
    return size


def grid(layer: Layer, steps: Size, limit: Size) -> Integers:
    """Return blocks to try: whole micro-blocks, depths in steps of 16 until the last."""
    ends = [-(-min(size, most) // step) * step for size, most, step in zip(layer.ofm, limit, steps, strict=True)]
    depths = []
    depth = _stepped(max(steps[2], min(ends[2], BRICK)), layer.ofm[2])
    while depth <= ends[2]:
        depths.append(depth)
        depth = _stepped(depth + steps[2], layer.ofm[2])
    heights, widths = (np.arange(steps[axis], ends[axis] + 1, steps[axis], dtype=np.int64) for axis in (0, 1))
    places = np.meshgrid(np.array(depths, dtype=np.int64), heights, widths, indexing="ij")
    return np.stack([places[1], places[2], places[0]], axis=-1).reshape(-1, 3)


def _stepped(depth: int, whole: int) -> int:
    return -(-depth // BRICK) * BRICK if depth < whole else depth


def windows(layer: Layer, ofm: Integers, granule: Size, depth: Integers | int) -> Integers:
    """Return the inputs that blocks see, rounded up to a granule of rows and columns."""
    ifm = np.empty_like(ofm)
    for axis in (0, 1):
        span = (ofm[:, axis] - 1) * layer.stride[axis] + min(layer.spread[axis], SUB_KERNEL)
        ifm[:, axis] = rounded(span, granule[axis])
    ifm[:, 2] = depth
    return ifm


def _ifm_depth(layer: Layer) -> int:
    if layer.bits == 16:
        return -(-min(layer.ifm[2], 16) // 4) * 4
    return -(-min(layer.ifm[2], 16 if layer.part_kernel_first else 32) // 8) * 8


def wide_accumulators(layer: Layer) -> bool:
    """Return whether accumulators have 40 bits, as sums of 16-bit products need, not 32."""
    return layer.bits == 16 and layer.macs > 0


def _banks(layer: Layer, shram: Shram, ofm: Integers, ifm: Integers) -> Integers:
    width = layer.bits // 8
    one = divided(ifm[:, 0] * ifm[:, 1] * rounded(ifm[:, 2] * width, 8), shram.bank_bytes) * 2
    inputs = rounded(one, shram.granules.ifm_32bit if layer.bits == 32 else shram.granules.ifm)
    if layer.elementwise:
        working = inputs  # kept for a second input, whether there is one or not
    else:
        wide, granules = wide_accumulators(layer), shram.granules
        bits, granule = (40, granules.wide_accumulator) if wide else (32, granules.accumulator)
        held = ofm[:, 0] * ofm[:, 1] * rounded(ofm[:, 2], 8) * bits // 8
        working = rounded(divided(held, shram.bank_bytes) * 2, granule)
    tables = max(shram.end_banks, _TABLE_BANKS if layer.activation is Activation.LOOK_UP else 0)
    return shram.output_banks + inputs + working + tables


def ranked(layer: Layer, ofm: Integers, ifm: Integers, seen: Integers) -> Singles:
    """Return elements fetched for each output, in single precision as the compiler has them (ties depend on it)."""
    single = np.float32
    outputs = single(np.prod(layer.ofm))
    if layer.elementwise:
        return _favoured(layer, ifm, outputs / ofm.prod(axis=1).astype(single))
    whole = np.array(layer.ofm, dtype=np.int64)
    shares: Singles = np.divide(whole.astype(single), seen.astype(single), dtype=single)
    tiles = divided(whole, seen)
    taps = layer.kernel[0] * layer.kernel[1] if layer.kind in (Kind.CONVOLUTION, Kind.DEPTHWISE) else 0
    weights: Singles = (taps * layer.ifm[2] * tiles[:, 0] * tiles[:, 1]).astype(single)
    if layer.kind is not Kind.DEPTHWISE:
        weights = np.multiply(weights, shares[:, 2] * seen[:, 2].astype(single), dtype=single)
    pieces = -(-layer.spread[0] // SUB_KERNEL) * -(-layer.spread[1] // SUB_KERNEL)
    inputs = (ifm[:, 0] * ifm[:, 1] * layer.ifm[2] * pieces).astype(single) * shares[:, 1] * shares[:, 0]
    if not layer.equal_depth:
        inputs = inputs * tiles[:, 2].astype(single)
    return _favoured(layer, ifm, (inputs + weights) / outputs)


def _favoured(layer: Layer, ifm: Integers, fetched: Singles) -> Singles:
    """Halve the figure of blocks whose two input buffers hold the whole input."""
    whole = int(np.prod(layer.ifm))
    return np.where(whole < 2 * ifm.prod(axis=1), fetched / np.float32(2), fetched).astype(np.float32)


def choose(layer: Layer, ofm: Integers, ifm: Integers, fetched: Singles) -> int:
    """Return the first block that fetches least; among later small ones that equal it, the last that covers most."""
    ties = np.flatnonzero(fetched == fetched.min())
    later = ties[1:]
    small = later[(ofm[later, 0] <= _SMALL) & (ofm[later, 1] <= _SMALL)]
    if not small.size:
        return int(ties[0])
    covered = np.minimum(ifm[small, 0], layer.ifm[0]) * np.minimum(ifm[small, 1], layer.ifm[1])
    return int(small[np.flatnonzero(covered == covered.max())[-1]])
