"""``gnomon preview``: when a trigger would fire. Needs no store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text
from tzlocal import get_localzone_name

from gnomon.cli import moments
from gnomon.cli.options import JsonOption
from gnomon.cli.output import facts, in_one_line, print_json, screen
from gnomon.cli.trigger_words import kinds_help, trigger_arguments
from gnomon.domain.triggers import build, describe, ensure_fires, upcoming

_MOST = 1000

PREVIEW_HELP = f"""Show when a trigger would fire, calculated by the code that fires. Needs no store.

Examples:
  gnomon preview crontab "30 2 * * *" --timezone America/New_York
  gnomon preview cron hour=4 day_of_week=mon-fri --count 3
  gnomon preview interval minutes=90

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
    as_json: JsonOption = False,
) -> None:
    arguments = trigger_arguments(kind, words or [])
    if timezone is not None:
        arguments.setdefault("timezone", timezone)
    now = datetime.now(UTC)
    trigger = build(kind, arguments, timezone=get_localzone_name(), now=now)
    ensure_fires(trigger, now=now)
    described, times = describe(trigger), upcoming(trigger, now=now, count=count)
    if as_json:
        print_json(
            {
                "trigger": described.kind,
                "trigger_args": described.args,
                "timezone": described.timezone,
                "schedule": described.words,
                "fire_times": [time.isoformat() for time in times],
            }
        )
        return
    console = screen()
    console.print(Text(in_one_line(described.words), "bold"))
    table, previous = facts(), now.astimezone(times[0].tzinfo)
    for time in times:
        change = _clock_change(previous, time)
        if change:
            table.add_row("", Text(change, "yellow"))
        table.add_row(moments.distance(time, now), moments.full(time))
        previous = time
    console.print(table)
    if len(times) < count:
        console.print(Text("It does not fire after that.", "dim"))


def _clock_change(before: datetime, after: datetime) -> str:
    """``clocks go forward 1 h``, if they do between two times."""
    shift = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    if not shift:
        return ""
    direction = "forward" if shift > timedelta() else "back"
    return f"clocks go {direction} {moments.duration(abs(shift))}, {before:%Z} → {after:%Z}"
