"""Why a job is as it is: what is stored, what the code says and what was overridden, field by field; and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gnomon.domain.change import Change
from gnomon.domain.override import FIELDS, declared_value, is_same
from gnomon.domain.spans import duration
from gnomon.domain.triggers import words_for
from gnomon.operations.audit import arguments_in_words
from gnomon.operations.read import MISFIT, NO_CODE
from gnomon.web.words import counted

#: What each field is called, and what it is for.
NAMES = {
    "trigger": ("Schedule", "When it fires: trigger, time zone and jitter."),
    "enabled": ("Fires", "A paused job keeps its schedule and does not fire."),
    "misfire_grace_time": ("Grace time", "How late a run may start; later ones are missed."),
    "coalesce": ("Coalesce", "Of several overdue times, only the last one runs."),
    "max_instances": ("At once", "How many of its runs may be active, over all nodes."),
    "calendar": ("Calendar", "On its dates nothing runs."),
    "kwargs": ("Arguments", "What its task is given."),
}
#: Where a change came from, as the end of "changed by …".
ORIGINS = {
    "python": "in Python",
    "api": "over the API",
    "cli": "from the command line",
    "page": "on the page",
    "start": "at a start of the program",
    "expiry": "when its time was over",
    "outside": "by writing its row",
}
#: The job came or went, which the page offers under its own name.
_WHOLE = frozenset({"add", "import", "remove"})


@dataclass(frozen=True, slots=True)
class Account:
    """One field. ``declared`` is ``None`` where no code declares it. ``override`` is that of the job's dict, if the
    field has one; ``is_unexplained``: it differs from the code, and nobody has put on record why."""

    field: str
    stored: str
    declared: str | None
    override: Mapping[str, Any] | None
    base: str | None
    is_unexplained: bool

    @property
    def name(self) -> str:
        """What people call it."""
        return NAMES[self.field][0]

    @property
    def help(self) -> str:
        """What it is for."""
        return NAMES[self.field][1]

    @property
    def is_moved(self) -> bool:
        """Whether the code has changed its mind since it was overridden."""
        return self.override is not None and bool(self.override["moved"])


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a job as a whole that people have to know: what it is, and what to do about it."""

    tone: str
    icon: str
    title: str
    words: str
    advice: str


def accounts(job: Mapping[str, Any], declared: Mapping[str, Any]) -> list[Account]:
    """Each field of a job that can be changed."""
    return [_account(job, declared, name) for name in FIELDS if name != "kwargs" or job["task"] is not None]


def _account(job: Mapping[str, Any], declared: Mapping[str, Any], name: str) -> Account:
    value = [job["trigger"], job["trigger_args"]] if name == "trigger" else job[name]
    override = job["overrides"].get(name)
    by_code = declared_value(declared, name)
    is_readable = job["state"] != "quarantined"
    is_unexplained = is_readable and override is None and bool(declared) and not is_same(name, value, by_code)
    stored = "cannot be read"
    if is_readable:
        stored = job["schedule"] if name == "trigger" else in_words(name, value)
    return Account(
        field=name,
        stored=stored,
        declared=in_words(name, by_code) if declared else None,
        override=override,
        base=in_words(name, override["base"]) if override is not None and declared else None,
        is_unexplained=is_unexplained,
    )


def in_words(field: str, value: Any) -> str:
    """The value of a field, beside its name."""
    if field == "trigger":
        return words_for(*value) if value and value[0] is not None else "nothing"
    if field == "kwargs":
        return arguments_in_words(value)
    if field == "calendar":
        return value or "none"
    if field == "enabled":
        return "yes" if value else "no: it is paused"
    if field == "misfire_grace_time":
        return "no limit" if value is None else duration(timedelta(seconds=value))
    if field == "coalesce":
        return "yes" if value else "no"
    if value is None:
        return "not known"
    return counted(value, "run")


def remarks(job: Mapping[str, Any]) -> list[Remark]:
    """What is unusual about a job, the most pressing first."""
    return [each for each in (_of_row(job), _of_source(job), _of_state(job)) if each is not None]


def _of_row(job: Mapping[str, Any]) -> Remark | None:
    problem = str(job["problem"] or "")
    if job["state"] == "quarantined":
        return Remark(
            "bad",
            "cross",
            "Quarantined",
            f"Its stored row cannot be read: {problem}.",
            "It is kept byte for byte and does not fire; all other jobs run on. Let the program that wrote it mend "
            "the row, or allow what it names (gnomon doctor says which); a job that no code declares can be removed.",
        )
    if problem == NO_CODE:
        return Remark(
            "odd",
            "question",
            "Orphaned",
            "No living node has code for it. It is kept, and not fired.",
            "Start a node whose code declares it: gnomon serve TARGET. If that code is gone for good, remove the job; "
            "its runs and changes stay.",
        )
    if problem:
        advice = (
            "Edit its arguments."
            if problem.startswith(MISFIT)
            else "Until then it does not fire; or let it name another calendar."
        )
        return Remark("bad", "bang", "It cannot run", f"{problem[:1].upper()}{problem[1:]}.", advice)
    return None


def _of_source(job: Mapping[str, Any]) -> Remark | None:
    if job["source"] != "outside" or job["state"] == "quarantined":
        return None
    if job["default"] is None:
        return Remark(
            "odd",
            "enter",
            "Not declared",
            "Another program stored it, and no code that Gnomon knows has declared it.",
            "It fires as it is stored. Declare a job of this id in code to give it a default to go back to.",
        )
    return Remark(
        "odd",
        "enter",
        "Changed outside",
        "Another program wrote its row: what differs from the code was not changed through Gnomon.",
        "It fires as it is stored. Return it to the code, or edit it: then it is an override with your name.",
    )


def _of_state(job: Mapping[str, Any]) -> Remark | None:
    if job["state"] == "finished":
        return Remark(
            "calm", "stop", "Finished", "Its trigger has no further time.", "Give it another schedule to run it again."
        )
    if job["state"] == "paused" and "enabled" not in job["overrides"]:
        return Remark(
            "warn", "pause", "Paused", "The code declares it paused, or it was stored so.", "Resume it to let it fire."
        )
    return None


def may_be_undone(change: Change, job: Mapping[str, Any]) -> bool:
    """Whether undoing a line of the log would do something: what it made of fields still stands."""
    if change.run_id is not None or change.action in _WHOLE or job["state"] == "quarantined":
        return False
    changed = set(change.before) & {*FIELDS, "exceptions"}
    return bool(changed) and all(
        job[name] == value for name, value in change.after.items() if name in job and name != "exceptions"
    )
