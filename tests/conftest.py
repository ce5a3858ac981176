"""What tests of every part share: the stores they run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gnomon.store import Store
from tests.servers.postgresql import PostgresqlServer, PostgresqlUnavailable

pytest_plugins = ["tests.skips"]

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("ci", deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "postgresql_server" in getattr(item, "fixturenames", ()):
            item.add_marker("postgresql")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """The run's own PostgreSQL, started when the first test asks for it. A test may stop and start it."""
    try:
        server = PostgresqlServer()
    except PostgresqlUnavailable as unavailable:
        pytest.skip(str(unavailable))
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, which goes with the test."""
    url = postgresql_server.create_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store, once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def migrated_url(store_url: str) -> str:
    """The URL of an empty store with Gnomon's tables, once on each database."""
    store = Store(store_url)
    store.upgrade()
    store.close()
    return store_url
