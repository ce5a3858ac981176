"""A scheduler on each database whose clock and whose engine are moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.testing import ManualClock, ManualEngine
from tests.emptied_database import emptied_postgresql_url, migrated_url

__all__ = ["emptied_postgresql_url", "migrated_url"]  # fixtures of all tests here

#: A Monday, so far ahead that a plain APScheduler, which has a clock of its own, finds nothing due.
NOON = datetime(2050, 3, 7, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an engine on PostgreSQL stop at once, not when its feed next looks up."""
    monkeypatch.setattr("gnomon.store.postgresql._WAIT_SECONDS", 0.05)


@pytest.fixture
def clock() -> ManualClock:
    """It is Monday noon."""
    return ManualClock(NOON)


@pytest.fixture
def another_scheduler(migrated_url: str, clock: ManualClock) -> Iterator[Callable[..., Scheduler]]:
    """Makes schedulers on the store: what other nodes, web workers or scripts would hold."""
    with ExitStack() as stack:

        def make(**options: Any) -> Scheduler:
            scheduler = Scheduler(migrated_url, **{"timezone": "UTC", "clock": clock, **options})
            stack.callback(scheduler.close)
            stack.callback(scheduler.shutdown, wait=False)
            return scheduler

        yield make


@pytest.fixture
def another_engine(another_scheduler: Callable[..., Scheduler]) -> Iterator[Callable[..., ManualEngine]]:
    """Makes engines of other nodes, started."""
    with ExitStack() as stack:

        def make(**options: Any) -> ManualEngine:
            engine = stack.enter_context(ManualEngine(another_scheduler(**options)))
            stack.callback(engine.scheduler.shutdown, wait=False)  # also where a test failed while a job runs
            return engine

        yield make


@pytest.fixture
def engine(another_engine: Callable[..., ManualEngine]) -> ManualEngine:
    """The engine of a scheduler without jobs, started."""
    return another_engine()


@pytest.fixture
def scheduler(engine: ManualEngine) -> Scheduler:
    """Its scheduler. Jobs that are registered are stored at once."""
    return engine.scheduler


@pytest.fixture
def gate() -> Iterator[Event]:
    """What jobs of the test may wait for; it opens when the test ends."""
    gate = Event()
    yield gate
    gate.set()
