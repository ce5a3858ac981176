"""What will be made of the due times to come: the same rules as those of the firing plan, ahead of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from gnomon.domain.calendar import Calendar, excluded_by
from gnomon.domain.plan import jitter_delay
from gnomon.domain.tick_exception import Action, TickException
from gnomon.domain.triggers import BaseTrigger, jitter_of, next_fire, next_fire_from
from gnomon.domain.triggers.kinds import zone_of

#: So many due times are looked through, and so many excluded stretches passed over, for the next start.
_MOST_LOOKED = 1000


class Outlook(StrEnum):
    """What a due time comes to."""

    STARTS = "starts"
    MOVED = "moved"
    SKIPPED = "skipped"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Coming:
    """A due time, and when its run starts (with jitter, or where it was moved to; ``None``: it has none, and ``note``
    says why). Times are in the zone of the trigger."""

    scheduled_at: datetime
    outlook: Outlook
    starts_at: datetime | None
    note: str | None = None


def coming(
    job_id: str,
    trigger: BaseTrigger,
    first: datetime | None,
    *,
    now: datetime,
    exceptions: Iterable[TickException] = (),
    calendar: Calendar | None = None,
) -> Iterator[Coming]:
    """The due times from ``first`` on (the stored next run time) in their order, each with what becomes of it.

    Before them come those whose due time is over and whose run was moved to a time ahead. Raises ``InvalidTrigger``.
    """
    zone, jitter = zone_of(trigger), jitter_of(trigger)
    excluded = excluded_by(calendar, trigger)
    made: Mapping[datetime, TickException] = {each.scheduled_at: each for each in exceptions}
    for at in sorted(made):
        if made[at].is_pending and (first is None or at < first.astimezone(UTC)):
            yield _of(made[at], zone)
    following = first
    while following is not None:
        at = following.astimezone(UTC)
        exception = made.get(at)
        if exception is not None:
            yield _of(exception, zone)
        elif excluded is not None and (reason := excluded(at)) is not None:
            yield Coming(at.astimezone(zone), Outlook.EXCLUDED, None, reason)
        else:
            starts_at = (at + jitter_delay(job_id, at, jitter)).astimezone(zone)
            yield Coming(at.astimezone(zone), Outlook.STARTS, starts_at)
        following = next_fire(trigger, previous=following, now=now)


def next_start(
    job_id: str,
    trigger: BaseTrigger,
    first: datetime | None,
    *,
    now: datetime,
    exceptions: Iterable[TickException] = (),
    calendar: Calendar | None = None,
) -> datetime | None:
    """When the next run of a job starts: exceptions, calendar and jitter considered. ``None``: not at all, or not
    within ``_MOST_LOOKED`` due times that are left out. Raises ``InvalidTrigger``."""
    exceptions = tuple(exceptions)
    best: datetime | None = None
    for _ in range(_MOST_LOOKED):
        for each in coming(job_id, trigger, first, now=now, exceptions=exceptions, calendar=calendar):
            if best is not None and each.scheduled_at >= best:
                return best  # with jitter, a later due time may start earlier than this one
            if each.starts_at is not None:
                best = each.starts_at if best is None else min(best, each.starts_at)
            elif each.outlook is Outlook.EXCLUDED and calendar is not None and first is not None:
                # A job of every second has 86,400 due times on a day that is left out.
                first = next_fire_from(trigger, first=first, after=_end_of_dates(each.scheduled_at, calendar))
                break
        else:
            return best
        if first is None:
            return best
    return best


def due_times_among(
    trigger: BaseTrigger, first: datetime | None, wanted: Iterable[datetime], *, now: datetime
) -> frozenset[datetime]:
    """Those of some times (UTC) that are among the next ``_MOST_LOOKED`` due times from ``first`` on. Raises
    ``InvalidTrigger``."""
    asked = frozenset(wanted)
    last = max(asked, default=now)
    found: set[datetime] = set()
    following = first
    for _ in range(_MOST_LOOKED):
        if following is None or following > last:
            break
        found.add(following.astimezone(UTC))
        following = next_fire(trigger, previous=following, now=now)
    return asked & found


def _of(exception: TickException, zone: tzinfo) -> Coming:
    at = exception.scheduled_at.astimezone(zone)
    if exception.action is Action.SKIP or exception.moved_to is None:
        return Coming(at, Outlook.SKIPPED, None, exception.note)
    # One that was moved ahead and has started already starts no more.
    starts_at = exception.moved_to.astimezone(zone) if exception.is_pending else None
    return Coming(at, Outlook.MOVED, starts_at, exception.note)


def _end_of_dates(at: datetime, calendar: Calendar) -> datetime:
    """The last moment of the excluded dates in a row that ``at`` is on, by its own zone."""
    day = at.date()
    while calendar.reason(day + timedelta(days=1)) is not None:
        day += timedelta(days=1)
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=at.tzinfo).astimezone(UTC)
    return max(midnight - timedelta(microseconds=1), at.astimezone(UTC))
