"""YAML with line numbers: what is read, and what a user is told when it cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from accelsim.config.source import Source, field_name
from accelsim.errors import InputError, Problem

Write = Callable[..., Path]
ProblemsOf = Callable[..., tuple[Problem, ...]]

FILE = Path("net.yaml")


def parse(text: str) -> Source:
    """Parse ``text`` as if it stood in a file."""
    return Source.parse(text, FILE)


NETWORK = """\
# a comment
schema_version: 1
parameters:
  width: {default: 1.0,
          choices: [0.5, 1.0]}

layers:
  - {block: conv, out: 8}
  - block: conv
    out: 16
input: [3, 32, 32]
"""


def test_data_is_what_yaml_says() -> None:
    assert parse(NETWORK).data == yaml.safe_load(NETWORK)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("schema_version",), 2),
        (("parameters",), 3),
        (("parameters", "width", "default"), 4),
        (("parameters", "width", "choices"), 5),
        (("parameters", "width", "choices", 1), 5),
        (("layers",), 7),
        (("layers", 0, "out"), 8),
        (("layers", 1), 9),
        (("layers", 1, "out"), 10),
        (("input", 2), 11),
    ],
)
def test_lines(path: tuple[str | int, ...], line: int) -> None:
    assert parse(NETWORK).line(path) == line


def test_line_of_what_is_not_there_is_the_line_around_it() -> None:
    source = parse(NETWORK)
    assert source.line(("layers", 1, "kernel")) == 9
    assert source.line(("layers", 7, "kernel")) == 7
    assert source.line(("nothing",)) == 2, "the file starts at its first key"
    assert source.problem(("layers", 1, "kernel"), Problem(field="x")).line == 9


def test_lines_of_an_alias() -> None:
    source = parse("a: &x\n  b: 1\nc: *x\n")
    assert source.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert source.line(("c",)) == 3
    assert source.line(("c", "b")) == 2, "the value stands where the anchor is"


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 2\r\n")
    source = Source.read(path)
    assert source.data == {"a": 1, "b": {"c": 2}}
    assert source.line(("b", "c")) == 3


def test_field_names() -> None:
    assert field_name(("layers", 3, "out")) == "layers[3].out"
    assert field_name(("memories", 0)) == "memories[0]"
    assert field_name(()) == "(file)"


def test_numbers_as_people_write_them() -> None:
    data = parse("[1e3, 1E-3, -2.5e+6, .5e2, 1.0, 12, 0x10, 1e, e3, 1e3x, 1_000, 6.02e23]").data
    assert data == [1000.0, 0.001, -2.5e6, 50.0, 1.0, 12, 16, "1e", "e3", "1e3x", 1000, 6.02e23]


# ---------------------------------------------------------------------------------------------- unreadable files


def test_missing_file(tmp_path: Path, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(Source.read, tmp_path / "no.yaml")
    assert problem.field == str(tmp_path / "no.yaml")
    assert problem.message == "cannot read the file: No such file or directory"


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the file: Is a directory"):
        Source.read(tmp_path)


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes("description: Müller\n".encode("latin-1"))
    with pytest.raises(InputError, match="cannot read the file: is not UTF-8 text"):
        Source.read(path)


def test_impossible_file_name() -> None:
    with pytest.raises(InputError, match=r"cannot read the file: .*null byte"):
        Source.read(Path("a\0b.yaml"))


def test_empty_file_is_no_data(write: Write) -> None:
    assert Source.read(write("")).data is None
    assert Source.read(write("# only a comment\n")).data is None


# ---------------------------------------------------------------------------------------------------- wrong YAML


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb:\n\tc: 2\n", 3, r"character '\t' that cannot start any token"),
        ("a: [1, 2\nb: 3\n", 2, "expected ',' or ']'"),
        ("a: 1\n b: 2\n", 2, "mapping values are not allowed here"),
        ("a: 'open\n", 2, "unexpected end of stream"),
        ("a: *nobody\n", 1, "undefined alias 'nobody'"),
        ("a: 1\n---\nb: 2\n", 2, "expected a single document in the stream but found another document"),
        ("a: 1\nb: 2\nc: \x00\n", 3, r"the character '\x00' cannot stand in it"),
        ("a: @x\n", 1, "cannot start any token"),
        ("%YAML 9.9\n---\na: 1\n", 1, "incompatible YAML document"),
    ],
)
def test_broken_yaml(text: str, line: int, message: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(parse, text)
    assert problem.message.startswith("not valid YAML: ")
    assert message in problem.message
    assert "\n" not in problem.message
    assert (problem.file, problem.line) == (FILE, line)


def test_duplicate_keys_are_all_reported_with_their_lines(problems_of: ProblemsOf) -> None:
    text = "a: 1\nb:\n  c: 1\n  c: 2\nd: [{e: 1, e: 1}]\na: 2\n"
    problems = problems_of(parse, text)
    assert [(p.field, p.line) for p in problems] == [("b.c", 4), ("d[0].e", 5), ("a", 6)]
    assert all(p.message == "the key stands here a second time" for p in problems)


@pytest.mark.parametrize(
    ("text", "field", "line"), [("z: 0\na: &x\n  - 1\n  - *x\n", "a[1]", 2), ("&x {b: *x}", "b", 1)]
)
def test_an_alias_to_itself(text: str, field: str, line: int, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(parse, text)
    assert (problem.field, problem.message, problem.line) == (field, "an alias refers to itself", line)


def test_an_alias_beside_its_anchor_is_no_loop() -> None:
    assert parse("[&x {a: 1}, *x, {b: *x}]").data == [{"a": 1}, {"a": 1}, {"b": {"a": 1}}]


@pytest.mark.parametrize("seed", ["lol", "[]", "{}", "[1, 2, 3]"])
@pytest.mark.parametrize("shape", ["[{}]", "{{{}}}"], ids=["lists", "mappings"])
def test_a_billion_laughs_are_an_error_within_seconds(seed: str, shape: str, problems_of: ProblemsOf) -> None:
    lines = [f"a0: &a0 {seed}"]
    for level in range(1, 30):
        members = [f"*a{level - 1}" for _ in range(10)]
        if shape.startswith("{"):
            members = [f"k{i}: {member}" for i, member in enumerate(members)]
        lines.append(f"a{level}: &a{level} {shape.format(', '.join(members))}")
    start = time.perf_counter()
    (problem,) = problems_of(parse, "\n".join(lines))
    assert time.perf_counter() - start < 10
    assert problem.message == "more than 200000 values"
    assert problem.line is not None


def test_a_large_honest_file_is_read() -> None:
    text = "layers:\n" + "".join(f"  - {{block: conv, out: {i}}}\n" for i in range(2000))
    source = parse(text)
    assert source.line(("layers", 1999, "out")) == 2001


@pytest.mark.parametrize(
    "text",
    ["[" * 100 + "]" * 100, "[" * 5000, "{a: " * 5000, "\n".join(" " * i + "a:" for i in range(300))],
    ids=["100 lists", "5000 lists", "5000 mappings", "300 indents"],
)
def test_deep_nesting_is_an_error_not_a_crash(text: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(parse, text)
    assert (problem.field, problem.message) == ("(file)", "nested too deeply")


def test_nesting_that_people_write_is_fine() -> None:
    assert parse("[" * 60 + "]" * 60).data is not None


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['true']",
        "a: !!python/name:os.system x",
        "a: !!python/object:os.system {}",
        "a: !mine {b: 1}",
        "a: !!set {b, c}",
        "a: 2024-13-45",
        "a: !!int twelve",
        "a: !!bool maybe",
        "a: !!timestamp never",
        "a: " + "9" * 5000,
        "a: -0x" + "f" * 300,
    ],
)
def test_values_that_are_no_plain_data(text: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(parse, text)
    assert (problem.field, problem.line) == ("a", 1)
    assert problem.message.startswith("cannot read ")
    assert len(str(problem)) < 200


def test_the_largest_numbers_are_read() -> None:
    assert parse(f"[{2**1023}, 1.7e308, -.inf]").data == [2**1023, 1.7e308, float("-inf")]


def test_keys_that_are_no_words(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(parse, "a: 1\n? [b, c]\n: 2\n")
    assert (problem.line, problem.message) == (2, "a key must be a word or a number")
    assert parse("{1: a, true: b, null: c}").data == {"1": "a", "true": "b", "null": "c"}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz_", min_size=1), inner, max_size=3),
    max_leaves=12,
)


@given(plain)
def test_whatever_is_written_as_yaml_is_read_back(data: object) -> None:
    assert parse(yaml.safe_dump(data)).data == data


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"#%@?, \n\t~01.e<=")), max_size=40))
def test_any_text_is_data_or_an_input_error_in_the_file(text: str) -> None:
    try:
        parse(text)
    except InputError as error:
        assert all(problem.file == FILE and problem.field for problem in error.problems)
