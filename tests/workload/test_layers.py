"""Layers resolved once and blocks run once: the same networks as without remembering, and lists in every place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.blocks.cells import DARTS_OPERATIONS
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.load import NetworkTemplate, network_template
from accelsim.workload.network import Network
from accelsim.workload.part import Part, Sources, remembered


def template(text: str) -> NetworkTemplate:
    """Read ``text`` as if it stood in ``net.yaml``."""
    return NetworkTemplate(Source.parse("schema_version: 1\ninput: [8, 16, 16]\n" + text, Path("net.yaml")))


def kernels(network: Network) -> list[int]:
    return [node.op.sizes[-1] for node in network if node.op.macs]


# ------------------------------------------------------------------------------------------------ lists and their names


def test_each_takes_a_list_parameter_or_one_of_its_rows() -> None:
    net = template(
        "parameters:\n  kernel: {default: [1, 3, 5, 7], choices: [1, 3, 5, 7], length: [2, 2]}\n"
        "layers:\n  - {block: conv, out: 8, each: {kernel: kernel_2}}\n"
        "  - {block: conv, out: 8, each: {kernel: kernel}}\n"
    )
    assert kernels(net.build({})) == [5, 7, 1, 3, 5, 7]
    assert kernels(net.build({"kernel_2_1": 1})) == [1, 7, 1, 3, 1, 7]


@pytest.mark.parametrize(
    "text",
    [
        "layers: [{block: nasbench201_cell, edges: edges}]\n",
        "choices: {cell: {block: nasbench201_cell, edges: edges}}\nlayers: [{use: cell}]\n",
        "defaults: {nasbench201_cell: {edges: edges}}\nlayers: [{block: nasbench201_cell}]\n",
    ],
)
def test_an_option_takes_a_list_parameter_by_its_name(text: str) -> None:
    edges = "parameters:\n  edges: {default: nor_conv_1x1, choices: [none, nor_conv_1x1, nor_conv_3x3], length: 6}\n"
    net = template(edges + text)
    assert kernels(net.build({})) == [1] * 6
    assert kernels(net.build({"edges_1": "none", "edges_5": "nor_conv_3x3"})) == [1, 1, 1]
    assert sorted(kernels(net.build({"edges_1": "nor_conv_3x3"}))) == [1, 1, 1, 1, 1, 3]


@pytest.mark.parametrize("values", ["3", "[]", "{a: 1}", "true", "2.5"])
def test_values_for_each_repetition_are_a_list(values: str) -> None:
    with pytest.raises(InputError) as caught:
        template(f"layers:\n  - {{block: conv, out: 8, each: {{kernel: {values}}}}}\n")
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (4, "layers[0].each.kernel")
    assert problem.allowed == "a list, or a list parameter"


def test_a_wrong_repetition_is_told_beside_the_layers_other_mistakes() -> None:
    with pytest.raises(InputError) as caught:
        template("layers:\n  - {block: conv, out: eight, repeat: x}\n")
    assert {problem.field for problem in caught.value.problems} == {"layers[0].out", "layers[0].repeat"}


def test_only_the_first_repetition_of_many_has_the_stride() -> None:
    net = template("layers:\n  - {block: conv, out: 8, kernel: 3, stride: 2, repeat: 4}\n")
    assert [node.op.stride[1] for node in net.build({})] == [2, 1, 1, 1]
    assert [node.name for node in net.build({})] == ["1.1.conv", "1.2.conv", "1.3.conv", "1.4.conv"]


# -------------------------------------------------------------------------------------------------- networks from parts


@pytest.mark.parametrize("name", ["ofa_mobilenet_v3", "nasbench201", "darts", "bert_elastic", "mobilenet_v2"])
def test_a_network_does_not_depend_on_those_built_before(name: str) -> None:
    """Against a template that has built nothing else, which has nothing to remember."""
    known, rng = network_template(name), np.random.default_rng(0)
    points = [known.space.sample(rng) for _ in range(12)]
    for point in points:
        known.build(point)
    for point in points[::5]:
        fresh = NetworkTemplate(known.source)
        assert known.build(point) == fresh.build(point)


def test_networks_of_a_search_share_their_ops() -> None:
    net = network_template("ofa_mobilenet_v3")
    one, other = net.build({}), net.build({"kernel_5_4": 3})
    shared = sum(mine.op is theirs.op for mine, theirs in zip(one, other, strict=True))
    assert len(one) - shared <= 3


def test_tensors_that_are_one_stay_one() -> None:
    """NASNet's first cell reads the stem twice, and treats that as one."""

    def names(previous: str) -> list[str]:
        net = template(
            "layers:\n  - {name: a, block: conv, out: 8}\n  - {name: b, block: conv, out: 8}\n"
            f"  - {{block: nasnet_cell, filters: 8, previous: {previous}}}\n"
        )
        return [node.name for node in net.build({}) if node.name.startswith("3.previous")]

    assert names("b") == []
    assert names("a") == ["3.previous.relu", "3.previous"]


