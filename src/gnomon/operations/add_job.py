"""Adding jobs while the program runs: a job for each tenant, each with its arguments and its schedule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gnomon.domain.change import Author, Change
from gnomon.domain.declaration import check_job_id, check_policies
from gnomon.domain.schedule import Schedule
from gnomon.domain.task import TaskOffer
from gnomon.domain.triggers import KINDS, BaseTrigger, describe, ensure_fires
from gnomon.errors import InvalidInput, InvalidTrigger, JobExists
from gnomon.operations.change import carry_out_alone, check_calendar
from gnomon.operations.ports import Context
from gnomon.operations.read import POLICIES, read_job
from gnomon.operations.runnable import runnable
from gnomon.operations.standing import JobDict, current_token
from gnomon.operations.tasks import fitting_arguments, offers_of

_LONGEST_NAME, _LONGEST_DESCRIPTION = 191, 500
#: What the log of changes says of a job that was added.
LOGGED = ("name", "description", "task", "kwargs", "trigger", "trigger_args", "enabled", *POLICIES, "calendar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A job to be added. ``None``: the id for ``name``, the task's own for ``description``, no ``calendar``."""

    job_id: str
    task: str
    trigger: BaseTrigger
    kwargs: Mapping[str, Any]
    name: str | None = None
    description: str | None = None
    enabled: bool = True
    calendar: str | None = None

    def __post_init__(self) -> None:
        check_job_id(self.job_id)
        check_policies(enabled=self.enabled, calendar=self.calendar)
        if not isinstance(self.task, str):
            raise InvalidInput("task", self.task, "give the name of a task; `gnomon tasks` lists them")
        _check_text("name", self.name, 1, _LONGEST_NAME)
        _check_text("description", self.description, 0, _LONGEST_DESCRIPTION)
        kind = describe(self.trigger).kind
        if kind not in KINDS:
            raise InvalidTrigger(
                "trigger", kind, f"give one of {', '.join(KINDS)}: others can only be declared in code"
            )


def add_job(context: Context, addition: Addition, author: Author) -> JobDict:
    """Store a job that runs a task, and return it.

    Raises ``TaskNotFound``, ``JobExists``, ``InvalidInput``, ``InvalidTrigger``, ``ChangeRefused`` or ``StoreError``:
    then nothing has changed.
    """

    def work(key: str) -> JobDict:
        known = runnable(context)
        offers = offers_of(known, addition.task)
        kwargs = fitting_arguments(offers, addition.kwargs)
        check_calendar(context, addition.calendar)
        if known is not None and known.declares(addition.job_id):
            raise JobExists(addition.job_id, "code declares it")
        _store(context, addition, offers[-1], kwargs)
        job = read_job(context, addition.job_id)
        context.store.records.log(
            Change(
                key=key,
                job_id=addition.job_id,
                at=context.store.database.now(),
                author=author,
                action="add",
                before={},
                after={name: job[name] for name in LOGGED},
            )
        )
        return job

    return carry_out_alone(context, addition.job_id, author, work, name="add")


def _store(context: Context, addition: Addition, offer: TaskOffer, kwargs: dict[str, Any]) -> None:
    store, job_id, trigger = context.store, addition.job_id, addition.trigger
    now = store.database.now()
    first = ensure_fires(trigger, now=now)
    schedule = Schedule(
        job_id=job_id,
        name=job_id if addition.name is None else addition.name,
        func=offer.func,
        trigger=trigger,
        # Whoever runs it knows the task's own; a plain APScheduler has this one.
        executor="default",
        misfire_grace_time=offer.misfire_grace_time,
        coalesce=offer.coalesce,
        max_instances=offer.max_instances,
        kwargs=kwargs,
    )
    row = context.engine.add_schedule(schedule, first if addition.enabled else None)
    if row is None:
        raise JobExists(job_id, "it is stored")
    described = describe(trigger)
    base = {
        "name": schedule.name,
        "description": offer.description if addition.description is None else addition.description,
        "trigger": described.kind,
        "trigger_args": described.args,
        "enabled": addition.enabled,
        "misfire_grace_time": offer.misfire_grace_time,
        "coalesce": offer.coalesce,
        "max_instances": offer.max_instances,
        "calendar": addition.calendar,
        "executor": offer.executor,
        "task": offer.name,
        "kwargs": kwargs,
    }
    # A row that another program removed may have left something behind.
    store.records.forget([job_id])
    store.exceptions.drop_all([job_id], now=now, error="the job was removed before it could start")
    store.calendars.assign({job_id: addition.calendar})
    text = json.dumps(base, sort_keys=True, separators=(",", ":"))
    # First without the token: whether the row is paused is said by the declaration.
    store.records.declare([(job_id, text, None)], at=now)
    store.records.declare([(job_id, text, current_token(context, row))], at=now)


def _check_text(field: str, value: object, shortest: int, longest: int) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.isprintable():
        raise InvalidInput(field, value, f"give {shortest} to {longest} printable characters")
