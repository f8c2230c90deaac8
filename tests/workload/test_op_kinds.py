"""Every kind of op by hand: loops, learned values, MACs, vector work, what is read, fetched and written."""

from __future__ import annotations

import math
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.dims import DIMS, Operand
from accelsim.errors import InputError, Problem
from accelsim.workload.ops import (
    DENSE,
    OP_KINDS,
    Bits,
    Op,
    Sparsity,
    attention,
    convolution,
    deformable,
    elementwise,
    embedding,
    fully_connected,
    loops,
    matmul,
    move,
    pool,
    reduce,
    scan,
    transposed_convolution,
)

ProblemsOf = Callable[..., tuple[Problem, ...]]


def sizes(op: Op) -> dict[str, int]:
    """Return the loop sizes that are not 1."""
    return {str(dim): op.size(dim) for dim in DIMS if op.size(dim) != 1}


def byte_counts(op: Op) -> list[float]:
    """Return the bytes of learned weights, inputs and outputs."""
    return [op.bytes_of(operand) for operand in (Operand.W, Operand.I, Operand.O)]


# ------------------------------------------------------------------------------- convolutions of one and three axes


def test_a_convolution_over_time() -> None:
    # 40 channels of 101 steps; 9 taps, 4 zeros on each side, every second step: (101 + 8 - 9) // 2 + 1 = 51.
    op = convolution((1, 40, 101), 64, (9,), stride=(2,), affine=2)
    assert sizes(op) == {"K": 64, "C": 40, "OX": 51, "FX": 9}
    assert (op.extent, op.stride, op.padding) == ((1, 1, 101), (1, 1, 2), (0, 0, 4))
    assert op.macs == 51 * 64 * 40 * 9
    assert op.parameters == 64 * 40 * 9 + 2 * 64
    assert (op.input_shape, op.output_shape) == ((1, 40, 1, 101), (1, 64, 1, 51))
    assert op.label == "conv1d"
    assert convolution((1, 40, 101), 40, (9,), groups=40).label == "depthwise"
    assert convolution((1, 40, 101), 8, (1,)).label == "pointwise"
    assert convolution((1, 40, 1, 101), 64, (3, 9)).label == "conv2d", "its filter has rows, if its input has only one"


def test_a_convolution_of_a_volume() -> None:
    # Nothing cubic: 5 -> (5 + 2 - 3) // 1 + 1 = 5, 7 -> (7 + 4 - 5) // 2 + 1 = 4, 9 -> (9 + 0 - 1) // 3 + 1 = 3.
    op = convolution((2, 3, 5, 7, 9), 4, (3, 5, 1), stride=(1, 2, 3), affine=1)
    assert sizes(op) == {"B": 2, "K": 4, "C": 3, "OZ": 5, "OY": 4, "OX": 3, "FZ": 3, "FY": 5}
    assert op.macs == 2 * (5 * 4 * 3) * 4 * 3 * (3 * 5)
    assert op.weights == 4 * 3 * 15
    assert op.parameters == 4 * 3 * 15 + 4
    assert op.input_elements == 2 * 3 * 5 * 7 * 9
    assert op.output_elements == 2 * 4 * 5 * 4 * 3
    assert (op.input_shape, op.output_shape) == ((2, 3, 5, 7, 9), (2, 4, 5, 4, 3))
    assert op.label == "conv3d"


def test_the_first_layers_of_a_video_network() -> None:
    # C3D (arXiv 1412.0767): 16 frames of 112 x 112, 64 filters of 3 x 3 x 3.
    first = convolution((1, 3, 16, 112, 112), 64, (3, 3, 3), affine=1)
    assert first.macs == 16 * 112 * 112 * 64 * 3 * 27 == 1_040_449_536
    assert first.parameters == 64 * 81 + 64
    flat = convolution((1, 64, 16, 56, 56), 64, (1, 3, 3))
    assert (flat.label, flat.output_shape) == ("conv3d", (1, 64, 16, 56, 56))
    assert convolution((1, 64, 16, 56, 56), 32, (1, 1, 1)).label == "pointwise"
    pooled = pool("max_pool", (1, 64, 16, 112, 112), (1, 2, 2), stride=(1, 2, 2))
    assert pooled.output_shape == (1, 64, 16, 56, 56)
    assert pooled.vector_ops == 64 * 16 * 56 * 56 * 4


