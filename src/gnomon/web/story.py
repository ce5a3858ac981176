"""The log of changes as a story: what somebody did, in words, and what became of each field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import groupby
from typing import Any

from gnomon.domain.calendar import LOGGED_AS, Definition
from gnomon.domain.change import Change, Origin
from gnomon.domain.override import FIELDS
from gnomon.domain.triggers import KINDS
from gnomon.operations.audit import exception_in_words, value_in_words
from gnomon.operations.undo import ADDITIONS
from gnomon.web.standing import Look

#: From where a change came, as people say it, and what that means.
ORIGINS: dict[str, tuple[Look, str]] = {
    Origin.PAGE.value: (Look("pencil", "page", "calm"), "on this page"),
    Origin.CLI.value: (Look("keys", "command line", "calm"), "on the command line"),
    Origin.API.value: (Look("plug", "API", "calm"), "over the API"),
    Origin.PYTHON.value: (Look("equals", "Python", "calm"), "by a program"),
    Origin.START.value: (Look("play", "start", "note"), "when a program started with other declarations"),
    Origin.EXPIRY.value: (Look("hourglass", "expiry", "note"), "because the time of an override was over"),
    Origin.OUTSIDE.value: (Look("enter", "outside", "odd"), "by another program, which wrote the row"),
}
_VERBS = {
    "pause": "paused",
    "resume": "resumed",
    "change": "changed",
    "reschedule": "rescheduled",
    "revert": "returned to the code",
    "adopt": "took over the new default of",
    "keep": "kept, against the new default,",
    "expire": "returned to the code",
    "follow": "follows the code:",
    "dissolve": "is as the code says again:",
    "outside": "wrote the row of",
    "undo": "undid a change of",
    "import": "imported",
    "add": "added",
    "remove": "removed",
    "run": "ran",
    "cancel": "cancelled a run of",
    "retry": "tried a run again of",
    "skip": "skipped a run of",
    "move": "moved a run of",
    "clear": "took back what was made of a run of",
    "calendar": "set",
    "remove calendar": "removed",
    "extend calendar": "worked out more dates of",
}
_LABELS = {
    "trigger": "schedule",
    "enabled": "fires",
    "jobs": "jobs that name it",
    "misfire_grace_time": "may be late by",
    "coalesce": "coalesces",
    "max_instances": "at once",
    "kwargs": "arguments",
    "timezone": "time zone",
    "expires_at": "ends",
    "default": "default",
    "exceptions": "single runs",
}
#: Told with the trigger, by other words, or of no use to people.
NEVER = "never"
_UNSAID = frozenset({"trigger_args", "undone", "run", "state", "attempt", "cancellation", "override"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A field before and after, in words; ``None`` where there is nothing on that side. ``is_moment``: they are
    moments, in ISO 8601, or ``NEVER``."""

    label: str
    before: str | None
    after: str | None
    is_moment: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as it is told. ``undoes`` is the number of the one that it undid; ``undoing`` is how it can be undone:
    ``at once``, ``removes`` (the job or calendar, so that is asked first), or not at all."""

    change: Change
    verb: str
    differences: tuple[Difference, ...]
    undoes: int | None
    undoing: str | None
    more: str


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of one day by the reader's clock."""

    day: date
    entries: tuple[Entry, ...]


def days(changes: Sequence[Change], zone: tzinfo) -> tuple[Day, ...]:
    """Changes by day, in the order in which they are given."""
    by_day = groupby(changes, key=lambda change: change.at.astimezone(zone).date())
    return tuple(Day(day, tuple(told(each) for each in each_day)) for day, each_day in by_day)


def told(change: Change) -> Entry:
    """One change in words."""
    undone = change.after.get("undone")
    return Entry(
        change=change,
        verb=_VERBS.get(change.action, change.action.replace("_", " ")),
        differences=_differences(change),
        undoes=undone if isinstance(undone, int) else None,
        undoing=_undoing(change),
        more=_more(change),
    )


def _differences(change: Change) -> tuple[Difference, ...]:
    if change.run_id is not None:
        return ()
    before, after = change.before, change.after
    names = [name for name in dict.fromkeys([*before, *after]) if name not in _UNSAID]
    if change.action in {"pause", "resume"}:
        names = [name for name in names if name != "enabled"]
    names.sort(key=lambda name: name != "trigger")
    found = [
        Difference(
            _LABELS.get(name, name.replace("_", " ")), _said(name, before), _said(name, after), name == "expires_at"
        )
        for name in names
    ]
    return tuple(each for each in found if each.before != each.after)


def _said(name: str, side: Mapping[str, Any]) -> str | None:
    if name not in side:
        return None
    value = side[name]
    try:
        if name == "trigger":
            return value_in_words("trigger", [value, side.get("trigger_args") or {}])
        if name == "exceptions":
            return ", ".join(exception_in_words(each) for each in value) or "as ever"
        if name == "calendar" and isinstance(value, Mapping):  # a calendar itself
            return Definition.from_dict(value).words
        if name == "jobs":
            return ", ".join(value) or "none"
        if name in {"kwargs", "calendar"} or isinstance(value, bool | int | None):
            return NEVER if name == "expires_at" and value is None else value_in_words(name, value)
    except (TypeError, ValueError, LookupError):
        pass  # written by another version; said as it stands
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _more(change: Change) -> str:
    if change.action == "cancel":
        return {
            "cancelled": "It had not started, and did not.",
            "ending": "Its node was told to end it.",
            "asked": "It was asked to end.",
        }.get(str(change.after.get("cancellation")), "")
    if change.action == "retry" and isinstance(change.after.get("attempt"), int):
        return f"As attempt {change.after['attempt']}."
    return ""


def _undoing(change: Change) -> str | None:
    if change.run_id is not None:
        return None
    if change.job_id.startswith(LOGGED_AS):
        before, after = change.before.get("calendar"), change.after.get("calendar")
        return None if before == after else "at once" if before else "removes"
    if change.action in ADDITIONS:
        return "removes"
    if change.action == "remove":
        return "at once"
    if "trigger" in change.before and change.before["trigger"] not in KINDS:
        return None
    return "at once" if {*FIELDS, "exceptions"} & set(change.before) else None
