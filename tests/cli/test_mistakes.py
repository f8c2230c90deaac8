"""The commonest mistakes: each is one clear message with its place, exit code 2, and never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

NETWORK = """\
schema_version: 1
input: [3, 32, 32]
layers:
  - {block: conv, out: 16, kernel: 3}
  - {block: classifier, out: 10}
"""

HARDWARE = """\
schema_version: 1
parameters:
  rows: {default: 4, choices: [4, 8]}
clock: 1 GHz
technology: cmos_45nm
memories:
  - {name: dram, holds: [W, I, O], kind: lpddr4, bandwidth: 8 GB/s}
  - {name: buffer, holds: [W, I, O], kind: sram, size: 64 KiB}
array: {engine: systolic, dataflow: weight_stationary, rows: rows, columns: 4}
vector: {lanes: 4}
"""

STUDY = """\
schema_version: 1
networks: [mobilenet_v2]
hardware:
  systolic: {rows: [8, 16]}
objectives: [latency_ms]
search: {algorithm: grid}
"""


def written(path: Path, text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path.name


FILES = [
    pytest.param(
        HARDWARE,
        [("vector:", "vektor:")],
        [
            "file.yaml:10  vektor\n  unknown key; got 'vektor'; use",
            "Did you mean 'vector'?",
            "file.yaml:1  vector\n  this key is required and is missing.",
        ],
        id="unknown key",
    ),
    pytest.param(
        HARDWARE,
        [("holds: [W, I, O], kind: sram", "holds: [Weigths, I, O], kind: sram")],
        ["file.yaml:8  memories[1].holds[0]\n  got 'Weigths'; use W, I, O. Did you mean 'W'?"],
        id="misspelt operand",
    ),
    pytest.param(
        HARDWARE,
        [("size: 64 KiB", "size: -64 KiB")],
        ["file.yaml:8  memories[1].size\n  got '-64' = -64; use a number of at least 0."],
        id="negative size",
    ),
    pytest.param(
        HARDWARE,
        [("size: 64 KiB", "size: 65536")],
        ["file.yaml:8  memories[1].size\n  no unit; got 65536; use a number or expression, a space and a unit"],
        id="missing unit",
    ),
    pytest.param(
        HARDWARE,
        [("engine: systolic", "engine: sistolic")],
        [
            "file.yaml:9  array.engine\n  unknown compute engine; got 'sistolic'; "
            "use atomic, cells, depthwise, ethos_u, nvdla, pe, pixel_parallel, row_stationary, systolic.",
            "'systolic'?",
        ],
        id="unknown engine",
    ),
    pytest.param(
        HARDWARE,
        [
            ("clock: 1 GHz", "clock: 1 GHz\ncolour: red"),
            ("holds: [W, I, O], kind: sram, size: 64", "holds: [Weigths, I, O], kind: sram, size: -64"),
        ],
        [
            "file.yaml:5  colour\n  unknown key; got 'colour'",
            "file.yaml:9  memories[1].holds[0]\n  got 'Weigths'; use W, I, O.",
            "file.yaml:9  memories[1].size\n  got '-64' = -64",
        ],
        id="mistakes of form and of value in one go",
    ),
    pytest.param(
        HARDWARE,
        [("vector: {lanes: 4}", "supports: {without: [add, soft_max]}\nvector: {lanes: 4, rates: {averge_pool: 2}}")],
        [
            "file.yaml:11  vector.rates.averge_pool\n  no kind of op that runs on the vector unit; got 'averge_pool'",
            "Did you mean 'average_pool'?",
            "file.yaml:10  supports.without[1]\n  unknown kind of op; got 'soft_max'",
            "Did you mean 'softmax'?",
        ],
        id="unknown kinds of op",
    ),
    pytest.param(
        HARDWARE,
        [("vector: {lanes: 4}", "vector: {lanes: 4, fuses: [relu, reluu]}")],
        [
            "file.yaml:10  vector.fuses[1]\n  unknown activation; got 'reluu'; use clip, double, elu,",
            "Did you mean 'relu'?",
        ],
        id="unknown activation",
    ),
    pytest.param(
        NETWORK,
        [("block: conv", "block: convolution"), ("out: 10", "out: 0")],
        [
            "file.yaml:4  layers[0].block\n  unknown block; got 'convolution'; use",
            "Did you mean 'conv'?",
            "file.yaml:5  layers[1].out\n  got 0; use a whole number of at least 1.",
        ],
        id="two errors in one file",
    ),
    pytest.param(
        NETWORK,
        [("out: 16", "out: 16 * widht")],
        ["file.yaml:4  layers[0].out\n  unknown name in an expression; got 'widht'"],
        id="unknown name in an expression",
    ),
    pytest.param(
        STUDY,
        [("[8, 16]", "[8, 17]"), ("latency_ms", "latency")],
        [
            "file.yaml:4  hardware.systolic.rows[1]\n  outside the domain; got 17; use 8, 16, 32, 64, 128.",
            "Did you mean 'latency_ms'?",
        ],
        id="choice outside the domain and unknown objective",
    ),
    pytest.param(STUDY, [("mobilenet_v2", "mobilenetv2")], ["Did you mean 'mobilenet_v2'?"], id="unknown network"),
    pytest.param("layers: [\n", [], ["file.yaml:2  (file)\n  not valid YAML"], id="not YAML"),
]


@pytest.mark.parametrize(("text", "changes", "expected"), FILES)
def test_a_mistake_in_a_file_is_named_with_its_line(
    text: str, changes: list[tuple[str, str]], expected: list[str], tmp_path: Path, accelsim: Callable[..., object]
) -> None:
    name = written(tmp_path / "file.yaml", text, *changes)
    said = accelsim("check", name)
    assert said.code == 2
    assert "Traceback" not in said.err
    for words in expected:
        assert words in said.err, said.err


def test_the_unchanged_files_have_no_mistakes(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    for text, words in ((NETWORK, "a network of 2 ops"), (HARDWARE, "2 designs"), (STUDY, "a study of 2 evaluations")):
        said = accelsim("check", written(tmp_path / "file.yaml", text))
        assert said.code == 0, said.err
        assert words in said.out


def test_check_reports_the_mistakes_of_all_files(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    one = written(tmp_path / "one.yaml", NETWORK, ("out: 16", "aut: 16"))
    two = written(tmp_path / "two.yaml", HARDWARE, ("clock: 1 GHz", "clock: 1 GB"))
    said = accelsim("check", one, two)
    assert said.code == 2
    assert "one.yaml:4  layers[0].aut" in said.err
    assert "two.yaml:4  clock\n  'GB' is not a unit of frequency; got '1 GB'" in said.err


def test_a_variant_is_a_network(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    written(tmp_path / "base.yaml", NETWORK)
    said = accelsim("check", written(tmp_path / "mine.yaml", "schema_version: 1\nbase: base.yaml\n"))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("mine.yaml: a network of 2 ops, ")
    said = accelsim("check", written(tmp_path / "mine.yaml", "schema_version: 1\nbase: mine.yaml\n"))
    assert (said.code, said.out) == (2, "")
    assert "mine.yaml:2  base\n  the bases lead in a circle: mine -> mine; got 'mine.yaml'." in said.err


def test_a_file_of_no_known_kind(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    said = accelsim("check", written(tmp_path / "file.yaml", "colour: red\n"))
    assert (said.code, "cannot tell what this file is" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["evaluate", "mobilenet_v2", "--hardware", "edgetpu"], "no such hardware; got 'edgetpu'"),
        (["evaluate", "mobilnet_v2", "--hardware", "npu"], "Did you mean 'mobilenet_v2'?"),
        (["evaluate", "missing/net.yaml", "--hardware", "npu"], "no such file; got 'missing/net.yaml'"),
        (
            ["evaluate", "resnet18", "--hardware", "npu", "--set", "atomic_c=7"],
            "--set atomic_c\n  outside the domain; got 7",
        ),
        (["evaluate", "resnet18", "--hardware", "npu", "--set", "atomic_c"], "use name=value, such as rows=64"),
        (["evaluate", "resnet18", "--hardware", "npu", "--set", "atomicc=8"], "Did you mean 'atomic_c'?"),
        (["run", "quikstart"], "Did you mean 'quickstart'?"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_on_the_command_line(words: list[str], expected: str, accelsim: Callable[..., object]) -> None:
    said = accelsim(*words)
    assert said.code == 2
    assert expected in said.err, said.err
    assert "Traceback" not in said.err


def test_every_wrong_setting_is_named(accelsim: Callable[..., object]) -> None:
    said = accelsim("evaluate", "resnet18", "--hardware", "systolic", "--set", "rows=9", "--set", "colums=8")
    assert "--set rows\n  outside the domain" in said.err
    assert "Did you mean 'columns'?" in said.err


def test_a_network_that_does_not_fit(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    hardware = written(tmp_path / "tiny.yaml", HARDWARE, ("64 KiB", "5 B"))
    said = accelsim("evaluate", "mobilenet_v2", "--hardware", hardware)
    assert said.code == 2
    # One weight, one input and one 4-byte partial sum are six bytes.
    assert "mobilenet_v2 does not fit tiny: layer 1.conv (conv2d): memory 'buffer' needs 6 B" in said.err
    assert "has 5 B (1 B too little)" in said.err


def test_an_unknown_activation_stops_an_evaluation(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    hardware = written(tmp_path / "own.yaml", HARDWARE, ("vector: {lanes: 4}", "vector: {lanes: 4, fuses: [add]}"))
    said = accelsim("evaluate", "mobilenet_v2", "--hardware", hardware)
    assert said.code == 2
    assert "vector.fuses[0]\n  unknown activation; got 'add'" in said.err


def test_a_technology_beside_its_template_is_found(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    (tmp_path / "own").mkdir()
    written(tmp_path / "own" / "file.yaml", HARDWARE, ("technology: cmos_45nm", "technology: mine.yaml"))
    (tmp_path / "own" / "mine.yaml").write_text(
        "schema_version: 1\nlogic: {}\nmemories: {sram: {pj_per_byte: 1}, lpddr4: {pj_per_byte: 9}}\n"
    )
    assert accelsim("check", "own/file.yaml").code == 0
    out = accelsim("evaluate", "mobilenet_v2", "--hardware", "own/file.yaml").out
    assert "not modelled: mac, registers, vector, leakage of logic, leakage of memories, interconnect" in out
    assert "area         not modelled" in out
