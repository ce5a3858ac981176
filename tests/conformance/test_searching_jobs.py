"""A search passes over rows without making their jobs' dicts, and finds what it would find in all of those."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnomon import Scheduler
from gnomon.operations.list_jobs import JobQuery, matches
from gnomon.testing import ManualClock, ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.hostile_triggers import Moody
from tests.conformance.rows import insert
from tests.jobs import nothing

SEARCHES = [
    "nightly",
    "report",
    "STRASSE",
    "straße",
    "überall",
    "{json}",
    "weekdays",
    "a",
    "nowhere",
    "moody",
    "broken",
]
WITH_BLANKS = ['"quote" \\', "every 7", "cannot be read", "\0", "nightly\0the"]


@pytest.fixture(params=["fine", "stands still"])
def scheduler(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    clock: ManualClock,
    another_engine: Callable[..., ManualEngine],
) -> Scheduler:
    """Jobs that a search can find by each text, and by texts that depend on more than the stored bytes."""
    scheduler = another_engine(allow=["tests.conformance.hostile_triggers"]).scheduler
    scheduler.register(nothing, "cron", id="nightly", name="The Report", hour=3, description="Straßenzustände, ÜBERALL")
    scheduler.register(nothing, "interval", id="tenant-1", minutes=5, description='a {json} "quote" \\ and a tab\t')
    scheduler.register(nothing, "crontab", "0 3 * * 1-5", id="weekdays")
    scheduler.register(nothing, "cron", id="paused", hour=4, enabled=False)
    scheduler.register(nothing, Moody(), id="moody")
    scheduler.start_all_jobs()
    scheduler.change_job("paused", trigger="interval", trigger_args={"minutes": 7})
    insert(scheduler, "broken", NOON.timestamp(), b"\x80\x04garbage")
    monkeypatch.setattr(Moody, "mood", request.param)
    clock.advance(hours=1)
    return scheduler


def test_a_search_finds_what_stands_in_the_dicts(scheduler: Scheduler) -> None:
    jobs = scheduler.get_all_jobs()
    for search in [*SEARCHES, *WITH_BLANKS]:
        found = scheduler.list_jobs(JobQuery(search=search)).jobs
        assert [job["id"] for job in found] == [job["id"] for job in jobs if matches(job, search)], search
