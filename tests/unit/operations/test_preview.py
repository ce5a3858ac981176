"""What a change would do is shown by the code that then does it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gnomon import Scheduler
from gnomon.errors import InvalidTrigger, JobNotFound
from gnomon.testing import ManualClock, ManualEngine
from tests.unit.operations.conftest import NOON

DAY = timedelta(days=1)


def test_a_preview_of_a_trigger_is_its_next_fire_times(scheduler: Scheduler) -> None:
    preview = scheduler.preview("cron", count=3, hour=13)
    assert preview.fire_times == tuple(NOON + timedelta(hours=1) + n * DAY for n in range(3))
    assert (preview.trigger.kind, preview.trigger.words) == ("cron", "at 13:00 every day, UTC")


def test_a_preview_of_a_change_shows_both_and_changes_nothing(scheduler: Scheduler) -> None:
    before = {**scheduler.get_job("job"), "as_of": ""}
    shown = scheduler.preview_change("job", "interval", count=2, hours=1, start_date=NOON)
    assert shown.before.fire_times == tuple(NOON + timedelta(hours=3) + n * DAY for n in range(2))
    assert shown.after.fire_times == (NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    assert {**shown.job, "as_of": ""} == before == {**scheduler.get_job("job"), "as_of": ""}


def test_a_paused_job_has_no_fire_times_before(scheduler: Scheduler) -> None:
    scheduler.pause_job("job")
    assert scheduler.preview_change("job", "cron", hour=1).before.fire_times == ()


def test_what_is_previewed_is_what_fires(scheduler: Scheduler, clock: ManualClock) -> None:
    shown = scheduler.preview_change("job", "crontab", count=4, expression="*/20 13,14 * * 1-5")
    assert scheduler.update_job_schedule("job", "crontab", expression="*/20 13,14 * * 1-5")
    with ManualEngine(scheduler) as engine:
        lines = engine.run_until(shown.after.fire_times[-1])
    assert tuple(run.scheduled_at for run in lines) == shown.after.fire_times


def test_what_would_be_refused_is_refused_in_the_preview(scheduler: Scheduler) -> None:
    with pytest.raises(InvalidTrigger):
        scheduler.preview("cron", hour=99)
    with pytest.raises(InvalidTrigger, match="five years"):
        scheduler.preview("date", run_date="2001-01-01")
    with pytest.raises(JobNotFound):
        scheduler.preview_change("nope", "cron", hour=1)
