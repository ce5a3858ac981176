"""Runs are found page by page, in one order, whatever they are narrowed down by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from gnomon.domain.ledger import Finish
from gnomon.domain.run import Cause, Run, RunState
from gnomon.domain.run_query import RunPosition, RunQuery
from gnomon.store import Store, run_queries
from tests.store.conftest import NOON, line, living

MINUTE = timedelta(minutes=1)
STATES = [RunState.MISSED, RunState.SKIPPED, RunState.COALESCED]


def pages(store: Store, query: RunQuery, limit: int) -> Iterator[list[Run]]:
    after: RunPosition | None = None
    while True:
        page = store.run_queries.page(query, limit=limit, after=after)
        yield page.runs
        if page.following is None:
            return
        after = page.following


def found(store: Store, limit: int = 3, **query: object) -> list[int]:
    """The ids of all that is found, over pages of so many."""
    return [run.id for page in pages(store, RunQuery(**query), limit) for run in page]  # type: ignore[arg-type]


def test_pages_hold_each_run_once_the_newest_due_time_first(store: Store) -> None:
    # Ten jobs share each due time, and what was caught up later is older.
    store.ledger.insert([line(f"job {n}", minute) for minute in (5, 1, 3) for n in range(10)], at=NOON)
    runs = [run for page in pages(store, RunQuery(), 7) for run in page]
    assert [(run.scheduled_at, run.id) for run in runs] == sorted(
        ((run.scheduled_at, run.id) for run in store.ledger.newest(limit=100)), reverse=True
    )
    assert len(runs) == 30
    assert [len(page) for page in pages(store, RunQuery(), 10)] == [10, 10, 10]


@pytest.mark.parametrize("query", [{}, {"states": frozenset({RunState.MISSED})}, {"node": "node"}, {"job_id": "job 1"}])
def test_going_back_shows_the_same_pages(
    store: Store, query: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queries, "LINES_A_LOOK", 40)
    living(store, "node")
    store.ledger.insert(
        [
            line(f"job {n}", minute, STATES[n % 3], node="node" if n % 2 else None)
            for minute in (5, 1, 3)
            for n in range(10)
        ],
        at=NOON,
    )
    wanted = RunQuery(**query)  # type: ignore[arg-type]
    there = [page for page in pages(store, wanted, 4) if page]
    assert len(there) > 1 or len(there[0]) == 3
    back = [there[-1]]
    before: RunPosition | None = RunPosition(back[0][0].scheduled_at, back[0][0].id)
    while before is not None:
        page = store.run_queries.page(wanted, limit=4, before=before)
        if page.runs:
            assert page.following == RunPosition(page.runs[-1].scheduled_at, page.runs[-1].id)
            back.insert(0, page.runs)
        before = page.preceding
    assert back == there


def test_a_run_that_is_new_does_not_move_the_pages_that_follow(store: Store) -> None:
    store.ledger.insert([line("a", n) for n in range(6)], at=NOON)
    first = store.run_queries.page(RunQuery(), limit=2)
    store.ledger.insert([line("a", 9)], at=NOON)
    second = store.run_queries.page(RunQuery(), limit=2, after=first.following)
    assert [(run.scheduled_at - NOON) // MINUTE for run in [*first.runs, *second.runs]] == [5, 4, 3, 2]


def test_runs_are_narrowed_down_by_job_state_cause_time_node_and_error(store: Store) -> None:
    living(store, "node")
    ids = store.ledger.insert(
        [
            line("a", 0, RunState.MISSED, error="Connection REFUSED"),
            line("a", 1, RunState.SKIPPED, error="100% of_it!"),
            line("b", 2, RunState.QUEUED, cause=Cause.MANUAL),
            line("b", 3, RunState.QUEUED, node="node"),
            line("b", 4, RunState.COALESCED),
        ],
        at=NOON,
    )
    assert found(store, job_id="a") == [ids[1], ids[0]]
    assert found(store, states=frozenset({RunState.MISSED, RunState.COALESCED})) == [ids[4], ids[0]]
    assert found(store, states=frozenset({RunState.MISSED, RunState.QUEUED})) == [ids[3], ids[2], ids[0]]
    assert found(store, states=frozenset({RunState.QUEUED, RunState.RUNNING})) == [ids[3], ids[2]]
    assert found(store, states=frozenset({RunState.QUEUED})) == [ids[3], ids[2]]
    assert found(store, states=frozenset({RunState.QUEUED}), job_id="a") == []
    assert found(store, causes=frozenset({Cause.MANUAL})) == [ids[2]]
    assert found(store, scheduled_from=NOON + MINUTE, scheduled_to=NOON + 3 * MINUTE) == [ids[2], ids[1]]
    assert found(store, node="node") == [ids[3]]
    assert found(store, search="connection refused") == [ids[0]]
    assert found(store, search="connection refused", states=frozenset({RunState.SKIPPED})) == []
    assert found(store, search="% of_it!") == [ids[1]]
    assert found(store, search="_") == [ids[1]]
    assert found(store, search="refused", job_id="a", causes=frozenset({Cause.SCHEDULE})) == [ids[0]]
    assert found(store, job_id="' OR 1=1 --") == []


def test_looking_for_rare_runs_ends_after_so_many_lines_and_goes_on_from_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queries, "LINES_A_LOOK", 10)
    lines = [line(f"job {n % 7}", n, STATES[n % 2], node="rare" if n in {3, 27, 60} else None) for n in range(65)]
    ids = store.ledger.insert(lines, at=NOON)
    query = RunQuery(node="rare")
    assert [[run.id for run in page] for page in pages(store, query, 5)] == [
        [ids[60]],
        [],
        [],
        [ids[27]],
        [],
        [],
        [ids[3]],
    ]
    assert found(store, node="rare", limit=1) == [ids[60], ids[27], ids[3]]


def test_the_last_runs_of_many_jobs_are_read_at_once_oldest_first(store: Store) -> None:
    store.ledger.insert([line(job, n, STATES[n % 3]) for job in ("a", "b", "c") for n in range(5)], at=NOON)
    store.ledger.insert([line("few", 7)], at=NOON)
    outlines = store.run_queries.outlines(["a", "few", "c", "never", "a"], each=3)
    minutes = {job: [(run.scheduled_at - NOON) // MINUTE for run in runs] for job, runs in outlines.items()}
    assert minutes == {"a": [2, 3, 4], "c": [2, 3, 4], "few": [7]}
    assert outlines["few"][0].state is RunState.QUEUED
    assert store.run_queries.outlines([], each=20) == {}


def ended(store: Store, job_id: str, minutes: int, state: RunState) -> None:
    (run_id,) = store.ledger.insert([line(job_id, minutes, node="node")], at=NOON)
    assert run_id is not None
    store.ledger.start([(run_id, "node", 1)], at=NOON)
    store.ledger.finish([Finish(run_id, "node", 1, state, None, 1, None)], at=NOON)


def test_what_failed_is_summed_up_by_job_with_since_when(store: Store) -> None:
    living(store, "node")
    for minutes, state in enumerate(
        [RunState.FAILED, RunState.SUCCEEDED, RunState.CANCELLED, RunState.TIMED_OUT, RunState.FAILED, RunState.FAILED]
    ):
        ended(store, "broken", minutes, state)
    ended(store, "mended", 1, RunState.FAILED)
    ended(store, "mended", 5, RunState.SUCCEEDED)
    ended(store, "well", 5, RunState.SUCCEEDED)
    store.ledger.insert([line("never well", 4, RunState.MISSED), line("slow", 4, RunState.SKIPPED)], at=NOON)

    span = {"since": NOON, "until": NOON + 6 * MINUTE}
    trouble = {summary.job_id: summary for summary in store.run_queries.summary(**span, every_state=False)}
    assert list(trouble)[:2] == ["broken", "never well"]  # what still fails comes first
    assert trouble["broken"].counts == {RunState.FAILED: 3, RunState.CANCELLED: 1, RunState.TIMED_OUT: 1}
    assert (trouble["broken"].first_at, trouble["broken"].last_at) == (NOON, NOON + 5 * MINUTE)
    assert {job: summary.failing_since for job, summary in trouble.items()} == {
        "broken": NOON + 3 * MINUTE,
        "never well": NOON + 4 * MINUTE,
        "mended": None,
        "slow": None,
    }
    late = store.run_queries.summary(since=NOON + 5 * MINUTE, until=NOON + 6 * MINUTE, every_state=False)
    assert [(summary.job_id, summary.counts, summary.failing_since) for summary in late] == [
        ("broken", {RunState.FAILED: 1}, NOON + 3 * MINUTE)
    ]
    every = {summary.job_id: summary for summary in store.run_queries.summary(**span, every_state=True)}
    assert every["well"].counts == {RunState.SUCCEEDED: 1}
    assert every["mended"].counts == {RunState.FAILED: 1, RunState.SUCCEEDED: 1}


def test_active_runs_are_counted_by_node(store: Store) -> None:
    living(store, "one", "two")
    ids = store.ledger.insert([line("a", n, node="one") for n in range(3)] + [line("b", 0, node="two")], at=NOON)
    store.ledger.insert([line("c")], at=NOON)
    store.ledger.start([(run_id, "one", 1) for run_id in ids[:2] if run_id is not None], at=NOON)
    assert store.run_queries.active_by_node() == {
        "one": {RunState.RUNNING: 2, RunState.QUEUED: 1},
        "two": {RunState.QUEUED: 1},
    }
