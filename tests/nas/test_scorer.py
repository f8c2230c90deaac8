"""The scorer agrees with the model, one by one and in batches, remembers, and travels to workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.machines import machine

from accelsim import InputError, NoMappingError, Scorer, evaluate, load_hardware, load_network, network_template
from accelsim.config.library import available
from accelsim.errors import BrokenLawError
from accelsim.nas import members, scorer
from accelsim.nas.scores import Scores
from accelsim.parameters import Points
from accelsim.schedule import catalog
from accelsim.schedule.design import Design
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.schedule.laws import VARIABLE
from accelsim.schedule.result import METRICS, Metrics
from accelsim.workload.builder import Builder
from accelsim.workload.network import Network
from accelsim.workload.ops import Bits

Write = Callable[..., Path]
SPACES = [name for name in sorted(available("network")) if network_template(name).spec.space is not None]
TEMPLATES = ("systolic", "npu", "edge_tpu")


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave it to the tests to hold scores against evaluations."""
    monkeypatch.delenv(VARIABLE)


def same(scores: Scores, wanted: list[Metrics | None]) -> bool:
    """Return whether scores are these figures, to the last bit."""
    if scores.legal.tolist() != [one is not None for one in wanted] or set(scores.metrics) != set(METRICS):
        return False
    rows = [dict.fromkeys(METRICS) if one is None else one.flat() for one in wanted]
    return all(
        value == figure or (value is None and np.isnan(figure))
        for name in METRICS
        for value, figure in zip([row[name] for row in rows], scores.metrics[name].tolist(), strict=True)
    )


def small(bits: Bits | None = None, channels: int = 4) -> Network:
    b = Builder((1, 2, 1, 6), bits)
    b.linear("fc", b.conv("conv", b.input, channels, 1, activation="relu"), 3)
    return Network("small", tuple(b.nodes))


# --------------------------------------------------------------------------------------------------------- one by one


@pytest.mark.parametrize("hardware", TEMPLATES)
def test_a_score_is_the_totals_of_an_evaluation(hardware: str) -> None:
    score = Scorer(hardware)
    for name in ("mobilenet_v3_small", "resnet8", "deit_tiny", "unet", "llm_decode", "codenet"):
        network = load_network(name)
        assert score(network) == evaluate(network, load_hardware(hardware)).totals, name


def test_settings_of_the_hardware_count() -> None:
    network = load_network("mobilenet_v3_small", resolution=160)
    expected = evaluate(network, load_hardware("systolic", rows=16, dataflow="output_stationary")).totals
    assert Scorer("systolic", rows=16, dataflow="output_stationary")(network) == expected


def test_the_second_score_comes_from_memory() -> None:
    score, network = Scorer("npu"), load_network("mobilenet_v2", width=0.5)
    first = score(network)
    same_again = load_network("mobilenet_v2", width=0.5)
    assert same_again is not network
    assert score(same_again) is first


def test_different_networks_are_not_confused() -> None:
    score = Scorer("npu")
    little, large = score(load_network("mobilenet_v2", width=0.35)), score("mobilenet_v2")
    assert little.macs < large.macs
    assert little.latency_ms < large.latency_ms


def test_networks_that_differ_in_wiring_or_results_alone_are_not_confused() -> None:
    score = Scorer("systolic")

    def wired(*, again: bool, outputs: tuple[str, ...] | None = None) -> Network:
        b = Builder((1, 4, 6, 6))
        x = b.conv("one", b.input, 4)
        y = b.conv("two", x, 4)
        b.combine("add", "add", y, x if again else b.input)
        return Network("wired", tuple(b.nodes), outputs=outputs)

    networks = [wired(again=True), wired(again=False), wired(again=True, outputs=("one", "add"))]
    found = [score(network) for network in networks]
    assert found == [evaluate_totals(network, load_hardware("systolic")) for network in networks]
    assert len({(figures.peak_memory_bytes, figures.dram_bytes) for figures in found}) == 3


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_REMEMBERED", 2)
    score = Scorer("npu")
    networks = [load_network("mobilenet_v3_small", resolution=r) for r in (96, 128, 160)]
    first = [score(network) for network in networks]
    assert score(networks[2]) is first[2]
    again = score(networks[0])
    assert again == first[0]
    assert again is not first[0]


def test_it_can_be_pickled_and_scores_the_same_in_another_process() -> None:
    score = Scorer("edge_tpu", lanes=32)
    expected = score("mobilenet_v3_small")
    copy = pickle.loads(pickle.dumps(score))
    assert copy("mobilenet_v3_small") == expected
    assert repr(copy) == "Scorer('edge_tpu', lanes=32)"
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(score, "mobilenet_v3_small").result() == expected


