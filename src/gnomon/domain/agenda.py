"""What is to come within a span of time, thinned out so that a job of every second costs no more than another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.triggers import BaseTrigger, describe, next_fire
from gnomon.errors import InvalidTrigger

_MOMENT = timedelta(microseconds=1)
#: Of triggers that only tell what follows a time; those of people have no more within an hour.
_MOST_STEPS = 100


def agenda(trigger: BaseTrigger, first: datetime, *, since: datetime, until: datetime, step: timedelta) -> list[int]:
    """The steps from ``since`` to ``until``, counted from 0, in which a job fires whose next run time is ``first``.

    A step in which it fires several times is told once. Nominal: without jitter. A trigger that cannot be calculated is
    told as far as it is known.
    """
    steps: list[int] = []
    kind, fire = describe(trigger).kind, first
    while fire < until:
        index = max((fire - since) // step, 0)
        steps.append(index)
        end = since + (index + 1) * step
        following = _next(trigger, kind, fire, end, since)
        if following is None:
            break
        fire = following
    return steps


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
