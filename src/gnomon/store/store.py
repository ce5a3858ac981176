"""A store: one database, opened, checked, with its statements."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from gnomon.errors import InvalidInput, StoreUnavailable
from gnomon.store import postgresql, schema, sqlite
from gnomon.store.batch import Batch
from gnomon.store.calendars import Calendars
from gnomon.store.credentials import Credentials
from gnomon.store.database import Clock, CommitUncertain, Database
from gnomon.store.exceptions import Exceptions
from gnomon.store.group_commit import GroupCommit
from gnomon.store.ledger import Ledger
from gnomon.store.movements import Movements
from gnomon.store.nodes import Nodes
from gnomon.store.records import Records
from gnomon.store.run_output import RunOutput
from gnomon.store.run_queries import RunQueries
from gnomon.store.schedules import Schedules
from gnomon.store.steering import Steering

_Value = TypeVar("_Value")

#: Seconds, for asking what became of a COMMIT.
_SETTLED_WITHIN, _ASK_AGAIN_AFTER = 15.0, 0.1

_ALLOWED = "give sqlite:///path/to/file.db or postgresql://user@host/database"


class Store:
    """Where everything stands: ``schedules``, ``ledger``, ``records``, ``nodes``, ``credentials`` over a ``database``.

    ``run_queries`` and ``run_output`` find runs for people; ``steering`` is what people do to runs.

    Making one touches nothing; ``open()`` connects, and checks or makes the tables.
    """

    def __init__(self, where: str | Engine, *, lock_timeout: float = 30.0, clock: Clock | None = None) -> None:
        if isinstance(where, Engine):
            self.url = where.url
            self._given: Engine | None = where
        else:
            self.url = _parse(where)
            self._given = None
        _check_sqlite_path(self.url)
        self.lock_timeout = lock_timeout
        self.database = _database(self.url, self._given, lock_timeout, clock)
        self.schedules = Schedules(self.database)
        self.ledger = Ledger(self.database)
        self.records = Records(self.database)
        self.nodes = Nodes(self.database)
        self.exceptions = Exceptions(self.database)
        self.calendars = Calendars(self.database)
        self.movements = Movements(self.database)
        self.credentials = Credentials(self.database)
        self.run_queries = RunQueries(self.database)
        self.run_output = RunOutput(self.database)
        self.steering = Steering(self.database)
        self._changes = GroupCommit(self.database, "change", self._read_ahead)
        self._opening = threading.Lock()
        self._opened = False
        self.database.in_child(self._forked)

    @property
    def shown_url(self) -> str:
        """The URL without its password and driver, as it is given to ``--store``."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    def open(self) -> None:
        """Connect, once. Raises ``StoreUnavailable``, ``StoreNotMigrated`` or ``StoreTooNew``."""
        if self._opened:
            return
        with self._opening:
            if not self._opened:
                with self.named_if_unavailable():
                    schema.ensure(self.database, shown_url=self.shown_url)
                self._opened = True

    def _forked(self) -> None:
        self._opening = threading.Lock()

    def upgrade(self) -> str:
        """Move the tables on to this version of Gnomon. Returns the version."""
        with self.named_if_unavailable():
            return schema.upgrade(self.database, shown_url=self.shown_url)

    @contextmanager
    def named_if_unavailable(self) -> Iterator[None]:
        """Whoever opens a store may have named another than he thinks: say which one it was that cannot be opened."""
        try:
            yield
        except StoreUnavailable as error:
            raise StoreUnavailable(f"the store {self.shown_url} cannot be opened: {error}") from error

    def change(self, job_id: str, work: Callable[[], _Value]) -> _Value:
        """Change a job in one transaction, which changes of others that are made at the same time may share.

        Returns what ``work`` returned, after the commit. Raises what it raised: then it has written nothing.
        """
        return self._changes.run(job_id, work)

    def _read_ahead(self, job_ids: list[str]) -> Batch:
        # The locks first: what is read after them stands until the transaction ends.
        rows = self.schedules.lock_all(job_ids)
        now = self.database.now()
        return Batch(
            rows=rows,
            declarations=self.records.declarations(job_ids),
            overrides=self.records.overrides(job_ids),
            last_runs=self.ledger.last_runs(job_ids),
            exceptions=self.exceptions.of_jobs(job_ids, now=now),
            calendars=self.calendars.of_jobs(job_ids),
            manifest=self.nodes.manifest(),
            now=now,
        )

    def settle(self, error: StoreUnavailable, job_id: str, is_written: Callable[[], bool]) -> bool:
        """Whether a transaction that locked a job's row, and ended in ``error``, was committed all the same.

        Only where the answer to its COMMIT was lost there is something to find out. Then the database is asked until it
        answers, which may take a restart; raises ``error`` where it does not.
        """
        if not isinstance(error, CommitUncertain):
            return False
        deadline = time.monotonic() + _SETTLED_WITHIN
        while True:
            try:
                with self.database.transaction("settle"):
                    # The server may still be at it: who has the row's lock comes after.
                    self.schedules.lock(job_id)
                    return is_written()
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise error from None
            time.sleep(_ASK_AGAIN_AFTER)

    def announce(self) -> None:
        """Leave a hint for the nodes that there is something to do."""
        with self.database.transaction("announce"):
            self.database.announce()

    def exists(self) -> bool:
        """Whether an SQLite file is there; of a server nothing is known before connecting."""
        return self.url.get_backend_name() != "sqlite" or Path(str(self.url.database)).exists()

    def close(self) -> None:
        """Give connections back."""
        self.database.close()


def _parse(where: str) -> URL:
    try:
        url = make_url(where)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InvalidInput("store", where, _ALLOWED) from None
    if backend == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput("store", url.render_as_string(hide_password=True), _ALLOWED)


def _check_sqlite_path(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.host:
        given = f"sqlite://{url.host}{'/' + url.database if url.database else ''}"
        raise InvalidInput(
            "store", given, f"a file stands after three slashes: sqlite:///{given.removeprefix('sqlite://')}"
        )
    path = url.database or ":memory:"
    in_memory = path in {":memory:", "file::memory:"} or url.query.get("mode") == "memory"
    if url.get_backend_name() == "sqlite" and in_memory:
        raise InvalidInput(
            "store", url.render_as_string(), "a database in memory is seen by one process and lost with it; " + _ALLOWED
        )


def _database(url: URL, given: Engine | None, lock_timeout: float, clock: Clock | None) -> Database:
    try:
        if url.get_backend_name() == "sqlite":
            # Also for an engine that was given: its connections begin transactions in a way that fails when busy.
            engine = sqlite.make_engine(url, lock_timeout)
            return Database(engine, sqlite.SqliteDialect(engine, lock_timeout), owned=True, clock=clock)
        engine = given or postgresql.make_engine(url, lock_timeout)
        return Database(engine, postgresql.PostgresqlDialect(engine), owned=given is None, clock=clock)
    except ModuleNotFoundError as error:
        raise StoreUnavailable(
            f"the driver for {url.get_backend_name()} is not installed ({error}); run `pip install 'psycopg[binary]'`"
        ) from error
