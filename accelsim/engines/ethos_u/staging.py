"""Whether a layer's weights are first moved to on-chip memory, in which slices, and what of the move is seen.

Weights stay in flash or DRAM, or come to SRAM in slices of output channels, each while the slice before is worked on
(the first under the layer before). The rules are those of the compiler's scheduler (Vela, Apache-2.0), restated: it
compares the layer's cycles, the cycles of reading weights and of reading inputs, with and without the move.
On-chip memory is taken to be large enough for what is proposed; where it is not, the compiler works in stripes of
rows, which is not modelled.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, replace

from accelsim.engines.ethos_u.blocks import Blocks
from accelsim.engines.ethos_u.compute import cycles_of
from accelsim.engines.ethos_u.layer import Layer
from accelsim.engines.ethos_u.machine import BRICK, Memory, Npu, System
from accelsim.engines.ethos_u.traffic import Places, moved_by
from accelsim.engines.ethos_u.weights import UNKNOWN, Encoded, Spread, encoded

__all__ = ["Staging", "move_cycles", "staging_of"]

#: The compiler lets a first layer wait so long for its first slice.
_STARTUP_CYCLES = 1000
#: A middle slice that fills less of a block's depth than this does not pay.
_LEAST_FILL = 0.3


@dataclass(frozen=True, slots=True)
class Staging:
    """What becomes of a layer's weights.

    Attributes:
        code: The coded weights, in the slices taken.
        staged: Whether they are moved to SRAM first.
        early: Whether the first slice comes under the layer before.
        all_cycles: Cycles to move all.
        first_cycles: Cycles to move the first slice.
        buffer_bytes: SRAM they take: of the largest even and the largest odd slice.
        slack_cycles: Cycles of the layer under which the next one's first slice may come.
    """

    code: Encoded
    staged: bool
    early: bool
    all_cycles: int
    first_cycles: int
    buffer_bytes: int
    slack_cycles: int

    @property
    def under_way(self) -> int:
        """Bytes of weights that are moved while the layer runs: all, but for a first slice that came before."""
        whole = sum(self.code.weights)
        return max(whole - self.code.ranges[0], 0) if self.early else whole


@dataclass(frozen=True, slots=True)
class _Case:
    """What is decided about, and the figures that the choice rests on."""

    layer: Layer
    npu: Npu
    system: System
    block: Blocks
    places: Places
    spread: Spread
    slack: int | None
    produced: bool

    @property
    def open(self) -> bool:
        """Whether the layer is the first: nothing runs before it."""
        return self.slack is None

    def code(self, slices: tuple[int, ...]) -> Encoded:
        return encoded(self.layer, self.npu, self.block, slices, self.spread)

    def run(self, depth: int, scales: Memory, *, opens: bool = True, closes: bool = True, clipped: bool = True) -> int:
        """Return cycles of a slice of ``depth`` channels; ``clipped``: of inputs that windows reach alone."""
        part = _slice(self.layer, depth, clipped)
        parts = cycles_of(
            part, self.npu, self.block, self.places, scales=scales, opens=opens, closes=closes
        )  # fmt: skip
        return int(parts.total[0])


def move_cycles(size: int, source: Memory, target: Memory) -> int:
    """Return cycles to move ``size`` bytes from one memory to another."""
    read = math.floor(size / source.bytes_per_cycle) + source.read_latency
    written = math.floor(size / target.bytes_per_cycle) + target.write_latency
    return max(read, written)


def read_cycles(size: int, memory: Memory) -> int:
    """Return cycles to read ``size`` bytes."""
    return math.floor(size / memory.bytes_per_cycle + memory.read_latency)


def staging_of(
    layer: Layer,
    npu: Npu,
    system: System,
    block: Blocks,
    places: Places,
    *,
    spread: Spread = UNKNOWN,
    slack: int | None = None,
    produced: bool = False,
    allowed: bool = True,
) -> Staging:
    """Return what becomes of a layer's weights.

    Args:
        layer: A layer with weights.
        npu: The machine.
        system: Its memories.
        block: The block chosen, alone.
        places: Where feature maps lie before they are moved on chip.
        spread: How weights are distributed.
        slack: Cycles of the layer before, under which weights may come; ``None`` of a network's first layer.
        produced: Whether another layer makes the input, so that it too can lie on chip.
        allowed: Whether they may be moved at all.
    """
    case = _Case(layer, npu, system, block, places, spread, slack, produced)
    whole = case.code((0, layer.ofm[2]))
    every = move_cycles(whole.total, system.weights, system.sram)
    own = case.run(layer.ofm[2], system.weights, clipped=False)
    unmoved = Staging(whole, False, False, every, 0, 0, own)
    if system.weights is system.sram or not allowed:
        return unmoved
    reads = int(moved_by(layer, npu, block, places).weight_reads[0])
    seen_far = read_cycles(whole.total, system.weights) * reads
    seen_near = read_cycles(whole.total, system.sram) * reads
    if seen_near >= seen_far or not _worth_trying(case, every, reads, seen_near, seen_far):
        return unmoved
    first = case.run(layer.ofm[2], system.weights)
    slices = _slices(case, whole, every, dominated=first > seen_far)
    if slices is None:
        return unmoved
    code = case.code(slices) if len(slices) > 2 else whole
    return _if_better(case, unmoved, code, reads, first, seen_far, every)


def _worth_trying(case: _Case, every: int, reads: int, near: int, far: int) -> bool:
    """Return whether moving could pay: quick enough, or hidden under the layer before, or under the layer's slices."""
    depth = case.layer.ofm[2]
    smallest = int(every * (min(depth, BRICK) / depth))
    slack = case.slack or 0
    if _forced(case, every, reads, far) or near + max(every - slack, 0) < far:
        return True
    return depth // int(case.block.ofm[0, 2]) > 2 or (not case.open and smallest < slack and reads > 1)


