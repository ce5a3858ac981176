"""``gnomon runs`` and ``gnomon logs``: what became of the due times, and what the runs wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.exits import BadUsage
from gnomon.cli.following import Transcript, follow
from gnomon.cli.options import JsonOption, flag
from gnomon.cli.output import in_one_line, is_wide, listing, print_json, screen, state_of_run
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.run import Run, RunState
from gnomon.errors import JobNotFound, RunNotFound
from gnomon.operations.read import run_dict
from gnomon.scheduler import Scheduler

_MOST_RUNS = 1000


def runs(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="The id of a job; without, of all.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help=f"Only runs in this state: {', '.join(state.value for state in RunState)}."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST_RUNS, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """List runs, the newest first. Each due time has exactly one line.

    Examples:
      gnomon runs
      gnomon runs nightly --state failed --state timed_out
      gnomon runs --limit 100 --json
    """
    wanted = [_state(text) for text in state or []]
    with opened(store, app) as scheduler:
        if job is not None and not scheduler.runs(job, limit=1):
            scheduler.get_job(job)  # Says so if there is no such job.
        found = [run_dict(run) for run in scheduler.runs(job, states=wanted, limit=limit)]
        now = scheduler.store.database.now()
    if as_json:
        print_json(found)
        return
    console = screen()
    if not found:
        console.print("No runs like that are in the ledger." if wanted or job else "Nothing has run yet.")
        return
    console.print(runs_table(found, now, with_job=job is None, wide=is_wide(console)))
    if len(found) == limit:
        console.print(Text(f"The newest {limit}; --limit shows more.", "dim"))


def logs(
    what: Annotated[str, typer.Argument(metavar="RUN|JOB", help="The number of a run, or a job: its newest run.")],
    wait: Annotated[bool, flag("--follow", "-f", help="Show what a run writes until it ends.")] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Show what a run wrote. On a terminal, err and log mark what was not standard output.

    Examples:
      gnomon logs 4711
      gnomon logs nightly --follow
    """
    with opened(store, app) as scheduler:
        run = _run(scheduler, what)
        if as_json:
            if wait:
                run = follow(scheduler, run.id, None)
            pieces = [piece._asdict() | {"at": piece.at.isoformat()} for piece in scheduler.output(run.id)]
            print_json(
                {"run": run_dict(run), "output": [{k: v for k, v in p.items() if k != "run_id"} for p in pieces]}
            )
            return
        with Transcript(screen(), screen(stderr=True)) as transcript:
            if wait:
                run = follow(scheduler, run.id, transcript)
            else:
                transcript.write(scheduler.output(run.id))
            transcript.end(run)


def runs_table(runs: Sequence[Mapping[str, Any]], now: datetime, *, with_job: bool, wide: bool) -> Table:
    """A row for each run."""
    headings = ["RUN", "JOB", "STATE", "SCHEDULED", "TOOK", "NOTE"]
    table = listing(*(heading for heading in headings if with_job or heading != "JOB"))
    for column in table.columns:
        column.no_wrap = column.header != "NOTE"
    if with_job:
        table.columns[1].no_wrap, table.columns[1].overflow = False, "fold"
    table.columns[-1].overflow = "ellipsis" if not wide else "fold"
    for run in runs:
        scheduled = datetime.fromisoformat(run["scheduled_at"])
        cells = [Text(str(run["id"])), Text(in_one_line(run["job_id"]), "bold")][: 2 if with_job else 1]
        cells += [
            state_of_run(run["state"]),
            Text(moments.short(moments.local(scheduled), now, to_the_second=True)).append(
                f"  {moments.distance(scheduled, now)}", "dim"
            ),
            Text(_took(run, now)),
            Text(_note(run), "dim"),
        ]
        table.add_row(*cells)
    return table


def _took(run: Mapping[str, Any], now: datetime) -> str:
    if run["started_at"] is None:
        return "–"
    end = datetime.fromisoformat(run["finished_at"]) if run["finished_at"] else now
    return moments.duration(end - datetime.fromisoformat(run["started_at"]))


def _note(run: Mapping[str, Any]) -> str:
    parts = []
    if run["cause"] != "schedule":
        parts.append(run["cause"])
    if run["attempt"] > 1:
        parts.append(f"attempt {run['attempt']}")
    if run["covers"] != 1:
        parts.append(f"stands for {'many' if run['covers'] is None else run['covers']} due times")
    progress = run["progress"]
    if run["state"] == "running" and progress:
        parts.append(f"{progress['done']:g} of {progress['total']:g}" if progress["total"] else f"{progress['done']:g}")
    if run["error"] and run["state"] != "running":  # There, it is that of an attempt before.
        parts.append(in_one_line(run["error"].strip().splitlines()[-1]))
    return ", ".join(parts)


def _state(text: str) -> RunState:
    try:
        return RunState(text.replace("-", "_"))
    except ValueError:
        known = ", ".join(state.value for state in RunState)
        raise BadUsage(f"--state: {in_one_line(text)!r} is no state of a run; give {known}") from None


def _run(scheduler: Scheduler, what: str) -> Run:
    if what.isascii() and what.isdigit() and len(what) < 19:
        try:
            return scheduler.run(int(what))
        except RunNotFound:
            if not scheduler.runs(what, limit=1):
                raise
    newest = scheduler.runs(what, limit=1)
    if newest:
        return newest[0]
    scheduler.get_job(what)
    raise JobHasNotRun(what)


class JobHasNotRun(JobNotFound):
    """The job is there, and has no run that could be shown."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.args = (f"job {in_one_line(job_id)!r} has not run yet; `gnomon run {in_one_line(job_id)}` runs it now",)
