"""The study file: its notation, and the text of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_fakes import COSEARCH, plan_of

from accelsim.config.library import available
from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.parameters import Choices
from accelsim.search.objectives import Constraint, Objective
from accelsim.study.plan import load_study, plan_study
from accelsim.workload.load import network_template

LEAST = """
schema_version: 1
networks: mobilenet_v2
hardware: systolic
"""


def problems_of(text):
    """Return the problems of a study as ``line field`` -> message."""
    with pytest.raises(InputError) as caught:
        plan_study(Source.parse(text, Path("my.yaml")))
    assert all(str(problem.file) == "my.yaml" for problem in caught.value.problems)
    return {f"{problem.line} {problem.field}": str(problem).partition("\n  ")[2] for problem in caught.value.problems}


# ---------------------------------------------------------------- notation


def test_the_least_study_has_finite_defaults():
    plan = plan_of(LEAST, "some/where/tiny.yaml")
    (search,) = plan.searches
    assert plan.name == "tiny"
    assert plan.folder == Path("results/tiny")
    assert (search.arm, search.algorithm, search.seed, search.budget) == ("grid", "grid", 0, 1000)
    assert plan.total == 1
    assert plan.criteria.objectives == (Objective("latency_ms", "min"), Objective("energy_pj", "min"))
    assert search.complete({}) == {}


def test_a_list_a_word_and_a_mapping_name_the_same_networks():
    for networks in ("mobilenet_v2", "[mobilenet_v2]", "{mobilenet_v2: }", "{mobilenet_v2: {}}"):
        plan = plan_of(f"schema_version: 1\nnetworks: {networks}\nhardware: systolic\n")
        assert [search.network.name for search in plan.searches] == ["mobilenet_v2"]


def test_a_value_fixes_a_list_restricts_and_all_takes_the_domain():
    plan = plan_of(
        "schema_version: 1\n"
        "networks: {mobilenet_v2: {resolution: all, width: [1.0, 0.5], batch: 4}}\n"
        "hardware: {systolic: {rows: 64, columns: [16.0, 128]}}\n"
    )
    (search,) = plan.searches
    assert search.network.fixed == {"batch": 4}
    assert search.hardware.fixed == {"rows": 64}
    assert search.space.names == ("network.width", "network.resolution", "hardware.columns")
    assert search.space["network.width"].domain == Choices((1.0, 0.5))
    assert search.space["network.resolution"].domain == network_template("mobilenet_v2").space["resolution"].domain
    columns = search.space["hardware.columns"].domain.grid()
    assert columns == [16, 128]
    assert all(isinstance(value, int) for value in columns)
    assert plan.total == 2 * 6 * 2


def test_a_default_outside_a_list_gives_way_to_its_first_member():
    plan = plan_of(
        "schema_version: 1\nnetworks: mobilenet_v2\nhardware: {systolic: {rows: [64, 16], columns: [8, 32]}}\n"
    )
    defaults = plan.searches[0].space.defaults()
    assert defaults == {"hardware.rows": 64, "hardware.columns": 32}


def test_objectives_imply_their_goal_and_can_override_it():
    plan = plan_of(LEAST + "objectives: {utilization_overall: , area_mm2: max}\n")
    assert plan.criteria.objectives == (Objective("utilization_overall", "max"), Objective("area_mm2", "max"))


def test_constraints_are_read_with_units():
    plan = plan_of(LEAST + "constraints: {area_mm2: <= 4e6 um^2, latency_ms: '< 0.01 s'}\n")
    area, latency = plan.criteria.constraints
    assert area == Constraint("area_mm2", "<=", pytest.approx(4.0))
    assert latency == Constraint("latency_ms", "<", pytest.approx(10.0))


def test_options_beside_the_algorithm_and_several_seeds():
    plan = plan_of(LEAST + "search: {algorithm: nsga2, population: 8, budget: 64, seed: [3, 4]}\n")
    assert [(s.arm, s.seed, s.budget, dict(s.options)) for s in plan.searches] == [
        ("nsga2", 3, 64, {"population": 8}),
        ("nsga2", 4, 64, {"population": 8}),
    ]


def test_an_arm_may_vary_one_side_and_hold_the_other_at_its_defaults():
    plan = plan_of(COSEARCH)
    by_arm = {search.arm: search for search in plan.searches}
    joint, network, hardware = by_arm["evolved"], by_arm["network only"], by_arm["hardware only"]
    assert joint.held == {}
    assert network.space.names == ("network.width", "network.resolution")
    assert network.held == {
        "hardware.rows": 32,
        "hardware.columns": 32,
        "hardware.dataflow": "weight_stationary",
        "hardware.buffer_kib": 512,
    }
    assert hardware.held == {"network.width": 1.0, "network.resolution": 224}
    point = {"network.width": 0.5, "network.resolution": 96}
    assert tuple(network.complete(point)) == joint.space.names
    assert (network.size, hardware.size) == (36, 48)


def test_the_chance_of_a_search_does_not_depend_on_its_neighbours():
    end = "npu: {atomic_c: all, buffer_kib: all}}\nsearch: {algorithm: random, budget: 6, seed: 5}\n"
    alone = plan_of("schema_version: 1\nnetworks: resnet50\nhardware: {" + end)
    among = plan_of("schema_version: 1\nnetworks: [resnet18, resnet50]\nhardware: {systolic: {rows: all}, " + end)
    first, second = ({(s.network.name, s.hardware.name): s for s in plan.searches} for plan in (alone, among))
    whom = ("resnet50", "npu")
    assert first[whom].start(2).ask(6) == second[whom].start(2).ask(6)
    assert second[whom].start(2).ask(6) != second["resnet18", "npu"].start(2).ask(6)


def test_a_grid_cut_to_the_budget_is_said():
    plan = plan_of(LEAST.replace("systolic", "{systolic: {rows: all, columns: all}}") + "search: {budget: 10}\n")
    assert plan.total == 10
    assert plan.notes == ("grid: of 25 combinations for mobilenet_v2 on systolic the budget allows 10, spread evenly",)


def test_a_network_of_ones_own_is_named_by_its_path(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text(network_template("mobilenet_v1").source.path.read_text(encoding="utf-8"), encoding="utf-8")
    plan = plan_of(f"schema_version: 1\nnetworks: ['{own}']\nhardware: systolic\n")
    assert plan.searches[0].network.name == "mine"
    assert plan.searches[0].network.path == own


# ---------------------------------------------------------------- mistakes


def test_unknown_key():
    assert problems_of(LEAST + "objectivs: [energy_pj]\n") == {
        "5 objectivs": "unknown key; got 'objectivs'; use schema_version, description, networks, hardware, objectives, "
        "constraints, accuracy, search, report, workers, output. Did you mean 'objectives'?"
    }


def test_unknown_network_in_a_block_list_points_at_its_line():
    text = "schema_version: 1\nnetworks:\n  - resnet50\n  - mobilenet_v9\nhardware: systolic\n"
    listed = ", ".join(list(available("network"))[:16])
    assert problems_of(text) == {
        "4 networks.mobilenet_v9": f"no such network; got 'mobilenet_v9'; use {listed}, .... "
        "Did you mean 'mobilenet_v2'?"
    }


def test_unknown_template():
    listed = ", ".join(list(available("hardware"))[:16]) + (", ..." if len(available("hardware")) > 16 else "")
    assert problems_of(LEAST.replace("systolic", "sistolic")) == {
        "4 hardware.sistolic": f"no such hardware; got 'sistolic'; use {listed}. Did you mean 'systolic'?"
    }


def test_unknown_parameter():
    found = problems_of("schema_version: 1\nnetworks:\n  mobilenet_v2:\n    widht: 0.5\nhardware: systolic\n")
    assert found == {
        "4 networks.mobilenet_v2.widht": "unknown parameter of mobilenet_v2; got 'widht'; use width, resolution, "
        "batch. Did you mean 'width'?"
    }


def test_value_outside_the_domain_alone_and_in_a_list():
    text = LEAST.replace("systolic", "\n  systolic:\n    rows: 33\n    dataflow: [output_stationry]")
    assert problems_of(text) == {
        "6 hardware.systolic.rows": "outside the domain; got 33; use 8, 16, 32, 64, 128.",
        "7 hardware.systolic.dataflow[0]": "outside the domain; got 'output_stationry'; use weight_stationary, "
        "output_stationary, input_stationary. Did you mean 'output_stationary'?",
    }


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("{choices: [8]}", "not a setting; got {'choices': [8]}; use a value, a list of values, or all."),
        ("", "not a setting; got None; use a value, a list of values, or all."),
        ("[]", "the list is empty; use 8, 16, 32, 64, 128."),
        ("[8, 16, 8]", "a value stands here twice; got 8."),
        ("[[8]]", "outside the domain; got [8]; use 8, 16, 32, 64, 128."),
    ],
)
def test_what_is_not_a_setting(setting, text):
    found = problems_of(LEAST.replace("systolic", f"\n  systolic:\n    rows: {setting}"))
    assert list(found.values()) == [text]


def test_unknown_objective_and_wrong_goal():
    assert problems_of(LEAST + "objectives:\n  latency: min\n  energy_pj: minimise\n") == {
        "6 objectives.latency": "unknown metric; got 'latency'; use params, macs, latency_cycles, latency_ms, "
        "energy_pj, edp_pj_ms, utilization_spatial, utilization_temporal, utilization_overall, dram_bytes, "
        "peak_memory_bytes, area_mm2. Did you mean 'latency_ms'?",
        "7 objectives.energy_pj": "got 'minimise'; use min or max.",
    }


def test_accuracy_without_an_estimator_and_with_an_unknown_one():
    assert problems_of(LEAST + "objectives: [top1]\n") == {
        "5 objectives.top1": "top1 comes from an accuracy estimator, and the study names none; "
        "use 'accuracy: mobilenet_v2_grid'."
    }
    assert problems_of(LEAST + "objectives: [top1]\naccuracy: mobilenet_grid\n") == {
        "6 accuracy": "unknown accuracy estimator; got 'mobilenet_grid'; use mobilenet_v2_grid. "
        "Did you mean 'mobilenet_v2_grid'?"
    }


def test_malformed_constraint_and_wrong_unit():
    assert problems_of(LEAST + "constraints:\n  area_mm2: 4\n  energy_pj: <= 2 ms\n  area: <= 4\n") == {
        "6 constraints.area_mm2": "not a constraint; got '4'; use one of <=, >=, <, >, a number and optionally a unit, "
        "such as '<= 4 mm^2'.",
        "7 constraints.energy_pj": "'ms' is not a unit of energy; got '<= 2 ms'; use a unit as in '0.2 pJ'.",
        "8 constraints.area": "unknown metric; got 'area'; use params, macs, latency_cycles, latency_ms, energy_pj, "
        "edp_pj_ms, utilization_spatial, utilization_temporal, utilization_overall, dram_bytes, peak_memory_bytes, "
        "area_mm2. Did you mean 'area_mm2'?",
    }


def test_unknown_algorithm():
    assert problems_of(LEAST + "search: {algorithm: nsga3}\n") == {
        "5 search.algorithm": "unknown search algorithm; got 'nsga3'; use grid, nsga2, random. Did you mean 'nsga2'?"
    }


def test_unknown_option_and_option_out_of_range():
    assert problems_of(LEAST + "search:\n  algorithm: random\n  budjet: 20\n") == {
        "7 search.budjet": "unknown option of random; got 'budjet'; use algorithm, budget, seed, vary, arms. "
        "Did you mean 'budget'?"
    }
    assert problems_of(LEAST + "search:\n  algorithm: nsga2\n  population: 1\n") == {
        "7 search.population": "got 1; use a whole number of at least 2."
    }


def test_budget_and_seed_and_workers():
    assert problems_of(LEAST + "search:\n  budget: 0\n  seed: [2, 2]\nworkers: 0\n") == {
        "6 search.budget": "got 0; use more than 0.",
        "7 search.seed": "a seed stands here twice; got [2, 2].",
        "8 workers": "got 0; use more than 0.",
    }


def test_mistakes_in_arms():
    text = LEAST + (
        "search:\n  population: 4\n  algorithm: grid\n  arms:\n    a: {algorithm: randm}\n"
        "    b: {algorithm: nsga2, populaton: 4}\n    c: {vary: network}\n    d: {vary: nothing}\n"
    )
    assert problems_of(text) == {
        "6 search.population": "beside arms this belongs in an arm; got 'population'; use budget, seed, arms.",
        "7 search.algorithm": "beside arms this belongs in an arm; got 'algorithm'; use budget, seed, arms.",
        "9 search.arms.a.algorithm": "unknown search algorithm; got 'randm'; use grid, nsga2, random. "
        "Did you mean 'random'?",
        "10 search.arms.b.populaton": "unknown option of nsga2; got 'populaton'; use population, "
        "crossover_probability, crossover_eta, mutation_eta, algorithm, budget, vary. Did you mean 'population'?",
        "11 search.arms.c.vary": "it varies nothing: no parameter under networks is a list or 'all'.",
        "12 search.arms.d.vary": "got 'nothing'; use both, network, hardware.",
    }


def test_report_by_an_unknown_metric():
    found = problems_of(LEAST + "report: {best_by: energy}\n")
    assert list(found) == ["5 report.best_by"]
    assert found["5 report.best_by"].endswith("Did you mean 'energy_pj'?")


def test_nothing_named():
    assert problems_of("schema_version: 1\nnetworks: []\nhardware: {}\n") == {
        "2 networks": "name at least one; got [].",
        "3 hardware": "name at least one.",
    }


def test_lists_hold_names_alone_and_none_twice():
    text = "schema_version: 1\nnetworks: [resnet50, resnet50]\nhardware: [systolic: {rows: 8}]\n"
    assert problems_of(text) == {
        "2 networks": "a name stands here twice; got ['resnet50', 'resnet50'].",
        "3 hardware": "a list holds names alone; to set parameters write 'name: {parameter: value}' in each line; "
        "got [{'systolic': {'rows': 8}}].",
    }


def test_two_files_of_one_name_cannot_be_told_apart(tmp_path):
    own = tmp_path / "resnet50.yaml"
    own.write_text(network_template("resnet50").source.path.read_text(encoding="utf-8"), encoding="utf-8")
    found = problems_of(f"schema_version: 1\nnetworks: ['{own}', resnet50]\nhardware: systolic\n")
    assert list(found.values()) == ["a second network is called 'resnet50'; the results could not be told apart."]


def test_mistakes_of_form_and_of_meaning_come_together_from_top_to_bottom():
    text = (
        "schema_version: 1\ndescripton: typo\nnetworks: mobilenet_v9\nhardware: {systolic: {rows: 33}}\n"
        "objectives: [latency]\nsearch: {budget: -1, algorithm: anneal}\n"
    )
    assert list(problems_of(text)) == [
        "2 descripton",
        "3 networks.mobilenet_v9",
        "4 hardware.systolic.rows",
        "5 objectives.latency",
        "6 search.budget",
        "6 search.algorithm",
    ]


def test_a_missing_section_is_named():
    (problem,) = problems_of("schema_version: 1\nnetworks: resnet50\n").items()
    assert problem == ("1 hardware", "this key is required and is missing.")


def test_a_mistake_inside_a_network_file_is_placed_in_that_file(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("schema_version: 1\ninput: [3, 8, 8]\nlayers:\n  - {block: convv, out: 8}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        plan_study(Source.parse(f"schema_version: 1\nnetworks: '{broken}'\nhardware: sistolic\n", Path("my.yaml")))
    places = [(Path(str(problem.file)).name, problem.line) for problem in caught.value.problems]
    assert places[0] == ("my.yaml", 3)
    assert ("broken.yaml", 4) in places[1:]


def test_no_such_study():
    with pytest.raises(InputError, match=r"no such study; got 'quikstart'; use .*Did you mean 'quickstart'"):
        load_study("quikstart")
