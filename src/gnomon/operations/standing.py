"""What a job's row says by itself: the part of its dict that is a function of the stored bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from gnomon.domain.arguments import check_arguments
from gnomon.domain.coming import next_start
from gnomon.domain.override import Override
from gnomon.domain.run import Run
from gnomon.domain.schedule import DeclaredRow, JobRow, Schedule, StoredJob, declared_values, token
from gnomon.domain.triggers import KINDS, BaseTrigger, TriggerDescription, describe, jitter_of, next_fire
from gnomon.errors import InvalidInput, InvalidTrigger, RowRefused
from gnomon.operations.beside import NOTHING_BESIDE, Beside
from gnomon.operations.ports import Context

JobDict = dict[str, Any]


class Standing(NamedTuple):
    """A job's dict without what time moves, as if another program had written the row, and the function that the row
    names (``None``: it cannot be read).

    ``is_plain``: its trigger is of a kind that can be sent. Others may hold triggers, or fail to be calculated.
    """

    job: JobDict
    func: str | None
    is_plain: bool


def standing_of(
    context: Context,
    row: DeclaredRow,
    overrides: Mapping[str, Override],
    last_run: Run | None,
    now: datetime,
    beside: Beside = NOTHING_BESIDE,
) -> Standing:
    """What a job's row says by itself, and which calendar it names. It is shared: treat it as read-only."""
    paused_or_not = overrides["enabled"].value if overrides and "enabled" in overrides else None
    last = last_run.scheduled_at if last_run is not None and row.next_run_time is None else None
    calendar = None if beside.named is None else beside.named.name
    facts = row[:3], row.base, paused_or_not, last, calendar
    standing: Standing | None = context.standings.get(row[0], facts)
    if standing is None:
        standing = context.standings.put(row[0], facts, _standing(context.decode, *facts))
    if not standing.is_plain:
        problem = _problem_of_trigger(context, row, standing, now)
        if problem is not None:
            return Standing(_quarantined(row.id, row.declared, problem), standing.func, is_plain=False)
    return standing


def _problem_of_trigger(context: Context, row: DeclaredRow, standing: Standing, now: datetime) -> str | None:
    """Why a job that is due does not fire. Triggers of the kinds that can be sent can always be calculated."""
    if standing.job["state"] != "active" or row.next_run_time is None or row.next_run_time > now.timestamp():
        return None
    stored = context.decode(row.row)
    try:
        next_fire(stored.schedule.trigger, previous=stored.next_run_time, now=now)
    except InvalidTrigger as error:
        return str(error)
    return None


def _standing(
    decode: Callable[[JobRow], StoredJob],
    row: tuple[str, float | None, bytes],
    declared: str | None,
    paused_or_not: bool | None,
    last: datetime | None,
    calendar: str | None,
) -> Standing:
    """``last`` is the newest scheduled time, of jobs without a next one."""
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
    due = None if stored.next_run_time is None else stored.next_run_time.isoformat()
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
        "next_run_time": due,
        "next_start": _start_of(stored) if jitter_of(schedule.trigger) else due,
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


def task_arguments(base: Mapping[str, Any], schedule: Schedule) -> dict[str, Any] | None:
    """The arguments of a job that was added for a task. ``None`` of others, and where another program wrote some that
    are no JSON."""
    if "task" not in base or schedule.args:
        return None
    try:
        return check_arguments(schedule.kwargs)
    except InvalidInput:
        return None


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


def may_match(context: Context, row: DeclaredRow, search: str) -> bool:
    """Whether a text may stand in what people read of a row's job; ``False`` is certain. For passing over rows without
    making their dicts."""
    facts = row[:3], row.base
    texts = context.texts.get(row.id, facts)
    if texts is None:
        texts = context.texts.put(row.id, facts, _texts(context.decode, row.row, row.base))
    return texts is None or search.lower() in texts


def _texts(decode: Callable[[JobRow], StoredJob], row: JobRow, declared: str | None) -> str | None:
    """Id, name, description and words as the job's dict has them; ``None`` where that depends on more than the stored
    bytes."""
    try:
        schedule = decode(row).schedule
    except RowRefused:
        return None
    described = _described(_Same(schedule.trigger))
    if described.kind not in KINDS:
        return None
    description = declared_values(declared).get("description", "")
    return "\0".join((schedule.job_id, schedule.name, description, described.words)).lower()


def _start_of(stored: StoredJob) -> str | None:
    """When the next run of a job with jitter starts, where nothing stands beside the row."""
    due = stored.next_run_time
    if due is None:
        return None
    try:
        starts_at = next_start(stored.schedule.job_id, stored.schedule.trigger, due, now=due)
    except InvalidTrigger:
        return due.isoformat()
    return None if starts_at is None else starts_at.isoformat()


def _default(base: Mapping[str, Any]) -> dict[str, Any] | None:
    if not base:
        return None
    return {name: base[name] for name in ("trigger", "trigger_args", "enabled")}


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
