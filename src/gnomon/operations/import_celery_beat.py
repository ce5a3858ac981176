"""Comparing django-celery-beat's tasks with what an application declares: what differs becomes an override."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.domain.celery_beat import TranslatedTask
from gnomon.domain.declaration import Declaration
from gnomon.domain.triggers import BaseTrigger, build, describe
from gnomon.domain.triggers.cron import expression_of

#: The reason that the overrides give.
REASON = "from django-celery-beat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A task that says something else than the job that the code declares for it.

    ``trigger`` is ``None`` where the trigger is the same, ``enabled`` likewise. ``before`` and ``after`` are words.
    """

    job_id: str
    task: TranslatedTask
    trigger: BaseTrigger | None
    enabled: bool | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``same`` and ``unmatched`` are names of tasks: nothing to do, and no job is declared for them. ``undeclared`` is
    the other way round: ids of declared jobs that no task stands for."""

    differences: tuple[Difference, ...]
    same: tuple[str, ...]
    unmatched: tuple[str, ...]
    undeclared: tuple[str, ...]


def compare(
    tasks: Sequence[TranslatedTask], declarations: Mapping[str, Declaration], stored: Mapping[str, Mapping[str, Any]]
) -> Comparison:
    """Find the job of each task, and what the task says otherwise.

    The job is that of the same id, or the only one that calls the task's function. ``stored`` are dicts of the jobs as
    they stand: what they say already need not be said again.
    """
    matched = _matched(tasks, declarations)
    differences, same = [], []
    for task in tasks:
        declaration = matched.get(task.name)
        if declaration is None:
            continue
        difference = _difference(task, declaration, stored.get(declaration.job_id))
        if difference is None:
            same.append(task.name)
        else:
            differences.append(difference)
    taken = {declaration.job_id for declaration in matched.values()}
    return Comparison(
        tuple(differences),
        tuple(same),
        tuple(task.name for task in tasks if task.name not in matched),
        tuple(job_id for job_id in declarations if job_id not in taken),
    )


def _matched(tasks: Sequence[TranslatedTask], declarations: Mapping[str, Declaration]) -> dict[str, Declaration]:
    matched = {task.name: declarations[task.job_id] for task in tasks if task.job_id in declarations}
    taken = {declaration.job_id for declaration in matched.values()}
    left = [task for task in tasks if task.name not in matched]
    for task in left:
        candidates = [d for d in declarations.values() if d.job_id not in taken and task.task in _names_of(d.func)]
        rivals = [other for other in left if other.task == task.task]
        if len(candidates) == 1 and len(rivals) == 1:
            matched[task.name] = candidates[0]
            taken.add(candidates[0].job_id)
    return matched


def _names_of(func: Any) -> set[str]:
    """What Celery may call a function: what the task says itself, or module and name."""
    own = getattr(func, "name", None)
    return {f"{getattr(func, '__module__', '')}.{getattr(func, '__name__', '')}"} | (
        {own} if isinstance(own, str) else set()
    )


def _difference(task: TranslatedTask, declaration: Declaration, stored: Mapping[str, Any] | None) -> Difference | None:
    base = declaration.base()
    wanted = build(task.trigger, task.trigger_args, timezone="UTC")
    described = describe(wanted)
    declared = (base["trigger"], base["trigger_args"])
    standing = declared if stored is None else (stored["trigger"], stored["trigger_args"])
    is_enabled = base["enabled"] if stored is None else stored["enabled"]
    new = (described.kind, described.args)
    # Where the task says what the code says, what an operator has made of it since stays.
    reschedules = not _is_same(new, declared, task) and not _is_same(new, standing, task)
    enables = task.enabled != base["enabled"] and task.enabled != is_enabled
    if not (reschedules or enables):
        return None
    before = describe(declaration.trigger).words if stored is None else str(stored["schedule"])
    return Difference(
        job_id=declaration.job_id,
        task=task,
        trigger=wanted if reschedules else None,
        enabled=task.enabled if enables else None,
        before=before + ("" if is_enabled else ", paused"),
        after=(described.words if reschedules else before) + ("" if task.enabled else ", paused"),
    )


def _is_same(
    new: tuple[str, Mapping[str, Any]], other: tuple[str | None, Mapping[str, Any] | None], task: TranslatedTask
) -> bool:
    """Whether two triggers have the same times, as far as that can be said of how they are written."""
    kind, args = other
    if args is None:
        return False
    if (kind, args) == new:
        return True
    if new[0] == kind == "cron":
        return _cron_fields(new[1]) == _cron_fields(args)
    if new[0] == kind == "interval" and task.is_counted:
        # Where the count had got to is no part of what anybody wanted.
        return _without_start(new[1]) == _without_start(args)
    crontab = task.crontab
    if kind == "crontab" and new[0] == "cron" and crontab is not None:
        # Written the same, and without the pair of fields that Celery and cron combine differently.
        written = {"expression": crontab.five_fields, "timezone": crontab.timezone}
        standing = {**args, "expression": " ".join(str(args["expression"]).split())}
        return standing == written and "*" in (crontab.day_of_month, crontab.day_of_week)
    return False


def _cron_fields(args: Mapping[str, Any]) -> dict[str, Any]:
    """All fields, also those that were left out: ``hour=1`` and ``hour=1, minute=0`` are the same."""
    trigger: Any = build("cron", args, timezone="UTC")
    fields = {field.name: expression_of(field) for field in trigger.fields}
    return {**args, **fields}


def _without_start(args: Mapping[str, Any]) -> dict[str, Any]:
    # The zone only says how the start is written.
    return {name: value for name, value in args.items() if name not in {"start_date", "timezone"}}
