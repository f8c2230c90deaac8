"""Cycles of blocks, worked out by hand, and the blocks themselves."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from accelsim.engines.ethos_u import CONFIGURATIONS, SYSTEMS, Activation, Kind, Layer, Memory, Npu, npu, system
from accelsim.engines.ethos_u.blocks import Blocks
from accelsim.engines.ethos_u.blocks85 import blocks_of
from accelsim.engines.ethos_u.compute import Parts, cycles_of
from accelsim.engines.ethos_u.machine import Rams, Shram, Size
from accelsim.engines.ethos_u.traffic import Places, moved_by
from accelsim.errors import InputError, NoMappingError

SRAM = SYSTEMS["ethos-u55-high-end-embedded"].sram
FLASH = SYSTEMS["ethos-u55-high-end-embedded"].weights
LINEAR = Places(ifm=SRAM, ofm=SRAM, ifm_bricks=False, ofm_bricks=False)
BRICKS = Places(ifm=SRAM, ofm=SRAM)


def block(ofm: Size, ifm: Size, ublock: Size) -> Blocks:
    whole = (np.array([ofm], dtype=np.int64), np.array([ifm], dtype=np.int64))
    return Blocks(*whole, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.float32), 0, ublock)


def parts(layer: Layer, machine: Npu, one: Blocks, places: Places = LINEAR, scales: Memory | None = None) -> Parts:
    return cycles_of(layer, machine, one, places, scales=scales)


def conv(ifm: Size, ofm: Size, kernel: int = 1, stride: int = 1, bits: int = 8) -> Layer:
    return Layer(
        kind=Kind.CONVOLUTION, ifm=ifm, ofm=ofm, kernel=(kernel, kernel), stride=(stride, stride), bits=bits
    )  # fmt: skip


POINTWISE = conv((8, 8, 64), (8, 8, 32))
ONE_BLOCK = block((8, 8, 32), (8, 8, 32), (1, 2, 8))


# ------------------------------------------------------------------------------------------------ multipliers
def test_depth_first_takes_four_cycles_a_micro_block_and_tap_for_each_block_of_input_channels() -> None:
    # 8 x 4 micro-blocks of pixels, 4 of channels: 4 x 32 x 4 = 512 cycles, for 2 blocks of 32 input channels.
    assert parts(POINTWISE, npu("ethos-u55-128"), ONE_BLOCK).multiply[0] == 1024
    # 3 x 3 taps.
    taps = conv((10, 10, 64), (8, 8, 32), 3)
    assert parts(taps, npu("ethos-u55-128"), block((8, 8, 32), (10, 10, 32), (1, 2, 8))).multiply[0] == 9 * 1024


def test_part_kernel_first_takes_four_taps_of_eight_channels_a_step() -> None:
    layer = conv((17, 17, 3), (8, 8, 32), 3, 2)
    assert layer.part_kernel_first
    # 9 taps are 3 steps, 3 channels one group: 4 x 32 x 3 x 4 = 1536.
    assert parts(layer, npu("ethos-u55-128"), block((8, 8, 32), (17, 18, 8), (1, 2, 8))).multiply[0] == 1536


def test_depthwise_takes_four_taps_a_step_and_is_held_up_by_its_weights_on_small_areas() -> None:
    shape = (4, 4, 16)
    layer = Layer(kind=Kind.DEPTHWISE, ifm=shape, ofm=shape, kernel=(3, 3))
    one = block(shape, (6, 6, 16), (2, 2, 8))
    # 4 micro-blocks of pixels would take 16 cycles a step, reading 32 x 8 weights takes 32; 3 steps, 2 blocks deep.
    assert parts(layer, npu("ethos-u55-256"), one).multiply[0] == 32 * 3 * 2
    larger = Layer(kind=Kind.DEPTHWISE, ifm=(8, 8, 16), ofm=(8, 8, 16), kernel=(3, 3))
    assert parts(larger, npu("ethos-u55-256"), block((8, 8, 16), (10, 10, 16), (2, 2, 8))).multiply[0] == 64 * 3 * 2


def test_a_pool_takes_a_cycle_a_tap_on_the_smallest_machine_and_four_on_others() -> None:
    layer = Layer(kind=Kind.MAX_POOL, ifm=(9, 9, 8), ofm=(4, 4, 8), kernel=(3, 3), stride=(2, 2))
    one = block((4, 4, 8), (9, 9, 8), (1, 1, 4))
    assert parts(layer, npu("ethos-u55-32"), one).multiply[0] == 9 * 16 * 2
    assert parts(layer, npu("ethos-u55-64"), block((4, 4, 8), (9, 9, 8), (1, 1, 8))).multiply[0] == 4 * 9 * 16


def test_a_vector_product_has_no_pixels_and_waits_between_steps() -> None:
    layer = Layer(kind=Kind.FULLY_CONNECTED, ifm=(1, 1, 64), ofm=(1, 1, 16))
    # 2 micro-blocks deep, 32 cycles of weights each, 2 blocks of 32 input channels; one step: no wait between steps.
    assert parts(layer, npu("ethos-u55-256"), block((2, 2, 16), (2, 2, 32), (2, 2, 8))).multiply[0] == 128
    lone = replace(layer, ofm=(1, 1, 8))
    # One micro-block alone: 2 cycles more a step.
    assert parts(lone, npu("ethos-u55-256"), block((2, 2, 8), (2, 2, 32), (2, 2, 8))).multiply[0] == 2 * (32 + 2)
    # 3 on the smallest machine, whose 4 channels need half the weights.
    assert parts(replace(lone, ofm=(1, 1, 4)), npu("ethos-u55-32"), block((1, 1, 4), (1, 1, 32), (1, 1, 4))).multiply[
        0
    ] == 2 * (16 + 3)


def test_two_cores_halve_the_multipliers_cycles() -> None:
    one = block((8, 8, 32), (8, 8, 32), (2, 2, 8))
    single, dual = (parts(POINTWISE, npu(f"ethos-u65-{macs}"), one).multiply[0] for macs in (256, 512))
    assert (single, dual) == (512, 256)


def test_large_kernels_are_worked_off_in_pieces_of_eight_by_eight() -> None:
    layer = conv((16, 16, 64), (8, 8, 8), 9)
    assert layer.sub_kernels == (64, 8, 8, 1)
    whole = parts(layer, npu("ethos-u55-128"), block((8, 8, 8), (16, 16, 32), (1, 2, 8)))
    assert whole.multiply[0] == 4 * 32 * 81 * 2


def test_sixteen_bit_elements_halve_the_taps_of_a_step() -> None:
    layer = conv((10, 10, 4), (8, 8, 8), 3, bits=16)
    assert layer.part_kernel_first
    # 9 taps are 5 steps of 2.
    assert parts(layer, npu("ethos-u55-128"), block((8, 8, 8), (10, 10, 4), (1, 2, 8))).multiply[0] == 4 * 32 * 5


def test_a_u85_reads_as_many_input_channels_as_it_holds() -> None:
    layer = conv((8, 8, 64), (8, 8, 16))
    one = block((8, 8, 16), (8, 8, 64), (2, 2, 16))
    # 64 channels of 8 a cycle, 16 micro-blocks.
    assert parts(layer, npu("ethos-u85-512"), one).multiply[0] == 8 * 16


# ------------------------------------------------------------------------------------------------ outputs, totals
def test_outputs_leave_at_the_rate_of_the_output_unit() -> None:
    assert parts(POINTWISE, npu("ethos-u55-128"), ONE_BLOCK).output[0] == 2048 * 0.5
    clamped = replace(POINTWISE, activation=Activation.CLAMP)
    assert parts(clamped, npu("ethos-u55-128"), ONE_BLOCK).output[0] == 2048 * 0.5
    looked_up = replace(POINTWISE, activation=Activation.LOOK_UP)
    assert parts(looked_up, npu("ethos-u55-128"), ONE_BLOCK).output[0] == 2048


def test_biases_from_slow_memory_hold_the_output_unit_up() -> None:
    slow = Memory(bytes_per_cycle=3.75, read_latency=500, write_latency=250, burst_bytes=128)
    one = block((1, 1, 32), (1, 1, 32), (1, 2, 8))
    layer = conv((1, 1, 32), (1, 1, 32))
    # 10 bytes for each of 32 channels, 500 cycles for 256 of them.
    assert parts(layer, npu("ethos-u55-128"), one, scales=slow).output[0] == 625
    assert parts(layer, npu("ethos-u55-128"), one).output[0] == 16


def test_a_block_by_itself_is_the_sum_of_its_parts() -> None:
    got = parts(POINTWISE, npu("ethos-u55-128"), ONE_BLOCK)
    # 2048 bytes, 32 side by side: 2048 / 8 and the latency. Written 16 at a time into bursts of 32.
    assert got.first[0] == 256 + 32
    assert got.last[0] == 512 + 32
    assert got.issue[0] == (1024 + 1024) / 4
    assert got.total[0] == 288 + 1024 + 1024 + 544


def test_bricks_are_written_in_full_bursts() -> None:
    assert parts(POINTWISE, npu("ethos-u55-128"), ONE_BLOCK, BRICKS).last[0] == 256 + 32


def test_the_slower_of_two_units_sets_the_pace_and_the_other_is_seen_once() -> None:
    layer = conv((32, 8, 64), (32, 8, 32))  # four blocks
    got = parts(layer, npu("ethos-u55-128"), ONE_BLOCK, BRICKS)
    assert got.blocks[0] == 4
    assert got.total[0] == 288 + 4 * 1024 + 1024 + 288
    deep = conv((32, 8, 128), (32, 8, 32))
    assert parts(deep, npu("ethos-u55-128"), ONE_BLOCK, BRICKS).total[0] == 288 + 4 * 2048 + 1024 + 288


def test_a_partial_block_counts_by_its_micro_blocks() -> None:
    layer = conv((12, 8, 64), (12, 8, 32))
    assert parts(layer, npu("ethos-u55-128"), ONE_BLOCK, BRICKS).blocks[0] == 1.5


def test_blocks_cannot_be_issued_faster_than_a_quarter_of_their_way() -> None:
    slow = Memory(bytes_per_cycle=0.25, read_latency=32, write_latency=32, burst_bytes=32)
    places = replace(BRICKS, ifm=slow)
    layer = conv((32, 8, 64), (32, 8, 32))
    got = parts(layer, npu("ethos-u55-128"), ONE_BLOCK, places)
    first = 2048 * 4 + 32
    assert got.first[0] == first
    assert got.issue[0] == (first - 288 + 1024 + 1024) / 4
    assert got.total[0] == first + int(4 * got.issue[0] + got.issue[0]) + 288


def test_a_slice_in_the_middle_waits_for_neither_end() -> None:
    layer = conv((32, 8, 128), (32, 8, 32))
    machine = npu("ethos-u55-128")
    ends = {
        (opens, closes): int(cycles_of(layer, machine, ONE_BLOCK, BRICKS, opens=opens, closes=closes).total[0])
        for opens, closes in itertools.product((True, False), repeat=2)
    }
    assert ends[False, False] == 4 * 2048
    assert ends[True, False] == 288 + 4 * 2048
    assert ends[False, True] == 4 * 2048 + 1024 + 288


def test_a_sum_of_two_maps_takes_the_output_units_rate_on_whole_bricks() -> None:
    shape = (14, 14, 24)
    layer = Layer(kind=Kind.ADD, ifm=shape, ofm=shape, inputs=2)
    one = blocks_of(layer, npu("ethos-u55-256")).pick()
    assert parts(layer, npu("ethos-u55-256"), one, BRICKS).total[0] == 14 * 14 * 32 * 0.75
    assert parts(layer, npu("ethos-u55-256"), one, LINEAR).total[0] >= 14 * 14 * 24 * 0.75


# ------------------------------------------------------------------------------------------------ the blocks
def test_the_smallest_machines_block_is_bound_by_its_banks() -> None:
    layer = conv((56, 56, 64), (56, 56, 64))
    blocks = blocks_of(layer, npu("ethos-u55-32"))
    assert blocks.room.max() <= 16
    # 8 x 8 pixels, 16 channels: two copies of 4 KiB of sums and of 2 KiB of inputs, two banks of outputs.
    place = np.flatnonzero((blocks.ofm == (8, 8, 16)).all(axis=1))
    assert blocks.room[place].tolist() == [14]


def test_a_chosen_block_fetches_no_more_than_any_other() -> None:
    for name, layer in itertools.product(
        ("ethos-u55-32", "ethos-u55-128", "ethos-u65-512", "ethos-u85-1024"),
        (POINTWISE, conv((28, 28, 128), (28, 28, 256), 3), conv((224, 224, 3), (112, 112, 32), 3, 2)),
    ):
        blocks = blocks_of(layer, npu(name))
        assert blocks.fetched[blocks.chosen] == blocks.fetched.min()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_blocks_are_whole_micro_blocks_within_the_limit(name: str) -> None:
    machine = npu(name)
    buffers = machine.buffers
    shapes = [
        conv((56, 56, 64), (56, 56, 64), 3),
        Layer(kind=Kind.DEPTHWISE, ifm=(30, 30, 40), ofm=(30, 30, 40), kernel=(5, 5)),
        Layer(kind=Kind.AVERAGE_POOL, ifm=(7, 7, 1024), ofm=(1, 1, 1024), kernel=(7, 7)),
        Layer(kind=Kind.FULLY_CONNECTED, ifm=(1, 1, 1280), ofm=(1, 1, 1000)),
        Layer(kind=Kind.ADD, ifm=(28, 28, 96), ofm=(28, 28, 96), inputs=2),
    ]
    for layer in shapes:
        blocks = blocks_of(layer, machine)
        steps = np.array(blocks.ublock)
        if isinstance(buffers, Shram) and blocks.ublock != buffers.ofm_ublock:
            steps = np.array(buffers.ofm_ublock)  # a folded row is a property of the layer, not of its blocks
        assert (blocks.ofm % steps[None, :] == 0).all()
        assert (blocks.ofm <= np.maximum(np.array(buffers.block_limit), steps)).all()
        assert 0 <= blocks.chosen < len(blocks.ofm)


def test_blocks_of_a_u85_fit_its_memories() -> None:
    for macs in (128, 256, 512, 1024, 2048):
        buffers = npu(f"ethos-u85-{macs}").buffers
        assert isinstance(buffers, Rams)
        layer = conv((56, 56, 64), (56, 56, 64), 3)
        blocks = blocks_of(layer, npu(f"ethos-u85-{macs}"))
        sums = blocks.ofm[:, 0] * blocks.ofm[:, 1] * blocks.ofm[:, 2] * 4
        assert (2 * sums <= buffers.accumulator_bytes).all()
        assert (2 * blocks.ifm.prod(axis=1) <= buffers.ifm_bytes).all()
        deep = Layer(kind=Kind.DEPTHWISE, ifm=(56, 56, 64), ofm=(56, 56, 64), kernel=(3, 3))
        one = blocks_of(deep, npu(f"ethos-u85-{macs}"))
        assert one.ofm.prod() * 4 <= buffers.accumulator_bytes
        assert one.ifm.prod() <= buffers.ifm_bytes


def test_windows_of_blocks_see_strides_and_dilation() -> None:
    layer = Layer(
        kind=Kind.CONVOLUTION, ifm=(64, 64, 32), ofm=(30, 30, 32), kernel=(3, 3), stride=(2, 2), dilation=(2, 2)
    )  # fmt: skip
    blocks = blocks_of(layer, npu("ethos-u55-64"))
    assert (blocks.ifm[:, 0] == (blocks.ofm[:, 0] - 1) * 2 + 5).all()


def test_a_row_under_a_flat_kernel_is_worked_in_fours() -> None:
    row = Layer(kind=Kind.CONVOLUTION, ifm=(1, 64, 32), ofm=(1, 64, 32), kernel=(1, 3))
    assert blocks_of(row, npu("ethos-u55-256")).ublock == (1, 4, 8)
    assert blocks_of(row, npu("ethos-u55-128")).ublock == (1, 2, 8)
    odd = replace(row, ofm=(1, 63, 32))
    assert blocks_of(odd, npu("ethos-u55-256")).ublock == (2, 2, 8)


def test_the_micro_block_of_a_u85_is_that_which_wastes_least() -> None:
    machine = npu("ethos-u85-1024")
    assert blocks_of(conv((8, 8, 64), (8, 8, 64), 3), machine).ublock == (2, 2, 32)
    assert blocks_of(conv((1, 64, 64), (1, 64, 64), 1), machine).ublock == (1, 4, 32)
    assert blocks_of(conv((8, 8, 64), (8, 8, 16), 3), machine).ublock == (2, 4, 16)


def test_no_block_of_a_kernel_that_the_buffer_cannot_hold() -> None:
    # A stride of 200 rows and columns: two outputs of a micro-block see 200 pixels across.
    layer = conv((408, 408, 32), (2, 2, 8), 8, 400)
    with pytest.raises(NoMappingError, match="ethos-u55-256"):
        blocks_of(layer, npu("ethos-u55-256"))


# ------------------------------------------------------------------------------------------------ traffic
def test_inputs_are_read_for_each_block_of_outputs_and_overlap_is_read_again() -> None:
    layer = conv((34, 34, 32), (32, 32, 64), 3)
    one = block((16, 16, 32), (18, 18, 32), (2, 2, 8))
    moved = moved_by(layer, npu("ethos-u55-256"), one, BRICKS)
    assert moved.ifm_elements[0] == 18 * 18 * 32 * (2 * 2 * 2)
    assert moved.ofm_elements[0] == 32 * 32 * 64
    assert moved.weight_reads[0] == 4


def test_an_odd_number_of_channels_is_stored_as_whole_bricks() -> None:
    layer = conv((8, 8, 17), (8, 8, 33))
    one = block((8, 8, 40), (8, 8, 24), (2, 2, 8))
    bricks, linear = (moved_by(layer, npu("ethos-u55-256"), one, places) for places in (BRICKS, LINEAR))
    assert (bricks.ifm_elements[0], linear.ifm_elements[0]) == (64 * 32, 64 * 17)
    assert (bricks.ofm_elements[0], linear.ofm_elements[0]) == (64 * 48, 64 * 33)


def test_short_bursts_take_as_long_as_full_ones() -> None:
    layer = conv((16, 16, 3), (16, 16, 8), 3)
    one = block((16, 16, 8), (18, 18, 8), (2, 2, 8))
    # 8 bytes of a pixel side by side, bursts of 32: four times the bytes.
    assert moved_by(layer, npu("ethos-u55-256"), one, LINEAR).ifm[0] == 4 * 16 * 16 * 3
    # Blocks as deep as the whole output write whole rows.
    assert moved_by(layer, npu("ethos-u55-256"), one, LINEAR).ofm[0] == 16 * 16 * 8


def test_all_channels_of_a_row_lie_side_by_side() -> None:
    layer = conv((16, 16, 32), (16, 16, 32))
    dram = SYSTEMS["ethos-u65-high-end"].feature_maps
    places = Places(ifm=dram, ofm=dram, ifm_bricks=False, ofm_bricks=False)
    one = block((16, 16, 32), (16, 16, 32), (2, 2, 8))
    moved = moved_by(layer, npu("ethos-u65-256"), one, places)
    assert moved.ifm[0] == 16 * 16 * 32
    assert moved.ofm[0] == 16 * 16 * 32 * 128 // 16


# ------------------------------------------------------------------------------------------------ mistakes
def test_an_unknown_configuration_names_the_nearest() -> None:
    with pytest.raises(InputError, match="ethos-u55-128"):
        npu("ethos-u55-127")
    with pytest.raises(InputError, match="ethos-u65-high-end"):
        system("ethos-u65-highend")


@pytest.mark.parametrize(
    "wrong", [{"bits": 4}, {"ifm": (0, 8, 8)}, {"kernel": (3, 0)}, {"stride": (0, 1)}, {"inputs": 0}]
)
def test_a_layer_of_impossible_sizes_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"ethos_u\.layer"):
        replace(POINTWISE, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"bytes_per_cycle": 0.0}, {"read_latency": -1}, {"burst_bytes": 0}])
def test_an_impossible_memory_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="memory"):
        replace(FLASH, **wrong)  # type: ignore[arg-type]


def test_every_configuration_multiplies_what_its_name_says() -> None:
    for machine in CONFIGURATIONS.values():
        assert machine.name.endswith(f"-{machine.macs}")
        blocks = [machine.buffers.ofm_ublock] if isinstance(machine.buffers, Shram) else []
        blocks += [ublock.size for ublock in getattr(machine.buffers, "ublocks", ())]
        assert all(int(np.prod(size)) * 8 * machine.cores == machine.macs for size in blocks)
    assert {machine.family for machine in CONFIGURATIONS.values()} == {"ethos-u55", "ethos-u65", "ethos-u85"}
