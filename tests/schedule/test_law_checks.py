"""The run-time check (``ACCELSIM_CHECK=1``): each law is broken on purpose, and told by layer, law and both figures."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.machines import machine, network

from accelsim.errors import AccelsimError, BrokenLawError
from accelsim.hardware.accelerator import Accelerator
from accelsim.schedule import run as runs
from accelsim.schedule.evaluate import evaluate, evaluate_points
from accelsim.schedule.laws import LAWS, VARIABLE, check_evaluation, check_run, checking
from accelsim.schedule.result import Evaluation
from accelsim.schedule.steps import plan

pytestmark = pytest.mark.usefixtures("whole_tiles")

CONV, POOL, FC = range(3)
FINITE, OVERALL, SPATIAL, TEMPORAL, TRAFFIC, ENERGY, ROOM = LAWS


@pytest.fixture
def design(tmp_path: Path) -> Accelerator:
    return machine(tmp_path).instantiate({})


@pytest.fixture
def given(design: Accelerator, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what a run hands to the check: plans, design, result, rows, prices, base energy, room."""
    found: list[Any] = []
    monkeypatch.setattr(runs, "check_run", lambda *words: found.extend(words))
    runs.run([plan(network(), design.abilities)], design)
    assert len(found) == 7
    return found


def changed(values: np.ndarray, place: int, value: float) -> np.ndarray:
    """Return an array with another value at ``(place, 0)``."""
    copy = values.copy()
    copy[place, 0] = value
    return copy


def broken(given: list[Any], **figures: Any) -> BrokenLawError:
    """Return the error of a result with other figures."""
    plans, design, result, *rest = given
    with pytest.raises(BrokenLawError) as caught:
        check_run(plans, design, replace(result, **figures), *rest)
    return caught.value


def test_the_tests_run_with_the_check_on() -> None:
    assert checking()


def test_a_result_of_the_model_breaks_no_law(given: list[Any]) -> None:
    check_run(*given)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("figure", ["latency_cycles", "energy_pj", "steps", "dram_bytes"])
@pytest.mark.parametrize(("place", "layer"), [(CONV, "1.conv"), (FC, "3.fc")])
def test_figures_are_numbers(place: int, layer: str, figure: str, value: float, given: list[Any]) -> None:
    error = broken(given, **{figure: changed(getattr(given[2], figure), place, value)})
    assert error.layer == layer
    assert error.law.startswith(FINITE)
    assert str(error.found) == str(value)


@pytest.mark.parametrize(
    ("figures", "law", "found", "wanted"),
    [
        # 432 MACs on 16 PEs take 27 cycles at least; the layer takes 30 steps and 107 cycles.
        ({"latency_cycles": 26}, OVERALL, 26, 27),
        ({"latency_cycles": 29}, TEMPORAL, 30, 29),
        ({"steps": 26}, SPATIAL, 432, 16 * 26),
        ({"steps": 108}, TEMPORAL, 108, 107),
    ],
)
def test_the_laws_of_utilization(
    figures: dict[str, float], law: str, found: float, wanted: float, given: list[Any]
) -> None:
    error = broken(given, **{name: changed(getattr(given[2], name), CONV, value) for name, value in figures.items()})
    assert (error.layer, error.found, error.wanted) == ("1.conv", found, wanted)
    assert error.law.startswith(law)


@pytest.mark.parametrize(("place", "layer", "least"), [(CONV, "1.conv", 108), (POOL, "2.pool", 28), (FC, "3.fc", 19)])
def test_what_does_not_stay_has_to_move(place: int, layer: str, least: int, given: list[Any]) -> None:
    error = broken(given, dram_bytes=changed(given[2].dram_bytes, place, least - 1))
    assert (error.layer, error.found, error.wanted) == (layer, least - 1, least)
    assert error.law.startswith(TRAFFIC)


def test_what_stays_need_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "double_buffered: true, keeps: [I, O], keep_share: 0.5}"
    keeping = machine(tmp_path, ("double_buffered: true}", flags)).instantiate({})
    found: list[Any] = []
    monkeypatch.setattr(runs, "check_run", lambda *words: found.extend(words))
    runs.run([plan(network(), keeping.abilities)], keeping)
    check_run(*found)
    # The convolution's weights and input still come in, its result stays; the pool moves nothing outside.
    error = broken(found, dram_bytes=changed(found[2].dram_bytes, CONV, 83))
    assert (error.found, error.wanted) == (83, 72 + 12)
    assert found[2].dram_bytes[POOL, 0] == 0


