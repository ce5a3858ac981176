"""Statements that run often use their indices: with a million runs they take as long as with a hundred."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from gnomon.domain.change import Author
from gnomon.domain.ledger import Finish, Piece
from gnomon.domain.run import ACTIVE, TROUBLE, Cause, RunState
from gnomon.domain.run_query import RunPosition, RunQuery
from gnomon.domain.tick_exception import Action, TickException
from gnomon.store import Store
from gnomon.store.session import Session
from tests.store.conftest import NOON, line

Use = Callable[[Store], object]
HOUR_AGO = NOON - timedelta(hours=1)
END = Finish(1, "node", 1, RunState.SUCCEEDED, None, 1, None)


def found(**query: Any) -> Use:
    """The second page of runs, and the one before it."""

    def use(store: Store) -> None:
        store.run_queries.page(RunQuery(**query), limit=50, after=RunPosition(NOON, 900))
        store.run_queries.page(RunQuery(**query), limit=50, before=RunPosition(HOUR_AGO, 900))

    return use


def listed(store: Store) -> None:
    """A page of jobs in each order, and the one before it."""
    for backwards in (False, True):
        store.schedules.page_by_time((NOON.timestamp(), "job 1"), limit=50, backwards=backwards)
        store.schedules.page_without_time("job 1", limit=50, backwards=backwards)
        store.schedules.page_by_id("job 1", limit=50, backwards=backwards)


def changed(store: Store) -> None:
    """A page of changes, and the one before it."""
    for job_id in (None, "job 1"):
        store.records.changes(job_id, before=900, limit=50)
        store.records.changes(job_id, after=900, limit=50, is_nearest=True)


#: What is done many times a second, or while others wait.
HOT: dict[str, Use] = {
    "due jobs": lambda store: store.schedules.due(NOON, exclude=(), limit=500),
    "due jobs but some": lambda store: store.schedules.due(NOON, exclude=("job 1",), limit=500),
    "next due job": lambda store: store.schedules.next_due(exclude=()),
    "next due job but some": lambda store: store.schedules.next_due(exclude=("job 1",)),
    "jobs due at one time": lambda store: store.schedules.due_within(HOUR_AGO, NOON, besides="job 1", limit=1000),
    "one job": lambda store: store.schedules.get("job 1"),
    "some jobs": lambda store: store.schedules.some(["job 1", "job 2"]),
    "active runs": lambda store: store.ledger.active(["job 1", "job 2"]),
    "waiting runs": lambda store: store.ledger.claim_waiting("node", now=NOON, exclude=(), limit=500),
    "waiting runs but some": lambda store: store.ledger.claim_waiting("node", now=NOON, exclude=("job 1",), limit=9),
    "next waiting run": lambda store: store.ledger.next_waiting(exclude=()),
    "starts": lambda store: store.ledger.start([(1, "node", 1)], at=NOON),
    "ends": lambda store: store.ledger.finish([END], at=NOON),
    "progress": lambda store: store.ledger.progress([(1, "node", 1, 1.0, None)]),
    "output": lambda store: store.ledger.output(1),
    "new output": lambda store: store.ledger.write_output([Piece(1, 0, NOON, "log", "")]),
    "last runs": lambda store: store.ledger.last_runs(),
    "last runs of some": lambda store: store.ledger.last_runs(["job 1", "job 2"]),
    "newest runs": lambda store: store.ledger.newest(limit=50),
    "newest runs of a job": lambda store: store.ledger.newest(job_id="job 1", limit=50),
    "a page of runs": lambda store: store.ledger.newest(limit=50, before=900),
    "release": lambda store: store.ledger.release_queued("node"),
    "release but some": lambda store: store.ledger.release_queued("node", keep=[1, 2]),
    "lost runs": lambda store: store.ledger.lose_running("node", at=NOON, error=""),
    "abandoned runs": lambda store: store.ledger.abandoned(),
    "exceptions": lambda store: store.exceptions.ahead(now=NOON),
    "exceptions of some": lambda store: store.exceptions.ahead(["job 1", "job 2"], now=NOON),
    "exceptions read ahead": lambda store: store.exceptions.of_jobs(["job 1", "job 2"], now=NOON),
    "exceptions that have not happened": lambda store: store.exceptions.pending("job 1", now=NOON),
    "anything beside a job": lambda store: store.exceptions.is_beside("job 1"),
    "times with an exception": lambda store: store.exceptions.taken(since=NOON, until=NOON),
    "calendars of jobs": lambda store: store.calendars.of_jobs(["job 1", "job 2"]),
    "jobs due within a second": lambda store: store.schedules.count_due_at(NOON),
    "requests to cancel": lambda store: store.steering.cancel_requests("node"),
    "active runs by node": lambda store: store.run_queries.active_by_node(),
    "attempts": lambda store: store.run_queries.attempts(1),
    "jobs with an override": lambda store: store.records.overridden(limit=50),
    "changes of a run": lambda store: store.records.changes_of_run(1),
    "a key": lambda store: store.steering.known_key("key", since=NOON),
    "a page of output": lambda store: store.run_output.page(1, limit=10),
    "the end of output": lambda store: store.run_output.tail(1, limit=10),
    "last runs of many": lambda store: store.run_queries.outlines(["job 1", "job 2"], each=20),
    "what failed": lambda store: store.run_queries.summary(since=HOUR_AGO, until=NOON, every_state=False),
    "what became of all": lambda store: store.run_queries.summary(since=HOUR_AGO, until=NOON, every_state=True),
    "jobs listed": listed,
    "changes": changed,
    "runs found": found(),
    "runs found of a job": found(job_id="job 1", scheduled_to=NOON),
    "runs found in a span": found(scheduled_from=HOUR_AGO, scheduled_to=NOON),
    "runs found that failed": found(states=frozenset({RunState.FAILED, RunState.LOST})),
    "runs found that did not succeed": found(states=TROUBLE, scheduled_to=NOON),
    "runs found by error": found(search="refused"),
    "runs found by node": found(node="node", causes=frozenset({Cause.MANUAL})),
    "runs found that are active": found(states=ACTIVE),
    "runs found of a job that are active": found(states=ACTIVE, job_id="job 1"),
}
#: Read whole, in the order of an index or of the key.
IN_ORDER = {"newest runs", "next due job", "next due job but some"}
#: The first page of these goes through the order of an index without a bound, until the page is full.
WITHOUT_SORT = [
    "runs found",
    "runs found of a job",
    "runs found in a span",
    "runs found that did not succeed",
    "runs found that failed",
    "runs found by error",
    "runs found by node",
]


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Mapping[str, Any] | None]]]:
    """The statements that are executed meanwhile, with their parameters."""
    found: list[tuple[str, Mapping[str, Any] | None]] = []
    execute = Session.execute

    def recording(self: Session, statement: str, parameters: Mapping[str, Any] | None = None) -> Any:
        found.append((statement, parameters))
        return execute(self, statement, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(Session, "execute", recording)
        yield found


def skipped(job_id: str, at: datetime) -> TickException:
    return TickException(
        job_id=job_id, scheduled_at=at, action=Action.SKIP, moved_to=None, author=Author(), made_at=NOON
    )


@pytest.fixture
def full(store: Store) -> Store:
    """A store with enough in it that a planner takes indices seriously."""
    store.ledger.insert(
        [line(f"job {n % 50}", n // 50, RunState.SKIPPED) for n in range(2000)]
        + [line(f"job {n}", 100 + n, node="node" if n % 2 else None) for n in range(20)],
        at=NOON,
    )
    with store.database.transaction("test"):
        for n in range(300):
            store.schedules.insert(f"job {n}", NOON + timedelta(minutes=n), b".")
    store.calendars.assign({f"job {n}": "calendar" for n in range(300)})
    for n in range(300):
        store.exceptions.add(skipped(f"job {n}", NOON + timedelta(days=n - 150)))
    with store.database.transaction("test") as session:
        session.execute("ANALYZE")
        if store.database.dialect.name == "postgresql":
            # The table is small, so reading it whole would be right; what is asked is whether an index could be used.
            session.execute("ALTER DATABASE " + str(store.url.database) + " SET enable_seqscan = off")
    store.database.engine.dispose()
    return store


def plan(store: Store, statement: str, parameters: Mapping[str, Any] | None) -> list[str]:
    """What the database would do, step by step."""
    with store.database.read() as session:
        if store.database.dialect.name == "sqlite":
            return [row[3] for row in session.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        (row,) = session.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        tree = row[0] if isinstance(row[0], list) else json.loads(row[0])
        return [f"{node['Node Type']} {node.get('Relation Name', '')}" for node in nodes(tree[0]["Plan"])]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def test_hot_statements_read_no_table_whole(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: dict[str, list[str]] = {}
    for name, use in HOT.items():
        with recorded(monkeypatch) as statements, full.database.transaction("test"):
            use(full)
        for statement, parameters in statements:
            if not statement.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "WITH")):
                continue
            steps = plan(full, statement, parameters)
            bad = [step for step in steps if reads_whole(step) and name not in IN_ORDER]
            if bad:
                whole[name] = bad
    assert whole == {}


def reads_whole(step: str) -> bool:
    """Whether a step goes through all rows of a table that grows."""
    grows = any(
        table in step
        for table in (
            "gnomon_runs",
            "apscheduler_jobs",
            "gnomon_output",
            "gnomon_exceptions",
            "gnomon_job_calendars",
            "gnomon_overrides",
            " r",
            " k",
            " e",
        )
    )
    if step.startswith("Seq Scan"):
        return grows
    # SQLite: SCAN without an index, but for the lists of parameters. In an index it has a LIMIT or a partial index.
    return step.startswith("SCAN") and grows and "USING" not in step and "VIRTUAL TABLE" not in step


def test_listing_by_next_run_time_needs_no_sort_of_due_jobs(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded(monkeypatch) as statements, full.database.read():
        full.schedules.due(NOON, exclude=(), limit=500)
    steps = [step for statement, parameters in statements for step in plan(full, statement, parameters)]
    assert not any("TEMP B-TREE" in step or step.startswith("Sort") for step in steps), steps


@pytest.mark.parametrize("name", WITHOUT_SORT)
def test_a_page_of_runs_is_read_in_the_order_of_an_index(
    full: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Only runs of one due time are sorted, on PostgreSQL."""
    with recorded(monkeypatch) as statements, full.database.read():
        HOT[name](full)
    # The lines that are looked at, without what is then done with those that were found.
    inner = [(re.sub(r"^SELECT .* FROM \((SELECT .*)\) AS .*", r"\1", sql), given) for sql, given in statements[:1]]
    steps = [step for statement, given in inner for step in plan(full, statement, given)]
    assert not any("TEMP B-TREE" in step or step.startswith("Sort") for step in steps), steps


def test_the_check_itself_finds_a_statement_without_an_index(full: Store) -> None:
    steps = plan(full, "SELECT id FROM gnomon_runs WHERE error = :error", {"error": "x"})
    assert any(reads_whole(step) for step in steps), steps
