"""Crontab lines at daylight-saving changes, as they stand in the ledger in the end: Debian cron's rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gnomon import Scheduler
from gnomon.testing import ManualEngine
from tests.jobs import nothing

BERLIN_FORWARD, BERLIN_BACK = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
LORD_HOWE_BACK = datetime(2026, 4, 4, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "expression", "start", "fired"),
    [
        # 02:00 becomes 03:00 at 01:00 UTC: what was due in the gap runs right after it, once.
        ("Europe/Berlin", "30 2 * * *", BERLIN_FORWARD, ["01:00"]),
        ("Europe/Berlin", "15,45 2 * * *", BERLIN_FORWARD, ["01:00"]),
        ("Europe/Berlin", "*/30 * * * *", BERLIN_FORWARD, ["00:30", "01:00", "01:30", "02:00", "02:30", "03:00"]),
        # 03:00 becomes 02:00 at 01:00 UTC: fixed times run once, what runs every so often follows the clock.
        ("Europe/Berlin", "30 2 * * *", BERLIN_BACK, ["00:30"]),
        ("Europe/Berlin", "30 * * * *", BERLIN_BACK, ["00:30", "01:30", "02:30"]),
        # By half an hour, at 15:00 UTC.
        ("Australia/Lord_Howe", "45 1 * * *", LORD_HOWE_BACK, ["14:45"]),
    ],
)
def test_a_crontab_line_fires_at_the_changes_of_the_clocks_as_cron_would(
    scheduler: Scheduler, engine: ManualEngine, zone: str, expression: str, start: datetime, fired: list[str]
) -> None:
    engine.clock.set(start)
    scheduler.register(nothing, "crontab", expression, id="job", timezone=zone)
    preview = scheduler.preview("crontab", expression=expression, timezone=zone, count=6)

    lines = engine.run_until(start + timedelta(hours=3))

    assert [f"{run.scheduled_at:%H:%M}" for run in lines] == fired
    assert [run.scheduled_at for run in lines] == [time.astimezone(UTC) for time in preview.fire_times[: len(lines)]]


def test_an_interval_is_elapsed_time_whatever_the_clocks_do(scheduler: Scheduler, engine: ManualEngine) -> None:
    engine.clock.set(BERLIN_FORWARD)
    scheduler.register(nothing, "interval", id="job", minutes=45, timezone="Europe/Berlin")
    lines = engine.run_until(BERLIN_FORWARD + timedelta(hours=3))
    assert [run.scheduled_at - BERLIN_FORWARD for run in lines] == [timedelta(minutes=45 * n) for n in range(1, 5)]
    job = scheduler.get_job("job")
    assert job["next_run_time"] == "2026-03-29T05:45:00+02:00"


def test_an_outage_over_a_change_of_the_clocks_leaves_no_due_time_without_a_line(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    engine.clock.set(BERLIN_BACK)
    scheduler.register(nothing, "cron", id="job", minute=0, timezone="Europe/Berlin")
    engine.clock.advance(hours=4)
    assert [run.scheduled_at - BERLIN_BACK for run in engine.step()] == [timedelta(hours=n) for n in range(1, 5)]


def test_of_two_jobs_in_the_hour_that_comes_twice_each_gets_its_own_times(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    """Python takes the two half past twos of that night for equal."""
    engine.clock.set(BERLIN_BACK)
    for name in ("first", "second"):
        scheduler.register(nothing, "cron", id=name, minute=30, timezone="Europe/Berlin", coalesce=False)
    scheduler.pause_job("second")
    engine.clock.advance(hours=1)
    scheduler.resume_job("second")
    engine.clock.advance(hours=1)

    lines = [(run.job_id, f"{run.scheduled_at:%H:%M}") for run in engine.step()]

    assert sorted(lines) == [("first", "00:30"), ("first", "01:30"), ("second", "01:30")]
