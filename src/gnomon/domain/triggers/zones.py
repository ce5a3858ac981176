"""Time zones by name, without the surprises of looking one up in the file system."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gnomon.errors import InvalidTrigger

_ALLOWED = "give an IANA time zone such as Europe/Berlin"
_LONGEST_NAME = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z][A-Za-z0-9_+-]*){0,2}")
_OFFSET = re.compile(r"UTC([+-])(\d\d):([0-5]\d)(?::([0-5]\d))?")
# Present on some machines only, and not what they seem: leap seconds counted in, or whatever this machine has set.
_NOT_PORTABLE = ("posix/", "right/", "localtime", "posixrules")


def zone(value: object) -> tzinfo:
    """The time zone that a name or a zone object stands for.

    Takes an IANA name, ``UTC+02:00`` (a fixed offset, as tables that were adopted hold), or any ``tzinfo`` that has
    such a name. Raises ``InvalidTrigger`` of the field ``timezone``. A name is checked before the file system sees
    it: ``ZoneInfo`` itself raises half a dozen unrelated errors for directories, long names and ``../``.
    """
    name = zone_name(value) if isinstance(value, tzinfo) else value
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise InvalidTrigger("timezone", value, _ALLOWED)
    if name == "UTC":
        return UTC
    if offset := _OFFSET.fullmatch(name):
        return _fixed(value, offset)
    if not _NAME.fullmatch(name) or name.startswith(_NOT_PORTABLE):
        raise InvalidTrigger("timezone", value, _ALLOWED)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidTrigger("timezone", value, _ALLOWED) from None


def zone_name(zone: tzinfo | None) -> str:
    """The name by which ``zone()`` finds the same time zone again: IANA, ``UTC`` or ``UTC+02:00``.

    A zone object without a name is shown as text, which ``zone()`` refuses.
    """
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    if isinstance(zone, timezone):
        # str() would show a name given to the offset ("EST"), which is something else than the zone of that name.
        return str(timezone(zone.utcoffset(None)))
    name = getattr(zone, "zone", None)  # pytz
    return name if isinstance(name, str) else str(zone)[:_LONGEST_NAME]


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The same instant as local time that really exists in ``zone``; one without a zone is meant in ``zone``."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    # By way of UTC: astimezone() to the zone that it already has returns even a time that the clocks skipped.
    return moment.astimezone(UTC).astimezone(zone)


def _fixed(value: object, offset: re.Match[str]) -> tzinfo:
    sign, hours, minutes, seconds = offset.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    if shift >= timedelta(days=1):
        raise InvalidTrigger("timezone", value, _ALLOWED)
    return timezone(-shift if sign == "-" else shift)
