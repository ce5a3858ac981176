"""The firing plan: which runs a due job gets, and when it is due next. A pure decision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gnomon.domain.calendar import Excluded
from gnomon.domain.run import RunState
from gnomon.domain.schedule import Schedule
from gnomon.domain.triggers import BaseTrigger, DueTimes, due_times, jitter_of, next_fire
from gnomon.domain.triggers.kinds import zone_of

#: Up to so many overdue times get a line each; more are summed up in one line, so that catching up after a long
#: outage is bounded in time and in rows.
SEPARATE_LINES = 100

#: How many stretches of excluded dates are looked behind for the last time that may run, after a long outage.
_MOST_STRETCHES = 100
_MOST_DATES = 3660
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A line to be written, times in UTC. ``covers``/``covers_until`` as in ``Run``; ``not_before`` is later than
    ``scheduled_at`` by the jitter; ``reason`` says why a calendar leaves it out."""

    scheduled_at: datetime
    state: RunState
    not_before: datetime
    covers: int | None = 1
    covers_until: datetime | None = None
    reason: str | None = None


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


#: The same, where ``overdue`` is what somebody gave instead.
_overdue = overdue


def passed_over(
    trigger: BaseTrigger,
    first: datetime,
    now: datetime,
    *,
    taken: Collection[datetime] = (),
    excluded: Excluded | None = None,
) -> tuple[PlannedRun, ...]:
    """The lines of times that were due and will not run, because the schedule was changed before they could: few get
    a line each, more share one. ``taken`` and ``excluded`` as in ``plan``. Raises ``InvalidTrigger``."""
    start = after_taken(trigger, first, now, taken)
    if start is None or start > now:
        return ()
    first, due = start, overdue(trigger, start, now)
    if due.times:
        aside = _Aside(trigger, taken, excluded)
        lines = [(at, aside.line(at)) for at in (time.astimezone(UTC) for time in due.times)]
        return tuple(
            line if isinstance(line, PlannedRun) else PlannedRun(at, RunState.MISSED, at)
            for at, line in lines
            if line is not True
        )
    began = first.astimezone(UTC)
    return (PlannedRun(began, RunState.MISSED, began, due.count, due.latest.astimezone(UTC)),)


def plan(
    schedule: Schedule,
    next_run_time: datetime,
    *,
    now: datetime,
    active: int,
    overdue: Overdue = overdue,
    taken: Collection[datetime] = (),
    excluded: Excluded | None = None,
) -> FiringPlan:
    """Decide for a job that is due (``next_run_time <= now``).

    ``active`` is how many of its runs are queued or running on all nodes. ``taken`` are due times in UTC that have
    their line already, because somebody made an exception for them: they get none here, and nothing is folded into
    them. ``excluded`` says which times a calendar leaves out. Raises ``InvalidTrigger`` when the stored trigger cannot
    be calculated.
    """
    if taken or excluded is not None:
        return _plan_around(schedule, next_run_time, now, active, overdue, _Aside(schedule.trigger, taken, excluded))
    due = overdue(schedule.trigger, next_run_time, now)
    return FiringPlan(_lines(schedule, due, next_run_time, now, active), due.following)


def _lines(
    schedule: Schedule,
    due: DueTimes,
    first: datetime,
    now: datetime,
    active: int,
    left_out: Callable[[datetime], PlannedRun | bool] | None = None,
) -> tuple[PlannedRun, ...]:
    """The lines of due times. ``left_out`` gives the line of one that is left out, and whether one without is."""
    # In UTC from here on: arithmetic between two times of one zone ignores its daylight-saving changes.
    now = now.astimezone(UTC)
    latest = due.latest.astimezone(UTC)
    candidates = tuple(time.astimezone(UTC) for time in due.times) or (latest,)
    folded: list[PlannedRun] = []
    beside: list[PlannedRun] = []
    if left_out is not None and due.times:
        found = [(time, left_out(time)) for time in candidates]
        beside = [line for _, line in found if isinstance(line, PlannedRun)]
        candidates = tuple(time for time, line in found if not line)
        if not candidates:
            return tuple(beside)
        latest = candidates[-1]
    if not due.times:
        covers = None if due.count is None else due.count - 1
        fate = RunState.MISSED if _is_late(schedule, latest, now) else RunState.COALESCED
        first = first.astimezone(UTC)
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
    return tuple(sorted([*runs, *beside], key=lambda run: run.scheduled_at)) if beside else tuple(runs)


