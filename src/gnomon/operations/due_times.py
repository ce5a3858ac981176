"""The due times of a job that can be skipped or moved: which is meant, and to when its run can go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from gnomon.domain.calendar import Calendar
from gnomon.domain.coming import Coming, Outlook, coming
from gnomon.domain.schedule import StoredJob
from gnomon.domain.tick_exception import TickException
from gnomon.domain.triggers import HORIZON
from gnomon.errors import ChangeRefused, InvalidInput, JobNotFound
from gnomon.operations.beside import NOTHING_BESIDE, read_beside
from gnomon.operations.ports import Context
from gnomon.operations.read import read_job
from gnomon.operations.standing import JobDict

#: How many of a job's next due times can be named.
MOST_AHEAD = 1000


@dataclass(frozen=True, slots=True)
class DueTime:
    """One due time that is still to come, of a job as it stands: what becomes of it, and the runs around it."""

    job: JobDict
    due: Coming
    before: Coming | None
    after: Coming | None


def look_at(
    context: Context, job_id: str, *, at: datetime | None = None, to: datetime | None = None, is_skipped: bool = False
) -> DueTime:
    """The due time ``at``, or that of the next run, before it is moved (``to``) or skipped. Changes nothing.

    Raises what doing it would raise: ``JobNotFound``, ``InvalidInput``, ``ChangeRefused``.
    """
    store = context.store
    with store.database.read():
        now, job, row = store.database.now(), read_job(context, job_id), store.schedules.get(job_id)
        beside = read_beside(store, [job_id], now=now).get(job_id, NOTHING_BESIDE)
    if row is None:
        raise JobNotFound(job_id)
    if job["state"] == "quarantined":
        raise ChangeRefused(f"job {job_id!r} cannot be changed: {job['problem']}; mend or remove its row")
    ahead = next_due_times(job, context.decode(row), now=now, exceptions=beside.exceptions, calendar=beside.calendar)
    due = chosen(job_id, ahead, at, now=now)
    if is_skipped:
        check_can_be_skipped(job_id, due)
    if to is not None:
        check_between(ahead, due, to, now=now)
        check_is_elsewhere(due, to)
    return DueTime(job, due, *_around(ahead, due))


def next_due_times(
    job: JobDict,
    stored: StoredJob,
    *,
    now: datetime,
    exceptions: Sequence[TickException],
    calendar: Calendar | None,
) -> list[Coming]:
    """The job's next due times, with what becomes of them now. Raises ``ChangeRefused`` where there are none."""
    if stored.next_run_time is None:
        why = "it has no run to come" if job["state"] == "finished" else "it is paused; resume it first"
        raise ChangeRefused(f"no run of job {job['id']!r} can be skipped or moved: {why}")
    found = coming(
        job["id"],
        stored.schedule.trigger,
        stored.next_run_time,
        now=now,
        exceptions=exceptions,
        calendar=calendar,
    )
    return list(islice(found, MOST_AHEAD))


def chosen(job_id: str, ahead: Sequence[Coming], at: datetime | None, *, now: datetime) -> Coming:
    """The due time ``at``, or that whose run starts next. Raises ``InvalidInput``, ``ChangeRefused``."""
    to_come = [each for each in ahead if each.scheduled_at > now]
    if at is None:
        starting = [each for each in ahead if each.starts_at is not None and each.starts_at > now]
        if not starting:
            raise ChangeRefused(f"no run of job {job_id!r} is to come, as far as can be seen")
        first = min(starting, key=lambda each: each.starts_at or each.scheduled_at)
        if first not in to_come:
            # Its line is the only one that its due time has: there is no going back from it.
            raise ChangeRefused(
                f"the next run is that of {named(job_id, first)}, which was moved, and its due time is over: it can "
                "only be cancelled; name the due time of another run to skip or move that (--at)"
            )
        return first
    for each in to_come:
        if is_meant(each.scheduled_at, at):
            return each
    raise InvalidInput(
        "at",
        at.isoformat(),
        f"give one of the next {MOST_AHEAD} due times of the job that are still to come"
        f"{listed([each.scheduled_at for each in to_come[:3]])}",
    )


def check_can_be_skipped(job_id: str, due: Coming) -> None:
    """Raises ``ChangeRefused`` for a due time that has no run anyway."""
    if due.outlook is Outlook.EXCLUDED:
        raise ChangeRefused(f"{named(job_id, due)} does not run anyway: {due.note}")


def check_is_elsewhere(due: Coming, to: datetime) -> None:
    """Raises ``InvalidInput`` for the due time itself."""
    if to.astimezone(UTC) == due.scheduled_at.astimezone(UTC):
        raise InvalidInput("to", to.isoformat(), "that is when it is due; `clear` takes an exception back")


def check_between(ahead: Sequence[Coming], due: Coming, to: datetime, *, now: datetime) -> None:
    """Raises ``InvalidInput`` for a time that has passed, or lies beyond the runs around it: runs keep their order."""
    if to <= now:
        raise InvalidInput("to", to.isoformat(), "give a time that is still to come; `gnomon run` runs a job now")
    if to > now + HORIZON:
        raise InvalidInput("to", to.isoformat(), "give a time within the next five years")
    before, after = _around(ahead, due)
    if before is not None and to <= _start(before):
        raise InvalidInput("to", to.isoformat(), f"give a time after the run before it, at {_start(before)}")
    if after is not None and to >= _start(after):
        raise InvalidInput("to", to.isoformat(), f"give a time before the run that follows it, at {_start(after)}")


def named(job_id: str, due: Coming) -> str:
    """A due time in an error."""
    return f"{due.scheduled_at.isoformat()} of job {job_id!r}"


def is_meant(scheduled_at: datetime, at: datetime) -> bool:
    """Times are shown to the second, and some are due at a fraction of one."""
    scheduled_at = scheduled_at.astimezone(UTC)  # not `at`, which may be too near to the end of time for that
    return at in (scheduled_at, scheduled_at.replace(microsecond=0))


def listed(times: Sequence[datetime]) -> str:
    """Times at the end of an error."""
    return f" ({', '.join(time.isoformat() for time in times)})" if times else ""


def _around(ahead: Sequence[Coming], due: Coming) -> tuple[Coming | None, Coming | None]:
    place = ahead.index(due)
    before = [each for each in ahead[:place] if each.starts_at is not None]
    after = [each for each in ahead[place + 1 :] if each.starts_at is not None]
    return (before[-1] if before else None), (after[0] if after else None)


def _start(each: Coming) -> datetime:
    """Nominal: jitter is no order that anybody has in mind."""
    moved = each.outlook is Outlook.MOVED and each.starts_at is not None
    return each.starts_at if moved and each.starts_at is not None else each.scheduled_at
