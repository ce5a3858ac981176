"""Changing when a job fires: the engine is asked first, and all else is recorded only if that worked.

One transaction: lock the row, compare the token, call the engine, write overrides and change, commit. Then, and only
then, tell others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from gnomon.domain.arguments import check_arguments
from gnomon.domain.change import Author
from gnomon.domain.declaration import check_policies
from gnomon.domain.override import DEFAULT, FIELDS
from gnomon.errors import InvalidInput, StoreUnavailable
from gnomon.operations.change_key import new_key
from gnomon.operations.changing import Changing
from gnomon.operations.ports import Context
from gnomon.operations.read import POLICIES

_LONGEST_REASON = 1000

_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What to change: some of ``FIELDS``, each with a value (a trigger: its ``TriggerMaker``) or ``DEFAULT``. What is
    absent stays. ``expires_at`` is when what was changed returns to the code; ``if_token`` the token of the job that
    the change was decided on."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    if_token: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.fields.items():
            if name not in FIELDS:
                known = ", ".join(("trigger", "trigger_args", "enabled", *POLICIES, "calendar", "kwargs"))
                raise InvalidInput(name, value, f"what can be changed of a job is {known}")
        given = {name: value for name, value in self.fields.items() if value is not DEFAULT and name != "trigger"}
        if "kwargs" in given:
            check_arguments(given.pop("kwargs"))
        check_policies(**given)
        if self.expires_at is not None:
            if not self.fields:
                raise InvalidInput("expires_at", self.expires_at.isoformat(), "say which fields are to expire then")
            if self.expires_at.tzinfo is None:
                raise InvalidInput("expires_at", self.expires_at.isoformat(), "give a time with its offset from UTC")


def change_job(context: Context, job_id: str, patch: Patch, author: Author) -> Changing:
    """Apply a patch, and return what it made of the job. A patch that changes nothing writes nothing.

    Raises ``JobNotFound``, ``InvalidTrigger``, ``InvalidInput``, ``ChangeRefused``, ``StaleToken``, or ``StoreError``:
    then nothing has changed.
    """

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(patch.if_token)
        if patch.expires_at is not None and patch.expires_at <= changing.now:
            raise InvalidInput("expires_at", patch.expires_at.isoformat(), "give a time that is still to come")
        if patch.fields.get("calendar") is not DEFAULT:
            check_calendar(context, patch.fields.get("calendar"))
        before = _until(changing, patch)
        changing.apply(patch.fields, expires_at=patch.expires_at)
        after = _until(changing, patch)
        notes = None if after == before else ({"expires_at": before}, {"expires_at": after})
        return changing.finish(_action(patch), key=key, notes=notes)

    return carry_out(context, job_id, author, work)


def carry_out(context: Context, job_id: str, author: Author, work: Callable[[str], _Done]) -> _Done:
    """Do the work of a change in one transaction, under a key that says afterwards whether it was committed."""
    check_reason(author.reason)
    key = new_key()
    done: list[_Done] = []
    try:
        context.store.change(job_id, lambda: done.append(work(key)))
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the key says what is true.
        if not done or not context.store.settle(error, job_id, lambda: context.store.records.has_change(key)):
            raise
    return done[-1]


def carry_out_alone(
    context: Context,
    job_id: str,
    author: Author,
    work: Callable[[str], _Done],
    *,
    name: str,
) -> _Done:
    """As ``carry_out``, for what makes a job or a calendar come or go: meanwhile nothing else does, and no start."""
    check_reason(author.reason)
    key, database = new_key(), context.store.database
    done: list[_Done] = []
    try:
        with database.transaction(name):
            database.one_at_a_time()
            done.append(work(key))
        return done[0]
    except StoreUnavailable as error:

        def is_written() -> bool:
            # There may be no row to wait for: who comes after the one who wrote it, sees it.
            database.one_at_a_time()
            return context.store.records.has_change(key)

        if done and context.store.settle(error, job_id, is_written):
            return done[0]
        raise


def check_reason(reason: str | None) -> None:
    """Refuse (``InvalidInput``) what the log of changes cannot keep: PostgreSQL stores no NUL."""
    if reason is None:
        return
    if len(reason) > _LONGEST_REASON or "\0" in reason or not _is_text(reason):
        raise InvalidInput("reason", reason, f"give at most {_LONGEST_REASON} characters, and no NUL among them")


def check_calendar(context: Context, name: str | None) -> None:
    """Refuse (``InvalidInput``) the name of a calendar that there is not, and keep one that there is until the open
    transaction ends; ``None`` stands for no calendar."""
    if name is not None and not context.store.calendars.hold(name):
        names = context.store.calendars.names()
        there = f"there are {', '.join(names)}" if names else "there is none; `gnomon calendar set` makes one"
        raise InvalidInput("calendar", name, there)


def _is_text(text: str) -> bool:
    """Python's strings may hold halves of characters, which no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _until(changing: Changing, patch: Patch) -> str | None:
    """When what the patch is about returns to the code; ``None``: never, or it is as the code says."""
    overridden = [override for name in patch.fields if (override := changing.overrides.get(name)) is not None]
    ends = [override.expires_at.isoformat() for override in overridden if override.expires_at is not None]
    return min(ends) if ends else None


def _action(patch: Patch) -> str:
    if patch.fields and all(value is DEFAULT for value in patch.fields.values()):
        return "revert"
    if set(patch.fields) == {"enabled"}:
        return "resume" if patch.fields["enabled"] else "pause"
    return "reschedule" if "trigger" in patch.fields else "change"
