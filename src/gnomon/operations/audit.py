"""The audit log as programs and people read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gnomon.domain.calendar import LOGGED_AS, Definition
from gnomon.domain.change import Change
from gnomon.domain.triggers import words_for

_NOT_COMPARED = frozenset({"trigger", "trigger_args", "exceptions", "undone"})
#: Told by the action, as it says all.
_SAID = {"pause": "paused", "resume": "resumed", "import": "imported", "adopt": "adopted"}
#: The job itself came or went.
_WHOLE = {"add": "added", "remove": "removed"}
_OF_RUN = {"run": "started run", "cancel": "cancelled run", "retry": "retried run"}
_POLICY_WORDS = {True: "yes", False: "no", None: "no limit"}


def change_dict(change: Change) -> dict[str, Any]:
    """A line of the audit log, JSON-ready."""
    return {
        "id": change.id,
        "job_id": change.job_id,
        "at": change.at.isoformat(),
        "action": change.action,
        "actor": change.author.actor,
        "origin": change.author.origin.value,
        "reason": change.author.reason,
        "before": dict(change.before),
        "after": dict(change.after),
        "run_id": change.run_id,
    }


def value_in_words(field: str, value: Any) -> str:
    """What a field was set to, for people. A trigger is ``[kind, arguments]``."""
    if field == "trigger":
        return words_for(*value) if value and value[0] is not None else "nothing"
    if field == "kwargs":
        return arguments_in_words(value)
    if field == "calendar":
        return value or "none"
    if isinstance(value, bool) or value is None:
        return _POLICY_WORDS[value]
    return f"{value} s" if field == "misfire_grace_time" else str(value)


def arguments_in_words(kwargs: Mapping[str, Any] | None) -> str:
    """Arguments of a job in one line, as they are written for ``--arg``."""
    if kwargs is None:
        return "not known"
    texts = [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in kwargs.items()
    ]
    return " ".join(texts) or "none"


def change_in_words(change: Change) -> str:
    """What a change changed, for people, in one line: ``at 03:00 every day, UTC → every 5 minutes``."""
    if change.job_id.startswith(LOGGED_AS):
        undid = f"undid change {change.after['undone']}: " if "undone" in change.after else ""
        return undid + _calendar_in_words(change)
    if change.action in _SAID and (set(change.after) == {"enabled"} or not change.before):
        return _SAID[change.action]
    if change.run_id is not None:
        return f"{_OF_RUN.get(change.action, change.action)} {change.run_id}"
    if change.action in _WHOLE:
        return _whole_in_words(change)
    if "undone" in change.after:
        first = [f"undid change {change.after['undone']}"]
    else:
        first = ["kept against the new default"] if change.action == "keep" else []
    differing = [name for name in change.after if name not in _NOT_COMPARED and name in change.before]
    parts = [_trigger_in_words(change.before, change.after)] if "trigger" in change.after else []
    parts += [f"{exception_in_words(each)} taken back" for each in change.before.get("exceptions", ())]
    parts += [exception_in_words(each) for each in change.after.get("exceptions", ())]
    parts += [
        f"{name.replace('_', ' ')} {_short(name, change.before[name])} → {_short(name, change.after[name])}"
        for name in differing
        if name not in {"default", "override"}
    ]
    return ", ".join([*first, *parts]) or _SAID.get(change.action, change.action)


def exception_in_words(exception: Mapping[str, Any]) -> str:
    """What was made of one due time."""
    due = _in_utc(exception["scheduled_at"])
    return f"skip {due}" if exception["to"] is None else f"move {due} to {_in_utc(exception['to'])}"


def _in_utc(iso: str) -> str:
    # The log names no zone of the job, which may have had another then.
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC")


def _calendar_in_words(change: Change) -> str:
    """A line about a calendar itself."""
    if "until" in change.after:
        return f"knows dates until {change.before['until']} → {change.after['until']}"
    sides = [side["calendar"] for side in (change.before, change.after) if "calendar" in side]
    words = " → ".join(Definition.from_dict(each).words for each in sides)
    return f"removed, {words}" if "calendar" not in change.after else words


def _whole_in_words(change: Change) -> str:
    said, side = _WHOLE[change.action], change.after if change.action == "add" else change.before
    parts = [f"undid change {change.after['undone']}: {said}" if "undone" in change.after else said]
    if side.get("trigger") is not None:
        parts.append(value_in_words("trigger", [side["trigger"], side["trigger_args"]]))
    if side.get("task") is not None:
        parts.append(f"{side['task']} {arguments_in_words(side['kwargs'])}")
    if side.get("calendar") is not None:
        parts.append(f"calendar {side['calendar']}")
    return ", ".join(parts)


def _trigger_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    sides = [[side.get("trigger"), side.get("trigger_args", {})] for side in (before, after)]
    return " → ".join(value_in_words("trigger", side) for side in sides)


def _short(name: str, value: Any) -> str:
    if name == "expires_at":
        return "never" if value is None else f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    is_known = name in {"kwargs", "calendar"} or isinstance(value, bool | int | None)
    return value_in_words(name, value) if is_known else str(value)
