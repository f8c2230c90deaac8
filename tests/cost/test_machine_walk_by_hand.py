"""The walker itself, on nests small enough to be carried out on paper; every figure is worked out beside the test."""

from __future__ import annotations

import math
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from oracle.machine_cases import BITS, DATAFLOWS
from oracle.machine_nest import Machine, Mapping
from oracle.machine_walk import ROLES, MachineWalk, walk_machine

from accelsim.dims import DIMS, Dim, Operand
from accelsim.workload.ops import Op, loops

READ_OUT, WRITTEN_IN, READ_IN, WRITTEN_OUT = ROLES
W, I, O = Operand  # noqa: E741 - the field's own letters
#: Bits; all different.
PARTIAL = BITS.partial
ALL = (True, True, True)


@dataclass
class Level:
    """A memory inside the outermost one: its tile, the loops over these tiles, and its copies."""

    holds: str
    tile: Dictionary[str, int]
    order: str = ""
    copies: Dictionary[str, int] | None = None
    slides: bool = False


def order_of(text: str) -> tuple[int, ...]:
    named = [Dim(name) for name in text.split()]
    return tuple(dim.position for dim in (*named, *(dim for dim in DIMS if dim not in named)))


def run(
    op: Op,
    levels: Sequence[Level],
    *,
    array: Dictionary[str, int] | None = None,
    flow: str = "pe",
    apart: Sequence[int] = (),
    rows: int = 1,
    columns: int = 1,
    hold_limit: float = math.inf,
) -> MachineWalk:
    """Walk a machine; copies at the places ``apart`` neither share reads nor add up sums."""
    places = range(1, len(levels) + 2)
    together = tuple(place not in apart for place in places)
    machine = Machine(
        holds=(ALL, *((("W" in level.holds), ("I" in level.holds), ("O" in level.holds)) for level in levels)),
        sliding=(False, *(level.slides for level in levels)),
        fans=(True,) * len(places),
        multicast=together,
        reduces=together,
        flow=DATAFLOWS[flow],
        rows=rows,
        columns=columns,
        hold_limit=hold_limit,
    )
    mapping = Mapping(
        tiles=tuple(loops(**level.tile) for level in levels),
        orders=tuple(order_of(level.order) for level in levels),
        copies=(*(loops(**(level.copies or {})) for level in levels), loops(**(array or {}))),
    )
    found = walk_machine(op, mapping, machine)
    assert len(found.points) == op.macs
    assert set(found.points.values()) == {1}, "every product once"
    return found


def fully_connected(**sizes: int) -> Op:
    return Op("fully_connected", loops(**sizes), extent=(1, sizes.get("OY", 1), sizes.get("OX", 1)), bits=BITS)


def moved(found: MachineWalk, level: int, operand: Operand) -> tuple[int, ...]:
    """Return bits read outside, written inside, read inside and written outside."""
    return tuple(found.moved[role][level, operand] for role in ROLES)


def one(found: MachineWalk, level: int, operand: Operand) -> tuple[int, ...]:
    return tuple(found.one[role][level, operand] for role in ROLES)


# A 4 x 4 array of PEs below one buffer; 8 kernels and 8 channels, so that two loops of two turns are left:
# for K (2): for C (2): 4 kernels on the columns, 4 channels on the rows, one step.
FOUR_BY_FOUR = fully_connected(K=8, C=8)
BUFFER = [Level("WIO", {"K": 4, "C": 4}, "K C")]


def test_a_four_by_four_array_and_a_two_loop_layer() -> None:
    found = run(FOUR_BY_FOUR, BUFFER, array={"K": 4, "C": 4})
    assert found.steps == found.passes == 2 * 2
    # All 64 weights once. The 8 inputs for either half of the kernels. Sums stay in the buffer while C turns.
    assert moved(found, 1, W) == (64 * 4, 64 * 4, 0, 0)
    assert moved(found, 1, I) == (2 * 8 * 8, 2 * 8 * 8, 0, 0)
    assert moved(found, 1, O) == (0, 0, 8 * 16, 8 * 16)
    assert not found.spilled
    # At every step 16 weights, 4 inputs (each for a row of 4 PEs) and 4 sums (each of a column) cross.
    assert found.crossing == {W: 4 * 16, I: 4 * 4, O: 4 * 4}
    # A sum starts from zero with the first half of the channels and is complete with the second.
    assert found.fresh == 8
    assert found.edge == [8 * PARTIAL, 8 * PARTIAL + 8 * 16]
    assert found.most_held == {(1, W): 16, (1, I): 4, (1, O): 4}
    # Before the first step: 16 weights and 4 inputs; of outputs the 4 that are worked on first.
    assert found.first == {W: 16 * 4, I: 4 * 8, O: 4 * 16}


