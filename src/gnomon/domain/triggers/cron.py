"""``cron``: APScheduler's cron trigger, a field for each part of a date. All fields must match (unlike a crontab)."""

from __future__ import annotations

import re
from copy import copy
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.expressions import RangeExpression

from gnomon.domain.triggers.arguments import LONGEST_EXPRESSION, Arguments
from gnomon.domain.triggers.kind import (
    END_DATE,
    JITTER,
    JSON,
    START_DATE,
    TIMEZONE,
    FieldType,
    TriggerField,
    TriggerKind,
)
from gnomon.domain.triggers.sentences import calendar_sentence, with_limits
from gnomon.domain.triggers.zones import in_zone, zone_name
from gnomon.errors import InvalidTrigger

_MICROSECOND = timedelta(microseconds=1)

# In eight fields of the greatest length, with a comma after each digit.
_MOST_TERMS = 8 * LONGEST_EXPRESSION // 2

# APScheduler matches names with un-anchored patterns: it understands "mon fri" as "mon" and "lastfoo" as "last". These
# are the same patterns, anchored.
_NUMBERS = r"\*(?:/\d+)?|\d+(?:-\d+)?(?:/\d+)?"
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_WEEKDAY = "mon|tue|wed|thu|fri|sat|sun"
_FLAGS = re.ASCII | re.IGNORECASE
_TERM = {
    "month": re.compile(rf"{_NUMBERS}|(?:{_MONTH})(?:-(?:{_MONTH}))?", _FLAGS),
    "day": re.compile(rf"{_NUMBERS}|last|(?:1st|2nd|3rd|4th|5th|last) +(?:{_WEEKDAY})", _FLAGS),
    "day_of_week": re.compile(rf"{_NUMBERS}|(?:{_WEEKDAY})(?:-(?:{_WEEKDAY}))?", _FLAGS),
}
_NUMERIC_TERM = re.compile(_NUMBERS, _FLAGS)


def _field(name: str, help: str) -> TriggerField:
    return TriggerField(name=name, type=FieldType.EXPRESSION, help=help)


def _make(arguments: Arguments) -> CronTrigger:
    fields: dict[str, str] = {}
    for name in CronTrigger.FIELD_NAMES:
        text = arguments.expression(name)
        if text is not None:
            _check_field(name, text)
            fields[name] = text
    if not fields:
        # APScheduler takes a cron trigger without fields for "every second". Nobody means that.
        raise InvalidTrigger("trigger_args", {}, f"give at least one of {', '.join(CronTrigger.FIELD_NAMES)}")
    start, end = arguments.moment("start_date"), arguments.moment("end_date")
    arguments.check_order(start, end)
    if start is None and end is None:
        return copy(_without_limits(arguments.zone, arguments.jitter(), **fields))
    return CronTrigger(**fields, start_date=start, end_date=end, timezone=arguments.zone, jitter=arguments.jitter())


# Most of the time goes into understanding the fields, which nothing changes: triggers may share them.
@lru_cache(maxsize=2048)
def _without_limits(zone: tzinfo, jitter: int | None, **fields: str) -> CronTrigger:
    return CronTrigger(**fields, timezone=zone, jitter=jitter)


def _check_field(name: str, text: str) -> None:
    """Refuse what APScheduler would refuse, and what it would silently understand as something else."""
    problem = _problem_of(name, text)
    if problem is not None:
        raise InvalidTrigger(name, text, problem)


@lru_cache(maxsize=2048)
def _problem_of(name: str, text: str) -> str | None:
    term = _TERM.get(name, _NUMERIC_TERM)
    for part in text.split(","):
        if not term.fullmatch(part.strip(" ")):
            return CRON.field(name).allowed
    try:
        CronTrigger.FIELDS_MAP[name](name, text)
    except ValueError as error:
        reason = str(error).partition("': ")[2] or str(error)
        return reason[0].lower() + reason[1:]
    return None


def expression_of(field: Any) -> str:
    """What is written for a field of a ``CronTrigger``, exactly.

    APScheduler's own ``str`` loses information: it shows ``0-0/5`` (only 0) as ``0/5`` (0, 5, 10 …).
    """
    return ",".join([_term_text(expression) for expression in field.expressions])