class _Aside:
    """Which due times of a job are left out: those that have a line already, and those on dates of a calendar."""

    def __init__(self, trigger: BaseTrigger, taken: Collection[datetime], excluded: Excluded | None) -> None:
        self.trigger = trigger
        self.taken = taken
        self.excluded = excluded or (lambda _time: None)

    def line(self, at: datetime) -> PlannedRun | bool:
        """The line of a time (UTC) that is left out; ``True`` where it has one, ``False`` if it is not left out."""
        if at in self.taken:
            return True
        reason = self.excluded(at)
        return False if reason is None else PlannedRun(at, RunState.SKIPPED, at, reason=reason)

    def before(self, at: datetime, first: datetime) -> datetime:
        """The last moment before ``at``, which is left out, whose date is not excluded; or one before ``first``."""
        if at in self.taken:
            return at - _MICROSECOND
        zone = zone_of(self.trigger)
        for _ in range(_MOST_DATES):
            midnight = datetime.combine(at.astimezone(zone).date(), datetime.min.time(), tzinfo=zone).astimezone(UTC)
            at = min(midnight, at) - _MICROSECOND
            if at < first or self.excluded(at) is None:
                break
        return at


def _plan_around(
    schedule: Schedule, next_run_time: datetime, now: datetime, active: int, overdue: Overdue, aside: _Aside
) -> FiringPlan:
    """As ``plan``, where some due times are left out."""
    trigger = schedule.trigger
    first = after_taken(trigger, next_run_time, now, aside.taken)
    if first is None or first > now:
        return FiringPlan((), first)
    due = overdue(trigger, first, now)
    latest = due.latest.astimezone(UTC)
    if due.times or not aside.line(latest):
        return FiringPlan(_lines(schedule, due, first, now, active, aside.line), due.following)
    # Too many for a line each, and the last of them is left out: the last that is not takes its place.
    runs: tuple[PlannedRun, ...] = ()
    last = _last_not_left_out(trigger, first.astimezone(UTC), latest, aside)
    rest: datetime | None = first
    if last is not None:
        head = _overdue(trigger, first, last)
        runs, rest = _lines(schedule, head, first, now, active, aside.line), head.following
    return FiringPlan(runs + _left_out(trigger, rest, latest, aside), due.following)


def _last_not_left_out(trigger: BaseTrigger, first: datetime, latest: datetime, aside: _Aside) -> datetime | None:
    for _ in range(_MOST_STRETCHES):
        if not aside.line(latest):
            return latest
        before = aside.before(latest, first)
        if before < first:
            return None
        latest = _overdue(trigger, first, before).latest.astimezone(UTC)
    return None


def _left_out(trigger: BaseTrigger, first: datetime | None, latest: datetime, aside: _Aside) -> tuple[PlannedRun, ...]:
    """The lines of due times up to ``latest`` that are all left out: few get a line each, more share one."""
    first = None if first is None else after_taken(trigger, first, latest, aside.taken)
    if first is None or first > latest:
        return ()
    due = _overdue(trigger, first, latest)
    if due.times:
        lines = [aside.line(at.astimezone(UTC)) for at in due.times]
        return tuple(line for line in lines if isinstance(line, PlannedRun))
    began = first.astimezone(UTC)
    reason = aside.excluded(began) or aside.excluded(latest)
    return (PlannedRun(began, RunState.SKIPPED, began, due.count, latest + _MICROSECOND, reason),)


def after_taken(trigger: BaseTrigger, first: datetime, now: datetime, taken: Collection[datetime]) -> datetime | None:
    """The first due time from ``first`` on that has no line yet. A line that sums up others needs a key of its own."""
    following: datetime | None = first
    while taken and following is not None and following <= now and following.astimezone(UTC) in taken:
        following = next_fire(trigger, previous=following, now=now)
    return following


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
