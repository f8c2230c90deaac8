"""Laws of a whole run on networks as they are: what must move does move, and a question has one answer."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import TEMPLATES

from accelsim import evaluate, hardware_template, load_network
from accelsim.cost import front as fronts
from accelsim.cost import store as stores
from accelsim.dims import Operand
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.engines import BLOCK_ENGINES
from accelsim.parameters import Point
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.workload.network import Network

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "resnet18", "resnet50")


@st.composite
def questions(draw: st.DrawFn) -> tuple[Network, Accelerator]:
    """Draw a bundled network at a low resolution, and a design of a template."""
    network = load_network(draw(st.sampled_from(NETWORKS)), resolution=draw(st.sampled_from([96, 128])))
    template = hardware_template(draw(st.sampled_from(TEMPLATES)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return network, template.instantiate(template.space.sample(rng))


@settings(max_examples=15)
@given(questions())
def test_weights_that_do_not_stay_the_input_and_the_result_always_move(question: tuple[Network, Accelerator]) -> None:
    network, design = question
    steps = plan(network, design.abilities)
    result = run([steps], design)
    if not result.legal[0, 0]:
        return
    streamed = [step.op.bytes_of(Operand.W) for i, step in enumerate(steps.steps) if not result.stays.weights[i, 0]]
    ends = [step.output_bytes for step in steps.steps if step.last_use == len(steps.steps)]
    ends.append(steps.steps[0].op.bytes_of(Operand.I))
    # A memory may keep the ends of the network too, and an engine may move its weights in a shorter code.
    outside = [] if any(memory.keeps_ends for memory in design.memories) else ends
    coded = design.array.blocks is not None and BLOCK_ENGINES[design.array.blocks.engine].coded_weights
    compulsory = sum([] if coded else streamed) + sum(outside)
    assert result.over_steps(result.dram_bytes)[0, 0] >= compulsory
    if result.stays.weight_level is None:
        assert sum(streamed) == sum(node.op.weights for node in network)


@settings(max_examples=15)
@given(questions())
def test_results_move_out_and_in_unless_they_stay(question: tuple[Network, Accelerator]) -> None:
    network, design = question
    steps = plan(network, design.abilities)
    result = run([steps], design)
    if not result.legal[0, 0]:
        return
    for place, step in enumerate(steps.steps):
        least = 0.0 if result.stays.outputs[place, 0] else step.output_bytes
        outside = [read for read in step.reads if read.writer >= 0 and not result.stays.outputs[read.writer, 0]]
        # A strided window may skip rows; where it does not, everything is read.
        if max(step.op.stride) == 1:
            least += sum(read.bytes for read in outside)
            assert all(read.bytes == steps.steps[read.writer].output_bytes for read in outside)
        assert result.dram_bytes[place, 0] >= least


def answer(network: Network, name: str, point: Point) -> object:
    try:
        return evaluate(network, hardware_template(name).instantiate(point)).as_dict()
    except NoMappingError as error:
        return str(error)


@settings(max_examples=10)
@given(st.sampled_from(NETWORKS), st.sampled_from(TEMPLATES), st.integers(0, 10_000))
def test_the_same_question_has_the_same_answer(which: str, name: str, seed: int) -> None:
    network = load_network(which, resolution=96)
    point = hardware_template(name).space.sample(np.random.default_rng(seed))
    first = answer(network, name, point)
    assert answer(network, name, point) == first
    for cached in (fronts._mappings, fronts.candidates, fronts.front, stores._stores):
        cached.cache_clear()
    assert answer(network, name, point) == first, "and without its memory"
