"""The fields of a stored job, checked for what APScheduler's ``Job`` assumes of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.schedule import Schedule
from gnomon.engine.refusals import told
from gnomon.errors import RowRefused

_LONGEST_ID = 191
_LONGEST_TEXT = 1024
_REFERENCE = re.compile(r"[^\s:]+:[^\s:]+")
# About 300 years, in seconds: further back from today, a date is still a date.
_LONGEST_GRACE_TIME = 10**10
_MOST_INSTANCES = 2**31 - 1

STORED = ("id", "func", "executor", "args", "kwargs", "name", "misfire_grace_time", "coalesce", "max_instances")
"""The fields of APScheduler's own row, but for version, trigger and next run time."""


def schedule_from(fields: Mapping[str, Any], trigger: BaseTrigger) -> Schedule:
    """The schedule of unpickled fields, with arguments as they are: they have yet to be looked at.

    Raises ``RowRefused`` that names the field.
    """
    for name in STORED:
        if name not in fields:
            raise RowRefused(f"it has no {name}")
    _number("version", fields.get("version", 1), 0, 1)
    func = _text("func", fields["func"], _LONGEST_TEXT)
    if not _REFERENCE.fullmatch(func):
        raise RowRefused(f"its func is {told(func)}, not module:name")
    args, kwargs = fields["args"], fields["kwargs"]
    if type(args) not in (tuple, list):
        raise RowRefused(f"its args are {told(args)}, not a tuple")
    if type(kwargs) is not dict or not all(type(key) is str for key in kwargs):
        raise RowRefused("its kwargs are no dict with names as keys")
    coalesce = fields["coalesce"]
    if coalesce is not None and type(coalesce) not in (bool, int):
        raise RowRefused(f"its coalesce is {told(coalesce)}, neither true nor false")
    grace_time = fields["misfire_grace_time"]
    if grace_time is not None:
        grace_time = _number("misfire_grace_time", grace_time, 1, _LONGEST_GRACE_TIME)
    return Schedule(
        job_id=_text("id", fields["id"], _LONGEST_ID),
        name=_text("name", fields["name"], _LONGEST_TEXT),
        func=sys.intern(func),
        trigger=trigger,
        executor=sys.intern(_text("executor", fields["executor"], _LONGEST_ID)),
        misfire_grace_time=grace_time,
        coalesce=bool(coalesce),
        max_instances=_number("max_instances", fields["max_instances"], 1, _MOST_INSTANCES),
        args=tuple(args),
        kwargs=kwargs,
    )


def renamed(schedule: Schedule, trigger: BaseTrigger, job_id: str, name: str) -> Schedule:
    """The schedule of fields that differ from those of another in id, name and trigger. Raises as ``schedule_from``."""
    checked_id, checked_name = _text("id", job_id, _LONGEST_ID), _text("name", name, _LONGEST_TEXT)
    return replace(schedule, job_id=checked_id, name=checked_name, trigger=trigger)


def stored_fields(schedule: Schedule) -> dict[str, Any]:
    """The other way: what a row holds for a schedule, in plain types."""
    values = (
        _plain(schedule.job_id),
        _plain(schedule.func),
        _plain(schedule.executor),
        tuple(schedule.args),
        dict(schedule.kwargs),
        _plain(schedule.name),
        _plain(schedule.misfire_grace_time),
        bool(schedule.coalesce),
        _plain(schedule.max_instances),
    )
    return dict(zip(STORED, values, strict=True))


def _text(name: str, value: object, longest: int) -> str:
    if type(value) is not str or not 0 < len(value) <= longest:
        raise RowRefused(f"its {name} is {told(value)}, not a text of 1 to {longest} characters")
    # PostgreSQL stores no NUL, and what pickle calls a text need not be one in UTF-8.
    if not value.isascii():
        value.encode()
    if "\0" in value:
        raise RowRefused(f"its {name} is {told(value)}, with a NUL in it")
    return value


def _number(name: str, value: object, lowest: int, highest: int) -> int:
    if type(value) is bool:
        value = int(value)
    if type(value) is not int or not lowest <= value <= highest:
        raise RowRefused(f"its {name} is {told(value)}, not a whole number from {lowest} to {highest}")
    return value


def _plain(value: Any) -> Any:
    """Without a subclass of ``str`` or ``int`` (enums, mostly), which would be pickled by its name."""
    if isinstance(value, str) and type(value) is not str:
        return str.__str__(value)
    return int(value) if isinstance(value, int) else value
