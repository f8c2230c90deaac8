"""Network files: what they mean, and every mistake of theirs in one clear list with the right lines."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.config.source import Source
from accelsim.errors import InputError, Problem
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.load import NetworkTemplate, load_network, network_template
from accelsim.workload.ops import Bits, loops

Write = Callable[..., Path]
ProblemsOf = Callable[..., tuple[Problem, ...]]


def template(text: str) -> NetworkTemplate:
    """Read ``text`` as if it stood in ``net.yaml``."""
    return NetworkTemplate(Source.parse(text, Path("net.yaml")))


ACTIVATIONS = (
    "clip, double, elu, exp, gelu, hard_sigmoid, hard_swish, leaky_relu, mish, prelu, relu, relu6, sigmoid, softplus, "
    "swish, "
    "tanh"
)
HEAD = "schema_version: 1\ninput: [3, 32, 32]\nlayers:\n"


def layers(*lines: str) -> NetworkTemplate:
    """Read a file with these layers; the first stands in line 4."""
    return template(HEAD + "".join(f"  - {line}\n" for line in lines))


def mistakes(problems: tuple[Problem, ...]) -> list[tuple[int | None, str]]:
    """Return line and field of each problem."""
    return [(problem.line, problem.field) for problem in problems]


# ----------------------------------------------------------------------------------------------- what files mean


def test_parameters_expressions_and_defaults() -> None:
    net = template(
        """\
schema_version: 1
parameters:
  width: {default: 1.0, choices: [0.5, 1.0]}
  depth: {default: 2, range: [0, 3]}
  deep: {default: false, choices: [true, false]}
  bits: {default: 8, choices: [4, 8]}
input: [3, 4 * 8, 16]
batch: 1 + depth
bits: {W: 4, O: 16}
defaults:
  conv: {kernel: 3, act: relu}
layers:
  - {block: conv, out: round8(32 * width), stride: 2}
  - {block: conv, out: 24, kernel: 1, act: null, bias: deep, repeat: depth}
