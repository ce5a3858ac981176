"""Removing jobs that no code declares, and bringing them back."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.override import Override
from gnomon.domain.schedule import JobRow
from gnomon.domain.times import to_seconds
from gnomon.domain.triggers import next_fire
from gnomon.errors import ChangeRefused, InvalidTrigger, JobExists, JobNotFound, RowRefused, StaleToken
from gnomon.operations.add_job import LOGGED
from gnomon.operations.change import carry_out_alone
from gnomon.operations.ports import Context
from gnomon.operations.read import read_job
from gnomon.operations.runnable import runnable
from gnomon.operations.standing import JobDict, current_token

_LARGEST = 4 * 1024 * 1024
#: For people, beside what brings the job back.
_SHOWN = (*LOGGED, "schedule", "timezone", "executor", "state")


def remove_job(
    context: Context,
    job_id: str,
    author: Author,
    *,
    if_token: str | None = None,
    undone: int | None = None,
    check: Callable[[JobDict], None] = lambda _job: None,
) -> JobDict:
    """Remove a job and what operators made of it; return it as it stood. Its runs stay in the ledger, and those that
    are active go on.

    ``undone`` is the change that this undoes; ``check`` may refuse, by raising, once the job is locked. Raises
    ``JobNotFound``, ``StaleToken``, ``StoreError``, and ``ChangeRefused`` for a job that code declares: then nothing
    has changed.
    """

    def work(key: str) -> JobDict:
        store = context.store
        row = store.schedules.lock(job_id)
        if row is None:
            raise JobNotFound(job_id)
        job = read_job(context, job_id)
        if if_token is not None and if_token != job["token"]:
            raise StaleToken(job, store.records.changes_after(job_id, if_token))
        known = runnable(context)
        if known is not None and known.declares(job_id):
            raise ChangeRefused(
                f"job {job_id!r} is declared in code, and the next start would add it again: pause it, or take it out "
                "of the code, start that, and remove it then"
            )
        if isinstance(row.job_state, bytes) and len(row.job_state) > _LARGEST:
            raise ChangeRefused(
                f"the row of job {job_id!r} has {len(row.job_state)} bytes, too many to be kept in the log of changes; "
                "remove it by SQL"
            )
        check(job)
        before = _remembered(context, row, job)
        context.engine.pass_over(job_id)
        context.engine.remove_job(job_id)
        store.records.forget([job_id])
        store.records.log(
            Change(
                key=key,
                job_id=job_id,
                at=store.database.now(),
                author=author,
                action="remove",
                before=before,
                after={} if undone is None else {"undone": undone},
                token=job["token"],
            )
        )
        return job

    return carry_out_alone(context, job_id, author, work, name="remove")


def restore_job(context: Context, change: Change, author: Author) -> JobDict:
    """Undo a removal: the job is as it was, overrides and all. Its next run is counted from now.

    Raises ``JobExists``, ``StoreError``: then nothing has changed.
    """
    job_id, before = change.job_id, change.before

    def work(key: str) -> JobDict:
        records, now = context.store.records, context.store.database.now()
        row = _restored(context, job_id, before, now)
        records.forget([job_id])
        context.store.calendars.assign({job_id: before.get("calendar")})
        if before["declared"] is not None:
            text = json.dumps(before["declared"], sort_keys=True, separators=(",", ":"))
            records.declare([(job_id, text, None)], at=now)
        for field, override in before["overrides"].items():
            records.override(_override(job_id, field, override))
        if before["declared"] is not None:
            with suppress(RowRefused):  # it was quarantined, and is again
                records.remember_token(job_id, current_token(context, row))
        job = read_job(context, job_id)
        after = {name: job[name] for name in LOGGED} | {"undone": change.id}
        records.log(
            Change(
                key=key, job_id=job_id, at=now, author=author, action="add", before={"undone": change.id}, after=after
            )
        )
        return job

    return carry_out_alone(context, job_id, author, work, name="add")


def _remembered(context: Context, row: JobRow, job: JobDict) -> dict[str, Any]:
    declaration = context.store.records.declarations([row.id]).get(row.id)
    return {
        **{name: job[name] for name in _SHOWN},
        "overrides": job["overrides"],
        "declared": None if declaration is None else dict(declaration.base),
        # Byte for byte: a row may hold what the fields above can't say, and some can't be read at all.
        "row": {"next_run_time": _kept(row.next_run_time), "job_state": _kept(row.job_state)},
    }


def _kept(column: Any) -> Any:
    """What a column holds, as JSON. Another program may have put anything into it, and SQLite takes that."""
    if isinstance(column, bytes):
        return {"base64": base64.b64encode(column).decode()}
    return {"float": repr(column)} if isinstance(column, float) and not math.isfinite(column) else column


def _put_back(kept: Any) -> Any:
    if not isinstance(kept, Mapping):
        return kept
    return base64.b64decode(kept["base64"]) if "base64" in kept else float(kept["float"])


def _restored(context: Context, job_id: str, before: Mapping[str, Any], now: datetime) -> JobRow:
    """Store the row, so that it makes up for nothing that was due meanwhile."""
    kept = JobRow(job_id, _put_back(before["row"]["next_run_time"]), _put_back(before["row"]["job_state"]))
    try:
        schedule = context.decode(kept).schedule
        following = next_fire(schedule.trigger, previous=None, now=now) if before["enabled"] else None
    except (RowRefused, InvalidTrigger):
        if isinstance(kept.next_run_time, int | float) and kept.next_run_time <= to_seconds(now):
            kept = kept._replace(next_run_time=None)
        if not context.engine.restore(kept):
            raise JobExists(job_id, "it is stored") from None
        return kept
    row = context.engine.add_schedule(schedule, following)
    if row is None:
        raise JobExists(job_id, "it is stored")
    return row


def _override(job_id: str, field: str, told: Mapping[str, Any]) -> Override:
    return Override(
        job_id=job_id,
        field=field,
        value=told["value"],
        base=told["base"],
        author=Author(told["actor"], Origin(told["origin"]), told["reason"]),
        changed_at=datetime.fromisoformat(told["changed_at"]),
        expires_at=None if told["expires_at"] is None else datetime.fromisoformat(told["expires_at"]),
    )
