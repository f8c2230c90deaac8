"""Ops at the edges: no loop of 0, up to 2**53 points exact or right to the last digits, beyond that a clear refusal."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.cli import main
from accelsim.cost.array import Geometry
from accelsim.cost.rows import Machine, OpRows, op_rows
from accelsim.cost.traffic import Structure
from accelsim.dims import DIMS, Dim
from accelsim.errors import InputError, Problem
from accelsim.hardware.engines import ENGINES
from accelsim.mapping.nest import Mappings
from accelsim.nas import Scorer
from accelsim.workload.network import Network, Node
from accelsim.workload.ops import Op, convolution, fully_connected, loops, matmul
from accelsim.workload.transforms import TRANSFORMS

ProblemsOf = Callable[..., tuple[Problem, ...]]
Write = Callable[..., Path]

#: Points of a nest up to which everything is counted.
MOST = 2**53
#: Places along an axis that windows move on.
LONGEST = 2**24


def alone(op: Op) -> Network:
    """Return a network of one op."""
    inputs = tuple(f"x{place}" for place in range(len(op.elements_read)))
    return Network("alone", (Node("op", op, inputs),), inputs=inputs)


# ------------------------------------------------------------------------------------ closed form and whole numbers

FLOWS = ENGINES["systolic"]
#: Dims of a fully connected layer over tokens, and those that index W, I and O.
LOOPS = (Dim.K, Dim.C, Dim.OX)
INDEXES = ((Dim.K, Dim.C), (Dim.C, Dim.OX), (Dim.K, Dim.OX))


@st.composite
def large(draw: st.DrawFn) -> tuple[dict[Dim, int], dict[Dim, int], tuple[Dim, ...], int, int]:
    """Draw sizes of up to 2**53 points, tiles, an order, rows and columns."""
    ends = sorted(draw(st.lists(st.integers(0, 53), min_size=2, max_size=2)))
    shares = (ends[0], ends[1] - ends[0], 53 - ends[1])
    sizes = {dim: max(1, 2**bits - draw(st.integers(0, 3))) for dim, bits in zip(LOOPS, shares, strict=True)}
    tiles = {dim: draw(st.one_of(st.integers(1, size), st.integers(1, min(size, 9)))) for dim, size in sizes.items()}
    order = tuple(draw(st.permutations(LOOPS)))
    return sizes, tiles, order, draw(st.sampled_from([1, 7, 64, 2**31])), draw(st.sampled_from([1, 48, 2**53]))


def in_closed_form(
    sizes: dict[Dim, int], tiles: dict[Dim, int], order: tuple[Dim, ...], rows: int, columns: int
) -> OpRows:
    """Return the one mapping on a machine of two memories and a weight-stationary array."""
    op = Op("fully_connected", loops(**sizes), extent=(1, 1, sizes[Dim.OX]))
    outer = [dim.position for dim in DIMS if dim not in order]
    tile = np.array([[[tiles.get(dim, 1) for dim in DIMS]]])
    mappings = Mappings.of(tile, np.array([[[*outer, *(dim.position for dim in order)]]]))
    structure = Structure(holds=((True,) * 3,) * 2, double_buffered=(False, False), outputs_held=False)
    return op_rows(op, mappings, Machine(structure, FLOWS["weight_stationary"], Geometry(rows, columns, math.inf)))


def visits(sizes: dict[Dim, int], tiles: dict[Dim, int], order: tuple[Dim, ...], indexes: tuple[Dim, ...]) -> int:
    """Return how often an operand is walked over: the turns of loops outside the innermost one that moves its tile."""
    turns = {dim: -(-sizes[dim] // tiles[dim]) for dim in order}
    inside = max((place for place, dim in enumerate(order) if dim in indexes and turns[dim] > 1), default=0)
    return math.prod(turns[dim] for dim in order[:inside] if dim not in indexes)


def passes(size: int, tile: int, pes: int) -> int:
    """Return the passes over all tiles of a loop."""
    room = min(tile, pes)
    return size // tile * -(-tile // room) + -(-(size % tile) // room)


def agrees(value: float, exact: int) -> bool:
    """Return whether a figure is right: exact where floats are, and to 15 digits beyond."""
    return value == exact if exact <= MOST else math.isclose(value, exact, rel_tol=1e-15)


@settings(max_examples=150)
@given(large())
def test_counts_are_those_of_whole_numbers_without_limit(
    case: tuple[dict[Dim, int], dict[Dim, int], tuple[Dim, ...], int, int],
) -> None:
    sizes, tiles, order, rows, columns = case
    found = in_closed_form(*case)
    moved, footprint = found.traffic.moved[0, 0], found.traffic.footprint[0, 0]
    for operand, indexes in enumerate(INDEXES):
        elements, walks = math.prod(sizes[dim] for dim in indexes), visits(sizes, tiles, order, indexes)
        held = math.prod(tiles[dim] for dim in indexes)
        if operand < 2:
            assert agrees(moved[operand, 0], elements * walks)
            assert agrees(moved[operand, 1], elements * walks)
            assert agrees(footprint[operand], held)
        else:
            # Sums of four bytes leave and come back; results of one byte leave once.
            assert agrees(moved[operand, 0], 4 * elements * (walks - 1))
            assert agrees(moved[operand, 3], elements * (4 * (walks - 1) + 1))
            assert agrees(footprint[operand], 4 * held)
    down, across = passes(sizes[Dim.C], tiles[Dim.C], rows), passes(sizes[Dim.K], tiles[Dim.K], columns)
    streams = -(-sizes[Dim.OX] // tiles[Dim.OX])
    assert agrees(found.work.steps[0], down * across * sizes[Dim.OX])
    overhead = 2 * rows + columns - 2
    assert agrees(found.work.cycles[0], down * across * (sizes[Dim.OX] + streams * overhead))


def test_the_largest_ops_of_one_loop_are_exact() -> None:
    for dim in LOOPS:
        for size in (MOST - 1, MOST):
            sizes = dict.fromkeys(LOOPS, 1) | {dim: size}
            found = in_closed_form(sizes, sizes, LOOPS, 1, 1)
            assert found.work.steps[0] == size
            assert [found.traffic.moved[0, 0, place].max() for place in range(3)] == [
                size if dim in indexes else 1 for indexes in INDEXES
            ]


# --------------------------------------------------------------------------------------- evaluation, near the edge


@st.composite
def near_the_edge(draw: st.DrawFn) -> Op:
    """Draw an op of nearly 2**53 points."""
    ends = sorted(draw(st.lists(st.integers(0, 53), min_size=3, max_size=3)))
    edges = [0, *ends, 53]
    a, b, c, d = (max(1, 2 ** (end - start) - draw(st.integers(0, 2))) for start, end in itertools.pairwise(edges))
    if draw(st.booleans()):
        return Op("fully_connected", loops(B=a, C=b, K=c, OX=d), extent=(1, 1, d))
    return Op("matmul", loops(G=a, C=b, K=c, OX=d), extent=(1, a, d))


@pytest.mark.parametrize("hardware", ["systolic", "npu", "edge_tpu"])
@settings(max_examples=10)
@given(op=near_the_edge())
def test_the_largest_ops_obey_the_laws(hardware: str, op: Op) -> None:
    check_laws(hardware, op)


def test_the_largest_ops_obey_the_laws_on_an_array_in_copies() -> None:
    check_laws("pe_array", Op("fully_connected", loops(B=2**20 - 1, C=2**5, K=2**28), extent=(1, 1, 1)))


def check_laws(hardware: str, op: Op) -> None:
    """Evaluate ``op`` with all laws checked, warnings of overflow being errors."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setenv("ACCELSIM_CHECK", "1")
        found = accelsim.evaluate(alone(op), accelsim.load_hardware(hardware))
    assert found.totals.macs == op.macs == math.prod(op.sizes)
    assert all(math.isfinite(value) for value in found.totals.flat().values() if value is not None)
    assert found.totals.latency_cycles * found.peak_macs_per_cycle >= op.macs * (1 - 1e-15)


