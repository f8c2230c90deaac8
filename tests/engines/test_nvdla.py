"""NVDLA's array and buffer: hand-worked cycles and traffic, the laws, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accelsim.dims import Dim
from accelsim.engines.nvdla import (
    MODES,
    PRESETS,
    Blocks,
    Nvdla,
    Ports,
    binding,
    mac_cycles,
    modes_of,
    post_cycles,
    resources,
    shape_of,
    traverse,
    unsupported,
)
from accelsim.errors import InputError, NoMappingError
from accelsim.workload.ops import Bits, Op, make
from accelsim.workload.ops.op import loops

FULL, LARGE, SMALL = PRESETS["nv_full"], PRESETS["nv_large"], PRESETS["nv_small"]
WIDE = Bits(W=16, I=16, O=16)


def conv(channels: int, side: int, kernels: int, window: int, stride: int = 1, batch: int = 1, groups: int = 1) -> Op:
    """Return a square convolution that keeps the size at stride 1."""
    return make.convolution(
        (batch, channels, side, side), kernels, (window, window), stride=(stride, stride), groups=groups
    )


def cycles(op: Op, machine: Nvdla, mode: str = "direct", rows: int | None = None, images: int = 1) -> float:
    """Return the MAC cycles of one cut; of the whole map, if no rows are given."""
    shape = shape_of(op, machine)
    return float(mac_cycles(shape, machine, mode, np.array([rows or shape.rows]), np.array([images]))[0])


def least(values: np.ndarray[Any, Any], blocks: Blocks, mode: str) -> float:
    """Return the least value among the candidates of a mode."""
    return float(values[blocks.mode == MODES.index(mode)].min())


# ------------------------------------------------------------------------------------------------------- MAC cycles
def test_a_direct_convolution_takes_a_cycle_an_atom() -> None:
    # 28 x 28 outputs, 3 x 3 taps, 128 / 64 channel atoms, 128 / 32 kernel groups.
    assert cycles(conv(128, 28, 128, 3), LARGE) == 784 * 9 * 2 * 4
    # On 8 x 8: 16 channel atoms and 16 kernel groups.
    assert cycles(conv(128, 28, 128, 3), SMALL) == 784 * 9 * 16 * 16


def test_the_documentations_example_uses_an_eighth_of_the_array() -> None:
    # nvdla/doc, hardware architecture: Atomic-C 16 and Atomic-K 64; a layer of 8 channels and 16 kernels.
    machine = replace(SMALL, atomic_c=16, atomic_k=64, weight_load_cycles=16, pixel_channels=1)
    layer = conv(8, 32, 16, 3)
    assert layer.macs / (cycles(layer, machine) * machine.multipliers) == 1 / 8


def test_channels_and_kernels_that_do_not_fill_an_atom_cost_a_whole_one() -> None:
    assert cycles(conv(65, 16, 33, 1), LARGE) == cycles(conv(128, 16, 64, 1), LARGE) == 256 * 2 * 2


def test_16_bits_halve_the_kernels_at_once() -> None:
    assert cycles(replace(conv(64, 16, 64, 1), bits=WIDE), FULL) == 2 * cycles(conv(64, 16, 64, 1), FULL)
    assert replace(FULL, atomic_k=1).kernels_at_once(16) == 1


def test_a_short_stripe_waits_for_the_next_weights() -> None:
    # A classifier has one output a kernel: 16 cycles for it, 1/16 of the array's rate (nvdla/doc: 6.25 %).
    fc = Op("fully_connected", loops(K=1024, C=2048))
    assert cycles(fc, FULL) == 16 * (2048 // 64) * (1024 // 32)
    assert fc.macs / (cycles(fc, FULL) * FULL.multipliers) == 0.0625
    # A strip of two rows of seven outputs is 14 long; the last has 7: three times 16 and once 16.
    assert cycles(conv(64, 7, 32, 1), FULL, rows=2) == 4 * 16
    assert cycles(conv(64, 7, 32, 1), FULL) == 49


def test_images_of_a_batch_share_a_stripe() -> None:
    fc = Op("fully_connected", loops(B=40, K=32, C=64))
    assert cycles(fc, FULL) == 40 * 16
    assert cycles(fc, FULL, images=16) == 16 + 16 + 16
    assert cycles(fc, FULL, images=32) == 32 + 16


def test_an_image_packs_its_filter_rows_beside_each_other() -> None:
    # 7 taps of 4 channels are 28 of 64: two lines at once. 112 outputs a line: a stripe of 64 and one of 48.
    stem = make.convolution((1, 3, 224, 224), 64, (7, 7), stride=(2, 2), padding=(3, 3))
    assert cycles(stem, FULL, "image") == 112 * (64 + 48) * math.ceil(7 / 2) * 1 * 2
    # Three taps of 4 channels are 12 of 64: four lines at once would do, so all three rows pass together.
    assert cycles(conv(3, 64, 32, 3), FULL, "image") == 64 * 64
    # On 8 channels a row of 12 takes two steps, a line at a time.
    assert cycles(conv(3, 64, 8, 3), SMALL, "image") == 64 * 64 * 3 * 2


def test_a_short_rest_of_an_image_line_waits_for_weights() -> None:
    assert cycles(conv(3, 66, 32, 3), FULL, "image") == 66 * (64 + 16)


def test_winograd_makes_four_outputs_of_sixteen_products() -> None:
    # 56 x 56 outputs in tiles of 2 x 2, 64 / 4 channel steps, 64 / 32 kernel groups: 2.25 times as fast.
    layer = conv(64, 56, 64, 3)
    assert cycles(layer, FULL, "winograd") == 28 * 28 * 16 * 2
    assert cycles(layer, FULL) == 2.25 * cycles(layer, FULL, "winograd")
    # 13 outputs are filled up to 16.
    assert cycles(conv(64, 13, 32, 3), FULL, "winograd") == 8 * 8 * 16
    # In strips of 8 and 5 rows: the last is filled up to 8 as well.
    assert cycles(conv(64, 13, 32, 3), FULL, "winograd", rows=8) == 2 * (4 * 8) * 16


def test_each_layer_has_the_modes_it_can_run_in() -> None:
    def modes(op: Op, machine: Nvdla = FULL) -> tuple[str, ...]:
        return modes_of(shape_of(op, machine), machine)

    assert modes(conv(64, 56, 64, 3)) == ("direct", "winograd")
    assert modes(conv(64, 56, 64, 3), LARGE) == ("direct",)
    assert modes(conv(64, 56, 64, 3, 2)) == modes(conv(64, 56, 64, 5)) == modes(conv(64, 56, 64, 1)) == ("direct",)
    assert modes(conv(3, 64, 32, 3)) == ("direct", "image")
    assert modes(make.convolution((1, 3, 64, 64), 32, (3, 3), dilation=(2, 2))) == ("direct",)
    assert modes(conv(32, 56, 32, 3, groups=32), SMALL) == ("direct",)


def test_groups_run_one_after_the_other_unless_they_are_packed() -> None:
    depthwise = conv(256, 28, 256, 3, groups=256)
    assert cycles(depthwise, LARGE) == 256 * 784 * 9
    # Packed, 64 groups fill the channels of an atom; their 64 kernels are two kernel groups.
    assert cycles(depthwise, replace(LARGE, pack_groups=True)) == 4 * 784 * 9 * 2
    packed = traverse(depthwise, replace(LARGE, pack_groups=True))
    assert packed.weight_bytes.min() == 64 * traverse(depthwise, LARGE).weight_bytes.min()


# ---------------------------------------------------------------------------------------------------------- traffic
def test_what_fits_is_read_once() -> None:
    layer = conv(64, 28, 128, 3)
    blocks = traverse(layer, LARGE)
    once = (blocks.rows == 28) & (blocks.kernels == 128)
    assert once.any()
    assert set(blocks.weight_bytes[once]) == {128 * 64 * 9}
    assert set(blocks.input_bytes[once]) == {64 * 28 * 28}
    assert set(blocks.output_bytes) == {128 * 28 * 28}
    assert not blocks.sum_bytes.any()


def test_room_is_whole_banks_of_weights_and_of_features() -> None:
    blocks = traverse(conv(64, 28, 128, 3), LARGE)
    once = (blocks.rows == 28) & (blocks.kernels == 128) & (blocks.mode == 0)
    # 50,176 bytes of features in two banks of 32 KiB, 73,728 of weights in three.
    assert set(blocks.room_bytes[once]) == {5 * 32_768}
    assert (blocks.room_bytes <= LARGE.buffer_bytes).all()


def test_strips_read_shared_rows_twice_and_weights_each_time() -> None:
    # A map of 200,704 bytes and 16 kernels of 576 each, in 128 KiB: no more than 40 rows of 56 fit beside the kernels.
    layer = conv(64, 56, 16, 3)
    blocks = traverse(layer, SMALL)
    assert blocks.rows.max() == 28
    two = (blocks.rows == 28) & (blocks.kernels == 8)
    # Kernels in two shares, the input for each: 29 rows of each strip, since there is padding at one end only.
    assert sorted(set(blocks.input_bytes[two])) == [2 * 29 * 56 * 64, 2 * 2 * 29 * 56 * 64]
    # Or the strips stay, and all kernels come for both.
    assert sorted(set(blocks.weight_bytes[two])) == [16 * 576, 2 * 16 * 576]
    assert blocks.weight_bytes[two][np.argmin(blocks.input_bytes[two])] == 2 * 16 * 576


def test_channels_are_stored_in_whole_memory_atoms() -> None:
    layer = conv(33, 16, 16, 1)
    assert traverse(layer, LARGE).input_bytes.min() == 64 * 256
    assert traverse(layer, SMALL).input_bytes.min() == 40 * 256
    # The channels of all groups lie together.
    assert traverse(conv(32, 16, 32, 3, groups=32), LARGE).input_bytes.min() == 32 * 256


def test_an_image_has_four_bytes_a_pixel() -> None:
    blocks = traverse(conv(3, 64, 32, 3), FULL)
    assert least(blocks.input_bytes, blocks, "image") == 4 * 64 * 64
    assert least(blocks.weight_bytes, blocks, "image") == 4 * 9 * 32
    assert least(blocks.input_bytes, blocks, "direct") == 32 * 64 * 64


def test_winograd_weights_are_four_by_four() -> None:
    blocks = traverse(conv(64, 56, 64, 3), FULL)
    assert least(blocks.weight_bytes, blocks, "direct") == 64 * 64 * 9
    assert least(blocks.weight_bytes, blocks, "winograd") == pytest.approx(64 * 64 * 16)


def test_a_batch_reads_weights_once_if_they_stay_and_for_each_image_if_not() -> None:
    blocks = traverse(conv(64, 14, 64, 3, batch=5), LARGE)
    assert set(blocks.weight_bytes[blocks.kernels == 64]) == {64 * 64 * 9}
    streamed = (blocks.kernels == 32) & (blocks.rows == 14)
    assert set(blocks.weight_bytes[streamed]) == {64 * 64 * 9, 5 * 64 * 64 * 9}
    assert set(blocks.input_bytes[streamed]) == {5 * 64 * 196, 2 * 5 * 64 * 196}


def test_channels_are_cut_only_where_nothing_else_fits() -> None:
    # A group of 8 kernels of 25,088 weights is 196 KiB; the buffer has 128. Halves fit.
    blocks = traverse(Op("fully_connected", loops(K=4096, C=25_088)), SMALL)
    assert set(blocks.sum_bytes) == {4096 * 4}
    assert blocks.weight_bytes.min() == 4096 * 25_088
    assert set(blocks.result_cycles) == {2 * 4096}


def test_a_row_wider_than_the_buffer_has_no_mapping() -> None:
    with pytest.raises(NoMappingError, match="131072 bytes"):
        traverse(make.convolution((1, 64, 8, 100_000), 8, (3, 3)), SMALL)


# -------------------------------------------------------------------------------------------------------- resources
def test_resources_share_out_the_traffic() -> None:
    blocks = traverse(conv(64, 28, 128, 3), LARGE)
    ports = Ports(dram=10, sram_read=20, sram_write=40)
    near = resources(blocks, ports, inputs="sram", outputs="sram")
    assert near["DRAM"] == pytest.approx(blocks.weight_bytes / 10)
    assert near["CVSRAM-R"] == pytest.approx(blocks.input_bytes / 20)
    assert near["CVSRAM-W"] == pytest.approx(blocks.output_bytes / 40)
    far = resources(blocks, Ports(dram=10))
    assert far["DRAM"] == pytest.approx((blocks.weight_bytes + blocks.input_bytes + blocks.output_bytes) / 10)
    assert not far["CVSRAM-R"].any()
    assert not far["CVSRAM-W"].any()
    mixed = resources(blocks, ports, inputs="sram")
    assert mixed["DRAM"] == pytest.approx((blocks.weight_bytes + blocks.output_bytes) / 10)


def test_partial_sums_go_where_results_go() -> None:
    blocks = traverse(Op("fully_connected", loops(K=4096, C=25_088)), SMALL)
    found = resources(blocks, Ports(dram=8, sram_read=8, sram_write=8), outputs="sram")
    assert found["CVSRAM-R"] == pytest.approx(blocks.sum_bytes / 8)
    assert found["CVSRAM-W"] == pytest.approx((blocks.sum_bytes + 4096) / 8)


def test_the_resource_with_the_most_cycles_binds() -> None:
    pointwise = conv(64, 56, 256, 1)
    blocks = traverse(pointwise, LARGE)
    # 802,816 results at 16 a cycle take 50,176 cycles; the array 25,088.
    assert set(binding(resources(blocks, Ports(dram=1000)))) == {"SDP"}
    assert set(binding(resources(blocks, Ports(dram=1)))) == {"DRAM"}
    deep = traverse(conv(512, 14, 512, 3), LARGE)
    assert set(binding(resources(deep, Ports(dram=1e6)))) == {"MAC"}
    assert (blocks.compute_cycles == np.maximum(blocks.mac_cycles, blocks.result_cycles)).all()


def test_pools_and_sums_have_units_of_their_own() -> None:
    pool = make.pool("max_pool", (1, 64, 56, 56), (2, 2), stride=(2, 2))
    assert post_cycles(pool, LARGE) == ("PDP", 64 * 56 * 56 / 8)
    assert post_cycles(pool, replace(LARGE, pooled_per_cycle=0)) is None
    add, relu, softmax = (make.elementwise(kind, (1, 64, 56, 56)) for kind in ("add", "relu", "softmax"))
    assert post_cycles(add, LARGE) == ("SDP", 64 * 56 * 56 / 4)
    assert post_cycles(add, SMALL) is None
    assert post_cycles(relu, LARGE) == ("SDP", 64 * 56 * 56 / 16)
    assert post_cycles(relu, SMALL) == ("SDP", 64 * 56 * 56)
    assert post_cycles(softmax, LARGE) is None


# ------------------------------------------------------------------------------------------------------------- laws
LAYERS = [
    conv(3, 96, 32, 3, 2),
    conv(64, 56, 64, 3),
    conv(256, 14, 100, 1),
    conv(96, 28, 96, 3, groups=96),
    conv(512, 7, 512, 3),
    conv(48, 27, 128, 5, batch=3),
    Op("fully_connected", loops(B=4, K=1000, C=2048)),
    make.convolution((1, 16, 33, 65), 24, (1, 7), stride=(1, 2), dilation=(1, 3)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("name", PRESETS)
def test_no_candidate_beats_the_array_or_moves_less_than_there_is(name: str, layer: Op) -> None:
    machine = PRESETS[name]
    blocks = traverse(layer, machine)
    speed = np.where(blocks.mode == MODES.index("winograd"), 2.25, 1.0)
    assert (blocks.mac_cycles * machine.multipliers * speed >= layer.macs * 0.999_999).all()
    assert (blocks.weight_bytes >= layer.weights * layer.bits.W / 8).all()
    assert (blocks.output_bytes == layer.output_elements).all()
    seen = layer.size(Dim.B) * layer.size(Dim.G) * layer.size(Dim.C)
    if layer.kind == "convolution":
        seen *= min(layer.extent[1], layer.span(1, layer.size(Dim.OY)) - layer.padding[1]) * layer.extent[2]
    assert (blocks.input_bytes >= seen).all()
    assert (blocks.room_bytes <= machine.buffer_bytes).all()
    assert (blocks.rows >= 1).all()
    assert (blocks.kernels <= shape_of(layer, machine).kernels).all()


@pytest.mark.parametrize("layer", LAYERS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("name", PRESETS)
def test_more_multipliers_and_a_larger_buffer_never_cost_time(name: str, layer: Op) -> None:
    def fastest(machine: Nvdla) -> float:
        blocks = traverse(layer, machine)
        return float(np.maximum(blocks.compute_cycles, resources(blocks, Ports(dram=4))["DRAM"]).min())

    small = PRESETS[name]
    larger = replace(small, banks=2 * small.banks)
    assert fastest(larger) <= fastest(small)
    assert fastest(replace(larger, atomic_k=2 * small.atomic_k)) <= fastest(larger)
    assert fastest(replace(larger, atomic_c=2 * small.atomic_c)) <= fastest(larger)


def test_with_no_bandwidth_to_spare_the_larger_buffer_is_worth_it() -> None:
    layer = conv(512, 14, 512, 3)
    assert traverse(layer, LARGE).weight_bytes.min() == layer.weights
    both = [(b.weight_bytes + b.input_bytes).min() for b in (traverse(layer, SMALL), traverse(layer, LARGE))]
    assert both[0] > both[1] == layer.weights + layer.input_elements


# ---------------------------------------------------------------------------------------------------------- refused
def test_what_the_core_cannot_run_is_said_in_words(problems_of: Any) -> None:
    cases = {
        "not matmul": Op("matmul", loops(K=8, C=8)),
        "not max_pool": make.pool("max_pool", (1, 8, 8, 8), (2, 2)),
        "third window axis": make.convolution((1, 8, 4, 8, 8), 8, (3, 3, 3)),
        "8 bits at most": replace(LAYERS[1], bits=WIDE),
    }
    for words, op in cases.items():
        assert words in (unsupported(op, sixteen_bit=LARGE.sixteen_bit) or "")
        (problem,) = problems_of(traverse, op, LARGE)
        assert words in problem.message
    assert "16 bits at most" in (unsupported(replace(LAYERS[1], bits=Bits(W=32, I=32)), sixteen_bit=True) or "")
    assert unsupported(replace(LAYERS[1], bits=WIDE), sixteen_bit=True) is None


@pytest.mark.parametrize("value", [0, -8, 2.5, "64", True])
def test_a_size_of_nonsense_is_refused(problems_of: Any, value: object) -> None:
    (problem,) = problems_of(replace, SMALL, atomic_c=value)
    assert problem.field == "nvdla.atomic_c"
    (problem,) = problems_of(replace, SMALL, banks=value)
    assert problem.field == "nvdla.banks"


def test_a_throughput_may_be_missing_and_a_flag_is_a_flag(problems_of: Any) -> None:
    assert replace(SMALL, pooled_per_cycle=0).pooled_per_cycle == 0
    (problem,) = problems_of(replace, SMALL, winograd=1)
    assert problem.allowed == "true or false"


def test_winograd_needs_whole_tiles(problems_of: Any) -> None:
    (problem,) = problems_of(replace, SMALL, winograd=True)
    assert problem.field == "nvdla.atomic_c"


@pytest.mark.parametrize("rates", [{"dram": 0}, {"dram": -1}, {"dram": float("nan")}, {"dram": 1, "sram_read": -1}])
def test_a_bandwidth_of_nonsense_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Ports(**rates)


def test_an_unknown_memory_is_refused(problems_of: Any) -> None:
    blocks = traverse(LAYERS[1], SMALL)
    problems = problems_of(resources, blocks, Ports(dram=8), inputs="drm", outputs="sram")
    assert [problem.field for problem in problems] == ["inputs", "ports"]
    assert problems[0].suggestion == "dram"


def test_presets_are_the_published_sizes() -> None:
    sizes = {name: (machine.multipliers, machine.buffer_bytes >> 10) for name, machine in PRESETS.items()}
    assert sizes == {
        "nv_small": (64, 128),
        "nv_small_256": (256, 128),
        "nv_medium_512": (512, 512),
        "nv_medium_1024_full": (1024, 512),
        "nv_large": (2048, 512),
        "nv_full": (2048, 512),
    }
