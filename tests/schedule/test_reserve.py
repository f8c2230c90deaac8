"""Memory that the next batch uses again: what it held before goes, what was made of it does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from accelsim import Scorer, network_template
from accelsim.nas.scores import Scores
from accelsim.schedule.planned import Reserve


def test_memory_is_used_again_where_it_is_enough() -> None:
    reserve = Reserve()
    first = reserve.array("held", np.float64, 6, 2)
    assert first.shape == (6, 2)
    assert np.shares_memory(reserve.array("held", np.float64, 3), first)
    assert not np.shares_memory(reserve.array("written", np.float64, 3), first), "another name is another array"
    more = reserve.array("held", np.float64, 20)
    assert more.shape == (20,)
    assert not np.shares_memory(more, first)
    assert np.shares_memory(reserve.array("held", np.float64, 25), more), "some more than was asked for"
    assert reserve.array("seen", np.bool_, 4).dtype == np.bool_


def test_every_thread_has_its_own() -> None:
    reserve, both = Reserve(), Barrier(2)

    def own(_: int) -> np.ndarray:
        both.wait()
        return reserve.array("held", np.float64, 8)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(own, range(2))
    assert not np.shares_memory(one, other)


def equal(one: Scores, other: Scores) -> bool:
    return all(np.array_equal(values, other.metrics[name], equal_nan=True) for name, values in one.metrics.items())


def test_scores_stay_when_others_follow() -> None:
    """In this thread and, of the same scorer, in others."""
    space, rng = network_template("ofa_mobilenet_v3"), np.random.default_rng(0)
    batches = [[space.members.sample(rng) for _ in range(size)] for size in (40, 7, 60, 25)]
    alone = [Scorer("systolic").members(space, points) for points in batches]
    score = Scorer("systolic")
    assert all(map(equal, [score.members(space, points) for points in batches], alone))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda points: score.members(space, points), batches * 3))
    assert all(map(equal, found, alone * 3))
