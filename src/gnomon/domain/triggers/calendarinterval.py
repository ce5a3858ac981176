"""``calendarinterval``: every so many years, months, weeks or days, at one time of day."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger

from gnomon.domain.triggers.arguments import Arguments
from gnomon.domain.triggers.kind import JITTER, JSON, TIMEZONE, FieldType, TriggerField, TriggerKind
from gnomon.domain.triggers.sentences import clock, every, with_limits
from gnomon.domain.triggers.zones import in_zone, zone_name
from gnomon.errors import InvalidTrigger

_PARTS = ("years", "months", "weeks", "days")
_TIME = ("hour", "minute", "second")


def _number(name: str, maximum: int, help: str) -> TriggerField:
    return TriggerField(name=name, type=FieldType.INTEGER, minimum=0, maximum=maximum, help=help)


def _make(arguments: Arguments) -> CalendarIntervalTrigger:
    parts = {name: arguments.integer(name) for name in _PARTS}
    if not any(parts.values()):
        raise InvalidTrigger("trigger_args", {}, f"give at least one of {', '.join(_PARTS)}, above 0")
    time_of_day = {name: arguments.integer(name) for name in _TIME}
    start, end = arguments.day("start_date"), arguments.day("end_date")
    if start is None:
        start = arguments.this_second().date()
    arguments.check_order(start, end)
    return CalendarIntervalTrigger(
        **parts,
        **time_of_day,
        start_date=start,
        end_date=end,
        timezone=arguments.zone,
        jitter=arguments.jitter(),
    )


def _parts_of(trigger: CalendarIntervalTrigger) -> dict[str, int]:
    return {name: getattr(trigger, name) for name in _PARTS if getattr(trigger, name)}


def _arguments_of(trigger: CalendarIntervalTrigger) -> dict[str, JSON]:
    args: dict[str, JSON] = {**_parts_of(trigger)}
    # Private, and the one place where the trigger keeps it; its pickled state names it "time".
    args.update({name: getattr(trigger._time, name) for name in _TIME})
    args["start_date"] = trigger.start_date.isoformat()
    if trigger.end_date is not None:
        args["end_date"] = trigger.end_date.isoformat()
    args["timezone"] = zone_name(trigger.timezone)
    return args


def _words_of(trigger: CalendarIntervalTrigger) -> str:
    time_of_day = clock(trigger._time.hour, trigger._time.minute, trigger._time.second)
    sentence = f"{every(_parts_of(trigger))} at {time_of_day}"
    sentence = with_limits(sentence, trigger.start_date, trigger.end_date, trigger.timezone)
    return f"{sentence}, {zone_name(trigger.timezone)}"


def fire_after(
    trigger: CalendarIntervalTrigger, previous: datetime | None, now: datetime, horizon: datetime
) -> datetime | None:
    """The fire time that follows ``previous``, or else the first one later than ``now``, up to ``horizon``.

    The same dates as APScheduler's, which are counted from the previous one, or else from the start date; but that
    search has no end, and it takes a start date in the past for the next fire time.
    Raises ``InvalidTrigger`` for stored steps that do not lead forward.
    """
    if previous is not None:
        day = in_zone(previous, trigger.timezone).date()
        return next(_fires(trigger, _steps(trigger).dates(day, skip_first=True), horizon), None)
    return fire_counted_from(trigger, trigger.start_date, now, horizon)


def fire_counted_from(
    trigger: CalendarIntervalTrigger, origin: date, now: datetime, horizon: datetime
) -> datetime | None:
    """The first fire time later than ``now`` among those whose dates are counted from ``origin``."""
    steps = _steps(trigger)
    near = steps.latest(origin, in_zone(now, trigger.timezone).date())
    return next((fire for fire in _fires(trigger, steps.dates(near), horizon) if fire > now), None)


def _fires(trigger: CalendarIntervalTrigger, dates: Iterator[date], horizon: datetime) -> Iterator[datetime]:
    """The fire times, in UTC, on those of the dates on which the clocks show the trigger's time at all."""
    end = trigger.end_date
    for day in dates:
        if end is not None and day > end:
            return
        local = datetime.combine(day, trigger._time)
        real = in_zone(local, trigger.timezone)
        if real > horizon:
            return
        if real.replace(tzinfo=None) == local.replace(tzinfo=None):
            yield real.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Steps:
    """How one date leads to the next: so many months on, again and again until that date exists, then so many days."""

    months: int
    days: int

    def dates(self, day: date, *, skip_first: bool = False) -> Iterator[date]:
        """``day`` and all dates that follow it; they end where the calendar does, in the year 9999."""
        try:
            if not skip_first:
                yield day
            while True:
                day = self._following(day) + timedelta(days=self.days)
                yield day
        except (OverflowError, ValueError):
            return

    def latest(self, origin: date, until: date) -> date:
        """The last date up to ``until`` among those that follow ``origin``; ``origin`` itself where there is none."""
        if origin >= until:
            return origin
        if not self.months:
            return origin + timedelta(days=(until - origin).days // self.days * self.days)
        if not self.days:
            return self._latest_by_months(origin, until)
        # Each date depends on the one before, so there is no shorter way: twelve steps a year at most.
        latest = origin
        for day in self.dates(origin):
            if day > until:
                break
            latest = day
        return latest

    def _following(self, day: date) -> date:
        month = _month_number(day)
        while self.months:
            month += self.months
            if (moved := _in_month(month, day.day)) is not None:
                return moved
        return day

    def _latest_by_months(self, origin: date, until: date) -> date:
        steps = (_month_number(until) - _month_number(origin)) // self.months
        for count in range(steps, 0, -1):
            day = _in_month(_month_number(origin) + count * self.months, origin.day)
            if day is not None and day <= until:
                return day
        return origin


def _steps(trigger: CalendarIntervalTrigger) -> _Steps:
    steps = _Steps(trigger.years * 12 + trigger.months, trigger.weeks * 7 + trigger.days)
    if steps.months < 0 or steps.days < 0 or steps == _Steps(0, 0):
        raise InvalidTrigger("trigger", str(_parts_of(trigger)), "an interval must be positive")
    return steps


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _in_month(number: int, day: int) -> date | None:
    """This day of a month, ``None`` if the month is too short. Raises ``ValueError`` after the year 9999."""
    year, month = divmod(number, 12)
    if year <= 9999 and day > monthrange(year, month + 1)[1]:
        return None
    return date(year, month + 1, day)


CALENDARINTERVAL = TriggerKind(
    name="calendarinterval",
    help="Every so many years, months, weeks or days, always at the same time of day. Dates that do not exist, such as "
    "31 April, and times that the clocks skip are left out.",
    fields=(
        _number("years", 5, "Number of years in the interval; the parts add up."),
        _number("months", 60, "Number of months in the interval; the parts add up."),
        _number("weeks", 261, "Number of weeks in the interval; the parts add up."),
        _number("days", 1826, "Number of days in the interval; the parts add up."),
        _number("hour", 23, "Hour of the time of day; 0 if left out."),
        _number("minute", 59, "Minute of the time of day; 0 if left out."),
        _number("second", 59, "Second of the time of day; 0 if left out."),
        TriggerField(
            name="start_date",
            type=FieldType.DAY,
            help="The first date, from which all others are counted; today if left out.",
        ),
        TriggerField(name="end_date", type=FieldType.DAY, help="Nothing fires after this date."),
        TIMEZONE,
        JITTER,
    ),
    trigger_class=CalendarIntervalTrigger,
    make=_make,
    arguments_of=_arguments_of,
    words_of=_words_of,
)
