"""One migrated PostgreSQL database for many tests, emptied before each: making one takes longer than most of them.

For tests whose every thread and process has ended when they end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from gnomon.store import Store
from gnomon.store.tables import metadata
from tests.servers.postgresql import PostgresqlServer


@pytest.fixture(scope="session")
def emptied_postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of the database."""
    url = postgresql_server.create_database()
    store = Store(url)
    store.upgrade()
    store.close()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store with Gnomon's tables, once on each database."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("emptied_postgresql_url")
        engine = create_engine(url)
        with engine.begin() as connection:
            for table in metadata.tables:
                connection.execute(text(f"DELETE FROM {table}"))
        engine.dispose()
        return url
    url = request.getfixturevalue("sqlite_url")
    store = Store(url)
    store.upgrade()
    store.close()
    return url
