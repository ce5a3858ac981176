"""Undoing one line of the audit log, by a new change."""

from __future__ import annotations

from typing import Any

from gnomon.domain.calendar import LOGGED_AS
from gnomon.domain.change import Author, Change
from gnomon.domain.override import FIELDS
from gnomon.domain.triggers import KINDS, build
from gnomon.errors import ChangeNotFound, ChangeRefused, InvalidInput
from gnomon.operations.beside import exception_dict, exception_of
from gnomon.operations.calendars import undo_calendar_change
from gnomon.operations.change import carry_out
from gnomon.operations.changing import Changing
from gnomon.operations.exceptions import restore
from gnomon.operations.ports import Context
from gnomon.operations.remove_job import remove_job, restore_job
from gnomon.operations.standing import JobDict

#: Undoing one of these removes the job.
ADDITIONS = frozenset({"add", "import"})


def undo_change(context: Context, change_id: int, author: Author, *, if_token: str | None = None) -> dict[str, Any]:
    """Set the fields that a change changed back to what they were before it, and return the job. A job that was removed
    is added again; one that was added is removed, and returned as it stood. Of a calendar likewise.

    Raises ``ChangeNotFound``, and ``ChangeRefused`` where there is nothing to go back to, or a later change stands in
    the way: what somebody did since is not undone with it. Otherwise as ``change_job``.
    """
    found = context.store.records.change(change_id)
    if found is None:
        raise ChangeNotFound(change_id)
    change = found
    if change.job_id.startswith(LOGGED_AS):
        return undo_calendar_change(context, change, author, if_token=if_token)
    if change.action in ADDITIONS:
        return remove_job(
            context,
            change.job_id,
            author,
            if_token=if_token,
            undone=change.id,
            check=lambda job: _refuse_if_changed_since(context, change, job),
        )
    if change.action == "remove":
        return restore_job(context, change, author)

    def work(key: str) -> Changing:
        changing = Changing(context, change.job_id, author)
        changing.expect(if_token)
        _refuse_if_changed_since(context, change, changing.before)
        wanted = _wanted(change)
        if wanted:
            changing.apply(wanted)
        _undo_exceptions(change, changing, is_all=not wanted)
        return changing.finish("undo", key=key, notes=({"undone": change.id}, {"undone": change.id}))

    return carry_out(context, change.job_id, author, work).job


def _wanted(change: Change) -> dict[str, Any]:
    before = dict(change.before)
    wanted: dict[str, Any] = {name: before[name] for name in FIELDS if name in before and name != "trigger"}
    if "trigger" in before:
        kind, args = before["trigger"], before["trigger_args"]
        if kind not in KINDS:
            raise ChangeRefused(f"change {change.id} replaced a trigger that only code can make; it cannot be undone")
        wanted["trigger"] = lambda zone: build(kind, args, timezone=zone or "UTC")
    if not wanted and "exceptions" not in before:
        raise ChangeRefused(
            f"change {change.id} ({change.action}) changed nothing of the schedule that could be undone"
        )
    return wanted


def _undo_exceptions(change: Change, changing: Changing, *, is_all: bool) -> None:
    """Take back the exceptions that a change made, and make those anew that it took back.

    Where a schedule was changed, exceptions that it had then come back if their times are still to come (``is_all``:
    there is nothing else to undo, so it is refused if one can't be).
    """
    for made in change.after.get("exceptions", ()):
        standing = [each for each in changing.exceptions if exception_dict(each) == made]
        if not (standing and changing.take_back(standing[0])):
            raise ChangeRefused(
                f"change {change.id} of job {change.job_id!r} cannot be undone: what it made of "
                f"{made['scheduled_at']} has happened, or was changed since"
            )
    for gone in change.before.get("exceptions", ()):
        exception = exception_of(change.job_id, gone, changing.author, changing.now)
        try:
            restore(changing, [exception])
        except (ChangeRefused, InvalidInput) as error:
            if is_all:
                raise ChangeRefused(f"change {change.id} of job {change.job_id!r} cannot be undone: {error}") from error


def _refuse_if_changed_since(context: Context, change: Change, now: JobDict) -> None:
    """What the change made of each field must still stand."""
    differing = [
        name for name in change.after if name in now and name != "exceptions" and now[name] != change.after[name]
    ]
    if not differing:
        return
    later = context.store.records.changes(change.job_id, limit=200)
    since = [each for each in later if each.id is not None and change.id is not None and each.id > change.id]
    by = [each for each in since if set(each.after) & set(differing)]
    who = f" by change {by[0].id} of {by[0].author.actor}" if by else ""
    raise ChangeRefused(
        f"change {change.id} of job {change.job_id!r} cannot be undone: {', '.join(differing)} was changed since{who}; "
        "undo that first, or change the job"
    )
