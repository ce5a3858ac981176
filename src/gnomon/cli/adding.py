"""``gnomon add`` and ``gnomon remove``: jobs that come and go while the program runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli.arguments import ArgumentsOption, given_arguments
from gnomon.cli.changes import JobsArgument, ReasonOption, author_of
from gnomon.cli.exits import SomeFailed
from gnomon.cli.jobs import last_run, next_run
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, facts, in_one_line, is_wide, listing, print_json, screen, state_of_job
from gnomon.cli.preview import coming_text
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.cli.trigger_words import kinds_help, trigger_arguments
from gnomon.errors import GnomonError
from gnomon.operations.audit import arguments_in_words
from gnomon.operations.preview import Preview

_FIRE_TIMES = 5

ADD_HELP = f"""Add a job that runs a task, with arguments and a schedule of its own.

A task is a function that an application declares with @scheduler.task; gnomon tasks lists them with their arguments. An
argument is checked against the task. Its value is JSON where the task takes that, and text otherwise: no quotes are
needed around text. With --calendar, it does not run on the dates of that one; gnomon calendars lists those that there
are. Shows the job and its next fire times, and asks. It fires without a restart.

Examples:
  gnomon add acme-report report cron hour=3 --arg tenant=acme
  gnomon add acme-sync sync crontab "*/5 * * * *" --arg tenant=acme --arg 'limits={{"rows": 1000}}' --yes
  gnomon add globex-report report interval hours=6 --arg tenant=globex --paused
  gnomon add initech-report report cron hour=3 --arg tenant=initech --calendar de-holidays

Kinds and their arguments:

{kinds_help()}"""


def add(
    job: Annotated[str, typer.Argument(metavar="ID", help="The id of the new job.")],
    task: Annotated[str, typer.Argument(metavar="TASK", help="The name of a task.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of the trigger.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="The trigger's arguments, see above.")
    ] = None,
    arguments: ArgumentsOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option("--description", metavar="TEXT", help="Shown beside it.")] = None,
    calendar: Annotated[
        str | None, typer.Option("--calendar", metavar="NAME", help="Leave out the dates of this calendar.")
    ] = None,
    paused: Annotated[bool, flag("--paused", help="Do not fire it until it is resumed.")] = False,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    author = author_of(reason)
    trigger: dict[str, Any] = trigger_arguments(kind, words or [])
    with opened(store, app) as scheduler:
        kwargs = scheduler.check_arguments(task, given_arguments(scheduler, task, arguments or []))
        preview = scheduler.preview(kind, count=_FIRE_TIMES, calendar=calendar, **trigger)
        confirm(
            f"Add {in_one_line(job)}?",
            yes=yes,
            show=lambda console: _show_new(console, job, task, kwargs, preview, calendar, paused=paused),
            as_json=as_json,
        )
        added = scheduler.add_job(
            job,
            task,
            preview.trigger.kind,
            kwargs=kwargs,
            name=name,
            description=description,
            enabled=not paused,
            calendar=calendar,
            author=author,
            **preview.trigger.args,
        )
        if as_json:
            print_json(added)
            return
        _say_added(screen(), added)
        say_if_nobody_fires(scheduler)


def remove(
    jobs: JobsArgument,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Remove jobs that no code declares: those that were added or imported, orphaned and quarantined ones.

    Shows them, and asks. A job that code declares is refused: pause it, or take it out of the code, for the next start
    would add it again. What is active goes on, and the runs stay in the ledger. The log of changes keeps all that is
    needed to bring a job back.

    Examples:
      gnomon remove acme-report --reason "the contract has ended"
      gnomon remove acme-report acme-sync --yes
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        found = [scheduler.get_job(job) for job in dict.fromkeys(jobs)]
        which = in_one_line(found[0]["id"]) if len(found) == 1 else f"these {len(found)} jobs"
        confirm(f"Remove {which}?", yes=yes, show=lambda console: _show_old(console, found), as_json=as_json)
        removed, first_error = [], None
        for job in found:
            try:
                removed.append(scheduler.remove_job(job["id"], if_token=job["token"], author=author))
            except GnomonError as error:
                if len(found) == 1:
                    raise
                screen(stderr=True).print(f"gnomon: {error}")
                first_error = first_error or error
                continue
            if not as_json:
                screen().print(Text.assemble(("✓ ", "green"), (in_one_line(job["id"]), "bold"), " removed"))
        if as_json:
            print_json(removed[0] if len(found) == 1 else removed)
        if first_error is not None:
            raise SomeFailed(first_error, f"{len(found) - len(removed)} of {len(found)} jobs were not removed")


# -- showing


def _show_new(
    console: Console,
    job: str,
    task: str,
    kwargs: Mapping[str, Any],
    preview: Preview,
    calendar: str | None,
    *,
    paused: bool,
) -> None:
    console.print(Text(in_one_line(job), "bold"))
    table = facts()
    table.add_row("task", in_one_line(task))
    table.add_row("arguments", in_one_line(arguments_in_words(kwargs)) or "none")
    table.add_row("schedule", in_one_line(preview.trigger.words))
    if calendar is not None:
        table.add_row("calendar", in_one_line(calendar))
    for number, each in enumerate(preview.coming):
        table.add_row("" if number else "fires", coming_text(each))
    console.print(table)
    if paused:
        console.print(Text("It is added paused: nothing fires until `gnomon resume`.", "yellow"))
    console.print()


def _show_old(console: Console, jobs: Sequence[Mapping[str, Any]]) -> None:
    table = listing("JOB", "SCHEDULE", "TASK", "LAST RUN", "STATE")
    for job in jobs:
        now = datetime.fromisoformat(job["as_of"])
        what = "" if job["task"] is None else f"{job['task']} {arguments_in_words(job['kwargs'])}"
        table.add_row(
            Text(in_one_line(job["id"]), "bold"),
            Text(in_one_line(job["schedule"])),
            Text(in_one_line(what)),
            last_run(job["last_run"], now, wide=is_wide(console)),
            state_of_job(job["state"]),
        )
    console.print(table)
    console.print()


def _say_added(console: Console, job: Mapping[str, Any]) -> None:
    text = Text.assemble(("✓ ", "green"), (in_one_line(job["id"]), "bold"), " added: ", in_one_line(job["schedule"]))
    if job["next_run_time"] is not None:
        text.append("; next run ").append(next_run(job, datetime.fromisoformat(job["as_of"]), wide=True))
    else:
        text.append("; paused")
    console.print(text)