def test_windows_on_a_long_axis_are_counted_in_whole_numbers() -> None:
    """Kept whole in a buffer without end, a signal comes in once: no window is fetched twice, no padding at all."""
    op = convolution((1, 2, 1, 2**20 + 3), 4, (1, 5), padding=(0, 2))
    tile = np.array([[list(op.sizes)]])
    mappings = Mappings.of(tile, np.arange(len(DIMS))[None, None])
    structure = Structure(holds=((True,) * 3,) * 2, double_buffered=(False, False), outputs_held=False)
    rows = op_rows(op, mappings, Machine(structure, FLOWS["weight_stationary"], Geometry(8, 8, math.inf)))
    assert rows.traffic.moved[0, 0, 1, 0] == 2 * (2**20 + 3)
    # In tiles of one output each, five neighbours see a value; the ends see two and three zeros less.
    tile[0, 0, Dim.OX.position] = 1
    rows = op_rows(op, Mappings.of(tile, np.arange(len(DIMS))[None, None]), rows.machine)
    assert rows.traffic.moved[0, 0, 1, 0] == 2 * (5 * (2**20 + 3) - 2 * (1 + 2))


# --------------------------------------------------------------------------------------------------- what is refused


TOO_LARGE = "too large: too many points of its loops"


@pytest.mark.parametrize(
    ("make", "field", "got", "allowed"),
    [
        (lambda: Op("fully_connected", loops(K=0)), "fully_connected.K", "0", "a whole number of at least 1"),
        (lambda: Op("fully_connected", loops(K=-1)), "fully_connected.K", "-1", "a whole number of at least 1"),
        (lambda: Op("fully_connected", loops(K=2.0)), "fully_connected.K", "2.0", "a whole number of at least 1"),
        (lambda: Op("fully_connected", loops(FX=3)), "fully_connected.FX", "3", "1; its loops are B K C OY OX"),
        (lambda: fully_connected((1, 0, 1, 1), 8), "fully_connected.C", "0", "a whole number of at least 1"),
        (
            lambda: Op("fully_connected", loops(B=2**20, K=2**20, C=2**14)),
            "fully_connected.sizes",
            str(2**54),
            f"at most {MOST} (2**53)",
        ),
        (lambda: convolution((1, 1, 1, LONGEST + 1), 1, (1, 3)), "convolution.sizes", str(LONGEST + 1), "2**24"),
        (
            lambda: Op("convolution", loops(OX=5, FX=2), stride=(1, 1, 2**52), extent=(1, 1, 9)),
            "convolution.sizes",
            str(4 * 2**52 + 2),
            "2**53",
        ),
        (lambda: Op("concat", loops(OX=4), reads=(2**54,)), "concat.sizes", str(2**54), "2**53"),
    ],
)
def test_python_is_refused_with_the_size_and_what_is_allowed(
    make: Callable[[], Op], field: str, got: str, allowed: str, problems_of: ProblemsOf
) -> None:
    (problem,) = problems_of(make)
    assert (problem.field, problem.got) == (field, got)
    assert allowed in problem.allowed


