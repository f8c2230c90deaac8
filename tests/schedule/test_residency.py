"""What stays on chip: results until their last reader is done, weights from one inference to the next.

The network of ``test_by_hand.py``: an input of 12 bytes, results of 24, 4 and 3, weights of 72 and 12.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine, network

from accelsim import evaluate_points
from accelsim.hardware.accelerator import Abilities
from accelsim.hardware.load import HardwareTemplate
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.residency import Stay, stay
from accelsim.schedule.steps import Plan, Step, plan
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import convolution, elementwise

pytestmark = pytest.mark.usefixtures("whole_tiles")


def keeping(folder: Path, operands: str, share: float) -> HardwareTemplate:
    flags = f"double_buffered: true, keeps: [{operands}], keep_share: {share}}}"
    return machine(folder, ("double_buffered: true}", flags))


def writers(step: Step) -> list[int]:
    """Return the steps whose results a step reads; -1 is the network's input."""
    return [read.writer for read in step.reads]


def dram_by_layer(template: HardwareTemplate, text: str | None = None) -> list[float]:
    net = network() if text is None else network(text)
    return [layer.metrics.dram_bytes for layer in evaluate(net, template.instantiate({})).layers]


def test_results_stay_while_they_fit(tmp_path: Path) -> None:
    # 512 bytes for whole tensors: all fit. The input comes from outside, the last result goes there, weights stream.
    assert dram_by_layer(keeping(tmp_path, "I, O", 0.5)) == [72 + 12, 0, 12 + 3]


def test_a_result_too_large_goes_out_and_comes_back(tmp_path: Path) -> None:
    # 2 % of 1024 is 20.48 bytes: not the 24 of the convolution, but the 4 of the pool.
    assert dram_by_layer(keeping(tmp_path, "I, O", 0.02)) == [72 + 12 + 24, 24, 12 + 3]
    # 0.3 % is 3.07 bytes: neither.
    assert dram_by_layer(keeping(tmp_path, "I, O", 0.003)) == [72 + 12 + 24, 24 + 4, 4 + 12 + 3]


def test_what_stays_still_costs_the_buffer(tmp_path: Path) -> None:
    conv, pool, fc = evaluate(network(), keeping(tmp_path, "I, O", 0.5).instantiate({})).layers
    real_inputs, partial = 2 * 16, 4 * 24 * 4
    # Only weights and inputs come in; the result does not leave.
    assert conv.bytes_by_level["buffer"] == (72 + 12) + 72 + real_inputs + 2 * partial + 24
    assert pool.bytes_by_level["buffer"] == 24 + 4
    # Weights come in and go to the array; the 4 inputs are there; the result goes in and out.
    assert fc.bytes_by_level["buffer"] == 12 + 12 + 4 + 3 + 3
    assert pool.metrics.latency_cycles == 24 / 4, "the lanes: nothing comes from the DRAM"


def test_weights_stay_in_the_order_of_the_layers(tmp_path: Path) -> None:
    # 84 bytes of weights. 80 bytes of room hold the first layer's 72 only.
    assert dram_by_layer(keeping(tmp_path, "W", 0.1)) == [12 + 24, 28, 4 + 3]
    assert dram_by_layer(keeping(tmp_path, "W", 80 / 1024)) == [12 + 24, 28, 12 + 4 + 3]
    # 20 bytes do not hold the first layer's, but the last one's.
    assert dram_by_layer(keeping(tmp_path, "W", 20 / 1024)) == [72 + 12 + 24, 28, 4 + 3]


def test_results_go_before_weights(tmp_path: Path) -> None:
    # Results take 28 (24 and 4, while the pool runs), so 112 bytes hold all 84 of weights, and 111 only the first 72.
    assert dram_by_layer(keeping(tmp_path, "W, I, O", 112 / 1024)) == [12, 0, 3]
    assert dram_by_layer(keeping(tmp_path, "W, I, O", 111 / 1024)) == [12, 0, 12 + 3]
    # Of 90 bytes, 62 are left: not enough for 72, but for 12.
    assert dram_by_layer(keeping(tmp_path, "W, I, O", 90 / 1024)) == [72 + 12, 0, 3]


SHORTCUT = """\
schema_version: 1
input: [4, 1, 6]
layers:
  - {block: basic_residual, out: 4, act: relu}
  - {block: classifier, out: 3}
"""


@pytest.fixture
def residual() -> Plan:
    return plan(network(SHORTCUT), Abilities(("relu",)))


def test_steps_read_and_live_as_long_as_the_graph_says(residual: Plan) -> None:
    names = [step.name.split(".")[-1] for step in residual.steps]
    assert names == ["conv1", "conv2", "add", "fc"]
    assert [step.label for step in residual.steps] == ["conv2d + relu", "conv2d", "add + relu", "fully_connected"]
    assert [writers(step) for step in residual.steps] == [[-1], [0], [1, -1], [2]]
    assert [[read.bytes for read in step.reads] for step in residual.steps] == [[24], [24], [24, 24], [24]]
    assert [step.last_use for step in residual.steps] == [1, 2, 3, 4]
    assert [step.fused_work for step in residual.steps] == [24, 0, 24, 0]


