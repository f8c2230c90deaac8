"""Small ops, nests and machines of every shape for the oracle, drawn by Hypothesis."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.hardware.engines import ENGINES, Dataflow
from accelsim.workload.ops import Bits, Op, as_triple
from oracle.machine_nest import Machine, Mapping

__all__ = ["BITS", "CASES", "DATAFLOWS", "MachineCase", "examples", "machine_cases", "ops"]

#: How many cases all tests against the walker draw together.
CASES = int(os.environ.get("ACCELSIM_ORACLE_CASES", "500"))
DATAFLOWS: dict[str, Dataflow] = {flow.name: flow for engine in ENGINES for flow in ENGINES[engine].values()}
#: All different, so that no width can stand for another.
BITS = Bits(W=4, I=8, O=16, partial=32)
_MOST_MACS = 300
_LONGEST_LOOP = 6
_MOST_COPIES = 12
_MOST_ALONG_A_DIM = 4
_TAPS = tuple(tap for _, tap in WINDOWS)


@dataclass(frozen=True)
class MachineCase:
    """Nests of one op on one machine."""

    op: Op
    machine: Machine
    double_buffered: tuple[bool, ...]
    mappings: tuple[Mapping, ...]


def examples(share: float) -> int:
    """Return how many examples a test that has a share of all cases draws."""
    return max(1, round(CASES * share))


def _sizes(draw: st.DrawFn, turning: Iterable[Dim]) -> dict[Dim, int]:
    """Draw loop sizes with a bounded product; only the dims ``turning`` are more than 1, one of them may be long."""
    sizes, room = dict.fromkeys(DIMS, 1), _MOST_MACS
    order = draw(st.permutations(list(turning)))
    long = order[0] if draw(st.integers(0, 3)) == 0 else None
    for dim in order:
        longest = 4 * _LONGEST_LOOP if dim is long else _LONGEST_LOOP
        # Filters of one tap have no windows to speak of.
        sizes[dim] = min(draw(st.integers(1, longest) if dim not in _TAPS else st.sampled_from([1, 2, 3, 3])), room)
        room //= sizes[dim]
    return sizes


@st.composite
def _convolutions(draw: st.DrawFn) -> Op:
    """Draw a convolution over columns, over rows and columns, or over planes, rows and columns."""
    windows = WINDOWS[-draw(st.sampled_from([1, 2, 2, 3])) :]
    shape = draw(st.sampled_from(["dense", "grouped", "depthwise"]))
    channels = {"dense": {Dim.K, Dim.C}, "grouped": {Dim.G, Dim.K, Dim.C}, "depthwise": {Dim.G}}[shape]
    sizes = _sizes(draw, sorted({Dim.B, *channels, *(dim for window in windows for dim in window)}))
    stride, dilation, padding, extent = [1] * 3, [1] * 3, [0] * 3, [1] * 3
    for axis, (out, tap) in enumerate(WINDOWS):
        if WINDOWS[axis] not in windows:
            continue
        stride[axis], dilation[axis] = draw(st.sampled_from([1, 1, 2, 3])), draw(st.integers(1, 3))
        reach = (sizes[tap] - 1) * dilation[axis] + 1
        padding[axis] = draw(st.integers(0, reach - 1))
        seen = (sizes[out] - 1) * stride[axis] + reach - padding[axis]
        # Fewer than are seen: padding behind the last one too; more: some are never read.
        extent[axis] = draw(st.integers(max(1, seen - reach), max(1, seen + 1)))
    triples = map(as_triple, (stride, dilation, padding, extent))
    return Op("convolution", tuple(sizes.values()), *triples, BITS)


@st.composite
def _products(draw: st.DrawFn) -> Op:
    """Draw a fully connected layer, of one or many positions, or a product of two activations."""
    kind, dims = draw(
        st.sampled_from(
            [
                ("fully_connected", (Dim.B, Dim.K, Dim.C)),
                ("fully_connected", (Dim.B, Dim.K, Dim.C, Dim.OY, Dim.OX)),
                ("matmul", (Dim.G, Dim.K, Dim.C, Dim.OY, Dim.OX)),
            ]
        )
    )
    sizes = _sizes(draw, dims)
    return Op(kind, tuple(sizes.values()), extent=(1, sizes[Dim.OY], sizes[Dim.OX]), bits=BITS)


ops: st.SearchStrategy[Op] = st.one_of(_convolutions(), _convolutions(), _products())


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _copies(draw: st.DrawFn, turning: Sequence[int], fans: Sequence[bool]) -> list[list[int]]:
    """Draw the copies along each dim at every place that may stand in copies."""
    copies, room = [[1] * len(DIMS) for _ in fans], _MOST_COPIES
    for place, fan in enumerate(fans):
        for dim in draw(st.lists(st.sampled_from(turning), max_size=2, unique=True)) if fan and turning else ():
            copies[place][dim] = min(draw(st.integers(2, _MOST_ALONG_A_DIM)), room)
            room //= copies[place][dim]
    return copies


def _tile(draw: st.DrawFn, size: int, copies: int, *, even: bool) -> int:
    """Draw what a copy takes of a piece of a dim; copies that are left without work are drawn too, but rarely."""
    most = -(-size // copies)
    if even:
        return draw(st.sampled_from(_divisors(most)))
    return draw(st.one_of(*[st.integers(1, most)] * 3, st.integers(1, size)))


@st.composite
def _mappings(draw: st.DrawFn, op: Op, fans: Sequence[bool]) -> Mapping:
    """Draw a nest with copies at the places ``fans``, the array last; some or no tiles divide what they cut.

    In half of them windows slide: the filter is whole, and pixels are the innermost loops.
    """
    turning = [place for place, size in enumerate(op.sizes) if size > 1]
    idle = [place for place in range(len(DIMS)) if place not in turning]
    pixels = [out.position for out, _ in WINDOWS if out.position in turning]
    slides, even = bool(pixels) and draw(st.booleans()), draw(st.booleans())
    cut = [place for place in turning if not (slides and DIMS[place] in _TAPS)]
    copies = _copies(draw, cut, fans)
    tiles, orders, outer = [], [], list(op.sizes)
    for place in range(len(fans) - 1):
        order = draw(st.permutations(turning))
        if slides:
            last = draw(st.sampled_from(pixels))
            order = [*(dim for dim in order if dim != last), last]
        for dim in cut:
            turns = 2 if slides and dim == order[-1] and outer[dim] > copies[place][dim] else 1
            outer[dim] = _tile(draw, outer[dim], copies[place][dim] * turns, even=even)
        tiles.append(tuple(outer))
        orders.append((*order, *idle))
    return Mapping(tuple(tiles), tuple(orders), tuple(map(tuple, copies)))


@st.composite
def machine_cases(draw: st.DrawFn, *, fans: bool = True, count: int = 2, flow: str | None = None) -> MachineCase:
    """Draw a case.

    Args:
        draw: Given by Hypothesis.
        fans: Whether memories and arrays may stand in copies.
        count: Nests.
        flow: Name of the dataflow; any if ``None``.
    """
    op = draw(ops)
    levels = draw(st.sampled_from([1, 2, 2, 3]))
    flag = st.booleans()

    def flags(number: int) -> tuple[bool, ...]:
        return tuple(draw(st.tuples(*[flag] * number)))

    spread = tuple(fans and draw(st.sampled_from([True, True, False])) for _ in range(levels + 1))
    inside = [draw(st.tuples(flag, flag, flag).filter(any)) for _ in range(levels)]
    machine = Machine(
        holds=((True, True, True), *inside),
        sliding=(False, *(draw(st.sampled_from([True, True, False])) for _ in range(levels))),
        fans=spread,
        multicast=flags(levels + 1),
        reduces=flags(levels + 1),
        flow=DATAFLOWS[flow or draw(st.sampled_from(sorted(DATAFLOWS)))],
        rows=draw(st.integers(1, 5)),
        columns=draw(st.integers(1, 5)),
        hold_limit=draw(st.sampled_from([1, 2, 3, 5, math.inf])),
    )
    mappings = tuple(draw(_mappings(op, spread)) for _ in range(count))
    return MachineCase(op, machine, (False, *flags(levels)), mappings)
