"""The last runs of a job as a strip of bars: how each ended by shape and colour, how long it took by height."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gnomon.domain.run import FINISHED, RunState
from gnomon.domain.run_query import RunOutline
from gnomon.domain.spans import duration
from gnomon.web.standing import RUN_STATES

MOST = 20
#: Pixels.
HEIGHT, STEP = 24, 7
_LOWEST = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One run. ``shape`` is a class of the style sheet, beside ``tone``: ended, never (started), active."""

    x: int
    y: int
    height: int
    tone: str
    shape: str
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """What is to be noticed bar by bar, and as one path the runs that succeeded: a page has a thousand of these."""

    bars: tuple[Bar, ...]
    path: str
    words: str
    width: int = MOST * STEP


def strip(runs: Sequence[RunOutline], now: datetime) -> Strip:
    """The strip of runs, the oldest first. The longest of them is as high as the strip."""
    shown = list(runs)[-MOST:]
    seconds = [_seconds(run, now) for run in shown]
    longest = max(seconds, default=0.0)
    offset = MOST - len(shown)
    bars = [
        _bar(run, took, longest, (offset + place) * STEP)
        for place, (run, took) in enumerate(zip(shown, seconds, strict=True))
    ]
    usual = [bar for bar in bars if bar.tone == "good"]
    # As strokes: half as many letters as outlines. The style sheet says how wide they are.
    path = "".join(f"M{bar.x} {HEIGHT + 1}V{bar.y + 1}" for bar in usual)
    return Strip(tuple(bar for bar in bars if bar.tone != "good"), path, _sentence(shown, now))


def _bar(run: RunOutline, seconds: float, longest: float, x: int) -> Bar:
    look = RUN_STATES[run.state.value]
    if run.state.is_active:
        shape, height = "active", HEIGHT
    elif run.state in FINISHED:
        # By the root: a run of a tenth of the longest can still be seen.
        share = math.sqrt(seconds / longest) if longest else 0.0
        shape, height = "ended", max(round(share * HEIGHT), _LOWEST)
    else:
        shape, height = "never", _LOWEST
    took = f", {duration(run.finished_at - run.started_at)}" if run.finished_at and run.started_at else ""
    words = f"{look.word}{took}, due {run.scheduled_at:%Y-%m-%d %H:%M:%S} UTC"
    return Bar(x, HEIGHT - height, height, look.tone, shape, words)


def _sentence(runs: Sequence[RunOutline], now: datetime) -> str:
    if not runs:
        return "has not run yet"
    counts = Counter(run.state for run in runs)
    parts = [f"{counts[state]} {RUN_STATES[state.value].word}" for state in RunState if counts[state]]
    spans = [timedelta(seconds=_seconds(run, now)) for run in runs if run.started_at and run.finished_at]
    took = f"; took {duration(min(spans))} to {duration(max(spans))}" if spans else ""
    newest = RUN_STATES[runs[-1].state.value].word
    return f"last {len(runs)} runs: {', '.join(parts)}; the newest {newest}{took}"


def _seconds(run: RunOutline, now: datetime) -> float:
    if run.started_at is None:
        return 0.0
    return max(((run.finished_at or now) - run.started_at).total_seconds(), 0.0)
