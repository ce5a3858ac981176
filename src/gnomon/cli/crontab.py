"""``gnomon import-crontab``: lines of a crontab as paused jobs."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli.changes import author_of
from gnomon.cli.exits import BadUsage
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, in_one_line, is_wide, listing, print_json, screen
from gnomon.cli.serving import COMMANDS_MODULE
from gnomon.cli.store_option import AppOption, StoreOption, is_there, opened, stored_in
from gnomon.domain.crontab_file import CrontabFile, CrontabJob, CrontabOrigin, parse
from gnomon.domain.triggers import describe
from gnomon.scheduler import Scheduler

_LARGEST_FILE = 1024 * 1024


def import_crontab(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A crontab; - reads standard input.")],
    system: Annotated[
        bool,
        flag("--system", help="Lines name a user after the five fields, as in /etc/crontab and /etc/cron.d."),
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Make each line of a crontab a job that runs its command. The jobs are paused: resume them one by one.

    The five fields mean what they mean to cron. NAME=value lines, SHELL, HOME, CRON_TZ and percent signs count as in
    cron; MAILTO does not, for the output is kept with each run. Lines that cannot be used are shown with the reason.
    Importing again changes nothing: the same line has the same id.

    Such jobs have no code in your application. A node runs them if it allows the module of their function, in the
    application's Scheduler or without any:

      Scheduler(..., allow=("gnomon.executors.commands",))
      gnomon node --allow gnomon.executors.commands

    Examples:
      crontab -l > mine && gnomon import-crontab mine
      crontab -l | gnomon import-crontab - --yes
      gnomon import-crontab /etc/crontab --system
    """
    text = _read(file)
    if app is None and not system and file.startswith(("/etc/crontab", "/etc/cron.d/")):
        raise BadUsage(f"{file} names a user in each line; say --system")
    with opened(store, app, may_create=True) as scheduler:
        origin = origin_of("standard input" if file == "-" else file, system=system)
        found = read_crontab(scheduler, text, origin)
        is_new = not is_there(stored_in(scheduler))
        stored = set() if is_new else {job["id"] for job in scheduler.get_all_jobs()}
        new = [job for job in found.jobs if job.job_id not in stored]
        if not as_json and not new:
            console = screen()
            show_crontab(console, found, stored)
            console.print("Nothing to import." if not found.jobs else "All of it is imported already: nothing to do.")
            return
        if new:
            where = f"the new store {stored_in(scheduler).shown_url}" if is_new else stored_in(scheduler).shown_url
            confirm(
                f"Import {len(new)} jobs, paused, into {where}?",
                yes=yes,
                show=lambda console: show_crontab(console, found, stored),
                as_json=as_json,
            )
        added = scheduler.import_crontab(new, author=author_of(None))
        if as_json:
            refused = [{"line": line.line, "text": line.text, "reason": line.reason} for line in found.refused]
            print_json({"imported": [scheduler.get_job(job_id) for job_id in added], "refused": refused})
            return
        _say_imported(screen(), added)


def origin_of(name: str, *, system: bool) -> CrontabOrigin:
    """Whose crontab it is: the one's who asks, unless each line names a user."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    return CrontabOrigin(name=name, user=user, home=str(Path.home()), system=system)


def read_crontab(scheduler: Scheduler, text: str, origin: CrontabOrigin) -> CrontabFile:
    """The jobs in a crontab, in the scheduler's time zone."""
    return parse(text, origin, timezone=scheduler.timezone, now=stored_in(scheduler).database.now())


def show_crontab(console: Console, found: CrontabFile, stored: Collection[str]) -> None:
    """What would become of each line."""
    if found.jobs:
        console.print(_table(found.jobs, stored, wide=is_wide(console)))
    for refused in found.refused:
        console.print(Text.assemble((f"✗ line {refused.line}", "red"), f" is not imported: {refused.reason}"))
        console.print(Text(f"  {in_one_line(refused.text)}", "dim"))


def _table(jobs: Sequence[CrontabJob], stored: Collection[str], *, wide: bool) -> object:
    table = listing("LINE", "JOB", "SCHEDULE", "COMMAND")
    table.columns[0].no_wrap = True
    table.columns[3].overflow = "fold" if wide else "ellipsis"
    for job in jobs:
        command = Text(in_one_line(job.command))
        if job.warning:
            command.append(f"\n! {in_one_line(job.warning)}", "yellow")
        is_known = job.job_id in stored
        table.add_row(
            Text(str(job.line), "dim"),
            Text(job.job_id, "dim" if is_known else "bold").append("\nimported already" if is_known else "", "dim"),
            Text(in_one_line(describe(job.trigger).words)),
            command,
        )
    return table


def _read(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_LARGEST_FILE + 1)
        else:
            with Path(file).open("rb") as opened_file:
                content = opened_file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise BadUsage(f"cannot read {file!r}: {(error.strerror or str(error)).lower()}") from error
    if len(content) > _LARGEST_FILE:
        raise BadUsage(f"{file!r} is larger than {_LARGEST_FILE} bytes: that is no crontab")
    return content.decode("utf-8", errors="replace")


def _say_imported(console: Console, added: Sequence[str]) -> None:
    console.print(
        Text.assemble(("✓ ", "green"), f"{len(added)} {'job' if len(added) == 1 else 'jobs'} imported, paused")
    )
    console.print(
        f"  a node runs them if it allows their function: gnomon node --allow {COMMANDS_MODULE}", soft_wrap=True
    )
    if added:
        console.print(f"  gnomon resume {added[0]}", soft_wrap=True)
    console.print("  take the lines out of the crontab when you resume them here, or both will run")
