"""Activations applied to what an op reads: no steps, no traffic; their work is done by every reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.machines import machine

from accelsim.errors import InputError
from accelsim.hardware.accelerator import Abilities
from accelsim.nas import Scorer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.steps import Plan, plan
from accelsim.workload.builder import Builder
from accelsim.workload.load import network_template
from accelsim.workload.network import Network

WITHIN = Abilities(fuses=("relu",), fuses_inputs=("relu", "relu6", "double"))


def network(*, result: bool = False) -> Network:
    """Return a convolution whose result two others read through activations of their own, and a sum reads as it is."""
    b = Builder((1, 2, 4, 4))
    x = b.conv("x", b.input, 4, 1)
    left, right = b.activate("left", x, "relu"), b.activate("right", x, "relu6")
    a, c = b.conv("a", left, 4, 3), b.conv("c", right, 4, 1)
    b.combine("sum", "add", b.combine("half", "add", a, c), x)
    outputs = ("right.relu6", "sum") if result else None
    return Network("net", tuple(b.nodes), outputs=outputs)


def labels(steps: Plan) -> dict[str, str]:
    return {step.name: step.label for step in steps.steps}


def test_readers_apply_them_and_read_the_tensor_before() -> None:
    apart, within = plan(network(), Abilities(fuses=("relu",))), plan(network(), WITHIN)
    assert list(labels(apart)) == ["x", "left.relu", "right.relu6", "a", "c", "half", "sum"]
    assert labels(within) == {
        "x": "pointwise",
        "a": "conv2d + relu",
        "c": "pointwise + relu6",
        "half": "add",
        "sum": "add",
    }
    by_name = {step.name: step for step in within.steps}
    assert [read.writer for name in ("a", "c") for read in by_name[name].reads] == [0, 0]
    assert by_name["x"].last_use == 4, "the sum reads it last"
    work = [step.fused_work + step.op.vector_ops for step in within.steps]
    assert within.table.steps.work[:, 0].tolist() == work == [0, 64, 2 * 64, 64, 64]
    assert within.peak_bytes < apart.peak_bytes


def test_what_leaves_the_network_is_written() -> None:
    assert "right.relu6" in labels(plan(network(result=True), WITHIN))
    assert "left.relu" not in labels(plan(network(result=True), WITHIN))


def test_what_the_host_reads_is_written() -> None:
    abilities = Abilities(fuses_inputs=("relu", "relu6"), without=("convolution",), host=True)
    assert {"left.relu", "right.relu6"} <= labels(plan(network(), abilities)).keys()


def test_the_network_s_input_is_read_as_it_is() -> None:
    b = Builder((1, 2, 4, 4))
    b.conv("a", b.activate("first", b.input, "relu"), 4, 1)
    assert list(labels(plan(Network("net", tuple(b.nodes)), WITHIN))) == ["first.relu", "a"]


def test_one_after_the_other_and_one_that_cannot() -> None:
    b = Builder((1, 2, 4, 4))
    x = b.conv("x", b.input, 4, 1)
    y = b.activate("second", b.activate("first", x, "relu6"), "relu")
    b.combine("sum", "add", b.conv("a", y, 4, 1), b.activate("third", x, "sigmoid"))
    assert labels(plan(Network("net", tuple(b.nodes)), WITHIN)) == {
        "x": "pointwise",
        "a": "pointwise + relu + relu6",
        "third.sigmoid": "sigmoid",
        "sum": "add",
    }


def test_learned_activations_stay_steps() -> None:
    """Their values would count once for each reader."""
    b = Builder((1, 2, 4, 4))
    x = b.conv("x", b.input, 4, 1)
    b.combine("sum", "add", b.conv("a", b.each("own", "prelu", x, affine=1), 4, 1), x)
    assert "own" in labels(plan(Network("net", tuple(b.nodes)), Abilities(fuses_inputs=("prelu",))))


def test_a_tensor_added_to_itself_is_doubled() -> None:
    b = Builder((1, 2, 4, 4))
    x = b.conv("x", b.input, 4, 1)
    b.conv("a", b.combine("sum", "add", x, b.combine("twice", "add", x, x)), 4, 1)
    found = Network("net", tuple(b.nodes))
    assert [node.op.kind for node in found] == ["convolution", "double", "add", "convolution"]
    assert labels(plan(found, WITHIN)) == {"x": "pointwise", "sum": "add + double", "a": "pointwise"}
    edges = dict(zip((f"edges_{n}" for n in range(1, 7)), ["skip_connect"] * 6, strict=True))
    cell = network_template("nasbench201").build({**edges, "cells": 1})
    kinds = [node.op.kind for node in cell if node.name.startswith("2.")]
    assert kinds == ["double", "double", "add"], (
        "node 2, and node 3 of the input, node 1, which is the same, and node 2"
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_explanation_works_the_model_s_figures_out(tmp_path: Path, question: str) -> None:
    change = ("fuses: [relu]", "fuses: [relu], fuses_inputs: [relu, relu6], rates: {relu: 0.5}")
    design = machine(tmp_path, change).instantiate({})
    for step in plan(network(), design.abilities).steps:
        explain(question, network(), design, step.name)


def test_the_scorer_agrees(tmp_path: Path) -> None:
    design = machine(tmp_path, ("fuses: [relu]", "fuses: [relu], fuses_inputs: [relu, relu6]")).instantiate({})
    for one in (network(), network(result=True)):
        assert Scorer(tmp_path / "machine.yaml")(one).flat() == evaluate(one, design).totals.flat()


def test_what_is_no_activation_is_refused() -> None:
    with pytest.raises(InputError, match=r"vector\.fuses_inputs\[0\]\s+unknown activation"):
        plan(network(), Abilities(fuses_inputs=("add",)))
