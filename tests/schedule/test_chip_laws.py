"""Laws of chips: one part is that part, two alike are one, a choice is never worse than no choice, entries agree."""

from __future__ import annotations

import itertools
import math
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.chips import Changes, chip_of, forced, write_chip
from oracle.machines import network
from random_networks import networks

from accelsim import load_hardware, load_network
from accelsim.hardware.chip import Chip, joined
from accelsim.hardware.load import hardware_template
from accelsim.nas.scorer import Scorer
from accelsim.schedule.assign import descend
from accelsim.schedule.chip import Assignment
from accelsim.schedule.evaluate import evaluate, evaluate_points, evaluate_totals
from accelsim.schedule.result import Metrics
from accelsim.schedule.sweep import sweep
from accelsim.workload.load import network_template
from accelsim.workload.network import Network

#: Two machines that are good at different layers: wide and slow, or narrow with fast vectors and maps on chip.
WIDE: Changes = [("clock: 1 GHz", "clock: 400 MHz"), ("default: 4, range", "default: 16, range")]
FAST: Changes = [("lanes: 4", "lanes: 32"), ("double_buffered: true}", "double_buffered: true, keeps: [I, O]}")]
PAIR = {"wide": WIDE, "fast": FAST}


def two(tmp_path: Path, more: str = "") -> Chip:
    return chip_of(tmp_path, PAIR, more)


def edp(found: Metrics) -> float:
    return found.energy_pj * found.latency_ms


@pytest.mark.parametrize("name", ["systolic", "npu", "edge_tpu", "dpu", "pe_array", "ethos_u55", "nvdla", "tpu_v4i"])
def test_a_chip_of_one_part_is_that_part(name: str) -> None:
    alone = load_hardware(name)
    assert not isinstance(alone, Chip)
    net = load_network("mobilenet_v2", width=0.35, resolution=96)
    one, other = evaluate(net, joined("one", ("it",), [alone], "shared", ())), evaluate(net, alone)
    assert one.totals == other.totals
    assert [row.metrics for row in one.layers] == [row.metrics for row in other.layers]
    assert [row.mapping.replace("it.", "") for row in one.layers] == [row.mapping for row in other.layers]
    assert [row.slack for row in one.layers] == [row.slack for row in other.layers]
    for column in ("count", "pj_per_action", "operand", "action"):
        assert [getattr(line, column) for line in one.ledger] == [getattr(line, column) for line in other.ledger]
    assert list(one.area_mm2.values()) == list(other.area_mm2.values())
    assert list(one.bandwidth_bytes_per_cycle.values()) == list(other.bandwidth_bytes_per_cycle.values())
    assert (one.peak_macs_per_cycle, one.clock_hz) == (other.peak_macs_per_cycle, other.clock_hz)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(net=networks())
def test_two_equal_parts_take_as_long_as_one(tmp_path: Path, net: Network) -> None:
    pair, single = chip_of(tmp_path, {"a": [], "b": []}), chip_of(tmp_path, {"a": []})
    both, one = evaluate(net, pair), evaluate(net, single)
    assert both.totals.latency_ms == one.totals.latency_ms
    assert both.totals.dram_bytes == one.totals.dram_bytes
    leaks = sum(line.energy_pj or 0.0 for line in one.ledger if "leakage" in line.component)
    assert both.totals.energy_pj == pytest.approx(one.totals.energy_pj + leaks), "the second does nothing but leak"
    assert both.totals.area_mm2 == pytest.approx(2 * (one.totals.area_mm2 or 0.0))
    assert both.totals.utilization.overall == pytest.approx(one.totals.utilization.overall / 2)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(net=networks())
def test_the_choice_is_no_worse_than_any_part_for_all(tmp_path: Path, net: Network) -> None:
    chip = two(tmp_path)
    free = edp(evaluate_totals(net, chip))
    for part in range(2):
        held = forced(chip, {node.name: part for node in net.nodes})
        assert free <= edp(evaluate_totals(net, held)) * (1 + 1e-9)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(net=networks(), data=st.data())
def test_what_the_choice_weighs_is_what_an_evaluation_gives(tmp_path: Path, net: Network, data: st.DataObject) -> None:
    chip, count = two(tmp_path), len(net.nodes)
    some = [data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)) for _ in range(3)]
    weighed = Assignment(net, chip).cost(np.array(some))
    for parts, cost in zip(some, weighed.tolist(), strict=True):
        held = forced(chip, {node.name: part for node, part in zip(net.nodes, parts, strict=True)})
        assert cost == pytest.approx(edp(evaluate_totals(net, held)) * 1e-3, rel=1e-12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(net=networks())
def test_on_small_networks_the_choice_is_the_best_of_all(tmp_path: Path, net: Network) -> None:
    asked = Assignment(net, two(tmp_path))
    every = np.array(list(itertools.product(range(2), repeat=len(net.nodes))))
    assert asked.cost(asked.best()[None])[0] == pytest.approx(asked.cost(every).min(), rel=1e-9)


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small"])
def test_on_large_networks_other_starts_find_little_more(name: str) -> None:
    chip, net = load_hardware("nasaic_like"), load_network(name, resolution=96)
    assert isinstance(chip, Chip)
    asked, rng = Assignment(net, chip), np.random.default_rng(0)
    best, ops = asked.best(), np.arange(len(net.nodes))
    found = [descend(rng.integers(0, 2, (1, len(ops))), asked.allowed, (ops,), asked.cost) for _ in range(4)]
    assert asked.cost(best[None])[0] <= 1.01 * asked.cost(np.stack(found)).min()


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(2, 3), st.integers(0, 1000), st.booleans())
def test_a_descent_ends_where_no_move_helps(ops: int, parts: int, seed: int, some_cannot: bool) -> None:
    """Costs of ops and of borders between them, as of a chain; and never on a part that cannot run an op."""
    rng = np.random.default_rng(seed)
    each, border = rng.uniform(1, 10, (ops, parts)), rng.uniform(0, 10, ops)
    allowed = rng.random((ops, parts)) < 0.6 if some_cannot else np.ones((ops, parts), dtype=bool)
    allowed[np.arange(ops), rng.integers(0, parts, ops)] = True
    asked: list[np.ndarray] = []

    def cost(some: np.ndarray) -> np.ndarray:
        asked.append(some)
        return each[np.arange(ops), some].sum(axis=1) + (np.diff(some, axis=1) != 0) @ border[1:]

    starts = np.argmax(allowed, axis=1)[None]
    found = descend(starts, allowed, (np.arange(ops),), cost)
    assert all(allowed[np.arange(ops), row].all() for some in asked for row in some)
    (value,) = cost(found[None])
    assert value <= cost(starts)[0]
    for op, part in itertools.product(range(ops), range(parts)):
        if allowed[op, part]:
            moved = found.copy()
            moved[op] = part
            assert value <= cost(moved[None])[0] * (1 + 1e-8)


