"""The layer language: names, conditions, repetitions, choices, widths, lists, ops by their loops; and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.config.source import Source
from accelsim.errors import InputError, Problem
from accelsim.workload.load import NetworkTemplate
from accelsim.workload.network import Network
from accelsim.workload.ops import Bits, Sparsity, convolution, loops

ProblemsOf = Callable[..., tuple[Problem, ...]]


def template(text: str) -> NetworkTemplate:
    """Read ``text`` as if it stood in ``net.yaml``."""
    return NetworkTemplate(Source.parse(text, Path("net.yaml")))


def file_of(*layers: str, above: str = "", shape: str = "[8, 12, 12]") -> str:
    """Return a file with these layers; without more keys ``above`` the first stands in line 4."""
    rows = "".join(f"  - {layer}\n" for layer in layers)
    return f"schema_version: 1\ninput: {shape}\n{above}layers:\n{rows}"


def net(*layers: str, above: str = "", **point: object) -> Network:
    """Return the network of these layers."""
    return template(file_of(*layers, above=above)).build(point)  # type: ignore[arg-type]


def names(network: Network) -> list[str]:
    return [node.name for node in network]


def reads(network: Network) -> dict[str, tuple[str, ...]]:
    return {node.name: node.inputs for node in network}


def mistake(*layers: str, above: str = "") -> str:
    """Return the text of the one mistake of a file with these layers."""
    with pytest.raises(InputError) as caught:
        template(file_of(*layers, above=above))
    (problem,) = caught.value.problems
    return str(problem)


# ------------------------------------------------------------------------------------------------------- name and from


def test_branches_by_name() -> None:
    network = net(
        "{name: stem, block: conv, out: 16}",
        "{name: left, block: conv, out: 16, kernel: 3}",
        "{name: right, block: depthwise, from: stem}",
        "{block: add, other: left}",
        "{block: concat, others: [stem, input]}",
    )
    assert reads(network) == {
        "stem.conv": ("input",),
        "left.conv": ("stem.conv",),
        "right.depthwise": ("stem.conv",),
        "4.add": ("right.depthwise", "left.conv"),
        "5.concat": ("4.add", "stem.conv", "input"),
    }
    assert network.nodes[-1].op.output_shape[1] == 16 + 16 + 8


def test_several_layers_to_read_from() -> None:
    network = net(
        "{name: a, block: conv, out: 4}",
        "{name: b, block: conv, out: 6, from: input}",
        "{block: concat, from: [a, input, b]}",
    )
    assert reads(network)["3.concat"] == ("a.conv", "input", "b.conv")
    assert net("{name: a, block: conv, out: 4}", "{block: conv, out: 2, from: [a]}") == net(
        "{name: a, block: conv, out: 4}", "{block: conv, out: 2, from: a}"
    )


def test_a_name_is_that_of_the_last_repetition_and_the_last_op() -> None:
    network = net(
        "{name: trunk, block: conv, out: 8, act: relu, repeat: 3}",
        "{block: conv, out: 4}",
        "{block: concat, others: [trunk]}",
    )
    assert names(network)[:6] == [f"trunk.{turn}.conv{act}" for turn in (1, 2, 3) for act in ("", ".relu")]
    assert reads(network)["2.conv"] == ("trunk.3.conv.relu",)
    assert reads(network)["3.concat"] == ("2.conv", "trunk.3.conv.relu")


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            "{block: conv, out: 8, from: stam}",
            "net.yaml:5  layers[1].from\n"
            "  no layer before this one has this name; got 'stam'; use input, stem. Did you mean 'stem'?",
        ),
        (
            "{block: add, other: stam}",
            "net.yaml:5  layers[1].other\n"
            "  no layer before this one has this name; got 'stam'; use input, stem. Did you mean 'stem'?",
        ),
        (
            "{block: concat, others: [stem, inptu]}",
            "net.yaml:5  layers[1].others\n"
            "  no layer before this one has this name; got 'inptu'; use input, stem. Did you mean 'input'?",
        ),
        (
            "{block: concat, from: [stem, inptu]}",
            "net.yaml:5  layers[1].from\n"
            "  no layer before this one has this name; got 'inptu'; use input, stem. Did you mean 'input'?",
        ),
        (
            "{block: conv, out: 8, from: 3}",
            "net.yaml:5  layers[1].from\n  got 3; use the name of a layer, or a list of names.",
        ),
        (
            "{block: conv, out: 8, from: []}",
            "net.yaml:5  layers[1].from\n  got []; use the name of a layer, or a list of names.",
        ),
        (
            "{block: concat, from: [stem, 3]}",
            "net.yaml:5  layers[1].from\n  got ['stem', 3]; use the name of a layer, or a list of names.",
        ),
        (
            "{block: conv, out: 8, from: [stem, input]}",
            "net.yaml:5  layers[1].from\n  conv reads one layer from here; got ['stem', 'input'].",
        ),
        (
            "{block: concat, from: [stem, input], others: [stem]}",
            "net.yaml:5  layers[1].others\n  `from` states other layers too.",
        ),
        ("{block: add, other: [stem]}", "net.yaml:5  layers[1].other\n  got ['stem']; use the name of a layer."),
        ("{block: concat, others: [3]}", "net.yaml:5  layers[1].others\n  got [3]; use the name of a layer."),
        ("{block: add, other: input}", "net.yaml:5  layers[1].other\n  cannot add 8x12x12 to 16x12x12."),
        (
            "{name: stem, block: conv, out: 8}",
            "net.yaml:5  layers[1].name\n  another layer, or an input, has this name; got 'stem'.",
        ),
        (
            "{name: input, block: conv, out: 8}",
            "net.yaml:5  layers[1].name\n  another layer, or an input, has this name; got 'input'.",
        ),
        ("{name: 7, block: conv, out: 8}", "net.yaml:5  layers[1].name\n  got 7; use text that is no number."),
        ("{name: '7', block: conv, out: 8}", "net.yaml:5  layers[1].name\n  got '7'; use text that is no number."),
        ("{name: '', block: conv, out: 8}", "net.yaml:5  layers[1].name\n  got ''; use text that is no number."),
        ("{name: [a], block: conv, out: 8}", "net.yaml:5  layers[1].name\n  got ['a']; use text that is no number."),
    ],
)
def test_mistakes_in_reading(layer: str, text: str) -> None:
    assert mistake("{name: stem, block: conv, out: 16}", layer) == text


def test_a_layer_cannot_read_one_that_comes_later() -> None:
    assert mistake("{block: conv, out: 8, from: late}", "{name: late, block: conv, out: 8}") == (
        "net.yaml:4  layers[0].from\n  no layer before this one has this name; got 'late'; use input."
    )


# ----------------------------------------------------------------------------------------------------------------- when

DEPTH = "parameters:\n  depth: {default: 2, range: [0, 4]}\n  kind: {default: a, choices: [a, b]}\n"


def test_a_layer_stands_only_when_its_condition_holds() -> None:
    layers = (
        "{block: conv, out: 8}",
        "{block: conv, out: 8, when: depth >= 2}",
        "{block: conv, out: 8, when: depth > 2 and kind == 'b'}",
        "{block: classifier, out: 2}",
    )
    assert names(net(*layers, above=DEPTH)) == ["1.conv", "2.conv", "4.fc"]
    assert names(net(*layers, above=DEPTH, depth=1)) == ["1.conv", "4.fc"]
    assert names(net(*layers, above=DEPTH, depth=3)) == ["1.conv", "2.conv", "4.fc"]
    assert names(net(*layers, above=DEPTH, depth=3, kind="b")) == ["1.conv", "2.conv", "3.conv", "4.fc"]


def test_a_layer_that_does_not_stand_is_what_it_would_have_read() -> None:
    layers = (
        "{name: stem, block: conv, out: 8}",
        "{name: extra, block: conv, out: 8, kernel: 3, when: depth > 2}",
        "{block: add, other: extra, from: stem}",
    )
    # A tensor that is added to itself is read once.
    assert reads(net(*layers, above=DEPTH))["3.add"] == ("stem.conv",)
    assert reads(net(*layers, above=DEPTH, depth=3))["3.add"] == ("stem.conv", "extra.conv")


def test_layers_that_never_stand_together_may_share_a_name() -> None:
    layers = (
        "{name: stem, block: conv, out: 8}",
        "{name: middle, block: conv, out: 8, from: stem, when: kind == 'a'}",
        "{name: middle, block: depthwise, from: stem, when: kind == 'b'}",
        "{block: add, from: stem, other: middle}",
    )
    assert reads(net(*layers, above=DEPTH))["4.add"] == ("stem.conv", "middle.conv")
    assert reads(net(*layers, above=DEPTH, kind="b"))["4.add"] == ("stem.conv", "middle.depthwise")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("1", "net.yaml:7  layers[0].when\n  got 1; use true or false."),
        ("depth", "net.yaml:7  layers[0].when\n  got 'depth'; use true or false."),
        (
            "depht > 1",
            "net.yaml:7  layers[0].when\n  unknown name in an expression; got 'depht'; use depth, kind. "
            "Did you mean 'depth'?",
        ),
        ("[]", "net.yaml:7  layers[0].when\n"),
    ],
)
def test_mistakes_in_a_condition(condition: str, text: str) -> None:
    said = mistake(f"{{block: conv, out: 8, when: {condition}}}", "{block: conv, out: 8}", above=DEPTH)
    assert said.startswith(text)


# ------------------------------------------------------------------------------------------------------ repeat and each


def test_a_stride_reaches_only_the_first_repetition() -> None:
    network = net("{block: depthwise, stride: 2, repeat: 3}")
    assert [node.op.stride for node in network] == [(1, 2, 2), (1, 1, 1), (1, 1, 1)]
    listed = net("{block: depthwise, each: {stride: [1, 2, 2]}}")
    assert [node.op.stride[1] for node in listed] == [1, 2, 2], "unless each says otherwise"


def test_repetitions_are_numbered_unless_there_is_only_one() -> None:
    above = "parameters: {n: {default: 1, range: [0, 3]}}\n"
    layers = ("{block: conv, out: 8, repeat: n}", "{block: conv, out: 4}")
    assert names(net(*layers, above=above)) == ["1.conv", "2.conv"]
    assert names(net(*layers, above=above, n=3)) == ["1.1.conv", "1.2.conv", "1.3.conv", "2.conv"]
    assert names(net(*layers, above=above, n=0)) == ["2.conv"]


def test_options_that_differ_from_one_repetition_to_the_next() -> None:
    network = net("{block: conv, stride: 2, each: {out: [8, 2 * 8, 24], kernel: [3, 5, 1]}}")
    assert [(node.op.sizes[2], node.op.sizes[-1], node.op.stride[1]) for node in network] == [
        (8, 3, 2),
        (16, 5, 1),
        (24, 1, 1),
    ]
    fewer = net("{block: conv, repeat: 2, each: {out: [8, 16, 24]}}")
    assert [node.op.sizes[2] for node in fewer] == [8, 16], "as often as repeat says"
    conditions = net("{block: conv, each: {out: [8, 16, 24], when: [true, false, true]}}")
    assert names(conditions) == ["1.1.conv", "1.3.conv"]
    widths = net("{block: conv, out: 8, each: {bits: [{W: 4}, {W: 2, I: 4}]}}")
    assert [node.op.bits for node in widths] == [Bits(W=4), Bits(W=2, I=4)]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("{block: conv, out: 8, repeat: -1}", "layers[0].repeat\n  got -1; use a whole number of at least 0."),
        ("{block: conv, out: 8, repeat: 1.5}", "layers[0].repeat\n  got 1.5; use a whole number of at least 0."),
        ("{block: conv, out: 8, repeat: x}", "layers[0].repeat\n  unknown name in an expression; got 'x'."),
        ("{block: conv, out: 8, repeat: 10001}", "layers[0].repeat\n  got 10001; use a whole number of at most 10000."),
        ("{block: conv, out: 8, each: 3}", "layers[0].each\n  got 3; use a mapping of options to lists."),
        ("{block: conv, out: 8, each: [3]}", "layers[0].each\n  got [3]; use a mapping of options to lists."),
        (
            "{block: conv, out: 8, each: {kernel: 3}}",
            "layers[0].each.kernel\n  got 3; use a list, or a list parameter.",
        ),
        (
            "{block: conv, out: 8, each: {kernel: []}}",
            "layers[0].each.kernel\n  got []; use a list, or a list parameter.",
        ),
        (
            "{block: conv, out: 8, each: {kernel: kz}}",
            "layers[0].each.kernel\n  unknown name in an expression; got 'kz'.",
        ),
        (
            "{block: conv, each: {kernel: [3, 5], out: [8, 8, 8]}}",
            "layers[0].each\n  the lists have 2 and 3 values; one length is needed.",
        ),
        (
            "{block: conv, out: 8, repeat: 3, each: {kernel: [3, 5]}}",
            "layers[0].each\n  3 repetitions, and values for 2.",
        ),
        (
            "{block: conv, out: 8, each: {kernal: [3, 5]}}",
            "layers[0].each.kernal\n  unknown key; got 'kernal'; use out, kernel, stride, groups, dilation, padding, "
            "act, bias, norm, use, when, bits. Did you mean 'kernel'?",
        ),
        (
            "{block: conv, out: 8, each: {name: [a, b]}}",
            "layers[0].each.name\n  unknown key; got 'name'; use out, kernel, stride, groups, dilation, padding, act, "
            "bias, norm, use, when, bits.",
        ),
        (
            "{block: conv, out: 8, each: {kernel: [3, 0]}}",
            "layers[0].each.kernel[1]\n  got 0; use a whole number of at least 1.",
        ),
        (
            "{block: conv, out: 8, kernel: 3, each: {kernel: [3, 5]}}",
            "layers[0].kernel\n  `each` states this option too.",
        ),
    ],
)
def test_mistakes_in_repetitions(layer: str, text: str) -> None:
    assert mistake(layer) == f"net.yaml:4  {text}"


# ------------------------------------------------------------------------------------------------------ list parameters

LISTS = """\
parameters:
  kernel: {default: [3, 5, 3], choices: [1, 3, 5], length: 3}
  stands: {default: true, choices: [true, false], length: 3}
  n: {default: 2, range: [1, 3]}
