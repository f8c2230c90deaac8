"""Bytes of a layer's weights as the hardware reads them: coded, padded to its traversal, cut into slices of channels.

The stream (facts of the open encoder in ``nxp-imx/ethos-u-vela``, Apache-2.0): weights in the order the multipliers
want them, zeros where a micro-block, a group of channels or of taps is not full. Each weight becomes a number - twice
its size, odd if negative - coded as Golomb and Rice do: ``n >> k`` ones and a zero, then ``k`` bits, with the best
``k`` up to 5; or plainly, where that is shorter. Where zeros are over four times as frequent as any other value they
are coded apart, as a run before each weight. Where 32 values make up more than half of all weights, a palette of them
comes first.

The law: how many bits that takes on average if weights are drawn from a rounded normal distribution of a given spread.
Of a small stream the palette's share is the expected share of the 32 values that happen to be frequent (draws of each
value are Poisson distributed). A stream is rounded up to 16 bytes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.engines.ethos_u.blocks import Blocks
from accelsim.engines.ethos_u.layer import Kind, Layer
from accelsim.engines.ethos_u.machine import BRICK, SCALE_BYTES, SUB_KERNEL, Npu, Rams
from accelsim.errors import InputError, Problem, shown

__all__ = ["UNKNOWN", "Encoded", "Spread", "encoded"]

_Floats = npt.NDArray[np.float64]

_MOST = 127
_LIMIT = 255
_PALETTE = 32
_ZERO_RUN_FACTOR = 4
_HEADER_BITS, _PALETTE_HEADER_BITS, _END_BITS = 23, 13, 3
_SLICE_WEIGHTS = 32767
_CHUNK_BITS = 12
_LARGEST_QUOTIENT = 31
#: Streams longer than this are taken to have every value as often as expected.
_LARGE = 8192


@dataclass(frozen=True, slots=True)
class Spread:
    """Distribution of a layer's weights, as whole numbers.

    Attributes:
        deviation: Standard deviation of a normal distribution, cut off at 127.
        measured: Chances of 0, +1, -1, +2, ... where the weights are known; they replace the normal distribution.
    """

    deviation: float = 30.0
    measured: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.deviation) and self.deviation > 0):
            problem = Problem(field="ethos_u.weights.deviation", got=shown(self.deviation), allowed="a positive number")
            raise InputError([problem])

    @classmethod
    def of(cls, weights: npt.ArrayLike) -> Spread:
        """Return the distribution of known weights: whole numbers, the zero point already taken off.

        Raises:
            InputError: There are none, or one is not a whole number from -255 to 255.
        """
        values = np.asarray(weights).ravel()
        whole = values.astype(np.int64)
        if not values.size or np.any(whole != values) or np.any(np.abs(whole) > _LIMIT):
            allowed = f"whole numbers from {-_LIMIT} to {_LIMIT}"
            raise InputError([Problem(field="ethos_u.weights", got=f"{values.size} values", allowed=allowed)])
        places = np.where(whole > 0, 2 * whole - 1, -2 * whole)
        chances = np.bincount(places, minlength=2 * _MOST + 1) / values.size
        return cls(float(max(values.std(), 1e-9)), tuple(chances.tolist()))


#: Taken if nothing is known: what symmetric 8-bit scales leave if the largest weight is about four deviations out.
UNKNOWN = Spread()


@dataclass(frozen=True, slots=True)
class Encoded:
    """Coded weights of a layer.

    Attributes:
        slices: First channels of the slices, and the number of all channels.
        weights: Bytes of each slice's weights.
        scales: Bytes of each slice's biases and scales.
    """

    slices: tuple[int, ...]
    weights: tuple[int, ...]
    scales: tuple[int, ...]

    @property
    def ranges(self) -> tuple[int, ...]:
        """Bytes of each slice."""
        return tuple(weight + scale for weight, scale in zip(self.weights, self.scales, strict=True))

    @property
    def total(self) -> int:
        """Bytes of all slices."""
        return sum(self.ranges)

    @property
    def parts(self) -> tuple[int, int]:
        """Bytes of the two halves of a double buffer: the largest of the even and of the odd slices."""
        return max(self.ranges[::2]), max(self.ranges[1::2], default=0)


def encoded(layer: Layer, npu: Npu, blocks: Blocks, slices: tuple[int, ...], spread: Spread) -> Encoded:
    """Return the coded size of a layer's weights.

    Args:
        layer: A layer with weights.
        npu: The machine; each core reads a stream of its own, of every so many-th channel.
        blocks: The block chosen, alone; weights are ordered by its depth.
        slices: First channels of the slices, and the number of all channels.
        spread: How weights are distributed.
    """
    known: dict[int, tuple[int, int]] = {}  # most slices are alike
    sizes = []
    for begin, end in itertools.pairwise(slices):
        depth = end - begin
        if depth not in known:
            streams = [_stream(layer, npu, blocks, depth, core, spread) for core in range(npu.weight_streams)]
            known[depth] = (sum(weight for weight, _ in streams), sum(scale for _, scale in streams))
        sizes.append(known[depth])
    weights, scales = zip(*sizes, strict=True)
    return Encoded(slices, weights, scales)


def _stream(layer: Layer, npu: Npu, blocks: Blocks, channels: int, core: int, spread: Spread) -> tuple[int, int]:
    """Return bytes of weights and of scales that one core reads for a slice of ``channels``."""
    mine = max(0, -(-(channels - core) // npu.weight_streams))
    if not mine:
        return 0, 0
    step = max(blocks.ublock[2] if npu.cores > 1 else blocks.ublock[2] // npu.weight_streams, 1)
    block = int(blocks.ofm[blocks.chosen, 2])
    share = max(1, -(-(block - core) // npu.weight_streams))
    whole, rest = divmod(mine, share)
    ublocks = whole * -(-share // step) + -(-rest // step)
    layout = _layout(layer, _order(layer, npu, blocks), step, mine, ublocks)
    return _aligned(_bits(layout, spread)), _aligned(8 * SCALE_BYTES * mine)


def _aligned(bits: float) -> int:
    return -(-math.ceil(bits / 8) // BRICK) * BRICK


@dataclass(frozen=True, slots=True)
class _Layout:
    """Values of a stream.

    Attributes:
        weights: Real weights.
        runs: Lengths of runs of padding and how often each comes.
    """

    weights: int
    runs: tuple[tuple[int, int], ...]

    @property
    def padding(self) -> int:
        """Padding zeros."""
        return sum(length * count for length, count in self.runs)


@dataclass(frozen=True, slots=True)
class _Order:
    """How a machine wants its weights.

    Attributes:
        by_taps: Whether taps are fed side by side.
        tap_round: Taps of a piece of a kernel are filled up to whole groups of so many.
        group: Input channels of one step.
        block: Input channels are filled up to whole blocks of so many.
    """

    by_taps: bool
    tap_round: int
    group: int
    block: int


def _order(layer: Layer, npu: Npu, blocks: Blocks) -> _Order:
    if isinstance(npu.buffers, Rams):
        by_taps, block = layer.kernel_first, int(blocks.ifm[0, 2])
        together = 10 if layer.kind is Kind.DEPTHWISE or layer.bits == 16 else 5
        return _Order(by_taps, together, 16 if by_taps else 8, 16 if by_taps else block)
    by_taps, wide = layer.part_kernel_first, layer.bits == 16
    together = 2 if wide and by_taps else 4
    return _Order(by_taps, together, 8, 8 if by_taps else 16 if wide else 32)


@lru_cache(maxsize=4096)
def _layout(layer: Layer, order: _Order, step: int, channels: int, ublocks: int) -> _Layout:
    """Return what the stream of ``channels`` outputs, in ``ublocks`` micro-blocks of ``step`` of them, is made of."""
    taps = math.prod(layer.kernel)
    rows, columns = ([min(size - at, SUB_KERNEL) for at in range(0, size, SUB_KERNEL)] for size in layer.kernel)
    pieces = [row * column for row in rows for column in columns]
    missing = ublocks * step - channels
    if layer.kind is Kind.DEPTHWISE:
        runs = [(-piece % order.tap_round * step, ublocks) for piece in pieces] + [(missing, taps)]
        return _Layout(channels * taps, _runs(runs))
    depth, group = layer.ifm[2], order.group
    groups, odd = -(-depth // group), -depth % group
    runs = [(odd, channels * taps), (missing * group, taps * groups)]
    if order.by_taps:
        runs += [(-piece % order.tap_round * group * step, ublocks * groups) for piece in pieces]
    else:
        empty = -(groups * group) % order.block
        runs += [(empty * step, ublocks * taps)]
    return _Layout(channels * taps * depth, _runs(runs))


def _runs(runs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((length, count) for length, count in runs if length and count)


@lru_cache(maxsize=4096)
def _bits(layout: _Layout, spread: Spread) -> float:
    """Return the expected bits of a stream."""
    chances = _chances(spread)
    counts = chances * layout.weights
    naught = float(counts[0])
    zeros = naught + layout.padding
    apart = zeros > _ZERO_RUN_FACTOR * _most_frequent(counts[1:])
    counts[0] = 0.0 if apart else zeros
    coded = float(counts.sum())
    headers = -(-coded // _SLICE_WEIGHTS) * _HEADER_BITS + _PALETTE_HEADER_BITS + _END_BITS + _CHUNK_BITS / 2
    bits = headers + _weight_bits(counts, skipped=2 if apart else 0)
    return bits + (_run_bits(layout.runs, naught / layout.weights, coded) + _CHUNK_BITS / 2 if apart else 0.0)


@lru_cache(maxsize=1024)
def _chances(spread: Spread) -> _Floats:
    """Return chances of 0, +1, -1, ...: measured, or of a rounded normal distribution, 127 standing for all above."""
    if spread.measured is not None:
        return np.array(spread.measured)
    edges = (np.arange(1, _MOST + 1) - 0.5) / (spread.deviation * math.sqrt(2))
    inside = np.array([math.erf(edge) for edge in edges])
    one_side = np.diff(np.append(inside, 1.0)) / 2
    chances = np.empty(2 * _MOST + 1)
    chances[0] = inside[0]
    chances[1::2] = chances[2::2] = one_side
    return chances


def _values(size: int) -> _Floats:
    """Return the numbers that stand for 0, +1, -1, ...: 0, 2, 3, 4, ... (1 would be a negative zero)."""
    values = np.arange(1, size + 1, dtype=np.float64)
    values[0] = 0.0
    return values


def _most_frequent(expected: _Floats) -> float:
    """Return how often the most frequent of values comes that are each expected so often: as many as not reach it."""
    top = float(expected.max(initial=0.0))
    if top <= _LARGE / len(expected):
        frequencies, _ = _frequencies(expected)
        reached = np.cumsum(frequencies.sum(axis=1)[::-1])[::-1]
        return float(max(np.flatnonzero(reached >= 0.5), default=0))
    # Counts are nearly normal: step up from the largest mean until less than half a value is expected there.
    steps = np.linspace(0.0, 4.0, 81)
    means = expected[expected > top / 4]
    ahead = (top + steps[:, None] * math.sqrt(top) - means) / np.sqrt(means)
    above = (np.exp(-0.717 * ahead - 0.416 * ahead**2) / 2).sum(axis=1)  # the tail of a normal distribution, within 1 %
    return top + math.sqrt(top) * float(steps[above >= 0.5].max(initial=0.0))


def _frequencies(expected: _Floats) -> tuple[_Floats, _Floats]:
    """Return chances that a value comes ``c`` times, ``(c, values)``, and the counts ``c``."""
    most = int(expected.max(initial=0.0) + 6 * math.sqrt(expected.max(initial=0.0)) + 8)
    counts = np.arange(most + 1, dtype=np.float64)
    factorials = np.array([math.lgamma(count + 1) for count in counts])
    with np.errstate(divide="ignore"):
        logs = np.log(expected)
    rates = counts[:, None] * np.where(np.isfinite(logs), logs, -700.0)[None, :] - expected - factorials[:, None]
    return np.exp(rates), counts


def _weight_bits(counts: _Floats, skipped: int) -> float:
    """Return bits of weights that come ``counts`` times each: with a palette if that holds more than half of them."""
    total = float(counts.sum())
    if not total:
        return 0.0
    values = _values(len(counts)) - skipped
    held, share, places = _palette(counts)
    width = max(2.0, math.ceil(math.log2(_largest(values, counts) + skipped + 1)))
    if share <= 0.5 * total:
        return min(total * width, _rice(values, counts))
    size = float(np.count_nonzero(places))
    left = counts - held
    direct = _rice(np.concatenate([np.arange(len(places)), values + size]), np.concatenate([places, left]))
    return direct + size * width


def _palette(counts: _Floats) -> tuple[_Floats, float, _Floats]:
    """Return what a palette holds: counts by value, in all, and by place in the palette."""
    total = float(counts.sum())
    if total > _LARGE:
        order = np.argsort(-counts, kind="stable")[:_PALETTE]
        held = np.zeros_like(counts)
        held[order] = counts[order]
        return held, float(held.sum()), counts[order]
    chances, times = _frequencies(counts)
    # From the most frequent counts down: so many values have each, until the palette is full.
    having = chances.sum(axis=1)
    above = np.cumsum(having[::-1])[::-1] - having
    taken = np.clip(_PALETTE - above, 0.0, having)
    taken[0] = 0.0
    share = np.divide(taken, having, out=np.zeros_like(having), where=having > 0)
    held = (share * times) @ chances
    by_place = np.interp(np.arange(_PALETTE) + 0.5, np.cumsum(taken[::-1]), times[::-1])
    by_place[np.arange(_PALETTE) >= taken.sum()] = 0.0
    scale = held.sum() / by_place.sum() if by_place.sum() else 0.0
    return held, float(held.sum()), by_place * scale


def _largest(values: _Floats, counts: _Floats) -> float:
    """Return the largest value to be expected: as many as not reach it."""
    order = np.argsort(values)
    reached = np.cumsum(counts[order][::-1])[::-1]
    return float(values[order][reached >= 0.5].max(initial=1.0))


def _rice(values: _Floats, counts: _Floats) -> float:
    """Return bits of values in the best Golomb-Rice code whose unary part reaches the largest."""
    largest = _largest(values, counts)
    best = math.inf
    for divider in range(6):
        if largest // 2**divider <= _LARGEST_QUOTIENT:
            best = min(best, float((np.floor(np.maximum(values, 0) / 2**divider) + 1 + divider) @ counts))
    return best


def _run_bits(runs: tuple[tuple[int, int], ...], chance: float, weights: float) -> float:
    """Return bits of the runs of zeros, one before each weight and one at the end.

    ``chance`` is that of a weight to be zero: runs of such zeros have the lengths of a geometric distribution.
    """
    best = math.inf
    for divider in range(4):
        longer = min(chance, 1 - 1e-9) ** (2**divider)
        own = weights * longer / (1 - longer)
        padding = sum((length >> divider) * count for length, count in runs)
        best = min(best, (weights + 1) * (1 + divider) + own + padding)
    return best
