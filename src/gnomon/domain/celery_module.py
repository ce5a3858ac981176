"""Translated tasks as a Python module that declares them as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.domain.celery_beat import RefusedTask, TranslatedTask

_LONGEST_LINE = 100


def module_source(
    jobs: Sequence[TranslatedTask], refused: Sequence[RefusedTask], *, origin: str, store: str, sends: bool
) -> str:
    """The module's text. Equal tasks give equal text, whenever it is made.

    A job calls the task's function; with ``sends`` it sends the task to Celery. Jobs of one task share a function.
    Everything that comes from a row goes in as a literal.
    """
    lines = [
        '"""Jobs that stood in django-celery-beat, as `gnomon import-celery-beat` has read them. Yours to change."""',
        "",
        f"# Read from {_literal(origin)}.",
        *(f"# Not translated: {_literal(task.name)}: {_one_line(task.reason)}" for task in refused),
        "",
        "from gnomon import Scheduler",
        "",
        f'scheduler = Scheduler({_literal(store)}, timezone="UTC")',
    ]
    taken = {"scheduler", "Scheduler"}
    for task in dict.fromkeys(job.task for job in jobs):
        same = [job for job in jobs if job.task == task]
        name = _free(same[0].function, taken)
        taken.add(name)
        lines += ["", "", *_function(name, same, sends=sends)]
    return "\n".join(lines) + "\n"


def _function(name: str, jobs: Sequence[TranslatedTask], *, sends: bool) -> list[str]:
    lines: list[str] = []
    for job in jobs:
        lines += [*(f"# {_one_line(note)}" for note in job.notes), *_decorator(job, sends=sends)]
    first = jobs[0]
    lines.append(f"def {name}(*args, **kwargs):")
    body = "task(*args, **kwargs)"
    if sends:
        # Each schedule may have options of its own: they come with the arguments.
        lines[-1] = f"def {name}(args, kwargs, **options):"
        body = "task.apply_async(args, kwargs, **options)"
    return [*lines, f"    from {first.module} import {first.function} as task", "", f"    {body}"]


def _decorator(job: TranslatedTask, *, sends: bool) -> list[str]:
    arguments: list[tuple[str, Any]] = [("id", job.job_id)]
    if job.name != job.job_id:
        arguments.append(("name", job.name))
    arguments += job.trigger_args.items()
    if job.description:
        arguments.append(("description", job.description))
    if not job.enabled:
        arguments.append(("enabled", False))
    arguments.append(("misfire_grace_time", job.misfire_grace_time))
    if sends:
        arguments.append(("kwargs", {"args": list(job.args), "kwargs": dict(job.kwargs), **job.sending}))
    else:
        arguments += [("args", job.args)] if job.args else []
        arguments += [("kwargs", dict(job.kwargs))] if job.kwargs else []
    inside = [_literal(job.trigger), *(f"{name}={_literal(value)}" for name, value in arguments)]
    line = f"@scheduler.job({', '.join(inside)})"
    if len(line) <= _LONGEST_LINE:
        return [line]
    return ["@scheduler.job(", *(f"    {argument}," for argument in inside), ")"]


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _literal(value: Any) -> str:
    """A plain value as Python writes it, with double quotes where that needs no escapes."""
    if isinstance(value, str):
        return f'"{value}"' if value.isprintable() and not {'"', "\\"} & set(value) else repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_literal, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
