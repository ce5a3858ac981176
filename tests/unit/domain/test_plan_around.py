"""The firing plan where due times are left out: each has its one line, and the last that is not left out may run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gnomon.domain.calendar import Calendar, excluded_by
from gnomon.domain.plan import SEPARATE_LINES, passed_over, plan
from gnomon.domain.run import RunState
from gnomon.domain.triggers import BaseTrigger, build, due_times, next_fire, next_fire_from
from tests.unit.domain.test_plan import due_one_by_one, outages, policies, schedule
from tests.unit.domain.triggers.strategies import kinds_and_args, moments

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def calendar_on(days: set[date]) -> Calendar:
    return Calendar("closed", dict.fromkeys(days, ""))


@given(
    kinds_and_args,
    moments,
    outages,
    policies,
    st.sets(st.integers(0, 40), max_size=12),
    st.sets(st.integers(0, SEPARATE_LINES), max_size=3),
)
def test_each_due_time_has_a_line_is_covered_by_one_or_had_one(
    kind_and_args: tuple[str, dict[str, object]],
    start: datetime,
    outage: timedelta,
    policy: dict[str, object],
    days: set[int],
    places: set[int],
) -> None:
    trigger = build(*kind_and_args, timezone="UTC", now=start)
    first = next_fire(trigger, previous=None, now=start)
    assume(first is not None)
    assert first is not None
    now = first.astimezone(UTC) + outage
    calendar = calendar_on({(first + days * DAY).date() for days in days})
    due = due_one_by_one(trigger, first, now, most=SEPARATE_LINES + 2)
    taken = frozenset(due[place] for place in places if place < len(due))
    excluded = excluded_by(calendar, trigger)
    assert excluded is not None

    made = plan(schedule(trigger, **policy), first, now=now, active=0, taken=taken, excluded=excluded)

    times = [run.scheduled_at for run in made.runs]
    assert times == sorted(set(times))
    assert taken.isdisjoint(times)
    started = [run for run in made.runs if run.state is RunState.QUEUED]
    assert all(excluded(run.scheduled_at) is None for run in started)
    assert made.next_run_time is None or made.next_run_time > now
    if len(due) <= SEPARATE_LINES:
        assert set(times) == set(due) - taken
        for run in made.runs:
            left_out = excluded(run.scheduled_at) is not None
            assert (run.state is RunState.SKIPPED and run.reason is not None) == left_out or run.reason is None
            if left_out:
                assert run.reason == "excluded by calendar closed"
    elif kind_and_args[0] == "interval":
        count = due_times(trigger, first=first, now=now, limit=0).count
        assert count is not None
        assert count - len(taken) <= sum(run.covers or 0 for run in made.runs) <= count


def minutely() -> BaseTrigger:
    return build("cron", {"minute": "*"}, timezone="UTC", now=NOON)


@pytest.mark.parametrize(
    ("excluded", "states"),
    [
        ({0}, ["coalesced", "queued"]),
        ({3}, ["coalesced", "queued", "skipped"]),
        ({2, 3}, ["coalesced", "queued", "skipped"]),
        ({0, 1, 2, 3}, ["skipped"]),
    ],
)
def test_a_long_outage_costs_a_few_lines_and_what_runs_is_not_excluded(excluded: set[int], states: list[str]) -> None:
    calendar = calendar_on({(NOON + days * DAY).date() for days in excluded})
    job = schedule(minutely(), misfire_grace_time=None)
    rule = excluded_by(calendar, job.trigger)
    made = plan(job, NOON, now=NOON + 3 * DAY, active=0, excluded=rule)
    assert [run.state.value for run in made.runs] == states
    assert made.runs[0].scheduled_at == NOON
    assert made.next_run_time == NOON + 3 * DAY + timedelta(minutes=1)


def test_a_job_of_every_second_that_was_away_for_years_of_excluded_days_costs_little() -> None:
    days = {(NOON + days * DAY).date() for days in range(1, 3000)}
    trigger = build("interval", {"seconds": 1, "start_date": NOON.isoformat()}, timezone="UTC")
    job = schedule(trigger, misfire_grace_time=None)
    rule = excluded_by(calendar_on(days), trigger)
    made = plan(job, NOON, now=NOON + 2000 * DAY, active=0, excluded=rule)
    assert [run.state for run in made.runs] == [RunState.COALESCED, RunState.QUEUED, RunState.SKIPPED]
    assert made.runs[1].scheduled_at == NOON.replace(hour=23, minute=59, second=59)


def test_a_line_that_sums_up_what_was_passed_over_has_a_key_of_its_own() -> None:
    taken = {NOON, NOON + timedelta(minutes=1)}
    (summary,) = passed_over(minutely(), NOON, NOON + DAY, taken=taken)
    assert summary.scheduled_at == NOON + timedelta(minutes=2)
    assert passed_over(minutely(), NOON, NOON, taken=taken) == ()


@given(kinds_and_args, moments, st.timedeltas(timedelta(), timedelta(days=400)))
def test_the_fire_time_after_any_moment_is_the_one_that_going_through_them_finds(
    kind_and_args: tuple[str, dict[str, object]], start: datetime, later: timedelta
) -> None:
    trigger = build(*kind_and_args, timezone="UTC", now=start)
    first = next_fire(trigger, previous=None, now=start)
    assume(first is not None)
    assert first is not None
    after = first.astimezone(UTC) + later
    due = due_one_by_one(trigger, first, after, most=300)
    assume(len(due) < 300)
    expected = next_fire(trigger, previous=due[-1], now=start)
    found = next_fire_from(trigger, first=first, after=after)
    assert (found and found.astimezone(UTC)) == (expected and expected.astimezone(UTC))
