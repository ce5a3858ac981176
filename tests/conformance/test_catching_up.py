"""After a long outage a job catches up in bounded time and lines, and every due time is accounted for."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.run import NEVER_STARTED
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON

WEEK = timedelta(weeks=1)


@pytest.mark.parametrize("coalesce", [True, False])
def test_a_one_second_job_that_was_down_for_a_week_leaves_one_summary_and_one_run(
    scheduler: Scheduler, engine: ManualEngine, coalesce: bool
) -> None:
    started: list[int] = []
    scheduler.register(
        lambda: started.append(1), "interval", id="job", seconds=1, coalesce=coalesce, max_instances=1000
    )
    engine.clock.advance(weeks=1)

    began = time.process_time()
    summary, run = engine.step()
    assert time.process_time() - began < 5

    assert (summary.state, summary.covers) == (RunState.COALESCED, 7 * 86400 - 1)
    assert (summary.scheduled_at, summary.covers_until) == (NOON + timedelta(seconds=1), run.scheduled_at)
    assert (run.state, run.scheduled_at) == (RunState.SUCCEEDED, NOON + WEEK)
    assert started == [1]
    assert scheduler.get_job("job")["next_run_time"] == (NOON + WEEK + timedelta(seconds=1)).isoformat()


def test_a_week_beyond_the_grace_time_is_one_line_that_says_missed_and_one_for_the_last(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(pytest.fail, "cron", id="job", second="*/2", misfire_grace_time=1)
    engine.clock.set(NOON + WEEK + timedelta(seconds=1.5))

    summary, last = engine.step()

    assert (summary.state, last.state) == (RunState.MISSED, RunState.MISSED)
    assert summary.covers_until == last.scheduled_at == NOON + WEEK
    assert summary.covers in {None, WEEK // timedelta(seconds=2) - 1}


def test_a_hundred_jobs_that_were_down_for_a_year_catch_up_at_once(scheduler: Scheduler, engine: ManualEngine) -> None:
    for number in range(25):
        scheduler.register(print, "interval", id=f"interval {number}", seconds=1 + number)
        scheduler.register(print, "cron", id=f"cron {number}", second=number)
        scheduler.register(print, "crontab", "* * * * *", id=f"crontab {number}")
        scheduler.register(print, "calendarinterval", id=f"calendar {number}", days=1, hour=number % 24)
    engine.clock.advance(days=365)

    began = time.process_time()
    lines = engine.step()

    assert time.process_time() - began < 20
    per_job = {run.job_id: 0 for run in lines}
    assert len(per_job) == 100
    for run in lines:
        per_job[run.job_id] += 1
        assert run.state in NEVER_STARTED | {RunState.SUCCEEDED}
    assert max(per_job.values()) <= 2
    assert engine.step() == []
