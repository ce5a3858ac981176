"""What a kind of trigger is: its arguments with types and limits, and how triggers of it are made and told.

One description serves validation, the command line's help and the page's editor, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from apscheduler.triggers.base import BaseTrigger

from gnomon.errors import InvalidTrigger

if TYPE_CHECKING:
    from gnomon.domain.triggers.arguments import Arguments

#: What JSON can say. A recursive alias would be exact, and no caller could do anything with it.
JSON = Any


class FieldType(StrEnum):
    """How the value of an argument is written."""

    EXPRESSION = "expression"
    """One field of a cron trigger: a text such as ``*/5`` or ``mon-fri``, or a whole number."""
    CRONTAB = "crontab"
    """Five fields, or a macro such as ``@daily``."""
    INTEGER = "integer"
    NUMBER = "number"
    MOMENT = "moment"
    """ISO 8601 date and time; without an offset it is local time in the trigger's zone."""
    DAY = "day"
    """ISO 8601 date."""
    ZONE = "zone"
    """An IANA name such as ``Europe/Berlin``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerField:
    """One argument. ``minimum`` and ``maximum`` are inclusive and hold for numbers; ``help`` is one sentence."""

    name: str
    type: FieldType
    help: str
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False

    @property
    def allowed(self) -> str:
        """What may be given, as the end of a message."""
        match self.type:
            case FieldType.INTEGER:
                return f"give a whole number from {self.minimum} to {self.maximum}"
            case FieldType.NUMBER:
                return f"give a number from {self.minimum} to {self.maximum}"
            case FieldType.MOMENT:
                return "give an ISO 8601 date and time from 1970 to 2200, such as 2026-12-01T09:00:00+01:00"
            case FieldType.DAY:
                return "give an ISO 8601 date from 1970 to 2200, such as 2026-12-01"
            case FieldType.ZONE:
                return "give an IANA time zone such as Europe/Berlin"
            case _:
                return f"give {self.help[0].lower()}{self.help[1:].rstrip('.')}"

    def parse(self, text: str) -> object:
        """The value that a text from a command line or a form stands for, ready for ``build``.

        Raises ``InvalidTrigger`` where a number is due and the text is none.
        """
        if self.type not in (FieldType.INTEGER, FieldType.NUMBER):
            return text
        # int() refuses more than 4300 digits with a ValueError of its own; both ends are covered by one except.
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:
            raise InvalidTrigger(self.name, text, self.allowed) from None
        if self.type is FieldType.INTEGER:
            raise InvalidTrigger(self.name, text, self.allowed)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerKind:
    """One kind of trigger.

    ``make`` checks the arguments and builds the trigger; ``arguments_of`` and ``words_of`` are its way back, for
    triggers of exactly ``trigger_class``. Jitter is left out of both; it is the same for all kinds.
    """

    name: str
    help: str
    fields: tuple[TriggerField, ...]
    trigger_class: type[BaseTrigger]
    make: Callable[[Arguments], BaseTrigger]
    arguments_of: Callable[[Any], dict[str, JSON]]
    words_of: Callable[[Any], str]

    def field(self, name: str) -> TriggerField:
        """The argument of this name. Raises ``InvalidTrigger`` that lists the arguments if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        known = ", ".join(field.name for field in self.fields)
        raise InvalidTrigger(name, name, f"{self.name} has the arguments {known}")


@dataclass(frozen=True, slots=True)
class TriggerDescription:
    """A trigger as people and programs are shown it.

    ``build(kind, args)`` makes the same trigger again for the five kinds that can be sent; ``and``, ``or`` and
    ``custom`` occur in tables that were adopted and can only be shown.
    """

    kind: str
    args: dict[str, JSON]
    timezone: str
    words: str


#: Seconds.
LONGEST_JITTER = 86400

TIMEZONE = TriggerField(
    name="timezone",
    type=FieldType.ZONE,
    help="The time zone in which the times are meant, by its IANA name.",
)
JITTER = TriggerField(
    name="jitter",
    type=FieldType.INTEGER,
    minimum=0,
    maximum=LONGEST_JITTER,
    help="Start each run later by up to so many seconds, to spread load.",
)
START_DATE = TriggerField(
    name="start_date",
    type=FieldType.MOMENT,
    help="Nothing fires before this time.",
)
END_DATE = TriggerField(
    name="end_date",
    type=FieldType.MOMENT,
    help="Nothing fires after this time.",
)
