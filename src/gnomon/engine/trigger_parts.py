"""What the stored states of triggers are made of: attributes, numbers, zones and moments.

Each is read into a part of a shape, which raises ``RowRefused`` if it is not what it should be, and made real again.

Parts are immutable and compared exactly. (Comparing the values themselves would not do: datetimes of one instant in two
zones are equal, and so are 5 and 5.0.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from gnomon.domain.triggers.zones import zone as zone_of
from gnomon.engine.pickled_values import PytzZone
from gnomon.engine.refusals import told
from gnomon.errors import RowRefused

Part = tuple[Any, ...]

_LONGEST_JITTER = 10**9


def attributes_of(real: type, state: object, known: set[str], *, version: int = 1) -> Mapping[str, Any]:
    """The state of a ``real``, if it has no other attributes than those known, and no later version."""
    name = real.__name__
    if type(state) is tuple and len(state) == 2:  # APScheduler 3.0: (None, slots)
        state = state[1]
    if type(state) is not dict:
        raise RowRefused(f"its {name} has no state")
    for key in state:
        if type(key) is not str or (key not in known and key != "version"):
            raise RowRefused(f"its {name} has the unknown attribute {told(key)}")
    number(state.get("version", 1), 0, version, f"version of its {name}")
    return state


def number(value: object, lowest: int, highest: int, what: str) -> int:
    """A whole number within its limits."""
    if type(value) is not int or not lowest <= value <= highest:
        raise RowRefused(f"the {what} is {told(value)}, not a whole number from {lowest} to {highest}")
    return value


def jitter_part(state: Mapping[str, Any]) -> tuple[str, Any]:
    """The jitter, in seconds, behind the name of its type."""
    jitter = state.get("jitter")
    if type(jitter) is bool:
        jitter = int(jitter)
    if jitter is not None and (
        type(jitter) not in (int, float) or not math.isfinite(jitter) or not 0 <= jitter <= _LONGEST_JITTER
    ):
        raise RowRefused(f"the jitter of its trigger is {told(jitter)}")
    return type(jitter).__name__, jitter


def zone_part(value: object) -> Any:
    """A named zone as it is, a fixed offset as what makes it."""
    if type(value) is ZoneInfo:
        return value
    if type(value) is timezone:
        return value.__getinitargs__()  # type: ignore[attr-defined]
    if type(value) is PytzZone:
        return value.zone
    if type(value) is str:
        return zone_part(zone_of(value))
    raise RowRefused(f"the time zone of its trigger is {told(value)}")


def real_zone(part: Any) -> tzinfo:
    """The zone of such a part."""
    return part if isinstance(part, ZoneInfo) else timezone(*part)


def moment_part(value: object, what: str) -> Part:
    """An aware datetime: local time, fold and zone."""
    if type(value) is not datetime or value.tzinfo is None:
        raise RowRefused(f"the {what} of its trigger is {told(value)}, not a time with a zone")
    # At both ends of the calendar, a datetime exists that has no counterpart in UTC.
    value.astimezone(UTC)
    return value.replace(tzinfo=None), value.fold, zone_part(value.tzinfo)


def moment_or_none(value: object, what: str) -> Part | None:
    """The same where there need be none."""
    return None if value is None else moment_part(value, what)


def real_moment(part: Part | None) -> datetime | None:
    """The datetime of such a part."""
    if part is None:
        return None
    local, fold, zone = part
    moment: datetime = local.replace(tzinfo=real_zone(zone), fold=fold)
    return moment


def day(value: object, what: str) -> date:
    """A date; of a datetime, which APScheduler takes too, its date."""
    if type(value) is datetime:
        return value.date()
    if type(value) is not date:
        raise RowRefused(f"the {what} of its trigger is {told(value)}, not a date")
    return value
