"""How late runs start: of the last minute, in numbers that fit into a heartbeat."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from gnomon.engine.claims import ClaimedRun

_SPAN_SECONDS = 60.0
#: Of one group so many are looked at, and of so many groups: thousands may start in a second.
_SAMPLES, _GROUPS = 20, 600


class _Group(NamedTuple):
    at: float
    starts: int
    longest: float
    samples: tuple[float, ...]


class Lateness:
    """Notes starts group by group, as they are recorded."""

    def __init__(self) -> None:
        self._groups: deque[_Group] = deque(maxlen=_GROUPS)

    def note(self, started: Sequence[ClaimedRun], at: datetime) -> None:
        """These runs started then. A run is late by the time from which it might have started."""
        if not started:
            return
        step = -(-len(started) // _SAMPLES)
        samples = tuple((at - run.not_before).total_seconds() for run in started[::step])
        longest = (at - min(run.not_before for run in started)).total_seconds()
        self._groups.append(_Group(time.monotonic(), len(started), longest, samples))

    def summary(self) -> dict[str, Any]:
        """Of the last minute: how many runs started, how late half of them were at most, and the latest."""
        since = time.monotonic() - _SPAN_SECONDS
        groups = [group for group in tuple(self._groups) if group.at >= since]
        samples = [sample for group in groups for sample in group.samples]
        return {
            "starts": sum(group.starts for group in groups),
            "median_seconds": round(max(median(samples), 0.0), 3) if samples else None,
            "max_seconds": round(max(max(group.longest for group in groups), 0.0), 3) if groups else None,
        }
