"""Fronts that were met are found again, and those that are new are put behind them."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.cost import store as stores
from accelsim.cost.front import front
from accelsim.cost.rows import Kept, machine_of
from accelsim.cost.store import Store, rows_of, store_of
from accelsim.hardware.load import load_hardware
from accelsim.workload.ops import Op, fully_connected

MACHINE = machine_of(load_hardware("systolic"))
LEVELS = (1, 1, 1)
OPS = [fully_connected((1, channels, 1, 1), 3) for channels in range(1, 150)]


def codes(*kept: int) -> np.ndarray:
    """Return what stays of one step, by design."""
    return np.array([kept])


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
    (found,) = store.which(np.array([store.place(OPS[20])]), codes(code))[0]
    assert store.fronts[found] is front(OPS[20], MACHINE, kept_of(code))


def test_what_was_met_is_found_again() -> None:
    store = Store(MACHINE, LEVELS)
    one, other = store.place(OPS[5]), store.place(OPS[9])
    first = store.which(np.array([one, other, one]), np.array([[0, 4], [0, 0], [4, 0]]))
    assert first[0, 0] == first[2, 1] != first[0, 1] == first[2, 0]
    assert first[1, 0] == first[1, 1]
    assert len(store.fronts) == 3, "as many as are different"
    rows, fronts = store.rows, list(store.fronts)
    assert np.array_equal(store.which(np.array([one, other, one]), np.array([[0, 4], [0, 0], [4, 0]])), first)
    assert store.fronts == fronts
    assert store.rows is rows
    later = store.which(np.array([other, one]), np.array([[0, 7], [0, 0]]))
    assert later[0, 0] == first[1, 0]
    assert later[1, 0] == first[0, 0]
    assert store.fronts[:3] == fronts, "those that were there stay where they are"
    assert store.fronts[3:] == [front(OPS[9], MACHINE, kept_of(7))]


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
        found = store.which(np.array([store.place(op) for op in met]), np.zeros((size, 1), dtype=int))
        assert len(store.fronts) == size
        assert same(store)
        for op, place in zip(met, found[:, 0], strict=True):
            assert store.fronts[place].rows.op == op
            start, end = store.rows.starts[place : place + 2]
            assert np.array_equal(store.rows.cycles[start:end], store.fronts[place].demand.cycles)
    store.which(np.array([store.place(op) for op in met]), np.arange(len(met))[:, None] % 8)
    assert same(store)


def test_rows_that_were_handed_out_stay_as_they_were() -> None:
    store = Store(MACHINE, LEVELS)
    for count in (1, 40, 100):
        places = np.array([store.place(op) for op in OPS[:count]])
        store.which(places, np.zeros((count, 1), dtype=int))
    rows = store.rows
    before = [part.copy() for part in rows]
    store.which(np.array([store.place(op) for op in OPS]), np.full((len(OPS), 1), 7))
    assert len(store.rows.cycles) > len(rows.cycles)
    assert all(np.array_equal(part, old) for part, old in zip(rows, before, strict=True))


def test_a_machine_has_one_store_until_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    stores._stores.cache_clear()
    store = store_of(MACHINE, LEVELS)
    assert store_of(machine_of(load_hardware("systolic")), LEVELS) is store
    assert store_of(MACHINE, (-1, 1, 1)) is not store
    assert store_of(machine_of(load_hardware("systolic", rows=8)), LEVELS) is not store
    store.which(np.array([store.place(OPS[30])]), codes(0))
    assert store_of(MACHINE, LEVELS) is store
    monkeypatch.setattr(stores, "_MOST", len(store.rows.cycles) - 1)
    fresh = store_of(MACHINE, LEVELS)
    assert fresh is not store
    assert fresh.fronts == []
    assert store.fronts, "results that hold on to the old one still can"
    stores._stores.cache_clear()
