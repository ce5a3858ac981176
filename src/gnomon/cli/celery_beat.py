"""``gnomon import-celery-beat``: periodic tasks of django-celery-beat as declarations, or as overrides."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli import target
from gnomon.cli.changes import author_of
from gnomon.cli.exits import BadUsage
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, in_one_line, is_wide, listing, print_json, screen
from gnomon.cli.store_option import DEFAULT_STORE, check_file, is_there, store_url, stored_in
from gnomon.domain.celery_beat import RefusedTask, TranslatedTask, translate_all
from gnomon.domain.celery_module import module_source
from gnomon.domain.triggers import build, describe
from gnomon.operations.import_celery_beat import REASON, Comparison, Difference, compare
from gnomon.scheduler import Scheduler
from gnomon.store import Store
from gnomon.store.celery_beat import periodic_tasks


def import_celery_beat(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The database of the Django project: sqlite:///db.sqlite3, the path, or postgresql://…"
        ),
    ],
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the module here.", show_default=False),
    ] = None,
    app: Annotated[
        str | None,
        typer.Option(
            "--app",
            metavar="TARGET",
            help="module:attribute of a Scheduler: store what differs from its declarations as overrides.",
            show_default=False,
        ),
    ] = None,
    send: Annotated[
        bool, flag("--send", help="Jobs send the tasks to Celery's workers, as beat did, in place of running them.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn the periodic tasks of django-celery-beat into jobs. The database is only read, and Django is not needed.

    Shows what becomes of each task, and prints a Python module that declares the jobs, with the same times. Tasks that
    cannot be translated are shown with the reason.

    With --app, nothing is printed: where the database says something else than the application declares, that becomes
    an override in the application's store, with the reason "from django-celery-beat".

    Examples:
      gnomon import-celery-beat db.sqlite3 > jobs.py
      gnomon import-celery-beat postgresql://django@localhost/site --write jobs.py --send
      gnomon import-celery-beat db.sqlite3 --app jobs.py
    """
    if app is not None and (write is not None or send):
        raise BadUsage("--app stores overrides; --write and --send are for the module, so give one or the other")
    store = Store(store_url(url))
    with closing(store):
        check_file(store)
        jobs, refused = translate_all(periodic_tasks(store), sends=send, now=store.database.local_now())
        origin = store.shown_url
    if app is None:
        source = module_source(jobs, refused, origin=origin, store=DEFAULT_STORE, sends=send)
        _hand_over(source, jobs, refused, write, yes=yes, as_json=as_json)
        return
    with closing(target.load(app)) as scheduler:
        _override(scheduler, jobs, refused, yes=yes, as_json=as_json)


# -- a module


