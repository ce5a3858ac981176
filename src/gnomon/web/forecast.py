"""What a change of a trigger would do: the next fire times beside those of today, and what one should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from gnomon.domain.spans import coarse
from gnomon.domain.triggers import BaseTrigger, due_times, upcoming
from gnomon.errors import InvalidTrigger
from gnomon.operations.closeup import MOST_COUNTED

SPAN = timedelta(days=30)

#: More runs than this are told by the rate of the first ones.
_COUNTED = 800
_SOON = timedelta(minutes=1)
#: A missing hour in a month is nothing that people would notice.
_NEAR = timedelta(days=2)
#: So many jobs at one second are a herd.
_MANY = 5


@dataclass(frozen=True, slots=True)
class Count:
    """How many times a trigger fires within the span; ``is_exact``: or about so many."""

    number: int
    is_exact: bool

    @property
    def words(self) -> str:
        """``about 8,640``."""
        return f"{'' if self.is_exact else 'about '}{self.number:,}"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that one should know before saving."""

    tone: str
    icon: str
    words: str


@dataclass(frozen=True, slots=True)
class Side:
    """When a trigger fires: in words, its next times, and how often in the next 30 days (``None``: not known)."""

    words: str
    times: tuple[datetime, ...]
    count: Count | None
    timezone: str | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Today and after saving. ``today`` is ``None`` for a job that is to be added, ``then`` where there is a
    ``problem``. ``is_same``: the trigger was not touched."""

    today: Side | None
    then: Side | None
    warnings: tuple[Warned, ...] = ()
    problem: str = ""
    is_same: bool = False


def runs_within(trigger: BaseTrigger, first: datetime | None, now: datetime) -> Count | None:
    """How many times a trigger fires in the next 30 days, from ``first`` on. ``None``: that cannot be told."""
    end = now + SPAN
    if first is None or first > end:
        return Count(0, True)
    try:
        found = due_times(trigger, first=first, now=end, limit=_COUNTED)
        if found.count is not None:
            return Count(found.count, True)
        some = upcoming(trigger, now=first, count=_COUNTED)
    except (InvalidTrigger, ValueError):
        return None
    span = some[-1] - first if some else timedelta()
    return Count(round(len(some) * (end - first) / span), False) if span else None


def warnings(
    times: Sequence[datetime], now: datetime, *, timezone: str, beside: int, is_paused: bool = False
) -> list[Warned]:
    """What one should know of the next fire times of a trigger, which are in its zone."""
    found = []
    if is_paused:
        found.append(Warned("note", "pause", "The job is paused: none of this fires until it is resumed."))
    elif times and times[0] - now < _SOON:
        seconds = max((times[0] - now).total_seconds(), 0)
        found.append(Warned("warn", "run", f"It fires at once: {coarse(seconds)} after it is saved."))
    found += [_clocks(before, after, timezone) for before, after in _changes(times)]
    if beside:
        jobs = "1 other job is" if beside == 1 else f"{beside:,} other jobs are"
        if beside >= MOST_COUNTED:
            jobs = f"{MOST_COUNTED:,} other jobs or more are"
        advice = " Another minute, or jitter, spreads the load." if beside >= _MANY else ""
        found.append(
            Warned(
                "warn" if beside >= _MANY else "note", "merge", f"{jobs} due in the same second as it first is.{advice}"
            )
        )
    return found


def _changes(times: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Where the clocks change between two times, and one could notice."""
    return [
        (before, after)
        for before, after in pairwise(times)
        if before.utcoffset() != after.utcoffset() and (after - before <= _NEAR or before.time() != after.time())
    ]


def _clocks(before: datetime, after: datetime, timezone: str) -> Warned:
    shift = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    direction = "forward" if shift > timedelta() else "back"
    gap = after.astimezone(UTC) - before.astimezone(UTC)
    is_same_clock = before.time() == after.time()
    then = (
        f"the time on the clock stays the same, and {coarse(gap.total_seconds())} lie between them"
        if is_same_clock
        else f"the time on the clock becomes {after:%H:%M}"
    )
    words = (
        f"The clocks in {timezone} go {direction} by {coarse(abs(shift).total_seconds())} between "
        f"{before:%a %Y-%m-%d} and {after:%a %Y-%m-%d}: {then}."
    )
    return Warned("note", "clock", words)
