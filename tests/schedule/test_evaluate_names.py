"""Networks and hardware may be given by name, as everywhere else; what is not known is named."""

from __future__ import annotations

from typing import Any

import accelsim as acs
from accelsim.schedule.evaluate import evaluate, evaluate_points

ProblemsOf = Any


def test_names_give_what_the_objects_do() -> None:
    network, hardware = acs.load_network("ds_cnn"), acs.load_hardware("npu")
    assert evaluate("ds_cnn", "npu") == evaluate(network, hardware)
    (outcome,) = evaluate_points("ds_cnn", "npu", [{}])
    assert outcome.metrics is not None
    assert outcome.metrics["energy_pj"] == evaluate(network, hardware).totals.energy_pj


def test_a_name_that_is_not_known_is_a_mistake_with_the_nearest_one(problems_of: ProblemsOf) -> None:
    assert "systolic" in str(problems_of(evaluate, "ds_cnn", "sistolic")[0])
    assert "ds_cnn" in str(problems_of(evaluate, "ds_cn", "systolic")[0])
