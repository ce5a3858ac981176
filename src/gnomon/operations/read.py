"""Reading jobs: the one dict that Python, REST, command line and page show, made from the stored row."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from gnomon.domain.argument_schema import misfit
from gnomon.domain.arguments import check_arguments
from gnomon.domain.change import Origin
from gnomon.domain.coming import next_start
from gnomon.domain.manifest import Manifest
from gnomon.domain.override import Override, declared_value, is_moved
from gnomon.domain.run import Run
from gnomon.domain.schedule import DeclaredRow, JobRow, Schedule, StoredJob, declared_values, token
from gnomon.domain.task import TaskOffer
from gnomon.domain.triggers import KINDS, BaseTrigger, TriggerDescription, build, describe, jitter_of, next_fire
from gnomon.errors import InvalidInput, InvalidTrigger, JobNotFound, RowRefused
from gnomon.operations.beside import NOTHING_BESIDE, Beside, exceptions_list, problem_of, read_beside, start_beside
from gnomon.operations.ports import Context, Store

JobDict = dict[str, Any]
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


def is_enabled(stored: StoredJob, paused_or_not: bool | None, base: Mapping[str, Any], last: datetime | None) -> bool:
    """Whether a job fires when its time comes.

    A row without a next run time is paused or has finished; it has finished when it ran and its trigger has no time
    after that (``last`` is the newest scheduled time in the ledger). Firing its last time does not disable a job.
    ``paused_or_not`` is what an operator said last, ``None`` if nobody did.
    """
    if stored.next_run_time is not None:
        return True
    if (base.get("enabled", True) if paused_or_not is None else paused_or_not) is False:
        return False
    return is_finished(stored, last)


def is_finished(stored: StoredJob, last: datetime | None) -> bool:
    """Whether a job has run for the last time."""
    if stored.next_run_time is not None or last is None:
        return False
    try:
        return next_fire(stored.schedule.trigger, previous=last, now=last) is None
    except InvalidTrigger:
        return False


def current_token(context: Context, row: JobRow) -> str:
    """The token of a row as it stands. Raises ``RowRefused``."""
    stored = context.decode(row)
    records = context.store.records
    override = records.overrides([row.id]).get(row.id, {}).get("enabled")
    declaration = records.declarations([row.id]).get(row.id)
    last = context.store.ledger.last_runs([row.id]).get(row.id) if stored.next_run_time is None else None
    base = declaration.base if declaration else {}
    paused_or_not = override.value if override else None
    enabled = is_enabled(stored, paused_or_not, base, last.scheduled_at if last else None)
    named = context.store.calendars.of_jobs([row.id]).get(row.id)
    arguments = task_arguments(base, stored.schedule)
    return token(stored.schedule, enabled, arguments=arguments, calendar=named.name if named else None)


class Runnable(NamedTuple):
    """What this process and living nodes have code for. Not merged: each may name ten thousand jobs."""

    manifests: tuple[Manifest, ...]

    def runs(self, job_id: str, func: str) -> bool:
        """Whether anybody has code for a job whose row names ``func``."""
        return any(manifest.runs(job_id, func) for manifest in self.manifests)

    def declares(self, job_id: str) -> bool:
        """Whether code declares a job of this id, so that a start adds it."""
        return any(job_id in manifest.job_ids for manifest in self.manifests)

    @property
    def tasks(self) -> frozenset[TaskOffer]:
        """The tasks that jobs can be added for."""
        return frozenset().union(*(manifest.tasks for manifest in self.manifests))

    def tasks_of(self, func: str) -> tuple[TaskOffer, ...]:
        """The task that a row's function is, in all versions."""
        return tuple(offer for manifest in self.manifests for offer in manifest.tasks_of(func))


def runnable(context: Context) -> Runnable | None:
    """What living nodes, or this process, have code for; ``None`` where nobody ever said."""
    here = context.manifest()
    there = context.store.nodes.manifest()
    if there is None:
        return Runnable((here,)) if here.says_anything else None
    return Runnable((here, there))


