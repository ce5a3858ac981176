from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers import build, describe, due_times, next_fire, upcoming
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_it_is_apschedulers_own_trigger() -> None:
    trigger = build("interval", {"minutes": 5}, timezone="UTC", now=NOW)
    assert type(trigger) is IntervalTrigger
    assert trigger.interval == timedelta(minutes=5)


def test_without_a_start_it_first_fires_one_interval_from_now() -> None:
    trigger = build("interval", {"minutes": 5}, timezone="Europe/Berlin", now=NOW.replace(microsecond=123456))
    assert trigger.start_date == NOW + timedelta(minutes=5)
    assert next_fire(trigger, previous=None, now=NOW) == NOW + timedelta(minutes=5)


def test_the_phase_is_counted_from_the_start_whenever_it_is_asked() -> None:
    trigger = build("interval", {"minutes": 7, "start_date": "2020-01-01T00:00:03"}, timezone="UTC")
    start = datetime(2020, 1, 1, 0, 0, 3, tzinfo=UTC)
    fire = next_fire(trigger, previous=None, now=NOW)
    assert fire is not None
    assert NOW < fire <= NOW + timedelta(minutes=7)
    assert (fire - start) % timedelta(minutes=7) == timedelta()


def test_a_fire_time_itself_is_followed_by_the_next_one() -> None:
    trigger = build("interval", {"minutes": 5, "start_date": NOW}, timezone="UTC")
    assert next_fire(trigger, previous=None, now=NOW) == NOW + timedelta(minutes=5)
    assert next_fire(trigger, previous=None, now=NOW - timedelta(microseconds=1)) == NOW


def test_ten_years_of_tenths_of_a_second_do_not_drift() -> None:
    start = datetime(2016, 1, 1, tzinfo=UTC)
    trigger = build("interval", {"seconds": 0.1, "start_date": start}, timezone="UTC")
    fire = next_fire(trigger, previous=None, now=NOW)
    assert fire == NOW + timedelta(seconds=0.1)


def test_what_follows_a_previous_time_is_one_interval_later_even_out_of_phase() -> None:
    trigger = build("interval", {"hours": 1, "start_date": NOW}, timezone="UTC")
    odd = NOW + timedelta(minutes=17)
    assert next_fire(trigger, previous=odd, now=NOW) == odd + timedelta(hours=1)


def test_an_interval_is_elapsed_time_whatever_the_clocks_do() -> None:
    args = {"hours": 1, "start_date": "2026-10-25T00:30", "timezone": "Europe/Berlin"}
    fires = upcoming(build("interval", args, timezone="UTC"), now=NOW, count=4)
    assert [fire.isoformat()[11:] for fire in fires] == [
        "00:30:00+02:00",
        "01:30:00+02:00",
        "02:30:00+02:00",
        "02:30:00+01:00",
    ]


def test_nothing_fires_after_the_end() -> None:
    args = {"minutes": 1, "start_date": NOW, "end_date": NOW + timedelta(seconds=90)}
    trigger = build("interval", args, timezone="UTC")
    assert upcoming(trigger, now=NOW, count=5) == [NOW + timedelta(minutes=1)]
    due = due_times(trigger, first=NOW, now=NOW + timedelta(days=7), limit=1)
    assert (due.count, due.latest, due.following) == (2, NOW + timedelta(minutes=1), None)


@pytest.mark.parametrize(
    ("args", "described"),
    [
        ({"minutes": 90}, {"hours": 1, "minutes": 30}),
        ({"days": 14}, {"weeks": 2}),
        ({"days": 8}, {"days": 8}),
        ({"seconds": 3600}, {"hours": 1}),
        ({"seconds": 0.25}, {"seconds": 0.25}),
        ({"minutes": 1, "seconds": 0.000001}, {"minutes": 1, "seconds": 0.000001}),
        ({"seconds": 5.0}, {"seconds": 5}),
    ],
)
def test_the_interval_is_described_in_units_that_people_use(args: dict[str, object], described: object) -> None:
    shown = describe(build("interval", args, timezone="UTC", now=NOW)).args
    assert {name: value for name, value in shown.items() if name not in ("start_date", "timezone")} == described