@pytest.mark.parametrize(("place", "layer"), [(CONV, "1.conv"), (POOL, "2.pool"), (FC, "3.fc")])
def test_energy_is_the_sum_of_its_ledger(place: int, layer: str, given: list[Any]) -> None:
    energy = float(given[2].energy_pj[place, 0])
    for factor in (1 + 1e-6, 1 - 1e-6):
        error = broken(given, energy_pj=changed(given[2].energy_pj, place, energy * factor))
        assert (error.layer, error.found) == (layer, energy * factor)
        assert error.wanted == pytest.approx(energy, rel=1e-12)
        assert error.law.startswith(ENERGY)


def test_tiles_fit(given: list[Any]) -> None:
    plans, design, result, rows, charged, base, free = given
    row = rows.starts[result.which[0, 0]] + result.mac.row[0, 0]
    need = rows.room[row, 1]
    tight = free.copy()
    tight[1, 0, 0] = need - 1
    with pytest.raises(BrokenLawError) as caught:
        check_run(plans, design, result, rows, charged, base, tight)
    assert (caught.value.layer, caught.value.found, caught.value.wanted) == ("1.conv", need, need - 1)
    assert caught.value.law.startswith(ROOM)
    tight[1, 0, 0] = need
    check_run(plans, design, result, rows, charged, base, tight)


def test_designs_without_a_mapping_are_left_out(tmp_path: Path) -> None:
    """A figure of a design on which nothing fits means nothing; the others are checked."""
    outcomes = evaluate_points(network(), machine(tmp_path), [{"buffer_bytes": size} for size in (1, 1024)])
    assert [outcome.error is None for outcome in outcomes] == [False, True]


def test_the_error_names_layer_law_design_and_both_figures(given: list[Any]) -> None:
    error = broken(given, dram_bytes=changed(given[2].dram_bytes, CONV, 107))
    assert isinstance(error, AccelsimError)
    text = str(error)
    assert text.startswith(f"layer 1.conv breaks a law of the model: {TRAFFIC} (on machine, {{'rows': 4, 'columns': 4,")
    assert text.endswith("; got 107.0 against 108.0. Please report it")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.layer, again.found, again.wanted) == (text, "1.conv", 107.0, 108.0)


def test_the_check_runs_only_if_asked(design: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(runs, "check_run", lambda *_: calls.append("run"))
    monkeypatch.setattr("accelsim.schedule.evaluate.check_evaluation", lambda *_: calls.append("evaluation"))
    for value in ("0", "", "yes"):
        monkeypatch.setenv(VARIABLE, value)
        evaluate(network(), design)
    monkeypatch.delenv(VARIABLE)
    evaluate(network(), design)
    assert calls == []
    monkeypatch.setenv(VARIABLE, "1")
    evaluate(network(), design)
    assert calls == ["run", "evaluation"]


def totals(result: Evaluation, **figures: float | None) -> Evaluation:
    return replace(result, totals=replace(result.totals, **figures))


def wide(result: Evaluation) -> Evaluation:
    first = result.layers[0]
    use = replace(first.metrics.utilization, temporal=1.5)
    return replace(result, layers=(replace(first, metrics=replace(first.metrics, utilization=use)), *result.layers[1:]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda one: totals(one, macs=443), "macs of the network is the sum over its layers; got 443 against 444"),
        (lambda one: totals(one, dram_bytes=0.0), "dram_bytes of the network is the sum over its layers"),
        (lambda one: replace(one, ledger=one.ledger[1:]), "energy is the sum of the ledger"),
        (lambda one: replace(one, area_mm2={**one.area_mm2, "array": 9.0}), "area is the sum of its components"),
        (lambda one: replace(one, area_mm2={**one.area_mm2, "array": None}), "and absent if one is"),
        (lambda one: totals(one, area_mm2=None), "area is the sum of its components"),
        (wide, r"layer 1.conv breaks a law of the model: utilizations are in \[0, 1\]"),
    ],
)
def test_totals_layers_and_ledger_agree(
    change: Callable[[Evaluation], Evaluation], text: str, design: Accelerator
) -> None:
    result = evaluate(network(), design)
    check_evaluation(result)
    with pytest.raises(BrokenLawError, match=text):
        check_evaluation(change(result))
