"""Feature maps spread over parts of a memory: what neighbours need of each other, counted pixel by pixel."""

from __future__ import annotations

from itertools import product
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machines import machine

from accelsim.errors import InputError
from accelsim.hardware.load import HardwareTemplate
from accelsim.nas import Scorer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.borders import border_bytes, borders_of
from accelsim.schedule.evaluate import evaluate, evaluate_points
from accelsim.schedule.residency import stay
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.schedule.windows import window_of
from accelsim.workload.builder import Builder
from accelsim.workload.network import Network
from accelsim.workload.ops import convolution, elementwise, move, pool

PLAIN = "bandwidth: 16 B/cycle, kind: sram, double_buffered: true}"


def divided(folder: Path, rows: int, columns: int, bandwidth: str = "2 B/cycle") -> HardwareTemplate:
    """Return the machine with a buffer that keeps feature maps, in parts."""
    parts = f"{{rows: {rows}, columns: {columns}, bandwidth: {bandwidth}}}"
    changes = (PLAIN, PLAIN.replace("}", f", keeps: [I, O], keep_share: 0.9, divided: {parts}}}"))
    return machine(folder, changes, ("default: 1024, range: [1, 65536]", "default: 65536, range: [1, 65536]"))


def handed(network: Network, template: HardwareTemplate) -> dict[str, float]:
    """Return the bytes handed over before each step that has any."""
    design = template.instantiate({})
    steps = plan(network, design.abilities)
    borders = borders_of(design)
    assert borders is not None
    found = border_bytes(steps.table.steps, borders, stay(steps.table.steps, design))[:, 0]
    return {step.name: float(value) for step, value in zip(steps.steps, found, strict=True) if value}


def counted(side: tuple[int, int], parts: tuple[int, int], shared: tuple[int, int]) -> int:
    """Count the pixels within reach of the windows of a part that does not hold them; each once."""
    spans = []
    for pixels, count, both in zip(side, parts, shared, strict=True):
        step = ceil(pixels / count)
        before, behind = both // 2, both - both // 2
        own = [range(start, min(start + step, pixels)) for start in range(0, pixels, step)]
        # The part below a cut needs what is before it, the part above what is behind.
        spans.append([(one, range(max(0, one.start - before), min(one.stop + behind, pixels))) for one in own])
    taken = set()
    for (own_rows, all_rows), (own_columns, all_columns) in product(*spans):
        taken |= set(product(all_rows, all_columns)) - set(product(own_rows, own_columns))
    return len(taken)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(2, 13),
    columns=st.integers(2, 13),
    parts=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel=st.sampled_from([2, 3, 5, 7]),
    stride=st.sampled_from([1, 2]),
    channels=st.integers(1, 3),
)
def test_bytes_are_those_of_pixels_counted_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    columns: int,
    parts: tuple[int, int],
    kernel: int,
    stride: int,
    channels: int,
) -> None:
    b = Builder((1, 2, rows, columns))
    x = b.conv("first", b.input, channels, 1)
    y = b.depthwise("windows", x, kernel, stride=stride)
    b.conv("last", y, 2, 1)
    found = handed(Network("net", tuple(b.nodes)), divided(tmp_path_factory.mktemp("d"), *parts))
    shared = tuple(max(0, kernel - stride) if size > 1 else 0 for size in y.shape[2:])
    wanted = channels * counted((rows, columns), parts, (shared[0], shared[1]))
    assert found.get("windows", 0.0) == wanted
    assert set(found) <= {"windows"}, "pointwise convolutions need no neighbours"


def branches() -> Network:
    """Return a network in which a map is read by a convolution, a larger one, a pool and a sum."""
    b = Builder((1, 2, 8, 8))
    x = b.conv("x", b.input, 4, 1)
    small = b.conv("small", x, 4, 3)
    pooled = b.pool("pool", "average_pool", x, 3, 1, 1)
    large = b.conv("large", x, 4, 5)
    total = b.combine("sum", "add", b.combine("half", "add", small, pooled), large)
    b.fully_connected("fc", b.pool("mean", "average_pool", total), 3)
    return Network("net", tuple(b.nodes))


