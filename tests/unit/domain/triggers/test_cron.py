from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger

from gnomon.domain.triggers import build, describe, next_fire, upcoming
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _args(trigger: CronTrigger) -> dict[str, object]:
    return {name: value for name, value in describe(trigger).args.items() if name != "timezone"}


def test_it_is_apschedulers_own_trigger() -> None:
    trigger = build("cron", {"hour": 3, "day_of_week": "mon-fri"}, timezone="Europe/Berlin")
    assert type(trigger) is CronTrigger
    assert str(trigger) == "cron[day_of_week='mon-fri', hour='3']"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("minute", "*/5"),
        ("minute", "0-0/5"),
        ("minute", "0/5"),
        ("minute", "10-20/3"),
        ("minute", "*"),
        ("hour", "1,2,5-7"),
        ("day", "last"),
        ("day", "last,2nd fri,last mon"),
        ("month", "jan-mar,dec"),
        ("day_of_week", "mon-wed,sun"),
        ("week", "1-53/2"),
        ("year", "2027"),
    ],
)
def test_a_field_is_described_exactly_as_it_was_understood(field: str, text: str) -> None:
    args = _args(build("cron", {field: text}, timezone="UTC"))
    if text == "0-0/5":
        # Not "0/5", which APScheduler shows: that is every five minutes, this is the full hour.
        assert args == {field: text}
        return
    assert args == {field: text}


def test_fields_are_described_in_one_spelling() -> None:
    trigger = build("cron", {"day": "LAST , 1ST   Mon", "month": "JAN", "hour": "03"}, timezone="UTC")
    assert _args(trigger) == {"month": "jan", "day": "last,1st mon", "hour": "3"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("day_of_week", "mon fri"),  # APScheduler understands "mon"
        ("day_of_week", "mon-fri/2"),
        ("day_of_week", "monday"),
        ("day_of_week", "fri-mon"),
        ("day_of_week", 7),
        ("day", "lastfoo"),  # APScheduler understands "last"
        ("day", "last-3"),
        ("day", "6th mon"),
        ("day", "1st mon-fri"),
        ("day", 0),
        ("month", "jan/2"),
        ("month", "january"),
        ("month", 13),
        ("hour", 24),
        ("hour", "1.5"),
        ("hour", 1.5),
        ("hour", True),
        ("hour", -1),
        ("hour", "20/1-5"),
        ("minute", "*/0"),
        ("minute", "*/60"),
        ("minute", "5-3"),
        ("minute", ""),
        ("minute", ","),
        ("minute", "1,,2"),
        ("minute", "１"),  # noqa: RUF001 (a digit, but not one of ours)
        ("minute", "1\n"),
        ("minute", "9" * 256),
        ("minute", "1," * 128 + "1"),
        ("minute", ["1"]),
        ("minute", {"a": 1}),
        ("second", float("nan")),
        ("week", "54"),
        ("year", "1969"),
        ("year", "mon"),
    ],
)
def test_what_would_be_misunderstood_is_refused_with_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("cron", {field: value}, timezone="UTC")
    assert refused.value.field == field
    assert str(refused.value.value) == str(value)


def test_the_message_tells_what_is_allowed() -> None:
    with pytest.raises(InvalidTrigger, match=r"^minute: '\*/60' is not allowed; the step value \(60\) is higher than"):
        build("cron", {"minute": "*/60"}, timezone="UTC")
    with pytest.raises(InvalidTrigger, match=r"^hour: '3am' is not allowed; give an hour from 0 to 23"):
        build("cron", {"hour": "3am"}, timezone="UTC")


def test_a_cron_trigger_without_fields_is_refused_and_not_fired_each_second() -> None:
    with pytest.raises(InvalidTrigger, match="give at least one of year, month"):
        build("cron", {"timezone": "UTC"}, timezone="UTC")
    stored = CronTrigger(timezone="UTC")
    assert _args(stored) == {"second": "*"}


def test_all_fields_must_match() -> None:
    trigger = build("cron", {"day": 13, "day_of_week": "fri"}, timezone="UTC")
    assert [str(fire.date()) for fire in upcoming(trigger, now=NOW, count=2)] == ["2026-11-13", "2027-08-13"]


def test_the_first_fire_is_later_than_now_and_not_now() -> None:
    trigger = build("cron", {"hour": 12}, timezone="UTC")
    assert next_fire(trigger, previous=None, now=NOW) == NOW + timedelta(days=1)
    assert next_fire(trigger, previous=None, now=NOW - timedelta(microseconds=1)) == NOW


def test_start_and_end_are_kept_and_obeyed() -> None:
    args = {"hour": 3, "start_date": "2026-12-30", "end_date": "2027-01-01T03:00:00", "timezone": "Europe/Berlin"}
    trigger = build("cron", args, timezone="UTC")
    assert [fire.isoformat() for fire in upcoming(trigger, now=NOW, count=9)] == [
        "2026-12-30T03:00:00+01:00",
        "2026-12-31T03:00:00+01:00",
        "2027-01-01T03:00:00+01:00",
    ]
    assert describe(trigger).args["start_date"] == "2026-12-30T00:00:00+01:00"


