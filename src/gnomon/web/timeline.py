"""The next 24 hours: a lane for each job, or for a group of jobs where there are many, and how many start when.

Times are told by the quarter of an hour: a job that fires more often is a bar, and one that does not is a mark at its
minute. Herds (everything at midnight) are seen in the row at the top, whose bars are as high as jobs start.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from gnomon.domain.agenda import agenda
from gnomon.domain.triggers import KINDS, build
from gnomon.errors import InvalidTrigger

SPAN, STEP = timedelta(hours=24), timedelta(minutes=15)
STEPS = SPAN // STEP
#: Pixels of the row at the top.
HEIGHT = 36

_MOST_LANES = 12
_SMALLEST_GROUP = 3
_PREFIX = re.compile(r"^(.+?)[-_.:/@ ]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch in which jobs fire, in percent of the span. A ``width`` of 0 is one moment."""

    left: float
    width: float
    weight: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One job (``job_id``), or a group of ``jobs`` of them."""

    name: str
    job_id: str | None
    jobs: int
    marks: tuple[Mark, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Column:
    """Of the row at the top: how many jobs start within a quarter of an hour."""

    left: float
    height: float
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Hour:
    """A line of the scale. Every hour has one; those of ``rank`` 1 are named everywhere, of 2 where there is room."""

    left: float
    label: str
    rank: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn. ``more`` are jobs for which there was no lane; ``busiest`` the highest column, if it is a herd."""

    lanes: tuple[Lane, ...]
    columns: tuple[Column, ...]
    hours: tuple[Hour, ...]
    more: int
    busiest: Column | None
    jobs: int


@dataclass(frozen=True, slots=True)
class _Fires:
    job: Mapping[str, Any]
    first: datetime
    steps: tuple[int, ...]


def timeline(jobs: Sequence[Mapping[str, Any]], now: datetime, zone: tzinfo) -> Timeline:
    """The timeline of jobs from ``now`` on, told in ``zone``. Those that do not fire within it have no lane."""
    since = now.astimezone(UTC)
    found = [fires for job in jobs if (fires := _fires_of(job, since)) is not None]
    lanes, more = _lanes(found, since)
    counts = Counter(step for fires in found for step in fires.steps)
    highest = max(counts.values(), default=1)
    columns = tuple(
        Column(_percent(step * STEP), round(count / highest * HEIGHT, 1), count, since + step * STEP)
        for step, count in sorted(counts.items())
    )
    busiest = max(columns, key=lambda column: column.count, default=None)
    is_herd = busiest is not None and busiest.count >= 5 and busiest.count >= 2 * _median(columns)
    return Timeline(lanes, columns, _hours(since, zone), more, busiest if is_herd else None, len(found))


def _fires_of(job: Mapping[str, Any], since: datetime) -> _Fires | None:
    if job["next_run_time"] is None or job["state"] != "active":
        return None
    first = datetime.fromisoformat(job["next_run_time"]).astimezone(UTC)
    if first >= since + SPAN:
        return None
    return _Fires(
        job, first, _steps(job["trigger"], json.dumps(job["trigger_args"]), first, since.replace(microsecond=0))
    )


@lru_cache(maxsize=2_000)
def _steps(kind: str | None, args: str, first: datetime, since: datetime) -> tuple[int, ...]:
    """A pure function of its arguments, of which many jobs share the first two."""
    only = (max((first - since) // STEP, 0),)
    if kind is None or kind not in KINDS:
        return only  # A trigger that only code can make: its next run time is all that is known.
    try:
        trigger = build(kind, json.loads(args), timezone="UTC")
    except InvalidTrigger:
        return only
    return tuple(agenda(trigger, first, since=since, until=since + SPAN, step=STEP)) or only


def _lanes(found: Sequence[_Fires], since: datetime) -> tuple[tuple[Lane, ...], int]:
    """One for each job; where these are too many, jobs whose names begin alike share one."""
    groups: dict[str, list[_Fires]] = defaultdict(list)
    if len(found) <= _MOST_LANES:
        return tuple(_lane([fires], None, since) for fires in found), 0
    for fires in found:
        groups[_prefix(fires.job["id"])].append(fires)
    lanes: list[Lane] = []
    for prefix, members in groups.items():
        if len(members) >= _SMALLEST_GROUP:
            lanes.append(_lane(members, prefix, since))
        else:
            lanes += [_lane([fires], None, since) for fires in members]
    shown = lanes[:_MOST_LANES]
    return tuple(shown), len(found) - sum(lane.jobs for lane in shown)


def _prefix(job_id: str) -> str:
    found = _PREFIX.match(job_id)
    return found[1] if found else job_id


def _lane(members: Sequence[_Fires], prefix: str | None, since: datetime) -> Lane:
    counts = Counter(step for fires in members for step in fires.steps)
    exact = (members[0].first - since) / SPAN * 100 if len(members) == 1 else None
    marks = _marks(counts, exact)
    if prefix is None:
        job = members[0].job
        return Lane(job["name"], job["id"], 1, marks, job["schedule"])
    return Lane(f"{prefix} …", None, len(members), marks, f"{len(members)} jobs")


def _marks(counts: Mapping[int, int], exact: float | None) -> tuple[Mark, ...]:
    """Steps that follow each other with the same weight are one mark."""
    marks: list[Mark] = []
    steps = sorted(counts)
    start = 0
    for place in range(1, len(steps) + 1):
        goes_on = (
            place < len(steps) and steps[place] == steps[place - 1] + 1 and counts[steps[place]] == counts[steps[start]]
        )
        if goes_on:
            continue
        length = place - start
        left = _percent(steps[start] * STEP)
        if length == 1 and exact is not None and start == 0:
            left = max(round(exact, 2), 0.0)
        marks.append(Mark(left, _percent(length * STEP) if length > 1 else 0.0, counts[steps[start]]))
        start = place
    return tuple(marks)


def _hours(since: datetime, zone: tzinfo) -> tuple[Hour, ...]:
    first = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = []
    for count in range(int(SPAN / timedelta(hours=1))):
        moment = first + timedelta(hours=count)
        here = moment.astimezone(zone)
        rank = 1 if here.hour % 6 == 0 else 2 if here.hour % 2 == 0 else 3
        label = f"{here:%a}" if here.hour == 0 else f"{here:%H:%M}"
        hours.append(Hour(_percent(moment - since), label, rank))
    return tuple(hours)


def _percent(span: timedelta) -> float:
    return round(span / SPAN * 100, 2)


def _median(columns: Sequence[Column]) -> int:
    counts = sorted(column.count for column in columns)
    return counts[len(counts) // 2] if counts else 0