def test_planes_too_are_dilated_and_too_small_for_some_filters(problems_of: ProblemsOf) -> None:
    op = convolution((1, 2, 9, 9, 9), 2, (3, 3, 3), dilation=(4, 2, 1), padding=(0, 0, 0))
    assert op.output_shape == (1, 2, 5, 7), "the filter reaches over all 9 planes: one is left"
    (problem,) = problems_of(convolution, (1, 2, 3, 9, 9), 2, (5, 3, 3), padding=(0, 0, 0))
    assert problem.message == "a filter that reaches over 5x3x3 is larger than the input, 3x9x9 with its padding"


# -------------------------------------------------------------------------------------------- transposed convolution


@pytest.mark.parametrize(
    ("source", "kernel", "stride", "padding", "extra", "output"),
    [
        # (n - 1) s - 2 p + k + e for each axis.
        ((1, 8, 5, 7), (2, 2), (2, 2), (0, 0), (0, 0), (10, 14)),
        ((1, 8, 5, 7), (4, 4), (2, 2), (1, 1), (0, 0), (10, 14)),
        ((1, 8, 5, 7), (3, 3), (2, 2), (1, 1), (1, 1), (10, 14)),
        ((1, 8, 5, 7), (3, 3), (2, 2), (1, 1), (0, 0), (9, 13)),
        ((1, 8, 5, 7), (3, 5), (1, 3), (0, 2), (0, 0), (7, 19)),
        ((1, 8, 5, 7), (1, 1), (2, 2), (0, 0), (0, 0), (9, 13)),
        ((1, 8, 3, 5, 7), (2, 2, 2), (2, 2, 2), (0, 0, 0), (0, 0, 0), (6, 10, 14)),
        ((1, 8, 3, 5, 7), (1, 3, 4), (1, 2, 2), (0, 1, 1), (0, 1, 0), (3, 10, 14)),
        ((1, 8, 11), (4,), (2,), (1,), (0,), (1, 22)),
    ],
)
def test_transposed_convolutions(
    source: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    extra: tuple[int, ...],
    output: tuple[int, ...],
) -> None:
    op = transposed_convolution(source, 6, kernel, stride=stride, padding=padding, extra=extra, affine=1)
    assert op.output_shape == (1, 6, *output)
    assert op.macs == math.prod(source) * 6 * math.prod(kernel), "every input value meets every tap of every kernel"
    assert op.parameters == 8 * 6 * math.prod(kernel) + 6
    assert op.elements_read == (math.prod(source),)
    assert op.output_elements == 6 * math.prod(output)
    assert op.vector_ops == 0


def test_groups_of_a_transposed_convolution() -> None:
    op = transposed_convolution((1, 8, 4, 4), 8, (2, 2), stride=(2, 2), groups=8)
    assert (op.macs, op.weights, op.output_shape) == (8 * 16 * 4, 8 * 4, (1, 8, 8, 8))
    with pytest.raises(InputError, match="3 groups do not divide 8 input and 9 output"):
        transposed_convolution((1, 8, 4, 4), 9, (2, 2), groups=3)
    with pytest.raises(InputError, match="nothing is left of the output"):
        transposed_convolution((1, 8, 2, 2), 8, (3, 3), padding=(2, 2))


@given(
    n=st.integers(1, 6), taps=st.integers(1, 5), step=st.integers(1, 4), gap=st.integers(1, 3), cut=st.integers(0, 2)
)
def test_the_output_reaches_from_the_first_tap_of_the_first_input_to_the_last_tap_of_the_last(
    n: int, taps: int, step: int, gap: int, cut: int
) -> None:
    written = {pixel * step + tap * gap - cut for pixel in range(n) for tap in range(taps)}
    size = max(written) + 1 - cut
    if size >= 1:
        op = transposed_convolution((1, 1, n), 1, (taps,), stride=(step,), dilation=(gap,), padding=(cut,))
        assert op.output_shape == (1, 1, 1, size)
        assert op.macs == n * taps


