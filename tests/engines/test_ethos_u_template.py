"""Ethos-U through hardware templates: the engine's figures, run by the rest of the house."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import pytest

from accelsim import evaluate, hardware_template, load_hardware, load_network
from accelsim.config.library import find
from accelsim.cost.front import front
from accelsim.cost.rows import Kept, machine_of
from accelsim.engines.ethos_u import chain, estimate, layer_of, npu, system
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule.steps import plan
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits, Op, convolution, matmul

REFERENCE = Path(__file__).parents[1] / "reference" / "ethos_u" / "single_layers.csv"
SYSTEMS = {"u55": "ethos-u55-high-end-embedded"}
FLASH, SRAM, SHRAM = range(3)


@cache
def vendor_rows(machine: str) -> tuple[dict[str, str], ...]:
    with REFERENCE.open() as file:
        return tuple(row for row in csv.DictReader(file) if row["accelerator"] == machine)


def op_of(row: dict[str, str]) -> Op:
    high, wide, deep, out, down, stride = (int(row[name]) for name in ("ih", "iw", "c", "k", "fh", "stride"))
    across = int(row["fw"] or down)
    rows, columns = int(row["oh"]), int(row["ow"])
    # What the windows of the given outputs reach beyond the input, divided on both sides.
    over = [
        max((outputs - 1) * stride + taps - size, 0)
        for outputs, taps, size in ((rows, down, high), (columns, across, wide))
    ]
    padding = tuple((beyond + 1) // 2 for beyond in over)
    groups = deep if row["kind"] == "dw" else 1
    return convolution(
        (1, deep, high, wide), out, (down, across), stride=(stride, stride), padding=padding, groups=groups
    )


def alone(op: Op) -> Network:
    return Network("alone", (Node("only", op, (INPUT,)),))


@pytest.mark.parametrize("macs", [128, 256])
def test_npu_cycles_of_the_vendors_layers_are_those_of_the_engine(macs: int) -> None:
    """And so those of the compiler, which the engine is held against elsewhere."""
    design = load_hardware("ethos_u55", macs=macs, sram_kib=8192)
    rows = vendor_rows(f"ethos-u55-{macs}")
    machine, memories = npu(f"ethos-u55-{macs}"), system(SYSTEMS["u55"])
    same = 0
    for row in rows:
        op = op_of(row)
        work = layer_of(op)
        assert work is not None
        if work.layer.ofm != tuple(int(row[name]) for name in ("oh", "ow", "k")):
            continue  # the compiler pads one side more than the other
        same += 1
        expected = estimate(work.layer, machine, memories)
        found = front(op, machine_of(design), Kept((False, True, True), (-1, SRAM, SRAM), first=True, last=True))
        assert found.demand.cycles.tolist() == [expected.npu_cycles], row["layer"]
        latency = evaluate(alone(op), design).totals.latency_cycles
        assert expected.cycles <= latency < expected.cycles + 1  # the compiler rounds cycles of memories down
    assert same > 60


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet18"])
@pytest.mark.parametrize(("template", "macs"), [("ethos_u55", 64), ("ethos_u55", 256), ("ethos_u65", 512)])
def test_a_network_is_the_engines_chain_of_its_layers(name: str, template: str, macs: int) -> None:
    """Weights come under the layer before, pools and sums are blocks too: cycles of every layer are the chain's."""
    network, design = load_network(name), load_hardware(template, macs=macs, sram_kib=8192)
    works = [layer_of(step.op) for step in plan(network, design.abilities).steps]
    layers = [work.layer for work in works if work is not None]
    machine = f"{template.replace('_', '-')}-{macs}"
    memories = system(SYSTEMS["u55"] if template == "ethos_u55" else "ethos-u65-high-end")
    result = evaluate(network, design)
    assert len(layers) == len(works) == len(result.layers)
    for found, expected in zip(result.layers, chain(layers, npu(machine), memories), strict=True):
        assert expected.cycles <= found.metrics.latency_cycles < expected.cycles + 1, found.name


def _columns(row: dict[str, str], *names: str) -> float:
    return sum(float(row[name]) for name in names)


