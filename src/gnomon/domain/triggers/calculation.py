"""When a trigger fires. What a preview shows and what fires both come from here, so they cannot differ.

Every calculation is bounded, whatever was stored: in the time that it looks ahead, and in its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers import calendarinterval, combining, cron, crontab, custom, date, interval
from gnomon.domain.triggers.crontab import CrontabTrigger
from gnomon.domain.triggers.kinds import describe, zone_of
from gnomon.domain.triggers.zones import in_zone
from gnomon.errors import InvalidTrigger

#: How far ahead a fire time is looked for: five years, two of which may be leap years.
HORIZON = timedelta(days=1827)

FireAfter = Callable[[datetime], datetime | None]

# Two days of the calendar are left for the offset of a time zone.
_LAST_START = datetime.max.replace(tzinfo=UTC) - HORIZON - timedelta(days=2)

# Calculations of single triggers within one question. A combination that is meant to meet does so in a handful.
_MOST_STEPS = 5000
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class DueTimes:
    """The fire times of an outage, in the trigger's zone.

    ``times`` has all of them, or none when they were more than the limit. ``latest`` is the last one up to now,
    ``count`` how many there are (``None``: too many to count), ``following`` the first one after now.
    """

    times: tuple[datetime, ...]
    latest: datetime
    count: int | None
    following: datetime | None


def next_fire(trigger: BaseTrigger, *, previous: datetime | None, now: datetime) -> datetime | None:
    """The fire time that follows ``previous``; without one, the first fire time later than ``now``.

    Aware and in the trigger's zone. What follows ``previous`` is always later than it, and may be earlier than
    ``now``. ``None`` when the trigger has ended, or has no fire time within five years. Nominal: without jitter.
    Raises ``InvalidTrigger`` of the field ``trigger`` for a stored trigger that cannot be calculated, or not in
    bounded time.
    """
    fire = _Calculation(trigger, previous, now).fire(trigger, previous, now)
    return None if fire is None else fire.astimezone(zone_of(trigger))


def next_fire_from(trigger: BaseTrigger, *, first: datetime, after: datetime) -> datetime | None:
    """The fire time that follows *any* time, where ``first`` is a fire time before it. As ``next_fire`` otherwise."""
    first, after = first.astimezone(UTC), after.astimezone(UTC)
    fire: datetime | None
    if type(trigger) is IntervalTrigger:
        interval.check(trigger)
        fire = interval.fire_after(trigger, first + (after - first) // trigger.interval * trigger.interval, after)
    else:
        fire = _Calculation(trigger, None, after).anywhere(trigger, first, after)(after)
    return None if fire is None else fire.astimezone(zone_of(trigger))


def upcoming(trigger: BaseTrigger, *, now: datetime, count: int) -> list[datetime]:
    """The next ``count`` fire times later than ``now``, or as many as there are. Raises as ``next_fire`` does."""
    fires: list[datetime] = []
    previous: datetime | None = None
    while len(fires) < count:
        previous = next_fire(trigger, previous=previous, now=now)
        if previous is None:
            break
        fires.append(previous)
    return fires


def ensure_fires(trigger: BaseTrigger, *, now: datetime) -> datetime:
    """The first fire time later than ``now``.

    Raises ``InvalidTrigger`` if there is none within five years, or finding it takes too long.
    """
    fire = next_fire(trigger, previous=None, now=now)
    if fire is None or fire.astimezone(UTC) - now > HORIZON:
        raise InvalidTrigger("trigger", describe(trigger).words, "give one that fires within the next five years")
    return fire


def due_times(trigger: BaseTrigger, *, first: datetime, now: datetime, limit: int) -> DueTimes:
    """The fire times from ``first``, the stored next run time, up to and including ``now``.

    ``first`` counts even though the trigger might not produce it. More than ``limit`` are not listed; then the last
    one is found without going through them. Raises ``ValueError`` if ``first`` is later than ``now``, and
    ``InvalidTrigger`` as ``next_fire`` does.
    """
    first, now = first.astimezone(UTC), now.astimezone(UTC)
    if first > now:
        raise ValueError(f"nothing is due: {first.isoformat()} is later than {now.isoformat()}")
    found = _due_by_count(trigger, first, now, limit) if type(trigger) is IntervalTrigger else None
    if found is None:
        found = _due_by_search(trigger, first, now, limit)
    zone = zone_of(trigger)
    return DueTimes(
        times=tuple([time.astimezone(zone) for time in found.times]),
        latest=found.latest.astimezone(zone),
        count=found.count,
        following=None if found.following is None else found.following.astimezone(zone),
    )


class _Calculation:
    """One question about a trigger: how far ahead it looks, and how many steps it may still take."""

    __slots__ = ("horizon", "steps", "trigger")

    def __init__(self, trigger: BaseTrigger, previous: datetime | None, now: datetime) -> None:
        self.trigger = trigger
        start = now if previous is None else max(previous, now)
        self.horizon = min(start.astimezone(UTC), _LAST_START) + HORIZON
        self.steps = _MOST_STEPS

    def fire(
        self, trigger: BaseTrigger, previous: datetime | None, now: datetime, depth: int = _DEEPEST
    ) -> datetime | None:
        """As ``next_fire``, in UTC."""
        self.steps -= 1
        if self.steps < 0 or depth < 0:
            raise InvalidTrigger("trigger", type(self.trigger).__name__, "it takes too many steps to calculate")
        after = (now if previous is None else previous).astimezone(UTC)
        try:
            fire = self._fire(trigger, previous, now, after, depth)
        except OverflowError:
            return None  # After the year 9999.
        if fire is None:
            return None
        fire = fire.astimezone(UTC)
        if fire <= after:
            raise InvalidTrigger("trigger", type(trigger).__name__, "it gives no time later than the one before")
        return fire

    def anywhere(self, trigger: BaseTrigger, first: datetime, now: datetime) -> FireAfter:
        """The function from *any* time, not only a fire time, to the fire time after it, in the phase of ``first``."""
        if type(trigger) is CalendarIntervalTrigger:
            origin = in_zone(first, trigger.timezone).date()
            return lambda time: calendarinterval.fire_counted_from(trigger, origin, time, self.horizon)
        return lambda time: self.fire(trigger, time, now)

    def _fire(
        self, trigger: BaseTrigger, previous: datetime | None, now: datetime, after: datetime, depth: int
    ) -> datetime | None:
        kind = type(trigger)
        if kind is CronTrigger:
            return cron.fire_after(trigger, after, self.horizon)
        if kind is IntervalTrigger:
            return interval.fire_after(trigger, previous, now)
        if kind is CrontabTrigger:
            fire = crontab.fire_after(trigger, after)
            return fire if fire is not None and fire <= self.horizon else None
        if kind is DateTrigger:
            return date.fire_after(trigger, previous, now)
        if kind is CalendarIntervalTrigger:
            return calendarinterval.fire_after(trigger, previous, now, self.horizon)
        if kind is OrTrigger:
            return combining.fire_of_any(trigger, after, lambda part, time: self.fire(part, None, time, depth - 1))
        if kind is AndTrigger:
            return combining.fire_of_all(trigger, after, lambda part, time: self.fire(part, None, time, depth - 1))
        return custom.fire_after(trigger, previous, now)


def _due_by_count(trigger: IntervalTrigger, first: datetime, now: datetime, limit: int) -> DueTimes | None:
    """The closed form for intervals; ``None`` for the few that are simply listed."""
    end = trigger.end_date
    interval.check(trigger)
    last = now if end is None else max(first, min(now, end.astimezone(UTC)))
    count = (last - first) // trigger.interval + 1
    if count <= limit:
        return None
    latest = first + (count - 1) * trigger.interval
    return DueTimes((), latest, count, interval.fire_after(trigger, latest, now))


def _due_by_search(trigger: BaseTrigger, first: datetime, now: datetime, limit: int) -> DueTimes:
    calculation = _Calculation(trigger, None, now)

    times = [first]
    following = calculation.fire(trigger, first, now)
    while following is not None and following <= now:
        times.append(following)
        if len(times) > limit:
            latest, following = _last_until(now, following, calculation.anywhere(trigger, first, now))
            return DueTimes((), latest, None, following)
        following = calculation.fire(trigger, following, now)
    return DueTimes(tuple(times), times[-1], len(times), following)


def _last_until(now: datetime, low: datetime, after: FireAfter) -> tuple[datetime, datetime | None]:
    """The last fire time up to ``now`` and the one after it, where ``low`` is a fire time up to now.

    Looks back from now in steps that double, then halves what is left: some dozens of calculations for any outage.
    """
    back = timedelta(seconds=1)
    while now - back > low:
        fire = after(now - back)
        if fire is not None and fire <= now:
            low = fire
            break
        back *= 2
    high = now  # Nothing fires in (high, now]; at the end nothing does in (low, now] either.
    while True:
        following = after(low)
        if following is None or following > now:
            return low, following
        low = following
        if low < high:
            middle = low + (high - low) / 2
            fire = after(middle)
            if fire is not None and low < fire <= now:
                low = fire
            else:
                high = middle
