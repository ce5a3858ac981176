"""What a change would do, before it is made. Calculated by the code that fires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.schedule import StoredJob
from gnomon.domain.triggers import BaseTrigger, TriggerDescription, describe, ensure_fires, upcoming
from gnomon.errors import InvalidTrigger
from gnomon.operations.ports import Context
from gnomon.operations.read import JobDict, read_job

#: More jobs at the same second than this are not counted.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Preview:
    """A trigger and its next nominal fire times, each in its own zone."""

    trigger: TriggerDescription
    fire_times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """A job as it stands, and its fire times before and after."""

    job: JobDict
    before: Preview
    after: Preview


def preview_trigger(context: Context, trigger: BaseTrigger, *, count: int = 5) -> Preview:
    """The next fire times of a trigger. Raises ``InvalidTrigger`` if it would not fire within five years."""
    now = context.store.database.now()
    ensure_fires(trigger, now=now)
    return Preview(describe(trigger), tuple(upcoming(trigger, now=now, count=count)))


@dataclass(frozen=True, slots=True)
class Closeup:
    """A job, what the code declared of it at its last start (nothing, if it never did), and its next fire times."""

    job: JobDict
    declared: Mapping[str, Any]
    fire_times: tuple[datetime, ...]


def closeup(context: Context, job_id: str, *, count: int = 5) -> Closeup:
    """One job as it stands, and when it will fire. One consistent state. Raises ``JobNotFound``."""
    with context.store.database.read():
        job = read_job(context, job_id)
        declaration = context.store.records.declarations([job_id]).get(job_id)
        row = context.store.schedules.get(job_id)
        assert row is not None
    declared = declaration.base if declaration is not None else {}
    times = () if job["state"] == "quarantined" else _fire_times(context.decode(row), count)
    return Closeup(job, declared, times)


def due_beside(context: Context, moment: datetime, *, job_id: str = "") -> int:
    """How many other jobs are next due in the same second as ``moment``; counted up to ``MOST_COUNTED``."""
    second = moment.replace(microsecond=0)
    return context.store.schedules.due_within(second, second + timedelta(seconds=1), besides=job_id, limit=MOST_COUNTED)


def preview_change(context: Context, job_id: str, trigger: BaseTrigger, *, count: int = 5) -> ChangePreview:
    """The next fire times of a job with the trigger that it has, and with another."""
    with context.store.database.read():
        job = read_job(context, job_id)
        row = context.store.schedules.get(job_id)
        assert row is not None
        stored = context.decode(row)
    before = Preview(describe(stored.schedule.trigger), _fire_times(stored, count))
    return ChangePreview(job, before, preview_trigger(context, trigger, count=count))


def _fire_times(stored: StoredJob, count: int) -> tuple[datetime, ...]:
    first, trigger = stored.next_run_time, stored.schedule.trigger
    if first is None:
        return ()
    try:
        return (first, *upcoming(trigger, now=first, count=count - 1))
    except InvalidTrigger:
        return (first,)  # a trigger that only code can make, and that cannot be calculated: this much is known
