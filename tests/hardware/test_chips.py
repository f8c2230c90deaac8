"""Templates of published chips: peaks, memories, and what their papers report of them."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.machines import network

from accelsim import evaluate, load_hardware, load_network
from accelsim.cost.area import total_area_mm2
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule.result import Evaluation, LayerResult
from accelsim.workload.network import Network

CHIPS = ("tpu_v1", "tpu_v4i", "gemmini", "simba_like", "sn40l_like", "npu_flash")
KIB, MIB = 2**10, 2**20


def tera_operations(design: Accelerator) -> float:
    """Return the peak in 10^12 operations a second; a MAC is two."""
    return float(2 * design.pes[0] * design.clock_hz[0] / 1e12)


def on_chip_bytes(design: Accelerator) -> dict[str, float]:
    """Return the bytes of every memory on the chip, all copies together."""
    return {
        memory.name: float(memory.size_bytes[0] * design.copies(place)[0])
        for place, memory in enumerate(design.memories)
        if memory.size_bytes is not None and memory.area_mm2 is not None and memory.area_mm2[0] > 0
    }


def gigabytes_a_second(design: Accelerator, name: str) -> float:
    """Return the bandwidth of a memory."""
    limit = next(memory.bandwidth_bytes_per_cycle for memory in design.memories if memory.name == name)
    assert limit is not None
    return float(limit[0] * design.clock_hz[0] / 1e9)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        pytest.param("tpu_v1", 92, id="Jouppi et al., ISCA 2017: 92 TOPS"),
        pytest.param("tpu_v4i", 138, id="Jouppi et al., ISCA 2021: 138 TFLOPS"),
        pytest.param("sn40l_like", 638, id="SN40L: 638 TFLOPS"),
        pytest.param("gemmini", 0.512, id="256 MACs at 1 GHz"),
        pytest.param("simba_like", 2 * 1024 * 1.8e-3, id="1024 MACs at 1.8 GHz"),
    ],
)
def test_the_peak_is_the_published_one(name: str, published: float) -> None:
    assert tera_operations(load_hardware(name)) == pytest.approx(published, rel=0.005)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("tpu_v1", {"buffer": 24 * MIB, "fifo": 4 * 64 * KIB, "accumulators": 4 * MIB}),
        ("tpu_v4i", {"cmem": 128 * MIB, "vmem": 16 * MIB}),
        ("gemmini", {"scratchpad": 256 * KIB, "accumulator": 64 * KIB}),
        ("simba_like", {"buffer": 64 * KIB, "weights": 512 * KIB, "inputs": 128 * KIB, "sums": 48 * KIB}),
        ("sn40l_like", {"sram": 520 * MIB}),
    ],
)
def test_memories_on_the_chip_are_the_published_ones(name: str, published: dict[str, float]) -> None:
    assert on_chip_bytes(load_hardware(name)) == published


@pytest.mark.parametrize(
    ("name", "memory", "published"),
    [("tpu_v1", "dram", 34), ("tpu_v4i", "hbm", 614), ("gemmini", "dram", 16), ("sn40l_like", "ddr", 200)],
)
def test_bandwidths_off_the_chip_are_the_published_ones(name: str, memory: str, published: float) -> None:
    assert gigabytes_a_second(load_hardware(name), memory) == pytest.approx(published)


@pytest.mark.parametrize("name", CHIPS)
def test_a_network_runs_and_every_part_is_priced(name: str) -> None:
    result = evaluate(load_network("mobilenet_v1", width=0.25, resolution=128), load_hardware(name))
    assert not result.not_modelled
    assert result.totals.area_mm2 is not None
    assert 0 < result.totals.utilization.overall < 1


@pytest.mark.parametrize(("name", "die_mm2"), [("tpu_v1", 331), ("tpu_v4i", 400)])
def test_the_parts_that_are_modelled_take_a_part_of_the_die(name: str, die_mm2: float) -> None:
    # Both papers state the die as "less than". Without wires, control and pads it is of its order.
    design = load_hardware(name)
    area = total_area_mm2(design, np.array([8.0, 8.0, 8.0, 32.0]))
    assert area is not None
    assert die_mm2 / 10 < area[0] < die_mm2


# --------------------------------------------------------------------------------------------------------- TPU v1


def fully_connected(layers: int, width: int, batch: int) -> Network:
    """Return fully connected layers of equal size."""
    block = f"  - {{block: classifier, out: {width}, repeat: {layers}}}\n"
    return network(f"schema_version: 1\ninput: [{width}, 1, 1]\nbatch: {batch}\nlayers:\n{block}")


def test_the_ridge_of_tpu_v1s_roofline_is_the_published_one() -> None:
    # Jouppi et al., ISCA 2017: about 1350 MACs a byte of weights.
    design = load_hardware("tpu_v1")
    assert tera_operations(design) / 2 * 1e3 / gigabytes_a_second(design, "dram") == pytest.approx(1350, rel=0.005)


@pytest.mark.parametrize(
    ("layers", "weights_mib", "batch", "measured"),
    [pytest.param(5, 20, 200, 12.3, id="MLP0"), pytest.param(4, 5, 168, 9.7, id="MLP1")],
)
def test_tpu_v1_runs_multilayer_perceptrons_as_fast_as_its_memory_brings_weights(
    layers: int, weights_mib: float, batch: int, measured: float
) -> None:
    # Jouppi et al., ISCA 2017, tables 1 and 3: layers, weights (M), batch, measured 10^12 operations a second.
    net = fully_connected(layers, round((weights_mib * 1e6 / layers) ** 0.5), batch)
    result = evaluate(net, load_hardware("tpu_v1"))
    reached = 2 * result.totals.macs / result.totals.latency_ms / 1e9
    bound = 2 * batch * 34e9 / 1e12
    assert {layer.bottleneck for layer in result.layers} == {"dram:W"}
    assert measured < reached < bound
    assert reached == pytest.approx(measured, rel=0.1)


# --------------------------------------------------------------------------------------- copies, formats, three tiers


def test_four_arrays_of_tpu_v4i_share_the_kernels() -> None:
    net = fully_connected(1, 512, 4096)
    four, one = (evaluate(net, load_hardware("tpu_v4i", mxus=mxus, hbm_gbps=1200)) for mxus in (4, 1))
    # 4 x 4 tiles of weights of 4096 + 2 x 128 + 126 cycles; with four arrays each has a fourth of them.
    assert one.totals.latency_cycles >= 16 * (4096 + 3 * 128 - 2)
    assert 3 < one.totals.latency_cycles / four.totals.latency_cycles <= 4.2


def test_bf16_takes_a_product_and_an_addition_in_fp32() -> None:
    net = load_network("mobilenet_v1", width=0.25, resolution=128)

    def mac_pj(arithmetic: str) -> float:
        result = evaluate(net, load_hardware("tpu_v4i", arithmetic=arithmetic))
        return next(line.pj_per_action or 0.0 for line in result.ledger if line.component == "mac")

    # Jouppi et al., ISCA 2021, 7 nm: 0.21 + 0.38 pJ; int8 0.07 + 0.03.
    assert mac_pj("bf16") == pytest.approx(0.21 + 0.38)
    assert mac_pj("integer") == pytest.approx(0.07 + 0.03)


def llama(size: str, **changes: int) -> Network:
    """Return a step of Llama 2."""
    shapes = {
        "7b": {"layers": 32, "width": 4096, "heads": 32, "kv_heads": 32, "hidden": 11008},
        "70b": {"layers": 80, "width": 8192, "heads": 64, "kv_heads": 8, "hidden": 28672},
    }
    return load_network("llm_decode", **{"context": 1, **shapes[size], **changes})


def moved(result: Evaluation, memory: str) -> float:
    """Return the bytes that a memory moves in all layers."""
    return sum(layer.bytes_by_level[memory] for layer in result.layers)


def test_weights_live_in_the_tier_in_which_they_fit() -> None:
    small, large = llama("7b", weight_bits=16), llama("70b", weight_bits=16)
    near, far = (evaluate(net, load_hardware("sn40l_like")) for net in (small, large))
    stored = {net: 2 * net.params for net in (small, large)}
    assert moved(near, "ddr") < 0.001 * stored[small]
    assert moved(near, "hbm") == pytest.approx(stored[small], rel=0.03), "each weight is read once, none is written"
    assert near.totals.latency_ms >= 0.97 * stored[small] / 1600e6
    # Of 138 GB, 0.9 x 64 GiB stay in the HBM; the rest comes from the DDR at 200 GB/s.
    rest = stored[large] - 0.9 * 64 * 2**30
    assert moved(far, "ddr") == pytest.approx(rest, rel=0.03)
    assert far.totals.latency_ms >= 0.97 * rest / 200e6


@pytest.mark.parametrize(("size", "published"), [("7b", 36.34), ("70b", 3.44)])
def test_tokens_a_second_of_weights_in_flash_are_the_published_ones(size: str, published: float) -> None:
    # Cambricon-LLM, abstract; the rate of the flash is the mean of what both figures say.
    inside, outside = (
        evaluate(llama(size), load_hardware("npu_flash", in_flash=switch, size=64)).totals for switch in (True, False)
    )
    assert 1e3 / inside.latency_ms == pytest.approx(published, rel=0.05)
    # Through eight channels of 2.4 GB/s instead of 247 GB/s.
    assert outside.latency_ms / inside.latency_ms == pytest.approx(247 / (8 * 2.4), rel=0.05)


def middle(width: int, tokens: int, **changes: float) -> LayerResult:
    """Return the second of three products: what it reads and writes lies in the DRAM."""
    return evaluate(fully_connected(3, width, tokens), load_hardware("npu_flash", **changes)).layers[1]


def price(memory: str, **changes: float) -> float:
    """Return the energy of a byte of a memory."""
    found = next(one for one in load_hardware("npu_flash", **changes).memories if one.name == memory)
    assert found.read_pj_per_byte is not None
    return float(found.read_pj_per_byte[0])


def test_a_product_in_the_flash_by_hand() -> None:
    """4096 x 4096 weights at 247 B a cycle. 4096 inputs and as many results cross eight channels of 2.4 B a cycle."""
    inside, outside = (middle(4096, 1, in_flash=switch) for switch in (True, False))
    weights, values = 4096**2, 4096
    read = weights / 32  # an input is read for 32 kernels at a time
    assert inside.bytes_by_level == {"flash": weights, "dram": 2 * values, "pages": read + 3 * values}
    assert outside.bytes_by_level == {"flash": weights, "dram": 2 * values, "buffer": 2 * weights + read + 3 * values}
    assert inside.bottleneck == outside.bottleneck == "flash:W"
    assert inside.metrics.latency_cycles == pytest.approx(weights / 247)
    assert outside.metrics.latency_cycles == pytest.approx(weights / (8 * 2.4))
    # Weights that stay in the flash are written to no buffer and read from none.
    saved = 2 * weights * price("buffer", in_flash=False)
    assert outside.metrics.energy_pj - inside.metrics.energy_pj > saved


def test_channels_bind_what_crosses_them() -> None:
    """Slow channels cost a product by one vector nothing in the flash, and by many vectors what these take to cross."""
    slow = {"channels": 2, "channel_gbps": 1.2}
    one, many = (4096, 1), (256, 8192)
    cycles = {
        (shape, switch, speed): middle(*shape, in_flash=switch, **changes).metrics.latency_cycles
        for shape in (one, many)
        for switch in (True, False)
        for speed, changes in (("fast", {}), ("slow", slow))
    }
    assert cycles[one, True, "slow"] == cycles[one, True, "fast"]
    assert cycles[one, False, "slow"] == pytest.approx(8 * cycles[one, False, "fast"])
    crossing = 2 * 256 * 8192 / (2 * 1.2)
    assert cycles[many, True, "slow"] == pytest.approx(crossing)
    assert cycles[many, False, "slow"] < 0.4 * crossing, "the NPU has its inputs from the DRAM and a few weights"
