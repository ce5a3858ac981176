"""How a run went: the moments at which it moved on, what it was from each to the next, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.run import NEVER_STARTED
from gnomon.web.standing import RUN_STATES, Look

#: Of the width of the bar, in percent: shorter ones could not be seen.
_NARROWEST = 0.6


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment at which a run moved on. ``lasted`` is how long it then stayed like that, so far if it still does
    (``is_now``); ``None`` at the end. ``more`` says what the state alone does not."""

    look: Look
    at: datetime
    lasted: timedelta | None
    more: str = ""
    is_now: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the bar, in percent of its width: waiting (``calm``) or an attempt, in the tone of its end."""

    left: float
    width: float
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime
    look: Look
    more: str = ""
    is_end: bool = False


_DUE = Look("clock", "due", "calm")
_WAITS = Look("hourglass", "waits to be tried again", "busy")
_AGAIN = Look("undo", "tried again", "busy")
_ASKED = Look("stop", "asked to end", "warn")


def stages(run: Mapping[str, Any], now: datetime) -> tuple[Stage, ...]:
    """The stages of a run, as ``Scheduler.get_run`` tells it, oldest first."""
    moments = sorted(_moments(run), key=lambda moment: moment.at)
    # One that somebody skipped ahead of its time has ended before it is due.
    has_ended = any(moment.is_end for moment in moments)
    found = []
    for place, moment in enumerate(moments):
        is_newest = place == len(moments) - 1
        until = now if is_newest else moments[place + 1].at
        is_last = moment.is_end or (is_newest and has_ended)
        lasted = None if is_last else max(until - moment.at, timedelta(0))
        found.append(Stage(moment.look, moment.at, lasted, moment.more, is_newest and not has_ended))
    return tuple(found)


def bar(run: Mapping[str, Any], now: datetime) -> tuple[Stretch, ...]:
    """Waiting and work of a run to scale, from when it was due; nothing for one that never started."""
    spans = []
    last = _at(run["scheduled_at"])
    begin = min(last, *(_at(each["started_at"]) for each in run["attempts"] if each["started_at"]), last)
    for attempt in run["attempts"]:
        if attempt["started_at"] is None:
            continue
        start = _at(attempt["started_at"])
        end = _at(attempt["finished_at"]) if attempt["finished_at"] else max(now, start)
        spans.append((last, start, "calm", "waited"))
        spans.append((start, end, RUN_STATES[attempt["state"]].tone, f"attempt {attempt['number']}"))
        last = end
    if not spans:
        return ()
    if run["state"] == "queued":
        spans.append((last, max(now, last), "calm", "waits"))
    whole = max((spans[-1][1] - begin).total_seconds(), 1e-6)
    stretches = []
    for start, end, tone, words in spans:
        left, width = (start - begin).total_seconds() / whole * 100, (end - start).total_seconds() / whole * 100
        if width > _NARROWEST or tone != "calm":
            width = max(width, _NARROWEST)
            stretches.append(Stretch(round(min(left, 100 - width), 2), round(width, 2), tone, words))
    return tuple(stretches)


def _moments(run: Mapping[str, Any]) -> list[_Moment]:
    moments = [_Moment(_at(run["scheduled_at"]), _DUE)]
    created, state = _at(run["created_at"]), run["state"]
    if state in NEVER_STARTED and run["attempt"] <= 1:
        return [*moments, _Moment(_at(run["finished_at"] or run["created_at"]), RUN_STATES[state], is_end=True)]
    moments.append(_Moment(created, RUN_STATES["queued"], "by hand" if run["cause"] == "manual" else ""))
    asked = run["cancel_requested"]
    if asked is not None:
        moments.append(_Moment(_at(asked["at"]), _ASKED, f"by {asked['by']}" if asked["by"] else ""))
    again = [change for change in run["changes"] if change["action"] == "retry"]
    moments += [_Moment(_at(change["at"]), _AGAIN, f"by {change['actor']}") for change in again]
    for place, attempt in enumerate(run["attempts"]):
        moments += _of_attempt(attempt, is_last=place == len(run["attempts"]) - 1, is_only=len(run["attempts"]) == 1)
    ended = [moment.at for moment in moments[1:] if moment.look is not _ASKED]
    if state == "queued" and run["attempt"] > 1 and max(ended) not in {_at(change["at"]) for change in again}:
        moments.append(_Moment(max(ended), _WAITS))
    return moments


def _of_attempt(attempt: Mapping[str, Any], *, is_last: bool, is_only: bool) -> list[_Moment]:
    moments = []
    if attempt["started_at"] is not None:
        more = "" if is_only else f"attempt {attempt['number']}"
        moments.append(_Moment(_at(attempt["started_at"]), RUN_STATES["running"], more))
    if attempt["finished_at"] is not None:
        moments.append(_Moment(_at(attempt["finished_at"]), RUN_STATES[attempt["state"]], is_end=is_last))
    return moments


def _at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