# ----------------------------------------------------------------------------------------- deformable convolution


@pytest.mark.parametrize(
    ("shape", "offsets", "fetched"),
    [
        # Two offsets for each of 9 taps of 4 x 5 pixels; four neighbours of each of 9 samples of 4 x 5 pixels.
        ("full", 2 * 9 * 20, 4 * 9 * 20 * 6),
        # The same offsets, but the map is read once, through a buffer.
        ("bounded", 2 * 9 * 20, 6 * 4 * 5),
        # One dilation for each pixel.
        ("square", 20, 6 * 4 * 5),
    ],
)
def test_deformable_convolutions(shape: str, offsets: int, fetched: int) -> None:
    op = deformable(shape, (1, 6, 4, 5), 8, (3, 3), affine=2)  # type: ignore[arg-type]
    assert op.macs == 20 * 8 * 6 * 9, "those of a plain one"
    assert op.vector_ops == 9 * (20 * 9 * 6), "weights of two axes, four products, three sums for every sample"
    assert op.parameters == 8 * 6 * 9 + 2 * 8
    assert op.elements_read == (6 * 20, offsets)
    assert op.output_shape == (1, 8, 4, 5)
    sample = op.rule.lower(op)[0].op if op.rule.lower else op
    assert sample.fetched == (fetched, offsets)


def test_a_deformable_convolution_with_a_stride_has_offsets_for_its_outputs_only() -> None:
    op = deformable("full", (1, 6, 8, 6), 8, (3, 3), stride=(2, 2))
    assert op.output_shape == (1, 8, 4, 3)
    assert op.elements_read == (6 * 48, 2 * 9 * 12)
    depthwise = deformable("square", (1, 6, 8, 6), 6, (3, 3), groups=6)
    assert (depthwise.macs, depthwise.weights, depthwise.elements_read) == (48 * 6 * 9, 54, (6 * 48, 48))


# ------------------------------------------------------------------------------------ matrix products and attention


def test_a_fully_connected_layer_over_tokens() -> None:
    op = fully_connected((2, 192, 14, 14), 768, each=True)
    assert sizes(op) == {"B": 2, "K": 768, "C": 192, "OY": 14, "OX": 14}
    assert op.macs == 2 * 196 * 192 * 768
    assert op.parameters == 192 * 768 + 768, "shared by all tokens"
    assert (op.input_elements, op.output_elements) == (2 * 192 * 196, 2 * 768 * 196)
    assert (op.input_shape, op.output_shape) == ((2, 192, 14, 14), (2, 768, 14, 14))
    flat = fully_connected((1, 192, 1, 1), 10, each=True)
    assert flat == fully_connected((1, 192, 1, 1), 10), "one position is no position"


def test_a_fully_connected_layer_over_a_volume_of_tokens_has_rows_for_planes() -> None:
    op = fully_connected((1, 8, 2, 3, 5), 4, each=True)
    assert sizes(op) == {"K": 4, "C": 8, "OY": 6, "OX": 5}
    assert op.output_elements == 4 * 30


def test_a_product_of_two_activations() -> None:
    # For each of 2 x 3 heads, 20 rows of 64 by 64 x 30.
    op = matmul(20, 64, 30, batch=2, heads=3)
    assert sizes(op) == {"G": 6, "K": 30, "C": 64, "OX": 20}, "heads of different samples share nothing"
    assert op.macs == 6 * 20 * 64 * 30
    assert (op.weights, op.parameters) == (0, 0), "nothing is learned"
    assert op.elements_read == op.fetched == (6 * 20 * 64, 6 * 64 * 30)
    assert op.output_elements == 6 * 20 * 30
    assert byte_counts(op) == [0, 6 * (20 * 64 + 64 * 30), 6 * 600]


def test_query_heads_that_share_a_key_head() -> None:
    # 8 query heads, 2 key heads: each of the 2 right matrices meets 4 left ones.
    op = matmul(1, 64, 128, heads=2, shared=4)
    apart = matmul(1, 64, 128, heads=8)
    assert op.macs == apart.macs == 8 * 64 * 128
    assert op.elements_read == (8 * 64, 2 * 64 * 128)
    assert apart.elements_read == (8 * 64, 8 * 64 * 128), "four times the keys"
    assert op.output_elements == apart.output_elements == 8 * 128