def test_without_multicast_and_reduction_every_pe_asks_for_itself() -> None:
    found = run(FOUR_BY_FOUR, BUFFER, array={"K": 4, "C": 4}, apart=[2])
    assert found.steps == 4
    assert moved(found, 1, I) == (2 * 8 * 8, 2 * 8 * 8, 0, 0), "the copies stand below the buffer"
    assert found.crossing == {W: 64, I: 64, O: 64}
    # Each of 8 sums is written 8 times, once a channel, all but the first time on top of what is there.
    assert found.fresh == 8
    assert found.edge == [8 * 7 * PARTIAL, 8 * 7 * PARTIAL + 8 * 16]


# One channel of 4 x 4, a 3 x 3 filter, one zero all around: an output sees rows -1..1, 0..2, 1..3, 2..4.
PADDED = Op("convolution", loops(OY=4, OX=4, FY=3, FX=3), padding=(0, 1, 1), extent=(1, 4, 4), bits=BITS)


@pytest.mark.parametrize(
    ("slides", "rows"),
    [
        (False, 2 + 3 + 3 + 2),  # the real ones of every window
        (True, 2 + 1 + 1 + 0),  # what the row before did not see; the last sees only padding that is new
    ],
)
def test_a_padded_filter_row_by_row(slides: bool, rows: int) -> None:
    found = run(PADDED, [Level("WIO", {"OX": 4, "FY": 3, "FX": 3}, "OY", slides=slides)])
    assert moved(found, 1, I) == (rows * 4 * 8, rows * 4 * 8, 0, 0)
    assert found.most_held[1, I] == 3 * 4
    assert found.room[1, I] == 3 * 4, "padding to the left and right needs no more room than the tensor is wide"
    # Had padding been fetched: three rows a window, or one new row after the first.
    assert found.unclipped[WRITTEN_IN][1, I] == (3 + 3 * (1 if slides else 3)) * 4 * 8
    assert moved(found, 1, W) == (9 * 4, 9 * 4, 0, 0)
    assert moved(found, 1, O) == (0, 0, 16 * 16, 16 * 16)
    # Padding is computed, but read from nowhere: along an axis 2 + 3 + 3 + 2 of 12 taps are real.
    assert found.steps == 16 * 9
    assert found.real_points == 10 * 10
    assert found.crossing == {W: 144, I: 100, O: 144}
    assert found.padded_crossing[I] == 144


@pytest.mark.parametrize(
    ("order", "elements"),
    [
        # Neighbours in a row share columns, and the first of a row is fetched whole: (2 + 3 + 3 + 2) rows of 4.
        ("OY OX", 10 * 4),
        ("OX OY", 4 * 10),
        # The filter cut and its loop inside: no neighbours any more, every real tap fetches its input.
        ("OY OX FX FY", 10 * 10),
        # Outputs inside a tap: along a row of a tap, inputs are all new.
        ("FY FX OY OX", 10 * 10),
    ],
)
def test_a_line_buffer_shares_along_the_innermost_loop_alone(order: str, elements: int) -> None:
    taps = {} if "F" in order else {"FY": 3, "FX": 3}
    found = run(PADDED, [Level("I", taps, order, slides=True)])
    assert moved(found, 1, I) == (elements * 8, elements * 8, 0, 0)


def test_groups_dilation_and_stride_along_one_axis() -> None:
    # Two groups of a channel; taps two apart: output o sees columns 3 o and 3 o + 2; 4 outputs end at column 11.
    op = Op("convolution", loops(G=2, OX=4, FX=2), (1, 1, 3), (1, 1, 2), extent=(1, 1, 12), bits=BITS)
    found = run(op, [Level("I", {"OX": 2, "FX": 2}, "G OX")])
    # Windows of two outputs: columns 0..5 and 6..11, gaps included; both groups.
    assert moved(found, 1, I) == (2 * 12 * 8, 2 * 12 * 8, 0, 0)
    assert found.most_held[1, I] == 6
    assert found.crossing == {W: 16, I: 16, O: 16}


