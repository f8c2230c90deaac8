"""Chains of layers in stripes of rows: a chain worked out by hand, rows counted one by one, and what always holds."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.machines import machine
from schedule.random_networks import any_width, networks

from accelsim.cost.prices import prices
from accelsim.dims import Operand
from accelsim.errors import InputError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate, load_hardware
from accelsim.nas import Scorer
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.schedule.again import again_of, inside_of
from accelsim.schedule.evaluate import evaluate, evaluate_points, evaluate_totals
from accelsim.schedule.residency import Stay, stay
from accelsim.schedule.run import run
from accelsim.schedule.steps import Plan, plan, planned
from accelsim.workload.builder import Builder
from accelsim.workload.network import Network

ARRAY = "array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}"
CELLS = "array: {engine: cells, rows: rows, columns: columns, dispatch_cycles: 10}"
PLAIN = "bandwidth: 16 B/cycle, kind: sram, double_buffered: true}"
#: So slow that whatever goes out is waited for.
SLOW = ("bandwidth: 4 B/cycle", "bandwidth: 0.25 B/cycle")
ROOMY = ("default: 1024, range: [1, 65536]", "default: 4096, range: [1, 1048576]")


def striped(
    folder: Path, share: float, *, more: str = "", stripes: str = "true", array: str = CELLS
) -> HardwareTemplate:
    """Return the machine with cells, whose buffer of 4096 bytes keeps feature maps in that share of it."""
    keeps = f", keeps: [I, O], keep_share: {share}, stripes: {stripes}{more}}}"
    return machine(folder, (ARRAY, array), SLOW, ROOMY, (PLAIN, PLAIN.replace("}", keeps)))


def whole(design: Accelerator) -> Accelerator:
    """Return the design without stripes."""
    return replace(design, memories=tuple(replace(memory, stripes=False) for memory in design.memories))


def block(side: int = 8, kernel: int = 3, stride: int = 1, *, skip: bool = False, wide: int = 16) -> Network:
    """Return an inverted residual behind a pointwise convolution, then a mean and a classifier."""
    b = Builder((1, 2, side, side))
    x = b.conv("stem", b.input, 4, 1)
    y = b.depthwise("depthwise", b.conv("expand", x, wide, 1), kernel, stride=stride)
    y = b.conv("project", y, 4, 1)
    if skip and stride == 1:
        y = b.combine("add", "add", y, x)
    b.fully_connected("fc", b.pool("mean", "average_pool", y), 3)
    return Network("block", tuple(b.nodes))


def decided(network: Network, design: Accelerator) -> tuple[Plan, Stay]:
    steps = plan(network, design.abilities)
    return steps, stay(steps.table.steps, design)


# A row of the maps takes: stem 32 bytes, expand 128, depthwise 128, project 32; each has 8 rows.


@pytest.mark.usefixtures("whole_tiles")
def test_a_block_by_hand(tmp_path: Path) -> None:
    """1536 bytes hold neither of the wide maps of 1024, but three rows of one and, with two shared, five of the other.

    Beside them lie stem and project whole, 256 bytes each: ``(1536 - 2 x 256 - 2 x 128) / 256 = 3`` rows of the result,
    so three stripes of at most 3 rows, and ``512 + 5 x 128 + 3 x 128 = 1536`` bytes.
    """
    design = striped(tmp_path, 1536 / 4096).instantiate({})
    steps, stays = decided(block(), design)
    assert [step.name for step in steps.steps[:4]] == ["stem", "expand", "depthwise", "project"]
    assert stays.stripes[:, 0].tolist() == [1, 3, 3, 3, 1, 1]
    assert stays.outputs[:, 0].tolist() == [True, True, True, True, True, False]
    assert stays.used_bytes[1][:, 0].tolist() == [256, 1536, 1536, 1536, 256 + 4, 4]
    # Two more stripes start each layer (10 cycles) and read its weights again, at 4 cycles a byte.
    found = run([planned(block(), design.abilities)], design)
    assert found.again is not None
    weights = [0, 64, 144, 64, 0, 0]
    assert found.again.weights[:, 0].tolist() == [2 * size for size in weights]
    assert found.again.cycles[:, 0].tolist() == [0, 2 * (10 + 256), 2 * (10 + 576), 2 * (10 + 256), 0, 0]
    # All else is what the layers take where everything fits.
    roomy = evaluate(block(), striped(tmp_path, 0.5).instantiate({"buffer_bytes": 65536}))
    here = evaluate(block(), design)
    for place, (layer, free) in enumerate(zip(here.layers, roomy.layers, strict=True)):
        assert layer.stripes == stays.stripes[place, 0]
        assert layer.metrics.latency_cycles == free.metrics.latency_cycles + found.again.cycles[place, 0]
        assert layer.metrics.dram_bytes == free.metrics.dram_bytes + found.again.weights[place, 0]
        dram, buffer = (layer.bytes_by_level[name] - free.bytes_by_level[name] for name in ("dram", "buffer"))
        assert dram == buffer == found.again.weights[place, 0], "read in one, written in the other"


@pytest.mark.parametrize(
    ("room", "stripes", "project"),
    [
        (2048, [1, 1, 1, 1, 1, 1], True),  # both wide maps side by side
        (2047, [1, 1, 2, 2, 1, 1], True),  # expand and project whole, five rows of depthwise
        (1792, [1, 1, 2, 2, 1, 1], True),  # the same with four
        (1791, [2, 2, 2, 2, 1, 1], True),  # three would be a turn more, at 852 cycles each; four layers once: 1160
        (1535, [3, 3, 3, 3, 1, 1], True),  # (1535 - 256 - 2 x 160) / 288 = 3 rows, all maps but project in stripes
        (1280, [1, 4, 4, 4, 1, 1], True),  # (1280 - 768) / 256 = 2 rows
        (1279, [4, 4, 4, 4, 1, 1], True),
        (1024, [1, 4, 4, 4, 1, 1], False),  # one row beside project, or project (2048 cycles out and in) goes for two
    ],
)
def test_the_chain_that_costs_least_is_taken(tmp_path: Path, room: int, stripes: list[int], project: bool) -> None:
    _, stays = decided(block(), striped(tmp_path, room / 4096).instantiate({}))
    assert stays.stripes[:, 0].tolist() == stripes
    assert stays.outputs[:, 0].tolist() == [True, True, True, project, True, False]
    assert stays.used_bytes[1].max() <= room


def test_what_does_not_even_fit_in_stripes_goes_out_as_before(tmp_path: Path) -> None:
    design = striped(tmp_path, 50 / 4096).instantiate({})
    _, stays = decided(block(), design)
    assert (stays.stripes == 1).all()
    assert evaluate_totals(block(), design) == evaluate_totals(block(), whole(design))


def test_a_shortcut_takes_its_room_while_the_chain_runs(tmp_path: Path) -> None:
    """The stem's result is read by the sum behind the chain as well; the sum's own result lies whole, and in its rows.

    In the chain of the four, project has rows of 32 bytes too: ``(1536 - 512 - 256) / 288 = 2`` rows, so 4 stripes.
    """
    steps, stays = decided(block(skip=True), striped(tmp_path, 1536 / 4096).instantiate({}))
    chain = [step.name for step, count in zip(steps.steps, stays.stripes[:, 0], strict=True) if count > 1]
    assert chain in (["expand", "depthwise", "project", "add"], ["expand", "depthwise", "project"])
    places = [place for place, count in enumerate(stays.stripes[:, 0]) if count > 1]
    beside = 256 + 256  # the stem's result, and the last of the chain
    assert stays.used_bytes[1][places[0], 0] >= beside + 256 + 2 * 256 * 8 / stays.stripes[places[0], 0] / 2
    assert stays.used_bytes[1].max() <= 1536
    assert stays.outputs[0, 0], "it stays for the sum"


def test_every_part_down_a_map_has_a_row_of_a_stripe(tmp_path: Path) -> None:
    """Each of two parts has a row of depthwise; borders of what it reads are those of ``2 x 4`` parts down the map."""
    parts = ", divided: {rows: 2, columns: 1, bandwidth: 2 B/cycle}"
    design = striped(tmp_path, 1536 / 4096, more=parts).instantiate({})
    _, stays = decided(block(), design)
    assert stays.stripes[:, 0].tolist() == [1, 1, 4, 4, 1, 1]
    found = run([planned(block(), design.abilities)], design)
    assert found.handed is not None
    assert found.handed[2, 0] == 16 * 8 * 8, "each row lies beside one of another part"
    roomy = striped(tmp_path, 0.9, more=parts).instantiate({"buffer_bytes": 65536})
    once = run([planned(block(), roomy.abilities)], roomy).handed
    assert once is not None
    assert once[2, 0] == 16 * 8 * 2, "a row on either side of the cut"


def test_one_part_has_what_it_kept_of_the_stripe_before(tmp_path: Path) -> None:
    parts = ", divided: {rows: 1, columns: 1, bandwidth: 2 B/cycle}"
    design = striped(tmp_path, 1536 / 4096, more=parts).instantiate({})
    found = run([planned(block(), design.abilities)], design)
    assert found.stays.stripes.max() == 3
    assert found.handed is not None
    assert not found.handed.any()


def needed(network: Network, steps: Plan, chain: list[int], height: int) -> dict[int, int]:
    """Return the most rows of each map in between that a stripe needs, walking windows stripe by stripe."""
    most: dict[int, int] = {}
    ops = {place: steps.steps[place].op for place in chain}
    last = chain[-1]
    for start in range(0, ops[last].output_shape[-2], height):
        ranges = {last: (start, min(start + height, ops[last].output_shape[-2]))}
        for place in reversed(chain):
            op, (first, end) = ops[place], ranges[place]
            low = max(0, first * op.stride[1] - op.padding[1])
            high = min(op.input_shape[-2], (end - 1) * op.stride[1] - op.padding[1] + op.span(1, 1))
            for read in steps.steps[place].reads:
                if read.writer in ops:
                    known = ranges.get(read.writer, (low, high))
                    ranges[read.writer] = (min(known[0], low), max(known[1], high))
        for place, (first, end) in ranges.items():
            most[place] = max(most.get(place, 0), end - first)
    return most


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    side=st.integers(6, 24),
    kernels=st.lists(st.sampled_from([1, 3, 5]), min_size=2, max_size=5),
    strides=st.lists(st.integers(1, 2), min_size=5, max_size=5),
    share=st.floats(0.05, 0.6),
)
def test_rows_counted_window_by_window_have_their_room(
    tmp_path: Path, side: int, kernels: list[int], strides: list[int], share: float
) -> None:
    b = Builder((1, 2, side, side))
    x = b.conv("first", b.input, 3, 1)
    for place, (kernel, stride) in enumerate(zip(kernels, strides, strict=False)):
        x = b.conv(f"conv{place}", x, 4 + 5 * (place % 2), kernel, stride=stride)
    b.fully_connected("fc", b.pool("mean", "average_pool", x), 3)
    network = Network("net", tuple(b.nodes))
    design = striped(tmp_path, share).instantiate({})
    steps, stays = decided(network, design)
    counts = stays.stripes[:, 0].tolist()
    assert stays.used_bytes[1].max() <= share * 4096
    before = decided(network, whole(design))[1]
    assert ((before.stripes == 1) & (before.used_bytes[1] <= share * 4096)).all()
    chain = [place for place, count in enumerate(counts) if count > 1]
    if not chain or len({counts[place] for place in chain}) > 1 or chain[-1] - chain[0] >= len(chain):
        return  # several chains
    if not all(stays.outputs[place, 0] for place in chain[:-1]):
        return
    rows = steps.steps[chain[-1]].op.output_shape[-2]
    height = ceil(rows / counts[chain[-1]])
    assert ceil(rows / height) == counts[chain[-1]]
    live = needed(network, steps, chain, height)
    room = sum(
        steps.steps[place].output_bytes / steps.steps[place].op.output_shape[-2] * live[place] for place in chain[:-1]
    )
    room += steps.steps[chain[-1]].output_bytes if stays.outputs[chain[-1], 0] else 0.0
    assert room <= stays.used_bytes[1][chain[0], 0]


small = st.builds(
    lambda link, dispatch, border, parts: any_width("edge_tpu").instantiate(
        {"link_gbps": link, "dispatch_cycles": dispatch, "border_rate": border, "pes_x": 2, "pes_y": parts}
    ),
    st.sampled_from([0.04, 0.4, 4, 32]),
    st.sampled_from([0, 730]),
    st.sampled_from([0.11, 4]),
    st.sampled_from([1, 2]),
)
blocks = st.builds(
    block,
    st.integers(8, 40),
    st.sampled_from([3, 5]),
    st.integers(1, 2),
    wide=st.sampled_from([8, 48]),
    skip=st.booleans(),
)


def shrunk(design: Accelerator, size: float) -> Accelerator:
    """Return the design with so many bytes for feature maps."""
    held = [
        replace(memory, size_bytes=np.full(len(design), size)) if memory.stripes else memory
        for memory in design.memories
    ]
    return replace(design, memories=tuple(held))


@settings(max_examples=100, deadline=None)
@given(blocks | networks(), small, st.floats(0.2, 2.5))
def test_stripes_never_make_a_network_slower_and_leave_alone_what_fits(
    network: Network, design: Accelerator, share: float
) -> None:
    design = shrunk(design, 64 + share * max(node.op.bytes_of(Operand.O) for node in network))
    in_stripes, before = evaluate(network, design), evaluate(network, whole(design))
    assert in_stripes.totals.latency_cycles <= before.totals.latency_cycles
    stays = decided(network, whole(design))[1]
    if stays.outputs[:-1].all():
        assert in_stripes == before


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2)])
def test_the_more_memory_the_less_is_waited_for(tmp_path: Path, kernel: int, stride: int) -> None:
    """What goes out and comes back, at 4 cycles a byte, and what stripes do again."""
    network, sizes = block(kernel=kernel, stride=stride), np.arange(100, 3000, 20)
    design = striped(tmp_path, 0.8).instantiate({"buffer_bytes": sizes})
    plans, stays = decided(network, design)
    steps, charged = plans.table.steps, prices(design, np.zeros(len(sizes)))
    out = np.zeros(len(sizes))
    for place, step in enumerate(plans.steps[:-1]):
        out += ~stays.outputs[place] * step.output_bytes
        out += sum(~stays.outputs[read.writer] * read.bytes for read in plans.steps[place + 1].reads)
    again = again_of(steps, stays, charged, inside_of(design))
    assert again is not None
    waited = 4 * out + again.cycles.sum(axis=0)
    assert waited[0] > waited[-1] == 0
    assert (np.diff(waited) <= 0).all()
    assert (stays.used_bytes[1] <= 0.8 * sizes).all()


def test_what_is_not_made_row_by_row_ends_a_chain(tmp_path: Path) -> None:
    """Squeeze-excite scales a map by a mean over all of it, so it has to be there as a whole, or go out."""
    b = Builder((1, 2, 8, 8))
    x = b.conv("wide", b.conv("stem", b.input, 4, 1), 16, 1)
    y = b.depthwise("depthwise", x, 3)
    z = b.combine("scale", "scale", y, b.conv("gate", b.pool("mean", "average_pool", y), 16, 1))
    b.fully_connected("fc", b.pool("last", "average_pool", b.conv("project", z, 4, 1)), 3)
    network = Network("net", tuple(b.nodes))
    steps, stays = decided(network, striped(tmp_path, 1000 / 4096).instantiate({}))
    counts = {
        step.name: (int(n), bool(out))
        for step, n, out in zip(steps.steps, stays.stripes[:, 0], stays.outputs[:, 0], strict=True)
    }
    assert counts["depthwise"][1] is False
    assert counts["wide"][0] == counts["depthwise"][0] > 1
    assert counts["mean"][0] == counts["gate"][0] == 1


def test_a_design_has_the_same_figures_alone_and_among_others(tmp_path: Path) -> None:
    striped(tmp_path, 0.375)
    network = block(side=10, stride=2)
    points = [{"buffer_bytes": size, "rows": rows} for size in (600, 2000, 4096, 9000, 60000) for rows in (2, 4)]
    outcomes = evaluate_points(network, tmp_path / "machine.yaml", points)
    counts = set()
    for point, outcome in zip(points, outcomes, strict=True):
        design = load_hardware(tmp_path / "machine.yaml", **point)
        alone = evaluate(network, design)
        counts.add(max(layer.stripes for layer in alone.layers))
        assert outcome.metrics == alone.totals.flat()
        assert Scorer(tmp_path / "machine.yaml", **point)(network).flat() == alone.totals.flat()
    assert len(counts) > 2, "the designs differ in stripes"


@pytest.mark.parametrize("question", QUESTIONS)
def test_explanations_work_out_what_stripes_do_again(tmp_path: Path, question: str) -> None:
    """``explain`` itself refuses sums that do not give the model's figures."""
    parts = ", divided: {rows: 2, columns: 1, bandwidth: 2 B/cycle}"
    design = striped(tmp_path, 1536 / 4096, more=parts).instantiate({})
    network = block(skip=True)
    layers = evaluate(network, design).layers
    assert sum(layer.stripes > 1 for layer in layers) > 2
    for layer in layers:
        found = explain(question, network, design, layer.name)
        assert (f"in {layer.stripes} stripes" in found.subject) == (layer.stripes > 1)
        lines = [line.what for part in found.parts for line in part.lines]
        if layer.stripes > 1 and question == "cycles":
            assert "started again, weights read again" in lines
            assert f"(in {layer.stripes} stripes)" in layer.waits_for
    explain(question, network, design)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keeps: [I, O], ", "", r"stripes are of feature maps that are kept"),
        ("stripes: true", "stripes: 3", r"stripes"),
        ("stripes: true", "stripe: true", r"stripes"),
        (CELLS, ARRAY, r"memories\[1\]\.stripes.*engine systolic take cycles beyond their steps"),
        (
            CELLS,
            CELLS.replace("}", ", depthwise: {engine: systolic, dataflow: output_stationary, rows: 4, columns: 4}}"),
            r"memories\[1\]\.stripes.*systolic",
        ),
        ("bandwidth: 0.25 B/cycle,", "bandwidth: 0.25 B/cycle, stripes: true, keeps: [I, O],", r"leave stripes out"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    striped(tmp_path, 0.5)
    text = (tmp_path / "machine.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "wrong.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=f"(?s){said}"):
        load_hardware(tmp_path / "wrong.yaml")


def test_engines_with_rules_of_their_own_take_no_stripes(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "hw_templates" / "ethos_u55.yaml"
    text = source.read_text(encoding="utf-8")
    wrong = text.replace("    keeps: [I, O]\n", "    keeps: [I, O]\n    stripes: true\n", 1)
    assert wrong != text
    (tmp_path / "wrong.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(InputError, match="cuts ops by rules of its own"):
        load_hardware(tmp_path / "wrong.yaml")
