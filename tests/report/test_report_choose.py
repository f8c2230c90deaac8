"""Which designs the report shows, and that evaluating them again gives what the study stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_fakes import record, result_of, two_by_two

from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.report.choose import balanced, choose, findings_of, superlative
from accelsim.study.plan import plan_study
from accelsim.study.runner import run_study

ACCURATE = {"accuracy": "mobilenet_v2_grid", "objectives": ["top1", "latency_ms"]}


def test_the_best_design_has_the_least_energy_delay_product() -> None:
    # EDP 6, 5 and 8 pJ ms: the middle one is best although others are faster or thriftier.
    records = [record(0, 1.0, 6.0), record(1, 2.0, 2.5), record(2, 8.0, 1.0)]
    (choice,) = choose(result_of(records))
    assert choice.record.number == 1
    assert choice.champion
    assert choice.role == ""


def test_each_network_and_template_has_its_best_design_and_each_network_one_champion() -> None:
    records = [
        record(0, 4.0, 1.0, network="a", hardware="x"),
        record(1, 3.0, 1.0, network="a", hardware="x"),
        record(2, 2.0, 1.0, network="a", hardware="y"),
        record(3, 1.0, 1.0, network="b", hardware="x"),
        record(4, 9.0, 1.0, network="b", hardware="y"),
    ]
    chosen = [(c.record.number, c.champion) for c in choose(result_of(records))]
    assert chosen == [(1, False), (2, True), (3, True), (4, False)]


def test_among_equals_the_design_chosen_first_is_best() -> None:
    records = [record(7, 2.0, 3.0), record(3, 3.0, 2.0), record(5, 1.0, 6.0)]
    assert choose(result_of(records))[0].record.number == 3


@pytest.mark.parametrize(
    "unfit",
    [
        record(1, 0.1, 0.1, feasible=False),
        record(1, error="does not fit"),
        record(1, 0.1, 0.1, edp_pj_ms=None),
    ],
    ids=["misses a constraint", "failed", "metric not modelled"],
)
def test_a_design_that_is_not_fit_is_never_best(unfit) -> None:
    assert [c.record.number for c in choose(result_of([record(0), unfit]))] == [0]
    assert choose(result_of([unfit])) == []


def test_a_study_can_say_what_best_means() -> None:
    records = [record(0, 1.0, 6.0), record(1, 2.0, 2.5), record(2, 8.0, 1.0, utilization_overall=0.1)]
    by_energy = result_of(records, report={"best_by": "energy_pj"})
    assert choose(by_energy)[0].record.number == 2
    by_use = result_of(records, report={"best_by": "utilization_overall"})
    assert choose(by_use)[0].record.number == 0


def test_what_best_means_is_said_in_words() -> None:
    result = result_of([record(0)], objectives={"area_mm2": "max", "latency_ms": None})
    assert superlative(result, "edp_pj_ms") == "least EDP"
    assert superlative(result, "utilization_overall") == "highest overall utilization"
    assert superlative(result, "area_mm2") == "highest area"


def accurate_records() -> list:
    """Return four designs of a front and one beaten by all: accuracy and latency in percent and ms."""
    pairs = [(40.0, 1.0), (60.0, 2.0), (70.0, 6.0), (75.0, 11.0), (39.0, 12.0)]
    return [record(i, latency, latency, top1=top1) for i, (top1, latency) in enumerate(pairs)]


def test_the_balanced_design_is_nearest_to_the_ideal() -> None:
    # In shares of the front's extent (35 points, 10 ms) the distances to (75 %, 1 ms) are:
    # (1, 0) -> 1; (15/35, 1/10) -> 0.440; (5/35, 5/10) -> 0.520; (0, 1) -> 1.
    records = accurate_records()
    chosen = balanced(result_of(records, **ACCURATE), records)
    assert chosen is records[1]


def test_the_balance_does_not_depend_on_units() -> None:
    records = accurate_records()
    scaled = [replace(r, metrics=r.metrics | {"latency_ms": 1e6 * (r.metrics["latency_ms"] or 0) + 5}) for r in records]
    assert balanced(result_of(scaled, **ACCURATE), scaled) is scaled[1]


def test_nothing_is_balanced_where_nothing_is_feasible() -> None:
    records = [record(0, feasible=False, top1=1.0), record(1, error="failed")]
    assert balanced(result_of(records, **ACCURATE), records) is None


def test_one_design_is_its_own_balance() -> None:
    records = [record(0, top1=50.0)]
    assert balanced(result_of(records, **ACCURATE), records) is records[0]


def test_where_accuracy_is_wanted_the_cheapest_design_does_not_stand_alone() -> None:
    chosen = choose(result_of(accurate_records(), **ACCURATE))
    assert [(c.record.number, c.role, c.champion) for c in chosen] == [
        (0, "least EDP", True),
        (1, "balanced", False),
        (3, "highest top-1", False),
    ]


def test_a_maximised_utilization_adds_no_designs() -> None:
    result = result_of(two_by_two(), objectives=["latency_ms", "utilization_overall"])
    assert len(choose(result)) == 4


STUDY = """
schema_version: 1
networks: {mobilenet_v2: {width: 0.35, resolution: 96}}
hardware: {systolic: {rows: [16, 32], columns: 16}}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    plan = plan_study(Source.parse(STUDY, Path("small.yaml")))
    return run_study(plan, tmp_path_factory.mktemp("small"), workers=1)


def test_the_best_design_evaluated_again_gives_what_the_study_stored(small) -> None:
    findings = findings_of(small)
    (design,) = findings.designs
    assert design.title == "mobilenet_v2 on systolic"
    assert design.evaluation.totals.flat() == pytest.approx({k: design.record.metrics[k] for k in small_metrics()})
    assert design.evaluation.network_parameters["width"] == 0.35
    assert design.evaluation.hardware_parameters["columns"] == 16
    assert findings.notes == ()


def small_metrics() -> list[str]:
    from accelsim.schedule.result import METRICS

    return list(METRICS)


def test_a_study_older_than_the_model_is_told_apart(small) -> None:
    best = small.best(small.records)
    altered = replace(best, metrics=best.metrics | {"latency_ms": best.metrics["latency_ms"] / 2})
    altered = replace(altered, metrics=altered.metrics | {"edp_pj_ms": 0.0})
    old = replace(small, records=tuple(altered if r is best else r for r in small.records))
    (note,) = findings_of(old).notes
    assert note.startswith("mobilenet_v2 on systolic: the study stored")
    assert "of latency" in note
    assert "run the study again" in note


def test_a_template_that_is_gone_is_a_clear_mistake(small, tmp_path: Path) -> None:
    gone = small.spec.model_copy(update={"hardware": {str(tmp_path / "systolic.yaml"): {}}})
    with pytest.raises(InputError, match="no such file"):
        findings_of(replace(small, spec=gone))
