"""How a layer is cut into processing passes on a row-stationary array, and what a pass takes.

The words are those of Chen et al. (ISCA 2016; JSSC 52(1), 2017). A *PE set* of ``R`` filter rows x ``e`` output rows
does one 2-D convolution: a PE slides one filter row over one input row, and sums go up the set's columns. ``r`` sets
add up different channels, ``t`` sets make different kernels. A PE interleaves ``p`` kernels and ``q`` channels in its
pads. In a *pass* the array works on ``n`` images, ``e`` output rows, ``p t`` kernels and ``q r`` channels; sums of
``m`` kernels stay in the global buffer until all channels are done.

**Where sets go** (JSSC): below each other in bands of ``R`` rows, and side by side; a set wider than the
array is folded into strips, each in a band of its own.

**Which mapping**: an access to DRAM costs 200 times a MAC, so (n, m, e) are those with the fewest DRAM accesses that
the banks allow; what they leave open (p, q, r, t) is a list of candidates. For AlexNet they are as published.

**Cycles of a pass.** Nothing of a pass overlaps with the next, because its weights fill the pads:

    weights of the pass in      p t q r R S / filter words per cycle
    the first windows in        input rows x q r S / input words per cycle
    n F columns of outputs      max(n F a + b, a + n F b), a pipeline of two stages; at least the time of all inputs
                                a = p q S cycles of MACs, b = e t p partial sums / sum words per cycle
    up the columns              R r

``F`` outputs a row, ``S`` taps a row. The second stage is a limit of its own where PEs interleave few channels: each
pass fetches and returns a partial sum for ``q r R S`` MACs. No constant is fitted. On the chip's AlexNet layers it is
within 2.7 % in the mean (JSSC, processing latency).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dims import Dim
from accelsim.engines.plane import Plane
from accelsim.engines.row_stationary.machine import RowStationary
from accelsim.errors import InputError, NoMappingError, Problem, shown
from accelsim.workload.ops import Op

__all__ = ["Passes", "Shape", "best", "shape_of", "traverse", "unsupported"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_KINDS = ("convolution", "fully_connected", "matmul")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Plane):
    """An op as the array sees it.

    Planes are images, and filter planes are channels; so are the parts of a filter with more rows than the array or
    wider than the input pad: taps are those of one part.

    Attributes:
        stride: Step down.
        dilation: Distance of taps, down.
        reach: Input columns, padding counted, that an output row sees.
    """

    stride: int
    dilation: int
    reach: int

    def window(self, rows: Ints) -> Ints:
        """Return the input rows, padding counted, that so many output rows see."""
        return (rows - 1) * self.stride + (self.filter_rows - 1) * self.dilation + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Passes:
    """Candidate mappings of one op; every array has one entry a candidate.

    Attributes:
        n: Images of a pass.
        m: Kernels whose sums stay in the buffer.
        e: Output rows of a pass.
        p: Kernels a PE interleaves.
        q: Channels a PE interleaves.
        r: Sets that add up different channels.
        t: Sets that make different kernels.
        active_pes: PEs that work in a full pass.
        passes: Passes of the whole op.
        cycles: Cycles of the whole op.
        room_words: Words of the buffer's banks in use.
    """

    n: Ints
    m: Ints
    e: Ints
    p: Ints
    q: Ints
    r: Ints
    t: Ints
    active_pes: Ints
    passes: Ints
    cycles: Floats
    room_words: Ints

    def __len__(self) -> int:
        return len(self.n)


def unsupported(op: Op, word_bits: int) -> str | None:
    """Return why an array with words of so many bits cannot run an op; ``None`` if it can."""
    if op.kind not in _KINDS:
        return f"the array runs {', '.join(_KINDS)}, not {op.kind}"
    widest = max(op.bits.W, op.bits.I)
    return None if widest <= word_bits else f"its words have {word_bits} bits, not {widest}"


def shape_of(op: Op, machine: RowStationary) -> Shape:
    """Return the op as the array sees it.

    Raises:
        InputError: The array cannot run it (``unsupported``).
    """
    reason = unsupported(op, machine.word_bits)
    if reason is not None:
        raise InputError(Problem(field=f"row_stationary.{op.kind}", message=reason, got=shown(op.label)))
    size = op.size
    down = -(-size(Dim.FY) // machine.rows)
    across = -(-size(Dim.FX) // min(machine.input_spad_words, machine.filter_spad_words))
    return Shape(
        images=size(Dim.B) * size(Dim.OZ),
        groups=size(Dim.G),
        kernels=size(Dim.K),
        channels=size(Dim.C) * size(Dim.FZ) * down * across,
        rows=size(Dim.OY),
        columns=size(Dim.OX),
        filter_rows=-(-size(Dim.FY) // down),
        filter_columns=-(-size(Dim.FX) // across),
        stride=op.stride[1],
        dilation=op.dilation[1],
        reach=op.span(2, size(Dim.OX)),
    )


def traverse(op: Op, machine: RowStationary) -> Passes:
    """Return the mappings of an op that need the fewest DRAM accesses.

    Raises:
        InputError: The array cannot run the op.
        NoMappingError: The sums of one row and one kernel do not fit the buffer.
    """
    shape = shape_of(op, machine)
    outer = _fewest_fetches(shape, machine)
    table = np.concatenate([_inner(shape, machine, *choice) for choice in outer])
    n, m, e, p, q, r, t = table.T
    banks = _banks(shape, machine, n, m, e, q * r)
    weights = p * t * q * r * shape.filter_rows * shape.filter_columns
    fits = (banks <= machine.banks) & ((weights <= machine.filter_buffer_words) | (p * t * q * r == 1))
    n, m, e, p, q, r, t = table[fits].T
    passes = _count(shape.kernels, m, p * t) * -(-shape.channels // (q * r)) * shape.groups
    return Passes(
        n=n,
        m=m,
        e=e,
        p=p,
        q=q,
        r=r,
        t=t,
        active_pes=shape.filter_rows * e * r * t,
        passes=passes * -(-shape.images // n) * -(-shape.rows // e),
        cycles=passes * _cycles(shape, machine, n, e, p, q, r, t),
        room_words=banks[fits] * machine.bank_words,
    )


def best(passes: Passes, energies: Floats) -> int:
    """Return the place of the candidate with the least product of energy and cycles."""
    return int(np.argmin(energies * passes.cycles))


def _sets(shape: Shape, machine: RowStationary, e: int) -> int:
    """Return how many sets of ``e`` output rows the array has room for; wide ones are folded into strips."""
    bands = machine.rows // shape.filter_rows
    if e <= machine.columns:
        return bands * (machine.columns // e)
    return bands // -(-e // machine.columns)


def _fewest_fetches(shape: Shape, machine: RowStationary) -> list[tuple[int, int, int]]:
    """Return all (n, m, e) that fit the buffer and read the least from DRAM."""
    widest = machine.columns * (machine.rows // shape.filter_rows)
    heights = [e for e in equal_shares(shape.rows) if e <= widest]
    grid = np.meshgrid(equal_shares(shape.images), equal_shares(shape.kernels), heights, indexing="ij")
    n, m, e = (axis.ravel().astype(np.int64) for axis in grid)
    fits = _banks(shape, machine, n, m, e, np.ones_like(n)) <= machine.banks
    n, m, e = n[fits], m[fits], e[fits]
    if not len(n):
        message = f"the sums and inputs of one row and one kernel do not fit {machine.banks} banks"
        raise NoMappingError(f"row_stationary: {message} of {machine.bank_words} words")
    inputs, weights = fetches(shape, n, m, e)
    total = inputs + weights
    least = total == total.min()
    return [(int(a), int(b), int(c)) for a, b, c in zip(n[least], m[least], e[least], strict=True)]


def equal_shares(total: int, most: int = 32) -> list[int]:
    """Return the sizes of a share when a total is dealt into 1, 2, 3 ... equal shares, each once; 1 is always there."""
    sizes = [total]
    while sizes[-1] > 1:
        # The next number of shares for which the size changes.
        size = -(-total // -(-total // (sizes[-1] - 1)))
        sizes.append(size if len(sizes) < most else 1)
    return sizes


def fetches(shape: Shape, n: Ints, m: Ints, e: Ints) -> tuple[Ints, Ints]:
    """Return the words of inputs and of weights that the whole op reads from DRAM.

    Inputs come once for every ``m`` kernels (rows that two strips share, twice), weights once for every ``n`` images
    and ``e`` rows. Maps lie in DRAM with their padding, as in the layer sizes of the paper (JSSC).
    """
    strips, rest = shape.rows // e, shape.rows % e
    rows = strips * shape.window(e) + (rest > 0) * shape.window(rest)
    once = shape.groups * shape.images * shape.channels * shape.reach
    inputs = once * rows * -(-shape.kernels // m)
    filters = shape.groups * shape.kernels * shape.channels * shape.filter_rows * shape.filter_columns
    return inputs, filters * -(-shape.images // n) * -(-shape.rows // e)


def _inner(shape: Shape, machine: RowStationary, n: int, m: int, e: int) -> Ints:
    """Return rows of (n, m, e, p, q, r, t) for one (n, m, e) that fit the pads and the array."""
    taps, sets = shape.filter_columns, _sets(shape, machine, e)
    deepest = min(machine.input_spad_words // taps, machine.filter_spad_words // taps, shape.channels)
    rows = []
    for q in range(1, max(1, deepest) + 1):
        most = min(machine.sum_spad_words, max(1, machine.filter_spad_words // (q * taps)), m)
        for r in {min(share, -(-shape.channels // q)) for share in equal_shares(sets)}:
            for t in {min(share, m) for share in equal_shares(max(1, sets // r))}:
                # As few kernels a PE as need no further pass.
                fewest = -(-m // (most * t))
                rows.append((n, m, e, -(-m // (fewest * t)), q, r, t))
    rows.append((n, m, e, 1, 1, 1, 1))
    return np.array(rows, dtype=np.int64)


def _banks(shape: Shape, machine: RowStationary, n: Ints, m: Ints, e: Ints, channels: Ints) -> Ints:
    """Return the banks that sums and inputs take."""
    sums = n * m * e * shape.columns
    inputs = n * channels * shape.window(e) * shape.reach
    return -(-sums // machine.bank_words) + -(-inputs // machine.bank_words)


def _count(total: int, share: Ints, step: Ints) -> Ints:
    """Return the steps of all shares of a total; the last share may be smaller."""
    counts: Ints = total // share * -(-share // step) + -(-(total % share) // step)
    return counts


def _cycles(shape: Shape, machine: RowStationary, n: Ints, e: Ints, p: Ints, q: Ints, r: Ints, t: Ints) -> Floats:
    """Return the cycles of all images and rows, for one pass over kernels and channels."""
    taps = shape.filter_columns
    weights = p * t * q * r * shape.filter_rows * taps / machine.filter_words_per_cycle
    macs = p * q * taps
    total = np.zeros(n.shape)
    for images, batches in ((n, shape.images // n), (shape.images % n, shape.images % n > 0)):
        for rows, strips in ((e, shape.rows // e), (shape.rows % e, shape.rows % e > 0)):
            outputs = images * shape.columns
            sums = rows * t * p / machine.sum_words_per_cycle
            window = shape.window(rows) * q * r / machine.input_words_per_cycle
            stages = outputs * np.maximum(macs, sums) + np.minimum(macs, sums)
            stages = np.maximum(stages, images * window * shape.reach)
            one = weights + window * taps + stages + shape.filter_rows * r
            total += batches * strips * one
    return total
