"""Reading a database that is somebody else's: by connections that leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gnomon.store import sqlite
from gnomon.store.database import Database
from gnomon.store.store import Store


@contextmanager
def reading_only(store: Store) -> Iterator[Database]:
    """The store's own connections, or for a file some that cannot write: the store's would switch its journal."""
    if store.database.dialect.name != "sqlite":
        yield store.database
        return
    engine = sqlite.make_reading_engine(store.url, store.lock_timeout)
    database = Database(engine, sqlite.SqliteDialect(engine, store.lock_timeout), owned=True)
    try:
        yield database
    finally:
        database.close()
