"""``gnomon runs`` and ``gnomon logs``: what became of the due times, and what the runs wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.exits import BadUsage
from gnomon.cli.following import Transcript, follow
from gnomon.cli.one_run import attempt_ended, last_line, show_run, took
from gnomon.cli.options import JsonOption, flag
from gnomon.cli.output import in_one_line, is_wide, listing, print_json, screen, state_of_run
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.ledger import Piece
from gnomon.domain.run import Cause, Run, RunState
from gnomon.domain.run_query import LARGEST_PAGE, RunQuery
from gnomon.errors import JobNotFound, RunNotFound
from gnomon.operations.run_dicts import run_dict
from gnomon.scheduler import Scheduler


def runs(
    what: Annotated[
        str | None, typer.Argument(metavar="JOB|RUN", help="The id of a job, or the number of one run; without, all.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help=f"Only runs in this state: {', '.join(state.value for state in RunState)}."),
    ] = None,
    cause: Annotated[
        list[str] | None, typer.Option("--cause", help=f"Only these: {', '.join(cause.value for cause in Cause)}.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Due since then: 2026-03-01T04:00, 12h, 7d.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Due before then.")] = None,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="Only runs of this node.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only runs with this in their error.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=LARGEST_PAGE, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """List runs, the newest first, or show one with its attempts. Each due time has exactly one line.

    Examples:
      gnomon runs
      gnomon runs nightly --state failed --state timed_out
      gnomon runs --state failed --since 12h --search "connection refused"
      gnomon runs 4711
    """
    with opened(store, app) as scheduler:
        now = scheduler.store.database.now()
        if what is not None and _is_number(what) and not _is_job(scheduler, what):
            _show_one(scheduler, int(what), now, as_json)
            return
        query = RunQuery(
            job_id=what,
            states=frozenset(_state(text) for text in state or []),
            causes=frozenset(_cause(text) for text in cause or []),
            scheduled_from=None if since is None else moments.given("--since", since, now),
            scheduled_to=None if until is None else moments.given("--until", until, now),
            node=node,
            search=search,
        )
        if what is not None and not scheduler.runs(what, limit=1):
            scheduler.get_job(what)  # Says so if there is no such job.
        found = [run_dict(run) for run in _found(scheduler, query, limit)]
    if as_json:
        print_json(found)
        return
    console = screen()
    if not found:
        console.print("Nothing has run yet." if query == RunQuery() else "No runs like that are in the ledger.")
        return
    console.print(runs_table(found, now, with_job=what is None, wide=is_wide(console)))
    if len(found) == limit:
        console.print(Text(f"The newest {limit}; --limit shows more.", "dim"))


def _found(scheduler: Scheduler, query: RunQuery, limit: int) -> list[Run]:
    """As many as are wanted: a page may be short while more follow."""
    found: list[Run] = []
    page = scheduler.find_runs(query, limit=limit)
    found += page.runs
    while page.following is not None and len(found) < limit:
        page = scheduler.find_runs(query, limit=limit - len(found), after=page.following)
        found += page.runs
    return found


def _show_one(scheduler: Scheduler, run_id: int, now: datetime, as_json: bool) -> None:
    run = scheduler.get_run(run_id)
    if as_json:
        print_json(run)
    else:
        show_run(screen(), run, now)


def logs(
    what: Annotated[str, typer.Argument(metavar="RUN|JOB", help="The number of a run, or a job: its newest run.")],
    wait: Annotated[bool, flag("--follow", "-f", help="Show what a run writes until it ends.")] = False,
    tail: Annotated[
        int | None,
        typer.Option(
            "--tail",
            min=1,
            max=LARGEST_PAGE,
            metavar="NUMBER",
            help="Only the last so many pieces.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Show what a run wrote. On a terminal, err and log mark what was not standard output.

    Examples:
      gnomon logs 4711
      gnomon logs nightly --follow
      gnomon logs 4711 > run-4711.txt
    """
    with opened(store, app) as scheduler:
        run = _run(scheduler, what)
        if as_json:
            if wait:
                run = follow(scheduler, run.id, None)
            pages = _pages(scheduler, run.id, tail)
            pieces = [piece._asdict() | {"at": piece.at.isoformat()} for page in pages for piece in page]
            print_json(
                {
                    "run": scheduler.get_run(run.id),
                    "output": [{k: v for k, v in p.items() if k != "run_id"} for p in pieces],
                }
            )
            return
        with Transcript(screen(), screen(stderr=True)) as transcript:
            if wait:
                run = follow(scheduler, run.id, transcript)
            else:
                _write(scheduler, run, tail, transcript)
            transcript.end(run)


def _write(scheduler: Scheduler, run: Run, tail: int | None, transcript: Transcript) -> None:
    """What each attempt wrote, and how it ended if another followed."""
    ended = scheduler.get_run(run.id)["attempts"][:-1] if run.attempt > 1 else []
    for page in _pages(scheduler, run.id, tail):
        for piece in page:
            while ended and ended[0]["number"] < piece.attempt:
                transcript.note(attempt_ended(ended.pop(0)))
            transcript.write([piece])
    for attempt in ended:
        transcript.note(attempt_ended(attempt))


def _pages(scheduler: Scheduler, run_id: int, tail: int | None) -> Iterator[list[Piece]]:
    """What a run wrote, page by page; or the end of it."""
    if tail is not None:
        yield scheduler.output_tail(run_id, limit=tail).pieces
        return
    page = scheduler.output_page(run_id)
    yield page.pieces
    while not page.is_last:
        page = scheduler.output_page(run_id, after=page.after)
        yield page.pieces


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
            Text(took(run, now)),
            Text(_note(run), "dim"),
        ]
        table.add_row(*cells)
    return table


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
    if run["state"] == "running" and run["cancel_requested"]:
        parts.append("asked to end")
    if run["error"] and run["state"] != "running":  # There, it is that of an attempt before.
        parts.append(last_line(run["error"]))
    return ", ".join(parts)


def _state(text: str) -> RunState:
    try:
        return RunState(text.replace("-", "_"))
    except ValueError:
        known = ", ".join(state.value for state in RunState)
        raise BadUsage(f"--state: {in_one_line(text)!r} is no state of a run; give {known}") from None


def _cause(text: str) -> Cause:
    try:
        return Cause(text)
    except ValueError:
        known = ", ".join(cause.value for cause in Cause)
        raise BadUsage(f"--cause: {in_one_line(text)!r} is no cause of a run; give {known}") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_job(scheduler: Scheduler, text: str) -> bool:
    """Whether a number is the id of a job that is stored, or was."""
    if scheduler.runs(text, limit=1):
        return True
    try:
        scheduler.get_job(text)
    except JobNotFound:
        return False
    return True


def _run(scheduler: Scheduler, what: str) -> Run:
    if _is_number(what):
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
