from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from apscheduler.triggers.combining import OrTrigger
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.triggers import HORIZON, build, due_times, ensure_fires, next_fire, upcoming
from gnomon.errors import InvalidTrigger
from tests.unit.domain.triggers.strategies import kinds_and_args, moments, zones

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _utc(times: Any) -> list[datetime]:
    return [time.astimezone(UTC) for time in times]


@given(kind_and_args=kinds_and_args, zone=zones, now=moments)
def test_a_preview_is_what_fires_and_goes_strictly_forward(kind_and_args: Any, zone: str, now: datetime) -> None:
    trigger = build(*kind_and_args, timezone=zone, now=now)
    preview = _utc(upcoming(trigger, now=now, count=8))
    fired: list[datetime] = []
    previous: datetime | None = None
    while len(fired) < 8:
        # As the engine asks: by what fired before, whatever the time is by now.
        late = now if previous is None else previous + timedelta(days=3)
        previous = next_fire(trigger, previous=previous, now=late)
        if previous is None:
            break
        fired.append(previous.astimezone(UTC))
    # What fires may look further ahead than the preview, for it is asked later.
    assert fired[: len(preview)] == preview
    assert all(earlier < later for earlier, later in pairwise([now, *fired]))


@given(
    kind_and_args=kinds_and_args,
    zone=zones,
    now=moments,
    outage=st.integers(0, 3 * 86400),
    limit=st.integers(1, 20),
)
def test_due_times_are_those_of_going_through_them(
    kind_and_args: Any, zone: str, now: datetime, outage: int, limit: int
) -> None:
    trigger = build(*kind_and_args, timezone=zone, now=now)
    first = now - timedelta(seconds=outage)
    every = [first]
    following = next_fire(trigger, previous=first, now=now)
    while following is not None and following.astimezone(UTC) <= now:
        every.append(following)
        if len(every) == 500:
            now = following.astimezone(UTC)  # That was enough of it.
        following = next_fire(trigger, previous=following, now=now)

    due = due_times(trigger, first=first, now=now, limit=limit)
    assert _utc(due.times) == (_utc(every) if len(every) <= limit else [])
    assert due.latest.astimezone(UTC) == every[-1].astimezone(UTC)
    assert due.count in ({len(every)} if len(every) <= limit else {len(every), None})
    assert due.following == following


def test_a_stored_time_that_the_trigger_would_not_produce_is_due_all_the_same() -> None:
    trigger = build("cron", {"hour": 3}, timezone="UTC")
    odd = datetime(2026, 6, 30, 17, 17, 17, tzinfo=UTC)
    due = due_times(trigger, first=odd, now=NOW, limit=9)
    assert due.times == (odd, datetime(2026, 7, 1, 3, tzinfo=UTC))
    assert due.following == datetime(2026, 7, 2, 3, tzinfo=UTC)


def test_a_second_job_that_was_down_for_a_week_is_counted_and_not_gone_through() -> None:
    first = NOW - timedelta(days=7)
    trigger = build("interval", {"seconds": 1, "start_date": first}, timezone="UTC")
    due = due_times(trigger, first=first, now=NOW, limit=100)
    assert (due.times, due.latest, due.count, due.following) == ((), NOW, 604_801, NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("cron", {"second": "*"}),
        ("cron", {"second": "0"}),
        ("cron", {"hour": 3}),
        ("crontab", {"expression": "* * * * *"}),
        ("crontab", {"expression": "0 9-17 * * 1-5"}),
        ("calendarinterval", {"days": 1, "start_date": "1970-01-01"}),
        ("calendarinterval", {"months": 1, "days": 1, "start_date": "1970-01-01"}),
        ("interval", {"seconds": 0.1, "start_date": "1970-01-01"}),
    ],
)
def test_an_outage_of_ten_years_takes_a_bounded_number_of_calculations(
    kind: str, args: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gnomon.domain.triggers import calculation

    monkeypatch.setattr(calculation, "_MOST_STEPS", 250)
    trigger = build(kind, args, timezone="Europe/Berlin", now=NOW)
    due = due_times(trigger, first=NOW - timedelta(days=3650), now=NOW, limit=50)
    assert due.following == next_fire(trigger, previous=due.latest, now=NOW)
    assert due.following is not None
    assert due.latest <= NOW < due.following


def test_nothing_is_due_before_its_time() -> None:
    trigger = build("cron", {"hour": 3}, timezone="UTC")
    with pytest.raises(ValueError, match="nothing is due"):
        due_times(trigger, first=NOW + timedelta(seconds=1), now=NOW, limit=5)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("date", {"run_date": "2026-06-30"}),
        ("date", {"run_date": "2032-01-01"}),
        ("cron", {"year": 2040}),
        ("cron", {"year": 2020}),
        ("cron", {"day": 30, "month": 2}),
        ("cron", {"day": 29, "month": 2, "day_of_week": "mon"}),
        ("cron", {"hour": 3, "start_date": "2040-01-01"}),
        ("cron", {"hour": 3, "start_date": "2000-01-01", "end_date": "2001-01-01"}),
        ("interval", {"minutes": 5, "start_date": "2040-01-01"}),
        ("interval", {"minutes": 5, "start_date": "2020-01-01", "end_date": "2021-01-01"}),
        ("calendarinterval", {"days": 1, "start_date": "2040-01-01"}),
        ("calendarinterval", {"years": 5, "months": 60, "start_date": "2026-01-01"}),
        ("crontab", {"expression": "0 0 */31 * MON#5"}),
    ],
)
def test_what_does_not_fire_within_five_years_is_refused(kind: str, args: dict[str, object]) -> None:
    trigger = build(kind, args, timezone="UTC", now=NOW)
    with pytest.raises(InvalidTrigger, match="within the next five years") as refused:
        ensure_fires(trigger, now=NOW)
    assert refused.value.field == "trigger"


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("cron", {"day": 29, "month": 2}),
        ("crontab", {"expression": "0 0 29 2 *"}),
        ("calendarinterval", {"years": 5, "start_date": "2026-07-01"}),
        ("interval", {"days": 1827}),
    ],
)
def test_what_fires_seldom_is_taken(kind: str, args: dict[str, object]) -> None:
    fire = ensure_fires(build(kind, args, timezone="UTC", now=NOW), now=NOW)
    assert NOW < fire <= NOW + HORIZON


def test_a_stored_date_beyond_the_horizon_still_fires() -> None:
    far = build("date", {"run_date": "2099-01-01"}, timezone="UTC")
    assert next_fire(far, previous=None, now=NOW) == datetime(2099, 1, 1, tzinfo=UTC)
    assert next_fire(OrTrigger([far]), previous=None, now=NOW) == datetime(2099, 1, 1, tzinfo=UTC)


def test_triggers_can_be_shared_because_no_calculation_changes_them() -> None:
    args = {"minute": "*/5", "jitter": 60, "end_date": "2027-01-01"}
    trigger = build("cron", args, timezone="Europe/Berlin")
    before = dict(trigger.__getstate__())
    upcoming(trigger, now=NOW, count=3)
    due_times(trigger, first=NOW - timedelta(days=3), now=NOW, limit=5)
    assert trigger.__getstate__() == before
