"""What a trigger, or a change, would do, before it is made. Calculated by the code that fires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from gnomon.domain.calendar import Calendar
from gnomon.domain.clock_changes import ClockChange, clock_changes
from gnomon.domain.coming import Coming, coming, due_times_among, next_start
from gnomon.domain.tick_exception import TickException
from gnomon.domain.triggers import (
    BaseTrigger,
    TriggerDescription,
    describe,
    due_times,
    ensure_fires,
    next_fire,
    next_fire_from,
)
from gnomon.domain.triggers.kinds import zone_of
from gnomon.errors import CalendarNotFound
from gnomon.operations.beside import NOTHING_BESIDE, read_beside
from gnomon.operations.ports import Context
from gnomon.operations.read import read_job
from gnomon.operations.standing import JobDict

MONTH = timedelta(days=30)
AT_ONCE = timedelta(minutes=1)

#: More runs than this in a month are not counted, unless they can be without going through them.
_MOST_COUNTED = 5_000
_CLOCK_CHANGES = 2
#: How far from a change of the clocks due times are shown, the first that holds no more than ``_MOST_AROUND``.
_AROUND = tuple(timedelta(seconds=seconds) for seconds in (10800, 3600, 1200, 300, 60, 10, 3))
_MOST_AROUND = 12


class Unchanged:
    """In place of the name of a calendar: the job's own."""


UNCHANGED: Final = Unchanged()


