"""A periodic task of django-celery-beat, as what a declaration of a job says; or why it cannot be one."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gnomon.domain.celery_crontab import CeleryCrontab, cron_arguments
from gnomon.domain.declaration import check_job_id
from gnomon.domain.triggers import build, ensure_fires, next_fire
from gnomon.errors import InvalidInput, InvalidTrigger, shown

_BACKEND_CLEANUP = "celery.backend_cleanup"
_PERIODS = ("days", "hours", "minutes", "seconds", "microseconds")
_LONGEST_GRACE = 5 * 366 * 86400
_LONGEST_ID = 191


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicTask:
    """A row of ``django_celery_beat_periodictask`` with its schedule. Times are aware; ``args``, ``kwargs`` and
    ``headers`` are JSON as it stands in the table."""

    name: str
    task: str
    enabled: bool = True
    args: str = "[]"
    kwargs: str = "{}"
    headers: str = "{}"
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    priority: int | None = None
    expires: datetime | None = None
    expire_seconds: int | None = None
    one_off: bool = False
    start_time: datetime | None = None
    last_run_at: datetime | None = None
    date_changed: datetime | None = None
    total_run_count: int = 0
    description: str = ""
    interval: tuple[int, str] | None = None
    crontab: CeleryCrontab | None = None
    clocked: datetime | None = None
    solar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedTask:
    """What a declaration says. ``module`` and ``function`` are what the task's name stands for.

    ``sending`` holds the options that beat sent the task with; ``is_counted`` is whether an interval's start is only
    where it had got to; ``notes`` are what differs.
    """

    job_id: str
    name: str
    task: str
    module: str
    function: str
    trigger: str
    trigger_args: Mapping[str, Any]
    enabled: bool
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    misfire_grace_time: int | None = None
    description: str = ""
    sending: Mapping[str, Any] = field(default_factory=dict)
    is_counted: bool = False
    crontab: CeleryCrontab | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedTask:
    """A periodic task that cannot become a job, and why."""

    name: str
    task: str
    reason: str


class _Untranslatable(Exception):
    """Carries the reason, for people."""


def translate_all(
    tasks: Iterable[PeriodicTask], *, sends: bool, now: datetime
) -> tuple[list[TranslatedTask], list[RefusedTask]]:
    """The declarations of all tasks, each with an id of its own, and those that cannot be declared."""
    jobs: list[TranslatedTask] = []
    refused: list[RefusedTask] = []
    taken: set[str] = set()
    for task in tasks:
        found = translate(task, sends=sends, now=now)
        if isinstance(found, RefusedTask):
            refused.append(found)
            continue
        job_id, number = found.job_id, 1
        while job_id in taken:  # names that differ only in what an id cannot hold
            number += 1
            job_id = f"{found.job_id[: _LONGEST_ID - 10]}-{number}"
        taken.add(job_id)
        jobs.append(replace(found, job_id=job_id))
    return jobs, refused


def translate(task: PeriodicTask, *, sends: bool, now: datetime) -> TranslatedTask | RefusedTask:
    """The declaration of a periodic task. Never raises.

    ``sends`` is whether the job will send the task to Celery, as beat did, or call its function.
    """
    try:
        return _translated(task, sends=sends, now=now)
    except (_Untranslatable, InvalidInput) as error:
        return RefusedTask(task.name, task.task, str(error))


def _translated(task: PeriodicTask, *, sends: bool, now: datetime) -> TranslatedTask:
    if task.task == _BACKEND_CLEANUP:
        raise _Untranslatable("it is Celery's own: it deletes results that have expired; needed only while workers are")
    module, _, function = task.task.rpartition(".")
    if not module or not all(_is_name(part) for part in (*module.split("."), function)):
        raise _Untranslatable(f"its task {shown(task.task)} names no function of a module; write its job by hand")
    if task.expires is not None and task.expires <= now:
        raise _Untranslatable(f"it expired at {task.expires.isoformat()}")
    trigger, trigger_args, is_counted = _trigger(task, now)
    try:
        ensure_fires(build(trigger, trigger_args, timezone="UTC", now=now), now=now)
    except InvalidTrigger as error:
        raise _Untranslatable(str(error)) from None
    sending = _sending(task)
    left_out = {} if sends else {name: value for name, value in sending.items() if name != "expires"}
    notes = [f"left out, as nothing is sent: {_listed(left_out)}"] if left_out else []
    grace = None if sends else task.expire_seconds
    if grace is not None and not 0 < grace <= _LONGEST_GRACE:
        notes.append(f"left out: expire_seconds {grace}")
        grace = None
    return TranslatedTask(
        job_id=_job_id(task.name),
        name=task.name,
        task=task.task,
        module=module,
        function=function,
        trigger=trigger,
        trigger_args=trigger_args,
        enabled=task.enabled,
        args=tuple(_json(task.args, "[]", list, "args")),
        kwargs=_json(task.kwargs, "{}", dict, "kwargs"),
        # Beat makes up for a time that it missed, however late, unless the message would have expired by then.
        misfire_grace_time=grace,
        description=" ".join(task.description.split())[:500],
        sending=sending if sends else {},
        is_counted=is_counted,
        crontab=task.crontab,
        notes=tuple(notes),
    )


# -- when


def _trigger(task: PeriodicTask, now: datetime) -> tuple[str, dict[str, Any], bool]:
    """Kind, arguments, and whether the start of an interval is only where it had got to."""
    if task.solar is not None:
        raise _Untranslatable(f"there is no schedule by the sun ({task.solar})")
    if task.one_off and task.total_run_count:
        raise _Untranslatable("it was to run once, and has")
    if task.clocked is not None:
        return "date", _once(task.clocked, now), False
    limits = {"start_date": task.start_time, "end_date": task.expires}
    kind, is_counted = "cron", False
    if task.crontab is not None:
        arguments: dict[str, Any] = cron_arguments(task.crontab)
    elif task.interval is not None:
        kind = "interval"
        arguments = _interval(*task.interval)
        # Beat counts an interval from when it last sent the task.
        limits["start_date"] = task.last_run_at or task.start_time
        is_counted = task.last_run_at is not None or task.start_time is None
    else:
        raise _Untranslatable("it has no schedule")
    arguments |= {name: moment.isoformat() for name, moment in limits.items() if moment is not None}
    if task.one_off:
        return "date", _once(_first(task, kind, arguments, now), now), False
    return kind, arguments, is_counted


def _interval(every: int, period: str) -> dict[str, Any]:
    if period not in _PERIODS:
        raise _Untranslatable(f"its interval is of {shown(period)}, which is not one of {', '.join(_PERIODS)}")
    if period == "microseconds":
        return {"seconds": every / 1_000_000}
    return {period: every}


def _first(task: PeriodicTask, kind: str, arguments: dict[str, Any], now: datetime) -> datetime:
    """When a task that runs once, by the next time of a schedule, is due."""
    if task.interval is not None and task.start_time is None:
        counted_from = task.last_run_at or task.date_changed or now
        return counted_from + timedelta(**{task.interval[1]: task.interval[0]})
    try:
        first = next_fire(build(kind, arguments, timezone="UTC", now=now), previous=None, now=now)
    except InvalidTrigger as error:
        raise _Untranslatable(str(error)) from None
    if first is None:
        raise _Untranslatable("its schedule has no further time")
    return first


def _once(moment: datetime, now: datetime) -> dict[str, Any]:
    if moment <= now:
        raise _Untranslatable(f"its only time, {moment.isoformat()}, has passed; run it by hand if it is still wanted")
    return {"run_date": moment.astimezone(UTC).isoformat(), "timezone": "UTC"}


# -- what


def _json(text: str, empty: str, kind: type, name: str) -> Any:
    try:
        value = json.loads(text or empty, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _Untranslatable(f"its {name} are no JSON: {shown(text)}") from None
    if not isinstance(value, kind):
        raise _Untranslatable(f"its {name} are {shown(value)}, which is no {kind.__name__}")
    if '"__type__"' in text:
        # kombu writes times, UUIDs and the like so; what a function would get is not what stands here.
        raise _Untranslatable(f"its {name} hold values that only Celery's own JSON can say: {shown(text)}")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _sending(task: PeriodicTask) -> dict[str, Any]:
    """Options of ``apply_async``."""
    options: dict[str, Any] = {
        "queue": task.queue,
        "exchange": task.exchange,
        "routing_key": task.routing_key,
        "priority": task.priority,
        "headers": _json(task.headers, "{}", dict, "headers") or None,
        "expires": task.expire_seconds,
    }
    return {name: value for name, value in options.items() if value is not None and value != ""}


def _listed(sending: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in sending.items())


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _job_id(name: str) -> str:
    try:
        check_job_id(name)
    except InvalidInput:
        plain = re.sub(r"[^\w.: -]+", "-", name).strip(" -.")[:_LONGEST_ID].strip()
        check_job_id(plain)
        return plain
    return name
