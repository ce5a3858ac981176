"""Retries are further attempts of the same run, each at its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gnomon import RunState, Scheduler, current_run
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON

SECOND = timedelta(seconds=1)
ONE = NOON + timedelta(hours=1)


def flaky(good_attempt: int, seen: list[tuple[int, int, datetime]]) -> None:
    run = current_run()
    seen.append((run.id, run.attempt, run.scheduled_at))
    print(f"attempt {run.attempt}")
    if run.attempt < good_attempt:
        raise ConnectionError(f"attempt {run.attempt} failed")


def test_a_failed_run_is_tried_again_with_growing_delays_until_it_succeeds(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    seen: list[tuple[int, int, datetime]] = []
    scheduler.register(
        flaky, "date", id="job", run_date=ONE, args=(3, seen), retries=5, retry_delay=10, retry_backoff=3
    )
    (first,) = engine.run_until(ONE)
    waiting = scheduler.run(first.id)
    assert (waiting.state, waiting.attempt, waiting.not_before) == (RunState.QUEUED, 2, ONE + 10 * SECOND)
    assert "attempt 1 failed" in (waiting.error or "")

    engine.run_until(ONE + 9 * SECOND)
    assert len(seen) == 1
    assert engine.run_until(ONE + 39 * SECOND) == []
    assert len(seen) == 2
    engine.run_until(ONE + 40 * SECOND)

    (run,) = scheduler.runs("job")
    assert (run.state, run.attempt, run.error) == (RunState.SUCCEEDED, 3, None)
    assert (run.started_at, run.scheduled_at) == (ONE + 40 * SECOND, ONE)
    assert seen == [(run.id, attempt, ONE) for attempt in (1, 2, 3)]
    assert [piece.text for piece in scheduler.output(run.id)] == ["attempt 1\n", "attempt 2\n", "attempt 3\n"]


def test_after_the_last_attempt_the_run_has_failed(scheduler: Scheduler, engine: ManualEngine) -> None:
    seen: list[tuple[int, int, datetime]] = []
    scheduler.register(flaky, "date", id="job", run_date=ONE, args=(99, seen), retries=2, retry_delay=0)
    engine.run_until(NOON + timedelta(days=1))
    (run,) = scheduler.runs("job")
    assert (run.state, run.attempt, len(seen)) == (RunState.FAILED, 3, 3)
    assert "attempt 3 failed" in (run.error or "")


def test_another_node_may_take_the_next_attempt(
    scheduler: Scheduler, engine: ManualEngine, another_engine: Callable[..., ManualEngine]
) -> None:
    other = another_engine()
    seen: list[tuple[int, int, datetime]] = []
    for node in (scheduler, other.scheduler):
        node.register(flaky, "date", id="job", run_date=ONE, args=(2, seen), retries=1, retry_delay=1)
    engine.clock.set(ONE)
    (run,) = engine.step()
    engine.clock.advance(seconds=1)
    other.step()
    after = scheduler.run(run.id)
    assert (after.state, after.node) == (RunState.SUCCEEDED, other.scheduler.engine.lease.node_id)


def test_a_run_that_waits_for_its_retry_counts_as_active(scheduler: Scheduler, engine: ManualEngine) -> None:
    seen: list[tuple[int, int, datetime]] = []
    scheduler.register(flaky, "interval", id="job", hours=1, args=(2, seen), retries=1, retry_delay=3000)
    engine.run_until(ONE)
    engine.clock.set(ONE + timedelta(hours=1))
    states = {run.scheduled_at: run.state for run in engine.step()}
    assert states == {ONE + timedelta(hours=1): RunState.SKIPPED}
    assert len(seen) == 2


def test_a_job_that_is_removed_before_its_retry_says_so(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(flaky, "date", id="job", run_date=ONE, args=(9, []), retries=1, retry_delay=10)
    engine.run_until(ONE)
    scheduler.engine.remove_job("job")
    engine.run_until(ONE + 10 * SECOND)
    (run,) = scheduler.runs("job")
    assert run.state is RunState.FAILED
    assert "removed" in (run.error or "")
