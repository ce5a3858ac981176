"""Listing jobs: a page at a time, in constant time however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from gnomon.domain.schedule import DeclaredRow
from gnomon.errors import InvalidInput
from gnomon.operations.ports import Context
from gnomon.operations.read import read_rows
from gnomon.operations.standing import JobDict, may_match

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
    words, whatever the case; ``after`` is the position to go on from, ``before`` the one to go back from."""

    search: str = ""
    states: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    sort: Sort = Sort.NEXT_RUN
    limit: int = MOST
    after: Position | None = None
    before: Position | None = None

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
    """``next`` is where to go on, ``previous`` where to go back from; ``None`` where nothing is. A page may be shorter
    than its limit while there is more."""

    jobs: list[JobDict]
    next: Position | None
    previous: Position | None = None


def matches(job: Mapping[str, Any], search: str) -> bool:
    """Whether a text stands in what people read of a job."""
    wanted = search.lower()
    return not wanted or any(wanted in job[name].lower() for name in ("id", "name", "description", "schedule"))


def list_jobs(context: Context, query: JobQuery) -> JobsPage:
    """A page of jobs. One consistent state."""
    with context.store.database.read():
        if query.before is not None:
            walk = _walk(context, query, query.before, backwards=True)
            return JobsPage(walk.jobs[::-1], next=walk.began, previous=walk.further)
        walk = _walk(context, query, query.after, backwards=False)
        return JobsPage(walk.jobs, next=walk.further, previous=None if query.after is None else walk.began)


class _Walk(NamedTuple):
    """What was found on the way, where that began (the first row that was looked at), and where there is more."""

    jobs: list[JobDict]
    began: Position | None
    further: Position | None


def _walk(context: Context, query: JobQuery, start: Position | None, *, backwards: bool) -> _Walk:
    jobs: list[JobDict] = []
    position, began, full, looked_at = start, None, None, 0
    read = _reader(context, query, backwards)
    # One more than are wanted, to see whether there is one.
    size = _ROWS if query.search or query.states or query.sources else query.limit + 1
    while looked_at < _MOST_ROWS:
        rows = read(position, size)
        if rows:
            began = began or _place(rows[0])
            position = _place(rows[-1])
        likely = [row for row in rows if may_match(context, row, query.search)] if query.search else rows
        for row, job in zip(likely, read_rows(context, likely), strict=True):
            if not query.takes(job):
                continue
            if len(jobs) == query.limit:
                return _Walk(jobs, began, full)
            jobs.append(job)
            full = _place(row)
        if len(rows) < size:
            return _Walk(jobs, began, None)
        looked_at += len(rows)
    return _Walk(jobs, began, position)


def _place(row: DeclaredRow) -> Position:
    return Position(row.next_run_time, row.id)


def _reader(context: Context, query: JobQuery, backwards: bool) -> Callable[[Position | None, int], list[DeclaredRow]]:
    schedules = context.store.schedules
    if query.sort is Sort.ID:
        return lambda start, limit: schedules.page_by_id(start and start.id, limit=limit, backwards=backwards)
    with_time = not (query.states and query.states <= _WITHOUT_TIME)
    without_time = not (query.states and query.states <= _WITH_TIME)

    def timed(start: Position | None, limit: int) -> list[DeclaredRow]:
        place = None if start is None or start.next_run_time is None else (start.next_run_time, start.id)
        return schedules.page_by_time(place, limit=limit, backwards=backwards) if with_time else []

    def untimed(start: Position | None, limit: int) -> list[DeclaredRow]:
        place = start.id if start is not None and start.next_run_time is None else None
        return schedules.page_without_time(place, limit=limit, backwards=backwards) if without_time else []

    def read(start: Position | None, limit: int) -> list[DeclaredRow]:
        """Those with a time come first: what one has passed is not asked for again."""
        is_untimed = start is not None and start.next_run_time is None
        if backwards:
            rows = untimed(start, limit) if is_untimed else []
            return rows + timed(start, limit - len(rows)) if len(rows) < limit else rows
        rows = [] if is_untimed else timed(start, limit)
        return rows + untimed(start, limit - len(rows)) if len(rows) < limit else rows

    return read


def _check(name: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for value in given:
        if value not in known:
            raise InvalidInput(name, value, f"give one of {', '.join(known)}")
