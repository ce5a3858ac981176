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
#: Pixels of the row at the top.
HEIGHT = 36

#: With so few jobs each has a lane of its own.
_FEW = 8
_MOST_LANES = 12
_SMALLEST_GROUP = 3
#: So many at once are pointed out.
_HERD = 5
#: Percent between two columns.
_GAP = 0.12
_PREFIX = re.compile(r"^(.+?)[-_.:/@ ]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch in which jobs fire, in percent of the span. A ``width`` of 0 is one moment."""

    left: float
    width: float


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
    width: float
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
class _Job:
    """A job, and its fire times: the first of each quarter of an hour."""

    job: Mapping[str, Any]
    fires: tuple[datetime, ...]


def timeline(jobs: Sequence[Mapping[str, Any]], now: datetime, zone: tzinfo) -> Timeline:
    """The timeline of jobs from ``now`` on, told in ``zone``. Those that do not fire within it have no lane."""
    now = now.astimezone(UTC)
    start = _step_of(now)
    found = [each for job in jobs if (each := _fires_of(job, start, now)) is not None]
    lanes, more = _lanes(found, now)
    counts = Counter(_step_of(fire) for each in found for fire in each.fires)
    highest = max(counts.values(), default=1)
    columns = tuple(_column(at, count, round(count / highest * HEIGHT, 1), now) for at, count in sorted(counts.items()))
    busiest = max(columns, key=lambda column: column.count, default=None)
    is_herd = busiest is not None and busiest.count >= max(_HERD, 2 * _usual(columns))
    return Timeline(lanes, columns, _hours(now, zone), more, busiest if is_herd else None, len(found))


def _column(at: datetime, count: int, height: float, now: datetime) -> Column:
    left, right = max(_percent(at - now), 0.0), min(_percent(at + STEP - now), 100.0)
    return Column(left, round(max(right - left - _GAP, 0.1), 2), height, count, at)


def _fires_of(job: Mapping[str, Any], start: datetime, now: datetime) -> _Job | None:
    if job["next_run_time"] is None or job["state"] != "active":
        return None
    first = max(datetime.fromisoformat(job["next_run_time"]).astimezone(UTC), now)
    if first >= start + SPAN:
        return None
    return _Job(job, _agenda(job["trigger"], json.dumps(job["trigger_args"]), first, start))


@lru_cache(maxsize=2_000)
def _agenda(kind: str | None, args: str, first: datetime, start: datetime) -> tuple[datetime, ...]:
    """A pure function of its arguments, which are the same for a quarter of an hour, and for many jobs."""
    if kind is None or kind not in KINDS:
        return (first,)  # A trigger that only code can make: its next run time is all that is known.
    try:
        trigger = build(kind, json.loads(args), timezone="UTC")
    except InvalidTrigger:
        return (first,)
    return tuple(fire.astimezone(UTC) for fire in agenda(trigger, first, since=start, until=start + SPAN, step=STEP))


def _lanes(found: Sequence[_Job], now: datetime) -> tuple[tuple[Lane, ...], int]:
    """One for each job; where these are many, jobs whose names begin alike share one."""
    if len(found) <= _FEW:
        return tuple(_lane([each], None, now) for each in found), 0
    groups: dict[str, list[_Job]] = defaultdict(list)
    for each in found:
        groups[_prefix(each.job["id"])].append(each)
    lanes: list[Lane] = []
    for prefix, members in groups.items():
        if len(members) >= _SMALLEST_GROUP:
            lanes.append(_lane(members, prefix, now))
        else:
            lanes += [_lane([each], None, now) for each in members]
    shown = lanes[:_MOST_LANES]
    return tuple(shown), len(found) - sum(lane.jobs for lane in shown)


def _prefix(job_id: str) -> str:
    found = _PREFIX.match(job_id)
    return found[1] if found else job_id


def _lane(members: Sequence[_Job], prefix: str | None, now: datetime) -> Lane:
    fires: dict[datetime, datetime] = {}
    for fire in sorted((fire for each in members for fire in each.fires), reverse=True):
        fires[_step_of(fire)] = fire  # the first of each quarter
    marks = _marks(sorted(fires.values()), now)
    if prefix is None:
        job = members[0].job
        return Lane(job["name"], job["id"], 1, marks, job["schedule"])
    return Lane(prefix, None, len(members), marks, f"{len(members)} jobs whose ids begin with {prefix}")


def _marks(fires: Sequence[datetime], now: datetime) -> tuple[Mark, ...]:
    """Where a job fires in one quarter after the other, that is one mark."""
    stretches: list[list[datetime]] = []
    for fire in fires:
        if stretches and _step_of(fire) - _step_of(stretches[-1][-1]) == STEP:
            stretches[-1].append(fire)
        else:
            stretches.append([fire])
    marks = []
    for stretch in stretches:
        left = _percent(stretch[0] - now)
        end = min(_percent(_step_of(stretch[-1]) + STEP - now), 100.0)
        marks.append(Mark(left, round(end - left, 2) if len(stretch) > 1 else 0.0))
    return tuple(marks)


def _step_of(moment: datetime) -> datetime:
    """The beginning of its quarter of an hour. Zones differ by quarters, so it is one for every reader."""
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)


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


def _usual(columns: Sequence[Column]) -> int:
    """How many jobs start at once in most quarters of an hour, leaving out the busiest."""
    counts = sorted(column.count for column in columns)[:-1]
    return counts[len(counts) // 2] if counts else 0
