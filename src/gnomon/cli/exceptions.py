"""``gnomon skip``, ``move`` and ``clear``: one run, not the schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.changes import ReasonOption, author_of
from gnomon.cli.exits import BadUsage
from gnomon.cli.jobs import exceptions_text, in_its_zone
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption, YesOption
from gnomon.cli.output import confirm, facts, in_one_line, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.triggers import zone
from gnomon.errors import InvalidInput, InvalidTrigger
from gnomon.scheduler import Scheduler

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="The due time that is meant; otherwise the next run's.", show_default=False
    ),
]


def skip(
    job: JobArgument,
    at: AtOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Skip the next run of a job, and only that one. The schedule stays as it is.

    Times are meant by the clock of the job's zone, unless they have an offset. The due time gets a line in the ledger
    that says who skipped it and why. `gnomon clear` takes it back, until the time has come.

    Examples:
      gnomon skip nightly --reason "the warehouse moves"
      gnomon skip nightly --at "2027-03-08 03:00" --yes
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        when = _moment("--at", at, before) if at else None
        _ask(before, f"Skip {_which(before, when)} of {in_one_line(job)}?", when, None, yes, as_json)
        after = scheduler.skip_next(job, at=when, if_token=before["token"], author=author)
        _say_done(scheduler, after, as_json, "skipped")


def move(
    job: JobArgument,
    to: Annotated[str, typer.Argument(metavar="TO", help="When it is to start instead.")],
    at: AtOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Move the next run of a job, and only that one, to another time. The schedule stays as it is.

    TO is still to come, and between the runs before and after it. Times are meant by the clock of the job's zone,
    unless they have an offset; a time of day alone is the next one. `gnomon clear` takes it back, until the due time
    has come or the run has started.

    Examples:
      gnomon move nightly 05:30
      gnomon move nightly "2027-03-01 05:30" --reason "the export is late"
      gnomon move nightly 2027-03-09T12:00:00+01:00 --at "2027-03-08 03:00" --yes
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        when = _moment("--at", at, before) if at else None
        there = _moment("TO", to, before)
        question = f"Move {_which(before, when)} of {in_one_line(job)}?"
        _ask(before, question, when, there, yes, as_json)
        after = scheduler.move_next(job, there, at=when, if_token=before["token"], author=author)
        _say_done(scheduler, after, as_json, "moved")


def clear(
    job: JobArgument,
    time: Annotated[str, typer.Argument(metavar="TIME", help="The due time that was skipped or moved.")],
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Take back that a run was skipped or moved. `gnomon show JOB` lists such exceptions, each with its due time.

    Examples:
      gnomon clear nightly "2027-03-08 03:00"
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        when = _moment("TIME", time, before)
        question = f"Let {in_one_line(job)} run at {moments.full(in_its_zone(when, before))} as its schedule says?"
        confirm(question, yes=yes, show=lambda _console: None, as_json=as_json)
        after = scheduler.clear_exception(job, when, if_token=before["token"], author=author)
        _say_done(scheduler, after, as_json, "as its schedule says")


def _moment(name: str, text: str, job: dict[str, Any]) -> datetime:
    """A time as it is typed; without an offset by the clock of the job's zone. A time of day alone is the next one."""
    try:
        there = zone(job["timezone"])
    except InvalidTrigger:
        there = None
    now = datetime.fromisoformat(job["as_of"]).astimezone(there)
    try:
        if len(text) <= len("00:00:00") and ":" in text:
            return _next(datetime.strptime(text, "%H:%M" if text.count(":") == 1 else "%H:%M:%S"), now)
        found = datetime.fromisoformat(text)
    except ValueError:
        allowed = 'give a time such as 05:30, "2027-03-01 05:30" or 2027-03-01T05:30:00+01:00'
        raise InvalidInput(name, text, allowed) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)


def _next(time: datetime, now: datetime) -> datetime:
    found = now.replace(hour=time.hour, minute=time.minute, second=time.second, microsecond=0)
    return found if found > now else found + timedelta(days=1)  # by the clock of the zone, whatever it does


def _which(job: dict[str, Any], at: datetime | None) -> str:
    return "the next run" if at is None else f"the run of {moments.full(in_its_zone(at, job))}"


def _ask(
    job: dict[str, Any], question: str, at: datetime | None, to: datetime | None, yes: bool, as_json: bool
) -> None:
    if job["next_start"] is None and at is None:
        raise BadUsage(f"{in_one_line(job['id'])} has no run to come ({job['state']}); nothing was changed")

    def show(console: Console) -> None:
        table, now = facts(), datetime.fromisoformat(job["as_of"])
        table.add_row("schedule", Text(in_one_line(job["schedule"])))
        meant = at or datetime.fromisoformat(job["next_start"])
        table.add_row("run", f"{moments.full(in_its_zone(meant, job))}, {moments.distance(meant, now)}")
        if to is not None:
            there = f"{moments.full(in_its_zone(to, job))}, {moments.distance(to, now)}"
            table.add_row("starts then", Text(there, "green"))
        if job["exceptions"]:
            table.add_row("exceptions", exceptions_text(job))
        console.print(table)
        console.print()

    confirm(question, yes=yes, show=show, as_json=as_json)


def _say_done(scheduler: Scheduler, job: dict[str, Any], as_json: bool, done: str) -> None:
    if as_json:
        print_json(job)
        return
    console, now = screen(), datetime.fromisoformat(job["as_of"])
    console.print(Text.assemble(("✓ ", "green"), (in_one_line(job["id"]), "bold"), f": {done}"))
    if job["exceptions"]:
        console.print(exceptions_text(job))
    if job["next_start"] is None:
        console.print(Text("Nothing starts, as far as can be seen.", "yellow"))
        return
    starts = datetime.fromisoformat(job["next_start"])
    console.print(f"next start {moments.distance(starts, now)}, {moments.full(in_its_zone(starts, job))}")
    say_if_nobody_fires(scheduler)
