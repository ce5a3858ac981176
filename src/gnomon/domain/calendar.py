"""Calendars: named sets of dates on which jobs do not run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from gnomon.domain.change import Author
from gnomon.domain.schedule import StoredDeclaration
from gnomon.domain.triggers import BaseTrigger
from gnomon.domain.triggers.kinds import zone_of
from gnomon.errors import InvalidInput

#: In place of a job's id, in the log of changes and in the names of declarations: no job's id has a slash.
LOGGED_AS = "calendar/"
#: Says why a due time is left out; ``None`` of one that is not.
Excluded = Callable[[datetime], str | None]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_DATES = 10_000
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Calendar:
    """Dates that are left out, with the word for each (a holiday's name, or nothing).

    ``until`` is the last date that it knows about; ``None``: it knows all. The holidays of a country are worked out for
    some years ahead when the calendar is made, so that every node knows the same ones, whatever it has installed.
    """

    name: str
    dates: Mapping[date, str]
    until: date | None = None

    def knows(self, day: date) -> bool:
        """Whether it says anything about a date."""
        return self.until is None or day <= self.until

    def reason(self, day: date) -> str | None:
        """Why nothing runs on a date; ``None`` if it is not left out."""
        word = self.dates.get(day)
        if word is None:
            return None
        return f"excluded by calendar {self.name}" + (f": {word}" if word else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a calendar is made from: the holidays of a country (ISO 3166 code) and perhaps one of its subdivisions,
    dates with a word for each, or both."""

    country: str | None = None
    subdivision: str | None = None
    dates: Mapping[date, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.country is None and not self.dates:
            raise InvalidInput("dates", None, "give a country, or dates that are left out")
        if self.subdivision is not None and self.country is None:
            raise InvalidInput("subdivision", self.subdivision, "give the country that it is a part of")
        if len(self.dates) > _MOST_DATES:
            raise InvalidInput("dates", len(self.dates), f"give at most {_MOST_DATES:,}")

    @classmethod
    def of(
        cls, country: str | None, subdivision: str | None, dates: Iterable[Any] | Mapping[Any, str] | None
    ) -> Definition:
        """From what people give; see ``read_dates``. Raises ``InvalidInput``."""
        return cls(country=country, subdivision=subdivision, dates={} if dates is None else read_dates(dates))

    def to_dict(self) -> dict[str, Any]:
        """The definition, JSON-ready."""
        said: dict[str, Any] = {"country": self.country, "subdivision": self.subdivision}
        said["dates"] = {day.isoformat(): word for day, word in self.dates.items()}
        return {name: value for name, value in said.items() if value}

    def to_json(self) -> str:
        """The same text for the same definition."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_json(cls, text: str) -> Definition:
        """Reads what ``to_json`` wrote."""
        return cls.from_dict(orjson.loads(text))

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Definition:
        """Reads what ``to_dict`` made."""
        return cls(country=said.get("country"), subdivision=said.get("subdivision"), dates=_days(said.get("dates", {})))

    @property
    def words(self) -> str:
        """The definition in words."""
        parts = []
        if self.country is not None:
            parts.append(f"holidays of {self.country}" + (f"-{self.subdivision}" if self.subdivision else ""))
        if self.dates:
            parts.append(f"{len(self.dates)} date" + ("" if len(self.dates) == 1 else "s"))
        return " and ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalendar:
    """A calendar as it stands in the store: what it was made from, what the code said of it last, who set it.

    ``declaration`` is of the definition as JSON text, under the name that the log gives the calendar; its token is
    empty, as no other program writes calendars.
    """

    name: str
    definition: Definition
    calendar: Calendar
    declaration: StoredDeclaration | None
    author: Author
    changed_at: datetime

    @property
    def declared(self) -> Definition | None:
        """What the code said of it last, if anything."""
        return None if self.declaration is None else Definition.from_json(self.declaration.text)

    @property
    def token(self) -> str:
        """Digest of what the calendar is made from and of the dates that came of that: it changes exactly when one of
        them does."""
        dates, until = self.calendar.dates, self.calendar.until
        told = [self.name, self.definition.to_json(), dates_text(dates), None if until is None else until.isoformat()]
        return hashlib.blake2b(orjson.dumps(told), digest_size=12).hexdigest()


class JobCalendar(NamedTuple):
    """The calendar that a job names, and what there is under that name."""

    name: str
    calendar: Calendar | None

    def problem(self, day: date) -> str | None:
        """Why it can't be said whether a job runs on a date. Then it does not: a run on a holiday is not undone."""
        if self.calendar is None:
            return f"its calendar {self.name!r} does not exist; `gnomon calendar set` makes it"
        if not self.calendar.knows(day):
            return (
                f"its calendar {self.name!r} knows no dates after {self.calendar.until}; "
                "`gnomon calendar set` works out more"
            )
        return None


def check_calendar_name(name: object) -> None:
    """A name stands in log lines, in URLs and on command lines. Raises ``InvalidInput``."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() == "none":
        allowed = "give 1 to 64 letters, digits, dots, dashes or underscores; `none` stands for no calendar"
        raise InvalidInput("calendar", name, allowed)


def read_dates(given: object) -> dict[date, str]:
    """Dates as they are given: a list of dates (``date`` or ISO text), or a mapping from them to words. Raises
    ``InvalidInput``."""
    pairs: list[tuple[object, object]]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, (list, tuple, set, frozenset)):
        pairs = [(day, "") for day in given]
    else:
        raise InvalidInput("dates", given, "give a list of dates, or a mapping from dates to words")
    return {_day(day): _word(word) for day, word in pairs}


@lru_cache(maxsize=200)
def calendar_of(name: str, dates: str, until: str | None) -> Calendar:
    """The calendar that stands in the store: a pure function of the text, which is why it may be remembered."""
    days = MappingProxyType(_days(orjson.loads(dates)))
    return Calendar(name, days, None if until is None else date.fromisoformat(until))


def dates_text(dates: Mapping[date, str]) -> str:
    """Dates as they are stored: what ``calendar_of`` reads."""
    return orjson.dumps({day.isoformat(): dates[day] for day in sorted(dates)}).decode()


def excluded_by(calendar: Calendar | None, trigger: BaseTrigger) -> Excluded | None:
    """Which due times of a trigger a calendar leaves out: those on its dates, by the clock of the trigger's zone."""
    if calendar is None:
        return None
    zone: tzinfo = zone_of(trigger)
    return lambda time: calendar.reason(time.astimezone(zone).date())


def _days(said: Mapping[str, str]) -> dict[date, str]:
    return {date.fromisoformat(day): word for day, word in said.items()}


def _day(given: object) -> date:
    if isinstance(given, datetime):
        raise InvalidInput("dates", given.isoformat(), "give dates without a time of day")
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given.strip()) if isinstance(given, str) else _refused(given)
    except ValueError:
        return _refused(given)


def _refused(given: object) -> date:
    raise InvalidInput("dates", given, "give dates as YYYY-MM-DD")


def _word(given: object) -> str:
    if not isinstance(given, str) or len(given) > _LONGEST_WORDS:
        raise InvalidInput("dates", given, f"give each date a word of at most {_LONGEST_WORDS} characters")
    return given