def test_three_channels_added_up_and_nine_visits() -> None:
    """The first of the mappings run in Timeloop, with 2 kernels and 4 x 4 outputs for 32 and 112 x 112.

    There: 225 x 225 x 3 inputs and 864 weights are filled into the buffer (152,739 words) and 9 x 401,408 sums written
    to it; it is read 864 + 9 x 112 x 112 x 3 + 8 x 401,408 = 3,550,816 times, in 9 x 112 x 112 cycles.
    """
    op = Op("convolution", loops(K=2, C=3, OY=4, OX=4, FY=3, FX=3), (1, 2, 2), extent=(1, 9, 9), bits=BITS)
    whole = {"K": 2, "C": 3, "OY": 4, "OX": 4, "FY": 3, "FX": 3}
    registers = Level("W", {"OY": 4, "OX": 4}, "FY FX", copies={"K": 2, "C": 3})
    found = run(op, [Level("WIO", whole), registers])
    assert found.steps == 9 * 4 * 4
    # Filled from outside: 9 x 9 x 3 inputs, 54 weights; 32 outputs leave.
    assert moved(found, 1, I) == (243 * 8, 243 * 8, 0, 0)
    assert moved(found, 1, W) == (54 * 4, 54 * 4, 0, 0)
    assert moved(found, 1, O) == (0, 0, 32 * 16, 32 * 16)
    # A weight lies in its PE's register while all pixels pass.
    assert moved(found, 2, W) == (54 * 4, 54 * 4, 0, 0)
    assert one(found, 2, W) == (54 * 4, 9 * 4, 0, 0), "the buffer stands alone; a register sees its 9 taps"
    # Inputs cross for both kernels at once, sums of three channels as one; nine times, eight of them added to.
    assert found.crossing == {W: 9 * 16 * 6, I: 9 * 16 * 3, O: 9 * 32}
    assert found.one_crossing == {W: 9 * 16, I: 9 * 16 * 3, O: 9 * 32}
    assert found.fresh == 32
    assert found.edge == [8 * 32 * PARTIAL, 8 * 32 * PARTIAL + 32 * 16]
    # Words in and out of the buffer, as that tool counts them.
    assert 54 + found.crossing[I] + found.crossing[O] - found.fresh == 54 + 432 + 256


# 5 channels over 4 copies of a memory: 4 in the first turn, 1 in the second; both kernels in every copy.
FIVE = fully_connected(K=2, C=5)


@pytest.mark.parametrize("added_up", [True, False])
def test_five_channels_over_four_copies(added_up: bool) -> None:
    found = run(FIVE, [Level("WIO", {"K": 2}, "C", copies={"C": 4})], apart=[] if added_up else [1])
    assert found.steps == 2 * 2, "two turns of two kernels; three of four copies rest in the second"
    assert moved(found, 1, W) == (10 * 4, 10 * 4, 0, 0)
    assert one(found, 1, W) == (10 * 4, 2 * 2 * 4, 0, 0), "the first copy works in both turns"
    assert moved(found, 1, I) == (5 * 8, 5 * 8, 0, 0)
    # Sums stay over both turns, and leave once, half-done, from four copies.
    assert found.starts == {1: 4}
    assert found.spilled == {1}
    if added_up:
        assert moved(found, 1, O) == (0, 0, 4 * 2 * PARTIAL, 2 * 16)
    else:
        # Outside, three are added to what the first wrote; the last makes it complete.
        out = 2 * (3 * PARTIAL + 16)
        assert moved(found, 1, O) == (2 * 3 * PARTIAL, 0, 4 * 2 * PARTIAL, out)
    assert one(found, 1, O)[2] == 2 * PARTIAL
    # Inside a copy every sum is written at every channel: 10 in all, and starts from zero in each of the four.
    assert found.crossing[O] == 10
    assert found.fresh == 4 * 2
    assert found.edge == [2 * PARTIAL, 10 * PARTIAL]


