"""Moments and durations in words for people."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gnomon.cli.exits import BadUsage

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SECONDS = {unit: size for size, unit in _UNITS}
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


def distance(moment: datetime, now: datetime) -> str:
    """How far a moment is away: ``in 3 h``, ``2 min ago``, ``now``."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {coarse(seconds)}" if seconds > 0 else f"{coarse(-seconds)} ago"


def coarse(seconds: float) -> str:
    """A duration in its one largest unit, rounded: ``48 min``, ``3 h``, ``12 d``."""
    for size, unit in _UNITS:
        # 90 minutes are told as minutes: the larger unit only where it says enough.
        if seconds >= size * (2 if size > 1 else 1):
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def duration(span: timedelta) -> str:
    """A duration as it is measured: ``40 ms``, ``1.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 3 min``."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", "s")
    return _two(whole // 60, 60, "h", "min") if whole < 86400 else _two(whole // 3600, 24, "d", "h")


def _two(value: int, factor: int, large: str, small: str) -> str:
    whole, rest = divmod(value, factor)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


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
