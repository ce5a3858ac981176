"""Dates, times and zones from their pickled form, checked.

``datetime`` unpickles by copying ten bytes into place and looks at one of them: a day 255 or an hour 200 goes through,
and C code that trusts it follows. So everything is built here by the constructors that check.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from gnomon.domain.triggers.zones import zone
from gnomon.engine.refusals import told
from gnomon.errors import InvalidTrigger

_LONGEST_DECIMAL = 1_000
_LONGEST_ZONE_NAME = 64
_LAST_ZONE_MINUTE = 24 * 60 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Zones are shared by the whole process. Where they are written in Python (not in CPython), a row could set attributes
# of the shared one; there each row gets its own.
_lookup = ZoneInfo.no_cache if hasattr(ZoneInfo("UTC"), "__dict__") else ZoneInfo


def zone_named(name: object) -> ZoneInfo:
    """The IANA zone of this name. Raises ``ValueError``; the file system never sees a name that is none."""
    if type(name) is not str or not 0 < len(name) <= _LONGEST_ZONE_NAME:
        raise ValueError(f"{told(name)} is no name of a time zone")
    try:
        if name != "UTC" and not isinstance(zone(name), ZoneInfo):
            raise ValueError(f"{told(name)} is no name of a time zone")
        return _lookup(name)
    except InvalidTrigger:
        raise ValueError(f"there is no time zone {told(name)} on this machine") from None


class PytzZone:
    """What stands for a zone of pytz in tables of APScheduler before 3.10: the zone, and the one offset of it that the
    datetime was made with. It never leaves the decoder.
    """

    __slots__ = ("offset", "zone")
    zone: tzinfo
    offset: timedelta | None

    def __init__(self, zone: tzinfo, offset: timedelta | None) -> None:
        object.__setattr__(self, "zone", zone)
        object.__setattr__(self, "offset", offset)

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("a time zone can't be changed")

    def place(self, local: datetime) -> datetime:
        """The instant that pytz meant, in today's zone."""
        placed = local.replace(tzinfo=self.zone)
        if self.offset is None or placed.utcoffset() == self.offset:
            return placed
        return (local - self.offset).replace(tzinfo=UTC, fold=0).astimezone(self.zone)


def pytz_zone(name: object, utcoffset: object = None, _dst: object = None, _name: object = None) -> PytzZone:
    """``pytz._p``: a named zone, at one of its offsets in seconds."""
    if utcoffset is not None and (type(utcoffset) is not int or abs(utcoffset) > _LAST_ZONE_MINUTE * 60):
        raise ValueError(f"{told(utcoffset)} is no offset of a time zone")
    return PytzZone(zone_named(name), None if utcoffset is None else timedelta(seconds=utcoffset))


def pytz_utc() -> tzinfo:
    """``pytz._UTC``."""
    return UTC


def pytz_offset(minutes: object) -> tzinfo:
    """``pytz.FixedOffset``."""
    if type(minutes) is not int or abs(minutes) > _LAST_ZONE_MINUTE:
        raise ValueError(f"{told(minutes)} is no offset of a time zone")
    return timezone(timedelta(minutes=minutes))


def unpickled_zone(key: object, _from_cache: object = 1) -> ZoneInfo:
    """``ZoneInfo._unpickle``."""
    return zone_named(key)


def datetime_of(state: object, zone: object = None) -> datetime:
    """A datetime from the ten bytes and the zone that it pickles as."""
    if type(state) is not bytes or len(state) != 10:
        raise ValueError("a datetime is stored in another form than Python writes")
    year, month, day, hour, minute, second = state[0] << 8 | state[1], *state[2:7]
    moment = datetime(year, month & 0x7F, day, hour, minute, second, int.from_bytes(state[7:], "big"), fold=month >> 7)
    if zone is None:
        return moment
    if type(zone) is PytzZone:
        return zone.place(moment)
    return moment.replace(tzinfo=_checked(zone))


def fire_time(moment: object) -> datetime | None:
    """A stored next run time, if it is one: none, or a datetime with a zone from 1970 on. Raises ``ValueError``."""
    if moment is None:
        return None
    if type(moment) is not datetime or moment.tzinfo is None:
        raise ValueError(f"its next run time is {told(moment)}, not a time with a zone")
    # At the end of the calendar, a datetime exists that has no counterpart in UTC.
    if moment.astimezone(UTC) < _EPOCH:
        raise ValueError(f"its next run time is {told(moment)}, before 1970")
    return moment


def date_of(state: object) -> date:
    """A date from the four bytes that it pickles as."""
    if type(state) is not bytes or len(state) != 4:
        raise ValueError("a date is stored in another form than Python writes")
    return date(state[0] << 8 | state[1], state[2], state[3])


def time_of(state: object, zone: object = None) -> time:
    """A time of day from the six bytes and the zone that it pickles as."""
    if type(state) is not bytes or len(state) != 6:
        raise ValueError("a time is stored in another form than Python writes")
    hour, minute, second = state[0] & 0x7F, state[1], state[2]
    of_day = time(hour, minute, second, int.from_bytes(state[3:], "big"), fold=state[0] >> 7)
    if zone is None:
        return of_day
    return of_day.replace(tzinfo=zone.zone if type(zone) is PytzZone else _checked(zone))


def timedelta_of(days: object, seconds: object = 0, microseconds: object = 0) -> timedelta:
    """A duration from its three whole numbers."""
    if type(days) is not int or type(seconds) is not int or type(microseconds) is not int:
        raise ValueError("a timedelta is stored in another form than Python writes")
    return timedelta(days, seconds, microseconds)


def timezone_of(offset: object, name: object = None) -> timezone:
    """A fixed offset, with a name or without."""
    if type(offset) is not timedelta:
        raise ValueError("a timezone is stored in another form than Python writes")
    if name is None:
        return timezone(offset)
    if type(name) is not str or len(name) > _LONGEST_ZONE_NAME:
        raise ValueError(f"{told(name)} is no name of a time zone")
    return timezone(offset, name)


def decimal_of(digits: object) -> Decimal:
    """A decimal number from its text."""
    if type(digits) is not str or len(digits) > _LONGEST_DECIMAL:
        raise ValueError("a Decimal is stored in another form than Python writes")
    return Decimal(digits)


def set_of(members: object = ()) -> set[object]:
    """A set from the list that it pickles as."""
    return set(_listed(members))


def frozenset_of(members: object = ()) -> frozenset[object]:
    """A frozenset from the list that it pickles as."""
    return frozenset(_listed(members))


def empty_bytes() -> bytes:
    """``bytes()``, the form that protocol 2 has for no bytes. With an argument it would allocate what a row says."""
    return b""


def encoded(text: object, encoding: object) -> bytes:
    """``_codecs.encode(…, "latin1")``, the form that protocol 2 has for bytes."""
    if type(text) is not str or encoding != "latin1":
        raise ValueError("bytes are stored in another form than Python writes")
    return text.encode("latin-1")


def _checked(zone: object) -> tzinfo:
    if type(zone) in (ZoneInfo, timezone):
        assert isinstance(zone, tzinfo)
        return zone
    raise ValueError(f"{told(type(zone).__name__)} is no time zone that a row may hold")


def _listed(members: object) -> list[object] | tuple[object, ...]:
    if type(members) not in (list, tuple):
        raise ValueError("a set is stored in another form than Python writes")
    assert isinstance(members, list | tuple)
    return members