def test_the_limit_itself_is_allowed() -> None:
    assert Op("fully_connected", loops(K=MOST)).macs == MOST
    assert fully_connected((2**17, 2**18, 1, 1), 2**18).macs == MOST
    assert matmul(2**14, 2**14, 2**14, heads=2**11).macs == MOST
    assert convolution((1, 1, 1, LONGEST), 1, (1, 3), padding=(0, 1)).macs == 3 * LONGEST


@pytest.mark.parametrize(
    ("head", "layer", "line", "field", "text"),
    [
        ("[3, 8, 8]", "{block: linear, out: 0}", 4, "layers[0].out", "got 0; use a whole number of at least 1."),
        ("[3, 8, 8]", "{op: convolution, sizes: {K: 0}}", 4, "layers[0].sizes.K", "got 0; use a whole number"),
        ("[3, 0, 8]", "{block: conv, out: 8}", 2, "input[1]", "got 0; use a whole number of at least 1."),
        ("[3, 8, 8]", "{block: conv, out: 2**31}", 4, "layers[0].out", "use a whole number from 1 to 2147483647."),
        ("[3, 8, 8]", "{block: conv, out: 2**53 + 1}", 4, "layers[0].out", "from 1 to 2147483647."),
        ("[2**20, 64, 64]", "{block: conv, out: 2**30}", 4, "layers[0].convolution.sizes", TOO_LARGE),
        (
            "[8, 1, 2**25]",
            "{block: conv, out: 8, kernel: [1, 3]}",
            4,
            "layers[0].convolution.sizes",
            "too many places along an axis that windows move on; got 33554432; use at most 16777216 (2**24).",
        ),
        ("[3, 8, 8]", "{op: matmul, sizes: {G: 2**30, C: 2**30}, others: []}", 4, "layers[0]", ""),
    ],
)
def test_a_network_file_is_refused_with_line_and_field(
    head: str, layer: str, line: int, field: str, text: str, write: Write, problems_of: ProblemsOf
) -> None:
    path = write(f"schema_version: 1\ninput: {head}\nlayers:\n  - {layer}\n")
    problem = problems_of(accelsim.load_network, path)[0]
    assert (problem.file, problem.line) == (path, line)
    assert problem.field.startswith(field)
    assert text in str(problem)


WIDE = """\
schema_version: 1
parameters: {width: {default: 8, range: [0, 1073741824]}}
input: [3, 64, 64]
layers:
  - {block: conv, out: width}
  - {block: conv, out: width}
"""


