"""Two accelerators that share a memory, worked out on paper: three layers, two clocks.

The network and the machine are those of ``test_by_hand``: a convolution with a relu (84 bytes in, 24 out), a mean (24
in, 4 out), a fully connected layer (16 in, 3 out), on 4 x 4 PEs at 1 GHz. It cannot pool. Beside it stands a second,
with 2 x 2 PEs and 8 lanes at 500 MHz, which can do nothing else. A cycle of the chip is one of the first, a nanosecond.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.chips import Changes, chip_of, forced
from oracle.machines import network

from accelsim.report.explain.answer import explain
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.result import Evaluation

pytestmark = pytest.mark.usefixtures("whole_tiles")

BIG: Changes = [("vector:", "supports: {without: [average_pool]}\ninvocation_cycles: 3\nvector:")]
SMALL: Changes = [
    ("clock: 1 GHz", "clock: 500 MHz"),
    ("lanes: 4", "lanes: 8"),
    ("default: 4, range", "default: 2, range"),
    ("vector:", "supports: {without: [convolution, fully_connected]}\ninvocation_cycles: 5\nvector:"),
]
#: Bytes that both parts hand over stay on neither of them.
KEEPS = ("double_buffered: true}", "double_buffered: true, keeps: [I, O]}")

#: Two calls of the first, one of the second, whose cycles count twice.
CALLED = 2 * 3 + 2 * 5
POOL = 2 * 7
TIME = 107 + POOL + 15.75 + CALLED


@pytest.fixture
def result(tmp_path: Path) -> Evaluation:
    return evaluate(network(), chip_of(tmp_path, {"big": BIG, "small": SMALL}))


def test_every_layer_runs_where_it_can(result: Evaluation) -> None:
    assert [(row.op, row.part) for row in result.layers] == [
        ("conv2d + relu", "big"),
        ("average_pool", "small"),
        ("fully_connected", "big"),
        ("invocation", "big"),
        ("invocation", "small"),
    ]
    assert [row["part"] for row in result.as_dict()["layers"]] == ["big", "small", "big", "big", "small"]


def test_cycles_are_those_of_the_first_clock(result: Evaluation) -> None:
    conv, pool, fc, big, small = (row.metrics.latency_cycles for row in result.layers)
    # Each part runs its layers as it does alone: 28 bytes of the pool at 4 a cycle.
    assert (conv, pool, fc) == (107, POOL, 15.75)
    # The first is called again after the pool.
    assert (big, small) == (6, 10)
    assert result.totals.latency_cycles == TIME
    assert result.totals.latency_ms == pytest.approx(TIME * 1e-6)
    assert sum(row.metrics.latency_ms for row in result.layers) == pytest.approx(TIME * 1e-6)


def test_what_is_handed_over_goes_through_the_shared_memory(result: Evaluation) -> None:
    conv, pool, fc, *_ = (row.bytes_by_level for row in result.layers)
    assert list(conv) == list(pool) == ["dram", "big.buffer", "small.buffer"]
    assert (conv["dram"], pool["dram"], fc["dram"]) == (84 + 24, 24 + 4, 12 + 4 + 3)
    assert [row["small.buffer"] for row in (conv, pool, fc)] == [0, 0, 0]
    assert result.totals.dram_bytes == 108 + 28 + 19


def test_the_ledger_names_the_part(result: Evaluation) -> None:
    lines = {(line.component, line.action): 0.0 for line in result.ledger}
    for line in result.ledger:
        lines[line.component, line.action] += line.energy_pj or 0.0
    per_pe_mw = 0.01 + 0.02 + 0.001 * (8 + 8 + 32)
    expected = {
        ("dram", "read"): 10 * (72 + 12 + 24 + 12 + 4),
        ("dram", "write"): 10 * (24 + 4 + 3),
        ("big.mac", "compute"): (432 + 12) * 1.5,
        ("small.mac", "compute"): 0.0,
        ("big.vector", "compute"): 24 * 0.5,
        ("small.vector", "compute"): 24 * 0.5,
        # mW x ns = pJ: both leak all the time, whoever works.
        ("big.leakage of logic", "hold"): per_pe_mw * (16 + 4) * TIME,
        ("small.leakage of logic", "hold"): per_pe_mw * (4 + 8) * TIME,
        ("big.leakage of memories", "hold"): 0.5 * TIME,
        ("small.leakage of memories", "hold"): 0.5 * TIME,
    }
    for key, energy in expected.items():
        assert lines.get(key, 0.0) == pytest.approx(energy), key
    assert result.totals.energy_pj == pytest.approx(sum(lines.values()))
    leaks = per_pe_mw * (20 + 12) + 2 * 0.5
    pool = 10 * 28 + 24 * 0.5 + leaks * POOL
    assert result.layers[1].metrics.energy_pj == pytest.approx(pool), "a layer pays for all that leaks meanwhile"


def test_area_is_that_of_all_parts(result: Evaluation) -> None:
    per_pe = 100 + 200 + 1 * (8 + 8 + 32)
    assert result.area_mm2 == pytest.approx(
        {
            "big.array": 1e-6 * 16 * per_pe,
            "big.vector": 1e-6 * 4 * per_pe,
            "big.buffer": 1e-3,
            "small.array": 1e-6 * 4 * per_pe,
            "small.vector": 1e-6 * 8 * per_pe,
            "small.buffer": 1e-3,
        }
    )
    assert result.totals.area_mm2 == pytest.approx(sum(area or 0.0 for area in result.area_mm2.values()))


def test_utilization_counts_all_pes_of_the_chip(result: Evaluation) -> None:
    # 16 MACs a cycle of the first and 4 every other cycle; 31 of all cycles compute, as in test_by_hand.
    assert result.peak_macs_per_cycle == 16 + 4 / 2
    whole = result.totals.utilization
    assert whole.spatial == pytest.approx(444 / (31 * 18))
    assert whole.temporal == pytest.approx(31 / TIME)
    assert whole.overall == pytest.approx(444 / (18 * TIME))
    assert result.layers[0].metrics.utilization.spatial == pytest.approx(432 / (30 * 16)), "a layer: of its part"


def test_bandwidths_are_in_bytes_per_cycle_of_the_first(result: Evaluation) -> None:
    assert result.bandwidth_bytes_per_cycle == {"dram": 4, "big.buffer": 16, "small.buffer": 16 / 2}


@pytest.mark.parametrize("question", ["cycles", "energy", "utilization", "traffic"])
def test_every_figure_can_be_explained(tmp_path: Path, question: str) -> None:
    chip = chip_of(tmp_path, {"big": BIG, "small": SMALL})
    whole = explain(question, network(), chip)
    assert whole.hardware == "chip"
    names = [node.name for node in network().nodes if node.op.kind != "relu"]
    found = [explain(question, network(), chip, name) for name in names]
    if question == "cycles":
        # Of a layer in cycles of its own clock, of the network in those of the first part.
        assert [one.results["latency_cycles"].number().value for one in found] == [107, 7, 15.75]
        assert whole.results["latency_cycles"].number().value == TIME
    if question == "utilization":
        assert whole.results["utilization_spatial"].number().value == pytest.approx(444 / (31 * 18))


def test_a_result_stays_on_chip_only_between_layers_of_one_part(tmp_path: Path) -> None:
    chip = chip_of(tmp_path, {"one": [KEEPS], "two": [KEEPS]})
    names = [node.name for node in network().nodes if node.op.kind != "relu"]

    def outer(*parts: int) -> list[float]:
        found = evaluate(network(), forced(chip, dict(zip(names, parts, strict=True))))
        assert [row.part for row in found.layers] == [chip.names[part] for part in parts]
        return [row.metrics.dram_bytes for row in found.layers]

    # Weights 72 and 12, the input 12, the result 3; the maps of 24 and 4 bytes in between.
    assert outer(0, 0, 0) == outer(1, 1, 1) == [72 + 12, 0, 12 + 3]
    assert outer(0, 1, 1) == [72 + 12 + 24, 24, 12 + 3]
    assert outer(0, 0, 1) == [72 + 12, 4, 12 + 4 + 3]
    assert outer(0, 1, 0) == [72 + 12 + 24, 24 + 4, 12 + 4 + 3]