def _hand_over(
    source: str,
    jobs: Sequence[TranslatedTask],
    refused: Sequence[RefusedTask],
    write: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    if write is not None:
        if write.exists():
            raise BadUsage(f"there is already a file {write}; name another, or move it out of the way")
        confirm(
            f"Write {_number(len(jobs), 'job', 'jobs')} to {write}?",
            yes=yes,
            show=lambda console: _show_tasks(console, jobs, refused),
            as_json=as_json,
        )
        try:
            with write.open("x", encoding="utf-8") as file:
                file.write(source)
        except OSError as error:
            raise BadUsage(f"cannot write {write}: {(error.strerror or str(error)).lower()}") from error
    if as_json:
        print_json({**_as_json(jobs, refused), "module": source, "written": None if write is None else str(write)})
        return
    if write is None:
        # The module alone goes where it may be redirected to.
        _show_tasks(screen(stderr=True), jobs, refused)
        sys.stdout.write(source)
        return
    console = screen()
    console.print(Text.assemble(("✓ ", "green"), f"{_number(len(jobs), 'job', 'jobs')} written to {write}"))
    console.print("  look it over: it is yours now", soft_wrap=True)
    console.print(f"  stop celery beat, or both will run the tasks; then: gnomon serve {write}", soft_wrap=True)


def _show_tasks(console: Console, jobs: Sequence[TranslatedTask], refused: Sequence[RefusedTask]) -> None:
    if jobs:
        table = listing("JOB", "SCHEDULE", "TASK")
        table.columns[2].overflow = "fold" if is_wide(console) else "ellipsis"
        for job in jobs:
            about = Text(in_one_line(job.task))
            for note in job.notes:
                about.append(f"\n! {in_one_line(note)}", "yellow")
            words = describe(build(job.trigger, job.trigger_args, timezone="UTC")).words
            name = Text(in_one_line(job.job_id), "bold")
            if job.name != job.job_id:
                name.append(f"\n{in_one_line(job.name)}", "dim")
            table.add_row(name, in_one_line(words) + ("" if job.enabled else ", paused"), about)
        console.print(table)
    _show_refused(console, refused)


def _show_refused(console: Console, refused: Sequence[RefusedTask]) -> None:
    for task in refused:
        about = f" {in_one_line(task.name)} is not translated: {in_one_line(task.reason)}"
        console.print(Text.assemble(("✗", "red"), about), soft_wrap=True)


# -- overrides


def _override(
    scheduler: Scheduler,
    jobs: Sequence[TranslatedTask],
    refused: Sequence[RefusedTask],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    # Nothing is stored before somebody has said yes: not even what the code declares.
    stored = {job["id"]: job for job in scheduler.get_all_jobs()} if is_there(stored_in(scheduler)) else {}
    compared = compare(jobs, scheduler.declarations, stored)
    if compared.differences:
        confirm(
            f"Store {_number(len(compared.differences), 'override', 'overrides')}?",
            yes=yes,
            show=lambda console: _show_comparison(console, compared, refused),
            as_json=as_json,
        )
    elif not as_json:
        _show_comparison(screen(), compared, refused)
        screen().print("The database says what is stored already: nothing to do.")
    if compared.differences:
        scheduler.start_all_jobs()
    changed = [_apply(scheduler, difference) for difference in compared.differences]
    if as_json:
        about = {name: list(getattr(compared, name)) for name in ("same", "unmatched", "undeclared")}
        print_json({**_as_json(jobs, refused), **about, "changed": changed})
    elif changed:
        console = screen()
        console.print(Text.assemble(("✓ ", "green"), f"{_number(len(changed), 'override', 'overrides')} stored"))
        console.print("  stop celery beat, or both will run the tasks", soft_wrap=True)


def _apply(scheduler: Scheduler, difference: Difference) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if difference.trigger is not None:
        fields["trigger"] = difference.trigger
    if difference.enabled is not None:
        fields["enabled"] = difference.enabled
    return scheduler.change_job(difference.job_id, author=author_of(REASON), **fields)


def _show_comparison(console: Console, compared: Comparison, refused: Sequence[RefusedTask]) -> None:
    if compared.differences:
        table = listing("JOB", "IT STANDS", "IT BECOMES")
        for difference in compared.differences:
            job = Text(in_one_line(difference.job_id), "bold")
            if difference.task.name != difference.job_id:
                job.append(f"\n{in_one_line(difference.task.name)}", "dim")
            table.add_row(job, in_one_line(difference.before), in_one_line(difference.after))
        console.print(table)
    for name in compared.unmatched:
        console.print(Text.assemble(("✗", "red"), f" no job is declared for {in_one_line(name)}"), soft_wrap=True)
    _show_refused(console, refused)
    for job_id in compared.undeclared:
        console.print(Text(f"· {in_one_line(job_id)} has no task in the database and stays as it is", "dim"))


# -- for programs


def _as_json(jobs: Sequence[TranslatedTask], refused: Sequence[RefusedTask]) -> dict[str, Any]:
    return {
        "jobs": [{**asdict(job), "notes": list(job.notes), "args": list(job.args)} for job in jobs],
        "refused": [asdict(task) for task in refused],
    }


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
