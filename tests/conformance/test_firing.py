"""A due job fires once, at its time, and moves on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from gnomon import RunState, Scheduler, Settings, current_run
from gnomon.domain.run import Cause
from gnomon.engine.claims import Claimed, Claims
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

MINUTE = timedelta(minutes=1)


def test_a_due_job_fires_once_at_its_time(scheduler: Scheduler, engine: ManualEngine) -> None:
    started: list[datetime] = []
    scheduler.register(lambda: started.append(current_run().scheduled_at), "interval", id="job", minutes=1)

    assert engine.step() == []
    (run,) = engine.run_until(NOON + MINUTE)
    assert engine.step() == []

    assert started == [NOON + MINUTE]
    assert (run.job_id, run.scheduled_at, run.state) == ("job", NOON + MINUTE, RunState.SUCCEEDED)
    assert (run.cause, run.attempt, run.covers, run.error) == (Cause.SCHEDULE, 1, 1, None)
    assert run.started_at == run.finished_at == NOON + MINUTE


def test_each_fire_moves_the_next_run_time_and_not_the_token(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", minute="*/5")
    before = scheduler.get_job("job")

    lines = engine.run_until(NOON + 11 * MINUTE)

    after = scheduler.get_job("job")
    assert [run.scheduled_at for run in lines] == [NOON + 5 * MINUTE, NOON + 10 * MINUTE]
    assert after["next_run_time"] == (NOON + 15 * MINUTE).isoformat()
    assert after["token"] == before["token"]
    assert after["last_run"]["scheduled_at"] == (NOON + 10 * MINUTE).isoformat()
    moved = dict.fromkeys(["next_run_time", "next_start", "last_run", "as_of"])
    assert {**after, **moved} == {**before, **moved}


def test_a_job_that_fails_fires_again_at_its_next_time(scheduler: Scheduler, engine: ManualEngine) -> None:
    def fail() -> None:
        raise RuntimeError("the disk is full")

    scheduler.register(fail, "interval", id="job", minutes=1)
    lines = engine.run_until(NOON + 2 * MINUTE)

    assert [run.state for run in lines] == [RunState.FAILED, RunState.FAILED]
    assert "the disk is full" in (lines[0].error or "")


def test_jobs_due_at_one_instant_all_fire_though_they_are_more_than_a_batch(
    another_engine: Callable[..., ManualEngine],
) -> None:
    engine = another_engine(settings=Settings(claim_batch=3))
    for number in range(10):
        engine.scheduler.register(nothing, "cron", id=f"job {number}", hour=13)

    lines = engine.run_until(NOON + 60 * MINUTE)

    assert {run.job_id for run in lines} == {f"job {number}" for number in range(10)}
    assert {run.state for run in lines} == {RunState.SUCCEEDED}


def test_a_crowd_is_claimed_in_ever_larger_parts_so_that_its_first_start_soon(
    another_engine: Callable[..., ManualEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = another_engine(settings=Settings(claim_batch=150))
    for number in range(320):
        engine.scheduler.register(nothing, "cron", id=f"job {number}", hour=13)
    claims, parts = engine.scheduler.engine.claims, []

    def due(node: str, *, limit: int) -> Claimed:
        claimed = Claims.due(claims, node, limit=limit)
        parts.append((limit, claimed.found))
        return claimed

    monkeypatch.setattr(claims, "due", due)
    for _ in range(2):  # the second crowd as the first
        engine.clock.advance(days=1)
        engine.step()
    assert parts == 2 * [(50, 50), (100, 100), (150, 150), (150, 20)]


def test_two_nodes_fire_each_due_time_once(
    engine: ManualEngine, scheduler: Scheduler, another_engine: Callable[..., ManualEngine]
) -> None:
    started: list[datetime] = []

    def job() -> None:
        started.append(current_run().scheduled_at)

    other = another_engine()
    for node in (scheduler, other.scheduler):
        node.register(job, "interval", id="job", minutes=1)

    for _ in range(3):
        engine.clock.advance(minutes=1)
        engine.step()
        other.step()

    assert started == [NOON + MINUTE, NOON + 2 * MINUTE, NOON + 3 * MINUTE]


def test_a_scheduler_can_be_started_again_after_it_was_shut_down(another_scheduler: Callable[..., Scheduler]) -> None:
    scheduler = another_scheduler()
    scheduler.register(nothing, "interval", id="job", minutes=1)
    for _ in range(2):
        with ManualEngine(scheduler) as engine:
            engine.clock.advance(minutes=1)
            (run,) = engine.step()
        assert run.state is RunState.SUCCEEDED
        assert run.scheduled_at == engine.clock()
