"""What wants a decision is found among all stored jobs, also where nobody can read them all at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnomon import Scheduler
from gnomon.domain.schedule import JobRow, StoredJob
from gnomon.engine.row_codec import body
from gnomon.operations import patrol
from gnomon.operations.patrol import Patrol
from gnomon.testing import ManualEngine
from tests.conformance.rows import overwrite
from tests.jobs import nothing


@pytest.fixture
def jobs(
    another_engine: Callable[..., ManualEngine],
    another_scheduler: Callable[..., Scheduler],
    monkeypatch: pytest.MonkeyPatch,
) -> Scheduler:
    """Twenty-nine jobs in slices of seven, with one of each kind among them."""
    monkeypatch.setattr(patrol, "_ROWS", 7)
    monkeypatch.setattr(patrol, "_PAUSE_SECONDS", 0.0)
    earlier = another_scheduler()
    for name in ("moved", "kept"):
        earlier.register(nothing, "cron", id=name, hour=3)
    earlier.start_all_jobs()
    for name in ("moved", "kept"):
        earlier.change_job(name, trigger="cron", trigger_args={"hour": 5})
    scheduler = another_engine().scheduler
    for number in range(25):
        scheduler.register(nothing, "cron", id=f"job {number:02}", hour=3)
    scheduler.register(nothing, "cron", id="moved", hour=4)
    scheduler.register(nothing, "cron", id="kept", hour=3)
    scheduler.start_all_jobs()
    earlier.engine.add_job("tests.jobs:sleep_a_minute", "cron", id="orphan", hour=13)
    earlier.engine.add_job("tests.jobs:nothing", "cron", id="outside", hour=13)
    overwrite(scheduler, "job 17", job_state=b"\x80\x04garbage")
    return scheduler


def test_each_kind_is_found_and_counted(jobs: Scheduler) -> None:
    found = Patrol(jobs._context, body).look()
    assert found.is_whole
    assert found.looked_at == len(jobs.get_all_jobs())
    assert found.job_ids == {
        "quarantined": ["job 17"],
        "orphaned": ["orphan"],
        "moved": ["moved"],
        "outside": ["outside"],
    }
    assert found.named == ["job 17", "orphan", "moved", "outside"]
    states = {job["id"]: job["state"] for job in jobs.get_all_jobs()}
    assert (states["job 17"], states["orphan"], states["outside"]) == ("quarantined", "orphaned", "active")


def test_the_first_are_named_and_the_others_counted(jobs: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrol, "MOST_NAMED", 2)
    for number in range(5):
        overwrite(jobs, f"job {number:02}", job_state=b"nothing")
    found = Patrol(jobs._context, body).look()
    assert found.counts["quarantined"] >= 6
    assert found.job_ids["quarantined"] == ["job 00", "job 01"]
    assert found.named[:2] == ["job 00", "job 01"]


def test_the_same_bytes_are_decoded_once_and_others_again(jobs: Scheduler) -> None:
    decoded: list[str] = []
    context = jobs._context

    def decode(row: JobRow) -> StoredJob:
        decoded.append(row.id)
        return context.decode(row)

    watched = Patrol(type(context)(context.store, context.engine, decode, context.manifest, context.declared), body)
    watched.look()
    decoded.clear()
    jobs.change_job("job 03", trigger="interval", trigger_args={"minutes": 7})
    overwrite(jobs, "job 04", job_state=b"nothing")
    assert "job 04" in watched.look().job_ids["quarantined"]
    assert decoded == ["job 03", "job 04"]


def test_who_asks_waits_for_nothing_and_it_ends_with_the_scheduler(jobs: Scheduler) -> None:
    jobs.patrol.ask()
    jobs.patrol.stop()
    jobs.close()
    assert jobs.patrol.look().is_whole is False  # it was told to stop
