"""Celery's crontabs against Celery itself: the same numbers, and the same times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import ParseException, crontab, crontab_parser  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.celery_crontab import CeleryCrontab, cron_arguments, expand
from gnomon.domain.triggers import build, upcoming
from gnomon.errors import InvalidInput

LIMITS = {
    "minute": range(60),
    "hour": range(24),
    "day_of_month": range(1, 32),
    "month_of_year": range(1, 13),
    "day_of_week": range(7),
}
WORDS = [
    "*",
    "*/2",
    "*/3",
    "*/7",
    "sun",
    "mon-fri",
    "fri-mon",
    "saturday",
    "jan",
    "nov-feb",
    "7",
    "0",
    "31",
    "",
    "x",
    "*/0",
]


def celerys(name: str, text: str) -> frozenset[int] | None:
    """What Celery's own parser makes of a field; ``None`` if it refuses it."""
    values = LIMITS[name]
    try:
        return frozenset(crontab_parser(len(values), values.start).parse(text))
    except (ParseException, ValueError, TypeError):
        return None


def ours(name: str, text: str) -> frozenset[int] | None:
    try:
        return expand(name, text, LIMITS[name])
    except InvalidInput:
        return None


@st.composite
def fields(draw: st.DrawFn, name: str) -> str:
    """A field that means something."""
    values = LIMITS[name]
    number = st.integers(values.start, values.stop - 1).map(str)
    step = st.integers(1, len(values)).map(str)
    part = st.one_of(
        number,
        st.just("*"),
        step.map("*/{}".format),
        st.tuples(number, number).map("-".join),
        st.tuples(number, number, step).map("{0[0]}-{0[1]}/{0[2]}".format),
    )
    return ",".join(draw(st.lists(part, min_size=1, max_size=4)))


@given(st.data(), st.sampled_from(sorted(LIMITS)))
def test_a_field_stands_for_the_numbers_that_celery_reads(data: st.DataObject, name: str) -> None:
    text = data.draw(fields(name))
    assert ours(name, text) == celerys(name, text)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("text", WORDS)
def test_names_and_nonsense_are_read_as_celery_reads_them(name: str, text: str) -> None:
    assert ours(name, text) == celerys(name, text)


@given(st.text("0123456789*/-,snmofrijat ", max_size=12), st.sampled_from(sorted(LIMITS)))
def test_what_we_read_at_all_celery_reads_likewise(text: str, name: str) -> None:
    numbers = ours(name, text)
    assert numbers is None or numbers == celerys(name, text)


@given(st.fixed_dictionaries({name: fields(name) for name in LIMITS}))
def test_the_cron_trigger_has_the_same_numbers_in_each_field(texts: dict[str, str]) -> None:
    """By APScheduler's own fields: each number that Celery has is one at which they match, and no other is."""
    trigger = build("cron", cron_arguments(CeleryCrontab(**texts)), timezone="UTC")
    by_name = {field.name: field for field in trigger.fields}
    moments = {
        "minute": [datetime(2027, 1, 1, 0, value) for value in LIMITS["minute"]],
        "hour": [datetime(2027, 1, 1, value) for value in LIMITS["hour"]],
        "day_of_month": [datetime(2027, 1, value) for value in LIMITS["day_of_month"]],
        "month_of_year": [datetime(2027, value, 1) for value in LIMITS["month_of_year"]],
        "day_of_week": [datetime(2027, 1, 3) + timedelta(days=value) for value in LIMITS["day_of_week"]],  # a Sunday
    }
    ours_of = {"day_of_month": "day", "month_of_year": "month"}
    for name, values in LIMITS.items():
        field = by_name[ours_of.get(name, name)]
        matched = {
            value
            for value, moment in zip(values, moments[name], strict=True)
            if field.get_next_value(moment) == field.get_value(moment)
        }
        assert matched == celerys(name, texts[name])


def celery_times(texts: dict[str, str], start: datetime, count: int) -> list[datetime]:
    """The next times by Celery's own calculation: after each run it is asked for the next."""
    found, last = [], start
    for _ in range(count):
        schedule = crontab(**texts, nowfun=lambda moment=last: moment)
        schedule.tz = start.tzinfo
        last_run_at, delta, _now = schedule.remaining_delta(last, tz=start.tzinfo)
        last = last_run_at + delta
        found.append(last)
    return found


TIMES: list[dict[str, str]] = [
    {"minute": "*"},
    {"minute": "*/15"},
    {"minute": "7,37", "hour": "8-17/3"},
    {"minute": "0", "hour": "3", "day_of_week": "1-5"},
    {"minute": "0", "hour": "3", "day_of_week": "0"},
    {"minute": "0", "hour": "3", "day_of_week": "fri-mon"},
    {"minute": "0", "hour": "3", "day_of_week": "*/2"},
    {"minute": "30", "hour": "22-2", "day_of_month": "1,15"},
    {"minute": "0", "hour": "0", "day_of_month": "1-7", "day_of_week": "sun"},
    {"minute": "0", "hour": "0", "day_of_month": "13", "day_of_week": "5"},
    {"minute": "0", "hour": "12", "day_of_month": "*/10", "month_of_year": "*/3"},
    {"minute": "59", "hour": "23", "day_of_month": "31"},
    {"minute": "0", "hour": "0", "day_of_month": "29", "month_of_year": "2"},
    {"minute": "0", "hour": "6", "month_of_year": "nov-feb", "day_of_week": "mon,wed"},
]


@pytest.mark.parametrize("start", [datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)])
@pytest.mark.parametrize("texts", TIMES, ids=str)
def test_the_next_times_are_those_of_celery(texts: dict[str, str], start: datetime) -> None:
    trigger = build("cron", cron_arguments(CeleryCrontab(**texts)), timezone="UTC")
    expected = celery_times(texts, start, 8 if "29" not in texts.values() else 1)
    assert upcoming(trigger, now=start, count=len(expected)) == expected


@pytest.mark.parametrize("texts", TIMES[:8], ids=str)
def test_they_are_in_another_time_zone_too(texts: dict[str, str]) -> None:
    start = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Asia/Kolkata"))  # no daylight saving
    trigger = build("cron", cron_arguments(CeleryCrontab(**texts, timezone="Asia/Kolkata")), timezone="UTC")
    assert upcoming(trigger, now=start, count=8) == celery_times(texts, start, 8)


def test_what_is_written_is_short() -> None:
    written: dict[str, Any] = cron_arguments(
        CeleryCrontab(minute="*/5", hour="8-17", day_of_month="1,2", day_of_week="6,0,1")
    )
    assert written == {
        "day": "1,2",
        "day_of_week": "mon,sat,sun",
        "hour": "8-17",
        "minute": "*/5",
        "timezone": "UTC",
    }
    assert cron_arguments(CeleryCrontab()) == {"minute": "*", "timezone": "UTC"}
