"""A job that has fired its last time is kept, shown as finished, and can be given another schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gnomon import RunState, Scheduler
from gnomon.errors import ChangeRefused
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

ONE = NOON + timedelta(hours=1)
ENDING: list[tuple[str, dict[str, Any]]] = [
    ("date", {"run_date": ONE.isoformat()}),
    ("interval", {"hours": 1, "end_date": "2050-03-07T13:30:00Z"}),
    ("cron", {"hour": "*", "end_date": "2050-03-07T13:30:00Z"}),
]


@pytest.mark.parametrize(("trigger", "args"), ENDING)
def test_after_its_last_fire_a_job_is_kept_and_finished_under_the_same_token(
    scheduler: Scheduler, engine: ManualEngine, trigger: str, args: dict[str, Any]
) -> None:
    scheduler.register(nothing, trigger, id="job", **args)
    before = scheduler.get_job("job")
    assert before["next_run_time"] == ONE.isoformat()

    (run,) = engine.run_until(NOON + timedelta(days=1))

    job = scheduler.get_job("job")
    assert run.state is RunState.SUCCEEDED
    assert (job["state"], job["enabled"], job["next_run_time"]) == ("finished", True, None)
    assert (job["token"], job["source"]) == (before["token"], "code")
    assert scheduler.start_all_jobs() == []
    assert engine.run_until(NOON + timedelta(days=2)) == []


def test_a_finished_job_that_is_rescheduled_fires_again(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    engine.run_until(ONE)

    assert scheduler.update_job_schedule("job", "date", run_date=ONE + timedelta(hours=1))
    assert scheduler.get_job("job")["state"] == "active"
    (run,) = engine.run_until(NOON + timedelta(days=1))

    assert (run.scheduled_at, run.state) == (ONE + timedelta(hours=1), RunState.SUCCEEDED)
    assert scheduler.get_job("job")["state"] == "finished"


def test_resuming_a_job_with_no_time_left_is_refused_and_keeps_it(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    scheduler.pause_job("job")
    engine.clock.advance(hours=2)
    before = scheduler.get_job("job")

    with pytest.raises(ChangeRefused, match="no time left"):
        scheduler.resume_job("job")
    with pytest.raises(ChangeRefused):
        scheduler.engine.resume_job("job")

    assert {**scheduler.get_job("job"), "as_of": ""} == {**before, "as_of": ""}
    assert (before["state"], before["enabled"]) == ("paused", False)
    assert engine.step() == []


def test_a_paused_job_whose_time_has_passed_stays_paused_when_it_is_rescheduled(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    scheduler.pause_job("job")
    engine.clock.advance(hours=2)

    assert scheduler.update_job_schedule("job", "interval", minutes=1)

    job = scheduler.get_job("job")
    assert (job["state"], job["enabled"], job["next_run_time"]) == ("paused", False, None)
    assert engine.run_until(NOON + timedelta(hours=3)) == []
    scheduler.resume_job("job")
    assert scheduler.get_job("job")["next_run_time"] == (NOON + timedelta(hours=3, minutes=1)).isoformat()


def test_a_date_that_passed_before_the_first_start_still_runs_once(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "date", id="job", run_date=NOON - timedelta(minutes=10))
    (run,) = engine.step()
    assert (run.state, run.scheduled_at) == (RunState.SUCCEEDED, NOON - timedelta(minutes=10))
    assert scheduler.get_job("job")["state"] == "finished"


def test_a_paused_one_shot_job_does_not_fire_and_its_time_is_not_made_up(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE, enabled=False)
    assert scheduler.get_job("job")["state"] == "paused"
    assert engine.run_until(NOON + timedelta(days=1)) == []
    assert scheduler.get_job("job")["state"] == "paused"


def test_a_manual_run_does_not_finish_a_job(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    scheduler.run_job("job")
    engine.step()
    job = scheduler.get_job("job")
    assert (job["state"], datetime.fromisoformat(job["next_run_time"])) == ("active", ONE)
