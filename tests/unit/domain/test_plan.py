"""The firing plan: every due time is in one line or covered by one, and nothing runs that should not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gnomon.domain.plan import SEPARATE_LINES, FiringPlan, jitter_delay, plan
from gnomon.domain.run import NEVER_STARTED, RunState
from gnomon.domain.schedule import Schedule
from gnomon.domain.triggers import BaseTrigger, build, jitter_of, next_fire
from gnomon.errors import InvalidTrigger
from tests.unit.domain.triggers.strategies import kinds_and_args, moments

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATEST = NOON + timedelta(days=3 * 365)

outages = st.one_of(
    st.timedeltas(timedelta(), timedelta(hours=3)),
    st.timedeltas(timedelta(), timedelta(days=40)),
    st.sampled_from([timedelta(), timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)]),
)
policies = st.fixed_dictionaries(
    {
        "misfire_grace_time": st.none() | st.integers(1, 10_000),
        "coalesce": st.booleans(),
        "max_instances": st.integers(1, 5),
    }
)


def schedule(trigger: BaseTrigger, **changes: object) -> Schedule:
    fields: dict[str, object] = {
        "job_id": "job",
        "name": "job",
        "func": "module:job",
        "trigger": trigger,
        "executor": "default",
        "misfire_grace_time": 3600,
        "coalesce": True,
        "max_instances": 1,
    }
    return Schedule(**{**fields, **changes})  # type: ignore[arg-type]


def due_one_by_one(trigger: BaseTrigger, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The due times, found by the plain calculation, in UTC; given up after ``most``."""
    times, time = [], first
    while time is not None and time <= now and len(times) < most:
        times.append(time.astimezone(UTC))
        time = next_fire(trigger, previous=time, now=now)  # type: ignore[assignment]
    return times


@given(kinds_and_args, moments, outages, policies, st.integers(0, 6))
@example(("interval", {"minutes": 1}), NOON, timedelta(minutes=SEPARATE_LINES - 1), {}, 0)
@example(("interval", {"minutes": 1}), NOON, timedelta(minutes=SEPARATE_LINES), {}, 0)
@example(
    ("interval", {"minutes": 1, "start_date": "2026-11-01T06:00:00+00:00", "timezone": "America/New_York"}),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    timedelta(),
    {"misfire_grace_time": None},
    0,
)
@example(
    ("cron", {"minute": "30", "timezone": "Europe/Berlin"}),
    datetime(2026, 10, 25, tzinfo=UTC),
    timedelta(hours=3),
    {},
    0,
)
def test_every_due_time_is_in_exactly_one_line_or_covered(
    kind_and_args: tuple[str, dict[str, object]],
    start: datetime,
    outage: timedelta,
    policy: dict[str, object],
    active: int,
) -> None:
    trigger = build(*kind_and_args, timezone="UTC", now=start)
    first = next_fire(trigger, previous=None, now=start)
    assume(first is not None)
    assert first is not None
    now = first.astimezone(UTC) + outage  # in its own zone, Python would forget which of two equal hours it is
    job = schedule(trigger, **policy)

    made = plan(job, first, now=now, active=active)

    check_plan(job, made, first.astimezone(UTC), now.astimezone(UTC), active)
    due = due_one_by_one(trigger, first, now, most=SEPARATE_LINES + 2)
    times = [run.scheduled_at for run in made.runs]
    if len(due) <= SEPARATE_LINES:
        assert times == due
        assert all((run.covers, run.covers_until) == (1, None) for run in made.runs)
    else:
        summary, last = made.runs
        assert (summary.scheduled_at, summary.covers_until) == (due[0], last.scheduled_at)
        assert utc(next_fire(trigger, previous=last.scheduled_at, now=now)) == utc(made.next_run_time)
        if summary.covers is not None and kind_and_args[0] == "interval":
            step = trigger.interval  # type: ignore[attr-defined]
            assert due[0] + summary.covers * step == last.scheduled_at


