"""Ops that are told what the one before them leaves: numbers found one after the other, a front for each case."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import load_hardware
from accelsim.cost import blocks, store
from accelsim.cost.front import front
from accelsim.cost.index import STATE, Index
from accelsim.cost.prices import Bills
from accelsim.cost.rows import machine_of
from accelsim.cost.store import Store
from accelsim.engines.engine import Around, Traversal, Ways, no_traffic
from accelsim.hardware.engines import Configured, Option, Peak, Settings
from accelsim.workload.ops import Op, fully_connected, make

COLUMNS = st.integers(1, 4)
#: Prices, which blocks do not depend on.
FREE = Bills([], np.zeros(0, dtype=np.int64), np.zeros(0))


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 5), min_size=4, max_size=4), st.booleans()), min_size=1, max_size=12),
    COLUMNS,
    st.integers(1, 7),
)
def test_numbers_are_those_of_a_walk_from_step_to_step(
    steps: list[tuple[list[int], bool]], columns: int, states: int
) -> None:
    """A number leaves the state ``number % states`` behind; a key in a state gets its number when first missed."""
    keys = np.array([row[:columns] for row, _ in steps], dtype=np.int64)
    opens = np.array([True, *(first for _, first in steps[1:])])
    index, found, begin, count = Index(), np.empty_like(keys), 0, 0
    after = np.arange(1000) % states
    while begin < len(keys):
        begin, missing = index.follow(keys, opens, after, found, begin)
        new = np.unique(missing)
        assert len(new) or begin == len(keys), "it never waits for nothing"
        index.add(new, np.arange(len(new)) + count)
        count += len(new)
    known: dict[tuple[int, int], int] = {}
    for column in range(columns):
        state = 0
        for step in range(len(keys)):
            state = 0 if opens[step] else state
            number = int(found[step, column])
            key = int(keys[step, column])
            assert known.setdefault((state, key), number) == number
            assert index.find(np.array([key + state * STATE])).tolist() == [number]
            state = number % states
    assert sorted(known.values()) == list(range(count)), "each number stands for one key in one state"


class Chained(Traversal):
    """One way, in which an op leaves its MACs, or those of the op before it if these are more."""

    options = MappingProxyType({"speed": Option(help="how quick it is")})
    memories = (3,)
    hands_on = True

    def __init__(self) -> None:
        self.asked: list[tuple[int, float | None]] = []

    def peak(self, settings: Settings) -> Peak:
        return Peak(1.0)

    def unsupported(self, op: Op, words: Settings) -> str | None:
        return None

    def takes(self, op: Op, words: Settings) -> bool:
        return op.kind == "add"

    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        self.asked.append((op.macs, around.slack_cycles))
        moved, room = no_traffic(1, around.memories)
        busy = moved.copy()
        busy[:, 0, 0, 0] = around.slack_cycles or 0.0
        return Ways(
            cycles=np.ones(1), steps=np.ones(1), moved=moved, room=room, words=("only",), busy=busy,
            slack_cycles=max(float(op.macs), around.slack_cycles or 0.0),
        )  # fmt: skip


@pytest.fixture
def chained(monkeypatch: pytest.MonkeyPatch) -> Chained:
    engine = Chained()
    monkeypatch.setattr(blocks, "traversal", lambda _: engine)
    monkeypatch.setattr(store, "BLOCK_ENGINES", {"chained": engine})
    front.cache_clear()
    return engine


def a_store() -> Store:
    usual = machine_of(load_hardware("ethos_u55"))
    return Store(usual._replace(blocks=Configured("chained", (("speed", 1.0),))), (-1, 1, 1))


def layers(*sizes: int) -> list[Op]:
    return [fully_connected((1, size, 1, 1), 1) for size in sizes]


def test_an_op_is_told_what_all_before_it_left(chained: Chained) -> None:
    kept = a_store()
    ops = np.array([kept.place(op) for op in layers(5, 3, 9, 2)])
    found = kept.which(
        ops, np.zeros((4, 1), dtype=int), np.full((3, 4, 1), np.inf), FREE, np.array([True, False, False, False])
    )
    assert chained.asked == [(5, None), (3, 5.0), (9, 5.0), (2, 9.0)]
    busy = [kept.fronts[at].demand.one[0, 0, 0] for at in found[:, 0]]
    assert busy == [0, 5, 5, 9], "what memories are busy with is the engine's"


def test_a_run_of_steps_begins_anew_where_it_is_said_to(chained: Chained) -> None:
    kept = a_store()
    ops = np.array([kept.place(op) for op in layers(5, 3, 5, 3)])
    opens = np.array([True, False, True, False])
    found = kept.which(ops, np.zeros((4, 1), dtype=int), np.full((3, 4, 1), np.inf), FREE, opens)
    assert found[:2].tolist() == found[2:].tolist()
    assert chained.asked == [(5, None), (3, 5.0)], "each case is asked for once"
    again = kept.which(ops, np.zeros((4, 1), dtype=int), np.full((3, 4, 1), np.inf), FREE, np.ones(4, dtype=bool))
    assert again[0] == found[0]
    assert chained.asked[2:] == [(3, None)]


def test_designs_follow_lines_of_their_own(chained: Chained) -> None:
    """The second step is the same on all designs, but stands behind another one where something stays on chip."""
    kept = a_store()
    ops = np.array([kept.place(op) for op in layers(5, 3)])
    codes, room = np.array([[0, 2, 0], [0, 0, 0]]), np.full((3, 2, 3), np.inf)
    together = kept.which(ops, codes, room, FREE, np.array([True, False]))
    assert together[0, 0] == together[0, 2] != together[0, 1]
    assert together[1, 0] == together[1, 1], "both leave as much"
    other = a_store()
    assert [other.place(op) for op in layers(5, 3)] == ops.tolist()
    for design in range(3):
        alone = other.which(ops, codes[:, [design]], room[:, :, [design]], FREE, np.array([True, False]))
        for mine, theirs in zip(alone[:, 0], together[:, design], strict=True):
            assert other.fronts[mine].kept == kept.fronts[theirs].kept


def test_an_engine_is_not_asked_whether_it_runs_an_op_it_takes(
    chained: Chained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chained, "unsupported", lambda *_: "never")
    kept = a_store()
    add = kept.place(make.elementwise("add", (1, 4, 2, 2)))
    (found,) = kept.which(np.array([add]), np.zeros((1, 1), dtype=int), np.full((3, 1, 1), np.inf), FREE)[0]
    assert len(kept.fronts[found]) == 1
