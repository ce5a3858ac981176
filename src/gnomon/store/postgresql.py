"""PostgreSQL: one server, many machines."""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from gnomon.store.feed import Feed
from gnomon.store.session import Session

CHANNEL = "gnomon"
#: Any number; ours for good.
_ALONE = 7_410_300_623
#: How long the feed waits for a notification before it looks whether it should end.
_WAIT_SECONDS = 0.5

_IDLE_SINCE = "gnomon_idle_since"
#: How long a connection may be idle before the server is asked whether it still stands.
_TRUSTED_SECONDS = 5.0

#: ``psycopg.IsolationLevel``; the driver may not be installed.
_REPEATABLE_READ = 3

_RUN_TYPES = {
    "id": "bigint",
    "job_id": "text",
    "scheduled_at": "bigint",
    "state": "text",
    "cause": "text",
    "attempt": "int",
    "node": "text",
    "not_before": "bigint",
    "rerun_lost": "boolean",
    "created_at": "bigint",
    "finished_at": "bigint",
    "covers": "bigint",
    "covers_until": "bigint",
    "error": "text",
}


def make_engine(url: URL, lock_timeout: float) -> Engine:
    """An engine whose pool gives out no connection that the server has ended: a restarted server goes unnoticed."""
    timeout_ms = int(lock_timeout * 1000)
    # Without these, who is cut off from the server (no goodbye, only silence) would wait for a quarter of an hour.
    alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
    engine = create_engine(
        url,
        pool_size=5,
        max_overflow=60,
        pool_use_lifo=True,  # what one connection is asked again and again, it plans once
        connect_args={
            **{name: value for name, value in {"connect_timeout": 10, **alive}.items() if name not in url.query},
            "application_name": "gnomon",
            "options": f"-c lock_timeout={timeout_ms} -c idle_in_transaction_session_timeout={timeout_ms * 4}",
        },
    )
    StillThere(engine)
    return engine


class StillThere:
    """Asks the server whether a pooled connection still stands, before it is given out, where there is any doubt.

    To ask each time (``pool_pre_ping``) costs every transaction a round trip. A server that ends a connection says so,
    and an idle connection has nothing else to say: there is doubt where it has something to read, and where it was idle
    for so long that a firewall may have forgotten it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        event.listen(engine, "checkin", self._checked_in)
        event.listen(engine, "checkout", self._checked_out)

    def _checked_in(self, _connection: object, record: Any) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    def _checked_out(self, connection: Any, record: Any, _proxy: object) -> None:
        idle = time.monotonic() - record.info.get(_IDLE_SINCE, time.monotonic())
        if idle < _TRUSTED_SECONDS and not _has_said_something(connection):
            return
        dialect = self._engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # those that are as old have ended with it


def _has_said_something(connection: Any) -> bool:
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class PostgresqlDialect:
    """Rows are locked, not the database: ``SKIP LOCKED`` lets nodes claim side by side."""

    name = "postgresql"
    has_clock = True
    skip_locked = "FOR UPDATE SKIP LOCKED"
    lock = "FOR UPDATE"
    hold = "FOR KEY SHARE"
    lock_in_order = 'ORDER BY id COLLATE "C" FOR UPDATE'
    closes_inherited_connections = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    def begin_writing(self, connection: PoolProxiedConnection) -> None:
        """The driver does, with the first statement."""

    def begin_reading(self, connection: PoolProxiedConnection) -> None:
        driver: Any = connection.driver_connection
        driver.isolation_level = _REPEATABLE_READ

    def end_reading(self, connection: PoolProxiedConnection) -> None:
        if connection.is_valid:
            driver: Any = connection.driver_connection
            driver.isolation_level = None

    def working(self) -> AbstractContextManager[None]:
        return nullcontext()

    def before_fork(self) -> None:
        """The server does not know of processes."""

    def after_fork(self) -> None:
        """As above."""

    def forked(self) -> None:
        """Row locks belong to connections; the child has none."""

    def now(self, session: Session) -> datetime:
        moment: datetime = session.execute("SELECT clock_timestamp()").scalar()
        return moment.astimezone(UTC)

    def among(self, column: str, parameter: str, kind: str) -> str:
        return f"{column} = ANY(CAST(:{parameter} AS {kind}[]))"

    def array(self, values: Sequence[Any]) -> list[Any]:
        return list(values)

    def rows(self, parameter: str, columns: Mapping[str, str]) -> str:
        fields = ", ".join(f"CAST(item->>{i} AS {kind}) AS {name}" for i, (name, kind) in enumerate(columns.items()))
        return f"(SELECT {fields} FROM jsonb_array_elements(CAST(:{parameter} AS jsonb)) AS item)"

    def table(self, rows: Sequence[Sequence[Any]]) -> str:
        # U+0000 cannot stand in PostgreSQL's text, in no form.
        return json.dumps(rows).replace("\\u0000", "\\ufffd")

    def insert_runs(self, session: Session, rows: Sequence[Sequence[Any]]) -> int:
        columns = list(zip(*rows, strict=True))
        # %b: sent as binary. As text, each value would be escaped one by one in Python.
        arrays = ", ".join(f"%b::{kind}[]" for kind in _RUN_TYPES.values())
        statement = (
            f"INSERT INTO gnomon_runs ({', '.join(_RUN_TYPES)}) SELECT * FROM unnest({arrays}) "
            "ON CONFLICT (job_id, scheduled_at) DO NOTHING"
        )
        return session.execute_as_written(statement, tuple(list(column) for column in columns))

    def advance_jobs(self, session: Session, rows: Sequence[tuple[float | None, bytes, str, bytes]]) -> int:
        statement = (
            "UPDATE apscheduler_jobs AS j SET next_run_time = n.next_run_time, job_state = n.job_state "
            "FROM unnest(%b::float8[], %b::bytea[], %b::text[], %b::bytea[]) "
            "AS n(next_run_time, job_state, id, old_state) WHERE j.id = n.id AND j.job_state = n.old_state"
        )
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        return session.execute_as_written(statement, columns)

    def allocate_run_ids(self, session: Session, count: int) -> Sequence[int]:
        statement = "SELECT nextval('gnomon_runs_id') FROM generate_series(1, :count)"
        return session.execute(statement, {"count": count}).scalars()

    def one_at_a_time(self, session: Session) -> None:
        session.execute("SELECT pg_advisory_xact_lock(:key)", {"key": _ALONE})

    def announce(self, session: Session) -> None:
        session.execute(f"NOTIFY {CHANNEL}")

    def feed(self) -> Feed:
        return Feed(NotificationWatch(self._engine))


class NotificationWatch:
    """LISTENs on a connection of its own. What is notified while it is cut off is lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def watch(self, hint: Callable[[], None], stopped: threading.Event) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            hint()
            while not stopped.is_set():
                for _notification in connection.notifies(timeout=_WAIT_SECONDS, stop_after=1):
                    hint()
        finally:
            connection.close()