def test_an_end_in_the_repeated_hour_ends_in_its_own_turn() -> None:
    args = {"minute": "*/15", "end_date": "2026-11-01T01:30:00-05:00", "timezone": "America/New_York"}
    trigger = build("cron", args, timezone="UTC")
    fires = upcoming(trigger, now=datetime(2026, 11, 1, 5, 29, tzinfo=UTC), count=99)
    assert [fire.isoformat()[11:] for fire in fires] == [
        "01:30:00-04:00",
        "01:45:00-04:00",
        "01:00:00-05:00",
        "01:15:00-05:00",
        "01:30:00-05:00",
    ]


def test_jitter_moves_no_nominal_time() -> None:
    trigger = build("cron", {"hour": 13, "jitter": 3600}, timezone="UTC")
    assert next_fire(trigger, previous=None, now=NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize("args", [{"week": 53, "month": 6}, {"year": 2026, "month": 1}, {"day": 30, "month": 2}])
def test_a_search_that_finds_nothing_ends(args: dict[str, object]) -> None:
    assert next_fire(build("cron", args, timezone="Europe/Berlin"), previous=None, now=NOW) is None


def test_the_end_of_the_calendar_is_no_error() -> None:
    trigger = build("cron", {"year": "9999"}, timezone="Asia/Tokyo")
    assert next_fire(trigger, previous=None, now=datetime(9998, 12, 31, tzinfo=UTC)) is not None
    assert next_fire(trigger, previous=datetime(9999, 12, 31, 12, tzinfo=UTC), now=NOW) is None


def test_a_stored_trigger_of_too_many_terms_is_refused() -> None:
    with pytest.raises(InvalidTrigger, match="takes too long to calculate"):
        next_fire(CronTrigger(second="0," * 3000 + "0", timezone="UTC"), previous=None, now=NOW)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"hour": 3}, "at 03:00 every day"),
        ({"hour": 3, "day_of_week": "mon-fri"}, "at 03:00 on weekdays"),
        ({"hour": "3", "day_of_week": "0-4"}, "at 03:00 on weekdays"),
        ({"hour": 8, "day_of_week": "sat,sun"}, "at 08:00 on weekends"),
        ({"hour": 8, "day_of_week": "mon-thu"}, "at 08:00 from Monday to Thursday"),
        ({"hour": 8, "day_of_week": "mon,wed,fri"}, "at 08:00 on Monday, Wednesday and Friday"),
        ({"minute": "*/5"}, "every 5 minutes"),
        ({"minute": "*/7"}, "every 7 minutes of each hour"),
        ({"minute": "*"}, "every minute"),
        ({"second": "*/10"}, "every 10 seconds"),
        ({"hour": "*"}, "every hour"),
        ({"minute": 5}, "every hour at :05"),
        ({"minute": "5,35"}, "every hour at :05 and :35"),
        ({"hour": "*/2", "minute": 30}, "every 2 hours at :30"),
        ({"hour": "9-17"}, "every hour from 09:00 to 17:00"),
        ({"hour": "9-17", "minute": "*/10"}, "every 10 minutes from 09:00 to 17:59"),
        ({"hour": "6,14,22", "minute": 30}, "at 06:30, 14:30 and 22:30 every day"),
        ({"hour": 6, "minute": "0,30"}, "at 06:00 and 06:30 every day"),
        ({"hour": 6, "minute": 0, "second": 5}, "at 06:00:05 every day"),
        ({"day": 1}, "at 00:00 on the 1st of the month"),
        ({"day": "1,15", "hour": 4}, "at 04:00 on the 1st and 15th of the month"),
        ({"day": "last", "hour": 4}, "at 04:00 on the last day of the month"),
        ({"day": "2nd fri", "hour": 4}, "at 04:00 on the second Friday of the month"),
        ({"day": 24, "month": 12, "hour": 18}, "at 18:00 on the 24th of December"),
        ({"day": 13, "day_of_week": "fri"}, "at 00:00 on the 13th of the month if that is Friday"),
        ({"month": "6-8", "hour": 5, "day": "*"}, "at 05:00 from June to August"),
        ({"week": 1, "day_of_week": "mon"}, "at 00:00 on Monday in week 1"),
        ({"year": 2027, "month": 1, "day": 1}, "at 00:00 on the 1st of January in 2027"),
        ({"minute": "5-20/3", "hour": 3}, "when hour is 3, minute is 5-20/3"),
        ({"hour": 3, "end_date": "2027-01-01"}, "at 03:00 every day until 2027-01-01 00:00"),
    ],
)
def test_words_for_people(args: dict[str, object], words: str) -> None:
    assert describe(build("cron", args, timezone="Europe/Berlin")).words == f"{words}, Europe/Berlin"
