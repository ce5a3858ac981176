"""The form in which one changes a job: its texts, what it began with, and what of it is to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import orjson

from gnomon.domain.declaration import check_policies
from gnomon.domain.override import FIELDS
from gnomon.domain.triggers import KINDS, BaseTrigger, describe
from gnomon.errors import InvalidInput, InvalidTrigger
from gnomon.scheduler import Scheduler
from gnomon.web import argument_form, trigger_form, until
from gnomon.web.asked import Form

BEGAN, REASON, CALENDAR = "began", "reason", "calendar"
POLICIES = ("misfire_grace_time", "coalesce", "max_instances")

_LONGEST_BEGAN = 60_000


@dataclass(slots=True)
class Draft:
    """What somebody has written, not yet saved. ``errors`` maps fields of the form to what is wrong with them."""

    texts: dict[str, str]
    began: dict[str, Any]
    token: str
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def began_texts(self) -> dict[str, str]:
        """The texts of the trigger when the form was made."""
        return trigger_form.texts_of(*self.began.get("trigger", (None, None)))

    @property
    def began_text(self) -> str:
        """What it began with, as the form carries it."""
        return orjson.dumps(self.began).decode()

    @property
    def is_trigger_touched(self) -> bool:
        """Whether the trigger was changed."""
        return not trigger_form.is_untouched(self.texts, self.began_texts)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be changed: fields with their values (a trigger as ``[kind, arguments]``), and until when."""

    fields: Mapping[str, Any]
    expires_at: datetime | None


def fields_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a job that can be changed, with their values."""
    fields = {name: job[name] for name in FIELDS if name != "trigger"}
    return {"trigger": [job["trigger"], job["trigger_args"]], **fields}


def draft_of(job: Mapping[str, Any], schema: Mapping[str, Any] | None, place: tzinfo) -> Draft:
    """The form as it is first shown."""
    ends = min((str(each["expires_at"]) for each in job["overrides"].values() if each["expires_at"]), default=None)
    texts = trigger_form.texts_of(job["trigger"], job["trigger_args"])
    grace = job["misfire_grace_time"]
    texts |= {
        "misfire_grace_time": "" if grace is None else str(grace),
        "coalesce": "yes" if job["coalesce"] else "no",
        "max_instances": str(job["max_instances"]),
        CALENDAR: job["calendar"] or "",
        until.FIELD: until.text_of(ends, place),
        REASON: "",
    }
    if schema is not None and job["kwargs"] is not None:
        texts |= argument_form.texts_of(schema, job["kwargs"])
    return Draft(texts, fields_of(job) | {until.FIELD: texts[until.FIELD]}, job["token"] or "")


def draft_in(sent: Form, job: Mapping[str, Any], schema: Mapping[str, Any] | None, place: tzinfo) -> Draft:
    """The form as it was sent. Fields that are missing are as they were; those that nobody knows are left out."""
    draft = draft_of(job, schema, place)
    texts = trigger_form.texts_in(sent) | {name: sent.one(name) for name in _OWN if sent.all(name)}
    if schema is not None:
        texts |= argument_form.texts_in(sent, schema)
    return Draft(draft.texts | texts, _began(sent.one(BEGAN)) or draft.began, sent.one("token"))


def wanted(
    draft: Draft, job: Mapping[str, Any], schema: Mapping[str, Any] | None, now: datetime, place: tzinfo
) -> Wanted:
    """What a form wants to change of what it began with. What cannot be, is put into the draft's errors."""
    fields = _trigger(draft) | _policies(draft) | _calendar(draft) | _arguments(draft, schema)
    ends, text = None, draft.texts[until.FIELD].strip()
    is_new_end = text != draft.began.get(until.FIELD)
    if is_new_end:
        # What is overridden already is meant too; whether the job is paused has a button of its own.
        now_is = fields_of(job)
        further = set(job["overrides"]) - set(fields) - {"enabled"}
        fields |= {name: now_is[name] for name in further if name != "trigger" or job["trigger"] in KINDS}
    try:
        ends = until.moment_in(text, now, place) if fields or is_new_end else None
        if ends is not None and not fields and not draft.errors:
            raise InvalidInput(until.FIELD, text, "change something, or leave this empty: nothing would return then")
    except InvalidInput as error:
        draft.errors[until.FIELD] = said(error)
    return Wanted(fields, ends)


def _trigger(draft: Draft) -> dict[str, Any]:
    if not draft.is_trigger_touched:
        return {}
    try:
        return {"trigger": list(trigger_form.trigger_in(draft.texts))}
    except InvalidTrigger as error:
        draft.errors[trigger_form.place_of(error, draft.texts.get(trigger_form.KIND, ""))] = said(error)
        return {}


def _policies(draft: Draft) -> dict[str, Any]:
    changed = {}
    for name in POLICIES:
        try:
            value = _policy(name, draft.texts[name])
            check_policies(**{name: value})
        except InvalidInput as error:
            draft.errors[name] = said(error)
        else:
            if value != draft.began.get(name):
                changed[name] = value
    return changed


