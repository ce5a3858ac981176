"""What is to come within a span of time, thinned out so that a job of every second costs no more than another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.triggers import BaseTrigger, describe, next_fire
from gnomon.errors import InvalidTrigger

_MOMENT = timedelta(microseconds=1)
#: Of triggers that only tell what follows a time; those of people have no more within an hour.
_MOST_STEPS = 100


def agenda(
    trigger: BaseTrigger, first: datetime, *, since: datetime, until: datetime, step: timedelta
) -> list[datetime]:
    """The fire times from ``first``, the next run time, up to ``until``; of those in one ``step``, counted from
    ``since``, only the first.

    Nominal: without jitter. A trigger that cannot be calculated is told as far as it is known.
    """
    fires: list[datetime] = []
    kind = describe(trigger).kind
    fire: datetime | None = first
    while fire is not None and fire < until:
        fires.append(fire)
        end = since + ((fire - since) // step + 1) * step
        fire = _next(trigger, kind, fire, end, since)
    return fires


def _next(trigger: BaseTrigger, kind: str, fire: datetime, end: datetime, now: datetime) -> datetime | None:
    """The first fire time after ``fire`` that is not before ``end``."""
    if kind == "interval":
        return _next_of_interval(trigger, fire, end)
    following: datetime | None = fire
    try:
        if kind in {"cron", "crontab"}:  # They fire by the clock, wherever one begins to count.
            return next_fire(trigger, previous=max(fire, end - _MOMENT), now=now)
        for _ in range(_MOST_STEPS):
            following = next_fire(trigger, previous=following, now=now)
            if following is None or following >= end:
                return following
    except InvalidTrigger:
        pass
    return None


def _next_of_interval(trigger: Any, fire: datetime, end: datetime) -> datetime | None:
    period: timedelta = trigger.interval
    following = fire + max(-(-(end - fire) // period), 1) * period
    return None if trigger.end_date is not None and following > trigger.end_date else following