def _term_text(expression: Any) -> str:
    if type(expression) is not RangeExpression:
        return str(expression)  # Names, steps of everything, and days by their turn are shown as they were written.
    first, last, step = expression.first, expression.last, expression.step
    if step:
        return f"{first}/{step}" if last is None else f"{first}-{last}/{step}"
    return f"{first}" if last in (None, first) else f"{first}-{last}"


def _fields_of(trigger: CronTrigger) -> dict[str, str]:
    given = {field.name: expression_of(field) for field in trigger.fields if not field.is_default}
    # A trigger without a single field fires every second; say so, as ``build`` does not take it without saying.
    return given or {"second": "*"}


def _arguments_of(trigger: CronTrigger) -> dict[str, JSON]:
    args: dict[str, JSON] = dict(_fields_of(trigger))
    if trigger.start_date is not None:
        args["start_date"] = in_zone(trigger.start_date, trigger.timezone).isoformat()
    if trigger.end_date is not None:
        args["end_date"] = in_zone(trigger.end_date, trigger.timezone).isoformat()
    args["timezone"] = zone_name(trigger.timezone)
    return args


def _words_of(trigger: CronTrigger) -> str:
    # The defaults count too: they are what makes ``hour=3`` mean 03:00:00.
    texts = tuple((field.name, expression_of(field)) for field in trigger.fields)
    sentence = calendar_sentence(texts)
    if sentence is None:
        sentence = "when " + ", ".join(f"{name} is {text}" for name, text in _fields_of(trigger).items())
    sentence = with_limits(sentence, trigger.start_date, trigger.end_date, trigger.timezone)
    return f"{sentence}, {zone_name(trigger.timezone)}"


def fire_after(trigger: CronTrigger, after: datetime, horizon: datetime) -> datetime | None:
    """The first fire time later than ``after`` and not later than ``horizon``, by APScheduler's own calculation.

    Raises ``InvalidTrigger`` for a stored trigger with more terms than any that can be sent: time is spent per term.
    """
    terms = sum([len(field.expressions) for field in trigger.fields])
    if terms > _MOST_TERMS:
        raise InvalidTrigger("trigger", f"a cron trigger of {terms} terms", "it takes too long to calculate")
    # A cheap copy that shares the fields. Its end date keeps the search from running on to the year 9999.
    bounded = CronTrigger.__new__(CronTrigger)
    bounded.timezone = trigger.timezone
    bounded.fields = trigger.fields
    bounded.start_date = trigger.start_date
    bounded.jitter = None
    end = trigger.end_date
    # In UTC where there is one: times of one zone are compared by the clock on the wall, which repeats an hour a year.
    bounded.end_date = horizon.astimezone(trigger.timezone) if end is None else min(end, horizon).astimezone(UTC)
    found: datetime | None
    try:
        found = bounded.get_next_fire_time(None, after + _MICROSECOND)
    except (OverflowError, ValueError):
        return None  # The search left the years that datetime knows.
    return found


CRON = TriggerKind(
    name="cron",
    help="At times whose parts match all fields, as in APScheduler. A field that is left out matches everything if a "
    "smaller one is given, and otherwise its lowest value.",
    fields=(
        _field("year", "A year such as 2027, a range, a list or a step."),
        _field("month", "A month from 1 to 12 or jan to dec, a range, a list or a step."),
        _field("day", "A day from 1 to 31, a range, a list, a step, last, or a weekday's turn such as 2nd fri."),
        _field("week", "An ISO week from 1 to 53, a range, a list or a step."),
        _field("day_of_week", "A weekday from 0 (Monday) to 6 or mon to sun, a range such as mon-fri, or a list."),
        _field("hour", "An hour from 0 to 23, a range, a list, or a step such as */2."),
        _field("minute", "A minute from 0 to 59, a range, a list, or a step such as */5."),
        _field("second", "A second from 0 to 59, a range, a list, or a step such as */10."),
        START_DATE,
        END_DATE,
        TIMEZONE,
        JITTER,
    ),
    trigger_class=CronTrigger,
    make=_make,
    arguments_of=_arguments_of,
    words_of=_words_of,
)
