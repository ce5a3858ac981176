from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from apscheduler.triggers.date import DateTrigger

from gnomon.domain.triggers import build, describe, due_times, next_fire
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_it_fires_once() -> None:
    trigger = build("date", {"run_date": "2026-12-01T09:00"}, timezone="Europe/Berlin")
    fire = next_fire(trigger, previous=None, now=NOW)
    assert fire is not None
    assert fire.isoformat() == "2026-12-01T09:00:00+01:00"
    assert next_fire(trigger, previous=fire, now=NOW) is None
    due = due_times(trigger, first=fire, now=fire + timedelta(days=3), limit=5)
    assert (due.times, due.following) == ((fire,), None)


def test_a_date_that_is_past_does_not_fire() -> None:
    trigger = build("date", {"run_date": NOW}, timezone="UTC")
    assert next_fire(trigger, previous=None, now=NOW) is None


@pytest.mark.parametrize(
    ("run_date", "shown"),
    [
        ("2026-12-01", "2026-12-01T00:00:00+01:00"),
        ("2026-12-01 09:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01T09:00:00.25-05:00", "2026-12-01T15:00:00.250000+01:00"),
        (date(2026, 12, 1), "2026-12-01T00:00:00+01:00"),
        (datetime(2026, 12, 1, 9), "2026-12-01T09:00:00+01:00"),
        (datetime(2026, 12, 1, 9, tzinfo=UTC), "2026-12-01T10:00:00+01:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:30+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_times_are_told_in_the_zone_of_the_trigger(run_date: object, shown: str) -> None:
    described = describe(build("date", {"run_date": run_date}, timezone="Europe/Berlin"))
    assert described.args == {"run_date": shown, "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    "run_date", [None, "", "soon", "2026-13-01", "2026-03-29T02:30", 1767225600, "2026-01-01T00:00:00" + "0" * 99, {}]
)
def test_what_is_no_time_is_refused(run_date: object) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("date", {"run_date": run_date}, timezone="Europe/Berlin")
    assert refused.value.field == "run_date"


def test_a_stored_date_with_a_fixed_offset_can_be_sent_back() -> None:
    stored = DateTrigger(datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=2))))
    described = describe(stored)
    assert described.args == {"run_date": "2026-12-01T09:00:00+02:00", "timezone": "UTC+02:00"}
    assert build("date", described.args, timezone="UTC").__getstate__() == stored.__getstate__()


def test_words_for_people() -> None:
    trigger = build("date", {"run_date": "2026-12-01T09:00"}, timezone="UTC")
    assert describe(trigger).words == "once on 2026-12-01 at 09:00, UTC"