@pytest.mark.parametrize("model", ["mobilenet_v1", "resnet18", "resnet50"])
@pytest.mark.parametrize(("template", "macs"), [("ethos_u55", 128), ("ethos_u55", 256), ("ethos_u65", 256)])
def test_networks_take_what_the_compiler_estimates(model: str, template: str, macs: int) -> None:
    """Cycles and bytes of whole networks."""
    with (REFERENCE.parent / "networks_summary.csv").open() as file:
        machine = f"{template}_{macs}".replace("ethos_u", "Ethos_U")
        (row,) = (
            row
            for row in csv.DictReader(file)
            if (row["model"], row["accelerator_configuration"]) == (f"gen_{model}", machine)
        )
    design = load_hardware(template, macs=macs, sram_kib=8192)
    found = evaluate(load_network(model), design)
    far, sram = (sum(layer.bytes_by_level[memory.name] for layer in found.layers) for memory in design.memories[:2])
    assert found.totals.latency_cycles == pytest.approx(_columns(row, "cycles_total"), rel=0.01)
    assert far == pytest.approx(_columns(row, "dram_total_bytes", "off_chip_flash_total_bytes"), rel=0.01)
    assert sram == pytest.approx(_columns(row, "sram_total_bytes"), rel=0.01)


def test_a_layer_whose_slices_have_no_room_reads_its_weights_where_they_lie() -> None:
    op = convolution((1, 512, 14, 14), 512, (3, 3))
    network = Network("two", (Node("one", op, (INPUT,)), Node("two", op, ("one",))))
    roomy, tight = (evaluate(network, load_hardware("ethos_u65", sram_kib=size)).layers[1] for size in (8192, 256))
    assert "staged on chip" in roomy.mapping
    assert "from where they lie" in tight.mapping
    assert tight.bytes_by_level["dram"] > roomy.bytes_by_level["dram"]


def test_the_inputs_and_results_of_a_network_lie_in_the_shared_sram() -> None:
    network = load_network("mobilenet_v2")
    layers = evaluate(network, load_hardware("ethos_u55")).layers
    # Weights of the first layer alone come from flash: 864 of them, coded, and 10 bytes for each of 32 channels.
    assert 320 + 864 * 0.5 < layers[0].bytes_by_level["flash"] < 2 * (320 + 864)
    # 256 KiB cannot hold the image and the first results: they lie in the only other memory.
    small = evaluate(network, load_hardware("ethos_u55", sram_kib=256)).layers
    assert small[0].bytes_by_level["flash"] > 3 * 224 * 224


def test_groups_and_samples_run_one_after_the_other() -> None:
    design = machine_of(load_hardware("ethos_u55"))
    nothing = Kept((False, False, False), (-1, SRAM, SRAM))
    one = front(convolution((1, 16, 14, 14), 24, (3, 3)), design, nothing).demand
    four = front(convolution((1, 64, 14, 14), 96, (3, 3), groups=4), design, nothing).demand
    batch = front(convolution((3, 16, 14, 14), 24, (3, 3)), design, nothing).demand
    assert four.cycles[0] == 4 * one.cycles[0]
    assert batch.cycles[0] == 3 * one.cycles[0]
    assert (batch.moved[0] == 3 * one.moved[0]).all()


def test_the_buffer_is_read_for_every_vector_product() -> None:
    """By hand: 1 x 1, 32 channels to 16, 4 x 4 pixels: 8192 MACs, in products of 8, micro-blocks of 8 channels."""
    op = convolution((1, 32, 4, 4), 16, (1, 1))
    kept = Kept((False, True, True), (-1, SRAM, SRAM))
    moved = front(op, machine_of(load_hardware("ethos_u55")), kept).demand.moved[0, SHRAM]
    assert moved[0].tolist() == [0, 0]
    assert moved[1].tolist() == [8192 / 8, 32 * 16]
    assert moved[2].tolist() == [8192 / 8 * 4, 8192 / 8 * 4]


def with_host(path: Path, host: str) -> Accelerator:
    """Return the Ethos-U55 with another host, or without one."""
    text = find("hardware", "ethos_u55").read_text(encoding="utf-8")
    text, found = re.subn(r"^host: .*\n", host, text, flags=re.MULTILINE)
    assert found == 1
    path.write_text(text, encoding="utf-8")
    return hardware_template(path).instantiate({})