def test_bytes_alive_while_a_step_runs(residual: Plan) -> None:
    # Feature maps of 24. The network's input waits for the addition, which writes over the second convolution's result.
    assert residual.live_bytes == (24 + 24, 24 + 24 + 24, 24 + 24, 24 + 3)
    assert residual.peak_bytes == 72


def test_an_activation_with_another_reader_beside_it_is_not_fused() -> None:
    """A result that something else reads as well has to exist before the activation is applied."""
    shape = (1, 4, 1, 6)
    conv = Node("conv", convolution(shape, 4, (1, 1)), (INPUT,))
    relu = Node("relu", elementwise("relu", shape), ("conv",))
    beside = Node("add", elementwise("add", shape), ("conv", "relu"))
    after = Node("add", elementwise("add", shape), ("relu", "relu"))
    assert [step.label for step in plan(Network("beside", (conv, relu, beside)), Abilities(("relu",))).steps] == [
        "pointwise",
        "relu",
        "add",
    ]
    fused = plan(Network("after", (conv, relu, after)), Abilities(("relu",))).steps
    assert [step.label for step in fused] == ["pointwise + relu", "add"]
    assert writers(fused[1]) == [0, 0]


def test_an_activated_result_may_have_many_readers() -> None:
    # Without a shortcut convolution, the block's input is read by the first convolution and by the addition.
    text = SHORTCUT.replace("layers:", "layers:\n  - {block: conv, out: 4, kernel: 1, act: relu}")
    steps = plan(network(text), Abilities(("relu",))).steps
    assert steps[0].label == "pointwise + relu", "the convolution itself has one reader: its activation"
    assert writers(steps[3]) == [2, 0], "both read the activated result"
    assert plan(network(text), Abilities()).steps[1].label == "relu"


def held(folder: Path, share: float, text: str) -> Stay:
    template = keeping(folder, "I, O", share)
    return stay(plan(network(text), Abilities(("relu",))).table.steps, template.instantiate({}))


def test_a_result_stays_for_its_whole_life_or_not_at_all(tmp_path: Path) -> None:
    text = SHORTCUT.replace("layers:", "layers:\n  - {block: conv, out: 4, kernel: 1}")
    # Results: conv 24 (read by conv1 and the addition), conv1 24, conv2 24, add 24, fc 3 (the network's).
    all_fit = held(tmp_path, 72 / 1024, text)
    assert all_fit.outputs[:, 0].tolist() == [True, True, True, True, False]
    assert all_fit.used_bytes[1][:, 0].tolist() == [24, 48, 72, 72, 24]
    assert all_fit.inputs[:, 0].tolist() == [False, True, True, True, True]
    # With room for two, the first two stay; conv2 would need a third place while it runs. The addition's result needs
    # a place beside the shortcut while it is written, and has it.
    two_fit = held(tmp_path, 48 / 1024, text)
    assert two_fit.outputs[:, 0].tolist() == [True, True, False, True, False]
    assert two_fit.used_bytes[1][:, 0].tolist() == [24, 48, 48, 48, 24]
    assert two_fit.inputs[:, 0].tolist() == [False, True, True, False, True], "the addition's other input is outside"


def test_designs_of_a_batch_keep_what_each_can(tmp_path: Path) -> None:
    template = keeping(tmp_path, "I, O", 0.05)
    sizes = np.array([1024, 512, 256, 16384])
    stays = stay(plan(network(), Abilities(("relu",))).table.steps, template.instantiate({"buffer_bytes": sizes}))
    # 51, 25, 12 and 819 bytes: 24 and 4 together need 28.
    assert stays.outputs.tolist() == [[True, True, False, True], [True, False, True, True], [False] * 4]


def test_tiles_make_room_for_what_stays(tmp_path: Path) -> None:
    # The convolution as one tile needs 72 + 12 + 4 x 24 = 180 bytes beside its 24 of result that stay; at 204 it fits.
    points = [{"buffer_bytes": size} for size in (203, 204)]
    template = keeping(tmp_path, "I, O", 0.5)
    cut, whole = evaluate_points(network(), template, points)
    assert cut.metrics is not None
    assert whole.metrics is not None
    assert whole.metrics["dram_bytes"] == 84 + 15
    more = cut.metrics["dram_bytes"]
    assert more is not None
    assert more > 84 + 15


def test_the_ends_of_the_network_stay_where_a_memory_keeps_them(tmp_path: Path) -> None:
    """All of 12 + 24 + 4 + 3 bytes fit into 512; into 25 only the input and what comes after the first result."""
    flags = "double_buffered: true, keeps: [I, O], keeps_ends: true, keep_share: {}}}"
    roomy = machine(tmp_path, ("double_buffered: true}", flags.format(0.5)))
    assert dram_by_layer(roomy) == [72, 0, 12]
    tight = machine(tmp_path, ("double_buffered: true}", flags.format(25 / 1024)))
    assert dram_by_layer(tight) == [72 + 24, 24, 12]
    none = machine(tmp_path, ("double_buffered: true}", flags.format(11 / 1024)))
    assert dram_by_layer(none) == [72 + 12 + 24, 24, 12]


def test_steps_at_the_ends_of_a_network_are_known(tmp_path: Path) -> None:
    template = machine(tmp_path)
    design = template.instantiate({})
    found = stay(plan(network(), design.abilities).table.steps, design)
    assert found.ends.tolist() == [8, 0, 16]
    assert not found.entered.any()
