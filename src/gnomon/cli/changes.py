"""``gnomon set``, ``pause`` and ``resume``: changing when jobs fire."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gnomon.cli.arguments import ArgumentsOption, given_arguments
from gnomon.cli.exits import BadUsage, SomeFailed
from gnomon.cli.jobs import next_run, policy_text
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, in_one_line, listing, print_json, screen
from gnomon.cli.preview import around_text, coming_text, month_text
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.cli.trigger_words import kinds_help, trigger_arguments
from gnomon.cli.until import UntilOption, moment_of
from gnomon.domain.change import Author, Origin
from gnomon.domain.declaration import check_policies
from gnomon.errors import ChangeRefused, GnomonError, InvalidInput
from gnomon.operations.audit import arguments_in_words
from gnomon.operations.preview import UNCHANGED, ChangePreview, Preview, Unchanged
from gnomon.scheduler import Scheduler

_FIRE_TIMES = 5
_LONGEST_REASON = 1000

ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the log of changes.", show_default=False)
]
JobsArgument = Annotated[list[str], typer.Argument(metavar="JOB", help="Ids of jobs.")]

SET_HELP = f"""Change when a job fires, or how.

Shows the schedule and the next fire times before and after, and asks. The next run is counted from now; a paused job
stays paused. The time zone stays as it is unless timezone= is given. Nothing restarts.

Examples:
  gnomon set nightly cron hour=4 minute=30 --reason "the export is late"
  gnomon set nightly crontab "0 4 * * 1-5"
  gnomon set tick interval minutes=5 --yes
  gnomon set tick interval minutes=1 --until 2h --reason "watching the queue"
  gnomon set tick --max-instances 2 --misfire-grace-time 60 --no-coalesce
  gnomon set nightly --calendar de-holidays
  gnomon set acme-report --arg tenant=acme-europe

Kinds and their arguments:

{kinds_help()}"""


def set_(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="The kind of the new trigger.")] = None,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="The trigger's arguments, see above.")
    ] = None,
    misfire_grace_time: Annotated[
        str | None,
        typer.Option("--misfire-grace-time", metavar="SECONDS", help="How late a run may start; none for no limit."),
    ] = None,
    coalesce: Annotated[
        bool | None, flag("--coalesce/--no-coalesce", help="Of several overdue times, only the last runs.")
    ] = None,
    max_instances: Annotated[
        int | None, typer.Option("--max-instances", metavar="NUMBER", help="How many runs may be active at once.")
    ] = None,
    calendar: Annotated[
        str | None,
        typer.Option("--calendar", metavar="NAME", help="Leave out the dates of this calendar; none: of none."),
    ] = None,
    arguments: ArgumentsOption = None,
    until: UntilOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    policies = _policies(misfire_grace_time, coalesce, max_instances)
    if calendar is not None:
        policies["calendar"] = None if calendar.lower() == "none" else calendar
    author, expires_at = author_of(reason), moment_of(until)
    if kind is None and not policies and not arguments:
        raise BadUsage("say what to set: a kind with its arguments, or an option; `gnomon set --help` shows them")
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        if before["state"] == "quarantined":
            raise ChangeRefused(f"job {job!r} cannot be changed: {before['problem']}; mend or remove its row")
        if arguments:
            policies["kwargs"] = _with_arguments(scheduler, before, arguments)
        differing = {name: value for name, value in policies.items() if before[name] != value}
        comparison, named = None, differing.get("calendar", UNCHANGED)
        if kind is not None:
            comparison = _comparison(scheduler, before, kind, trigger_arguments(kind, words or []), named)
        elif "calendar" in differing:
            comparison = scheduler.preview_change(job, count=_FIRE_TIMES, calendar=named)
        if comparison is None and not differing:
            _say_nothing_changed(before, as_json)
            return
        confirm(
            f"Change {in_one_line(job)}?",
            yes=yes,
            show=lambda console: _show_difference(console, before, comparison, differing),
            as_json=as_json,
        )
        fields: dict[str, Any] = dict(differing)
        if comparison is not None and kind is not None:
            trigger = comparison.after.trigger
            fields |= {"trigger": trigger.kind, "trigger_args": trigger.args}
        after = scheduler.change_job(job, author=author, expires_at=expires_at, if_token=before["token"], **fields)
        say_done(scheduler, after, as_json, "changed")


def pause(
    jobs: JobsArgument,
    until: UntilOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Do not fire jobs until they are resumed. One that somebody else changes at the same moment stays as it is.

    Examples:
      gnomon pause nightly --reason "the warehouse moves"
      gnomon pause nightly weekly --until 3d
    """
    author, expires_at = author_of(reason), moment_of(until)
    with opened(store, app) as scheduler:
        words = ("paused", "was paused already")
        _each(
            scheduler,
            jobs,
            as_json,
            words,
            lambda seen: scheduler.change_job(
                seen["id"], enabled=False, expires_at=expires_at, if_token=seen["token"], author=author
            ),
        )


