"""What a change would do, before it is made. Calculated by the code that fires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gnomon.domain.triggers import BaseTrigger, TriggerDescription, describe, ensure_fires, upcoming
from gnomon.operations.ports import Context
from gnomon.operations.read import JobDict, read_job


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


def preview_change(context: Context, job_id: str, trigger: BaseTrigger, *, count: int = 5) -> ChangePreview:
    """The next fire times of a job with the trigger that it has, and with another."""
    with context.store.database.read():
        job = read_job(context, job_id)
        row = context.store.schedules.get(job_id)
        assert row is not None
        stored = context.decode(row)
    times: tuple[datetime, ...] = ()
    if stored.next_run_time is not None:
        first = stored.next_run_time
        times = (first, *upcoming(stored.schedule.trigger, now=first, count=count - 1))
    before = Preview(describe(stored.schedule.trigger), times)
    return ChangePreview(job, before, preview_trigger(context, trigger, count=count))