@pytest.mark.parametrize(
    ("width", "line", "text"),
    [
        (0, 5, "got 'width' (here 0); use a whole number of at least 1."),
        (2**30, 6, "too many points of its loops; got 4722366482869645213696; use at most 9007199254740992 (2**53)."),
        (2**30 + 1, None, "outside the domain; got 1073741825; use a whole number from 0 to 1073741824."),
    ],
)
def test_a_parameter_of_a_network_is_refused_where_it_is_used(
    width: int, line: int | None, text: str, write: Write, problems_of: ProblemsOf
) -> None:
    template = accelsim.network_template(write(WIDE))
    problem = problems_of(template.build, {"width": width})[0]
    assert problem.line == line
    assert text in str(problem)
    scored = problems_of(Scorer("systolic").members, template, [{"width": 8}, {"width": width}])[0]
    assert str(scored) == str(problem)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--set", "width=0"), "layers[0].out\n  got 'width' (here 0); use a whole number of at least 1."),
        (("--set", "width=1073741824"), "layers[1].convolution.sizes\n  too large: too many points of its loops; got"),
        (("--set", "rows=9007199254740993"), "outside the domain; got 9007199254740993; use 8, 16, 32, 64, 128."),
    ],
)
def test_the_command_line_says_so_and_fails(
    words: tuple[str, str], text: str, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["accelsim", "evaluate", str(write(WIDE)), "--hardware", "systolic", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert text in said.err
    assert "Traceback" not in said.err + said.out


def test_a_study_keeps_the_mistake_of_each_point(write: Write, tmp_path: Path) -> None:
    network = write(WIDE)
    study = write(
        f"schema_version: 1\nnetworks:\n  {network}: {{width: [0, 8, 1073741824]}}\nhardware: {{systolic: {{}}}}\n"
        "objectives: [latency_ms]\nsearch: {algorithm: grid}\n",
        "study.yaml",
    )
    records = accelsim.run_study(accelsim.load_study(study), tmp_path / "out", workers=1).records
    none, some, many = sorted(records, key=lambda record: record.point["network.width"])
    assert some.error is None
    assert none.error is not None
    assert many.error is not None
    assert "got 'width' (here 0); use a whole number of at least 1." in none.error
    assert "too many points of its loops" in many.error


@pytest.mark.parametrize("rows", [0, 2**53 + 1, 8.5])
def test_a_study_refuses_a_value_of_the_hardware_outside_its_domain(
    rows: float, write: Write, problems_of: ProblemsOf
) -> None:
    text = f"schema_version: 1\nnetworks: [resnet8]\nhardware:\n  systolic: {{rows: [8, {rows}]}}\n"
    (problem,) = problems_of(
        accelsim.load_study, write(text + "objectives: [latency_ms]\nsearch: {algorithm: grid}\n", "study.yaml")
    )
    assert (problem.line, problem.field, problem.got) == (4, "hardware.systolic.rows[1]", str(rows))
    assert problem.allowed == "8, 16, 32, 64, 128"


def test_a_batch_too_large_is_refused() -> None:
    network = accelsim.load_network("resnet8")
    most = MOST // max(node.op.macs for node in network)
    assert TRANSFORMS["batch"](network, size=most // 2).macs == network.macs * (most // 2)
    with pytest.raises(InputError, match="too many points of its loops"):
        TRANSFORMS["batch"](network, size=most + 1)


def test_an_imported_op_too_large_is_reported_as_not_supported() -> None:
    pytest.importorskip("onnx")
    from tests.workload.importers.onnx_models import imported, model, node

    long = model([node("Conv", "x w", "y", pads=[0, 1, 0, 1])], {"x": (1, 1, 1, 2**25)}, constants={"w": (1, 1, 1, 3)})
    (entry,) = imported(long).coverage.entries
    assert (entry.operator, entry.status) == ("Conv", "unsupported")
    assert entry.note == "too large: too many places along an axis that windows move on"


def test_sums_over_a_network_beyond_2_to_the_53_are_whole(write: Write) -> None:
    """Each layer can be counted; together they are more than floats hold, and still summed without loss."""
    layers = "  - {block: linear, out: 2**25}\n" * 9
    network = accelsim.load_network(write(f"schema_version: 1\ninput: [{2**25}, 1, 1]\nlayers:\n{layers}"))
    assert network.macs == 9 * 2**50
    assert network.params == 9 * (2**50 + 2**25)
    hardware = accelsim.load_hardware("npu")
    totals = accelsim.evaluate(network, hardware).totals
    assert (totals.macs, totals.params) == (network.macs, network.params)
    assert Scorer("npu")(network) == totals
