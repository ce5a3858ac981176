"""Changing when a job fires: the engine is asked first, and all else is recorded only if that worked.

One transaction: lock the row, call the engine, write overrides and change, commit. Then, and only then, tell others.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gnomon.domain.change import Author, Change
from gnomon.domain.declaration import MOVED_FROM, check_policies
from gnomon.domain.override import Override
from gnomon.domain.schedule import DeclaredRow, JobRow
from gnomon.domain.triggers import BaseTrigger
from gnomon.errors import ChangeRefused, InvalidInput, JobNotFound, StoreUnavailable
from gnomon.operations.ports import Context
from gnomon.operations.read import JobDict, job_dict, read_job, runnable

logger = logging.getLogger("gnomon.operations")

#: The policies that an operator may change, beside trigger and enabled.
POLICIES = ("misfire_grace_time", "coalesce", "max_instances")
#: The fields of a job's dict that say when it fires; a change log entry holds those that differ.
_CHANGED_FIELDS = ("trigger", "trigger_args", "enabled", *POLICIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What to change; what is absent stays. ``policies`` holds some of ``POLICIES``.

    ``trigger`` makes the new trigger, given the time zone that the job counts in.
    """

    trigger: Callable[[str], BaseTrigger] | None = None
    enabled: bool | None = None
    policies: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.policies:
            if name not in POLICIES:
                known = ", ".join(("trigger", "trigger_args", "enabled", *POLICIES))
                raise InvalidInput(name, self.policies[name], f"what can be changed of a job is {known}")
        check_policies(**self.policies)
        if self.enabled is not None:
            check_policies(enabled=self.enabled)


def change_job(context: Context, job_id: str, patch: Patch, author: Author) -> JobDict:
    """Apply a patch; return the job as it then stands. A patch that changes nothing writes nothing.

    Raises ``JobNotFound``, ``InvalidTrigger``, ``InvalidInput``, ``ChangeRefused``, or ``StoreError``: then nothing
    has changed.
    """
    key = uuid.uuid4().hex
    try:
        return context.store.change(job_id, lambda: _Changing(context, job_id, patch, author).carry_out(key))
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the key says what is true.
        if context.store.settle(error, job_id, lambda: context.store.records.has_change(key)):
            return read_job(context, job_id)
        raise


class _Changing:
    """One change, in the transaction that is open: what stands beside the row is read once, under its lock."""

    def __init__(self, context: Context, job_id: str, patch: Patch, author: Author) -> None:
        store = context.store
        row = store.schedules.lock(job_id)
        if row is None:
            raise JobNotFound(job_id)
        self._context, self._job_id, self._patch, self._author = context, job_id, patch, author
        self._now = store.database.now()
        self._declaration = store.records.declarations([job_id]).get(job_id)
        self._overrides = store.records.overrides([job_id]).get(job_id, {})
        self._last_run = store.ledger.last_runs([job_id]).get(job_id)
        self._manifest = runnable(context)
        self._before = self._job(row)

    def carry_out(self, key: str) -> JobDict:
        """Ask the engine, then record; return the job as it stands after."""
        if self._before["state"] == "quarantined":
            problem = self._before["problem"]
            raise ChangeRefused(f"job {self._job_id!r} cannot be changed: {problem}; mend or remove its row")
        self._ask_engine()
        base = self._declaration.base if self._declaration else {}
        if self._patch.enabled is not None:
            # First: whether a row without a next run time is paused is said by this override.
            self._override("enabled", self._patch.enabled, base.get("enabled", True))
        after = self._job(self._row)
        for policy in self._patch.policies:
            self._override(policy, after[policy], base.get(policy))
        if any(after[name] != self._before[name] for name in ("trigger", "trigger_args")):
            declared = [base.get("trigger"), base.get("trigger_args")]
            self._override("trigger", [after["trigger"], after["trigger_args"]], declared)
        records = self._context.store.records
        if self._declaration is not None:
            records.remember_token(self._job_id, after["token"])
            after["source"] = "override" if self._overrides or MOVED_FROM in base else "code"
        differing = [name for name in _CHANGED_FIELDS if self._before[name] != after[name]]
        if differing:
            records.log(
                Change(
                    key=key,
                    job_id=self._job_id,
                    at=self._now,
                    author=self._author,
                    action=_action(self._patch, differing),
                    before={name: self._before[name] for name in differing},
                    after={name: after[name] for name in differing},
                )
            )
        return after

    def _ask_engine(self) -> None:
        engine, patch, before = self._context.engine, self._patch, self._before
        if patch.trigger is not None:
            engine.reschedule_job(self._job_id, trigger=patch.trigger(before["timezone"]))
        if patch.policies:
            engine.modify_job(self._job_id, **patch.policies)
        stays_paused = patch.trigger is not None and patch.enabled is None and not before["enabled"]
        if patch.enabled is False or stays_paused:
            # The engine cannot tell a paused job from a finished one when the old trigger has no time left.
            engine.pause_job(self._job_id)
        elif patch.enabled is True and not before["enabled"]:
            engine.resume_job(self._job_id)
        row = self._context.store.schedules.get(self._job_id)
        if row is None:
            raise JobNotFound(self._job_id)
        self._row = row

    def _job(self, row: JobRow) -> JobDict:
        return job_dict(
            self._context,
            DeclaredRow.of(row, self._declaration),
            self._overrides,
            self._last_run,
            self._manifest,
            self._now.isoformat(timespec="milliseconds"),
        )

    def _override(self, name: str, value: Any, base: Any) -> None:
        """What is as the code says is no override."""
        records = self._context.store.records
        if value == base:
            if self._overrides.pop(name, None) is not None:
                records.drop_override(self._job_id, name)
            return
        override = Override(
            job_id=self._job_id,
            field=name,
            value=value,
            base=base,
            actor=self._author.actor,
            reason=self._author.reason,
            changed_at=self._now,
        )
        records.override(override)
        self._overrides[name] = override


def _action(patch: Patch, differing: list[str]) -> str:
    if differing == ["enabled"]:
        return "resume" if patch.enabled else "pause"
    return "reschedule" if patch.trigger is not None else "change"
