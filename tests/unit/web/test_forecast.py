"""What one should know of a trigger before it is saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gnomon.domain.triggers import build, upcoming
from gnomon.web.forecast import runs_within, warnings

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def words(kind: str, *, beside: int = 0, is_paused: bool = False, **args: Any) -> list[str]:
    times = upcoming(build(kind, args, timezone=BERLIN, now=NOW), now=NOW, count=10)
    return [each.words for each in warnings(times, NOW, timezone=BERLIN, beside=beside, is_paused=is_paused)]


def test_a_calm_change_has_no_warnings() -> None:
    assert words("cron", hour=3, day="1") == []


def test_a_job_that_fires_within_a_minute_says_so() -> None:
    assert words("interval", seconds=20) == ["It fires at once: 20 s after it is saved."]


def test_a_paused_job_fires_nothing() -> None:
    assert words("interval", seconds=20, is_paused=True) == [
        "The job is paused: none of this fires until it is resumed."
    ]


def test_a_change_of_the_clocks_among_the_times_is_told() -> None:
    (told,) = words("cron", hour=4)
    assert told == (
        "The clocks in Europe/Berlin go back by 60 min between Sat 2026-10-24 and Sun 2026-10-25: "
        "the time on the clock stays the same, and 25 h lie between them."
    )
    (elapsed,) = words("interval", hours=24, start_date="2026-10-21T04:00:00")
    assert elapsed.endswith("the time on the clock becomes 03:00.")


def test_a_herd_is_told_with_advice() -> None:
    assert words("cron", day="1", beside=1) == ["1 other job is due in the same second as it first is."]
    (many,) = words("cron", day="1", beside=40)
    assert "40 other jobs are" in many
    assert "jitter" in many
    assert "1,000 other jobs or more" in words("cron", day="1", beside=1000)[0]


@pytest.mark.parametrize(
    ("kind", "args", "number", "is_exact"),
    [
        ("cron", {"hour": 3}, 30, True),
        ("crontab", {"expression": "0 * * * *"}, 720, True),
        ("interval", {"seconds": 1}, 30 * 86400, True),
        ("date", {"run_date": "2026-10-21T03:00:00"}, 1, True),
        ("date", {"run_date": "2027-10-21T03:00:00"}, 0, True),
        ("crontab", {"expression": "* * * * *"}, 30 * 1440, False),
    ],
)
def test_runs_of_30_days_are_counted_or_told_by_their_rate(
    kind: str, args: dict[str, Any], number: int, is_exact: bool
) -> None:
    trigger = build(kind, args, timezone="UTC", now=NOW)
    first = next(iter(upcoming(trigger, now=NOW, count=1)), None)
    count = runs_within(trigger, first, NOW)
    assert count is not None
    assert count.is_exact is is_exact
    assert count.number == pytest.approx(number, rel=0.01)
    assert count.words.startswith("about ") is not is_exact


def test_a_job_that_never_fires_has_no_runs() -> None:
    count = runs_within(build("cron", {"hour": 3}, timezone="UTC"), None, NOW)
    assert count is not None
    assert count.number == 0
    assert runs_within(build("cron", {"hour": 3}, timezone="UTC"), NOW + timedelta(days=31), NOW) == count
