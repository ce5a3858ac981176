"""``gnomon preview``: when a trigger would fire. Needs no store, but for a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from tzlocal import get_localzone_name

from gnomon.cli import moments
from gnomon.cli.options import JsonOption
from gnomon.cli.output import facts, in_one_line, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.cli.trigger_words import kinds_help, trigger_arguments
from gnomon.domain.calendar import Calendar
from gnomon.domain.coming import Coming
from gnomon.domain.triggers import build, ensure_fires
from gnomon.errors import CalendarNotFound
from gnomon.operations.preview import AroundClockChange, Preview, look_ahead, preview_dict

_MOST = 1000

PREVIEW_HELP = f"""Show when a trigger would fire, calculated by the code that fires.

It needs no store, but for --calendar.

Examples:
  gnomon preview crontab "30 2 * * *" --timezone America/New_York
  gnomon preview cron hour=4 day_of_week=mon-fri --count 3
  gnomon preview interval minutes=90
  gnomon preview cron hour=3 --calendar de-holidays

Kinds and their arguments:

{kinds_help()}"""


def preview(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of the trigger.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="The trigger's arguments, see above.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=_MOST, help="How many fire times.")] = 10,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="An IANA name; otherwise this machine's.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option("--calendar", metavar="NAME", help="Leave out the dates of this one of the store.")
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    arguments = trigger_arguments(kind, words or [])
    if timezone is not None:
        arguments.setdefault("timezone", timezone)
    now = datetime.now(UTC)
    trigger = build(kind, arguments, timezone=get_localzone_name(), now=now)
    ensure_fires(trigger, now=now)
    named = _calendar(calendar, store, app) if calendar is not None else None
    found = look_ahead(trigger, now=now, count=count, calendar=named)
    if as_json:
        print_json({name: value for name, value in preview_dict(found).items() if name != "collisions"})
        return
    console = screen()
    console.print(Text(in_one_line(found.trigger.words), "bold"))
    table, previous = facts(), now.astimezone(found.fire_times[0].tzinfo)
    for each in found.coming:
        change = _clock_change(previous, each.scheduled_at)
        if change:
            table.add_row("", Text(change, "yellow"))
        table.add_row(moments.distance(each.scheduled_at, now), coming_text(each))
        previous = each.scheduled_at
    console.print(table)
    if len(found.coming) < count:
        console.print(Text("It does not fire after that.", "dim"))
    console.print()
    console.print(outlook_table(found))


def coming_text(each: Coming) -> Text:
    """A due time, and what becomes of it where it does not simply start then."""
    text = Text(moments.full(each.scheduled_at))
    if each.starts_at is None:
        return text.append(f"  {in_one_line(each.note or 'starts no run')}", "yellow")
    if each.note is not None:
        return text.append(f"  → {moments.full(each.starts_at)}, {in_one_line(each.note)}", "yellow")
    if each.starts_at != each.scheduled_at:
        text.append(f"  {moments.duration(each.starts_at - each.scheduled_at)} later by jitter", "dim")
    return text


def outlook_table(preview: Preview) -> Table:
    """How often it runs in the next month, and what it does when the clocks change."""
    table = facts()
    table.add_row("in 30 days", month_text(preview))
    for each in preview.around_clock_changes:
        table.add_row("clocks change", around_text(each))
    return table


def month_text(preview: Preview) -> str:
    """``22 runs``."""
    count = preview.runs_a_month
    return "too many runs to count" if count is None else f"{count:,} run{'' if count == 1 else 's'}"


def around_text(around: AroundClockChange) -> str:
    """``Sun 2027-03-28 03:00:00 CEST, forward 1 h: runs at 03:30``."""
    change = around.change
    shift = change.after - change.before
    direction = "forward" if shift > timedelta() else "back"
    what = f"{moments.full(change.at)}, {direction} {moments.duration(abs(shift))}"
    if not around.fire_times:
        return f"{what}: no run around that time"
    return f"{what}: due at {', '.join(time.strftime('%H:%M:%S %Z') for time in around.fire_times)}"


def _calendar(name: str, store: str | None, app: str | None) -> Calendar:
    with opened(store, app) as scheduler:
        for each in scheduler.store.calendars.all():
            if each.name == name:
                return each.calendar
    raise CalendarNotFound(name)


def _clock_change(before: datetime, after: datetime) -> str:
    """``clocks go forward 1 h``, if they do between two times."""
    shift = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    if not shift:
        return ""
    direction = "forward" if shift > timedelta() else "back"
    return f"clocks go {direction} {moments.duration(abs(shift))}, {before:%Z} → {after:%Z}"
