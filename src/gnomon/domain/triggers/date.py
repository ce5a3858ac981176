"""``date``: once."""

from __future__ import annotations

from datetime import datetime

from apscheduler.triggers.date import DateTrigger

from gnomon.domain.triggers.arguments import Arguments
from gnomon.domain.triggers.kind import JSON, TIMEZONE, FieldType, TriggerField, TriggerKind
from gnomon.domain.triggers.sentences import moment_words
from gnomon.domain.triggers.zones import in_zone, zone_name
from gnomon.errors import InvalidTrigger


def _make(arguments: Arguments) -> DateTrigger:
    run_date = arguments.moment("run_date")
    if run_date is None:
        raise InvalidTrigger("run_date", None, DATE.field("run_date").allowed)
    return DateTrigger(run_date=run_date, timezone=arguments.zone)


def _arguments_of(trigger: DateTrigger) -> dict[str, JSON]:
    zone = trigger.run_date.tzinfo
    return {"run_date": in_zone(trigger.run_date, zone).isoformat(), "timezone": zone_name(zone)}


def _words_of(trigger: DateTrigger) -> str:
    zone = trigger.run_date.tzinfo
    day, _, time = moment_words(trigger.run_date, zone).partition(" ")
    return f"once on {day} at {time}, {zone_name(zone)}"


def fire_after(trigger: DateTrigger, previous: datetime | None, now: datetime) -> datetime | None:
    """The one fire time, if it is later than ``now`` and nothing has fired yet."""
    run_date: datetime = trigger.run_date
    return run_date if previous is None and run_date > now else None


DATE = TriggerKind(
    name="date",
    help="Once, at one time.",
    fields=(
        TriggerField(
            name="run_date",
            type=FieldType.MOMENT,
            required=True,
            help="When to fire.",
        ),
        TIMEZONE,
    ),
    trigger_class=DateTrigger,
    make=_make,
    arguments_of=_arguments_of,
    words_of=_words_of,
)
