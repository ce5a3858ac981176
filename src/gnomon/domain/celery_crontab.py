"""Celery's crontab, as a ``cron`` trigger with the same times.

It looks like cron and is not: month, day of the month and day of the week must *all* match (cron: either day), Sunday
is 0 and never 7, ranges may wrap around (``fri-mon``), and ``*/2`` of a weekday means Sunday, Tuesday, Thursday and
Saturday. The rules are those of ``celery.schedules.crontab_parser``. Our ``cron`` wants all fields to match too, so
each field is expanded to its numbers and written down again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gnomon.errors import InvalidInput, shown

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERS = {name: number for number, name in enumerate(_WEEKDAYS)} | {name: n for n, name in enumerate(_MONTHS, 1)}
_RANGE = re.compile(r"(?P<first>\w+?)-(?P<last>\w+)(?:/(?P<step>\w+))?")
_ALL = re.compile(r"\*(?:/(?P<step>\w+))?")
#: Longer ones are no crontab, and would be expanded term by term.
_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CeleryCrontab:
    """A row of ``django_celery_beat_crontabschedule``. ``timezone`` is an IANA name."""

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"
    timezone: str = "UTC"

    @property
    def five_fields(self) -> str:
        """As it is written in a crontab."""
        return " ".join(
            field.replace(" ", "")
            for field in (self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week)
        )


def cron_arguments(crontab: CeleryCrontab) -> dict[str, str]:
    """The arguments of a ``cron`` trigger with the same times. Raises ``InvalidInput`` naming the field, for what
    Celery would not run either."""
    expanded = {
        "month": expand("month_of_year", crontab.month_of_year, range(1, 13)),
        "day": expand("day_of_month", crontab.day_of_month, range(1, 32)),
        "day_of_week": expand("day_of_week", crontab.day_of_week, range(7)),
        "hour": expand("hour", crontab.hour, range(24)),
        "minute": expand("minute", crontab.minute, range(60)),
    }
    fields = {
        "month": _written(expanded["month"], range(1, 13)),
        "day": _written(expanded["day"], range(1, 32)),
        "day_of_week": _weekdays(expanded["day_of_week"]),
        "hour": _written(expanded["hour"], range(24)),
        "minute": _written(expanded["minute"], range(60)),
    }
    # A field that is left out matches everything, as long as a smaller one is given; and the minute always is.
    given = {name: text for name, text in fields.items() if text != "*" or name == "minute"}
    return {**given, "timezone": crontab.timezone}


def expand(name: str, text: str, values: range) -> frozenset[int]:
    """The numbers that a field stands for. Raises ``InvalidInput``."""
    if len(text) > _LONGEST:
        raise InvalidInput(name, text, "it is too long for a crontab")
    try:
        numbers = frozenset(number for part in text.split(",") for number in _part(part, values))
    except ValueError as error:
        raise InvalidInput(name, text, f"Celery does not run it either: {error}") from None
    return numbers


def _part(part: str, values: range) -> Sequence[int]:
    everything = _ALL.fullmatch(part)
    if everything is not None:
        return values[:: _step(everything["step"])]
    between = _RANGE.fullmatch(part)
    if between is None:
        return (_number(part, values),)
    first, last = _number(between["first"], values), _number(between["last"], values)
    wrapped = range(first, last + 1) if first <= last else (*range(first, values.stop), *range(values.start, last + 1))
    return wrapped[:: _step(between["step"])]


def _step(text: str | None) -> int:
    step = 1 if text is None else int(text)
    if step == 0:
        raise ValueError("a step of 0")
    return step


def _number(text: str, values: range) -> int:
    try:
        number = int(text)
    except ValueError:
        named = _NUMBERS.get(text[:3].lower())
        if named is None:
            raise ValueError(f"{shown(text)} is no number and no name") from None
        number = named
    if number not in values:
        raise ValueError(f"{number} is not one of {values.start} to {values.stop - 1}")
    return number


# -- writing numbers down again


def _written(numbers: Iterable[int], values: range) -> str:
    """The shortest way to say so."""
    wanted = sorted(numbers)
    if wanted == list(values):
        return "*"
    for step in range(2, len(values) // 2 + 1):
        if wanted == list(values[::step]):
            return f"*/{step}"
    return ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in _runs(wanted))


def _weekdays(numbers: Iterable[int]) -> str:
    """By name, from Monday on: APScheduler counts from another day than Celery."""
    wanted = sorted((number - 1) % 7 for number in numbers)
    if len(wanted) == 7:
        return "*"
    names = (*_WEEKDAYS[1:], _WEEKDAYS[0])
    return ",".join(f"{names[first]}-{names[last]}" if first < last else names[first] for first, last in _runs(wanted))


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers that follow each other, as first and last; two of them each by itself."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    parted: list[tuple[int, int]] = []
    for first, last in found:
        parted += [(first, first), (last, last)] if last == first + 1 else [(first, last)]
    return parted
