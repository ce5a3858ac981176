"""Exceptions for one due time: skip it, move its run, take that back. The schedule, its token and its overrides stay.

A run can be moved to any time that is still to come and lies between the starts before and after it, so that runs keep
their order. Somebody has said when it shall start, so neither jitter nor a calendar has a say in that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from gnomon.domain.change import Author
from gnomon.domain.coming import Coming, Outlook, coming
from gnomon.domain.tick_exception import Action, TickException
from gnomon.domain.triggers import HORIZON
from gnomon.errors import ChangeRefused, InvalidInput
from gnomon.operations.change import carry_out
from gnomon.operations.changing import Changing
from gnomon.operations.ports import Context
from gnomon.operations.read import JobDict

#: How many of a job's next due times can be named.
MOST_AHEAD = 1000


def skip_next(
    context: Context, job_id: str, author: Author, *, at: datetime | None = None, if_token: str | None = None
) -> JobDict:
    """Skip the run that would start next, or that of the due time ``at``; return the job.

    Raises as ``change_job`` does, and ``ChangeRefused`` where there is no such run to skip.
    """
    _check("at", at)

    def work(key: str) -> JobDict:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        chosen = _chosen(changing, _next_due_times(changing), at)
        if chosen.outlook is Outlook.SKIPPED:
            return changing.finish("skip", key=key)
        if chosen.outlook is Outlook.EXCLUDED:
            raise ChangeRefused(f"{_named(changing, chosen)} does not run anyway: {chosen.note}")
        _make(changing, chosen, Action.SKIP, None)
        return changing.finish("skip", key=key)

    return carry_out(context, job_id, author, work)


def move_next(
    context: Context,
    job_id: str,
    author: Author,
    *,
    to: datetime,
    at: datetime | None = None,
    if_token: str | None = None,
) -> JobDict:
    """Let the run that would start next, or that of the due time ``at``, start at ``to`` instead; return the job.

    A due time that a calendar leaves out, or that was skipped, gets a run that way. Raises as ``skip_next`` does, and
    ``InvalidInput`` for a ``to`` that has passed or lies beyond the runs around it.
    """
    _check("at", at)
    _check("to", to)

    def work(key: str) -> JobDict:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        ahead = _next_due_times(changing)
        chosen = _chosen(changing, ahead, at)
        _check_between(changing, ahead, chosen, to)
        if chosen.starts_at == to:
            return changing.finish("move", key=key)
        if to.astimezone(UTC) == chosen.scheduled_at.astimezone(UTC):
            raise InvalidInput("to", to.isoformat(), "that is when it is due; `clear` takes an exception back")
        _make(changing, chosen, Action.MOVE, to.astimezone(UTC))
        return changing.finish("move", key=key)

    return carry_out(context, job_id, author, work)


def clear_exception(
    context: Context, job_id: str, at: datetime, author: Author, *, if_token: str | None = None
) -> JobDict:
    """Take back what was made of the due time ``at``, as long as it has not happened; return the job.

    Raises as ``change_job`` does, and ``ChangeRefused`` where there is nothing to take back.
    """
    _check("at", at)

    def work(key: str) -> JobDict:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        for exception in changing.exceptions:
            if _is_meant(exception.scheduled_at, at) and changing.take_back(exception):
                return changing.finish("clear", key=key)
        raise ChangeRefused(
            f"there is no exception for {at.isoformat()} of job {job_id!r} that could be taken back"
            f"{_listed([each.scheduled_at for each in changing.exceptions])}; one whose time has come has happened"
        )

    return carry_out(context, job_id, author, work)


def restore(changing: Changing, exceptions: Sequence[TickException]) -> None:
    """Make exceptions anew that were taken back. Raises ``ChangeRefused`` where their time is no due time any more."""
    if not exceptions:
        return
    ahead = _next_due_times(changing)
    for exception in exceptions:
        chosen = _chosen(changing, ahead, exception.scheduled_at)
        if exception.moved_to is not None:
            _check_between(changing, ahead, chosen, exception.moved_to)
        _make(changing, chosen, exception.action, exception.moved_to)


def _make(changing: Changing, chosen: Coming, action: Action, to: datetime | None) -> None:
    at = chosen.scheduled_at.astimezone(UTC)
    for exception in changing.exceptions:
        if exception.scheduled_at == at and not changing.take_back(exception):
            raise ChangeRefused(f"{_named(changing, chosen)} was moved, and what was made of it has happened")
    made = TickException(
        job_id=changing.before["id"],
        scheduled_at=at,
        action=action,
        moved_to=to,
        author=changing.author,
        made_at=changing.now,
    )
    if not changing.make(made):
        raise ChangeRefused(f"{_named(changing, chosen)} has its line in the ledger already: it has happened")


def _next_due_times(changing: Changing) -> list[Coming]:
    """The job's next due times, with what becomes of them now. Raises ``ChangeRefused`` where there are none."""
    job, stored = changing.before, changing.stored
    if stored.next_run_time is None:
        why = "it has no run to come" if job["state"] == "finished" else "it is paused; resume it first"
        raise ChangeRefused(f"no run of job {job['id']!r} can be skipped or moved: {why}")
    found = coming(
        job["id"],
        stored.schedule.trigger,
        stored.next_run_time,
        now=changing.now,
        exceptions=changing.exceptions,
        calendar=changing.calendar,
    )
    return list(islice(found, MOST_AHEAD))


