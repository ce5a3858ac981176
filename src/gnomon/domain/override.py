"""Overrides: the fields of a schedule that an operator changed, and what becomes of them when the code changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final

from gnomon.domain.change import Author

#: The fields that can be overridden, each by itself. A trigger counts with its time zone and jitter as one. ``kwargs``
#: are those of a job that was added for a task; others have theirs from the code.
FIELDS: Final = ("trigger", "enabled", "misfire_grace_time", "coalesce", "max_instances", "calendar", "kwargs")


class Default(Enum):
    """In place of a value: as the code says."""

    DEFAULT = "default"


DEFAULT: Final = Default.DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One of ``FIELDS`` that was changed from ``base``, which the code declared then, to ``value``. Both are JSON; a
    trigger is ``[kind, arguments]``."""

    job_id: str
    field: str
    value: Any
    base: Any
    author: Author
    changed_at: datetime
    expires_at: datetime | None = None


class Fate(StrEnum):
    """What a start makes of one field."""

    SAME = "same"
    """Neither code nor operator changed it."""
    FOLLOWS = "follows"
    """The code changed it, and the schedule follows."""
    STAYS = "stays"
    """An operator changed it. If the code did too, that is shown as *default moved*."""
    DISSOLVES = "dissolves"
    """The code now says what the operator said: the override has nothing left to say."""


def fate(field: str, *, base: Any, declared: Any, override: Override | None) -> Fate:
    """The three-way merge of one field: what the code said at the last start, what it says now, what an operator
    made of it."""
    if override is None:
        return Fate.SAME if is_same(field, base, declared) else Fate.FOLLOWS
    return Fate.DISSOLVES if is_same(field, override.value, declared) else Fate.STAYS


def is_moved(override: Override, declared: Any) -> bool:
    """Whether the code has changed its mind since the override was made (*default moved*)."""
    return not is_same(override.field, override.base, declared)


def is_same(field: str, value: Any, declared: Any) -> bool:
    """Whether a value is what the code declares.

    An interval that is declared without a start gets one when it is stored, so that alone is no difference.
    """
    if value == declared:
        return True
    if field != "trigger" or not (value and declared) or value[0] != declared[0]:
        return False
    (_, args), (_, declared_args) = value, declared
    if "start_date" in declared_args or not isinstance(args, Mapping):
        return False
    return bool({name: arg for name, arg in args.items() if name != "start_date"} == declared_args)


def declared_value(base: Mapping[str, Any], field: str) -> Any:
    """What a stored declaration says of a field; ``None`` where nothing was declared."""
    if field == "trigger":
        return [base["trigger"], base["trigger_args"]] if "trigger" in base else None
    return base.get(field)
