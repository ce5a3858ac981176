"""One line for each job and time; each change of a state only under the claim that it belongs to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gnomon.domain.ledger import Finish, Piece
from gnomon.domain.run import RunState
from gnomon.store import Store
from tests.store.conftest import NOON, line, living

LATER = NOON + timedelta(minutes=1)


def claimed(store: Store, node: str = "node", **changes: object) -> int:
    """A run that a living node has claimed."""
    living(store, node)
    (run_id,) = store.ledger.insert([line(node=node, **changes)], at=NOON)
    assert run_id is not None
    return run_id


def finish(run_id: int, node: str = "node", attempt: int = 1, state: RunState = RunState.SUCCEEDED) -> Finish:
    return Finish(run_id, node, attempt, state, None, attempt, None)


def test_a_time_of_a_job_has_one_line(store: Store) -> None:
    first = store.ledger.insert([line("a"), line("b"), line("a", 1)], at=NOON)
    assert None not in first
    again = store.ledger.insert([line("a", state=RunState.MISSED), line("a", 2), line("b")], at=LATER)
    assert [run_id is None for run_id in again] == [True, False, True]
    assert len({run.id for run in store.ledger.newest()}) == 4
    assert {run.state for run in store.ledger.newest()} == {RunState.QUEUED}


def test_what_is_written_is_what_is_read(store: Store) -> None:
    written = line(
        "jöb 🕐",
        state=RunState.COALESCED,
        covers=None,
        covers_until=LATER + timedelta(microseconds=1),
        error='it\'s "so"\n\\',
    )
    (run_id,) = store.ledger.insert([written], at=LATER)
    assert run_id is not None
    run = store.ledger.get(run_id)
    assert run is not None
    assert (run.job_id, run.scheduled_at, run.state, run.covers) == ("jöb 🕐", NOON, RunState.COALESCED, None)
    assert (run.covers_until, run.error, run.created_at) == (written.covers_until, written.error, LATER)
    assert (run.finished_at, run.started_at, run.attempt) == (LATER, None, 1)


@pytest.mark.parametrize(
    ("node", "attempt"), [("another", 1), ("node", 2), ("another", 2)], ids=["node", "attempt", "both"]
)
def test_a_claim_that_is_not_held_changes_nothing(store: Store, node: str, attempt: int) -> None:
    run_id = claimed(store)
    assert store.ledger.start([(run_id, node, attempt)], at=NOON) == set()
    assert store.ledger.start([(run_id, "node", 1)], at=NOON) == {run_id}
    before = store.ledger.get(run_id)
    store.ledger.progress([(run_id, node, attempt, 1.0, 2.0)])
    assert store.ledger.finish([finish(run_id, node, attempt)], at=LATER) == 0
    store.ledger.refuse([run_id], node, error="no", at=LATER)
    store.ledger.give_back([run_id], node)
    assert store.ledger.release_queued(node) == 0
    if node != "node":
        assert store.ledger.lose_running(node, at=LATER, error="no") == (0, 0, 0)
    assert store.ledger.get(run_id) == before


def test_an_end_is_recorded_once(store: Store) -> None:
    run_id = claimed(store)
    store.ledger.start([(run_id, "node", 1)], at=NOON)
    assert store.ledger.finish([finish(run_id)], at=LATER) == 1
    assert store.ledger.finish([finish(run_id, state=RunState.FAILED)], at=LATER) == 0
    assert store.ledger.start([(run_id, "node", 1)], at=LATER) == set()
    run = store.ledger.get(run_id)
    assert run is not None
    assert (run.state, run.started_at, run.finished_at) == (RunState.SUCCEEDED, NOON, LATER)


def test_a_node_that_was_given_up_for_dead_starts_nothing(store: Store) -> None:
    run_id = claimed(store)
    store.nodes.leave("node", "dead")
    assert store.ledger.start([(run_id, "node", 1)], at=NOON) == set()
    assert store.ledger.abandoned() == ["node"]


def test_a_start_may_be_recorded_again_when_its_commit_was_in_doubt(store: Store) -> None:
    run_id = claimed(store)
    for _ in range(2):
        assert store.ledger.start([(run_id, "node", 1)], at=NOON) == {run_id}


def test_waiting_runs_are_claimed_once_the_earliest_first_and_not_before_their_time(store: Store) -> None:
    lines = [line("a", 3), line("b", 1), line("c", 2), line("d", 9), line("e", 1, node="busy")]
    store.ledger.insert(lines, at=NOON)
    now = NOON + timedelta(minutes=5)
    first = store.ledger.claim_waiting("node", now=now, exclude=[], limit=2)
    assert [run.job_id for run in first] == ["b", "c"]
    assert store.ledger.next_waiting(exclude=[]) == NOON + timedelta(minutes=3)
    assert store.ledger.next_waiting(exclude=["a"]) == NOON + timedelta(minutes=9)
    assert store.ledger.claim_waiting("another", now=now, exclude=["a"], limit=9) == []
    assert [run.job_id for run in store.ledger.claim_waiting("another", now=now, exclude=[], limit=9)] == ["a"]
    assert store.ledger.claim_waiting("node", now=now, exclude=[], limit=9) == []


def test_active_runs_are_counted_by_job_over_all_nodes(store: Store) -> None:
    running = claimed(store, job_id="a")
    store.ledger.start([(running, "node", 1)], at=NOON)
    store.ledger.insert([line("a", 1), line("a", 2, RunState.MISSED), line("b", node="x")], at=NOON)
    assert store.ledger.active(["a", "b", "c"]) == {"a": 2, "b": 1}
    assert store.ledger.active([]) == {}


def test_what_a_dead_node_held_is_released_lost_or_repeated(store: Store) -> None:
    queued, running, again = (claimed(store, "dead", minutes=n, rerun_lost=n == 2) for n in range(3))
    other = claimed(store, "alive", minutes=3)
    store.ledger.start([(running, "dead", 1), (again, "dead", 1), (other, "alive", 1)], at=NOON)

    assert store.ledger.release_queued("dead", keep=[queued]) == 0
    assert store.ledger.release_queued("dead") == 1
    assert store.ledger.lose_running("dead", at=LATER, error="it died") == (1, 1, 0)

    found = {run.id: (run.state, run.node, run.attempt) for run in store.ledger.newest()}
    assert found == {
        queued: (RunState.QUEUED, None, 1),
        running: (RunState.LOST, "dead", 1),
        again: (RunState.QUEUED, None, 2),
        other: (RunState.RUNNING, "alive", 1),
    }


def test_output_is_read_in_order_from_where_one_left_off(store: Store) -> None:
    run_id, other = claimed(store), claimed(store, minutes=1)
    pieces = [Piece(run_id, seq, NOON, "stdout", f"{seq}\n") for seq in (0, 1, 2, 1_000_000)]
    store.ledger.write_output([*reversed(pieces), Piece(other, 0, NOON, "log", "other")])
    store.ledger.write_output(pieces[:2])  # its commit was in doubt
    assert store.ledger.output(run_id) == pieces
    assert store.ledger.output(run_id, after=1) == pieces[2:]


@pytest.mark.parametrize("text", ["a\0b", "🕐" * 1000, ""])
def test_any_text_that_a_job_writes_can_be_kept(store: Store, text: str) -> None:
    run_id = claimed(store)
    store.ledger.write_output([Piece(run_id, 0, NOON, "stdout", text)])
    assert store.ledger.output(run_id)[0].text == text.replace("\0", "\ufffd")


def test_the_last_run_of_a_job_is_the_one_scheduled_last(store: Store) -> None:
    store.schedules.insert("a", None, b".")
    store.schedules.insert("never", None, b".")
    store.ledger.insert([line("a", 5), line("a", 1), line("removed", 1)], at=NOON)
    assert {job: run.scheduled_at for job, run in store.ledger.last_runs().items()} == {
        "a": NOON + timedelta(minutes=5)
    }
    assert store.ledger.last_runs(["removed", "never"]).keys() == {"removed"}


def test_runs_are_listed_newest_first_by_job_and_state_and_page(store: Store) -> None:
    store.ledger.insert([line("a", n) for n in range(5)], at=NOON)
    store.ledger.insert([line("b", 0, RunState.MISSED)], at=NOON)
    every = [run.id for run in store.ledger.newest()]
    assert every == sorted(every, reverse=True)
    assert len(every) == 6
    assert [run.id for run in store.ledger.newest(limit=2, before=every[1])] == every[2:4]
    assert {run.job_id for run in store.ledger.newest(states=[RunState.MISSED])} == {"b"}
    assert len(store.ledger.newest(job_id="a", states=[RunState.QUEUED, RunState.MISSED])) == 5
    assert store.ledger.get(10**12) is None