def check_plan(job: Schedule, made: FiringPlan, first: datetime, now: datetime, active: int) -> None:
    """What holds for every plan."""
    assert made.runs
    assert made.runs[0].scheduled_at == first
    times = [run.scheduled_at for run in made.runs]
    assert times == sorted(set(times))
    assert all(time.tzinfo is UTC and time <= now for time in times)
    queued = [run for run in made.runs if run.state is RunState.QUEUED]
    assert len(queued) <= max(job.max_instances - active, 0)
    if job.coalesce:
        assert queued in ([], [made.runs[-1]])
    assert {run.state for run in made.runs} <= NEVER_STARTED | {RunState.QUEUED}
    grace = job.misfire_grace_time
    for run in made.runs:
        late = grace is not None and now - run.scheduled_at > timedelta(seconds=grace)
        if run.state in {RunState.QUEUED, RunState.SKIPPED}:
            assert not late
        if run.state is RunState.MISSED and run.covers_until is None:
            last_is_late = grace is not None and now - made.runs[-1].scheduled_at > timedelta(seconds=grace)
            assert late or last_is_late
        delay = run.not_before - run.scheduled_at
        assert timedelta() <= delay <= timedelta(seconds=jitter_of(job.trigger))
    if made.next_run_time is not None:
        assert made.next_run_time.astimezone(UTC) > now


def utc(moment: datetime | None) -> datetime | None:
    """Two times of different zones are never equal to Python in the hour that comes twice."""
    return None if moment is None else moment.astimezone(UTC)


@given(st.integers(1, 3600), st.integers(2, 60 * 86400), policies)
def test_catching_up_costs_two_lines_however_long_it_took(seconds: int, away: int, policy: dict[str, object]) -> None:
    trigger = IntervalTrigger(seconds=seconds, start_date=NOON, timezone=UTC)
    made = plan(schedule(trigger, **policy), NOON, now=NOON + timedelta(seconds=away), active=0)
    count = away // seconds + 1
    assert len(made.runs) == (count if count <= SEPARATE_LINES else 2)
    covered = sum(run.covers or 0 for run in made.runs)
    assert covered == count


@given(moments, st.integers(0, 40))
def test_planning_on_from_a_plan_leaves_no_gap_and_no_overlap(start: datetime, minutes: int) -> None:
    """As nodes do, one pass after another."""
    job = schedule(CronTrigger(minute="*/7", timezone=ZoneInfo("Europe/Berlin")), coalesce=False, max_instances=1000)
    following = next_fire(job.trigger, previous=None, now=start)
    assert following is not None
    first, now, times = following, start, []
    for _ in range(6):
        now += timedelta(minutes=minutes + 1)
        if following is not None and following <= now:
            made = plan(job, following, now=now, active=0)
            times += [run.scheduled_at for run in made.runs]
            following = made.next_run_time
    assert times == due_one_by_one(job.trigger, first, now, most=1000)


def test_a_time_that_the_trigger_would_not_give_counts_all_the_same() -> None:
    """Somebody set the next run time by hand."""
    made = plan(schedule(CronTrigger(hour=3, timezone=UTC)), NOON, now=NOON, active=0)
    assert [run.scheduled_at for run in made.runs] == [NOON]
    assert made.next_run_time == NOON + timedelta(hours=15)


def test_a_date_is_due_once() -> None:
    made = plan(schedule(DateTrigger(NOON)), NOON, now=NOON + MINUTE, active=0)
    assert [run.state for run in made.runs] == [RunState.QUEUED]
    assert made.next_run_time is None


@given(st.text(max_size=20), moments, st.integers(0, 86400))
def test_a_delay_is_within_the_jitter_and_the_same_on_every_node(job_id: str, at: datetime, jitter: int) -> None:
    delay = jitter_delay(job_id, at, jitter)
    assert timedelta() <= delay <= timedelta(seconds=jitter)
    assert delay == jitter_delay(job_id, at.astimezone(ZoneInfo("Asia/Kolkata")), jitter)


def test_delays_are_spread_evenly() -> None:
    delays = [jitter_delay(f"job {n}", NOON, 100).total_seconds() for n in range(1000)]
    for low in range(0, 100, 10):
        assert 60 < sum(low <= delay < low + 10 for delay in delays) < 140


class Broken(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return previous_fire_time


def test_a_trigger_that_cannot_be_calculated_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidTrigger, match="no time later"):
        plan(schedule(Broken()), NOON, now=NOON + MINUTE, active=0)
