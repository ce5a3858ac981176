"""A store as one finds it at three in the morning: jobs of every state, overrides, runs of every outcome.

Also what the pictures in the docs show. Everything that a page says is made here through the parts that make it in
life; only the past of the ledger is written directly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

from gnomon import Scheduler
from gnomon.domain.change import Author, Origin
from gnomon.domain.ledger import Finish, Line, Piece
from gnomon.domain.manifest import Manifest
from gnomon.domain.node import Node
from gnomon.domain.run import Cause, RunState
from tests.jobs import nothing

NODE = "scene"
MIA = Author("mia", Origin.CLI, "the export of the bank comes later since Monday")


def night(url: str) -> None:
    """All of it, in the store at ``url``."""
    with closing(Scheduler(url, timezone="Europe/Berlin")) as earlier:
        earlier.register(nothing, "interval", id="old-cleanup", hours=6, description="Clears what nobody uses.")
        earlier.start_all_jobs()
    with closing(Scheduler(url, timezone="Europe/Berlin")) as scheduler:
        declare(scheduler)
        scheduler.start_all_jobs()
        change(scheduler)
        with scheduler.store.database.transaction("scene"):
            history(scheduler)


def declare(scheduler: Scheduler) -> None:
    """The jobs that the code of the scene declares."""
    add = scheduler.register
    add(nothing, "crontab", "0 3 * * 1-5", id="nightly-report", description="Writes the report of the day.")
    add(nothing, "cron", id="import-bank", hour=2, minute=30, description="Fetches yesterday's statements.")
    add(nothing, "interval", id="health-check", minutes=5, description="Asks the shop whether it is well.")
    add(nothing, "crontab", "*/10 * * * *", id="sync-stock", description="Reads the stock of the warehouse.")
    add(nothing, "cron", id="newsletter", day_of_week="tue", hour=9, timezone="America/New_York")
    add(nothing, "crontab", "@hourly", id="backup", description="Copies the database.")
    add(nothing, "cron", id="invoices", day="last", hour=18, description="Sends the invoices of the month.")
    add(nothing, "calendarinterval", id="archive", weeks=2, hour=4)
    add(nothing, "cron", id="thumbnails", minute="15,45", description="Draws what was uploaded.")
    for tenant in ("ada", "bob", "cleo", "dora", "emil", "fay"):
        add(nothing, "cron", id=f"tenant-{tenant}", hour=0, description=f"Closes the day of {tenant}.")


def change(scheduler: Scheduler) -> None:
    """What operators did."""
    scheduler.change_job("import-bank", trigger="cron", trigger_args={"hour": 4, "minute": 15}, author=MIA)
    scheduler.change_job(
        "sync-stock",
        trigger="crontab",
        trigger_args={"expression": "*/30 * * * *"},
        expires_at=datetime.now(UTC) + timedelta(hours=5),
        author=Author("jonas", Origin.PAGE, "the warehouse moves"),
    )
    scheduler.pause_job("newsletter", author=Author("mia", Origin.API, "waits for the new address book"))


def history(scheduler: Scheduler, *, seed: int = 3) -> None:
    """What became of the last runs."""
    drawn = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    join(scheduler)
    every = {
        "nightly-report": timedelta(days=1),
        "import-bank": timedelta(days=1),
        "health-check": timedelta(minutes=5),
        "sync-stock": timedelta(minutes=30),
        "backup": timedelta(hours=1),
        "thumbnails": timedelta(minutes=30),
        "tenant-ada": timedelta(days=1),
    }
    for job_id, period in every.items():
        usual = drawn.uniform(0.02, 0.1) * min(period.total_seconds(), 1800)
        for count in range(22, 0, -1):
            at = now - count * period - timedelta(seconds=5)
            state, error = RunState.SUCCEEDED, None
            if job_id == "import-bank" and count <= 2:
                state, error = RunState.FAILED, "Traceback …\nConnectionError: the bank hung up after 30 s"
            elif job_id == "backup" and count == 7:
                state, error = RunState.TIMED_OUT, "TimeoutError: longer than 120 s"
            elif job_id == "thumbnails" and count in {3, 11}:
                state = RunState.MISSED
            elif drawn.random() < 0.04:
                state = RunState.SKIPPED
            ended(scheduler, job_id, at, state, took=usual * drawn.uniform(0.5, 1.6), error=error)
    running(scheduler, "nightly-report", now - timedelta(seconds=75), done=312, total=840)
    running(scheduler, "thumbnails", now - timedelta(seconds=4))


def ended(
    scheduler: Scheduler, job_id: str, at: datetime, state: RunState, *, took: float = 1.0, error: str | None = None
) -> int:
    """A run that has ended, or never started."""
    join(scheduler)
    ledger = scheduler.store.ledger
    starts = state in {RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.LOST, RunState.CANCELLED}
    run_id = _line(scheduler, job_id, at, RunState.QUEUED if starts else state, None if starts else error)
    if starts:
        ledger.start([(run_id, NODE, 1)], at=at)
        finish = Finish(run_id, NODE, 1, state, error, 1, None)
        ledger.finish([finish], at=at + timedelta(seconds=took))
    return run_id


def running(
    scheduler: Scheduler, job_id: str, at: datetime, *, done: float | None = None, total: float | None = None
) -> int:
    """A run that still goes on."""
    join(scheduler)
    run_id = _line(scheduler, job_id, at, RunState.QUEUED, None)
    scheduler.store.ledger.start([(run_id, NODE, 1)], at=at)
    if done is not None:
        scheduler.store.ledger.progress([(run_id, NODE, 1, done, total)])
    scheduler.store.announce()
    return run_id


def end(scheduler: Scheduler, run_id: int, state: RunState, *, error: str | None = None) -> None:
    """A run that goes on ends."""
    scheduler.store.ledger.finish([Finish(run_id, NODE, 1, state, error, 1, None)], at=datetime.now(UTC))
    scheduler.store.announce()


def ago(**span: float) -> datetime:
    """A moment that is past."""
    return datetime.now(UTC) - timedelta(**span)


def _line(scheduler: Scheduler, job_id: str, at: datetime, state: RunState, error: str | None) -> int:
    line = Line(
        job_id=job_id, scheduled_at=at, state=state, cause=Cause.SCHEDULE, node=NODE, not_before=at, error=error
    )
    written: Sequence[int | None] = scheduler.store.ledger.insert([line], at=at)
    assert written[0] is not None
    return written[0]


def join(scheduler: Scheduler) -> None:
    """A node that is alive, as far as can be told; whoever wants it to stay so lets it ``beat``."""
    nodes = scheduler.store.nodes
    if any(node.id == NODE for node in nodes.all()):
        return
    now = datetime.now(UTC)
    manifest = Manifest(job_ids=frozenset(scheduler.declarations))
    node = Node(
        id=NODE,
        host="app-1",
        pid=4711,
        version="0.1.0",
        manifest=manifest.digest,
        started_at=now - timedelta(days=3),
        seen_at=now,
        beat=1,
        state="alive",
    )
    nodes.join(node, manifest)
    beat(scheduler)  # It was started days ago, and is seen now.


def beat(scheduler: Scheduler) -> None:
    """A sign of life of the node."""
    scheduler.store.nodes.beat(NODE, at=datetime.now(UTC), health={})


def write(scheduler: Scheduler, run_id: int, *pieces: tuple[str, str], first: int = 0) -> None:
    """What a run has written: stream and text of each piece. ``first`` is the number of the first of them."""
    now = datetime.now(UTC)
    scheduler.store.ledger.write_output(
        [Piece(run_id, first + count, now, stream, text) for count, (stream, text) in enumerate(pieces)]
    )