def test_a_map_is_handed_over_once_and_larger_windows_pay_the_difference(tmp_path: Path) -> None:
    """Of each of 2 x 2 parts of 4 x 4 pixels, 3 x 3 are no one else's concern; with 5x5 windows, 2 x 2."""
    assert handed(branches(), divided(tmp_path, 2, 2)) == {"small": 4 * (64 - 36), "large": 4 * (36 - 16)}


def test_no_more_is_handed_over_than_the_map(tmp_path: Path) -> None:
    """Parts of 2 x 2 and windows of 5 x 5: four parts may need a pixel, and all take it as it goes by, once."""
    b = Builder((1, 2, 8, 8))
    x = b.conv("x", b.input, 4, 1)
    b.conv("wide", x, 4, 5)
    assert handed(Network("net", tuple(b.nodes)), divided(tmp_path, 4, 4)) == {"wide": 4 * 64}


def test_what_the_activation_in_between_makes_of_it_is_the_same_map(tmp_path: Path) -> None:
    """Two convolutions with an activation each read one map, if it is applied on the way in; or else two more."""
    b = Builder((1, 2, 8, 8))
    x = b.conv("x", b.input, 4, 1)
    first, second = (b.conv(name, b.activate(name, x, "relu"), 4, 3) for name in ("a", "b"))
    b.combine("sum", "add", first, second)
    network = Network("net", tuple(b.nodes))
    apart = divided(tmp_path, 2, 2)
    assert handed(network, apart) == {"a": 4 * 28, "b": 4 * 28}
    (tmp_path / "within").mkdir()
    text = Path(apart.source.path).read_text().replace("fuses: [relu]", "fuses: [relu], fuses_inputs: [relu]")
    (tmp_path / "within" / "machine.yaml").write_text(text)
    from accelsim.hardware.load import hardware_template

    assert handed(network, hardware_template(tmp_path / "within" / "machine.yaml")) == {"a": 4 * 28}


def test_cycles_and_energy_by_hand(tmp_path: Path) -> None:
    """112 bytes at 2 a cycle take 56 cycles before the layer; each is read and written, at 2 pJ either."""
    spread, whole = divided(tmp_path, 2, 2), divided(tmp_path, 1, 1)
    here, there = (evaluate(branches(), template.instantiate({})) for template in (spread, whole))
    more = {
        a.name: a.metrics.latency_cycles - b.metrics.latency_cycles
        for a, b in zip(here.layers, there.layers, strict=True)
    }
    assert {name: cycles for name, cycles in more.items() if cycles} == {"small": 112 / 2, "large": 80 / 2}
    line = next(line for line in here.ledger if line.component == "borders")
    assert (line.count, line.energy_pj) == (192, 192 * 4)
    leakage = (0.01 + 0.02 + 0.048) * 20 + 0.5 * 64
    assert here.totals.energy_pj - there.totals.energy_pj == pytest.approx(192 * 4 + 96 * leakage)
    assert [layer.bytes_by_level for layer in here.layers] == [layer.bytes_by_level for layer in there.layers]


def test_a_slow_exchange_is_the_bottleneck(tmp_path: Path) -> None:
    result = evaluate(branches(), divided(tmp_path, 2, 2, "0.01 B/cycle").instantiate({}))
    assert {layer.name: layer.bottleneck for layer in result.layers if layer.bottleneck == "borders"} == {
        "small": "borders",
        "large": "borders",
    }


def test_a_map_that_does_not_stay_comes_with_its_borders(tmp_path: Path) -> None:
    """With no room for it on chip a map is fetched tile by tile: there is nothing to hand over."""
    template = divided(tmp_path, 2, 2)
    design = template.instantiate({"buffer_bytes": 100})
    result = run([plan(branches(), design.abilities)], design)
    assert result.handed is not None
    assert not result.handed.any()


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_explanation_works_the_model_s_figures_out(tmp_path: Path, question: str) -> None:
    design = divided(tmp_path, 2, 2).instantiate({})
    for step in plan(branches(), design.abilities).steps:
        explain(question, branches(), design, step.name)
    explain(question, branches(), design)


