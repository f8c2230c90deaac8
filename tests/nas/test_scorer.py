"""The scorer agrees with the model, remembers, and travels to workers."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from accelsim import InputError, Scorer, evaluate, load_hardware, load_network


def test_a_score_is_the_totals_of_an_evaluation() -> None:
    network = load_network("mobilenet_v3_small", resolution=160)
    expected = evaluate(network, load_hardware("systolic", rows=16, dataflow="output_stationary")).totals
    assert Scorer("systolic", rows=16, dataflow="output_stationary")(network) == expected


def test_the_second_score_comes_from_memory() -> None:
    score, network = Scorer("npu"), load_network("mobilenet_v2", width=0.5)
    first = score(network)
    same = load_network("mobilenet_v2", width=0.5)
    assert same is not network
    assert score(same) is first


def test_different_networks_are_not_confused() -> None:
    score = Scorer("npu")
    small, large = score(load_network("mobilenet_v2", width=0.35)), score("mobilenet_v2")
    assert small.macs < large.macs
    assert small.latency_ms < large.latency_ms


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.nas.scorer._REMEMBERED", 2)
    score = Scorer("npu")
    networks = [load_network("mobilenet_v3_small", resolution=r) for r in (96, 128, 160)]
    first = [score(network) for network in networks]
    assert score(networks[2]) is first[2]
    again = score(networks[0])
    assert again == first[0]
    assert again is not first[0]


def test_it_can_be_pickled_and_scores_the_same_in_another_process() -> None:
    score = Scorer("edge_tpu", columns=32)
    expected = score("mobilenet_v3_small")
    copy = pickle.loads(pickle.dumps(score))
    assert copy("mobilenet_v3_small") == expected
    assert repr(copy) == "Scorer('edge_tpu', columns=32)"
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(score, "mobilenet_v3_small").result() == expected


def test_a_mistake_is_told_when_the_scorer_is_made() -> None:
    with pytest.raises(InputError, match="Did you mean 'columns'"):
        Scorer("edge_tpu", colums=32)
