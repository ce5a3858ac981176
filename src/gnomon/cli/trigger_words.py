"""Triggers as they are written on a command line: ``cron hour=4 minute=30``, ``crontab "0 4 * * 1-5"``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from gnomon.domain.triggers import KINDS, TriggerField, TriggerKind
from gnomon.errors import InvalidTrigger

_ASSIGNMENT = re.compile(r"([A-Za-z_]+)=(.*)", re.DOTALL)
_LIKE_A_CRONTAB = re.compile(r"[\d*@]")
_WIDTH = 76
_INDENT = "  "

_EXAMPLES = {
    "cron": ["cron hour=4 minute=30 day_of_week=mon-fri timezone=Europe/Berlin", "cron 'minute=*/10'"],
    "interval": ["interval minutes=5", "interval hours=1 start_date=2027-01-01T00:30"],
    "date": ["date 2027-01-01T09:00"],
    "calendarinterval": ["calendarinterval months=1 start_date=2027-01-31 hour=6"],
    "crontab": ['crontab "0 4 * * 1-5"', "crontab @daily timezone=UTC"],
}


def trigger_arguments(kind: str, words: Sequence[str]) -> dict[str, object]:
    """The arguments that are written as ``name=value``; what stands alone is the one argument that a kind needs.

    Raises ``InvalidTrigger`` naming the argument.
    """
    description = KINDS.get(kind)
    if description is None:
        meant = " ".join([kind, *words])
        hint = f"; cron's own five fields stand after crontab: crontab {meant!r}" if _LIKE_A_CRONTAB.match(kind) else ""
        raise InvalidTrigger("trigger", kind, f"give one of {', '.join(KINDS)}, then its arguments{hint}")
    arguments: dict[str, object] = {}
    alone: list[str] = []
    for word in words:
        assignment = _ASSIGNMENT.fullmatch(word)
        if assignment is None:
            alone.append(word)
            continue
        name, text = assignment.groups()
        if name in arguments:
            raise InvalidTrigger(name, text, "give it once")
        arguments[name] = description.field(name).parse(text)
    if alone:
        _take_alone(description, alone, arguments)
    return arguments


def _take_alone(description: TriggerKind, alone: list[str], arguments: dict[str, object]) -> None:
    text = " ".join(alone)
    needed = [field.name for field in description.fields if field.required]
    if len(needed) != 1 or needed[0] in arguments:
        example = _EXAMPLES[description.name][0]
        raise InvalidTrigger("trigger_args", text, f"write arguments as name=value, as in {example}")
    arguments[needed[0]] = text


def kinds_help() -> str:
    """Every kind with its arguments, for ``--help``; from the same description that checks them."""
    shared = [field for field in _all_fields() if _is_shared(field)]
    parts = [_kind_help(kind) for kind in KINDS.values()]
    parts.append("\n".join(["For all kinds, but jitter not for date:", *_field_lines(shared)]))
    return "\n\n".join(parts)


def _kind_help(kind: TriggerKind) -> str:
    lines = textwrap.wrap(f"{kind.name}: {kind.help}", _WIDTH)
    lines += _field_lines([field for field in kind.fields if not _is_shared(field)])
    lines += [f"{_INDENT}→ {example}" for example in _EXAMPLES[kind.name]]
    return "\n".join(line.replace("[", "\\[") for line in lines)


def _field_lines(fields: Sequence[TriggerField]) -> list[str]:
    width = max(len(field.name) for field in fields) + 2
    return [
        line
        for field in fields
        for line in textwrap.wrap(
            f"{field.name + '=':<{width}}{field.help}" + (" Needed." if field.required else ""),
            _WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT + " " * width,
        )
    ]


def _all_fields() -> list[TriggerField]:
    return list({field.name: field for kind in KINDS.values() for field in kind.fields}.values())


def _is_shared(field: TriggerField) -> bool:
    """Whether it is told once, and not with each kind."""
    return sum(field in kind.fields for kind in KINDS.values()) >= len(KINDS) - 1