def _chosen(changing: Changing, ahead: Sequence[Coming], at: datetime | None) -> Coming:
    to_come = [each for each in ahead if each.scheduled_at > changing.now]
    if at is None:
        starting = [each for each in ahead if each.starts_at is not None and each.starts_at > changing.now]
        if not starting:
            raise ChangeRefused(f"no run of job {changing.before['id']!r} is to come, as far as can be seen")
        first = min(starting, key=lambda each: each.starts_at or each.scheduled_at)
        if first not in to_come:
            # Its line is the only one that its due time has: there is no going back from it.
            raise ChangeRefused(
                f"the next run is that of {_named(changing, first)}, which was moved, and its due time is over: it can "
                "only be cancelled; name the due time of another run to skip or move that (--at)"
            )
        return first
    for each in to_come:
        if _is_meant(each.scheduled_at, at):
            return each
    raise InvalidInput(
        "at",
        at.isoformat(),
        f"give one of the next {MOST_AHEAD} due times of the job that are still to come"
        f"{_listed([each.scheduled_at for each in to_come[:3]])}",
    )


def _check_between(changing: Changing, ahead: Sequence[Coming], chosen: Coming, to: datetime) -> None:
    if to <= changing.now:
        raise InvalidInput("to", to.isoformat(), "give a time that is still to come; `gnomon run` runs a job now")
    if to > changing.now + HORIZON:
        raise InvalidInput("to", to.isoformat(), "give a time within the next five years")
    place = ahead.index(chosen)
    before = [each for each in ahead[:place] if each.starts_at is not None]
    after = [each for each in ahead[place + 1 :] if each.starts_at is not None]
    if before and to <= _start(before[-1]):
        raise InvalidInput("to", to.isoformat(), f"give a time after the run before it, at {_start(before[-1])}")
    if after and to >= _start(after[0]):
        raise InvalidInput("to", to.isoformat(), f"give a time before the run that follows it, at {_start(after[0])}")


def _start(each: Coming) -> datetime:
    """Nominal: jitter is no order that anybody has in mind."""
    moved = each.outlook is Outlook.MOVED and each.starts_at is not None
    return each.starts_at if moved and each.starts_at is not None else each.scheduled_at


def _is_meant(scheduled_at: datetime, at: datetime) -> bool:
    """Times are shown to the second, and some are due at a fraction of one."""
    scheduled_at = scheduled_at.astimezone(UTC)  # not `at`, which may be too near to the end of time for that
    return at in (scheduled_at, scheduled_at.replace(microsecond=0))


def _named(changing: Changing, chosen: Coming) -> str:
    return f"{chosen.scheduled_at.isoformat()} of job {changing.before['id']!r}"


def _listed(times: Sequence[datetime]) -> str:
    return f" ({', '.join(time.isoformat() for time in times)})" if times else ""


def _check(name: str, moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput(name, moment.isoformat(), "give a time with its offset from UTC")
