"""Transactions: the only way to write, and the way to read.

A transaction belongs to the thread that opened it. What the same thread does on the database while it is open joins
it, so that a use case, the engine and APScheduler's own methods below them write in one.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gnomon.errors import StoreUnavailable, escaped
from gnomon.store.batch import SAVEPOINT, Batch
from gnomon.store.dialect import Dialect
from gnomon.store.session import Session


class Clock(Protocol):
    """Says what time it is: an aware datetime in UTC."""

    def __call__(self) -> datetime: ...


class CommitUncertain(StoreUnavailable):
    """The connection broke while a COMMIT was under way: it may have been done or not."""


#: Called with ``"<transaction>:begin"``, ``":commit"`` (before) and ``":committed"`` (after), in that order.
Boundary = Callable[[str], None]


class Database:
    """An engine, its dialect, and the transactions on it.

    ``clock`` overrides the source of time (for tests); without it PostgreSQL's clock counts where there is one, so
    that nodes agree, and the system's where there is none.
    """

    def __init__(self, engine: Engine, dialect: Dialect, *, owned: bool, clock: Clock | None = None) -> None:
        self.engine = engine
        self.dialect = dialect
        self.clock = clock
        self.boundary: Boundary | None = None
        self._owned = owned
        self._ambient = _Ambient()
        self._in_child: list[Callable[[], None]] = []
        if owned:
            # Who forgets a scheduler without closing it leaves no connections open.
            weakref.finalize(self, engine.dispose).atexit = False
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        # A connection must not be used by two processes; a forked child (gunicorn --preload) gets new ones.
        shut, open_, forget = map(weakref.WeakMethod, (self._shut, self._open, self._forget_connections))
        os.register_at_fork(
            before=lambda: _call(shut()),
            after_in_parent=lambda: _call(open_()),
            after_in_child=lambda: _call(forget()),
        )

    def transaction(self, name: str) -> AbstractContextManager[Session]:
        """Write: everything inside is committed together, or not at all. Joins the transaction already open.

        Raises ``StoreUnavailable`` when the database cannot be reached, is locked or full, and its subclass
        ``CommitUncertain`` when the answer to COMMIT was lost.
        """
        return self._ambient.session or self._transaction(name)

    @contextmanager
    def _transaction(self, name: str) -> Iterator[Session]:
        callbacks: list[Callable[[], None]] = []
        with self.dialect.writing():
            self._at(f"{name}:begin")
            with self._connected() as connection:
                self.dialect.begin_writing(connection)
                session = Session(self.engine, connection)
                self._ambient.session, self._ambient.callbacks = session, callbacks
                try:
                    yield session
                    session.settle()
                    if session.is_broken:
                        raise StoreUnavailable("a part of the transaction could not be undone; nothing was changed")
                    if self._ambient.announced:
                        self.dialect.announce(session)
                    self._at(f"{name}:commit")
                except BaseException:
                    self._ambient.clear()
                    self._roll_back(connection)
                    raise
                self._ambient.clear()
                self._commit(connection)
            self._at(f"{name}:committed")
        for callback in callbacks:
            callback()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the open transaction that leaves no trace if it raises: no row, no hint, no callback.

        Afterwards ``is_broken`` says whether the whole transaction has ended with it.
        """
        session, told = self._ambient.session, len(self._ambient.callbacks)
        assert session is not None
        if session.batch is not None:
            session.batch.begin_part()
        else:
            session.execute(SAVEPOINT)
        try:
            with self._translated():
                yield
        except BaseException:
            del self._ambient.callbacks[told:]
            self._give_up_part(session)
            raise
        if session.batch is not None:
            session.batch.end_part()
        else:
            session.execute("RELEASE SAVEPOINT gnomon_part")

    def _give_up_part(self, session: Session) -> None:
        try:
            if session.batch is None:
                session.execute("ROLLBACK TO SAVEPOINT gnomon_part")
            elif not session.batch.give_up_part():
                session.settle()
        except self._driver_error:  # the connection is gone, or the disk is full
            session.is_broken = True

    @property
    def is_broken(self) -> bool:
        """Whether the open transaction can't be committed any more. A row that stayed locked ends only its part."""
        return self._ambient.session is not None and self._ambient.session.is_broken

    def read(self) -> AbstractContextManager[Session]:
        """Read one consistent state; inside a transaction, or another read, what that sees."""
        return self._ambient.session or self._ambient.reading or self._read()

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with self._connected() as connection:
            self.dialect.begin_reading(connection)
            self._ambient.reading = Session(self.engine, connection)
            try:
                yield self._ambient.reading
            finally:
                self._ambient.reading = None
                self._roll_back(connection)
                self.dialect.end_reading(connection)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Tell others only when it is true: call back after the open transaction has committed, or now if none is."""
        if self._ambient.session is None:
            callback()
        elif callback not in self._ambient.callbacks:  # many changes of one transaction wake the same loop
            self._ambient.callbacks.append(callback)

    def one_at_a_time(self) -> None:
        """Go on alone: until the open transaction ends, nobody else gets past this line, in any process."""
        assert self._ambient.session is not None
        self.dialect.one_at_a_time(self._ambient.session)

    def in_child(self, callback: Callable[[], None]) -> None:
        """Call back in each process that is forked from this one: for locks that a thread of the parent may hold."""
        self._in_child.append(callback)

    def announce(self) -> None:
        """Leave a hint for other processes when the open transaction commits: schedules or waiting runs changed."""
        self._ambient.announced = True

    @property
    def batch(self) -> Batch | None:
        """What the open transaction has read ahead, if it has."""
        return None if self._ambient.session is None else self._ambient.session.batch

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open."""
        return self._ambient.session is not None

    def now(self) -> datetime:
        """The time that decides what is due, in UTC."""
        if self.clock is not None:
            return self.clock()
        if not self.dialect.has_clock:
            return datetime.now(UTC)
        if self.batch is not None:
            return self.batch.now
        with self.read() as session:
            return self.dialect.now(session)

    def local_now(self) -> datetime:
        """The time on this machine, without asking the database: for what is told, not for what is decided."""
        return self.clock() if self.clock is not None else datetime.now(UTC)

    def close(self) -> None:
        """Give the connections back, if they are ours."""
        if self._owned:
            self.engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[PoolProxiedConnection]:
        with self._translated(), self.dialect.working():
            connection = self.engine.raw_connection()
            try:
                yield connection
            except self._driver_error as error:
                if self._is_cut(connection, error):
                    raise StoreUnavailable(_explained(error)) from error
                raise
            finally:
                connection.close()

    def _is_cut(self, connection: PoolProxiedConnection, error: Exception) -> bool:
        """Whether the driver has lost the database. The pool has to be told: it gives such a connection to nobody."""
        if connection.is_valid and self.engine.dialect.is_disconnect(error, connection, None):  # type: ignore[arg-type]
            connection.invalidate(error)
        return not connection.is_valid

    def _roll_back(self, connection: PoolProxiedConnection) -> None:
        try:
            connection.rollback()
        except self._driver_error as error:
            connection.invalidate(error)

    def _commit(self, connection: PoolProxiedConnection) -> None:
        try:
            connection.commit()
        except self._driver_error as error:
            if self._is_cut(connection, error):
                raise CommitUncertain(f"the connection was cut while committing: {_first_line(error)}") from error
            self._roll_back(connection)
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Only this package knows databases: what goes wrong with one leaves it as ``StoreUnavailable``."""
        driver = self.engine.dialect.loaded_dbapi
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise StoreUnavailable(_explained(error)) from error
        except (driver.OperationalError, driver.InterfaceError) as error:
            raise StoreUnavailable(_explained(error)) from error
        except (DBAPIError, driver.DatabaseError) as error:
            # SQLite has no narrower class for a file that is damaged, or no database at all.
            cut = isinstance(error, DBAPIError) and error.connection_invalidated
            if cut or type(error) in {DatabaseError, driver.DatabaseError}:
                raise StoreUnavailable(_explained(error)) from error
            raise

    def _shut(self) -> None:
        self.dialect.before_fork()

    def _open(self) -> None:
        self.dialect.after_fork()

    def _forget_connections(self) -> None:
        self.dialect.forked()
        self.engine.dispose(close=self.dialect.closes_inherited_connections)
        self._ambient = _Ambient()
        for callback in self._in_child:
            callback()

    def _at(self, point: str) -> None:
        if self.boundary is not None:
            self.boundary(point)


class _Ambient(threading.local):
    #: The transaction that is open, and the read: a transaction begun within a read is not part of it.
    session: Session | None = None
    reading: Session | None = None
    callbacks: list[Callable[[], None]]
    announced = False

    def clear(self) -> None:
        self.session = None
        self.callbacks = []
        self.announced = False


def _call(function: Callable[[], None] | None) -> None:
    if function is not None:
        function()


def _explained(error: Exception) -> str:
    reason = _first_line(error)
    remedies = {
        "database is locked": "another program holds the write lock; find it, or raise GNOMON_LOCK_TIMEOUT",
        "disk is full": "free some space; nothing was changed",
        "is no longer there": "put it back, or restore a backup; no new one is made while this process runs",
        "unable to open database file": "check that the directory exists and that this user may write to it",
        "readonly database": "this user may not write to the file or its directory",
        "file is not a database": "the file is something else; give the path of an SQLite database",
        "Connection refused": "check that the server runs, and host and port in the URL",
        "password authentication failed": "check user and password in the URL",
        "does not exist": "create the database, or correct its name in the URL",
    }
    for sign, remedy in remedies.items():
        if sign in reason:
            return f"the database said: {reason}; {remedy}"
    return f"the database said: {reason}"


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return escaped((str(original).strip().splitlines() or [type(original).__name__])[0])
