from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from apscheduler.util import obj_to_ref
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.triggers import CrontabTrigger, build, describe, next_fire, upcoming
from gnomon.errors import InvalidTrigger
from tests.unit.domain.triggers.strategies import moments, zones

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _fires(expression: str, zone: str, now: datetime, count: int) -> list[str]:
    trigger = build("crontab", {"expression": expression}, timezone=zone)
    return [fire.isoformat() for fire in upcoming(trigger, now=now, count=count)]


# ------------------------------------------------------------------------------------------------- storage format


def test_its_class_path_is_a_storage_format() -> None:
    assert obj_to_ref(CrontabTrigger) == "gnomon.domain.triggers.crontab:CrontabTrigger"


def test_its_state_is_a_storage_format() -> None:
    trigger = CrontabTrigger("0 3 * * 1-5", "Europe/Berlin", jitter=30)
    assert trigger.__getstate__() == {
        "version": 1,
        "expression": "0 3 * * 1-5",
        "timezone": ZoneInfo("Europe/Berlin"),
        "jitter": 30,
    }
    assert describe(pickle.loads(pickle.dumps(trigger))) == describe(trigger)


def test_a_state_of_a_later_version_or_without_sense_is_refused() -> None:
    trigger = CrontabTrigger.__new__(CrontabTrigger)
    with pytest.raises(ValueError, match="version 2"):
        trigger.__setstate__({"version": 2, "expression": "* * * * *", "timezone": UTC, "jitter": None})
    with pytest.raises(InvalidTrigger):
        trigger.__setstate__({"version": 1, "expression": "every day", "timezone": UTC, "jitter": None})


def test_a_plain_apscheduler_can_ask_it() -> None:
    trigger = CrontabTrigger("*/5 * * * *", "Europe/Berlin")
    first = trigger.get_next_fire_time(None, NOW)
    assert first == NOW + timedelta(minutes=5)
    assert first.tzinfo == ZoneInfo("Europe/Berlin")
    # APScheduler asks for what follows the previous fire time, also while now is far ahead.
    assert trigger.get_next_fire_time(first, NOW + timedelta(days=1)) == NOW + timedelta(minutes=10)
    late = CrontabTrigger("*/5 * * * *", "UTC", jitter=60).get_next_fire_time(None, NOW)
    assert timedelta(minutes=5) <= late - NOW <= timedelta(minutes=6)


# ---------------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("expression", "same"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@WEEKLY", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * SUN", "0 0 * * sun"),
        ("0 0 * * 0", "0 0 * * Sun"),
        ("0 0 1 JAN-Mar *", "0 0 1 1,2,3 *"),
        ("0\t0  1 * *", "0 0 1 * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 1,15 * 3", "0 0 15,1 * wed"),
    ],
)
def test_the_ways_to_write_one_schedule(expression: str, same: str) -> None:
    assert _fires(expression, "Europe/Berlin", NOW, 20) == _fires(same, "Europe/Berlin", NOW, 20)


def test_day_of_month_or_day_of_week_is_enough() -> None:
    assert [fire[:10] for fire in _fires("0 0 13 * 5", "UTC", NOW, 4)] == [
        "2026-07-03",
        "2026-07-10",
        "2026-07-13",
        "2026-07-17",
    ]


def test_both_must_match_where_one_begins_with_a_star() -> None:
    assert [fire[:10] for fire in _fires("0 0 */2 * 5", "UTC", NOW, 3)] == ["2026-07-03", "2026-07-17", "2026-07-31"]


