"""What was shown before is what the ledger says afterwards: whatever the trigger, the calendar and the exceptions."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gnomon import Scheduler
from gnomon.domain.coming import Coming, Outlook
from gnomon.domain.run import RunState
from gnomon.errors import ChangeRefused, InvalidInput
from gnomon.testing import ManualClock, ManualEngine
from tests.jobs import nothing

#: Two days before the clocks go forward in Berlin.
START = datetime(2050, 3, 25, 12, tzinfo=UTC)
PERIOD = timedelta(days=6)
_numbers = itertools.count()

zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
jitters = st.sampled_from([0, 0, 600])
triggers = st.one_of(
    st.builds(lambda hours: ("cron", {"hour": hours}), st.sampled_from(["3", "2,14", "*/6", "0"])),
    st.builds(lambda text: ("crontab", {"expression": text}), st.sampled_from(["30 2 * * *", "0 */8 * * 1-5"])),
    st.builds(lambda hours: ("interval", {"hours": hours}), st.integers(5, 30)),
    st.builds(lambda hour: ("calendarinterval", {"days": 1, "hour": hour}), st.integers(0, 23)),
)
excluded_dates = st.sets(st.integers(0, 6).map(lambda days: (START + timedelta(days=days)).date()), max_size=4)
#: What is done: skip or move, which of the due times (``None``: the next), how far, whether it is taken back.
exceptions = st.lists(
    st.tuples(st.booleans(), st.none() | st.integers(0, 8), st.floats(-20, 20), st.booleans()), max_size=4
)


class World:
    """A job on a real store, and an engine that is moved by hand."""

    def __init__(
        self, url: str, trigger: tuple[str, dict[str, Any]], options: dict[str, Any], dates: set[date]
    ) -> None:
        self.scheduler = Scheduler(url, timezone="UTC", clock=ManualClock(START))
        self.job_id, calendar = f"job {next(_numbers)}", f"calendar-{next(_numbers)}"
        kind, args = trigger
        if dates:
            self.scheduler.calendar(calendar, dates=sorted(dates))
            options = {**options, "calendar": calendar}
        self.scheduler.register(nothing, kind, id=self.job_id, max_instances=100, **args, **options)

    def ahead(self) -> list[Coming]:
        coming = self.scheduler.preview_change(self.job_id, count=100).before.coming
        return [each for each in coming if each.scheduled_at <= START + PERIOD]

    def make(self, is_skip: bool, place: int | None, hours: float, is_taken_back: bool) -> None:
        ahead = self.ahead()
        if place is not None and place >= len(ahead):
            return
        at = None if place is None else ahead[place].scheduled_at
        before = self.scheduler.get_job(self.job_id)
        try:
            if is_skip:
                after = self.scheduler.skip_next(self.job_id, at=at)
            else:
                meant = at or datetime.fromisoformat(before["next_run_time"])
                after = self.scheduler.move_next(self.job_id, meant + timedelta(hours=hours), at=at)
        except (ChangeRefused, InvalidInput):
            event("refused")
            assert self.scheduler.get_job(self.job_id) == before
            return
        made = [each for each in after["exceptions"] if each not in before["exceptions"]]
        event("skipped" if is_skip else "moved")
        assert after["token"] == before["token"]
        if is_taken_back and made:
            self.scheduler.clear_exception(self.job_id, datetime.fromisoformat(made[0]["scheduled_at"]))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.slow
@given(trigger=triggers, zone=zones, jitter=jitters, dates=excluded_dates, made=exceptions)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_the_ledger_says_what_the_preview_said(
    migrated_url: str,
    stack: ExitStack,
    trigger: tuple[str, dict[str, Any]],
    zone: str,
    jitter: int,
    dates: set[date],
    made: list[tuple[bool, int | None, float, bool]],
) -> None:
    world = World(migrated_url, trigger, {"timezone": zone, "jitter": jitter}, dates)
    with ManualEngine(world.scheduler) as engine:
        for each in made:
            world.make(*each)
        shown = world.ahead()
        starts = [each.starts_at for each in shown if each.starts_at is not None]
        next_start = world.scheduler.get_job(world.job_id)["next_start"]
        if starts:
            assert datetime.fromisoformat(next_start) == min(starts)
        # Jitter, and moves of the last run, reach beyond the period.
        engine.run_until(max([START + PERIOD, *(each.astimezone(UTC) for each in starts)]))
        world.scheduler.engine.remove_job(world.job_id)  # the next example has the store to itself
        lines = [run for run in world.scheduler.runs(world.job_id, limit=1000) if run.scheduled_at <= START + PERIOD]

    expected = {each.scheduled_at.astimezone(UTC): each for each in shown}
    assert Counter(run.scheduled_at for run in lines) == Counter(list(expected))
    for run in lines:
        each = expected[run.scheduled_at]
        if each.starts_at is None:
            assert each.outlook in {Outlook.SKIPPED, Outlook.EXCLUDED}
            assert (run.state, run.error, run.started_at) == (RunState.SKIPPED, each.note, None)
        else:
            assert (run.state, run.started_at) == (RunState.SUCCEEDED, each.starts_at.astimezone(UTC))