def test_fused_attention() -> None:
    # 12 heads of width 64; 50 queries, 70 keys, values of width 32.
    op = attention(50, 70, 64, 32, heads=12, table=100)
    assert op.macs == 12 * 50 * 70 * (64 + 32)
    assert op.vector_ops == 5 * 12 * 50 * 70, "a softmax over every score"
    assert op.elements_read == (12 * 64 * 50, 12 * 64 * 70, 12 * 32 * 70), "queries, keys, values; no scores"
    assert op.output_elements == 12 * 32 * 50
    assert (op.weights, op.parameters) == (0, 100)
    shared = attention(50, 70, 64, 32, heads=3, shared=4)
    assert (shared.macs, shared.vector_ops) == (op.macs, op.vector_ops)
    assert shared.elements_read == (12 * 64 * 50, 3 * 64 * 70, 3 * 32 * 70)
    assert shared.output_elements == op.output_elements
    batch = attention(50, 70, 64, 32, heads=12, batch=2)
    assert (batch.macs, batch.elements_read) == (2 * op.macs, tuple(2 * n for n in op.elements_read))


# ---------------------------------------------------------------------------------------------- pools, sums and scans


def test_pools_of_one_and_three_axes_and_uneven_padding() -> None:
    assert pool("average_pool", (1, 8, 10), (4,), stride=(2,)).output_shape == (1, 8, 1, 4)
    op = pool("lp_pool", (1, 8, 3, 6, 6), (3, 2, 2), stride=(1, 2, 2))
    assert op.output_shape == (1, 8, 3, 3), "one plane is left"
    assert op.vector_ops == 2 * 8 * 9 * 12, "a square and a sum"
    # 5 rows, a window of 2, stride 2: 2 rows; with a row of padding behind, 3.
    assert pool("max_pool", (1, 1, 5, 4), (2, 2), stride=(2, 2)).output_shape == (1, 1, 2, 2)
    after = pool("max_pool", (1, 1, 5, 4), (2, 2), stride=(2, 2), padding=(0, 0), padding_after=(1, 0))
    assert (after.output_shape, after.padding) == ((1, 1, 3, 2), (0, 0, 0))
    everything = pool("average_pool", (1, 8, 3, 6, 5))
    assert (everything.output_shape, everything.vector_ops) == ((1, 8, 1, 1), 8 * 90)


def test_padding_behind_has_its_own_name_in_a_problem(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(pool, "max_pool", (1, 1, 5, 4), (2, 2), padding_after=(0, -1))
    assert (problem.field, problem.got) == ("padding_after", "(0, -1)")


def test_a_reduction() -> None:
    op = reduce(6, 50)
    assert (op.vector_ops, op.input_elements, op.output_elements) == (300, 300, 6)
    assert (op.macs, op.parameters) == (0, 0)


def test_a_selective_scan() -> None:
    # 32 channels, 16 states each, 100 positions.
    op = scan(32, 16, 100, batch=2)
    assert sizes(op) == {"B": 2, "K": 32, "C": 16, "OX": 100}
    assert op.macs == 0
    assert op.vector_ops == 8 * 2 * 32 * 16 * 100
    assert op.elements_read == (2 * 3200, 2 * 3200, 2 * 1600, 2 * 1600), "x and its step, B and C"
    assert op.output_elements == 2 * 3200
    assert (op.weights, op.weights_fetched) == (512, 512), "a decay for every state"


# -------------------------------------------------------------------------------------- element by element, and norms

#: Elementary operations for an element of the result, of every kind that is no product of matrices.
WORK = {
    **dict.fromkeys(("max_pool", "average_pool", "reduce", "cumulative_sum"), 1),
    "lp_pool": 2,
    "scan": 8,
    **dict.fromkeys(("sample_full", "sample_bounded", "sample_square"), 9),
    "softmax": 5,
    "layer_norm": 7,
    "group_norm": 7,
    "rms_norm": 4,
    "l2_norm": 3,
    "batch_norm": 2,
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "compare", "select"), 1),
    **dict.fromkeys(("scale", "add_learned", "scale_learned", "position_bias"), 1),
    "rotary": 3,
    **dict.fromkeys(("relu", "sigmoid", "tanh", "gelu", "elu", "softplus", "exp", "double", "unary"), 1),
    **dict.fromkeys(("relu6", "clip", "leaky_relu", "prelu", "swish", "mish"), 2),
    "hard_sigmoid": 3,
    "hard_swish": 4,
    **dict.fromkeys(("concat", "pad", "transpose", "expand", "slice", "gather", "embedding", "store", "unknown"), 1),
    "resize_nearest": 1,
    "resize_bilinear": 7,
}
MATRICES = {"convolution", "fully_connected", "matmul"}
LOWERED = {"transposed_convolution", "deformable_full", "deformable_bounded", "deformable_square", "attention"}


