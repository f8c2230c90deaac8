"""Laws that every Ethos-U keeps: of compute, of traffic, of staged weights, and of all blocks together."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from accelsim.dims import Operand
from accelsim.engines.ethos_u import (
    CONFIGURATIONS,
    SYSTEMS,
    Kind,
    Layer,
    Memory,
    Place,
    Role,
    Spread,
    System,
    chain,
    estimate,
    npu,
    traverse,
)
from accelsim.engines.ethos_u.blocks85 import blocks_of
from accelsim.engines.ethos_u.compute import cycles_of
from accelsim.engines.ethos_u.staging import move_cycles
from accelsim.engines.ethos_u.traffic import Places

HIGH_END = SYSTEMS["ethos-u55-high-end-embedded"]
DRAM = SYSTEMS["ethos-u65-high-end"]
#: A memory that is never waited for, so that compute is seen alone.
FAST = Memory(bytes_per_cycle=1e9, read_latency=0, write_latency=0, burst_bytes=1)
FREE = System(name="free", clock_hz=1e9, sram=FAST, weights=FAST, feature_maps=FAST)
FAMILIES = {
    family: [machine for machine in CONFIGURATIONS.values() if machine.family == family]
    for family in ("ethos-u55", "ethos-u65", "ethos-u85")
}


def conv(side: int, ifm: int, ofm: int, kernel: int = 1, stride: int = 1) -> Layer:
    out = -(-side // stride)
    return Layer(
        kind=Kind.CONVOLUTION,
        ifm=(side, side, ifm),
        ofm=(out, out, ofm),
        kernel=(kernel, kernel),
        stride=(stride, stride),
    )


def depthwise(side: int, channels: int, kernel: int = 3, stride: int = 1) -> Layer:
    return replace(conv(side, channels, channels, kernel, stride), kind=Kind.DEPTHWISE)


LAYERS = [
    conv(224, 3, 32, 3, 2),
    conv(112, 32, 64),
    conv(56, 64, 64, 3),
    conv(28, 128, 256, 3, 2),
    conv(14, 512, 512),
    conv(7, 512, 2048),
    depthwise(112, 32),
    depthwise(56, 144, 5, 2),
    depthwise(14, 960),
    Layer(kind=Kind.FULLY_CONNECTED, ifm=(1, 1, 1280), ofm=(1, 1, 1000)),
    Layer(kind=Kind.AVERAGE_POOL, ifm=(7, 7, 1280), ofm=(1, 1, 1280), kernel=(7, 7)),
    Layer(kind=Kind.MAX_POOL, ifm=(112, 112, 64), ofm=(56, 56, 64), kernel=(3, 3), stride=(2, 2)),
    Layer(kind=Kind.ADD, ifm=(56, 56, 256), ofm=(56, 56, 256), inputs=2),
]


def drawn(count: int) -> list[Layer]:
    rng = np.random.default_rng(5)
    layers = []
    for _ in range(count):
        side, ifm, ofm = (int(rng.integers(low, high)) for low, high in ((4, 60), (1, 200), (1, 200)))
        kernel, stride = int(rng.integers(1, 8)), int(rng.integers(1, 4))
        layers.append(
            conv(side, ifm, ofm, kernel, stride) if rng.random() < 0.7 else depthwise(side, ifm, kernel, stride)
        )
    return layers


def compute(layer: Layer, name: str) -> int:
    places = Places(ifm=FAST, ofm=FAST)
    return int(cycles_of(layer, npu(name), blocks_of(layer, npu(name)).pick(), places).total[0])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_layer_is_faster_than_all_multipliers_at_work(name: str) -> None:
    for layer in (*LAYERS, *drawn(30)):
        places = Places(ifm=FAST, ofm=FAST)
        cycles = cycles_of(layer, npu(name), blocks_of(layer, npu(name)), places).total
        assert (cycles >= layer.macs / npu(name).macs).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_more_multipliers_are_never_slower(family: str) -> None:
    # Of the U55 the smallest alone does a tap of a pool in one cycle; the law is of what is made of MACs, and of sums.
    for layer in (layer for layer in LAYERS if not layer.pool):
        cycles = [compute(layer, machine.name) for machine in FAMILIES[family]]
        assert cycles == sorted(cycles, reverse=True), layer


@pytest.mark.parametrize("family", ["ethos-u55", "ethos-u65"])
def test_more_multipliers_are_hardly_ever_slower_on_odd_layers(family: str) -> None:
    slower = 0
    pairs = [(a.name, b.name) for a, b in itertools.pairwise(FAMILIES[family])]
    layers = drawn(60)
    for layer, (small, large) in itertools.product(layers, pairs):
        slower += compute(layer, large) > compute(layer, small)
    assert slower <= 0.05 * len(layers) * len(pairs)  # a wider micro-block may cut an odd shape worse


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_block_moves_less_than_each_value_once(name: str) -> None:
    for layer, role in itertools.product(LAYERS, (Role(), Role(first=False, last=False, slack_cycles=0))):
        got = traverse(layer, npu(name), HIGH_END, role)
        stored = math.prod(layer.ofm)
        assert (got.written[Place.SRAM, Operand.O] >= stored).all()
        touched = [
            min(size * step, whole) for size, step, whole in zip(layer.ofm, layer.stride, layer.ifm, strict=False)
        ]
        kernel = layer.kernel[0] >= layer.stride[0] and layer.kernel[1] >= layer.stride[1]
        if kernel and not layer.elementwise:
            assert (got.read[Place.SRAM, Operand.I] >= touched[0] * touched[1] * layer.ifm[2] * 0.7).all()
        if layer.weighted:
            assert got.staging is not None
            coded = got.staging.code.total
            assert (got.read[Place.FAR, Operand.W] >= coded).all()
            # Coded weights of this spread take seven bits, but padding and biases are read too.
            assert coded > 0.8 * layer.weights


def test_a_traversal_and_an_estimate_agree_on_the_chosen_block() -> None:
    for layer, machine, system in itertools.product(
        LAYERS, ("ethos-u55-128", "ethos-u65-512", "ethos-u85-512"), (HIGH_END, DRAM)
    ):
        role = Role(first=False, last=True, slack_cycles=5000)
        one, every = (call(layer, npu(machine), system, role) for call in (estimate, traverse))
        at = every.blocks.chosen
        assert (every.blocks.ofm[at] == one.block.ofm[0]).all()
        assert every.bytes_of(Place.SRAM)[at] == one.sram_bytes
        assert every.bytes_of(Place.FAR)[at] == one.far_bytes
        assert one.npu_cycles >= every.cycles[at]
        if one.npu_cycles == every.cycles[at] + every.waited or not layer.weighted:
            continue
        assert one.staging is not None
        assert one.staging.staged


def test_arrays_of_a_traversal_have_a_value_for_each_block() -> None:
    got = traverse(conv(28, 64, 128, 3), npu("ethos-u55-256"), DRAM)
    count = len(got.blocks.ofm)
    assert count > 100
    assert len(got.cycles) == len(got.blocks.room) == count
    assert all(len(values) == count for values in (*got.read.values(), *got.written.values()))
    assert (got.cycles >= got.cycles.min()).all()
    assert not got.blocks.ofm.flags.writeable


def test_the_chosen_block_is_hardly_slower_than_the_fastest() -> None:
    for layer, machine in itertools.product(LAYERS[:9], ("ethos-u55-32", "ethos-u55-128", "ethos-u55-256")):
        got = traverse(layer, npu(machine), HIGH_END)
        assert got.cycles[got.blocks.chosen] <= 1.06 * got.cycles.min(), (layer, machine)


# ------------------------------------------------------------------------------------------------ weights
def test_weights_in_the_same_memory_are_never_moved() -> None:
    alone = replace(HIGH_END, weights=HIGH_END.sram)
    for layer in LAYERS[:10]:
        got = estimate(layer, npu("ethos-u55-128"), alone)
        assert got.staging is not None
        assert not got.staging.staged
        assert got.far_bytes == 0
        reads = int(got.sram_bytes) - int(estimate(layer, npu("ethos-u55-128"), FREE).far_bytes)
        assert reads > got.staging.code.total


def test_weights_read_once_are_not_moved_and_those_read_often_are() -> None:
    once = estimate(conv(7, 512, 1024), npu("ethos-u55-256"), HIGH_END)
    assert once.staging is not None
    assert not once.staging.staged
    often = estimate(conv(56, 64, 64, 3), npu("ethos-u55-256"), HIGH_END)
    assert often.staging is not None
    assert often.staging.staged
    # Flash gives each weight once; every further reading is of the SRAM.
    assert often.far_bytes == often.staging.code.total


def test_a_layer_before_hides_the_first_slice() -> None:
    layer = conv(28, 128, 256)
    alone, after = (
        estimate(layer, npu("ethos-u55-128"), HIGH_END, Role(first=first, last=False, slack_cycles=slack))
        for first, slack in ((False, None), (False, 100_000))
    )
    assert alone.staging is not None
    assert after.staging is not None
    assert not alone.staging.early
    assert after.staging.early
    assert after.npu_cycles < alone.npu_cycles


def test_moving_takes_the_slower_memory() -> None:
    flash, sram = HIGH_END.weights, HIGH_END.sram
    assert move_cycles(1000, flash, sram) == 1000 + 64
    assert move_cycles(1000, sram, flash) == 1000 + 64
    assert move_cycles(1000, sram, sram) == 125 + 32


def test_slices_cover_all_channels_in_order() -> None:
    for layer, slack in itertools.product(LAYERS[:10], (None, 0, 3000, 60_000)):
        got = estimate(layer, npu("ethos-u55-128"), HIGH_END, Role(first=False, last=False, slack_cycles=slack))
        assert got.staging is not None
        slices = got.staging.code.slices
        assert slices[0] == 0
        assert slices[-1] == layer.ofm[2]
        assert all(begin < end for begin, end in itertools.pairwise(slices))
        assert all(place % 16 == 0 for place in slices[:-1])


def test_narrower_weights_take_less_of_the_flash() -> None:
    layer = conv(7, 512, 1024)
    wide, narrow = (estimate(layer, npu("ethos-u55-128"), HIGH_END, spread=Spread(deviation)) for deviation in (30, 8))
    assert narrow.far_bytes < wide.far_bytes
    assert narrow.far_cycles < wide.far_cycles
    assert narrow.npu_cycles == wide.npu_cycles


# ------------------------------------------------------------------------------------------------ networks
def test_layers_of_a_chain_hand_over_their_slack_and_their_places() -> None:
    layers = [conv(56, 16, 64), depthwise(56, 64), conv(56, 64, 128)]
    done = chain(layers, npu("ethos-u65-256"), DRAM)
    assert done[0].staging is not None
    assert not done[0].staging.early
    middle = estimate(
        layers[1], npu("ethos-u65-256"), DRAM, Role(first=False, last=False, slack_cycles=done[0].slack_cycles)
    )
    assert done[1].npu_cycles == middle.npu_cycles
    assert done[1].sram_bytes == middle.sram_bytes
    # Results in between lie in SRAM: DRAM moves the ends and the weights alone.
    assert done[1].far_bytes < 10_000 < done[0].far_bytes


def test_every_layer_of_a_chain_may_have_a_spread_of_its_own() -> None:
    layers = [conv(14, 64, 256), conv(14, 256, 64)]
    one, own = (
        chain(layers, npu("ethos-u55-64"), HIGH_END, spread) for spread in (Spread(10), [Spread(10), Spread(40)])
    )
    assert one[0].far_bytes == own[0].far_bytes
    assert one[1].far_bytes < own[1].far_bytes


def test_a_chain_of_none_is_none() -> None:
    assert chain([], npu("ethos-u55-32"), HIGH_END) == []


def test_an_op_takes_its_slowest_column() -> None:
    for layer in LAYERS:
        got = estimate(layer, npu("ethos-u55-256"), HIGH_END)
        assert got.cycles == max(got.npu_cycles, got.sram_cycles, got.far_cycles)
