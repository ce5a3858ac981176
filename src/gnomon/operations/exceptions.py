"""Exceptions for one due time: skip it, move its run, take that back. The schedule, its token and its overrides stay.

A run can be moved to any time that is still to come and lies between the starts before and after it, so that runs keep
their order. Somebody has said when it shall start, so neither jitter nor a calendar has a say in that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gnomon.domain.change import Author
from gnomon.domain.coming import Coming, Outlook
from gnomon.domain.tick_exception import Action, TickException
from gnomon.errors import ChangeRefused, InvalidInput
from gnomon.operations.change import carry_out
from gnomon.operations.changing import Changing
from gnomon.operations.due_times import (
    check_between,
    check_can_be_skipped,
    check_is_elsewhere,
    chosen,
    is_meant,
    listed,
    named,
    next_due_times,
)
from gnomon.operations.ports import Context
from gnomon.operations.standing import JobDict


def skip_next(
    context: Context, job_id: str, author: Author, *, at: datetime | None = None, if_token: str | None = None
) -> JobDict:
    """Skip the run that would start next, or that of the due time ``at``; return the job.

    Raises as ``change_job`` does, and ``ChangeRefused`` where there is no such run to skip.
    """
    _check("at", at)

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        due = _chosen(changing, _ahead(changing), at)
        if due.outlook is Outlook.SKIPPED:
            return changing.finish("skip", key=key)
        check_can_be_skipped(job_id, due)
        _make(changing, due, Action.SKIP, None)
        return changing.finish("skip", key=key)

    return carry_out(context, job_id, author, work).job


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

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        ahead = _ahead(changing)
        due = _chosen(changing, ahead, at)
        check_between(ahead, due, to, now=changing.now)
        if due.starts_at == to:
            return changing.finish("move", key=key)
        check_is_elsewhere(due, to)
        _make(changing, due, Action.MOVE, to.astimezone(UTC))
        return changing.finish("move", key=key)

    return carry_out(context, job_id, author, work).job


def clear_exception(
    context: Context, job_id: str, at: datetime, author: Author, *, if_token: str | None = None
) -> JobDict:
    """Take back what was made of the due time ``at``, as long as it has not happened; return the job.

    Raises as ``change_job`` does, and ``ChangeRefused`` where there is nothing to take back.
    """
    _check("at", at)

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        for exception in changing.exceptions:
            if is_meant(exception.scheduled_at, at) and changing.take_back(exception):
                return changing.finish("clear", key=key)
        raise ChangeRefused(
            f"there is no exception for {at.isoformat()} of job {job_id!r} that could be taken back"
            f"{listed([each.scheduled_at for each in changing.exceptions])}; one whose time has come has happened"
        )

    return carry_out(context, job_id, author, work).job


def restore(changing: Changing, exceptions: Sequence[TickException]) -> None:
    """Make exceptions anew that were taken back. Raises ``ChangeRefused`` where their time is no due time any more."""
    if not exceptions:
        return
    ahead = _ahead(changing)
    for exception in exceptions:
        due = _chosen(changing, ahead, exception.scheduled_at)
        if exception.moved_to is not None:
            check_between(ahead, due, exception.moved_to, now=changing.now)
        _make(changing, due, exception.action, exception.moved_to)


def _make(changing: Changing, due: Coming, action: Action, to: datetime | None) -> None:
    at = due.scheduled_at.astimezone(UTC)
    for exception in changing.exceptions:
        if exception.scheduled_at == at and not changing.take_back(exception):
            raise ChangeRefused(f"{_named(changing, due)} was moved, and what was made of it has happened")
    made = TickException(
        job_id=changing.before["id"],
        scheduled_at=at,
        action=action,
        moved_to=to,
        author=changing.author,
        made_at=changing.now,
    )
    if not changing.make(made):
        raise ChangeRefused(f"{_named(changing, due)} has its line in the ledger already: it has happened")


def _ahead(changing: Changing) -> list[Coming]:
    """The job's next due times. Raises ``ChangeRefused`` where there are none."""
    return next_due_times(
        changing.before, changing.stored, now=changing.now, exceptions=changing.exceptions, calendar=changing.calendar
    )


def _chosen(changing: Changing, ahead: Sequence[Coming], at: datetime | None) -> Coming:
    return chosen(changing.before["id"], ahead, at, now=changing.now)


def _named(changing: Changing, due: Coming) -> str:
    return named(changing.before["id"], due)


def _check(name: str, moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput(name, moment.isoformat(), "give a time with its offset from UTC")
