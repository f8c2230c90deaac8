"""The table of what became of every operator: its lines, its shares, and what a strict import makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.workload.importers import import_network
from accelsim.workload.importers.convert import convert
from accelsim.workload.importers.coverage import Coverage, Entry, Status
from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns import recompose
from accelsim.workload.importers.rules import IMPORT_RULES, Context, rule
from accelsim.workload.ops import Bits, elementwise
from tests.conftest import ProblemsOf
from tests.workload.importers.graphs import graph
from tests.workload.importers.onnx_models import imported, model, node

FINE, NEARLY, NOT = Status.supported, Status.approximated, Status.unsupported
MIXED = Coverage(
    (
        Entry("c1", "Conv", FINE, macs=60, bytes=10.0),
        Entry("odd", "Odd", NOT, "there is no rule for it", bytes=20.0),
        Entry("c2", "Conv", FINE, macs=20, bytes=10.0),
        Entry("l", "LSTM", NEARLY, "counted as its products", macs=20, bytes=40.0),
        Entry("c3", "Conv", NOT, "negative padding", bytes=20.0),
    )
)


def test_a_line_gathers_the_calls_of_one_fate() -> None:
    lines = [(line.operator, line.status, line.count) for line in MIXED.lines()]
    assert lines == [("Conv", NOT, 1), ("Odd", NOT, 1), ("LSTM", NEARLY, 1), ("Conv", FINE, 2)]
    last = MIXED.lines()[-1]
    assert (last.macs_share, last.bytes_share) == (0.8, 0.2)


def test_shares_by_status() -> None:
    assert MIXED.share(FINE) == (0.8, 0.2)
    assert MIXED.share(NEARLY) == (0.2, 0.4)
    assert MIXED.share(NOT) == (0.0, 0.4)


def test_a_network_without_macs_has_no_share_of_them() -> None:
    only = Coverage((Entry("r", "Relu", FINE, bytes=8.0),))
    assert [(line.macs_share, line.bytes_share) for line in only.lines()] == [(0.0, 1.0)]
    assert Coverage(()).lines() == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Status)), st.integers(0, 9)), min_size=1))
def test_shares_add_up_and_no_call_is_lost(calls: list[tuple[str, Status, int]]) -> None:
    coverage = Coverage(tuple(Entry(f"n{i}", op, s, macs=n, bytes=n + 1) for i, (op, s, n) in enumerate(calls)))
    lines = coverage.lines()
    assert sum(line.count for line in lines) == len(calls)
    assert sum(line.bytes_share for line in lines) == pytest.approx(1)
    assert sum(line.macs_share for line in lines) == pytest.approx(1 if any(n for _, _, n in calls) else 0)
    assert sum(coverage.share(status)[1] for status in Status) == pytest.approx(1)


def test_what_is_not_allowed_is_listed_once_each_with_its_first_call() -> None:
    MIXED.require(Status)
    with pytest.raises(InputError) as caught:
        MIXED.require([FINE, NEARLY])
    assert [problem.field for problem in caught.value.problems] == ["operator 'Conv'", "operator 'Odd'"]
    assert "unsupported (negative padding), first in 'c3'" in str(caught.value)
    with pytest.raises(InputError) as caught:
        MIXED.require([FINE])
    assert [problem.field for problem in caught.value.problems][1] == "operator 'LSTM'"


def test_strict_refuses_the_unsupported_and_lets_the_approximated_pass(tmp_path: Path, problems_of: ProblemsOf) -> None:
    odd = model([node("Odd", "x", "h", domain="mine"), node("Relu", "x", "y")], {"x": (1, 3, 4, 4)}, "h y")
    path = tmp_path / "net.onnx"
    path.write_bytes(odd.SerializeToString())
    (line,) = (line for line in import_network(path).coverage.lines() if line.status is NOT)
    assert (line.operator, line.count, line.bytes_share) == ("mine.Odd", 1, 0)
    assert line.note == "there is no rule for it; its result has no known size"
    (problem,) = problems_of(import_network, path, strict=True)
    assert problem.field == "operator 'mine.Odd'"
    masked = model([node("TopK", "x k", "y i", axis=1)], {"x": (2, 12)}, "y", {"k": [3]})
    path.write_bytes(masked.SerializeToString())
    assert import_network(path, strict=True).coverage.share(NEARLY)[1] == 1


def test_calls_that_no_result_needs_are_not_in_the_table() -> None:
    nodes = [node("Relu", "x", "y"), node("Odd", "x", "z", domain="mine"), node("Sigmoid", "z", "w")]
    found = imported(model(nodes, {"x": (1, 3, 4, 4)}))
    assert [entry.operator for entry in found.coverage.entries] == ["Relu"]


def test_what_an_unknown_operator_reads_and_writes_is_counted() -> None:
    given = graph(
        ("Odd", "x z", "y w"),
        ("Add", "y w", "r"),
        inputs={"x": (1, 3, 4, 4), "z": (1, 5)},
        outputs=("r",),
        shapes=dict.fromkeys(("y", "w", "r"), (1, 2, 4, 4)),
    )
    found = convert(given, Bits())
    first, second, last = found.network
    assert (first.op.kind, first.op.elements_read, first.op.output_elements) == ("unknown", (48, 5), 32)
    assert last.inputs == (first.name, second.name)
    assert found.coverage.lines()[0].bytes_share > 0.5


def test_an_unknown_operator_of_unknown_size_keeps_the_rest_connected() -> None:
    given = graph(
        ("Odd", "x", "y"),
        ("Relu", "y", "r"),
        ("Conv", "x w", "c"),
        inputs={"x": (1, 3, 4, 4)},
        outputs=("r", "c"),
        constants={"w": (5, 3, 1, 1)},
        shapes={"c": (1, 5, 4, 4)},
    )
    found = convert(given, Bits())
    assert [entry.status for entry in found.coverage.entries] == [NOT, NOT, FINE]
    assert found.network.macs == 16 * 15


def test_what_an_operator_of_unknown_size_reads_is_not_lost() -> None:
    given = graph(
        ("Conv", "x w", "a"),
        ("Conv", "x w", "b"),
        ("Odd", "a b", "y"),
        ("Relu", "y", "r"),
        inputs={"x": (1, 3, 4, 4)},
        outputs=("r",),
        constants={"w": (5, 3, 1, 1)},
        shapes={"a": (1, 5, 4, 4), "b": (1, 5, 4, 4)},
    )
    network = convert(given, Bits()).network
    assert network.macs == 2 * 16 * 15
    assert network.results == ("Conv0", "Conv1")


def test_a_rule_of_ones_own_is_used() -> None:
    @rule("mine.Twice")
    def twice(c: Context, call: Call) -> None:
        c.approximate("as one step")
        op = elementwise("unary", (1, 3, 4, 4), bits=c.bits(call))
        c.emit(op, call.inputs, call.outputs[0])

    try:
        found = imported(model([node("Twice", "x", "y", domain="mine")], {"x": (1, 3, 4, 4)}))
    finally:
        del IMPORT_RULES._members["mine.Twice"]
    (entry,) = found.coverage.entries
    assert (entry.operator, entry.status, entry.note) == ("mine.Twice", NEARLY, "as one step")


def test_names_of_the_file_are_kept_where_a_network_file_can_have_them() -> None:
    """A number is the place of a layer, and other inputs must be words."""
    given = graph(
        ("Relu", "x", "1"),
        ("Add", "1 past.0.key", "a"),
        ("Add", "a max", "b"),
        ("Add", "b lambda", "y"),
        inputs=dict.fromkeys(("x", "past.0.key", "max", "lambda"), (1, 3, 4, 4)),
        outputs=("y",),
        shapes=dict.fromkeys(("1", "a", "b", "y"), (1, 3, 4, 4)),
    )
    network = convert(recompose(given), Bits()).network
    assert network.inputs == ("input", "past_0_key", "input_max", "input_lambda")
    assert [n.name for n in network] == ["Relu0", "Add1", "Add2", "Add3"]


def test_an_input_that_nothing_reads_is_no_input() -> None:
    given = graph(("Relu", "z", "y"), inputs={"x": (1, 3), "z": (1, 5)}, outputs=("y",), shapes={"y": (1, 5)})
    network = convert(given, Bits()).network
    assert (network.inputs, network.nodes[0].inputs) == (("input",), ("input",))


def test_what_only_says_how_large_something_is_costs_nothing() -> None:
    given = graph(
        ("Relu", "s", "t"),
        ("Reshape", "x t", "y"),
        ("Relu", "y", "z"),
        inputs={"x": (2, 6), "s": (2,)},
        outputs=("z",),
        shapes={"t": (2,), "y": (3, 4), "z": (3, 4)},
    )
    found = convert(given, Bits())
    assert [n.name for n in found.network] == ["Relu2"]
    assert [entry.bytes for entry in found.coverage.entries] == [0, 0, 24]
