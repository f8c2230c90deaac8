"""``accelsim explain``: every printed sum is true, and its figures are those of ``accelsim evaluate``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from oracle.machines import HARDWARE, NETWORK, TECHNOLOGY
from worked_sums import Sum, sums, value_of

from accelsim import evaluate, load_hardware, load_network
from accelsim.cli.explain import Question, written
from accelsim.errors import BrokenLawError, InputError
from accelsim.report.explain import answer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.result import Evaluation

Run = Callable[..., Any]
TEMPLATES = ("systolic", "npu", "edge_tpu", "dpu", "pe_array")
#: Convolutions dense, depthwise and pointwise, pools, squeeze and excite, additions, a fully connected layer.
LAYERS = ("1.conv", "2.depthwise", "2.se.pool", "2.se.excite", "2.se.scale", "3.expand", "4.add", "13.fc")
#: Eight digits are printed.
CLOSE = 1e-6


@cache
def evaluated(hardware: str) -> Evaluation:
    return evaluate(load_network("mobilenet_v3_small"), load_hardware(hardware))


def explained(question: str, hardware: str, layer: str | None) -> tuple[list[Sum], dict[str, float]]:
    """Return the printed sums, and the results by name."""
    found = explain(question, load_network("mobilenet_v3_small"), load_hardware(hardware), layer)
    printed = sums("\n".join(written(found)))
    results = {name: line.number().value for name, line in found.results.items()}
    assert [one.value for one in printed[-len(results) :]] == pytest.approx(list(results.values()), rel=CLOSE)
    return printed, results


@pytest.mark.parametrize("hardware", TEMPLATES)
@pytest.mark.parametrize("layer", [*LAYERS, None])
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_printed_sum_is_true(question: str, layer: str | None, hardware: str) -> None:
    printed, _ = explained(question, hardware, layer)
    assert printed
    for one in printed:
        # Eight digits are printed: a difference of large numbers is as far off as the last digit of these.
        largest = max(float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", one.numbers or "0"))
        assert value_of(one.numbers) == pytest.approx(one.value, rel=CLOSE, abs=5e-8 * largest), one
        if one.words:
            assert one.words.count(" x ") == one.numbers.count(" x "), one
            assert one.words.count(" / ") == one.numbers.count(" / "), one


@pytest.mark.parametrize("hardware", TEMPLATES)
@pytest.mark.parametrize("layer", [*LAYERS, None])
def test_the_results_are_those_of_evaluate(layer: str | None, hardware: str) -> None:
    result = evaluated(hardware)
    rows = [row for row in result.layers if layer in (None, row.name)]
    metrics = result.totals if layer is None else rows[0].metrics
    results: dict[str, float] = {}
    for question in QUESTIONS:
        results |= explained(question, hardware, layer)[1]
    flat = metrics.flat()
    for name in ("latency_cycles", "energy_pj", "utilization_spatial", "utilization_temporal", "utilization_overall"):
        assert results[name] == pytest.approx(flat[name], rel=1e-9), name
    for name in result.bandwidth_bytes_per_cycle:
        moved = sum(row.bytes_by_level[name] for row in rows)
        assert results[f"bytes_by_level.{name}"] == pytest.approx(moved, rel=1e-12)
    if layer is not None:
        assert results["slack"] == pytest.approx(rows[0].slack, rel=1e-9)


def lines_of(out: str, title: str) -> list[str]:
    """Return the lines of a part of an explanation."""
    return out.partition(f"\n{title}\n")[2].partition("\n\n")[0].splitlines()


def test_traffic_names_every_boundary_and_operand_with_its_loops(accelsim: Run) -> None:
    said = accelsim("explain", "traffic", "-n", "mobilenet_v2", "-w", "systolic", "--layer", "1.conv")
    assert said.code == 0, said.err
    # 32 kernels of 3 x 3 x 3; tiles of 28 rows and 56 columns see 57 rows and 113 columns of the input, of which one is
    # padding in the first tile.
    assert lines_of(said.out, "W, weights") == [
        "  dram: W read for buffer = K x C x FY x FX x no refetch x W bits / 8",
        "    = 32 x 3 x 3 x 3 x 1 x 8 / 8 = 864 B",
        "  buffer: W written from dram = K x C x FY x FX x no refetch x W bits / 8",
        "    = 32 x 3 x 3 x 3 x 1 x 8 / 8 = 864 B",
        "  buffer: W read for the array = K x C x turns of OY at dram x turns of OX at dram x FY x FX x W bits / 8",
        "    = 32 x 3 x 4 x 2 x 3 x 3 x 8 / 8 = 6,912 B",
    ]
    inputs = lines_of(said.out, "I, inputs")
    assert (
        inputs[0]
        == "  dram: I read for buffer = C x (tiles x rows + rows) x (columns + columns) x no refetch x I bits / 8"
    )
    assert inputs[1] == "    = 3 x (3 x 57 + 56) x (113 + 112) x 1 x 8 / 8 = 153,225 B"


def test_what_stays_is_said(accelsim: Run) -> None:
    out = accelsim("explain", "traffic", "-n", "mobilenet_v2", "-w", "edge_tpu", "-l", "2.project").out
    assert "W stays in `parameters`: nothing is fetched" in out
    assert "I stays in `activations`: nothing is fetched" in out
    assert "O stays in `activations`: nothing leaves it" in out
    assert lines_of(out, "result")[0] == "  host: all bytes = nothing"
    out = accelsim("explain", "traffic", "-n", "mobilenet_v2", "-w", "edge_tpu", "-l", "3.2.add").out
    assert out.count("stays in `activations`: nothing outside moves") == 3
    assert "the result of 3.2.project read from it" in out


def test_a_fused_activation_is_explained_where_it_rides(accelsim: Run) -> None:
    words = ("explain", "cycles", "-n", "mobilenet_v2", "-w", "npu", "-l")
    out = accelsim(*words, "3.1.depthwise").out
    assert "relu6 applied to its result on the way out" in out
    # 96 x 56 x 56 results of two operations each, on 16 lanes.
    assert "    = 602,112 / 16 = 37,632 cycles" in lines_of(out, "latency")
    network = load_network("mobilenet_v2")
    name = next(node.name for node in network if node.op.kind == "relu6" and "3.1.depthwise" in node.inputs)
    riding = accelsim(*words, name).out
    assert riding.splitlines()[3:] == out.splitlines()[3:]


def test_an_op_without_macs_streams_and_has_no_utilization(accelsim: Run) -> None:
    words = ("-n", "mobilenet_v2", "-w", "npu", "-l", "3.2.add")
    cycles = accelsim("explain", "cycles", *words).out
    assert "  vector unit, all operations = operations / lanes\n    = 75,264 / 16 = 4,704 cycles" in cycles
    # Two maps of 24 x 56 x 56 in, one out.
    assert lines_of(cycles, "memories")[:4] == [
        "  dram reads = I",
        "    = 150,528 B",
        "  dram writes = O",
        "    = 75,264 B",
    ]
    assert "does nothing, so every utilization is 0" in accelsim("explain", "utilization", *words).out


def test_what_is_not_modelled_is_said_and_not_added(accelsim: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema_version: 1\nbase: systolic\n"
        "overrides: {wire_pj_per_bit_mm: null, memories.sram.leakage_mw_per_kib: null}\n"
    )
    out = accelsim("explain", "energy", "-n", "mobilenet_v2", "-w", str(path), "-l", "1.conv").out
    ledger = lines_of(out, "ledger")
    assert ledger[-2:] == ["  leakage of memories   # not modelled", "  interconnect   # not modelled"]
    total = next(one for one in sums(out) if one.what == "energy")
    assert "interconnect" not in total.words
    assert len(sums("\n".join(ledger))) == total.words.count(" + ") + 1


def test_wires_are_explained_memory_by_memory(accelsim: Run) -> None:
    out = accelsim("explain", "energy", "-n", "mobilenet_v2", "-w", "systolic", "-l", "1.conv").out
    ledger = lines_of(out, "ledger")
    assert ledger[-2] == "  interconnect at buffer = bytes x pJ a byte on its wires"
    assert "not modelled" not in out
    total = next(one for one in sums(out) if one.what == "energy")
    assert total.words.endswith("interconnect at buffer")


def test_the_network_names_its_five_largest_layers(accelsim: Run) -> None:
    out = accelsim("explain", "cycles", "-n", "mobilenet_v2", "-w", "systolic").out
    rows = evaluate(load_network("mobilenet_v2"), load_hardware("systolic")).layers
    ranked = sorted(rows, key=lambda row: -row.metrics.latency_cycles)
    total = next(one for one in sums(out) if one.what == "latency_cycles of the network")
    assert total.words == " + ".join([*(row.name for row in ranked[:5]), f"{len(rows) - 5} other layers"])


def test_settings_and_transforms_are_those_of_evaluate(accelsim: Run) -> None:
    words = ["--set", "rows=64", "--set", "width=0.5", "--transform", "bits:W=4,layers=*depthwise*", "--json"]
    whole = json.loads(accelsim("evaluate", "mobilenet_v2", "-w", "systolic", *words).out)
    for question, name in (("cycles", "latency_cycles"), ("energy", "energy_pj")):
        said = accelsim("explain", question, "-n", "mobilenet_v2", "-w", "systolic", *words)
        assert json.loads(said.out)["results"][name]["value"] == pytest.approx(whole["totals"][name], rel=1e-9)
        layer = whole["layers"][1]
        said = accelsim("explain", question, "-n", "mobilenet_v2", "-w", "systolic", "-l", layer["name"], *words)
        assert json.loads(said.out)["results"][name]["value"] == pytest.approx(layer[name], rel=1e-9)


def test_json_has_every_sum_in_words_and_numbers(accelsim: Run) -> None:
    words = ("explain", "traffic", "-n", "mobilenet_v2", "-w", "npu", "-l", "1.conv")
    data = json.loads(accelsim(*words, "--json").out)
    assert (data["question"], data["layer"], data["hardware"]) == ("traffic", "1.conv", "npu")
    lines = [line for part in data["parts"] for line in part["lines"]] + list(data["results"].values())
    printed = sums(accelsim(*words).out)
    assert [line["sum"] for line in lines if line["sum"]] == [one.numbers for one in printed]
    for line in lines:
        assert line["sum"] is None or value_of(line["sum"]) == pytest.approx(line["value"], rel=CLOSE)


@pytest.mark.parametrize(
    ("layer", "text"),
    [("2.depthwize", "Did you mean '2.depthwise'?"), ("conv", "there is no such layer; got 'conv'")],
)
def test_an_unknown_layer_gets_the_nearest_spelling(layer: str, text: str, accelsim: Run) -> None:
    for words in (("explain", "cycles"), ("show", "mapping")):
        said = accelsim(*words, "-n", "mobilenet_v2", "-w", "systolic", "-l", layer)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("--layer\n")
        assert text in said.err


def test_a_layer_of_several_steps_says_which(accelsim: Run) -> None:
    lowered = next(node.name for node in load_network("codenet") if node.op.rule.lower is not None)
    said = accelsim("explain", "cycles", "-n", "codenet", "-w", "npu", "-l", lowered)
    assert said.code == 2
    assert f"it runs as several steps; got '{lowered}'; use {lowered}." in said.err
    for part in said.err.partition("; use ")[2].rstrip(".\n").split(", "):
        said = accelsim("explain", "cycles", "-n", "codenet", "-w", "npu", "-l", part)
        assert said.out.startswith(f"codenet on npu, layer {part}\n")


def test_the_name_of_a_block_of_one_step_is_enough(accelsim: Run) -> None:
    out = accelsim("explain", "cycles", "-n", "mobilenet_v2", "-w", "npu", "-l", "1").out
    assert out.startswith("mobilenet_v2 on npu, layer 1.conv\n")
    said = accelsim("explain", "cycles", "-n", "mobilenet_v2", "-w", "npu", "-l", "3.1")
    assert "it runs as several steps; got '3.1'; use 3.1.expand, 3.1.depthwise, 3.1.project." in said.err


def test_an_unknown_question_is_refused() -> None:
    with pytest.raises(InputError, match=r"got 'cycle'.*Did you mean 'cycles'"):
        explain("cycle", load_network("mobilenet_v2"), load_hardware("npu"))
    assert list(Question) == list(QUESTIONS)


def test_a_sum_that_is_not_the_models_figure_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    right = answer.evaluation

    def wrong(*given: Any) -> Evaluation:
        result = right(*given)
        object.__setattr__(result.layers[0].metrics, "energy_pj", 1.0)
        return result

    monkeypatch.setattr(answer, "evaluation", wrong)
    with pytest.raises(BrokenLawError, match=r"layer 1\.conv breaks a law of the model: the worked sum is the model's"):
        explain("energy", load_network("mobilenet_v2"), load_hardware("npu"), "1.conv")


@pytest.fixture
def by_hand(tmp_path: Path, accelsim: Run) -> Run:
    """Return a function that explains a layer of the small network on the small machine."""
    (tmp_path / "technology.yaml").write_text(TECHNOLOGY)
    (tmp_path / "small.yaml").write_text(HARDWARE.replace("TECHNOLOGY", str(tmp_path / "technology.yaml")))
    (tmp_path / "net.yaml").write_text(NETWORK)

    def call(*words: str) -> str:
        said = accelsim(*words, "--network", "net.yaml", "--hardware", "small.yaml")
        assert said.code == 0, said.err
        return str(said.out)

    return call


@pytest.mark.usefixtures("whole_tiles")
def test_a_layer_worked_out_on_paper(by_hand: Run) -> None:
    """The convolution of ``tests/schedule/test_by_hand.py``, 4 x 4 PEs: 5 turns of 6 pixels, 16 cycles lost a pass."""
    out = by_hand("explain", "cycles", "--layer", "1.conv")
    passes = ("ceil(points / PEs)", "ceil(18 / 4)", 5)
    assert passes in [(one.words, one.numbers, one.value) for one in sums(out)]
    found = {one.what: (one.numbers, one.value) for one in sums(out)}
    assert found["cycles of the array"] == ("30 + 5 x 10", 80)
    assert found["waited for dram"] == ("(4 x 2 x 3 x 3 x 8 / 8 + 2 x 6 x 8 / 8) / 4 + 4 x 6 x 8 / 8 / 4", 27)
    assert found["latency"] == ("max(80 + 27, 6)", 107)
    assert found["bottleneck: compute"][1] == 80
    traffic = by_hand("explain", "traffic", "--layer", "1.conv")
    assert "    = (4 x 6 x 5 - 4 x 6) x 32 / 8 = 384 B" in traffic, "four of five turns leave sums half-done"
