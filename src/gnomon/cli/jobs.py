"""``gnomon jobs`` and ``gnomon show``: what is stored, and when it fires."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.change_table import changes_table
from gnomon.cli.exits import BadUsage
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption
from gnomon.cli.output import (
    JOB_STATES,
    facts,
    in_one_line,
    is_wide,
    listing,
    print_json,
    printable,
    screen,
    stacked,
    state_of_job,
    state_of_run,
)
from gnomon.cli.preview import coming_text
from gnomon.cli.runs import runs_table
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.override import Override
from gnomon.domain.triggers import zone
from gnomon.errors import InvalidTrigger
from gnomon.operations.audit import arguments_in_words, value_in_words
from gnomon.operations.run_dicts import run_dict
from gnomon.scheduler import Scheduler

_SHOWN_RUNS = _SHOWN_CHANGES = 5

_NO_JOBS = """\
No jobs are stored here yet. Declare one in your application:

    from gnomon import Scheduler

    scheduler = Scheduler("{url}")

    @scheduler.job("cron", hour=3)
    def nightly():
        ...

and start it: gnomon serve myapp:scheduler
Or take over a crontab: crontab -l | gnomon import-crontab -"""


def jobs(
    state: Annotated[
        list[str] | None, typer.Option("--state", help=f"Only jobs in this state: {', '.join(JOB_STATES)}.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Only jobs with this in id, name, description or words."),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """List the jobs, by when they run next.

    Examples:
      gnomon jobs
      gnomon jobs --state paused --state orphaned
      gnomon jobs --search backup --json
    """
    wanted = _states(state or [])
    with opened(store, app) as scheduler:
        found = scheduler.get_all_jobs()
        shown = [job for job in found if (not wanted or job["state"] in wanted) and _matches(job, search)]
        if as_json:
            print_json(shown)
            return
        console = screen()
        if not found:
            console.print(_NO_JOBS.format(url=scheduler.store.shown_url), soft_wrap=True)
        elif not shown:
            console.print(f"None of the {len(found)} jobs is like that.")
        else:
            console.print(jobs_table(shown, wide=is_wide(console)))
            if any(job["next_run_time"] is not None for job in shown):
                say_if_nobody_fires(scheduler)


def show(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Show one job: when it fires, what the code says, its last runs and changes.

    Examples:
      gnomon show nightly
      gnomon show nightly --json
    """
    with opened(store, app) as scheduler:
        found = scheduler.get_job(job)
        if as_json:
            print_json(found)
            return
        _show(screen(), scheduler, found)
        if found["next_run_time"] is not None:
            say_if_nobody_fires(scheduler)


def jobs_table(jobs: list[dict[str, Any]], *, wide: bool) -> Table:
    """A row for each job; on narrow screens of two lines."""
    headings = ["JOB", "SCHEDULE", "NEXT RUN", "LAST RUN", "STATE"]
    table = listing(*headings, "SOURCE") if wide else listing(*headings)
    for column in table.columns[2:]:
        column.no_wrap = True
    for job in jobs:
        now = datetime.fromisoformat(job["as_of"])
        state, source = state_of_job(job["state"]), _source(job["source"])
        cells: list[Text] = [
            Text(in_one_line(job["id"]), "bold"),
            Text(in_one_line(job["schedule"])),
            next_run(job, now, wide=wide),
            last_run(job["last_run"], now, wide=wide),
        ]
        cells += [state, source] if wide else [stacked([state, "" if job["source"] == "code" else source], wide=False)]
        table.add_row(*cells)
    return table


def next_run(job: Mapping[str, Any], now: datetime, *, wide: bool) -> Text:
    """``in 3 h  14:00``, by the clock of the job's zone."""
    if job["next_run_time"] is None:
        return Text("–", "dim")
    moment = datetime.fromisoformat(job["next_run_time"])
    late = (now - moment).total_seconds()
    words = Text(f"{moments.coarse(late)} late", "red") if late >= 2 else Text(moments.distance(moment, now))
    return stacked([words, Text(moments.short(in_its_zone(moment, job), now), "dim")], wide=wide)


def last_run(run: Mapping[str, Any] | None, now: datetime, *, wide: bool) -> Text:
    """``✓ succeeded  2 min ago``."""
    if run is None:
        return Text("–", "dim")
    moment = datetime.fromisoformat(run["finished_at"] or run["started_at"] or run["scheduled_at"])
    return stacked([state_of_run(run["state"]), Text(moments.distance(moment, now), "dim")], wide=wide)


def exceptions_text(job: Mapping[str, Any]) -> Text:
    """The exceptions of a job, a line each."""
    lines = []
    for each in job["exceptions"]:
        due = moments.full(in_its_zone(datetime.fromisoformat(each["scheduled_at"]), job))
        to = each["to"]
        done = "skipped" if to is None else f"moved to {moments.full(in_its_zone(datetime.fromisoformat(to), job))}"
        why = f": {each['reason']}" if each["reason"] else ""
        lines.append(Text(in_one_line(f"{due} {done} by {each['actor']}{why}"), "yellow"))
    return Text("\n").join(lines)


def in_its_zone(moment: datetime, job: Mapping[str, Any]) -> datetime:
    """An ISO time has only an offset; the job's zone gives its name too."""
    try:
        return moment.astimezone(zone(job["timezone"]))
    except InvalidTrigger:
        return moment


def _states(given: list[str]) -> set[str]:
    for state in given:
        if state not in JOB_STATES:
            raise BadUsage(f"--state: {in_one_line(state)!r} is no state of a job; give {', '.join(JOB_STATES)}")
    return set(given)