"""
    )
    assert net.name == "net"
    assert net.space.size == 2 * 4 * 2 * 2
    network = net.build({"width": 0.5})
    assert [node.name for node in network] == ["1.conv", "1.conv.relu", "2.1.conv", "2.2.conv"]
    assert network.nodes[0].op.sizes == loops(B=3, K=16, C=3, OY=16, OX=8, FY=3, FX=3)
    assert {node.op.bits for node in network} == {Bits(W=4, I=8, O=16)}
    assert network.parameters == {"width": 0.5, "depth": 2, "deep": False, "bits": 8}
    assert len(net.build({"depth": 0})) == 2
    with_bias = net.build({"depth": 1, "deep": True})
    assert with_bias.params == net.build({"depth": 1}).params - 24


def test_values_may_be_whole_floats_and_numpy_scalars() -> None:
    assert layers("{block: conv, out: 8.0, kernel: sqrt(9)}").build({}).nodes[0].op.sizes[2] == 8
    size: Any = np.int64(128)
    by_numpy = load_network("mobilenet_v2", resolution=size, width=np.float64(0.5))
    assert by_numpy == load_network("mobilenet_v2", resolution=128, width=0.5)
    assert type(by_numpy.parameters["resolution"]) is int


def test_points_outside_the_space_are_all_reported(problems_of: ProblemsOf) -> None:
    problems = problems_of(load_network, "mobilenet_v2", width=0.6, resolutoin=96, batch=0, resolution=True)
    assert [(p.field, p.suggestion) for p in problems] == [
        ("mobilenet_v2.width", "0.5"),
        ("mobilenet_v2.resolutoin", "resolution"),
        ("mobilenet_v2.batch", None),
        ("mobilenet_v2.resolution", None),
    ]


def test_a_file_is_read_again_when_it_changes(write: Write) -> None:
    path = write(HEAD + "  - {block: conv, out: 8}\n")
    first = network_template(path)
    assert network_template(path) is first
    stamp = path.stat().st_mtime_ns
    write(HEAD + "  - {block: conv, out: 16}\n")
    os.utime(path, ns=(stamp, stamp))
    assert network_template(path).build({}).nodes[0].op.output_shape[1] == 16, "same time, another size"
    write(HEAD + "  - {block: conv, out: 24}\n")
    os.utime(path, ns=(stamp + 1, stamp + 1))
    assert network_template(path).build({}).nodes[0].op.output_shape[1] == 24, "same size, another time"


def test_a_relative_path_means_the_file_in_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, channels in (("a", 10), ("b", 20)):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "net.yaml"
        path.write_text(HEAD + f"  - {{block: conv, out: {channels}}}\n")
        os.utime(path, ns=(10**18, 10**18))
        monkeypatch.chdir(tmp_path / folder)
        assert load_network("net.yaml").nodes[0].op.output_shape[1] == channels


# -------------------------------------------------------------------------------------------------- wrong layers


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            "{block: convv, out: 8}",
            "net.yaml:4  layers[0].block\n"
            f"  unknown block; got 'convv'; use {', '.join(list(BLOCKS)[:16])}, .... Did you mean 'conv'?",
        ),
        (
            "{block: conv, out: 8, kernal: 3}",
            "net.yaml:4  layers[0].kernal\n"
            "  unknown key; got 'kernal'; use out, kernel, stride, groups, dilation, padding, act, bias, norm, block, "
            "op, use, name, from, when, repeat, .... Did you mean 'kernel'?",
        ),
        ("{block: conv}", "net.yaml:4  layers[0].out\n  this key is required and is missing."),
        ("{out: 8}", "net.yaml:4  layers[0].block\n  this key is required and is missing."),
        ("{block: conv, out: eight}", "net.yaml:4  layers[0].out\n  unknown name in an expression; got 'eight'."),
        ("{block: conv, out: [8]}", "net.yaml:4  layers[0].out\n  got [8]; use a whole number of at least 1."),
        ("{block: conv, out: null}", "net.yaml:4  layers[0].out\n  got None; use a whole number of at least 1."),
        ("{block: conv, out: 0}", "net.yaml:4  layers[0].out\n  got 0; use a whole number of at least 1."),
        ("{block: conv, out: -8}", "net.yaml:4  layers[0].out\n  got -8; use a whole number of at least 1."),
        ("{block: conv, out: 8.5}", "net.yaml:4  layers[0].out\n  got 8.5; use a whole number of at least 1."),
        (
            "{block: conv, out: 8, kernel: true}",
            "net.yaml:4  layers[0].kernel\n  got True; use a whole number of at least 1.",
        ),
        (
            "{block: conv, out: 3 * 2.5}",
            "net.yaml:4  layers[0].out\n  got '3 * 2.5' (here 7.5); use a whole number of at least 1.",
        ),
        (
            "{block: conv, out: 8, stride: 0}",
            "net.yaml:4  layers[0].stride\n  got 0; use a whole number of at least 1.",
        ),
        (
            "{block: conv, out: 8, repeat: -1}",
            "net.yaml:4  layers[0].repeat\n  got -1; use a whole number of at least 0.",
        ),
        ("{block: conv, out: 8, bias: 1}", "net.yaml:4  layers[0].bias\n  got 1; use true or false."),
        (
            "{block: conv, out: 8, act: relu7}",
            f"net.yaml:4  layers[0].act\n  unknown activation; got 'relu7'; use {ACTIVATIONS}. Did you mean 'relu'?",
        ),
        (
            "{block: conv, out: 8, act: max_pool}",
            f"net.yaml:4  layers[0].act\n  unknown activation; got 'max_pool'; use {ACTIVATIONS}.",
        ),
        (
            "{block: inverted_residual, out: 8, gate: null}",
            f"net.yaml:4  layers[0].gate\n  unknown activation; got None; use {ACTIVATIONS}.",
        ),
        (
            "{block: inverted_residual, out: 8, se: -0.25}",
            "net.yaml:4  layers[0].se\n  got -0.25; use a number that is not negative.",
        ),
        (
            "{block: inverted_residual, out: 8, expand: 0}",
            "net.yaml:4  layers[0].expand\n  got 0.0; use a number above 0.",
        ),
        (
            "{block: max_pool, kernel: 40}",
            "net.yaml:4  layers[0].kernel\n"
            "  a filter that reaches over 40x40 is larger than the input, 32x32 with its padding.",
        ),
        ("conv", "net.yaml:4  layers[0]\n  got 'conv'; use a mapping of keys to values."),
    ],
)
def test_text_of_single_mistakes(layer: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        layers(layer)
    assert str(caught.value) == message


def test_huge_numbers_are_mistakes_and_not_crashes() -> None:
    for out in ("0x" + "f" * 400, "10**4000", "9**9**9", "1e300", "2**31", ".inf", ".nan"):
        with pytest.raises(InputError, match=r"layers\[0\].out"):
            layers(f"{{block: conv, out: {out}}}")


def test_two_mistakes_in_one_layer_and_more_in_others(problems_of: ProblemsOf) -> None:
    problems = problems_of(
        layers,
        "{block: conv, out: 8}",
        "{block: conv, outt: 8, kernel: 0}",
        "{block: inverted_residual, out: 0, act: rleu, se: x}",
        "{block: max_pool, kernel: 99}",
        "{bock: conv}",
    )
    assert mistakes(problems) == [
        (5, "layers[1].outt"),
        (5, "layers[1].out"),
        (5, "layers[1].kernel"),
        (6, "layers[2].out"),
        (6, "layers[2].act"),
        (6, "layers[2].se"),
        (7, "layers[3].kernel"),
        (8, "layers[4].block"),
    ]


def test_mistakes_above_the_layers_hide_none_in_them(problems_of: ProblemsOf) -> None:
    problems = problems_of(
        template,
        """\
