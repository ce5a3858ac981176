"""Reading jobs: the one dict that Python, REST, command line and page show, made from the stored row."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from gnomon.domain.argument_schema import misfit
from gnomon.domain.change import Origin
from gnomon.domain.override import Override, declared_value, is_moved
from gnomon.domain.run import Run
from gnomon.domain.schedule import DeclaredRow
from gnomon.domain.task import TaskOffer
from gnomon.errors import JobNotFound
from gnomon.operations.beside import NOTHING_BESIDE, Beside, exceptions_list, problem_of, read_beside, start_beside
from gnomon.operations.ports import Context, Store
from gnomon.operations.run_dicts import iso, run_summary
from gnomon.operations.runnable import Runnable, runnable
from gnomon.operations.standing import JobDict, Standing, standing_of

#: The policies that an operator may change, beside trigger and enabled.
POLICIES = ("misfire_grace_time", "coalesce", "max_instances")
#: The problem of a job whose code nobody has.
NO_CODE = "no living node has code for it"
#: How the problem of a job begins whose arguments its task refuses.
MISFIT = "its arguments do not fit its task any more, so its runs fail"
_NO_OVERRIDES: Mapping[str, Override] = MappingProxyType({})


def read_job(context: Context, job_id: str) -> JobDict:
    """One job as it stands. Raises ``JobNotFound``."""
    store = context.store
    with store.database.read():
        row = store.schedules.get(job_id)
        if row is None:
            raise JobNotFound(job_id)
        declaration = store.records.declarations([job_id]).get(job_id)
        return _read(context, [DeclaredRow.of(row, declaration)], [job_id])[0]


def read_jobs(context: Context) -> list[JobDict]:
    """All jobs as they stand, by next run time, those without one last. One consistent state."""
    store = context.store
    with store.database.read(), _uncollected():
        return _read(context, store.schedules.all_declared(), None)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Ten thousand dicts that all stay alive make Python look for garbage among everything that the program holds, for
    a third of the time that making them takes; and there is none."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def read_rows(context: Context, rows: list[DeclaredRow]) -> list[JobDict]:
    """The jobs of rows that were read already."""
    return _read(context, rows, [row.id for row in rows]) if rows else []


def _read(context: Context, rows: list[DeclaredRow], job_ids: list[str] | None) -> list[JobDict]:
    store: Store = context.store
    as_of = AsOf.of(store.database.now())
    overrides = store.records.overrides(job_ids)
    last_runs = store.ledger.last_runs(job_ids)
    beside = read_beside(store, job_ids, now=as_of.moment)
    manifest = runnable(context)
    return [
        job_dict(
            context,
            row,
            overrides.get(row[0], _NO_OVERRIDES),
            last_runs.get(row[0]),
            manifest,
            as_of,
            beside.get(row[0], NOTHING_BESIDE),
        )
        for row in rows
    ]


class AsOf(NamedTuple):
    """The moment of a reading, and how all its dicts say it."""

    moment: datetime
    text: str

    @classmethod
    def of(cls, moment: datetime) -> AsOf:
        """Of one moment."""
        return cls(moment, moment.isoformat(timespec="milliseconds"))


def job_dict(
    context: Context,
    row: DeclaredRow,
    overrides: Mapping[str, Override],
    last_run: Run | None,
    manifest: Runnable | None,
    as_of: AsOf,
    beside: Beside = NOTHING_BESIDE,
) -> JobDict:
    """What a job's row, and what stands beside it, say together."""
    now = as_of.moment
    standing = standing_of(context, row, overrides, last_run, now, beside)
    job = _copied(standing)
    if job["token"] is not None and job["token"] == row.token:
        job["source"] = source_of(overrides) if overrides else "code"
    job["overrides"] = overrides_dict(overrides, row.declared) if overrides else {}
    job["exceptions"] = exceptions_list(beside.exceptions) if beside.exceptions else []
    if beside is not NOTHING_BESIDE and job["state"] != "quarantined":
        stored = context.decode(row.row)
        job["problem"] = problem_of(stored, beside, now=now)
        job["next_start"] = None if job["problem"] else start_beside(stored, beside, now=now)
    if manifest is not None and standing.func is not None:
        if not manifest.runs(row.id, standing.func):
            job["problem"] = NO_CODE
            job["next_start"] = None
            if job["enabled"]:
                job["state"] = "orphaned"
        elif job["task"] is not None:
            _add_task(job, manifest.tasks_of(standing.func))
    job["last_run"] = None if last_run is None else run_summary(last_run)
    job["as_of"] = as_of.text
    return job


def _copied(standing: Standing) -> JobDict:
    if not standing.is_plain:
        return copy.deepcopy(standing.job)
    job = standing.job.copy()
    job["trigger_args"] = job["trigger_args"].copy()
    default = job["default"]
    if default is not None:
        job["default"] = default = default.copy()
        default["trigger_args"] = default["trigger_args"].copy()
    if job["kwargs"] is not None:
        job["kwargs"] = copy.deepcopy(job["kwargs"])
    return job


def _add_task(job: JobDict, offers: tuple[TaskOffer, ...]) -> None:
    """What the task of a job says now, which may be something else than when the job was added."""
    for offer in offers[:1]:
        job["executor"] = offer.executor
    for offer in offers:
        wrong = None if job["kwargs"] is None else misfit(offer.schema, job["kwargs"])
        if wrong is not None:
            job["problem"] = f"{MISFIT}: {wrong}"


def source_of(overrides: Mapping[str, Override]) -> str:
    """``code`` where nothing is overridden; otherwise who changed something last: an operator, or another program."""
    if not overrides:
        return "code"
    # An operator's change puts what was found in the row on record first, at the same moment.
    newest = max(overrides.values(), key=lambda each: (each.changed_at, each.author.origin is not Origin.OUTSIDE))
    return "outside" if newest.author.origin is Origin.OUTSIDE else "override"


def overrides_dict(overrides: Mapping[str, Override], base: Mapping[str, Any]) -> dict[str, Any]:
    """Each overridden field: what it is, what the code said then (``base``) and says now (``declared``), whether that
    differs (``moved``), and who changed it, when, why, and until when."""
    return {
        name: {
            "value": override.value,
            "base": override.base,
            "declared": declared_value(base, name),
            "moved": is_moved(override, declared_value(base, name)),
            "actor": override.author.actor,
            "origin": override.author.origin.value,
            "reason": override.author.reason,
            "changed_at": iso(override.changed_at),
            "expires_at": iso(override.expires_at),
        }
        for name, override in overrides.items()
    }