@dataclass(frozen=True, slots=True)
class AroundClockChange:
    """A change of the clocks, and the due times before and after it: those within three hours, or where these would be
    more than twelve, within less."""

    change: ClockChange
    fire_times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A trigger and its next due times, each in its own zone.

    ``fire_times`` are nominal; ``coming`` says what becomes of each: when its run starts, or why it has none.
    ``next_start`` is when the next run starts, ``fires_at_once`` whether within a minute, ``runs_a_month`` how many
    do in the next 30 days (``None``: too many to count), ``around_clock_changes`` what happens at the next two changes
    of the clocks. ``collisions`` is how many other jobs are due at the first due time.
    """

    trigger: TriggerDescription
    fire_times: tuple[datetime, ...]
    coming: tuple[Coming, ...] = ()
    next_start: datetime | None = None
    fires_at_once: bool = False
    runs_a_month: int | None = None
    around_clock_changes: tuple[AroundClockChange, ...] = ()
    collisions: int = 0


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """A job as it stands, and its fire times before and after."""

    job: JobDict
    before: Preview
    after: Preview


def preview_trigger(context: Context, trigger: BaseTrigger, *, count: int = 5, calendar: str | None = None) -> Preview:
    """What a trigger would do, in a job that names a calendar. Raises ``InvalidTrigger`` if it would not fire within
    five years, and ``CalendarNotFound``."""
    with context.store.database.read():
        now = context.store.database.now()
        ensure_fires(trigger, now=now)
        named = _calendar(context, calendar)
        made = look_ahead(trigger, now=now, count=count, calendar=named)
        return _with_collisions(context, made, None)


def preview_change(
    context: Context,
    job_id: str,
    trigger: BaseTrigger | None,
    *,
    count: int = 5,
    calendar: str | Unchanged | None = UNCHANGED,
) -> ChangePreview:
    """What a job will do as it stands, and what it would do with another trigger (``None``: its own), another
    calendar, or both. Raises as ``preview_trigger`` does, and ``JobNotFound``."""
    store = context.store
    with store.database.read():
        now = store.database.now()
        job = read_job(context, job_id)
        row = store.schedules.get(job_id)
        assert row is not None
        stored = context.decode(row)
        own, first = stored.schedule.trigger, stored.next_run_time
        beside = read_beside(store, [job_id], now=now).get(job_id, NOTHING_BESIDE)
        before = look_ahead(
            own,
            now=now,
            count=count,
            job_id=job_id,
            first=first,
            exceptions=beside.exceptions,
            calendar=beside.calendar,
        )
        if first is None:
            before = _nothing(before)
        if trigger is not None:
            ensure_fires(trigger, now=now)
            first = next_fire(trigger, previous=None, now=now)
        wanted = trigger or own
        # As the engine does: exceptions stay for times that are still due times.
        kept = due_times_among(wanted, first, [each.scheduled_at for each in beside.exceptions], now=now)
        after = look_ahead(
            wanted,
            now=now,
            count=count,
            job_id=job_id,
            first=first,
            exceptions=[each for each in beside.exceptions if each.scheduled_at in kept],
            calendar=beside.calendar if isinstance(calendar, Unchanged) else _calendar(context, calendar),
        )
        return ChangePreview(job, _with_collisions(context, before, job_id), _with_collisions(context, after, job_id))


def look_ahead(
    trigger: BaseTrigger,
    *,
    now: datetime,
    count: int,
    job_id: str = "",
    first: datetime | None = None,
    exceptions: Sequence[TickException] = (),
    calendar: Calendar | None = None,
) -> Preview:
    """What a trigger does from ``first`` on (``None``: its first time after now). Needs no store. Raises
    ``InvalidTrigger``."""
    first = first or next_fire(trigger, previous=None, now=now)
    known = _Known(job_id, trigger, first, now, tuple(exceptions), calendar)
    ahead = tuple(islice(known.coming(), count))
    starts = next_start(job_id, trigger, first, now=now, exceptions=exceptions, calendar=calendar)
    return Preview(
        trigger=describe(trigger),
        fire_times=tuple(each.scheduled_at for each in ahead),
        coming=ahead,
        next_start=starts,
        fires_at_once=starts is not None and starts - now <= AT_ONCE,
        runs_a_month=_runs_until(now + MONTH, known),
        around_clock_changes=_around_clock_changes(trigger, first, now),
    )


def preview_dict(preview: Preview) -> dict[str, Any]:
    """A preview, JSON-ready."""
    trigger = preview.trigger
    return {
        "trigger": trigger.kind,
        "trigger_args": trigger.args,
        "timezone": trigger.timezone,
        "schedule": trigger.words,
        "fire_times": [time.isoformat() for time in preview.fire_times],
        "coming": [
            {
                "scheduled_at": each.scheduled_at.isoformat(),
                "outlook": each.outlook.value,
                "starts_at": None if each.starts_at is None else each.starts_at.isoformat(),
                "note": each.note,
            }
            for each in preview.coming
        ],
        "next_start": None if preview.next_start is None else preview.next_start.isoformat(),
        "fires_at_once": preview.fires_at_once,
        "runs_a_month": preview.runs_a_month,
        "around_clock_changes": [
            {
                "at": each.change.at.isoformat(),
                "offset_before": _offset(each.change.before),
                "offset_after": _offset(each.change.after),
                "fire_times": [time.isoformat() for time in each.fire_times],
            }
            for each in preview.around_clock_changes
        ],
        "collisions": preview.collisions,
    }


def change_preview_dict(preview: ChangePreview) -> dict[str, Any]:
    """What a change would do, JSON-ready: ``before`` and ``after``, each as ``preview_dict`` gives it."""
    return {"job": preview.job, "before": preview_dict(preview.before), "after": preview_dict(preview.after)}


class _Known(NamedTuple):
    """What is known of a job: enough to say what becomes of its due times."""

    job_id: str
    trigger: BaseTrigger
    first: datetime | None
    now: datetime
    exceptions: tuple[TickException, ...]
    calendar: Calendar | None

    def coming(self) -> Iterator[Coming]:
        return coming(
            self.job_id,
            self.trigger,
            self.first,
            now=self.now,
            exceptions=self.exceptions,
            calendar=self.calendar,
        )


def _calendar(context: Context, name: str | None) -> Calendar | None:
    if name is None:
        return None
    for each in context.store.calendars.all():
        if each.name == name:
            return each.calendar
    raise CalendarNotFound(name)


def _nothing(preview: Preview) -> Preview:
    """Of a job that is paused or has finished: nothing fires, but for what was moved."""
    return Preview(preview.trigger, (), runs_a_month=0)


def _with_collisions(context: Context, preview: Preview, job_id: str | None) -> Preview:
    if not preview.fire_times:
        return preview
    count = context.store.schedules.count_due_at(preview.fire_times[0], exclude=job_id)
    fields = {name: getattr(preview, name) for name in Preview.__slots__}
    return Preview(**{**fields, "collisions": count})


def _runs_until(until: datetime, known: _Known) -> int | None:
    """How many runs start by a time; ``None`` if they are too many to count."""
    is_plain = not known.exceptions and known.calendar is None
    if is_plain and known.first is not None and describe(known.trigger).kind == "interval":
        if known.first > until:
            return 0
        return due_times(known.trigger, first=known.first, now=until, limit=0).count
    count = 0
    for looked_at, each in enumerate(known.coming()):
        if each.scheduled_at > until:
            break
        if looked_at == _MOST_COUNTED:
            return None
        count += each.starts_at is not None
    return count


def _around_clock_changes(trigger: BaseTrigger, first: datetime | None, now: datetime) -> tuple[AroundClockChange, ...]:
    if first is None:
        return ()
    found = []
    for change in islice(clock_changes(zone_of(trigger), now), _CLOCK_CHANGES):
        for around in _AROUND:
            times = _within(trigger, first, change.at, around, now)
            if len(times) <= _MOST_AROUND:
                break
        found.append(AroundClockChange(change, tuple(times[:_MOST_AROUND])))
    return tuple(found)


def _within(
    trigger: BaseTrigger, first: datetime, moment: datetime, around: timedelta, now: datetime
) -> list[datetime]:
    """The due times not further than that from a moment; one more than are shown, where there are more."""
    moment = moment.astimezone(UTC)  # times of one zone are compared by the clock on the wall, which is put back
    after = max(moment - around, first.astimezone(UTC)) - timedelta(microseconds=1)
    at = first if after < first else next_fire_from(trigger, first=first, after=after)
    times: list[datetime] = []
    while at is not None and at - moment <= around and len(times) <= _MOST_AROUND:
        times.append(at)
        at = next_fire(trigger, previous=at, now=now)
    return times


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
