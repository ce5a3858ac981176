"""``gnomon adopt``: look at a table of APScheduler's, and take it over where it stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli import moments, target
from gnomon.cli.changes import author_of
from gnomon.cli.exits import BadUsage
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, facts, in_one_line, is_wide, listing, print_json, screen
from gnomon.cli.store_option import check_file, store_url, stored_in
from gnomon.domain.adoption import JOBS_TABLE, Candidate, Survey, Verdict
from gnomon.errors import ChangeRefused, StoreUnavailable
from gnomon.scheduler import Scheduler

_VERDICTS = {
    Verdict.RUNS: ("✓ runs", "green"),
    Verdict.NO_CODE: ("? no code", "magenta"),
    Verdict.QUARANTINED: ("✗ quarantined", "red"),
}
_NAMED = 5


def adopt(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The database of the old scheduler: sqlite:///old.db, just the path, or postgresql://…",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str,
        typer.Option("--table", metavar="NAME", help="What the old application gave as tablename= (SCHEMA.NAME)."),
    ] = JOBS_TABLE,
    app: Annotated[
        str | None,
        typer.Option(
            "--app",
            metavar="TARGET",
            help="module:attribute of the Scheduler that shall run the jobs; without URL, its store is adopted.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", help="Only show what was found. Changes nothing.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take over the jobs of an APScheduler 3 with an SQL job store, where they stand.

    Shows each job with what Gnomon makes of it, and asks. APScheduler's table stays as it is; Gnomon's tables are made
    beside it, and each job gets a line in the log of changes. Existing code of APScheduler keeps working on the table.
    Jobs in a table of another name are copied, byte for byte, into the one that Gnomon fires from. Adopting again
    adopts what has come since.

    Stop the old scheduler before a node starts: both would fire everything.

    Examples:
      gnomon adopt sqlite:///old.db --dry-run
      gnomon adopt old.db --app myapp.jobs:scheduler
      gnomon adopt postgresql://myapp@localhost/myapp --table scheduler_jobs
    """
    if url is None and app is None:
        raise BadUsage(
            "say which database: a URL such as sqlite:///old.db, or --app TARGET for the store of a Scheduler"
        )
    with ExitStack() as stack:
        code = target.load(app) if app is not None else None
        if code is not None:
            stack.callback(code.close)
        scheduler = code if url is None and code is not None else Scheduler(store_url(url))
        stack.callback(scheduler.close)
        found = _surveyed(scheduler, table)
        candidates = (code or scheduler).examine(found)
        new = [candidate for candidate in candidates if candidate.is_new]
        if dry_run or not new:
            _say_found(found, candidates, as_json)
            return
        if found.is_copied and found.conflicting:
            raise ChangeRefused(_conflict(found))
        confirm(
            f"Adopt {_number(len(new), 'job', 'jobs')} in {found.store}?",
            yes=yes,
            show=lambda console: _show(console, found, candidates),
            as_json=as_json,
        )
        adopted = scheduler.adopt(table=table, code=code, author=author_of(None))
        if as_json:
            print_json(_as_json(found, candidates, adopted))
        else:
            _say_adopted(screen(), found, candidates, adopted, app)


def _surveyed(scheduler: Scheduler, table: str) -> Survey:
    store = stored_in(scheduler)
    check_file(store)
    found = scheduler.survey(table=table)
    if not found.has_table:
        others = [name for name in found.job_tables if name != table]
        remedy = "give the database that the old scheduler's jobstore names"
        if others:
            remedy = f"these have the shape of a job table: {', '.join(others)}; name one with --table"
        raise StoreUnavailable(f"{found.store} has no table {table} of APScheduler's; {remedy}")
    return found


def _conflict(found: Survey) -> str:
    return (
        f"{_number(len(found.conflicting), 'job', 'jobs')} of {found.table} cannot be copied, because {JOBS_TABLE} has "
        f"others of the same id ({_some(sorted(found.conflicting))}); nothing was copied: remove those that are not "
        "wanted from one of the tables"
    )


# -- for people


def _say_found(found: Survey, candidates: Sequence[Candidate], as_json: bool) -> None:
    if as_json:
        print_json(_as_json(found, candidates, []))
        return
    console = screen()
    _show(console, found, candidates)
    if not candidates:
        console.print("The table is empty: nothing to adopt.")
    elif not any(candidate.is_new for candidate in candidates):
        console.print(
            f"All of it is adopted already: nothing to do. `gnomon jobs --store {found.store}` shows the jobs."
        )
    elif found.conflicting:
        console.print(Text.assemble(("✗ ", "red"), _conflict(found)))
    else:
        console.print("Nothing was changed.")


def _show(console: Console, found: Survey, candidates: Sequence[Candidate]) -> None:
    console.print(_about(found))
    if candidates:
        console.print(_table(candidates, wide=is_wide(console)))
    _show_details(console, candidates)
    _show_summary(console, found, candidates)


def _about(found: Survey) -> object:
    table = facts()
    table.add_row("database", in_one_line(found.store))
    table.add_row("table", f"{in_one_line(found.table)}, {_number(len(found.rows), 'job', 'jobs')}")
    others = [name for name in found.job_tables if name != found.table]
    if others:
        table.add_row("other job tables", in_one_line(", ".join(others)))
    if found.journal_mode:
        note = "" if found.journal_mode == "wal" else "; becomes wal, which other programs understand"
        table.add_row("journal", f"{found.journal_mode}{note}")
    table.add_row("Gnomon's tables", "none yet" if found.version is None else f"of version {found.version}")
    if found.users:
        table.add_row("open in", Text("\n".join(map(in_one_line, found.users)), "yellow"))
    return table