def test_every_kind_stands_in_the_table_of_work() -> None:
    assert set(OP_KINDS) == WORK.keys() | MATRICES | LOWERED
    assert {kind: OP_KINDS[kind].vector_work for kind in WORK} == WORK
    assert all(OP_KINDS[kind].has_macs for kind in MATRICES | LOWERED)
    assert all((OP_KINDS[kind].lower is not None) == (kind in LOWERED) for kind in OP_KINDS)


@pytest.mark.parametrize(
    "kind", ["softmax", "layer_norm", "group_norm", "rms_norm", "l2_norm", "batch_norm", "cumulative_sum"]
)
def test_norms_read_and_write_every_element_once(kind: str) -> None:
    op = elementwise(kind, (1, 24, 5, 7), affine=2)
    elements = 24 * 35
    assert op.vector_ops == WORK[kind] * elements
    assert (op.elements_read, op.output_elements) == ((elements,), elements)
    assert op.parameters == 48, "a scale and a shift for every channel"
    assert (op.macs, op.weights) == (0, 0)


def test_one_of_two_may_be_stretched() -> None:
    op = elementwise("multiply", (1, 24, 5, 7), reads=(24 * 35, 35))
    assert op.elements_read == (24 * 35, 35)
    assert op.vector_ops == 24 * 35
    assert op.bytes_of(Operand.I) == 24 * 35 + 35
    assert elementwise("select", (1, 2, 3, 4)).elements_read == (24, 24, 24)


def test_learned_maps_and_learned_scales() -> None:
    positions = elementwise("add_learned", (2, 192, 1, 197))
    assert (positions.weights, positions.parameters) == (192 * 197, 192 * 197), "the same for both images"
    assert positions.elements_read == (2 * 192 * 197,)
    scale = elementwise("scale_learned", (2, 96, 56, 56))
    assert (scale.weights, scale.vector_ops) == (96, 2 * 96 * 56 * 56)
    bias = elementwise("position_bias", (1, 8, 49, 49), table=8 * 169)
    assert (bias.weights, bias.parameters) == (0, 8 * 169)


@pytest.mark.parametrize("kind", [kind for kind in OP_KINDS if OP_KINDS[kind].activation])
def test_activations_work_on_volumes_too(kind: str) -> None:
    op = elementwise(kind, (1, 3, 2, 4, 5))
    assert op.vector_ops == WORK[kind] * 120
    assert (op.output_shape, op.elements_read) == ((1, 3, 2, 4, 5), (120,))


# ------------------------------------------------------------------------------------------------------- movement only


def test_moves_read_what_they_are_given_and_write_their_target() -> None:
    op = move("concat", (1, 24, 5, 7), (16 * 35, 8 * 35))
    assert op.elements_read == op.fetched == (16 * 35, 8 * 35)
    assert (op.output_elements, op.vector_ops, op.macs) == (24 * 35, 24 * 35, 0)
    padded = move("pad", (1, 8, 7, 9), (8 * 35,))
    assert (padded.fetched, padded.output_elements) == ((8 * 35,), 8 * 63), "zeros are written, not read"
    near, bilinear = (move(f"resize_{how}", (1, 8, 10, 14), (8 * 35,)) for how in ("nearest", "bilinear"))
    assert near.fetched == bilinear.fetched == (8 * 35,), "every value is read once"
    assert (near.vector_ops, bilinear.vector_ops) == (8 * 140, 7 * 8 * 140)
    assert move("transpose", (1, 35, 1, 8), (280,)).fetched == (280,)
    assert move("expand", (1, 8, 5, 7), (8,)).fetched == (8,)