@pytest.mark.parametrize("added_up", [True, False])
def test_five_channels_over_four_copies_that_turn_to_other_kernels(added_up: bool) -> None:
    level = Level("WIO", {}, "C K", copies={"C": 4})
    found = run(FIVE, [level], apart=[] if added_up else [1])
    # For both turns of C, either kernel: 4 copies, then 1; tiles of one sum.
    assert moved(found, 1, W) == (10 * 4, 10 * 4, 0, 0)
    assert moved(found, 1, I) == (5 * 8, 5 * 8, 0, 0), "an input stays while K turns"
    # In the second turn the first copy gets the sum of the first four channels back.
    back = 2 * PARTIAL
    assert found.starts == {1: 2 * 4}
    if added_up:
        assert moved(found, 1, O) == (back, back, 10 * PARTIAL, 2 * (PARTIAL + 16))
    else:
        # Five visits a sum. Three are added outside; the second turn's begins from what is there and overwrites it.
        assert moved(found, 1, O) == (2 * 3 * PARTIAL + back, back, 10 * PARTIAL, 2 * (4 * PARTIAL + 16))
    assert one(found, 1, O)[1:3] == (back, 4 * PARTIAL)


def test_sums_that_come_back_go_to_one_copy_and_the_others_start_from_zero() -> None:
    """Two copies of a memory share the channels of a sum, and inside each stands another memory of its own.

    For C (2 turns): for K (2): the tiles of both copies leave as one sum; after the second turn it is complete.
    """
    op = fully_connected(K=2, C=4)
    found = run(op, [Level("O", {}, "C K", copies={"C": 2}), Level("O", {})])
    # Outside: each of two sums comes back once, to the first copy, and leaves twice, the second time complete.
    assert moved(found, 1, O) == (2 * PARTIAL, 2 * PARTIAL, 2 * 4 * PARTIAL, 2 * (PARTIAL + 16))
    # Of four tiles a sum in those memories, three started from zero: so there is one to read for the memory inside.
    assert found.starts == {1: 2 * 3, 2: 2 * 3}
    assert moved(found, 2, O) == (2 * PARTIAL, 2 * PARTIAL, 2 * 4 * PARTIAL, 2 * 4 * PARTIAL)
    assert one(found, 2, O) == (2 * PARTIAL, 2 * PARTIAL, 2 * 2 * PARTIAL, 2 * 2 * PARTIAL)
    assert found.fresh == 2 * 3


# 4 kernels, 2 channels, 4 pixels. Weights pass a memory for all and one a pair of kernels, and lie in the innermost,
# of which each pair of kernels has one for either half of the pixels.
BYPASSED = fully_connected(K=4, C=2, OX=4)


def bypassed(apart: Sequence[int]) -> MachineWalk:
    levels = [
        Level("IO", {"K": 4, "C": 2, "OX": 4}),
        Level("I", {"K": 2, "C": 2, "OX": 4}, copies={"K": 2}),
        Level("W", {"C": 2, "OX": 2}, "K", copies={"OX": 2}),
    ]
    return run(BYPASSED, levels, apart=apart)


@pytest.mark.parametrize(
    ("apart", "weights", "inputs"),
    [
        ((), 8, 8),
        # Either half of the pixels asks for its weights.
        ((3,), 16, 8),
        # Both pairs of kernels ask for all inputs; weights, which kernels index, are other ones anyhow.
        ((2,), 8, 16),
        ((2, 3), 16, 16),
    ],
)
def test_a_bypass_over_two_memories_with_copies_between(apart: tuple[int, ...], weights: int, inputs: int) -> None:
    found = bypassed(apart)
    assert set(found.moved[WRITTEN_IN]) == {(3, W), (1, I), (2, I), (1, O)}
    # Each of the four innermost memories takes one of its two kernels after the other: 2 x 2 weights.
    assert moved(found, 3, W) == (weights * 4, 16 * 4, 0, 0), "from the outermost memory, past two others"
    assert one(found, 3, W)[ROLES[1] == WRITTEN_IN] == 4 * 4
    assert moved(found, 1, I) == (8 * 8, 8 * 8, 0, 0)
    assert moved(found, 2, I) == (inputs * 8, 16 * 8, 0, 0)
    assert moved(found, 1, O) == (0, 0, 16 * 16, 16 * 16)
    assert found.first[W] == weights // 2 * 4, "one kernel of each pair"
    # 2 kernels x 2 pixels x 2 channels; all four PEs work at every step.
    assert found.steps == 8
    assert found.crossing[W] == 4 * 8
    # Pixels index the input, kernels share it outside the copies of the memory that holds it: 2 x 2 a step.
    assert found.crossing[I] == 4 * 8
    assert found.crossing[O] == 4 * 8
    assert found.fresh == 16