def resume(
    jobs: JobsArgument,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Fire paused jobs again. The next run is counted from now: what was due meanwhile is not made up for.

    Examples:
      gnomon resume nightly
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        words = ("resumed", "was not paused")
        _each(
            scheduler,
            jobs,
            as_json,
            words,
            lambda seen: scheduler.change_job(seen["id"], enabled=True, if_token=seen["token"], author=author),
        )


def author_of(reason: str | None) -> Author:
    """Who sits at this command line. Raises ``InvalidInput`` for a reason that is too long to keep."""
    if reason is not None and len(reason) > _LONGEST_REASON:
        raise InvalidInput("reason", reason, f"give at most {_LONGEST_REASON} characters")
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = "somebody"
    return Author(f"{user}@{socket.gethostname()}"[:191], Origin.CLI, reason or None)


# -- set


def _policies(misfire_grace_time: str | None, coalesce: bool | None, max_instances: int | None) -> dict[str, Any]:
    policies: dict[str, Any] = {}
    if misfire_grace_time is not None:
        policies["misfire_grace_time"] = _seconds(misfire_grace_time)
    if coalesce is not None:
        policies["coalesce"] = coalesce
    if max_instances is not None:
        policies["max_instances"] = max_instances
    check_policies(**policies)
    return policies


def _seconds(text: str) -> int | str | None:
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        return text  # Refused with the reason by whoever checks policies.


def _comparison(
    scheduler: Scheduler,
    before: dict[str, Any],
    kind: str,
    arguments: dict[str, Any],
    calendar: str | Unchanged | None,
) -> ChangePreview | None:
    """Before and after; ``None`` if the trigger is so already."""
    if before["timezone"] is not None:
        arguments.setdefault("timezone", before["timezone"])
    comparison = scheduler.preview_change(before["id"], kind, count=_FIRE_TIMES, calendar=calendar, **arguments)
    # A start that nobody gave is only "now": it alone is no change.
    ignored = set() if "start_date" in arguments else {"start_date"}
    sides = [
        (side.trigger.kind, {name: value for name, value in side.trigger.args.items() if name not in ignored})
        for side in (comparison.before, comparison.after)
    ]
    return None if sides[0] == sides[1] else comparison


def _show_difference(
    console: Console, before: dict[str, Any], comparison: ChangePreview | None, policies: dict[str, Any]
) -> None:
    table = listing(in_one_line(before["id"]), "BEFORE", "AFTER")
    table.columns[0].style = "dim"
    if comparison is not None:
        _compare_triggers(table, before, comparison)
    for name, value in policies.items():
        sides = [_value_text(name, side) for side in (before[name], value)]
        table.add_row(name.replace("_", " "), sides[0], Text(sides[1], "green"))
    console.print(table)
    if before["state"] == "paused":
        console.print(Text("It is paused and stays so: nothing fires until `gnomon resume`.", "yellow"))
    console.print()


def _with_arguments(scheduler: Scheduler, before: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """The job's arguments with those that were given; the others stay."""
    if before["task"] is None:
        raise InvalidInput("--arg", given[0], "only a job that was added for a task has arguments here")
    changed = {**(before["kwargs"] or {}), **given_arguments(scheduler, before["task"], given)}
    return scheduler.check_arguments(before["task"], changed)


def _value_text(name: str, value: Any) -> str:
    if name == "kwargs":
        return in_one_line(arguments_in_words(value))
    if name == "calendar":
        return in_one_line(value or "none")
    return policy_text(value, " s" if name == "misfire_grace_time" else "")


def _compare_triggers(table: Table, before: dict[str, Any], comparison: ChangePreview) -> None:
    old, new = comparison.before, comparison.after
    table.add_row("schedule", Text(in_one_line(old.trigger.words)), Text(in_one_line(new.trigger.words), "green"))
    times = [_fire_times(side) for side in (old, new)]
    if not times[0]:
        times[0] = [Text("paused" if before["state"] == "paused" else "does not fire again")]
    for number in range(max(len(side) for side in times)):
        cells = [side[number] if number < len(side) else Text("") for side in times]
        cells[1].stylize("green")
        table.add_row("fires" if number == 0 else "", *cells)
    table.add_row("in 30 days", month_text(old), Text(month_text(new), "green"))
    for each in new.around_clock_changes:
        was = [around for around in old.around_clock_changes if around.change == each.change]
        table.add_row("clocks change", around_text(was[0]) if was else "", Text(around_text(each), "green"))
    if new.fires_at_once:
        table.add_row("at once", "", Text("it fires within a minute", "yellow"))
    if new.collisions:
        others = f"{new.collisions} other job{'s are' if new.collisions > 1 else ' is'} due at the same first time"
        table.add_row("beside it", "", Text(others, "dim"))


def _fire_times(side: Preview) -> list[Text]:
    return [coming_text(each) for each in side.coming]


# -- telling


def _each(
    scheduler: Scheduler,
    jobs: list[str],
    as_json: bool,
    words: tuple[str, str],
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Change one after the other; one that is refused does not keep the others from it, and is told at the end.

    ``words`` are for a job that was changed, and for one that was so already; ``change`` is given the job as it was
    seen.
    """
    changed, first_error = [], None
    for job in jobs:
        try:
            before = scheduler.get_job(job)
            after = change(before)
        except GnomonError as error:
            if len(jobs) == 1:
                raise
            screen(stderr=True).print(f"gnomon: {error}")
            first_error = first_error or error
            continue
        changed.append(after)
        if not as_json:
            say_done(scheduler, after, as_json, words[before["enabled"] == after["enabled"]])
    if as_json:
        print_json(changed[0] if len(jobs) == 1 else changed)
    if first_error is not None:
        raise SomeFailed(first_error, f"{len(jobs) - len(changed)} of {len(jobs)} jobs were not changed")


def _say_nothing_changed(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        screen().print(f"Nothing to change: {in_one_line(job['id'])} is so already ({in_one_line(job['schedule'])}).")


def say_done(scheduler: Scheduler, job: dict[str, Any], as_json: bool, done: str) -> None:
    """Tell that a change was done, and when the job runs next."""
    if as_json:
        print_json(job)
        return
    console, now = screen(), datetime.fromisoformat(job["as_of"])
    text = Text.assemble(("✓ ", "green"), (in_one_line(job["id"]), "bold"), f" {done}")
    if job["next_run_time"] is not None:
        text.append(": ").append(in_one_line(job["schedule"])).append("; next run ")
        text.append(next_run(job, now, wide=True))
    console.print(text)
    if job["next_run_time"] is not None:
        say_if_nobody_fires(scheduler)
