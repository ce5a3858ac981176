"""Times as they are stored: whole microseconds since 1970 in UTC, exact and the same in every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def to_seconds(moment: datetime) -> float:
    """Seconds since 1970 as APScheduler stores them in its ``next_run_time`` column."""
    return to_micros(moment) / 1_000_000


def from_seconds(seconds: float) -> datetime:
    """The aware UTC datetime of such seconds. Raises ``ValueError`` where there is none: a column can hold anything."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, OverflowError, OSError) as error:
        raise ValueError(f"no time is {seconds!r} seconds from 1970") from error
