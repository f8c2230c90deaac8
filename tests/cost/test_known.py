"""What searches leave to one another: it is counted rightly, and changes nothing of what they find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost import descent, known
from accelsim.cost.descent import best_of_design
from accelsim.cost.known import Known, Stage
from accelsim.cost.neighbours import found_of
from accelsim.cost.prices import Bill
from accelsim.cost.rows import Kept, Machine, features, machine_of, op_rows
from accelsim.cost.score import Asked, beam_of, begin, scores
from accelsim.cost.ways import Ways, ways_of
from accelsim.dims import DIMS
from accelsim.hardware.load import hardware_template
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

OPS = [convolution((1, 24, 28, 28), 36, (3, 3)), fully_connected((1, 640, 1, 1), 100), matmul(49, 32, 49, heads=3)]
NAMES = [str(Path(__file__).parents[2] / "benchmarks/machines/three_level.yaml"), "tpu_v1"]
KEPT = Kept((False, False, False), (-1, -1, -1))


def machine(name: str) -> Machine:
    return machine_of(hardware_template(name).instantiate({}))


def bill_of(name: str, seed: int) -> Bill:
    """Return any prices and sizes for the memories of a machine."""
    rng, memories = np.random.default_rng(seed), len(machine(name).structure.holds)
    sizes = np.append(np.inf, 2.0 ** rng.integers(11, 20, memories - 1))
    slow, dear = np.zeros((memories, 3)), rng.uniform(0.1, 100, memories).repeat(2).reshape(-1, 2)
    slow[:, 0] = 1 / rng.uniform(1, 200, memories)
    return Bill(slow, dear, sizes, float(rng.uniform(1e5, 1e8)), 10.0, float(rng.uniform(0, 100)))


def stages(ways: Ways) -> Known:
    counting, levels = ways.counting(KEPT), ways.levels
    inner = Known(ways, counting, Stage(1, levels - 1, (levels - 1, levels), (False, True), True, 3, 2))
    return Known(ways, counting, Stage(0, 0, (0, levels), (True, True), False, 3, 1), inner)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_a_search_finds_the_same_whatever_others_have_left(op: Op, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bills = [bill_of(name, seed) for seed in range(6)]

    def found(order: list[int], *, alone: bool) -> dict[int, tuple[float, str]]:
        got = {}
        descent._searches.cache_clear()
        for at in order:
            if alone:
                descent._searches.cache_clear()
            score, rows = best_of_design(op, machine(name), KEPT, bills[at])
            got[at] = score, str((rows.mappings.tiles[0].tolist(), rows.mappings.orders[0].tolist()))
        return got

    expected = found([0, 1, 2, 3, 4, 5], alone=True)
    assert len({one for one, _ in expected.values()}) > 1
    assert found([0, 1, 2, 3, 4, 5], alone=False) == expected
    assert found([5, 3, 1, 4, 2, 0], alone=False) == expected
    monkeypatch.setattr(descent, "_MOST", 1_000)
    monkeypatch.setattr(known, "_FIRST", 64)
    assert found([2, 0, 4, 5, 1, 3], alone=False) == expected, "forgotten now and then, in little room at first"


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.label)
def test_what_is_known_of_mappings_is_what_they_ask_for(op: Op) -> None:
    name = NAMES[0]
    ways = ways_of(op, machine(name))[0]
    last = stages(ways)
    for seed in range(3):
        last.best(bill_of(name, seed))
    for stage in (last, last._inner):
        assert stage is not None
        count = stage._counted
        mappings = ways.mappings(stage._found.cut[:count], stage._found.still[:count])
        out = Mappings.of(mappings.tiles, mappings.orders, mappings.copies)
        costs, allowed = features(op_rows(op, out, machine(name)), KEPT)
        assert count > 100
        assert np.array_equal(stage._asked.costs[:count], costs)
        assert np.array_equal(stage._asked.allowed[:count], allowed)
    assert len(last) == last._counted + (0 if last._inner is None else last._inner._counted)


def test_a_search_returns_the_best_that_it_has_come_upon() -> None:
    name = NAMES[0]
    last = stages(ways_of(OPS[0], machine(name))[0])
    for seed in range(5):
        bill = bill_of(name, seed)
        score, cut, still = last.best(bill)
        met = np.flatnonzero(last._asked.met[: last._counted] == last._beam.state[0])
        every = np.empty(len(met))
        scores(last._asked.costs[met], last._asked.allowed[met], last._asked.each, bill, every)
        assert score == every.min()
        at = met[int(np.argmin(every))]
        assert (last._found.cut[at].tolist(), int(last._found.still[at])) == (cut.tolist(), still)


def test_inside_a_memory_no_more_is_held_than_outside() -> None:
    """Tiles of all operands go through both memories: 4 KiB outside leave no more room inside."""
    last = stages(ways_of(OPS[0], machine(NAMES[0]))[0])
    assert last._inner is not None
    room = np.array([np.inf, 4096.0, 65536.0])
    assert last._inner._roomy(room).tolist() == [np.inf, np.inf, 4096.0]
    assert last._inner._roomy(room[[0, 2, 1]]).tolist() == [np.inf, np.inf, 4096.0]
    assert last._roomy(room).tolist() == room.tolist(), "all is settled, so what is there counts"


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_the_best_are_in_order_and_what_is_left_out_is_beaten_by_one_of_the_same_order(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    still, core, energy = rng.integers(0, 3, 60), rng.integers(0, 6, 60), 1 + rng.random(60)
    allowed = rng.random(60) < 0.9
    got = entered(most, still, core, energy, allowed)
    assert len(set(got)) == len(got) <= most
    assert energy[got].tolist() == sorted(energy[got])
    assert np.all(allowed[got])
    assert not allowed.any() or energy[got[0]] == energy[allowed].min(), "the best of all is the first"
    for row in np.flatnonzero(allowed) if most == 60 else ():
        assert energy[got][still[got] == still[row]].min() <= energy[row]


def test_of_mappings_alike_the_best_stays() -> None:
    """The second has the tiles of the first, the third nearly its score, the fourth another order, the last neither."""
    still, core = np.array([0, 0, 0, 1, 0]), np.array([5, 5, 6, 5, 7])
    energy = np.array([1.5, 1.2, 1.21, 1.2, 1.4])
    assert entered(8, still, core, energy, np.ones(5, dtype=bool)) == [1, 3, 4]
    assert entered(2, still, core, energy, np.ones(5, dtype=bool)) == [1, 3]


def entered(most: int, still: np.ndarray, core: np.ndarray, energy: np.ndarray, allowed: np.ndarray) -> list[int]:
    """Return the best of mappings of one cycle each, whose energy is what one memory is asked for, in their order."""
    count, found = len(still), found_of(64, len(DIMS))
    found.still[:count], found.listed[1 : count + 1] = still, np.arange(count)
    costs = np.zeros((count, 1 + 1 + 4))
    costs[:, 0], costs[:, 2] = 1, energy
    asked = Asked(costs, allowed, core, np.zeros(count, dtype=np.int64), 1)
    bill, beam = Bill(np.zeros((1, 3)), np.ones((1, 2)), np.array([np.inf]), 0.0, 0.0, 0.0), beam_of(most)
    # What comes twice is looked at once.
    begin(found, asked, bill, beam, np.array([[1, count], [1, count + 1]]))
    return list(beam.rows[: beam.held].tolist())