def test_every_entry_gives_the_same_figures(tmp_path: Path) -> None:
    more = "parameters: {rows: {default: 16, choices: [4, 8, 16]}}\n"
    path = write_chip(tmp_path, PAIR, more)
    text = path.read_text(encoding="utf-8").replace("wide.yaml}", "wide.yaml, parameters: {rows: rows}}")
    path.write_text(text, encoding="utf-8")
    template, net, rows = hardware_template(path), network(), (16, 4, 8)
    wanted = [evaluate_totals(net, load_hardware(path, rows=row)).flat() for row in rows]
    assert len({str(one) for one in wanted}) == 3
    assert [one.metrics for one in evaluate_points(net, template, [{"rows": row} for row in rows])] == wanted
    assert [evaluate_points(net, template, [{"rows": row}])[0].metrics for row in rows] == wanted
    swept = sweep(net, template, {"rows": np.array(rows)})
    assert swept.legal.all()
    for row, one in zip(rows, wanted, strict=True):
        place = rows.index(row)
        assert {name: values[place] for name, values in swept.metrics.items()} == one
        score = Scorer(path, rows=row)
        assert score(net).flat() == one
        assert score(net).flat() == one, "from memory"
        assert {name: values[0] for name, values in score.many([net]).metrics.items()} == one
        assert pickle.loads(pickle.dumps(score))(net).flat() == one


def test_members_of_a_space_are_scored_on_a_chip_too() -> None:
    space, score = network_template("nasbench201"), Scorer("nasaic_like")
    points = [space.members.sample(np.random.default_rng(seed)) for seed in range(2)]
    found = score.members(space, points)
    for place, point in enumerate(points):
        wanted = evaluate_totals(space.build(point), load_hardware("nasaic_like")).flat()
        assert {name: values[place] for name, values in found.metrics.items()} == wanted


def test_the_scorer_tells_layers_apart_by_name_if_a_rule_does(tmp_path: Path) -> None:
    chip = write_chip(tmp_path, PAIR, "assign: [{layers: 'a*', part: wide}]\n")
    score, net = Scorer(chip), network()
    first, *rest = net.nodes
    named = Network("other", (replace(first, name="a"), replace(rest[0], inputs=("a",)), *rest[1:]))
    other = Network("third", (first, replace(rest[0], name="a"), replace(rest[1], inputs=("a",)), *rest[2:]))
    assert [score(one) for one in (named, other)] == [
        evaluate_totals(one, load_hardware(chip)) for one in (named, other)
    ]


def test_an_evaluation_is_of_one_chip() -> None:
    with pytest.raises(ValueError, match="batch of 2"):
        evaluate(network(), load_hardware("nasaic_like", dla_c=np.array([8, 16])))


def test_more_of_a_part_is_used_where_it_is_better() -> None:
    """The published pair: depthwise layers go to the output-stationary part, which is faster at most of them."""
    chip, net = load_hardware("nasaic_like"), load_network("mobilenet_v2", resolution=128)
    found = evaluate(net, chip)
    depthwise = [row.part for row in found.layers if row.op.startswith("depthwise")]
    dense = [row.part for row in found.layers if row.op.startswith("pointwise")]
    assert depthwise.count("shi") > len(depthwise) / 2
    assert dense.count("dla") > len(dense) / 2
    each = [evaluate_totals(net, load_hardware(f"nasaic_like.{part}")) for part in ("dla", "shi")]
    assert found.totals.latency_ms < 0.5 * min(one.latency_ms for one in each)
    assert math.isclose(found.totals.energy_pj, sum(line.energy_pj or 0.0 for line in found.ledger), rel_tol=1e-9)


@pytest.mark.parametrize("network_name", ["mobilenet_v2", "mobilenet_v3_large", "resnet50"])
def test_the_figures_in_the_documents_are_those_of_the_model(network_name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "hardware.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{network_name}` \|(.*)\|$", page, re.MULTILINE)
    assert row is not None
    net = load_network(network_name)
    names = ("nasaic_like.dla", "nasaic_like.shi", "nasaic_like")
    found = [evaluate_totals(net, load_hardware(name)).latency_ms for name in names]
    assert [f"{one:.3g}" for one in found] == [cell.strip() for cell in row[1].split("|")]
