"""``crontab``: the five fields that people know, with the meaning that cron gives them.

The rules are those of crontab(5) on Debian, calculated by cronsim: Sunday is 0 and 7; when day of month and day of
week are both given, either is enough; at daylight-saving changes a fixed time runs once, and a line whose minute or
hour begins with ``*`` follows the clock. APScheduler's ``from_crontab`` differs in all of these.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options  # type: ignore[import-untyped]
from cronsim import CronSim, CronSimError

from gnomon.domain.triggers.arguments import LONGEST_EXPRESSION, Arguments
from gnomon.domain.triggers.kind import JITTER, JSON, TIMEZONE, FieldType, TriggerField, TriggerKind
from gnomon.domain.triggers.sentences import WEEKDAYS, calendar_sentence, weekday_words
from gnomon.domain.triggers.zones import in_zone, zone, zone_name
from gnomon.errors import InvalidTrigger

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ALLOWED = f"give five fields (minute hour day-of-month month day-of-week) or one of {', '.join(_MACROS)}"
_CHARACTERS = re.compile(r"[0-9A-Za-z*,/#\- \t]+")
_STATE_VERSION = 1


class CrontabTrigger(BaseTrigger):  # type: ignore[misc]
    """A crontab expression in a time zone, as a trigger that a plain APScheduler 3 can use too.

    The path of this class, ``gnomon.domain.triggers.crontab.CrontabTrigger``, and the keys of its pickled state are a
    storage format: rows hold them. Both stay as they are; a new shape of the state gets a new version number.

    ``expression`` is the text as it was given, with single blanks; ``jitter`` is in seconds. Raises
    ``InvalidTrigger`` of the field ``expression``.
    """

    __slots__ = ("expression", "jitter", "timezone")

    def __init__(self, expression: str, timezone: str | tzinfo, jitter: int | None = None) -> None:
        self.expression = normal(expression)
        self.timezone = zone(timezone)
        self.jitter = jitter or None
        _parsed(self.expression)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """For a plain APScheduler: the first fire time later than the previous one, or else than now."""
        fire = fire_after(self, previous_fire_time or now)
        found: datetime | None = self._apply_jitter(fire, self.jitter, now)
        return None if found is None else found.astimezone(self.timezone)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _STATE_VERSION,
            "expression": self.expression,
            "timezone": self.timezone,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("version", 1) > _STATE_VERSION:
            raise ValueError(
                f"this crontab trigger was stored in version {state['version']} of its format; this program knows "
                f"versions up to {_STATE_VERSION}"
            )
        self.expression = normal(state["expression"])
        self.timezone = state["timezone"]
        self.jitter = state.get("jitter")
        _parsed(self.expression)

    def __str__(self) -> str:
        return f"crontab[{self.expression}]"

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return f"<CrontabTrigger ({self.expression!r}, timezone={zone_name(self.timezone)!r}{jitter})>"


def normal(expression: object) -> str:
    """The expression with single blanks, and macros in lower case.

    Raises ``InvalidTrigger`` for what is no crontab expression at all; ``_parsed`` looks at the fields.
    """
    if not isinstance(expression, str):
        raise InvalidTrigger("expression", expression, _ALLOWED)
    if len(expression) > LONGEST_EXPRESSION:
        raise InvalidTrigger("expression", expression, f"give at most {LONGEST_EXPRESSION} characters")
    text = " ".join(expression.split())
    if text.startswith("@"):
        macro = text.lower()
        if macro == "@reboot":
            raise InvalidTrigger("expression", expression, "@reboot is no time; call the job where the program starts")
        if macro not in _MACROS:
            raise InvalidTrigger("expression", expression, _ALLOWED)
        return macro
    if not _CHARACTERS.fullmatch(text) or len(text.split()) != 5:
        raise InvalidTrigger("expression", expression, _ALLOWED)
    return text


class _Clock(CronSim):
    """cronsim, mended for changes of the clocks by something else than whole hours (Lord Howe: 30 minutes), or at
    something else than a full hour (Chatham: 02:45).

    cronsim steps over such a change by 3600 seconds, or by the minutes that are left on the clock before it; it then
    stands at half past, and misses half of the hour that it was looking for, or one of two repeated minutes.
    And it goes to another day by its midnight, which in some zones the clocks skip once a year.
    """

    def advance_month(self) -> None:
        before = self.dt
        super().advance_month()
        if self.dt is not before:
            self._land()

    def advance_day(self) -> bool:
        moved = super().advance_day()
        if moved:
            self._land()
        return moved

    def advance_hour(self) -> bool:
        if self.dt.hour in self.hours:
            return False
        while self.dt.hour not in self.hours:
            self._step(3600 - self.dt.minute * 60 - self.dt.second)
            if self.dt.hour == 0:
                break  # Another day: day and month are looked at again.
        return True

    def advance_minute(self) -> bool:
        if self.dt.minute in self.minutes:
            return False
        while self.dt.minute not in self.minutes:
            minute = self.dt.minute
            later = min((match for match in self.minutes if match > minute), default=60)
            self._step((later - minute) * 60 - self.dt.second)
            if self.dt.minute == 0:
                break  # Another hour.
        return True

    def _land(self) -> None:
        """From a time that the clocks skip to the one that they show then."""
        if self.dt.tzinfo is not None:
            self.dt = in_zone(self.dt, self.dt.tzinfo)

    def _step(self, seconds: int) -> None:
        """So many seconds on, or up to the minute in which the clocks change."""
        start = self.dt
        self.tick(seconds)
        offset = start.utcoffset()
        if self.dt.utcoffset() != offset:
            self.dt = start
            while self.dt.utcoffset() == offset:
                self.tick(60 - self.dt.second)


@lru_cache(maxsize=2048)
def _parsed(expression: str) -> _Clock:
    """The fields of an expression, to be copied: parsing takes longer than calculating."""
    text = _MACROS.get(expression, expression)
    try:
        return _Clock(text, datetime(2000, 1, 1))
    except CronSimError as error:
        # "Bad day-of-month"
        reason = str(error).removeprefix("Bad ")
        raise InvalidTrigger("expression", expression, f"its {reason} is not one; {_ALLOWED}") from None


def _clock(trigger: CrontabTrigger, after: datetime) -> _Clock:
    parsed = _parsed(trigger.expression)
    clock = _Clock.__new__(_Clock)
    clock.__dict__.update(parsed.__dict__)
    local = in_zone(after, trigger.timezone).replace(microsecond=0)
    if not _follows_clock(parsed) and trigger.timezone is not UTC:
        # What cronsim itself does for an aware time: the fixed time is looked for on a clock without changes, and put
        # into the zone at the end.
        clock.fixup_tz = trigger.timezone
        local = local.replace(tzinfo=None, fold=0)
    clock.dt = local
    return clock


def _follows_clock(parsed: CronSim) -> bool:
    """Whether minute or hour begins with a star, which makes a line follow the clock through its changes."""
    return parsed.parts[1].startswith("*") or parsed.parts[2].startswith("*")


def fire_after(trigger: CrontabTrigger, after: datetime) -> datetime | None:
    """The first fire time later than ``after``, in UTC; ``None`` if there is none within fifty years."""
    start = after.astimezone(UTC)
    clock = _clock(trigger, start)
    try:
        for local in clock:
            fire = local.astimezone(UTC)
            # A fixed time that is repeated on the clock has run at its first turn; cronsim offers it again when it
            # is asked between the two.
            if fire > start:
                return fire
    except (OverflowError, ValueError):
        pass  # The search left the years that datetime knows.
    return None


def _make(arguments: Arguments) -> CrontabTrigger:
    expression = arguments.expression("expression")
    return CrontabTrigger(expression if expression is not None else "", arguments.zone, arguments.jitter())


def _arguments_of(trigger: CrontabTrigger) -> dict[str, JSON]:
    return {"expression": trigger.expression, "timezone": zone_name(trigger.timezone)}


def _words_of(trigger: CrontabTrigger) -> str:
    return f"{_sentence(trigger.expression)}, {zone_name(trigger.timezone)}"


@lru_cache(maxsize=2048)
def _sentence(expression: str) -> str:
    """Words as for a cron trigger where they fit, and cron-descriptor's otherwise."""
    text = _MACROS.get(expression, expression)
    minute, hour, day, month, weekday = text.lower().split()
    either_day = not day.startswith("*") and not weekday.startswith("*")
    weekday_from_monday = _weekdays_from_monday(weekday)
    if weekday_from_monday is not None:
        if either_day and weekday_from_monday.count(",") == 6:
            day = "*"  # Every weekday is enough.
        texts = (
            ("minute", minute),
            ("hour", hour),
            ("day", day),
            ("month", month),
            ("day_of_week", weekday_from_monday),
        )
        sentence = calendar_sentence(texts, either_day=either_day)
        if sentence is not None:
            return sentence
    unspoken = f"by the crontab {expression}"
    if either_day or "*" in (day, weekday):
        return _described(text) or unspoken
    # Both must match, which cron-descriptor does not know: it says "or".
    only = None if weekday_from_monday is None else weekday_words(weekday_from_monday)
    described = _described(f"{minute} {hour} {day} {month} *")
    return f"{described}, only {only}" if described and only else unspoken


