"""The firing plan: which runs a due job gets, and when it is due next. A pure decision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gnomon.domain.run import RunState
from gnomon.domain.schedule import Schedule
from gnomon.domain.triggers import BaseTrigger, DueTimes, due_times, jitter_of

#: Up to so many overdue times get a line each; more are summed up in one line, so that catching up after a long
#: outage is bounded in time and in rows.
SEPARATE_LINES = 100


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A line to be written, times in UTC. ``covers``/``covers_until`` as in ``Run``; ``not_before`` is later than
    ``scheduled_at`` by the jitter."""

    scheduled_at: datetime
    state: RunState
    not_before: datetime
    covers: int | None = 1
    covers_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FiringPlan:
    """What one pass does with a due job: lines to write, in order of time, and the next nominal run time."""

    runs: tuple[PlannedRun, ...]
    next_run_time: datetime | None


#: Calculates the due times of a trigger from ``first``, its stored next run time, up to ``now``.
Overdue = Callable[[BaseTrigger, datetime, datetime], DueTimes]


def overdue(trigger: BaseTrigger, first: datetime, now: datetime) -> DueTimes:
    """The due times of an outage, listed where they are few enough for a line each."""
    return due_times(trigger, first=first, now=now, limit=SEPARATE_LINES)


def passed_over(trigger: BaseTrigger, first: datetime, now: datetime) -> tuple[PlannedRun, ...]:
    """The lines of times that were due and will not run, because the schedule was changed before they could: few get
    a line each, more share one. Raises ``InvalidTrigger``."""
    due = overdue(trigger, first, now)
    if due.times:
        return tuple(PlannedRun(at, RunState.MISSED, at) for at in (time.astimezone(UTC) for time in due.times))
    began = first.astimezone(UTC)
    return (PlannedRun(began, RunState.MISSED, began, due.count, due.latest.astimezone(UTC)),)


def plan(
    schedule: Schedule, next_run_time: datetime, *, now: datetime, active: int, overdue: Overdue = overdue
) -> FiringPlan:
    """Decide for a job that is due (``next_run_time <= now``).

    ``active`` is how many of its runs are queued or running on all nodes. Raises ``InvalidTrigger`` when the
    stored trigger cannot be calculated.
    """
    due = overdue(schedule.trigger, next_run_time, now)
    # In UTC from here on: arithmetic between two times of one zone ignores its daylight-saving changes.
    now = now.astimezone(UTC)
    latest = due.latest.astimezone(UTC)
    candidates = tuple(time.astimezone(UTC) for time in due.times) or (latest,)
    folded: list[PlannedRun] = []
    if not due.times:
        covers = None if due.count is None else due.count - 1
        fate = RunState.MISSED if _is_late(schedule, latest, now) else RunState.COALESCED
        first = next_run_time.astimezone(UTC)
        folded.append(PlannedRun(first, fate, first, covers, latest))
    elif schedule.coalesce and len(candidates) > 1:
        fate = RunState.MISSED if _is_late(schedule, latest, now) else RunState.COALESCED
        folded.extend(PlannedRun(time, fate, time) for time in candidates[:-1])
        candidates = candidates[-1:]

    runs = folded
    jitter = jitter_of(schedule.trigger)
    for time in candidates:
        if _is_late(schedule, time, now):
            runs.append(PlannedRun(time, RunState.MISSED, time))
        elif active >= schedule.max_instances:
            runs.append(PlannedRun(time, RunState.SKIPPED, time))
        else:
            active += 1
            runs.append(PlannedRun(time, RunState.QUEUED, time + jitter_delay(schedule.job_id, time, jitter)))
    return FiringPlan(tuple(runs), due.following)


def jitter_delay(job_id: str, scheduled_at: datetime, jitter: int) -> timedelta:
    """How much later than its nominal time a run starts: even over ``0..jitter`` seconds, the same on every node.

    Derived from job and time instead of drawn, so that a preview can show it and the nominal times never drift.
    """
    if not jitter:
        return timedelta()
    digest = hashlib.blake2b(f"{job_id}\0{scheduled_at.timestamp():.6f}".encode(), digest_size=8).digest()
    return timedelta(seconds=jitter * (int.from_bytes(digest) / 2**64))


def _is_late(schedule: Schedule, time: datetime, now: datetime) -> bool:
    grace = schedule.misfire_grace_time
    return grace is not None and now - time > timedelta(seconds=grace)
