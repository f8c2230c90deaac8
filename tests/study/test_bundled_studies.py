"""The studies that come along: they are what they say, and the real model runs them."""

from __future__ import annotations

import pytest

from accelsim.config.library import available
from accelsim.config.source import Source
from accelsim.study.plan import load_study, plan_study
from accelsim.study.runner import run_study


@pytest.mark.parametrize("name", sorted(available("study")))
def test_every_bundled_study_is_valid_and_described(name):
    plan = load_study(name)
    assert plan.name == name
    assert plan.total > 0
    assert plan.spec.description


def test_quickstart_sweeps_four_networks_over_three_templates():
    plan = load_study("quickstart")
    networks = {search.network.name for search in plan.searches}
    assert networks == {"mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "resnet50"}
    assert {search.hardware.name for search in plan.searches} == {"systolic", "npu", "edge_tpu"}
    for network in networks:
        assert sum(search.size for search in plan.searches if search.network.name == network) >= 500
    assert plan.notes == ()


def test_quickstart_varies_array_dataflow_buffer_and_bandwidth():
    varied = {search.hardware.name: set(search.space.names) for search in load_study("quickstart").searches}
    assert varied["systolic"] == {
        "hardware.rows", "hardware.columns", "hardware.dataflow", "hardware.buffer_kib", "hardware.dram_gbps",
    }  # fmt: skip
    assert varied["npu"] == {"hardware.atomic_c", "hardware.atomic_k", "hardware.buffer_kib", "hardware.dram_gbps"}
    assert {"hardware.pes_x", "hardware.lanes", "hardware.link_gbps"} < varied["edge_tpu"]


def test_cosearch_compares_joint_search_with_random_and_with_either_side():
    plan = load_study("cosearch_quickstart")
    arms = {search.arm: search for search in plan.searches}
    assert [objective.metric for objective in plan.criteria.objectives] == ["top1", "latency_ms", "energy_pj"]
    assert [constraint.metric for constraint in plan.criteria.constraints] == ["area_mm2"]
    assert {search.algorithm for search in plan.searches} == {"nsga2", "random"}
    assert len({search.budget for search in plan.searches}) == 1
    assert {search.seed for search in plan.searches} == set(plan.spec.search.seed)
    assert len(plan.spec.search.seed) >= 3
    joint = arms["joint nsga2"].space.names
    assert joint == arms["joint random"].space.names == (
        "network.width", "network.resolution", "hardware.rows", "hardware.columns", "hardware.dataflow",
        "hardware.buffer_kib", "hardware.dram_gbps",
    )  # fmt: skip
    assert arms["network only"].space.names == joint[:2]
    assert arms["hardware only"].space.names == joint[2:]


def test_the_real_model_runs_a_small_co_search(tmp_path):
    text = load_study("cosearch_quickstart").source.path.read_text(encoding="utf-8")
    small = text.replace("budget: ", "budget: 6 # of ").replace("seed: [", "seed: [9] # [")
    plan = plan_study(Source.parse(small, tmp_path / "small.yaml"))
    result = run_study(plan, tmp_path / "results", workers=1)
    assert result.complete
    assert len(result.records) == 4 * 6
    evaluated = [record for record in result.records if record.metrics]
    assert len(evaluated) >= 20
    for record in evaluated:
        assert 0 < record.metrics["utilization_overall"] <= 1
        assert record.metrics["energy_pj"] > 0
    again = run_study(plan, tmp_path / "again", workers=1)
    assert again.records == result.records