def read_rows(context: Context, rows: list[DeclaredRow]) -> list[JobDict]:
    """The jobs of rows that were read already."""
    return _read(context, rows, [row.id for row in rows]) if rows else []


def may_match(context: Context, row: DeclaredRow, search: str) -> bool:
    """Whether a text may stand in what people read of a row's job; ``False`` is certain. For passing over rows without
    making their dicts."""
    texts = _texts(context.decode, row.row, row.base)
    return texts is None or search.lower() in texts


@lru_cache(maxsize=20_000)
def _texts(decode: Callable[[JobRow], StoredJob], row: JobRow, declared: str | None) -> str | None:
    """Id, name, description and words as the job's dict has them; ``None`` where that depends on more than the stored
    bytes. A pure function of these, like ``_standing``."""
    try:
        schedule = decode(row).schedule
    except RowRefused:
        return None
    described = _described(_Same(schedule.trigger))
    if described.kind not in KINDS:
        return None
    description = declared_values(declared).get("description", "")
    return "\0".join((schedule.job_id, schedule.name, description, described.words)).lower()


def _read(context: Context, rows: list[DeclaredRow], job_ids: list[str] | None) -> list[JobDict]:
    store: Store = context.store
    now = store.database.now()
    as_of = _as_of(now)
    overrides = store.records.overrides(job_ids)
    last_runs = store.ledger.last_runs(job_ids)
    beside = read_beside(store, job_ids, now=now)
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


def iso_now(store: Store) -> str:
    """The moment of a reading, as its dicts say it."""
    return _as_of(store.database.now())


