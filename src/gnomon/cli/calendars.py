"""``gnomon calendars``, ``gnomon calendar set`` and ``remove``: dates on which jobs do not run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli.changes import ReasonOption, author_of
from gnomon.cli.options import JsonOption, YesOption
from gnomon.cli.output import confirm, facts, in_one_line, listing, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.calendar import Definition, check_calendar_name, read_dates
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput
from gnomon.scheduler import Scheduler

_SHOWN_JOBS, _SHOWN_DATES = 10, 20
_NO_CALENDARS = """\
There are no calendars here yet. Make one, and let a job leave out its dates:

    gnomon calendar set de-holidays --country DE --subdivision BE
    gnomon set nightly --calendar de-holidays"""

calendar = typer.Typer(no_args_is_help=True, help="Set or remove calendars: named sets of dates without runs.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of the calendar.")]


def calendars(
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """List the calendars: what they are made from, their next date, and the jobs that leave out their dates.

    Examples:
      gnomon calendars
      gnomon calendars --json
    """
    with opened(store, app) as scheduler:
        found = scheduler.get_calendars()
        if as_json:
            print_json(found)
            return
        console = screen()
        if not found:
            console.print(_NO_CALENDARS)
            return
        table = listing("CALENDAR", "DATES", "NEXT", "KNOWN UNTIL", "JOBS", "SOURCE")
        for each in found:
            table.add_row(
                Text(in_one_line(each["name"]), "bold"),
                Text(in_one_line(each["words"])),
                Text(in_one_line(_next(each))),
                each["until"] or "all",
                Text(in_one_line(_some(each["jobs"]))),
                Text(each["source"] if each["declared"] else "operator", "dim"),
            )
        console.print(table)


@calendar.command("set")
def set_(
    name: NameArgument,
    country: Annotated[
        str | None, typer.Option("--country", metavar="CODE", help="The holidays there: an ISO 3166 code such as DE.")
    ] = None,
    subdivision: Annotated[
        str | None, typer.Option("--subdivision", metavar="CODE", help="A part of the country, such as BE for Berlin.")
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(
            "--dates", metavar="FILE|DATES", help="Dates with commas between, or a file with one on each line."
        ),
    ] = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Make a calendar, or make it anew. Jobs that name it do not run on its dates, by the clock of their zone.

    Each such due time gets a line in the ledger that says so. The holidays of a country are worked out for ten years
    ahead, and kept; that needs `pip install 'gnomon[holidays]'` here, and not on the nodes. In a file, what follows a
    date on its line is what it is called, and # begins a comment. Shows what it is made from before and after, and
    which jobs name it, and asks. What somebody else sets meanwhile is not overwritten: the command is refused then.

    Examples:
      gnomon calendar set de-holidays --country DE --subdivision BE
      gnomon calendar set inventory --dates 2026-12-30,2026-12-31
      gnomon calendar set closed --country US --dates company-days.txt --reason "as agreed in May"
    """
    check_calendar_name(name)
    author = author_of(reason)
    given = read_dates(_dates(dates)) if dates is not None else {}
    wanted = Definition(country=country, subdivision=subdivision, dates=given)
    with opened(store, app) as scheduler:
        before = _known(scheduler, name)
        confirm(
            f"{'Make' if before is None else 'Change'} calendar {name}?",
            yes=yes,
            show=lambda console: _show_difference(console, name, before, wanted),
            as_json=as_json,
        )
        made = scheduler.set_calendar(
            name,
            country=country,
            subdivision=subdivision,
            dates=given,
            if_token=None if before is None else before["token"],
            if_exists=before is not None,
            author=author,
        )
        if as_json:
            print_json(made)
            return
        console = screen()
        console.print(Text.assemble(("✓ ", "green"), (name, "bold"), f": {made['words']}; next {_next(made)}"))


@calendar.command()
def remove(
    name: NameArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Also if jobs name it; they do not fire then.", metavar="")
    ] = False,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Remove a calendar. Refused while jobs name it: without it, it can't be said whether they run on a date.

    With --force those jobs are left alone, and `gnomon show` says why, until there is a calendar of the name again or
    they name another. Shows it, and asks; refused if somebody else sets it meanwhile.

    Examples:
      gnomon calendar remove inventory
      gnomon set nightly --calendar none && gnomon calendar remove de-holidays
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        found = _known(scheduler, name)
        if found is None:
            raise CalendarNotFound(name)
        if found["jobs"] and not force:
            raise ChangeRefused(
                f"calendar {name!r} is named by {_some(found['jobs'])}; `gnomon set JOB --calendar none`, or --force"
            )
        confirm(f"Remove calendar {name}?", yes=yes, show=lambda console: _show(console, found), as_json=as_json)
        users = scheduler.remove_calendar(name, force=force, if_token=found["token"], author=author)
        if as_json:
            print_json({"name": name, "jobs": users})
            return
        console = screen()
        console.print(Text.assemble(("✓ ", "green"), (name, "bold"), " removed"))
        if users:
            console.print(Text(in_one_line(f"These do not fire now: {_some(users)}"), "red"))


def _known(scheduler: Scheduler, name: str) -> dict[str, Any] | None:
    try:
        return scheduler.get_calendar(name)
    except CalendarNotFound:
        return None


def _show_difference(console: Console, name: str, before: dict[str, Any] | None, wanted: Definition) -> None:
    table = listing(in_one_line(name), "BEFORE", "AFTER")
    table.columns[0].style = "dim"
    table.add_row(
        "dates", "" if before is None else in_one_line(before["words"]), Text(in_one_line(wanted.words), "green")
    )
    was = {} if before is None else before["dates"]
    will_be = wanted.to_dict().get("dates", {})
    differing = [day for day in sorted({**was, **will_be}) if was.get(day) != will_be.get(day)]
    for day in differing[:_SHOWN_DATES]:
        sides = [in_one_line(f"{day} {side[day]}".strip()) if day in side else "" for side in (was, will_be)]
        table.add_row("", sides[0], Text(sides[1], "green"))
    if len(differing) > _SHOWN_DATES:
        table.add_row("", "", Text(f"and {len(differing) - _SHOWN_DATES:,} more that differ", "dim"))
    if before is not None:
        table.add_row("jobs", in_one_line(_some(before["jobs"])), "")
    console.print(table)
    console.print()


def _show(console: Console, found: dict[str, Any]) -> None:
    table = facts()
    table.add_row("dates", Text(in_one_line(found["words"])))
    table.add_row("jobs that leave them out", Text(in_one_line(_some(found["jobs"]))))
    console.print(table)


def _next(found: dict[str, Any]) -> str:
    if not found["upcoming"]:
        return "none to come"
    first = found["upcoming"][0]
    return f"{date.fromisoformat(first['date']):%a %Y-%m-%d}" + (f" {first['name']}" if first["name"] else "")


def _some(jobs: list[str]) -> str:
    more = f" and {len(jobs) - _SHOWN_JOBS} more" if len(jobs) > _SHOWN_JOBS else ""
    return (", ".join(jobs[:_SHOWN_JOBS]) or "none") + more


def _dates(text: str) -> dict[str, str]:
    """Dates with commas between, or the lines of a file."""
    try:
        is_file = Path(text).is_file()
    except OSError:  # a list may be longer than a name can be
        is_file = False
    if not is_file:
        return {word.strip(): "" for word in text.split(",") if word.strip()}
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("dates", text, f"give a text file that can be read ({error})") from None
    found = {}
    for line in lines:
        day, _, called = line.partition("#")[0].strip().partition(" ")
        if day:
            found[day] = called.strip()
    return found