schema_version: 1
descripton: wrong
input: [3, 32, 32]
layers:
  - {block: convv, out: 8}
  - {block: conv, kernal: 3}
""",
    )
    assert mistakes(problems) == [
        (2, "descripton"),
        (5, "layers[0].block"),
        (6, "layers[1].kernal"),
        (6, "layers[1].out"),
    ]


def test_a_wrong_input_shape_hides_no_wrong_layer(problems_of: ProblemsOf) -> None:
    text = "schema_version: 1\ninput: [0, size, 32]\nbatch: -1\nlayers:\n  - {block: conv, out: 0}\n"
    problems = problems_of(template, text)
    assert mistakes(problems) == [(2, "input[0]"), (2, "input[1]"), (3, "batch"), (5, "layers[0].out")]


def test_lines_of_layers_in_block_style(problems_of: ProblemsOf) -> None:
    text = HEAD + "  - block: conv\n    out: 8\n    kernel: 3\n    stride: none\n  - block: conv\n    act: relu\n"
    assert mistakes(problems_of(template, text)) == [(7, "layers[0].stride"), (8, "layers[1].out")]


def test_mistakes_in_defaults_are_reported_there_and_once(problems_of: ProblemsOf) -> None:
    text = """\
schema_version: 1
input: [3, 32, 32]
defaults:
  convv: {act: relu}
  conv: {act: reluu, repeat: 2, kernal: 3}
layers:
  - {block: conv, out: 8}
  - {block: conv, out: 8}
