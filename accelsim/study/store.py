"""The store of a study: one SQLite file, one writer, any number of readers.

An evaluation is a row. Rows are committed in the order of their numbers, so that what is in the file is always a
complete beginning of the study, whenever the writer was killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from accelsim.errors import InputError, Problem
from accelsim.study.record import Record

__all__ = ["STORE_NAME", "STORE_VERSION", "Store", "read_meta", "read_records"]

#: Name of the store in a study's folder.
STORE_NAME = "study.sqlite"
#: Version of the tables; a store of another version is refused.
STORE_VERSION = 1

_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE evaluations (number INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, "
    "network TEXT NOT NULL, hardware TEXT NOT NULL, point TEXT NOT NULL, metrics TEXT NOT NULL, error TEXT, "
    "feasible INTEGER NOT NULL)",
)
_LOCK_NAME = "study.lock"


class Store:
    """The writer's side of a store. Use it as a context manager; a folder has one writer at a time.

    Args:
        folder: Folder of the study; it is made if it does not exist.
        version: Version of accelsim that evaluates.
        parts: What the evaluations depend on, by name, as text. A store with other parts is another study's.
        info: Further texts to keep with the study; those of the newest run are kept.

    Raises:
        InputError: Another run writes to the folder, the store is damaged or not ours, or it belongs to a study that
            says something else.
    """

    def __init__(self, folder: Path, version: str, parts: Mapping[str, str], info: Mapping[str, str]) -> None:
        self.path = folder / STORE_NAME
        self._lock: sqlite3.Connection | None = None
        self._rows: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = Problem(field=str(folder), message=f"the folder cannot be made: {error.strerror}")
            raise InputError(problem) from error
        try:
            self._lock = _take_lock(folder)
            with _explained(self.path):
                self._rows = self._open(version, parts, info)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let the next writer in."""
        for connection in (self._rows, self._lock):
            if connection is not None:
                connection.close()
        self._rows = self._lock = None

    def records(self) -> list[Record]:
        """Return what is stored, by number."""
        with _explained(self.path):
            return _read(self._connection)

    def add(self, records: Sequence[Record]) -> None:
        """Store ``records`` in one transaction: after it they survive a kill, before it none of them is there."""
        rows = [_row(record) for record in records]
        with _explained(self.path), self._connection:
            self._connection.executemany("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def note(self, info: Mapping[str, str]) -> None:
        """Keep further texts with the study."""
        with _explained(self.path), self._connection:
            _put(self._connection, info)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._rows is None:
            raise ValueError("the store is closed")
        return self._rows

    def _open(self, version: str, parts: Mapping[str, str], info: Mapping[str, str]) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path)
        self._rows = connection
        new = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        own = {"store_version": str(STORE_VERSION), "accelsim_version": version, "parts": json.dumps(dict(parts))}
        if not new:
            _check_same(self.path, _meta(connection), own)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # In one transaction: a store with tables and no meta could not be told from another program's file.
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES if new else ():
                connection.execute(statement)
            _put(connection, {**own, **info})
        return connection


def read_records(folder: Path) -> list[Record]:
    """Return the evaluations stored in ``folder``, by number, without writing; a running study may be read.

    Raises:
        InputError: There is no store, or it is damaged.
    """
    with _reader(folder) as connection:
        return _read(connection)


def read_meta(folder: Path) -> dict[str, str]:
    """Return what the store in ``folder`` says of its study, without writing.

    Raises:
        InputError: There is no store, or it is damaged.
    """
    with _reader(folder) as connection:
        return _meta(connection)


def _take_lock(folder: Path) -> sqlite3.Connection:
    """Hold the folder against a second writer until the connection is closed or the process ends, however it ends."""
    lock = sqlite3.connect(folder / _LOCK_NAME, timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        message = "another run is writing to this folder"
        if "locked" not in str(error):
            message = f"the folder cannot be written to ({error})"
        allowed = "another folder, or wait until that run has ended"
        raise InputError(Problem(field=str(folder), message=message, allowed=allowed)) from error
    return lock


def _check_same(path: Path, stored: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Raise if the store was written for something else; resuming would mix results that do not belong together."""
    allowed = "another folder, or delete this one to start afresh"
    for key, what in (("store_version", "a store of version"), ("accelsim_version", "results of accelsim")):
        if stored.get(key) != own[key]:
            message = f"it holds {what} {stored.get(key)}, and this is {own[key]}"
            raise InputError(Problem(field=str(path), message=message, allowed=allowed))
    then, now = json.loads(stored["parts"]), json.loads(own["parts"])
    changed = sorted(part for part in {*then, *now} if then.get(part) != now.get(part))
    if changed:
        message = f"it holds results of a study that says something else ({', '.join(changed)} changed)"
        allowed = f"the study as it was, to resume it; {allowed}"
        raise InputError(Problem(field=str(path), message=message, allowed=allowed))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ones that say what to do."""
    try:
        yield
    except (sqlite3.Error, KeyError, ValueError) as error:
        message = f"the store is damaged, or is not a store of accelsim ({error})"
        allowed = "another folder, or delete this file to start afresh"
        if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
            message = f"the store cannot be used ({error})"
            allowed = "another folder if another program holds the file, or if there is no room or permission to write"
        raise InputError(Problem(field=str(path), message=message, allowed=allowed)) from error


@contextmanager
def _reader(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / STORE_NAME
    if not path.is_file():
        raise InputError(Problem(field=str(path), message="there is no store here", allowed="the folder of a study"))
    with _explained(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()


def _put(connection: sqlite3.Connection, info: Mapping[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", info.items())


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def _read(connection: sqlite3.Connection) -> list[Record]:
    rows = connection.execute(
        "SELECT number, arm, seed, network, hardware, point, metrics, error, feasible FROM evaluations ORDER BY number"
    )
    return [
        Record(
            number=number,
            arm=arm,
            seed=seed,
            network=network,
            hardware=hardware,
            point=json.loads(point),
            metrics=json.loads(metrics),
            error=error,
            feasible=bool(feasible),
        )
        for number, arm, seed, network, hardware, point, metrics, error, feasible in rows
    ]


def _row(record: Record) -> tuple[object, ...]:
    return (
        record.number,
        record.arm,
        record.seed,
        record.network,
        record.hardware,
        json.dumps(record.point),
        json.dumps(record.metrics, allow_nan=False),
        record.error,
        int(record.feasible),
    )
