"""Times that are due and not claimed when a schedule changes: each gets its line before the schedule is another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.ledger import Line
from gnomon.domain.plan import SEPARATE_LINES, PlannedRun, after_taken, passed_over, plan
from gnomon.domain.run import Cause
from gnomon.domain.schedule import Schedule
from gnomon.domain.triggers import DueTimes, due_times
from gnomon.engine.aside import read_aside
from gnomon.errors import InvalidTrigger
from gnomon.store import Store

_CHANGED = "the schedule was changed before this could start"


def pass_over(store: Store, job_id: str, trigger: BaseTrigger, first: datetime | None, now: datetime) -> None:
    """Somebody changes the schedule: what was due from ``first`` on will not run, and a line says so."""
    if first is None or first > now:
        return
    aside = read_aside(store, [job_id], since=first, now=now)
    try:
        times = passed_over(trigger, first, now, taken=aside.taken_of(job_id), excluded=aside.excluded(job_id, trigger))
    except InvalidTrigger:  # it could never have fired
        return
    store.ledger.insert(_lines(job_id, times, error=_CHANGED), at=now)


def settle(store: Store, schedule: Schedule, first: datetime, until: datetime, now: datetime, *, rerun: bool) -> None:
    """The time of a schedule was over at ``until``: what was due before that gets its lines as ever, and runs, where it
    is not too late, on whichever node comes first."""

    end = until - timedelta(microseconds=1)

    def before(trigger: BaseTrigger, start: datetime, _now: datetime) -> DueTimes:
        return due_times(trigger, first=start, now=end, limit=SEPARATE_LINES)

    aside = read_aside(store, [schedule.job_id], since=first, now=now)
    taken, excluded = aside.taken_of(schedule.job_id), aside.excluded(schedule.job_id, schedule.trigger)
    try:
        start = after_taken(schedule.trigger, first, end, taken)
        if start is None or start > end:
            return
        active = store.ledger.active([schedule.job_id]).get(schedule.job_id, 0)
        made = plan(schedule, start, now=now, active=active, overdue=before, taken=taken, excluded=excluded)
    except InvalidTrigger:
        return
    store.ledger.insert(_lines(schedule.job_id, made.runs, rerun_lost=rerun), at=now)
    store.announce()


def _lines(
    job_id: str, runs: Iterable[PlannedRun], *, error: str | None = None, rerun_lost: bool = False
) -> list[Line]:
    return [
        Line(
            job_id=job_id,
            scheduled_at=run.scheduled_at,
            state=run.state,
            cause=Cause.SCHEDULE,
            node=None,
            not_before=run.not_before,
            rerun_lost=rerun_lost,
            covers=run.covers,
            covers_until=run.covers_until,
            error=run.reason or error,
        )
        for run in runs
    ]
