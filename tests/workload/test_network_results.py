"""What leaves a network: results by name, what leads to none of them, and layers that nothing reads."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.config.source import Source
from accelsim.errors import Problem
from accelsim.hardware.accelerator import Abilities
from accelsim.schedule.steps import plan
from accelsim.workload.load import NetworkTemplate, load_network
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import convolution, elementwise

ProblemsOf = Callable[..., tuple[Problem, ...]]


def conv(name: str, source: str = INPUT, channels: int = 4) -> Node:
    """Return a 3x3 convolution to 4 channels."""
    return Node(name, convolution((1, channels, 8, 8), 4, (3, 3)), (source,))


def relu(name: str, source: str) -> Node:
    """Return an activation."""
    return Node(name, elementwise("relu", (1, 4, 8, 8)), (source,))


CHAIN = (conv("a"), relu("r", "a"), conv("b", "r"), conv("side", "a"))


def template(text: str) -> NetworkTemplate:
    """Read layers, and what follows them, of a file with a 3 x 8 x 8 input."""
    return NetworkTemplate(Source.parse(f"schema_version: 1\ninput: [3, 8, 8]\nlayers:\n{text}", Path("net.yaml")))


# ------------------------------------------------------------------------------------------------- as a value


def test_without_outputs_every_unread_node_is_a_result() -> None:
    network = Network("net", CHAIN)
    assert network.results == ("b", "side")
    assert network.last_use == (3, 2, 4, 4)


def test_outputs_may_be_read_as_well_and_what_leads_to_none_is_dead() -> None:
    network = Network("net", CHAIN, outputs=("b", "a"))
    assert network.results == ("b", "a")
    assert network.last_use == (4, 2, 4, 3), "a leaves the network; side is used by nobody, itself apart"
    assert pickle.loads(pickle.dumps(network)) == network
    assert network != Network("net", CHAIN)


def test_outputs_must_be_nodes(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(Network, "net", CHAIN, outputs=("sid",))
    assert (problem.field, problem.got, problem.suggestion) == ("net.outputs", "'sid'", "side")
    (problem,) = problems_of(Network, "net", CHAIN, outputs=())
    assert problem.message == "a network without results is of no use"
    assert problems_of(Network, "net", CHAIN, outputs=(INPUT,))[0].got == "'input'"


def test_a_schedule_writes_results_that_are_read_as_well() -> None:
    steps = plan(Network("net", CHAIN[:3], outputs=("a", "b")), Abilities(("relu",))).steps
    assert [step.label for step in steps] == ["conv2d", "relu", "conv2d"], "no activation rides on a result"
    assert [step.last_use for step in steps] == [3, 2, 3]
    fused = plan(Network("net", CHAIN[:3]), Abilities(("relu",))).steps
    assert [(step.label, step.last_use) for step in fused] == [("conv2d + relu", 1), ("conv2d", 2)]
    kept = plan(Network("net", CHAIN[:3], outputs=("r", "b")), Abilities(("relu",))).steps
    assert [(step.label, step.last_use) for step in kept] == [("conv2d + relu", 2), ("conv2d", 2)]


# ---------------------------------------------------------------------------------------------------- of a file


HEADS = """\
  - {name: trunk, block: conv, out: 8}
  - {name: box, block: conv, out: 4}
  - {name: kind, block: conv, out: 2, from: trunk}
"""


def test_named_results_stay_beside_the_last_layer() -> None:
    network = template(HEADS + "results: [box]\n").build({})
    assert [node.name for node in network] == ["trunk.conv", "box.conv", "kind.conv"]
    assert network.results == ("box.conv", "kind.conv")
    assert network.outputs is None, "these are the unread nodes anyway"
    named_all = template(HEADS + "results: [kind, box]\n").build({})
    assert named_all == network


def test_a_result_may_be_read_by_other_layers() -> None:
    network = template(HEADS + "results: [box, trunk]\n").build({})
    assert set(network.results) == {"box.conv", "trunk.conv", "kind.conv"}
    assert network.last_use == (3, 3, 3)


def test_results_that_are_not_there(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(template, HEADS + "results: [boxes]\n")[:1]
    assert problem.field in ("layers[1]", "results[0]")
    found = {problem.field: problem for problem in problems_of(template, HEADS + "results: [boxes]\n")}
    assert (found["results[0]"].suggestion, found["results[0]"].line) == ("box", 7)


def test_a_layer_that_nothing_reads_is_a_mistake(problems_of: ProblemsOf) -> None:
    """Its cost would vanish without a word."""
    (problem,) = problems_of(template, HEADS)
    assert (problem.field, problem.line) == ("layers[1]", 5)
    assert problem.message.startswith("nothing reads this layer")


FROM_INPUT = "  - {name: b, block: conv, out: 8, from: input}\n"


@pytest.mark.parametrize(
    "after",
    [
        FROM_INPUT + "  - {block: add, other: a}\n",
        FROM_INPUT + "  - {block: concat, others: [a]}\n",
        FROM_INPUT + "  - {block: concat, from: [b, a]}\n",
        "  - {block: conv, out: 8, from: input, when: 1 > 2}\n  - {block: classifier, out: 2}\n",
        "  - {block: conv, out: 8, from: input, when: 1 > 2}\n",
    ],
)
def test_layers_that_something_reads_are_none(after: str) -> None:
    network = template("  - {name: a, block: conv, out: 8}\n" + after).build({})
    assert network.nodes[0].name == "a.conv"


@pytest.mark.parametrize(("chosen", "names"), [(1, ["1.conv", "one.conv"]), (2, ["1.conv", "two.conv"])])
def test_a_choice_costs_nothing_for_what_is_not_chosen(chosen: int, names: list[str]) -> None:
    """Both branches stand; only the one that the last layer reads leads to the result."""
    text = """\
  - {name: stem, block: conv, out: 8}
  - {name: one, block: conv, out: 8, kernel: 3}
  - {name: two, block: conv, out: 8, kernel: 5, from: stem}
  - {block: identity, from: one, when: branch == 1}
  - {block: identity, from: two, when: branch == 2}
parameters:
  branch: {default: 1, choices: [1, 2]}
"""
    network = template(text).build({"branch": chosen})
    expected = [name.replace("1.conv", "stem.conv") for name in names]
    assert [node.name for node in network] == expected


def test_nodes_of_a_cell_that_reach_no_output_cost_nothing() -> None:
    """NAS-Bench-201: an edge into a node from which only "none" leads on is not run."""
    network = load_network("nasbench201")
    used = {source for node in network for source in node.inputs}
    unread = [node.name for node in network if node.name not in used]
    assert unread == [network.nodes[-1].name]


@pytest.mark.parametrize("name", ["codenet"])
def test_bundled_networks_with_several_results_keep_them(name: str) -> None:
    assert len(load_network(name).results) == 3
