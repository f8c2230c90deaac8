"""Memory that the next batch uses again: what it held before goes, what was made of it does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from accelsim import Scorer, network_template
from accelsim.nas.scores import Scores
from accelsim.schedule.planned import Draft, Planned, Reserve, Room, filled

ROOM = Room(networks=2, nodes=8, steps=8, reads=9, most_nodes=4, inputs=1, longest=4)


def arrays(held: tuple[Planned, Draft]) -> list[np.ndarray]:
    """Return all arrays of a plan and its draft."""
    plan, draft = held
    return [*plan.steps, *plan[1:], *draft]


def shared(one: tuple[Planned, Draft], other: tuple[Planned, Draft]) -> list[bool]:
    return [np.shares_memory(a, b) for a, b in zip(arrays(one), arrays(other), strict=True)]


def test_memory_is_used_again_where_it_is_enough() -> None:
    reserve = Reserve()
    first = reserve.of(ROOM, 2)
    assert first[0].steps.work.shape == (8, 2)
    assert len(first[0].steps.first_read) == 9
    assert len(first[0].steps.starts) == 3
    assert len(first[1].ended) == 6
    assert all(shared(reserve.of(ROOM._replace(steps=3, nodes=5), 2), first))
    assert not any(shared(reserve.of(ROOM, 1), first)), "of another vector unit"


def test_with_more_of_anything_there_is_room_for_some_more() -> None:
    for name, most in ROOM._asdict().items():
        reserve = Reserve()
        first, more = reserve.of(ROOM, 2), reserve.of(ROOM._replace(**{name: 20}), 2)
        assert not any(shared(more, first)), name
        assert all(shared(reserve.of(ROOM._replace(**{name: 25}), 2), more)), name
        assert all(shared(reserve.of(ROOM._replace(**{name: most}), 2), more)), name
    assert len(more[1].ended) == 27


def test_what_is_told_of_whole_networks_leaves_the_reserve() -> None:
    plan, _ = Reserve().of(ROOM, 1)
    plan.peak[:], plan.steps.held[:] = 7.0, 5.0
    found = filled(plan, networks=1, nodes=3, steps=2, reads=4)
    assert [len(found.peak), len(found.rides_on), len(found.part), len(found.steps.read)] == [1, 3, 2, 4]
    assert [len(found.steps.starts), len(found.steps.first_read), len(found.steps.calls)] == [2, 3, 1]
    plan.peak[:], plan.steps.held[:] = 0.0, 0.0
    assert found.peak.tolist() == [7.0]
    assert found.steps.held.tolist() == [0.0, 0.0]


def test_every_thread_has_its_own() -> None:
    reserve, both = Reserve(), Barrier(2)

    def own(_: int) -> tuple[Planned, Draft]:
        both.wait()
        return reserve.of(ROOM, 1)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(own, range(2))
    assert not any(shared(one, other))


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
