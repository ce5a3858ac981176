"""Pausing, resuming, rescheduling: what is paused stays paused, and no change fires anything retroactively."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from gnomon import Scheduler
from gnomon.errors import JobNotFound
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

HOUR = timedelta(hours=1)


def through_gnomon(scheduler: Scheduler, **args: int) -> None:
    assert scheduler.update_job_schedule("job", "cron", **args)


def through_apscheduler(scheduler: Scheduler, **args: int) -> None:
    scheduler.engine.reschedule_job("job", trigger="cron", **args)


@pytest.mark.parametrize("reschedule", [through_gnomon, through_apscheduler])
def test_a_paused_job_that_is_rescheduled_stays_paused(
    scheduler: Scheduler, engine: ManualEngine, reschedule: Callable[..., None]
) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    scheduler.pause_job("job")

    reschedule(scheduler, hour=14)

    job = scheduler.get_job("job")
    assert (job["state"], job["trigger_args"]["hour"], job["next_run_time"]) == ("paused", "14", None)
    assert engine.run_until(NOON + timedelta(days=2)) == []


def test_resuming_counts_from_now_and_makes_up_for_nothing(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1)
    scheduler.pause_job("job")
    engine.run_until(NOON + 5.5 * HOUR)

    scheduler.resume_job("job")

    assert scheduler.get_job("job")["next_run_time"] == (NOON + 6 * HOUR).isoformat()
    assert engine.step() == []
    assert [run.scheduled_at for run in engine.run_until(NOON + 6 * HOUR)] == [NOON + 6 * HOUR]


@pytest.mark.parametrize("reschedule", [through_gnomon, through_apscheduler])
def test_a_change_fires_nothing_retroactively(
    scheduler: Scheduler, engine: ManualEngine, reschedule: Callable[..., None]
) -> None:
    """Also when the job was due at the moment of the change and nobody had claimed it."""
    scheduler.register(nothing, "cron", id="job", hour=13)
    engine.clock.set(NOON + 1.5 * HOUR)

    reschedule(scheduler, hour=12)

    assert engine.step() == []
    assert scheduler.get_job("job")["next_run_time"] == (NOON + timedelta(days=1)).isoformat()


def test_changing_a_policy_moves_no_next_run_time(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1)
    before = scheduler.get_job("job")["next_run_time"]
    engine.clock.advance(minutes=10)
    after = scheduler.change_job("job", coalesce=False, misfire_grace_time=None, max_instances=7)
    assert after["next_run_time"] == before
    assert (after["coalesce"], after["misfire_grace_time"], after["max_instances"]) == (False, None, 7)


def test_resuming_a_job_that_is_not_paused_moves_nothing(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1)
    engine.clock.advance(minutes=61)  # due, and not claimed
    scheduler.resume_job("job")
    assert [run.scheduled_at for run in engine.step()] == [NOON + HOUR]


def test_pausing_twice_and_resuming_twice_is_as_good_as_once(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1)
    assert scheduler.pause_job("job")
    assert scheduler.pause_job("job")
    assert scheduler.get_job("job")["state"] == "paused"
    assert scheduler.resume_job("job")
    assert scheduler.resume_job("job")
    assert scheduler.get_job("job")["state"] == "active"
    assert [change.action for change in scheduler.changes()] == ["resume", "pause"]
    assert scheduler.get_job("job")["source"] == "code"


def test_a_paused_job_can_be_changed_and_resumed_in_one_change(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    scheduler.pause_job("job")
    job = scheduler.change_job("job", trigger="cron", trigger_args={"hour": 15}, enabled=True)
    assert (job["state"], datetime.fromisoformat(job["next_run_time"])) == ("active", NOON + 3 * HOUR)


def test_an_unknown_job_is_said_to_be_unknown(scheduler: Scheduler) -> None:
    for act in (scheduler.pause_job, scheduler.resume_job, scheduler.run_job, scheduler.get_job):
        with pytest.raises(JobNotFound, match="no such"):
            act("no such")
