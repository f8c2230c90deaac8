"""Where layers have to run, what parts cannot run, and hosts: a choice that obeys, or a mistake that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.chips import Changes, chip_of
from oracle.machines import network

from accelsim.errors import InputError, NoMappingError
from accelsim.hardware.chip import Chip, Rule, joined
from accelsim.hardware.load import hardware_template
from accelsim.schedule.evaluate import evaluate, evaluate_points
from accelsim.schedule.result import Evaluation
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import convolution, elementwise, fully_connected, pool
from tests.conftest import ProblemsOf

NO_POOL: Changes = [("vector:", "supports: {without: [average_pool]}\nvector:")]
NO_CONV: Changes = [("vector:", "supports: {without: [convolution]}\nvector:")]
HOST = "host: {lanes: 2, macs_per_cycle: 4, transfer_cycles: 50}\n"


def where(found: Evaluation) -> list[str | None]:
    return [row.part for row in found.layers]


def test_a_rule_by_op_is_obeyed_and_the_first_one_holds(tmp_path: Path) -> None:
    rules = "assign:\n  - {op: conv2d, part: b}\n  - {layers: '*', part: a}\n  - {op: average_pool, part: b}\n"
    found = evaluate(network(), chip_of(tmp_path, {"a": [], "b": []}, rules))
    # The relu is on the other part, and so a layer of its own.
    assert [(row.op, row.part) for row in found.layers] == [
        ("conv2d", "b"),
        ("relu", "a"),
        ("average_pool", "a"),
        ("fully_connected", "a"),
    ]


def test_a_rule_may_name_layers_of_one_kind_only(tmp_path: Path) -> None:
    more = "assign: [{layers: '*', op: fully_connected, part: b}]\n"
    found = evaluate(network(), chip_of(tmp_path, {"a": [], "b": [("lanes: 4", "lanes: 1")]}, more))
    assert found.layers[-1].part == "b"
    assert where(found)[:2] == ["a", "a"], "the other has a slow vector unit"


def test_a_rule_that_fits_no_layer_is_a_mistake(tmp_path: Path, problems_of: ProblemsOf) -> None:
    chip = chip_of(tmp_path, {"a": [], "b": []}, "assign: [{layers: 1.convv, part: b}]\n")
    (problem,) = problems_of(evaluate, network(), chip)
    assert (problem.field, problem.suggestion) == ("chip.assign[0].layers", "1.conv")
    # An op that the network does not have is none: the file is for many networks.
    chip = chip_of(tmp_path, {"a": [], "b": []}, "assign: [{op: softmax, part: b}]\n")
    assert set(where(evaluate(network(), chip))) <= {"a", "b"}


def test_a_rule_for_a_part_that_cannot_is_a_mistake(tmp_path: Path, problems_of: ProblemsOf) -> None:
    chip = chip_of(tmp_path, {"a": NO_POOL, "b": []}, "assign: [{op: average_pool, part: a}]\n")
    (problem,) = problems_of(evaluate, network(), chip)
    assert problem.field == "chip.assign[0]"
    assert "cannot run on a: the accelerator cannot run this kind of op (kind)" in problem.message
    assert problem.allowed == "b"


def test_what_no_part_can_run_is_refused_with_all_reasons(tmp_path: Path, problems_of: ProblemsOf) -> None:
    narrow: Changes = [("vector:", "supports: {bits: [4]}\nvector:")]
    problems = problems_of(evaluate, network(), chip_of(tmp_path, {"a": NO_POOL, "b": narrow}))
    (problem,) = problems
    assert problem.got == "average_pool"
    assert "a: the accelerator cannot run this kind of op (kind), b: the accelerator does not compute with" in (
        problem.message
    )


def test_an_op_goes_to_the_host_only_if_no_part_can_run_it(tmp_path: Path) -> None:
    with_host: Changes = [("vector:", f"supports: {{without: [average_pool]}}\n{HOST}vector:")]
    found = evaluate(network(), chip_of(tmp_path, {"a": with_host, "b": NO_CONV}))
    assert [(row.part, row.host_reason) for row in found.layers] == [("a", None), ("b", None), ("a", None)]
    found = evaluate(network(), chip_of(tmp_path, {"a": NO_POOL, "b": with_host}))
    _, mean, _ = found.layers
    assert (mean.part, mean.host_reason) == ("b", "kind")
    # Its 24 operations at 2 a cycle, handed over and back; the conv's result lies in the shared memory anyway.
    assert mean.metrics.latency_cycles == 2 * 50 + 24 / 2
    assert any(line.component == "b.host work" and line.energy_pj is None for line in found.ledger)


def test_layers_made_of_macs_need_a_part(tmp_path: Path) -> None:
    hosted: Changes = [("vector:", f"supports: {{without: [convolution, fully_connected]}}\n{HOST}vector:")]
    with pytest.raises(InputError, match=r"every layer made of multiply-accumulates runs on the host \(kind\)"):
        evaluate(network(), chip_of(tmp_path, {"a": hosted, "b": hosted}))
    only = Network("sums", (Node("add", elementwise("add", (1, 4, 2, 2)), (INPUT, INPUT)),))
    with pytest.raises(InputError, match="no layer is made of multiply-accumulates"):
        evaluate(only, chip_of(tmp_path, {"a": [], "b": []}))


def test_a_layer_that_does_not_fit_one_part_runs_on_the_other(tmp_path: Path) -> None:
    tiny: Changes = [("default: 1024, range", "default: 8, range")]
    assert where(evaluate(network(), chip_of(tmp_path, {"a": tiny, "b": []})))[0] == "b"
    chip = chip_of(tmp_path, {"a": tiny, "b": tiny})
    with pytest.raises(NoMappingError, match=r"tiny does not fit chip\.[ab]: layer .*conv.*[ab]\.buffer"):
        evaluate(network(), chip)
    (outcome,) = evaluate_points(network(), hardware_template(tmp_path / "chip.yaml"), [{}])
    assert outcome.metrics is None
    assert outcome.error is not None
    assert "does not fit" in outcome.error


def test_pes_have_the_widths_of_the_first_layer_that_the_part_can_run(tmp_path: Path) -> None:
    """Else the area of a part that the choice leaves idle would hang on the choice."""
    found = evaluate(network(), chip_of(tmp_path, {"a": [], "b": [("lanes: 4", "lanes: 1")]}))
    assert set(where(found)) == {"a"}
    assert found.area_mm2["b.array"] == found.area_mm2["a.array"]


def test_activations_ride_only_on_layers_of_their_own_part() -> None:
    """A tensor that two parts read is there as such; what enters a convolution is applied by readers of its part."""
    shape = (1, 8, 6, 6)
    nodes = (
        Node("first", convolution(shape, 8, (1, 1)), (INPUT,)),
        Node("act", elementwise("relu", shape), ("first",)),
        Node("second", convolution(shape, 8, (1, 1)), ("act",)),
        Node("mean", pool("average_pool", shape, (6, 6)), ("act",)),
        Node("fc", fully_connected((1, 8), 4), ("mean",)),
    )
    net = Network("two readers", nodes, outputs=("second", "fc"))
    template = hardware_template("edge_tpu")
    alone = template.instantiate({})

    def ops(**parts: int) -> list[str]:
        rules = tuple(Rule(part, name, None, "rule") for name, part in parts.items())
        chip = joined("pair", ("a", "b"), [alone, alone], "host", rules)
        assert isinstance(chip, Chip)
        return [row.op for row in evaluate(net, chip).layers if row.op != "invocation"]

    assert ops(first=0, act=0, second=0, mean=0, fc=0)[0] == "pointwise + relu"
    assert ops(first=0, act=0, second=1, mean=1, fc=1)[0] == "pointwise + relu"
    apart = ops(first=0, act=1, second=1, mean=0, fc=0)
    assert apart[:2] == ["pointwise", "relu"]
