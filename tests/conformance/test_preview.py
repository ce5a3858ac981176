"""A preview says before a change what will come of it: how often, when the clocks change, and beside what else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from gnomon import Scheduler
from gnomon.operations.preview import change_preview_dict, preview_dict
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def nightly(scheduler: Scheduler) -> Scheduler:
    """A job that is due at 02:30 in Berlin."""
    scheduler.register(nothing, "crontab", "30 2 * * *", id="job", timezone="Europe/Berlin")
    return scheduler


def test_before_and_after_are_shown_with_how_many_runs_a_month_has(nightly: Scheduler) -> None:
    preview = nightly.preview_change("job", "cron", hour="*/6", count=2)
    assert [time.isoformat() for time in preview.before.fire_times] == [
        "2050-03-08T02:30:00+01:00",
        "2050-03-09T02:30:00+01:00",
    ]
    assert [time.isoformat() for time in preview.after.fire_times] == [
        "2050-03-07T18:00:00+01:00",
        "2050-03-08T00:00:00+01:00",
    ]
    assert (preview.before.runs_a_month, preview.after.runs_a_month) == (30, 120)
    assert nightly.preview("interval", seconds=1).runs_a_month == 30 * 86400
    assert nightly.preview("cron", second="*").runs_a_month is None
    assert nightly.preview("date", run_date=NOON + 31 * DAY).runs_a_month == 0


def test_it_says_what_happens_when_the_clocks_change(nightly: Scheduler) -> None:
    spring, autumn = nightly.preview_change("job").before.around_clock_changes
    assert spring.change.at.isoformat() == "2050-03-27T03:00:00+02:00"
    assert (spring.change.before, spring.change.after) == (HOUR, 2 * HOUR)
    assert [time.isoformat() for time in spring.fire_times] == ["2050-03-27T03:00:00+02:00"]
    assert [time.isoformat() for time in autumn.fire_times] == ["2050-10-30T02:30:00+02:00"]
    both = nightly.preview("cron", hour=2, minute=30, timezone="Europe/Berlin").around_clock_changes
    assert [[time.isoformat() for time in each.fire_times] for each in both] == [
        ["2050-03-27T03:30:00+02:00"],
        ["2050-10-30T02:30:00+02:00", "2050-10-30T02:30:00+01:00"],
    ]
    assert nightly.preview("cron", hour=2, timezone="UTC").around_clock_changes == ()


@pytest.mark.parametrize("args", [{"minutes": 1}, {"minutes": 7}, {"seconds": 1}, {"seconds": 10}, {"hours": 1}])
def test_of_a_trigger_that_fires_often_both_sides_of_a_clock_change_are_shown(
    nightly: Scheduler, args: dict[str, int]
) -> None:
    for around in nightly.preview("interval", timezone="Europe/Berlin", **args).around_clock_changes:
        before = [at for at in around.fire_times if at.timestamp() < around.change.at.timestamp()]
        assert 0 < len(before) < len(around.fire_times) <= 12


def test_what_is_shown_around_a_change_of_the_clocks_is_what_fires(nightly: Scheduler, engine: ManualEngine) -> None:
    (spring, _) = nightly.preview_change("job").before.around_clock_changes
    engine.run_until(spring.change.at + 4 * HOUR)
    around = [run.scheduled_at for run in nightly.runs("job") if abs(run.scheduled_at - spring.change.at) <= 3 * HOUR]
    assert around == list(spring.fire_times)


@pytest.mark.parametrize(("seconds", "at_once"), [(30, True), (60, True), (61, False)])
def test_it_says_whether_it_fires_within_a_minute(scheduler: Scheduler, seconds: int, at_once: bool) -> None:
    assert scheduler.preview("interval", seconds=seconds).fires_at_once is at_once


def test_it_says_how_many_other_jobs_are_due_at_the_same_time(nightly: Scheduler) -> None:
    for number in range(3):
        nightly.register(nothing, "cron", id=f"other {number}", hour=4, timezone="Europe/Berlin")
    assert nightly.preview("cron", hour=4, timezone="Europe/Berlin").collisions == 3
    assert nightly.preview_change("job", "cron", hour=4).after.collisions == 3
    assert nightly.preview_change("job", "cron", hour=4).before.collisions == 0
    assert nightly.preview_change("other 0").before.collisions == 2


def test_exceptions_and_calendars_are_marked_before_and_after(nightly: Scheduler) -> None:
    nightly.set_calendar("closed", dates={"2050-03-09": "counting"})
    nightly.skip_next("job")
    nightly.move_next("job", datetime.fromisoformat("2050-03-10T04:00:00+01:00"), at=NOON + 2 * DAY + 13.5 * HOUR)
    preview = nightly.preview_change("job", calendar="closed", count=3)
    assert [each.outlook.value for each in preview.before.coming] == ["skipped", "starts", "moved"]
    assert [each.outlook.value for each in preview.after.coming] == ["skipped", "excluded", "moved"]
    assert preview.after.coming[1].note == "excluded by calendar closed: counting"
    assert preview.after.next_start == datetime.fromisoformat("2050-03-10T04:00:00+01:00")
    assert (preview.before.runs_a_month, preview.after.runs_a_month) == (29, 28)
    other = nightly.preview_change("job", "cron", hour=5, count=1).after
    assert other.coming[0].outlook.value == "starts"  # the exceptions are for times that it does not have


def test_of_a_paused_job_nothing_fires_before(nightly: Scheduler) -> None:
    nightly.pause_job("job")
    before = nightly.preview_change("job", "cron", hour=5).before
    assert (before.fire_times, before.runs_a_month, before.next_start) == ((), 0, None)


def test_it_can_be_sent_as_json(nightly: Scheduler) -> None:
    nightly.set_calendar("closed", dates=["2050-03-09"])
    for made in (
        preview_dict(nightly.preview("cron", hour=4, calendar="closed")),
        change_preview_dict(nightly.preview_change("job", "cron", hour=4)),
    ):
        assert json.loads(json.dumps(made)) == made
    (change, _) = preview_dict(nightly.preview_change("job").before)["around_clock_changes"]
    assert (change["offset_before"], change["offset_after"]) == ("+01:00", "+02:00")