def _calendar(draft: Draft) -> dict[str, Any]:
    name = draft.texts[CALENDAR].strip() or None
    return {CALENDAR: name} if name != draft.began.get(CALENDAR) else {}


def _arguments(draft: Draft, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    began = draft.began.get("kwargs") or {}
    try:
        kwargs = argument_form.arguments_in(draft.texts, schema, began)
    except InvalidInput as error:
        draft.errors[argument_form.FURTHER] = said(error)
        return {}
    return {"kwargs": kwargs} if kwargs != began else {}


def merged(draft: Draft, theirs: Draft) -> Draft:
    """My draft on top of what others made of the job meanwhile: what I left alone is theirs."""
    texts = dict(theirs.texts)
    if draft.is_trigger_touched:
        kind = draft.texts.get(trigger_form.KIND, "")
        names = {trigger_form.name_of(kind, each.name) for each in KINDS[kind].fields} if kind in KINDS else set()
        texts |= {name: text for name, text in draft.texts.items() if name in names | {trigger_form.KIND}}
    for name in POLICIES:
        if draft.texts[name].strip() != _policy_text(name, draft.began.get(name)):
            texts[name] = draft.texts[name]
    if draft.texts[CALENDAR].strip() != (draft.began.get(CALENDAR) or ""):
        texts[CALENDAR] = draft.texts[CALENDAR]
    kwargs = draft.began.get("kwargs") or {}
    for name, text in draft.texts.items():
        if name.startswith(argument_form.PREFIX):
            before = kwargs.get(name.removeprefix(argument_form.PREFIX), "")
            if text != (before if isinstance(before, str) else orjson.dumps(before).decode()):
                texts[name] = text
    if draft.texts[until.FIELD].strip() != draft.began.get(until.FIELD):
        texts[until.FIELD] = draft.texts[until.FIELD]
    return Draft(texts | {REASON: draft.texts[REASON]}, theirs.began, theirs.token)


def built(scheduler: Scheduler, kind: str, args: Mapping[str, Any], timezone: str | None) -> BaseTrigger:
    """The trigger that a form says, in the job's zone unless it names one. Raises ``InvalidTrigger``."""
    zoned = args if "timezone" in args or timezone is None else {**args, "timezone": timezone}
    return scheduler.build_trigger(kind, zoned)


def as_stored(scheduler: Scheduler, fields: Mapping[str, Any], timezone: str | None) -> dict[str, Any]:
    """Fields as they would stand after saving: a trigger with all that its making adds."""
    stored = dict(fields)
    if "trigger" in stored:
        kind, args = stored["trigger"]
        made = describe(built(scheduler, kind, args, timezone))
        stored["trigger"] = [made.kind, made.args]
    return stored


def place_of(error: InvalidInput, kind: str) -> str:
    """The field of the form at which an error is told; empty if it is about none."""
    if isinstance(error, InvalidTrigger):
        return trigger_form.place_of(error, kind)
    if error.field == "expires_at":
        return until.FIELD
    return argument_form.place_of(error.field) or (error.field if error.field in _OWN or error.field == "id" else "")


def said(error: InvalidInput) -> str:
    """What is wrong, beside the field that holds it."""
    return f"{error.allowed[:1].upper()}{error.allowed[1:]}."


def schema_of(scheduler: Scheduler, task: str | None) -> Mapping[str, Any] | None:
    """The JSON Schema of a task's arguments, as nodes tell it; ``None`` if none does."""
    if task is None:
        return None
    found = [each["schema"] for each in scheduler.tasks() if each["name"] == task]
    return found[-1] if found else None


_OWN = (*POLICIES, CALENDAR, until.FIELD, REASON, "name", "description")


def _policy(name: str, text: str) -> Any:
    text = text.strip()
    if name == "coalesce":
        return {"yes": True, "no": False}.get(text, text)
    if name == "misfire_grace_time" and not text:
        return None
    try:
        return int(text[:20])
    except ValueError:
        return text


def _policy_text(name: str, value: Any) -> str:
    if name == "coalesce":
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _began(text: str) -> dict[str, Any] | None:
    """What a form says that it began with. It decides only which of its own fields count as changed."""
    if not text or len(text) > _LONGEST_BEGAN:
        return None
    try:
        found: dict[str, Any] = orjson.loads(text)
    except ValueError:
        return None
    match found:
        case {"trigger": [str() | None as kind, dict() | None as args]} if _is_whole(found):
            pass
        case _:
            return None
    try:
        trigger_form.texts_of(kind, args)
    except (InvalidTrigger, KeyError, ValueError, TypeError, AttributeError):
        return None
    return found


def _is_whole(found: Any) -> bool:
    kwargs, ends = found.get("kwargs"), found.get(until.FIELD)
    return isinstance(ends, str) and (kwargs is None or isinstance(kwargs, dict)) and set(FIELDS) <= set(found)