def test_without_a_host_what_the_npu_has_no_pass_for_is_named_with_its_layer(tmp_path: Path) -> None:
    op, design = matmul(4, 8, 4, heads=2), with_host(tmp_path / "alone.yaml", "")
    network = Network("heads", (Node("scores", op, (INPUT, INPUT)),))
    with pytest.raises(NoMappingError) as caught:
        evaluate(network, design)
    assert str(caught.value) == (
        f"heads does not run on alone: layer scores ({op.label}): "
        "the engine ethos_u does not run it: ethos-u55 has no pass for matmul (a `host` in the template would run it)"
    )
    wide = convolution((1, 8, 4, 4), 8, (1, 1), bits=Bits(W=16, I=16, O=16))
    with pytest.raises(NoMappingError, match="ethos-u55 has weights of 8 bits, not 16"):
        evaluate(alone(wide), design)


def test_what_the_npu_has_no_pass_for_runs_on_the_host(tmp_path: Path) -> None:
    design = with_host(tmp_path / "npu.yaml", "host: {lanes: 1, macs_per_cycle: 2, transfer_cycles: 1000}\n")
    scores, conv = matmul(4, 8, 4, heads=2), convolution((1, 8, 8, 1), 8, (1, 1))
    network = Network("mixed", (Node("conv", conv, (INPUT,)), Node("scores", scores, ("conv", "conv"))))
    result = evaluate(network, design)
    assert [layer.host_reason for layer in result.layers] == [None, "engine"]
    # One crossing, for the result stays there; the inputs come out at a byte a cycle.
    assert result.layers[1].metrics.latency_cycles == 1000 + scores.macs / 2 + 2 * 64


def test_every_configuration_is_a_machine_of_its_size() -> None:
    template = hardware_template("ethos_u55")
    for macs, banks in ((32, 16), (64, 16), (128, 24), (256, 48)):
        design = template.instantiate({"macs": macs})
        assert design.peak_macs.tolist() == [macs]
        assert design.memories[SHRAM].size_bytes is not None
        assert design.memories[SHRAM].size_bytes.tolist() == [banks * 1024]


def test_more_macs_never_take_longer() -> None:
    network = load_network("mobilenet_v2")
    points = [{"macs": macs, "flash_share": 0.5} for macs in (32, 64, 128, 256)]
    cycles = [
        evaluate(network, hardware_template("ethos_u55").instantiate(point)).totals.latency_cycles for point in points
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 2 * cycles[-1]


def test_a_window_too_large_for_the_buffers_is_named_with_the_machine() -> None:
    (whole,) = {node.op for node in load_network("codenet") if node.name == "11.deformable"}
    assert whole.rule.lower is not None
    (op,) = (part.op for part in whole.rule.lower(whole) if part.role == "convolve")
    with pytest.raises(NoMappingError, match=r"layer only .*: ethos-u85-?.*: the smallest block does not fit its RAMs"):
        evaluate(alone(op), load_hardware("ethos_u85", macs=2048))


@pytest.mark.parametrize(("template", "macs"), [("ethos_u55", 128), ("ethos_u55", 256), ("ethos_u65", 256)])
def test_sums_and_pools_take_what_the_compiler_estimates(template: str, macs: int) -> None:
    """They run block by block, as convolutions do; the compiler rounds cycles of memories down."""
    with (REFERENCE.parent / "networks_per_op.csv").open() as file:
        rows = [
            (row["npu_op"], float(row["op_cycles"]))
            for row in csv.DictReader(file)
            if row["model"] == "gen_resnet18" and row["accelerator"] == f"{template.replace('_', '-')}-{macs}".lower()
        ]
    wanted = [row for row in rows if row[0] in ("Add", "MaxPool", "AvgPool")]
    layers = evaluate(load_network("resnet18"), load_hardware(template, macs=macs, sram_kib=8192)).layers
    found = [layer for layer in layers if not layer.metrics.macs]
    assert len(found) == len(wanted) == 10
    for layer, (_, cycles) in zip(found, wanted, strict=True):
        assert cycles <= layer.metrics.latency_cycles < cycles + 1, layer.name
