"""``interval``: every so many seconds, minutes, hours, days or weeks, counted from a start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers.arguments import Arguments
from gnomon.domain.triggers.kind import END_DATE, JITTER, JSON, TIMEZONE, FieldType, TriggerField, TriggerKind
from gnomon.domain.triggers.sentences import every, with_limits
from gnomon.domain.triggers.zones import in_zone, zone_name
from gnomon.errors import InvalidTrigger

#: Shorter ones would spend their time on the ledger's lines, not on work.
SHORTEST = timedelta(seconds=0.1)
LONGEST = timedelta(days=1827)

_PARTS = ("weeks", "days", "hours", "minutes", "seconds")
_LONGEST_SECONDS = LONGEST // timedelta(seconds=1)


def _part(name: str, maximum: int) -> TriggerField:
    return TriggerField(
        name=name,
        type=FieldType.NUMBER,
        minimum=0,
        maximum=maximum,
        help=f"Number of {name} in the interval; the parts add up.",
    )


def _make(arguments: Arguments) -> IntervalTrigger:
    parts = {name: arguments.number(name) for name in _PARTS}
    interval = timedelta(**parts)
    given = {name: value for name, value in parts.items() if value}
    if not given:
        raise InvalidTrigger("trigger_args", given, f"give at least one of {', '.join(_PARTS)}, above 0")
    if not SHORTEST <= interval <= LONGEST:
        raise InvalidTrigger(next(iter(given)), interval.total_seconds(), _ALLOWED)
    start, end = arguments.moment("start_date"), arguments.moment("end_date")
    if start is None:
        start = in_zone(arguments.this_second().astimezone(UTC) + interval, arguments.zone)
    arguments.check_order(start, end)
    return IntervalTrigger(**parts, start_date=start, end_date=end, timezone=arguments.zone, jitter=arguments.jitter())


def parts_of(interval: timedelta) -> dict[str, int | float]:
    """The interval in units that people use: 14 days are 2 weeks, 90 minutes are 1 hour and 30 minutes."""
    days, seconds = interval.days, interval.seconds
    parts: dict[str, int | float] = {
        "weeks": days // 7 if days % 7 == 0 else 0,
        "days": 0 if days % 7 == 0 else days,
        "hours": seconds // 3600,
        "minutes": seconds % 3600 // 60,
        "seconds": seconds % 60 + interval.microseconds / 1_000_000 if interval.microseconds else seconds % 60,
    }
    return {name: value for name, value in parts.items() if value}


def _arguments_of(trigger: IntervalTrigger) -> dict[str, JSON]:
    args: dict[str, JSON] = dict(parts_of(trigger.interval))
    # Always, even where nobody gave it: it holds the phase, and without it the same words would fire at other times.
    args["start_date"] = in_zone(trigger.start_date, trigger.timezone).isoformat()
    if trigger.end_date is not None:
        args["end_date"] = in_zone(trigger.end_date, trigger.timezone).isoformat()
    args["timezone"] = zone_name(trigger.timezone)
    return args


def _words_of(trigger: IntervalTrigger) -> str:
    sentence = every(parts_of(trigger.interval))
    if trigger.end_date is None:
        return sentence
    return f"{with_limits(sentence, None, trigger.end_date, trigger.timezone)}, {zone_name(trigger.timezone)}"


def check(trigger: IntervalTrigger) -> None:
    """Raise ``InvalidTrigger`` for a stored interval that is not positive; counting by it would never end."""
    if trigger.interval <= timedelta():
        raise InvalidTrigger("trigger", str(trigger.interval), "an interval must be positive")


def fire_after(trigger: IntervalTrigger, previous: datetime | None, now: datetime) -> datetime | None:
    """The fire time that follows ``previous``, or else the first one later than ``now``.

    Counted with whole microseconds in UTC; APScheduler's seconds as floats drift. Raises as ``check`` does.
    """
    check(trigger)
    start = in_zone(trigger.start_date, UTC)
    if previous is not None:
        fire = previous.astimezone(UTC) + trigger.interval
    elif start > now:
        fire = start
    else:
        fire = start + ((now - start) // trigger.interval + 1) * trigger.interval
    return None if trigger.end_date is not None and fire > trigger.end_date else fire


INTERVAL = TriggerKind(
    name="interval",
    help="Every so many seconds, minutes, hours, days or weeks of elapsed time, whatever the clocks do.",
    fields=(
        _part("weeks", 261),
        _part("days", 1827),
        _part("hours", 1827 * 24),
        _part("minutes", 1827 * 24 * 60),
        _part("seconds", _LONGEST_SECONDS),
        TriggerField(
            name="start_date",
            type=FieldType.MOMENT,
            help="The first fire time, from which all others are counted; left out, one interval from now.",
        ),
        END_DATE,
        TIMEZONE,
        JITTER,
    ),
    trigger_class=IntervalTrigger,
    make=_make,
    arguments_of=_arguments_of,
    words_of=_words_of,
)

_ALLOWED = f"give an interval from {SHORTEST.total_seconds()} seconds to five years"
