"""The kinds of trigger that can be sent, and the way from arguments to a trigger and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from math import ceil
from types import MappingProxyType

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger

from gnomon.domain.triggers import custom
from gnomon.domain.triggers.arguments import Arguments
from gnomon.domain.triggers.calendarinterval import CALENDARINTERVAL
from gnomon.domain.triggers.cron import CRON
from gnomon.domain.triggers.crontab import CRONTAB
from gnomon.domain.triggers.date import DATE
from gnomon.domain.triggers.interval import INTERVAL
from gnomon.domain.triggers.kind import JSON, LONGEST_JITTER, TriggerDescription, TriggerKind
from gnomon.domain.triggers.zones import zone, zone_name
from gnomon.errors import InvalidTrigger

#: By the name that is sent.
KINDS: Mapping[str, TriggerKind] = MappingProxyType(
    {kind.name: kind for kind in (CRON, INTERVAL, DATE, CALENDARINTERVAL, CRONTAB)}
)

_BY_CLASS = {kind.trigger_class: kind for kind in KINDS.values()}
_DEEPEST = 8


def build(kind: str, args: Mapping[str, object], *, timezone: str | tzinfo, now: datetime | None = None) -> BaseTrigger:
    """The trigger of this kind with these arguments.

    ``timezone`` counts where the arguments name none. ``now`` (aware) is what a start that nobody gave is counted
    from; left out, it is the time of the call. An argument that is ``None`` is taken as left out.
    Raises ``InvalidTrigger`` naming the argument, its value and what is allowed. Whether the trigger ever fires,
    ``ensure_fires`` says.
    """
    description = KINDS.get(kind) if isinstance(kind, str) else None
    if description is None:
        raise InvalidTrigger("trigger", kind, f"give one of {', '.join(KINDS)}")
    if not isinstance(args, Mapping):
        raise InvalidTrigger("trigger_args", args, "give an object of arguments by name")
    for name in args:
        description.field(name)
    own_zone = args.get("timezone")
    arguments = Arguments(
        kind=description,
        values=args,
        zone=zone(timezone if own_zone is None else own_zone),
        now=datetime.now(UTC) if now is None else now,
    )
    return description.make(arguments)


def describe(trigger: BaseTrigger) -> TriggerDescription:
    """The kind of the trigger, the arguments that ``build`` makes it of again, its time zone, and words for people."""
    return _describe(trigger, _DEEPEST)


def words_for(kind: str, args: Mapping[str, object]) -> str:
    """A trigger that is given by kind and arguments, in words."""
    try:
        # The arguments of a stored declaration name their zone.
        return describe(build(kind, args, timezone="UTC")).words
    except InvalidTrigger:
        return str(args.get("repr", kind))


def jitter_of(trigger: BaseTrigger) -> int:
    """By how many seconds at most a run starts later than its nominal time; 0 for none."""
    jitter = getattr(trigger, "jitter", None)
    return ceil(min(jitter, LONGEST_JITTER)) if isinstance(jitter, int | float) and jitter > 0 else 0


def zone_of(trigger: BaseTrigger) -> tzinfo:
    """The zone in which the trigger's times are told; of a combination, that of its first part."""
    for _ in range(_DEEPEST):
        parts = getattr(trigger, "triggers", None)
        if not (isinstance(trigger, AndTrigger | OrTrigger) and parts):
            break
        trigger = parts[0]
    for found in (getattr(trigger, "timezone", None), getattr(getattr(trigger, "run_date", None), "tzinfo", None)):
        if isinstance(found, tzinfo):
            return found
    return UTC


def _describe(trigger: BaseTrigger, depth: int) -> TriggerDescription:
    kind = _BY_CLASS.get(type(trigger))
    if kind is not None:
        name, args, words = kind.name, kind.arguments_of(trigger), kind.words_of(trigger)
    elif type(trigger) in (AndTrigger, OrTrigger) and depth:
        name = "and" if type(trigger) is AndTrigger else "or"
        parts = [_describe(part, depth - 1) for part in trigger.triggers]
        args = {"triggers": [{"trigger": part.kind, "trigger_args": part.args} for part in parts]}
        words = ("whenever all agree: " if name == "and" else "") + f"; {name} ".join(part.words for part in parts)
    else:
        name, args = "custom", custom.arguments_of(trigger)
        words = args["repr"]
    return _with_jitter(trigger, name, args, words)


def _with_jitter(trigger: BaseTrigger, name: str, args: dict[str, JSON], words: str) -> TriggerDescription:
    jitter = jitter_of(trigger)
    if jitter:
        args["jitter"] = jitter
        words = f"{words}, up to {jitter} s later"
    return TriggerDescription(name, args, zone_name(zone_of(trigger)), words)
