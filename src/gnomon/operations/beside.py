"""What stands beside the row of a job and decides, with it, when something starts: one-tick exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gnomon.domain.change import Author
from gnomon.domain.coming import next_start
from gnomon.domain.schedule import StoredJob
from gnomon.domain.tick_exception import Action, TickException
from gnomon.errors import InvalidTrigger
from gnomon.operations.ports import Store


class Beside(NamedTuple):
    """Of one job: the exceptions whose times are still to come."""

    exceptions: Sequence[TickException] = ()


NOTHING_BESIDE = Beside()


def read_beside(store: Store, job_ids: Sequence[str] | None, *, now: datetime) -> dict[str, Beside]:
    """Of some jobs, or of all, those that something stands beside: few."""
    return {job_id: Beside(found) for job_id, found in store.exceptions.ahead(job_ids, now=now).items()}


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


def start_beside(stored: StoredJob, beside: Beside, *, now: datetime) -> str | None:
    """When a job's next run really starts, as an ISO time in its zone."""
    try:
        found = next_start(
            stored.schedule.job_id,
            stored.schedule.trigger,
            stored.next_run_time,
            now=now,
            exceptions=beside.exceptions,
        )
    except InvalidTrigger:
        return None
    return None if found is None else found.isoformat()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
