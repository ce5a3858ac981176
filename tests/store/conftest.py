"""Stores with Gnomon's tables, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gnomon.domain.ledger import Line
from gnomon.domain.manifest import Manifest
from gnomon.domain.node import Node
from gnomon.domain.run import Cause, RunState
from gnomon.store import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a feed on PostgreSQL stop at once, not when it next looks up."""
    monkeypatch.setattr("gnomon.store.postgresql._WAIT_SECONDS", 0.05)


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """An opened store."""
    store = Store(migrated_url)
    store.open()
    yield store
    store.close()


@pytest.fixture
def second_url(store_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Another empty store on the same kind of database."""
    if store_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'second.db'}"
    else:
        server = request.getfixturevalue("postgresql_server")
        url = server.create_database()
        yield url
        server.drop_database(url)


def living(store: Store, *names: str) -> None:
    """Let nodes of these names join the store."""
    for name in names:
        node = Node(
            id=name, host="h", pid=1, version="1", manifest="", started_at=NOON, seen_at=NOON, beat=1, state="alive"
        )
        store.nodes.join(node, Manifest(frozenset({name})))


def line(job_id: str = "job", minutes: int = 0, state: RunState = RunState.QUEUED, **changes: Any) -> Line:
    """A line for the ledger, of a job that was due so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    fields: dict[str, Any] = {"cause": Cause.SCHEDULE, "node": None, "not_before": at}
    return Line(job_id=job_id, scheduled_at=at, state=state, **{**fields, **changes})
