"""A clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gnomon.errors import InvalidInput

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Says the time that it was set to, until it is set again: for ``Scheduler(clock=…)``."""

    def __init__(self, now: datetime = _START) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> datetime:
        """Set it to an aware datetime, forward or back; return that in UTC. Raises ``InvalidInput``."""
        if now.tzinfo is None:
            raise InvalidInput("now", now, "give a datetime with a time zone")
        self._now = now.astimezone(UTC)
        return self._now

    def advance(self, **units: float) -> datetime:
        """Move it by ``timedelta(**units)``, back where that is negative; return the new time."""
        return self.set(self._now + timedelta(**units))
