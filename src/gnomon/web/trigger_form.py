"""A trigger as a form: fields made from the description of each kind, the texts in them, and the way back.

Fields of a form are named ``kind.argument``, because kinds have arguments of the same name; time zone and jitter are
asked for once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from gnomon.domain.triggers import KINDS, FieldType, TriggerField, zone
from gnomon.errors import InvalidTrigger
from gnomon.web.asked import Form

KIND = "trigger"
#: Arguments that nearly all kinds have.
SHARED = ("timezone", "jitter")

#: In the order in which people need them, each with what it is called.
TITLES = {
    "crontab": "Crontab",
    "cron": "By fields",
    "interval": "Interval",
    "calendarinterval": "By the calendar",
    "date": "Once",
}
_EXAMPLES = {
    "crontab.expression": "0 3 * * 1-5",
    "cron.minute": "0",
    "cron.hour": "3",
    "cron.day_of_week": "mon-fri",
}
#: Seldom given: they stand behind a fold.
_SELDOM = frozenset({"year", "week", "second", "start_date", "end_date"})
_NAMES = {
    "expression": "Five fields",
    "run_date": "At",
    "start_date": "Start",
    "end_date": "End",
    "timezone": "Time zone",
    "day_of_week": "Day of the week",
}
_LOCAL = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Input:
    """A field of the form. ``kind`` is the type of the HTML input; ``error`` is what is wrong with ``text``."""

    name: str
    label: str
    help: str
    text: str
    kind: str
    is_seldom: bool = False
    placeholder: str = ""
    error: str = ""
    attributes: Mapping[str, str] | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of trigger that can be chosen, with its own fields."""

    kind: str
    title: str
    help: str
    inputs: tuple[Input, ...]
    is_chosen: bool

    @property
    def seldom(self) -> list[Input]:
        """Those behind the fold."""
        return [each for each in self.inputs if each.is_seldom]

    @property
    def usual(self) -> list[Input]:
        """The others."""
        return [each for each in self.inputs if not each.is_seldom]

    @property
    def is_unfolded(self) -> bool:
        """Whether there is something behind the fold that one has to see."""
        return any(each.text or each.error for each in self.seldom)


def texts_of(kind: str | None, args: Mapping[str, Any] | None) -> dict[str, str]:
    """What stands in the form for a stored trigger. None of it for one that only code can make."""
    if kind not in KINDS or args is None:
        return {KIND: ""}
    texts = {KIND: str(kind)}
    place = zone(args["timezone"])
    for field in KINDS[str(kind)].fields:
        value = args.get(field.name)
        texts[name_of(str(kind), field.name)] = "" if value is None else _text(field, value, place)
    return texts


def texts_in(sent: Form) -> dict[str, str]:
    """What was written into the form, as far as it knows such fields."""
    names = {KIND} | {name_of(kind.name, field.name) for kind in KINDS.values() for field in kind.fields}
    return {name: sent.one(name) for name in names if sent.all(name)}


def is_untouched(texts: Mapping[str, str], began: Mapping[str, str]) -> bool:
    """Whether the form says the same as when it was made; what stands there for other kinds says nothing."""
    kind = texts.get(KIND, "")
    if kind != began.get(KIND, ""):
        return False
    if kind not in KINDS:
        return kind == ""
    names = [name_of(kind, field.name) for field in KINDS[kind].fields]
    return all(texts.get(name, began.get(name, "")).strip() == began.get(name, "").strip() for name in names)


def trigger_in(texts: Mapping[str, str]) -> tuple[str, dict[str, object]]:
    """Kind and arguments that a form says, ready for ``build``. Raises ``InvalidTrigger`` naming the argument."""
    kind = texts.get(KIND, "")
    if kind not in KINDS:
        raise InvalidTrigger(KIND, kind, "choose one of the kinds")
    args: dict[str, object] = {}
    for field in KINDS[kind].fields:
        text = texts.get(name_of(kind, field.name), "").strip()
        if text:
            args[field.name] = field.parse(text)
        elif field.required:
            raise InvalidTrigger(field.name, "", field.allowed)
    return kind, args


def name_of(kind: str, argument: str) -> str:
    """The name of the form's field for an argument."""
    return argument if argument in SHARED else f"{kind}.{argument}"


def place_of(error: InvalidTrigger, kind: str) -> str:
    """The form's field at which an error is told."""
    if kind in KINDS and any(field.name == error.field for field in KINDS[kind].fields):
        return name_of(kind, error.field)
    return KIND


def choices(texts: Mapping[str, str], errors: Mapping[str, str]) -> list[Choice]:
    """The kinds of trigger with their fields."""
    return [
        Choice(
            kind=name,
            title=title,
            help=KINDS[name].help,
            inputs=tuple(_inputs(name, texts, errors)),
            is_chosen=texts.get(KIND) == name,
        )
        for name, title in TITLES.items()
    ]


def shared_inputs(texts: Mapping[str, str], errors: Mapping[str, str]) -> list[Input]:
    """The fields that are asked for once."""
    fields = {field.name: field for kind in KINDS.values() for field in kind.fields}
    return [_input("", fields[name], texts, errors) for name in SHARED]


def _inputs(kind: str, texts: Mapping[str, str], errors: Mapping[str, str]) -> list[Input]:
    own = [field for field in KINDS[kind].fields if field.name not in SHARED]
    if kind == "cron":
        # Small parts first: people think of the time before they think of the year.
        parts = [field for field in own if field.type is FieldType.EXPRESSION]
        own = parts[::-1] + [field for field in own if field not in parts]
    return [_input(kind, field, texts, errors) for field in own]


def _input(kind: str, field: TriggerField, texts: Mapping[str, str], errors: Mapping[str, str]) -> Input:
    name = name_of(kind, field.name)
    text = texts.get(name, "")
    attributes = {"maxlength": "300", "autocomplete": "off", "spellcheck": "false"}
    html = "text"
    if field.type is FieldType.MOMENT and (not text or _is_local(text)):
        html, attributes = "datetime-local", {"step": "1"}
    elif field.type is FieldType.DAY and (not text or _is_day(text)):
        html, attributes = "date", {}
    elif field.type in (FieldType.INTEGER, FieldType.NUMBER):
        attributes["inputmode"] = "decimal"
    elif field.type is FieldType.ZONE:
        attributes["list"] = "zones"
    return Input(
        name=name,
        label=_NAMES.get(field.name, field.name.replace("_", " ").capitalize()),
        help=field.help,
        text=text,
        kind=html,
        is_seldom=field.name in _SELDOM,
        placeholder=_EXAMPLES.get(name, ""),
        error=errors.get(name, ""),
        attributes=attributes,
    )


def _text(field: TriggerField, value: Any, place: tzinfo) -> str:
    if field.type is not FieldType.MOMENT:
        return f"{value:g}" if isinstance(value, float) else str(value)
    moment = datetime.fromisoformat(value)
    local = moment.astimezone(place).replace(tzinfo=None)
    # What the clocks show twice, or what has a fraction, is only clear with all that it was stored with.
    is_clear = local.replace(tzinfo=place) == moment and not local.microsecond and not local.fold
    return local.strftime(_LOCAL) if is_clear else str(value)


def _is_local(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is None and not moment.microsecond and "T" in text and 16 <= len(text) <= 19


def _is_day(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isascii() and text[:4].isdigit()