def test_the_start_is_always_described_because_it_holds_the_phase() -> None:
    trigger = build("interval", {"minutes": 5}, timezone="Europe/Berlin", now=NOW)
    assert describe(trigger).args["start_date"] == "2026-07-01T14:05:00+02:00"


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({}, "trigger_args"),
        ({"seconds": 0}, "trigger_args"),
        ({"seconds": -5}, "seconds"),
        ({"seconds": 0.05}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": 1e300}, "seconds"),
        ({"seconds": 10**400}, "seconds"),
        ({"seconds": "5"}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"minutes": [5]}, "minutes"),
        ({"weeks": 262}, "weeks"),
        ({"weeks": 261, "days": 1000}, "weeks"),
        ({"days": 1828}, "days"),
        ({"minutes": 5, "jitter": -1}, "jitter"),
        ({"minutes": 5, "jitter": 86401}, "jitter"),
        ({"minutes": 5, "jitter": 1.5}, "jitter"),
        ({"minutes": 5, "start_date": "yesterday"}, "start_date"),
        ({"minutes": 5, "start_date": "1969-12-31"}, "start_date"),
        ({"minutes": 5, "start_date": "2201-01-01"}, "start_date"),
        ({"minutes": 5, "start_date": 5}, "start_date"),
        ({"minutes": 5, "start_date": "0001-01-01T00:00:00+14:00"}, "start_date"),
        ({"minutes": 5, "start_date": "9999-12-31T23:59:59-14:00"}, "start_date"),
        ({"minutes": 5, "start_date": "2026-03-29T02:30", "timezone": "Europe/Berlin"}, "start_date"),
        ({"minutes": 5, "start_date": "2027-01-01", "end_date": "2026-01-01"}, "end_date"),
        ({"hour": 5}, "hour"),
        ({"minutes": 5, "timezone": "Europe"}, "timezone"),
    ],
)
def test_bad_arguments_are_refused_by_name(args: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("interval", args, timezone="UTC", now=NOW)
    assert refused.value.field == field


@pytest.mark.parametrize("seconds", [-5, -0.001])
def test_a_stored_interval_that_is_not_positive_is_refused_at_once(seconds: float) -> None:
    stored = IntervalTrigger(seconds=seconds, start_date=NOW - timedelta(days=1), timezone="UTC")
    with pytest.raises(InvalidTrigger, match="must be positive"):
        next_fire(stored, previous=None, now=NOW)
    with pytest.raises(InvalidTrigger, match="must be positive"):
        due_times(stored, first=NOW - timedelta(hours=1), now=NOW, limit=10)


def test_a_stored_interval_that_leads_out_of_the_calendar_has_ended() -> None:
    stored = IntervalTrigger(days=999_999_999, start_date=NOW, timezone="UTC")
    assert next_fire(stored, previous=NOW, now=NOW) is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"minutes": 5}, "every 5 minutes"),
        ({"hours": 1}, "every hour"),
        ({"minutes": 90}, "every 1 hour and 30 minutes"),
        ({"days": 1, "hours": 2, "minutes": 3}, "every 1 day, 2 hours and 3 minutes"),
        ({"seconds": 0.5}, "every 0.5 seconds"),
        ({"minutes": 5, "jitter": 30}, "every 5 minutes, up to 30 s later"),
        ({"minutes": 5, "end_date": "2027-01-01"}, "every 5 minutes until 2027-01-01 00:00, UTC"),
    ],
)
def test_words_for_people(args: dict[str, object], words: str) -> None:
    assert describe(build("interval", args, timezone="UTC", now=NOW)).words == words
