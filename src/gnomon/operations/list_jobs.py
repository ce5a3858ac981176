"""Listing jobs: a page at a time, in constant time however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from gnomon.domain.schedule import DeclaredRow
from gnomon.errors import InvalidInput
from gnomon.operations.ports import Context
from gnomon.operations.read import JobDict, may_match, read_rows

MOST = 1000
STATES = ("active", "paused", "finished", "orphaned", "quarantined")
SOURCES = ("code", "override", "outside")

#: Rows looked at for one page: where a filter finds little, the page is short and says where to go on.
_MOST_ROWS = 5000
_ROWS = 500
#: States of which every job has, or has not, a next run time.
_WITH_TIME, _WITHOUT_TIME = frozenset({"active"}), frozenset({"paused", "finished"})


class Sort(StrEnum):
    """``next_run``: by next run time, those without one last; ``id``: by id."""

    NEXT_RUN = "next_run"
    ID = "id"


class Position(NamedTuple):
    """Where a page ended: the next run time in seconds since 1970 (``None``: among those without one), and the id."""

    next_run_time: float | None
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """What to list. Empty ``states`` and ``sources`` mean any; ``search`` is looked for in id, name, description and
    words, whatever the case; ``after`` is the position to go on from."""

    search: str = ""
    states: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    sort: Sort = Sort.NEXT_RUN
    limit: int = MOST
    after: Position | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise InvalidInput("limit", self.limit, f"give a number from 1 to {MOST}")
        _check("state", self.states, STATES)
        _check("source", self.sources, SOURCES)

    def takes(self, job: Mapping[str, Any]) -> bool:
        """Whether a job is one of those that are wanted."""
        if self.states and job["state"] not in self.states:
            return False
        if self.sources and job["source"] not in self.sources:
            return False
        return matches(job, self.search)


class JobsPage(NamedTuple):
    """``next`` is where to go on, ``None`` at the end. A page may be shorter than its limit and not the last."""

    jobs: list[JobDict]
    next: Position | None


def matches(job: Mapping[str, Any], search: str) -> bool:
    """Whether a text stands in what people read of a job."""
    wanted = search.lower()
    return not wanted or any(wanted in job[name].lower() for name in ("id", "name", "description", "schedule"))


def list_jobs(context: Context, query: JobQuery) -> JobsPage:
    """A page of jobs. One consistent state."""
    jobs: list[JobDict] = []
    position, looked_at = query.after, 0
    with context.store.database.read():
        read = _reader(context, query)
        while looked_at < _MOST_ROWS:
            rows = read(position, _ROWS if query.search or query.states or query.sources else query.limit)
            if not rows:
                return JobsPage(jobs, None)
            likely = [row for row in rows if may_match(context, row, query.search)] if query.search else rows
            for row, job in zip(likely, read_rows(context, likely), strict=True):
                if query.takes(job):
                    jobs.append(job)
                    if len(jobs) == query.limit:
                        return JobsPage(jobs, Position(row.next_run_time, row.id))
            looked_at += len(rows)
            position = Position(rows[-1].next_run_time, rows[-1].id)
    return JobsPage(jobs, position)


def _reader(context: Context, query: JobQuery) -> Callable[[Position | None, int], list[DeclaredRow]]:
    schedules = context.store.schedules
    if query.sort is Sort.ID:
        return lambda after, limit: schedules.page_by_id("" if after is None else after.id, limit=limit)
    with_time = not (query.states and query.states <= _WITHOUT_TIME)
    without_time = not (query.states and query.states <= _WITH_TIME)

    def read(after: Position | None, limit: int) -> list[DeclaredRow]:
        rows: list[DeclaredRow] = []
        if with_time and (after is None or after.next_run_time is not None):
            timed = None if after is None else (after.next_run_time or 0.0, after.id)
            rows = schedules.page_by_time(timed, limit=limit)
        if without_time and len(rows) < limit:
            is_among = after is not None and after.next_run_time is None
            start = after.id if after is not None and is_among else ""
            rows += schedules.page_without_time(start, limit=limit - len(rows))
        return rows

    return read


def _check(name: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for value in given:
        if value not in known:
            raise InvalidInput(name, value, f"give one of {', '.join(known)}")
