"""Fronts that were met are found again, and those that are new are put behind them."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.cost import store as stores
from accelsim.cost.front import Front, front
from accelsim.cost.prices import Bills, Prices
from accelsim.cost.room import Room
from accelsim.cost.rows import Kept, machine_of
from accelsim.cost.store import Store, rows_of, store_of
from accelsim.hardware.load import load_hardware
from accelsim.workload.ops import Op, convolution, fully_connected

MACHINE = machine_of(load_hardware("systolic"))
LEVELS = (1, 1, 1)
#: Prices that no front of these machines depends on.
FREE = Bills([], np.zeros(0, dtype=np.int64), np.zeros(0))
OPS = [fully_connected((1, channels, 1, 1), 3) for channels in range(1, 150)]


def codes(*kept: int) -> np.ndarray:
    """Return what stays of one step, by design."""
    return np.array([kept])


def which(store: Store, ops: np.ndarray, kept: np.ndarray, free: float = np.inf) -> np.ndarray:
    """Ask with so much room everywhere."""
    return store.which(ops, kept, np.full((2, *kept.shape), free), FREE)


def front_with(op: Op, code: int, free: float = np.inf) -> Front:
    return front(op, MACHINE, kept_of(code), Room.of(np.array([np.inf, free]), op, MACHINE))


def kept_of(code: int) -> Kept:
    """Return what a code says: 1 for weights, 2 for inputs, 4 for outputs."""
    return Kept((code in (1, 3, 5, 7), code in (2, 3, 6, 7), code >= 4), LEVELS)


def test_an_op_has_one_number() -> None:
    store = Store(MACHINE, LEVELS)
    assert [store.place(op) for op in (OPS[0], OPS[1], OPS[0])] == [0, 1, 0]
    assert store.place(fully_connected((1, 1, 1, 1), 3)) == 0, "equal ops are one"


@pytest.mark.parametrize("code", range(8))
def test_the_front_of_an_op_and_of_what_stays(code: int) -> None:
    store = Store(MACHINE, LEVELS)
    (found,) = which(store, np.array([store.place(OPS[20])]), codes(code))[0]
    assert store.fronts[found] is front_with(OPS[20], code)


def test_what_was_met_is_found_again() -> None:
    store = Store(MACHINE, LEVELS)
    one, other = store.place(OPS[5]), store.place(OPS[9])
    first = which(store, np.array([one, other, one]), np.array([[0, 4], [0, 0], [4, 0]]))
    assert first[0, 0] == first[2, 1] != first[0, 1] == first[2, 0]
    assert first[1, 0] == first[1, 1]
    assert len(store.fronts) == 3, "as many as are different"
    rows, fronts = store.rows, list(store.fronts)
    assert np.array_equal(which(store, np.array([one, other, one]), np.array([[0, 4], [0, 0], [4, 0]])), first)
    assert store.fronts == fronts
    assert store.rows is rows
    later = which(store, np.array([other, one]), np.array([[0, 7], [0, 0]]))
    assert later[0, 0] == first[1, 0]
    assert later[1, 0] == first[0, 0]
    assert store.fronts[:3] == fronts, "those that were there stay where they are"
    assert store.fronts[3:] == [front_with(OPS[9], 7)]


def test_each_class_of_room_has_a_front_of_its_own() -> None:
    store, op = Store(MACHINE, LEVELS), convolution((1, 32, 28, 28), 64, (3, 3))
    place = np.array([store.place(op)])
    free = np.array([[[np.inf] * 5], [[1024.0, 1500.0, 2047.0, 2048.0, 1e12]]])
    found = store.which(place, np.zeros((1, 5), dtype=int), free, FREE)[0].tolist()
    assert found[0] == found[1] == found[2], "from a power of two up to the next"
    assert len(set(found)) == len(store.fronts) == 3
    for number, bytes_ in zip(found, free[1, 0].tolist(), strict=True):
        assert store.fronts[number] is front_with(op, 0, bytes_)
    one_by_one = Store(MACHINE, LEVELS)
    one_by_one.place(op)
    alone = [one_by_one.which(place, np.zeros((1, 1), dtype=int), free[:, :, [at]], FREE)[0, 0] for at in range(5)]
    assert [one_by_one.fronts[at] for at in alone] == [store.fronts[at] for at in found]


def nested_store() -> tuple[Store, np.ndarray]:
    """Return a store of a machine where operands go through two memories, and an op that it knows."""
    store = Store(machine_of(load_hardware("tpu_v1")), (-1, 1, 1))
    return store, np.array([store.place(OPS[40])])


def asked(store: Store, place: np.ndarray, room: list[float], cycles: list[float], base: float = 1.0) -> list[int]:
    """Return the fronts of designs with so much room in every memory and so many cycles for a byte of the outermost."""
    designs = len(room)
    free, slow = np.tile(np.array(room), (4, 1, 1)), np.full((4, 3, designs), 1e-3)
    free[0], slow[0] = np.inf, np.array(cycles)
    bill = Prices(slow, np.ones((4, 2, designs)), np.zeros(designs), np.ones(designs))
    bills = Bills([bill], np.zeros(1, dtype=np.int64), np.array([base]))
    return store.which(place, np.zeros((1, designs), dtype=int), free, bills)[0].tolist()


def test_where_memories_are_nested_each_price_and_room_has_a_front_of_its_own() -> None:
    store, place = nested_store()
    first = asked(store, place, [4e3, 4e3, 4e3, 4001.0], [1.0, 2.0, 1.0, 1.0])
    assert first[0] == first[2], "alike in all"
    assert len({*first}) == len(store.fronts) == 3
    assert [len(store.fronts[at]) for at in first] == [1] * 4
    assert asked(store, place, [4001.0, 4e3], [1.0, 2.0]) == [first[3], first[1]], "found again"
    assert asked(store, place, [4e3], [1.0], base=2.0)[0] not in first


def test_a_front_of_its_own_is_the_same_alone_and_in_a_batch() -> None:
    room, cycles = np.geomspace(500, 1e6, 8).tolist(), np.geomspace(0.01, 10, 8).tolist()
    store, place = nested_store()
    together = asked(store, place, room, cycles)
    for at, bytes_, price in zip(together, room, cycles, strict=True):
        other, place = nested_store()
        (alone,) = asked(other, place, [bytes_], [price])
        one, two = store.fronts[at].nests.mappings, other.fronts[alone].nests.mappings
        assert np.array_equal(one.tiles, two.tiles)
        assert np.array_equal(one.orders, two.orders)


def same(store: Store) -> bool:
    """Return whether the rows are those of the fronts side by side."""
    pairs = zip(store.rows, rows_of(store.fronts), strict=True)
    return all(mine.dtype == whole.dtype and np.array_equal(mine, whole) for mine, whole in pairs)


def test_it_grows_with_the_ops_that_it_meets() -> None:
    store = Store(MACHINE, LEVELS)
    assert len(store.rows.cycles) == 0
    assert store.rows.starts.tolist() == [0]
    met: list[Op] = []
    for size in (1, 3, 70, len(OPS)):
        met = OPS[:size]
        found = which(store, np.array([store.place(op) for op in met]), np.zeros((size, 1), dtype=int))
        assert len(store.fronts) == size
        assert same(store)
        for op, place in zip(met, found[:, 0], strict=True):
            assert store.fronts[place].rows.op == op
            start, end = store.rows.starts[place : place + 2]
            assert np.array_equal(store.rows.cycles[start:end], store.fronts[place].demand.cycles)
    which(store, np.array([store.place(op) for op in met]), np.arange(len(met))[:, None] % 8)
    assert same(store)


def test_rows_that_were_handed_out_stay_as_they_were() -> None:
    store = Store(MACHINE, LEVELS)
    for count in (1, 40, 100):
        places = np.array([store.place(op) for op in OPS[:count]])
        which(store, places, np.zeros((count, 1), dtype=int))
    rows = store.rows
    before = [part.copy() for part in rows]
    which(store, np.array([store.place(op) for op in OPS]), np.full((len(OPS), 1), 7))
    assert len(store.rows.cycles) > len(rows.cycles)
    assert all(np.array_equal(part, old) for part, old in zip(rows, before, strict=True))


def test_a_machine_has_one_store_until_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    stores._stores.cache_clear()
    store = store_of(MACHINE, LEVELS)
    assert store_of(machine_of(load_hardware("systolic")), LEVELS) is store
    assert store_of(MACHINE, (-1, 1, 1)) is not store
    assert store_of(machine_of(load_hardware("systolic", rows=8)), LEVELS) is not store
    which(store, np.array([store.place(OPS[30])]), codes(0))
    assert store_of(MACHINE, LEVELS) is store
    monkeypatch.setattr(stores, "_MOST", len(store.rows.cycles) - 1)
    fresh = store_of(MACHINE, LEVELS)
    assert fresh is not store
    assert fresh.fronts == []
    assert store.fronts, "results that hold on to the old one still can"
    stores._stores.cache_clear()
