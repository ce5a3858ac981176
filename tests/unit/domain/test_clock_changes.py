"""Changes of the clocks are found to the second, in zones that have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from gnomon.domain.clock_changes import clock_changes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berlin", [("2026-03-29T03:00:00+02:00", HOUR), ("2026-10-25T02:00:00+01:00", -HOUR)]),
        ("America/New_York", [("2026-03-08T03:00:00-04:00", HOUR), ("2026-11-01T01:00:00-05:00", -HOUR)]),
        ("Australia/Lord_Howe", [("2026-04-05T01:30:00+10:30", -HOUR / 2), ("2026-10-04T02:30:00+11:00", HOUR / 2)]),
        ("Asia/Kolkata", []),
    ],
)
def test_the_next_two_changes(zone: str, expected: list[tuple[str, timedelta]]) -> None:
    found = list(islice(clock_changes(ZoneInfo(zone), NOW), 2))
    assert [(change.at.isoformat(), change.after - change.before) for change in found] == expected


def test_a_change_that_has_just_happened_is_over() -> None:
    (at,) = [change.at for change in islice(clock_changes(ZoneInfo("Europe/Berlin"), NOW), 1)]
    following = next(clock_changes(ZoneInfo("Europe/Berlin"), at))
    assert following.at > at


def test_the_end_of_the_calendar_ends_the_search() -> None:
    assert list(clock_changes(ZoneInfo("Asia/Kolkata"), datetime(9999, 12, 30, tzinfo=UTC))) == []
