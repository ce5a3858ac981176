"""Triggers of an application's own classes, as tables that were adopted may hold them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.triggers.kind import JSON
from gnomon.errors import InvalidTrigger, shown

_MICROSECOND = timedelta(microseconds=1)
_MOST_CALLS = 100
_LONGEST_TEXT = 256
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def fire_after(trigger: BaseTrigger, previous: datetime | None, now: datetime) -> datetime | None:
    """What the trigger says, if it is a time later than ``previous``, or else than ``now``.

    Raises ``InvalidTrigger`` when it raises, answers nonsense or does not get ahead.
    """
    after = now if previous is None else previous
    for _ in range(_MOST_CALLS):
        fire = _ask(trigger, previous, after + _MICROSECOND)
        if fire is None or fire > after:
            return fire
        if previous is not None and fire <= previous:
            break
        previous = fire
    raise InvalidTrigger("trigger", _text(trigger), "it gives no time later than the one before")


def arguments_of(trigger: BaseTrigger) -> dict[str, JSON]:
    """The class, and the trigger's own text, bounded."""
    return {"class": f"{type(trigger).__module__}:{type(trigger).__qualname__}", "repr": _text(trigger)}


def _ask(trigger: BaseTrigger, previous: datetime | None, now: datetime) -> datetime | None:
    # Code that we do not know runs here: whatever it raises must not end the loop that asks, nor the program.
    try:
        answer = trigger.get_next_fire_time(previous, now)
    except (Exception, SystemExit) as error:
        raise InvalidTrigger("trigger", _text(trigger), f"its calculation failed: {shown(error)}") from error
    if answer is None:
        return None
    if not isinstance(answer, datetime) or answer.tzinfo is None:
        raise InvalidTrigger("trigger", _text(trigger), f"it answered {shown(answer)} instead of a time with a zone")
    return answer.astimezone(UTC)


def _text(trigger: BaseTrigger) -> str:
    try:
        text = str(trigger)
    except (Exception, SystemExit):
        text = f"a {type(trigger).__name__} that cannot be shown"
    # Python's own text of an object names its address, which is another at each decoding: the token would be, too.
    text = _ADDRESS.sub("", text)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
