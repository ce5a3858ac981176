from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger

from gnomon.domain.triggers import build, describe, due_times, next_fire, upcoming
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _dates(args: dict[str, object], count: int, now: datetime = NOW) -> list[str]:
    trigger = build("calendarinterval", args, timezone="Europe/Berlin", now=now)
    return [str(fire.date()) for fire in upcoming(trigger, now=now, count=count)]


def test_it_is_apschedulers_own_trigger() -> None:
    trigger = build("calendarinterval", {"weeks": 2, "hour": 4}, timezone="UTC", now=NOW)
    assert type(trigger) is CalendarIntervalTrigger
    assert trigger.start_date == date(2026, 7, 1)


def test_a_start_in_the_past_is_counted_on_and_not_fired() -> None:
    assert _dates({"weeks": 2, "start_date": "1970-01-05"}, 2) == ["2026-07-06", "2026-07-20"]
    assert _dates({"days": 1, "hour": 23, "start_date": "1970-01-01"}, 2) == ["2026-07-01", "2026-07-02"]


def test_a_start_in_the_future_is_the_first() -> None:
    assert _dates({"months": 1, "start_date": "2027-01-31"}, 3) == ["2027-01-31", "2027-03-31", "2027-05-31"]


def test_months_that_are_too_short_are_left_out() -> None:
    assert _dates({"months": 1, "start_date": "2020-01-31"}, 4) == [
        "2026-07-31",
        "2026-08-31",
        "2026-10-31",
        "2026-12-31",
    ]


def test_leap_days_are_found_over_a_century_that_has_none() -> None:
    now = datetime(2096, 3, 1, tzinfo=UTC)
    trigger = build("calendarinterval", {"years": 1, "start_date": "2020-02-29"}, timezone="UTC")
    # The next one is more than five years away.
    assert next_fire(trigger, previous=None, now=now) is None
    assert _dates({"years": 1, "start_date": "2020-02-29"}, 2) == ["2028-02-29", "2032-02-29"]


def test_a_time_that_the_clocks_skip_is_left_out() -> None:
    now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert _dates({"days": 1, "hour": 2, "minute": 30, "start_date": "2026-01-01"}, 3, now) == [
        "2026-03-28",
        "2026-03-30",
        "2026-03-31",
    ]


def test_a_time_that_the_clocks_repeat_is_fired_at_its_first_turn() -> None:
    trigger = build("calendarinterval", {"days": 1, "hour": 2, "start_date": "2026-10-25"}, timezone="Europe/Berlin")
    assert upcoming(trigger, now=NOW, count=1)[0].isoformat() == "2026-10-25T02:00:00+02:00"


@pytest.mark.parametrize(
    "args",
    [
        {"days": 3},
        {"weeks": 1, "days": 2},
        {"months": 1},
        {"months": 1, "days": 1},
        {"years": 1, "weeks": 1},
        {"months": 5},
        {"days": 1, "hour": 2, "minute": 30},
    ],
)
def test_dates_are_those_that_apscheduler_goes_through(args: dict[str, int]) -> None:
    trigger = build("calendarinterval", {**args, "start_date": "2024-01-31"}, timezone="Europe/Berlin")
    theirs: list[datetime] = []
    previous = None
    while previous is None or previous < NOW + timedelta(days=1500):
        previous = trigger.get_next_fire_time(previous, NOW)
        theirs.append(previous)
    later = [fire for fire in theirs if fire > NOW]
    assert upcoming(trigger, now=NOW, count=len(later)) == later


def test_nothing_fires_after_the_end_date() -> None:
    args = {"days": 1, "start_date": "2026-07-01", "end_date": "2026-07-03"}
    assert _dates(args, 9) == ["2026-07-02", "2026-07-03"]


def test_an_outage_keeps_the_phase_of_the_stored_time() -> None:
    trigger = build("calendarinterval", {"weeks": 1, "hour": 4, "start_date": "2026-01-05"}, timezone="UTC")
    thursday = datetime(2016, 1, 7, 4, tzinfo=UTC)
    due = due_times(trigger, first=thursday, now=NOW, limit=3)
    assert (due.times, due.latest, due.following) == (
        (),
        datetime(2026, 6, 25, 4, tzinfo=UTC),
        datetime(2026, 7, 2, 4, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({}, "trigger_args"),
        ({"days": 0}, "trigger_args"),
        ({"days": 1827}, "days"),
        ({"years": 10**9}, "years"),
        ({"months": -1}, "months"),
        ({"days": 1.5}, "days"),
        ({"days": True}, "days"),
        ({"days": 1, "hour": 24}, "hour"),
        ({"days": 1, "minute": "5"}, "minute"),
        ({"days": 1, "second": 60}, "second"),
        ({"days": 1, "start_date": "2026-01-01T00:00"}, "start_date"),
        ({"days": 1, "start_date": datetime(2026, 1, 1)}, "start_date"),
        ({"days": 1, "start_date": "1969-01-01"}, "start_date"),
        ({"days": 1, "start_date": "2026-01-02", "end_date": "2026-01-01"}, "end_date"),
    ],
)
def test_bad_arguments_are_refused_by_name(args: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("calendarinterval", args, timezone="UTC", now=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize("steps", [{"days": -1}, {"months": -1}, {"months": 1, "days": -40}])
def test_stored_steps_that_lead_back_are_refused_at_once(steps: dict[str, int]) -> None:
    stored = CalendarIntervalTrigger(**steps, start_date=date(2020, 1, 1), timezone="UTC")
    with pytest.raises(InvalidTrigger, match="must be positive"):
        next_fire(stored, previous=None, now=NOW)


@pytest.mark.parametrize("steps", [{"years": 10**9}, {"years": 8000}, {"days": 10**9}, {"months": 10**12}])
def test_stored_steps_that_lead_out_of_the_calendar_have_ended(steps: dict[str, int]) -> None:
    stored = CalendarIntervalTrigger(**steps, start_date=date(2020, 2, 29), timezone="Asia/Tokyo")
    assert next_fire(stored, previous=None, now=NOW) is None
    assert next_fire(stored, previous=NOW, now=NOW) is None


def test_words_for_people() -> None:
    args = {"weeks": 2, "hour": 4, "minute": 30, "start_date": "2026-01-05"}
    words = describe(build("calendarinterval", args, timezone="Europe/Berlin")).words
    assert words == "every 2 weeks at 04:30 from 2026-01-05, Europe/Berlin"
