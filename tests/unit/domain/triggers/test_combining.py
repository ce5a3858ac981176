from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers import describe, due_times, next_fire, upcoming
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)  # a Wednesday
NOON = CronTrigger(hour=12, timezone="UTC")
MONDAYS = CronTrigger(day_of_week="mon", hour="*", timezone="UTC")


def test_and_fires_when_all_fire() -> None:
    fires = upcoming(AndTrigger([NOON, MONDAYS]), now=NOW, count=2)
    assert [fire.isoformat() for fire in fires] == ["2026-07-06T12:00:00+00:00", "2026-07-13T12:00:00+00:00"]


def test_and_has_ended_when_one_has() -> None:
    assert next_fire(AndTrigger([NOON, DateTrigger(NOW)]), previous=None, now=NOW) is None
    assert next_fire(AndTrigger([]), previous=None, now=NOW) is None


def test_two_that_never_meet_are_refused_in_bounded_time() -> None:
    never = AndTrigger([CronTrigger(minute=1, timezone="UTC"), CronTrigger(minute=2, timezone="UTC")])
    with pytest.raises(InvalidTrigger, match="too many steps") as refused:
        next_fire(never, previous=None, now=NOW)
    assert refused.value.field == "trigger"
    with pytest.raises(InvalidTrigger, match="too many steps"):
        next_fire(OrTrigger([NOON, AndTrigger([never, never])]), previous=None, now=NOW)


def test_nesting_without_end_is_refused() -> None:
    nested = OrTrigger([NOON])
    nested.triggers = [nested]
    with pytest.raises(InvalidTrigger, match="too many steps"):
        next_fire(nested, previous=None, now=NOW)
    assert describe(nested).kind == "or"


def test_or_fires_when_any_fires_and_intervals_keep_their_phase() -> None:
    every_7_hours = IntervalTrigger(hours=7, start_date=NOW, timezone="UTC")
    fires = upcoming(OrTrigger([NOON, every_7_hours]), now=NOW, count=4)
    assert [(fire - NOW) / timedelta(hours=1) for fire in fires] == [7, 14, 21, 24]
    assert next_fire(OrTrigger([]), previous=None, now=NOW) is None


def test_an_outage_is_summed_up() -> None:
    trigger = OrTrigger([NOON, CronTrigger(minute="*", timezone="UTC")])
    due = due_times(trigger, first=NOW - timedelta(days=30), now=NOW, limit=10)
    assert (due.times, due.latest, due.count, due.following) == ((), NOW, None, NOW + timedelta(minutes=1))


def test_they_are_described_by_their_parts() -> None:
    described = describe(AndTrigger([NOON, MONDAYS], jitter=5))
    assert (described.kind, described.timezone) == ("and", "UTC")
    assert described.args == {
        "triggers": [
            {"trigger": "cron", "trigger_args": {"hour": "12", "timezone": "UTC"}},
            {"trigger": "cron", "trigger_args": {"day_of_week": "mon", "hour": "*", "timezone": "UTC"}},
        ],
        "jitter": 5,
    }
    assert describe(OrTrigger([NOON, MONDAYS])).words == "at 12:00 every day, UTC; or every hour on Monday, UTC"
