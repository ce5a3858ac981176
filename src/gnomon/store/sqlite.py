"""SQLite: one file, many processes, no server."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

import orjson
from sqlalchemy import URL, Engine, PoolProxiedConnection, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError

from gnomon.errors import StoreUnavailable
from gnomon.store.feed import Feed
from gnomon.store.fork_gate import ForkGate
from gnomon.store.session import Session

#: How often the feed asks whether another connection has committed: one PRAGMA that reads a counter.
_POLL_SECONDS = 0.2
#: How soon it is tried again to change the journal of a file that others are opening.
_ASK_AGAIN_SECONDS = 0.01

_FILE = "gnomon_file"

INSERTED_RUN_COLUMNS = (
    "id, job_id, scheduled_at, state, cause, attempt, node, not_before, rerun_lost, created_at, finished_at, "
    "covers, covers_until, error"
)


def make_engine(url: URL, lock_timeout: float) -> Engine:
    """An engine whose connections are in WAL mode and survive a loss of power (``synchronous=FULL``)."""
    engine = create_engine(
        url,
        connect_args={"timeout": lock_timeout},
        pool_size=5,
        max_overflow=60,
        pool_use_lifo=True,
        pool_reset_on_return=None,  # whoever begins a transaction ends it
    )

    def configure(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: it would begin them deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_wal(cursor, lock_timeout)
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA cache_size=-32768")
        cursor.close()

    event.listen(engine, "connect", configure)
    SameFile().watch(engine)
    return engine


def _use_wal(cursor: sqlite3.Cursor, lock_timeout: float) -> None:
    """Of several who open a new file at once, all but one are told that it is locked, and SQLite waits for none."""
    deadline = time.monotonic() + lock_timeout
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN_SECONDS)


class SameFile:
    """Holds the connections of an engine to the file that its path names.

    A file can be moved or deleted while it is open. SQLite would go on in what no path leads to any more, and each new
    connection would make an empty file in its place: what one of them acknowledges, nobody would ever see.
    """

    def __init__(self) -> None:
        self._path = ""

    def watch(self, engine: Engine) -> None:
        """From here on, no connection is given out that leads elsewhere, and a file that was there is not made anew."""
        event.listen(engine, "do_connect", self._before_connecting)
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "checkout", self._checked_out)

    def _before_connecting(self, *_: object) -> None:
        if self._path and not os.path.exists(self._path):
            raise sqlite3.OperationalError(f"{self._path} is no longer there")

    def _connected(self, connection: sqlite3.Connection, record: Any) -> None:
        self._path = connection.execute("PRAGMA database_list").fetchone()[2]
        record.info[_FILE] = (self._path, _identity(self._path))

    def _checked_out(self, _connection: object, record: Any, _proxy: object) -> None:
        if is_elsewhere(record.info):
            raise DisconnectionError  # the pool replaces it, and connects to what is there now


def is_elsewhere(info: Mapping[str, Any]) -> bool:
    """Whether a connection leads to a file that is no longer where it was opened; ``info`` is that of its record."""
    opened: tuple[str, tuple[int, int] | None] = info[_FILE]
    return _identity(opened[0]) != opened[1]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_reading_engine(url: URL, lock_timeout: float) -> Engine:
    """An engine that cannot change the file: not even its journal mode, as the ordinary one does."""
    file = quote(str(Path(str(url.database)).absolute()))

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{file}?mode=ro", uri=True, timeout=lock_timeout, isolation_level=None, check_same_thread=False
        )

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool)


class SqliteDialect:
    """Writes are serialised: in this process by a lock that wakes the next writer at once, between processes by
    ``BEGIN IMMEDIATE``. A transaction that read first and wrote later would fail with SQLITE_BUSY_SNAPSHOT however
    long the time-out."""

    name = "sqlite"
    has_clock = False
    skip_locked = ""
    lock = ""
    hold = ""
    lock_in_order = ""

    # Here, they would count as connections of the child that hold the parent's locks.
    closes_inherited_connections = True

    def __init__(self, engine: Engine, lock_timeout: float) -> None:
        self._engine = engine
        self._lock_timeout = lock_timeout
        self._lock = threading.Lock()
        self._gate = ForkGate()
        self._watches: WeakSet[DataVersionWatch] = WeakSet()

    @contextmanager
    def writing(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._lock_timeout):
            raise StoreUnavailable(
                f"another thread of this process has been writing, or waiting to write, for {self._lock_timeout:g} s"
            )
        try:
            yield
        finally:
            self._lock.release()

    def begin_writing(self, connection: PoolProxiedConnection) -> None:
        connection.cursor().execute("BEGIN IMMEDIATE")

    def begin_reading(self, connection: PoolProxiedConnection) -> None:
        connection.cursor().execute("BEGIN")

    def end_reading(self, connection: PoolProxiedConnection) -> None:
        """Nothing of it stays with the connection."""

    def working(self) -> AbstractContextManager[None]:
        return self._gate.working()

    def before_fork(self) -> None:
        self._gate.shut()

    def after_fork(self) -> None:
        self._gate.open()

    def forked(self) -> None:
        self._lock, self._gate = threading.Lock(), ForkGate()
        for watch in self._watches:
            watch.forked()

    def now(self, session: Session) -> datetime:
        return datetime.now(UTC)

    def among(self, column: str, parameter: str, kind: str) -> str:
        return f"{column} IN (SELECT value FROM json_each(:{parameter}))"

    def array(self, values: Sequence[Any]) -> str:
        try:
            return orjson.dumps(values).decode()
        except TypeError:  # halves of characters, which no row has
            return json.dumps(values)

    def rows(self, parameter: str, columns: Mapping[str, str]) -> str:
        fields = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(columns))
        return f"(SELECT {fields} FROM json_each(:{parameter}))"

    def table(self, rows: Sequence[Sequence[Any]]) -> str:
        return json.dumps(rows)

    def insert_runs(self, session: Session, rows: Sequence[Sequence[Any]]) -> int:
        marks = ", ".join("?" * (INSERTED_RUN_COLUMNS.count(",") + 1))
        statement = (
            f"INSERT INTO gnomon_runs ({INSERTED_RUN_COLUMNS}) VALUES ({marks}) "
            "ON CONFLICT (job_id, scheduled_at) DO NOTHING"
        )
        return session.execute_as_written(statement, rows, many=True)

    def advance_jobs(self, session: Session, rows: Sequence[tuple[float | None, bytes, str, bytes]]) -> int:
        statement = "UPDATE apscheduler_jobs SET next_run_time = ?, job_state = ? WHERE id = ? AND job_state = ?"
        return session.execute_as_written(statement, rows, many=True)

    def allocate_run_ids(self, session: Session, count: int) -> Sequence[int]:
        # Nobody else can write before this transaction ends, so the highest id is ours to count on from.
        highest = session.execute("SELECT coalesce(max(id), 0) FROM gnomon_runs").scalar()
        return range(highest + 1, highest + 1 + count)

    def one_at_a_time(self, session: Session) -> None:
        """As all transactions that write are here."""

    def announce(self, session: Session) -> None:
        """The commit itself is the hint: it moves ``data_version`` for every other connection."""

    def feed(self) -> Feed:
        watch = DataVersionWatch(self._engine, self.working)
        self._watches.add(watch)
        return Feed(watch)


class DataVersionWatch:
    """Polls ``PRAGMA data_version`` on a connection of its own: it moves when any other connection commits."""

    def __init__(self, engine: Engine, working: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine = engine
        self._working = working
        self._connection: PoolProxiedConnection | None = None

    def forked(self) -> None:
        """This is a forked child, without the thread: nobody else gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.driver_connection is not None:
            connection.driver_connection.close()

    def watch(self, hint: Callable[[], None], stopped: threading.Event) -> None:
        # Below SQLAlchemy, which would keep a transaction open and with it an old snapshot.
        with self._working():
            self._connection = connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            seen: int | None = None
            while not stopped.is_set():
                if is_elsewhere(connection.info):
                    raise sqlite3.OperationalError("the file is no longer where it was")
                with self._working():
                    version = cursor.execute("PRAGMA data_version").fetchall()[0][0]
                if version != seen:
                    hint()
                seen = version
                stopped.wait(_POLL_SECONDS)
        finally:
            with self._working():
                self._connection = None
                connection.close()
