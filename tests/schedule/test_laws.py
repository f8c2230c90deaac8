"""Laws that hold for every network on every design."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import TEMPLATES, designs, networks, templates

from accelsim import evaluate, evaluate_points, hardware_template, load_network
from accelsim.cost.choose import choose
from accelsim.cost.prices import prices
from accelsim.cost.store import Rows
from accelsim.dims import Operand
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator, Memory
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Value
from accelsim.schedule.laws import compulsory_bytes, compulsory_on
from accelsim.schedule.result import Evaluation
from accelsim.schedule.run import Run, run
from accelsim.schedule.steps import plan
from accelsim.workload.network import Network
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "resnet18")
#: A bundled network at a low resolution, or a drawn one.
ANY_NETWORK = st.one_of(
    networks(), networks(), st.sampled_from(NETWORKS).map(lambda name: load_network(name, resolution=96))
)
BANDWIDTHS = ("bandwidth_bytes_per_cycle", "read_bytes_per_cycle", "write_bytes_per_cycle")


def one(network: Network, design: Accelerator) -> Evaluation | None:
    """Return the figures, or nothing if the network does not fit."""
    try:
        return evaluate(network, design)
    except NoMappingError:
        return None


@settings(max_examples=60)
@given(ANY_NETWORK, designs())
def test_utilization_is_a_product_and_a_share(network: Network, design: Accelerator) -> None:
    if (result := one(network, design)) is None:
        return
    for metrics in (result.totals, *(layer.metrics for layer in result.layers)):
        use = metrics.utilization
        assert 0 <= use.spatial <= 1
        assert 0 <= use.temporal <= 1
        assert use.overall == pytest.approx(use.spatial * use.temporal)
        assert use.overall == pytest.approx(metrics.macs / (result.peak_macs_per_cycle * metrics.latency_cycles))


def busy(memory: Memory, moved: npt.NDArray[np.float64]) -> float:
    """Return the cycles of a memory if its copies had equal shares; the busiest has at least that."""
    cycles = memory.busy_cycles(*moved)
    return 0.0 if cycles is None else float(cycles[0])


@settings(max_examples=60)
@given(ANY_NETWORK, designs())
def test_no_layer_is_faster_than_its_resources_allow(network: Network, design: Accelerator) -> None:
    """Of weights that an engine stages, it says itself which bytes keep memories busy while the layer runs."""
    if (result := one(network, design)) is None:
        return
    steps = plan(network, design.abilities)
    found = run([steps], design)
    # Behind the steps may stand a row for the invocation.
    for place, layer in enumerate(result.layers[: len(steps.steps)]):
        cycles = layer.metrics.latency_cycles
        assert cycles >= layer.metrics.macs / layer.peak_macs_per_cycle
        moved = found.moved(place, 0).sum(axis=1)
        if steps.steps[place].on_array and design.array.blocks is not None:
            front, row = found.mapped(place, 0)
            under_way = front.demand.one[row]
            assert np.array_equal(under_way, moved) or "staged on chip" in front.describe(row, [])
            moved = under_way
        for level, memory in enumerate(design.memories):
            assert cycles >= busy(memory, moved[level] / design.copies(level)[0]) * (1 - 1e-12)
        assert layer.slack >= 1


@settings(max_examples=60)
@given(ANY_NETWORK, designs())
def test_the_whole_is_the_sum_of_its_parts(network: Network, design: Accelerator) -> None:
    if (result := one(network, design)) is None:
        return
    ledger = sum(line.energy_pj for line in result.ledger if line.energy_pj is not None)
    assert ledger == pytest.approx(result.totals.energy_pj, rel=1e-9)
    for name in ("macs", "params", "latency_cycles", "energy_pj", "dram_bytes"):
        total = sum(getattr(layer.metrics, name) for layer in result.layers)
        assert total == pytest.approx(getattr(result.totals, name), rel=1e-12)
    assert result.totals.peak_memory_bytes == max(layer.metrics.peak_memory_bytes for layer in result.layers)
    for line in result.ledger:
        assert line.count >= 0
    for name in result.bandwidth_bytes_per_cycle:
        moved = sum(line.count for line in result.ledger if line.component == name)
        assert moved == pytest.approx(sum(layer.bytes_by_level[name] for layer in result.layers))


@settings(max_examples=60)
@given(ANY_NETWORK, designs())
def test_what_does_not_stay_moves_at_least_once(network: Network, design: Accelerator) -> None:
    """At the outermost memory, operand by operand; what stays does not move there at all."""
    steps = plan(network, design.abilities)
    found = run([steps], design)
    if not found.legal[0, 0]:
        return
    for place, step in enumerate(steps.steps):
        outer = found.moved(place, 0)[0]
        if not step.op.macs:
            continue
        flags = (found.stays.weights, found.stays.inputs, found.stays.outputs)
        least_of = compulsory_on(design, [step.op])[0]
        for operand, kept, least, (read, written) in zip(Operand, flags, least_of, outer, strict=True):
            moved = written if operand is Operand.O else read
            if kept[place, 0]:
                assert read == written == 0
            else:
                assert moved >= least * (1 - 1e-12)
            if operand is not Operand.O:
                assert written == 0, "only results are written"


@pytest.mark.parametrize(
    ("op", "least"),
    [
        # 3 x 3 over 8 x 8, one zero around: everything is met once.
        (convolution((1, 2, 8, 8), 4, (3, 3)), (4 * 2 * 9, 2 * 64, 4 * 64)),
        # A stride of 2 with a 1 x 1 filter meets every other row and column.
        (convolution((1, 2, 8, 8), 4, (1, 1), stride=(2, 2)), (8, 2 * 16, 4 * 16)),
        # Two taps 3 apart, no padding: positions 0..4 and 3..7 of a row of 8.
        (convolution((1, 1, 1, 8), 1, (1, 2), padding=(0, 0), dilation=(1, 3)), (2, 8, 5)),
        (fully_connected((2, 6, 1, 1), 5), (30, 12, 10)),
        # Two heads of 3 x 4 by 4 x 5: the second matrix stands in for weights.
        (matmul(3, 4, 5, heads=2), (2 * 4 * 5, 2 * 3 * 4, 2 * 3 * 5)),
    ],
)
def test_compulsory_bytes_by_hand(op: Op, least: tuple[float, float, float]) -> None:
    assert compulsory_bytes(op) == least


@settings(max_examples=25)
@given(networks(), templates, st.integers(0, 10_000))
def test_a_batch_is_its_designs_one_by_one(network: Network, template: HardwareTemplate, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = [template.space.sample(rng) for _ in range(6)]
    together = evaluate_points(network, template, points)
    for point, outcome in zip(points, together, strict=True):
        alone = one(network, template.instantiate(point))
        assert outcome.metrics == (None if alone is None else alone.totals.flat())
    assert evaluate_points(network, template, points[::-1]) == together[::-1]


def test_designs_costed_one_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, template = load_network("mobilenet_v3_small", resolution=96), hardware_template("systolic")
    rng = np.random.default_rng(5)
    points = [template.space.sample(rng) for _ in range(12)]
    together = evaluate_points(network, template, points)
    monkeypatch.setattr("accelsim.schedule.sweep._AT_ONCE", 1)
    assert evaluate_points(network, template, points) == together


def chosen_rows(found: Run) -> Rows:
    """Return the chosen row of every step made of MACs as the only one of its front."""
    picked = [found.mapped(place, 0) for place in map(int, found.table.array_places)]

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.stack([getattr(front.demand, name)[row] for front, row in picked])

    return Rows(
        moved=column("moved").sum(axis=2),
        one=column("one"),
        serial=column("serial"),
        ramp=column("ramp"),
        cycles=column("cycles"),
        steps=np.array([front.demand.steps[row] for front, row in picked]),
        room=column("room").sum(axis=2),
        allowed=column("allowed"),
        starts=np.arange(len(picked) + 1),
    )


def latencies(rows: Rows, design: Accelerator) -> npt.NDArray[np.float64]:
    count = len(rows.cycles)
    which = np.arange(count)[:, None]
    free = np.full((len(design.memories), count, 1), np.inf)
    return choose(rows, which, prices(design, np.zeros(1)), np.zeros(count), free).latency_cycles[:, 0]


def faster(design: Accelerator, level: int, factor: float) -> Accelerator:
    """Return the design with all bandwidths of one memory multiplied."""
    memories = list(design.memories)
    values = {name: getattr(memories[level], name) for name in BANDWIDTHS}
    scaled = {name: None if value is None else value * factor for name, value in values.items()}
    memories[level] = replace(memories[level], **scaled)
    return replace(design, memories=tuple(memories))


@settings(max_examples=40)
@given(ANY_NETWORK, designs())
def test_more_bandwidth_never_makes_a_mapping_slower(network: Network, design: Accelerator) -> None:
    found = run([plan(network, design.abilities)], design)
    if not found.legal[0, 0]:
        return
    rows = chosen_rows(found)
    for level in range(len(design.memories)):
        times = [latencies(rows, faster(design, level, factor)) for factor in (0.25, 1, 1.5, 8, 1e6)]
        for slow, fast in itertools.pairwise(times):
            assert np.all(fast <= slow * (1 + 1e-12))


@pytest.mark.parametrize("name", TEMPLATES)
def test_bandwidth_does_make_a_difference_somewhere(name: str) -> None:
    network, design = load_network("mobilenet_v2", resolution=96), hardware_template(name).instantiate({})
    rows = chosen_rows(run([plan(network, design.abilities)], design))
    assert np.any(latencies(rows, faster(design, 0, 1e6)) < latencies(rows, faster(design, 0, 0.1)))


@settings(max_examples=30)
@given(ANY_NETWORK, designs(), st.floats(1, 8))
def test_more_room_never_makes_the_best_mapping_worse(network: Network, design: Accelerator, factor: float) -> None:
    """With prices and whole tensors as they are: every mapping that fits still fits."""
    found = run([plan(network, design.abilities)], design)
    table, stays = found.table, found.stays
    fronts, count = [found.fronts[which] for which in found.which[:, 0]], len(table.array_places)
    asked = [front.demand for front in fronts]
    rows = Rows(
        moved=np.concatenate([each.moved.sum(axis=2) for each in asked]),
        one=np.concatenate([each.one for each in asked]),
        serial=np.concatenate([each.serial for each in asked]),
        ramp=np.concatenate([each.ramp for each in asked]),
        cycles=np.concatenate([each.cycles for each in asked]),
        steps=np.concatenate([front.demand.steps for front in fronts]),
        room=np.concatenate([each.room.sum(axis=2) for each in asked]),
        allowed=np.concatenate([each.allowed for each in asked]),
        starts=np.concatenate([[0], np.cumsum([len(front) for front in fronts])]),
    )
    charged, base = prices(design, np.ones(1)), np.ones(count)

    def best(more: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        free = np.full((len(design.memories), count, 1), np.inf)
        for level, memory in enumerate(design.memories):
            if memory.size_bytes is not None:
                free[level] = memory.size_bytes * more - stays.used_bytes[level][table.array_places]
        chosen = choose(rows, np.arange(count)[:, None], charged, base, free)
        return chosen.latency_cycles * (chosen.dynamic_pj + chosen.latency_cycles), chosen.legal

    (before, fitted), (after, fits) = best(1.0), best(factor)
    assert np.all(fits >= fitted)
    assert np.all(after[fitted] <= before[fitted])


def test_the_parameter_memory_is_a_cliff() -> None:
    """Weights that do not fit stream in at every inference; those that fit cost nothing more."""
    network, template = load_network("mobilenet_v2"), hardware_template("edge_tpu")
    points: list[Mapping[str, Value]] = [{"core_memory_kib": size} for size in (32, 64, 128, 240, 480)]
    moved = [outcome.metrics["dram_bytes"] for outcome in evaluate_points(network, template, points) if outcome.metrics]
    weights = sum(node.op.weights for node in network)
    outside = moved[-1]
    assert outside == moved[-2]
    # The input and the result; rows that neighbouring tiles of the first layer share come twice.
    assert 3 * 224 * 224 + 1000 <= outside <= 1.02 * (3 * 224 * 224 + 1000)
    largest = max(node.op.weights for node in network)
    for size, dram in zip((32, 64), moved[:2], strict=True):
        missing = weights - 0.95 * 16 * size * 1024
        assert missing <= dram - outside <= missing + largest


@pytest.mark.parametrize(("name", "kib"), [("mobilenet_v1", 1176), ("mobilenet_v2", 1470), ("mobilenet_v3_large", 980)])
def test_peak_activation_memory_of_networks_without_wide_shortcuts(name: str, kib: int) -> None:
    totals = evaluate(load_network(name), hardware_template("edge_tpu").instantiate({})).totals
    assert totals.peak_memory_bytes == kib * 1024
