"""Records and progress: what a design's outcome becomes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from study_fakes import COSEARCH, plan_of

from accelsim.schedule.result import METRICS, Outcome
from accelsim.search.objectives import Objective
from accelsim.study.judge import Judge, side_point
from accelsim.study.progress import Tracker
from accelsim.study.record import Record

PLAN = plan_of(COSEARCH)
SEARCH = PLAN.searches[0]
POINT = SEARCH.complete(SEARCH.space.defaults())
FIGURES = dict.fromkeys(METRICS, 2.0)


def judged(metrics, error=None, point=POINT):
    judge = Judge(PLAN.criteria, PLAN.spec.accuracy)
    record = judge.record(SEARCH, 4, point, Outcome(metrics, error))
    return record, judge.verdict(record)


def test_a_good_design():
    record, verdict = judged(FIGURES)
    assert (record.number, record.arm, record.seed) == (4, "evolved", 1)
    assert (record.network, record.hardware) == ("mobilenet_v2", "systolic")
    assert record.metrics == {**FIGURES, "top1": 71.8}
    assert record.feasible
    assert record.error is None
    assert verdict.values == (-71.8, 2.0, 2.0)
    assert verdict.violation == 0


def test_a_design_beyond_a_constraint_is_no_failure():
    record, verdict = judged({**FIGURES, "area_mm2": 7.5})
    assert not record.feasible
    assert record.error is None
    assert verdict.values == (-71.8, 2.0, 2.0)
    assert verdict.violation == pytest.approx(0.5)


def test_a_failed_design():
    record, verdict = judged(None, "W needs 9 KiB, has 8")
    assert (record.error, record.feasible, record.metrics) == ("W needs 9 KiB, has 8", False, {})
    assert verdict.values == (math.inf,) * 3
    assert verdict.violation == math.inf


def test_an_outcome_of_nothing_at_all_is_a_failure_in_words():
    assert judged(None)[0].error == "the evaluation returned nothing"


def test_an_area_that_is_not_modelled_cannot_meet_a_bound():
    record, verdict = judged({**FIGURES, "area_mm2": None})
    assert record.error == "area_mm2 is not modelled, so area_mm2 <= 5 mm^2 cannot be checked"
    assert not record.feasible
    assert verdict.violation == math.inf


def test_a_refused_estimate_names_the_reason_and_keeps_the_figures():
    record, verdict = judged(FIGURES, point={**POINT, "network.width": 1.3, "network.resolution": 96})
    assert record.metrics == {**FIGURES, "top1": None}
    assert record.error.startswith("mobilenet_v2_grid does not extrapolate")
    assert verdict.values == (math.inf,) * 3


def test_figures_become_plain_numbers():
    record, _ = judged({**FIGURES, "macs": np.int64(7), "energy_pj": np.float64(1.5), "dram_bytes": np.inf})
    assert record.metrics["macs"] == 7
    assert type(record.metrics["macs"]) is int
    assert type(record.metrics["energy_pj"]) is float
    assert record.metrics["dram_bytes"] is None


def test_a_side_of_a_design_is_what_the_study_sets_and_what_it_varies():
    plan = plan_of(
        "schema_version: 1\nnetworks: {resnet18: {width: all}}\nhardware: {npu: {atomic_c: 8, atomic_k: all}}\n"
    )
    (search,) = plan.searches
    point = {"network.width": 0.5, "hardware.atomic_k": 16}
    assert side_point(search.hardware, "hardware", point) == {"atomic_c": 8, "atomic_k": 16}
    assert side_point(search.network, "network", point) == {"width": 0.5}


# ---------------------------------------------------------------- progress


def record(network, latency, top1, feasible=True):
    metrics = {"latency_ms": latency, "top1": top1}
    return Record(number=0, arm="a", network=network, hardware="h", point={}, metrics=metrics, feasible=feasible)


def test_the_tracker_keeps_the_best_of_each_network_and_objective():
    seen = []
    tracker = Tracker(6, (Objective.of("latency_ms"), Objective.of("top1")), seen.append)
    tracker.add([record("n", 3.0, 70.0), record("m", 1.0, 60.0), record("n", 0.1, 99.0, feasible=False)], resumed=True)
    tracker.report()
    tracker.add([record("n", 5.0, 75.0)])
    tracker.report()
    first, second = seen
    assert (first.done, first.total, first.rate_per_s) == (3, 6, 0.0)
    assert first.best == {"n": {"latency_ms": 3.0, "top1": 70.0}, "m": {"latency_ms": 1.0, "top1": 60.0}}
    assert second.done == 4
    assert second.rate_per_s > 0
    assert second.best["n"] == {"latency_ms": 3.0, "top1": 75.0}
    assert first.best["n"]["top1"] == 70.0


def test_a_network_without_a_feasible_design_has_no_best():
    seen = []
    tracker = Tracker(1, (Objective.of("latency_ms"),), seen.append)
    tracker.add([record("n", 1.0, 1.0, feasible=False)])
    tracker.report()
    assert seen[0].best == {"n": {}}


def test_no_callback_is_fine():
    Tracker(1, (), None).report()