def _table(candidates: Sequence[Candidate], *, wide: bool) -> object:
    now = datetime.now(UTC)
    table = listing("JOB", "SCHEDULE", "NEXT RUN", "FUNCTION", "GNOMON")
    table.columns[3].overflow = "fold" if wide else "ellipsis"
    for candidate in candidates:
        name = Text(in_one_line(candidate.id), "bold" if candidate.is_new else "dim")
        if not candidate.is_new:
            name.append("\nknown already", "dim")
        table.add_row(
            name,
            in_one_line(candidate.schedule or "not known"),
            _next_run(candidate, now),
            in_one_line(candidate.func or "not known"),
            Text(*_VERDICTS[candidate.verdict]),
        )
    return table


def _next_run(candidate: Candidate, now: datetime) -> Text:
    if candidate.schedule is None:
        return Text("not known", "dim")
    if candidate.next_run_time is None:
        return Text("paused", "yellow")
    text = f"{moments.short(candidate.next_run_time, now)} ({moments.distance(candidate.next_run_time, now)})"
    return Text(text, "yellow" if candidate.overdue else "")


def _show_details(console: Console, candidates: Sequence[Candidate]) -> None:
    """What the table has no room for; what holds for many jobs, once."""
    said: dict[_Detail, list[str]] = {}
    for candidate in candidates:
        for detail in _details(candidate):
            said.setdefault(detail, []).append(candidate.id)
    for detail, job_ids in said.items():
        about = f" {in_one_line(detail.text)}: {_some(job_ids)}"
        console.print(Text.assemble((detail.symbol, detail.style), about), soft_wrap=True)
        if detail.remedy:
            console.print(Text(f"  → {in_one_line(detail.remedy)}", "bold"), soft_wrap=True)


class _Detail(NamedTuple):
    symbol: str
    style: str
    text: str
    remedy: str = ""


def _details(candidate: Candidate) -> Iterator[_Detail]:
    if candidate.reason:
        word, style = _VERDICTS[candidate.verdict]
        yield _Detail(word[0], style, candidate.reason, candidate.remedy)
    if candidate.overdue:
        yield _Detail("!", "yellow", f"overdue; when a node starts: {candidate.overdue}")
    for note in candidate.notes:
        yield _Detail("·", "dim", note)


def _show_summary(console: Console, found: Survey, candidates: Sequence[Candidate]) -> None:
    new = [candidate for candidate in candidates if candidate.is_new]
    if not new:
        return
    console.print()
    made = "Gnomon's own tables (gnomon_*) beside it" if found.version is None else "nothing new"
    console.print(f"Made: {made}; a line in the log of changes for each job.", soft_wrap=True)
    if found.is_copied:
        rows = _number(len(new), "row", "rows")
        text = f"Copied into {JOBS_TABLE}: {rows}, byte for byte. {found.table} stays as it is."
        console.print(in_one_line(text), soft_wrap=True)
    else:
        console.print(f"Changed in {found.table}: nothing.", soft_wrap=True)
    if found.users:
        text = "! It is open in another program. If that is the old scheduler, stop it before a node starts."
        console.print(Text(text, "yellow"), soft_wrap=True)


def _say_adopted(
    console: Console, found: Survey, candidates: Sequence[Candidate], adopted: Sequence[str], app: str | None
) -> None:
    console.print(Text.assemble(("✓ ", "green"), f"{_number(len(adopted), 'job', 'jobs')} adopted in {found.store}"))
    steps = ["stop the old scheduler: if it fires too, everything runs twice"]
    if found.is_copied:
        steps.append(
            f"leave out tablename= where code of APScheduler shall go on with these jobs: it is {JOBS_TABLE} now"
        )
    if app is not None:
        steps.append(f"gnomon serve {shlex.quote(app)}")
    else:
        modules = _modules(candidates)
        if modules:
            allowed = " ".join(f"--allow {shlex.quote(module)}" for module in modules)
            steps.append(f"gnomon node --store {shlex.quote(found.store)} {allowed}")
        either = "or " if modules else ""
        steps.append(f"{either}declare the jobs under their ids, @scheduler.job(..., id=…), and: gnomon serve TARGET")
    steps.append(f"gnomon jobs --store {shlex.quote(found.store)}")
    if "***" in found.store:
        steps.append("with the password in place of ***")
    for step in steps:
        console.print(f"  {in_one_line(step)}", soft_wrap=True)


def _modules(candidates: Sequence[Candidate]) -> list[str]:
    """The modules that would have to be allowed, without those that another one covers."""
    named = sorted({candidate.module for candidate in candidates if candidate.module is not None})
    return [module for module in named if not any(module.startswith(f"{other}.") for other in named)]


# -- for programs


def _as_json(found: Survey, candidates: Sequence[Candidate], adopted: Sequence[str]) -> dict[str, Any]:
    return {
        "store": found.store,
        "table": found.table,
        "job_tables": list(found.job_tables),
        "own_tables": list(found.own_tables),
        "version": found.version,
        "journal_mode": found.journal_mode or None,
        "open_in": list(found.users),
        "jobs": [_candidate_json(candidate) for candidate in candidates],
        "conflicting": sorted(found.conflicting),
        "adopted": list(adopted),
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    due = candidate.next_run_time
    return {
        **asdict(candidate),
        "verdict": candidate.verdict.value,
        "next_run_time": None if due is None else due.isoformat(),
        "notes": list(candidate.notes),
    }


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return in_one_line(", ".join(names[:_NAMED])) + (f" and {rest} more" if rest > 0 else "")


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
