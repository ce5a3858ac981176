"""What statements are executed on: the driver's cursor, on a connection of SQLAlchemy's pool.

SQLAlchemy keeps engines and pools; its transaction, statement and result machinery takes ten times as long as SQLite
takes to execute one of these small statements, and half of what a fire or a change costs (docs/decisions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection

from gnomon.store.batch import Batch

_NAMED = re.compile(r"(?<!:):([a-z_]+)")


class Session:
    """A connection in a transaction.

    ``batch`` holds what was read ahead and what waits to be written, until the next statement. ``is_broken`` says that
    the transaction can't be committed any more.
    """

    __slots__ = ("_engine", "_pooled", "_pyformat", "batch", "is_broken")

    def __init__(self, engine: Engine, pooled: PoolProxiedConnection) -> None:
        self._engine = engine
        self._pooled = pooled
        self._pyformat = engine.dialect.paramstyle == "pyformat"
        self.batch: Batch | None = None
        self.is_broken = False

    def __enter__(self) -> Session:
        """Join: what is done within belongs to this transaction, which goes on afterwards."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Whoever began it ends it."""

    def connection(self) -> Connection:
        """SQLAlchemy's, in the same transaction; for what is not hot. Nobody ends it, nor the transaction by it."""
        connection = Connection(self._engine, self._pooled)
        connection.begin()
        return connection

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Result:
        """Execute a statement with ``:named`` parameters."""
        if self.batch is not None:
            self.settle()
        cursor = self._pooled.cursor()
        if self._pyformat:
            cursor.execute(_pyformat(statement), parameters or {})
        else:
            cursor.execute(statement, parameters or ())
        return Result(cursor)

    def execute_many(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute a statement once for each of many sets of parameters. Returns how many rows it touched."""
        return self.execute_as_written(_pyformat(statement) if self._pyformat else statement, rows, many=True)

    def execute_all(self, statements: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[int]:
        """As ``execute_many``, several statements; a server is asked all of them before it is waited for. Returns how
        many rows each touched."""
        if self.batch is not None:
            self.settle()
        cursors = [self._pooled.cursor() for _ in statements]
        with self._pipeline():
            for cursor, (statement, rows) in zip(cursors, statements.items(), strict=True):
                cursor.executemany(_pyformat(statement) if self._pyformat else statement, rows)
        touched = [int(cursor.rowcount) for cursor in cursors]
        for cursor in cursors:
            cursor.close()
        return touched

    def execute_as_written(self, statement: str, parameters: Any, *, many: bool = False) -> int:
        """Execute a statement in the driver's own parameter style. Returns how many rows it touched."""
        if self.batch is not None:
            self.settle()
        cursor = self._pooled.cursor()
        try:
            if many:
                cursor.executemany(statement, parameters)
            else:
                cursor.execute(statement, parameters)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def settle(self) -> None:
        """Write what is gathered, if anything is: the end of the batch."""
        batch, self.batch = self.batch, None
        if batch is None:
            return
        try:
            batch.settle(self)
        except BaseException:
            self.is_broken = True
            raise

    def _pipeline(self) -> AbstractContextManager[Any]:
        driver: Any = self._pooled.driver_connection
        pipeline: AbstractContextManager[Any] = driver.pipeline() if self._pyformat else nullcontext()
        return pipeline


class Result:
    """What a statement gave. Rows are plain tuples."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    @property
    def rowcount(self) -> int:
        """How many rows were touched."""
        return int(self._cursor.rowcount)

    def all(self) -> list[Any]:
        """All rows."""
        rows: list[Any] = self._cursor.fetchall()
        self._cursor.close()
        return rows

    def one_or_none(self) -> Any:
        """The row, or ``None``."""
        row = self._cursor.fetchone()
        self._cursor.close()
        return row

    def scalars(self) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self.all()]

    def scalar(self) -> Any:
        """The first column of the first row, or ``None``."""
        row = self.one_or_none()
        return None if row is None else row[0]


@lru_cache(maxsize=500)
def _pyformat(statement: str) -> str:
    return _NAMED.sub(r"%(\1)s", statement.replace("%", "%%"))
