"""Triggers of an application that go wrong after they were stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger


class Moody(BaseTrigger):
    """Every minute, until ``mood`` says otherwise."""

    mood = "fine"

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        if self.mood == "raises":
            raise ZeroDivisionError("out of sorts")
        if self.mood == "exits":
            raise SystemExit("enough")
        if self.mood == "stands still":
            return previous_fire_time
        if self.mood == "talks nonsense":
            return "tomorrow"  # type: ignore[return-value]
        return (previous_fire_time or now) + timedelta(minutes=1)

    def __getstate__(self) -> dict[str, object]:
        return {}

    def __setstate__(self, state: dict[str, object]) -> None:
        pass