def test_a_slice_and_a_gather_fetch_only_what_they_use() -> None:
    part = move("slice", (1, 8, 5, 7), (24 * 35,))
    assert (part.elements_read, part.fetched) == ((24 * 35,), (8 * 35,))
    # 8 rows of 64 out of 1000, named by 8 indices.
    rows = move("gather", (1, 64, 1, 8), (1000 * 64, 8))
    assert (rows.elements_read, rows.fetched) == ((64_000, 8), (512, 8))


def test_an_embedding_fetches_the_rows_it_looks_up() -> None:
    op = embedding(128, 30_522, 768)
    assert (op.weights, op.parameters) == (30_522 * 768, 30_522 * 768)
    assert op.weights_fetched == 128 * 768
    assert op.elements_read == op.fetched == (128,), "an index for each token"
    assert (op.output_elements, op.vector_ops, op.macs) == (128 * 768, 128 * 768, 0)
    assert (op.input_shape, op.output_shape) == ((1, 1, 1, 128), (1, 768, 1, 128))
    assert embedding(16, 100, 8, batch=4).weights_fetched == 4 * 16 * 8


def test_what_is_stored_for_later_is_read_and_written_once() -> None:
    op = elementwise("store", (1, 64, 1, 8))
    assert op.elements_read == (512,)
    assert (op.output_elements, op.vector_ops, op.parameters) == (512, 512, 0)


# ----------------------------------------------------------------------------------------------------------- bit widths

NARROW = Bits(W=4, I=12, O=16)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (transposed_convolution((1, 2, 3, 3), 4, (2, 2), stride=(2, 2), bits=NARROW), [32 / 2, 18 * 1.5, 144 * 2]),
        (fully_connected((1, 6, 2, 2), 5, each=True, bits=NARROW), [30 / 2, 24 * 1.5, 20 * 2]),
        # The second matrix is an input, if it stands in for weights.
        (matmul(2, 3, 4, bits=NARROW), [0, (6 + 12) * 1.5, 8 * 2]),
        (attention(2, 3, 4, 4, bits=NARROW), [0, (8 + 12 + 12) * 1.5, 8 * 2]),
        (deformable("square", (1, 2, 3, 3), 4, (1, 1), bits=NARROW), [8 / 2, (18 + 9) * 1.5, 36 * 2]),
        (embedding(3, 10, 4, bits=NARROW), [40 / 2, 3 * 1.5, 12 * 2]),
        (scan(2, 3, 5, bits=NARROW), [6 / 2, (10 + 10 + 15 + 15) * 1.5, 10 * 2]),
        (move("slice", (1, 2, 1, 1), (8,), bits=NARROW), [0, 8 * 1.5, 2 * 2]),
        (reduce(2, 5, bits=NARROW), [0, 10 * 1.5, 2 * 2]),
    ],
    ids=lambda value: value.kind if isinstance(value, Op) else "",
)
def test_bytes_follow_the_bit_widths(op: Op, expected: list[float]) -> None:
    assert byte_counts(op) == expected


# --------------------------------------------------------------------------------------------- what cannot be, is not


@pytest.mark.parametrize(
    ("kind", "dim", "its"),
    [
        ("fully_connected", "FX", "B K C OY OX"),
        ("fully_connected", "G", "B K C OY OX"),
        ("matmul", "B", "G K C OY OX"),
        ("softmax", "C", "B G K OZ OY OX"),
        ("attention", "FY", "B G K C OY OX FX"),
        ("scan", "G", "B K C OX"),
        ("reduce", "K", "B G C OZ OY OX"),
    ],
)
def test_a_loop_that_indexes_nothing_is_refused(kind: str, dim: str, its: str, problems_of: ProblemsOf) -> None:
    """It would multiply the work and move nothing."""
    (problem,) = problems_of(Op, kind, loops(**{dim: 3}))
    assert (problem.field, problem.message) == (f"{kind}.{dim}", "it has no such loop")
    assert (problem.got, problem.allowed) == ("3", f"1; its loops are {its}")


