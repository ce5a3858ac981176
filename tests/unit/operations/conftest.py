"""A scheduler on a store of its own that is never started; its clock stands at Monday noon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from gnomon import Scheduler
from gnomon.testing import ManualClock, temporary_store
from tests.jobs import nothing

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def another(clock: ManualClock) -> Iterator[Callable[[], Scheduler]]:
    """Makes schedulers on one store, as one process after another would."""
    with temporary_store() as url, ExitStack() as stack:

        def make() -> Scheduler:
            scheduler = Scheduler(url, timezone="UTC", clock=clock)
            stack.callback(scheduler.close)
            return scheduler

        yield make


@pytest.fixture
def scheduler(another: Callable[[], Scheduler]) -> Scheduler:
    """With one stored job, ``job``, at three."""
    scheduler = another()
    scheduler.register(nothing, "cron", id="job", hour=15)
    scheduler.start_all_jobs()
    return scheduler