"""


def test_a_list_parameter_is_a_parameter_for_each_element() -> None:
    found = template(file_of("{block: conv, out: 8, repeat: n, each: {kernel: kernel, when: stands}}", above=LISTS))
    assert found.space.names == ("kernel_1", "kernel_2", "kernel_3", "stands_1", "stands_2", "stands_3", "n")
    assert found.space.defaults() == {
        "kernel_1": 3,
        "kernel_2": 5,
        "kernel_3": 3,
        "stands_1": True,
        "stands_2": True,
        "stands_3": True,
        "n": 2,
    }

    def built(**point: int) -> list[tuple[str, int]]:
        return [(node.name, node.op.sizes[-1]) for node in found.build(point)]

    assert built() == [("1.1.conv", 3), ("1.2.conv", 5)]
    assert built(n=3, kernel_1=1) == [("1.1.conv", 1), ("1.2.conv", 5), ("1.3.conv", 3)]
    assert built(stands_1=False, kernel_2=1) == [("1.2.conv", 1)]


def test_an_element_is_a_name_in_expressions() -> None:
    network = net("{block: conv, out: 8 * kernel_2, kernel: 'max(kernel_1, kernel_3)'}", above=LISTS, kernel_3=5)
    assert (network.nodes[0].op.sizes[2], network.nodes[0].op.sizes[-1]) == (40, 5)


def test_a_list_is_a_list_wherever_one_may_stand() -> None:
    above = "parameters: {side: {default: [3, 5], choices: [3, 5], length: 2}}\n"
    assert net("{block: conv, out: 8, kernel: side}", above=above).nodes[0].op.sizes[-2:] == (3, 5)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            ["k: {default: [3, 5], choices: [3, 5], length: 3}"],
            "net.yaml:4  parameters.k\n  the default has 2 values; length says 3.",
        ),
        (
            ["k: {default: [3, 5], choices: [3, 5]}"],
            "net.yaml:4  parameters.k\n  the default has 2 values; length says that it is none.",
        ),
        (
            ["k: {default: [3, 7], choices: [3, 5], length: 2}"],
            "net.yaml:4  parameters.k\n  the default 7 is outside the domain: use 3, 5.",
        ),
        (
            ["k: {default: 3, choices: [3], length: 2}", "k_2: {default: 3, choices: [3]}"],
            "net.yaml:5  parameters.k_2\n  'k_2' is also the name of another parameter, or of its elements.",
        ),
        (
            ["k_2: {default: 3, choices: [3]}", "k: {default: 3, choices: [3], length: 2}"],
            "net.yaml:5  parameters.k\n  'k_2' is also the name of another parameter, or of its elements.",
        ),
        (["k: {default: 3, choices: [3], length: 0}"], "net.yaml:4  parameters.k.length\n  got 0; use at least 1"),
        (
            ["k: {default: 3, choices: [3], length: x}"],
            "net.yaml:4  parameters.k.length\n  got 'x'; use a whole number",
        ),
        (["k: {default: 3, choices: [3], lenght: 2}"], "net.yaml:4  parameters.k.lenght\n  unknown key; got 'lenght';"),
    ],
)
def test_mistakes_in_list_parameters(parameters: list[str], text: str) -> None:
    above = "parameters:\n" + "".join(f"  {line}\n" for line in parameters)
    assert mistake("{block: conv, out: 8}", above=above).startswith(text)


def test_mistakes_with_a_list_parameter() -> None:
    assert mistake("{block: conv, out: 2 * kernel}", above=LISTS) == (
        "net.yaml:8  layers[0].out\n  unknown name in an expression; got 'kernel'; use kernel_1, kernel_2, kernel_3, "
        "n, stands_1, stands_2, stands_3. Did you mean 'kernel_3'?"
    )
    assert mistake("{block: conv, out: 8, repeat: n + 2, each: {kernel: kernel}}", above=LISTS) == (
        "net.yaml:8  layers[0].each\n  4 repetitions, and values for 3."
    )
    assert mistake("{block: conv, out: kernel}", above=LISTS) == (
        "net.yaml:8  layers[0].out\n  got ['kernel_1', 'kernel_2', 'kernel_3']; use a whole number of at least 1."
    )


def test_points_name_elements_and_not_lists(problems_of: ProblemsOf) -> None:
    found = template(file_of("{block: conv, out: 8}", above=LISTS))
    problems = problems_of(found.build, {"kernel": 3, "kernel_2": 7, "kernel_9": 3})
    assert [(p.field, p.got) for p in problems] == [
        ("net.kernel", "'kernel'"),
        ("net.kernel_2", "7"),
        ("net.kernel_9", "'kernel_9'"),
    ]
    assert problems[1].allowed == "1, 3, 5"


# ------------------------------------------------------------------------------------------ choices and use

CHOICES = """\
parameters:
  pick: {default: wide, choices: [wide, odd, none], length: 3}
  one: {default: wide, choices: [wide, odd, none]}
