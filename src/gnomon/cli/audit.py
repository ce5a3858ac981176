"""``gnomon changes`` and ``undo``: who changed what, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.change_table import changes_table
from gnomon.cli.changes import ReasonOption, author_of, say_done
from gnomon.cli.options import JsonOption, YesOption
from gnomon.cli.output import confirm, facts, in_one_line, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.cli.until import moment_of
from gnomon.domain.calendar import LOGGED_AS
from gnomon.domain.change import Change
from gnomon.operations.audit import change_dict, change_in_words
from gnomon.operations.undo import ADDITIONS
from gnomon.scheduler import Scheduler

_MOST = 1000


def changes(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="The id of a job; without, of all.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Only changes by this actor.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this time on, or 2026-12-01.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST, help="How many, the newest first.")] = 20,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Show the log of changes: who changed what, from what, to what, and why.

    Examples:
      gnomon changes
      gnomon changes nightly --since 2026-12-01
      gnomon changes --actor ann@bastion --json
    """
    with opened(store, app) as scheduler:
        found = scheduler.changes(job, actor=actor, since=moment_of(since), until=moment_of(until), limit=limit)
        if as_json:
            print_json([change_dict(change) for change in found])
            return
        console = screen()
        if found:
            now = scheduler.store.database.now()
            console.print(changes_table(found, now, with_job=job is None))
            console.print(Text("\n  gnomon undo CHANGE takes one back", "dim"))
        else:
            console.print("No changes are like that." if job or actor or since or until else "Nothing was changed yet.")


def undo(
    change: Annotated[int, typer.Argument(metavar="CHANGE", min=1, help="The number of a change: gnomon changes.")],
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Take a change back, by a new one. Refused where a later change stands in the way.

    Examples:
      gnomon undo 17
      gnomon undo 17 --yes --reason "wrong job"
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        found = scheduler.change(change)
        calendar = found.job_id.removeprefix(LOGGED_AS) if found.job_id.startswith(LOGGED_AS) else None
        token = _token(scheduler, found, calendar)

        def show(console: Console) -> None:
            table = facts()
            table.add_row(
                "change", f"{found.id}, by {in_one_line(found.author.actor)}, {moments.full(found.at.astimezone())}"
            )
            table.add_row("job" if calendar is None else "calendar", in_one_line(calendar or found.job_id))
            table.add_row("it did", in_one_line(change_in_words(found)))
            if found.author.reason:
                table.add_row("because", in_one_line(found.author.reason))
            console.print(table)
            console.print()

        confirm(f"Take change {change} back?", yes=yes, show=show, as_json=as_json)
        stands = scheduler.undo_change(change, if_token=token, author=author)
        if as_json:
            print_json(stands)
        elif calendar is not None:
            done = " is as before" if "calendar" in found.before else " removed"
            screen().print(Text.assemble(("✓ ", "green"), "calendar ", (calendar, "bold"), done))
        elif found.action in ADDITIONS:
            screen().print(Text.assemble(("✓ ", "green"), (in_one_line(stands["id"]), "bold"), " removed"))
        else:
            say_done(scheduler, stands, as_json, "is as before")


def _token(scheduler: Scheduler, change: Change, calendar: str | None) -> str | None:
    """Of what the change is about, as it stands now; ``None`` of what was removed."""
    if calendar is not None:
        return next((each["token"] for each in scheduler.get_calendars() if each["name"] == calendar), None)
    return None if change.action == "remove" else str(scheduler.get_job(change.job_id)["token"])
