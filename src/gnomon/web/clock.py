"""Moments as a page tells them: how far away, by the reader's clock, by the job's, and without any doubt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from gnomon.domain.spans import coarse, distance, duration
from gnomon.domain.triggers import zone
from gnomon.errors import InvalidTrigger

#: Seconds that a due time may be past before a page calls it late: the loop needs a moment.
_LATE = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the words of a page. ``there`` is by the clock of the job's zone, where that is another than the
    reader's; otherwise empty."""

    iso: str
    far: str
    until: str
    short: str
    there: str
    exact: str
    is_past: bool


class Clock:
    """Tells moments as of ``now`` to a reader in ``zone``."""

    def __init__(self, now: datetime, zone: tzinfo) -> None:
        self.now = now
        self.zone = zone

    def __call__(self, moment: datetime | str, zone_name: str | None = None) -> Moment:
        """A moment, given as such or as ISO 8601; ``zone_name`` is the zone of the job that it is about."""
        given = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        here, there = given.astimezone(self.zone), given.astimezone(_zone(zone_name) or self.zone)
        is_same = here.utcoffset() == there.utcoffset()
        exact = _exact(here) if is_same else f"{_exact(there)} = {_exact(here)}"
        return Moment(
            iso=f"{given.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z",
            far=distance(given, self.now),
            until=self._until(given),
            short=self.short(here),
            there="" if is_same else f"{self.short(there)} {_name(there)}",
            exact=exact,
            is_past=given <= self.now,
        )

    def short(self, moment: datetime) -> str:
        """As short as is clear: ``14:00``, ``Tue 14:00``, ``2027-03-01 14:00``."""
        time = moment.strftime("%H:%M:%S" if moment.second else "%H:%M")
        days = (moment.date() - self.now.astimezone(moment.tzinfo).date()).days
        if days == 0:
            return time
        return f"{moment:%a} {time}" if 0 < days < 7 else f"{moment:%Y-%m-%d} {time}"

    def clock_time(self, moment: datetime) -> str:
        """The time of a day that is named already: ``14:03:05``."""
        return f"{moment.astimezone(self.zone):%H:%M:%S}"

    def day(self, day: date) -> str:
        """A day: ``Today``, ``Yesterday``, ``Tuesday, 24 November 2026``."""
        ago = (self.now.astimezone(self.zone).date() - day).days
        name = f"{day:%A}, {day.day} {day:%B %Y}"
        return f"{('Today', 'Yesterday')[ago]}, {name}" if 0 <= ago < 2 else name

    @property
    def time(self) -> str:
        """Now, by the reader's clock."""
        return f"{self.now.astimezone(self.zone):%H:%M:%S}"

    @property
    def epoch(self) -> int:
        """Now, in milliseconds since 1970: the script reckons with the server's clock."""
        return int(self.now.timestamp() * 1000)

    def since(self, moment: datetime | str) -> str:
        """How long ago, without "ago": for what still goes on."""
        given = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return coarse(max((self.now - given).total_seconds(), 0))

    def took(self, started: datetime | str | None, finished: datetime | str | None) -> str:
        """How long something took, or has taken so far."""
        if started is None:
            return "–"
        first, last = (datetime.fromisoformat(m) if isinstance(m, str) else m for m in (started, finished))
        return duration((last or self.now) - first) if first is not None else "–"

    def _until(self, moment: datetime) -> str:
        late = (self.now - moment).total_seconds()
        if late < 0:
            return distance(moment, self.now)
        return "now" if late < _LATE else f"{coarse(late)} late"


def _exact(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M:%S} {_name(moment)}"


def _name(moment: datetime) -> str:
    name = moment.strftime("%Z")
    # Many zones have no abbreviation but their offset, which reads badly alone.
    return f"UTC{name}" if name[:1] in "+-" and name else name


def _zone(name: str | None) -> tzinfo | None:
    try:
        return None if name is None else zone(name)
    except InvalidTrigger:
        return None
