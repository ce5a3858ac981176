"""What somebody else's program does to a row is seen, fires, and is shown as what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from gnomon import RunState, Scheduler
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.rows import overwrite
from tests.jobs import fail, nothing

TOMORROW = NOON + timedelta(days=1)


@pytest.fixture
def plain(migrated_url: str) -> Iterator[BackgroundScheduler]:
    """A plain APScheduler on the same table; it fires nothing."""
    store = SQLAlchemyJobStore(url=migrated_url)
    scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": store})
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()
    store.engine.dispose()


def test_a_job_that_another_program_rescheduled_is_shown_as_from_outside_and_fires_so(
    scheduler: Scheduler, engine: ManualEngine, plain: BackgroundScheduler
) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    before = scheduler.get_job("job")
    soon = TOMORROW

    plain.reschedule_job("job", trigger="date", run_date=soon)

    job = scheduler.get_job("job")
    assert (job["source"], job["trigger"]) == ("outside", "date")
    assert job["token"] != before["token"]
    assert (job["default"]["trigger"], job["default"]["trigger_args"]["hour"]) == ("cron", "13")
    (run,) = engine.run_until(soon + timedelta(days=1))
    assert (run.state, run.scheduled_at) == (RunState.SUCCEEDED, soon)


def test_a_job_that_another_program_paused_is_paused(
    scheduler: Scheduler, engine: ManualEngine, plain: BackgroundScheduler
) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    plain.pause_job("job")
    job = scheduler.get_job("job")
    assert (job["state"], job["enabled"], job["source"]) == ("paused", False, "outside")
    assert engine.run_until(TOMORROW) == []
    scheduler.resume_job("job")
    assert scheduler.get_job("job")["source"] == "code"


def test_an_operators_change_after_it_makes_the_schedule_gnomons_again(
    scheduler: Scheduler, engine: ManualEngine, plain: BackgroundScheduler
) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    plain.modify_job("job", max_instances=5)
    assert scheduler.get_job("job")["source"] == "outside"
    scheduler.update_job_schedule("job", "cron", hour=14)
    assert scheduler.get_job("job")["source"] == "override"


def test_a_fire_by_another_program_is_no_change(
    scheduler: Scheduler, engine: ManualEngine, plain: BackgroundScheduler
) -> None:
    """A plain APScheduler writes the whole row back when it fires."""
    scheduler.register(nothing, "cron", id="job", hour=13, description="What it does.")
    before = scheduler.get_job("job")
    job = plain.get_job("job")
    job.next_run_time = TOMORROW
    plain._jobstores["default"].update_job(job)
    after = scheduler.get_job("job")
    assert after["next_run_time"] == TOMORROW.isoformat()
    assert [after[key] for key in ("token", "source")] == [before["token"], "code"]


def test_a_job_that_another_program_added_is_shown_and_waits_for_its_code(
    scheduler: Scheduler, engine: ManualEngine, plain: BackgroundScheduler, another_engine: Callable[..., ManualEngine]
) -> None:
    soon = TOMORROW
    scheduler.register(nothing, "cron", id="own", hour=13)
    plain.add_job(fail, "date", run_date=soon, id="theirs", name="Their job")
    job = scheduler.get_job("theirs")
    assert (job["source"], job["state"], job["name"], job["default"]) == ("outside", "orphaned", "Their job", None)

    able = another_engine(allow=["tests.jobs"])
    scheduler.pause_job("own")
    (run,) = able.run_until(soon)
    assert (run.job_id, run.state) == ("theirs", RunState.FAILED)
    assert "this job always fails" in (run.error or "")


def test_where_only_the_column_was_moved_the_later_of_both_times_counts(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "cron", id="later", hour=13)
    scheduler.register(nothing, "cron", id="earlier", hour=13)
    overwrite(scheduler, "later", next_run_time=TOMORROW.timestamp())
    overwrite(scheduler, "earlier", next_run_time=NOON.timestamp())

    shown = {job["id"]: job["next_run_time"] for job in scheduler.get_all_jobs()}
    assert shown == {"later": TOMORROW.isoformat(), "earlier": (NOON + timedelta(hours=1)).isoformat()}
    assert engine.step() == []
    lines = engine.run_until(TOMORROW)
    assert [(run.job_id, run.scheduled_at) for run in lines] == [
        ("earlier", NOON + timedelta(hours=1)),
        ("later", TOMORROW),
    ]


def test_a_column_without_a_time_is_a_pause(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    overwrite(scheduler, "job", next_run_time=None)
    assert scheduler.get_job("job")["state"] == "paused"
    assert engine.run_until(TOMORROW) == []
