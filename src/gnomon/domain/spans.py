"""How far away a moment is, and how long something took, in words for people."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

#: Seconds of each unit, the largest first.
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

_SPAN = re.compile(r"(?P<count>\d{1,6}) ?(?P<unit>min|m|h|d|w)", re.ASCII)
_NAMES = {"min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span_of(text: str) -> timedelta | None:
    """The span that people write as ``30min``, ``2h``, ``3d`` or ``1w``; ``None`` if it is none."""
    found = _SPAN.fullmatch(text.strip())
    return None if found is None else timedelta(**{_NAMES[found["unit"]]: int(found["count"])})


def distance(moment: datetime, now: datetime) -> str:
    """How far a moment is away: ``in 3 h``, ``2 min ago``, ``now``."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {coarse(seconds)}" if seconds > 0 else f"{coarse(-seconds)} ago"


def coarse(seconds: float) -> str:
    """A duration in its one largest unit, rounded: ``48 min``, ``3 h``, ``12 d``."""
    for size, unit in UNITS:
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
