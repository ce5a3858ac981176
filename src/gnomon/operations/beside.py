"""What stands beside the row of a job and decides, with it, when something starts: exceptions and a calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gnomon.domain.calendar import Calendar, JobCalendar
from gnomon.domain.change import Author
from gnomon.domain.coming import next_start
from gnomon.domain.schedule import StoredJob
from gnomon.domain.tick_exception import Action, TickException
from gnomon.domain.triggers import jitter_of
from gnomon.domain.triggers.kinds import zone_of
from gnomon.errors import InvalidTrigger
from gnomon.operations.ports import Store


class Beside(NamedTuple):
    """Of one job: the exceptions whose times are still to come, and the calendar that it names."""

    exceptions: Sequence[TickException] = ()
    named: JobCalendar | None = None

    @property
    def calendar(self) -> Calendar | None:
        """The dates that it leaves out."""
        return None if self.named is None else self.named.calendar


NOTHING_BESIDE = Beside()


def read_beside(store: Store, job_ids: Sequence[str] | None, *, now: datetime) -> dict[str, Beside]:
    """Of some jobs, or of all, those that something stands beside: few."""
    if job_ids is not None and len(job_ids) == 1 and not store.exceptions.is_beside(job_ids[0]):
        return {}
    ahead, named = store.exceptions.ahead(job_ids, now=now), store.calendars.of_jobs(job_ids)
    return {job_id: Beside(ahead.get(job_id, ()), named.get(job_id)) for job_id in {*ahead, *named}}


def exceptions_list(exceptions: Sequence[TickException]) -> list[dict[str, Any]]:
    """Exceptions that have not happened, JSON-ready."""
    return [exception_dict(each) for each in exceptions if each.is_pending]


def exception_dict(exception: TickException) -> dict[str, Any]:
    """One exception, JSON-ready."""
    return {
        "scheduled_at": _iso(exception.scheduled_at),
        "action": exception.action.value,
        "to": None if exception.moved_to is None else _iso(exception.moved_to),
        "actor": exception.author.actor,
        "reason": exception.author.reason,
    }


def exception_of(job_id: str, said: Mapping[str, Any], author: Author, made_at: datetime) -> TickException:
    """The exception that a line of the log tells of, to be made anew by somebody."""
    return TickException(
        job_id=job_id,
        scheduled_at=datetime.fromisoformat(said["scheduled_at"]),
        action=Action(said["action"]),
        moved_to=None if said["to"] is None else datetime.fromisoformat(said["to"]),
        author=author,
        made_at=made_at,
    )


def problem_of(stored: StoredJob, beside: Beside, *, now: datetime) -> str | None:
    """Why a job does not fire although it is due: its calendar can't be asked."""
    if beside.named is None or stored.next_run_time is None:
        return None
    at = max(stored.next_run_time.astimezone(UTC), now)
    return beside.named.problem(at.astimezone(zone_of(stored.schedule.trigger)).date())


def start_beside(stored: StoredJob, beside: Beside, *, now: datetime) -> str | None:
    """When a job's next run really starts, as an ISO time in its zone."""
    due, trigger = stored.next_run_time, stored.schedule.trigger
    if due is not None and not beside.exceptions and not jitter_of(trigger):
        reason = beside.calendar.reason(due.date()) if beside.calendar is not None else None
        if reason is None:  # most dates of most calendars are left in, and listing ten thousand jobs must not crawl
            return due.isoformat()
    try:
        found = next_start(
            stored.schedule.job_id,
            trigger,
            due,
            now=now,
            exceptions=beside.exceptions,
            calendar=beside.calendar,
        )
    except InvalidTrigger:
        return None
    return None if found is None else found.isoformat()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