choices:
  wide: {block: conv, kernel: 5, act: relu}
  odd: {block: depthwise, kernel: 3, bits: {W: 4}}
  none: {block: identity}
  little: {kernel: 1}
"""


def test_a_layer_takes_options_from_a_choice() -> None:
    network = net("{use: wide, out: 8}", "{use: odd}", above=CHOICES)
    assert names(network) == ["1.conv", "1.conv.relu", "2.depthwise"]
    assert [node.op.sizes[-1] for node in network if node.op.macs] == [5, 3]
    assert [node.op.bits.W for node in network] == [8, 8, 4], "widths may be part of a choice"
    assert names(net("{use: one, out: 8}", above=CHOICES)) == ["1.conv", "1.conv.relu"]


def test_the_layer_goes_before_the_choice_and_the_choice_before_the_defaults() -> None:
    above = CHOICES + "defaults: {conv: {kernel: 7, bias: true, act: relu6}}\n"
    (conv, act) = net("{use: wide, out: 8, kernel: 3}", above=above)
    assert (conv.op.sizes[-1], act.op.kind) == (3, "relu")
    assert conv.op.parameters == 8 * 8 * 9 + 8, "a bias from the defaults"
    (plain, _) = net("{block: conv, use: little, out: 8}", above=above)
    assert plain.op.sizes[-1] == 1, "a choice need not name a block"


def test_each_repetition_uses_its_choice() -> None:
    layers = ("{name: body, stride: 2, each: {use: pick, out: [8, 8, 8]}}", "{block: classifier, out: 2}")
    above = CHOICES.replace("none: {block: identity}", "none: {block: identity}").replace(
        "odd: {block: depthwise", "odd: {block: conv"
    )
    assert [name for name in names(net(*layers, above=above)) if "relu" not in name] == [
        "body.1.conv",
        "body.2.conv",
        "body.3.conv",
        "2.fc",
    ]
    network = net(*layers, above=above, pick_1="none", pick_3="odd")
    assert [node.name for node in network if node.op.macs] == ["body.2.conv", "body.3.conv", "2.fc"]
    assert [node.op.stride[1] for node in network if node.op.macs] == [1, 1, 1], "the stride went with the first"
    assert names(net(*layers, above=above, pick_1="none", pick_2="none", pick_3="none")) == ["2.fc"]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            "{use: wid, out: 8}",
            "net.yaml:12  layers[0].use\n  unknown choice; got 'wid'; "
            "use wide, odd, none, little. Did you mean 'wide'?",
        ),
        ("{use: 3, out: 8}", "net.yaml:12  layers[0].use\n  unknown choice; got 3; use wide, odd, none, little."),
        (
            "{use: [wide], out: 8}",
            "net.yaml:12  layers[0].use\n  unknown choice; got ['wide']; "
            "use wide, odd, none, little. Did you mean 'wide'?",
        ),
        (
            "{out: 8, each: {use: [wide, wid]}}",
            "net.yaml:12  layers[0].each.use[1]\n  unknown choice; got 'wid'; "
            "use wide, odd, none, little. Did you mean 'wide'?",
        ),
        # The block of another choice has the option; this one's has not.
        (
            "{use: odd, out: 8}",
            "net.yaml:12  layers[0].out\n  depthwise has no such option; got 'out'; use kernel, stride, act, bias.",
        ),
        ("{use: wide}", "net.yaml:12  layers[0].out\n  conv needs this option."),
        (
            "{use: little, out: 8}",
            "net.yaml:12  layers[0].block\n  this key is required and is missing, here and in the choice.",
        ),
    ],
)
def test_mistakes_with_choices(layer: str, text: str) -> None:
    assert mistake(layer, above=CHOICES) == text


def test_an_option_that_no_choice_has_is_unknown() -> None:
    above = "choices:\n  wide: {block: conv, kernel: 5}\n  none: {block: identity}\n"
    text = mistake("{use: none, out: 8, kernal: 3}", above=above)
    assert text.startswith("net.yaml:7  layers[0].kernal\n  unknown key; got 'kernal'; use out, kernel, stride,")
    assert text.endswith("Did you mean 'kernel'?")
    text = mistake("{out: 8, each: {use: [none], kernal: [3]}}", above=above)
    assert text.startswith("net.yaml:7  layers[0].each.kernal\n")


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("{block: convv}", "net.yaml:4  choices.a.block\n  unknown block; got 'convv';"),
        ("{block: conv, kernal: 3}", "net.yaml:4  choices.a.kernal\n  unknown key; got 'kernal'; use out, kernel,"),
        ("{block: conv, name: b}", "net.yaml:4  choices.a.name\n  unknown key; got 'name';"),
        ("{kernel: 3, repeat: 2}", "net.yaml:4  choices.a.repeat\n  this belongs to the layer that uses the choice."),
        ("{block: conv, kernel: 0}", "net.yaml:4  choices.a.kernel\n  got 0; use a whole number of at least 1."),
        ("{block: conv, bits: {w: 4}}", "net.yaml:4  choices.a.bits.w\n  unknown key; got 'w'; use W, I, O, partial."),
        ("3", "net.yaml:4  choices.a\n  got 3; use a mapping of keys to values."),
    ],
)
def test_mistakes_in_a_choice_are_told_there(choice: str, text: str) -> None:
    said = mistake("{block: conv, use: a, out: 8}", above=f"choices:\n  a: {choice}\n")
    assert said.startswith(text)


def test_no_choices_at_all() -> None:
    assert mistake("{use: wide, out: 8}") == "net.yaml:4  layers[0].use\n  unknown choice; got 'wide'."


# -------------------------------------------------------------------------------------------------- widths and inputs

WIDTHS = "parameters:\n  w: {default: 4, choices: [2, 4, 8]}\n  wide: {default: false, choices: [true, false]}\n"


def test_widths_of_the_network_and_of_a_layer() -> None:
    above = WIDTHS + "bits: {W: w, I: 2 * w, O: 16 if wide else 8}\n"
    layers = (
        "{block: conv, out: 8}",
        "{block: conv, out: 8, bits: {W: w / 2, partial: 24}}",
        "{block: classifier, out: 2}",
    )
    assert [node.op.bits for node in net(*layers, above=above)] == [
        Bits(4, 8, 8, 32),
        Bits(2, 8, 8, 24),
        Bits(4, 8, 8, 32),
    ]
    assert [node.op.bits for node in net(*layers, above=above, w=8, wide=True)] == [
        Bits(8, 16, 16, 32),
        Bits(4, 16, 16, 24),
        Bits(8, 16, 16, 32),
    ]


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("{w: 4}", "bits.w\n  unknown key; got 'w'; use W, I, O, partial. Did you mean 'W'?"),
        ("{W: 0}", "bits.W\n  got 0; use a whole number of at least 1."),
        ("{W: 65}", "bits.W\n  got 65; use at most 64."),
        ("{W: w / 8}", "bits.W\n  got 'w / 8' (here 0.5); use a whole number of at least 1."),
        ("{W: ww}", "bits.W\n  unknown name in an expression; got 'ww'; use w, wide. Did you mean 'w'?"),
        ("{W: true}", "bits.W\n  got True; use a whole number of at least 1."),
    ],
)
def test_mistakes_in_widths(bits: str, text: str) -> None:
    assert mistake(f"{{block: conv, out: 8, bits: {bits}}}", above=WIDTHS) == f"net.yaml:7  layers[0].{text}"
    if "true" not in bits:  # a bare true is refused for its form, with other words
        assert mistake("{block: conv, out: 8}", above=WIDTHS + f"bits: {bits}\n") == f"net.yaml:6  {text}"


def test_widths_that_are_no_mapping() -> None:
    allowed = "a mapping of W, I, O and partial to widths"
    assert mistake("{block: conv, out: 8, bits: 4}") == f"net.yaml:4  layers[0].bits\n  got 4; use {allowed}."
    said = mistake("{block: conv, out: 8, each: {bits: [{W: 4}, 4]}}")
    assert said == f"net.yaml:4  layers[0].each.bits[1]\n  got 4; use {allowed}."


def test_further_inputs_are_read_by_name() -> None:
    above = "parameters: {context: {default: 6, range: [1, 64]}}\nbatch: 2\ninputs: {cache: [2, 8, 1, context]}\n"
    network = net(
        "{name: c, block: conv, out: 4, from: cache}",
        "{name: pooled, block: global_pool}",
        "{block: global_pool, from: input}",
        "{block: concat, others: [pooled]}",
        above=above,
        context=9,
    )
    assert network.inputs == ("input", "cache")
    assert reads(network)["c.conv"] == ("cache",)
    conv = {node.name: node.op for node in network}["c.conv"]
    assert (conv.input_shape, conv.output_shape) == ((2, 8, 1, 9), (2, 4, 1, 9))


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ("{keys: [1, 8, 0]}", "inputs.keys[2]\n  got 0; use a whole number of at least 1."),
        ("{keys: [1, 8, n]}", "inputs.keys[2]\n  unknown name in an expression; got 'n'."),
        ("{keys: [1, 8]}", "inputs.keys\n  got [1, 8]; use at least 3 values."),
        ("{keys: 3}", "inputs.keys\n  got 3; use a list."),
        (
            "{input: [1, 8, 4]}",
            "inputs.input\n  the network's first input has this name; its shape is stated under `input`; got 'input'.",
        ),
        (
            "{a b: [1, 8, 4]}",
            "inputs.a b\n  no expression can use this name: take letters, digits and _, and no function's name; "
            "got 'a b'.",
        ),
        ("3", "inputs\n  got 3; use a mapping of keys to values."),
    ],
)
def test_mistakes_in_inputs(inputs: str, text: str) -> None:
    assert mistake("{block: conv, out: 8}", above=f"inputs: {inputs}\n") == f"net.yaml:3  {text}"


def test_a_layer_cannot_have_the_name_of_an_input() -> None:
    above = "inputs: {keys: [1, 8, 4]}\n"
    assert mistake("{name: keys, block: conv, out: 8}", above=above) == (
        "net.yaml:5  layers[0].name\n  another layer, or an input, has this name; got 'keys'."
    )


# ------------------------------------------------------------------------------------------------- ops by their loops

#: Rows 10 -> (10 - 3) // 1 + 1 = 8; columns 20 -> (20 - 5) // 3 + 1 = 6.
PLAIN = convolution((1, 4, 10, 20), 6, (3, 5), stride=(1, 3), padding=(0, 0))


@pytest.mark.parametrize(
    ("dialect", "sizes"),
    [
        ("accelsim", "{B: 1, K: 6, C: 4, OY: 8, OX: 6, FY: 3, FX: 5}"),
        # Timeloop's R and P run along the columns, S and Q along the rows.
        ("timeloop", "{N: 1, M: 6, C: 4, Q: 8, P: 6, S: 3, R: 5}"),
        ("rows_first", "{N: 1, K: 6, C: 4, P: 8, Q: 6, R: 3, S: 5}"),
    ],
)
def test_letters_of_other_tools_on_a_layer_that_is_not_square(dialect: str, sizes: str) -> None:
    layer = f"{{op: convolution, dialect: {dialect}, sizes: {sizes}, stride: [1, 3]}}"
    (node,) = template(file_of(layer, shape="[4, 10, 20]")).build({})
    assert node.op == PLAIN
    assert (node.name, node.op.output_shape) == ("1", (1, 6, 8, 6))


def test_letters_do_not_mean_the_same_in_two_dialects() -> None:
    sizes = "{K: 6, C: 4, P: 8, Q: 6, R: 3, S: 5}"
    layer = "{{op: convolution, dialect: {}, sizes: {}, stride: {}}}"
    rows_first = template(file_of(layer.format("rows_first", sizes, [1, 3]), shape="[4, 10, 20]")).build({})
    # Read the other way round it is the layer of a turned image.
    turned = template(file_of(layer.format("timeloop", sizes, [3, 1]), shape="[4, 20, 10]")).build({})
    assert rows_first.nodes[0].op == PLAIN
    assert turned.nodes[0].op == convolution((1, 4, 20, 10), 6, (5, 3), stride=(3, 1), padding=(0, 0))


def test_everything_that_an_op_may_state() -> None:
    layer = (
        "{op: convolution, sizes: {G: 2, K: 8, C: 4, OY: 12, OX: 12, FY: 3, FX: 3}, padding: [1, 1], dilation: [1, 1], "
        "affine: 2, table: 5, weight_density: 0.5, pattern: n_of_m, sparse_block: 4, input_density: 0.9, bits: {W: 4}}"
    )
    op = net(layer).nodes[0].op
    assert op.sizes == loops(G=2, K=8, C=4, OY=12, OX=12, FY=3, FX=3)
    assert (op.padding, op.extent, op.bits.W) == ((0, 1, 1), (1, 12, 12), 4)
    assert op.parameters == 16 * 4 * 9 + 2 * 16 + 5
    assert op.sparsity == Sparsity(0.5, 0.9, "n_of_m", 4)


def test_what_a_stride_leaves_unread_behind_belongs_to_the_input() -> None:
    # 12 rows, a filter of 1, every second row: 6, and the last row is never read.
    op = net("{op: convolution, sizes: {K: 4, C: 8, OY: 6, OX: 6}, stride: [2, 2]}").nodes[0].op
    assert op.extent == (1, 12, 12)
    assert op == convolution((1, 8, 12, 12), 4, (1, 1), stride=(2, 2))


def test_ops_of_several_inputs_and_of_none_in_the_loops() -> None:
    network = net(
        "{name: q, block: conv, out: 4, norm: false}",
        "{name: k, block: conv, out: 4, norm: false, from: input}",
        "{name: s, op: matmul, sizes: {K: 144, C: 4, OX: 144}, from: [q, k]}",
        "{name: cut, op: slice, sizes: {K: 3, OX: 144}, reads: [20736]}",
        "{name: table, op: embedding, sizes: {K: 8, OX: 432}, extent: [100, 1, 1]}",
    )
    by_name = {node.name: node for node in network}
    assert by_name["s"].inputs == ("q.conv", "k.conv")
    assert by_name["s"].op.macs == 144 * 4 * 144
    assert by_name["cut"].op.fetched == (3 * 144,)
    assert by_name["table"].op.weights == 800


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("{op: convolutoin, sizes: {K: 8}}", "op\n  unknown word; got 'convolutoin'; use add,"),
        ("{op: convolution}", "sizes\n  this key is required and is missing."),
        ("{op: convolution, sizes: 3}", "sizes\n  got 3; use a mapping of keys to values."),
        (
            "{op: convolution, sizes: {K: 8, R: 3}}",
            "sizes.R\n  unknown loop dim; got 'R'; use B, G, K, C, OZ, OY, OX, FZ, FY, FX.",
        ),
        ("{op: convolution, sizes: {K: 8, C: 0}}", "sizes.C\n  got 0; use a whole number of at least 1."),
        (
            "{op: convolution, dialect: timelop, sizes: {K: 8}}",
            "dialect\n  unknown word; got 'timelop'; use accelsim, timeloop, rows_first. Did you mean 'timeloop'?",
        ),
        (
            "{op: convolution, dialect: timeloop, sizes: {K: 8, OY: 3}}",
            "sizes.OY\n  unknown loop dim; got 'OY'; use N, G, K, M, C, P, Q, R, S.",
        ),
        (
            "{op: convolution, dialect: timeloop, sizes: {K: 8, M: 8, C: 8, P: 12, Q: 12}}",
            "sizes\n  loop K is stated twice, by two letters of timeloop.",
        ),
        (
            "{op: convolution, sizes: {K: 8, C: 4, OY: 12, OX: 12}}",
            "sizes\n  with these sizes it reads 576 values; its input 1 has 1152.",
        ),
        (
            "{op: convolution, sizes: {K: 8, C: 8, OY: 100, OX: 12}}",
            "sizes\n  with these sizes it reads 9600 values; its input 1 has 1152.",
        ),
        (
            "{op: convolution, block: conv, sizes: {K: 8, C: 8, OY: 12, OX: 12}}",
            "block\n  a layer has a block or an op, not both.",
        ),
        ("{op: convolution, stride: 2, sizes: {K: 8, C: 8}}", "stride\n  got 2; use a list."),
        (
            "{op: convolution, stride: [1, 1, 1, 1], sizes: {K: 8, C: 8}}",
            "stride\n  got (1, 1, 1, 1); use values of columns, of rows and columns, or of planes, rows and columns.",
        ),
        ("{op: matmul, sizes: {K: 8, C: 8, OY: 12, OX: 12}}", "others\n  matmul reads 2 tensors, not 1."),
        (
            "{op: fully_connected, sizes: {K: 8, C: 384, FX: 3}}",
            "sizes.FX\n  it has no such loop; got 3; use 1; its loops are B K C OY OX.",
        ),
        ("{op: embedding, sizes: {K: 8, OX: 1152}}", "extent\n  the length of the table is needed, as [length, 1, 1]."),
        (
            "{op: concat, sizes: {K: 8, OY: 12, OX: 12}}",
            "reads\n  the sizes of the tensors it reads are needed, one for each; got None.",
        ),
        (
            "{op: relu, sizes: {K: 8, OY: 12, OX: 12}, reads: [1, 2]}",
            "reads\n  the sizes of the tensors it reads are needed, one for each; got (1, 2).",
        ),
        (
            "{op: convolution, sizes: {K: 8, C: 8, OY: 12, OX: 12}, weight_density: 0}",
            "weight_density\n  got 0.0; use a share above 0 and at most 1.",
        ),
        (
            "{op: convolution, sizes: {K: 8, C: 8, OY: 12, OX: 12}, pattern: n_of_n}",
            "pattern\n  unknown word; got 'n_of_n'; use unstructured, n_of_m, group. Did you mean 'n_of_m'?",
        ),
        (
            "{op: convolution, sizes: {K: 8, C: 8, OY: 12, OX: 12}, pattern: n_of_m}",
            "sparse_block\n  got 1; use 1 without a pattern, at least 2 with one.",
        ),
    ],
)
def test_mistakes_in_ops_by_their_loops(layer: str, text: str) -> None:
    assert mistake(layer).startswith(f"net.yaml:4  layers[0].{text}")


# ---------------------------------------------------------------------------------------------------- any file

words = st.sampled_from(
    ["name", "from", "when", "repeat", "each", "use", "bits", "op", "sizes", "out", "kernel", "other"]
)
values = st.sampled_from(
    [
        "a",
        "b",
        "input",
        "1",
        "0",
        "3.5",
        "true",
        "null",
        "[]",
        "[a]",
        "{}",
        "n",
        "convolution",
        "x",
        "ks",
        "'3'",
        "1e9",
        ".nan",
        "[1, 2]",
        "{kernel: [3, 5]}",
        "{use: [x, y]}",
        "{W: 4}",
        "{K: 8, C: 8, OY: 12, OX: 12}",
        "'n > 1'",
    ]
)
blocks = st.sampled_from(
    ["block: conv, out: 8", "block: add", "block: concat", "block: identity", "op: convolution", "use: x"]
)


@given(st.lists(st.tuples(blocks, st.dictionaries(words, values, max_size=4)), min_size=1, max_size=4))
def test_any_file_is_a_network_or_a_list_of_placed_problems(drawn: list[tuple[str, dict[str, str]]]) -> None:
    above = (
        "parameters:\n  n: {default: 2, range: [0, 3]}\n  ks: {default: 3, choices: [3, 5], length: 2}\n"
        "choices:\n  x: {block: conv, kernel: 3}\n  y: {block: identity}\n"
    )
    layers = []
    for start, options in drawn:
        given_before = [word.partition(":")[0] for word in start.split(", ")]
        rest = "".join(f", {key}: {value}" for key, value in options.items() if key not in given_before)
        layers.append(f"{{{start}{rest}}}")
    try:
        network = net(*layers, above=above)
    except InputError as error:
        assert all(problem.file == Path("net.yaml") and problem.field for problem in error.problems)
        for problem in error.problems:
            if problem.field.startswith("layers["):
                assert problem.line == 10 + int(problem.field[7])
    else:
        assert network.results