def _matches(job: Mapping[str, Any], search: str | None) -> bool:
    texts = (job["id"], job["name"], job["description"], job["schedule"])
    return search is None or any(search.lower() in text.lower() for text in texts)


def _source(source: str) -> Text:
    return Text(source, {"code": "dim", "override": "yellow", "outside": "magenta"}.get(source, ""))


# -- one job


def _show(console: Console, scheduler: Scheduler, job: dict[str, Any]) -> None:
    now = datetime.fromisoformat(job["as_of"])
    overrides = scheduler.store.records.overrides([job["id"]]).get(job["id"], {})
    console.print(Text.assemble((in_one_line(job["id"]), "bold"), "  ", state_of_job(job["state"])))
    if job["description"]:
        console.print(Text(printable(job["description"]), "dim"))
    if job["problem"]:
        console.print(Text(printable(job["problem"]), "red"))
    if job["state"] == "orphaned":
        console.print(Text("No living node has code for it: it is kept, and not fired.", "magenta"))
    console.print()
    console.print(_facts(job, overrides, now))
    if job["next_run_time"] is not None and (job["calendar"] is not None or job["exceptions"]):
        _section(console, "Next due times")
        for each in scheduler.preview_change(job["id"], count=_SHOWN_RUNS).before.coming:
            console.print(Text("  ").append(coming_text(each)))
    runs = scheduler.runs(job["id"], limit=_SHOWN_RUNS)
    _section(console, "Last runs")
    if runs:
        console.print(runs_table([run_dict(run) for run in runs], now, with_job=False, wide=is_wide(console)))
    else:
        console.print(Text("  It has not run yet.", "dim"))
    changes = scheduler.changes(job["id"], limit=_SHOWN_CHANGES)
    _section(console, "Last changes")
    if changes:
        console.print(changes_table(changes, now, with_job=False))
    else:
        console.print(Text("  Nobody has changed it.", "dim"))


def _section(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, "bold"))


def _facts(job: dict[str, Any], overrides: Mapping[str, Override], now: datetime) -> Table:
    table = facts()
    if job["name"] != job["id"]:
        table.add_row("name", in_one_line(job["name"]))
    table.add_row("schedule", _with_default(Text(in_one_line(job["schedule"])), job, overrides.get("trigger"), now))
    if job["trigger"] is not None:
        table.add_row("trigger", Text(in_one_line(trigger_text(job["trigger"], job["trigger_args"]))))
    table.add_row("next run", _next_run_in_full(job, now))
    if job["exceptions"]:
        table.add_row("exceptions", exceptions_text(job))
    if job["next_start"] != job["next_run_time"] and job["next_run_time"] is not None:
        table.add_row("next start", _moment_in_full(job["next_start"], job, now))
    if "enabled" in overrides:
        table.add_row("enabled", _with_default(Text("yes" if job["enabled"] else "no"), job, overrides["enabled"], now))
    for field, unit in (("misfire_grace_time", " s"), ("coalesce", ""), ("max_instances", "")):
        text = Text(policy_text(job[field], unit))
        table.add_row(field.replace("_", " "), _with_default(text, job, overrides.get(field), now))
    if job["calendar"] is not None or "calendar" in overrides:
        named = Text(in_one_line(job["calendar"] or "none"))
        table.add_row("calendar", _with_default(named, job, overrides.get("calendar"), now))
    table.add_row("executor", str(job["executor"]))
    if job["task"] is not None:
        table.add_row("task", in_one_line(job["task"]))
        text = Text(in_one_line(arguments_in_words(job["kwargs"])))
        table.add_row("arguments", _with_default(text, job, overrides.get("kwargs"), now))
    table.add_row("source", _source(job["source"]))
    table.add_row("token", str(job["token"]))
    return table


def policy_text(value: object, unit: str = "") -> str:
    """A policy's value for people."""
    if value is None:
        return "no limit"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}{unit}"


def trigger_text(kind: str, arguments: Mapping[str, Any]) -> str:
    """A trigger as it is written for ``gnomon set``."""
    return " ".join([kind, *(f"{name}={_quoted(value)}" for name, value in arguments.items())])


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text or "*" in text else text


def _next_run_in_full(job: Mapping[str, Any], now: datetime) -> Text:
    return _moment_in_full(job["next_run_time"], job, now)


def _moment_in_full(iso: str | None, job: Mapping[str, Any], now: datetime) -> Text:
    if iso is None:
        return Text("none", "dim")
    moment = datetime.fromisoformat(iso)
    return Text(f"{moments.distance(moment, now)}, {moments.full(in_its_zone(moment, job))}")


def _with_default(text: Text, job: Mapping[str, Any], override: Override | None, now: datetime) -> Text:
    """What stands, and below it what the code says, who changed it, when and why."""
    if override is None:
        return text
    entry = job["overrides"][override.field]
    said = entry["declared"]
    by = f"changed by {override.author.actor} {moments.distance(override.changed_at, now)}"
    if override.author.reason:
        by += f": {override.author.reason}"
    whose = "the code says" if job["task"] is None else "it was added with"
    lines = [Text(in_one_line(f"{whose} {value_in_words(override.field, said)}"), "yellow")]
    if entry["moved"]:
        before = value_in_words(override.field, override.base)
        moved = f"it said {before} when this was changed: `gnomon keep` or `gnomon revert`"
        lines.append(Text(in_one_line(moved), "yellow"))
    if override.expires_at is not None:
        until = moments.full(in_its_zone(override.expires_at, job))
        lines.append(Text(f"until {until}, {moments.distance(override.expires_at, now)}", "yellow"))
    return Text("\n").join([text, *lines, Text(in_one_line(by), "dim")])