def test_a_mistake_is_told_when_the_scorer_is_made() -> None:
    with pytest.raises(InputError, match="Did you mean 'lanes'"):
        Scorer("edge_tpu", lames=32)


def test_what_does_not_fit_is_told_as_an_evaluation_tells_it(tmp_path: Path) -> None:
    template = machine(tmp_path)
    score = Scorer(template.source.path, buffer_bytes=8)
    with pytest.raises(NoMappingError) as told:
        score(small())
    with pytest.raises(NoMappingError) as wanted:
        evaluate(small(), template.instantiate({"buffer_bytes": 8}))
    assert str(told.value) == str(wanted.value)


def test_a_network_without_products_is_refused() -> None:
    b = Builder((1, 4, 6, 6))
    b.pool("pool", "max_pool", b.input)
    network, score = Network("pools", tuple(b.nodes)), Scorer("npu")
    for ask in (lambda: score(network), lambda: score.many([small(), network])):
        with pytest.raises(InputError, match="multiply-accumulates"):
            ask()


def test_an_area_that_is_not_modelled_is_none_or_nan(tmp_path: Path) -> None:
    path = machine(tmp_path, ("kind: sram", "kind: rooted")).source.path
    assert Scorer(path)(small()).area_mm2 is None
    found = Scorer(path).many([small()])
    assert np.isnan(found.metrics["area_mm2"]).all()
    assert same(found, [Scorer(path)(small())])


# ----------------------------------------------------------------------------------------------------------- in batches


def test_many_networks_are_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_AT_ONCE", 3)
    networks: list[Network | str] = [load_network("mobilenet_v2", width=width) for width in (0.35, 0.5, 0.75, 1.0)]
    networks += ["resnet8", "deit_tiny", "mobilenet_v3_small"]
    for hardware in TEMPLATES:
        alone = Scorer(hardware)
        assert same(Scorer(hardware).many(networks), [alone(network) for network in networks])
    assert len(Scorer("npu").many([])) == 0
    assert set(Scorer("npu").many([]).metrics) == set(METRICS)


def test_widths_of_a_network_are_its_own_in_a_batch(tmp_path: Path) -> None:
    """Widths decide over leakage and area, over what stays, and over what fits."""
    keeps = "double_buffered: true, keeps: [W, I, O], keep_share: 1.0}"
    template = machine(tmp_path, ("double_buffered: true}", keeps))
    networks = [small(bits, 2 + place) for place, bits in enumerate((Bits(), Bits(32, 32, 32, 64), Bits(4, 4, 4, 16)))]
    for size in (20, 40, 200, 4096):
        design = template.instantiate({"buffer_bytes": size})
        wanted: list[Metrics | None] = []
        for network in networks:
            try:
                wanted.append(evaluate(network, design).totals)
            except NoMappingError:
                wanted.append(None)
        assert same(Scorer(template.source.path, buffer_bytes=size).many(networks * 2), wanted * 2)
        assert wanted.count(None) == (1 if size == 20 else 0)


@pytest.mark.parametrize("name", SPACES)
def test_members_are_the_networks_of_their_points(name: str) -> None:
    space, rng = network_template(name), np.random.default_rng(3)
    points = [space.members.sample(rng) for _ in range(3)]
    score, design = Scorer("systolic"), load_hardware("systolic")
    found = score.members(name, points)
    assert same(found, [evaluate_totals(space.build(point), design) for point in points])
    assert same(score.members(space, points[::-1]), [score(space.build(point)) for point in points[::-1]])


@pytest.mark.parametrize("hardware", ["npu", "edge_tpu"])
def test_members_on_other_hardware(hardware: str) -> None:
    for name in ("ofa_mobilenet_v3", "nasbench201"):
        space, rng = network_template(name), np.random.default_rng(4)
        points = [space.members.sample(rng) for _ in range(12)]
        score = Scorer(hardware)
        found = score.members(space, points)
        assert same(found, [evaluate_totals(space.build(point), load_hardware(hardware)) for point in points])
        assert same(score.members(space, Points.of(points)), [score(space.build(point)) for point in points])


def test_variants_are_built() -> None:
    score, variant = Scorer("npu"), network_template("tinynet_e")
    points = [{}, {"batch": 2}]
    for _ in range(2):
        assert same(score.members(variant, points), [score(variant.build(point)) for point in points])


def test_no_points_are_no_scores() -> None:
    found = Scorer("npu").members("mnasnet_space", [])
    assert len(found) == 0
    assert set(found.metrics) == set(METRICS)