def test_a_block_that_adds_nothing_hands_on_its_input() -> None:
    net = template("layers:\n  - {name: a, block: conv, out: 8}\n  - {block: identity}\n  - {block: conv, out: 8}\n")
    assert [node.inputs for node in net.build({})] == [("input",), ("a.conv",)]


# ---------------------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("operation", DARTS_OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("prefix", ["", "cell"])
def test_a_remembered_function_adds_what_the_function_does(operation: str, stride: int, prefix: str) -> None:
    plain = DARTS_OPERATIONS[operation]
    known = remembered(plain)
    made = []
    for call in (plain, known, known):
        b = Builder((1, 16, 8, 8))
        b.prefix = prefix
        x = Tensor("elsewhere", b.input.shape)
        made.append((call(b, "role", x, 16, stride), b.nodes))
    assert made[0] == made[1] == made[2]


def test_a_remembered_function_is_run_once_for_equal_shapes_widths_and_arguments() -> None:
    runs = []

    @remembered
    def larger(b: Builder, role: str, x: Tensor, kind: str) -> Tensor:
        runs.append((x.shape, kind))
        return b.combine(role, kind, x, x)

    b = Builder((1, 4, 2, 2))
    small = Tensor("small", (1, 4, 1, 1))
    for role, x, kind in (
        ("a", b.input, "maximum"),
        ("b", b.input, "maximum"),
        ("c", small, "maximum"),
        ("d", b.input, "multiply"),
    ):
        assert larger(b, role, x, kind) == Tensor(role, x.shape)
    assert runs == [((1, 4, 2, 2), "maximum"), ((1, 4, 1, 1), "maximum"), ((1, 4, 2, 2), "multiply")]
    assert [(node.name, node.inputs) for node in b.nodes] == [
        ("a", ("input", "input")),
        ("b", ("input", "input")),
        ("c", ("small", "small")),
        ("d", ("input", "input")),
    ]


def test_a_part_keeps_what_reads_what() -> None:
    sources = Sources()
    b = Builder((1, 4, 2, 2))
    x, y = (sources.numbered(Tensor(name, b.input.shape)) for name in ("left", "right"))
    assert sources.numbered(Tensor("left", b.input.shape)) == x
    result = b.combine("sum", "add", b.combine("", "multiply", x, y), x)
    nodes, written = Part.of(b, result).placed("3", tuple(sources.names))
    assert [(node.name, node.inputs) for node in nodes] == [("3", ("left", "right")), ("3.sum", ("3", "left"))]
    assert written == Tensor("3.sum", (1, 4, 2, 2))


def test_blocks_are_given_no_names_of_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a block adds is used again wherever the shapes are the same, so that it must not depend on names."""
    seen: list[str] = []

    def spy(b: Builder, x: Tensor) -> Tensor:
        seen.append(x.source)
        return b.activate("", x, "relu")

    monkeypatch.setitem(BLOCKS._members, "test_layers_spy", spy)
    net = template("layers:\n  - {name: first, block: test_layers_spy}\n  - {name: second, block: test_layers_spy}\n")
    assert [(node.name, node.inputs) for node in net.build({})] == [
        ("first.relu", ("input",)),
        ("second.relu", ("first.relu",)),
    ]
    assert len(seen) == 1
    assert seen[0] not in ("input", "first.relu")
