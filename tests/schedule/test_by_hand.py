"""A whole inference worked out on paper: 4 x 4 PEs, a convolution, a pool and a fully connected layer.

The network (bytes are elements): 2 channels of 1 x 6; a 3 x 3 convolution with one zero around to 4 channels, 72
weights, 12 inputs, 24 outputs, 432 MACs, with a relu on its way out; a mean over the 6 columns; 4 inputs to 3 outputs,
12 weights.

Of the filter's 3 rows one meets real inputs, of its columns 2 + 3 + 3 + 3 + 3 + 2 = 16 over the six outputs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.machines import NETWORK, machine, network

from accelsim.hardware.load import HardwareTemplate
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.result import Evaluation

pytestmark = pytest.mark.usefixtures("whole_tiles")

REAL_INPUTS = 2 * 1 * 16
CONV_MACS, FC_MACS = 4 * 2 * 9 * 6, 4 * 3
#: The reduction of 2 x 3 x 3 = 18 takes 5 turns of 4 rows; every turn but the last leaves 24 sums half-done.
TURNS = 5
PARTIAL = (TURNS - 1) * 24 * 4


@pytest.fixture
def template(tmp_path: Path) -> HardwareTemplate:
    return machine(tmp_path)


@pytest.fixture
def result(template: HardwareTemplate) -> Evaluation:
    return evaluate(network(), template.instantiate({}))


def layer(result: Evaluation, name: str) -> dict[str, object]:
    return next(row for row in result.as_dict()["layers"] if name in str(row["name"]))


def test_the_layers(result: Evaluation) -> None:
    assert [row.op for row in result.layers] == ["conv2d + relu", "average_pool", "fully_connected"]
    assert [row.shape for row in result.layers] == ["2x1x6 -> 3x3 4x1x6", "4x1x6 -> 1x6 4x1x1", "4x1x1 -> 3x1x1"]
    assert [row.metrics.macs for row in result.layers] == [432, 0, 12]
    assert [row.metrics.params for row in result.layers] == [72 + 2 * 4, 0, 12 + 3]
    assert [row.mapping for row in result.layers] == ["buffer[K4 C2 OX6 FY3 FX3]", "", "buffer[K3 C4]"]


def test_bytes(result: Evaluation) -> None:
    conv, pool, fc = result.layers
    assert conv.bytes_by_level == {
        "dram": (72 + 12) + 24,
        # In from the DRAM and out to it; weights and inputs to the array; sums out, back, and the results.
        "buffer": (72 + 12) + 24 + 72 + REAL_INPUTS + PARTIAL + PARTIAL + 24,
    }
    assert pool.bytes_by_level == {"dram": 24 + 4, "buffer": 0}
    assert fc.bytes_by_level == {"dram": 12 + 4 + 3, "buffer": (12 + 4) + 3 + 12 + 4 + 3}
    assert [row.metrics.dram_bytes for row in result.layers] == [108, 28, 19]
    assert result.totals.dram_bytes == 108 + 28 + 19


def test_cycles(result: Evaluation) -> None:
    conv, pool, fc = result.layers
    # 5 turns of 6 steps; each turn loads 4 rows and drains 3 + 3; first tiles in and the result out at 4 bytes a cycle.
    assert conv.metrics.latency_cycles == 5 * (6 + 4 + 3 + 3) + (72 + 12 + 24) / 4 == 107
    assert conv.bottleneck == "compute"
    assert conv.slack == pytest.approx(80 / (1004 / 16)), "the buffer is next: 1004 bytes at 16 a cycle"
    # 24 additions on 4 lanes take 6 cycles, 28 bytes at 4 a cycle take 7.
    assert pool.metrics.latency_cycles == 7
    assert pool.bottleneck == "dram:I"
    assert fc.metrics.latency_cycles == 1 * (1 + 4 + 3 + 3) + (12 + 4 + 3) / 4 == 15.75
    assert result.totals.latency_cycles == 107 + 7 + 15.75
    assert result.totals.latency_ms == pytest.approx(129.75e-6), "a cycle is a nanosecond"


def test_utilization(result: Evaluation) -> None:
    conv, pool, fc = (row.metrics.utilization for row in result.layers)
    assert (conv.spatial, conv.temporal) == pytest.approx((432 / (30 * 16), 30 / 107))
    assert (fc.spatial, fc.temporal) == pytest.approx((12 / 16, 1 / 15.75))
    assert (pool.spatial, pool.temporal, pool.overall) == (0, 0, 0)
    whole = result.totals.utilization
    assert whole.spatial == pytest.approx((432 + 12) / ((30 + 1) * 16))
    assert whole.temporal == pytest.approx((30 + 1) / 129.75)
    assert whole.overall == pytest.approx(444 / (16 * 129.75))


def test_energy(result: Evaluation) -> None:
    lines = {(line.component, line.operand, line.action): line.energy_pj for line in result.ledger}
    per_pe_mw = 0.01 + 0.02 + 0.001 * (8 + 8 + 32)
    expected = {
        ("dram", "W", "read"): 10 * (72 + 12),
        ("dram", "I", "read"): 10 * (12 + 24 + 4),
        ("dram", "O", "write"): 10 * (24 + 4 + 3),
        ("buffer", "W", "write"): 2 * (72 + 12),
        ("buffer", "W", "read"): 2 * (72 + 12),
        ("buffer", "I", "write"): 2 * (12 + 4),
        ("buffer", "I", "read"): 2 * (REAL_INPUTS + 4),
        ("buffer", "O", "write"): 2 * (PARTIAL + 24 + 3),
        ("buffer", "O", "read"): 2 * (PARTIAL + 24 + 3),
        ("mac", "", "compute"): (432 + 12) * (1.0 + 0.5),
        ("registers", "", "access"): (432 + 12) * (8 + 8 + 2 * 32) * 0.01,
        ("vector", "", "compute"): (24 + 24) * 0.5,
        # 16 PEs and 4 lanes; mW x ns = pJ.
        ("leakage of logic", "", "hold"): per_pe_mw * (16 + 4) * 129.75,
        ("leakage of memories", "", "hold"): 0.5 * 1 * 129.75,
        ("interconnect", "", "move"): None,
    }
    assert lines == pytest.approx(expected)
    total = sum(energy for energy in expected.values() if energy is not None)
    assert result.totals.energy_pj == pytest.approx(total)
    conv = (10 * 108 + 2 * 1004) + 432 * 1.5 + 432 * 0.8 + 24 * 0.5 + (per_pe_mw * 20 + 0.5) * 107
    assert result.layers[0].metrics.energy_pj == pytest.approx(conv)


def test_area_and_memory(result: Evaluation) -> None:
    per_pe = 100 + 200 + 1 * (8 + 8 + 32)
    assert result.totals.area_mm2 == pytest.approx(1e-6 * (16 * per_pe + 4 * per_pe + 1 * 1000))
    # 12 in and 24 out; 24 in and 4 out; 4 in and 3 out.
    assert [row.metrics.peak_memory_bytes for row in result.layers] == [36, 28, 7]
    assert result.totals.peak_memory_bytes == 36


@pytest.mark.parametrize(
    ("dataflow", "steps", "passes", "overhead", "buffer_bytes"),
    [
        # Six pixels take 2 turns of 4 rows, each over the 18 of the reduction; weights come once a turn, sums stay.
        ("output_stationary", 2 * 18, 2, 3 + 3, 84 + 24 + 2 * 72 + REAL_INPUTS + 24),
        # 5 turns of the reduction x 2 of the pixels, each over the 4 kernels; weights come for both turns of pixels.
        ("input_stationary", 10 * 4, 10, 4 + 3 + 3, 84 + 24 + 2 * 72 + REAL_INPUTS + 2 * PARTIAL + 24),
    ],
)
def test_other_dataflows(
    template: HardwareTemplate, dataflow: str, steps: int, passes: int, overhead: int, buffer_bytes: int
) -> None:
    conv = evaluate(network(), template.instantiate({"dataflow": dataflow})).layers[0]
    assert conv.bytes_by_level == {"dram": 108, "buffer": buffer_bytes}
    pace = max(steps + passes * overhead, buffer_bytes / 16)
    assert conv.metrics.latency_cycles == pace + 27
    assert conv.metrics.utilization.spatial == pytest.approx(432 / (steps * 16))


def test_a_slower_dram_only_lengthens_the_wait(tmp_path: Path) -> None:
    conv = evaluate(network(), machine(tmp_path, ("4 B/cycle", "1 B/cycle")).instantiate({})).layers[0]
    assert conv.metrics.latency_cycles == 80 + 108


def test_without_double_buffering_every_transfer_is_waited_for(tmp_path: Path) -> None:
    text = (("double_buffered: true", "double_buffered: false"), ("16 B/cycle", "8 B/cycle"))
    conv = evaluate(network(), machine(tmp_path, *text).instantiate({})).layers[0]
    # The DRAM's 108 bytes first and last, 27 cycles; then the buffer's 1004 at 8 a cycle set the pace.
    assert conv.metrics.latency_cycles == 27 + 1004 / 8


def test_an_activation_can_be_slower_than_the_array(tmp_path: Path) -> None:
    lanes = ("lanes: 4, fuses: [relu]", "lanes: 1, fuses: [hard_swish]")
    net = network(NETWORK.replace("kernel: 3, act: relu", "kernel: 1, act: hard_swish"))
    conv = evaluate(net, machine(tmp_path, lanes).instantiate({})).layers[0]
    # 6 pixels and 10 of overhead on the array, 8 + 12 + 24 bytes at 4 a cycle; 24 results of 4 operations on one lane.
    assert conv.metrics.latency_cycles == 24 * 4
    assert conv.bottleneck == "vector"
    assert conv.slack == 24 * 4 / (6 + 10)
    dispatch = ("columns: columns}", "columns: columns, dispatch_cycles: 100}")
    later = evaluate(net, machine(tmp_path, lanes, dispatch).instantiate({})).layers[0]
    assert later.metrics.latency_cycles == 100 + 24 * 4


def test_dispatch_is_added_to_every_step(tmp_path: Path, result: Evaluation) -> None:
    slow = evaluate(
        network(), machine(tmp_path, ("columns: columns}", "columns: columns, dispatch_cycles: 100}")).instantiate({})
    )
    for before, after in zip(result.layers, slow.layers, strict=True):
        assert after.metrics.latency_cycles == before.metrics.latency_cycles + 100
    assert slow.layers[1].bottleneck == "dispatch"


def test_an_activation_that_is_not_fused_is_a_step_of_its_own(tmp_path: Path, result: Evaluation) -> None:
    apart = evaluate(network(), machine(tmp_path, ("fuses: [relu]", "fuses: []")).instantiate({}))
    assert [row.op for row in apart.layers] == ["conv2d", "relu", "average_pool", "fully_connected"]
    relu = apart.layers[1]
    assert relu.bytes_by_level == {"dram": 24 + 24, "buffer": 0}
    assert relu.metrics.latency_cycles == (24 + 24) / 4
    assert apart.totals.latency_cycles == result.totals.latency_cycles + 12
    assert apart.totals.dram_bytes == result.totals.dram_bytes + 48


def test_a_third_memory(tmp_path: Path, result: Evaluation) -> None:
    """A small memory for weights between the buffer and the array: inputs and sums go past it."""
    local = "  - {name: local, holds: [W], size: 128 B, bandwidth: 32 B/cycle, kind: rooted}\narray:"
    deep = evaluate(network(), machine(tmp_path, ("array:", local)).instantiate({}))
    conv, _, fc = deep.layers
    assert conv.mapping == "buffer[K4 C2 OX6 FY3 FX3] local[K4 C2 OX6 FY3 FX3]"
    assert conv.bytes_by_level == {"dram": 108, "buffer": 1004, "local": 72 + 72}
    assert fc.bytes_by_level == {"dram": 19, "buffer": 38, "local": 12 + 12}
    # The buffer hands 72 bytes of weights on while the array waits (no double buffering), 4.5 cycles.
    assert conv.metrics.latency_cycles == 80 + 27 + 72 / 16
    lines = {(line.component, line.operand, line.action): line for line in deep.ledger}
    per_byte = 3 * (128 / 1024) ** 0.5
    assert lines["local", "W", "write"].energy_pj == pytest.approx((72 + 12) * per_byte)
    assert lines["local", "W", "read"].energy_pj == pytest.approx((72 + 12) * per_byte)
    assert lines["leakage of memories", "", "hold"].energy_pj is None, "this kind has no figure: absent, not 0"
    assert deep.totals.area_mm2 is None
    rest = result.totals.energy_pj - 0.5 * 129.75
    longer = deep.totals.latency_cycles - result.totals.latency_cycles
    assert longer == (72 + 12) / 16
    leak = (0.01 + 0.02 + 0.048) * 20 * longer
    assert deep.totals.energy_pj == pytest.approx(rest + leak + 2 * 84 * per_byte)
