"""Importing a crontab: its lines become paused jobs that run commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from gnomon.domain.change import Author, Change
from gnomon.domain.crontab_file import CrontabJob
from gnomon.domain.declaration import Declaration
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context
from gnomon.operations.standing import current_token

EXECUTOR = "command"


def import_jobs(
    context: Context, jobs: Sequence[CrontabJob], run_command: Callable[..., Any], author: Author
) -> list[str]:
    """Store those that are not stored, paused, in one transaction. Returns their ids.

    ``run_command`` is the function that their rows name. What is stored stays as it is, so importing again changes
    nothing.
    """
    store = context.store
    with store.database.transaction("import"):
        stored = store.schedules.ids()
        new = [_declaration(job, run_command) for job in jobs if job.job_id not in stored]
        for declaration in new:
            _add(context, declaration, author)
    return [declaration.job_id for declaration in new]


def _declaration(job: CrontabJob, run_command: Callable[..., Any]) -> Declaration:
    return Declaration(
        job_id=job.job_id,
        func=run_command,
        trigger=job.trigger,
        name=job.job_id,
        description=job.description,
        enabled=False,
        executor=EXECUTOR,
        kwargs=job.kwargs,
    )


def _add(context: Context, declaration: Declaration, author: Author) -> None:
    store, job_id = context.store, declaration.job_id
    context.engine.add_job(
        declaration.func,
        declaration.trigger,
        id=job_id,
        name=declaration.name,
        kwargs=dict(declaration.kwargs),
        # In the row, unlike that of a declared job: nothing but the row will name it to the node that runs it.
        executor=EXECUTOR,
        misfire_grace_time=declaration.misfire_grace_time,
        coalesce=declaration.coalesce,
        max_instances=declaration.max_instances,
        next_run_time=None,
    )
    at, base = store.database.now(), declaration.base()
    text = json.dumps(base, sort_keys=True, separators=(",", ":"))
    row = store.schedules.get(job_id)
    assert row is not None
    # First without the token: whether the row is paused is said by the declaration.
    store.records.declare([(job_id, text, None)], at=at)
    store.records.declare([(job_id, text, current_token(context, row))], at=at)
    store.records.log(
        Change(
            key=new_key(),
            job_id=job_id,
            at=at,
            author=author,
            action="import",
            before={},
            after={"trigger": base["trigger"], "trigger_args": base["trigger_args"], "enabled": False},
        )
    )
