"""``gnomon doctor``: is all well, and if not, what to do."""

from __future__ import annotations

import os
import shutil
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer
from rich.text import Text
from tzlocal import get_localzone_name

from gnomon.cli import moments, nodes
from gnomon.cli.exits import BadUsage, ExitCode
from gnomon.cli.options import JsonOption
from gnomon.cli.output import in_one_line, print_json, screen
from gnomon.cli.serving import TargetArgument
from gnomon.cli.store_option import StoreOption, check_exists, store_url, stored_in
from gnomon.cli.target import load
from gnomon.domain.run import RunState
from gnomon.errors import GnomonError
from gnomon.scheduler import Scheduler
from gnomon.store import inspection

_OVERDUE = timedelta(minutes=1)
_CLOCKS_APART = timedelta(seconds=2)
_LITTLE_SPACE, _HARDLY_ANY_SPACE = 1024**3, 64 * 1024**2
_NAMED = 5


class Level(StrEnum):
    """How well something is."""

    WELL = "well"
    ATTENTION = "attention"
    WRONG = "wrong"


_SYMBOLS = {Level.WELL: ("✓", "green"), Level.ATTENTION: ("!", "yellow"), Level.WRONG: ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do where that is something."""

    level: Level
    text: str
    remedy: str = ""


Check = Callable[[Scheduler], Iterator[Finding]]


def doctor(
    where: TargetArgument = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check store, clocks, nodes and jobs, and say what to do. With TARGET, also compare its code with what is stored.

    Changes nothing. The exit code is 1 if something is wrong.

    Examples:
      gnomon doctor
      gnomon doctor myapp.jobs:scheduler
    """
    if where is not None and store is not None:
        raise BadUsage("TARGET and --store both say where the jobs stand; give one of them")
    scheduler = Scheduler(store_url(store)) if where is None else load(where)
    findings: list[Finding] = []
    console = screen()
    try:
        for finding in _examine(scheduler, with_code=where is not None):
            findings.append(finding)
            if not as_json:
                symbol, style = _SYMBOLS[finding.level]
                console.print(Text.assemble((symbol, style), " ", in_one_line(finding.text)))
                if finding.remedy:
                    console.print(Text(f"  → {in_one_line(finding.remedy)}", "bold"))
    finally:
        scheduler.close()
    if as_json:
        print_json([{"level": f.level.value, "text": f.text, "remedy": f.remedy} for f in findings])
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _examine(scheduler: Scheduler, *, with_code: bool) -> Iterator[Finding]:
    """One finding after the other. Where the store cannot be read, there is nothing more to find."""
    yield _time_zone()
    store = stored_in(scheduler)
    try:
        check_exists(store)
        with store.named_if_unavailable():
            waits = inspection.will_migrate(store.database)
        if waits:
            found = inspection.version(store.database) or "none"
            text = f"the store {store.shown_url} waits for its tables to be moved on (their version: {found})"
            yield Finding(Level.ATTENTION, text, "a scheduler does that when it starts, or gnomon db upgrade")
            return
        scheduler.open()
        for check in (_store, _clock, _nodes, _jobs, _overdue, _waiting):
            yield from check(scheduler)
        if with_code:
            yield from _code(scheduler)
    except GnomonError as error:
        yield Finding(Level.WRONG, str(error))


def _time_zone() -> Finding:
    zone, source = get_localzone_name(), _zone_data()
    if zone is None:
        return Finding(
            Level.ATTENTION, f"this machine does not say its time zone; {source}", "set TZ, or timezone= of Scheduler"
        )
    return Finding(Level.WELL, f"time zone of this machine: {zone}; {source}")


def _zone_data() -> str:
    """Which data zoneinfo uses: the system's where it has any, otherwise the package's."""
    for directory in zoneinfo.TZPATH:
        if os.path.isdir(directory):
            first = ""
            listing = Path(directory, "tzdata.zi")
            if listing.is_file():
                with listing.open(encoding="utf-8", errors="replace") as file:
                    first = file.readline().removeprefix("# version ").strip()
            return f"time zone data {first or 'of unknown version'} from {directory}"
    try:
        return f"time zone data {version('tzdata')} from the package tzdata"
    except PackageNotFoundError:
        return "no time zone data"


def _store(scheduler: Scheduler) -> Iterator[Finding]:
    store = scheduler.store
    tables = f"its tables are of version {inspection.version(store.database)}"
    yield Finding(Level.WELL, f"the store {store.shown_url} can be read; {tables}")
    if store.database.dialect.name == "sqlite":
        yield from _sqlite(scheduler)


def _sqlite(scheduler: Scheduler) -> Iterator[Finding]:
    store = scheduler.store
    state = inspection.sqlite_state(store.database)
    if state.damage:
        yield Finding(Level.WRONG, f"the file is damaged: {state.damage}", "stop all nodes and restore a backup")
    elif state.journal_mode != "wal" or state.synchronous < 2:
        text = f"journal {state.journal_mode}, synchronous {state.synchronous}: a loss of power may lose changes"
        yield Finding(Level.ATTENTION, text, "put the file on a local file system that allows WAL")
    else:
        yield Finding(Level.WELL, f"SQLite {state.library}: sound, WAL, survives a loss of power")
    path = Path(str(store.url.database)).resolve()
    free = shutil.disk_usage(path.parent).free
    space = f"{free / 1024**3:.1f} GiB free on the disk of {path}"
    if free < _HARDLY_ANY_SPACE:
        yield Finding(Level.WRONG, space, "free some space: nothing can be recorded on a full disk, so nothing fires")
    elif free < _LITTLE_SPACE:
        yield Finding(Level.ATTENTION, space, "free some space before it is full: then nothing fires")
    else:
        yield Finding(Level.WELL, space)


def _clock(scheduler: Scheduler) -> Iterator[Finding]:
    database = scheduler.store.database
    if not database.dialect.has_clock:
        return
    apart = inspection.clock_difference(database)
    if abs(apart) > _CLOCKS_APART:
        text = f"this machine's clock and the database's are {moments.duration(abs(apart))} apart"
        yield Finding(Level.ATTENTION, text, "the database's decides what is due; set both by NTP")
    else:
        yield Finding(Level.WELL, "this machine's clock and the database's agree")


def _nodes(scheduler: Scheduler) -> Iterator[Finding]:
    joined = nodes.joined(scheduler)
    silent = [node for node in joined if nodes.is_silent(scheduler, node)]
    living = [node for node in joined if node not in silent]
    now = scheduler.store.database.now()
    if living:
        named = _some([f"{node.host}:{node.pid}" for node in living])
        yield Finding(Level.WELL, f"{_number(len(living), 'node is', 'nodes are')} alive: {named}")
    else:
        yield Finding(Level.ATTENTION, "no node is alive: nothing fires", "start one: gnomon serve TARGET")
    for node in silent:
        seen = moments.distance(node.seen_at, now)
        text = f"node {node.host}:{node.pid} went without saying so; its last sign of life was {seen}"
        yield Finding(Level.ATTENTION, text, "the next node that starts settles what it held")


def _jobs(scheduler: Scheduler) -> Iterator[Finding]:
    jobs = scheduler.get_all_jobs()
    by_state: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        by_state.setdefault(job["state"], []).append(job)
    for job in by_state.get("quarantined", []):
        text = f"job {job['id']!r} is quarantined and does not fire: {job['problem']}"
        yield Finding(Level.WRONG, text, "mend its row, or allow its module: Scheduler(..., allow=[...])")
    orphaned = by_state.get("orphaned", [])
    if orphaned:
        count = _number(len(orphaned), "job has", "jobs have")
        text = f"{count} no code on any living node: kept, not fired: {_ids(orphaned)}"
        yield Finding(Level.ATTENTION, text, "start a node that declares them, or remove their rows")
    for job in by_state.get("active", []):
        if job["problem"] is not None:
            text = f"job {job['id']!r} does not fire: {job['problem']}"
            yield Finding(Level.WRONG, text, "make the calendar, or `gnomon set JOB --calendar none`")
    paused = by_state.get("paused", [])
    if paused:
        text = f"{_number(len(paused), 'job is', 'jobs are')} paused: {_ids(paused)}"
        yield Finding(Level.WELL, text, "")
    active = len(by_state.get("active", []))
    yield Finding(Level.WELL, f"{_number(len(jobs), 'job is', 'jobs are')} stored, {active} of them active")


def _overdue(scheduler: Scheduler) -> Iterator[Finding]:
    late = []
    for job in scheduler.get_all_jobs():
        if job["state"] == "active" and job["next_run_time"] is not None:
            as_of = datetime.fromisoformat(job["as_of"])
            if as_of - datetime.fromisoformat(job["next_run_time"]) > _OVERDUE:
                late.append(job)
    if not late:
        return
    text = f"{_number(len(late), 'job is', 'jobs are')} overdue by more than a minute: {_ids(late)}"
    if nodes.living(scheduler):
        yield Finding(Level.WRONG, text, "look at the nodes' logs and at GET /health: their loop does not get to them")
    else:
        yield Finding(Level.WRONG, text, "start a node: gnomon serve TARGET")


def _waiting(scheduler: Scheduler) -> Iterator[Finding]:
    now = scheduler.store.database.now()
    queued = [run for run in scheduler.runs(states=[RunState.QUEUED], limit=1000) if now - run.not_before > _OVERDUE]
    if queued:
        oldest = min(queued, key=lambda run: run.not_before)
        text = (
            f"{_number(len(queued), 'run has', 'runs have')} waited for more than a minute; the first since "
            f"{moments.distance(oldest.not_before, now)} (run {oldest.id} of {oldest.job_id!r})"
        )
        remedy = "executors are full: raise GNOMON_THREADS, GNOMON_PROCESSES or GNOMON_COMMANDS, or add a node"
        yield Finding(Level.ATTENTION, text, remedy if nodes.living(scheduler) else "start a node: gnomon serve TARGET")


def _code(scheduler: Scheduler) -> Iterator[Finding]:
    declared = scheduler.declarations
    jobs = scheduler.get_all_jobs()
    stored = {job["id"] for job in jobs}
    known = scheduler.store.records.declarations()
    missing = [job_id for job_id in declared if job_id not in stored]
    added = {job["id"] for job in jobs if job["task"] is not None}
    undeclared = sorted(stored - added - set(declared))
    moved = [job_id for job_id, code in declared.items() if job_id in known and known[job_id].base != code.base()]
    if missing:
        text = f"{_number(len(missing), 'declared job is', 'declared jobs are')} not stored: {_some(missing)}"
        yield Finding(Level.ATTENTION, text, "they are stored when a node starts with this code")
    if undeclared:
        count = _number(len(undeclared), "stored job is", "stored jobs are")
        text = f"{count} not declared by this code: {_some(undeclared)}"
        yield Finding(Level.ATTENTION, text, "they fire only on nodes that have code for them")
    if moved:
        text = f"the code has changed since the last start for {_some(moved)}"
        yield Finding(Level.ATTENTION, text, "what is stored stays as it is; gnomon show JOB compares")
    if not (missing or undeclared or moved):
        yield Finding(Level.WELL, f"the code and the store agree on {_number(len(declared), 'job', 'jobs')}")


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _ids(jobs: list[dict[str, Any]]) -> str:
    return _some([job["id"] for job in jobs])


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
