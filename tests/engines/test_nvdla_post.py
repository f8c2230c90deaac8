"""Ops without MACs on NVDLA: cycles and bytes of the SDP and the PDP by hand, through a template."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim import evaluate, load_hardware
from accelsim.cost.front import front
from accelsim.cost.rows import Kept, machine_of
from accelsim.engines.engine import Around
from accelsim.engines.nvdla import PRESETS
from accelsim.engines.nvdla.post import post_ways, takes
from accelsim.errors import NoMappingError
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits, convolution, make

LARGE, WIDE = PRESETS["nv_large"], Bits(W=16, I=16, O=16)
DRAM, CBUF = range(2)
POOL = make.pool("max_pool", (1, 24, 28, 28), (3, 3), stride=(2, 2), padding=(1, 1))


def test_a_pool_takes_every_value_once_however_many_windows_it_is_in() -> None:
    """24 channels of 28 x 28, 8 a cycle; memory has atoms of 32 channels."""
    ways = post_ways(POOL, LARGE, Around(2))
    assert ways.cycles.tolist() == [24 * 28 * 28 / 8]
    assert ways.moved[0, DRAM].tolist() == [[0, 0], [32 * 28 * 28, 0], [0, 24 * 14 * 14]]
    assert not ways.moved[0, CBUF].any(), "it goes past the convolution buffer"
    assert not ways.room.any()
    assert ways.words == ("PDP: 18,816 values, 8 a cycle",)


def test_a_sum_reads_two_maps_and_an_activation_one() -> None:
    add, relu = (make.elementwise(kind, (2, 64, 7, 7)) for kind in ("add", "relu"))
    two, one = (post_ways(op, LARGE, Around(3, (0, 1, 1))) for op in (add, relu))
    assert two.cycles.tolist() == [2 * 64 * 49 / 4]
    assert one.cycles.tolist() == [2 * 64 * 49 / 16]
    assert two.moved[0, 1].tolist() == [[0, 0], [2 * 2 * 64 * 49, 0], [0, 2 * 64 * 49]]
    assert one.moved[0, 1].tolist() == [[0, 0], [2 * 64 * 49, 0], [0, 2 * 64 * 49]]
    assert not two.moved[0, 0].any()


def test_wide_values_are_two_bytes_each() -> None:
    pool = make.pool("average_pool", (1, 16, 8, 8), (2, 2), stride=(2, 2), bits=WIDE)
    assert post_ways(pool, PRESETS["nv_full"], Around(2)).moved[0, DRAM].tolist() == [
        [0, 0], [2 * 16 * 64, 0], [0, 2 * 16 * 16],
    ]  # fmt: skip


def test_what_the_units_take_and_what_not() -> None:
    assert takes(POOL, sixteen_bit=False)
    assert not takes(replace(POOL, bits=WIDE), sixteen_bit=False)
    assert takes(replace(POOL, bits=WIDE), sixteen_bit=True)
    for kind in ("add", "multiply", "relu", "sigmoid"):
        assert takes(make.elementwise(kind, (1, 8, 4, 4)), sixteen_bit=False), kind
    for kind in ("softmax", "subtract", "layer_norm"):
        assert not takes(make.elementwise(kind, (1, 8, 4, 4)), sixteen_bit=False), kind
    volume = make.pool("max_pool", (1, 8, 4, 8, 8), (2, 2, 2), stride=(2, 2, 2))
    assert not takes(volume, sixteen_bit=True)
    with pytest.raises(NoMappingError, match="the core has no unit for it"):
        post_ways(POOL, replace(LARGE, pooled_per_cycle=0), Around(2))


def test_a_pool_of_a_network_is_a_layer_of_the_engine() -> None:
    conv = convolution((1, 24, 28, 28), 24, (3, 3))
    network = Network("pooled", (Node("conv", conv, (INPUT,)), Node("pool", POOL, ("conv",))))
    design = load_hardware("nv_large")
    pool = evaluate(network, design).layers[1]
    assert pool.mapping == "PDP: 18,816 values, 8 a cycle"
    found = front(POOL, machine_of(design), Kept((False,) * 3, (-1,) * 3, last=True))
    dram = found.demand.moved[0, DRAM].sum() / 32
    assert pool.metrics.latency_cycles == max(24 * 28 * 28 / 8, dram)
    assert pool.metrics.utilization.overall == 0
    assert pool.bottleneck == "compute"
