"""``and`` and ``or`` of other triggers, as adopted tables may hold them: they can be shown and fired, not sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger

_MICROSECOND = timedelta(microseconds=1)

FireAfter = Callable[[BaseTrigger, datetime], datetime | None]


def fire_of_any(trigger: OrTrigger, after: datetime, fire_after: FireAfter) -> datetime | None:
    """The first fire time later than ``after`` of any of the triggers.

    Each is asked by itself, so intervals keep their own phase; APScheduler counts them from the last fire of any.
    """
    fires = [fire for part in trigger.triggers if (fire := fire_after(part, after)) is not None]
    return min(fires, default=None)


def fire_of_all(trigger: AndTrigger, after: datetime, fire_after: FireAfter) -> datetime | None:
    """The first time later than ``after`` at which all the triggers fire, ``None`` once one of them has ended.

    ``fire_after`` must bound the number of its calls: two triggers may never meet.
    """
    if not trigger.triggers:
        return None
    while True:
        fires: list[datetime] = []
        for part in trigger.triggers:
            fire = fire_after(part, after)
            if fire is None:
                return None
            fires.append(fire)
        if min(fires) == max(fires):
            return fires[0]
        after = max(fires) - _MICROSECOND
