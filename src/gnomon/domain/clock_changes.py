"""When the clocks of a zone are put forward or back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_LOOKED_AHEAD_DAYS = 2 * 366
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The first instant at which the clocks are another way, and the offsets from UTC before and from then on."""

    at: datetime
    before: timedelta
    after: timedelta


def clock_changes(zone: tzinfo, now: datetime) -> Iterator[ClockChange]:
    """The changes after ``now``, up to two years ahead."""
    low = now.astimezone(UTC).replace(microsecond=0)
    for _ in range(_LOOKED_AHEAD_DAYS):
        try:
            high = low + timedelta(days=1)
            before, after = _offset(zone, low), _offset(zone, high)
        except OverflowError:  # the end of the calendar
            return
        if before != after:
            at = _first_other(zone, low, high, before)
            yield ClockChange(at.astimezone(zone), before, _offset(zone, at))
        low = high


def _first_other(zone: tzinfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