def _forced(case: _Case, every: int, reads: int, far: int) -> bool:
    """Return whether a network's first layer moves its first slice before anything runs."""
    smallest = int(every * (min(case.layer.ofm[2], BRICK) / case.layer.ofm[2]))
    return case.open and reads > 1 and (smallest < far / 10 or smallest <= _STARTUP_CYCLES)


def _slices(case: _Case, whole: Encoded, every: int, *, dominated: bool) -> tuple[int, ...] | None:
    """Return first channels of the slices and the number of channels, or ``None`` if slices would not fill blocks."""
    depth, block = case.layer.ofm[2], int(case.block.ofm[0, 2])
    ratio = _first_share(depth, case.slack or 0, every, dominated=dominated)
    if ratio >= 1.0:
        return whole.slices
    early = max(int(depth * ratio) // BRICK * BRICK, BRICK)
    if early >= depth:
        return whole.slices
    under = case.run(early, case.system.sram, closes=False, clipped=False)
    later = max(int(depth * under / every), BRICK)
    later = -(-later // block) * block
    granule = block if later > block else BRICK
    later = max(later // granule * granule, BRICK)
    slices = (0, *range(early, depth, later), depth)
    fill = later / (-(-later // block) * block)
    if len(slices) > 3 and fill < _LEAST_FILL and dominated:
        return None
    return slices


def _first_share(depth: int, slack: int, every: int, *, dominated: bool) -> float:
    """Return the share of the channels that the first slice takes: what can come under the layer before."""
    least = min(BRICK / depth, 1.0)
    hidden = min(slack / every, 1.0)
    aligned = math.floor(hidden / least) * least
    share = 1.0 if 1.0 - aligned < least / 2 else hidden
    if dominated and 0.5 < share < 1.0:
        half = -(-math.floor(depth * 0.5) // BRICK) * BRICK / depth
        share = min(max(half, 0.5), 1.0)
    return max(share, least)


def _if_better(
    case: _Case, unmoved: Staging, code: Encoded, reads: int, run: int, far: int, every: int
) -> Staging:  # fmt: skip
    """Return the staging, unless the layer with it is slower than with its weights left where they are."""
    system = case.system
    usable = _STARTUP_CYCLES if _forced(case, every, reads, far) else 0
    seen, cycles, last = _sliced_run(case, code, case.slack if case.slack is not None else usable)
    weight_reads = reads * (len(code.slices) - 1)
    near = read_cycles(sum(size * reads for size in code.ranges) // weight_reads, system.sram) * weight_reads
    inputs = _input_cycles(case, code.slices, system.sram if case.produced else case.places.ifm)
    far_read = read_cycles(unmoved.code.total * reads // reads, system.weights) * reads
    before = max(run, far_read, inputs)
    after = max(cycles + seen, near, inputs)
    if run > far:
        count = len(code.slices) - 1
        bound = after == cycles + seen
        if seen // count < _STARTUP_CYCLES:
            after -= seen
        if count > 1 and cycles + seen == after and bound and _forced(case, every, reads, far):
            after -= count * (_STARTUP_CYCLES // 2)
    if before < after or (reads == 1 and every + near > before):
        return unmoved
    several = len(code.slices) > 2
    slack = last
    return Staging(
        code=code,
        staged=True,
        early=case.slack is not None,
        all_cycles=every,
        first_cycles=move_cycles(code.ranges[0], system.weights, system.sram),
        buffer_bytes=sum(code.parts) if several else code.total,
        slack_cycles=slack,
    )


def _sliced_run(case: _Case, code: Encoded, slack: int) -> tuple[int, int, int]:
    """Return cycles of moves that are seen, cycles of all slices, and of the last."""
    system = case.system
    depths = [end - begin for begin, end in itertools.pairwise(code.slices)]
    seen = cycles = last = 0
    known: dict[tuple[int, bool, bool], int] = {}  # middle slices are alike
    for place, (depth, size) in enumerate(zip(depths, code.ranges, strict=True)):
        opens, closes = place == 0, place == len(depths) - 1
        if (depth, opens, closes) not in known:
            known[depth, opens, closes] = case.run(depth, system.sram, opens=opens, closes=closes)
        last = known[depth, opens, closes]
        seen += max(move_cycles(size, system.weights, system.sram) - slack, 0)
        cycles += last
        slack = last if len(depths) > 1 else 0
    return seen, cycles, last


def _input_cycles(case: _Case, slices: tuple[int, ...], memory: Memory) -> int:
    """Return cycles to read the inputs of all slices."""
    depths = Counter(end - begin for begin, end in itertools.pairwise(slices))
    total = 0
    for depth, times in depths.items():
        part = _slice(case.layer, depth, clipped=True)
        read = int(moved_by(part, case.npu, case.block, case.places).ifm_elements[0])
        total += read * times * (part.bits // 8)
    return read_cycles(total, memory)


def _slice(layer: Layer, depth: int, clipped: bool) -> Layer:
    """Return the layer with ``depth`` outputs a pixel, and the input rows and columns that its windows reach."""
    high, wide, deep = layer.ifm
    if clipped:
        reach = [
            (size - 1) * step + span for size, step, span in zip(layer.ofm[:2], layer.stride, layer.spread, strict=True)
        ]
        high, wide = min(high, reach[0]), min(wide, reach[1])
    return replace(layer, ifm=(high, wide, deep), ofm=(*layer.ofm[:2], depth))
