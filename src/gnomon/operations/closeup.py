"""One job from close by: as it stands, as the code declares it, and when it will fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.coming import Coming
from gnomon.errors import InvalidTrigger
from gnomon.operations.beside import NOTHING_BESIDE, read_beside
from gnomon.operations.ports import Context
from gnomon.operations.preview import look_ahead
from gnomon.operations.read import read_job
from gnomon.operations.standing import JobDict

#: More jobs at the same second than this are not counted.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Closeup:
    """A job, what the code declared of it at its last start (nothing, if it never did), and its next fire times:
    nominal, and what becomes of each."""

    job: JobDict
    declared: Mapping[str, Any]
    fire_times: tuple[datetime, ...]
    coming: tuple[Coming, ...] = ()


def closeup(context: Context, job_id: str, *, count: int = 5) -> Closeup:
    """One job as it stands, and when it will fire. One consistent state. Raises ``JobNotFound``."""
    store = context.store
    with store.database.read():
        now = store.database.now()
        job = read_job(context, job_id)
        declaration = store.records.declarations([job_id]).get(job_id)
        row = store.schedules.get(job_id)
        assert row is not None
        beside = read_beside(store, [job_id], now=now).get(job_id, NOTHING_BESIDE)
    declared = declaration.base if declaration is not None else {}
    if job["state"] == "quarantined":
        return Closeup(job, declared, ())
    stored = context.decode(row)
    first = stored.next_run_time
    if first is None:
        return Closeup(job, declared, ())
    try:
        ahead = look_ahead(
            stored.schedule.trigger,
            now=now,
            count=count,
            job_id=job_id,
            first=first,
            exceptions=beside.exceptions,
            calendar=beside.calendar,
        )
    except InvalidTrigger:
        return Closeup(job, declared, (first,))  # only code can calculate it: this much is known
    return Closeup(job, declared, ahead.fire_times, ahead.coming)


def due_beside(context: Context, moment: datetime, *, job_id: str = "") -> int:
    """How many other jobs are next due in the same second as ``moment``; counted up to ``MOST_COUNTED``."""
    second = moment.replace(microsecond=0)
    return context.store.schedules.due_within(second, second + timedelta(seconds=1), besides=job_id, limit=MOST_COUNTED)