def _described(text: str) -> str | None:
    options = Options(casing_type=CasingTypeEnum.Sentence, use_24hour_time_format=True, locale_code="en_US")
    try:
        described: str = ExpressionDescriptor(text, options).get_description()
    except Exception:
        # It knows fewer forms than cronsim, and tells so by many exceptions. Words are never a reason to fail.
        return None
    return described[0].lower() + described[1:]


def _weekdays_from_monday(text: str) -> str | None:
    """A simple day-of-week field in APScheduler's names: ``1-5`` → ``mon,tue,wed,thu,fri``; ``None`` if not simple."""
    if text == "*":
        return text
    days: set[int] = set()
    for term in text.split(","):
        low, dash, high = term.partition("-")
        bounds = [_weekday_number(end) for end in ((low, high) if dash else (low,))]
        if None in bounds:
            return None
        numbers = [bound for bound in bounds if bound is not None]
        days.update((day - 1) % 7 for day in range(numbers[0], numbers[-1] + 1))
    return ",".join(WEEKDAYS[day] for day in sorted(days))


def _weekday_number(text: str) -> int | None:
    if text in WEEKDAYS:
        return (WEEKDAYS.index(text) + 1) % 7
    return int(text) if text.isdigit() else None


CRONTAB = TriggerKind(
    name="crontab",
    help="A line of a crontab, with the meaning that cron gives it.",
    fields=(
        TriggerField(
            name="expression",
            type=FieldType.CRONTAB,
            required=True,
            help=f"Five fields (minute hour day-of-month month day-of-week) or one of {', '.join(_MACROS)}.",
        ),
        TIMEZONE,
        JITTER,
    ),
    trigger_class=CrontabTrigger,
    make=_make,
    arguments_of=_arguments_of,
    words_of=_words_of,
)
