"""A sweep says of every design what evaluating it alone says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.machines import machine, network
from random_networks import TEMPLATES, networks

from accelsim import evaluate, hardware_template
from accelsim.errors import InputError, NoMappingError, Problem
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Point
from accelsim.schedule.result import METRICS
from accelsim.schedule.steps import plan
from accelsim.schedule.sweep import Sweep, sweep
from accelsim.workload.network import Network

ProblemsOf = Callable[..., tuple[Problem, ...]]


def columns(points: list[Point]) -> dict[str, object]:
    return {name: np.array([point[name] for point in points]) for name in points[0]}


def check(found: Sweep, net: Network, template: HardwareTemplate, points: list[Point]) -> None:
    """Check that every design has the figures that it has alone, to the last bit."""
    assert len(found) == len(points)
    assert found.metrics.keys() == set(METRICS)
    assert all(values.shape == (len(points),) for values in found.metrics.values())
    for place, point in enumerate(points):
        assert found.points[place] == template.space.complete(point, template.name)
        mine = {name: float(values[place]) for name, values in found.metrics.items()}
        try:
            alone = evaluate(net, template.instantiate(point)).totals.flat()
        except NoMappingError:
            assert not found.legal[place]
            assert all(np.isnan(value) for value in mine.values())
            continue
        assert found.legal[place]
        for name, value in mine.items():
            expected = alone[name]
            assert np.isnan(value) if expected is None else value == expected, (name, point)


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=25)
@given(net=networks(), seed=st.integers(0, 10_000))
def test_every_design_is_as_it_is_alone(name: str, net: Network, seed: int) -> None:
    template, rng = hardware_template(name), np.random.default_rng(seed)
    # Of widths that the array does not compute with, everything goes to the host, and nothing is left to map.
    abilities = template.instantiate({}).abilities
    assume(abilities.engine is not None or plan(net, abilities).table.steps.macs.any())
    points = [template.space.sample(rng) for _ in range(5)]
    points = [points[place] for place in (0, 1, 2, 1, 3, 4, 0)]
    check(sweep(net, template, columns(points)), net, template, points)


def test_designs_that_differ_in_words_and_in_sizes_of_the_array_may_stand_side_by_side() -> None:
    template, flows = hardware_template("systolic"), ("output_stationary", "weight_stationary", "input_stationary")
    rng = np.random.default_rng(3)
    points: list[Point] = [
        {
            "dataflow": flows[rng.integers(3)],
            "rows": int(rng.choice([8, 16, 32])),
            "dram_gbps": int(rng.choice([4, 64])),
        }
        for _ in range(25)
    ]
    assert len({point["dataflow"] for point in points}) == 3
    check(sweep(network(), template, columns(points)), network(), template, points)


def test_defaults_and_single_values_are_those_of_every_design() -> None:
    template = hardware_template("npu")
    found = sweep(network(), template, {"buffer_kib": np.array([64, 256, 2048]), "dram_gbps": 4})
    points: list[Point] = [{"buffer_kib": size, "dram_gbps": 4} for size in (64, 256, 2048)]
    check(found, network(), template, points)
    alone = sweep(network(), template, {})
    check(alone, network(), template, [{}])


def test_where_nothing_fits_there_are_no_figures(tmp_path: Path) -> None:
    template, sizes = machine(tmp_path), [1024, 5, 64, 11, 12, 4096]
    found = sweep(network(), template, {"buffer_bytes": np.array(sizes)})
    # Tiles of one element, double-buffered: weights and inputs of a byte, a sum of four.
    assert found.legal.tolist() == [size >= 2 * (1 + 1 + 4) for size in sizes]
    check(found, network(), template, [{"buffer_bytes": size} for size in sizes])
    nowhere = sweep(network(), template, {"buffer_bytes": np.array([1, 2])})
    assert not nowhere.legal.any()
    assert all(np.isnan(values).all() for values in nowhere.metrics.values())


def test_what_is_not_modelled_is_not_a_number(tmp_path: Path) -> None:
    template = machine(tmp_path, ("clock:", "overrides: {multiplier_8bit_um2: null}\nclock:"))
    found = sweep(network(), template, {"rows": np.array([2, 4])})
    assert found.legal.all()
    assert np.isnan(found.metrics["area_mm2"]).all()
    assert not any(np.isnan(values).any() for name, values in found.metrics.items() if name != "area_mm2")
    check(found, network(), template, [{"rows": rows} for rows in (2, 4)])


def test_designs_costed_a_few_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    template, rng = hardware_template("pe_array"), np.random.default_rng(11)
    points = [template.space.sample(rng) for _ in range(12)]
    asked = columns([{**point, "rows": 8 if place % 3 else 12} for place, point in enumerate(points)])
    together = sweep(network(), template, asked)
    monkeypatch.setattr("accelsim.schedule.sweep._AT_ONCE", 2)
    few = sweep(network(), template, asked)
    for name, values in together.metrics.items():
        assert np.array_equal(values, few.metrics[name], equal_nan=True)


@pytest.mark.parametrize(
    ("parameters", "field", "message"),
    [
        ({"rows": np.array([8, 16]), "columns": np.array([8])}, "systolic", "arrays of different lengths"),
        ({"row": np.array([8])}, "systolic.row", "unknown parameter"),
        ({"rows": np.array([8, 9])}, "systolic.rows", "outside the domain"),
        ({"dataflow": np.array(["weight_stationary", "weights"])}, "systolic.dataflow", "outside the domain"),
    ],
)
def test_mistakes_are_named(parameters: dict[str, object], field: str, message: str, problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(sweep, network(), hardware_template("systolic"), parameters)
    assert problem.field == field
    assert message in problem.message


def test_a_network_without_macs_has_nothing_for_the_array(problems_of: ProblemsOf) -> None:
    net = network("schema_version: 1\ninput: [2, 4, 4]\nlayers:\n  - {block: global_pool}\n")
    (problem,) = problems_of(sweep, net, hardware_template("systolic"), {"rows": np.array([8, 16])})
    assert problem.message.startswith("no layer is made of multiply-accumulates")


def test_a_network_of_which_the_array_runs_nothing_says_why() -> None:
    """An Edge TPU computes with 8 bits alone."""
    layer = "schema_version: 1\ninput: [2, 4, 4]\nlayers:\n  - {block: conv, out: 4, kernel: 1, bits: {W: 4}}\n"
    with pytest.raises(InputError, match=r"every layer made of multiply-accumulates runs on the host \(bits\)"):
        sweep(network(layer), hardware_template("edge_tpu"), {})
