"""Trying a run again is an operator's explicit act: a further attempt of the same run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, current_run
from gnomon.domain.change import Author, Origin
from gnomon.errors import ChangeRefused, RunNotFound
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

ONE = NOON + timedelta(hours=1)
ALICE = Author("alice", Origin.CLI, "the bank is back")


class Bank:
    """Is away until it is back."""

    is_back = False

    def transferring(self) -> Callable[[], None]:
        """The function of a job. Not a method: the row would hold the bank."""

        def transfer() -> None:
            print(f"attempt {current_run().attempt}")
            if not self.is_back:
                raise ConnectionError(f"the bank is away, {current_run().attempt}")

        return transfer


def failed(scheduler: Scheduler, engine: ManualEngine, bank: Bank) -> int:
    scheduler.register(bank.transferring(), "cron", id="job", hour=13)
    (run,) = engine.run_until(ONE)
    assert run.state is RunState.FAILED
    return run.id


def test_a_failed_run_succeeds_as_its_next_attempt(scheduler: Scheduler, engine: ManualEngine) -> None:
    bank = Bank()
    run_id = failed(scheduler, engine, bank)
    before = scheduler.get_job("job")
    bank.is_back = True
    engine.clock.advance(minutes=5)
    queued = scheduler.retry_run(run_id, author=ALICE)
    assert (queued.id, queued.state, queued.attempt, queued.node) == (run_id, RunState.QUEUED, 2, None)
    assert (queued.scheduled_at, queued.started_at, queued.finished_at) == (ONE, None, None)
    engine.step()
    run = scheduler.get_run(run_id)
    assert (run["state"], run["attempt"], run["error"]) == ("succeeded", 2, None)
    assert [(attempt["number"], attempt["state"]) for attempt in run["attempts"]] == [(1, "failed"), (2, "succeeded")]
    assert "the bank is away, 1" in run["attempts"][0]["error"]
    assert run["attempts"][0]["started_at"] == ONE.isoformat()
    assert run["attempts"][1]["started_at"] == (ONE + timedelta(minutes=5)).isoformat()
    assert [(piece.attempt, piece.text) for piece in scheduler.output(run_id)] == [
        (1, "attempt 1\n"),
        (2, "attempt 2\n"),
    ]
    after = scheduler.get_job("job")
    assert [after[key] for key in ("next_run_time", "token")] == [before[key] for key in ("next_run_time", "token")]


def test_who_did_it_and_why_stands_in_the_log_and_beside_the_run(scheduler: Scheduler, engine: ManualEngine) -> None:
    run_id = failed(scheduler, engine, Bank())
    scheduler.retry_run(run_id, author=ALICE)
    (change,) = scheduler.changes("job")
    assert (change.action, change.run_id, change.author) == ("retry", run_id, ALICE)
    assert change.before == {"run": run_id, "state": "failed", "attempt": 1}
    assert change.after == {"run": run_id, "state": "queued", "attempt": 2}
    (said,) = scheduler.get_run(run_id)["changes"]
    assert (said["actor"], said["origin"], said["reason"]) == ("alice", "cli", "the bank is back")


def test_declared_retries_and_those_of_an_operator_are_all_kept_in_order(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    bank = Bank()
    scheduler.register(bank.transferring(), "date", id="job", run_date=ONE, retries=2, retry_delay=1)
    engine.run_until(ONE + timedelta(minutes=1))
    (run,) = scheduler.runs("job")
    for _ in range(2):
        scheduler.retry_run(run.id)
        engine.step()
    attempts = scheduler.get_run(run.id)["attempts"]
    assert [attempt["number"] for attempt in attempts] == [1, 2, 3, 4, 5]
    assert [f"the bank is away, {number}" in attempts[number - 1]["error"] for number in range(1, 6)] == [True] * 5


def test_a_run_that_was_cancelled_missed_or_skipped_can_be_tried_again(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "interval", id="job", hours=1, misfire_grace_time=60)
    engine.clock.set(ONE)
    engine.step(wait=False)
    engine.clock.set(ONE + timedelta(hours=1))
    (skipped,) = engine.step(wait=False)
    gate.set()
    engine.settle()
    engine.clock.set(ONE + timedelta(hours=2, minutes=5))
    (missed,) = engine.step()
    cancelled = scheduler.run_job("job")
    scheduler.cancel_run(cancelled)
    states = {skipped.id: "skipped", missed.id: "missed", cancelled: "cancelled"}
    for run_id, state in states.items():
        assert scheduler.run(run_id).state == state
        scheduler.retry_run(run_id)
        engine.step()
        run = scheduler.get_run(run_id)
        assert [attempt["state"] for attempt in run["attempts"]] == [state, "succeeded"]
        assert run["cancel_requested"] is None


def test_what_is_active_succeeded_or_was_folded_is_refused_with_what_to_do(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1, misfire_grace_time=None)
    (well,) = engine.run_until(ONE)
    engine.clock.set(ONE + timedelta(hours=2))
    coalesced, _ = engine.step()
    assert coalesced.state is RunState.COALESCED
    for run in (well, coalesced):
        with pytest.raises(ChangeRefused, match="run the job now instead"):
            scheduler.retry_run(run.id)
    queued = scheduler.run_job("job")
    with pytest.raises(ChangeRefused, match="is queued already; wait for its end"):
        scheduler.retry_run(queued)
    with pytest.raises(RunNotFound):
        scheduler.retry_run(10**12)


def test_a_line_that_stands_for_many_due_times_is_refused(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", seconds=1, misfire_grace_time=1)
    engine.clock.advance(hours=1, seconds=0.5)
    engine.clock.advance(microseconds=1)
    summed_up = engine.step()[0]
    assert summed_up.covers_until is not None
    with pytest.raises(ChangeRefused, match="run the job now instead"):
        scheduler.retry_run(summed_up.id)


def test_it_is_refused_while_as_many_runs_as_may_are_active(scheduler: Scheduler, engine: ManualEngine) -> None:
    run_id = failed(scheduler, engine, Bank())
    scheduler.run_job("job")
    with pytest.raises(ChangeRefused, match="1 of 1 runs are active"):
        scheduler.retry_run(run_id)
    assert scheduler.run(run_id).state is RunState.FAILED


def test_it_is_refused_where_nobody_has_the_code_or_the_job_is_gone(
    scheduler: Scheduler, engine: ManualEngine, another_scheduler: Callable[..., Scheduler]
) -> None:
    run_id = failed(scheduler, engine, Bank())
    scheduler.engine.remove_job("job")
    with pytest.raises(ChangeRefused, match="its job 'job' was removed"):
        another_scheduler().retry_run(run_id)
    another_scheduler().engine.add_job("tests.jobs:nothing", "cron", id="job", hour=13)
    with pytest.raises(ChangeRefused, match="no node has code for it"):
        another_scheduler().retry_run(run_id)
    assert scheduler.run(run_id).state is RunState.FAILED


def test_a_lost_run_is_tried_again_only_when_somebody_says_so(
    scheduler: Scheduler, another_engine: Callable[..., ManualEngine], gate: Event
) -> None:
    other = another_engine()
    starts: list[int] = []

    def job() -> None:
        starts.append(current_run().attempt)
        if len(starts) == 1:
            gate.wait(30)

    for node in (scheduler, other.scheduler):
        node.register(job, "cron", id="job", hour=13)
    run_id = other.scheduler.run_job("job")
    other.step(wait=False)
    store, name = scheduler.store, other.scheduler.engine.lease.node_id
    while not starts:
        other.step(wait=False)
    with store.database.transaction("test"):
        store.nodes.leave(name, "dead")
        store.ledger.lose_running(name, at=NOON, error="it died")
    assert scheduler.run(run_id).state is RunState.LOST
    scheduler.retry_run(run_id)
    other.scheduler.engine.lease._beat()  # it was not dead: it comes back, and gets the next attempt of the same run
    other.step(wait=False)
    while scheduler.run(run_id).state.is_active:
        other.step(wait=False)
    gate.set()  # only now the first attempt ends, and changes nothing
    other.scheduler.shutdown()
    run = scheduler.get_run(run_id)
    assert (run["state"], starts) == ("succeeded", [1, 2])
    assert [attempt["state"] for attempt in run["attempts"]] == ["lost", "succeeded"]