def test_a_batch_the_scorer_and_one_design_agree(tmp_path: Path) -> None:
    template = divided(tmp_path, 2, 3)
    text = Path(template.source.path).read_text().replace("rows: 2, columns: 3", "rows: rows, columns: 3")
    (tmp_path / "machine.yaml").write_text(text)
    from accelsim.hardware.load import hardware_template

    template = hardware_template(tmp_path / "machine.yaml")
    points = [{"rows": rows, "buffer_bytes": size} for rows in (1, 2, 4) for size in (200, 900, 65536)]
    for point, outcome in zip(points, evaluate_points(branches(), template, points), strict=True):
        alone = evaluate(branches(), template.instantiate(point)).totals.flat()
        assert outcome.metrics == alone
        assert Scorer(tmp_path / "machine.yaml", **point)(branches()).flat() == alone


def test_windows_of_ops() -> None:
    assert window_of(convolution((1, 4, 8, 6), 4, (3, 3))) == (4, 8, 6, 2, 2, 1, 8)
    assert window_of(convolution((1, 4, 8, 6), 4, (3, 3), dilation=(2, 2)))[3:] == (4, 4, 1, 8)
    assert window_of(convolution((1, 4, 8, 6), 4, (3, 3), stride=(2, 2)))[3:] == (1, 1, 2, 4)
    assert window_of(convolution((1, 4, 8, 6), 4, (1, 1)))[0] == 0
    assert window_of(convolution((1, 4, 8, 6), 4, (2, 2), stride=(2, 2)))[0] == 0, "patches share nothing"
    assert window_of(pool("average_pool", (1, 4, 8, 6)))[0] == 0, "one window is the whole map"
    assert window_of(convolution((1, 4, 1, 6), 4, (3, 3))) == (4, 1, 6, 0, 2, 1, 0)


def test_rows_of_a_result_follow_from_rows_of_the_input_unless_an_op_needs_all_of_it() -> None:
    shape = (1, 4, 8, 6)
    assert window_of(convolution(shape, 9, (1, 1), stride=(2, 2)))[1:] == (8, 6, 0, 0, 2, 4)
    assert window_of(elementwise("add", shape))[1:] == (8, 6, 0, 0, 1, 8)
    for whole in ("softmax", "group_norm", "layer_norm"):
        assert window_of(elementwise(whole, shape))[-1] == 0
    assert window_of(pool("average_pool", shape))[-1] == 0, "a mean over the whole map"
    assert window_of(move("resize_nearest", (1, 4, 16, 12), (192,)))[-1] == 0, "loops do not say which rows it reads"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("{rows: 0, columns: 1, bandwidth: 1 B/cycle}", r"divided\.rows"),
        ("{rows: 1.5, columns: 1, bandwidth: 1 B/cycle}", r"divided\.rows"),
        ("{rows: 1, columns: 1, bandwidth: 0 B/cycle}", r"divided\.bandwidth"),
        ("{rows: 1, columns: 1}", r"divided\.bandwidth.*required"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, parts: str, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        machine(tmp_path, (PLAIN, PLAIN.replace("}", f", keeps: [I, O], divided: {parts}}}")))


def test_only_a_memory_that_keeps_maps_is_divided(tmp_path: Path) -> None:
    parts = "divided: {rows: 2, columns: 2, bandwidth: 1 B/cycle}"
    with pytest.raises(InputError, match="it has to keep I and O"):
        machine(tmp_path, (PLAIN, PLAIN.replace("}", f", {parts}}}")))
    with pytest.raises(InputError, match="leave divided out"):
        machine(tmp_path, ("bandwidth: 4 B/cycle, kind: dram}", f"bandwidth: 4 B/cycle, kind: dram, {parts}}}"))


@given(rows=st.integers(1, 6), columns=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_one_part_needs_nothing_and_more_parts_never_less(
    tmp_path_factory: pytest.TempPathFactory, rows: int, columns: int
) -> None:
    folder = tmp_path_factory.mktemp("d")
    totals = [sum(handed(branches(), divided(folder, *parts)).values()) for parts in ((1, 1), (rows, columns), (8, 8))]
    assert totals[0] == 0
    assert np.all(np.diff(totals) >= 0)