def test_a_wrong_point_is_told_as_building_it_tells_it() -> None:
    space, score = network_template("ofa_mobilenet_v3"), Scorer("npu")
    for wrong in ({"depth_1": 7}, {"dept_1": 2}):
        with pytest.raises(InputError) as told:
            score.members(space, [{}, wrong, {"depth_1": 2}])
        with pytest.raises(InputError) as wanted:
            space.build(wrong)
        assert str(told.value) == str(wanted.value)


def test_members_that_cannot_be_put_together_keep_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    space, rng = network_template("ofa_mobilenet_v3"), np.random.default_rng(5)
    points = [space.members.sample(rng) for _ in range(12)]
    lengths = [len(space.build(point)) for point in points]
    score = Scorer("npu")
    wanted = [score(space.build(point)) for point in points]
    for most in (sorted(lengths)[6], 10):
        monkeypatch.setattr(members, "MOST_NODES", most)
        assert same(score.members(space, points), wanted)


def test_members_that_do_not_fit_have_no_figures(tmp_path: Path, write: Write) -> None:
    text = """\
schema_version: 1
parameters: {bits: {default: 8, choices: [4, 8, 32, 64]}}
input: [2, 1, 6]
bits: {W: bits, I: bits, O: bits}
layers: [{block: conv, out: 4, kernel: 1}, {block: classifier, out: 3}]
"""
    template, space = machine(tmp_path), network_template(write(text))
    score = Scorer(template.source.path, buffer_bytes=20)
    found = score.members(space, [{"bits": bits} for bits in (8, 64, 4, 32)])
    assert found.legal.tolist() == [True, False, True, False]
    assert all(np.isnan(values).tolist() == [False, True, False, True] for values in found.metrics.values())
    assert found.metrics["macs"][[0, 2]].tolist() == [space.build({}).macs] * 2


# ------------------------------------------------------------------------------------------------- what has grown large


def test_counts_that_no_float_holds_are_left_to_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    network, score = load_network("resnet8"), Scorer("npu")
    wanted, asked = evaluate_totals(network, load_hardware("npu")), list[str]()

    def watched(*given: Any) -> Metrics:
        asked.append(given[0].name)
        return evaluate_totals(*given)

    monkeypatch.setattr(scorer, "evaluate_totals", watched)
    assert score(network) == wanted
    assert not asked
    monkeypatch.setattr(scorer, "_WHOLE", float(network.macs))
    score = Scorer("npu")
    assert score(network) == wanted
    assert same(score.many([small(), network]), [score(small()), wanted])
    assert same(score.members("resnet8", [{}]), [wanted])
    assert set(asked) == {"resnet8"}


def test_a_scorer_outlives_its_catalog_and_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    score = Scorer("edge_tpu")
    space, rng = network_template("proxylessnas_space"), np.random.default_rng(6)
    points = [space.members.sample(rng) for _ in range(6)]
    wanted = [score(space.build(point)) for point in points]
    assert same(score.members(space, points), wanted)
    monkeypatch.setattr(catalog, "_MOST", 40)
    monkeypatch.setattr("accelsim.cost.store._MOST", 200)
    for _ in range(3):
        assert same(score.members(space, points), wanted)
        assert [score(space.build(point)) for point in points] == wanted


def test_spaces_are_forgotten_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_SPACES", 1)
    score, rng = Scorer("npu"), np.random.default_rng(7)
    for name in ("proxylessnas_space", "mnasnet_space", "proxylessnas_space"):
        space = network_template(name)
        points = [space.members.sample(rng) for _ in range(2)]
        assert same(score.members(name, points), [score(space.build(point)) for point in points])


def test_scores_are_held_against_evaluations_where_laws_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    true = Design.metrics
    network, points = load_network("resnet8"), [{}]
    assert Scorer("npu")(network) == evaluate_totals(network, load_hardware("npu"))
    assert len(Scorer("npu").members("resnet8", points)) == 1

    def wrong(self: Design, planned: Any) -> Any:
        found, legal = true(self, planned)
        return {**found, "energy_pj": found["energy_pj"] * (1 + 1e-15)}, legal

    monkeypatch.setattr(Design, "metrics", wrong)
    for ask in (
        lambda score: score(network),
        lambda score: score.many([network]),
        lambda score: score.members("resnet8", points),
    ):
        with pytest.raises(BrokenLawError, match=r"resnet8.*energy_pj"):
            ask(Scorer("npu"))


def test_scores_are_plain_columns() -> None:
    found = Scorer("npu").many(["resnet8", "autoencoder"])
    assert found.metrics["macs"].tolist() == [load_network(name).macs for name in ("resnet8", "autoencoder")]
    assert asdict(Scorer("npu")("resnet8"))["latency_cycles"] == found.metrics["latency_cycles"][0]
    turned = found.take(np.array([1, 0]))
    assert turned.metrics["params"].tolist() == found.metrics["params"].tolist()[::-1]
