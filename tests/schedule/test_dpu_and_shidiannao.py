"""Two templates against what is published of their chips: peak operations, passes, reads of the buffers."""

from __future__ import annotations

import math

import pytest

from accelsim import load_hardware, load_network
from accelsim.cost.rows import working
from accelsim.dims import Dim
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.objective import LATENCY
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.workload.builder import Builder
from accelsim.workload.network import Network
from accelsim.workload.ops import Bits, Op, convolution

#: AMD PG338, parallelism of the convolution architectures: pixels, channels -> operations a cycle.
PEAKS = {
    (4, 8): 512,
    (4, 10): 800,
    (8, 8): 1024,
    (4, 12): 1152,
    (8, 10): 1600,
    (8, 12): 2304,
    (8, 14): 3136,
    (8, 16): 4096,
}


@pytest.mark.parametrize(("pixels", "channels"), PEAKS)
def test_peak_operations_of_the_dpu_are_the_published_ones(pixels: int, channels: int) -> None:
    design = load_hardware("dpu", pixel_parallel=pixels, channel_parallel=channels, alu_parallel=pixels // 2)
    assert 2 * design.pes.tolist()[0] == PEAKS[pixels, channels]
    assert design.working(depthwise=True).pes.tolist() == [pixels / 2 * channels], "half the pixels, one channel each"


def passes(op: Op, pixels: int, alu: int, channels: int) -> int:
    """Return the passes of a DPU's unit: columns by pixels, channels by channels, everything else one by one."""
    rest = math.prod(op.size(dim) for dim in (Dim.B, Dim.OY, Dim.FY, Dim.FX))
    if op.depthwise:
        return rest * math.ceil(op.size(Dim.OX) / alu) * math.ceil(op.size(Dim.G) / channels)
    inputs, outputs = math.ceil(op.size(Dim.C) / channels), math.ceil(op.size(Dim.K) / channels)
    return rest * op.size(Dim.G) * math.ceil(op.size(Dim.OX) / pixels) * inputs * outputs


@pytest.mark.parametrize(("pixels", "alu", "channels"), [(8, 4, 16), (4, 2, 12), (8, 1, 8)])
@pytest.mark.parametrize("network", ["mobilenet_v2", "resnet18"])
def test_no_pass_of_the_dpu_can_be_spared(network: str, pixels: int, alu: int, channels: int) -> None:
    """Tiles may cut a row or the channels in the middle of a pass, which costs another one; never fewer."""
    design = load_hardware("dpu", pixel_parallel=pixels, channel_parallel=channels, alu_parallel=alu)
    steps = plan(load_network(network), design.abilities)
    found = run([steps], design).steps[:, 0]
    least = [passes(step.op, pixels, alu, channels) if step.on_array else 0 for step in steps.steps]
    assert all(own >= bound for own, bound in zip(found, least, strict=True))
    assert found.sum() <= 1.05 * sum(least)


@pytest.mark.parametrize(
    "op",
    [
        convolution((1, 96, 28, 28), 40, (1, 1)),
        convolution((1, 3, 56, 56), 32, (3, 3), stride=(2, 2), padding=(1, 1)),
        convolution((1, 40, 28, 28), 40, (5, 5), padding=(2, 2), groups=40),
        convolution((1, 72, 7, 7), 72, (3, 3), padding=(1, 1), groups=72),
    ],
    ids=lambda op: op.label,
)
def test_passes_of_the_fastest_mapping_are_counted_exactly(op: Op) -> None:
    design = load_hardware("dpu", dram_gbps=20)
    found = best_mapping(op, design, objective=LATENCY)
    assert found.certificate.proven
    assert found.latency_cycles >= passes(op, 8, 4, 16)
    b = Builder((1, op.input_elements // (op.extent[1] * op.extent[2]), op.extent[1], op.extent[2]))
    b.add("only", op, b.input)
    steps = run([plan(Network("net", tuple(b.nodes)), design.abilities)], design).steps
    assert steps.tolist() == [[passes(op, 8, 4, 16)]]


def test_a_depthwise_layer_of_the_dpu_is_a_hundredth_of_its_macs_but_not_of_its_time() -> None:
    """64 PEs do depthwise convolutions, 2048 the others: utilization is of those that work."""
    found = evaluate(load_network("mobilenet_v2"), load_hardware("dpu"))
    depthwise = [layer for layer in found.layers if layer.op.startswith("depthwise")]
    assert {layer.peak_macs_per_cycle for layer in depthwise} == {64}
    assert sum(layer.metrics.macs for layer in depthwise) < 0.07 * found.totals.macs
    assert sum(layer.metrics.latency_cycles for layer in depthwise) > 0.4 * found.totals.latency_cycles
    assert min(layer.metrics.utilization.spatial for layer in depthwise) > 0.5


def _on_shidiannao(size: int, kernel: int, channels: int, kernels: int, pes: int) -> tuple[dict[str, float], float]:
    """Return the bytes of every memory for a convolution without padding, and the steps of the PEs."""
    b = Builder((1, channels, size, size), Bits(16, 16, 16, 32))
    source, taps = (1, channels, size, size), (kernel, kernel)
    b.add("conv", convolution(source, kernels, taps, padding=(0, 0), bits=b.bits), b.input)
    design = load_hardware("shidiannao", rows=pes, columns=pes, sensor_gbps=4)
    network = Network("net", tuple(b.nodes))
    (layer,) = evaluate(network, design).layers
    return layer.bytes_by_level, float(run([plan(network, design.abilities)], design).steps[0, 0])


@pytest.mark.parametrize("pes", [4, 8])
@pytest.mark.parametrize(("kernel", "channels", "kernels"), [(3, 1, 64), (5, 2, 32), (3, 4, 64)])
def test_each_input_of_a_block_comes_from_the_buffer_once(pes: int, kernel: int, channels: int, kernels: int) -> None:
    """A block of outputs, one a PE: of each channel it needs a window, not a tap for every PE and cycle."""
    side = pes + kernel - 1
    moved, steps = _on_shidiannao(side, kernel, channels, kernels, pes)
    assert steps == kernel**2 * channels * kernels, "every PE works in every cycle"
    # In from the sensor, and on to the PEs once; out of the PEs, and to the sensor.
    inputs, outputs = side**2 * channels, pes**2 * kernels
    assert moved["neurons"] == 2 * (2 * inputs + 2 * outputs)
    assert inputs < 0.5 * pes**2 * kernel**2 * channels


def test_the_array_of_shidiannao_is_8_by_8() -> None:
    design = load_hardware("shidiannao")
    assert (design.pes.tolist(), design.clock_hz.tolist()) == ([64], [1e9])
    sizes = {memory.name: memory.size_bytes for memory in design.memories}
    assert sizes["neurons"].tolist() == sizes["synapses"].tolist() == [128 * 1024]
    op = convolution((1, 8, 6, 6), 8, (3, 3), groups=8)
    assert working(design, op) is design, "depthwise layers run on the same PEs"
