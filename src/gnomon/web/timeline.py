"""The next 24 hours: a lane for each job, or for a group of jobs where there are many, and how many start when.

Times are told by the quarter of an hour: a job that fires more often is a bar, and one that does not is a mark at its
minute. Herds (everything at midnight) are seen in the row at the top, whose bars are as high as jobs start.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any

from gnomon.domain.calendar import JobCalendar
from gnomon.web.coming import SPAN, STEP, Fires, beginning, fires_of

#: Pixels of the row at the top.
HEIGHT = 36

_STEP = int(STEP.total_seconds())
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
    job: Mapping[str, Any]
    fires: Fires


def timeline(
    jobs: Sequence[Mapping[str, Any]],
    now: datetime,
    zone: tzinfo,
    calendars: Mapping[str, JobCalendar] = MappingProxyType({}),
) -> Timeline:
    """The timeline of jobs from ``now`` on, told in ``zone``. Those that do not fire within it have no lane.
    ``calendars`` are those that jobs name, by the ids of the jobs."""
    now = now.astimezone(UTC)
    past = (now - beginning(now)).total_seconds()
    found = []
    for job in jobs:
        named = calendars.get(job["id"])
        fires = fires_of(job, now, None if named is None else named.calendar)
        if fires:
            found.append(_Job(job, fires))
    lanes, more = _lanes(found, past)
    counts = Counter(step for each in found for step, _ in each.fires)
    highest = max(counts.values(), default=1)
    columns = tuple(
        _column(step, count, round(count / highest * HEIGHT, 1), now, past) for step, count in sorted(counts.items())
    )
    busiest = max(columns, key=lambda column: column.count, default=None)
    is_herd = busiest is not None and busiest.count >= max(_HERD, 2 * _usual(columns))
    return Timeline(lanes, columns, _hours(now, zone), more, busiest if is_herd else None, len(found))


def _column(step: int, count: int, height: float, now: datetime, past: float) -> Column:
    left, right = _percent(step * _STEP - past), _percent((step + 1) * _STEP - past)
    return Column(left, round(max(right - left - _GAP, 0.1), 2), height, count, beginning(now) + step * STEP)


def _lanes(found: Sequence[_Job], past: float) -> tuple[tuple[Lane, ...], int]:
    """One for each job; where these are many, jobs whose names begin alike share one."""
    if len(found) <= _FEW:
        return tuple(_lane([each], None, past) for each in found), 0
    groups: dict[str, list[_Job]] = defaultdict(list)
    for each in found:
        groups[_prefix(each.job["id"])].append(each)
    members: list[tuple[list[_Job], str | None]] = []
    for prefix, group in groups.items():
        members += [(group, prefix)] if len(group) >= _SMALLEST_GROUP else [([each], None) for each in group]
    shown = tuple(_lane(group, prefix, past) for group, prefix in members[:_MOST_LANES])
    return shown, len(found) - sum(lane.jobs for lane in shown)


def _prefix(job_id: str) -> str:
    found = _PREFIX.match(job_id)
    return found[1] if found else job_id


def _lane(group: Sequence[_Job], prefix: str | None, past: float) -> Lane:
    earliest: dict[int, float] = {}
    for each in group:
        for step, seconds in each.fires:
            earliest[step] = min(seconds, earliest.get(step, seconds))
    marks = _marks(sorted(earliest.items()), past)
    if prefix is None:
        job = group[0].job
        return Lane(job["name"], job["id"], 1, marks, job["schedule"])
    return Lane(prefix, None, len(group), marks, f"{len(group)} jobs whose ids begin with {prefix}")


def _marks(fires: Sequence[tuple[int, float]], past: float) -> tuple[Mark, ...]:
    """Where a job fires in one quarter after the other, that is one mark."""
    stretches: list[list[tuple[int, float]]] = []
    for fire in fires:
        if stretches and fire[0] == stretches[-1][-1][0] + 1:
            stretches[-1].append(fire)
        else:
            stretches.append([fire])
    marks = []
    for stretch in stretches:
        left, end = _percent(stretch[0][1] - past), _percent((stretch[-1][0] + 1) * _STEP - past)
        marks.append(Mark(left, round(end - left, 2) if len(stretch) > 1 else 0.0))
    return tuple(marks)


def _hours(since: datetime, zone: tzinfo) -> tuple[Hour, ...]:
    first = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = []
    for count in range(int(SPAN / timedelta(hours=1))):
        moment = first + timedelta(hours=count)
        here = moment.astimezone(zone)
        rank = 1 if here.hour % 6 == 0 else 2 if here.hour % 2 == 0 else 3
        label = f"{here:%a}" if here.hour == 0 else f"{here:%H:%M}"
        hours.append(Hour(_percent((moment - since).total_seconds()), label, rank))
    return tuple(hours)


def _percent(seconds: float) -> float:
    """Of the span, which begins now."""
    return round(min(max(seconds / SPAN.total_seconds() * 100, 0.0), 100.0), 2)


def _usual(columns: Sequence[Column]) -> int:
    """How many jobs start at once in most quarters of an hour, leaving out the busiest."""
    counts = sorted(column.count for column in columns)[:-1]
    return counts[len(counts) // 2] if counts else 0
