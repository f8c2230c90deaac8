"""The store: what comes back is what went in, one writer, and refusals that say what to do."""

from __future__ import annotations

import os
import sqlite3

import pytest

from accelsim.errors import InputError
from accelsim.study.record import Record
from accelsim.study.store import STORE_NAME, Store, read_meta, read_records

PARTS = {"networks": '["resnet50"]', "search": "{}"}


def record(number, **changes):
    values = {
        "number": number,
        "arm": "joint search",
        "seed": 3,
        "network": "resnet50",
        "hardware": "systolic",
        "point": {"hardware.rows": 16, "hardware.share": 0.1, "hardware.flow": "ws", "hardware.cast": True},
        "metrics": {"latency_ms": 0.1 + 0.2, "macs": 4_089_184_256, "area_mm2": None},
    }
    return Record(**{**values, **changes})


def open_store(folder, version="0.1.0", parts=PARTS, info=None):
    return Store(folder, version, parts, info or {})


def test_records_come_back_exactly(tmp_path):
    records = [record(0), record(1, metrics={}, error="no mapping: 'W' needs 5 KiB", feasible=False), record(2, seed=0)]
    with open_store(tmp_path / "new" / "folder") as store:
        store.add(records[:2])
        store.add(records[2:])
        assert store.records() == records
    assert read_records(tmp_path / "new" / "folder") == records


def test_a_store_is_gone_on_with(tmp_path):
    with open_store(tmp_path) as store:
        store.add([record(0)])
    with open_store(tmp_path, info={"name": "again"}) as store:
        store.add([record(1)])
        store.note({"complete": "yes"})
    assert [r.number for r in read_records(tmp_path)] == [0, 1]
    meta = read_meta(tmp_path)
    assert (meta["name"], meta["complete"], meta["store_version"]) == ("again", "yes", "1")


def test_a_transaction_is_whole_or_not_at_all(tmp_path):
    with open_store(tmp_path) as store:
        store.add([record(0)])
        with pytest.raises(InputError):
            store.add([record(1), record(0)])
        assert [r.number for r in store.records()] == [0]


def test_readers_read_while_the_writer_writes(tmp_path):
    with open_store(tmp_path) as store:
        store.add([record(0)])
        assert len(read_records(tmp_path)) == 1
        store.add([record(1)])
        assert len(read_records(tmp_path)) == 2


def test_readers_cannot_write(tmp_path):
    with open_store(tmp_path) as store:
        store.add([record(0)])
    before = (tmp_path / STORE_NAME).read_bytes()
    read_records(tmp_path)
    read_meta(tmp_path)
    assert (tmp_path / STORE_NAME).read_bytes() == before


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path):
    with open_store(tmp_path):
        with pytest.raises(InputError) as caught:
            open_store(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}\n  another run is writing to this folder; "
            "use another folder, or wait until that run has ended."
        )
    open_store(tmp_path).close()


def test_another_study_is_refused(tmp_path):
    open_store(tmp_path).close()
    changed = {"networks": '["resnet18"]', "search": "{}", "file resnet18.yaml": "ab"}
    with pytest.raises(InputError) as caught:
        open_store(tmp_path, parts=changed)
    assert str(caught.value) == (
        f"{tmp_path / STORE_NAME}\n  it holds results of a study that says something else (file resnet18.yaml, "
        "networks changed); use the study as it was, to resume it; another folder, or delete this one to start afresh."
    )
    open_store(tmp_path).close()


def test_results_of_another_version_are_refused(tmp_path):
    open_store(tmp_path).close()
    with pytest.raises(InputError) as caught:
        open_store(tmp_path, version="0.2.0")
    assert str(caught.value) == (
        f"{tmp_path / STORE_NAME}\n  it holds results of accelsim 0.1.0, and this is 0.2.0; "
        "use another folder, or delete this one to start afresh."
    )


def test_tables_of_another_version_are_refused(tmp_path):
    open_store(tmp_path).close()
    with sqlite3.connect(tmp_path / STORE_NAME) as file:
        file.execute("UPDATE meta SET value = '9' WHERE key = 'store_version'")
    file.close()
    with pytest.raises(InputError, match="it holds a store of version 9, and this is 1"):
        open_store(tmp_path)


def test_no_store(tmp_path):
    with pytest.raises(InputError, match="there is no store here; use the folder of a study"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at " * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / STORE_NAME).write_bytes(content)
    for use in (read_records, read_meta, open_store):
        with pytest.raises(InputError) as caught:
            use(tmp_path)
        assert str(tmp_path / STORE_NAME) in str(caught.value)
        assert "the store is damaged, or is not a store of accelsim" in str(caught.value)
        assert "delete this file to start afresh" in str(caught.value)


def test_a_store_torn_in_the_middle_is_named(tmp_path):
    with open_store(tmp_path) as store:
        store.add([record(number) for number in range(500)])
    path = tmp_path / STORE_NAME
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\x5a" * (len(content) - 8192))
    with pytest.raises(InputError, match="the store is damaged"):
        read_records(tmp_path)


def test_another_programs_database_is_not_touched(tmp_path):
    with sqlite3.connect(tmp_path / STORE_NAME) as file:
        file.execute("CREATE TABLE holidays (day TEXT)")
    file.close()
    before = (tmp_path / STORE_NAME).read_bytes()
    with pytest.raises(InputError, match="is not a store of accelsim"):
        open_store(tmp_path)
    assert (tmp_path / STORE_NAME).read_bytes() == before


def test_a_file_locked_by_another_program_is_named(tmp_path, monkeypatch):
    open_store(tmp_path).close()
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **{"timeout": 0.05, **options}))
    other = connect(tmp_path / STORE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(InputError) as caught:
            open_store(tmp_path)
    finally:
        other.close()
    assert "the store cannot be used (database is locked)" in str(caught.value)
    assert "another folder if another program holds the file" in str(caught.value)


def test_an_empty_file_is_a_new_store(tmp_path):
    (tmp_path / STORE_NAME).touch()
    with open_store(tmp_path) as store:
        assert store.records() == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written to"):
        open_store(tmp_path)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match="the folder cannot be made"):
        open_store(tmp_path / "results")


def test_a_figure_that_is_not_a_number_never_enters_the_store(tmp_path):
    with open_store(tmp_path) as store:
        with pytest.raises(ValueError, match="not JSON compliant"):
            store.add([record(0, metrics={"latency_ms": float("nan")})])
        assert store.records() == []
