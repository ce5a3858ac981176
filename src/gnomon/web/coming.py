"""When the jobs of a page fire within a span: by quarters of an hour, and quickly also for hundreds of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from gnomon.domain.agenda import agenda
from gnomon.domain.calendar import Calendar
from gnomon.domain.triggers import KINDS, BaseTrigger, build, next_fire, zone
from gnomon.errors import InvalidTrigger

SPAN, STEP = timedelta(hours=24), timedelta(minutes=15)
_STEP_SECONDS = int(STEP.total_seconds())
_MOMENT = timedelta(microseconds=1)

#: For each quarter of an hour, counted from the one that goes on, the first time in it, in seconds from the beginning
#: of the first.
Fires = tuple[tuple[int, float], ...]


def beginning(moment: datetime) -> datetime:
    """The beginning of its quarter of an hour. Zones differ by quarters, so it is one for every reader."""
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)


def fires_of(job: Mapping[str, Any], now: datetime, calendar: Calendar | None = None) -> Fires:
    """When runs of a job start from ``now`` on; nothing if none do. ``calendar`` is the one that it names."""
    if job["next_run_time"] is None or job["state"] != "active" or (job["problem"] and job["next_start"] is None):
        return ()
    now = now.astimezone(UTC)
    start, end = beginning(now), now + SPAN
    # What is overdue will start at once.
    first = max(datetime.fromisoformat(job["next_run_time"]).astimezone(UTC), now)
    if first >= end and not job["exceptions"]:
        return ()
    seconds, last = (first - start).total_seconds(), (end - start).total_seconds()
    step, kind, args = int(seconds // _STEP_SECONDS), job["trigger"], json.dumps(job["trigger_args"])
    if kind in {"cron", "crontab"}:
        fires = ((step, seconds), *(fire for fire in _by_the_clock(kind, args, start) if fire[0] > step))
    else:
        fires = _from(kind, args, first, start)
    if calendar is not None:
        fires = _left_in(fires, calendar, _zone(job["timezone"]), start)
    if job["exceptions"]:
        fires = _with_exceptions(fires, job["exceptions"], kind, args, start)
    return tuple(fire for fire in fires if fire[1] < last)


@lru_cache(maxsize=4_000)
def _by_the_clock(kind: str, args: str, start: datetime) -> Fires:
    """Of triggers that fire by the clock whenever one begins to count: a pure function of its arguments, which many
    jobs share, and which are the same for a quarter of an hour."""
    trigger = _built(kind, args)
    try:
        first = None if trigger is None else next_fire(trigger, previous=start - _MOMENT, now=start)
    except InvalidTrigger:
        return ()
    return () if trigger is None or first is None else _thinned(trigger, first, start)


@lru_cache(maxsize=4_000)
def _from(kind: str | None, args: str, first: datetime, start: datetime) -> Fires:
    """Of the other triggers, likewise."""
    trigger = None if kind is None or kind not in KINDS else _built(kind, args)
    if trigger is None:  # Only code can make it: its next run time is all that is known.
        seconds = (first - start).total_seconds()
        return ((int(seconds // _STEP_SECONDS), seconds),)
    return _thinned(trigger, first, start)


def _left_in(fires: Fires, calendar: Calendar, zone: tzinfo, start: datetime) -> Fires:
    """Without the dates that a calendar leaves out. No quarter of an hour belongs to two dates."""
    return tuple(
        fire for fire in fires if calendar.reason((start + timedelta(seconds=fire[1])).astimezone(zone).date()) is None
    )


def _with_exceptions(
    fires: Fires, exceptions: Sequence[Mapping[str, Any]], kind: str | None, args: str, start: datetime
) -> Fires:
    """Without what was skipped, and with what was moved at its new time."""
    found = dict(fires)
    for exception in exceptions:
        due = datetime.fromisoformat(exception["scheduled_at"])
        step, seconds = _place(due, start)
        if abs(found.get(step, -1.0) - seconds) < 1:
            del found[step]
            # Of several in one quarter only the first is known here.
            trigger = None if kind is None or kind not in KINDS else _built(kind, args)
            following = None if trigger is None else next_fire(trigger, previous=due, now=due)
            if following is not None and _place(following, start)[0] == step:
                found[step] = _place(following, start)[1]
    for exception in exceptions:
        if exception["to"] is not None:
            step, seconds = _place(datetime.fromisoformat(exception["to"]), start)
            found[step] = min(seconds, found.get(step, seconds))
    return tuple(sorted(fire for fire in found.items() if fire[0] >= 0))


def _zone(name: str | None) -> tzinfo:
    try:
        return zone(name)
    except InvalidTrigger:  # one that only code can make
        return UTC


def _place(moment: datetime, start: datetime) -> tuple[int, float]:
    seconds = (moment - start).total_seconds()
    return int(seconds // _STEP_SECONDS), seconds


def _thinned(trigger: BaseTrigger, first: datetime, start: datetime) -> Fires:
    fires = agenda(trigger, first, since=start, until=start + SPAN + STEP, step=STEP)
    return tuple(_place(fire, start) for fire in fires)


def _built(kind: str, args: str) -> BaseTrigger | None:
    try:
        return build(kind, json.loads(args), timezone="UTC")
    except InvalidTrigger:
        return None
