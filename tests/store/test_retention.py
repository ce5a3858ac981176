"""Old runs are forgotten in small batches, and never a job's newest: its key stays closed."""

from __future__ import annotations

import time
from datetime import timedelta

from gnomon.domain.ledger import Finish, Piece
from gnomon.domain.manifest import Manifest
from gnomon.domain.run import RunState
from gnomon.store import Store
from tests.store.conftest import NOON, line, living

HOUR = timedelta(hours=1)


def left(store: Store) -> dict[str, list[int]]:
    """The minutes after noon at which runs are left, by job."""
    found: dict[str, list[int]] = {}
    for run in reversed(store.ledger.newest(limit=100_000)):
        found.setdefault(run.job_id, []).append((run.scheduled_at - NOON) // timedelta(minutes=1))
    return {job_id: sorted(minutes) for job_id, minutes in found.items()}


def prune_all(store: Store, **options: object) -> int:
    forgotten = 0
    while count := store.ledger.prune(**{"before": NOON - HOUR, "keep": 1000, "limit": 7, **options}):  # type: ignore[arg-type]
        assert count <= 7
        forgotten += count
    return forgotten


def test_of_each_job_so_many_runs_are_kept(store: Store) -> None:
    for job in ("a", "b"):
        store.ledger.insert([line(job, n, RunState.SKIPPED) for n in range(20)], at=NOON)
    assert prune_all(store, keep=3) == 34
    assert left(store) == {"a": [17, 18, 19], "b": [17, 18, 19]}


def test_what_ended_before_a_time_goes_but_for_the_newest_of_each_job(store: Store) -> None:
    store.ledger.insert([line("a", n, RunState.MISSED) for n in range(3)], at=NOON)
    store.ledger.insert([line("b", 0, RunState.MISSED)], at=NOON)
    store.ledger.insert([line("a", 3, RunState.MISSED)], at=NOON + 2 * HOUR)
    assert prune_all(store, before=NOON + HOUR) == 3
    assert left(store) == {"a": [3], "b": [0]}
    assert store.ledger.insert([line("b", 0)], at=NOON) == [None]


def test_what_has_not_ended_stays_however_old_it_is(store: Store) -> None:
    living(store, "node")
    ids = store.ledger.insert([line("a", n, node="node") for n in range(3)], at=NOON)
    store.ledger.insert([line("a", 9, RunState.MISSED)], at=NOON)
    store.ledger.start([(run_id, "node", 1) for run_id in ids[:1] if run_id is not None], at=NOON)
    assert prune_all(store, before=NOON + 999 * HOUR, keep=1) == 0


def test_attempts_go_with_their_run(store: Store) -> None:
    living(store, "node")
    old, new = store.ledger.insert([line("a", 0, node="node"), line("a", 1, node="node")], at=NOON)
    assert old is not None
    assert new is not None
    for run_id in (old, new):
        store.ledger.start([(run_id, "node", 1)], at=NOON)
        again = Finish(run_id, "node", 1, RunState.QUEUED, "it failed", 2, NOON, RunState.FAILED)
        assert store.ledger.finish([again], at=NOON) == 1
        assert [attempt.error for attempt in store.run_queries.attempts(run_id)] == ["it failed"]
    for run in store.ledger.claim_waiting("node", now=NOON, exclude=(), limit=2):
        store.ledger.start([(run.id, "node", 2)], at=NOON)
        store.ledger.finish([Finish(run.id, "node", 2, RunState.SUCCEEDED, None, 2, None)], at=NOON)
    assert prune_all(store, keep=1) == 1
    assert store.run_queries.attempts(old) == []
    assert len(store.run_queries.attempts(new)) == 1


def test_keys_are_forgotten_when_they_are_old(store: Store) -> None:
    for key, at in (("old", NOON - HOUR), ("new", NOON)):
        assert store.steering.remember_key(key, 1, "a", at=at, since=NOON - 9 * HOUR)
    store.steering.forget_keys(before=NOON - HOUR)
    assert store.steering.known_key("old", since=NOON - 9 * HOUR) is None
    assert store.steering.known_key("new", since=NOON - 9 * HOUR) == ("a", 1)


def test_output_goes_with_its_run(store: Store) -> None:
    living(store, "node")
    old, new = store.ledger.insert([line("a", 0, node="node"), line("a", 1, node="node")], at=NOON)
    assert old is not None
    assert new is not None
    store.ledger.start([(old, "node", 1), (new, "node", 1)], at=NOON)
    store.ledger.finish([Finish(run, "node", 1, RunState.SUCCEEDED, None, 1, None) for run in (old, new)], at=NOON)
    store.ledger.write_output([Piece(run, 0, NOON, "stdout", "said\n") for run in (old, new)])
    prune_all(store, keep=1)
    assert store.ledger.output(old) == []
    assert len(store.ledger.output(new)) == 1


def test_a_long_ledger_is_pruned_in_no_time(store: Store) -> None:
    """It is done by the thread that shows that the node lives."""
    for job in range(4):
        store.ledger.insert([line(f"job {job}", n, RunState.SKIPPED) for n in range(6000)], at=NOON)
    began = time.process_time()
    assert store.ledger.prune(before=NOON - HOUR, keep=5000, limit=500) == 500
    assert store.ledger.prune(before=NOON - HOUR, keep=10_000, limit=500) == 0
    assert time.process_time() - began < 3


def test_nodes_that_are_long_gone_are_forgotten_and_what_they_had_code_for(store: Store) -> None:
    living(store, "gone", "alive", "owing")
    for name in ("gone", "owing"):
        store.nodes.leave(name, "dead")
    store.ledger.insert([line("a", node="owing")], at=NOON)
    store.nodes.forget(before=NOON + HOUR)
    assert {node.id for node in store.nodes.all()} == {"alive", "owing"}
    assert store.nodes.manifest() == Manifest(frozenset({"alive"}))
