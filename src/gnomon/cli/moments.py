"""Moments and durations in words for people."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gnomon.cli.exits import BadUsage
from gnomon.domain.spans import UNITS, coarse, distance, duration

__all__ = ["coarse", "distance", "duration", "full", "given", "local", "short"]

_SECONDS = {unit: size for size, unit in UNITS}
_AGO = re.compile(r"(\d{1,6})\s*(s|min|h|d)")


def given(option: str, text: str, now: datetime) -> datetime:
    """A moment as people give it to an option: ISO 8601 (by this machine's clock where it has no offset), or how long
    ago, such as ``90min`` or ``7d``."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        allowed = "give a time such as 2026-03-01T04:00, or how long ago: 90min, 12h, 7d"
        raise BadUsage(f"{option}: {text!r} is no time; {allowed}") from None


def short(moment: datetime, now: datetime, *, to_the_second: bool = False) -> str:
    """A moment by the clock of its own zone, as short as is clear: ``14:00``, ``Tue 14:00``, ``2027-03-01 14:00``.

    The zone is named where it is not the one of this machine.
    """
    there = now.astimezone(moment.tzinfo)
    time = moment.strftime("%H:%M:%S" if moment.second or to_the_second else "%H:%M")
    days = (moment.date() - there.date()).days
    if days == 0:
        text = time
    elif 0 < days < 7:
        text = f"{moment:%a} {time}"
    else:
        text = f"{moment:%Y-%m-%d} {time}"
    return text if moment.utcoffset() == moment.astimezone().utcoffset() else f"{text} {moment:%Z}"


def full(moment: datetime) -> str:
    """A moment without any doubt: ``Tue 2026-10-20 03:00:00 CEST``."""
    return moment.strftime("%a %Y-%m-%d %H:%M:%S %Z")


def local(moment: datetime) -> datetime:
    """The moment in the zone of this machine."""
    return moment.astimezone()
