"""Words for schedules: the parts that several kinds of trigger share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache

from gnomon.domain.triggers.zones import in_zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_WORDS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_WORDS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_TURNS = {"1st": "first", "2nd": "second", "3rd": "third", "4th": "fourth", "5th": "fifth", "last": "last"}

_OF_THE_MONTH = " of the month"

# More times of a day than this are not read, they are counted.
_MOST_TIMES = 6


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def every(parts: Mapping[str, int | float]) -> str:
    """``every 5 minutes``, ``every hour and 30 minutes``, from plural units and how many of each."""
    if len(parts) == 1:
        ((unit, number),) = parts.items()
        return f"every {unit[:-1]}" if number == 1 else f"every {number:g} {unit}"
    return "every " + listed([f"{number:g} {unit[:-1] if number == 1 else unit}" for unit, number in parts.items()])


def clock(hour: int, minute: int, second: int = 0) -> str:
    """``04:30``, with seconds only if there are any."""
    return f"{hour:02}:{minute:02}:{second:02}" if second else f"{hour:02}:{minute:02}"


def moment_words(moment: datetime, zone: tzinfo | None) -> str:
    """``2026-12-01 09:00`` on the clocks of ``zone``."""
    local = moment if zone is None else in_zone(moment, zone)
    return f"{local.date().isoformat()} {clock(local.hour, local.minute, local.second)}"


def with_limits(sentence: str, start: date | None, end: date | None, zone: tzinfo) -> str:
    """The sentence with the first and the last time at which it holds."""
    for word, limit in (("from", start), ("until", end)):
        if limit is not None:
            text = moment_words(limit, zone) if isinstance(limit, datetime) else limit.isoformat()
            sentence = f"{sentence} {word} {text}"
    return sentence


@lru_cache(maxsize=2048)
def calendar_sentence(texts: tuple[tuple[str, str], ...], either_day: bool = False) -> str | None:
    """Words for the fields of a cron expression in APScheduler's writing (Monday is 0), by field name.

    ``either_day``: a day of the month *or* a weekday is enough, as in a crontab. ``None`` for what has no good short
    words; the caller then says it in another way.
    """
    fields = dict(texts)
    week, year = _plain_words("in week", fields.get("week", "*")), _plain_words("in", fields.get("year", "*"))
    time = _time_words(fields.get("second", "0"), fields["minute"], fields["hour"])
    weekday = weekday_words(fields["day_of_week"])
    day = _day_words(fields["day"])
    month = _month_words(fields["month"])
    if time is None or weekday is None or day is None or month is None or week is None or year is None:
        return None
    if day and weekday:
        which = f"{day} or {weekday}" if either_day else f"{day} if that is {weekday.removeprefix('on ')}"
        if not either_day and not weekday.startswith("on "):
            return None
    else:
        which = day or weekday
        if day.endswith(_OF_THE_MONTH) and not weekday and month.startswith("in ") and day[7].isdigit():
            # "on the 24th of December" instead of "on the 24th of the month in December".
            which, month = f"{day.removesuffix(_OF_THE_MONTH)} of {month.removeprefix('in ')}", ""
    if not which and not month and not week and time.startswith("at ") and " of every " not in time:
        which = "every day"
    return " ".join(part for part in (time, which, month, week, year) if part)


@dataclass(frozen=True, slots=True)
class _Part:
    """One field: everything, every ``step``-th, or these values (``is_range``: written as one range)."""

    values: tuple[int, ...] = ()
    step: int = 0
    is_range: bool = False

    @property
    def is_all(self) -> bool:
        return not self.values and not self.step

    @property
    def single(self) -> int | None:
        return self.values[0] if len(self.values) == 1 else None


def _part(text: str, names: Sequence[str] = (), first: int = 0) -> _Part | None:
    """Read a field of the simple sort: ``*``, ``*/5``, ``3``, ``1-5``, ``1,4,7-9``; names from the number ``first``."""
    if text == "*":
        return _Part()
    if text.startswith("*/"):
        step = int(text[2:])
        return _Part() if step == 1 else _Part(step=step)
    if "/" in text:
        return None
    values: set[int] = set()
    for term in text.split(","):
        low, dash, high = term.partition("-")
        bounds = [_number(end, names, first) for end in ((low, high) if dash else (low,))]
        if None in bounds:
            return None
        numbers = [bound for bound in bounds if bound is not None]
        values.update(range(numbers[0], numbers[-1] + 1))
    return _Part(values=tuple(sorted(values)), is_range="-" in text and "," not in text)


def _number(text: str, names: Sequence[str], first: int) -> int | None:
    if text in names:
        return names.index(text) + first
    return int(text) if text.isascii() and text.isdigit() else None


def _time_words(second_text: str, minute_text: str, hour_text: str) -> str | None:
    second, minute, hour = _part(second_text), _part(minute_text), _part(hour_text)
    if second is None or minute is None or hour is None:
        return None
    if minute.is_all and hour.is_all and second.single is None:
        return _cadence(second, "second", "minute")
    if second.single is None:
        return None
    if minute.single is None:
        return _minutes_words(second.single, minute, hour)
    if hour.is_all or hour.step:
        base = _cadence(hour, "hour", "day")
        past = clock(0, minute.single, second.single)
        return base if past == "00:00" else f"{base} at {past[2:]}"
    times = [clock(value, minute.single, second.single) for value in hour.values]
    if hour.is_range and len(times) > 2:
        return f"every hour from {times[0]} to {times[-1]}"
    return f"at {listed(times)}" if len(times) <= _MOST_TIMES else None


def _minutes_words(second: int, minute: _Part, hour: _Part) -> str | None:
    if second or hour.step:
        return None
    if minute.values and not hour.values and len(minute.values) <= _MOST_TIMES and not minute.is_range:
        return f"every hour at {listed([f':{value:02}' for value in minute.values])}"
    if minute.values:
        times = [clock(h, m) for h in hour.values for m in minute.values]
        return f"at {listed(times)}" if 0 < len(times) <= _MOST_TIMES else None
    cadence = _cadence(minute, "minute", "hour")
    if cadence is None or hour.is_all:
        return cadence
    if hour.single is not None or hour.is_range:
        return f"{cadence} from {clock(hour.values[0], 0)} to {clock(hour.values[-1], 59)}"
    return None


def _cadence(part: _Part, unit: str, whole: str) -> str | None:
    """``every minute``, ``every 5 minutes``; a step that does not divide the hour starts again with each hour."""
    if part.is_all:
        return f"every {unit}"
    if not part.step:
        return None
    size = 24 if unit == "hour" else 60
    return f"every {part.step} {unit}s" + (f" of each {whole}" if size % part.step else "")


def weekday_words(text: str) -> str | None:
    """``on weekdays``, ``on Monday and Friday``, nothing for every day; ``None`` if the field is not that simple."""
    part = _part(text, WEEKDAYS)
    if part is None or part.step:
        return None
    days = part.values
    if len(days) in (0, 7):
        return ""
    if days == (0, 1, 2, 3, 4):
        return "on weekdays"
    if days == (5, 6):
        return "on weekends"
    names = [_WEEKDAY_WORDS[day] for day in days]
    if len(days) > 2 and _is_run(days):
        return f"from {names[0]} to {names[-1]}"
    return f"on {listed(names)}"


def _day_words(text: str) -> str | None:
    if text == "last":
        return "on the last day of the month"
    turn, _, weekday = text.partition(" ")
    if turn in _TURNS and weekday in WEEKDAYS:
        return f"on the {_TURNS[turn]} {_WEEKDAY_WORDS[WEEKDAYS.index(weekday)]} of the month"
    part = _part(text)
    if part is None or part.step:
        return None
    if not part.values:
        return ""
    if len(part.values) > 2 and part.is_range:
        return f"from the {ordinal(part.values[0])} to the {ordinal(part.values[-1])} of the month"
    if len(part.values) > _MOST_TIMES:
        return None
    return f"on the {listed([ordinal(day) for day in part.values])} of the month"


def _plain_words(preposition: str, text: str) -> str | None:
    part = _part(text)
    if part is None or part.step or len(part.values) > _MOST_TIMES:
        return None
    return f"{preposition} {listed([str(value) for value in part.values])}" if part.values else ""


def _month_words(text: str) -> str | None:
    part = _part(text, MONTHS, first=1)
    if part is None or part.step:
        return None
    if not part.values:
        return ""
    names = [_MONTH_WORDS[month - 1] for month in part.values]
    if len(names) > 2 and _is_run(part.values):
        return f"from {names[0]} to {names[-1]}"
    return f"in {listed(names)}"


def _is_run(values: Iterable[int]) -> bool:
    ordered = tuple(values)
    return ordered == tuple(range(ordered[0], ordered[0] + len(ordered)))
