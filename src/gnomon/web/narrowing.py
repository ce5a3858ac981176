"""Filters that several pages have: a span of time, and names out of a few. What is not known is left out: an old link
still shows something."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

#: Names of spans that end now, with the words for them.
SPANS = {
    "hour": (timedelta(hours=1), "last hour"),
    "day": (timedelta(days=1), "last 24 hours"),
    "week": (timedelta(days=7), "last 7 days"),
    "month": (timedelta(days=30), "last 30 days"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when. ``name`` is one of ``SPANS``; ``since`` and ``until`` are what the reader typed, by his
    clock."""

    name: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, name: str, since: str, until: str) -> Span:
        """What was asked for, without what is no time."""
        return cls(name if name in SPANS else "", since if _typed(since) else "", until if _typed(until) else "")

    def start(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Where it begins; ``None`` if it does not."""
        typed = _typed(self.since)
        if typed is not None:
            return typed.replace(tzinfo=zone) if typed.tzinfo is None else typed
        return now - SPANS[self.name][0] if self.name else None

    def end(self, zone: tzinfo) -> datetime | None:
        """Where it ends; ``None`` if it does not."""
        typed = _typed(self.until)
        if typed is None:
            return None
        return typed.replace(tzinfo=zone) if typed.tzinfo is None else typed

    def __bool__(self) -> bool:
        return bool(self.name or self.since or self.until)


def known(given: Collection[str] | None, among: Collection[str]) -> tuple[str, ...]:
    """Those of the names that there are, in their order."""
    return tuple(value for value in among if value in (given or ()))


def _typed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 9000 else None
