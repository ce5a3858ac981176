"""The runs of a job over time: how long each took, and how it ended; drawn on the server."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from gnomon.domain.run import FINISHED, RunState
from gnomon.domain.run_query import RunOutline
from gnomon.domain.spans import duration
from gnomon.web.standing import RUN_STATES

MOST = 60
#: Pixels: of the drawing, and of what lies under the line of zero.
HEIGHT, FOOT = 120, 14

_LEFT, _RIGHT = 1.0, 98.0
_SMALLEST = 3.0
#: Seconds, as people divide a minute, an hour, a day.
_ROUND = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_LONGER = (7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Pillar:
    """One run. ``x`` is in percent, ``height`` in pixels; ``shape`` is ended, never (started) or active."""

    run: RunOutline
    x: float
    height: float
    tone: str
    shape: str
    took: str


@dataclass(frozen=True, slots=True)
class History:
    """What is drawn. ``usual`` is the median of what succeeded, with its height; ``top`` the scale's highest value."""

    pillars: tuple[Pillar, ...]
    counts: tuple[tuple[str, int], ...]
    top: str
    usual: tuple[float, str] | None
    words: str
    first: datetime | None
    last: datetime | None


def history(runs: Sequence[RunOutline], now: datetime) -> History:
    """The history of runs, the oldest first. Places are by scheduled time, so that an outage is a gap."""
    shown = sorted(runs, key=lambda run: (run.scheduled_at, run.id))[-MOST:]
    seconds = [_seconds(run, now) for run in shown]
    highest = _round_up(max(seconds, default=0.0))
    first, last = (shown[0].scheduled_at, shown[-1].scheduled_at) if shown else (None, None)
    pillars = tuple(
        _pillar(run, took, highest, _place(run.scheduled_at, shown[0].scheduled_at, shown[-1].scheduled_at))
        for run, took in zip(shown, seconds, strict=True)
    )
    counts = Counter(run.state for run in shown)
    counted = tuple((state.value, counts[state]) for state in RunState if counts[state])
    well = [took for run, took in zip(shown, seconds, strict=True) if run.state is RunState.SUCCEEDED]
    usual = median(well) if len(well) > 2 else None
    return History(
        pillars=pillars,
        counts=counted,
        top=duration(timedelta(seconds=highest)),
        usual=None if usual is None else (_height(usual, highest), duration(timedelta(seconds=usual))),
        words=_sentence(counted, usual),
        first=first,
        last=last,
    )


def _pillar(run: RunOutline, seconds: float, highest: float, x: float) -> Pillar:
    look = RUN_STATES[run.state.value]
    took = "" if run.started_at is None else duration(timedelta(seconds=seconds))
    if run.state.is_active:
        shape, height = "active", max(_height(seconds, highest), _SMALLEST)
    elif run.state in FINISHED and run.started_at is not None:
        shape, height = "ended", max(_height(seconds, highest), _SMALLEST)
    else:
        shape, height = "never", 0.0
    return Pillar(run, x, round(height, 1), look.tone, shape, took)


def _place(moment: datetime, first: datetime, last: datetime) -> float:
    span = last - first
    share = (moment - first) / span if span else 1.0
    return round(_LEFT + share * (_RIGHT - _LEFT), 2)


def _height(seconds: float, highest: float) -> float:
    return round(seconds / highest * HEIGHT, 1) if highest else 0.0


def _round_up(seconds: float) -> float:
    for step in (*_ROUND, *_LONGER):
        if seconds <= step:
            return step
    return float(math.ceil(seconds / 86400) * 86400)


def _sentence(counts: Sequence[tuple[str, int]], usual: float | None) -> str:
    if not counts:
        return "It has not run yet."
    total = sum(count for _, count in counts)
    parts = ", ".join(f"{count} {RUN_STATES[state].word}" for state, count in counts)
    took = f" It usually takes {duration(timedelta(seconds=usual))}." if usual is not None else ""
    return f"The last {total} runs: {parts}.{took}" if total > 1 else f"One run: {parts}.{took}"


def _seconds(run: RunOutline, now: datetime) -> float:
    if run.started_at is None:
        return 0.0
    return max(((run.finished_at or now) - run.started_at).total_seconds(), 0.0)
