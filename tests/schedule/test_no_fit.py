"""A network that does not fit a design: the message says which memory, what it needs and what it has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine, network

from accelsim.errors import InputError, NoMappingError
from accelsim.hardware.load import load_hardware
from accelsim.parameters import Point
from accelsim.schedule.evaluate import evaluate, evaluate_points, evaluate_totals
from accelsim.workload.load import load_network

#: One element of each operand, double-buffered: weights and inputs of a byte, a partial sum of four.
LEAST = 2 * (1 + 1 + 4)


def test_the_message_names_memory_need_and_have(tmp_path: Path) -> None:
    design = machine(tmp_path).instantiate({"buffer_bytes": 5})
    with pytest.raises(NoMappingError) as caught:
        evaluate(network(), design)
    assert str(caught.value) == (
        "tiny does not fit machine: layer 1.conv (conv2d): memory 'buffer' needs 12 B for its tiles "
        "(W 2 B, I 2 B, O 8 B) and has 5 B (7 B too little)"
    )
    with pytest.raises(NoMappingError, match=re.escape(str(caught.value))):
        evaluate_totals(network(), design)


@pytest.mark.parametrize("dataflow", ["weight_stationary", "input_stationary"])
def test_a_mapping_is_found_as_soon_as_one_exists(dataflow: str, tmp_path: Path) -> None:
    sizes = range(LEAST - 2, LEAST + 3)
    points: list[Point] = [{"buffer_bytes": size, "dataflow": dataflow} for size in sizes]
    outcomes = evaluate_points(network(), machine(tmp_path), points)
    assert [outcome.error is None for outcome in outcomes] == [size >= LEAST for size in sizes]


def test_sums_held_in_the_array_take_less_room(tmp_path: Path) -> None:
    # Output stationary: only the finished byte comes to the buffer.
    points: list[Point] = [{"buffer_bytes": size, "dataflow": "output_stationary"} for size in (5, 6)]
    outcomes = evaluate_points(network(), machine(tmp_path), points)
    assert [outcome.error is None for outcome in outcomes] == [False, True]


def test_a_batch_goes_on_past_a_design_that_does_not_fit(tmp_path: Path) -> None:
    template = machine(tmp_path)
    sizes = [1024, 5, 64, 11, 4096]
    outcomes = evaluate_points(network(), template, [{"buffer_bytes": size} for size in sizes])
    for size, outcome in zip(sizes, outcomes, strict=True):
        design = template.instantiate({"buffer_bytes": size})
        if size < LEAST:
            assert outcome.metrics is None
            with pytest.raises(NoMappingError) as caught:
                evaluate(network(), design)
            assert outcome.error == str(caught.value)
        else:
            assert outcome.error is None
            assert outcome.metrics == evaluate(network(), design).totals.flat()


def test_the_tightest_of_several_memories_comes_first(tmp_path: Path) -> None:
    local = "  - {name: local, holds: [W], size: 1 B, kind: sram, double_buffered: true}\narray:"
    template = machine(tmp_path, ("array:", local))
    with pytest.raises(NoMappingError) as caught:
        evaluate(network(), template.instantiate({"buffer_bytes": 11}))
    text = str(caught.value)
    assert text.index("memory 'local' needs 2 B") < text.index("memory 'buffer' needs 12 B")
    assert "(W 2 B) and has 1 B (1 B too little)" in text
    with pytest.raises(NoMappingError, match="'local'") as caught:
        evaluate(network(), template.instantiate({"buffer_bytes": LEAST}))
    assert "buffer" not in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("operands", ["I, O", "W", "W, I, O"])
def test_what_stays_never_takes_the_room_of_the_smallest_tiles(operands: str, share: float, tmp_path: Path) -> None:
    keeps = f"double_buffered: true, keeps: [{operands}], keep_share: {share}}}"
    template = machine(tmp_path, ("double_buffered: true}", keeps))
    sizes = range(1, 130)
    outcomes = evaluate_points(network(), template, [{"buffer_bytes": size} for size in sizes])
    assert [outcome.error is None for outcome in outcomes] == [size >= LEAST for size in sizes]


def test_a_large_network_in_a_buffer_of_sixteen_bytes(tmp_path: Path) -> None:
    totals = evaluate_totals(load_network("mobilenet_v2"), machine(tmp_path).instantiate({"buffer_bytes": 16}))
    assert totals.dram_bytes > 2 * totals.macs, "one element at a time: a weight and an input for every product"
    with pytest.raises(NoMappingError, match=r"mobilenet_v2 does not fit machine: layer 1.conv .*has 8 B"):
        evaluate_totals(load_network("mobilenet_v2"), machine(tmp_path).instantiate({"buffer_bytes": 8}))


def test_a_network_without_multiplications(tmp_path: Path) -> None:
    pools = network("schema_version: 1\ninput: [3, 8, 8]\nlayers:\n  - {block: global_pool}\n")
    for call in (
        lambda: evaluate(pools, load_hardware("npu")),
        lambda: evaluate_points(pools, machine(tmp_path), [{}]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert "no layer is made of multiply-accumulates" in str(caught.value)


def test_one_design_is_wanted(tmp_path: Path) -> None:
    batch = machine(tmp_path).instantiate({"rows": np.array([2, 4])})
    with pytest.raises(ValueError, match="a batch of 2; use evaluate_points"):
        evaluate(network(), batch)
