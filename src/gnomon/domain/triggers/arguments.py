"""The arguments that somebody sent for a trigger, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from gnomon.domain.triggers.kind import TriggerField, TriggerKind
from gnomon.domain.triggers.zones import in_zone
from gnomon.errors import InvalidTrigger

LONGEST_EXPRESSION = 256
FIRST_YEAR, LAST_YEAR = 1970, 2200

_LONGEST_DATE = 64


@dataclass(frozen=True, slots=True)
class Arguments:
    """Typed reading of what was sent: each method takes one argument, checks it against its description, and raises
    ``InvalidTrigger`` naming it. An argument that is absent, or ``None``, gives ``None`` (numbers: 0).

    ``now`` is an aware datetime, for starts that nobody gave.
    """

    kind: TriggerKind
    values: Mapping[str, object]
    zone: tzinfo
    now: datetime

    def integer(self, name: str) -> int:
        """A whole number within its limits."""
        value = self.values.get(name)
        if value is None:
            return 0
        field = self.kind.field(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not _within(value, field):
            raise InvalidTrigger(name, value, field.allowed)
        return value

    def number(self, name: str) -> int | float:
        """A finite number within its limits."""
        value = self.values.get(name)
        if value is None:
            return 0
        field = self.kind.field(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _within(value, field):
            raise InvalidTrigger(name, value, field.allowed)
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def jitter(self) -> int | None:
        """Seconds, ``None`` for none."""
        return self.integer("jitter") or None

    def expression(self, name: str) -> str | None:
        """A short text in one line; whole numbers are taken as text."""
        value = self.values.get(name)
        if value is None:
            return None
        field = self.kind.field(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9999:
            return str(value)
        if not isinstance(value, str):
            raise InvalidTrigger(name, value, field.allowed)
        if len(value) > LONGEST_EXPRESSION:
            raise InvalidTrigger(name, value, f"give at most {LONGEST_EXPRESSION} characters")
        return value

    def moment(self, name: str) -> datetime | None:
        """A date and time in the trigger's zone. Local time that the clocks skip is refused."""
        value = self.values.get(name)
        if value is None:
            return None
        field = self.kind.field(name)
        moment = _moment(name, value, field)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise InvalidTrigger(name, value, field.allowed)
        if moment.tzinfo is not None:
            return in_zone(moment, self.zone)
        local = in_zone(moment, self.zone)
        if local.replace(tzinfo=None) != moment.replace(tzinfo=None):
            raise InvalidTrigger(name, value, "the clocks skip this time in its time zone; give one that exists")
        return local

    def day(self, name: str) -> date | None:
        """A date without a time."""
        value = self.values.get(name)
        if value is None:
            return None
        field = self.kind.field(name)
        if isinstance(value, str) and len(value) <= _LONGEST_DATE:
            try:
                value = date.fromisoformat(value)
            except ValueError:
                raise InvalidTrigger(name, value, field.allowed) from None
        if isinstance(value, datetime) or not isinstance(value, date) or not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise InvalidTrigger(name, value, field.allowed)
        return value

    def this_second(self) -> datetime:
        """``now`` in the trigger's zone, without the fraction that would make every later time unreadable."""
        return in_zone(self.now, self.zone).replace(microsecond=0)

    def check_order(self, start: date | None, end: date | None) -> None:
        """Refuse an ``end_date`` before the ``start_date``."""
        if start is not None and end is not None and end < start:
            raise InvalidTrigger("end_date", end.isoformat(), f"give a time after start_date ({start.isoformat()})")


def _within(value: int | float, field: TriggerField) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return (field.minimum is None or value >= field.minimum) and (field.maximum is None or value <= field.maximum)


def _moment(name: str, value: object, field: TriggerField) -> datetime:
    if isinstance(value, str) and len(value) <= _LONGEST_DATE:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidTrigger(name, value, field.allowed) from None
    if isinstance(value, datetime):
        _check_offset(name, value, field)
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    raise InvalidTrigger(name, value, field.allowed)


def _check_offset(name: str, value: datetime, field: TriggerField) -> None:
    # Year 1 and year 9999 overflow when they are moved to UTC; the year is checked afterwards, in local time.
    if value.tzinfo is None:
        return
    try:
        value.astimezone(UTC) - timedelta(days=1)
    except OverflowError:
        raise InvalidTrigger(name, value, field.allowed) from None
