"""One run on a terminal: how it stands, its attempts, who did what to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.output import facts, in_one_line, listing, printable, state_of_run

_DID = {"run": "started", "cancel": "cancelled", "retry": "tried again"}


def show_run(console: Console, run: Mapping[str, Any], now: datetime) -> None:
    """Show a run as ``Scheduler.get_run`` tells it."""
    console.print(Text.assemble((f"run {run['id']}", "bold"), "  ", state_of_run(run["state"])))
    if run["error"] and run["state"] not in {"queued", "running"}:
        console.print(Text(printable(run["error"].rstrip()), "red"), soft_wrap=True)
    console.print()
    console.print(_facts(run, now))
    if len(run["attempts"]) > 1:
        console.print()
        console.print(Text("Attempts", "bold"))
        console.print(attempts_table(run["attempts"], now))
    console.print()
    console.print(Text(f"gnomon logs {run['id']} shows what it wrote", "dim"), soft_wrap=True)


def attempt_ended(attempt: Mapping[str, Any]) -> str:
    """``attempt 1 failed: RuntimeError: no luck``."""
    text = f"attempt {attempt['number']} {attempt['state'].replace('_', ' ')}"
    return f"{text}: {last_line(attempt['error'])}" if attempt["error"] else text


def attempts_table(attempts: list[Mapping[str, Any]], now: datetime) -> Table:
    """A row for each attempt."""
    table = listing("#", "STATE", "STARTED", "TOOK", "NODE", "ERROR")
    for attempt in attempts:
        started = None if attempt["started_at"] is None else datetime.fromisoformat(attempt["started_at"])
        table.add_row(
            Text(str(attempt["number"])),
            state_of_run(attempt["state"]),
            Text("–" if started is None else moments.short(moments.local(started), now, to_the_second=True)),
            Text(took(attempt, now)),
            Text(in_one_line(attempt["node"] or "–"), "dim"),
            Text(last_line(attempt["error"]) if attempt["error"] else "", "dim"),
        )
    return table


def took(run: Mapping[str, Any], now: datetime) -> str:
    """How long a run or an attempt took, or has taken till now."""
    if run["started_at"] is None:
        return "–"
    end = datetime.fromisoformat(run["finished_at"]) if run["finished_at"] else now
    return moments.duration(end - datetime.fromisoformat(run["started_at"]))


def last_line(error: str) -> str:
    """Of an error, the line that says what happened."""
    return in_one_line((error.strip().splitlines() or [""])[-1])


def _facts(run: Mapping[str, Any], now: datetime) -> Table:
    table = facts()
    table.add_row("job", in_one_line(run["job_id"]))
    due = datetime.fromisoformat(run["scheduled_at"])
    table.add_row("due", f"{moments.full(moments.local(due))}, {moments.distance(due, now)}")
    if run["started_at"] is not None:
        table.add_row("started", moments.full(moments.local(datetime.fromisoformat(run["started_at"]))))
        table.add_row("took", took(run, now))
    if run["node"] is not None:
        table.add_row("node", in_one_line(run["node"]))
    for change in run["changes"]:
        text = (
            f"{moments.distance(datetime.fromisoformat(change['at']), now)} by {change['actor']} ({change['origin']})"
        )
        if change["reason"]:
            text += f": {change['reason']}"
        table.add_row(_DID.get(change["action"], change["action"]), in_one_line(text))
    if run["state"] == "running" and run["cancel_requested"]:
        table.add_row("", Text("asked to end, and has not ended yet", "yellow"))
    return table
