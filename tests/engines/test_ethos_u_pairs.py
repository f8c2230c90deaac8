"""Products of two maps on the Ethos-U85: cycles by hand, what moves, and what other machines say."""

from __future__ import annotations

import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.cost.front import front
from accelsim.cost.rows import Kept, machine_of
from accelsim.engines.ethos_u import CONFIGURATIONS, Kind, layer_of, npu
from accelsim.engines.ethos_u.blocks85 import blocks_of
from accelsim.engines.ethos_u.machine import Rams
from accelsim.workload.ops import Bits, Op, matmul

DRAM, SRAM, RAMS = range(3)
KEPT = Kept((True, True, True), (1, 1, 1))
MACHINES = sorted(int(name.rpartition("-")[2]) for name in CONFIGURATIONS if name.startswith("ethos-u85"))


def product(rows: int, inner: int, columns: int, heads: int = 1, bits: int = 8) -> Op:
    return matmul(rows, inner, columns, heads=heads, bits=Bits(bits, bits, bits))


@pytest.mark.parametrize("macs", MACHINES)
def test_no_product_is_faster_than_the_multipliers(macs: int) -> None:
    design = machine_of(load_hardware("ethos_u85", macs=macs))
    for op in (
        product(197, 64, 197, 3),
        product(197, 197, 64, 3),
        product(1, 64, 500),
        product(49, 32, 49, 8, bits=16),
    ):
        demand = front(op, design, KEPT).demand
        assert op.macs / macs <= demand.steps[0] <= demand.cycles[0]


def test_cycles_of_a_product_by_hand() -> None:
    """64 x 64 by 64 x 64 on 512 MACs: 64 channels of a micro-block's 4 pixels a product of 8, so 32 cycles each.

    A block of 64 pixels x 16 columns is 16 micro-blocks: 512 cycles of the multipliers. Four blocks follow each other.
    """
    op = product(64, 64, 64)
    work = layer_of(op)
    assert work is not None
    assert (work.times, work.layer.kind, work.layer.macs) == (1, Kind.PAIR, 64**3)
    block = blocks_of(work.layer, npu("ethos-u85-512")).pick()
    assert block.ublock[0] * block.ublock[1] * block.ublock[2] == 64
    demand = front(op, machine_of(load_hardware("ethos_u85", macs=512)), KEPT).demand
    assert demand.steps.tolist() == [64**3 / 512]


@pytest.mark.parametrize("macs", MACHINES)
def test_only_some_micro_blocks_take_a_product(macs: int) -> None:
    """Vela 5: of 1024 and 2048 MACs those 16 channels deep cannot, of 128 and 256 those that want single taps."""
    machine = npu(f"ethos-u85-{macs}")
    assert isinstance(machine.buffers, Rams)
    able = {ublock.size for ublock in machine.buffers.ublocks if ublock.by_pair and ublock.by_kernel}
    assert (
        able
        == {
            128: {(1, 2, 8)},
            256: {(1, 4, 8), (2, 2, 8)},
            512: {(2, 2, 16), (1, 4, 16)},
            1024: {(2, 2, 32), (1, 4, 32)},
            2048: {(2, 2, 64), (1, 4, 64)},
        }[macs]
    )
    work = layer_of(product(16, 40, 16))
    assert work is not None
    assert blocks_of(work.layer, machine).ublock in able


def test_heads_run_one_after_the_other() -> None:
    design = machine_of(load_hardware("ethos_u85"))
    one, three = (front(product(50, 64, 50, heads), design, KEPT).demand for heads in (1, 3))
    assert three.cycles[0] == 3 * one.cycles[0]
    assert (three.moved == 3 * one.moved).all()


def test_the_second_map_comes_once_for_every_block_of_pixels() -> None:
    design, op = machine_of(load_hardware("ethos_u85")), product(512, 64, 48)
    work = layer_of(op)
    assert work is not None
    rows, columns, _ = blocks_of(work.layer, npu("ethos-u85-512")).pick().ofm[0].tolist()
    times = -(-512 // columns)
    assert rows * times > 1
    moved = front(op, design, KEPT).demand.moved[0]
    assert moved[SRAM, 0].tolist() == [times * 64 * 48, 0]
    assert moved[DRAM].sum() == 0
    far = front(op, design, Kept((False, True, True), (1, 1, 1))).demand.moved[0]
    assert far[DRAM, 0].tolist() == [times * 64 * 48, 0]


def test_a_second_map_on_chip_does_not_bring_the_first_there() -> None:
    """Inputs and results outside are waited for all the same: only bytes of the second map are others."""
    design, op = machine_of(load_hardware("ethos_u85")), product(197, 64, 197)
    near, far = (front(op, design, Kept((second, False, False), (1, 1, 1))).demand for second in (True, False))
    assert near.cycles == far.cycles
    assert near.moved[0, DRAM, 1:].tolist() == far.moved[0, DRAM, 1:].tolist()
    assert near.moved[0, DRAM, 0].sum() == 0 < near.moved[0, SRAM, 0].sum()
    assert front(op, design, KEPT).demand.cycles < near.cycles


def test_attention_runs_on_the_npu_of_the_ethos_u85_alone() -> None:
    network = load_network("deit_tiny")
    reasons = {
        name: {layer.host_reason for layer in evaluate(network, load_hardware(name)).layers if "matmul" in layer.op}
        for name in ("ethos_u55", "ethos_u65", "ethos_u85")
    }
    assert reasons == {"ethos_u55": {"engine"}, "ethos_u65": {"engine"}, "ethos_u85": {None}}