def test_a_load_stands_where_full_tiles_put_it() -> None:
    """Three kernels in outer tiles of two, inner tiles of one; two images.

    Written out: for K (2): for B (2): for k (2 in a full tile): load the weights of k. In the last outer tile k turns
    once, and the load is carried out for either image all the same.
    """
    op = fully_connected(B=2, K=3, C=4)
    found = run(op, [Level("", {"B": 2, "K": 2, "C": 4}, "K"), Level("W", {"C": 4}, "B K")])
    assert moved(found, 2, W) == (4 * (2 * 2 + 2) * 4, 4 * (2 * 2 + 2) * 4, 0, 0)
    assert found.steps == 2 * 3 * 4


PIXELS = Op("convolution", loops(K=3, C=3, OX=4), extent=(1, 1, 4), bits=BITS)
WHOLE = [Level("WIO", {"K": 3, "C": 3, "OX": 4})]


def test_a_weight_stationary_array_of_two_by_two() -> None:
    found = run(PIXELS, WHOLE, flow="weight_stationary", rows=2, columns=2)
    # 3 channels in 2 folds, 3 kernels in 2: four passes over 4 pixels.
    assert (found.passes, found.steps) == (4, 16)
    # Weights come once; 3 channels x 4 pixels for either fold of kernels; sums of either fold of channels.
    assert found.crossing == {W: 9, I: 2 * 12, O: 2 * 12}
    assert found.edge == [12 * PARTIAL, 12 * PARTIAL + 12 * 16]


@pytest.mark.parametrize(("apart", "inputs"), [((), 12), ((2,), 24)])
def test_two_copies_of_an_array_share_three_kernels(apart: tuple[int, ...], inputs: int) -> None:
    found = run(PIXELS, WHOLE, flow="weight_stationary", rows=2, columns=2, array={"K": 2}, apart=apart)
    # Two kernels in the first, one in the second: one fold.
    assert (found.passes, found.steps) == (2, 8)
    assert found.crossing == {W: 9, I: inputs, O: 2 * 12}


def test_weights_come_again_after_a_stripe_and_sums_that_stay_cross_once() -> None:
    found = run(PIXELS, WHOLE, flow="atomic", rows=2, columns=2, hold_limit=3)
    assert found.steps == 16
    # Pixels 0..2, then pixel 3.
    assert found.crossing == {W: 2 * 9, I: 2 * 12, O: 12}
    assert found.fresh == 12
    assert found.edge == [0, 12 * 16]


@pytest.mark.parametrize(
    ("columns", "turns"),
    [
        (1, 2 * 5),  # one kernel and one pixel at a time
        (2, 1 * 5),  # both kernels
        (3, 1 * 5),  # a third column is no use: it does not hold both kernels of a second pixel
        (4, 1 * 3),  # both kernels of two pixels
        (5, 1 * 3),
        (9, 1 * 2),
        (10, 1 * 1),
    ],
)
def test_kernels_first_then_pixels_with_the_columns_that_are_left(columns: int, turns: int) -> None:
    op = Op("convolution", loops(K=2, OX=5), extent=(1, 1, 5), bits=BITS)
    assert run(op, [Level("WIO", {"K": 2, "OX": 5})], flow="cells", columns=columns).steps == turns


def test_the_first_copy_is_the_busiest_once_padding_counts() -> None:
    # Three outputs, one a copy, over 3 columns with a zero at either end: they see 2, 3 and 2 real columns.
    op = Op("convolution", loops(OX=3, FX=3), padding=(0, 0, 1), extent=(1, 1, 3), bits=BITS)
    found = run(op, [Level("I", {"FX": 3}, copies={"OX": 3})])
    assert moved(found, 1, I) == (7 * 8, 7 * 8, 0, 0)
    assert one(found, 1, I) == (7 * 8, 2 * 8, 0, 0)
    assert found.busiest[WRITTEN_IN][1, I] == found.unclipped[WRITTEN_IN][1, I] == 3 * 8
    assert found.crossing[I] == 7
    assert (found.one_crossing[I], found.busiest_crossing[I], found.padded_crossing[I]) == (2, 3, 3)
