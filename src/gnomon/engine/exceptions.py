"""What becomes of one-tick exceptions when a schedule changes: those for times that it no longer has are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gnomon.domain.coming import due_times_among
from gnomon.domain.tick_exception import Action
from gnomon.domain.triggers import BaseTrigger, next_fire
from gnomon.errors import InvalidTrigger
from gnomon.store import Store

_CHANGED = "the schedule was changed before this run, which had been moved, could start"
_REMOVED = "the job was removed before this run, which had been moved, could start"


def keep_what_still_holds(
    store: Store, job_id: str, trigger: BaseTrigger, next_run_time: datetime | None, now: datetime
) -> None:
    """The schedule of a job is another now: exceptions stay only for times that are still due times of it.

    Of a paused job nothing runs, so a run that was moved is dropped; a time that is skipped stays skipped.
    """
    pending = store.exceptions.pending(job_id, now=now)
    if not pending:
        return
    try:
        first = next_run_time or next_fire(trigger, previous=None, now=now)
        due = due_times_among(trigger, first, [each.scheduled_at for each in pending], now=now)
    except InvalidTrigger:
        due = frozenset()
    for each in pending:
        stays = each.scheduled_at in due and (next_run_time is not None or each.action is Action.SKIP)
        if not stays:
            store.exceptions.drop(each, now=now, error=_CHANGED)


def forget_removed(store: Store, job_ids: Sequence[str] | None, now: datetime) -> None:
    """Jobs are removed (``None``: all): what was to be made of their times is not, and no calendar is theirs."""
    store.exceptions.drop_all(job_ids, now=now, error=_REMOVED)
    store.calendars.forget(job_ids)