def _as_of(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")


def job_dict(
    context: Context,
    row: DeclaredRow,
    overrides: Mapping[str, Override],
    last_run: Run | None,
    manifest: Runnable | None,
    as_of: str,
    beside: Beside = NOTHING_BESIDE,
) -> JobDict:
    """What a job's row, and what stands beside it, say together."""
    standing = standing_of(context, row, overrides, last_run, as_of, beside)
    if not standing.is_plain:
        job = copy.deepcopy(standing.job)
    else:
        job = standing.job.copy()
        job["trigger_args"] = job["trigger_args"].copy()
        default = job["default"]
        if default is not None:
            job["default"] = default = default.copy()
            default["trigger_args"] = default["trigger_args"].copy()
    if job["token"] is not None and job["token"] == row.token:
        job["source"] = source_of(overrides) if overrides else "code"
    job["overrides"] = overrides_dict(overrides, row.declared) if overrides else {}
    job["exceptions"] = exceptions_list(beside.exceptions) if beside.exceptions else []
    if job["task"] is not None:
        job["kwargs"] = copy.deepcopy(job["kwargs"])
    if standing.func is None or job["state"] == "quarantined":
        job["next_start"] = None
    elif beside is not NOTHING_BESIDE:
        stored, now = context.decode(row.row), datetime.fromisoformat(as_of)
        job["problem"] = problem_of(stored, beside, now=now)
        job["next_start"] = None if job["problem"] else start_beside(stored, beside, now=now)
    if standing.func is not None and manifest is not None:
        if not manifest.runs(row.id, standing.func):
            job["problem"] = NO_CODE
            job["next_start"] = None
            if job["enabled"]:
                job["state"] = "orphaned"
        elif job["task"] is not None:
            _add_task(job, manifest.tasks_of(standing.func))
    job["last_run"] = None if last_run is None else run_summary(last_run)
    job["as_of"] = as_of
    return job


def task_arguments(base: Mapping[str, Any], schedule: Schedule) -> dict[str, Any] | None:
    """The arguments of a job that was added for a task. ``None`` of others, and where another program wrote some that
    are no JSON."""
    if "task" not in base or schedule.args:
        return None
    try:
        return check_arguments(schedule.kwargs)
    except InvalidInput:
        return None


def reruns_lost(base: Mapping[str, Any], manifest: Runnable | None) -> bool:
    """Whether a lost run of a job runs again: of a job that was added, as its task says now."""
    if "task" not in base:
        return bool(base.get("rerun_lost"))
    return manifest is not None and any(offer.name == base["task"] and offer.rerun_lost for offer in manifest.tasks)


def _add_task(job: JobDict, offers: tuple[TaskOffer, ...]) -> None:
    """What the task of a job says now, which may be something else than when the job was added."""
    for offer in offers[:1]:
        job["executor"] = offer.executor
    for offer in offers:
        wrong = None if job["kwargs"] is None else misfit(offer.schema, job["kwargs"])
        if wrong is not None:
            job["problem"] = f"{MISFIT}: {wrong}"


def standing_of(
    context: Context,
    row: DeclaredRow,
    overrides: Mapping[str, Override],
    last_run: Run | None,
    as_of: str,
    beside: Beside = NOTHING_BESIDE,
) -> Standing:
    """What a job's row says by itself, and which calendar it names. It is shared: treat it as read-only."""
    paused_or_not = overrides["enabled"].value if overrides and "enabled" in overrides else None
    last = last_run.scheduled_at if last_run is not None and row.next_run_time is None else None
    calendar = None if beside.named is None else beside.named.name
    standing = _standing(context.decode, row[:3], row.base, paused_or_not, last, calendar)
    if not standing.is_plain:
        problem = _problem_of_trigger(context, row, standing, as_of)
        if problem is not None:
            return Standing(_quarantined(row.id, row.declared, problem), standing.func, is_plain=False)
    return standing


def _problem_of_trigger(context: Context, row: DeclaredRow, standing: Standing, as_of: str) -> str | None:
    """Why a job that is due does not fire. Triggers of the kinds that can be sent can always be calculated."""
    if standing.job["state"] != "active" or row.next_run_time is None:
        return None
    now = datetime.fromisoformat(as_of)
    if row.next_run_time > now.timestamp():
        return None
    stored = context.decode(row.row)
    try:
        next_fire(stored.schedule.trigger, previous=stored.next_run_time, now=now)
    except InvalidTrigger as error:
        return str(error)
    return None


class Standing(NamedTuple):
    """A job's dict without what time moves, as if another program had written the row, and the function that the row
    names (``None``: it cannot be read).

    ``is_plain``: its trigger is of a kind that can be sent. Others may hold triggers, or fail to be calculated.
    """

    job: JobDict
    func: str | None
    is_plain: bool


@lru_cache(maxsize=20_000)
def _standing(
    decode: Callable[[JobRow], StoredJob],
    row: tuple[str, float | None, bytes],
    declared: str | None,
    paused_or_not: bool | None,
    last: datetime | None,
    calendar: str | None,
) -> Standing:
    """A pure function of the stored bytes that are its arguments: so it may be remembered, and cannot be stale.

    Callers copy the dict. ``last`` is the newest scheduled time, of jobs without a next one.
    """
    base = declared_values(declared)
    try:
        stored = decode(JobRow._make(row))
    except RowRefused as error:
        return Standing(_quarantined(row[0], base, str(error)), None, is_plain=False)
    schedule = stored.schedule
    enabled = is_enabled(stored, paused_or_not, base, last)
    described = _described(_Same(schedule.trigger))
    arguments = task_arguments(base, schedule)
    current = token(schedule, enabled, described, arguments, calendar=calendar)
    fires = "active" if stored.next_run_time is not None else "finished"
    job = {
        "id": schedule.job_id,
        "name": schedule.name,
        "description": base.get("description", ""),
        "state": fires if enabled else "paused",
        "enabled": enabled,
        "trigger": described.kind,
        "trigger_args": described.args,
        "timezone": described.timezone,
        "schedule": described.words,
        "next_run_time": None if stored.next_run_time is None else stored.next_run_time.isoformat(),
        "next_start": _start_of(stored),
        "exceptions": [],
        "source": "outside",
        "default": _default(base),
        "overrides": {},
        "misfire_grace_time": schedule.misfire_grace_time,
        "coalesce": schedule.coalesce,
        "max_instances": schedule.max_instances,
        "calendar": calendar,
        "executor": base.get("executor", schedule.executor),
        "task": base.get("task"),
        "kwargs": arguments,
        "token": current,
        "last_run": None,
        "problem": None,
        "as_of": "",
    }
    return Standing(job, schedule.func, is_plain=described.kind in KINDS)


def _start_of(stored: StoredJob) -> str | None:
    """When the next run starts, where nothing stands beside the row: at its time, or later by the jitter."""
    due, trigger = stored.next_run_time, stored.schedule.trigger
    if due is None:
        return None
    if jitter_of(trigger):
        with suppress(InvalidTrigger):
            starts_at = next_start(stored.schedule.job_id, trigger, due, now=due)
            return None if starts_at is None else starts_at.isoformat()
    return due.isoformat()


class _Same:
    """An object as a key: the codec gives rows with equal triggers the same one, and nothing changes it."""

    __slots__ = ("trigger",)

    def __init__(self, trigger: BaseTrigger) -> None:
        self.trigger = trigger

    def __hash__(self) -> int:
        return id(self.trigger)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.trigger is other.trigger


@lru_cache(maxsize=5_000)
def _described(same: _Same) -> TriggerDescription:
    return describe(same.trigger)


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


def _default(base: Mapping[str, Any]) -> dict[str, Any] | None:
    if not base:
        return None
    return {name: base[name] for name in ("trigger", "trigger_args", "enabled")}


def words_for(kind: str, args: Mapping[str, Any]) -> str:
    """A trigger that is given by kind and arguments, in words."""
    try:
        # The arguments of a stored declaration name their zone.
        return describe(build(kind, args, timezone="UTC")).words
    except InvalidTrigger:
        return str(args.get("repr", kind))


def _quarantined(job_id: str, base: Mapping[str, Any], problem: str) -> JobDict:
    return {
        "id": job_id,
        "name": base.get("name", job_id),
        "description": base.get("description", ""),
        "state": "quarantined",
        "enabled": False,
        "trigger": None,
        "trigger_args": None,
        "timezone": None,
        "schedule": "not known: the stored row cannot be read",
        "next_run_time": None,
        "next_start": None,
        "exceptions": [],
        "source": "outside",
        "default": _default(base),
        "overrides": {},
        "misfire_grace_time": None,
        "coalesce": None,
        "max_instances": None,
        "calendar": None,
        "executor": base.get("executor"),
        "task": base.get("task"),
        "kwargs": None,
        "token": None,
        "last_run": None,
        "problem": problem,
        "as_of": "",
    }


def run_summary(run: Run) -> dict[str, Any]:
    """A run in a few fields, JSON-ready."""
    return {
        "id": run.id,
        "state": run.state.value,
        "scheduled_at": iso(run.scheduled_at),
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
    }


def run_dict(run: Run) -> dict[str, Any]:
    """A run whole, JSON-ready."""
    return {
        "id": run.id,
        "job_id": run.job_id,
        "state": run.state.value,
        "cause": run.cause.value,
        "attempt": run.attempt,
        "node": run.node,
        "scheduled_at": iso(run.scheduled_at),
        "not_before": iso(run.not_before),
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "covers": run.covers,
        "covers_until": iso(run.covers_until),
        "error": run.error,
        "progress": None if run.progress_done is None else {"done": run.progress_done, "total": run.progress_total},
        "cancel_requested": None
        if run.cancel_requested_at is None
        else {"at": iso(run.cancel_requested_at), "by": run.cancel_requested_by},
    }


def iso(moment: datetime | None) -> str | None:
    """A moment as JSON has it: ISO 8601 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat()