@pytest.mark.parametrize(
    ("expression", "because"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@reboot", "@reboot is no time"),
        ("@fortnightly", "@daily"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day-of-month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day-of-week"),
        ("*/0 * * * *", "minute"),
        ("5-3 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("MON * * * *", "minute"),
        ("* * * * MON FRI", "five fields"),
        ("0 0 30 2 *", "day-of-month"),
        ("* * * * \u017fun", "five fields"),  # upper() makes SUN of it
        ("\u0661 * * * *", "five fields"),
        ("* * * * *\0", "five fields"),
        ("0 3 * * * ; rm", "five fields"),
        ("1" * 257, "at most 256 characters"),
        (None, "five fields"),
        (5, "five fields"),
        (["* * * * *"], "five fields"),
    ],
)
def test_what_is_no_crontab_is_refused(expression: object, because: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("crontab", {"expression": expression}, timezone="UTC")
    assert refused.value.field == "expression"
    assert because in refused.value.allowed


def test_an_expression_that_never_fires_is_answered() -> None:
    trigger = build("crontab", {"expression": "0 0 */31 * MON#5"}, timezone="Europe/Berlin")
    assert next_fire(trigger, previous=None, now=NOW) is None


def test_the_end_of_the_calendar_is_no_error() -> None:
    trigger = build("crontab", {"expression": "0 0 1 1 *"}, timezone="Europe/Berlin")
    assert next_fire(trigger, previous=None, now=datetime(9999, 6, 1, tzinfo=UTC)) is None


# ------------------------------------------------------------------------------- when the clocks change, as Debian does

_NEW_YORK_FORWARD = ("America/New_York", datetime(2026, 3, 8, 5, 59, tzinfo=UTC))  # 00:59; 02:00 → 03:00
_NEW_YORK_BACK = ("America/New_York", datetime(2026, 11, 1, 4, 59, tzinfo=UTC))  # 00:59; 02:00 → 01:00
_BERLIN_FORWARD = ("Europe/Berlin", datetime(2026, 3, 28, 23, 59, tzinfo=UTC))  # 00:59; 02:00 → 03:00
_BERLIN_BACK = ("Europe/Berlin", datetime(2026, 10, 24, 22, 59, tzinfo=UTC))  # 00:59; 03:00 → 02:00
_LORD_HOWE_FORWARD = ("Australia/Lord_Howe", datetime(2026, 10, 3, 14, 29, tzinfo=UTC))  # 00:59; 02:00 → 02:30
_LORD_HOWE_BACK = ("Australia/Lord_Howe", datetime(2026, 4, 4, 13, 59, tzinfo=UTC))  # 00:59; 02:00 → 01:30


@pytest.mark.parametrize(
    ("place", "expression", "fires"),
    [
        # A fixed time that is skipped runs right after the change, once.
        (_NEW_YORK_FORWARD, "30 2 * * *", ["08T03:00:00-04:00", "09T02:30:00-04:00"]),
        (_NEW_YORK_FORWARD, "30 1,2 * * *", ["08T01:30:00-05:00", "08T03:00:00-04:00", "09T01:30:00-04:00"]),
        (_NEW_YORK_FORWARD, "0,30 2 * * *", ["08T03:00:00-04:00", "09T02:00:00-04:00"]),
        (_NEW_YORK_FORWARD, "0 2,3 * * *", ["08T03:00:00-04:00", "09T02:00:00-04:00"]),
        (_BERLIN_FORWARD, "30 2 * * *", ["29T03:00:00+02:00", "30T02:30:00+02:00"]),
        (_LORD_HOWE_FORWARD, "15 2 * * *", ["04T02:30:00+11:00", "05T02:15:00+11:00"]),
        (_LORD_HOWE_FORWARD, "45 2 * * *", ["04T02:45:00+11:00", "05T02:45:00+11:00"]),
        # A fixed time that is repeated runs at its first turn.
        (_NEW_YORK_BACK, "30 1 * * *", ["01T01:30:00-04:00", "02T01:30:00-05:00"]),
        (_BERLIN_BACK, "30 2 * * *", ["25T02:30:00+02:00", "26T02:30:00+01:00"]),
        (_LORD_HOWE_BACK, "45 1 * * *", ["05T01:45:00+11:00", "06T01:45:00+10:30"]),
        # A line whose minute or hour begins with a star follows the clock.
        (_NEW_YORK_FORWARD, "0 * * * *", ["08T01:00:00-05:00", "08T03:00:00-04:00"]),
        (_NEW_YORK_FORWARD, "*/20 2 * * *", ["09T02:00:00-04:00"]),
        (
            _NEW_YORK_BACK,
            "*/30 * * * *",
            ["01T01:00:00-04:00", "01T01:30:00-04:00", "01T01:00:00-05:00", "01T01:30:00-05:00", "01T02:00:00-05:00"],
        ),
        (_NEW_YORK_BACK, "30 * * * *", ["01T01:30:00-04:00", "01T01:30:00-05:00", "01T02:30:00-05:00"]),
        (_BERLIN_BACK, "30 */2 * * *", ["25T02:30:00+02:00", "25T02:30:00+01:00", "25T04:30:00+01:00"]),
        # Changes of half an hour, which cronsim by itself gets wrong.
        (_LORD_HOWE_BACK, "40 * * * *", ["05T01:40:00+11:00", "05T01:40:00+10:30", "05T02:40:00+10:30"]),
        (_LORD_HOWE_BACK, "*/30 2 * * *", ["05T02:00:00+10:30", "05T02:30:00+10:30", "06T02:00:00+10:30"]),
        (_LORD_HOWE_FORWARD, "*/20 2 * * *", ["04T02:40:00+11:00", "05T02:00:00+11:00"]),
        (_LORD_HOWE_FORWARD, "*/30 3 * * *", ["04T03:00:00+11:00", "04T03:30:00+11:00", "05T03:00:00+11:00"]),
    ],
)
def test_the_clocks_change(place: tuple[str, datetime], expression: str, fires: list[str]) -> None:
    zone, now = place
    assert [fire[8:] for fire in _fires(expression, zone, now, len(fires))] == fires


def test_a_midnight_that_does_not_exist_is_no_fire_time_of_a_line_that_follows_the_clock() -> None:
    before = datetime(2026, 9, 5, 16, tzinfo=UTC)  # Santiago: 6 September begins at 01:00
    assert _fires("*/30 0,1 * * *", "America/Santiago", before, 2) == [
        "2026-09-06T01:00:00-03:00",
        "2026-09-06T01:30:00-03:00",
    ]
    # cronsim goes to a later day by its midnight; the first minute of this day is 01:00.
    first = datetime(2026, 9, 1, tzinfo=UTC)
    for expression in ("*/30 1 6 * *", "*/30 0,1 6 * *"):
        assert _fires(expression, "America/Santiago", first, 1) == ["2026-09-06T01:00:00-03:00"]
    assert _fires("*/30 0 6 9 *", "America/Santiago", first, 1) == ["2027-09-06T00:00:00-03:00"]
    assert _fires("0 0 * * *", "America/Santiago", before, 1) == ["2026-09-06T01:00:00-03:00"]


def test_asked_between_two_turns_of_an_hour_it_does_not_go_back() -> None:
    trigger = build("crontab", {"expression": "45 1 * * *"}, timezone="America/New_York")
    second_turn = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 EST
    fire = next_fire(trigger, previous=None, now=second_turn)
    assert fire is not None
    assert fire.isoformat() == "2026-11-02T01:45:00-05:00"


@lru_cache(maxsize=8)
def _minutes(start: datetime, zone: str) -> list[datetime]:
    return [(start + timedelta(minutes=count)).astimezone(ZoneInfo(zone)) for count in range(1, 36 * 60)]


def _by_going_through_all_minutes(expression: str, zone: str, now: datetime) -> list[datetime]:
    """Debian's rule, minute by minute, for the 36 hours from ``now``."""
    minute, hour, *_ = expression.split()
    line = CronSim(expression, datetime(2000, 1, 1))

    def matches(local: datetime) -> bool:
        return local.minute in line.minutes and local.hour in line.hours and line.match_day(local.date())

    start = now.replace(second=0, microsecond=0)
    clock = [local for local in _minutes(start, zone) if local.astimezone(UTC) > now]
    if minute.startswith("*") or hour.startswith("*") or zone == "UTC":
        return [local.astimezone(UTC) for local in clock if matches(local)]
    fires = set()
    first, last = clock[0].astimezone(UTC), clock[-1].astimezone(UTC)
    wall = first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(hours=3)
    for _ in range(42 * 60):
        wall += timedelta(minutes=1)
        if matches(wall):
            real = wall
            while (there := real.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)) and there.astimezone(
                ZoneInfo(zone)
            ).replace(tzinfo=None) != real:
                real += timedelta(minutes=1)
            fires.add(there)
    return sorted(fire for fire in fires if first <= fire <= last)


_field = st.one_of(st.just("*"), st.sampled_from(["*/2", "*/3", "*/15"]))


@given(
    minute=_field | st.integers(0, 59).map(str) | st.sampled_from(["0,30", "15,45", "20-40"]),
    hour=st.sampled_from(["*", "*/2", "0", "1", "2", "3", "0-3", "1,2", "2,3", "23"]),
    day=st.sampled_from(["* * *", "* * SUN", "* * 6", "1-8 * 0"]),
    zone=zones,
    now=moments,
)
def test_it_agrees_with_going_through_all_minutes(minute: str, hour: str, day: str, zone: str, now: datetime) -> None:
    expression = f"{minute} {hour} {day}"
    expected = _by_going_through_all_minutes(expression, zone, now)[:40]
    trigger = build("crontab", {"expression": expression}, timezone=zone)
    fires = upcoming(trigger, now=now, count=len(expected))
    assert [fire.astimezone(UTC) for fire in fires] == expected


# ------------------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 3 * * 1-5", "at 03:00 on weekdays"),
        ("0 3 * * MON-FRI", "at 03:00 on weekdays"),
        ("@daily", "at 00:00 every day"),
        ("@hourly", "every hour"),
        ("*/5 * * * *", "every 5 minutes"),
        ("0 22 * * 7", "at 22:00 on Sunday"),
        ("0 22 * * 0", "at 22:00 on Sunday"),
        ("0 0 * * 5-7", "at 00:00 from Friday to Sunday"),
        ("0 0 13 * 5", "at 00:00 on the 13th of the month or on Friday"),
        ("30 4 1 jan *", "at 04:30 on the 1st of January"),
        ("0 0 13 * 0-6", "at 00:00 every day"),
        ("0 */5 * * *", "every 5 hours of each day"),
        ("0 0 13 * */2", "by the crontab 0 0 13 * */2"),
        # cron-descriptor's, in the same style
        ("0 0 */2 * 5", "at 00:00, every 2 days, only on Friday"),
        ("0 0 L * *", "at 00:00, on the last day of the month"),
        ("10-20 3 * * *", "every minute between 03:10 and 03:20"),
        ("0 0 * * 5L", "at 00:00, on the last Friday of the month"),
    ],
)
def test_words_for_people(expression: str, words: str) -> None:
    assert describe(build("crontab", {"expression": expression}, timezone="UTC")).words == f"{words}, UTC"
