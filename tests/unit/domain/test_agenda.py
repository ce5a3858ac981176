"""What is to come, thinned out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gnomon.domain.agenda import agenda
from gnomon.domain.triggers import build, next_fire, upcoming

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
SPAN, STEP = timedelta(hours=24), timedelta(minutes=15)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("interval", {"seconds": 7}),
        ("interval", {"minutes": 40}),
        ("interval", {"minutes": 5, "end_date": "2026-03-28T16:00:00+00:00"}),
        ("cron", {"minute": "*/4"}),
        ("cron", {"hour": "2", "second": "*/20", "timezone": "Europe/Berlin"}),  # a night without that hour
        ("crontab", {"expression": "*/7 1-5 * * *"}),
        ("calendarinterval", {"days": 1, "hour": 4, "start_date": "2026-03-01"}),
        ("date", {"run_date": "2026-03-28T20:00:00+00:00"}),
    ],
)
def test_it_is_the_first_of_each_step_of_what_really_comes(kind: str, args: dict[str, Any]) -> None:
    trigger = build(kind, args, timezone="UTC", now=START)
    first = next_fire(trigger, previous=None, now=START)
    assert first is not None
    expected: dict[int, datetime] = {}
    for fire in upcoming(trigger, now=START, count=13_000):
        if fire < START + SPAN:
            expected.setdefault((fire - START) // STEP, fire)
    found = agenda(trigger, first, since=START, until=START + SPAN, step=STEP)
    assert found == list(expected.values())
