"""Gnomon's schedulers and plain APSchedulers on one store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from gnomon import Scheduler, Settings
from gnomon.engine import JobStore
from tests.emptied_database import emptied_postgresql_url, migrated_url

__all__ = ["emptied_postgresql_url", "migrated_url"]  # fixtures of all tests here


@pytest.fixture(autouse=True)
def _brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an engine on PostgreSQL stop at once, not when its feed next looks up."""
    monkeypatch.setattr("gnomon.store.postgresql._WAIT_SECONDS", 0.05)


@pytest.fixture
def gnomon(migrated_url: str) -> Iterator[Callable[..., Scheduler]]:
    """Makes Gnomon's schedulers on the store."""
    with ExitStack() as stack:

        def make(**options: Any) -> Scheduler:
            scheduler = Scheduler(
                migrated_url, **{"timezone": "UTC", "settings": Settings(longest_sleep=0.5), **options}
            )
            stack.callback(scheduler.close)
            stack.callback(scheduler.shutdown, wait=False)
            return scheduler

        yield make


@pytest.fixture
def plain(migrated_url: str) -> Iterator[Callable[..., BackgroundScheduler]]:
    """Makes plain APSchedulers, with their own job store or with ours, started."""
    with ExitStack() as stack:

        def make(store: JobStore | None = None, paused: bool = False) -> BackgroundScheduler:
            used = store or SQLAlchemyJobStore(url=migrated_url)
            scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": used})
            stack.callback(used.store.close if isinstance(used, JobStore) else used.engine.dispose)
            scheduler.start(paused=paused)
            stack.callback(scheduler.shutdown)
            return scheduler

        yield make