"""
    assert mistakes(problems_of(template, text)) == [
        (4, "defaults.convv"),
        (5, "defaults.conv.repeat"),
        (5, "defaults.conv.kernal"),
        (5, "defaults.conv.act"),
    ]


def test_a_layer_may_take_a_required_option_from_the_defaults() -> None:
    text = "schema_version: 1\ninput: [3, 8, 8]\ndefaults: {conv: {out: 8}}\n"
    text += "layers: [{block: conv}, {block: conv, out: 4}]\n"
    assert [node.op.output_shape[1] for node in template(text).build({})] == [8, 4]


@pytest.mark.parametrize(
    ("layer", "room"),
    [
        ("{block: max_pool, kernel: 3}", "2x2"),
        ("{block: max_pool, kernel: 7, padding: 2}", "6x6"),
    ],
)
def test_a_kernel_larger_than_the_padded_input_at_its_line(layer: str, room: str, problems_of: ProblemsOf) -> None:
    text = HEAD + "  - {block: conv, out: 8, stride: 16}\n\n" + f"  - {layer}\n"
    (problem,) = problems_of(template, text)
    assert (problem.line, problem.field) == (6, "layers[1].kernel")
    assert f"is larger than the input, {room} with its padding" in problem.message


def test_a_point_at_which_a_layer_cannot_be_built(problems_of: ProblemsOf) -> None:
    net = template(
        "schema_version: 1\nparameters:\n  size: {default: 32, choices: [2, 32]}\ninput: [3, size, size]\n"
        "layers:\n  - {block: max_pool, kernel: 3}\n"
    )
    (problem,) = problems_of(net.build, {"size": 2})
    assert (problem.line, problem.field) == (6, "layers[0].kernel")


def test_a_network_without_end_is_refused_quickly(problems_of: ProblemsOf) -> None:
    problems = problems_of(
        layers, "{block: conv, out: 8}", "{block: conv, out: 8, repeat: 2147483647}", "{block: conv, out: 8}"
    )
    assert [str(problem) for problem in problems] == [
        "net.yaml:5  layers[1].repeat\n  got 2147483647; use a whole number of at most 10000."
    ]
    # Not one layer alone, but all together: 4 ops a block.
    problems = problems_of(
        layers, "{block: conv, out: 8}", "{block: depthwise_separable, out: 8, repeat: 9999}", "{block: conv, out: 8}"
    )
    assert mistakes(problems) == [(5, "layers[1]")]
    assert problems[0].message == "the network has more than 20000 ops"


def test_a_network_of_nothing() -> None:
    with pytest.raises(InputError, match=r"^net.yaml:3  layers\n  got \[\]; use at least 1 values.$"):
        template("schema_version: 1\ninput: [3, 32, 32]\nlayers: []\n")
    with pytest.raises(InputError, match="the network has no layers"):
        layers("{block: conv, out: 8, repeat: 0}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("- block: conv\n", "must be a mapping"),
        ("layers: [\n", "not valid YAML"),
        ("schema_version: 1\n", "layers\n  this key is required and is missing: give layers, or a base."),
        ("schema_version: 1\n", "input\n  this key is required and is missing: give layers, or a base."),
        (HEAD.replace("32]", "32, 1, 1]") + "  - {block: conv, out: 8}\n", "at most 4 values"),
        (HEAD.replace(", 32]", "]") + "  - {block: conv, out: 8}\n", "at least 3 values"),
        (
            "bits: {W: 0}\n" + HEAD + "  - {block: conv, out: 8}\n",
            "net.yaml:1  bits.W\n  got 0; use a whole number of at least 1.",
        ),
        ("bits: {X: 8}\n" + HEAD + "  - {block: conv, out: 8}\n", "unknown key; got 'X'; use W, I, O, partial"),
        (
            "parameters: {min: {default: 1, choices: [1]}}\n" + HEAD + "  - {block: conv, out: 8}\n",
            "no expression can use",
        ),
    ],
)
def test_wrong_files(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        template(text)
    assert message in str(caught.value)


values: st.SearchStrategy[Any] = st.sampled_from(
    ["8", "0", "-1", "3.5", "true", "null", "x", "'1 +'", "[1]", "{a: 1}", "relu", "1e9", "width", "'width * 8'"]
)
options = st.sampled_from(["block", "out", "kernel", "stride", "act", "se", "repeat", "hidden", "padding", "oops"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["conv", "max_pool", "inverted_residual", "what"]), st.dictionaries(options, values)),
        min_size=1,
        max_size=4,
    )
)
def test_any_file_is_a_network_or_a_list_of_placed_problems(drawn: list[tuple[str, dict[str, str]]]) -> None:
    lines = [
        "{" + ", ".join(f"{key}: {value}" for key, value in {"block": block, **given}.items()) + "}"
        for block, given in drawn
    ]
    try:
        layers(*lines)
    except InputError as error:
        assert all(problem.file == Path("net.yaml") for problem in error.problems)
        for problem in error.problems:
            if problem.field.startswith("layers["):
                assert problem.line == 4 + int(problem.field[7])
        found = [problem.line or 0 for problem in error.problems]
        assert found == sorted(found)
