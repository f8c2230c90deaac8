"""NVDLA, Eyeriss, Ethos-U65 and -U85 through hardware templates: published figures, and the engines' own."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim import evaluate, evaluate_points, hardware_template, load_hardware, load_network
from accelsim.cost.front import Front, front
from accelsim.cost.rows import Kept, machine_of
from accelsim.dims import Dim
from accelsim.engines.ethos_u import CONFIGURATIONS, Role, estimate, layer_of, npu, system
from accelsim.engines.ethos_u.machine import Rams
from accelsim.engines.nvdla import PRESETS, mac_cycles, shape_of
from accelsim.engines.row_stationary import EYERISS, best, energy, traverse
from accelsim.engines.row_stationary.accesses import accesses
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.report.explain.answer import explain
from accelsim.schedule.result import Evaluation
from accelsim.schedule.sweep import sweep
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits, Op, convolution, fully_connected

NOTHING = Kept((False, False, False), (-1, -1, -1))
#: Millions of cycles of the MAC array, and spatial utilization in per cent: every tap of every Atomic-C channels of
#: every Atomic-K kernels takes a cycle an output; depthwise channels one by one; no image mode. Worked out by hand.
COUNTED = {
    "nv_small": {
        "resnet50": (66.97, 95.4),
        "mobilenet_v1": (26.28, 33.8),
        "mobilenet_v2": (25.37, 18.5),
        "mobilenet_edgetpu": (25.56, 60.6),
    },
    "nv_small_256": {
        "resnet50": (20.43, 78.2),
        "mobilenet_v1": (19.95, 11.1),
        "mobilenet_v2": (22.33, 5.3),
        "mobilenet_edgetpu": (14.69, 26.3),
    },
    "nv_medium_1024": {
        "resnet50": (5.11, 78.2),
        "mobilenet_v1": (18.03, 3.1),
        "mobilenet_v2": (21.14, 1.4),
        "mobilenet_edgetpu": (11.15, 8.7),
    },
    "nv_large": {
        "resnet50": (3.17, 63.0),
        "mobilenet_v1": (17.78, 1.6),
        "mobilenet_v2": (21.04, 0.7),
        "mobilenet_edgetpu": (10.89, 4.4),
    },
}


def busy(result: Evaluation) -> float:
    """Return the cycles in which the array works."""
    return sum(layer.metrics.utilization.temporal * layer.metrics.latency_cycles for layer in result.layers)


def alone(op: Op) -> Network:
    return Network("alone", (Node("only", op, (INPUT,)),))


def front_on(op: Op, design: Accelerator, kept: Kept = NOTHING) -> Front:
    return front(op, machine_of(design), kept)


# ---------------------------------------------------------------------------------------------------------- NVDLA
@pytest.mark.parametrize("core", sorted(COUNTED))
def test_mac_cycles_of_networks_are_those_counted_by_hand(core: str) -> None:
    design = load_hardware(core, pixel_channels=1)
    name = {"nv_medium_1024": "nv_medium_1024_full"}.get(core, core)
    channels, kernels, load = (getattr(PRESETS[name], part) for part in ("atomic_c", "atomic_k", "weight_load_cycles"))
    for network, (cycles, spatial) in COUNTED[core].items():
        net = load_network(network)
        found = evaluate(net, design)
        # A classifier makes one output a kernel, and waits for the next weights: the count by hand leaves that out.
        (last,) = [node.op for node in net if node.op.kind == "fully_connected"]
        waits = -(-last.size(Dim.C) // channels) * -(-last.size(Dim.K) // kernels) * (load - 1)
        # In a small buffer some strips are short too: 0.3 % at most.
        most = 1.003 * cycles if core == "nv_small_256" else cycles
        assert cycles - 0.0051 <= (busy(found) - waits) / 1e6 <= most + 0.0051
        share = 100 * net.macs / (busy(found) - waits) / design.pes[0]
        assert spatial * cycles / most - 0.051 <= share <= spatial + 0.051


def test_more_macs_need_fewer_cycles_on_a_wide_array() -> None:
    """MobileNetEdgeTPU, with 3.3 times the MACs of MobileNetV2, ties on nv_small and takes half as long on nv_large."""
    networks = {name: load_network(name) for name in ("mobilenet_v2", "mobilenet_edgetpu", "resnet50")}
    assert networks["mobilenet_edgetpu"].macs == pytest.approx(3.3 * networks["mobilenet_v2"].macs, rel=0.01)
    cycles = {
        (core, name): busy(evaluate(network, load_hardware(core)))
        for core in ("nv_small", "nv_large")
        for name, network in networks.items()
    }
    assert cycles["nv_small", "mobilenet_edgetpu"] == pytest.approx(cycles["nv_small", "mobilenet_v2"], rel=0.01)
    assert cycles["nv_large", "mobilenet_edgetpu"] < 0.52 * cycles["nv_large", "mobilenet_v2"]
    assert networks["resnet50"].macs > 13 * networks["mobilenet_v2"].macs
    assert cycles["nv_large", "resnet50"] < cycles["nv_large", "mobilenet_v2"] / 6.6


@pytest.mark.parametrize(
    ("preset", "core"), [(name.replace("_1024_full", "_1024"), core) for name, core in PRESETS.items()]
)
def test_presets_are_the_published_cores(preset: str, core: object) -> None:
    design = load_hardware(preset)
    assert design.array.blocks is not None
    for name, value in design.array.blocks.of(0):
        # Cores without an element-wise unit are given one that takes a value a cycle.
        assert value == max(getattr(core, name), name == "elementwise_per_cycle"), name
    assert design.memories[-1].size_bytes is not None
    assert design.memories[-1].size_bytes.tolist() == [core.buffer_bytes]


def test_an_image_input_makes_the_first_layer_short() -> None:
    op = convolution((1, 3, 224, 224), 64, (7, 7), stride=(2, 2))
    plain, image = (front_on(op, load_hardware("nv_large", pixel_channels=channels)) for channels in (1, 4))
    assert plain.demand.cycles.min() == 112 * 112 * 49 * 2
    # 28 values of a filter row, 2 rows at once beside each other in 64 channels: 4 turns.
    assert image.demand.cycles.min() == 112 * 112 * 4 * 2


def test_winograd_multiplies_the_peak_and_no_layer_passes_it() -> None:
    op = convolution((1, 64, 56, 56), 64, (3, 3))
    direct, saving = load_hardware("nv_large"), load_hardware("nv_large", winograd=True)
    assert saving.peak_macs[0] == 2.25 * direct.peak_macs[0] == 2.25 * 2048
    assert saving.pes[0] == 2048
    slow, fast = (front_on(op, design) for design in (direct, saving))
    assert slow.demand.steps.min() == 2.25 * fast.demand.steps.min() == 56 * 56 * 9 * 2
    assert op.macs == saving.peak_macs[0] * fast.demand.steps.min(), "every multiplier works"
    assert evaluate(alone(op), saving).totals.utilization.spatial == 1


def test_room_and_bytes_of_a_layer_that_fits_by_hand() -> None:
    """32 channels of 14 x 14 to 16 kernels of 3 x 3: one strip, everything once."""
    op = convolution((1, 32, 14, 14), 16, (3, 3))
    found = front_on(op, load_hardware("nv_large"))
    moved = found.demand.moved[int(np.argmin(found.demand.moved[:, 0].sum(axis=(1, 2))))]
    weights, inputs, outputs = 16 * 32 * 9, 32 * 196, 16 * 196
    assert moved[0].tolist() == [[weights, 0], [inputs, 0], [0, outputs]]
    # 196 outputs x 9 taps x 1 of 32-channel step (of 64) x 1 of 32 kernels, 64 inputs a cycle.
    assert moved[1].tolist() == [[weights, weights], [196 * 9 * 64, inputs], [0, 0]]
    assert (found.demand.room[:, 1].sum(axis=1) % (32 * 1024) == 0).all(), "whole banks"


def test_wide_layers_run_where_there_are_16_bits() -> None:
    wide = Bits(W=16, I=16, O=16)
    op = convolution((1, 64, 14, 14), 64, (1, 1), bits=wide)
    large = load_hardware("nv_large")
    assert front_on(op, large).rows.problem.startswith("the engine nvdla does not run it: it multiplies 8 bits at most")
    with pytest.raises(NoMappingError, match=r"every layer made of multiply-accumulates runs on the host \(engine\)"):
        evaluate(alone(op), large)
    mixed = sweep(alone(op), hardware_template("nv_full"), {"sixteen_bit": np.array([True, False])})
    assert mixed.legal.tolist() == [True, False]
    points = [{"sixteen_bit": True}, {"sixteen_bit": False}]
    errors = [outcome.error for outcome in evaluate_points(alone(op), hardware_template("nv_full"), points)]
    assert errors[0] is None
    assert errors[1] == "alone: every layer made of multiply-accumulates runs on the host (engine)"
    full, narrow = load_hardware("nv_full"), convolution((1, 64, 14, 14), 64, (1, 1))
    assert front_on(op, full).demand.steps.min() == 2 * front_on(narrow, full).demand.steps.min()


def test_cycles_are_those_of_the_engine() -> None:
    op, core = convolution((1, 100, 28, 28), 70, (3, 3)), PRESETS["nv_small"]
    shape = shape_of(op, core)
    one = mac_cycles(shape, core, "direct", np.array([shape.rows]), np.array([1]))
    assert front_on(op, load_hardware("nv_small")).demand.steps.min() == one[0] == 28 * 28 * 9 * 13 * 9


def test_the_sram_is_that_of_the_performance_workbook_and_there_if_asked_for() -> None:
    """25 GB/s each way at 1 GHz, 4 MiB; nvdla/hw, perf."""
    without, design = load_hardware("nv_large"), load_hardware("nv_large", cvsram=True)
    assert [memory.name for memory in without.memories] == ["dram", "cbuf"]
    sram = design.memories[1]
    assert sram.name == "sram"
    assert sram.size_bytes is not None
    assert sram.size_bytes.tolist() == [4096 * 1024]
    assert sram.read_bytes_per_cycle is not None
    assert sram.write_bytes_per_cycle is not None
    assert sram.read_bytes_per_cycle.tolist() == sram.write_bytes_per_cycle.tolist() == [25]


def test_an_sram_on_the_second_interface_keeps_feature_maps() -> None:
    """Weights stream from DRAM then, and nothing else but the image and the result."""
    network = load_network("mobilenet_v1")
    result = evaluate(network, load_hardware("nvdla", cvsram=True))
    weights = sum(node.op.weights for node in network)
    outside = 3 * 224 * 224 * 4 / 3 + 1000
    assert result.totals.dram_bytes == pytest.approx(weights + outside, rel=0.02)
    without = evaluate(network, load_hardware("nvdla"))
    assert without.totals.dram_bytes > 3 * result.totals.dram_bytes
    assert busy(without) == pytest.approx(busy(result), rel=0.01)


# -------------------------------------------------------------------------------------------------------- Eyeriss
ALEXNET = {
    "CONV1": (convolution((4, 3, 227, 227), 96, (11, 11), stride=(4, 4), padding=(0, 0), bits=Bits(16, 16, 16)), 16.5),
    "CONV2": (convolution((4, 96, 27, 27), 256, (5, 5), groups=2, bits=Bits(16, 16, 16)), 39.2),
    "CONV3": (convolution((4, 256, 13, 13), 384, (3, 3), bits=Bits(16, 16, 16)), 21.8),
    "CONV4": (convolution((4, 384, 13, 13), 384, (3, 3), groups=2, bits=Bits(16, 16, 16)), 16.0),
    "CONV5": (convolution((4, 384, 13, 13), 256, (3, 3), groups=2, bits=Bits(16, 16, 16)), 10.0),
}


def test_the_chips_latencies_come_out_of_the_template() -> None:
    """Chen et al., JSSC 2017, batch 4 at 200 MHz: the mean error of the five layers is at most 4 %."""
    design = load_hardware("eyeriss", dram_gbps=4)
    errors = []
    for op, measured in ALEXNET.values():
        result = evaluate(alone(op), design)
        passes = traverse(op, EYERISS)
        own = passes.cycles[best(passes, energy(op, EYERISS, passes))]
        assert result.layers[0].bottleneck == "compute"
        assert result.totals.latency_cycles == own, "the mapping that the chip's authors would take"
        errors.append(abs(result.totals.latency_ms / measured - 1))
    assert np.mean(errors) <= 0.04


def test_bytes_are_two_for_each_word_that_the_engine_counts() -> None:
    op, _ = ALEXNET["CONV3"]
    design = load_hardware("eyeriss")
    found, passes = front_on(op, design), traverse(op, EYERISS)
    words = accesses(op, EYERISS, passes)
    at = found.chosen
    moved = found.demand.moved.sum(axis=3)
    for level, name in enumerate(("dram", "buffer", "pads")):
        for operand, letter in enumerate("WIO"):
            assert moved[:, level, operand].tolist() == (2 * words[name][letter][at]).tolist(), (name, letter)
    # A PE of a full pass does one MAC in every step.
    assert (op.macs <= passes.active_pes[at] * found.demand.steps).all()
    assert (found.demand.steps <= found.demand.cycles).all()


def test_the_template_has_the_chips_sizes() -> None:
    design = load_hardware("eyeriss")
    assert design.pes.tolist() == [168]
    sizes = [memory.size_bytes for memory in design.memories[1:]]
    assert [float(size[0]) for size in sizes if size is not None] == [108 * 1024, 168 * 2 * (12 + 224 + 24)]


def test_a_larger_array_is_never_slower_on_a_whole_network() -> None:
    network = load_network("resnet18")
    points = [{"rows": rows, "columns": 14, "dram_gbps": 4} for rows in (6, 12, 24)]
    found = evaluate_points(network, hardware_template("eyeriss"), points)
    cycles = [one.metrics["latency_cycles"] for one in found if one.metrics is not None]
    assert len(cycles) == 3
    assert cycles == sorted(cycles, reverse=True)


# ------------------------------------------------------------------------------------------------- Ethos-U65, -U85
@pytest.mark.parametrize(
    ("template", "macs", "memories"),
    [
        ("ethos_u65", 256, "ethos-u65-high-end"),
        ("ethos_u65", 512, "ethos-u65-high-end"),
        *(("ethos_u85", macs, "ethos-u85-dram-mid") for macs in (128, 256, 512, 1024, 2048)),
    ],
)
@pytest.mark.parametrize(
    "op",
    [
        convolution((1, 3, 224, 224), 32, (3, 3), stride=(2, 2)),
        convolution((1, 96, 56, 56), 96, (3, 3), groups=96),
        convolution((1, 64, 14, 14), 384, (1, 1)),
        fully_connected((1, 1280, 1, 1), 1000),
    ],
)
def test_a_layer_alone_takes_what_the_engine_says(template: str, macs: int, memories: str, op: Op) -> None:
    work = layer_of(op)
    assert work is not None
    machine = npu(f"{template.replace('_', '-')}-{macs}".replace("ethos-u-", "ethos-"))
    expected = estimate(work.layer, machine, system(memories), Role())
    found = front_on(
        op, load_hardware(template, macs=macs, sram_kib=4096), Kept((False,) * 3, (-1, 1, 1), first=True, last=True)
    )
    assert found.demand.cycles.tolist() == [expected.npu_cycles]
    assert found.demand.moved[0, 0].sum() == expected.far_bytes
    assert found.demand.moved[0, 1].sum() == expected.sram_bytes


@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if "u55" not in name])
def test_buffers_have_the_published_sizes(name: str) -> None:
    family, macs = name.removeprefix("ethos-").split("-")
    design, machine = load_hardware(f"ethos_{family}", macs=int(macs)), npu(name)
    buffers = machine.buffers
    if isinstance(buffers, Rams):
        wanted = buffers.ifm_bytes + buffers.accumulator_bytes + buffers.output_bytes
    else:
        wanted = buffers.banks * buffers.bank_bytes * machine.cores
    assert design.memories[2].size_bytes is not None
    assert design.memories[2].size_bytes.tolist() == [wanted]
    assert design.peak_macs.tolist() == [int(macs)]


def test_the_ledger_of_row_stationary_pes_has_each_access_once() -> None:
    """A MAC reads an input, a weight and a sum and writes a sum: words of the pads, and of nothing else in the PE."""
    op = convolution((1, 8, 13, 13), 16, (3, 3))
    network = Network("one", (Node("conv", op, (INPUT,)),))
    found = evaluate(network, load_hardware("eyeriss"))
    lines = {(line.component, line.operand, line.action): line.count for line in found.ledger}
    assert "registers" not in {component for component, _, _ in lines}
    assert lines["mac", "", "compute"] == op.macs
    assert [lines["pads", operand, "read"] for operand in "WIO"] == [2 * op.macs] * 3, "words of 2 bytes"
    assert lines["pads", "O", "write"] == 2 * op.macs
    explain("energy", network, load_hardware("eyeriss"), "conv")