def test_the_tensors_of_a_move_must_be_stated(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(Op, "slice", loops(K=3))
    assert (problem.field, problem.got) == ("slice.reads", "None")
    (problem,) = problems_of(Op, "add", loops(K=3), reads=(3,))
    assert (problem.field, problem.got) == ("add.reads", "(3,)")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"weight_density": 0.0}, "sparsity.weight_density"),
        ({"weight_density": 1.5}, "sparsity.weight_density"),
        ({"input_density": math.nan}, "sparsity.input_density"),
        ({"pattern": "n_of_m", "weight_density": 0.5}, "sparsity.block"),
        ({"block": 4}, "sparsity.block"),
        ({"pattern": "n_of_m", "block": 4, "weight_density": 0.3}, "sparsity.weight_density"),
    ],
)
def test_zeros_that_cannot_be(given: dict[str, object], field: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(Sparsity, **given)
    assert problem.field == field


def test_zeros_change_no_count() -> None:
    assert Sparsity() == DENSE
    # 29 of every 100: a share that is no binary fraction.
    for zeros in (Sparsity(0.5, 0.7), Sparsity(0.5, pattern="n_of_m", block=4), Sparsity(0.29, 1.0, "n_of_m", 100)):
        dense = convolution((1, 8, 4, 4), 8, (3, 3))
        op = Op(dense.kind, dense.sizes, padding=dense.padding, extent=dense.extent, sparsity=zeros)
        assert (op.macs, op.parameters, op.input_elements) == (dense.macs, dense.parameters, dense.input_elements)
        assert op != dense


# -------------------------------------------------------------------------------------------------------------- values


def samples() -> list[Op]:
    """Return an op of every maker."""
    return [
        convolution((1, 3, 4, 5, 6), 4, (3, 3, 3), stride=(1, 2, 1), bits=NARROW, affine=2),
        transposed_convolution((1, 3, 4, 4), 4, (3, 3), stride=(2, 2)),
        deformable("full", (1, 3, 4, 4), 4, (3, 3)),
        fully_connected((1, 3, 4, 4), 4, each=True),
        matmul(3, 4, 5, heads=2, shared=3),
        attention(3, 4, 5, 6, heads=2, table=7),
        pool("max_pool", (1, 3, 4, 4), (2, 2)),
        elementwise("multiply", (1, 3, 4, 4), reads=(48, 3)),
        move("concat", (1, 3, 4, 4), (16, 32)),
        reduce(4, 5),
        embedding(3, 10, 4),
        scan(2, 3, 4),
        Op("convolution", loops(K=2, C=4), sparsity=Sparsity(0.5, pattern="n_of_m", block=2)),
    ]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_ops_are_equal_after_pickling(protocol: int) -> None:
    for op in samples():
        assert hash(op) == op._hash, "what is cached must not travel"
        copy = pickle.loads(pickle.dumps(op, protocol))
        assert copy == op
        assert hash(copy) == hash(op)
        assert repr(copy) == repr(op)
        assert (copy.macs, copy.vector_ops, copy.parameters) == (op.macs, op.vector_ops, op.parameters)


def _found(ops: list[Op]) -> list[tuple[bool, int, Op]]:
    """Return whether each op is found in a set of ops made here, its MACs, and the op."""
    here = set(samples())
    return [(op in here, op.macs, op) for op in ops]


def test_ops_are_equal_in_another_process_where_words_hash_differently() -> None:
    ops = samples()
    assert all(hash(op) for op in ops)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool_of_workers:
        answers = pool_of_workers.submit(_found, ops).result()
    assert [there for there, _, _ in answers] == [True] * len(ops)
    assert [macs for _, macs, _ in answers] == [op.macs for op in ops]
    assert [op in set(ops) for _, _, op in answers] == [True] * len(ops), "and back again"


def test_equal_calls_share_an_op() -> None:
    made = zip(samples()[:-1], samples()[:-1], strict=True)
    assert all(one is other for one, other in made)
